--- The options of a campaign: checked, and filled with defaults.
local retry = require "moondial.campaign.retry"

local M = {}

--- Named by LUA_API for later: said clearly, never ignored.
local LATER = {
  hours = "calling hours",
  machine = "answering machine detection",
  agents = "agents",
  caller_ids = "pools of caller ids",
  dnc = "do-not-call lists",
  max_per_day = "caps for each day",
}

local function positive(value)
  return type(value) == "number" and value > 0 and value < math.huge
end

local function whole(value)
  return math.type(value) == "integer" and value > 0
end

--- A name, or a list of them.
local function trunks(value)
  local list = type(value) == "table" and value or { value }
  local count = 0
  for key, name in pairs(list) do
    if math.type(key) ~= "integer" or type(name) ~= "string" or name == "" then
      return false
    end
    count = count + 1
  end
  return count > 0 and count == #list
end

-- name → { check, what it must be }
local FIELDS = {
  name = { function(v) return type(v) == "string" and v:match("^[%w_%.%-]+$") and #v <= 64 end,
    "a name of letters, digits, _ . -" },
  trunk = { trunks, "the name of a trunk, or a list of names" },
  leads = { function(v) return type(v) == "string" and v ~= "" end, "the path of a CSV file" },
  from = { function(v) return type(v) == "string" and v ~= "" end, "a caller id" },
  timeout = { function(v) return positive(v) and v <= 600 end, "seconds of ringing, at most 600" },
  pacing = { function(v) return type(v) == "table" end, "a table" },
  retry = { function(v) return type(v) == "table" end, "a table" },
  flow = { function(v) return type(v) == "function" end, "a function(call, lead)" },
}

local PACING = {
  mode = { function(v) return v == "broadcast" end,
    "\"broadcast\" (the other modes are not available yet)" },
  concurrent = { whole, "a whole number of calls" },
  rate = { positive, "calls a second, a number above 0" },
}

--- The script that gives the options, for messages.
local file

local function fail(fmt, ...)
  error({ code = "options", message = (file and file .. ": " or "") .. "campaign: " .. fmt:format(...) }, 0)
end

-- The name of NAMES nearest to NAME: the same letters but for a few.
local function nearest(name, names)
  local best, best_score
  for candidate in pairs(names) do
    local score, from = 0, 1
    for i = 1, #name do
      local at = candidate:find(name:sub(i, i), from, true)
      if at then
        score, from = score + 1, at + 1
      end
    end
    score = score - math.abs(#candidate - #name)
    if score > #name / 2 and (not best or score > best_score) then
      best, best_score = candidate, score
    end
  end
  return best
end

local function unknown(path, name, names)
  local near = nearest(name, names)
  fail("unknown option '%s%s'%s", path, name, near and ("; did you mean '%s%s'?"):format(path, near) or "")
end

local function check(path, fields, options)
  for name, value in pairs(options) do
    if type(name) ~= "string" then
      fail("%s must have names for its values", path == "" and "the options" or path)
    elseif fields == FIELDS and LATER[name] then
      fail("option '%s' (%s) is not available yet", name, LATER[name])
    end
    local field = fields[name]
    if not field then
      unknown(path, name, fields)
    elseif not field[1](value) then
      fail("option '%s%s' must be %s", path, name, field[2])
    end
  end
end

local function check_retry(options)
  local merged = { max_attempts = retry.default_attempts }
  for name, delay in pairs(retry.defaults) do
    merged[name] = delay
  end
  for name, value in pairs(options) do
    if name == "max_attempts" then
      if not whole(value) then
        fail("option 'retry.max_attempts' must be a whole number")
      end
    elseif type(name) ~= "string" then
      fail("option 'retry' must name dispositions: retry = { busy = 300 }")
    elseif value ~= false and not (type(value) == "number" and value >= 0) then
      fail("option 'retry.%s' must be seconds, or false for never", name)
    end
    merged[name] = value or nil
  end
  return merged
end

-- Values of --set campaign.… win; the tables in it merge.
local function merge(options, override)
  local merged = {}
  for name, value in pairs(options) do
    merged[name] = value
  end
  for name, value in pairs(override or {}) do
    if type(value) == "table" and type(merged[name]) == "table" then
      merged[name] = merge(merged[name], value)
    else
      merged[name] = value
    end
  end
  return merged
end

--- Check OPTIONS and fill in defaults. Raises {code = "options", message} that
--- names the option and, for an unknown one, the nearest.
---@param options table as given to campaign{…}
---@param override table? the configuration's `campaign` (also --set campaign.…)
---@param script string? the script's file, for messages
---@return table
function M.check(options, override, script)
  file = script
  if type(options) ~= "table" then
    fail("expected a table of options")
  end
  local merged = merge(options, override)
  check("", FIELDS, merged)
  for _, name in ipairs { "name", "flow" } do
    if merged[name] == nil then
      fail("option '%s' is missing", name)
    end
  end
  merged.pacing = merge({ mode = "broadcast", concurrent = 10 }, merged.pacing)
  check("pacing.", PACING, merged.pacing)
  merged.retry = check_retry(merged.retry or {})
  merged.timeout = merged.timeout or 30
  return merged
end

return M
