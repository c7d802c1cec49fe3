"""Leads and their life: lists, numbers, rules of retries, caps, callbacks,
recycling, and why one isn't called."""
import csv
import io
import json
import time

import pytest

from support.engine import ROOT
from support.waiting import until

# what a number does is told by its last two digits; counted by number
CALLEES = """
local moon = require "moondial"
local calls_to = {}
moon.on_call(function(call)
  local number = call.to_user
  calls_to[number] = (calls_to[number] or 0) + 1
  local ending = number:sub(-2)
  if ending == "40" then
    call:reject(404, "Not Found")
  elseif ending == "86" or ending == "87" and calls_to[number] == 1 then
    call:reject(486, "Busy Here")
  elseif ending == "99" then
    call:answer()
    call:wait("hangup", 60)
  else
    call:answer()
    call:dtmf("1")
    call:wait("hangup", 20)
  end
end)
"""

CAMPAIGN = """
local moon = require "moondial"
local campaign = require "moondial.campaign"
return campaign {
  name = "test",
  trunk = "carrier",
  leads = "leads.csv",
  pacing = { concurrent = 5, rate = 50 },
  timeout = 15,
  retry = { max_attempts = 3, busy = 0.3, no_answer = 0.3 },
  flow = function(call, lead)
    local digit = call:gather { max_digits = 1, timeout = 5 }
    return digit == "1" and "confirmed" or "no_response"
  end,
  MORE
}
"""


def caller(engine, callee, leads, more="", script=CAMPAIGN, **options):
    e = engine(script.replace("MORE", more), launch=False,
               name="engine-caller", config=f"""
return {{ trunks = {{ {{ name = "carrier", hosts = "127.0.0.1:{callee.port}",
  from = "+15550100" }} }} }}""", **options)
    (e.folder / "leads.csv").write_text(leads)
    return e


def done(tool):
    assert tool.returncode == 0, tool.stderr
    return tool.stdout


def export(e, *args):
    text = done(e.tool("campaign", "export", *args, "test"))
    return {r["phone"]: r for r in csv.DictReader(io.StringIO(text))}


def why(e, lead, *name):
    return done(e.tool("campaign", "why", lead, *name)).strip()


def dialled(e):
    return [(r["to_user"], r["disposition"]) for r in e.rows(
        "select * from cdrs where direction = 'out' order by started_at_ms,"
        " id")]


def test_a_list_is_made_e164_called_and_exported_with_its_results(engine):
    c = engine(CALLEES)
    e = caller(engine, c, "", 'region = "US", list = "march"')
    (e.folder / "leads.csv").write_text(
        "phone,name,timezone,priority\n"
        "(212) 555-2310,Ada,,\n"
        "415 555 2386,Bob,America/Denver,7\n"
        "12,Eve,,\n"
        "+44 20 7946 0040,Zoe,,\n"
        "1-212-555-2310,Ada again,,\n")
    e.start()
    assert e.wait(60) == 0
    e.process = None
    log = e.log()
    assert "5 rows, 3 leads new, 1 merged, 1 left out" in log
    assert "leads.csv:4: left out: '12' is too short" in log
    rows = export(e)
    assert set(rows) == {"+12125552310", "+14155552386", "+442079460040"}
    ada, bob = rows["+12125552310"], rows["+14155552386"]
    assert (ada["state"], ada["disposition"], ada["attempts"], ada["list"],
            ada["name"], ada["zones"]) == (
        "done", "confirmed", "1", "march", "Ada again", "America/New_York")
    assert ada["number_type"] == "fixed_line_or_mobile"
    assert ada["last_phone"] == "+12125552310" and int(ada["talk_ms"]) > 0
    assert (bob["disposition"], bob["attempts"], bob["zones"],
            bob["priority"]) == ("busy", "3", "America/Denver", "7")
    assert rows["+442079460040"]["disposition"] == "invalid"
    # who is first in priority is called first
    assert dialled(e)[0][0] == "+14155552386"
    busy = json.loads(done(e.tool("campaign", "export", "--json",
                                  "--disposition", "busy", "test")))
    assert [(r["phone"], r["fields"]["name"]) for r in busy] == [
        ("+14155552386", "Bob")]
    listed = done(e.tool("campaign", "leads", "--list", "march", "--limit",
                         "2", "test"))
    assert len(listed.splitlines()) == 3 and "confirmed" in listed
    assert "no leads" in done(e.tool("campaign", "leads", "--list", "may",
                                     "test"))


