local calls = require "moondial.reports.calls"

local function hour_text(hour)
  return "h" .. hour
end

describe("a report of calls", function()
  it("has the ratios of its group", function()
    local rows = calls.rows("caller_id", { { caller_id = "+1", calls = 8, rang = 4, answered = 2, talk_ms = 60000,
      pdd_sum_ms = 8000 } }, hour_text)
    assert.equal(0.25, rows[1].asr)
    assert.equal(30000, rows[1].acd_ms)
    assert.equal(2000, rows[1].pdd_ms)
  end)

  it("has no ratios of nothing", function()
    local rows = calls.rows("agent", { { calls = 3, rang = 0, answered = 0, talk_ms = 0, pdd_sum_ms = 0 } }, hour_text)
    assert.is_nil(rows[1].acd_ms)
    assert.is_nil(rows[1].pdd_ms)
    assert.equal(0, rows[1].asr)
  end)

  it("counts a call at each trunk that it was tried at", function()
    local rows = calls.rows("trunk", {
      { trunk = "b", calls = 5, rang = 5, answered = 5, talk_ms = 100, pdd_sum_ms = 0 },
      { trunk = "b", tried = "a:503 c:0", calls = 2, rang = 1, answered = 1, talk_ms = 20, pdd_sum_ms = 0,
        congestion = 0 },
      { trunk = "a", calls = 1, rang = 1, answered = 0, talk_ms = 0, pdd_sum_ms = 0, congestion = 1 },
    }, hour_text)
    assert.equal(3, #rows)
    assert.same({ "a", 3, 3, 0 }, { rows[1].trunk, rows[1].calls, rows[1].congestion, rows[1].answered })
    assert.same({ "b", 7, 0, 6 }, { rows[2].trunk, rows[2].calls, rows[2].congestion, rows[2].answered })
    assert.same({ "c", 2, 2 }, { rows[3].trunk, rows[3].calls, rows[3].congestion })
  end)

  it("names what it is grouped by", function()
    assert.same({ { hour = 494000 } }, calls.named("hour", { { key = "494000" } }))
    assert.same({ { agent = "7" }, {} }, calls.named("agent", { { key = "7" }, {} }))
  end)

  it("sums up", function()
    local raw = {
      { hour = 1, calls = 4, rang = 2, answered = 1, talk_ms = 1000, pdd_sum_ms = 2000 },
      { hour = 2, calls = 4, rang = 2, answered = 1, talk_ms = 3000, pdd_sum_ms = 6000 },
    }
    local total = calls.total("hour", raw)
    assert.equal("h1", calls.rows("hour", raw, hour_text)[1].hour)
    assert.same({ 8, 2, 0.25, 2000, 2000 }, { total.calls, total.answered, total.asr, total.acd_ms, total.pdd_ms })
  end)
end)
