--- Asks each lead some questions, which keys answer.
---
---   moondial run -c my.lua scripts/survey.lua leads.csv QUESTION:KEYS…
---   moondial run -c my.lua scripts/survey.lua leads.csv satisfied:12345 again:12
---
--- QUESTION is a prompt, KEYS are those that answer it. The answers are in the
--- call's record (`user`: question → key): moondial cdr --campaign survey --json.
--- A lead is `complete`, `partial` (some answers, then silence, or hung up) or
--- `refused` (none).
local moon = require "moondial"
local campaign = require "moondial.campaign"

local questions = {}
for i = 2, #moon.args do
  local prompt, keys = moon.args[i]:match("^(.+):([%d*#]+)$")
  if not prompt then
    error(("'%s' is no question such as satisfied:12345"):format(moon.args[i]), 0)
  end
  if not moon.find_prompt(prompt) then
    error(("there is no prompt '%s'"):format(prompt), 0)
  end
  questions[#questions + 1] = { prompt = prompt, keys = keys }
end
if #questions == 0 then
  error("which questions? moondial run scripts/survey.lua LEADS.csv QUESTION:KEYS…", 0)
end

return campaign {
  name = "survey",
  leads = moon.args[1],
  pacing = { mode = "broadcast", concurrent = 20, rate = 5 },
  flow = function(call)
    call.disposition = "refused" -- who hangs up keeps what it is by then
    for _, question in ipairs(questions) do
      local digit = call:gather {
        prompt = question.prompt,
        max_digits = 1,
        timeout = 6,
        tries = 2,
        valid = "[" .. question.keys .. "]",
        invalid_prompt = "invalid-choice",
      }
      if not digit then
        call:play("goodbye")
        return call.disposition
      end
      call.user[question.prompt] = digit
      call.disposition = "partial"
    end
    call:play("thank-you")
    return "complete"
  end,
}
