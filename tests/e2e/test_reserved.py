"""Agents who choose whom to call: one offer at a time, and nobody else's call
from the moment a lead is dialled for them; channels while they wrap up."""
import threading

import pytest

from support import audio
from support.engine import control
from support.waiting import until

from test_agents import agent, answer, call, history, state, target, wait_state
from test_bridge import hears
from test_campaign import leads

CAMPAIGN = """
local moon = require "moondial"
local agents = require "moondial.agents"
local campaign = require "moondial.campaign"
moon.on_call("queue", function(call)
  call:enqueue("sales", {{ music = {{ tone = "600", duration = 60 }}, max_wait = 60 }})
end)
agents.define_group {{ name = "sales", wrapup = {wrapup} }}
{define}
return campaign {{
  name = "test", trunk = "carrier", leads = "leads.csv", agents = "sales",
  pacing = {{ {pacing} }}, timeout = 20, compliance = false,
}}
"""


def floor(engine, phone, agents, pacing, wrapup=0, count=4, trunk=""):
    """An engine, the telephone of all leads, those of the agents."""
    carrier, *agents = [phone(None, user=u, target=("127.0.0.1", 9))
                        for u in ["carrier", *agents]]
    define = "\n".join(
        f'agents.define {{ name = "{a.user}", target = "{target(a)}",'
        f' groups = "sales" }}\nagents.login "{a.user}"' for a in agents)
    e = engine(CAMPAIGN.format(define=define, pacing=pacing, wrapup=wrapup),
               launch=False, config=f"""
return {{ trunks = {{ {{ name = "carrier", hosts = "127.0.0.1:{carrier.port}",
  from = "+15550100", {trunk} }} }} }}""")
    leads(e.folder, [f"+1555{i:04}" for i in range(count)])
    for p in (carrier, *agents):
        p.target = ("127.0.0.1", e.port)
    e.start()
    until(lambda: all(state(e, a.user)[0] == "ready" for a in agents)
          and why(e), what=e.tail)
    return e, carrier, *agents


def ask(e, *words):
    return e.ask("campaign", args=list(words))


def why(e):
    return ask(e, "status", "json", "test")[0].get("why")


def refused(e, *words):
    with pytest.raises(AssertionError) as error:
        ask(e, *words)
    return str(error.value)


def lead(e, phone):
    return e.rows("select * from leads where phone = ?", phone)[0]


def rings(carrier, number):
    """The INVITE for NUMBER, which rings; repetitions of others pass."""
    invite = carrier.wait(lambda m: m.method == "INVITE"
                          and f"sip:{number}@" in m.first)
    carrier.tag = None
    carrier.respond(invite, 180, "Ringing")
    return invite


@pytest.fixture
def sales(engine, phone):
    return floor(engine, phone, ["ann"], 'mode = "preview"')


def test_an_agent_who_asks_in_two_windows_has_one_offer(sales):
    e, *_ = sales
    seen, windows = [], []
    for _ in range(12):
        windows.append(threading.Thread(target=lambda: seen.append(control(
            e.db, {"command": "campaign",
                   "args": ["next", "json", "test", "ann"]}))))
    for window in windows:
        window.start()
    for window in windows:
        window.join()
    assert len(seen) == 12 and len({s["id"] for s in seen}) == 1, seen
    held = e.rows("select phone from leads where state = 'claimed'")
    assert [r["phone"] for r in held] == [seen[0]["phone"]]
    assert "has no agent 'anne'" in refused(e, "next", "json", "test", "anne")


def test_whose_lead_is_dialled_gets_no_other_call(sales, phone):
    e, carrier, ann = sales
    offered = ask(e, "next", "json", "test", "ann")["phone"]
    assert offered in ask(e, "dial", "test", offered, "ann")
    assert state(e, "ann") == ("reserved", None)
    rung = rings(carrier, offered)
    # a caller of the queue waits, and she can't begin anything else
    caller = phone(e, user="caller")
    call(caller, "queue")
    hears(caller.rtp, 600, 0)
    assert "ann is reserved" in refused(e, "dial", "test", "+15550003", "ann")
    assert "no agent is ready" in refused(e, "dial", "test", "+15550003")
    assert "being dialled" in refused(e, "next", "json", "test", "ann")
    assert lead(e, "+15550003")["state"] == "new"
    carrier.accept(rung)
    answer(ann)
    carrier.rtp.stream(audio.sine(500, 60))
    hears(ann.rtp, 500, 0)
    hears(caller.rtp, 600, 0)
    # after it the one who has waited has her
    carrier.rtp.silence()
    assert carrier.bye().status == 200
    ann.wait("BYE")
    answer(ann)
    assert caller.bye().status == 200
    until(lambda: lead(e, offered)["disposition"] == "answered", what=e.tail)
    states = [s for s, _ in history(e, "ann")]
    assert states[:4] == ["ready", "reserved", "talking", "ready"], states


