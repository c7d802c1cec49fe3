--- What a regulator asks of a campaign, from the database: when people were
--- called by their own clocks, how many answered, how many of these got no agent,
--- how long it rang, who was not called since a list said so, which numbers were
--- shown, and who changed what.
local moon = require "moondial"
local abandonment = require "moondial.compliance.abandonment"
local audit = require "moondial.compliance.audit"
local calls = require "moondial.reports.calls"
local database = require "moondial.database"
local format = require "moondial.reports.format"
local presets = require "moondial.compliance.presets"

local M = {}

local QUARTER = 900 -- seconds

local query = database.query

--- The rules that the campaign was run by last, as its options said.
local function rules_of(campaign)
  local row = query("audit_options", campaign)[1]
  local given = row and moon.json.decode(row.options_json) or {}
  if given.compliance == "false" then
    return nil
  end
  local ok, rules = pcall(presets.resolve, given.compliance or given["compliance.preset"])
  return ok and rules or presets.resolve(nil)
end

--- Quarters of an hour → calls by the engine's own date, and by the hour of the
--- clock at the called place. A number that may lie in several zones counts in
--- its first one; `elsewhere` are calls to leads whose zone is not known.
local function spread(quarters)
  local days, hours, unknown = {}, {}, 0
  for hour = 0, 23 do
    hours[hour] = 0
  end
  for _, row in ipairs(quarters) do
    local at = row.quarter * QUARTER
    local date = os.date("%Y-%m-%d", at)
    local day = days[date] or { calls = 0, answered = 0 }
    days[date] = day
    day.calls, day.answered = day.calls + row.calls, day.answered + row.answered
    local zone = row.zones and row.zones:match("^%s*([^,%s]+)")
    local z = zone and moon.zone_time(zone, at)
    if z then
      hours[z.hour] = hours[z.hour] + row.calls
    else
      unknown = unknown + row.calls
    end
  end
  return days, hours, unknown
end

