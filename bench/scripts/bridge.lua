--- Bridges each call with the next one, until they end.
local moon = require "moondial"

local waiting

moon.on_call(function(call)
  call:answer()
  local other = waiting
  waiting = nil
  if other and other.state == "answered" then
    call:bridge(other)
  else
    waiting = call
  end
  call:wait("hangup")
end)
