--- Calls each target given, plays a message, notes the key that was pressed.
---
---   moondial run scripts/dialer.lua sip:alice@127.0.0.1:5070 …
---   moondial run -c my.lua scripts/dialer.lua +15550100 …      (by a trunk)
---
--- One after the other; for many numbers use a campaign (examples/).
local moon = require "moondial"

if #moon.args == 0 then
  error("whom to call? moondial run scripts/dialer.lua TARGET…", 0)
end

moon.spawn(function()
  local answered = 0
  for _, target in ipairs(moon.args) do
    moon.log.info("calling %s", target)
    -- a task of its own for each call: what the far side does to one (hanging
    -- up, for instance) ends that one only
    local task = moon.spawn(function()
      local call, reason = moon.dial(target, { timeout = 30 })
      if not call then
        moon.log.info("%s: %s", target, reason)
        return
      end
      answered = answered + 1
      local digit = call:gather { prompt = "test-message", max_digits = 1, timeout = 5 }
      call.disposition = digit and "pressed_" .. digit or "no_key"
      moon.log.info("%s: %s", target, call.disposition)
      call:play("goodbye")
    end)
    task:wait()
  end
  moon.log.info("%d of %d answered", answered, #moon.args)
  moon.stop()
end)
