--- Configuration of a sales floor: a carrier, ten agents, and a campaign for them.
--- All there is to say is here; scripts/predictive.lua runs it.
---
--- CARRIER is where simulated people and the agents' telephones are
--- (scripts/floor_simulator.lua). For real ones: your carrier's address, and the
--- agents' own telephones (`endpoint:ann`, or any SIP URI).
local people = env("CARRIER", "127.0.0.1:5070")

local agents = {}
for i = 1, 10 do
  agents[i] = {
    name = "agent" .. i,
    target = "sip:agent" .. i .. "@" .. people,
    groups = { "sales" },
    nailed_up = true, -- called once, at login: a caller is connected at once
  }
end

return {
  listen = { "udp:127.0.0.1:5080" },
  db = "sales-floor.db",
  recordings = "recordings",
  trunks = {
    { name = "carrier", hosts = people, from = "+15550100" },
  },
  agents = agents,
  agent_groups = {
    { name = "sales", strategy = "longest_idle", wrapup = 5 },
  },
  campaign = {
    name = "sales-floor",
    leads = "leads.csv", -- phone, name, and whatever an agent's screen should show
    trunk = "carrier",
    agents = { group = "sales", message = "goodbye" },
    pacing = { mode = "predictive", rate = 5 },
    retry = { max_attempts = 3, busy = 300, no_answer = 3600 },
    timeout = 20,
  },
}
