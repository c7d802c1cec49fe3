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
---   …06   answers and presses 2
---   …07   answers and hangs up after two seconds
---   other answers and presses 1
local moon = require "moondial"

local RING = 0.4 -- seconds before it is picked up
local THINK = 1.5 -- seconds before a key is pressed

local calls_to = {} -- by number: how often it was called

local function pick_up(call)
  call:ring()
  call:sleep(RING)
  call:answer()
end

local function press(digit)
  return function(call)
    pick_up(call)
    call:play("callee-hello")
    call:sleep(THINK)
    call:dtmf(digit)
    call:wait("hangup", 60)
  end
end

local function busy(call)
  call:reject(486, "Busy Here")
end

local behaviours = {
  ["01"] = busy,
  ["02"] = function(call)
    if calls_to[call.to_user] == 1 then
      busy(call)
    else
      press("1")(call)
    end
  end,
  ["03"] = function(call)
    call:ring()
    call:wait("hangup", 120)
  end,
  ["04"] = function(call)
    call:reject(603, "Decline")
  end,
  ["05"] = function(call)
    pick_up(call)
    call:play { "machine-greeting", { tone = "beep" } }
    call:wait("hangup", 60)
  end,
  ["06"] = press("2"),
  ["07"] = function(call)
    pick_up(call)
    call:sleep(2)
  end,
}

moon.on_call(function(call)
  local number = call.to_user
  calls_to[number] = (calls_to[number] or 0) + 1
  local behave = behaviours[number:sub(-2)] or press("1")
  behave(call)
end)
