"""A telephone that restarts is noticed, its calls are ended, and nothing else
is taken for it."""
import random
import time

import pytest

from support.terminal import Terminal
from support.waiting import until

SCRIPT = """
local moon = require "moondial"
moon.endpoint { name = "alice", password = "secret" %s }
moon.endpoint { name = "bob", password = "other" }
moon.on_call(function(call)
  call:answer()
  call:wait("hangup")
end)
moon.on("endpoint_restarted", function(e)
  print("restarted", e.name, e.calls, e.contact)
end)
moon.on("endpoint", function(e) print("endpoint", e.name, e.state) end)
moon.on("dial", function()
  local call, reason = moon.dial("endpoint:alice")
  if call then call:wait("hangup") end
end)
"""


def endpoint(e, name="alice"):
    return next(x for x in e.status()["endpoints"] if x["name"] == name)


def restarts(e):
    return e.counter("endpoint_restarts")


def in_call(e, t, calls=1):
    assert t.register().status == 200
    assert t.call().status == 200
    assert endpoint(e)["answered"] == calls


def ended_by_restart(e, count=1):
    rows = e.wait_cdrs(count)
    for row in rows:
        assert (row["hangup_by"], row["hangup_cause"], row["q850"]) == (
            "engine", "endpoint_restarted", 27), row
        assert row["disposition"] == "answered"
    return rows


def test_a_restarted_telephone_loses_its_call_at_once(engine, terminal):
    e = engine(SCRIPT % "")
    t = terminal(e)
    in_call(e, t)
    first = endpoint(e)["contacts"][0]
    t.restart()
    began = time.monotonic()
    assert t.register().status == 200
    until(lambda: endpoint(e)["calls"] == 0)
    assert time.monotonic() - began < 1
    ended_by_restart(e)
    e.wait_log("restarted\talice\t1")
    assert restarts(e) == 1
    # the user part of its contact has changed with the start: one binding
    one, = endpoint(e)["contacts"]
    assert one["call_id"] == t.reg_call_id != first["call_id"]
    assert one["contact"] != first["contact"]
    # its place is free, its new call is its own
    assert t.call().status == 200
    assert t.register().status == 200
    assert endpoint(e)["answered"] == 1
    assert t.bye().status == 200
    events = [r["event"] for r in e.rows(
        "select event from registration_events order by id")]
    assert events.count("restarted") == 1


@pytest.mark.parametrize("how", ["instance", "contact", "source"])
def test_it_is_known_by(engine, terminal, ports, how):
    e = engine(SCRIPT % "")
    instance = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"
    t = terminal(e, instance=instance if how == "instance" else None,
                 contact="<sip:x@192.0.2.33:5070>" if how == "contact"
                 else None)
    in_call(e, t)
    # after the start it comes from another port, but when the source is meant
    again = t
    if how != "source":
        again = terminal(e, instance=t.instance, contact=t.own_contact)
    else:
        t.own_contact = f"<sip:other@127.0.0.1:{ports.one()}>"
        t.restart()
    assert again.register().status == 200
    ended_by_restart(e)
    assert len(endpoint(e)["contacts"]) == 1


def test_a_call_to_it_ends_too_and_a_ringing_one(engine, terminal):
    e = engine(SCRIPT % "")
    t = terminal(e)
    assert t.register().status == 200
    e.ask("eval", text='moon.emit("dial")')
    invite = t.wait("INVITE")
    t.accept(invite)
    t.wait("ACK")
    e.ask("eval", text='moon.emit("dial")')
    ringing = t.wait("INVITE")
    t.respond(ringing, 180, "Ringing")
    until(lambda: endpoint(e)["ringing"] == 1)
    t.restart()
    assert t.register().status == 200
    rows = e.wait_cdrs(2)
    assert {r["hangup_cause"] for r in rows} == {"endpoint_restarted"}
    assert sorted(r["disposition"] for r in rows) == ["answered", "failed"]
    until(lambda: endpoint(e)["calls"] == 0)


def test_two_telephones_of_one_user_are_two(engine, terminal):
    e = engine(SCRIPT % "")
    one, two = terminal(e), terminal(e)
    in_call(e, one)
    in_call(e, two, 2)
    for _ in range(3):
        for t in (one, two):
            assert t.register().status == 200
    assert restarts(e) == 0
    two.restart()
    assert two.register().status == 200
    ended_by_restart(e)
    assert endpoint(e)["answered"] == 1
    assert one.bye().status == 200
    assert len(endpoint(e)["contacts"]) == 2


def test_two_behind_NATs_with_one_private_address_are_two(engine, ports):
    e = engine(SCRIPT % "", sip=None)
    e.stop()
    e.sip = [f"udp:0.0.0.0:{e.port}"]
    e.start()
    contact = "<sip:alice@192.168.1.10:5060>"
    target = ("127.0.0.1", e.port)
    one = Terminal(ports, target, contact=contact)
    two = Terminal(ports, target, contact=contact, ip="127.0.0.2")
    try:
        in_call(e, one)
        in_call(e, two, 2)
        assert len(endpoint(e)["contacts"]) == 2
        for t in (one, two):
            assert t.register().status == 200
        assert restarts(e) == 0
        assert endpoint(e)["answered"] == 2
        one.bye()
        two.bye()
    finally:
        one.close()
        two.close()


