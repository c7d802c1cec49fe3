--- A prompt, a digit, another prompt: the digit becomes the disposition.
local moon = require "moondial"
local question, thanks = moon.args[1], moon.args[2]

moon.on_call(function(call)
  call:answer()
  local digit = call:gather { prompt = question, max_digits = 1, timeout = 5, barge_in = false }
  call.disposition = digit and "pressed_" .. digit or "no_digit"
  call:play(thanks)
end)