def test_who_dials_in_vain_is_ready_again(sales):
    e, carrier, ann = sales
    ask(e, "dial", "test", "+15550000", "ann")
    rung = rings(carrier, "+15550000")
    assert state(e, "ann") == ("reserved", None)
    assert "after this call" in agent(e, "pause", "ann", "lunch")
    carrier.respond(rung, 486, "Busy Here")
    wait_state(e, "ann", "paused", "lunch")
    agent(e, "ready", "ann")
    # a lead that there isn't, and one that may not be called
    assert "has no lead" in refused(e, "dial", "test", "+19990000", "ann")
    assert state(e, "ann") == ("ready", None)
    # nobody is named: whoever is ready is reserved
    ask(e, "dial", "test", "+15550001")
    assert state(e, "ann") == ("reserved", None)
    carrier.respond(rings(carrier, "+15550001"), 404, "Not Found")
    wait_state(e, "ann", "ready", None)
    assert lead(e, "+15550001")["disposition"] == "invalid"
    # scripts are loaded again while it rings: the call and its agent go on
    ask(e, "dial", "test", "+15550002", "ann")
    rung = rings(carrier, "+15550002")
    assert e.tool("reload").returncode == 0
    assert state(e, "ann") == ("reserved", None)
    carrier.accept(rung)
    answer(ann)
    assert carrier.bye().status == 200
    ann.wait("BYE")
    wait_state(e, "ann", "ready", None)


def test_whoever_is_ready_has_the_lead_of_an_agent_who_has_gone(engine, phone):
    e, carrier, ann, bob = floor(
        engine, phone, ["ann", "bob"], 'mode = "preview"')
    ask(e, "dial", "test", "+15550000", "ann")
    rung = rings(carrier, "+15550000")
    carrier.accept(rung)
    ann.respond(ann.wait("INVITE"), 503, "Service Unavailable")
    answer(bob)
    wait_state(e, "ann", "paused", "unreachable")
    assert carrier.bye().status == 200
    bob.wait("BYE")
    until(lambda: lead(e, "+15550000")["disposition"] == "answered",
          what=e.tail)
    until(lambda: [r["agent"] for r in e.rows(
        "select agent from cdrs where campaign = 'test'")] == ["bob"],
          what=e.tail)


def test_a_pause_frees_whose_lead_is_not_dialled_yet(engine, phone):
    e, carrier, ann, bob = floor(
        engine, phone, ["ann", "bob"], 'mode = "manual"', trunk="max_calls = 1")
    ask(e, "dial", "test", "+15550000", "ann")
    rung = rings(carrier, "+15550000")
    ask(e, "dial", "test", "+15550001", "bob")  # there is no channel
    assert state(e, "bob") == ("reserved", None)
    until(lambda: "limit" in why(e), what=e.tail)
    assert e.tool("campaign", "pause", "test").returncode == 0
    assert state(e, "bob") == ("ready", None)
    assert state(e, "ann") == ("reserved", None)
    assert lead(e, "+15550001")["state"] == "new"
    carrier.respond(rung, 486, "Busy Here")
    wait_state(e, "ann", "ready", None)


@pytest.mark.parametrize("who_ends", ["lead", "agent"])
def test_a_channel_is_free_while_its_agent_wraps_up(engine, phone, who_ends):
    e, carrier, ann, bob = floor(
        engine, phone, ["ann", "bob"],
        'mode = "progressive", concurrent = 1', wrapup=60, count=2)
    carrier.accept(rings(carrier, "+15550000"))
    answer(ann)
    assert lead(e, "+15550001")["state"] == "new"  # one channel, one call
    if who_ends == "lead":
        assert carrier.bye().status == 200
        ann.wait("BYE")
    else:
        assert ann.bye().status == 200
        carrier.wait("BYE")
    # the other agent's lead is called while ann wraps up
    carrier.accept(rings(carrier, "+15550001"))
    answer(bob)
    assert state(e, "ann") == ("wrapup", None)
    assert lead(e, "+15550000")["state"] in ("ringing", "talking")
    assert ask(e, "status", "json", "test")[0]["active"] == 1
    assert carrier.bye().status == 200
    bob.wait("BYE")
    agent(e, "dispose", "ann", "sale")
    agent(e, "dispose", "bob", "no")
    until(lambda: {r["disposition"] for r in e.rows(
        "select disposition from leads")} == {"sale", "no"}, what=e.tail)
