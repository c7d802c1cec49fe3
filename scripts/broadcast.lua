--- Plays a message to each lead, and notes which key was pressed.
---
---   moondial run -c my.lua scripts/broadcast.lua leads.csv [PROMPT]
---
--- 1: interested. 9: never call again (the internal do-not-call list, which holds
--- in every campaign). `trunk`, `from`, `pacing`, `hours` and so on: `campaign` in
--- the configuration, or --set campaign.pacing.rate=5.
local moon = require "moondial"
local campaign = require "moondial.campaign"

if moon.args[3] then
  error(("'%s' is one argument too many: LEADS.csv [PROMPT]"):format(moon.args[3]), 0)
end

local prompt = moon.args[2] or "offer"

if not moon.find_prompt(prompt) then
  error(("there is no prompt '%s'"):format(prompt), 0)
end

return campaign {
  name = "broadcast",
  leads = moon.args[1],
  pacing = { mode = "broadcast", concurrent = 20, rate = 5 },
  flow = function(call)
    local digit = call:gather { prompt = prompt, max_digits = 1, timeout = 5, tries = 2, valid = "[19]" }
    if digit == "9" then
      call:opt_out()
      call:play("goodbye")
      return "dnc"
    elseif digit == "1" then
      call:play("thank-you")
      return "interested"
    end
    call:play("goodbye")
    return "heard"
  end,
}
