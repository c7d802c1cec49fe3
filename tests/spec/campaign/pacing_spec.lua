local pacing = require "moondial.campaign.pacing"

--- Agents by their states: { ready = 3, talking = 2 }.
local function agents(states, since)
  local list = {}
  for state, count in pairs(states) do
    for i = 1, count do
      list[#list + 1] = { name = state .. i, state = state, since = since or 0 }
    end
  end
  return list
end

--- COUNT calls that have been ringing for AGE seconds.
local function ringing(count, age)
  local list = {}
  for i = 1, count or 0 do
    list[i] = age or 1
  end
  return list
end

local function ask(pacer, given)
  local calls = given.ringing or {}
  return pacer:tick {
    now = given.now or 0, agents = given.agents, ringing = calls, waiting = given.waiting,
    active = given.active or #calls, accepted = given.accepted, room = given.room, room_why = given.room_why,
  }
end

--- A pacer that has seen LIVE persons answer, and ABANDONED of them without an agent.
local function experienced(options, live, abandoned)
  local pacer = pacing.new(options)
  for i = 1, live do
    for _ = 1, 4 do
      pacer:failed(0, "no_answer")
    end
    pacer:answered(0, 8 + i % 5)
  end
  for _ = 1, abandoned or 0 do
    pacer:abandoned(0)
  end
  return pacer
end

describe("a broadcast", function()
  it("never lets more than the cap go on", function()
    local pacer = pacing.new { concurrent = 5, rate = 100 }
    local count, why = ask(pacer, { now = 10, active = 5 })
    assert.equal(0, count)
    assert.equal("all 5 channels are in use", why)
    assert.equal(0, (ask(pacer, { now = 20, active = 7 })))
    assert.is_true(ask(pacer, { now = 30, active = 4 }) <= 1)
  end)

  it("has ten channels where nothing is said", function()
    assert.equal(7, (ask(pacing.new {}, { active = 3 })))
  end)

  it("keeps to the rate, and says when there is more", function()
    local pacer = pacing.new { rate = 2, concurrent = 100 }
    assert.equal(1, (ask(pacer, {})))
    pacer:launched(0, 1)
    local count, why, wait = ask(pacer, {})
    assert.same({ 0, "the rate limit of 2 calls a second is reached", 0.5 }, { count, why, wait })
  end)

  it("sees limits of engine and trunks", function()
    local count, why = ask(pacing.new {}, { room = 2, room_why = "trunk carrier has 2 channels free" })
    assert.same({ 2, "trunk carrier has 2 channels free" }, { count, why })
  end)

  it("backs off from a carrier that is congested", function()
    local pacer = pacing.new { rate = 20, concurrent = 1000 }
    for second = -10, -1 do
      pacer.congestion:launched(second, 20)
    end
    for _ = 1, 10 do
      pacer:failed(0, "congestion")
    end
    local began = 0
    for i = 1, 40 do
      local count, why = ask(pacer, { now = i * 0.1 })
      pacer:launched(i * 0.1, count)
      began = began + count
      assert.matches("the carrier is congested %(100 %%.*: 10 calls a second", why)
    end
    assert.is_true(began > 35 and began < 45, began)
  end)

  it("takes other options while it runs", function()
    local pacer = pacing.new { concurrent = 5 }
    assert.equal(5, (ask(pacer, {})))
    pacer:set { concurrent = 8 }
    assert.equal(8, (ask(pacer, {})))
    pacer:set { mode = "progressive" }
    assert.equal(0, (ask(pacer, { agents = {} })))
  end)
end)

describe("modes with agents", function()
  for _, mode in ipairs { "power", "progressive", "predictive" } do
    it(mode .. " dials nothing while no agent is ready, and says so", function()
      local pacer = experienced({ mode = mode }, 200)
      local count, why = ask(pacer, { agents = agents { talking = 3, wrapup = 1, paused = 2, offline = 4 } })
      assert.equal(0, count)
      assert.equal("no agent is ready: 3 talking, 1 wrapping up, 2 paused", why)
      count, why = ask(pacer, { agents = agents { offline = 4 } })
      assert.same({ 0, "no agent is logged in" }, { count, why })
    end)
  end

  it("progressive: one line for each ready agent", function()
    local pacer = pacing.new { mode = "progressive" }
    assert.equal(3, (ask(pacer, { agents = agents { ready = 3, talking = 9 } })))
    local count, why = ask(pacer, { agents = agents { ready = 3 }, ringing = ringing(2), waiting = 1 })
    assert.same({ 0, "each of 3 ready agent(s) has a line" }, { count, why })
    -- an agent leaves while it rings
    assert.equal(0, (ask(pacer, { agents = agents { ready = 1 }, ringing = ringing(3) })))
  end)

  it("power: so many lines for each", function()
    local pacer = pacing.new { mode = "power", ratio = 2.5 }
    assert.equal(7, (ask(pacer, { agents = agents { ready = 3 } })))
    assert.equal(2, (ask(pacer, { agents = agents { ready = 3 }, ringing = ringing(5) })))
  end)

  it("keep to rate and channels", function()
    local pacer = pacing.new { mode = "progressive", concurrent = 5 }
    local count, why = ask(pacer, { agents = agents { ready = 8 }, active = 3 })
    assert.same({ 2, "all 5 channels are in use" }, { count, why })
    pacer = pacing.new { mode = "progressive", rate = 1 }
    count, why = ask(pacer, { agents = agents { ready = 8 } })
    assert.same({ 1, "the rate limit of 1 calls a second is reached" }, { count, why })
  end)

  for _, mode in ipairs { "preview", "manual" } do
    it(mode .. ": what an agent has accepted, and nothing else", function()
      local pacer = pacing.new { mode = mode, concurrent = 5 }
      assert.equal(0, (ask(pacer, { agents = agents { ready = 8 } })))
      assert.equal(2, (ask(pacer, { agents = agents { ready = 8 }, accepted = 2 })))
      assert.equal(1, (ask(pacer, { agents = agents { ready = 8 }, accepted = 2, active = 4 })))
    end)
  end
end)

describe("predictive", function()
  it("begins with one line for each ready agent", function()
    local count, why = ask(pacing.new { mode = "predictive" }, { agents = agents { ready = 4 } })
    assert.equal(4, count)
    assert.equal("the abandonment gate is shut: 0 of 0 live answers today had no agent, and one more would be over "
      .. "3 %; one line for each ready agent until 33 more have answered", why)
  end)

  it("dials more than one line once it knows enough, and for more agents more than in proportion", function()
    local pacer = experienced({ mode = "predictive" }, 200)
    local few = ask(pacer, { agents = agents { ready = 2, talking = 3 } })
    assert.is_true(few > 2, few)
    local many = ask(pacer, { agents = agents { ready = 20, talking = 30 } })
    assert.is_true(many > 12 * few, many)
  end)

  it("counts what rings already", function()
    local pacer = experienced({ mode = "predictive" }, 200)
    local all = ask(pacer, { agents = agents { ready = 20 } })
    local rest = ask(pacer, { agents = agents { ready = 20 }, ringing = ringing(all - 10, 0) })
    assert.is_true(math.abs(rest - 10) <= 1, rest)
    -- who has rung for long will not answer any more
    assert.is_true(ask(pacer, { agents = agents { ready = 20 }, ringing = ringing(all - 10, 30) }) > 2 * rest)
    -- who waits needs an agent for sure
    assert.is_true(ask(pacer, { agents = agents { ready = 20 }, waiting = 10 }) < 0.6 * all)
  end)

  it("is twice as careful below 50 live answers", function()
    local before = ask(experienced({ mode = "predictive" }, 49), { agents = agents { ready = 20 } })
    local after = ask(experienced({ mode = "predictive" }, 50), { agents = agents { ready = 20 } })
    assert.is_true(before < after, before)
  end)

  it("holds back above the target", function()
    local pacer = experienced({ mode = "predictive" }, 1000, 25)
    assert.is_true(math.abs(pacer:allowance(0).share - 0.01) < 1e-9)
    assert.is_true(ask(pacer, { agents = agents { ready = 20 } })
      < ask(experienced({ mode = "predictive" }, 1000, 20), { agents = agents { ready = 20 } }))
  end)

  it("shuts the gate before one more abandoned call would be over the cap", function()
    local pacer = experienced({ mode = "predictive" }, 1000, 30)
    local count, why = ask(pacer, { agents = agents { ready = 20 } })
    assert.equal(20, count)
    assert.matches("^the abandonment gate is shut: 30 of 1000 live answers today had no agent", why)
    assert.matches("until 33 more have answered", why)
    assert.equal(0, (ask(pacer, { agents = agents { ready = 20 }, ringing = ringing(25) })))
  end)

  it("keeps to every window: 30 bad days shut the gate of a good one", function()
    local pacer = experienced({ mode = "predictive" }, 1000, 60)
    for _ = 1, 100 do
      pacer.record:live(86400)
    end
    local _, why = ask(pacer, { now = 86400, agents = agents { ready = 20 } })
    assert.matches("60 of 1100 live answers over 30 days", why)
  end)

  it("keeps to so many lines for each agent", function()
    local pacer = experienced({ mode = "predictive", max_level = 2 }, 200)
    local count, why = ask(pacer, { agents = agents { ready = 10 }, ringing = ringing(3) })
    assert.same({ 17, "2 lines for each of 10 agents are the most" }, { count, why })
    pacer:set { mode = "predictive", max_level = 1.5 }
    count, why = ask(pacer, { agents = agents { ready = 10 }, ringing = ringing(3) })
    assert.same({ 12, "1.5 lines for each of 10 agents are the most" }, { count, why })
  end)

  it("is progressive where no call may be abandoned", function()
    for _, cap in ipairs { 0, 1e-300 } do
      local pacer = experienced({ mode = "predictive", abandon_target = 0, abandon_cap = cap }, 200)
      local count, why = ask(pacer, { agents = agents { ready = 10 } })
      assert.equal(10, count)
      assert.matches("one line for each ready agent", why)
    end
  end)

  it("counts agents who are nearly through with their calls", function()
    local pacer = experienced({ mode = "predictive" }, 200)
    local function with(states, since)
      local list = agents(states, since)
      for i = 1, 10 do
        list[#list + 1] = { name = "ready" .. i, state = "ready", since = 0 }
      end
      return ask(pacer, { now = 1000, agents = list })
    end
    local none, talking, wrapping = with {}, with({ talking = 40 }, 990), with({ wrapup = 40 }, 990)
    assert.is_true(none < talking and talking < wrapping, ("%d %d %d"):format(none, talking, wrapping))
  end)
end)
