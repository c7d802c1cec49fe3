"""Many calls at once with all that threads share: the engine, built with
ThreadSanitizer, must have nothing to report (./dev test threads)."""
import signal

import pytest

from support.waiting import until

pytestmark = pytest.mark.threads

# The engine calls itself: each call is two legs, both of them its own.
BUSY = """
local moon = require "moondial"
local target, pairs_at_once = moon.args[1], tonumber(moon.args[2])
math.randomseed(os.time())

moon.on_call(function(call)
  call:ring()
  if math.random(10) == 1 then call:reject(486) return end
  if math.random(8) == 1 then call:progress { prompt = { tone = "ringback" } }
    call:sleep(0.3) end
  call:answer()
  call:record_call { file = "in-{id}.wav", channels = "stereo" }
  call:on("dtmf", function(event) call.user.digit = event.digit end)
  while true do
    local way = math.random(5)
    if way == 1 then
      call:play("test-message", { stop_on = "any" })
    elseif way == 2 then
      call:gather { prompt = { tone = "440", duration = 0.3 }, max_digits = 2,
        timeout = 0.5 }
    elseif way == 3 then
      local playback = call:play_async { tone = "600", duration = 1 }
      call:sleep(math.random() / 2)
      playback:pause() playback:resume() playback:stop()
    elseif way == 4 then
      call:hold() call:sleep(0.1) call:unhold()
    else
      call:record { file = "r-{id}.wav", max = 0.5, beep = true }
    end
  end
end)

local function flow(call)
  local recorder = call:record_call { file = "out-{id}.wav" }
  local ends = moon.now() + math.random() * 4
  while moon.now() < ends do
    call:dtmf(tostring(math.random(0, 9)))
    call:play({ { tone = "350+440", duration = 0.2 }, "goodbye" },
      { loop = 1 })
    recorder:pause() recorder:resume()
    call:mute() call:unmute()
  end
  if math.random(2) == 1 then call:hangup() end
end

for i = 1, pairs_at_once do
  moon.spawn(function()
    moon.sleep(math.random() * 2)
    while true do
      local task = moon.originate(target, { timeout = 5 }, flow)
      task:wait(math.random() < 0.1 and 0.2 or 20)
      task:cancel()
    end
  end)
end
"""


def test_a_hundred_calls_of_all_kinds(engine, long):
    seconds = 300 if long else 15
    e = engine(BUSY, launch=False, rtp_blocks=6, sets={"rtp.workers": 3,
                                                       "drain": 3})
    e.args = [e.uri("anybody"), 50]
    e.start()
    until(lambda: e.status()["calls"]["peak"] >= 80, 60,
          lambda: e.status()["calls"])
    began = e.status()["uptime_ms"]
    # what else a running engine is asked for meanwhile
    import time
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert e.status()["state"] == "running"
        assert e.tool("cdr", "--json", "--limit", "5").returncode == 0
        e.send(signal.SIGHUP)
        until(lambda: e.log().count("scripts reloaded"), what=e.tail)
    s = e.status()
    assert s["uptime_ms"] - began > seconds * 900
    assert s["calls"]["total_answered"] > 50
    assert s["scripts"]["errors"] == 0, e.tail()
    e.stop()
