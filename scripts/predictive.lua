--- A campaign for agents, as the configuration says: no Lua to write.
---
---   moondial run -c moondial.lua scripts/predictive.lua
---
--- In the configuration: `trunks`, `agents`, `agent_groups`, and in `campaign` its
--- `name`, `leads` (the path of a CSV file), `agents` (the group) and whatever else
--- docs/lua.md lists for campaigns; or `--set campaign.leads=leads.csv`, or the
--- file after the script. What is
--- said here are the defaults. Agents log in by calling "agents" from their
--- telephone, or by `moondial agent login NAME`. Other callers wait for one of them.
--- docs/dialer.md leads from a CSV file to a campaign that runs.
local moon = require "moondial"
local agents = require "moondial.agents"
local campaign = require "moondial.campaign"

local configured = moon.config.campaign or {}
local group = configured.agents or "sales"
local unknown = moon.args[configured.leads and 1 or 2]

if unknown then
  error(("'%s' is one argument too many: the leads are in '%s'"):format(unknown, configured.leads or moon.args[1]), 0)
end

moon.on_call("agents", agents.line)

moon.on_call(function(call)
  call:answer()
  call:play("welcome")
  if not call:enqueue(type(group) == "table" and group.group or group, { max_wait = 120 }) then
    call:play("goodbye")
  end
end)

return campaign {
  name = "campaign",
  leads = moon.args[1],
  agents = group,
  pacing = { mode = "predictive" },
}
