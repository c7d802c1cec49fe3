--- A line for callers, and one for the agents who answer it.
---
---   moondial run scripts/agent_line.lua [CONFIGURATION: agents, agent_groups]
---
--- Agents call "agents" from their telephone: one that has registered with us is
--- known by that, any other asks for number and PIN. The leg stays open: music,
--- a tone when a call comes, keys between calls (* pause, # ready). Callers of
--- any other number wait for the group "sales", and may leave with 9.
---
--- Without agents in the configuration two are defined here, to try it: 7001
--- with PIN 1234, 7002 with PIN 5678.
local moon = require "moondial"
local agents = require "moondial.agents"

if #agents.all() == 0 then
  agents.define_group { name = "sales", wrapup = 10, music = { { silence = 60 } } }
  agents.define { name = "7001", pin = "1234", groups = "sales" }
  agents.define { name = "7002", pin = "5678", groups = "sales" }
end

moon.on_call("agents", agents.line)

moon.on_call(function(call)
  call:answer()
  call:play("welcome")
  local agent, result = call:enqueue("sales", {
    max_wait = 300, -- seconds
    position = true, -- said now and then
    announce_every = 30,
    leave_on = "9",
  })
  if agent then
    moon.log.info("%s talked to %s for %.0f s", agent.name, call.from, result.duration)
    return
  end
  call.disposition = result -- timeout, no_agents, left
  call:play("goodbye")
end)
