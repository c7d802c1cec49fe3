"""Agents: who gets the call, what becomes of the caller when an agent's
telephone dies, and who hears whom."""
import sqlite3

from support import audio
from support.engine import ROOT, moondial
from support.waiting import until

from test_bridge import hears, hears_nothing

HEAD = """
local moon = require "moondial"
local agents = require "moondial.agents"
moon.shared.events = {}
moon.on("agent", function(event)
  table.insert(moon.shared.events, event)
end)
moon.on_call("agents", agents.line)
moon.on_call("sales", function(call)
  local agent, why = call:connect_agent { group = "sales", within = %s, data = { case = 17 } }
  call.user.agent = agent and agent.name
  call.user.why = agent and why.reason or why
  call.user.wait = agent and why.wait
end)
moon.on_call("queue", function(call)
  local agent, why = call:enqueue("sales", { music = { tone = "600", duration = 60 },
    max_wait = 20, leave_on = "9" })
  call.user.agent = agent and agent.name
  call.user.why = agent and why.reason or why
end)
moon.on_call("line", function(call)
  call.user.why = select(2, call:enqueue("sales", { music = { tone = "600", duration = 60 },
    max_wait = 4.5, position = true, announce_every = 1 }))
end)
moon.on_call("boss", function(call)
  call:answer()
  local mode = call.from_user
  local result, why = agents[mode](call, "ann", { leave_on = "0" })
  call.user.why = result and result.reason or why
end)
"""


def floor(engine, within=5, more="", **options):
    return engine(HEAD % within + more, launch=False, **options)


def agent(e, *words):
    done = moondial("agent", words[0], "--db", e.db, *words[1:])
    assert done.returncode == 0, done.stderr
    return done.stdout


def state(e, name):
    listed = e.ask("agent", args=["list", "json"])["agents"]
    one = next(a for a in listed if a["name"] == name)
    return one["state"], one.get("reason")


def wait_state(e, name, *wanted):
    until(lambda: state(e, name) == wanted or state(e, name)[0] == wanted[0]
          and len(wanted) == 1, what=lambda: f"{wanted}; {state(e, name)}")


def history(e, name):
    return [(r["state"], r["reason"]) for r in e.rows(
        "SELECT state, reason FROM agent_states WHERE agent = ? ORDER BY id",
        name)]


def call(p, user):
    """Call anew: nothing of an earlier call is left to be heard."""
    p.taken = len(p.inbox)
    p.rtp.packets.clear()
    assert p.call(user).status == 200


def answer(p, status=200):
    invite = p.wait("INVITE")
    p.rtp.packets.clear()
    if status != 200:
        p.respond(invite, status, "No")
        return invite
    p.accept(invite)
    p.wait("ACK")
    return invite


def target(p):
    return f"sip:{p.user}@127.0.0.1:{p.port}"


