--- Pools of caller ids: which number a campaign's call shows.
---
---   caller_ids = { "+12125550100", "+14155550100",
---     choose = "area_code", per_day = 100, park = 86400 }
---
--- A lead that is called again is shown the same number. One that a carrier has
--- blocked (603 "Network Blocked", 608) rests. How often a number was shown is
--- counted over all campaigns, from the call records; who rests stands in the
--- database: a restart changes neither.
local database = require "moondial.database"

local M = {}

local HOUR = 3600
local DAY = 24 -- hours: "a day" is always the last 24
local PARK = 86400 -- seconds
local NAMED = { choose = true, per_day = true, park = true }
local FRESH = 5 -- seconds for which is believed who rests: a person may have ended it

---@class CallerId
---@field number string
---@field hours table<integer, integer> calls by hour since the epoch
---@field used number when it was chosen last; of no meaning but its order
---@field parked_until number?
---@field reason string?
---@field parked_at number? when it was parked here
---@field noting boolean? that it rests: the database doesn't know yet

--- Options are checked in plain Lua, too: the engine is there when it is asked.
local function moon()
  return require "moondial"
end

--- Of all campaigns and generations of scripts.
---@return {ids: table<string, CallerId>, order: integer, looked_at: number}
local function shared()
  local kept = moon().shared
  kept.caller_ids = kept.caller_ids or { ids = {}, order = 0, looked_at = -math.huge }
  return kept.caller_ids
end

---@class CallerIdPool
---@field numbers string[]
---@field choose_by "rotation"|"area_code"
---@field per_day number
---@field park number seconds
local Pool = {}
Pool.__index = Pool

local function fail(fmt, ...)
  error({ code = "options", message = "campaign: option 'caller_ids': " .. fmt:format(...) }, 0)
end

local function digits(number)
  return (number:gsub("%D", ""))
end

