--- A campaign: each lead is called, hears a prompt of two seconds, and is done.
local moon = require "moondial"
local campaign = require "moondial.campaign"
local prompt, leads, rate = moon.args[1], moon.args[2], tonumber(moon.args[3])

return campaign {
  name = "bench",
  trunk = "load",
  leads = leads,
  pacing = { mode = "broadcast", concurrent = 10000, rate = rate },
  flow = function(call)
    call:play(prompt)
    return "heard"
  end,
}