def test_an_agent_on_demand_from_login_to_logout(engine, phone):
    e = floor(engine)
    ann, caller = phone(e, user="ann"), phone(e, user="caller")
    e.script.write_text(e.script.read_text() + f"""
agents.define_group {{ name = "sales", wrapup = 60 }}
agents.define {{ name = "ann", target = "{target(ann)}", groups = "sales" }}
""")
    e.start()
    # nobody is logged in: said after the time, as what it is
    call(caller, "sales")
    caller.bye()
    assert state(e, "ann") == ("offline", None)
    assert "ann is ready" in agent(e, "login", "ann")
    call(caller, "sales")
    answer(ann)
    caller.rtp.stream(audio.sine(500, 30))
    ann.rtp.stream(audio.sine(800, 30))
    hears(caller.rtp, 800, 0)
    hears(ann.rtp, 500, 0)
    assert state(e, "ann") == ("talking", None)
    assert ann.bye().status == 200  # her way to end a call
    caller.wait("BYE")
    wait_state(e, "ann", "wrapup")
    assert "is ready" in agent(e, "dispose", "ann", "sale")
    assert "paused (lunch)" in agent(e, "pause", "ann", "lunch")
    assert "ready" in agent(e, "ready", "ann")
    assert "offline" in agent(e, "logout", "ann")
    assert "ann" in agent(e, "list")
    until(lambda: len(history(e, "ann")) == 8)
    assert history(e, "ann") == [
        ("ready", None), ("reserved", None), ("talking", None),
        ("wrapup", None), ("ready", None), ("paused", "lunch"),
        ("ready", None), ("offline", "logout")]
    assert e.rows("SELECT disposition FROM agent_states WHERE agent = 'ann' "
                  "ORDER BY id")[4]["disposition"] == "sale"
    rows = [r for r in e.wait_cdrs(3) if r["agent"] == "ann"]
    party = next(r for r in rows if r["direction"] == "in")
    assert len(rows) == 2
    assert '"why":"other_hangup"' in party["user_json"]
    assert 0 <= party["bridged_at_ms"] - party["answered_at_ms"] < 2000
    events = e.ask("eval", text="moon.json.encode(moon.shared.events)")
    assert '"case":17' in events
    # errors say what is wrong
    bad = moondial("agent", "login", "--db", e.db, "bob")
    assert bad.returncode == 1 and "there is no agent 'bob'" in bad.stderr


def test_nobody_in_time_and_nobody_there(engine, phone):
    e = floor(engine, within=0.3, more="""
agents.define { name = "ann", target = "sip:ann@127.0.0.1:9", groups = "sales" }
""")
    caller = phone(e, user="caller")
    e.start()
    call(caller, "sales")
    caller.wait("BYE")
    assert '"why":"no_agents"' in e.wait_cdr()["user_json"]
    # the place in the queue is said in the music's place
    call(caller, "line")
    hears(caller.rtp, 600, 0)
    until(lambda: audio.level(caller.rtp.audio()[-2000:]) > -30 and
          audio.purity(caller.rtp.audio()[-2000:], 600) < 0.5, what="speech")
    hears(caller.rtp, 600, 0)
    caller.wait("BYE")
    # one who would have had longer to answer is not to blame
    agent(e, "login", "ann")
    call(caller, "sales")
    caller.wait("BYE")
    rows = [r for r in e.wait_cdrs(4) if r["direction"] == "in"]
    assert '"why":"no_agents"' in rows[1]["user_json"]
    assert '"why":"timeout"' in rows[2]["user_json"]
    assert all(300 <= r["ended_at_ms"] - r["answered_at_ms"] < 1500
               for r in (rows[0], rows[2]))
    wait_state(e, "ann", "ready", None)


