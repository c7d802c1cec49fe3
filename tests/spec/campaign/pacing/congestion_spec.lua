local congestion = require "moondial.campaign.pacing.congestion"

local function come(c, now, count, congested)
  for _ = 1, count do
    c:came(now, congested)
  end
end

--- One that has begun RATE calls a second for ten seconds before 0.
local function busy(rate)
  local c = congestion.new()
  for now = -10, -1 do
    c:launched(now, rate)
  end
  return c
end

describe("back-off on congestion", function()
  it("halves the rate, and again while it goes on", function()
    local c = busy(10)
    come(c, 0, 15, false)
    come(c, 0, 5, true)
    assert.equal(5, c:rate(0, 10))
    come(c, 1, 20, true) -- of calls that were on their way
    assert.equal(5, c:rate(1, 10))
    come(c, 3, 5, true)
    assert.equal(2.5, c:rate(3, 10))
  end)

  it("takes single failures for no congestion", function()
    local c = congestion.new()
    for i = 1, 100 do
      c:came(i, i % 5 == 0)
    end
    assert.equal(10, c:rate(100, 10))
    c = congestion.new()
    come(c, 0, 4, true)
    assert.equal(10, c:rate(0, 10))
  end)

  it("climbs back to the rate in half a minute", function()
    local c = busy(10)
    come(c, 0, 5, true)
    local last = c:rate(0, 10)
    for now = 1, 30 do
      local rate = c:rate(now, 10)
      assert.is_true(rate >= last)
      last = rate
    end
    assert.equal(10, last)
  end)

  it("without a rate halves what was measured, and forgets it afterwards", function()
    local c = busy(30)
    come(c, 0, 5, true)
    assert.is_true(math.abs(c:rate(0, math.huge) - 15) < 2, c:rate(0, math.huge))
    for now = 1, 60 do
      c:rate(now, math.huge)
    end
    assert.equal(math.huge, c:rate(61, math.huge))
  end)

  it("never stops altogether", function()
    local c = busy(64)
    for now = 0, 100, 2.5 do
      come(c, now, 5, true)
      assert.is_true(c:rate(now, 64) >= 0.9, c:rate(now, 64))
    end
  end)
end)
