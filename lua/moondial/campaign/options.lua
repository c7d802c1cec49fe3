--- The options of a campaign: checked, and filled with defaults.
local caller_ids = require "moondial.compliance.caller_ids"
local detection = require "moondial.campaign.detection"
local hours = require "moondial.compliance.hours"
local pacing = require "moondial.campaign.pacing"
local presets = require "moondial.compliance.presets"
local retry = require "moondial.campaign.retry"
local trunk_lists = require "moondial.trunks"

local M = {}

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

--- A list of texts that aren't empty.
local function texts(value)
  if type(value) ~= "table" then
    return false
  end
  for key, text in pairs(value) do
    if math.type(key) ~= "integer" or type(text) ~= "string" or text == "" then
      return false
    end
  end
  return #value > 0
end

--- A table of whole numbers with no other fields than NAMES.
local function counts(value, names)
  if type(value) ~= "table" or next(value) == nil then
    return false
  end
  for name, count in pairs(value) do
    if not names[name] or not whole(count) then
      return false
    end
  end
  return true
end

-- name → { check, what it must be }
local FIELDS = {
  name = { function(v) return type(v) == "string" and v:match("^[%w_%.%-]+$") and #v <= 64 end,
    "a name of letters, digits, _ . -" },
  trunk = { function(v) return type(v) == "string" and v ~= "" or type(v) == "table" end,
    "the name of a trunk, or a list of trunks" },
  leads = { function(v) return type(v) == "string" and v ~= "" end, "the path of a CSV file" },
  region = { function(v) return type(v) == "string" and v:match("^%u%u$") end,
    "the two letters of a country, such as \"US\" or \"DE\"" },
  list = { function(v) return type(v) == "string" and v ~= "" end, "the name of the list" },
  phones = { texts, "a list of columns with numbers, in the order in which they are tried" },
  unique = { function(v) return v == "campaign" or v == "all" end,
    "\"campaign\", or \"all\": numbers that other campaigns have are left out" },
  max_per_day = { function(v) return whole(v) or counts(v, { lead = true, number = true, campaign = true }) end,
    "a whole number of calls to a lead, or { lead = …, number = …, campaign = … }" },
  max_per_number = { function(v) return whole(v) or counts(v, { attempts = true, days = true }) and v.attempts end,
    "a whole number of calls by all campaigns, or { attempts = …, days = … }" },
  from = { function(v) return type(v) == "string" and v ~= "" end, "a caller id" },
  timeout = { function(v) return positive(v) and v <= 600 end, "seconds of ringing, at most 600" },
  pacing = { function(v) return type(v) == "table" end, "a table" },
  retry = { function(v) return type(v) == "table" end, "a table" },
  hours = { function(v) return type(v) == "table" or type(v) == "string" end,
    "a list such as { \"Mon-Fri 09:00-20:00\" }" },
  dnc = { function(v) return v == false or trunks(v) end, "the name of an imported list, a list of names, or false" },
  skip_types = { function(v) return v == false or type(v) == "string" or texts(v) end,
    "a list of types of numbers such as { \"premium_rate\", \"shared_cost\" }, or false" },
  caller_ids = { function(v) return type(v) == "table" end, "a list of numbers" },
  compliance = { function(v) return v == false or type(v) == "string" or type(v) == "table" end,
    "\"us\", \"uk\", a table, or false" },
  agents = { function(v) return type(v) == "table" or type(v) == "string" and v ~= "" end,
    "the name of a group of agents, or a table with it" },
  machine = { function(v) return type(v) == "string" or type(v) == "table" end,
    "\"leave_message\", \"hangup\", \"continue\", or a table" },
  flow = { function(v) return type(v) == "function" end, "a function(call, lead)" },
}

local CONFIGURATION = "configuration" -- as a place of options

--- Types of numbers, as libphonenumber tells them.
local TYPES = { mobile = true, fixed_line = true, fixed_line_or_mobile = true, toll_free = true, premium_rate = true,
  shared_cost = true, voip = true, personal = true, pager = true, uan = true, voicemail = true }

--- What is dialled by mistake only: it costs whoever calls.
local SKIPPED = { "premium_rate" }

local MODES = { manual = true, preview = true, broadcast = true, power = true, progressive = true, predictive = true }

local function share(value)
  return type(value) == "number" and value >= 0 and value <= 1
end

local function at_least_one(value)
  return type(value) == "number" and value >= 1 and value <= 100
end

--- A number of days, or a list of them.
local function days(value)
  value = type(value) == "table" and value or { value }
  if #value == 0 then
    return false
  end
  for _, count in pairs(value) do
    if not whole(count) or count > 366 then
      return false
    end
  end
  return true
end