def test_a_telephone_that_dies_or_refuses_gives_the_caller_the_next_agent(
        engine, phone):
    e = floor(engine, more="")
    ann, bob, cid, caller, second = (
        phone(e, user=u) for u in ("ann", "bob", "cid", "caller", "second"))
    e.script.write_text(e.script.read_text() + f"""
agents.define_group {{ name = "sales", strategy = "round_robin", lost_after = 2 }}
agents.define {{ name = "ann", target = "{target(ann)}", groups = "sales" }}
agents.define {{ name = "bob", target = "{target(bob)}", groups = "sales" }}
agents.define {{ name = "cid", target = "{target(cid)}", groups = {{ sales = 2 }} }}
agents.login "ann"
agents.login "bob"
agents.login "cid"
""")
    e.start()
    call(caller, "queue")
    caller.rtp.stream(audio.sine(500, 60))
    answer(ann, 486)  # declines: busy
    wait_state(e, "ann", "paused", "busy")
    answer(bob)
    bob.rtp.stream(audio.sine(800, 60))
    hears(caller.rtp, 800, 0)
    # another caller waits behind; the first goes before her nevertheless
    call(second, "queue")
    answer(cid)
    hears_nothing(second.rtp, 0)
    cid.rtp.stream(audio.sine(1000, 60))
    hears(second.rtp, 1000, 0)
    third = phone(e, user="third")
    call(third, "queue")
    hears(third.rtp, 600, 0)
    bob.rtp.silence()  # as by a power cut: no RTP, no BYE
    bob.auto = set()
    wait_state(e, "bob", "paused", "media_timeout")
    hears(caller.rtp, 600, 0)  # waits again, with music
    assert cid.bye().status == 200
    second.wait("BYE")
    answer(cid)
    hears(cid.rtp, 500, 0)  # the one who had waited longest
    cid.rtp.silence()
    caller.rtp.silence()
    hears(third.rtp, 600, 0)
    assert cid.bye().status == 200
    caller.wait("BYE")
    answer(cid)
    third.rtp.digit("1")
    until(lambda: cid.rtp.digits() == "1")
    assert third.bye().status == 200
    cid.wait("BYE")
    rows = {r["from_user"]: r for r in e.wait_cdrs(8)
            if r["direction"] == "in"}
    assert rows["caller"]["agent"] == "cid"
    assert rows["second"]["agent"] == "cid"
    assert '"why":"hangup"' in rows["third"]["user_json"]


def test_an_agent_line_by_phone_with_keys_and_a_leg_that_stays_open(
        engine, phone):
    e = floor(engine, more="""
agents.define_group { name = "sales", wrapup = 60, music = { tone = "300", duration = 60 },
  announce = { tone = "1300", duration = 0.5 }, dispositions = { ["1"] = "sale" } }
agents.define { name = "7001", groups = "sales", pin = "4711" }
""")
    ann, caller = phone(e, user="someone"), phone(e, user="caller")
    e.start()
    call(ann, "agents")
    for digit in "7001#":
        ann.rtp.digit(digit)
    for digit in "4711#":
        ann.rtp.digit(digit)
    wait_state(e, "7001", "ready")
    hears(ann.rtp, 300, 0)
    ann.rtp.digit("*")
    wait_state(e, "7001", "paused", "pause")
    ann.rtp.digit("#")
    wait_state(e, "7001", "ready")
    for disposition in (None, "sale"):
        call(caller, "sales")
        hears(ann.rtp, 1300, 0, 0.2)  # whispered
        caller.rtp.stream(audio.sine(500, 30))
        hears(ann.rtp, 500, 0)
        hears_nothing(caller.rtp, 0)
        caller.rtp.silence()
        assert caller.bye().status == 200
        wait_state(e, "7001", "wrapup")
        hears(ann.rtp, 300, 0)
        ann.rtp.digit("1" if disposition else "#")
        wait_state(e, "7001", "ready")
    assert ("ready", None) == state(e, "7001")
    # in mid-bridge the agent leaves: nobody else is there in time
    call(caller, "queue")
    caller.rtp.stream(audio.sine(500, 30))
    hears(ann.rtp, 500, 0)
    assert ann.bye().status == 200
    wait_state(e, "7001", "offline", "hangup")
    hears(caller.rtp, 600, 0)
    caller.rtp.silence()
    caller.rtp.digit("9")
    caller.wait("BYE")
    last = e.wait_cdrs(4)[-1]
    assert '"why":"left"' in last["user_json"]
    rows = e.rows("SELECT disposition FROM agent_states "
                  "WHERE disposition IS NOT NULL")
    assert [r["disposition"] for r in rows] == ["sale"]
    # a wrong PIN is no way in
    call(ann, "agents")
    for _ in range(3):
        for digit in "7001#1#":
            ann.rtp.digit(digit, duration=480)
    ann.wait("BYE", timeout=40)
    assert state(e, "7001") == ("offline", "hangup")


