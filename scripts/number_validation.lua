--- Finds out which numbers of a list are in service, by calling each once.
---
---   moondial run -c my.lua scripts/number_validation.lua numbers.csv [PROMPT]
---   moondial campaign export --disposition invalid number-validation > dead.csv
---
--- `invalid`: nobody has that number (404, 410, 484, 604, or the tones that say
--- so). `valid`: somebody has answered, and is told who has called before the call
--- ends; `busy`, `no_answer` and `declined` are in service, too. `congestion` says
--- nothing, and is tried again. Calls ring as long as the rules ask; they obey
--- calling hours and do-not-call lists as those of any campaign do.
local moon = require "moondial"
local campaign = require "moondial.campaign"

if moon.args[3] then
  error(("'%s' is one argument too many: LEADS.csv [PROMPT]"):format(moon.args[3]), 0)
end

local message = moon.args[2] or "number-check"

if not moon.find_prompt(message) then
  error(("there is no prompt '%s'"):format(message), 0)
end

return campaign {
  name = "number-validation",
  leads = moon.args[1],
  pacing = { mode = "broadcast", concurrent = 10, rate = 2 },
  timeout = 15,
  retry = { max_attempts = 3, busy = false, no_answer = false, congestion = 300 },
  flow = function(call)
    call:play(message)
    return "valid"
  end,
}
