--- An attempt whose task has died goes on where it was: nobody is called twice,
--- nobody is left in the middle.
local FRESH = { "moondial.campaign.attempt", "moondial.campaign.lead", "moondial.campaign.retry",
  "moondial.leads.zone" }

describe("an attempt", function()
  local attempts, calls, dying, failing, noted, returned, finished, listed

  --- Counts, and dies the first time that NAME is to.
  local function note(name)
    calls[name] = (calls[name] or 0) + 1
    if dying == name then
      dying = nil
      error("ran for more than 20 ms without a wait", 0)
    elseif (failing[name] or 0) > 0 then
      failing[name] = failing[name] - 1
      error({ code = "timeout", message = "database: it waited longer than its time limit" }, 0)
    end
  end

  local function fresh_call()
    return { id = "call", sip_code = 200, disposition = "answered" }
  end

  setup(function()
    local moon = {
      now = function() return 1000 end,
      sleep = function() note "sleep" end,
      log = { error = function() end },
      json = { decode = function() return { name = "Ada", callback = "a column", dnc = "no" } end },
      dial = function()
        note "dial"
        return fresh_call()
      end,
      spawn = function(f, ...)
        f(...)
        return { wait = function() note "wait" end }
      end,
    }
    local store = {
      note_dialing = function()
        note "note"
        return 1
      end,
      noted = function()
        note "noted"
        return noted
      end,
      put_back = function(held)
        note "put_back"
        returned = held
      end,
      finish = function(result)
        note "finish"
        finished = result
      end,
      undial = function() note "undial" end,
      note_talking = function() end,
    }
    package.loaded["moondial"] = moon
    package.loaded["moondial.campaign.store"] = store
    package.loaded["moondial.compliance.dnc"] = {
      has_asked = function() return false end,
      never_again = function(_, numbers, reason)
        note "add"
        listed = { numbers, reason }
      end,
    }
    for _, name in ipairs(FRESH) do
      package.loaded[name] = nil
    end
    attempts = require "moondial.campaign.attempt"
  end)

  teardown(function()
    package.loaded["moondial"], package.loaded["moondial.campaign.store"] = nil, nil
    package.loaded["moondial.compliance.dnc"] = nil
    for _, name in ipairs(FRESH) do
      package.loaded[name] = nil
    end
  end)

  local function work()
    return {
      spec = { name = "c", retry = { max_attempts = 1 }, flow = function() return "heard" end },
      row = { id = "lead", phone = "+1", campaign = "c", attempts = 0, forgiven = 0 },
    }
  end

  before_each(function()
    calls, dying, failing, noted, returned, finished, listed = {}, nil, {}, 1, nil, nil, nil
  end)

  it("is noted, dialled and finished once", function()
    assert.same({ "done", nil, "heard" }, { attempts.run(work()) })
    assert.same({ note = 1, dial = 1, wait = 1, finish = 1 }, calls)
  end)

  for _, where in ipairs { "note", "wait", "noted" } do
    it("goes on after a death at " .. where, function()
      local w = work()
      dying = where == "noted" and "note" or where
      assert.has_error(function() attempts.run(w) end)
      if where == "noted" then -- and dies again, when it looks how far it had come
        dying = "noted"
        assert.has_error(function() attempts.run(w) end)
      end
      assert.same({ "done", nil, "heard" }, { attempts.run(w) })
      assert.equal(1, calls.note)
      assert.equal(1, calls.dial)
      assert.equal(1, calls.finish)
    end)
  end

  it("after which nobody may call puts the number on the list, and no callback holds", function()
    local w = work()
    w.row.numbers = "+1,+2"
    w.spec.flow = function(call, lead)
      lead.zones = { "UTC" }
      lead:callback { at = 2000 }
      call.agent = { name = "ann" }
      return "dnc"
    end
    failing = { add = 1 } -- the database, and it is listed all the same
    assert.same({ "done", nil, "dnc" }, { attempts.run(w) })
    assert.same({ "+1,+1,+2", "by the word of agent ann" }, listed)
    assert.same({ "dnc", "done" }, { finished.disposition, finished.state })
    assert.equal(1, calls.dial)
  end)

  it("is called back when its flow has said so", function()
    local w = work()
    w.spec.flow = function(_, lead)
      lead.zones = { "UTC" }
      assert.equal("Ada", lead.name)
      lead:callback { at = 2000, agent = "ann" }
    end
    attempts.run(w)
    assert.same({ "scheduled", 2000, "ann" }, { finished.state, finished.next_at, finished.agent })
    assert.is_nil(listed)
  end)

  it("is not dialled while the database can't note it, and the lead goes back", function()
    failing, noted = { note = 1, put_back = 2 }, nil
    local came, why = attempts.run(work())
    assert.same({ "later", "database: it waited longer than its time limit" }, { came, why })
    assert.same({ { id = "lead", verdict = "release" } }, returned)
    assert.same({ note = 1, noted = 3, put_back = 3, sleep = 2 }, calls)
  end)

  it("did not happen when it was noted all the same", function()
    failing = { note = 1 }
    assert.equal("later", (attempts.run(work())))
    assert.same({ note = 1, noted = 1, undial = 1 }, calls)
  end)
end)
