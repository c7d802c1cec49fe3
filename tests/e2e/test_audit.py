"""The audit trail of a campaign, and reports of its calls."""
import csv
import io
import json
import os
import pwd

from support.waiting import until

CALLEES = """
local moon = require "moondial"
moon.on_call(function(call)
  if call.to:sub(-1) == "1" then
    call:reject(486)
    return
  end
  call:answer()
  call:wait("hangup", 20)
end)
"""

CAMPAIGN = """
local campaign = require "moondial.campaign"
return campaign {
  name = "spring", trunk = "carrier", leads = "leads.csv", compliance = false,
  pacing = { concurrent = 5, rate = 50 },
  retry = { busy = 3600 },
  flow = function(call) return "heard" end,
}
"""


def caller(engine, **options):
    callee = engine(CALLEES)
    e = engine(CAMPAIGN, launch=False, name="caller", config=f"""
return {{ trunks = {{ {{ name = "carrier", hosts = "127.0.0.1:{callee.port}",
  from = "+15550100" }} }} }}""", **options)
    (e.folder / "leads.csv").write_text(
        "phone\n" + "".join(f"+1555{i:04}\n" for i in range(20)))
    return e


def audit(e, *words):
    done = e.tool("campaign", "audit", "--json", *words, "spring")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def report(e, by, *words):
    done = e.tool("campaign", "report", "--by", by, *words, "spring")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_who_changed_what_is_told_with_the_user(engine):
    e = caller(engine).start()
    until(lambda: e.rows("select * from cdrs"), what=e.tail)
    me = (os.getuid(), pwd.getpwuid(os.getuid()).pw_name)
    assert e.tool("campaign", "set", "spring", "pacing.rate=7").returncode == 0
    assert e.tool("campaign", "pause", "spring").returncode == 0
    assert e.tool("campaign", "status", "spring").returncode == 0
    e.script.write_text(CAMPAIGN.replace("rate = 50", "rate = 9"))
    assert e.tool("reload").returncode == 0
    assert e.tool("campaign", "start", "spring").returncode == 0
    rows = until(lambda: (r := audit(e)) and len(r) >= 6 and r, what=e.tail)
    told = [(r["action"], r.get("detail")) for r in rows]
    assert told[0][0] == "options" and "flow.lua" in told[0][1], told
    assert ("set", "pacing.rate=7") in told
    assert ("pause", None) in told and ("start", None) in told
    assert ("reload", None) in told
    assert ("options", "pacing.rate: 50 → 9") in told
    by_command = [r for r in rows if r["action"] != "options"]
    assert {(r["uid"], r["user_name"]) for r in by_command} == {me}
    assert all("uid" not in r for r in rows if r["action"] == "options")
    text = e.tool("campaign", "audit", "spring").stdout
    assert f"{me[1]} ({me[0]})" in text and "pacing.rate: 50 → 9" in text
    assert audit(e, "--until", "1h") == []


def test_what_a_script_and_the_engine_change_is_told_too(engine):
    e = caller(engine)
    e.script.write_text(CAMPAIGN.replace(
        "return campaign {", """
local moon = require "moondial"
local spring
spring = campaign {""").replace('flow = function(call) return "heard" end,', """
  flow = function(call)
    if moon.shared.told then
      error("wrong")
    end
    moon.shared.told = true
    spring:set { pacing = { rate = 30, mode = "broadcast" }, timeout = 20 }
    spring:pause()
    spring:start()
    return "heard"
  end,""") + "return spring\n")
    e.expected += ["flow.lua:13: wrong", "campaign spring is paused"]
    e.start()
    e.wait_log("campaign spring is paused: the last 5 calls ended with an")
    rows = until(lambda: len(r := audit(e)) == 5 and r, what=e.tail)
    assert [(r["action"], r.get("detail"), r.get("user_name"))
            for r in rows[1:]] == [
        ("set", "pacing.mode=broadcast pacing.rate=30 timeout=20", "flow.lua"),
        ("pause", None, "flow.lua"), ("start", None, "flow.lua"),
        ("pause", "the last 5 calls ended with an error of the flow", None)]
    assert all("uid" not in r for r in rows)
    text = e.tool("campaign", "audit", "spring").stdout
    assert "script flow.lua" in text and "the engine" in text


def test_calls_are_reported_by_what_they_have_in_common(engine):
    e = caller(engine).start()
    until(lambda: len(e.rows("select * from cdrs where ended_at_ms > 0"))
          == 20, 60, what=e.tail)
    [row] = json.loads(report(e, "trunk", "--json"))
    assert (row["trunk"], row["calls"], row["answered"], row["busy"]) == (
        "carrier", 20, 18, 2)
    assert row["asr"] == 0.9 and row["acd_ms"] >= 0 and row["pdd_ms"] >= 0
    [row] = csv.DictReader(io.StringIO(report(e, "caller_id", "--csv")))
    assert (row["caller_id"], row["calls"]) == ("+15550100", "20")
    assert {r["disposition"]: r["calls"] for r in json.loads(
        report(e, "disposition", "--json"))} == {"heard": 18, "busy": 2}
    for by, name in (("list", "leads"), ("agent", None)):
        [row] = json.loads(report(e, by, "--json"))
        assert (row.get(by), row["calls"]) == (name, 20), row
    lines = report(e, "hour").splitlines()
    assert lines[0].split()[:3] == ["hour", "calls", "answered"]
    assert lines[-1].split()[:3] == ["all", "20", "18"]
    assert report(e, "hour", "--until", "1h").splitlines()[-1].split()[:2] == [
        "all", "0"]
    wrong = e.tool("campaign", "report", "--by", "weather", "spring")
    assert wrong.returncode == 1 and "caller_id" in wrong.stderr
    assert e.tool("campaign", "status", "--by", "hour").returncode == 2
