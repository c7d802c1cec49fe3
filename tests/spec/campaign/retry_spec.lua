local moon = dofile "tests/spec/moon.lua"

describe("a lead after an attempt", function()
  local retry

  setup(function()
    package.loaded["moondial"] = moon
    for _, name in ipairs { "moondial.campaign.retry", "moondial.leads.zone" } do
      package.loaded[name] = nil
    end
    retry = require "moondial.campaign.retry"
  end)

  teardown(function()
    for _, name in ipairs { "moondial", "moondial.campaign.retry", "moondial.leads.zone" } do
      package.loaded[name] = nil
    end
  end)

  local rules = {
    max_attempts = 9,
    busy = 300,
    no_answer = { "exponential", base = 600, max = 3600 },
    congestion = { "linear", base = 100 },
    silence = { "fixed", base = 50 },
    machine = "next_part_of_day",
  }

  local function decide(disposition, attempts, more)
    local lead = { attempts = attempts, zone = "East" }
    for name, value in pairs(more or {}) do
      lead[name] = value
    end
    return retry.decide(rules, disposition, lead, 1000)
  end

  it("is called again after the delay of its disposition", function()
    assert.same({ "scheduled", 1300, "a retry after busy" }, { decide("busy", 1) })
    assert.same({ "scheduled", 1050, "a retry after silence" }, { decide("silence", 7) })
  end)

  it("waits longer each time, if the rule says so", function()
    for attempts, delay in pairs { [1] = 600, [2] = 1200, [3] = 2400, [4] = 3600, [8] = 3600 } do
      assert.equal(1000 + delay, (select(2, decide("no_answer", attempts))))
    end
    assert.equal(1400, (select(2, decide("congestion", 4))))
  end)

  it("is called again in the next part of its day", function()
    local state, at, reason = decide("machine", 1)
    assert.equal("scheduled", state)
    assert.equal(5 * 3600, at) -- 03:16 there: at 08:00
    assert.matches("in the morning", reason, 1, true)
  end)

  it("is done with a disposition that has no retry", function()
    assert.same({ "done", 0 }, { decide("declined", 1) })
  end)

  it("is done after its last attempt, whatever the causes were", function()
    assert.equal("scheduled", (decide("busy", 8)))
    assert.same({ "done", 0 }, { decide("busy", 9) })
    assert.same({ "done", 0 }, { decide("no_answer", 12) })
  end)

  it("begins anew when it has been recycled", function()
    assert.equal("scheduled", (decide("busy", 12, { forgiven = 9 })))
    assert.equal(1000 + 600, (select(2, decide("no_answer", 10, { forgiven = 9 }))))
    assert.equal("done", (decide("busy", 18, { forgiven = 9 })))
  end)

  it("tries its numbers in turn, but none that nobody has", function()
    assert.same({ "b,c,a", true }, { retry.turn_numbers("a,b,c", "a", "busy") })
    assert.same({ "b,c", true }, { retry.turn_numbers("a,b,c", "a", "invalid") })
    assert.same({ nil, false }, { retry.turn_numbers("a", "a", "invalid") })
    assert.same({ nil, false }, { retry.turn_numbers(nil, "a", "busy") })
  end)

  it("knows a rule from what is none", function()
    for _, rule in ipairs { 0, 5.5, false, "next_part_of_day", { "linear", base = 5 },
      { "fixed", base = 1, max = 2 } } do
      assert.is_true(retry.is_rule(rule))
    end
    for _, rule in ipairs { -1, "soon", true, math.huge, {}, { "linear" }, { "cubic", base = 5 },
      { "linear", base = 5, maximum = 7 }, { "linear", base = "5" } } do
      assert.is_false(retry.is_rule(rule))
    end
  end)
end)
