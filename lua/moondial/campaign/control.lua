--- Commands of `moondial campaign …` to the running engine.
local audit = require "moondial.compliance.audit"
local campaign = require "moondial.campaign"
local options = require "moondial.campaign.options"
local reasons = require "moondial.campaign.why"
local report = require "moondial.campaign.report"

local M = {}

--- By name; each gets who has given it, and its words; what it returns is what the user
--- sees.
local commands = {}

function commands.start(who, name)
  if name:find("/", 1, true) or name:find("%.lua$") then
    return campaign.start_file(name)
  end
  return campaign.find(name):start(who)
end

function commands.pause(who, name)
  return campaign.find(name):pause(who)
end

function commands.status(_, format, name)
  local list = {}
  if name then
    list[1] = campaign.find(name):figures()
  else
    for _, one in pairs(campaign.all()) do
      list[#list + 1] = one:figures()
    end
    table.sort(list, function(a, b) return a.name < b.name end)
  end
  return report.status(list, format)
end

--- Why a lead isn't being called now: of the campaign NAME, or of each that has it.
---@param lead string number or id
---@param name string?
function commands.why(_, lead, name)
  return reasons.of(lead, name)
end

--- "pacing.rate=5" → pacing = { rate = 5 }.
local function changes_of(words)
  local changes = {}
  for _, word in ipairs(words) do
    local path, text = word:match("^([%w_%.]+)=(.*)$")
    if not path then
      error({ code = "options", message = ("campaign set: '%s' is not NAME=VALUE"):format(word) }, 0)
    end
    local at = changes
    for name in path:gmatch("([^%.]+)%.") do
      at[name] = at[name] or {}
      at = at[name]
    end
    at[path:match("[^%.]+$")] = options.value(text)
  end
  return changes
end

function commands.set(who, name, ...)
  campaign.find(name):set(changes_of { ... }, who)
  return ("campaign %s: %s"):format(name, table.concat({ ... }, ", "))
end

function commands.next(_, format, name, agent)
  local lead, why = campaign.find(name):next(agent)
  return report.lead(lead, format, why)
end

function commands.dial(_, name, lead, agent)
  return ("campaign %s calls %s"):format(name, campaign.find(name):dial(lead, agent))
end

function commands.skip(_, name, lead)
  return ("campaign %s skips %s"):format(name, campaign.find(name):skip(lead))
end

local function carry_out(who, action, ...)
  local command = commands[action]
  if not command then
    error({ code = "unknown", message = ("campaign: unknown command '%s'"):format(tostring(action)) }, 0)
  end
  return command(who, ...)
end

--- A command, with who has given it: it goes to the audit trail.
---@param who Who
---@param action "start"|"pause"|"status"|"set"|"next"|"dial"|"skip"|"why"
---@return string
function M.command(who, action, name, ...)
  local result = carry_out(who, action, name, ...)
  audit.command(who, action, name and campaign.name_of(name), ...)
  return result
end

return M
