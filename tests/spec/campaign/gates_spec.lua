local moon = dofile "tests/spec/moon.lua"

describe("the gates", function()
  local gates, callbacks, made, put_back, put_off

  local NAMES = { "moondial", "moondial.campaign.store", "moondial.campaign.gates", "moondial.leads.zone",
    "moondial.compliance.dnc", "moondial.agents", "moondial.campaign.callbacks" }

  before_each(function()
    made, put_back = { campaign = {}, lead = {}, number = {} }, nil
    local function count(kind)
      return function(key, since)
        local n, first = 0, nil
        for _, at in ipairs(made[kind][key] or {}) do
          if at >= since then
            n, first = n + 1, first or at
          end
        end
        return n, first
      end
    end
    package.loaded["moondial"] = moon
    package.loaded["moondial.campaign.store"] = {
      campaign_attempts = count "campaign",
      lead_attempts = count "lead",
      number_attempts = count "number",
      put_back = function(held, _, closed) put_back, put_off = held, closed end,
    }
    package.loaded["moondial.compliance.dnc"] = {
      listed = function(numbers)
        local found = {}
        for _, number in ipairs(numbers) do
          found[number] = number:find("666") and "internal" or nil
        end
        return found
      end,
    }
    package.loaded["moondial.campaign.gates"], package.loaded["moondial.leads.zone"] = nil, nil
    gates = require "moondial.campaign.gates"
    callbacks = require "moondial.campaign.callbacks"
  end)

  after_each(function()
    for _, name in ipairs(NAMES) do
      package.loaded[name] = nil
    end
  end)

  local NOW = 100 * 86400 + 12 * 3600 -- noon in UTC, 15:00 in the East

  local function row(extra)
    local r = { id = "L", phone = "+1", attempts = 1, zones = "East" }
    for name, value in pairs(extra or {}) do
      r[name] = value
    end
    return r
  end

  it("let a lead pass, and say which number is called", function()
    local r = row { numbers = "+2,+1" }
    assert.equal("dial", (gates.check({ name = "c" }, r, NOW)))
    assert.equal("+2", r.number)
    r = row()
    assert.equal("dial", (gates.check({ name = "c" }, r, NOW)))
    assert.equal("+1", r.number)
  end)

  it("stop a lead outside its hours until they open", function()
    local spec = { name = "c", hours = { open = function(_, zones, now)
      assert.same({ "East", "West" }, zones)
      return false, now + 60, "outside its hours"
    end } }
    assert.same({ "later", NOW + 60, "outside its hours" }, { gates.check(spec, row { zones = "East,West" }, NOW) })
  end)

  it("dial no number of a type that the campaign skips", function()
    local spec = { name = "c", skip_types = { premium_rate = true } }
    assert.same({ "final", "number_type", "its number is of type premium_rate, which is not dialled (skip_types)" },
      { gates.check(spec, row { number_type = "premium_rate" }, NOW) })
    assert.equal("dial", (gates.check(spec, row { number_type = "mobile" }, NOW)))
    assert.equal("dial", (gates.check(spec, row(), NOW))) -- not known
    assert.equal("dial", (gates.check({ name = "c" }, row { number_type = "premium_rate" }, NOW)))
    -- of several numbers the others are dialled
    moon.phone = { parse = function(number) return { type = number == "+3" and "mobile" or "premium_rate" } end }
    local r = row { number_type = "premium_rate", numbers = "+1,+2,+3" }
    assert.equal("dial", (gates.check(spec, r, NOW)))
    assert.equal("+3", r.number)
    r = row { number_type = "mobile", numbers = "+2,+1" }
    assert.equal("dial", (gates.check(spec, r, NOW)))
    assert.equal("+1", r.number)
    moon.phone = nil
  end)

  it("stop at what the lead's state allows in 24 hours", function()
    local spec = { name = "c", hours = { states = { MD = {} }, open = function() return true end,
      calls_a_day = function(_, state) return state == "MD" and 2 or nil end } }
    made.number["+1"] = { NOW - 90000, NOW - 80000, NOW - 100 }
    local verdict, until_, reason = gates.check(spec, row { fields_json = { state = "MD" } }, NOW)
    assert.same({ "later", NOW - 80000 + 86400 }, { verdict, until_ })
    assert.matches("2 times in 24 hours", reason)
    assert.equal("dial", (gates.check(spec, row { fields_json = { state = "NY" } }, NOW)))
  end)

  it("ask for the hours of a zone once, and for those of a state where it has some", function()
    local asked = {}
    local spec = { name = "c", hours = { states = { TX = {} }, open = function(_, zones, now, state)
      asked[#asked + 1] = zones[1] .. (state or "")
      return state ~= "TX", now + 60, "outside the hours of Texas"
    end } }
    local rows = { row { fields_json = { state = "TX" } }, row { fields_json = { state = "NY" } },
      row { fields_json = {} } }
    local pass, stopped = gates.sift(spec, rows, 5, NOW)
    assert.same({ 2, 1 }, { #pass, stopped })
    assert.same({ "East", "EastTX", "EastNY" }, asked)
    assert.same({}, put_off)
  end)

  it("stop a lead that is on a list for good, unless it has another number", function()
    local spec = { name = "c", dnc = true }
    local r = row { phone = "+1666" }
    assert.same({ "final", "dnc", "on the list internal" },
      { gates.check(spec, r, NOW, { listed = gates.listed(spec, { r }) }) })
    r = row { phone = "+1666", numbers = "+1666,+2" }
    assert.equal("dial", (gates.check(spec, r, NOW, { listed = gates.listed(spec, { r }) })))
    assert.equal("+2", r.number)
  end)

  it("hold a lead's calls of a day, in its own zone", function()
    local spec = { name = "c", max_per_day = { lead = 2 } }
    made.lead.L = { NOW - 20 * 3600, NOW - 100 } -- one of them yesterday, there
    assert.equal("dial", (gates.check(spec, row(), NOW)))
    made.lead.L = { NOW - 14 * 3600, NOW - 100 }
    local verdict, until_, reason = gates.check(spec, row(), NOW)
    assert.same({ "later", 100 * 86400 + 21 * 3600, "it has been called 2 times today" }, { verdict, until_, reason })
  end)

  it("hold the calls to a number by all campaigns, and try its other number", function()
    local spec = { name = "c", max_per_number = { attempts = 2, days = 7 } }
    made.number["+1"] = { NOW - 8 * 86400, NOW - 3 * 86400, NOW - 100 }
    assert.same({ "later", NOW + 4 * 86400, "its number has been called 2 times in 7 days" },
      { gates.check(spec, row(), NOW) })
    local r = row { numbers = "+1,+2" }
    assert.equal("dial", (gates.check(spec, r, NOW)))
    assert.equal("+2", r.number)
    assert.same({ "final", "number_cap", "its number has been called 3 times" },
      { gates.check({ name = "c", max_per_number = { attempts = 3 } }, row(), NOW) })
    assert.equal("later", (gates.check({ name = "c", max_per_day = { number = 1 } }, row(), NOW)))
  end)

  it("hold a campaign's calls of a day, those just let through too", function()
    local spec = { name = "c", max_per_day = { campaign = 3 } }
    made.campaign.c = { NOW - 100 }
    assert.equal(2, (gates.room(spec, NOW, 10)))
    assert.equal(1, (gates.room(spec, NOW, 1)))
    gates.sift(spec, { row { id = "a" } }, 5, NOW)
    assert.equal(1, (gates.room(spec, NOW, 10)))
    gates.sift(spec, { row { id = "b" } }, 5, NOW)
    local room, reason = gates.room(spec, NOW, 10)
    assert.equal(0, room)
    assert.matches("it has made its 3 calls of today", reason, 1, true)
    assert.equal(10, (gates.room({ name = "c" }, NOW, 10)))
  end)

  it("have a callback wait for its agent", function()
    local agents = { { name = "ann", state = "talking" }, { name = "bob", state = "ready" } }
    package.loaded["moondial.agents"] = { group = function(name)
      assert.equal("sales", name)
      return { snapshot = function() return agents end }
    end }
    local spec = { name = "c", agents = { group = "sales" } }
    assert.equal("dial", (gates.check(spec, row(), NOW)))
    assert.equal("dial", (gates.check(spec, row { agent = "bob" }, NOW)))
    assert.same({ "later", NOW + 300, "its agent ann is talking" }, { gates.check(spec, row { agent = "ann" }, NOW) })
    assert.same({ "later", NOW + 300, "its agent cat is not in the group sales" },
      { gates.check(spec, row { agent = "cat" }, NOW) })
    assert.equal("dial", (gates.check({ name = "c" }, row { agent = "ann" }, NOW)))
  end)

  it("have one callback at a time for an agent, and note who is waited for", function()
    package.loaded["moondial.agents"] = { group = function()
      return { snapshot = function()
        return { { name = "ann", state = "paused", since = 1 }, { name = "bob", state = "ready", since = 2 } }
      end }
    end }
    local spec, context = { name = "c", agents = { group = "sales" } }, {}
    local another = { "later", NOW + 30, "its agent bob is called for another lead" }
    assert.equal("dial", (gates.check(spec, row { agent = "bob" }, NOW, context)))
    assert.is_nil(callbacks.absent.c)
    assert.same(another, { gates.check(spec, row { agent = "bob" }, NOW, context) })
    assert.same(another, { gates.check(spec, row { agent = "bob" }, NOW, { called_for = { bob = 1 } }) })
    assert.equal("dial", (gates.check(spec, row { agent = "bob" }, NOW, { called_for = { ann = 1 } })))
    gates.check(spec, row { agent = "ann" }, NOW, context)
    assert.same({ ann = true, bob = 2 }, callbacks.absent.c)
  end)

  it("choose the caller id", function()
    local spec = { name = "c", caller_ids = { choose = function(_, r)
      return r.phone == "+1" and "+555"
    end } }
    local r = row()
    assert.same({ "dial", "+555" }, { gates.check(spec, r, NOW) })
    assert.equal("+555", r.from)
  end)

  it("hold the campaign, and put no lead off, while no caller id can be had", function()
    local spec = { name = "c", caller_ids = { choose = function()
      return nil, "all caller ids are parked", NOW + 30
    end } }
    local pass, stopped, why, hold = gates.sift(spec, { row { id = "a" }, row { id = "b" } }, 5, NOW)
    assert.same({ 0, 0, "all caller ids are parked; one may be shown at " .. os.date("%H:%M", NOW + 30), true },
      { #pass, stopped, why, hold })
    assert.same({ { id = "a", verdict = "release" }, { id = "b", verdict = "release" } }, put_back)
  end)

  it("sift what was claimed, and put the others back where they belong", function()
    local spec = { name = "c", dnc = true, hours = { open = function(_, zones, now)
      return zones[1] == "East", now + 60, "outside its hours"
    end } }
    local rows = { row { id = "a", zones = "West" }, row { id = "b" }, row { id = "c", phone = "+666" },
      row { id = "d" } }
    local pass, stopped, why = gates.sift(spec, rows, 1, NOW)
    assert.equal(1, #pass)
    assert.equal("b", pass[1].id)
    assert.equal(1, stopped)
    assert.equal("outside its hours", why)
    assert.same({
      { id = "a", verdict = "later", at = NOW + 60, reason = "outside its hours" },
      { id = "c", verdict = "release" },
      { id = "d", verdict = "release" },
    }, put_back)
    -- the others of that zone needn't be looked at
    assert.same({ { zones = "West", at = NOW + 60, reason = "outside its hours" } }, put_off)
    gates.sift(spec, { rows[3] }, 5, NOW)
    assert.same({ { id = "c", verdict = "final", disposition = "dnc", reason = "on the list internal" } }, put_back)
  end)
end)
