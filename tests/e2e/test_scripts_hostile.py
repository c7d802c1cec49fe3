"""One call's script misbehaves; the others notice nothing."""
import json

import pytest

from support.waiting import until

CROWD = """
local moon = require "moondial"

-- the crowd: each call hears a prompt to its end and presses a key
moon.on_call("crowd", function(call)
  call:answer()
  local began = moon.now()
  call.user.played = call:play { tone = "440", duration = 9 }
  call.user.took = moon.now() - began
  call.user.digit = call:wait_digit(20)
end)

moon.on_call("loop", function(call)
  call:answer()
  while true do end
end)

moon.on_call("pattern", function(call)
  call:answer()
  local s = ("a"):rep(60)
  s:find(("a*"):rep(60) .. "b")
end)

moon.on_call("pcall", function(call)
  call:answer()
  local function f() while true do end end
  while true do pcall(f) end
end)

moon.on_call("coroutine", function(call)
  call:answer()
  local co = coroutine.wrap(function()
    while true do pcall(error) end
  end)
  while true do pcall(co) end
end)

moon.on_call("memory", function(call)
  call:answer()
  local all = {}
  for i = 1, 1e9 do
    all[i] = ("x"):rep(65536) .. i
    if i % 16 == 0 then call:sleep(0.001) end
  end
end)

moon.on_call("string", function(call)
  call:answer()
  local s = ("x"):rep(1 << 40)
end)

moon.on_call("error", function(call)
  call:answer()
  error({ message = "a table" })
end)

moon.on_call("handler", function(call)
  call:on("dtmf", function() while true do end end)
  call:answer()
  call:wait_digit(20)
  call:sleep(0.3)
end)

moon.on_call("deep", function(call)
  call:answer()
  local function f() return 1 + f() end
  f()
end)
"""

HOSTILE = ("loop", "pattern", "pcall", "coroutine", "memory", "string", "deep")


def lines_of(user):
    """First and last line of the flow for USER."""
    lines = CROWD.splitlines()
    first = next(i for i, line in enumerate(lines, 1)
                 if f'moon.on_call("{user}"' in line)
    return first, next(i for i in range(first, len(lines) + 1)
                       if lines[i - 1] == "end)")


@pytest.mark.quiet
def test_others_notice_nothing_of_hostile_scripts(
        engine, sipp, phone, capture, long):
    crowd = 200 if long else 50
    e = engine(CROWD, rtp_blocks=6 if long else 3,
               sets={"scripts.memory": 64, "scripts.memory_soft": 48})
    e.expected.append("script error")
    c = capture(e.rtp, e.rtp_last)
    s = sipp("uac_crowd", target=f"127.0.0.1:{e.port}", calls=crowd, rate=50,
             user="crowd", at_once=crowd, timeout=60)
    e.wait_calls(crowd, timeout=30)
    for who in HOSTILE:
        p = phone(e, user=who)
        assert p.call(who).status == 200
        p.wait("BYE", timeout=10)
    # all that while everybody was listening
    assert e.status()["calls"]["active"] == crowd
    s.done()
    rows = e.wait_cdrs(crowd + len(HOSTILE), timeout=40)
    for row in rows:
        if row["to_user"] == "crowd":
            user = json.loads(row["user_json"])
            assert user["played"] == "done"
            # its nine seconds are 450 packets of 20 ms; a script's slice is
            # the longest that its end may be learned late
            assert user["took"] == pytest.approx(9, abs=0.5)
            assert user["digit"] == "1" and row["digits"] == "1"
            assert row["disposition"] == "answered"
            assert row["script_error"] is None
            assert row["tx_packets"] >= 450
            continue
        first, last = lines_of(row["to_user"])
        assert (row["hangup_by"], row["hangup_cause"]) == (
            "engine", "script_error"), row
        line = int(row["script_error"].split("flow.lua:")[1].split(":")[0])
        assert first <= line <= last, row["script_error"]
        # out of memory there is none left to write one
        assert row["traceback"] or row["to_user"] == "memory", row
    streams = [x for x in c.streams(range(e.rtp, e.rtp_last + 1, 2))
               if e.rtp <= x["sport"] <= e.rtp_last and x["packets"] > 100]
    assert len(streams) >= crowd
    for stream in streams:
        assert stream["lost"] == 0, stream
        assert stream["mean_delta"] == pytest.approx(20, abs=0.5), stream
    assert e.status()["scripts"]["errors"] == len(HOSTILE)
    until(lambda: e.status()["scripts"]["memory_bytes"] < 48 << 20,
          what=lambda: e.status()["scripts"])


def test_an_error_value_that_is_a_table_is_told(engine, phone):
    e = engine(CROWD)
    e.expected.append("a table")
    p = phone(e)
    p.call("error")
    p.wait("BYE")
    assert "a table" in e.wait_cdr()["script_error"]


def test_a_handler_that_loops_ends_its_call_and_names_the_line(engine, phone):
    e = engine(CROWD)
    e.expected.append("script error")
    p = phone(e)
    p.call("handler")
    p.rtp.wait_packets(1)
    p.rtp.digit("1")
    p.wait("BYE")
    row = e.wait_cdr()
    assert (row["hangup_by"], row["hangup_cause"],
            row["digits"]) == ("engine", "script_error", "1")
    assert row["script_error"].startswith("flow.lua:58:")


def test_above_the_soft_mark_of_memory_new_calls_get_503(engine, phone):
    e = engine("""
local moon = require "moondial"
local kept = {}
moon.on_call("fill", function(call)
  for i = 1, 200 do kept[i] = ("x"):rep(65536) .. i moon.sleep(0) end
  call:answer()
  call:wait("hangup")
  kept = {}
end)
moon.on_call("plain", function(call) call:reject(486) end)
""", sets={"scripts.memory_soft": 8, "scripts.memory": 64})
    p, q = phone(e, user="fill"), phone(e, user="q")
    assert p.call("fill").status == 200
    refused = q.call("plain")
    assert refused.status == 503 and refused.header("Retry-After")
    assert p.bye().status == 200
    # it is collected while nothing is admitted
    until(lambda: phone(e, user="again").call("plain").status == 486,
          what=lambda: e.status()["scripts"], interval=0.5)
    row = next(r for r in e.wait_cdrs(2) if r["from_user"] == "q")
    assert (row["sip_code"], row["q850"], row["hangup_cause"]) == (
        503, 41, "overload")
