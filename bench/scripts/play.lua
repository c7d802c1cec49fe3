--- Answers each call and plays a prompt until it ends.
local moon = require "moondial"
local prompt = moon.args[1]

moon.on_call(function(call)
  call:answer()
  call:play(prompt, { loop = true })
end)
