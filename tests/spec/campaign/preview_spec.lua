--- Leads that agents choose.
describe("preview", function()
  local preview, now, put_away, taken, due, barred, meanwhile, slow

  setup(function()
    package.loaded["moondial"] = {
      now = function() return now end,
      spawn = function()
        local task = { status = "waiting" }
        function task.cancel() task.status = "cancelled" end
        return task
      end,
      sleep = function() end,
      select = function(sources)
        while sources.found.status == "waiting" do
          coroutine.yield()
        end
      end,
    }
    package.loaded["moondial.agents.signal"] = nil
    package.loaded["moondial.campaign.store"] = {
      put_back = function(list)
        for _, lead in ipairs(list) do
          put_away[#put_away + 1] = { lead.id, lead.verdict, lead.at }
        end
        if meanwhile then
          local once = meanwhile
          meanwhile = nil
          once()
        end
      end,
      claim = function()
        if slow then
          coroutine.yield()
        end
        return { table.remove(due, 1) }
      end,
      take = function(_, what) return table.remove(taken[what] or {}) end,
    }
    package.loaded["moondial.campaign.preview"] = nil
    preview = require "moondial.campaign.preview"
  end)

  teardown(function()
    for _, name in ipairs { "moondial", "moondial.agents.signal", "moondial.campaign.store",
      "moondial.campaign.preview" } do
      package.loaded[name] = nil
    end
  end)

  local p
  before_each(function()
    now, put_away, taken = 1000, {}, {}
    due = { { id = "a", phone = "+1" }, { id = "b", phone = "+2" }, { id = "c", phone = "+3" } }
    barred, meanwhile, slow = {}, nil, nil
    p = preview.new("sales", function(rows)
      if barred.all then
        table.insert(due, 1, rows[1])
        return nil, "no caller id is free", true
      elseif barred[rows[1].id] then
        return nil, "outside its calling hours"
      end
      return rows[1]
    end)
  end)

  it("offers each agent a lead of its own, the same until it is dialled", function()
    assert.equal("a", p:next("ann").id)
    assert.equal("b", p:next("bob").id)
    assert.equal("a", p:next("ann").id)
    assert.equal("a", p:accept("+1", "ann").id)
    assert.equal("c", p:next("ann").id)
    local taking = p:take(5)
    assert.equal(1, #taking)
    assert.same({ "a", "ann" }, { taking[1].row.id, taking[1].agent })
    assert.same({}, p:take(5))
  end)

  it("offers one lead to an agent who asks twice at once", function()
    slow = true
    local seen = {}
    local windows = {}
    for i, who in ipairs { "ann", "ann", "bob" } do
      windows[i] = coroutine.create(function() seen[i] = p:next(who).id end)
    end
    for _ = 1, 3 do
      for _, window in ipairs(windows) do
        coroutine.resume(window)
      end
    end
    assert.same({ "a", "a", "b" }, seen)
    assert.same({ { id = "c", phone = "+3" } }, due)
  end)

  it("holds the agent until the lead is called, half a minute at most", function()
    local freed = {}
    local function hold(name)
      local one = { agent = { let_go = function(_, which) freed[#freed + 1] = name .. which.lead end } }
      return one
    end
    p:next("ann")
    assert.equal("ann", p:agent_of("+1"))
    p:accept("a", "ann", hold "ann")
    now = 1029
    p:tidy_up(now)
    taken["+9"] = { { id = "z", phone = "+9" } }
    p:accept("+9", "bob", hold "bob")
    assert.same({}, freed)
    now = 1030
    p:tidy_up(now)
    assert.same({ { "ann" .. "a" }, { { "a", "release" } } }, { freed, put_away })
    p:drop() -- the campaign is paused
    assert.same({ "anna", "bobz" }, freed)
    assert.same({}, p:take(5))
  end)

  it("puts back what is skipped, later, and what nobody speaks of, at once", function()
    p:next("ann")
    p:next("bob")
    p:skip("a")
    p:skip("+2", 60)
    p:next("cat")
    now = 1400
    p:tidy_up(now)
    assert.same({ { "a", "later", 1900 }, { "b", "later", 1060 }, { "c", "release" } }, put_away)
    assert.is_nil(p:next("ann"))
  end)

  it("offers leads also while the database puts others back", function()
    for i = 1, 40 do
      due[1] = { id = "old" .. i, phone = "+" .. i }
      p:next("agent" .. i)
    end
    meanwhile = function()
      for i = 1, 40 do
        due[1] = { id = "new" .. i, phone = "+1" .. i }
        p:next("other" .. i)
      end
    end
    now = 1400
    p:tidy_up(now)
    assert.equal(40, #put_away)
    now = 1401
    p:tidy_up(now)
    assert.equal(40, #put_away)
  end)

  it("offers no lead that may not be called now", function()
    barred.a = true
    assert.equal("b", p:next("ann").id)
    taken["+1"] = { { id = "a", phone = "+1" } }
    local ok, err = pcall(p.accept, p, "+1")
    assert.is_false(ok)
    assert.same({ "state", "the lead +1 can't be called now: outside its calling hours" }, { err.code, err.message })
  end)

  it("asks no further when nobody may be called just now", function()
    barred.all = true
    local row, why = p:next("ann")
    assert.same({ nil, "no caller id is free" }, { row, why })
    assert.equal(3, #due)
  end)

  it("dials also a lead that was not offered, if it may be called", function()
    taken["+9"] = { { id = "z", phone = "+9" } }
    assert.equal("z", p:accept("+9").id)
    for _, wrong in ipairs { function() p:accept("+9") end, function() p:skip("+9") end } do
      local ok, err = pcall(wrong)
      assert.is_false(ok)
      assert.equal("unknown", err.code)
      assert.matches("+9", err.message, 1, true)
    end
  end)
end)