local PACING = {
  mode = { function(v) return MODES[v] end, "one of manual, preview, broadcast, power, progressive, predictive" },
  concurrent = { whole, "a whole number of calls" },
  rate = { positive, "calls a second, a number above 0" },
  ratio = { at_least_one, "lines for each ready agent, a number from 1 to 100" },
  max_level = { at_least_one, "lines for each agent, a number from 1 to 100" },
  abandon_target = { share, "a share, from 0 to 1 (0.02 is 2 %)" },
  abandon_cap = { share, "a share, from 0 to 1 (0.03 is 3 %)" },
  abandon_days = { days, "a number of days up to 366, or a list of them" },
  false_machine = { share, "a share, from 0 to 1 (0.01 is 1 %)" },
}

local function seconds(value)
  return type(value) == "number" and value >= 0 and value < math.huge
end

local function prompt(value)
  return type(value) == "string" and value ~= "" or type(value) == "table"
end

local AGENTS = {
  group = { function(v) return type(v) == "string" and v ~= "" end, "the name of a group of agents" },
  within = { seconds, "seconds" },
  again_within = { seconds, "seconds" },
  priority = { function(v) return type(v) == "number" end, "a number" },
  skills = { prompt, "a skill, a list of them, or levels by skill" },
  announce = { prompt, "a prompt" },
  music = { prompt, "a prompt" },
  message = { prompt, "a prompt" },
  opt_out = { function(v) return type(v) == "string" and v:match("^[%d*#]$") end, "a key: 0 to 9, * or #" },
}

--- Where the options come from, for messages.
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
    if name == "dnc" then
      fail("option 'retry.dnc': who has asked not to be called again is not called again")
    elseif name == "max_attempts" then
      if not whole(value) then
        fail("option 'retry.max_attempts' must be a whole number")
      end
    elseif type(name) ~= "string" then
      fail("option 'retry' must name dispositions: retry = { busy = 300 }")
    elseif not retry.is_rule(value) then
      fail("option 'retry.%s' must be %s", name, retry.rule_text)
    end
    merged[name] = value or nil
  end
  return merged
end

-- A call that is given up too soon has rung for nothing, and rules forbid it.
local function check_ring(compliance, timeout)
  if compliance and timeout < compliance.ring then
    fail("option 'timeout' is %g s, but a call must ring for %g s at least (%s); a campaign that is none of these "
      .. "rules' business says compliance = false", timeout, compliance.ring, compliance.title)
  end
end

-- Who has answered must not be let wait for an agent.
local function check_within(compliance, agents)
  if not (compliance and agents) then
    return
  end
  agents.within = agents.within or compliance.connect_within
  if agents.within > compliance.connect_within then
    fail("option 'agents.within' is %g s, but who answers must have an agent within %g s of the greeting's end, or "
      .. "hear who has called (%s)", agents.within, compliance.connect_within, compliance.title)
  end
end

local function check_agents(given)
  local options = M.merge(type(given) == "string" and { group = given } or given)
  check("agents.", AGENTS, options)
  if options.group == nil then
    fail("option 'agents.group' is missing")
  end
  return options
end

--- Modes in which a call has an agent from the beginning.
local AGENT_IS_SURE = { manual = true, preview = true, progressive = true }

