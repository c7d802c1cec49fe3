--- `moondial campaign …` without a running engine: on the database alone. Each
--- function returns the text to print, or has printed.
local moon = require "moondial"
local database = require "moondial.database"
local import = require "moondial.leads.import"
local lead = require "moondial.campaign.lead"
local report = require "moondial.campaign.report"
local totals = require "moondial.campaign.totals"
local why = require "moondial.campaign.why"
local zone = require "moondial.leads.zone"

local M = {}

local PAGE = 1000 -- rows read at once

local now_ms, query, exec, known = database.now_ms, database.query, database.exec, database.campaign

local function fail(fmt, ...)
  error({ code = "options", message = fmt:format(...) }, 0)
end

---@param campaign string
---@param path string
---@param options ImportOptions
function M.import(campaign, path, options)
  if not campaign:match("^[%w_%.%-]+$") then
    fail("'%s' is no name for a campaign: letters, digits, _ . -", campaign)
  end
  exec("campaign_put", campaign, moon.db.null, path, options.region or moon.db.null, now_ms())
  return table.concat(import.lines(path, import.import(campaign, path, options)), "\n")
end

--- Why nothing is dialled: what the database alone can tell.
local function why_of(row, figures)
  if figures.leads == 0 then
    return "it has no leads"
  elseif row.state == "paused" then
    return ("it is paused; to go on: moondial campaign start %s"):format(row.name)
  elseif figures.done == figures.leads then
    return "all its leads are done"
  end
  return "no engine runs it now"
end

---@param format string
---@param name string?
function M.status(format, name)
  local list = {}
  for _, row in ipairs(name and { known(name) } or query("campaign_list")) do
    local f = totals.of(row.name)
    f.name, f.state, f.why = row.name, row.state, why_of(row, f)
    list[#list + 1] = f
  end
  local text = report.status(list, format)
  return type(text) == "string" and text or moon.json.encode(text)
end

--- All leads of a campaign, a page at a time, with `fields` decoded.
local function pages(name, filter)
  local null = moon.db.null
  local state, disposition, list = filter.state or null, filter.disposition or null, filter.list or null
  local last, left = "", filter.limit or math.huge
  return function()
    if left <= 0 then
      return nil
    end
    local rows = query("lead_list", name, last, state, state, disposition, disposition, list, list,
      math.tointeger(math.min(PAGE, left)))
    if #rows == 0 then
      return nil
    end
    last, left = rows[#rows].id, left - #rows
    for _, row in ipairs(rows) do
      row.fields = moon.json.decode(row.fields_json or "{}")
      row.fields_json = nil
    end
    return rows
  end
end

---@param format string
---@param name string
function M.report(format, name)
  known(name)
  if format == "table" then
    return report.summary(name, query("campaign_report", name))
  end
  return M.export(format, name, {})
end

--- A row for each lead, with its result. Printed as it is read: there may be
--- millions.
---@param format "csv"|"json"|"table"
---@param name string
---@param filter {state: string?, disposition: string?, list: string?, limit: integer?}
function M.export(format, name, filter)
  known(name)
  local write = report.writer(format, print, moon.json.encode)
  if format == "csv" then
    for rows in pages(name, filter) do
      write:look(rows)
    end
  end
  for rows in pages(name, filter) do
    write:rows(rows)
  end
  write:finish()
end

M.leads = M.export

---@param number string of a lead, or its id
---@param name string?
function M.why(number, name)
  if name then
    known(name)
  end
  return why.of(number, name)
end

--- Leads that are done with these dispositions are to be called again.
---@param name string
---@param options {disposition: string?, list: string?}
function M.recycle(name, options)
  known(name)
  if not options.disposition then
    fail("campaign recycle: --disposition says which leads: no_answer,busy")
  end
  local list, count = options.list or moon.db.null, 0
  for disposition in options.disposition:gmatch("[^,%s]+") do
    count = count + exec("campaign_recycle", now_ms(), now_ms(), name, disposition, list, list)
  end
  return ("%d lead(s) of campaign %s are to be called again%s"):format(count, name,
    count > 0 and "; if it isn't running: moondial campaign start " .. name or "")
end

--- Somebody asked to be called at a time.
---@param name string
---@param number string of a lead, or its id
---@param options {at: string?, agent: string?}
function M.callback(name, number, options)
  known(name)
  if not options.at then
    fail("campaign callback: --at says when: 15:00, \"2026-11-28 15:00\", 30m, 2h")
  end
  local row, now = why.find(number, name)[1], moon.now()
  local own = zone.split(row.zones)[1]
  local at, reason = zone.moment(options.at, own, now)
  if not at then
    fail("campaign callback: %s", reason)
  end
  local changed = query("lead_callback", math.floor(at * 1000), lead.callback_reason(options.agent),
    options.agent or moon.db.null, now_ms(), row.id)
  if #changed == 0 then
    fail("campaign callback: %s is being called just now", row.phone)
  end
  return ("%s is called back at %s"):format(row.phone, zone.text(own, at))
end

return M