def test_a_lead_with_several_numbers_is_tried_at_each(engine):
    c = engine(CALLEES)
    e = caller(engine, c, "phone,mobile,work_phone\n"
               "+15550040,+15551040,+15552010\n"  # nobody, nobody, answers
               "+15553086,+15554010,\n")          # busy, answers
    e.start()
    assert e.wait(60) == 0
    e.process = None
    made = [n for n, _ in dialled(e)]
    first = [n for n in made if n in ("+15550040", "+15551040", "+15552010")]
    assert first == ["+15550040", "+15551040", "+15552010"]
    assert [n for n in made if n not in first] == ["+15553086", "+15554010"]
    rows = export(e)
    assert {(p, r["disposition"], r["attempts"]) for p, r in rows.items()} == {
        ("+15550040", "confirmed", "3"), ("+15553086", "confirmed", "2")}
    assert rows["+15550040"]["last_phone"] == "+15552010"


def test_numbers_of_another_campaign_are_left_out_on_demand(engine):
    e = caller(engine, engine(CALLEES), "phone\n+15550010\n+15550011\n")
    other = e.folder / "other.csv"
    other.write_text("phone\n+15550011\n+15550012\n")
    done(e.tool("campaign", "import", "first", e.folder / "leads.csv"))
    out = done(e.tool("campaign", "import", "--unique", "--list", "b",
                      "second", other))
    assert "1 leads new, 0 merged, 0 left out, 1 that another campaign" in out
    assert e.rows("select phone, list from leads where campaign = 'second'"
                  ) == [{"phone": "+15550012", "list": "b"}]
    # what an option can't do is said
    wrong = e.tool("campaign", "import", "--region", "Utopia", "x", other)
    assert wrong.returncode == 1 and "region 'Utopia'" in wrong.stderr
    wrong = e.tool("campaign", "import", "--phone", "gsm", "x", other)
    assert wrong.returncode == 1 and "no column 'gsm'" in wrong.stderr
    wrong = e.tool("campaign", "pause", "--list", "x", "first")
    assert wrong.returncode == 2 and "no option --list" in wrong.stderr


def hours_now():
    """Two hours around now in UTC, as a list in Lua; over midnight two spans."""
    begin, end = (time.strftime("%H:%M", time.gmtime(time.time() + s))
                  for s in (-3600, 3600))
    spans = [f"{begin}-{end}"] if begin < end else [
        f"{begin}-24:00", *([f"00:00-{end}"] if end > "00:00" else [])]
    return "{ %s }" % ", ".join(f'"Mon-Sun {span}"' for span in spans)


def test_who_is_outside_their_hours_waits_for_them_and_says_so(engine):
    c = engine(CALLEES)
    away = "Etc/GMT-10"  # ten hours ahead
    e = caller(engine, c, "phone,timezone\n" + "".join(
        f"+1555{i:04}10,{away if i % 3 else 'Etc/UTC'}\n" for i in range(300)),
        f"hours = {hours_now()}")
    e.start()
    until(lambda: len(e.rows("select id from leads where state = 'done'"))
          == 100, 60, e.tail)
    # the others have been looked at once, and are not claimed again
    until(lambda: len(e.rows("select id from leads where state = 'scheduled'"))
          == 200, 30, e.tail)
    rows = e.rows("select * from leads where state = 'scheduled'")
    opens = {r["next_at_ms"] for r in rows}
    assert len(opens) == 1
    assert 12 * 3600 < opens.pop() / 1000 - time.time() < 14 * 3600 + 60
    assert {r["attempts"] for r in rows} == {0}
    text = why(e, "+1555000110")
    assert "is not being called now" in text and away in text, text
    status = done(e.tool("campaign", "status", "test"))
    assert "all leads wait" in status and "12 h" in status, status
    assert "it is done (confirmed, after 1 call)" in why(e, "+1555000010")
    e.stop()
    # without an engine the database tells the same
    assert away in why(e, "+1555000110", "test")
    assert e.tool("campaign", "why", "+1999").returncode == 1


