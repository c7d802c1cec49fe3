--- Plays the called parties of a test: what a number does is told by its last
--- two digits. One answers unless it is named here.
---
---   moondial run --sip udp:127.0.0.1:5070 scripts/callee_simulator.lua
---
---   …01   busy, each time (486)
---   …02   busy the first time, answers and presses 1 the next
---   …03   never answers
---   …04   rejects (603)
---   …05   talks like an answering machine, presses nothing
---   …06   answers and presses 2, once
---   …07   answers and hangs up after two seconds
---   …08   answers and presses 9
---   …09   is no number that anybody has (404)
---   other answers and presses 1, to each question that it is asked
---
--- `agent…` is an agent's telephone: it answers, and hangs up after three seconds.
local moon = require "moondial"

local RING = 0.4 -- seconds before it is picked up
local THINK = 1.5 -- seconds before a key is pressed
local NEXT = 4 -- seconds until it is pressed again, where there are more questions
local TALK = 3 -- seconds that an agent talks

if moon.args[1] then
  error(("'%s': this script takes no arguments"):format(moon.args[1]), 0)
end

local calls_to = {} -- by number: how often it was called

local function pick_up(call)
  call:ring()
  call:sleep(RING)
  call:answer()
end

local function press(digit, times)
  return function(call)
    pick_up(call)
    call:play("callee-hello")
    call:sleep(THINK)
    for i = 1, times do
      call:sleep(i > 1 and NEXT or 0)
      call:dtmf(digit)
    end
    call:wait("hangup", 60)
  end
end

local press_one = press("1", 10)

local function reject(code, reason)
  return function(call)
    call:reject(code, reason)
  end
end

local busy = reject(486, "Busy Here")

local behaviours = {
  ["01"] = busy,
  ["02"] = function(call)
    if calls_to[call.to_user] == 1 then
      busy(call)
    else
      press_one(call)
    end
  end,
  ["03"] = function(call)
    call:ring()
    call:wait("hangup", 120)
  end,
  ["04"] = reject(603, "Decline"),
  ["05"] = function(call)
    pick_up(call)
    call:play { "machine-greeting", { tone = "beep" } }
    call:wait("hangup", 60)
  end,
  ["06"] = press("2", 1),
  ["07"] = function(call)
    pick_up(call)
    call:sleep(2)
  end,
  ["08"] = press("9", 1),
  ["09"] = reject(404, "Not Found"),
}

moon.on_call("agent.*", function(call)
  call:answer()
  call:play("callee-hello")
  call:sleep(TALK)
end)

moon.on_call(function(call)
  local number = call.to_user
  calls_to[number] = (calls_to[number] or 0) + 1
  local behave = behaviours[number:sub(-2)] or press_one
  behave(call)
end)
