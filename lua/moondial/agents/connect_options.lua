--- The options of call:connect_agent and call:enqueue.
local moon = require "moondial"

local M = {}

local function number(value)
  return type(value) == "number" and value >= 0
end

local function text(value)
  return type(value) == "string" and value ~= ""
end

local function prompt(value)
  return text(value) or type(value) == "table"
end

local FIELDS = {
  group = { text, "the name of a group of agents" },
  within = { number, "seconds" },
  again_within = { number, "seconds" },
  since = { number, "epoch seconds" },
  priority = { function(v) return type(v) == "number" end, "a number" },
  skills = { function(v) return text(v) or type(v) == "table" end, "a skill, a list of them, or levels by skill" },
  announce = { prompt, "a prompt" },
  music = { prompt, "a prompt" },
  dtmf = { function(v) return type(v) == "boolean" end, "true or false" },
  data = { function(v) return type(v) == "table" end, "a table" },
  agent = { text, "an agent's name" },
  or_another = { function(v) return type(v) == "boolean" end, "true or false" },
  on_agent = { function(v) return type(v) == "function" end, "a function(agent)" },
}

local QUEUE = {
  max_wait = { number, "seconds" },
  announcement = { prompt, "a prompt" },
  announce_every = { function(v) return number(v) and v >= 1 end, "seconds, 1 or more" },
  position = { function(v) return type(v) == "boolean" end, "true or false" },
  leave_on = { function(v) return text(v) and not v:find("[^%d*#A-D]") end, "digits" },
}

--- Levels by skill, of all that the option `skills` may be; nil: none is asked for.
---@param given string|table|nil
---@return table<string, number>?
function M.skills(given)
  local skills = {}
  for key, level in pairs(type(given) == "table" and given or { given }) do
    if math.type(key) == "integer" then
      skills[level] = 1
    else
      skills[key] = level
    end
  end
  return next(skills) and skills or nil
end

local function check(verb, given, more)
  local opts = {}
  for key, value in pairs(given) do
    local field = FIELDS[key] or more and more[key]
    if not field then
      error({ code = "usage", message = ("%s: unknown option '%s'"):format(verb, tostring(key)) }, 0)
    elseif not field[1](value) then
      error({ code = "usage", message = ("%s: option '%s' must be %s"):format(verb, key, field[2]) }, 0)
    end
    opts[key] = value
  end
  if not opts.group then
    error({ code = "usage", message = verb .. ": option 'group' is missing" }, 0)
  end
  opts.skills = M.skills(opts.skills)
  opts.priority = opts.priority or 0
  opts.since = opts.since or moon.now()
  opts.again_within = opts.again_within or 60
  return opts
end

--- Raises {code = "usage", message}. The options with their defaults.
function M.connect(given)
  local opts = check("call:connect_agent", type(given) == "string" and { group = given } or given or {})
  opts.within = opts.within or 2
  return opts
end

function M.enqueue(name, given)
  local all = { group = name }
  for key, value in pairs(given or {}) do
    all[key] = value
  end
  local opts = check("call:enqueue", all, QUEUE)
  opts.within = opts.max_wait or opts.within or 600
  if opts.position or opts.announcement then
    opts.announce_every = opts.announce_every or 30
  end
  return opts
end

return M
