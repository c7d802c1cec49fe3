--- Leads from a CSV file (RFC 4180, with a header row) into the database. What
--- each column is, is decided here; the rows are read, and written in batches,
--- in C (moon.csv.leads).
local moon = require "moondial"
local database = require "moondial.database"
local phone = require "moondial.leads.phone"

local M = {}

local MAX_REPORTED = 20 -- bad rows named in the log
local MAX_KEPT = 1000 -- remarks that are kept at all
local NUMBERS_MAX = 10

--- Names that the column of numbers may have; the first that is there is the one.
local PHONE_COLUMNS = { "phone", "phone1", "phone_1", "number", "phone_number", "telephone", "mobile" }

--- Columns with more numbers of the same lead, beside phone2 … phone9.
local MORE = { mobile = true, mobile_phone = true, cell = true, cell_phone = true, cellphone = true, landline = true,
  home_phone = true, work_phone = true, office_phone = true, alt_phone = true, telephone = true }

local ZONES = { "timezone", "time_zone", "zone", "tz" }

---@class ImportOptions
---@field region string? numbers without a + are of this country ("US"); all are checked and made E.164. Without
---it they stay as they are
---@field list string? the name of this list; default: the file's
---@field numbers string[]? columns with numbers, in the order in which they are tried
---@field elsewhere boolean? numbers that other campaigns have are left out

---@class ImportResult
---@field rows integer read
---@field imported integer new leads
---@field merged integer duplicates, of this file or of leads that were there
---@field elsewhere integer left out: another campaign has them
---@field bad {line: integer, reason: string}[] the first thousand
---@field bad_count integer left out: there is something wrong with them
---@field notes {line: integer, reason: string}[] a number left out of a lead that has others
---@field note_count integer

local function fail(path, line, fmt, ...)
  error({ code = "csv", message = ("%s:%d: "):format(path, line) .. fmt:format(...) }, 0)
end

local function names_of(record, path)
  if record.error then
    fail(path, record.line, "%s", record.error)
  end
  local names, seen = {}, {}
  for i, text in ipairs(record.fields) do
    local name = text:match("^%s*(.-)%s*$"):lower()
    if name == "" then
      fail(path, record.line, "column %d has no name in the header", i)
    elseif seen[name] then
      fail(path, record.line, "two columns are called '%s'", name)
    end
    seen[name], names[i] = i, name
  end
  return names, seen
end

local function first_of(list, seen)
  for _, name in ipairs(list) do
    if seen[name] then
      return seen[name]
    end
  end
end

--- Which columns have numbers, in their order.
local function numbers_of(names, seen, wanted, path, line)
  local order = {}
  if wanted then
    for i, name in ipairs(wanted) do
      order[i] = seen[name:lower()] or fail(path, line, "the header has no column '%s' (it has: %s)", name,
        table.concat(names, ", "))
    end
    return order
  end
  order[1] = first_of(PHONE_COLUMNS, seen)
    or fail(path, line, "the header has no column 'phone' (it has: %s)", table.concat(names, ", "))
  for i, name in ipairs(names) do
    if i ~= order[1] and (MORE[name] or name:match("^phone[ _]?%d$") or name:match("^mobile[ _]?%d$")) then
      order[#order + 1] = i
    end
  end
  return order
end

--- What the columns of a header are, as moon.csv.leads takes it.
---@param record table the header, of moon.csv.rows
---@param path string for messages
---@param wanted string[]? columns with numbers
function M.columns(record, path, wanted)
  local names, seen = names_of(record, path)
  local order = numbers_of(names, seen, wanted, path, record.line)
  if #order > NUMBERS_MAX then
    fail(path, record.line, "%d columns have numbers, at most %d can", #order, NUMBERS_MAX)
  end
  local columns, zone = {}, first_of(ZONES, seen)
  for i, name in ipairs(names) do
    columns[i] = { name, name == "priority" and "priority" or i == zone and "zone" or "field" }
  end
  for _, i in ipairs(order) do
    columns[i][2] = "number"
  end
  return columns, order
end

local function collect(to, remarks)
  for _, remark in ipairs(remarks) do
    if #to < MAX_KEPT then
      to[#to + 1] = remark
    end
  end
end

local function header_of(path)
  local record = moon.csv.rows(path)()
  if not record then
    error({ code = "csv", message = path .. ": is empty; the first row must name the columns: phone,name,…" }, 0)
  end
  return record
end

--- The name of a list that nobody has named: its file's.
local function list_name(path)
  return (path:match("([^/]+)$") or path):gsub("%.[cC][sS][vV]$", "")
end

--- Read PATH into CAMPAIGN. Bad rows are left out and told; duplicates merge.
--- Raises {code = "csv"} when the file can't be read as a whole. Waits.
---@param campaign string
---@param path string
---@param options ImportOptions?
---@return ImportResult
function M.import(campaign, path, options)
  options = options or {}
  phone.check_region(options.region)
  local columns, order = M.columns(header_of(path), path, options.numbers)
  local result = { rows = 0, imported = 0, merged = 0, elsewhere = 0, bad = {}, notes = {}, bad_count = 0,
    note_count = 0 }
  local batches = moon.csv.leads(path, { campaign = campaign, columns = columns, numbers = order,
    region = options.region, list = options.list or list_name(path), source = path,
    elsewhere = options.elsewhere })
  for batch in batches do
    for _, name in ipairs { "rows", "imported", "merged", "elsewhere" } do
      result[name] = result[name] + batch[name]
    end
    result.bad_count = result.bad_count + #batch.bad
    result.note_count = result.note_count + #batch.notes
    collect(result.bad, batch.bad)
    collect(result.notes, batch.notes)
  end
  database.exec("campaign_imported", database.now_ms(), campaign)
  return result
end

local function add_remarks(lines, path, remarks, count, what, most)
  for i = 1, math.min(#remarks, most) do
    lines[#lines + 1] = ("%s:%d: %s: %s"):format(path, remarks[i].line, what, remarks[i].reason)
  end
  if count > most then
    lines[#lines + 1] = ("… and %d more"):format(count - most)
  end
end

--- The result as lines for a person.
---@param path string
---@param result ImportResult
---@param most integer? remarks of a kind; nil: all that were kept
---@return string[]
function M.lines(path, result, most)
  most = most or MAX_KEPT
  local lines = { ("%s: %d rows, %d leads new, %d merged, %d left out%s"):format(path, result.rows, result.imported,
    result.merged, result.bad_count,
    result.elsewhere > 0 and (", %d that another campaign has"):format(result.elsewhere) or "") }
  add_remarks(lines, path, result.bad, result.bad_count, "left out", most)
  add_remarks(lines, path, result.notes, result.note_count, "a number is left out", most)
  return lines
end

function M.log(path, result)
  for i, line in ipairs(M.lines(path, result, MAX_REPORTED)) do
    moon.log[i == 1 and "info" or "warn"]("%s", line)
  end
end

return M