def test_why_tells_a_pause_a_trunk_and_channels(engine):
    c = engine(CALLEES)
    e = caller(engine, c, "phone,priority\n+15550099,9\n+15550010,\n"
               "+15550011,\n", "", CAMPAIGN.replace("concurrent = 5",
                                                    "concurrent = 1"))
    e.start()
    until(lambda: e.rows("select id from leads where state = 'talking'"),
          what=e.tail)
    assert "is being called now: it has answered" in why(e, "+15550099")
    assert "in use" in why(e, "+15550010")
    done(e.tool("campaign", "pause", "test"))
    assert "paused; to go on: moondial campaign start test" in why(
        e, "+15550010")
    assert "paused" in done(e.tool("campaign", "status", "test"))
    e.ask("eval", text="moon.calls()[1]:hangup()")
    done(e.tool("campaign", "start", "test"))
    assert e.wait(60) == 0
    e.process = None
    # by then it is done, and so is the campaign
    assert "it is done (confirmed, after 1 call)" in why(e, "+15550010")


def test_caps_of_a_lead_a_number_and_a_day(engine):
    c = engine(CALLEES)
    e = caller(engine, c, "phone\n+15550086\n+15550010\n+15550011\n"
               "+15550012\n", "max_per_day = { lead = 2, campaign = 4 }",
               CAMPAIGN.replace("concurrent = 5", "concurrent = 1"))
    e.start()
    until(lambda: len(dialled(e)) == 4 and "calls of today" in done(
        e.tool("campaign", "status", "test")), 30, e.tail)
    e.stop()
    assert len(dialled(e)) == 4  # not one more
    busy = export(e)["+15550086"]
    assert int(busy["attempts"]) <= 2
    # the campaign's cap alone lifted: the lead's holds
    e.script.write_text(CAMPAIGN.replace("MORE", "max_per_day = 2"))
    e.start()
    until(lambda: "called 2 times today" in why(e, "+15550086"), 30, e.tail)
    until(lambda: len(e.rows("select id from leads where state = 'done'"))
          == 3, what=e.tail)
    e.stop()
    assert len([n for n, _ in dialled(e) if n == "+15550086"]) == 2
    # another campaign has the same number
    e.script.write_text(CAMPAIGN.replace("MORE", "max_per_number = 2").replace(
        'name = "test"', 'name = "other"'))
    e.start()
    assert e.wait(60) == 0
    e.process = None
    other = e.rows("select * from leads where campaign = 'other'")
    kinds = {r["phone"]: (r["disposition"], r["attempts"]) for r in other}
    assert kinds["+15550086"] == ("number_cap", 0)
    assert kinds["+15550010"] == ("confirmed", 1)
    assert "its number has been called 2 times" in why(e, "+15550086",
                                                       "other")


def test_premium_rate_numbers_are_not_dialled_unless_that_is_said(engine):
    callee = engine(CALLEES)
    leads = "phone,phone2\n+1 900 555 0123,\n+12125550110,\n" \
        "+1 900 555 0124,+12125550111\n"
    e = caller(engine, callee, leads, 'region = "US",')
    e.start()
    assert e.wait(60) == 0
    e.process = None
    assert sorted(n for n, _ in dialled(e)) == [
        "+12125550110", "+12125550111"]
    premium = export(e)["+19005550123"]
    assert (premium["disposition"], premium["attempts"]) == (
        "number_type", "0")
    assert "it is done (number_type, after 0 calls): its number is of type " \
        "premium_rate, which is not dialled (skip_types)" in why(
            e, "+19005550123")
    e.script.write_text(CAMPAIGN.replace(
        "MORE", 'region = "US", skip_types = false').replace('"test"', '"all"'))
    e.start()
    assert e.wait(60) == 0
    e.process = None
    assert "+19005550123" in [n for n, _ in dialled(e)]


