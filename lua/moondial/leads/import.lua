--- Leads from a CSV file (RFC 4180, with a header row) into the database.
local moon = require "moondial"
local phone = require "moondial.leads.phone"

local M = {}

local BATCH = 500 -- rows a transaction
local MAX_REPORTED = 20 -- bad rows named in the log

--- Names that the column of numbers may have.
local PHONE_COLUMNS = { "phone", "number", "phone_number", "telephone", "mobile" }

---@class ImportResult
---@field rows integer read
---@field imported integer new leads
---@field merged integer duplicates, of this file or of leads that were there
---@field bad {line: integer, reason: string}[]

local function header_of(record, path)
  if record.error then
    error({ code = "csv", message = ("%s:%d: %s"):format(path, record.line, record.error) }, 0)
  end
  local columns, seen, at = {}, {}, nil
  for i, text in ipairs(record.fields) do
    local name = text:match("^%s*(.-)%s*$"):lower()
    if name == "" then
      error({ code = "csv", message = ("%s:%d: column %d has no name in the header"):format(path, record.line, i) }, 0)
    elseif seen[name] then
      error({ code = "csv", message = ("%s:%d: two columns are called '%s'"):format(path, record.line, name) }, 0)
    end
    seen[name], columns[i] = i, name
  end
  for _, name in ipairs(PHONE_COLUMNS) do
    at = at or seen[name]
  end
  if not at then
    error({ code = "csv", message = ("%s:%d: the header has no column 'phone' (it has: %s)"):format(path, record.line,
      table.concat(columns, ", ")) }, 0)
  end
  return columns, at, seen.priority
end

--- One record → lead, or nil and the reason why it is none.
local function lead_of(record, columns, phone_at, priority_at)
  local fields = record.fields
  if record.error then
    return nil, record.error
  end
  if #fields ~= #columns then
    return nil, ("has %d fields, the header %d"):format(#fields, #columns)
  end
  local number, reason = phone.normalize(fields[phone_at])
  if not number then
    return nil, reason
  end
  local priority = 0
  if priority_at and fields[priority_at] ~= "" then
    priority = math.tointeger(tonumber(fields[priority_at]))
    if not priority then
      return nil, ("priority '%s' is not a whole number"):format(fields[priority_at])
    end
  end
  local others = {}
  for i, name in ipairs(columns) do
    if i ~= phone_at and i ~= priority_at then
      others[name] = fields[i]
    end
  end
  return { phone = number, priority = priority, fields = others, line = record.line }
end

local function flush(campaign, path, batch, result)
  if #batch == 0 then
    return
  end
  local now = math.floor(moon.now() * 1000)
  local statement = moon.db.sql "lead_import"
  local statements = {}
  for i, lead in ipairs(batch) do
    statements[i] = { statement, campaign, lead.phone, lead.priority, moon.json.encode(lead.fields), path,
      lead.line, now, now }
  end
  local before = moon.db.query(moon.db.sql "campaign_size", campaign)[1].leads
  local done, _, message = moon.db.transaction(statements)
  if not done then
    error({ code = "database", message = "database: " .. message }, 0)
  end
  local after = moon.db.query(moon.db.sql "campaign_size", campaign)[1].leads
  result.imported = result.imported + after - before
  result.merged = result.merged + #batch - (after - before)
end

--- Read PATH into CAMPAIGN. Bad rows are left out and told; duplicates merge.
--- Raises {code = "csv"} when the file can't be read as a whole.
---@param campaign string
---@param path string
---@return ImportResult
function M.import(campaign, path)
  local result = { rows = 0, imported = 0, merged = 0, bad = {} }
  local columns, phone_at, priority_at
  local batch = {}
  for record in moon.csv.rows(path) do
    if not columns then
      columns, phone_at, priority_at = header_of(record, path)
    else
      result.rows = result.rows + 1
      local lead, reason = lead_of(record, columns, phone_at, priority_at)
      if lead then
        batch[#batch + 1] = lead
        if #batch == BATCH then
          flush(campaign, path, batch, result)
          batch = {}
        end
      else
        result.bad[#result.bad + 1] = { line = record.line, reason = reason }
      end
    end
  end
  if not columns then
    error({ code = "csv", message = path .. ": is empty; the first row must name the columns: phone,name,…" }, 0)
  end
  flush(campaign, path, batch, result)
  moon.db.exec(moon.db.sql "campaign_imported", math.floor(moon.now() * 1000), campaign)
  return result
end

--- The result as lines for a person.
---@param path string
---@param result ImportResult
---@return string[]
function M.lines(path, result)
  local lines = { ("%s: %d rows, %d leads new, %d merged, %d left out"):format(path, result.rows, result.imported,
    result.merged, #result.bad) }
  for i, bad in ipairs(result.bad) do
    if i > MAX_REPORTED then
      lines[#lines + 1] = ("… and %d more"):format(#result.bad - MAX_REPORTED)
      break
    end
    lines[#lines + 1] = ("%s:%d: left out: %s"):format(path, bad.line, bad.reason)
  end
  return lines
end

function M.log(path, result)
  for i, line in ipairs(M.lines(path, result)) do
    moon.log[i == 1 and "info" or "warn"]("%s", line)
  end
end

return M
