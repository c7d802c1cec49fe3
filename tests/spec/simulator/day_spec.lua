local days = require "moondial.simulator.day"
local scenarios = require "moondial.simulator.scenario"

--- The figures of SEEDS days.
local function live(options, seeds)
  local list = {}
  for seed = 1, seeds do
    list[seed] = days.new {
      agents = options.agents, hours = options.hours or 8, seed = seed, scenario = options.scenario,
      pacing = { mode = options.mode or "predictive" },
    }:run()
  end
  return list
end

local function mean(list, field)
  local sum = 0
  for _, day in ipairs(list) do
    sum = sum + day[field]
  end
  return sum / #list
end

--- Whatever happens: the rules of a dialer with agents.
local function keeps_the_rules(list)
  for seed, day in ipairs(list) do
    assert.equal(0, day.beyond, ("seed %d: calls beyond one for each ready agent while the gate was shut"):format(seed))
    assert.equal(0, day.without, ("seed %d: calls while no agent was ready"):format(seed))
    assert.equal(day.live, day.handled + day.abandoned + day.open, ("seed %d: persons are lost"):format(seed))
  end
end

-- `./dev test --long simulator` has the whole: 20 seeds of 8 hours each
local LONG = os.getenv "MOONDIAL_LONG" ~= nil
local SEEDS = LONG and 20 or 2
local SIZES = { [5] = 0.70, [10] = 0.75, [20] = 0.82, [50] = 0.90 }

describe("a simulated day", function()
  for agents, goal in pairs(SIZES) do
    it(("of %d agents: occupied for %g %%, abandonment within the rule"):format(agents, 100 * goal), function()
      local list = live({ agents = agents }, not LONG and agents == 50 and 1 or SEEDS)
      keeps_the_rules(list)
      assert.is_true(mean(list, "occupancy") >= goal, ("occupancy %.3f"):format(mean(list, "occupancy")))
      for seed, day in ipairs(list) do
        assert.is_true(day.abandoned <= math.max(0.03 * day.live, 3),
          ("seed %d: %d of %d abandoned"):format(seed, day.abandoned, day.live))
      end
    end)
  end

  it("is one day for the counts, also over midnight", function()
    local day = days.new { agents = 2, hours = 16, seed = 1, pacing = { mode = "progressive" } }
    local result = day:run()
    assert.equal(result.live, day.pacer.record:over(day.now, 1).live)
  end)

  for _, name in ipairs { "jump", "leave" } do
    for _, agents in ipairs(LONG and { 5, 10, 20, 50 } or { 20 }) do
      it(("of %d agents: %s; the gate holds"):format(agents, scenarios.all[name].what), function()
        local list = live({ agents = agents, scenario = scenarios.all[name] }, LONG and SEEDS or 1)
        keeps_the_rules(list)
        assert.is_true(mean(list, "share") < 0.03, ("abandoned %.4f"):format(mean(list, "share")))
      end)
    end
  end

  it("of a carrier that is congested for ten minutes goes on afterwards", function()
    local list = live({ agents = 20, hours = 2, scenario = scenarios.all.congestion }, 1)
    keeps_the_rules(list)
    local last = list[1].series[#list[1].series]
    assert.is_true(last.live - list[1].series[100].live > 50)
  end)

  it("in progressive mode abandons nobody", function()
    local list = live({ agents = 10, hours = 2, mode = "progressive" }, 1)
    keeps_the_rules(list)
    assert.equal(0, list[1].abandoned)
    assert.is_true(list[1].occupancy > 0.5 and list[1].occupancy < 0.65, list[1].occupancy)
  end)

  it("is the same again with the same seed, and another with another", function()
    local function figures(seed)
      local day = days.new { agents = 5, hours = 0.5, seed = seed, pacing = { mode = "predictive" } }:run()
      return { day.dials, day.live, day.occupancy }
    end
    assert.same(figures(1), figures(1))
    assert.not_same(figures(1), figures(2))
  end)
end)
