--- Reminds people of their appointments: says when it is, asks to confirm it.
---
---   moondial run -c moondial.lua campaign.lua
local campaign = require "moondial.campaign"

local TENS = { [2] = "20", [3] = "30", [4] = "40", [5] = "50" }

--- A number from 0 to 59 as prompts: 42 → "40", "2".
local function number_prompts(n)
  if n <= 20 then
    return { tostring(n) }
  end
  local prompts = { TENS[n // 10] }
  if n % 10 > 0 then
    prompts[2] = tostring(n % 10)
  end
  return prompts
end

--- "Monday", "14:30" → the prompts that say so.
local function when_prompts(day, time)
  local hour, minute = time:match("^(%d%d?):(%d%d)$")
  if not hour then
    error(("lead's time '%s' is not HH:MM"):format(time), 0)
  end
  local prompts = { day:lower(), "at" }
  table.move(number_prompts(math.tointeger(hour)), 1, 2, #prompts + 1, prompts)
  if minute == "00" then
    prompts[#prompts + 1] = "o-clock"
  else
    table.move(number_prompts(math.tointeger(minute)), 1, 2, #prompts + 1, prompts)
  end
  return prompts
end

local function flow(call, lead)
  call:record_call { file = "reminder-{to}-{id}.wav" }
  local prompt = { "hello", "reminder", "your-appointment" }
  table.move(when_prompts(lead.day, lead.time), 1, 9, #prompt + 1, prompt)
  prompt[#prompt + 1] = "confirm-or-cancel"

  local digit = call:gather {
    prompt = prompt,
    max_digits = 1,
    timeout = 6,
    tries = 2,
    valid = "[12]",
    invalid_prompt = "invalid-choice",
  }
  if digit == "1" then
    call:play("confirmed")
    return "confirmed"
  elseif digit == "2" then
    call:play("cancelled")
    return "cancelled"
  end
  call:play("no-response")
  return "no_response"
end

return campaign {
  name = "appointment-reminders",
  trunk = "carrier",
  leads = "leads.csv", -- phone,name,day,time: imported once, kept in the database
  pacing = { mode = "broadcast", concurrent = 5, rate = 5 },
  timeout = 30,
  retry = { max_attempts = 3, busy = 300, no_answer = 3600 },
  flow = flow,
}
