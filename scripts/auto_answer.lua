--- Answers every call, says so, takes a message and records it.
---
---   moondial run scripts/auto_answer.lua
---
--- Messages go to the recordings folder as message-ID.wav; `moondial cdr`
--- lists who called.
local moon = require "moondial"

moon.on_call(function(call)
  call:answer()
  call:play { "welcome", "leave-message" }
  local message = call:record {
    file = "message-{id}.wav",
    max = 120, -- seconds
    silence = 4, -- ends after so much silence
    beep = true,
    terminator = "#",
  }
  call.user.message = message.file
  call.disposition = message.duration >= 1 and "message" or "no_message"
  moon.log.info("%.1f s from %s, ended by %s: %s", message.duration, call.from, message.reason, message.file)
  if message.reason ~= "hangup" then
    call:play { "message-saved", "goodbye" }
  end
end)
