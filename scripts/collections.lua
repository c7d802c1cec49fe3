--- Reminds debtors, and gives those who want to talk about it to an agent.
---
---   moondial run -c my.lua scripts/collections.lua leads.csv [PROMPT]
---
--- 1: an agent of the group `collections` (`agents` and `agent_groups` in the
--- configuration); where none is free in half a minute the lead is called back in
--- two hours. 2: a promise to pay. 9: never call again. At most seven calls to a
--- number in seven days (12 CFR 1006.14), at the hours of the region.
local moon = require "moondial"
local campaign = require "moondial.campaign"

if moon.args[3] then
  error(("'%s' is one argument too many: LEADS.csv [PROMPT]"):format(moon.args[3]), 0)
end

local prompt = moon.args[2] or "payment-due"

if not moon.find_prompt(prompt) then
  error(("there is no prompt '%s'"):format(prompt), 0)
end
local PATIENCE = 30 -- seconds for an agent

local function talk(call, lead)
  if call:connect_agent { group = "collections", within = PATIENCE, data = lead } then
    return "talked"
  end
  lead:callback { at = "2h" }
  call:play("goodbye")
  return "callback"
end

return campaign {
  name = "collections",
  leads = moon.args[1],
  compliance = "us",
  pacing = { mode = "broadcast", concurrent = 10, rate = 2 },
  max_per_number = { attempts = 7, days = 7 },
  retry = { max_attempts = 7, busy = 900, no_answer = 14400, hung_up = 86400 },
  flow = function(call, lead)
    local digit = call:gather { prompt = prompt, max_digits = 1, timeout = 6, tries = 2, valid = "[129]",
      invalid_prompt = "invalid-choice" }
    if digit == "1" then
      return talk(call, lead)
    elseif digit == "2" then
      call:play("thank-you")
      return "promised"
    elseif digit == "9" then
      call:opt_out()
      return "dnc"
    end
    call:play("goodbye")
    return "heard"
  end,
}