def test_a_supervisor_beside_an_agent(engine, phone):
    e = floor(engine)
    ann, caller = phone(e, user="ann"), phone(e, user="caller")
    boss = {m: phone(e, user=m) for m in ("monitor", "whisper", "barge")}
    e.script.write_text(e.script.read_text() + f"""
agents.define {{ name = "ann", target = "{target(ann)}", groups = "sales" }}
agents.login "ann"
""")
    e.start()
    call(boss["monitor"], "boss")
    boss["monitor"].wait("BYE")
    assert '"not_talking"' in e.wait_cdr()["user_json"]
    call(caller, "sales")
    answer(ann)
    caller.rtp.stream(audio.sine(500, 60))
    hears(ann.rtp, 500, 0)
    for mode, p in boss.items():
        call(p, "boss")
        hears(p.rtp, 500, 0)
        caller.rtp.silence()
        p.rtp.stream(audio.sine(1500, 60))
        if mode == "monitor":
            hears_nothing(ann.rtp, 0)
        else:
            hears(ann.rtp, 1500, 0)
        if mode == "barge":
            hears(caller.rtp, 1500, 0)
        else:
            hears_nothing(caller.rtp, 0)
        p.rtp.silence()
        p.rtp.digit("0")
        p.wait("BYE")
        caller.rtp.stream(audio.sine(500, 60))
        hears(ann.rtp, 500, 0)
    assert caller.bye().status == 200
    ann.wait("BYE")


def test_a_telephone_that_restarts_pauses_its_agent(engine, terminal, phone):
    e = floor(engine, more="""
moon.endpoint { name = "ann", password = "secret" }
moon.endpoint { name = "bob", password = "other" }
agents.define { name = "ann", target = "endpoint:ann", groups = { sales = 1 } }
agents.define { name = "bob", target = "endpoint:bob", groups = { sales = 2 } }
agents.login "ann"
agents.login "bob"
""")
    ann = terminal(e, user="ann", instance="urn:uuid:1")
    bob = terminal(e, user="bob", password="other")
    caller = phone(e, user="caller")
    e.start()
    assert ann.register().status == 200
    assert bob.register().status == 200
    call(caller, "sales")
    answer(ann)
    caller.rtp.stream(audio.sine(500, 60))
    hears(ann.rtp, 500, 0)
    ann.auto = set()
    ann.restart()  # kill -9, and on again
    assert ann.register().status == 200
    wait_state(e, "ann", "paused", "endpoint_restarted")
    answer(bob)
    hears(bob.rtp, 500, 0)
    assert caller.bye().status == 200
    bob.wait("BYE")
    party = next(r for r in e.wait_cdrs(3) if r["direction"] == "in")
    assert party["agent"] == "bob"


CAMPAIGN = """
local moon = require "moondial"
local agents = require "moondial.agents"
local campaign = require "moondial.campaign"
agents.define_group { name = "sales", wrapup = 0.2 }
for i = 1, %d do
  local name = ("agent%%02d"):format(i)
  agents.define { name = name, target = "sip:" .. name .. "@127.0.0.1:%d",
    groups = "sales", nailed_up = true }
  agents.login(name)
end
return campaign {
  name = "test", trunk = "carrier", leads = "leads.csv", compliance = false, retry = { abandoned = false },
  pacing = { mode = "%s", concurrent = 15 },
  agents = { group = "sales", within = %s, message = { tone = "440", duration = 0.3 } },
}
"""

# leads talk for a while; of the agents one leaves in the middle of it
FLOOR = """
local moon = require "moondial"
local left = false
moon.on_call("agent%d+", function(call)
  call:answer()
  if call.to_user == "agent07" then
    call:wait("dtmf", 60)
    call:sleep(0.3)
    return -- hangs up
  end
  call:wait("hangup", 300)
end)
moon.on_call(function(call)
  call:answer()
  call:dtmf("1")
  call:sleep(0.8 + tonumber(call.to_user:sub(-2)) / 100)
end)
"""


