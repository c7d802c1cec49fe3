local moon = dofile "tests/spec/moon.lua"

describe("a campaign's totals", function()
  local totals, leads, calls, asked

  -- the queries, on lists
  local queries = {
    campaign_totals = function(_, after, limit)
      local page = { leads = 0, dialled = 0, done = 0, attempts = 0, merged = 0 }
      for _, lead in ipairs(leads) do
        if lead.id > after and page.leads < limit then
          page.leads, page.last = page.leads + 1, lead.id
          page.attempts = page.attempts + lead.attempts
          page.dialled = page.dialled + (lead.attempts > 0 and 1 or 0)
        end
      end
      return page
    end,
    campaign_calls_until = function(_, after, count)
      local behind = {}
      for _, at in ipairs(calls) do
        behind[#behind + 1] = at > after and at or nil
      end
      return behind[count + 1] and { started_at_ms = behind[count + 1] }
    end,
    campaign_answered = function(_, after, until_)
      local n = 0
      for _, at in ipairs(calls) do
        n = n + (at > after and at <= until_ and 1 or 0)
      end
      return { answered = n }
    end,
  }

  before_each(function()
    leads, calls, asked, moon.clock = {}, {}, 0, 100
    package.loaded["moondial"] = moon
    package.loaded["moondial.database"] = { query = function(name, ...)
      asked, moon.clock = asked + 1, moon.clock + 0.01
      return { queries[name](...) or nil }
    end }
    package.loaded["moondial.campaign.totals"] = nil
    totals = require "moondial.campaign.totals"
  end)

  after_each(function()
    for _, name in ipairs { "moondial", "moondial.database", "moondial.campaign.totals" } do
      package.loaded[name] = nil
    end
  end)

  local function add(count, attempts)
    for _ = 1, count do
      leads[#leads + 1] = { id = ("%08d"):format(#leads + 1), attempts = attempts }
      for _ = 1, attempts do
        calls[#calls + 1] = #calls // 7 -- several in the same millisecond
      end
    end
  end

  it("of a few leads are counted anew each time", function()
    assert.same({ leads = 0, dialled = 0, done = 0, attempts = 0, merged = 0, answered = 0 }, totals.of("c"))
    add(3, 2)
    add(1, 0)
    assert.same({ leads = 4, dialled = 3, done = 0, attempts = 6, merged = 0, answered = 6 }, totals.of("c"))
  end)

  it("of many are the sum of pages, and believed for a while", function()
    add(10000, 2)
    add(15000, 0)
    local found = totals.of("c")
    assert.same({ 25000, 10000, 20000, 20000 }, { found.leads, found.dialled, found.attempts, found.answered })
    assert.is_true(asked >= 6)
    add(1, 0)
    found.leads = 0 -- the caller's own
    assert.equal(25000, totals.of("c").leads)
    assert.equal(25001, totals.of("c", true).leads)
    add(1, 0)
    moon.clock = moon.clock + 10
    assert.equal(25002, totals.of("c").leads)
    add(4998, 0) -- whole pages
    assert.equal(30000, totals.of("c", true).leads)
  end)
end)
