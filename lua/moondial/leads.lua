--- Leads from a script: out of a query, a web hook, a form.
---
---   local leads = require "moondial.leads"
---   leads.add("renewals", moon.db.query("SELECT phone, name FROM customers"), { region = "US", list = "crm" })
local moon = require "moondial"
local database = require "moondial.database"
local import = require "moondial.leads.import"
local phone = require "moondial.leads.phone"

local M = {}

local BATCH = 500 -- leads a transaction

--- Fields of a lead that are no columns of its own.
local OWN = { phone = true, phones = true, priority = true, zone = true }

M.import = import.import

---@class NewLead any other field is a field of the lead
---@field phone string?
---@field phones string[]? more numbers, in the order in which they are tried
---@field priority integer?
---@field zone string? IANA name

local function numbers_of(lead, region)
  local list, seen, first, why = {}, {}, nil, nil
  local wanted = { lead.phone, table.unpack(lead.phones or {}) }
  for i = 1, #wanted do
    local number, reason = phone.read(tostring(wanted[i]), region)
    if number and not seen[number.number] then
      seen[number.number] = true
      first = first or number
      list[#list + 1] = number.number
    elseif not number then
      why = why or reason
    end
  end
  return first, list, why or "no phone number"
end

local function fields_of(lead)
  local fields = {}
  for name, value in pairs(lead) do
    if not OWN[name] and type(name) == "string" and type(value) ~= "table" and type(value) ~= "function" then
      fields[name] = tostring(value)
    end
  end
  return fields
end

-- The parameters of lead_import, or nil and why it is no lead.
local function statement_of(campaign, lead, line, options, now)
  if type(lead) ~= "table" then
    return nil, "is no table"
  end
  local first, list, why = numbers_of(lead, options.region)
  if not first then
    return nil, why
  end
  local priority = math.tointeger(lead.priority or 0)
  if not priority then
    return nil, ("priority '%s' is not a whole number"):format(lead.priority)
  end
  if lead.zone and not moon.phone.is_zone(lead.zone) then
    return nil, ("'%s' is no time zone: one has a name such as Europe/Berlin"):format(lead.zone)
  end
  local null = moon.db.null
  return { moon.db.sql(options.elsewhere and "lead_import_unique" or "lead_import"), campaign, first.number,
    #list > 1 and table.concat(list, ",") or null, first.type or null,
    lead.zone or moon.phone.zones(first.number) or null, priority, moon.json.encode(fields_of(lead)),
    options.list or null, null, line, now, now }
end

local function write(statements, campaign, mark, result)
  statements[#statements + 1] = { moon.db.sql "lead_import_count", mark, campaign }
  local rows, changed = database.transaction(statements)
  local new = rows[1].leads
  result.imported = result.imported + new
  result.merged = result.merged + changed - new
  result.elsewhere = result.elsewhere + #statements - 1 - changed
end

--- Put leads into a campaign, which is made known if it isn't. What is no lead is
--- left out and told; a number that the campaign has already is merged. Waits.
---@param campaign string its name
---@param leads NewLead[]
---@param options ImportOptions? region, list, elsewhere
---@return ImportResult `line`: the number in the list
function M.add(campaign, leads, options)
  options = options or {}
  phone.check_region(options.region)
  if type(campaign) ~= "string" or not campaign:match("^[%w_%.%-]+$") then
    error({ code = "options", message = ("'%s' is no name for a campaign: letters, digits, _ . -")
      :format(tostring(campaign)) }, 0)
  end
  local null = moon.db.null
  local now = database.now_ms()
  database.exec("campaign_put", campaign, null, null, options.region or null, now)
  local result = { rows = #leads, imported = 0, merged = 0, elsewhere = 0, bad = {}, notes = {}, bad_count = 0,
    note_count = 0 }
  for from = 1, #leads, BATCH do
    local statements = {}
    local mark = moon.db.query("SELECT new_id() AS id")[1].id
    for i = from, math.min(from + BATCH - 1, #leads) do
      local statement, reason = statement_of(campaign, leads[i], i, options, now)
      if statement then
        statements[#statements + 1] = statement
      else
        result.bad_count = result.bad_count + 1
        result.bad[#result.bad + 1] = { line = i, reason = reason }
      end
    end
    if #statements > 0 then
      write(statements, campaign, mark, result)
    end
  end
  return result
end

return M
