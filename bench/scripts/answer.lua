--- Answers each call and waits for its end.
local moon = require "moondial"

moon.on_call(function(call)
  call:answer()
  call:wait("hangup")
end)
