"""Whether trunks and other peers are there: asked by OPTIONS, passed over when
they are not, used again when they are back."""
import json
import re
import sqlite3
import time

import pytest

from support.answerer import Answerer, Lossy
from support.waiting import until

# Whoever is called by these tests answers and waits for the end.
CALLEE = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:wait("hangup", 20)
end)
"""

# Keeps each event, and dials what it is told to.
WATCHER = """
local moon = require "moondial"
moon.shared.events = {}
moon.on("reachability", function(e)
  local list = moon.shared.events
  list[#list + 1] = e
end)
moon.on("dial", function(d)
  local call, reason = moon.dial(d.target, d.options)
  moon.shared.dialled = call and "answered" or reason
  if call then call:hangup() end
end)
"""


def trunk(name, *hosts, **fields):
    fields = {"qualify": True, "qualify_every": 1, "qualify_tries": 2,
              "qualify_timeout": 0.5, **fields}
    text = ", ".join(
        f"{k} = {json.dumps(v)}" for k, v in {"name": name, **fields}.items())
    listed = ", ".join(json.dumps(h) for h in hosts)
    return f"{{ {text}, hosts = {{ {listed} }} }}"


def config(*trunks):
    return "return { trunks = { %s } }" % ", ".join(trunks)


def evaluate(engine, text):
    return engine.ask("eval", text=text)


def trunks(engine):
    return {t["name"]: t for t in engine.status()["trunks"]}


def wait_state(engine, name, state, timeout=20):
    return until(lambda: (lambda t: t if t["state"] == state else None)(
        trunks(engine)[name]), timeout,
        lambda: f"{name} {state}: {trunks(engine)}\n{engine.tail()}")


def dial(engine, target, options=""):
    """What moon.dial says, and how long it took to say so."""
    evaluate(engine, "moon.shared.dialled = nil")
    began = time.monotonic()
    evaluate(engine, 'moon.emit("dial", { target = "%s", options = { %s } })'
             % (target, options))
    word = until(lambda: evaluate(engine, "return moon.shared.dialled"),
                 40, engine.tail)
    return word, time.monotonic() - began


@pytest.fixture
def peer(ports):
    made = []

    def make(*args, port=None, **options):
        made.append(Answerer(port or ports.one(), *args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def events(engine, name):
    return [e for e in json.loads(evaluate(
        engine, "return moon.json.encode(moon.json.array(moon.shared.events))"))
        if e["name"] == name]


def test_all_are_asked_at_the_start(engine, sipp, ports):
    """The table of status, its JSON, Lua, the events and the rows agree."""
    fast = sipp("uas_qualify", calls=10000, timeout=120,
                values={"code": 200, "delay": 0, "lost": 0})
    slow = sipp("uas_qualify", calls=10000, timeout=120,
                values={"code": 200, "delay": 800, "lost": 0})
    silent = ports.one()
    e = engine(WATCHER, config=config(
        trunk("fast", f"127.0.0.1:{fast.port}", qualify_every=60),
        trunk("slow", f"127.0.0.1:{slow.port}", qualify_every=60),
        trunk("silent", f"127.0.0.1:{silent}", qualify_every=60),
        trunk("unasked", f"127.0.0.1:{silent}", qualify=False)))
    wait_state(e, "fast", "reachable")
    wait_state(e, "slow", "lagged")
    wait_state(e, "silent", "unreachable")
    t = trunks(e)
    assert 0 < t["fast"]["rtt_ms"] < 500
    assert 800 <= t["slow"]["rtt_ms"] < 2000
    assert t["silent"]["reason"] == "no answer to 2 OPTIONS"
    assert t["fast"]["availability"] == 100
    assert t["silent"]["availability"] == 0
    assert t["unasked"]["state"] == "unknown"
    assert "availability" not in t["unasked"]
    assert [t[n]["reachable"] for n in ("fast", "slow", "silent")] == [
        True, True, False]

    table = e.tool("status").stdout
    lines = {line.split()[1]: line for line in table.splitlines()
             if line.startswith("trunk ")}
    assert set(lines) == {"fast", "slow", "silent", "unasked"}, table
    assert "reachable" in lines["fast"] and "100.00 %" in lines["fast"]
    assert "no answer to 2 OPTIONS" in lines["silent"]
    assert [w in table for w in ("state", "since", "rtt", "calls")] == [True] * 4

    assert evaluate(e, 'local t = moon.trunk("slow") return ("%s %s %s"):format('
                    't.state, t.reachable, t.rtt >= 0.8 and t.rtt < 2)'
                    ) == "lagged true true"
    assert evaluate(e, 'return moon.trunk("silent").reachable') is False
    assert evaluate(e, 'return moon.trunk("unasked").reachable') is None
    assert evaluate(e, 'return #moon.trunks()') == 4
    assert evaluate(e, 'return select(2, moon.trunk("none"))') in (
        "unknown", ["unknown"])
    assert evaluate(e, 'return moon.trunk("silent").history[1].was') == "unknown"

    until(lambda: len(e.rows("select * from reachability")) == 3)
    rows = {r["name"]: r for r in e.rows("select * from reachability")}
    assert rows["silent"]["state"] == "unreachable"
    assert rows["silent"]["was"] == "unknown"
    assert rows["silent"]["kind"] == "trunk"
    assert rows["silent"]["rtt_ms"] is None
    assert rows["slow"]["rtt_ms"] >= 800
    assert rows["fast"]["at_ms"] == t["fast"]["since_ms"]
    heard = events(e, "silent")
    assert [(h["was"], h["state"], h["reachable"]) for h in heard] == [
        ("unknown", "unreachable", False)]


@pytest.mark.idle
def test_a_lossy_way_is_no_dead_one(engine, sipp):
    """Every other OPTIONS is lost: there are further tries for that."""
    lossy = sipp("uas_qualify", calls=10000, timeout=120,
                 values={"code": 404, "delay": 0, "lost": 50})
    e = engine(WATCHER, config=config(
        trunk("lossy", f"127.0.0.1:{lossy.port}", qualify_tries=20)))
    wait_state(e, "lossy", "reachable")
    until(lambda: e.counter("sip_qualify_cycles") >= 4, 40)
    assert [h["state"] for h in events(e, "lossy")] == ["reachable"]


@pytest.mark.idle
def test_loss_both_ways_through_a_proxy_that_drops(engine, peer, ports):
    a = peer()
    seen = {True: 0, False: 0}

    def every_second_forth_every_third_back(data, forth):
        seen[forth] += 1
        return seen[forth] % (2 if forth else 3) == 1

    lossy = Lossy(ports.one(), ("127.0.0.1", a.port),
                  every_second_forth_every_third_back)
    try:
        e = engine(WATCHER, config=config(
            trunk("lossy", lossy.host, qualify_tries=6)))
        wait_state(e, "lossy", "reachable")
        until(lambda: e.counter("sip_qualify_cycles") >= 5, 40)
        assert [h["state"] for h in events(e, "lossy")] == ["reachable"]
        assert lossy.lost > 0
        # all of it: dead
        lossy.drop = lambda data, forth: True
        wait_state(e, "lossy", "unreachable", 40)
        # and back
        lossy.drop = lambda data, forth: False
        wait_state(e, "lossy", "reachable")
    finally:
        lossy.close()


def test_calls_pass_over_a_dead_host_until_it_is_back(engine, peer, ports):
    callee = engine(CALLEE)
    port = ports.one()
    e = engine(WATCHER, config=config(trunk(
        "carrier", f"127.0.0.1:{port}", f"127.0.0.1:{callee.port}")))
    until(lambda: [h["state"] for h in trunks(e)["carrier"]["hosts"]] == [
        "unreachable", "reachable"], what=e.tail)
    assert trunks(e)["carrier"]["state"] == "reachable"
    table = e.tool("status").stdout
    assert re.search(rf"host +127.0.0.1:{port} +unreachable", table), table
    word, seconds = dial(e, "trunk:carrier/100")
    assert word == "answered"
    assert seconds < 5  # no six seconds of silence

    first = peer({"OPTIONS": "200 OK", "INVITE": "486 Busy Here",
                  "ACK": None}, port=port)
    until(lambda: trunks(e)["carrier"]["hosts"][0]["state"] == "reachable")
    assert dial(e, "trunk:carrier/100")[0] == "busy"
    assert len(first.of("INVITE")) == 1


def test_an_unreachable_trunk_refuses_at_once(engine, ports, peer):
    port = ports.one()
    e = engine(WATCHER, config=config(trunk("carrier", f"127.0.0.1:{port}")))
    wait_state(e, "carrier", "unreachable")
    word, seconds = dial(e, "+15550100")
    assert word == "unreachable"
    assert seconds < 2
    row = e.wait_cdr()
    assert (row["disposition"], row["hangup_cause"], row["sip_code"],
            row["q850"], row["trunk"]) == (
        "refused", "unreachable", 503, 27, "carrier")
    peer({"OPTIONS": "200 OK", "INVITE": "486 Busy Here", "ACK": None},
         port=port)
    wait_state(e, "carrier", "reachable")
    assert dial(e, "+15550100")[0] == "busy"


def test_the_next_of_several_trunks(engine, peer, ports):
    dead = ports.one()
    a = peer({"OPTIONS": "200 OK", "INVITE": "486 Busy Here", "ACK": None})
    e = engine(WATCHER, config=config(
        trunk("dead", f"127.0.0.1:{dead}"), trunk("alive", a.host)))
    wait_state(e, "dead", "unreachable")
    wait_state(e, "alive", "reachable")
    assert dial(e, "100", 'trunk = { "dead", "alive" }')[0] == "busy"
    assert e.wait_cdr()["trunk"] == "alive"
    assert dial(e, "100", 'trunk = "dead"')[0] == "unreachable"
    # misuse is said clearly
    said = evaluate(e, 'return select(2, pcall(moon.dial, "1", { trunk = 1 > 2 }))')
    assert said is not None
    e.expected.append(r"option 'trunk'")


@pytest.mark.idle
def test_a_call_goes_on_by_the_next_trunk(engine, peer):
    """One is silent, one has no channel, the third one answers; and what the
    called party says is final."""
    callee = engine(CALLEE)
    deaf = peer({"*": None})
    full = peer({"INVITE": "503 Service Unavailable", "ACK": None})
    no = peer({"INVITE": "603 Decline", "ACK": None})
    e = engine(WATCHER, config=config(
        trunk("deaf", deaf.host, qualify=False),
        trunk("full", full.host, qualify=False),
        trunk("no", no.host, qualify=False),
        trunk("good", f"127.0.0.1:{callee.port}", qualify=False,
              **{"from": "+15550188", "prefix": "00"})))
    listed = 'trunk = { "deaf", "full", "good" }, from = nil'
    word, seconds = dial(e, "+4930123", listed)
    assert word == "answered" and 5 < seconds < 20
    row = e.wait_cdr()
    assert (row["trunk"], row["tried"]) == ("good", "deaf:0 full:503")
    assert row["to_uri"] == f"sip:004930123@127.0.0.1:{callee.port}"
    assert row["from_user"] == "+15550188"
    assert callee.wait_cdr()["from_user"] == "+15550188"
    assert e.status()["calls"]["total"] == 1
    assert dial(e, "+4930123", 'trunk = { "no", "good" }')[0] == "declined"
    assert len(callee.cdrs()) == 1


@pytest.mark.idle
def test_an_invite_without_an_answer_is_evidence(engine, peer):
    """The host answers OPTIONS, but leaves INVITEs in silence."""
    callee = engine(CALLEE)
    deaf = peer({"OPTIONS": "200 OK", "INVITE": None})
    e = engine(WATCHER, config=config(
        trunk("carrier", deaf.host, f"127.0.0.1:{callee.port}")))
    until(lambda: [h["state"] for h in trunks(e)["carrier"]["hosts"]] == [
        "reachable", "reachable"], what=e.tail)
    word, seconds = dial(e, "trunk:carrier/1")
    assert word == "answered" and seconds > 5
    host = trunks(e)["carrier"]["hosts"][0]
    assert (host["state"], host["reason"]) == (
        "unreachable", "INVITE: no answer")
    asked = len(deaf.of("INVITE"))
    word, seconds = dial(e, "trunk:carrier/2")
    assert word == "answered" and seconds < 5
    assert len(deaf.of("INVITE")) == asked
    # after its rest it is given another chance
    until(lambda: trunks(e)["carrier"]["hosts"][0]["state"] == "reachable", 30)


@pytest.mark.idle
def test_no_response_at_all_is_congestion(engine, peer):
    silent = peer({"*": None})
    e = engine(WATCHER, config=config(
        trunk("carrier", silent.host, qualify=False)))
    word, seconds = dial(e, "trunk:carrier/1", "timeout = 8")
    assert word == "congestion"
    assert 7 < seconds < 20
    row = e.wait_cdr()
    assert (row["q850"], row["hangup_by"], row["hangup_cause"]) == (
        38, "engine", "network")


def test_history_and_availability_outlive_the_engine(engine, peer, ports):
    port, dead = ports.one(), ports.one()
    e = engine(WATCHER, config=config(
        trunk("carrier", f"127.0.0.1:{port}"),
        trunk("pair", f"127.0.0.1:{port}", f"127.0.0.1:{dead}"),
        trunk("unasked", f"127.0.0.1:{port}", qualify=False)))
    wait_state(e, "carrier", "unreachable")
    a = peer(port=port)
    wait_state(e, "carrier", "reachable")
    wait_state(e, "pair", "reachable")
    before = trunks(e)
    assert 0 < before["carrier"]["availability"] < 100
    e.stop()
    rows = e.rows("select * from reachability where name = 'carrier'"
                  " order by at_ms")
    assert [r["state"] for r in rows] == ["unreachable", "reachable",
                                          "unknown"]
    assert rows[-1]["reason"] == "the engine has stopped"
    assert not e.rows("select * from reachability where name = 'unasked'")
    # it was up for ten days, in which another engine was killed
    db = sqlite3.connect(e.db)
    day = 24 * 3600 * 1000
    for n, (was, state, ago) in enumerate((
            ("unknown", "reachable", 12), ("reachable", "unreachable", 11),
            ("unknown", "reachable", 10), ("reachable", "unknown", 1))):
        db.execute("insert into reachability (id, kind, name, was, state,"
                   " at_ms) values (?, 'trunk', 'carrier', ?, ?, ?)",
                   (f"old-{n}", was, state, rows[0]["at_ms"] - ago * day))
    db.commit()
    db.close()
    e.start()
    wait_state(e, "carrier", "reachable")
    # one day up, one that nobody knows of, nine days up, and some seconds
    until(lambda: 99.9 < trunks(e)["carrier"]["availability"] < 100,
          what=lambda: trunks(e))
    told = evaluate(e, """
      local list = {}
      for _, h in ipairs(moon.trunk("carrier").history) do
        list[#list + 1] = h.was .. ">" .. h.state
      end
      return table.concat(list, " ")""")
    assert told == ("unknown>reachable reachable>unknown unreachable>reachable"
                    " unknown>unreachable reachable>unknown unknown>reachable"
                    " reachable>unreachable unknown>reachable")
    hosts = trunks(e)["pair"]["hosts"]
    assert 0 < hosts[0]["availability"] < 100
    assert hosts[1]["availability"] == 0
    a.close()


def test_kamailio_dies_and_returns(engine, kamailio):
    k = kamailio({"alice": "secret"})
    e = engine(WATCHER, config=config(
        trunk("proxy", f"127.0.0.1:{k.port}"),
        trunk("by_tcp", f"127.0.0.1:{k.port};transport=tcp")), sip=None)
    wait_state(e, "proxy", "reachable")
    k.stop()
    wait_state(e, "proxy", "unreachable")
    k.start()
    wait_state(e, "proxy", "reachable")
    assert [h["state"] for h in events(e, "proxy")] == [
        "reachable", "unreachable", "reachable"]
    until(lambda: len(e.rows("select * from reachability"
                             " where name = 'proxy'")) == 3)
    assert 0 < trunks(e)["proxy"]["availability"] < 100
    # we listen to no TCP: that is said
    t = wait_state(e, "by_tcp", "unreachable")
    assert "not supported" in t["reason"]


def test_kamailio_over_tcp(engine, kamailio, ports):
    k = kamailio({"alice": "secret"})
    port = ports.one()
    e = engine(WATCHER, sip=[f"udp:127.0.0.1:{port}", f"tcp:127.0.0.1:{port}"],
               config=config(trunk(
                   "by_tcp", f"127.0.0.1:{k.port};transport=tcp")))
    wait_state(e, "by_tcp", "reachable")
    k.stop()
    wait_state(e, "by_tcp", "unreachable")
    k.start()
    wait_state(e, "by_tcp", "reachable", 40)


def test_any_uri_can_be_asked(engine, peer):
    a = peer({"OPTIONS": "404 Not Found"})
    e = engine(WATCHER)
    assert evaluate(e, f"""
      moon.shared.q = moon.qualify("sip:x@{a.host}", {{ every = 1, tries = 1,
        timeout = 0.5 }})
      moon.shared.strict = moon.qualify("sip:y@{a.host}", {{ every = 1,
        tries = 1, answer = "2xx" }})
      return moon.shared.q.state .. " " .. moon.shared.q.uri
    """) == f"unknown sip:x@{a.host}"
    until(lambda: evaluate(e, "return moon.shared.q.reachable"))
    assert evaluate(e, "return moon.shared.q.code") == 404
    until(lambda: evaluate(e, "return moon.shared.strict.reachable") is False)
    assert evaluate(e, "return moon.shared.strict.reason") == "404 Not Found"
    until(lambda: len(e.rows(
        "select * from reachability where kind = 'uri'")) >= 2)
    assert [h["kind"] for h in events(e, f"sip:x@{a.host}")] == ["uri"]
    evaluate(e, "moon.shared.q:cancel() moon.shared.strict:cancel()")
    assert evaluate(e, "return moon.shared.q.state") == "unknown"
    asked = len(a.requests)
    # outbound.allow holds for them as well
    assert evaluate(e, 'return select(2, moon.qualify("sip:x@192.0.2.1"))') in (
        "forbidden", ["forbidden"])
    for bad in ('"tel:+1555"', '"sip:a@b;transport=tls"', '5',
                '"sip:x@127.0.0.1", { evry = 3 }',
                '"sip:x@127.0.0.1", { every = 0.5 }',
                '"sip:x@127.0.0.1", { tries = 50 }',
                '"sip:x@127.0.0.1", { answer = "3xx" }'):
        assert evaluate(
            e, f"return (pcall(moon.qualify, {bad}))") is False, bad
    assert len(a.requests) == asked


def test_what_a_reload_leaves_goes_on(engine, peer):
    a = peer()
    e = engine(WATCHER + f"""
    moon.trunk {{ name = "mine", hosts = "{a.host}", qualify = 0.5,
      qualify_every = 1 }}
    moon.qualify("sip:z@{a.host}", {{ every = 1 }})
    """)
    t = wait_state(e, "mine", "reachable")
    until(lambda: len(e.rows(
        "select * from reachability where kind = 'uri'")) == 1)
    e.ask("reload")
    # the trunk is as it was; the script's question begins anew
    assert trunks(e)["mine"]["state"] == "reachable"
    assert trunks(e)["mine"]["since_ms"] == t["since_ms"]
    until(lambda: len(e.rows(
        "select * from reachability where kind = 'uri'")) == 2)
    assert len(e.rows("select * from reachability where kind = 'trunk'")) == 1


CAMPAIGN = """
local moon = require "moondial"
local campaign = require "moondial.campaign"
-- the first verdict is waited for: what is unknown is used
repeat
  moon.sleep(0.05)
  local alive = false
  for _, trunk in ipairs(moon.trunks()) do
    alive = alive or trunk.reachable ~= false
  end
until not alive
return campaign {
  name = "waits", trunk = %s, leads = "leads.csv",
  pacing = { concurrent = 5, rate = 20 }, timeout = 5, compliance = false,
  flow = function(call) return "done" end,
}
"""


@pytest.mark.parametrize("names", [["first", "second"], ["second"]])
def test_a_campaign_waits_while_all_its_trunks_are_dead(
        engine, ports, names):
    """A list of trunks, and the only one, which it doesn't name."""
    callee = engine(CALLEE)
    first, second = ports.one(), ports.one()
    hosts = {"first": f"127.0.0.1:{first}", "second": f"127.0.0.1:{second}"}
    named = '{ "first", "second" }' if len(names) > 1 else "nil"
    e = engine(CAMPAIGN % named, launch=False, config=config(
        *(trunk(name, hosts[name]) for name in names)))
    (e.folder / "leads.csv").write_text("phone\n+15550101\n+15550102\n")
    e.start()
    until(lambda: "trunk second is unreachable"
          in json.dumps(e.tool("campaign", "status", "--json").stdout),
          what=e.tail)
    assert not e.cdrs()
    lossy = Lossy(second, ("127.0.0.1", callee.port), lambda d, forth: False)
    try:
        until(lambda: [r["disposition"] for r in e.rows("select * from leads")]
              == ["done", "done"], 60, e.tail)
        assert {(r["trunk"], r["attempt"]) for r in e.cdrs()} == {("second", 1)}
    finally:
        lossy.close()


# ---- endpoints --------------------------------------------------------------

ENDPOINTS = WATCHER + """
moon.endpoint { name = "alice", password = "secret", algorithms = "MD5",
  qualify = 0.5, qualify_every = 1, qualify_tries = 2 }
moon.endpoint { name = "bob", password = "secret", algorithms = "MD5" }
"""


def contact_states(engine, name="alice"):
    found = [x for x in engine.status()["endpoints"] if x["name"] == name]
    return {c["source"].rsplit(":", 1)[1]: c["state"]
            for c in found[0]["contacts"]}


def wait_contact(engine, one, state, timeout=30):
    until(lambda: contact_states(engine).get(str(one.port)) == state, timeout,
          lambda: f"{one.port} {state}: {contact_states(engine)}\n"
          + engine.tail())


def test_a_telephone_that_is_silent_is_not_called(engine, terminal):
    e = engine(ENDPOINTS)
    there, silent = terminal(e), terminal(e)
    silent.auto.discard("OPTIONS")
    assert there.register().status == 200
    assert silent.register().status == 200
    wait_contact(e, there, "reachable")
    wait_contact(e, silent, "unreachable")
    heard = events(e, "alice")
    assert {(h["kind"], h["state"]) for h in heard} == {
        ("endpoint", "reachable"), ("endpoint", "unreachable")}
    assert {h["host"] for h in heard if h["state"] == "unreachable"} == {
        f"sip:alice-{silent.reg_tag[:4]}@127.0.0.1:{silent.port}"}
    text = e.tool("status").stdout
    assert re.search(r"unreachable .*: no answer to 2 OPTIONS", text), text
    # of two telephones that is called which answers
    evaluate(e, 'moon.emit("dial", { target = "endpoint:alice" })')
    there.wait("INVITE")
    evaluate(e, "for _, c in ipairs(moon.calls()) do c:hangup() end")
    assert not [m for m in silent.inbox if m.method == "INVITE"]
    # nor is there another when it has gone
    assert there.register(expires=0).status == 200
    word, seconds = dial(e, "endpoint:alice")
    assert word == "unreachable" and seconds < 2
    row = until(lambda: [r for r in e.cdrs()
                         if r["hangup_cause"] == "unreachable"])[0]
    assert (row["sip_code"], row["q850"]) == (480, 27)
    assert evaluate(e, """
      local c = moon.endpoints("alice").contacts[1]
      return c.state .. " " .. c.reason .. " " .. tostring(c.reachable)
    """) == "unreachable no answer to 2 OPTIONS false"
    # and it comes back
    silent.auto.add("OPTIONS")
    wait_contact(e, silent, "reachable")
    evaluate(e, 'moon.emit("dial", { target = "endpoint:alice" })')
    silent.wait("INVITE")
    evaluate(e, "for _, c in ipairs(moon.calls()) do c:hangup() end")


def test_one_that_is_not_qualified_is_not_asked(engine, terminal):
    e = engine(ENDPOINTS)
    asked, spared = terminal(e), terminal(e, user="bob")
    assert asked.register().status == spared.register().status == 200
    asked.wait("OPTIONS")
    asked.wait("OPTIONS")
    assert not [m for m in spared.inbox if m.method == "OPTIONS"]
    # and one that has unregistered is left alone: what is under way ends
    assert asked.register(expires=0).status == 200
    cycles = e.counter("sip_qualify_cycles")
    until(lambda: spared.register().status == 200)
    assert e.counter("sip_qualify_cycles") - cycles <= 1


def test_bindings_from_before_are_asked_at_the_start(engine, terminal):
    e = engine(ENDPOINTS)
    one = terminal(e)
    assert one.register().status == 200
    wait_contact(e, one, "reachable")
    until(lambda: e.rows("select * from bindings"))
    e.stop()
    e.start()
    wait_contact(e, one, "reachable")
    until(lambda: len(e.rows(
        "select * from reachability where kind = 'endpoint'"
        " and state = 'reachable'")) == 2)


@pytest.mark.idle
def test_a_telephone_that_leaves_an_invite_unanswered(engine, terminal):
    """It answers OPTIONS, though: it gets a rest, and another chance."""
    e = engine(ENDPOINTS)
    one = terminal(e)
    assert one.register().status == 200
    wait_contact(e, one, "reachable")
    word, seconds = dial(e, "endpoint:alice", "timeout = 7")
    assert word == "congestion" and seconds > 6
    assert contact_states(e)[str(one.port)] == "unreachable"
    assert dial(e, "endpoint:alice")[0] == "unreachable"
    wait_contact(e, one, "reachable")


def test_a_telephone_by_tcp_is_asked_over_its_connection(
        engine, terminal, ports):
    port = ports.one()
    e = engine(ENDPOINTS, sip=[f"udp:127.0.0.1:{port}",
                               f"tcp:127.0.0.1:{port}"])
    one = terminal(e, target=("127.0.0.1", port), transport="tcp")
    assert one.register().status == 200
    until(lambda: set(contact_states(e).values()) == {"reachable"},
          what=e.tail)
    one.wait("OPTIONS")
    assert e.counter("sip_tcp_accepted") == 1  # no other has been opened
    one.close()
    until(lambda: set(contact_states(e).values()) == {"unreachable"}, 30,
          e.tail)


def test_a_trunk_of_an_account_follows_it_to_another_registrar(
        engine, peer, ports):
    """Its first registrar is dead: calls go, and are asked about, where it is
    registered."""
    dead = ports.one()
    second = peer({"INVITE": "486 Busy Here", "ACK": None, "*": "200 OK"})
    e = engine(WATCHER, config=f"""return {{
      accounts = {{ {{ name = "line", uri = "sip:line@example.test",
        registrar = {{ "sip:127.0.0.1:{dead}", "sip:{second.host}" }} }} }},
      trunks = {{ {{ name = "carrier", account = "line", qualify = 0.5,
        qualify_every = 1, qualify_tries = 2 }} }} }}""")
    wait_state(e, "carrier", "unreachable")
    wait_state(e, "carrier", "reachable", 60)
    assert trunks(e)["carrier"]["hosts"][0]["host"] == f"sip:{second.host}"
    assert dial(e, "trunk:carrier/100")[0] == "busy"
