"""The rules of a campaign: whom it doesn't call, when, with which number, and
what it tells of that."""
import csv
import io
import json
import sqlite3
import time

from support.waiting import until

CALLEES = """
local moon = require "moondial"
moon.on_call(function(call)
  if call.from:find(moon.args[1] or "none", 1, true) then
    call:reject(608)
    return
  elseif call.to:sub(-2) == "99" then
    call:reject(603, "Declined")
    return
  end
  call:answer()
  call:dtmf(call.to:sub(-1) == "9" and "9" or "1")
  call:wait("hangup", 20)
end)
"""

CAMPAIGN = """
local campaign = require "moondial.campaign"
return campaign {
  name = "%(name)s", trunk = "carrier", leads = "%(name)s.csv",
  compliance = false, region = "US",
  pacing = { concurrent = 3, rate = 100 },
  %(options)s
  flow = function(call, lead)
    local digit = call:gather { prompt = { silence = 5 }, max_digits = 1 }
    if digit == "9" then
      call:opt_out()
    end
    return "pressed_" .. (digit or "nothing")
  end,
}
"""


def caller(engine, callee, phones, *, name="spring", options="", **more):
    e = engine(CAMPAIGN % {"name": name, "options": options}, launch=False,
               name="caller", config=f"""
return {{ trunks = {{ {{ name = "carrier", hosts = "127.0.0.1:{callee.port}",
  from = "+15550100" }} }} }}""", **more)
    write(e, name, phones)
    return e


def write(e, name, phones):
    (e.folder / f"{name}.csv").write_text(
        "phone\n" + "".join(f"{p}\n" for p in phones))


def run(e):
    e.start()
    assert e.wait(60) == 0, e.tail()


def numbers(count, first=0):
    return [f"+12125550{i:03}" for i in range(first, first + count)]


def dispositions(e, name="spring"):
    return {r["phone"]: r["disposition"] for r in csv.DictReader(io.StringIO(
        e.tool("campaign", "report", "--csv", name).stdout))}


def test_who_is_on_a_list_is_never_called(engine):
    callee = engine(CALLEES)
    e = caller(engine, callee, numbers(10, 100))
    (e.folder / "us.txt").write_text("212,5550101\n212,5550102\n")
    assert e.tool("dnc", "import", "--list", "us", "--country", "1",
                  str(e.folder / "us.txt")).returncode == 0
    e.tool("dnc", "add", "+12125550103")
    e.tool("dnc", "add", "--campaign", "spring", "+12125550104")
    e.tool("dnc", "add", "--campaign", "autumn", "+12125550105")
    run(e)
    ended = dispositions(e)
    assert [p for p in ended if ended[p] == "dnc"] == [
        "+12125550101", "+12125550102", "+12125550103", "+12125550104",
        "+12125550109"]
    called = {r["to_user"] for r in e.rows("select to_user from cdrs")}
    assert called == {*numbers(10, 100)} - {
        "+12125550101", "+12125550102", "+12125550103", "+12125550104"}
    why = e.tool("campaign", "why", "+12125550101", "spring").stdout
    assert "on the list us" in why, why
    # 109 has asked on the call: it holds in every campaign
    e.script.write_text(CAMPAIGN % {"name": "autumn",
                                    "options": "dnc = false,"})
    write(e, "autumn", ["+12125550101", "+12125550109"])
    run(e)
    assert dispositions(e, "autumn") == {
        "+12125550101": "pressed_1", "+12125550109": "dnc"}


def test_a_register_that_is_too_old_is_warned_of(engine):
    e = caller(engine, engine(CALLEES), numbers(1),
               options='compliance = "us", hours = { zone = "UTC" },')
    e.script.write_text(e.script.read_text().replace(
        "compliance = false, ", ""))
    (e.folder / "us.txt").write_text("212,5550101\n")
    e.tool("dnc", "import", "--list", "us", "--country", "1",
           str(e.folder / "us.txt"))
    db = sqlite3.connect(e.db)
    db.execute("update dnc_lists set imported_at_ms = ?",
               [int((time.time() - 40 * 86400) * 1000)])
    db.commit()
    db.close()
    e.start()
    e.wait_log("list us is 40 days old; the rules ask for one of at most 31")


def test_nobody_is_called_while_a_list_cannot_be_asked(engine):
    e = caller(engine, engine(CALLEES), numbers(3))
    (e.folder / "us.txt").write_text("212,5550101\n")
    e.tool("dnc", "import", "--list", "us", "--country", "1",
           str(e.folder / "us.txt"))
    [path] = e.db.parent.glob("*.dnc/us.numbers")
    path.rename(path.with_suffix(".away"))
    e.start()
    until(lambda: "can't be read, so nobody can be called" in e.tool(
        "campaign", "status", "spring").stdout, what=e.tail)
    assert e.rows("select * from cdrs") == []
    path.with_suffix(".away").rename(path)
    assert e.wait(30) == 0, e.tail()
    assert len(e.rows("select * from cdrs")) == 3