def test_a_lead_that_a_script_takes_out_is_never_called_again(engine):
    script = CAMPAIGN.replace('return digit == "1"', """
    call:hangup()
    lead:dnc("letter of 3 June")
    return digit == "1\"""")
    leads = "phone,phone2\n+12125550110,+12125550111\n"
    e = caller(engine, engine(CALLEES), leads, 'region = "US"', script)
    e.start()
    assert e.wait(60) == 0
    e.process = None
    lead = export(e)["+12125550110"]
    assert (lead["state"], lead["disposition"], lead["attempts"]) == (
        "done", "dnc", "1")
    assert [r["disposition"] for r in e.cdrs()] == ["dnc"]
    listed = {r["number"]: r for r in e.rows("select * from dnc_numbers")}
    assert sorted(listed) == ["12125550110", "12125550111"]
    assert {(r["list"], r["reason"], r["added_by"]) for r in listed.values()
            } == {("internal", "letter of 3 June", "script flow.lua")}
    # in no other campaign either, by none of its numbers
    e.script.write_text(CAMPAIGN.replace("MORE", 'region = "US"').replace(
        '"test"', '"other"'))
    e.start()
    assert e.wait(60) == 0
    e.process = None
    assert len(dialled(e)) == 1
    assert "on the list internal" in why(e, "+12125550111", "other")


CALLBACK = CAMPAIGN.replace('return digit == "1"', """
    if lead.attempt == 1 then
      lead:callback { at = "1s", agent = lead.name == "Ada" and "ann" or nil }
      return "later"
    end
    call.user.agent = lead.agent
    return digit == "1\"""")


def test_callbacks_by_the_flow_and_by_hand(engine):
    c = engine(CALLEES)
    e = caller(engine, c, "phone,name\n+15550010,Ada\n+15550011,Bob\n",
               script=CALLBACK)
    e.start()
    assert e.wait(60) == 0
    e.process = None
    rows = export(e)
    assert {(r["disposition"], r["attempts"]) for r in rows.values()} == {
        ("confirmed", "2")}
    second = [r for r in e.cdrs() if r["attempt"] == 2]
    # Ada has asked for her, Bob for nobody
    assert {r["to_user"]: json.loads(r["user_json"] or "{}").get("agent")
            for r in second} == {"+15550010": "ann", "+15550011": None}
    calls = {}
    for r in e.cdrs():
        calls.setdefault(r["to_user"], []).append(r)
    for first, again in calls.values():
        assert again["started_at_ms"] - first["ended_at_ms"] >= 900
    # by hand: of a lead that is done, at a time of its zone
    out = done(e.tool("campaign", "callback", "--at", "2h", "--agent", "bea",
                      "test", "+15550010"))
    assert "+15550010 is called back at" in out
    text = why(e, "+15550010")
    assert "waits for a callback by bea until" in text, text
    wrong = e.tool("campaign", "callback", "--at", "soon", "test", "+15550010")
    assert wrong.returncode == 1 and "'soon' is no time" in wrong.stderr


def test_a_list_is_recycled(engine):
    c = engine(CALLEES)
    e = caller(engine, c, "phone\n+15550086\n+15550010\n",
               'retry = { max_attempts = 2, busy = '
               '{ "linear", base = 0.2 } }',
               CAMPAIGN.replace("retry = { max_attempts = 3, busy = 0.3, "
                                "no_answer = 0.3 },", ""))
    e.start()
    assert e.wait(60) == 0
    e.process = None
    assert export(e)["+15550086"]["attempts"] == "2"
    assert "0 lead(s)" in done(e.tool("campaign", "recycle", "--disposition",
                                      "no_answer", "test"))
    assert "1 lead(s)" in done(e.tool("campaign", "recycle", "--disposition",
                                      "no_answer,busy", "test"))
    assert e.rows("select state from leads where phone = '+15550086'") == [
        {"state": "ready"}]
    e.start()
    assert e.wait(60) == 0
    e.process = None
    rows = export(e)
    assert (rows["+15550086"]["attempts"], rows["+15550086"]["state"]) == (
        "4", "done")  # a round of its own
    assert rows["+15550010"]["attempts"] == "1"
    attempts = e.rows("select * from attempts order by lead_id, attempt")
    assert len(attempts) == 5 and all(a["cdr_id"] for a in attempts)


