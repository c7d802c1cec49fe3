"""Many calls at once with all that threads share: the engine, built with
ThreadSanitizer, must have nothing to report (./dev test threads)."""
import signal
import time

import pytest

from support.waiting import until

pytestmark = pytest.mark.threads

AT_ONCE = 100
TOGETHER = "everybody is on the telephone"
THROUGH = "everybody is through"

# Answers, does one thing after the other, and hangs up at a random moment.
# "guest" is neither refused nor hung up on: so all of them meet at once.
CALLEE = """
local moon = require "moondial"
math.randomseed(os.time())

local ways = {
  function(call) call:play("test-message", { stop_on = "any" }) end,
  function(call)
    call:gather { prompt = { tone = "440", duration = 0.3 }, max_digits = 2,
      timeout = 0.5 }
  end,
  function(call)
    local playback = call:play_async { tone = "600", duration = 1 }
    call:sleep(math.random() / 2)
    playback:pause() playback:resume() playback:stop() playback:wait()
  end,
  function(call) call:hold() call:sleep(0.1) call:unhold() end,
  function(call) call:wait("beep", 0.5) end,
  function(call) call:detect_machine { silence = 0.5, total = 1 } end,
  function(call) call:record { file = "r-{id}.wav", max = 0.5, beep = true } end,
  -- into a bridge and out of it, from one worker to another
  function(call)
    call:conference("room" .. math.random(6), { dtmf = true, max_members = 5,
      max_duration = 0.1 + math.random() })
  end,
}

moon.on_call(function(call)
  local guest = call.to:find("guest", 1, true)
  call:ring()
  if not guest and math.random(10) == 1 then call:reject(486) return end
  if math.random(8) == 1 then
    local tone = call:progress { prompt = { tone = "440+480", duration = 5 } }
    call:sleep(0.3)
    tone:stop()
    tone:wait()
  end
  call:answer()
  call:record_call { file = "in-{id}.wav", channels = "stereo" }
  call:on("dtmf", function(event) call.user.digit = event.digit end)
  local ends = moon.now() + math.random() * 6
  while guest or moon.now() < ends do ways[math.random(#ways)](call) end
end)
"""

# Each of so many tasks makes so many calls, one after the other. The first
# goes to the guest, and lasts until everybody's first one is answered.
CALLER = """
local moon = require "moondial"
local target, at_once, rounds = moon.args[1], tonumber(moon.args[2]),
  tonumber(moon.args[3])
math.randomseed(os.time())

local answered, together = {}, false

local function talk(call, recorder)
  local ends = moon.now() + math.random() * 4
  while moon.now() < ends do
    call:dtmf(tostring(math.random(0, 9)))
    call:play { { tone = "350+440", duration = 0.2 }, "goodbye" }
    recorder:pause() recorder:resume()
    call:mute() call:unmute()
  end
end

local function first(i)
  return function(call)
    answered[#answered + 1] = i
    if #answered == at_once then
      together = true
      moon.log.info("%s")
    end
    local recorder = call:record_call { file = "out-{id}.wav" }
    repeat talk(call, recorder) until together
  end
end

local function later(call)
  talk(call, call:record_call { file = "out-{id}.wav" })
  if math.random(2) == 1 then call:hangup() end
end

moon.spawn(function()
  local tasks = {}
  for i = 1, at_once do
    tasks[i] = moon.spawn(function()
      moon.sleep(math.random() * 3)
      moon.originate("sip:guest@" .. target, { timeout = 30 }, first(i)):wait()
      for _ = 2, rounds do
        local task = moon.originate("sip:anybody@" .. target, { timeout = 30 },
          later)
        if math.random(10) == 1 then  -- in the middle of whatever it does
          task:wait(math.random())
          task:cancel()
        end
        task:wait()
      end
    end)
  end
  for _, task in ipairs(tasks) do task:wait() end
  moon.log.info("%s")
end)

-- or it would end by itself when all is done
moon.on_call(function(call) call:reject(486) end)
""" % (TOGETHER, THROUGH)

OPTIONS = {"rtp_blocks": 6, "sets": {"rtp.workers": 3, "drain": 3}}


def look_at(*engines):
    """What else a running engine is asked for meanwhile."""
    for one in engines:
        assert one.status()["state"] == "running"
        assert one.tool("cdr", "--json", "--limit", "5").returncode == 0


def busy(e):
    """It has had its share of calls, and no script went wrong."""
    s = e.status()
    assert s["calls"]["peak"] >= AT_ONCE, s["calls"]
    assert s["calls"]["total_answered"] >= AT_ONCE, s["calls"]
    assert s["scripts"]["errors"] == 0, e.tail()
    # whoever played and sent digits was heard and recorded
    rows = [r for r in e.wait_cdrs(AT_ONCE) if r["answered_at_ms"]]
    assert sum(r["rx_packets"] > 0 and r["tx_packets"] > 0
               for r in rows) >= AT_ONCE
    assert len(list(e.recordings.glob("*.wav"))) >= AT_ONCE


def test_a_hundred_calls_that_do_all_there_is_to_do(engine, long):
    # with ThreadSanitizer an engine grows by some 5 MB a call (none without):
    # so the long form is not as long as it might be
    rounds = 6 if long else 2
    callee = engine(CALLEE, name="engine-callee", **OPTIONS)
    e = engine(CALLER, name="engine-caller",
               args=[f"127.0.0.1:{callee.port}", AT_ONCE, rounds], **OPTIONS)
    e.wait_log(TOGETHER, 90)
    look_at(e, callee)
    end = time.monotonic() + (540 if long else 150)
    until(lambda: look_at(e, callee) or THROUGH in e.log(),
          end - time.monotonic(), e.tail, interval=1)
    for one in (e, callee):
        one.wait_calls(0, timeout=60)
        busy(one)
    assert any(r["digits"] for r in callee.cdrs())


def test_scripts_are_reloaded_beneath_calls(engine, long):
    times = 20 if long else 3
    callee = engine(CALLEE, name="engine-callee", **OPTIONS)
    e = engine(CALLER, name="engine-caller",
               args=[f"127.0.0.1:{callee.port}", 20, 15 if long else 3],
               **OPTIONS)
    e.wait_log(TOGETHER, 60)
    for n in range(1, times + 1):
        total = callee.status()["calls"]["total"]
        callee.send(signal.SIGHUP)
        callee.wait_log("scripts reloaded", count=n)
        # and the new ones have got calls of their own
        until(lambda: callee.status()["calls"]["total"] > total
              or THROUGH in e.log(), 60, callee.tail)
    e.wait_log(THROUGH, 300 if long else 90)
    for one in (e, callee):
        one.wait_calls(0, timeout=60)
        assert one.status()["scripts"]["errors"] == 0, one.tail()
