--- Plays the people of a sales floor, to try a campaign with agents: those who
--- are called, and the telephones of the agents.
---
---   moondial run --sip udp:127.0.0.1:5070 scripts/floor_simulator.lua [answer=35 ring=4 talk=20]
---
--- `agent…` is an agent's telephone: it answers at once and stays until the other
--- side hangs up. All others are people, and what one does is told by the number's
--- last two digits, so that it is the same each time: the first `answer` of a
--- hundred answer after about `ring` seconds and hang up after about `talk`; of the
--- rest two in five let it ring, two are busy, one has no such number.
local moon = require "moondial"

local options = { answer = 35, ring = 4, talk = 20 }

for _, word in ipairs(moon.args) do
  local name, value = word:match("^(%a+)=([%d.]+)$")
  if not name or not options[name] then
    error(("'%s': answer=PERCENT, ring=SECONDS or talk=SECONDS are to be said"):format(word), 0)
  end
  options[name] = tonumber(value)
end
if not options.answer or options.answer > 100 or not options.ring or not options.talk then
  error("answer=PERCENT is from 0 to 100, ring=SECONDS and talk=SECONDS are numbers", 0)
end

--- From 0.5 to 1.5, told by the number: people differ.
local function about(seconds, number)
  return seconds * (0.5 + tonumber(number:match("(%d%d)%d%d$") or 50) / 100)
end

local function person(call, number)
  call:ring()
  call:sleep(about(options.ring, number))
  call:answer()
  call:play_async({ "callee-hello", { silence = 3600 } })
  call:sleep(about(options.talk, number))
end

moon.on_call("agent.*", function(call)
  call:answer()
  call:play({ silence = 3600 }, { loop = true })
end)

moon.on_call(function(call)
  local number = call.to_user
  local last = tonumber(number:match("%d%d$"))
  if not last or last < options.answer then
    person(call, number)
  elseif last % 5 < 2 then
    call:ring()
    call:wait("hangup", 120)
  elseif last % 5 < 4 then
    call:reject(486, "Busy Here")
  else
    call:reject(404, "Not Found")
  end
end)
