--- `moondial dnc …`, on the database alone. Each function returns the text to
--- print.
local moon = require "moondial"
local database = require "moondial.database"
local dnc = require "moondial.compliance.dnc"

local M = {}

local DAY = 86400

local function fail(fmt, ...)
  error({ code = "usage", message = fmt:format(...) }, 0)
end

local function list_name(name)
  if not name:match("^[%w_%.%-]+$") or #name > 64 then
    fail("'%s' is no name of a list: letters, digits, _ . -", name)
  end
  return name
end

--- A list of numbers one by one: the internal one, or a campaign's.
local function own_list(options)
  if options.campaign then
    return dnc.of_campaign(list_name(options.campaign))
  elseif options.list and options.list ~= dnc.internal then
    fail("'%s': numbers are added to and removed from the internal list, or a campaign's (--campaign NAME); another "
      .. "list comes as a file: moondial dnc import --list %s FILE", options.list, options.list)
  end
  return dnc.internal
end

--- As people type it → with its country's code.
local function number_of(text, country)
  local international = text:match("^%s*%+") or text:match("^%s*00")
  local digits = text:gsub("[%s%-%.%(%)/]", ""):match("^%+?(%d+)$")
  if not digits then
    fail("'%s' is no telephone number", text)
  elseif international or not country then
    digits = dnc.digits(digits)
  elseif country ~= "1" then
    digits = country .. (country == "39" and digits or digits:gsub("^0", ""))
  elseif #digits == 10 then
    digits = "1" .. digits
  end
  if not international and not country and #digits < 11 then
    fail("'%s': whose number is it? Write it with + and its country's code, or say --country 1", text)
  elseif #digits > 15 then
    fail("'%s' has %d digits, a phone number at most 15", text, #digits)
  end
  return digits
end

local function day(ms)
  local z = moon.zone_time("UTC", ms // 1000)
  return ("%04d-%02d-%02d"):format(z.year, z.month, z.day)
end

--- Read SOURCE (one number a line) into the list NAME, at PATH on the disk.
function M.import(options)
  local name = list_name(options.list or fail("import: --list NAME is missing"))
  if name == dnc.internal then
    fail("the internal list has no file: moondial dnc add NUMBER…")
  end
  local report, _, message = moon.numbers.build(options.source, options.path, { country = options.country })
  if not report then
    error({ code = "failed", message = message }, 0)
  end
  database.exec("dnc_list_put", name, options.path, options.source, report.numbers, database.now_ms())
  local lines = { ("list %s: %d numbers of %d lines, %d of them more than once, %d left out"):format(name,
    report.numbers, report.lines, report.duplicates, report.bad) }
  if report.bad > 0 then
    lines[#lines + 1] = ("%s:%s: no telephone number%s%s"):format(options.source, table.concat(report.bad_lines, ", "),
      report.bad > #report.bad_lines and " (and more)" or "",
      options.country and "" or "; are they without their country's code? Say --country 1 (or 44, …)")
  end
  return table.concat(lines, "\n")
end

function M.add(options)
  local list = own_list(options)
  local lines = {}
  for i, text in ipairs(options.numbers) do
    local number = number_of(text, options.country)
    local added = dnc.add(number, list, options.reason, { by = options.user })
    lines[i] = ("+%s is %s %s"):format(number, added and "now on the list" or "on the list already:", list)
  end
  return table.concat(lines, "\n")
end

function M.remove(options)
  local list = own_list(options)
  local lines = {}
  for i, text in ipairs(options.numbers) do
    local number = number_of(text, options.country)
    local removed = database.exec("dnc_remove", number, list) > 0
    lines[i] = ("+%s %s the list %s"):format(number, removed and "is no longer on" or "was not on", list)
  end
  return table.concat(lines, "\n")
end

--- Forget an imported list. The caller removes its file.
function M.drop(options)
  local name = list_name(options.list)
  if #database.query("dnc_list_remove", name) == 0 then
    fail("there is no imported list '%s'", name)
  end
  return ("list %s is forgotten"):format(name)
end

--- Every list that has the number, and why.
local function where(number)
  local found = {}
  for _, row in ipairs(database.query("dnc_number", number)) do
    found[#found + 1] = { number = number, list = row.list, reason = row.reason, added_by = row.added_by,
      call = row.cdr_id, added_at_ms = row.added_at_ms }
  end
  for _, row in ipairs(dnc.files()) do
    local has = dnc.listed({ number }, nil, { row.name })[number]
    if has == row.name or has and moon.numbers.open(row.path):find({ number })[number] then
      found[#found + 1] = { number = number, list = row.name, added_at_ms = row.imported_at_ms }
    end
  end
  return found
end

function M.check(options)
  local all, lines = {}, {}
  for _, text in ipairs(options.numbers) do
    local number = number_of(text, options.country)
    local found = where(number)
    for _, f in ipairs(found) do
      all[#all + 1] = f
      lines[#lines + 1] = ("+%s: on the list %s since %s%s%s"):format(number, f.list, day(f.added_at_ms),
        f.reason and " (" .. f.reason .. ")" or "", f.added_by and ", by " .. f.added_by or "")
    end
    if #found == 0 then
      lines[#lines + 1] = ("+%s: on no list"):format(number)
    end
  end
  return options.format == "json" and moon.json.encode(moon.json.array(all)) or table.concat(lines, "\n")
end

function M.lists(options)
  local all = {}
  for _, row in ipairs(database.query("dnc_sizes")) do
    all[#all + 1] = { name = row.list, numbers = row.numbers, changed_at_ms = row.added_at_ms }
  end
  for _, row in ipairs(dnc.files()) do
    all[#all + 1] = { name = row.name, numbers = row.numbers, changed_at_ms = row.imported_at_ms, source = row.source }
  end
  if options.format == "json" then
    return moon.json.encode(moon.json.array(all))
  elseif #all == 0 then
    return "no lists"
  end
  local lines = { ("%-24s %10s  %-10s %s"):format("list", "numbers", "changed", "from") }
  for _, list in ipairs(all) do
    local age = (moon.now() - list.changed_at_ms / 1000) // DAY
    lines[#lines + 1] = ("%-24s %10d  %-10s %s%s"):format(list.name, list.numbers, day(list.changed_at_ms),
      list.source or "one by one", list.source and age > 31 and (" (%d days old)"):format(age) or "")
  end
  return table.concat(lines, "\n")
end

return M
