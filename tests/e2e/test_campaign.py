"""A campaign against a second engine that plays the called parties."""
import csv
import io
import json
import random
import re
import time

import pytest

from support.engine import ROOT, moondial
from support.waiting import until

SIMULATOR = ROOT / "scripts/callee_simulator.lua"

CAMPAIGN = """
local campaign = require "moondial.campaign"
return campaign {
  name = "test",
  trunk = "carrier",
  leads = "leads.csv",
  pacing = { mode = "broadcast", concurrent = 5, rate = 20 },
  timeout = 2, compliance = false,
  retry = { max_attempts = 3, busy = 0.5, no_answer = 0.5 },
  flow = function(call, lead)
    local digit = call:gather { prompt = { tone = "440", duration = 0.2 },
      max_digits = 1, timeout = 4 }
    call.user.name = lead.name
    return digit == "1" and "confirmed" or digit == "2" and "cancelled"
      or "no_response"
  end,
}
"""

# ending of a number → disposition, attempts (callee_simulator.lua says why)
ENDINGS = {"10": ("confirmed", 1), "01": ("busy", 3), "02": ("confirmed", 2),
           "03": ("no_answer", 3), "04": ("declined", 1),
           "05": ("no_response", 1), "06": ("cancelled", 1),
           "07": ("hung_up", 1)}

# the same with no prompts of the simulator: quick, for what is killed often
QUICK_CALLEES = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:dtmf("1")
  call:wait("hangup", 20)
end)
"""


def numbers(count):
    """COUNT numbers: each ending once, the rest answer."""
    endings = [*ENDINGS] + ["10"] * (count - len(ENDINGS))
    return [f"+1555{i:04}{ending}" for i, ending in enumerate(endings)]


def leads(folder, phones, name="leads.csv"):
    (folder / name).write_text(
        "phone,name\n" + "".join(f"{p},Lead {p[-4:]}\n" for p in phones))


def caller(engine, callee, phones, script=CAMPAIGN, **options):
    e = engine(script, launch=False, name="engine-caller", config=f"""
