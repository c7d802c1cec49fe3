--- Answers each call and records both sides of it while a prompt plays.
local moon = require "moondial"
local prompt = moon.args[1]

moon.on_call(function(call)
  call:answer()
  call:record_call { file = "{id}", channels = "stereo" }
  call:play(prompt, { loop = true })
end)
