--- Numbers that must not be called.
---
---   internal         who has asked never to be called again: holds everywhere
---   campaign:NAME    holds in that campaign
---   any other name   a file that was imported (a national register), millions of
---                    numbers, asked on disk; holds everywhere unless a campaign
---                    says which it asks
---
--- Numbers are kept as the digits of E.164, so +1 212… and 1212… are one.
local moon = require "moondial"
local database = require "moondial.database"

local M = {}

local ASKED = 50 -- numbers of one query dnc_find
local FRESH = 1 -- seconds for which the list of lists is believed

M.internal = "internal"

--- Files that are open, by path and time of import.
local sets = {}
local known, known_at = nil, -math.huge

local function fail(code, fmt, ...)
  error({ code = code, message = "dnc: " .. fmt:format(...) }, 0)
end

local query, exec = database.query, database.exec

--- The digits that a number is known by.
---@param number string with or without +, or with 00
---@return string
function M.digits(number)
  return (number:gsub("[^%d]", ""):gsub("^00", ""))
end

--- The campaign's own list.
---@param campaign string
---@return string
function M.of_campaign(campaign)
  return "campaign:" .. campaign
end

--- Imported lists, as rows of query dnc_lists.
function M.files()
  local now = moon.now()
  if not known or now - known_at > FRESH or now < known_at then
    known, known_at = query "dnc_lists", now
    local open = {}
    for _, row in ipairs(known) do
      local file = row.path .. " " .. row.imported_at_ms
      row.set = sets[file] or moon.numbers.open(row.path)
      open[file] = row.set
    end
    sets = open
  end
  return known
end

--- Those of DIGITS (text → numbers as they were given) that are in the database.
local function find_in_database(digits, campaign, found)
  local list = campaign and M.of_campaign(campaign) or M.internal
  for from = 1, #digits, ASKED do
    local chunk = table.move(digits, from, math.min(from + ASKED - 1, #digits), 1, {})
    for i = #chunk + 1, ASKED do
      chunk[i] = chunk[1]
    end
    for _, row in ipairs(query("dnc_find", list, table.unpack(chunk))) do
      if found[row.number] ~= M.internal then
        found[row.number] = row.list
      end
    end
  end
end

local function find_in_file(row, digits, found)
  local listed, _, message = row.set:find(digits) -- whoever asks meanwhile may open others
  if not listed then
    fail("dnc", "the list %s can't be read, so nobody can be called: %s", row.name, message)
  end
  for number in pairs(listed) do
    found[number] = found[number] or row.name
  end
end

--- Imported lists that are older than DAYS, as rows. Waits.
---@param days integer
---@return table[]
function M.old(days)
  local old = {}
  for _, row in ipairs(M.files()) do
    if moon.now() - row.imported_at_ms / 1000 > days * 86400 then
      old[#old + 1] = row
    end
  end
  return old
end

--- Which of NUMBERS are on a list that holds for CAMPAIGN. Waits. Raises when a
--- list can't be asked: then nobody may be called.
---@param numbers string[]
---@param campaign string? its own list too
---@param files string[]|false|nil imported lists that hold; nil: all; false: none
---@return table<string, string> number as it was given → the list's name
function M.listed(numbers, campaign, files)
  local digits, given = {}, {}
  for _, number in ipairs(numbers) do
    local key = M.digits(number)
    if key ~= "" and not given[key] then
      digits[#digits + 1], given[key] = key, {}
    end
    table.insert(given[key] or {}, number)
  end
  if #digits == 0 then
    return {}
  end
  local found = {}
  find_in_database(digits, campaign, found)
  local wanted
  for _, name in ipairs(files or {}) do
    wanted = wanted or {}
    wanted[name] = true
  end
  for _, row in ipairs(files == false and {} or M.files()) do
    if not wanted or wanted[row.name] then
      find_in_file(row, digits, found)
    end
    if wanted then
      wanted[row.name] = nil
    end
  end
  for name in pairs(wanted or {}) do
    fail("dnc", "there is no list '%s'; import it: moondial dnc import --list %s FILE", name, name)
  end
  local listed = {}
  for key, list in pairs(found) do
    for _, number in ipairs(given[key]) do
      listed[number] = list
    end
  end
  return listed
end

--- Never call NUMBER again. Waits; it is durable when it returns.
---@param number string
---@param list string? "internal" by default
---@param reason string?
---@param origin {by: string?, call: string?}? who has added it, and by which call
---@return boolean added false: it was there
function M.add(number, list, reason, origin)
  local digits = M.digits(number)
  if digits == "" then
    fail("usage", "'%s' is no telephone number", number)
  end
  origin = origin or {}
  return exec("dnc_add", digits, list or M.internal, reason or moon.db.null, origin.by or moon.db.null,
    origin.call or moon.db.null, math.floor(moon.now() * 1000)) > 0
end

--- Calls on which a person has asked not to be called again, leads of whom a script has
--- said so: the attempt's disposition is dnc, whatever the flow returns.
local asked = setmetatable({}, { __mode = "k" })

--- The far side of CALL asks not to be called again: its number goes to the
--- internal list, the disposition is dnc. Waits.
---@param call table
---@return true
function M.opt_out(call)
  local lead = call.lead
  local number = type(lead) == "table" and (lead.number or lead.phone)
    or call.direction == "out" and call.to or call.from
  M.add(number, M.internal, "asked on the call", { by = "call", call = call.id })
  asked[call] = true
  call.disposition = "dnc"
  return true
end

--- A script says that LEAD must not be called again: all its numbers go to the internal
--- list. Waits.
---@param lead Lead
---@param numbers string comma-separated
---@param reason string?
function M.never_again(lead, numbers, reason)
  local by = (moon.file or ""):match("[^/]+$")
  for number in numbers:gmatch("[^,]+") do
    M.add(number, M.internal, reason or "lead:dnc()", { by = by and "script " .. by or "script" })
  end
  asked[lead] = true
end

--- Whether opt_out was called on the call, or never_again on the lead.
---@param what table a call or a lead
function M.has_asked(what)
  return asked[what] == true
end

return M
