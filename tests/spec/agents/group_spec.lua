--- Who waits, who is ready, and what others are told of it.
describe("a group of agents", function()
  local agent_module, group_module, emitted, now, noted

  setup(function()
    local moon = {
      now = function() return now end,
      log = { warn = function() end },
      sleep = function() end,
      emit = function(name, event) emitted[#emitted + 1] = name .. ":" .. event.agent .. ":" .. event.state end,
      spawn = function()
        local task = { status = "waiting" }
        function task.cancel()
          task.status = "cancelled"
        end
        return task
      end,
    }
    for name in pairs(package.loaded) do
      if name:match("^moondial%.agents") then
        package.loaded[name] = nil
      end
    end
    package.loaded["moondial"] = moon
    package.loaded["moondial.agents.log"] = {
      note = function(agent, state, reason, call, disposition)
        noted[#noted + 1] = table.concat({ agent, state, reason or "-", call or "-", disposition or "-" }, " ")
      end,
    }
    agent_module = require "moondial.agents.agent"
    group_module = require "moondial.agents.group"
  end)

  teardown(function()
    for name in pairs(package.loaded) do
      if name == "moondial" or name:match("^moondial%.agents") then
        package.loaded[name] = nil
      end
    end
  end)

  local group

  local function agent(name, more)
    local spec = { name = name, target = "sip:" .. name, groups = { sales = 1 }, skills = {} }
    for key, value in pairs(more or {}) do
      spec[key] = value
    end
    local one = agent_module.new(spec)
    group.agents[#group.agents + 1] = one
    return one
  end

  local function ticket(id, more)
    local t = { call = { id = id }, priority = 0, since = now, fired = 0 }
    t.signal = { fire = function() t.fired = t.fired + 1 end }
    for key, value in pairs(more or {}) do
      t[key] = value
    end
    return t
  end

  before_each(function()
    emitted, noted, now = {}, {}, 1000
    group = group_module.new { name = "sales", strategy = "longest_idle", wrapup = 0 }
    agent_module.group_of = function() return group end
    agent_module.on_change = function(one, event)
      emitted[#emitted + 1] = event.agent .. ":" .. event.state
      if one.state == "ready" then
        group:dispatch()
      end
    end
  end)

  it("gives who waits longest whoever has been idle longest", function()
    local ann, bob = agent "ann", agent "bob"
    local first, second = ticket "first", ticket "second"
    group:enter(first)
    now = 1001
    second.since = now
    group:enter(second)
    assert.are.equal(2, group:position(second))
    ann:want("ready")
    assert.are.equal(ann, first.offer[1])
    assert.are.equal(1, first.fired)
    assert.are.equal("reserved", ann.state)
    assert.are.equal(1, group:position(second))
    bob:want("ready")
    assert.are.equal(bob, second.offer[1])
    assert.are.same({ "ann:ready", "ann:reserved", "bob:ready", "bob:reserved" }, emitted)
  end)

  it("lets priority, then waiting, decide; who wants what nobody can is passed", function()
    local ann = agent("ann", { skills = { french = 1 } })
    local old = ticket("old", { since = 900 })
    local german = ticket("german", { since = 100, skills = { german = 1 } })
    local urgent = ticket("urgent", { priority = 1 })
    for _, t in ipairs { old, german, urgent } do
      group:enter(t)
    end
    ann:want("ready")
    assert.is_truthy(urgent.offer)
    ann:set("ready")
    assert.is_truthy(old.offer)
    assert.is_nil(german.offer)
    group:leave(german)
    assert.are.equal(0, (group:queue()))
  end)

  it("asks all at once, and this one alone, as it is told", function()
    local ann, bob = agent "ann", agent "bob"
    ann:want("ready")
    bob:want("ready")
    local only = ticket("only", { agent = "bob" })
    group:enter(only)
    assert.are.same({ bob }, only.offer)
    bob:set("ready")
    group.spec.strategy = "ring_all"
    local all = ticket "all"
    group:enter(all)
    assert.are.equal(2, #all.offer)
  end)

  it("keeps who is held for a lead from all others, and gives that lead to none else", function()
    local ann, bob = agent "ann", agent "bob"
    ann:want("ready")
    local hold = ann:hold()
    hold.lead = "a"
    assert.is_nil(ann:hold())
    local other, late = ticket "other", ticket("a", { lead = "a" })
    group:enter(other)
    assert.is_nil(other.offer)
    assert.are.equal(hold, group:snapshot()[1].held)
    bob:want("ready")
    assert.are.same({ bob }, other.offer)
    bob:set("ready")
    group:enter(late)
    assert.are.same({ ann }, late.offer)
    ann:let_go(hold) -- it has the lead: that is no matter of the hold any more
    assert.are.same({ "reserved", late.call }, { ann.state, ann.party })
    assert.are.equal(ann, (function() ann:set("ready") bob:set("paused") return group:hold().agent end)())
    assert.is_nil(group:hold())
    assert.is_false(ann:want("paused", "lunch"))
    ann:let_go(ann.held)
    assert.are.same({ "paused", "lunch" }, { ann.state, ann.reason })
    assert.is_nil(ann.held)
  end)

  it("tells those who predict of states, and notes each change once", function()
    local ann = agent "ann"
    ann:want("ready")
    ann.party = { id = "call" }
    ann:set("reserved")
    ann:set("talking")
    now = now + 30
    ann:begin_wrapup(20)
    assert.are.same({ { name = "ann", state = "wrapup", since = 1030 } }, group:snapshot())
    now = now + 5
    assert.is_true(ann:dispose("sale"))
    assert.are.equal("ready", ann.state)
    assert.are.equal(30, ann.talked)
    ann:want("paused", "lunch") -- it has been told once
    assert.are.equal("ann paused lunch - -", table.remove(noted))
    assert.are.same({ "ann ready - - -", "ann reserved - call -", "ann talking - call -", "ann wrapup - call -",
      "ann ready - call sale" }, noted)
  end)

  it("knows who is in another group, too", function()
    local ann = agent("ann", { groups = { sales = 1, support = 2 } })
    agent "bob"
    assert.equal(0, group:shared_with "support")
    ann:want("ready")
    assert.equal(1, group:shared_with "support")
    assert.equal(0, group:shared_with "nobody")
  end)

  it("is told of no call that is still to come", function()
    local ann = agent "ann"
    ann:want("ready")
    local next_one = ticket "next"
    group:enter(next_one)
    assert.is_false(ann:dispose("sale"))
    assert.is_nil(next_one.call.disposition)
    ann:set("talking")
    assert.is_true(ann:dispose("sale"))
    assert.equal("sale", next_one.call.disposition)
  end)

  it("does what is wanted of an agent after its call", function()
    local ann = agent "ann"
    ann:want("ready")
    ann.party = { id = "call" }
    ann:set("talking")
    assert.is_false(ann:want("paused", "lunch"))
    assert.are.equal("talking", ann.state)
    ann:begin_wrapup(20)
    assert.are.equal("paused", ann.state)
    assert.are.equal("lunch", ann.reason)
    assert.is_true(group:is_manned() == false)
    assert.is_true(ann:want("offline", "logout"))
    assert.is_false(ann:dispose("sale"))
  end)

  it("takes no PIN for a while from those who guess", function()
    local ann = agent "ann"
    assert.is_false(ann:is_pin("")) -- it has none
    ann.spec.pin = "4711"
    assert.is_true(ann:is_pin("4711"))
    for guess = 1, 5 do
      assert.is_false(ann:is_pin(tostring(guess)))
    end
    assert.is_false(ann:is_pin("4711"))
    now = now + 301
    assert.is_true(ann:is_pin("4711"))
  end)
end)
