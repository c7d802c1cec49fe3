local moon = require "moondial"

moon.on_call(function(call)
  call:answer()
  local digit = call:gather { prompt = "test-message", max_digits = 1, timeout = 5 }
  moon.log.info("%s pressed %s", call.from, digit or "nothing")
  call:play("goodbye")
end)