def campaign(engine, callee, count, agents, within, mode="broadcast"):
    e = engine(CAMPAIGN % (agents, callee.port, mode, within), launch=False,
               name="engine-caller", config=f"""
return {{ trunks = {{ {{ name = "carrier", hosts = "127.0.0.1:{callee.port}",
  from = "+15550100" }} }} }}""")
    (e.folder / "leads.csv").write_text("phone,name\n" + "".join(
        f"+1555{i:06},Lead {i}\n" for i in range(count)))
    return e


def test_twenty_agents_serve_a_campaign_and_one_leaves(engine):
    callee = engine(FLOOR)
    e = campaign(engine, callee, 60, 20, 2, "progressive")
    e.start()
    until(lambda: e.rows("SELECT 1 FROM campaigns WHERE state = 'done'"), 60)
    # agents are logged in: the engine goes on, until it is told to stop; their
    # idle legs don't keep it from that
    assert e.alive()
    e.stop(timeout=20)
    assert history(e, "agent01")[-1] == ("offline", "drain")
    leads = e.rows("SELECT disposition, attempts FROM leads")
    assert [r["disposition"] for r in leads].count("answered") >= 58
    assert {r["disposition"] for r in leads} <= {"answered", "abandoned"}
    parties = e.rows("SELECT * FROM cdrs WHERE campaign = 'test'")
    assert len(parties) == 60
    served = [r for r in parties if r["agent"]]
    waits = sorted(r["bridged_at_ms"] - r["answered_at_ms"] for r in served)
    print("answer to bridge, ms: median", waits[len(waits) // 2], "p95",
          waits[len(waits) * 95 // 100], "most", waits[-1])
    assert waits[len(waits) * 95 // 100] < 2000
    # idle longest comes first: everybody had some
    by_agent = {r["agent"] for r in served}
    assert len(by_agent) >= 19
    # who left in the middle is logged out, and the lead got another one
    assert history(e, "agent07")[-1] == ("offline", "hangup")
    moved = e.rows("SELECT call_id, COUNT(DISTINCT agent) AS n "
                   "FROM agent_states WHERE state = 'talking' "
                   "GROUP BY call_id HAVING n > 1")
    assert len(moved) == 1
    assert next(r for r in served if r["id"] == moved[0]["call_id"])[
        "agent"] != "agent07"
    legs = e.rows("SELECT * FROM cdrs WHERE campaign IS NULL")
    assert len(legs) == 20 and all(r["bridged_ms"] > 0 for r in legs)


def test_nobody_in_time_is_abandoned_and_an_agent_tells_the_disposition(
        engine, phone):
    callee = engine(FLOOR)
    e = campaign(engine, callee, 3, 0, 0.3)
    e.start()
    e.wait(30)  # nobody is there: it may end
    assert {r["disposition"] for r in e.rows(
        "SELECT disposition FROM leads")} == {"abandoned"}
    talk = [r["talk_ms"] for r in e.cdrs()]
    assert all(550 <= ms < 1800 for ms in talk), talk
    again = campaign(engine, callee, 1, 0, 20)
    (again.folder / "leads.csv").write_text("phone\n+1777000000\n")
    ann = phone(again, user="ann")
    again.script.write_text(again.script.read_text().replace(
        '"test"', '"again"').replace("return campaign", f"""
agents.define_group {{ name = "sales", wrapup = 30 }}
agents.define {{ name = "ann", target = "{target(ann)}", groups = "sales" }}
agents.login "ann"
return campaign"""))
    again.start()
    answer(ann)
    ann.wait("BYE")
    wait_state(again, "ann", "wrapup")
    agent(again, "dispose", "ann", "sale")
    agent(again, "logout", "ann")
    again.wait(30)
    lead = again.rows("SELECT disposition FROM leads "
                      "WHERE phone LIKE '%1777000000'")
    assert [r["disposition"] for r in lead] == ["sale"]


def test_an_answer_whose_result_a_crash_has_lost_counts_once(engine):
    e = campaign(engine, engine(FLOOR), 2, 0, 0.3)
    e.start()
    e.wait(30)

    def counted():
        return [(r["live"], r["abandoned"]) for r in e.rows(
            "SELECT live, abandoned FROM abandonment")]

    assert counted() == [(2, 2)]
    # as a kill leaves it: both calls are over, and one of the results is noted
    db = sqlite3.connect(e.db)
    db.execute("UPDATE abandonment SET live = 1, abandoned = 1")
    db.execute("UPDATE leads SET state = 'talking', disposition = NULL "
               "WHERE phone = '+1555000001'")
    db.execute("UPDATE attempts SET ended_at_ms = NULL, disposition = NULL "
               "WHERE phone = '+1555000001'")
    db.execute("UPDATE campaigns SET state = 'running'")
    db.commit()
    db.close()
    for _ in range(2):
        e.start()
        e.wait(30)
        assert counted() == [(2, 2)]
    assert [r["disposition"] for r in e.rows(
        "SELECT disposition FROM leads")] == ["abandoned"] * 2


def test_a_lead_who_leaves_in_the_announcement_frees_the_agent(engine, phone):
    e = campaign(engine, engine(FLOOR), 1, 0, 20)
    ann = phone(e, user="ann")
    e.script.write_text(e.script.read_text().replace("return campaign", f"""
agents.define_group {{ name = "sales", wrapup = 60,
  announce = {{ tone = "1300", duration = 30 }} }}
agents.define {{ name = "ann", target = "{target(ann)}", groups = "sales" }}
agents.login "ann"
return campaign"""))
    e.start()
    answer(ann)
    hears(ann.rtp, 1300, 0)
    ann.wait("BYE")
    wait_state(e, "ann", "wrapup")
    agent(e, "dispose", "ann", "too_late")
    agent(e, "logout", "ann")
    e.wait(30)
    assert [r["disposition"] for r in e.rows(
        "SELECT disposition FROM leads")] == ["too_late"]


def test_agents_and_those_who_wait_outlive_a_reload(engine, phone):
    e = floor(engine, more="""
agents.define_group { name = "sales", music = { tone = "300", duration = 60 } }
agents.define { name = "7001", groups = "sales", pin = "4711" }
""")
    ann, caller = phone(e, user="someone"), phone(e, user="caller")
    e.start()
    call(caller, "queue")
    hears(caller.rtp, 600, 0)
    assert moondial("reload", "--db", e.db).returncode == 0
    call(ann, "agents")
    for digit in "7001#4711#":
        ann.rtp.digit(digit, duration=480)
    hears(caller.rtp, 600, 0)
    wait_state(e, "7001", "talking")
    caller.rtp.stream(audio.sine(500, 30))
    hears(ann.rtp, 500, 0)
    # and again, in the conversation
    assert moondial("reload", "--db", e.db).returncode == 0
    assert state(e, "7001") == ("talking", None)
    assert caller.bye().status == 200
    wait_state(e, "7001", "ready")
    hears(ann.rtp, 300, 0)
    call(caller, "sales")
    caller.rtp.silence()
    caller.rtp.stream(audio.sine(500, 30))
    hears(ann.rtp, 500, 0)
    assert caller.bye().status == 200
    wait_state(e, "7001", "ready")
    agent(e, "logout", "7001")
    ann.wait("BYE")


def test_agents_who_share_a_telephone_say_who_they_are(engine, terminal):
    e = floor(engine, more="""
moon.endpoint { name = "desk", password = "secret", qualify = true,
  qualify_every = 1, qualify_tries = 2, qualify_timeout = 0.5 }
for _, name in ipairs { "7001", "7002", "7003" } do
  agents.define { name = name, pin = name, target = "endpoint:desk", groups = "sales" }
end
""")
    desk = terminal(e, user="desk")
    e.start()
    assert desk.register().status == 200
    for name in ("7001", "7002"):
        assert desk.call("agents").status == 200
        for digit in f"{name}#{name}#":
            desk.rtp.digit(digit, duration=480)
        wait_state(e, name, "ready")
        others = [n for n in ("7001", "7002", "7003") if n != name]
        assert {state(e, n)[0] for n in others} == {"offline"}
        assert desk.bye().status == 200
        wait_state(e, name, "offline", "hangup")
    # all of them are gone with it, and there again
    for name in ("7001", "7002"):
        agent(e, "login", name)
    desk.auto = set()
    for name in ("7001", "7002"):
        wait_state(e, name, "paused", "unreachable")


def test_agents_of_the_configuration(engine):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call) call:enqueue("sales") end)
""", launch=False, config="""
return { agents = { { name = "ann", target = "sip:ann@127.0.0.1:9", groups = "sales" } },
  agent_groups = { { name = "sales", strategy = "least_talk" } } }
""")
    e.start()
    assert [a["name"] for a in e.ask("agent", args=["list", "json"])[
        "agents"]] == ["ann"]
    # who was there when the engine died is there no more
    agent(e, "login", "ann")
    until(lambda: history(e, "ann") == [("ready", None)])
    e.kill()
    e.start()
    until(lambda: history(e, "ann") == [
        ("ready", None), ("offline", "engine_started")])
    # what is wrong is told at the start, and the engine goes on
    e.stop()
    e.config.write_text(e.config.read_text().replace("least_talk", "fifo"))
    e.expected.append("option 'strategy' must be one of")
    e.start()
    e.wait_log("agents: .*option 'strategy' must be one of longest_idle")


def test_all_are_rung_and_the_first_to_answer_has_it(engine, phone):
    e = floor(engine)
    ann, bob, cid, caller = (
        phone(e, user=u) for u in ("ann", "bob", "cid", "caller"))
    e.script.write_text(e.script.read_text() + f"""
agents.define_group {{ name = "sales", strategy = "ring_all" }}
agents.define {{ name = "ann", target = "{target(ann)}", groups = "sales" }}
agents.define {{ name = "bob", target = "{target(bob)}", groups = "sales" }}
agents.define {{ name = "cid", target = "{target(cid)}", groups = "sales" }}
agents.login "ann"
agents.login "bob"
""")
    e.start()
    call(caller, "sales")
    rung = ann.wait("INVITE")
    ann.respond(rung, 180, "Ringing")
    assert state(e, "ann")[0] == state(e, "bob")[0] == "reserved"
    answer(bob)
    ann.wait("CANCEL")
    ann.respond(rung, 487, "Request Terminated")
    caller.rtp.stream(audio.sine(500, 30))
    hears(bob.rtp, 500, 0)
    assert state(e, "bob") == ("talking", None)
    assert state(e, "ann") == ("ready", None)
    assert not any(m.method == "INVITE" for m in cid.inbox)
    assert caller.bye().status == 200
    wait_state(e, "bob", "ready")
    party = next(r for r in e.wait_cdrs(3) if r["direction"] == "in")
    assert party["agent"] == "bob"


def test_the_ready_line_for_callers_and_agents(engine, phone):
    e = engine(ROOT / "scripts/agent_line.lua")
    ann, caller = phone(e, user="someone"), phone(e, user="caller")
    call(ann, "agents")
    for digit in "7002#5678#":
        ann.rtp.digit(digit, duration=480)
    wait_state(e, "7002", "ready")
    call(caller, "anything")
    caller.rtp.stream(audio.sine(500, 60))
    hears(ann.rtp, 500, 0)
    caller.rtp.silence()
    assert caller.bye().status == 200
    wait_state(e, "7002", "wrapup")
    ann.rtp.digit("#")
    wait_state(e, "7002", "ready")
    assert ann.bye().status == 200
    wait_state(e, "7002", "offline", "hangup")
