--- Leads are claimed and put back, and how long that takes is printed: first with
--- a thousand in the table, then with all of the file's.
local moon = require "moondial"
local leads = require "moondial.leads"
local store = require "moondial.campaign.store"
local gates = require "moondial.campaign.gates"
local few, many, rounds = moon.args[1], moon.args[2], tonumber(moon.args[3])

local AT_ONCE = 10

--- Median and 99th percentile of the rounds, in ms; a claim waits for its commit.
local function claim(name)
  local times = {}
  for i = 1, rounds do
    local begin = moon.now()
    local rows = store.claim(name, AT_ONCE)
    times[i] = (moon.now() - begin) * 1000
    assert(#rows == AT_ONCE, "leads are missing")
    gates.release(rows)
  end
  table.sort(times)
  return { p50_ms = times[#times // 2], p99_ms = times[math.ceil(#times * 0.99)] }
end

moon.spawn(function()
  store.open("few")
  store.open("many")
  leads.import("few", few)
  local small = claim "few"
  leads.import("many", many)
  print("claims " .. moon.json.encode { few = small, many = claim "many" })
end)