def test_with_single_contact_any_registration_is_a_restart(engine, terminal):
    e = engine(SCRIPT % ", single_contact = true")
    one, two = terminal(e), terminal(e)
    in_call(e, one)
    assert two.register().status == 200
    ended_by_restart(e)
    only, = endpoint(e)["contacts"]
    assert only["call_id"] == two.reg_call_id
    # a call that came from elsewhere is its user's, too
    assert one.call().status == 200
    two.restart()
    assert two.register().status == 200
    ended_by_restart(e, 2)


def test_a_lower_CSeq_is_refused_and_changes_nothing(engine, terminal):
    e = engine(SCRIPT % "")
    t = terminal(e)
    t.reg_cseq = 500
    in_call(e, t)
    before = endpoint(e)
    r = t.register_once(cseq=3)
    assert r.status == 500
    assert endpoint(e) == before and restarts(e) == 0
    assert t.bye().status == 200


def test_a_retransmission_and_a_lost_response_are_no_restart(
        engine, terminal):
    e = engine(SCRIPT % "")
    t = terminal(e)
    in_call(e, t)
    t.restart()
    t.take_challenge(t.register_once(authorize=False))
    text = t.register_text()
    for _ in range(4):  # its answers are lost on it
        t.raw(text)
    ended_by_restart(e)
    assert t.call().status == 200
    t.raw(text)
    t.wait(200)
    # nobody has answered, as it seems: once more, with the next CSeq
    assert t.register().status == 200
    assert restarts(e) == 1
    assert endpoint(e)["answered"] == 1
    assert t.bye().status == 200


def test_a_delayed_REGISTER_of_its_former_life_is_no_restart(
        engine, terminal):
    e = engine(SCRIPT % "")
    t = terminal(e)
    assert t.register().status == 200
    former = t.register_text()  # under way for long …
    former_end = t.register_text(expires=0)
    t.restart()
    in_call(e, t)
    assert restarts(e) == 1
    before = endpoint(e)
    for ghost in (former, former_end):
        t.raw(ghost)  # … and here it is
        # it isn't believed until it answers a new nonce: a ghost doesn't
        assert t.wait(lambda m: m.status and m.cseq[1] == "REGISTER"
                      ).status == 401
    assert endpoint(e) == before and restarts(e) == 1
    assert t.register().status == 200
    assert t.bye().status == 200


def test_one_that_was_off_for_longer_than_its_registration(engine, terminal):
    e = engine(SCRIPT % ", min_expires = 1")
    t = terminal(e)
    assert t.register(expires=1).status == 200
    assert t.call().status == 200
    until(lambda: endpoint(e)["state"] == "unregistered")
    e.wait_log("endpoint\talice\texpired")
    t.restart()
    assert t.register().status == 200
    ended_by_restart(e)


def test_one_that_comes_back_under_its_Call_ID_keeps_its_calls(
        engine, terminal):
    e = engine(SCRIPT % ", min_expires = 1")
    t = terminal(e)
    assert t.register(expires=1).status == 200
    assert t.call().status == 200
    until(lambda: endpoint(e)["state"] == "unregistered")
    assert t.register(expires=100).status == 200
    assert restarts(e) == 0 and endpoint(e)["answered"] == 1
    # and it is still noticed when it restarts later
    t.restart()
    assert t.register().status == 200
    ended_by_restart(e)


def test_one_that_cleans_up_first_when_it_starts(engine, terminal):
    e = engine(SCRIPT % "")
    t = terminal(e)
    in_call(e, t)
    t.restart()
    assert t.register(contacts=["*"], expires=0).status == 200
    ended_by_restart(e)
    assert t.register().status == 200
    assert restarts(e) == 1


def test_unregistering_ends_no_call(engine, terminal):
    e = engine(SCRIPT % "")
    t = terminal(e)
    in_call(e, t)
    assert t.register(expires=0).status == 200
    assert endpoint(e)["answered"] == 1 and restarts(e) == 0
    assert t.bye().status == 200


def test_a_telephone_may_be_trusted_to_keep_its_calls(engine, terminal):
    e = engine(SCRIPT % ", restart_ends_calls = false")
    t = terminal(e)
    in_call(e, t)
    t.restart()
    assert t.register().status == 200
    assert endpoint(e)["answered"] == 1 and restarts(e) == 0
    assert len(endpoint(e)["contacts"]) == 1
    assert t.bye().status == 200


def test_who_has_not_proved_himself_restarts_nobody(engine, terminal):
    e = engine(SCRIPT % "")
    t = terminal(e)
    in_call(e, t)
    thief = terminal(e, password="guess",
                     contact=f"<sip:alice@127.0.0.1:{t.port}>")
    assert thief.register().status == 403
    thief.auth_user, thief.password = "bob", "other"
    assert thief.register().status == 403
    assert endpoint(e)["answered"] == 1
    assert t.bye().status == 200


