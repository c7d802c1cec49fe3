--- The first script: answers, asks for a key, says goodbye.
---
---   moondial run --sip udp:127.0.0.1:5060 hello.lua
local moon = require "moondial"

moon.on_call(function(call)
  call:answer()
  local digit = call:gather { prompt = "test-message", max_digits = 1, timeout = 5 }
  moon.log.info("%s pressed %s", call.from, digit or "nothing")
  call.disposition = digit and "pressed_" .. digit or "no_key"
  call:play("goodbye")
end)