--- Calls by day, with what was abandoned of them.
local function days_of(days, rates)
  local all, dates = {}, {}
  for date, day in pairs(days) do
    all[date] = { day = date, calls = day.calls, answered = day.answered, live = 0, abandoned = 0, share = 0 }
  end
  for _, rate in ipairs(rates) do
    local date = rate.day.day
    local row = all[date] or { day = date, calls = 0, answered = 0 }
    all[date] = row
    row.live, row.abandoned, row.share = rate.day.live, rate.day.abandoned, rate.day.share
    row.window_live, row.window_abandoned = rate.window.live, rate.window.abandoned
    row.window_share = rate.window.share
  end
  for date in pairs(all) do
    dates[#dates + 1] = date
  end
  table.sort(dates)
  local list = {}
  for i, date in ipairs(dates) do
    list[i] = all[date]
  end
  return list
end

local function sum_of(days)
  local total = { calls = 0, answered = 0, live = 0, abandoned = 0 }
  for _, row in ipairs(days) do
    for name in pairs(total) do
      total[name] = total[name] + (row[name] or 0)
    end
  end
  total.share = total.live > 0 and total.abandoned / total.live or 0
  return total
end

--- All of it. Waits.
---@param options {campaign: string, since_ms: integer, until_ms: integer}
---@return table report
function M.of(options)
  local name, since, until_ = options.campaign, options.since_ms, options.until_ms
  local now = math.floor(moon.now() * 1000)
  local rules = rules_of(name)
  local window_days = rules and rules.abandoned_days or 30
  local days, hours, unknown = spread(query("compliance_quarters", name, since, until_))
  local last = os.date("%Y-%m-%d", (math.min(until_, now) - 1) // 1000)
  local rates = abandonment.rates(name, os.date("%Y-%m-%d", since // 1000), last, window_days)
  local ring = query("compliance_short", rules and rules.ring * 1000 or 15000, name, since, until_)[1]
  local report = {
    campaign = name,
    rules = rules and rules.title or "none (compliance = false)",
    since_ms = since,
    until_ms = math.min(until_, now),
    made_at_ms = now,
    day_zone = os.date("%Z, UTC%z", math.min(until_, now) // 1000),
    days = days_of(days, rates),
    hours = {},
    zone_unknown = unknown,
    window_days = window_days,
    allowed_share = rules and rules.abandoned_max or nil,
    given_up = ring.given_up,
    short = ring.short,
    ring_ms = (rules and rules.ring or 15) * 1000 // 1 | 0,
    most_calls_a_day = query("compliance_most", name, since, until_, 0)[1].calls or 0,
    not_called = query("compliance_stopped", name, since, until_),
    opted_out = query("compliance_opted_out", name, since, until_)[1].numbers,
    lists = {},
    caller_ids = calls.named("caller_id", query("report_calls", "caller_id", "caller_id", name, since, until_)),
    changes = query("audit_list", name, since, until_),
  }
  for hour = 0, 23 do
    report.hours[#report.hours + 1] = { hour = hour, calls = hours[hour] }
  end
  for _, row in ipairs(query("dnc_sizes")) do
    table.insert(report.lists, { name = row.list, numbers = row.numbers, changed_at_ms = row.added_at_ms })
  end
  for _, row in ipairs(query("dnc_lists")) do
    table.insert(report.lists, { name = row.name, numbers = row.numbers, changed_at_ms = row.imported_at_ms })
  end
  report.total = sum_of(report.days)
  for i, row in ipairs(report.caller_ids) do
    report.caller_ids[i] = { caller_id = row.caller_id, calls = row.calls, answered = row.answered }
  end
  return report
end

-- ---- as text ---------------------------------------------------------------

--- A table under its heading, or that there is nothing to be told.
local function part(heading, columns, rows)
  return heading .. (#rows > 0 and "\n" .. format.text(columns, rows) or ": none")
end

local function stamp(ms)
  return ms <= 0 and "the beginning" or audit.time(ms) .. " UTC"
end

local function hours_part(report)
  local lines = {}
  for _, row in ipairs(report.hours) do
    if row.calls > 0 then
      lines[#lines + 1] = { hour = ("%02d:00-%02d:59"):format(row.hour, row.hour), calls = row.calls }
    end
  end
  if report.zone_unknown > 0 then
    lines[#lines + 1] = { hour = "zone unknown", calls = report.zone_unknown }
  end
  return part("By hour of the clock at the called place", { { "hour", "hour" }, { "calls", "calls" } }, lines)
end

---@param report table
---@return string
function M.text(report)
  local total = report.total
  local parts = {
    ("Campaign %s, %s to %s\nRules: %s\nMade: %s"):format(report.campaign, stamp(report.since_ms),
      stamp(report.until_ms), report.rules, stamp(report.made_at_ms)),
    ("Calls: %d, answered: %d, of these by a person: %d, without an agent in time: %d (%s)"):format(total.calls,
      total.answered, total.live, total.abandoned, format.percent(total.share)),
    part(("By day (in the time zone of this machine and of its engine, %s)"):format(report.day_zone),
      { { "day", "day" }, { "calls", "calls" },
      { "answered", "answered" }, { "live", "live" }, { "abandoned", "abandoned" }, { "share", "share",
        format.percent }, { "window_share", ("over %d days"):format(report.window_days), format.percent } },
      report.days),
    hours_part(report),
    ("Ringing: %d calls given up unanswered, %d of them after less than %d s"):format(report.given_up, report.short,
      report.ring_ms // 1000),
    ("Calls to one number on one day (UTC), at most: %d"):format(report.most_calls_a_day),
    ("Asked on a call not to be called again: %d"):format(report.opted_out),
    part("Leads that were not called", { { "disposition", "disposition" }, { "wait_reason", "why",
      function(v) return v or "" end }, { "leads", "leads" } }, report.not_called),
    part("Lists of numbers that must not be called", { { "name", "list" }, { "numbers", "numbers" },
      { "changed_at_ms", "changed", stamp } }, report.lists),
    part("Caller ids", { { "caller_id", "caller id", function(v) return v or "none" end },
      { "calls", "calls" }, { "answered", "answered" } }, report.caller_ids),
    #report.changes > 0 and "Changes\n" .. audit.text(report.changes) or "Changes: none",
  }
  return table.concat(parts, "\n\n")
end

-- ---- as CSV ----------------------------------------------------------------

--- One table for all: section, name, figure, value.
---@param report table
---@return string
function M.csv(report)
  local rows = {}
  local function put(section, name, figure, value)
    rows[#rows + 1] = { section = section, name = name, figure = figure, value = value }
  end
  for _, name in ipairs { "campaign", "rules", "since_ms", "until_ms", "made_at_ms", "day_zone", "window_days",
    "allowed_share",
    "given_up", "short", "ring_ms", "most_calls_a_day", "opted_out", "zone_unknown" } do
    put("report", "", name, report[name])
  end
  for _, name in ipairs { "calls", "answered", "live", "abandoned", "share" } do
    put("total", "", name, report.total[name])
  end
  for _, row in ipairs(report.days) do
    for _, figure in ipairs { "calls", "answered", "live", "abandoned", "share", "window_live", "window_abandoned",
      "window_share" } do
      put("day", row.day, figure, row[figure])
    end
  end
  for _, row in ipairs(report.hours) do
    put("hour", row.hour, "calls", row.calls)
  end
  for _, row in ipairs(report.not_called) do
    put("not_called", row.disposition, row.wait_reason or "", row.leads)
  end
  for _, row in ipairs(report.lists) do
    put("list", row.name, "numbers", row.numbers)
    put("list", row.name, "changed_at_ms", row.changed_at_ms)
  end
  for _, row in ipairs(report.caller_ids) do
    put("caller_id", row.caller_id, "calls", row.calls)
    put("caller_id", row.caller_id, "answered", row.answered)
  end
  for _, row in ipairs(report.changes) do
    put("change", row.at_ms, row.action, (row.detail or "") .. " by " .. audit.who(row))
  end
  return format.csv({ { "section" }, { "name" }, { "figure" }, { "value" } }, rows)
end

return M
