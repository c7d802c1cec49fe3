--- The time zones of leads: IANA names. A lead has those of its number's prefix,
--- several where a prefix lies in several, or the one that its row names.
local moon = require "moondial"

local M = {}

--- Hours at which a part of the day begins, in the lead's zone.
M.PARTS = { { name = "morning", from = 8 }, { name = "afternoon", from = 12 }, { name = "evening", from = 17 } }

local KNOWN_MAX = 1000 -- there are some 900 in the table of prefixes

--- What split has seen: many leads have the same zones, some eighty of them.
local known, known_count = {}, 0

local function split(names)
  local list = {}
  for name in names:gmatch("[^,]+") do
    list[#list + 1] = name
  end
  if known_count < KNOWN_MAX then
    known[names], known_count = list, known_count + 1
  end
  return list
end

---@param names string? as in the column `zones`, comma-separated
---@return string[]
function M.split(names)
  local list = names and (known[names] or split(names)) or {}
  return table.move(list, 1, #list, 1, {})
end

--- The first of them: whose clock a lead's days and parts of days go by.
---@param names string? as in the column `zones`
---@return string? zone nil: none is known
function M.first(names)
  return names and names:match("^[^,]+")
end

--- All zones that numbers of this prefix are in; empty when none is known.
---@param number string E.164, with its +
---@return string[]
function M.of(number)
  return M.split(moon.phone.zones(number))
end

--- The clock in ZONE; nil: the machine's own.
---@param zone string?
---@param t number
---@return {year: integer, month: integer, day: integer, hour: integer, min: integer, sec: integer}
function M.time(zone, t)
  return zone and moon.zone_time(zone, t) or os.date("*t", math.floor(t))
end

--- When the clock in ZONE shows that.
---@param zone string? nil: the machine's own
---@param clock {year: integer, month: integer, day: integer, hour: integer?, min: integer?, sec: integer?}
---@return number t
function M.epoch(zone, clock)
  if zone then
    return moon.zone_epoch(zone, clock)
  end
  return os.time { year = clock.year, month = clock.month, day = clock.day, hour = clock.hour or 0,
    min = clock.min or 0, sec = clock.sec or 0 }
end

--- When the day of NOW began there, or ends (DAYS = 1).
---@param zone string?
---@param now number
---@param days integer? to be added
function M.midnight(zone, now, days)
  local clock = M.time(zone, now)
  return M.epoch(zone, { year = clock.year, month = clock.month, day = clock.day + (days or 0), hour = 0, min = 0,
    sec = 0 })
end

--- When the next part of the day begins there, and its name.
---@param zone string?
---@param now number
---@return number t
---@return string name
function M.next_part(zone, now)
  local clock = M.time(zone, now)
  for _, part in ipairs(M.PARTS) do
    if clock.hour < part.from then
      return M.epoch(zone, { year = clock.year, month = clock.month, day = clock.day, hour = part.from, min = 0,
        sec = 0 }), part.name
    end
  end
  return M.epoch(zone, { year = clock.year, month = clock.month, day = clock.day + 1, hour = M.PARTS[1].from,
    min = 0, sec = 0 }), M.PARTS[1].name
end

--- A moment as a person reads it, in the zone, and which zone that is.
---@param zone string?
---@param t number
---@param now number? the date is left out when it is the same day
function M.text(zone, t, now)
  local clock = M.time(zone, t)
  local today = now and M.time(zone, now)
  local text = ("%02d:%02d"):format(clock.hour, clock.min)
  if not (today and today.day == clock.day and today.month == clock.month and today.year == clock.year) then
    text = ("%04d-%02d-%02d "):format(clock.year, clock.month, clock.day) .. text
  end
  return zone and text .. " " .. zone or text
end

--- A moment that somebody writes: seconds since the epoch; "15:00" (the next
--- one), "2026-11-28 15:00", in the zone; "30m", "2h", "3d" from now.
---@param what number|string
---@param zone string?
---@param now number
---@return number? t
---@return string? reason
function M.moment(what, zone, now)
  if type(what) == "number" then
    if what ~= what or what < 0 or what >= 2 ^ 40 then
      return nil, "the time must be seconds since 1970"
    end
    return what
  elseif type(what) ~= "string" then
    return nil, "the time must be a number of seconds or a text"
  end
  local count, unit = what:match("^(%d+)([smhd])$")
  if count then
    return now + tonumber(count) * ({ s = 1, m = 60, h = 3600, d = 86400 })[unit]
  end
  local year, month, day, hour, min = what:match("^(%d%d%d%d)%-(%d%d?)%-(%d%d?)[ T](%d%d?):(%d%d)$")
  if not year then
    hour, min = what:match("^(%d%d?):(%d%d)$")
  end
  hour, min = tonumber(hour), tonumber(min)
  if not hour or hour > 23 or min > 59 then
    return nil, ("'%s' is no time: 15:00, 2026-11-28 15:00, 30m, 2h or 3d"):format(what)
  end
  if year then
    local t = M.epoch(zone, { year = tonumber(year), month = tonumber(month), day = tonumber(day), hour = hour,
      min = min, sec = 0 })
    local clock = M.time(zone, t)
    if clock.month ~= tonumber(month) or clock.day ~= tonumber(day) then
      return nil, ("'%s' is no date"):format(what)
    end
    return t
  end
  local clock = M.time(zone, now)
  local at = { year = clock.year, month = clock.month, day = clock.day, hour = hour, min = min, sec = 0 }
  if M.epoch(zone, at) <= now then
    at.day = at.day + 1
  end
  return M.epoch(zone, at)
end

return M
