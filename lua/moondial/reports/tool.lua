--- Reports of the command line, on the database alone. Each function takes one
--- table of options and returns the text to print.
local moon = require "moondial"
local audit = require "moondial.compliance.audit"
local calls = require "moondial.reports.calls"
local compliance = require "moondial.reports.compliance"
local database = require "moondial.database"
local format = require "moondial.reports.format"

local M = {}

local query, known = database.query, database.campaign

---@class ReportOptions
---@field campaign string
---@field format "table"|"csv"|"json"
---@field since_ms integer
---@field until_ms integer

---@param options ReportOptions
function M.audit(options)
  known(options.campaign)
  local rows = query("audit_list", options.campaign, options.since_ms, options.until_ms)
  if options.format == "table" then
    return audit.text(rows)
  end
  return format.render(options.format, { { "at_ms" }, { "uid" }, { "user_name" }, { "action" }, { "detail" } }, rows,
    moon.json)
end

--- Calls of a campaign by hour, trunk, caller id, list, agent or disposition.
---@param options ReportOptions|{by: string}
function M.calls(options)
  known(options.campaign)
  local by = options.by
  if not calls.by[by] then
    local names = {}
    for name in pairs(calls.by) do
      names[#names + 1] = name
    end
    table.sort(names)
    error({ code = "usage", message = ("--by %s: there are %s"):format(by, table.concat(names, ", ")) }, 0)
  end
  local raw = calls.named(by, query("report_calls", by, by, options.campaign, options.since_ms, options.until_ms))
  local total = calls.total(by, raw)
  local rows = calls.rows(by, raw, function(hour) return os.date("%Y-%m-%d %H:00", hour * 3600) end)
  if options.format == "table" then
    rows[#rows + 1] = total
  end
  return format.render(options.format, calls.columns(by), rows, moon.json)
end

--- Caller ids that rest since a carrier has blocked them.
---@param options ReportOptions
function M.parked(options)
  local rows = query("caller_id_parked", database.now_ms())
  if #rows == 0 and options.format == "table" then
    return "no caller id rests"
  end
  local columns = { { "number", "caller id" }, { "parked_at_ms", "since (UTC)", audit.time },
    { "parked_until_ms", "until (UTC)", audit.time }, { "times", "times" },
    { "reason", "why", function(reason) return reason or "" end } }
  return format.render(options.format, columns, rows, moon.json)
end

--- One of them may be shown again.
---@param number string
function M.unpark(number)
  local now = database.now_ms()
  if database.exec("caller_id_unpark", now, number, now) == 0 then
    error({ code = "unknown", message = ("caller id %s does not rest: see moondial compliance caller-ids"):format(
      number) }, 0)
  end
  return ("caller id %s may be shown again; a running engine knows within 5 s"):format(number)
end

--- What a regulator asks of a campaign.
---@param options ReportOptions
function M.compliance(options)
  known(options.campaign)
  local report = compliance.of(options)
  if options.format == "json" then
    for _, name in ipairs { "days", "hours", "not_called", "lists", "caller_ids", "changes" } do
      report[name] = moon.json.array(report[name])
    end
    return moon.json.encode(report)
  end
  return options.format == "csv" and compliance.csv(report) or compliance.text(report)
end

return M
