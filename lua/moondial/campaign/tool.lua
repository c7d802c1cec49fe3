--- `moondial campaign import|status|report` without a running engine: on the
--- database alone. Each function returns the text to print.
local moon = require "moondial"
local leads = require "moondial.leads.import"
local report = require "moondial.campaign.report"

local M = {}

local function query(name, ...)
  return moon.db.query(moon.db.sql(name), ...)
end

local function known(name)
  local row = query("campaign_get", name)[1]
  if row then
    return row
  end
  local names = {}
  for i, other in ipairs(query("campaign_list")) do
    names[i] = other.name
  end
  error({ code = "unknown", message = ("there is no campaign '%s' in this database%s"):format(name,
    #names > 0 and "; there are: " .. table.concat(names, ", ") or "") }, 0)
end

---@param campaign string
---@param path string
function M.import(campaign, path)
  if not campaign:match("^[%w_%.%-]+$") then
    local message = ("'%s' is no name for a campaign: letters, digits, _ . -"):format(campaign)
    error({ code = "options", message = message }, 0)
  end
  moon.db.exec(moon.db.sql "campaign_put", campaign, moon.db.null, path, math.floor(moon.now() * 1000))
  return table.concat(leads.lines(path, leads.import(campaign, path)), "\n")
end

---@param format string
---@param name string?
function M.status(format, name)
  local list = {}
  for _, row in ipairs(name and { known(name) } or query("campaign_list")) do
    local f = query("campaign_totals", row.name, row.name)[1]
    f.name, f.state = row.name, row.state
    list[#list + 1] = f
  end
  local text = report.status(list, format)
  return type(text) == "string" and text or moon.json.encode(text)
end

---@param format string
---@param name string
function M.report(format, name)
  known(name)
  if format == "table" then
    return report.summary(name, query("campaign_report", name))
  end
  local rows = query("lead_list", name)
  for _, row in ipairs(rows) do
    row.fields = moon.json.decode(row.fields_json or "{}")
    row.fields_json = nil
  end
  return format == "csv" and report.csv(rows) or moon.json.encode(rows)
end

return M