--- A pool out of what a campaign says. Raises {code = "options"}.
---@param spec table numbers; choose: "rotation" (default: who has rested longest) or "area_code" (the longest beginning
---in common with the called number); per_day: calls in 24 h that may show one; park: seconds that a blocked one rests
---@return CallerIdPool
function M.pool(spec)
  if type(spec) ~= "table" or #spec == 0 then
    fail("a list of numbers is expected")
  end
  local seen = {}
  for name, value in pairs(spec) do
    if math.type(name) == "integer" then
      if type(value) ~= "string" or not value:match("^%+?%d+$") or #digits(value) > 15 or #value < 3 then
        fail("'%s' is no number such as +12125550100", tostring(value))
      elseif seen[digits(value)] then
        fail("%s stands in it twice", value)
      end
      seen[digits(value)] = true
    elseif not NAMED[name] then
      fail("unknown option 'caller_ids.%s' (there are choose, per_day, park)", tostring(name))
    end
  end
  if spec.choose ~= nil and spec.choose ~= "rotation" and spec.choose ~= "area_code" then
    fail("choose is \"rotation\" or \"area_code\"")
  elseif spec.per_day ~= nil and not (math.type(spec.per_day) == "integer" and spec.per_day > 0) then
    fail("per_day must be a whole number above 0")
  elseif spec.park ~= nil and not (type(spec.park) == "number" and spec.park > 0 and spec.park < math.huge) then
    fail("park must be seconds above 0")
  end
  return setmetatable({
    numbers = table.move(spec, 1, #spec, 1, {}),
    choose_by = spec.choose or "rotation",
    per_day = spec.per_day or math.huge,
    park = spec.park or PARK,
  }, Pool)
end

--- Who rests, as the database has it: number → row.
local function parked_now(now)
  local parked = {}
  for _, row in ipairs(database.query("caller_id_parked", math.floor(now * 1000))) do
    parked[row.number] = row
  end
  return parked
end

local function rest(id, row)
  id.parked_until, id.reason = row and row.parked_until_ms / 1000, row and row.reason
end

--- Look who rests, if nobody has of late.
local function look(now)
  local all = shared()
  if now - all.looked_at < FRESH and now >= all.looked_at then
    return
  end
  all.looked_at = now
  local asked_at = moon().now()
  local parked = parked_now(now)
  for number, id in pairs(all.ids) do
    -- one that was blocked meanwhile the answer may not know of
    if not id.noting and (id.parked_at or -math.huge) < asked_at then
      rest(id, parked[number])
    end
  end
end

--- The state of NUMBER; from the call records and the database when it is new
--- here.
local function state_of(number, now)
  local ids = shared().ids
  if not ids[number] then
    local id = { number = number, hours = {}, used = 0 }
    for _, row in ipairs(database.query("caller_id_hours", number, math.floor((now - DAY * HOUR) * 1000))) do
      id.hours[row.hour] = row.calls
    end
    rest(id, parked_now(now)[number])
    ids[number] = ids[number] or id
  end
  return ids[number]
end

--- Calls that have shown it in the last 24 hours, and when the first of these
--- hours will be over.
local function shown(id, now)
  local this, count, first = now // HOUR | 0, 0, nil
  for hour, calls in pairs(id.hours) do
    if hour <= this - DAY then
      id.hours[hour] = nil
    else
      count = count + calls
      first = math.min(first or hour, hour)
    end
  end
  return count, first and (first + DAY) * HOUR
end

--- Until when ID can't be shown, and why; nil: it can.
function Pool:held(id, now)
  if id.parked_until and id.parked_until > now then
    return id.parked_until, "blocked"
  end
  local count, frees_at = shown(id, now)
  if count >= self.per_day then
    return frees_at, "capped"
  end
end

--- How many digits two numbers begin with in common.
local function common(a, b)
  local n = 0
  while n < #a and a:byte(n + 1) == b:byte(n + 1) do
    n = n + 1
  end
  return n
end

--- Of those that can be shown the nearest, or who has rested longest.
local function best(self, ids, lead)
  local called = digits(lead.number or lead.phone)
  local found, found_common
  for _, id in ipairs(ids) do
    local near = self.choose_by == "area_code" and common(digits(id.number), called) or 0
    if not found or near > found_common or near == found_common and id.used < found.used then
      found, found_common = id, near
    end
  end
  return found
end

--- The caller id of the lead's next call; it counts as shown. Waits.
---@param lead {id: string?, phone: string, number: string?, attempts: integer?} number: the one to be called
---@param asks boolean? nobody is called: count nothing
---@return string? from
---@return string? reason when none can be shown
---@return number? until seconds since the epoch
function Pool:choose(lead, asks)
  local now = moon().now()
  local ids, free, soonest, why = {}, {}, nil, nil
  for i, number in ipairs(self.numbers) do
    ids[i] = state_of(number, now)
  end
  look(now)
  local last = lead.id and (lead.attempts or 0) > 0 and database.query("caller_id_of_lead", lead.id)[1]
  -- nothing waits from here on: two leads can't both get the last call of a day
  for _, id in ipairs(ids) do
    local until_, reason = self:held(id, now)
    if not until_ then
      free[#free + 1] = id
    elseif not soonest or until_ < soonest then
      soonest, why = until_, reason
    end
  end
  if #free == 0 then
    return nil, why == "blocked" and "all its caller ids are blocked by a carrier, and rest"
      or ("each of its caller ids was shown %d times in 24 hours"):format(self.per_day), soonest
  end
  local chosen
  for _, id in ipairs(free) do
    chosen = last and id.number == last.from_user and id or chosen
  end
  chosen = chosen or best(self, free, lead)
  if not asks then
    local hour = now // HOUR | 0
    chosen.hours[hour] = (chosen.hours[hour] or 0) + 1
    local all = shared()
    all.order = all.order + 1
    chosen.used = all.order
  end
  return chosen.number
end

--- What has come of a call that showed FROM. "blocked": it rests. nil: no INVITE
--- has left, it was not shown. Waits.
---@param from string
---@param outcome string? the disposition
---@param reason string? the carrier's words
function Pool:came(from, outcome, reason)
  local id = shared().ids[from]
  local now = moon().now()
  if not id then
    return
  elseif outcome == nil then
    local hour = now // HOUR | 0
    if (id.hours[hour] or 0) > 0 then
      id.hours[hour] = id.hours[hour] - 1
    end
  elseif outcome == "blocked" then
    id.parked_until, id.reason, id.parked_at, id.noting = now + self.park, reason, now, true
    moon().log.warn("caller id %s is blocked%s; it rests for %.0f s", from, reason and ": " .. reason or "", self.park)
    local db = moon().db
    local done, _, message = db.exec(db.sql "caller_id_park", from, math.floor(now * 1000),
      math.floor(id.parked_until * 1000), reason or db.null)
    id.noting = nil
    if not done then
      moon().log.error("caller id %s: that it rests is not noted: %s", from, message)
    end
  end
end

--- All of the pool, for reports: number, shown (in 24 h), parked_until, reason.
--- Waits.
---@return {number: string, shown: integer, parked_until: number?, reason: string?}[]
function Pool:list()
  local now, list = moon().now(), {}
  for i, number in ipairs(self.numbers) do
    local id = state_of(number, now)
    look(now)
    list[i] = { number = number, shown = (shown(id, now)), parked_until = id.parked_until, reason = id.reason }
  end
  return list
end

return M
