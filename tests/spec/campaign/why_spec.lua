local moon = dofile "tests/spec/moon.lua"

describe("why a lead is not called", function()
  local why, verdict

  local NAMES = { "moondial", "moondial.campaign.gates", "moondial.campaign.why", "moondial.leads.zone" }

  before_each(function()
    verdict = { "dial" }
    moon.db = {
      sql = function(name) return name end,
      query = function(name)
        assert(name == "lead_ahead")
        return { { leads = 7 } }
      end,
    }
    package.loaded["moondial"] = moon
    package.loaded["moondial.campaign.gates"] = {
      check = function() return table.unpack(verdict) end,
      listed = function() end,
    }
    package.loaded["moondial.campaign.why"], package.loaded["moondial.leads.zone"] = nil, nil
    why = require "moondial.campaign.why"
  end)

  after_each(function()
    for _, name in ipairs(NAMES) do
      package.loaded[name] = nil
    end
  end)

  local NOW = 100 * 86400 + 12 * 3600

  local function row(extra)
    local r = { id = "L", phone = "+1", campaign = "c", state = "new", attempts = 0, priority = 0, next_at_ms = 0,
      zones = "East", campaign_state = "running" }
    for name, value in pairs(extra or {}) do
      r[name] = value
    end
    return r
  end

  local function live(extra)
    local campaign = { state = "running", spec = {}, live = { rate = function() return 2 end } }
    for name, value in pairs(extra or {}) do
      campaign[name] = value
    end
    return campaign
  end

  local function says(text, r, campaign)
    assert.matches(text, why.sentence(r, campaign, NOW), 1, true)
  end

  it("that waits: for what, until when in its zone", function()
    says("+1 (campaign c) is not being called now: it waits for a retry after busy until 16:00 East, in 60 min",
      row { state = "scheduled", attempts = 1, next_at_ms = (NOW + 3600) * 1000, wait_reason = "a retry after busy" },
      live())
  end)

  it("whose gates are shut", function()
    verdict = { "later", NOW + 3600, "outside its hours (East: 09:00-12:00)" }
    says("outside its hours (East: 09:00-12:00); it may be called from 16:00 East", row(), live())
    verdict = { "final", "dnc", "on the list internal" }
    says("on the list internal; it will not be called (dnc)", row(), live())
  end)

  it("whose campaign is kept from calling", function()
    for _, reason in ipairs { "all channels are in use", "trunk carrier is unreachable: no answer", "no agent is ready",
      "the rate limit is reached" } do
      says(reason, row(), live { why = reason })
    end
    says("its campaign is paused; to go on: moondial campaign start c", row(), live { state = "paused" })
    says("its campaign is stopped (no such file)", row(), live { state = "stopped", why = "no such file" })
    says("besides, its campaign is paused", row { state = "scheduled", next_at_ms = (NOW + 1) * 1000 },
      live { state = "paused" })
  end)

  it("that no engine calls", function()
    says("no engine runs its campaign now", row(), nil)
    says("its campaign is paused", row { campaign_state = "paused" }, nil)
  end)

  it("whose turn comes", function()
    says("it is its turn after 7 lead(s) that are due before it, at 2.0 calls a second now", row(), live())
  end)

  it("that is done: how, and that it stays so", function()
    says("it is done (confirmed, after 1 call); it will not be called again, unless it is recycled",
      row { state = "done", disposition = "confirmed", attempts = 1 }, live())
    says("it is done (dnc, after 0 calls): on the list national",
      row { state = "done", disposition = "dnc", wait_reason = "on the list national" }, live())
    says("an engine died while it was being called", row { state = "done", disposition = "unknown", attempts = 1 }, nil)
  end)

  it("that is being called", function()
    assert.equal("+1 (campaign c) is being called now: it rings", why.sentence(row { state = "ringing" }, live(), NOW))
    assert.equal("+1 (campaign c) is being called now: it has answered",
      why.sentence(row { state = "talking" }, live(), NOW))
    assert.equal("+1 (campaign c) is about to be called", why.sentence(row { state = "claimed" }, live(), NOW))
  end)

  it("of a campaign that dials nothing", function()
    assert.equal("all leads wait; the next one is due in 90 s (a retry after busy)",
      why.next_due(NOW + 90, "a retry after busy", NOW))
    assert.equal("all leads wait; the next one is due in 3 h", why.next_due(NOW + 3 * 3600, nil, NOW))
  end)
end)
