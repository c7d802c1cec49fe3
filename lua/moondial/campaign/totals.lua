--- A campaign's totals: leads, dialled, done, attempts, merged, answered. All of its
--- leads and calls are read for them, a third of a second of a million: a page at a
--- time, so that nobody else's question waits for it, and what took several pages is
--- believed for twenty times as long as it took.
local moon = require "moondial"
local database = require "moondial.database"

local M = {}

local PAGE = 10000 -- leads, or calls, of one question
local BELIEVED = 20 -- times what it took
local BELIEVED_MAX = 10 -- seconds
local EVER = 1 << 53 -- ms: later than any call

---@class CampaignTotals
---@field leads integer
---@field dialled integer once, at least
---@field done integer
---@field attempts integer
---@field merged integer duplicates that were read
---@field answered integer calls

--- What was counted, by campaign: {row, until_}.
local counted = {}

local function count_leads(name)
  local totals = { leads = 0, dialled = 0, done = 0, attempts = 0, merged = 0 }
  local last, full = "", true
  while full do
    local page = database.query("campaign_totals", name, last, PAGE)[1]
    for figure in pairs(totals) do
      totals[figure] = totals[figure] + page[figure]
    end
    last, full = page.last, page.leads == PAGE
  end
  return totals
end

--- Pages end between two milliseconds.
local function count_answered(name, calls)
  local answered, from = 0, -1
  repeat
    local next_ = calls > PAGE and database.query("campaign_calls_until", name, from, PAGE)[1]
    local to = next_ and next_.started_at_ms or EVER
    answered = answered + database.query("campaign_answered", name, from, to)[1].answered
    from = to
  until from == EVER
  return answered
end

--- Waits.
---@param name string
---@param fresh boolean? nothing that was counted before will do
---@return CampaignTotals a table of the caller's
function M.of(name, fresh)
  local begun = moon.now()
  local known = counted[name]
  if fresh or not known or begun >= known.until_ or begun < known.at then
    local totals = count_leads(name)
    totals.answered = count_answered(name, totals.attempts)
    local now, many = moon.now(), math.max(totals.leads, totals.attempts) > PAGE
    known = { totals = totals, at = now,
      until_ = many and now + math.min(BELIEVED_MAX, BELIEVED * (now - begun)) or now }
    counted[name] = known
  end
  local copy = {}
  for figure, value in pairs(known.totals) do
    copy[figure] = value
  end
  return copy
end

return M
