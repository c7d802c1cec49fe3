"""Many calls at once with all that threads share: the engine, built with
ThreadSanitizer, must have nothing to report (./dev test threads)."""
import signal
import time

import pytest

from support.waiting import until

pytestmark = pytest.mark.threads

# Both engines run this: one is given somebody to call, the other isn't.
BUSY = """
local moon = require "moondial"
local target, at_once = moon.args[1], tonumber(moon.args[2] or 0)
math.randomseed(os.time())

moon.on_call(function(call)
  call:ring()
  if math.random(10) == 1 then call:reject(486) return end
  if math.random(8) == 1 then
    local tone = call:progress { prompt = { tone = "ringback" } }
    call:sleep(0.3)
    tone:stop()
    tone:wait()
  end
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
      playback:pause() playback:resume() playback:stop() playback:wait()
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

for _ = 1, at_once do
  moon.spawn(function()
    moon.sleep(math.random() * 2)
    while true do
      local task = moon.originate(target, { timeout = 5 }, flow)
      task:wait(math.random() < 0.1 and 0.2 or 20)
      task:cancel()
      moon.sleep(0.05 + math.random() / 10)
    end
  end)
end
"""


def test_a_hundred_legs_of_all_kinds(engine, long):
    seconds = 300 if long else 15
    options = {"rtp_blocks": 6, "sets": {"rtp.workers": 3, "drain": 3}}
    callee = engine(BUSY, name="engine-callee", **options)
    e = engine(BUSY, name="engine-caller", args=[callee.uri("anybody"), 60],
               **options)
    until(lambda: callee.status()["calls"]["peak"] >= 45, 60,
          lambda: callee.status()["calls"])
    # what else a running engine is asked for meanwhile
    end = time.monotonic() + seconds
    reloads = 0
    while time.monotonic() < end:
        for one in (e, callee):
            assert one.status()["state"] == "running"
            assert one.tool("cdr", "--json",
                            "--limit", "5").returncode == 0
        answered = callee.status()["calls"]["total_answered"]
        until(lambda: callee.status()["calls"]["total_answered"]
              > answered + 20, 60, callee.tail)
        reloads += 1
        callee.send(signal.SIGHUP)
        callee.wait_log("scripts reloaded", count=reloads)
    for one in (e, callee):
        s = one.status()
        assert s["calls"]["total_answered"] > 50
        assert s["scripts"]["errors"] == 0, one.tail()
        one.stop()
