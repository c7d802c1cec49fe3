--- The options of an agent and of a group: checked, and filled with defaults.
local strategy = require "moondial.agents.strategy"

local M = {}

local function fail(what, fmt, ...)
  error({ code = "options", message = what .. ": " .. fmt:format(...) }, 0)
end

local function text(value)
  return type(value) == "string" and value ~= ""
end

local function name(value)
  return text(value) and value:match("^[%w_%.%-]+$") and #value <= 64
end

local function seconds(value)
  return type(value) == "number" and value >= 0 and value <= 86400
end

--- A list of names (tier 1), or tiers by name.
local function groups(value)
  if type(value) ~= "table" then
    return name(value)
  end
  for key, item in pairs(value) do
    local listed = math.type(key) == "integer" and name(item)
    if not listed and not (name(key) and math.type(item) == "integer" and item > 0) then
      return false
    end
  end
  return next(value) ~= nil
end

local function skills(value)
  if type(value) ~= "table" then
    return false
  end
  for key, level in pairs(value) do
    local listed = math.type(key) == "integer" and name(level)
    if not listed and not (name(key) and type(level) == "number" and level > 0) then
      return false
    end
  end
  return true
end

local function dispositions(value)
  if type(value) ~= "table" then
    return false
  end
  for key, disposition in pairs(value) do
    if not tostring(key):match("^%d$") or not text(disposition) then
      return false
    end
  end
  return true
end

local function one_of(list)
  return function(value)
    for _, item in ipairs(list) do
      if item == value then
        return true
      end
    end
    return false
  end
end

local function boolean(value)
  return type(value) == "boolean"
end

local function prompt(value)
  return text(value) or type(value) == "table"
end

--- name → { check, what it must be, default }
local AGENT = {
  name = { name, "a name of letters, digits, _ . -" },
  target = { text, "a SIP URI, \"endpoint:NAME\", or what else moon.dial can call" },
  groups = { groups, "a list of groups, or tiers by group: { sales = 1, support = 2 }" },
  skills = { skills, "a list of skills, or levels by skill: { french = 3 }" },
  pin = { function(v) return type(v) == "string" and v:match("^%d+$") end, "a text of digits" },
  nailed_up = { boolean, "true or false" },
  wrapup = { seconds, "seconds" },
  answer_timeout = { seconds, "seconds" },
}

local GROUP = {
  name = { name, AGENT.name[2] },
  strategy = { one_of(strategy.names), "one of " .. table.concat(strategy.names, ", "), "longest_idle" },
  wrapup = { seconds, "seconds", 0 },
  answer_timeout = { seconds, "seconds", 15 },
  lost_after = { seconds, "seconds", 10 },
  announce = { prompt, "a prompt" },
  music = { prompt, "a prompt" },
  dispositions = { dispositions, "what keys stand for: { [\"1\"] = \"sale\" }" },
}

local function check(what, fields, given)
  if type(given) ~= "table" then
    fail(what, "expected a table of options")
  end
  local spec = {}
  for key, value in pairs(given) do
    local field = fields[key]
    if not field then
      local names = {}
      for known in pairs(fields) do
        names[#names + 1] = known
      end
      table.sort(names)
      fail(what, "unknown option '%s'; there are: %s", tostring(key), table.concat(names, ", "))
    elseif not field[1](value) then
      fail(what, "option '%s' must be %s", key, field[2])
    end
    spec[key] = value
  end
  if spec.name == nil then
    fail(what, "option 'name' is missing")
  end
  for key, field in pairs(fields) do
    if spec[key] == nil then
      spec[key] = field[3]
    end
  end
  return spec
end

--- {"a", "b"} → { a = 1, b = 1 }
local function by_name(value)
  local map = {}
  for key, item in pairs(type(value) == "table" and value or { value }) do
    if math.type(key) == "integer" then
      map[item] = 1
    else
      map[key] = item
    end
  end
  return map
end

--- Raises {code = "options", message}.
---@param given table
function M.agent(given)
  local spec = check("agent", AGENT, given)
  if spec.groups == nil then
    fail("agent " .. spec.name, "option 'groups' is missing")
  end
  spec.groups, spec.skills = by_name(spec.groups), by_name(spec.skills)
  if spec.nailed_up and not spec.target then
    fail("agent " .. spec.name, "option 'nailed_up' calls the agent at login: it needs a 'target'")
  end
  return spec
end

---@param given table
function M.group(given)
  local spec = check("group of agents", GROUP, given)
  local keys = {}
  for key, disposition in pairs(spec.dispositions or {}) do
    keys[tostring(key)] = disposition
  end
  spec.dispositions = keys
  return spec
end

return M
