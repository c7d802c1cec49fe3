--- `moondial check SCRIPT`: the script is loaded with nothing to act on (nobody is
--- dialled, no task or timer runs, no database is there), and then its campaigns are
--- looked at: trunks, agents, prompts, leads that they name and that there are not.
local moon = require "moondial"

local M = {}

--- Raised where the script would wait: what follows is not looked at.
local WAITED = setmetatable({ code = "check", message = "it waits" }, { __tostring = function(e) return e.message end })

--- What came of the load so far.
---@class CheckLoad
---@field asked boolean the script has looked at its arguments, of which there are none
---@field waited string? the verb that would wait
---@field defined table<string, boolean> trunks

--- Stands for a task, a timer, a trunk: its verbs do nothing.
local function stand_in(fields)
  return setmetatable(fields or {}, { __index = function() return function() end end })
end

--- Verbs that would do something do nothing, those that would wait end the load.
---@param load CheckLoad
local function disarm(load)
  for _, name in ipairs { "spawn", "originate", "after", "every", "emit", "stop", "drain", "qualify" } do
    moon[name] = function() return stand_in() end
  end
  local function waits(name)
    return function()
      load.waited = load.waited or name
      error(WAITED, 0)
    end
  end
  for _, name in ipairs { "sleep", "dial", "select" } do
    moon[name] = waits("moon." .. name)
  end
  for _, name in ipairs { "query", "exec", "transaction" } do
    moon.db[name] = waits("moon.db." .. name)
  end
  moon.cdr.find = waits("moon.cdr.find")
  moon.args = setmetatable({}, {
    __index = function() load.asked = true end,
    __len = function() load.asked = true return 0 end,
    __pairs = function(t) load.asked = true return next, t end,
  })
end

--- Trunks are what the configuration and the script say, none of them asked.
---@param load CheckLoad
local function stand_in_trunks(load)
  local define = moon.trunk
  for _, trunk in ipairs(moon.config.trunks or {}) do
    load.defined[trunk.name] = true
  end
  local function find(name)
    return stand_in { name = name, state = "unknown", active = 0, hosts = {}, history = {} }
  end
  function moon.trunk(what)
    if type(what) == "string" then
      if load.defined[what] then
        return find(what)
      end
      return nil, "unknown"
    end
    local name = define(what)
    load.defined[name] = true
    return name
  end
  function moon.trunks()
    local list = {}
    for name in pairs(load.defined) do
      list[#list + 1] = find(name)
    end
    return list
  end
end

local function message_of(err)
  return type(err) == "table" and err.message or tostring(err)
end

--- The first number of a file of leads; raises what is wrong with the file.
local function first_number(spec)
  local import = require "moondial.leads.import"
  local rows = moon.csv.rows(spec.leads)
  local header = rows()
  if not header then
    error({ message = spec.leads .. ": is empty; the first row must name the columns: phone,name,…" }, 0)
  end
  local _, order = import.columns(header, spec.leads, spec.phones)
  local row = rows()
  return row and row.fields and row.fields[order[1]] or nil
end

--- Whether numbers can't be called: none is named, and several or none could be meant.
local function no_trunk(spec, number)
  return not spec.trunk and number and not number:find("^%s*sips?:") and not moon.config.default_trunk
    and #moon.trunks() ~= 1
end

---@class CheckResult
---@field errors string[]
---@field warnings string[]

---@param campaign Campaign
---@param load CheckLoad
---@param configured boolean a configuration is given
---@param result CheckResult
local function look_at(campaign, load, configured, result)
  local spec = campaign.spec
  local function say(list, option, text)
    list[#list + 1] = ("campaign '%s': %s (%s)"):format(campaign.name, text, option)
  end
  -- what a configuration, or the part of the script that is not looked at, may have
  local unsure = not configured or load.waited
  for _, slip in ipairs(require("moondial.campaign.slips").find(spec, campaign.group)) do
    local elsewhere = slip.option == "trunk" or slip.option == "agents.group"
    if not configured and elsewhere then
      slip.text = slip.text .. " in the script, and no configuration is given (-c FILE)"
    end
    say(unsure and elsewhere and result.warnings or result.errors, slip.option, slip.text)
  end
  local ok, number = true, nil
  if spec.leads then
    ok, number = pcall(first_number, spec)
    if not ok then
      say(result.errors, "leads", message_of(number))
    end
  elseif not load.asked then
    say(result.warnings, "leads", ("it names no file of leads; there will have to be some by: moondial campaign import "
      .. "%s FILE"):format(campaign.name))
  end
  if ok and configured and no_trunk(spec, number) then
    say(result.warnings, "trunk", "it names no trunk, and there is not exactly one, nor a default_trunk: numbers can't "
      .. "be called")
  end
end

--- Load the script and look at its campaigns.
---@param path string
---@param configured boolean a configuration is given
---@return CheckResult
function M.script(path, configured)
  local load = { asked = false, defined = {} }
  local result = { errors = {}, warnings = {} }
  disarm(load)
  stand_in_trunks(load)
  local agents = pcall(require, "moondial.agents") -- of the configuration
  local campaigns = require "moondial.campaign"
  local name = path:match("[^/]*$")
  local ok, err = pcall(moon.load, path)
  if not ok and err ~= WAITED and load.asked and agents then
    table.insert(result.warnings, ("%s: without its arguments it is not looked at: %s"):format(name, message_of(err)))
  elseif not ok and err ~= WAITED then
    local text = message_of(err)
    if text:find("undefined variable 'env'", 1, true) then -- which configurations have, and scripts have not
      text = text .. "; if this is a configuration: moondial check -c FILE"
    end
    table.insert(result.errors, text)
  elseif load.waited then
    table.insert(result.warnings, ("%s: what follows its first %s is not looked at"):format(name, load.waited))
  end
  local names = {}
  for known in pairs(campaigns.all()) do
    names[#names + 1] = known
  end
  table.sort(names)
  for _, known in ipairs(names) do
    look_at(campaigns.find(known), load, configured, result)
  end
  return result
end

return M
