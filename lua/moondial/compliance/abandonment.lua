--- Abandoned calls: those that a person has answered and that had no agent within
--- two seconds of the end of the greeting. Campaigns count them with each call's
--- end, by day (db/README.md, abandonment); here is what such a person hears, and
--- the shares that the rules ask for:
---
---   share = abandoned / calls answered by a person, over a day and over 30 days
local moon = require "moondial"
local database = require "moondial.database"
local dnc = require "moondial.compliance.dnc"

local M = {}

local DAY = 86400
local OPT_OUT_WAIT = 2 -- seconds after the message in which the key may be pressed

---@class AbandonmentRate
---@field day string YYYY-MM-DD, the last one of the window
---@field days integer how many
---@field live integer calls answered by a person
---@field abandoned integer of these without an agent in time
---@field machines integer calls hung up on since a machine had answered
---@field share number abandoned / live; 0 while nobody has answered

--- The engine's own date DAYS_AHEAD days after that of TEXT. At noon, so that no
--- change of a clock counts.
local function date(text, days_ahead)
  local year, month, day = text:match("^(%d+)%-(%d+)%-(%d+)$")
  return os.date("%Y-%m-%d", os.time { year = year, month = month, day = day, hour = 12 } + days_ahead * DAY)
end

--- The counts of the DAYS days up to LAST.
---@param rows {day: string, live: integer, abandoned: integer, machines: integer}[]
---@param last string YYYY-MM-DD
---@param days integer
---@return AbandonmentRate
function M.over(rows, last, days)
  local first = date(last, 1 - days)
  local rate = { day = last, days = days, live = 0, abandoned = 0, machines = 0 }
  for _, row in ipairs(rows) do
    if row.day >= first and row.day <= last then
      rate.live, rate.abandoned = rate.live + row.live, rate.abandoned + row.abandoned
      rate.machines = rate.machines + row.machines
    end
  end
  rate.share = rate.live > 0 and rate.abandoned / rate.live or 0
  return rate
end

--- For each day from FIRST to LAST on which somebody answered: the share of that
--- day, and of the DAYS days up to it. Waits.
---@param campaign string
---@param first string YYYY-MM-DD
---@param last string
---@param days integer? of the longer window, 30
---@return {day: AbandonmentRate, window: AbandonmentRate}[]
function M.rates(campaign, first, last, days)
  days = days or 30
  local rows = database.query("abandonment_list", campaign, date(first, 1 - days))
  local rates = {}
  for _, row in ipairs(rows) do
    if row.day >= first and row.day <= last then
      rates[#rates + 1] = { day = M.over(rows, row.day, 1), window = M.over(rows, row.day, days) }
    end
  end
  return rates
end

--- Whether KEY is pressed within SECONDS; others are passed over.
local function pressed(call, key, seconds)
  local deadline = moon.now() + seconds
  repeat
    local digit = call:wait_digit(math.max(0, deadline - moon.now()))
    if digit == key then
      return true
    end
  until not digit
  return false
end

--- What a person hears for whom there is no agent: the campaign's safe-harbour
--- message, in which a key opts out. The call is then hung up. Waits; raises when
--- the person hangs up, and the disposition is abandoned all the same.
---@param call table answered
---@param prompt any? of the seller's name and number, and which key to press; nil: none
---@param key string? that opts out, "9" by default
---@return "abandoned"|"dnc" disposition
function M.message(call, prompt, key)
  call.disposition = "abandoned"
  if prompt then
    key = key or "9"
    local how = call:play(prompt, { stop_on = key })
    if how == "stopped" or pressed(call, key, OPT_OUT_WAIT) then
      call:opt_out()
    end
  end
  call:hangup("abandoned")
  return dnc.has_asked(call) and "dnc" or "abandoned"
end

return M
