"""RTP, RTCP and STUN garbage at 20,000 packets a second beside 100 calls: every
second of their audio is there, in both directions, as recorded by both ends."""
import re
import subprocess

import numpy as np
import pytest

from support import audio
from support.engine import BUILD

CALLS, RATE = 100, 20000

# Each call has tones of its own; what is heard is on the left.
CALLEE = """
local moon = require "moondial"
local seconds = tonumber(moon.args[1])
moon.on_call(function(call)
  local n = tonumber(call.to:match("n(%d+)"))
  call:answer()
  call:record_call { file = "in-" .. n .. ".wav", channels = "stereo" }
  call:play { tone = tostring(1500 + 10 * n), duration = seconds }
  call:wait("hangup", 30)
end)
"""

CALLER = """
local moon = require "moondial"
local target, calls, seconds = moon.args[1], tonumber(moon.args[2]),
  tonumber(moon.args[3])
local talking = 0
local all = {}
for n = 1, calls do
  all[n] = moon.originate("sip:n" .. n .. "@" .. target, { timeout = 30 },
    function(call)
      talking = talking + 1
      if talking == calls then moon.log.info("everybody talks") end
      call:record_call { file = "out-" .. n .. ".wav", channels = "stereo" }
      call:play { tone = tostring(400 + 10 * n), duration = seconds }
      call:hangup()
    end)
end
moon.on_call(function(call) call:reject(486) end)
moon.spawn(function()
  for _, task in ipairs(all) do task:wait() end
  moon.log.info("everybody is through")
end)
"""


def check(path, hz, seconds):
    """What was heard is a tone of HZ, whole: its faults, in words."""
    samples, _ = audio.read_wav(path)
    heard = samples[:, 0]
    span = audio.sounding(heard)
    if not span:
        return f"{path.name}: silence"
    # while a hundred calls are set up at once there is no garbage yet
    part = heard[int((span[0] + 1.5) * 8000):int((span[1] - 0.2) * 8000)]
    if len(part) < (seconds - 2.5) * 8000:
        return f"{path.name}: {len(part) / 8000:.2f} s"
    at = audio.frequency(part[:16000])
    if abs(at - hz) > 2:
        return f"{path.name}: {at:.0f} Hz instead of {hz}"
    holes = [g for g in audio.gaps(part) if g > 0.015]
    jumps = audio.clicks(part, hz)
    if holes or jumps:
        return f"{path.name}: gaps {holes}, jumps at {jumps[:5]}"
    return None


@pytest.mark.quiet
def test_garbage_beside_a_hundred_calls(engine, long):
    seconds = 60 if long else 9
    options = {"rtp_blocks": 4, "sets": {"drain": 5}}
    callee = engine(CALLEE, name="engine-callee", args=[seconds + 10],
                    **options)
    caller = engine(CALLER, name="engine-caller", args=[
        f"127.0.0.1:{callee.port}", CALLS, seconds], **options)
    caller.wait_log("everybody talks", 60)
    sprays = [subprocess.Popen(
        [BUILD / "tests/support/spray", str(RATE), str(seconds - 2), "7",
         "127.0.0.1", str(callee.port), str(callee.rtp),
         str(callee.rtp + 2 * CALLS + 7)], stdout=subprocess.PIPE, text=True)]
    before = callee.counter("rtp_rejected")
    out = [s.communicate(timeout=seconds + 30)[0] for s in sprays]
    sent, took = re.match(r"(\d+) packets in ([\d.]+) s", out[0]).groups()
    assert int(sent) >= 0.95 * RATE * (seconds - 2), out
    assert float(took) < seconds, out
    after = callee.status()["counters"]
    caller.wait_log("everybody is through", seconds + 30)
    for e in (callee, caller):
        e.wait_calls(0, timeout=30)
    # it came to where it was meant for
    assert after["rtp_rejected"] + after["rtp_invalid"] - before \
        > 0.1 * int(sent), after
    assert after["rtcp_rejected"] + after["rtcp_invalid"] > 0.1 * int(sent)
    faults = [f for n in range(1, CALLS + 1) for f in (
        check(callee.recordings / f"in-{n}.wav", 400 + 10 * n, seconds),
        check(caller.recordings / f"out-{n}.wav", 1500 + 10 * n, seconds))
        if f]
    skipped = [e.status()["counters"]["rtp_ticks_skipped"]
               for e in (callee, caller)]
    print(f"{out[0].strip()}; ticks skipped: {skipped}; "
          f"faults: {len(faults)} of {2 * CALLS}")
    assert not faults, "\n".join(faults[:20]) + f"\nticks skipped: {skipped}"
