--- The pacer's tick: 500 agents of whom some change state each time, 2,000 calls
--- that ring. Prints the CPU time of each tick (ms) as JSON.
local moon = require "moondial"
local pacing = require "moondial.campaign.pacing"

local AGENTS, RINGING = 500, 2000
local TICKS = tonumber(moon.args[1])

local pacer = pacing.new { mode = "predictive", max_level = 20 }
local agents, begun = {}, {}
local NEXT = { ready = "talking", talking = "wrapup", wrapup = "ready" }

for i = 1, AGENTS do
  agents[i] = { name = "agent" .. i, state = i % 4 == 0 and "ready" or i % 4 == 1 and "wrapup" or "talking",
    since = -(i % 120) }
end
for i = 1, RINGING do
  begun[i] = -(i % 50) / 2
end

--- What has happened until NOW.
local function go_on(now)
  for i = 1, 10 do
    local agent = agents[(now * 10 + i) % AGENTS + 1]
    agent.state, agent.since = NEXT[agent.state], now
    pacer:failed(now, "no_answer")
    if i % 4 == 0 then
      pacer:answered(now, 5 + i)
    end
  end
  for i = 1, RINGING, 20 do
    begun[(i + now) % RINGING + 1] = now
  end
end

moon.spawn(function()
  local took, launched = {}, 0
  for now = 1, TICKS do
    go_on(now)
    moon.sleep(0) -- each tick is a slice of its own
    local clock = os.clock()
    local ages = {}
    for i = 1, RINGING do
      ages[i] = now - begun[i]
    end
    local count = pacer:tick { now = now, agents = agents, ringing = ages, active = RINGING + 300, waiting = 2 }
    took[now] = (os.clock() - clock) * 1000
    launched = launched + count
  end
  print(moon.json.encode { took = took, launched = launched })
  moon.stop()
end)
