"""In the midst of a conversation of lead and agent the engine dies, or the agent's
telephone does."""
import json

import pytest

from support import audio
from support.waiting import until

from test_agents import agent, answer, history, state, target, wait_state
from test_bridge import hears
from test_campaign import leads, whole
from test_outcomes import check_next_step
from test_reserved import rings

CAMPAIGN = """
local moon = require "moondial"
local agents = require "moondial.agents"
local campaign = require "moondial.campaign"
agents.define_group {{ name = "sales", wrapup = 0.2, lost_after = {lost_after} }}
{define}
return campaign {{
  name = "test", trunk = "carrier", leads = "leads.csv",
  agents = {{ group = "sales", music = {{ tone = "600", duration = 60 }} }},
  pacing = {{ mode = "progressive", concurrent = 1 }}, timeout = 20, compliance = false,
}}
"""


def floor(engine, carrier, define, count, lost_after=0):
    e = engine(CAMPAIGN.format(define=define, lost_after=lost_after),
               launch=False, config=f"""
return {{ trunks = {{ {{ name = "carrier", hosts = "127.0.0.1:{carrier.port}",
  from = "+15550100" }} }} }}""")
    leads(e.folder, [f"+1555{i:04}" for i in range(count)])
    carrier.target = ("127.0.0.1", e.port)
    return e


def lead(e, phone):
    return e.rows("select * from leads where phone = ?", phone)[0]


def talks(p, hz, other, other_hz):
    """P is heard at the other end of the bridge, and hears."""
    p.rtp.stream(audio.sine(hz, 60))
    other.rtp.stream(audio.sine(other_hz, 60))
    hears(p.rtp, other_hz, 0)
    hears(other.rtp, hz, 0)


def test_an_engine_that_dies_while_lead_and_agent_talk(engine, phone):
    carrier, ann = (phone(None, user=u, target=("127.0.0.1", 9))
                    for u in ("carrier", "ann"))
    e = floor(engine, carrier, f'agents.define {{ name = "ann", target = '
              f'"{target(ann)}", groups = "sales" }}', 2)
    ann.target = ("127.0.0.1", e.port)
    e.start()
    agent(e, "login", "ann")
    carrier.accept(rings(carrier, "+15550000"))
    answer(ann)
    talks(carrier, 500, ann, 800)
    until(lambda: lead(e, "+15550000")["state"] == "talking", what=e.tail)
    until(lambda: history(e, "ann")[-1] == ("talking", None))
    e.kill()
    assert whole(e)
    for p in (carrier, ann):
        p.rtp.silence()
        p.tag = None

    e.start()
    e.wait_log(r"1 lead\(s\) were being called when an engine died")
    until(lambda: lead(e, "+15550000")["state"] == "done", what=e.tail)
    # as the table has it, and listed for the operator, with why
    check_next_step(e, lead(e, "+15550000"), "unknown",
                    "an engine died while it was being talked to")
    listed = json.loads(e.tool("campaign", "leads", "--disposition", "unknown",
                               "--json", "test").stdout)
    assert [r["phone"] for r in listed] == ["+15550000"]
    assert "an engine died while it was being talked to" in e.tool(
        "campaign", "why", "+15550000", "test").stdout
    # both calls have their records, cut off
    rows = {r["to_user"]: r for r in e.cdrs()}
    assert {n: (r["disposition"], r["hangup_cause"])
            for n, r in rows.items()} == {
        n: ("interrupted", "engine_died") for n in ("+15550000", "ann")}
    assert rows["+15550000"]["id"] == e.rows(
        "select cdr_id from attempts")[0]["cdr_id"]
    # she is not there until she logs in again, and then has the next lead
    until(lambda: history(e, "ann")[-1] == ("offline", "engine_started"))
    assert state(e, "ann") == ("offline", None)
    assert [s for s, _ in history(e, "ann")] == [
        "ready", "reserved", "talking", "offline"]
    agent(e, "login", "ann")
    carrier.accept(rings(carrier, "+15550001"))
    answer(ann)
    talks(carrier, 500, ann, 800)
    assert carrier.bye().status == 200
    ann.wait("BYE")
    until(lambda: lead(e, "+15550001")["disposition"] == "answered",
          what=e.tail)
    assert lead(e, "+15550000")["attempts"] == 1
    until(lambda: len([r for r in e.cdrs() if r["ended_at_ms"]]) == 2)
    assert len(e.cdrs()) == 4
    # an operator who has looked can have it called again
    done = e.tool("campaign", "recycle", "--disposition", "unknown", "test")
    assert done.returncode == 0, done.stderr
    e.tool("campaign", "start", "test")
    carrier.tag = None
    carrier.accept(rings(carrier, "+15550000"))
    answer(ann)
    assert carrier.bye().status == 200
    ann.wait("BYE")
    until(lambda: lead(e, "+15550000")["disposition"] == "answered",
          what=e.tail)


@pytest.mark.parametrize("again", [False, True], ids=["gone", "restarted"])
def test_an_agents_telephone_that_dies_while_a_lead_talks(
        engine, phone, baresip, tmp_path, again):
    """kill -9 of a real telephone: its audio ends, or it has started again and
    registers before that is noticed. The lead gets the next agent."""
    carrier, bob = (phone(None, user=u, target=("127.0.0.1", 9))
                    for u in ("carrier", "bob"))
    e = floor(engine, carrier, f"""
moon.endpoint {{ name = "ann", password = "secret", algorithms = "MD5" }}
agents.define {{ name = "ann", target = "endpoint:ann", groups = {{ sales = 1 }} }}
agents.define {{ name = "bob", target = "{target(bob)}", groups = {{ sales = 2 }} }}
""", 1, lost_after=60 if again else 2)
    bob.target = ("127.0.0.1", e.port)
    e.start()
    tone = tmp_path / "tone.wav"
    audio.write_wav(tone, audio.sine(800, 60))
    ann = baresip(registrar=f"127.0.0.1:{e.port}", user="ann",
                  password="secret", source=f"aufile,{tone}")
    until(lambda: e.status()["endpoints"][0]["contacts"], what=e.tail)
    for name in ("ann", "bob"):
        agent(e, "login", name)
    carrier.accept(rings(carrier, "+15550000"))
    carrier.rtp.stream(audio.sine(500, 90))
    wait_state(e, "ann", "talking")
    hears(carrier.rtp, 800, 0)
    ann.kill()
    if again:
        ann.start()
    wait_state(e, "ann", "paused",
               "endpoint_restarted" if again else "media_timeout")
    answer(bob)
    bob.rtp.stream(audio.sine(1000, 60))
    hears(carrier.rtp, 1000, 0)
    hears(bob.rtp, 500, 0)
    assert lead(e, "+15550000")["state"] == "talking"
    assert carrier.bye().status == 200
    bob.wait("BYE")
    until(lambda: lead(e, "+15550000")["state"] == "done", what=e.tail)
    check_next_step(e, lead(e, "+15550000"), "answered")
    party = next(r for r in e.wait_cdrs(3) if r["to_user"] == "+15550000")
    assert party["agent"] == "bob"
    assert e.rows("select sum(abandoned) n from abandonment")[0]["n"] == 0
    # she is paused until she says that she is there
    assert state(e, "ann")[0] == "paused"
    wait_state(e, "bob", "ready")
    assert [s for s, _ in history(e, "ann")] == [
        "ready", "reserved", "talking", "paused"]