def test_a_blocked_caller_id_rests_and_its_leads_keep_their_attempts(engine):
    callee = engine(CALLEES, args=["+13035550100"])
    e = caller(engine, callee, numbers(8), options="""
  caller_ids = { "+13035550100", "+14155550100" },
  retry = { max_attempts = 1 },""")
    run(e)
    assert set(dispositions(e).values()) == {"pressed_1"}
    rows = e.rows("select from_user, disposition from cdrs")
    blocked = [r for r in rows if r["disposition"] == "blocked"]
    assert {r["from_user"] for r in blocked} == {"+13035550100"}
    # those that were under way when the first one came back
    assert 1 <= len(blocked) <= 3
    assert len(rows) == 8 + len(blocked)
    [parked] = e.rows("select * from caller_ids")
    assert (parked["number"], parked["times"]) == (
        "+13035550100", len(blocked))
    listed = json.loads(e.tool("compliance", "caller-ids", "--json").stdout)
    assert [r["number"] for r in listed] == ["+13035550100"]
    # over a restart
    write(e, "spring", numbers(4, 100))
    e.tool("campaign", "import", "--region", "US", "spring",
           str(e.folder / "spring.csv"))
    run(e)
    later = e.rows("select from_user from cdrs")[len(rows):]
    assert [r["from_user"] for r in later] == ["+14155550100"] * 4
    unpark = e.tool("compliance", "unpark", "+13035550100")
    assert "may be shown again" in unpark.stdout, unpark.stderr
    assert "no caller id rests" in e.tool("compliance", "caller-ids").stdout
    assert e.tool("compliance", "unpark", "+13035550100").returncode == 1


def test_a_campaign_whose_caller_ids_are_used_up_says_so(engine):
    e = caller(engine, engine(CALLEES), numbers(5), options="""
  caller_ids = { "+13035550100", per_day = 2 },""").start()
    until(lambda: len(e.rows("select * from cdrs where ended_at_ms > 0"))
          == 2, what=e.tail)
    reason = "each of its caller ids was shown 2 times in 24 hours"
    until(lambda: reason in e.tool(
        "campaign", "why", numbers(5)[4], "spring").stdout, what=e.tail)
    assert len(e.rows("select * from cdrs")) == 2


def test_outside_the_hours_nobody_is_called(engine):
    e = caller(engine, engine(CALLEES), numbers(3), options="""
  hours = { holidays = { os.date("!%Y-%m-%d", os.time() - 86400),
    os.date("!%Y-%m-%d"), os.date("!%Y-%m-%d", os.time() + 86400) } },
  """).start()
    until(lambda: "it is a holiday in America/New_York" in e.tool(
        "campaign", "why", numbers(3)[0], "spring").stdout, what=e.tail)
    assert e.rows("select * from cdrs") == []
    assert "all leads wait" in e.tool("campaign", "status", "spring").stdout


def test_the_compliance_report_tells_what_was_done(engine):
    callee = engine(CALLEES)
    phones = [*numbers(6, 100), "+12125550099", "+12125550109"]
    e = caller(engine, callee, phones)
    e.tool("dnc", "add", "--reason", "letter", "+12125550101")
    run(e)

    def report(*words):
        done = e.tool("compliance", "report", "--campaign", "spring", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    told = json.loads(report("--json"))
    total = told["total"]
    assert (total["calls"], total["answered"], total["live"],
            total["abandoned"]) == (7, 6, 6, 0)
    assert told["opted_out"] == 1
    assert told["not_called"] == [{
        "disposition": "dnc", "leads": 1,
        "wait_reason": "on the list internal"}]
    assert sum(h["calls"] for h in told["hours"]) == 7
    assert told["rules"] == "none (compliance = false)"
    assert (told["short"], told["most_calls_a_day"]) == (0, 1)
    assert told["caller_ids"] == [
        {"caller_id": "+15550100", "calls": 7, "answered": 6}]
    assert [d["live"] for d in told["days"]] == [6]
    assert told["changes"][0]["action"] == "options"
    rows = [*csv.DictReader(io.StringIO(report("--csv")))]
    assert {"section": "total", "name": "", "figure": "calls",
            "value": "7"} in rows
    text = report()
    assert "Calls: 7, answered: 6, of these by a person: 6" in text
    assert "on the list internal" in text
    zone = time.strftime("%Z, UTC%z")
    assert told["day_zone"] == zone
    assert f"By day (in the time zone of this machine and of its engine, " \
        f"{zone})\nday " in text
    none = report("--to", "3d")
    for heading in ("called place", f"{zone})", "Leads that were not called",
                    "Caller ids", "Changes"):
        assert f"{heading}: none" in none, none
    assert json.loads(report("--json", "--to", "1h"))["total"]["calls"] == 0
    missing = e.tool("compliance", "report", "--campaign", "nobody")
    assert missing.returncode == 1 and "spring" in missing.stderr