def test_a_script_adds_leads_and_asks_about_them(engine):
    c = engine(CALLEES)
    e = caller(engine, c, "phone\n+15550010\n", script=CAMPAIGN.replace(
        "return campaign {", "local made\nmade = campaign {").replace(
        "MORE\n}", """region = "US"\n}
moon.on("added", function(numbers)
  for _, number in ipairs(numbers) do
    local added, reason = made:add_lead { phone = number, name = "New" }
    print(tostring(added), reason or "", added ~= nil and made:explain(number) or "")
  end
end)
return made"""))
    e.start()
    e.ask("eval", text='moon.emit("added", {"212 555 2310", "212-555-2310", '
          '"nope"})')
    e.wait_log(r"true\t.*\+12125552310 \(campaign test\) is ")
    e.wait_log(r"false\t")
    e.wait_log(r"nil\t'nope' is not a phone number")
    until(lambda: export(e).get("+12125552310", {}).get("disposition")
          == "confirmed", what=e.tail)


@pytest.mark.parametrize("lead", ["(212) 555-2310", "2125552310",
                                  "+1 212 555 2310"])
def test_a_lead_is_found_as_people_write_its_number(engine, lead):
    e = caller(engine, engine(CALLEES), "phone,mobile\n2125552310,\n"
               "2125552311,7182125552\n")
    done(e.tool("campaign", "import", "--region", "US", "test",
                e.folder / "leads.csv"))
    assert "+12125552310 (campaign test) is not being called now: no engine" \
        in why(e, lead)
    # by its other number, too
    assert "+12125552311 (campaign test)" in why(e, "(718) 212-5552")
    assert e.tool("campaign", "why", "18212555").returncode == 1


FLOOR = """
local moon = require "moondial"
local agents = require "moondial.agents"
local campaign = require "moondial.campaign"
agents.define_group { name = "sales", wrapup = 0.1, lost_after = 0 }
for _, name in ipairs { "ann", "bob" } do
  agents.define { name = name, groups = "sales", target = "sip:agent" .. name .. "@127.0.0.1:PORT" }
  moon.spawn(function()
    agents.login(name)
    if name == "ann" then
      agents.pause(name, "lunch")
    end
  end)
end
return campaign {
  name = "test", trunk = "carrier", leads = "leads.csv", agents = "sales",
  pacing = { mode = "progressive" }, compliance = false,
  flow = function(call, lead)
    if lead.attempt == 1 then
      lead:callback { at = "1s", agent = "ann" }
      return "wants ann"
    end
    return "talked"
  end,
}
"""


def test_a_callback_waits_for_its_agent(engine):
    people = engine(ROOT / "scripts/floor_simulator.lua", name="people",
                    args=["answer=100", "ring=0.2", "talk=0.5"],
                    sets={"drain": 1})
    e = caller(engine, people, "phone\n+15550000010\n",
               script=FLOOR.replace("PORT", str(people.port)),
               sets={"drain": 1})
    e.start()
    until(lambda: e.rows("select id from leads where state = 'scheduled' and"
                         " disposition = 'wants ann'"), what=e.tail)
    until(lambda: "its agent ann is paused" in why(e, "+15550000010"),
          what=lambda: why(e, "+15550000010"))
    assert len(e.rows("select lead_id from attempts")) == 1
    done(e.tool("agent", "ready", "ann"))
    until(lambda: e.rows("select id from leads where disposition = 'talked'"),
          30, e.tail)
    e.stop()
    made = e.rows("select attempt, agent from cdrs where lead_id is not null"
                  " order by attempt")
    assert made == [{"attempt": 1, "agent": "bob"},
                    {"attempt": 2, "agent": "ann"}]
