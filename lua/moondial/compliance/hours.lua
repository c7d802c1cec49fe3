--- Calling hours, by the clock at the called place.
---
---   hours = { "Mon-Fri 09:00-20:00", "Sat 10:00-16:00, 17:00-18:00" }
---
--- Several rules hold at once (a region's, a state's, the campaign's own), and a
--- number may lie in several zones: it is open when all of them are. What is
--- known of time zones comes from moon.zone_time (the system's tzdata).
local presets = require "moondial.compliance.presets"

local M = {}

local MINUTES = 24 * 60
local LOOK_AHEAD = 400 -- days in which it must open again
local STEPS_MAX = 2000 -- from one opening of a zone to the next one of another
local ZONES_AT_ONCE = 5 -- without a wait: a number whose place isn't known lies in dozens, which takes too long
local DAYS = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" }
local FULL = { "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday" }
local NAMED = { preset = true, holidays = true, zone = true }

--- Options are checked in plain Lua, too: the engine is there when it is asked.
local function moon()
  return require "moondial"
end

--- After so many zones others have their turn.
local function breathe(count)
  if count % ZONES_AT_ONCE == 0 then
    moon().sleep(0)
  end
end

---@alias Week {[1]: integer, [2]: integer}[][] for Monday to Sunday spans of minutes from midnight, sorted, apart

---@class Rule
---@field week Week
---@field text string as it was given, for sentences
---@field whose string? "Texas", the preset's title; nil: the campaign's own

---@class Hours
---@field rules Rule[] each must be open
---@field states table<string, Rule>? more of them, by the state of the lead
---@field compliance CompliancePreset? whose states these are
---@field holidays table<string, string> "2026-12-25", or "12-25" for every year → name or ""
---@field zone string? for leads whose zone is not known
local Hours = {}
Hours.__index = Hours

local function fail(fmt, ...)
  error({ code = "options", message = "campaign: option 'hours': " .. fmt:format(...) }, 0)
end

-- ---- reading ---------------------------------------------------------------

local function weekday(word, text)
  local low = word:lower()
  for i, full in ipairs(FULL) do
    if #low >= 3 and full:sub(1, #low) == low then
      return i
    end
  end
  return fail("'%s': '%s' is no day of the week (Mon, Tue, …)", text, word)
end

--- "Mon-Fri,Sun" → set of 1 to 7; "Sat-Mon" goes over the week's end.
local function days_of(words, text)
  local days = {}
  for part in words:gmatch("[^,]+") do
    local from, to = part:match("^%s*(%a+)%s*%-%s*(%a+)%s*$")
    from = from or part:match("^%s*(%a+)%s*$")
    if not from then
      fail("'%s': '%s' are no days (Mon-Fri, Sat)", text, part)
    end
    local i, last = weekday(from, text), weekday(to or from, text)
    days[i] = true
    while i ~= last do
      i = i % 7 + 1
      days[i] = true
    end
  end
  return days
end

local function minute(hour, min, text)
  local m = tonumber(hour) * 60 + tonumber(min)
  if tonumber(min) > 59 or m > MINUTES then
    fail("'%s': %s:%s is no time of day", text, hour, min)
  end
  return m
end

local function spans_of(times, text)
  local spans = {}
  for part in times:gmatch("[^,]+") do
    local h1, m1, h2, m2 = part:match("^%s*(%d%d?):(%d%d)%s*%-%s*(%d%d?):(%d%d)%s*$")
    if not h1 then
      fail("'%s': '%s' is no span of time such as 09:00-20:00", text, part)
    end
    local from, to = minute(h1, m1, text), minute(h2, m2, text)
    if from >= to then
      fail("'%s': %s ends before it begins; hours over midnight are two spans (20:00-24:00 and 00:00-02:00 of the "
        .. "next day)", text, part:match("^%s*(.-)%s*$"))
    end
    spans[#spans + 1] = { from, to }
  end
  return spans
end

local function empty_week()
  return { {}, {}, {}, {}, {}, {}, {} }
end

--- Sorted, and those that touch made one.
local function merge(spans)
  table.sort(spans, function(a, b) return a[1] < b[1] end)
  local merged = {}
  for _, span in ipairs(spans) do
    local last = merged[#merged]
    if last and span[1] <= last[2] then
      last[2] = math.max(last[2], span[2])
    else
      merged[#merged + 1] = { span[1], span[2] }
    end
  end
  return merged
end

---@param list string[]
---@param whose string?
---@return Rule
local function rule_of(list, whose)
  local week = empty_week()
  for _, text in ipairs(list) do
    if type(text) ~= "string" then
      fail("a text such as \"Mon-Fri 09:00-20:00\" is expected, got a %s", type(text))
    end
    local plain = text:gsub("–", "-")
    local words, times = plain:match("^%s*(%a[%a%s,%-]-)%s+(%d.*)$")
    times = times or plain:match("^%s*(%d.*)$")
    if not times then
      fail("'%s' is not understood; say \"Mon-Fri 09:00-20:00\"", text)
    end
    for day in pairs(words and days_of(words, text) or { true, true, true, true, true, true, true }) do
      for _, span in ipairs(spans_of(times, text)) do
        table.insert(week[day], span)
      end
    end
  end
  for day = 1, 7 do
    week[day] = merge(week[day])
  end
  return { week = week, text = table.concat(list, "; "), whose = whose }
end

local MONTH_DAYS = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

--- "2026-12-25", or "12-25": every year.
local function date_of(text, where)
  local year, month, day = text:match("^%s*(%d%d%d%d)%-(%d%d)%-(%d%d)%s*$")
  if not year then
    month, day = text:match("^%s*(%d%d)%-(%d%d)%s*$")
  end
  local m, d = tonumber(month), tonumber(day)
  if not m or m < 1 or m > 12 or d < 1 or d > MONTH_DAYS[m] then
    fail("%s'%s' is no date: 2026-12-25, or 12-25 for every year", where, text)
  end
  return (year and year .. "-" or "") .. month .. "-" .. day
end

--- The dates of a CSV file: its column `date` (or its first one), `name` beside
--- it. Waits.
local function read_file(path, holidays)
  local date_at, name_at = 1, 2
  local first = true
  for row in moon().csv.rows(path) do
    local where = ("%s:%d: "):format(path, row.line)
    if row.error then
      fail("%s%s", where, row.error)
    end
    if first and not row.fields[1]:match("^%s*%d") then
      date_at, name_at = nil, nil
      for i, name in ipairs(row.fields) do
        local low = name:lower():match("^%s*(.-)%s*$")
        date_at = low == "date" and i or date_at
        name_at = low == "name" and i or name_at
      end
      if not date_at then
        fail("%sthe header has no column 'date'", where)
      end
    else
      holidays[date_of(row.fields[date_at] or "", where)] = name_at and row.fields[name_at] or ""
    end
    first = false
  end
end

local function holidays_of(given, folder)
  local holidays = {}
  for _, text in ipairs(type(given) == "table" and given or { given }) do
    if type(text) ~= "string" then
      fail("'holidays' are dates such as \"2026-12-25\", or the path of a CSV file")
    elseif text:match("^%s*[%d%-]+%s*$") then
      holidays[date_of(text, "holidays: ")] = ""
    else
      read_file(folder and text:sub(1, 1) ~= "/" and folder .. text or text, holidays)
    end
  end
  return holidays
end

--- Hours out of what a campaign says. Raises {code = "options"}. A file of
--- holidays is read: waits.
---@param spec string|table? "Mon-Fri 09:00-20:00", a list of such; in the table also `holidays` (dates, CSV files),
---`zone` (of leads whose zone is not known), `preset` ("us")
---@param compliance CompliancePreset? its hours hold too
---@param folder string? of the campaign's file, with a slash at its end
---@return Hours
function M.parse(spec, compliance, folder)
  local self = setmetatable({ rules = {}, holidays = {} }, Hours)
  spec = type(spec) == "string" and { spec } or spec or {}
  if type(spec) ~= "table" then
    fail("a list such as { \"Mon-Fri 09:00-20:00\" } is expected, got a %s", type(spec))
  end
  for name in pairs(spec) do
    if not (math.type(name) == "integer" and name >= 1 and name <= #spec) and not NAMED[name] then
      fail("unknown option 'hours.%s' (there are preset, holidays, zone)", tostring(name))
    end
  end
  if spec.preset then
    compliance = presets.presets[spec.preset] or fail("preset: there is no '%s' (there are us, uk)",
      tostring(spec.preset))
  end
  if compliance and compliance.hours then
    self.rules[1] = rule_of(compliance.hours, compliance.title)
  end
  if compliance and compliance.states then
    self.compliance, self.states = compliance, {}
    for code, rules in pairs(compliance.states) do
      self.states[code] = rule_of(rules.hours, code)
    end
  end
  if #spec > 0 then
    self.rules[#self.rules + 1] = rule_of(spec)
  end
  if spec.holidays ~= nil then
    self.holidays = holidays_of(spec.holidays, folder)
  end
  if spec.zone ~= nil then
    if type(spec.zone) ~= "string" or not moon().zone_time(spec.zone, 0) then
      fail("'%s' is no time zone such as America/New_York", tostring(spec.zone))
    end
    self.zone = spec.zone
  end
  return self
end

-- ---- asking ----------------------------------------------------------------

local function hm(minutes)
  return ("%02d:%02d"):format(minutes // 60, minutes % 60)
end

--- The span of WEEK that this minute lies in, or the next one of the day.
local function span_at(week, wday, min)
  for _, span in ipairs(week[wday]) do
    if min < span[2] then
      return span, min >= span[1]
    end
  end
  return nil, false
end

function Hours:holiday(z)
  local day = ("%02d-%02d"):format(z.month, z.day)
  return self.holidays[day] or self.holidays[("%04d-"):format(z.year) .. day]
end

--- Why ZONE is closed under RULE at T; nil: it is open.
function Hours:closed(rule, zone, z)
  local holiday = self:holiday(z)
  if holiday then
    return ("it is a holiday in %s (%04d-%02d-%02d%s)"):format(zone, z.year, z.month, z.day,
      holiday ~= "" and ", " .. holiday or "")
  end
  local min = z.hour * 60 + z.min
  local _, inside = span_at(rule.week, z.wday, min)
  if not inside then
    return ("it is %s %s in %s, outside the calling hours (%s%s)"):format(DAYS[z.wday], hm(min), zone, rule.text,
      rule.whose and ", " .. rule.whose or "")
  end
  return nil
end

--- When ZONE opens under RULE, at T or later; nil: not in sight.
function Hours:next_open(rule, zone, t)
  local z = moon().zone_time(zone, t)
  local today = z.hour * 60 + z.min
  for ahead = 0, LOOK_AHEAD do
    local midnight = ahead == 0 and t
      or moon().zone_epoch(zone, { year = z.year, month = z.month, day = z.day + ahead })
    local day = moon().zone_time(zone, midnight)
    if not self:holiday(day) then
      for _, span in ipairs(rule.week[day.wday]) do
        if ahead == 0 and today >= span[1] and today < span[2] then
          return t
        elseif ahead > 0 or span[1] > today then
          local opens = moon().zone_epoch(zone, { year = day.year, month = day.month, day = day.day, min = span[1] })
          -- a clock that goes back shows a time twice, one that goes forward
          -- may skip the whole span
          if opens >= t and not self:closed(rule, zone, moon().zone_time(zone, opens)) then
            return opens
          end
        end
      end
    end
  end
  return nil
end

--- The rules for a lead of that state.
function Hours:rules_for(state)
  local _, code
  if self.states then
    _, code = presets.of_state(self.compliance, state)
  end
  local special = code and self.states[code]
  if not special then
    return self.rules
  end
  local rules = { special }
  table.move(self.rules, 1, #self.rules, 2, rules)
  return rules
end

--- How often a number in that state may be called in 24 hours; nil: it doesn't say.
---@param state string?
---@return integer?
function Hours:calls_a_day(state)
  local rules = self.compliance and presets.of_state(self.compliance, state)
  return rules and rules.calls_a_day
end

--- When all are open, at T or later; nil: not in sight.
function Hours:opens_at(rules, zones, t)
  for _ = 1, STEPS_MAX do
    local latest = t
    for _, rule in ipairs(rules) do
      for i, zone in ipairs(zones) do
        breathe(i)
        local opens = self:next_open(rule, zone, t)
        if not opens then
          return nil
        end
        latest = math.max(latest, opens)
      end
    end
    if latest == t then
      return t
    end
    t = latest
  end
  return nil
end

--- Whether a lead may be called at NOW: in all of its zones, by all rules. Waits,
--- where these are many, for the others' turn.
---@param zones string[]? IANA names; none: the option's `zone`
---@param now number seconds since the epoch
---@param state string? of the lead ("TX"), for states whose rules are stricter
---@return boolean open
---@return number? opens_at seconds since the epoch; nil: never, as far as can be seen (or its zone is not known)
---@return string? reason a sentence's part
function Hours:open(zones, now, state)
  local rules = self:rules_for(state)
  if #rules == 0 and not next(self.holidays) then
    return true
  end
  if #rules == 0 then
    rules = { { week = M.ALWAYS, text = "" } }
  end
  zones = zones and #zones > 0 and zones or { self.zone }
  if #zones == 0 then
    return false, nil, "its time zone is not known (a column 'zone', or the option hours.zone, would say it)"
  end
  for i, zone in ipairs(zones) do
    breathe(i)
    local z = moon().zone_time(zone, now)
    if not z then
      return false, nil, ("its time zone '%s' is not known to this system"):format(zone)
    end
    for _, rule in ipairs(rules) do
      local why = self:closed(rule, zone, z)
      if why then
        return false, self:opens_at(rules, zones, now), why
      end
    end
  end
  return true
end

M.ALWAYS = empty_week()
for day = 1, 7 do
  M.ALWAYS[day] = { { 0, MINUTES } }
end

return M