def test_registrations_and_Call_IDs_outlive_the_engine(engine, terminal):
    e = engine(SCRIPT % "")
    t, gone = terminal(e), terminal(e)
    assert t.register(contacts=[t.contact_value(q="0.5")]).status == 200
    assert gone.register().status == 200
    assert gone.register(expires=0).status == 200
    before, = endpoint(e)["contacts"]
    until(lambda: len(e.rows("select * from bindings")) == 1)
    e.kill()
    e.start()
    until(lambda: endpoint(e)["contacts"])
    after, = endpoint(e)["contacts"]
    assert after == before
    # called where it was; its next REGISTER proves itself anew
    e.ask("eval", text='moon.emit("dial")')
    invite = t.wait("INVITE")
    t.accept(invite)
    t.wait("ACK")
    assert t.register(contacts=[t.contact_value(q="0.5")]).status == 200
    assert restarts(e) == 0 and endpoint(e)["answered"] == 1
    t.restart()
    assert t.register().status == 200
    until(lambda: endpoint(e)["calls"] == 0)
    assert restarts(e) == 1


def test_what_has_run_out_meanwhile_is_not_registered(engine, terminal):
    e = engine(SCRIPT % ", min_expires = 1")
    t = terminal(e)
    assert t.register(expires=1).status == 200
    until(lambda: e.rows("select * from bindings"))
    e.kill()
    until(lambda: e.rows("select expires_at_ms from bindings")[0][
        "expires_at_ms"] < time.time() * 1000)
    e.start()
    until(lambda: not e.rows("select * from bindings"))
    assert endpoint(e)["state"] == "unregistered"
    assert e.rows("select event from registration_events order by id")[-1][
        "event"] == "expired"


def test_many_telephones_reboot_at_once(engine, terminal):
    e = engine("""
local moon = require "moondial"
for i = 1, 20 do
  moon.endpoint { name = "t" .. i, password = "p" .. i }
end
moon.on_call(function(call) call:answer() call:wait("hangup") end)
""")
    phones = [terminal(e, user=f"t{i}", password=f"p{i}", rtp=False)
              for i in range(1, 21)]
    for t in phones:
        assert t.register().status == 200
        assert t.call().status == 200
    e.wait_calls(20, "answered")
    rebooted = random.Random(4).sample(phones, 10)
    for t in rebooted:
        t.restart()
        assert t.register().status == 200
    e.wait_calls(10, "answered")
    for t in phones:
        if t not in rebooted:
            assert t.bye().status == 200
    rows = e.wait_cdrs(20)
    causes = [r["hangup_cause"] for r in rows]
    assert causes.count("endpoint_restarted") == 10
    assert {r["endpoint"] for r in rows
            if r["hangup_cause"] == "endpoint_restarted"} == {
                t.user for t in rebooted}


BARESIP = """
local moon = require "moondial"
-- it gives up when it is offered SHA-256
moon.endpoint { name = "alice", password = "secret", algorithms = "MD5" }
moon.on_call(function(call)
  call:answer()
  call:play { tone = "440", duration = 0 }
end)
moon.on("dial", function()
  local call, reason = moon.dial("endpoint:alice", { timeout = 10 })
  print("dialled", call and "call" or reason)
  if call then call:wait("hangup") end
end)
"""


@pytest.mark.parametrize("way", ["calls", "is called"])
def test_baresip_killed_in_a_call_and_started_again(engine, baresip, way):
    e = engine(BARESIP)
    b = baresip(registrar=f"127.0.0.1:{e.port}", user="alice",
                password="secret")
    until(lambda: endpoint(e)["contacts"])
    first = endpoint(e)["contacts"][0]
    assert first["user_agent"].startswith("baresip")
    if way == "calls":
        b.dial(e.uri())
    else:
        e.ask("eval", text='moon.emit("dial")')
    b.wait_event("CALL_ESTABLISHED")
    until(lambda: endpoint(e)["answered"] == 1)
    b.kill()
    assert e.status()["calls"]["active"] == 1
    b.start()

    def registered_at():
        one = endpoint(e)["contacts"][0]
        return (one["call_id"] != first["call_id"]
                and one["refreshed_at_ms"])

    at_ms = until(registered_at)
    row = e.wait_cdr()
    assert row["hangup_cause"] == "endpoint_restarted"
    assert row["endpoint"] == "alice"
    # within a second of the new REGISTER
    assert 0 <= row["ended_at_ms"] - at_ms + 5 < 1000
    one, = endpoint(e)["contacts"]
    assert one["contact"] != first["contact"]
    assert endpoint(e)["calls"] == 0
    # and it goes on as if nothing had been
    e.ask("eval", text='moon.emit("dial")')
    e.wait_log("dialled\tcall", count=1 if way == "calls" else 2)
    b.wait_event("CALL_ESTABLISHED")
    assert restarts(e) == 1
    b.stop()
    e.wait_cdrs(2)