--- Types that are not dialled: as a set; nil: none.
local function check_types(given)
  if given == false then
    return nil
  end
  local set = {}
  for _, name in ipairs(type(given) == "string" and { given } or given or SKIPPED) do
    if not TYPES[name] then
      local names = {}
      for known in pairs(TYPES) do
        names[#names + 1] = known
      end
      table.sort(names)
      fail("option 'skip_types': '%s' is no type of number; there are: %s", name, table.concat(names, ", "))
    end
    set[name] = true
  end
  return set
end

-- Who got no agent is not called again by a dialer that may have none again.
local function check_abandoned(merged)
  local compliance, rule = merged.compliance, merged.retry.abandoned
  local delay = type(rule) == "table" and rule.base or type(rule) == "number" and rule or 0
  if compliance and rule and delay < compliance.abandoned_wait and not AGENT_IS_SURE[merged.pacing.mode] then
    fail("option 'retry.abandoned' is %g s, but who got no agent may not be called within %g h without one guaranteed "
      .. "(%s)", delay, compliance.abandoned_wait / 3600, compliance.title)
  elseif compliance and merged.pacing.abandon_cap and merged.pacing.abandon_cap > compliance.abandoned_max then
    fail("option 'pacing.abandon_cap' is %g, but at most %g of the calls that a person answers may be abandoned (%s)",
      merged.pacing.abandon_cap, compliance.abandoned_max, compliance.title)
  end
end

--- The rules' bound of abandonment is the pacer's.
local function bound_abandonment(compliance, options)
  if not compliance then
    return
  end
  local most = compliance.abandoned_max
  options.abandon_cap = options.abandon_cap or most
  options.abandon_target = options.abandon_target or math.min(pacing.defaults.abandon_target, most)
  options.abandon_days = options.abandon_days or { 1 }
  for _, window in ipairs(options.abandon_days) do
    if window == compliance.abandoned_days then
      return
    end
  end
  options.abandon_days = table.move(options.abandon_days, 1, #options.abandon_days, 1, {})
  table.insert(options.abandon_days, compliance.abandoned_days)
end

-- Values of --set campaign.… win; the tables in it merge, but lists as a whole.
---@param options table
---@param override table?
---@return table
function M.merge(options, override)
  local merged = {}
  for name, value in pairs(options or {}) do
    merged[name] = value
  end
  for name, value in pairs(override or {}) do
    if type(value) == "table" and #value == 0 and type(merged[name]) == "table" then
      merged[name] = M.merge(merged[name], value)
    else
      merged[name] = value
    end
  end
  return merged
end

--- Check options of pacing. Raises {code = "options", message}.
---@param given PacingOptions
---@param agents boolean? whether there are any: then it is progressive where nothing is said
---@return PacingOptions
function M.pacing(given, agents)
  check("pacing.", PACING, given)
  local target, cap = given.abandon_target or pacing.defaults.abandon_target, given.abandon_cap or
    pacing.defaults.abandon_cap
  if target > cap then
    fail("option 'pacing.abandon_target' (%g) must not be above 'pacing.abandon_cap' (%g)", target, cap)
  end
  local merged = M.merge({ mode = agents and "progressive" or pacing.defaults.mode }, given)
  if merged.abandon_days and type(merged.abandon_days) ~= "table" then
    merged.abandon_days = { merged.abandon_days }
  end
  return merged
end

--- A value as people write it on a command line: a number, true, false, nil, a list with
--- commas, or a text.
---@param text string
---@return any
function M.value(text)
  if text:find(",", 1, true) then
    local list = {}
    for word in text:gmatch("[^,]+") do
      list[#list + 1] = M.value(word)
    end
    return list
  elseif text == "true" or text == "false" then
    return text == "true"
  end
  return math.tointeger(tonumber(text)) or tonumber(text) or text
end

--- What the configuration says of a campaign, by itself: a slip there is not the script's.
local function check_configured(override, source)
  file = source
  check("", FIELDS, override)
  check("pacing.", PACING, override.pacing or {})
  if type(override.agents) == "table" then
    check("agents.", AGENTS, override.agents)
  end
  check_retry(override.retry or {})
end

--- `moondial check`: whether a configuration's `campaign` can be. What a script may
--- add to it (a flow, agents, no rules) counts as given. Raises {code = "options"}.
---@param campaign table
---@return string "": nothing is to be said
function M.check_configuration(campaign)
  M.check({ name = "campaign", agents = "agents", compliance = campaign.compliance or false, flow = function() end },
    campaign, CONFIGURATION)
  return ""
end

--- Check OPTIONS and fill in defaults. Raises {code = "options", message} that
--- names the option and, for an unknown one, the nearest.
---@param options table as given to campaign{…}
---@param override table? the configuration's `campaign` (also --set campaign.…)
---@param script string? the script's file, for messages
---@param folder string? where its files are looked for, with a slash at its end
---@return table
function M.check(options, override, script, folder)
  check_configured(override or {}, script and CONFIGURATION)
  file = script
  if type(options) ~= "table" then
    fail("expected a table of options")
  end
  local merged = M.merge(options, override)
  check("", FIELDS, merged)
  if merged.name == nil then
    fail("option 'name' is missing")
  elseif merged.flow == nil and merged.agents == nil then
    fail("option 'flow' is missing")
  end
  merged.agents = merged.agents and check_agents(merged.agents)
  merged.pacing = M.pacing(merged.pacing or {}, merged.agents ~= nil)
  if pacing.agent_modes[merged.pacing.mode] and not merged.agents then
    fail("option 'agents' is missing: pacing.mode \"%s\" dials for agents", merged.pacing.mode)
  end
  merged.retry = check_retry(merged.retry or {})
  if whole(merged.max_per_day) then
    merged.max_per_day = { lead = merged.max_per_day }
  end
  if whole(merged.max_per_number) then
    merged.max_per_number = { attempts = merged.max_per_number }
  end
  merged.machine = merged.machine and detection.options(merged.machine, fail)
  if merged.machine and merged.machine.action == "leave_message" and not merged.machine.message
    and (merged.agents or not merged.flow) then
    fail("option 'machine.message' is missing: who talks to persons here are agents")
  end
  merged.timeout = merged.timeout or 30
  merged.compliance = presets.resolve(merged.compliance)
  check_ring(merged.compliance, merged.timeout)
  check_within(merged.compliance, merged.agents)
  if type(merged.dnc) == "string" then
    merged.dnc = { merged.dnc }
  end
  merged.skip_types = check_types(merged.skip_types)
  if merged.caller_ids then
    merged.caller_ids = caller_ids.pool(merged.caller_ids)
  end
  check_abandoned(merged)
  bound_abandonment(merged.compliance, merged.pacing)
  if merged.trunk then
    merged.trunks = trunk_lists.list(merged.trunk, folder)
    merged.trunk = type(merged.trunk) == "table" and merged.trunks:names() or merged.trunk
  end
  merged.hours = hours.parse(merged.hours, merged.compliance, folder)
  return merged
end

return M
