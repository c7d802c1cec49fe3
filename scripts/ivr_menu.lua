--- A menu of two levels: opening hours, departments, a message.
---
---   moondial run scripts/ivr_menu.lua
local moon = require "moondial"

--- Ask for one of CHOICES until there is one; nil when the caller gives up.
local function choose(call, prompt, choices)
  return (call:gather {
    prompt = prompt,
    max_digits = 1,
    timeout = 5,
    tries = 3,
    valid = "[" .. choices .. "]",
    invalid_prompt = "invalid-choice",
  })
end

local function leave_message(call)
  call:play("leave-message")
  local message = call:record { file = "message-{id}.wav", max = 120, silence = 4, beep = true, terminator = "#" }
  call.user.message = message.file
  if message.reason ~= "hangup" then
    call:play("message-saved")
  end
  return "message"
end

--- The second level. Returns a disposition, or nil to go back.
local function departments(call)
  local choice = choose(call, "department-menu", "12*")
  if choice == "1" then
    call:play("sales-closed")
    return leave_message(call)
  elseif choice == "2" then
    call:play("support-closed")
    return leave_message(call)
  elseif not choice then
    return "no_choice"
  end
end

moon.on_call(function(call)
  call:answer()
  call:play("welcome")
  repeat
    local choice = choose(call, "main-menu", "123")
    if choice == "1" then
      call:play("opening-hours")
      call.disposition = "opening_hours"
    elseif choice == "2" then
      call.disposition = departments(call)
    elseif choice == "3" then
      call.disposition = leave_message(call)
    else
      call.disposition = "no_choice"
    end
    -- "back" leaves no disposition of ours: the first level again
  until choice ~= "2" or call.disposition
  call:play("goodbye")
end)