return {{ trunks = {{ {{ name = "carrier", hosts = "127.0.0.1:{callee.port}",
  from = "+15550100" }} }} }}""", **options)
    leads(e.folder, phones)
    return e


def report(e):
    out = e.tool("campaign", "report", "--csv", "test").stdout
    return {r["phone"]: r for r in csv.DictReader(io.StringIO(out))}


def check_attempts(e, count):
    """Each attempt that was made is one call with one record."""
    rows = e.rows("select * from cdrs where campaign = 'test'")
    attempts = e.rows("select * from attempts")
    assert len(rows) == len(attempts)
    assert {a["cdr_id"] for a in attempts} == {r["id"] for r in rows}
    for lead in e.rows("select * from leads"):
        made = [a for a in attempts if a["lead_id"] == lead["id"]]
        assert len(made) == lead["attempts"]
    return rows


def whole(e):
    return e.rows("pragma integrity_check") == [{"integrity_check": "ok"}]


def test_each_lead_is_called_as_often_as_it_must(engine):
    c = engine(SIMULATOR)
    phones = numbers(20)
    e = caller(engine, c, phones)
    e.start()
    assert e.wait(90) == 0  # it is through, and ends by itself
    lines = report(e)
    assert len(lines) == 20
    for phone in phones:
        disposition, attempts = ENDINGS[phone[-2:]]
        line = lines[phone]
        assert (line["disposition"], int(line["attempts"])) == (
            disposition, attempts), line
        assert line["state"] == "done"
    rows = check_attempts(e, 20)
    assert len(rows) == sum(ENDINGS[p[-2:]][1] for p in phones)
    assert {r["trunk"] for r in rows} == {"carrier"}
    assert all(json.loads(r["user_json"])["name"].startswith("Lead ")
               for r in rows if r["disposition"] == "confirmed")
    # what the other side has seen is the same
    assert len(c.wait_cdrs(len(rows))) == len(rows)


def test_no_more_than_allowed_at_once(engine):
    c = engine(QUICK_CALLEES)
    e = caller(engine, c, [f"+15550{i:03}" for i in range(30)],
               CAMPAIGN.replace("concurrent = 5", "concurrent = 3")
               .replace("rate = 20", "rate = 500"))
    e.start()
    assert e.wait(60) == 0
    assert c.status()["calls"]["peak"] == 3
    assert len(c.wait_cdrs(30)) == 30


# a proxy that wants credentials at first, as before an account has registered
DENYING_CALLEES = """
local moon = require "moondial"
local calls = 0
moon.on_call(function(call)
  calls = calls + 1
  if calls <= 4 then
    call:reject(407, "Proxy Authentication Required")
    return
  end
  call:answer()
  call:dtmf("1")
  call:wait("hangup", 20)
end)
"""


def test_calls_refused_for_our_credentials_are_no_attempts(engine):
    c = engine(DENYING_CALLEES)
    phones = [f"+15550{i:03}" for i in range(6)]
    e = caller(engine, c, phones)
    e.start()
    assert e.wait(60) == 0
    assert {(r["disposition"], r["attempts"]) for r in report(e).values()} == {
        ("confirmed", "1")}
    assert len(e.rows("select * from cdrs where sip_code = 407")) == 4
    assert len(e.rows("select * from attempts")) == len(phones)


def test_pause_and_start_and_status_and_reload(engine):
    c = engine(QUICK_CALLEES)
    phones = [f"+15550{i:03}" for i in range(40)]
    e = caller(engine, c, phones, CAMPAIGN.replace("rate = 20", "rate = 10"))
    e.start()
    until(lambda: len(e.cdrs()) >= 5, what=e.tail)
    paused = e.tool("campaign", "pause", "test")
    assert paused.returncode == 0, paused.stderr
    e.wait_calls(0)
    done = len(e.cdrs())
    assert done < 40
    status = e.tool("campaign", "status", "test")
    assert status.returncode == 0 and "paused" in status.stdout
    assert json.loads(e.tool("campaign", "status", "--json").stdout)
    assert len(e.cdrs()) == done
    # the new flow is for those who are called from now on
    e.script.write_text(CAMPAIGN.replace("rate = 20", "rate = 10").replace(
        '"confirmed"', '"agreed"'))
    assert e.tool("reload").returncode == 0
    started = e.tool("campaign", "start", "test")
    assert started.returncode == 0, started.stderr
    assert e.wait(60) == 0
    kinds = [line["disposition"] for line in report(e).values()]
    assert kinds.count("confirmed") == done
    assert kinds.count("agreed") == 40 - done
    check_attempts(e, 40)


def test_a_killed_campaign_calls_nobody_twice_and_loses_nobody(
        engine, long):
    kills, count = (20, 500) if long else (4, 60)
    # calls whose caller is dead go on for a while: there must be ports for
    # them, and they need not be waited for at the end
    c = engine(QUICK_CALLEES, sets={"drain": 1}, rtp_blocks=5)
    phones = [f"+1555{i:04}" for i in range(count)]
    e = caller(engine, c, phones, CAMPAIGN.replace("rate = 20", "rate = 30"))
    rng = random.Random(time.time_ns())
    caught = set()
    for _ in range(kills):
        e.start()
        made = len(e.rows("select id from cdrs"))
        more = rng.randint(1, max(1, count // (kills + 2)))
        until(lambda: len(e.rows("select id from cdrs")) >= made + more
              or not e.alive(), 60, e.tail)
        # at any moment of what follows
        end = time.monotonic() + rng.random() * 0.3
        until(lambda: time.monotonic() > end, interval=0.005)
        e.kill()
        # whatever it was about: what is on the disk is whole
        assert whole(e)
        # those on the telephone: as many as there are channels at most
        now = {r["phone"] for r in e.rows(
            "select phone from leads where state in ('ringing', 'talking')")}
        assert len(now) <= 5
        caught |= now
    e.start()
    assert e.wait(120) == 0
    e.process = None
    lines = e.rows("select * from leads")
    assert len(lines) == count
    assert all(line["state"] == "done" for line in lines)
    # not known how it ended, and never redialled blindly: only of those
    kinds = {line["phone"]: line["disposition"] for line in lines}
    assert set(kinds.values()) <= {"confirmed", "unknown", "hung_up"}
    assert {p for p in kinds if kinds[p] != "confirmed"} <= caught
    rows = check_attempts(e, count)
    assert len(rows) == count
    assert not [r for r in rows if r["disposition"] == "in_progress"]
    assert whole(e)
    # the call of a lead that is unknown was cut off (a lead can be done, and
    # the last word of its call's record not yet written)
    cut = {r["lead_id"] for r in rows if r["disposition"] == "interrupted"}
    assert cut >= {line["id"] for line in lines
                   if line["disposition"] == "unknown"}
    # and on the other side of the wire: nobody's telephone rang twice, and
    # of nobody it is said who has never been called
    rang = [r["to_user"] for r in c.cdrs()]
    assert len(rang) == len(set(rang))
    made = {line["phone"]: line["attempts"] for line in lines}
    assert all(made[p] == 1 for p in rang)
    assert {p for p in kinds if kinds[p] != "unknown"} <= set(rang)


def test_import_report_and_a_start_by_hand(engine, tmp_path):
    c = engine(QUICK_CALLEES)
    e = caller(engine, c, [])
    e.stop()
    leads(e.folder, ["+15550001", "+15550002", "+15550001"])
    script = e.script
    idle = e.folder / "idle.lua"
    idle.write_text('local moon = require "moondial"\n'
                    "moon.on_call(function(call) call:reject(486) end)\n")
    e.script = idle
    imported = e.tool("campaign", "import", "test", e.folder / "leads.csv")
    assert imported.returncode == 0, imported.stderr
    assert "2" in imported.stdout
    e.start()
    started = e.tool("campaign", "start", script)
    assert started.returncode == 0, started.stderr
    until(lambda: [r["disposition"] for r in report(e).values()] ==
          ["confirmed", "confirmed"], what=e.tail)
    table = e.tool("campaign", "report", "test").stdout
    assert "confirmed" in table
    assert e.tool("campaign", "report", "nobody").returncode == 1


def test_a_file_is_started_once_and_goes_on_after_a_reload(engine):
    c = engine(QUICK_CALLEES)
    e = caller(engine, c, [f"+1555{i:04}" for i in range(40)],
               CAMPAIGN.replace("rate = 20", "rate = 2"))
    script = e.script
    e.script = e.folder / "idle.lua"
    e.script.write_text('local moon = require "moondial"\n'
                        "moon.on_call(function(call) call:reject(486) end)\n")
    e.start()

    def start(what):
        return e.tool("campaign", "start", what)

    assert start(script).returncode == 0
    assert "is running already" in start(script).stderr
    e.tool("campaign", "pause", "test")
    # its run goes on, and would do so for ever if another took its name
    paused = start(script)
    assert paused.returncode == 1
    assert "'test' is paused; to go on: moondial campaign start test" in \
        paused.stderr
    assert "goes on" in start("test").stdout
    # a file that says another name: the campaign of that name goes on
    script.write_text(script.read_text().replace('"test"', '"other"'))
    for _ in range(2):
        assert moondial("reload", "--db", e.db).returncode == 0
        until(lambda: [s["name"] for s in e.ask("campaign", args=[
            "status", "json"])] == ["other"], what=e.tail)
    assert "has stopped" not in e.log()
    assert e.tool("campaign", "report", "nobody").returncode == 1


@pytest.mark.parametrize("options,words", [
    ('trnk = "x"', ["trnk", "trunk"]), 
    ('hours = { "20:00-08:00" }', ["hours", "ends before it begins"]),
    ("timeout = 14", ["must ring for 15 s", "compliance = false"]),
    ("pacing = { rate = -1 }", ["pacing.rate"])])
def test_a_wrong_option_is_named_at_the_start(engine, options, words):
    e = engine('local campaign = require "moondial.campaign"\n'
               'return campaign { name = "x", leads = "leads.csv", '
               f'flow = function() end, {options} }}', launch=False)
    e.launch()
    assert e.wait() == 1
    for word in words:
        assert word in e.log(), e.log()
    e.process = None


def test_a_campaign_goes_on_without_the_bad_rows(engine):
    c = engine(QUICK_CALLEES)
    e = caller(engine, c, ["+15550001", "nonsense", "+15550002"])
    e.start()
    assert e.wait(60) == 0
    assert re.search(r"warn .*leads.csv:3: left out: ", e.log()), e.log()
    assert {p: r["disposition"] for p, r in report(e).items()} == {
        "+15550001": "confirmed", "+15550002": "confirmed"}


@pytest.mark.parametrize("data", [None, b"", b"name\nAda\n"])
def test_a_campaign_whose_leads_cannot_be_read_does_not_run(engine, data):
    e = caller(engine, engine(QUICK_CALLEES), [])
    path = e.folder / "leads.csv"
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    e.launch()
    assert e.wait() == 1
    assert re.search(r"error .*campaign test has stopped: .*leads.csv",
                     e.log()), e.log()
    e.process = None
    assert e.rows("select * from cdrs") == []
