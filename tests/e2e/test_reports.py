"""Reports by agent and by list against calls that are known, and the recordings of
a row."""
import csv
import io
import json
import pathlib

from support import audio
from support.waiting import until

# a number's last digit says what becomes of it; the telephones of agents stay
PEOPLE = """
local moon = require "moondial"
moon.on_call("agent.*", function(call)
  call:answer()
  call:wait("hangup", 60)
end)
moon.on_call(function(call)
  local last = call.to_user:sub(-1)
  if last == "1" then
    call:reject(486)
    return
  end
  call:answer()
  call:play { tone = "440", duration = last == "2" and 1.2 or 0.4 }
end)
"""

# a campaign of two lists; who is to talk is told by the lead, and nobody is there
# for those of agent "none"; calls whose number ends with 3 are recorded
FLOOR = """
local moon = require "moondial"
local agents = require "moondial.agents"
local campaign = require "moondial.campaign"
moon.on_call(function(call) call:reject(486) end)
for _, name in ipairs {{ "ann", "bob" }} do
  agents.define_group {{ name = name, lost_after = 0, wrapup = 0 }}
  agents.define {{ name = name, groups = name, target = "sip:agent-" .. name .. "@127.0.0.1:{port}" }}
  agents.login(name)
end
return campaign {{
  name = "spring", trunk = "carrier", compliance = false, pacing = {{ concurrent = 1 }},
  retry = {{ max_attempts = 1 }},
  flow = function(call, lead)
    if lead.number:sub(-1) == "3" then
      call:record_call()
    end
    local agent = call:connect_agent {{ group = lead.who, within = lead.who == "none" and 0.1 or 20 }}
    return agent and "sale" or "abandoned"
  end,
}}
"""

# list → number: who talks
LISTS = {
    "north": {"+15550100": "ann", "+15550201": "ann", "+15550302": "ann",
              "+15550403": "bob", "+15550500": "none"},
    "south": {"+15551103": "ann", "+15551202": "bob", "+15551301": "bob",
              "+15551403": "bob"},
}


def report(e, by, *form):
    done = e.tool("campaign", "report", "--by", by, *form, "spring")
    assert done.returncode == 0, done.stderr
    return done.stdout


def cdrs(e, *words):
    done = e.tool("cdr", "--json", "--campaign", "spring", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def expected(calls):
    """Figures of a row whose calls went to these numbers, by whom."""
    busy = sum(n[-1] == "1" for n in calls)
    return {"calls": len(calls), "answered": len(calls) - busy, "busy": busy,
            "no_answer": 0, "congestion": 0,
            "abandoned": sum(a == "none" for a in calls.values()),
            "recordings": sum(n[-1] == "3" for n in calls),
            "asr": (len(calls) - busy) / len(calls)}


def check(row, calls, rows):
    wanted = expected(calls)
    got = {k: row.get(k) for k in wanted}
    got["asr"] = round(got["asr"], 6)
    wanted["asr"] = round(wanted["asr"], 6)
    assert got == wanted, row
    mine = [r for r in rows if r["to_user"] in calls]
    talk = sum(r["talk_ms"] or 0 for r in mine)
    assert row["talk_ms"] == talk
    assert row.get("acd_ms") == (
        talk // wanted["answered"] if wanted["answered"] else None)
    rang = [(r["ring_at_ms"] or r["answered_at_ms"]) - r["started_at_ms"]
            for r in mine if r["ring_at_ms"] or r["answered_at_ms"]]
    assert row.get("pdd_ms") == (sum(rang) // len(rang) if rang else None)


def test_reports_by_agent_and_by_list_tell_what_was(engine):
    people = engine(PEOPLE, name="people", sets={"drain": 1})
    e = engine(FLOOR.format(port=people.port), launch=False, config=f"""
return {{ trunks = {{ {{ name = "carrier", hosts = "127.0.0.1:{people.port}",
  from = "+15550100" }} }} }}""")
    for name, calls in LISTS.items():
        path = e.folder / f"{name}.csv"
        path.write_text("phone,who\n" + "".join(
            f"{n},{a}\n" for n, a in calls.items()))
        done = e.tool("campaign", "import", "--list", name, "spring", path)
        assert done.returncode == 0, done.stderr
    everyone = {n: a for calls in LISTS.values() for n, a in calls.items()}
    e.start()
    until(lambda: e.rows("select 1 from campaigns where state = 'done'"), 60,
          e.tail)
    until(lambda: len([r for r in cdrs(e) if r["ended_at_ms"]]) ==
          len(everyone), what=e.tail)
    rows = cdrs(e)

    by_list = {r["list"]: r for r in json.loads(report(e, "list", "--json"))}
    assert set(by_list) == set(LISTS)
    for name, calls in LISTS.items():
        check(by_list[name], calls, rows)

    # by an agent: those who were answered, and whom it has talked to
    by_agent = {r.get("agent"): r
                for r in json.loads(report(e, "agent", "--json"))}
    assert set(by_agent) == {"ann", "bob", None}
    for name in by_agent:
        check(by_agent[name], {
            n: a for n, a in everyone.items()
            if (a if n[-1] != "1" and a != "none" else None) == name}, rows)
    table = report(e, "agent").splitlines()
    assert [line.split()[:3] for line in table[1:]] == [
        ["none", "3", "1"], ["ann", "3", "3"], ["bob", "3", "3"],
        ["all", "9", "7"]]
    [bob] = [r for r in csv.DictReader(io.StringIO(
        report(e, "agent", "--csv"))) if r["agent"] == "bob"]
    assert (bob["calls"], bob["recordings"]) == ("3", "2")

    # the calls of each row, and from there the recordings, which can be heard
    for option, found in (("--agent", by_agent), ("--list", by_list)):
        for name, row in found.items():
            if name is None:
                continue
            assert len(cdrs(e, option, name)) == row["calls"]
            kept = cdrs(e, option, name, "--recorded")
            assert len(kept) == row["recordings"]
            assert all(r["to_user"][-1] == "3" for r in kept)
            for r in kept:
                samples, rate = audio.read_wav(
                    e.recordings / pathlib.Path(r["recording"]).relative_to(
                        e.recordings))
                assert len(samples) / rate > 0.2
    assert len(cdrs(e, "--trunk", "carrier")) == len(everyone)
    assert cdrs(e, "--agent", "cid") == [] == cdrs(e, "--trunk", "x")
