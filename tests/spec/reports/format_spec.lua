local format = require "moondial.reports.format"

local COLUMNS = { { "trunk", "trunk" }, { "calls", "calls" }, { "asr", "ASR", format.percent },
  { "talk_ms", "talk", format.duration } }
local ROWS = { { trunk = "carrier", calls = 12, asr = 0.25, talk_ms = 62400 }, { trunk = "b", calls = 3 } }

describe("a report", function()
  it("is aligned for people", function()
    assert.equal("trunk    calls     ASR  talk\n"
      .. "carrier     12  25.0 %  1:02\n"
      .. "b            3       -     -", format.text(COLUMNS, ROWS))
  end)

  it("has raw values in CSV", function()
    assert.equal("trunk,calls,asr,talk_ms\r\ncarrier,12,0.25,62400\r\nb,3,,\r\n", format.csv(COLUMNS, ROWS))
  end)

  it("gives spreadsheets no formula", function()
    assert.equal("'=1+1", format.field("=1+1"))
    assert.equal("'@x", format.field("@x"))
    assert.equal("+12125550100", format.field("+12125550100"))
    assert.equal('"a ""b"", c"', format.field('a "b", c'))
    assert.equal(-5, tonumber(format.field(-5)))
  end)

  it("tells durations as people do", function()
    assert.equal("0:00", format.duration(400))
    assert.equal("1:02:03", format.duration(3723000))
    assert.equal("1.3 s", format.seconds(1260))
  end)
end)
