--- Calls hello.lua, listens for three seconds, presses a key.
---
---   moondial run --sip udp:127.0.0.1:5062 --db caller.db caller.lua sip:hello@127.0.0.1:5060 [KEY]
local moon = require "moondial"

local target, key = moon.args[1], moon.args[2] or "1"
if not target then
  error("whom to call? moondial run caller.lua sip:hello@127.0.0.1:5060", 0)
end

moon.spawn(function()
  local call, reason = moon.dial(target, { timeout = 20 })
  if not call then
    moon.log.error("%s does not answer: %s", target, reason)
    moon.stop(1)
    return
  end
  call:sleep(3)
  call:dtmf(key)
  call:wait("hangup", 20)
  moon.stop()
end)
