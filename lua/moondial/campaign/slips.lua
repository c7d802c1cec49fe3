--- Slips in a campaign's options that no option tells by itself: a trunk, agents,
--- prompts that there are not. The campaign says so when it starts (run), `moondial
--- check` before.
local moon = require "moondial"

local M = {}

---@class Slip
---@field option string "agents.message"
---@field text string

--- The names of prompts in a value as `play` takes it, each handed to FOUND.
local function each_prompt(value, found)
  if type(value) == "string" then
    found(value)
  elseif type(value) == "table" then
    for _, part in ipairs(value) do
      each_prompt(part, found)
    end
  end
end

local function missing_prompts(slips, option, value)
  each_prompt(value, function(name)
    if not moon.find_prompt(name) then
      slips[#slips + 1] = { option = option, text = ("there is no prompt '%s'"):format(name) }
    end
  end)
end

--- Trunks, agents and prompts that SPEC names and that there are not.
---@param spec table a campaign's checked options
---@param group Group? its agents
---@return Slip[]
function M.find(spec, group)
  local slips = {}
  for _, name in ipairs(type(spec.trunk) == "table" and spec.trunk or { spec.trunk }) do
    if not moon.trunk(name) then
      slips[#slips + 1] = { option = "trunk", text = ("there is no trunk '%s'"):format(name) }
    end
  end
  if group and #group.agents == 0 then
    slips[#slips + 1] = { option = "agents.group", text = ("no agent is in group '%s'"):format(group.name) }
  end
  for _, name in ipairs { "message", "announce", "music" } do
    missing_prompts(slips, "agents." .. name, spec.agents and spec.agents[name])
  end
  missing_prompts(slips, "machine.message", spec.machine and spec.machine.message)
  for _, name in ipairs { "announce", "music" } do
    missing_prompts(slips, ("%s of the group '%s'"):format(name, group and group.name or ""),
      group and group.spec[name])
  end
  return slips
end

return M
