--- In which order the trunks of a list are tried: by priority, then by cost, then
--- by chance, as their weights say. moon.dial takes them in that order, passes
--- over those that are full or unreachable, and goes on by the next one after
--- congestion (a declined call is never rung again).
---
---   trunk = {
---     { "cheap", priority = 1, weight = 3 }, { "other", priority = 1 },
---     { "backup", priority = 2 }, rates = "rates.csv",
---   }
---
---   rates.csv      prefix,trunk,cost       the longest prefix of the number holds
---                  49,cheap,0.012          for each trunk; a trunk without a rate
---                  4915,cheap,0.09         for a number comes after those with one
local M = {}

local TRUNKS_MAX = 16 -- as moon.dial takes

---@class TrunkChoice
---@field name string
---@field priority number
---@field weight number

---@class TrunkList
---@field choices TrunkChoice[]
---@field rates table<string, table<string, number>>? trunk → prefix → cost
---@field longest integer digits of the longest prefix
local TrunkList = {}
TrunkList.__index = TrunkList

local function fail(fmt, ...)
  error({ code = "options", message = "option 'trunk': " .. fmt:format(...) }, 0)
end

local function choice_of(given)
  local choice = type(given) == "table" and given or { given }
  local name, priority, weight = choice[1], choice.priority or 1, choice.weight or 1
  if type(name) ~= "string" or name == "" then
    fail("a trunk's name is expected, got %s", tostring(name))
  end
  for key in pairs(choice) do
    if key ~= 1 and key ~= "priority" and key ~= "weight" then
      fail("'%s' has an unknown option '%s' (there are priority, weight)", name, tostring(key))
    end
  end
  if type(priority) ~= "number" or type(weight) ~= "number" or weight <= 0 or weight == math.huge then
    fail("'%s': priority is a number (lower is tried first), weight one above 0", name)
  end
  return { name = name, priority = priority, weight = weight }
end

local function add_rate(self, prefix, trunk, cost, where)
  local digits = tostring(prefix or ""):match("^%s*%+?(%d*)%s*$")
  cost = tonumber(cost)
  if not digits or not cost or cost < 0 then
    fail("%s: prefix (digits, or empty for all), trunk and cost (a number) are expected", where)
  end
  for _, choice in ipairs(self.choices) do
    if choice.name == trunk then
      self.rates[trunk] = self.rates[trunk] or {}
      self.rates[trunk][digits] = cost
      self.longest = math.max(self.longest, #digits)
    end
  end
end

--- Rates as { { prefix, trunk, cost }, … } or the path of a CSV file. Waits for a
--- file.
local function read_rates(self, rates, folder)
  self.rates = {}
  if type(rates) == "table" then
    for i, row in ipairs(rates) do
      add_rate(self, row[1], row[2], row[3], ("rates[%d]"):format(i))
    end
  elseif type(rates) == "string" then
    local path = folder and rates:sub(1, 1) ~= "/" and folder .. rates or rates
    for row in require("moondial").csv.rows(path) do
      local where = ("%s:%d"):format(path, row.line)
      if row.error then
        fail("%s: %s", where, row.error)
      end
      local fields = row.fields
      if not (row.line == 1 and not tonumber(fields[3])) then
        add_rate(self, fields[1], fields[2], fields[3], where)
      end
    end
  else
    fail("rates is the path of a CSV file, or a list of { prefix, trunk, cost }")
  end
end

--- A list out of what an option says: a name, a list of names, or of { name,
--- priority =, weight = }, with `rates`. Raises {code = "options"}. Waits when
--- rates are a file.
---@param given string|table
---@param folder string? where files are looked for, with a slash at its end
---@return TrunkList
function M.list(given, folder)
  local self = setmetatable({ choices = {}, longest = 0 }, TrunkList)
  given = type(given) == "table" and given or { given }
  if given.priority ~= nil or given.weight ~= nil then
    given = { given } -- one of its own: { "carrier", weight = 1 }
  end
  if #given == 0 or #given > TRUNKS_MAX then
    fail("a list of 1 to %d trunks is expected", TRUNKS_MAX)
  end
  for i, one in ipairs(given) do
    self.choices[i] = choice_of(one)
  end
  for key in pairs(given) do
    if key ~= "rates" and not (math.type(key) == "integer" and key >= 1 and key <= #given) then
      fail("unknown option '%s' (there is rates)", tostring(key))
    end
  end
  if given.rates ~= nil then
    read_rates(self, given.rates, folder)
  end
  self.plain = given.rates == nil
  for _, choice in ipairs(self.choices) do
    self.plain = self.plain and choice.priority == 1 and choice.weight == 1
  end
  return self
end

--- All of their names, as given.
---@return string[]
function TrunkList:names()
  local names = {}
  for i, choice in ipairs(self.choices) do
    names[i] = choice.name
  end
  return names
end

--- What a call to NUMBER costs by a trunk: the rate of its longest prefix.
---@param name string
---@param number string
---@return number? cost nil: there is no rate
function TrunkList:cost(name, number)
  local rates = self.rates and self.rates[name]
  if not rates then
    return nil
  end
  local digits = number:gsub("%D", "")
  for length = math.min(self.longest, #digits), 0, -1 do
    local cost = rates[digits:sub(1, length)]
    if cost then
      return cost
    end
  end
end

--- One of CHOICES (taken out), by chance and weight.
local function draw(choices, random)
  local sum = 0
  for _, choice in ipairs(choices) do
    sum = sum + choice.weight
  end
  local at = random() * sum
  for i, choice in ipairs(choices) do
    at = at - choice.weight
    if at < 0 or i == #choices then
      return table.remove(choices, i)
    end
  end
end

--- The names in the order in which a call to NUMBER tries them. A plain list of
--- names keeps its order.
---@param number string
---@param random (fun(): number)? for tests
---@return string[]
function TrunkList:order(number, random)
  if self.plain then
    return self:names()
  end
  local groups, keys = {}, {}
  for _, choice in ipairs(self.choices) do
    local cost = self:cost(choice.name, number) or math.huge
    local key = ("%.17g/%.17g"):format(choice.priority, cost)
    if not groups[key] then
      groups[key] = { priority = choice.priority, cost = cost }
      keys[#keys + 1] = key
    end
    table.insert(groups[key], choice)
  end
  table.sort(keys, function(a, b)
    a, b = groups[a], groups[b]
    if a.priority ~= b.priority then
      return a.priority < b.priority
    end
    return a.cost < b.cost
  end)
  local names = {}
  for _, key in ipairs(keys) do
    while #groups[key] > 0 do
      names[#names + 1] = draw(groups[key], random or math.random).name
    end
  end
  return names
end

return M
