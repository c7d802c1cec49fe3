"""Messages that cross, fork and come twice. Each call ends once, and when the
last transaction has had its time (64 s) none is left."""
import random
import time

import pytest

from support.phone import token
from support.waiting import until

CALLEE = """
local moon = require "moondial"
moon.on_call("holds", function(call)
  call:answer()
  call:wait_digit(0.2)
  call.user.held = call:hold() and true or false
  call:wait("hangup", 20)
end)
moon.on_call(function(call)
  call:answer()
  call:wait("hangup", 20)
end)
"""

DIAL = """
local moon = require "moondial"
moon.on_call(function(call) call:reject(486) end)
moon.spawn(function()
  local call = moon.dial(moon.args[1], { timeout = 10 })
  moon.log.info("RESULT %s", call and "answered" or "none")
  if call then call:wait("hangup", 20) end
end)
"""


def nothing_left(e, long, calls):
    e.wait_calls(0)
    until(lambda: e.status()["streams"] == 0)
    rows = e.wait_cdrs(calls)
    assert len(rows) == calls
    # in full: as long as the longest transaction lives (64 * T1, twice)
    until(lambda: e.status()["sip_sessions"] == 0, 64 if long else 40,
          lambda: e.status())
    return rows


def test_a_cancel_that_crosses_the_200(engine, phone, long):
    e = engine(CALLEE)
    p = phone(e, rtp=False)
    rng = random.Random(3)
    count = 400 if long else 60
    cancelled = 0
    for _ in range(count):
        p.taken = len(p.inbox)
        p.tag = p.call_id = None
        p.invite()
        end = time.monotonic() + rng.random() * 0.004
        while time.monotonic() < end:
            pass
        p.cancel()
        answer = p.final()
        p.ack(answer)
        cancelled += answer.status == 487
        assert answer.status in (200, 487)
        if answer.status == 200:
            assert p.bye().status == 200
    rows = nothing_left(e, long, count)
    assert sum(r["disposition"] == "cancelled" for r in rows) == cancelled
    assert sum(bool(r["answered_at_ms"]) for r in rows) == count - cancelled


def test_a_bye_that_crosses_their_reinvite_and_ours(engine, phone, long):
    e = engine(CALLEE)
    for _ in range(10 if long else 3):
        # ours on the way, theirs comes
        p = phone(e, user="theirs")
        p.call("holds")
        reinvite = p.wait("INVITE")
        p.raw(p.request("BYE", p.contact, to=p.remote))
        p.respond(reinvite, 487, "Request Terminated")
        assert p.final("BYE").status == 200
        # both of theirs at once, in the wrong order too
        q = phone(e, user="both")
        q.call()
        invite = q.request("INVITE", q.contact, to=q.remote, body=q.sdp())
        bye = q.request("BYE", q.contact, to=q.remote)
        q.raw(bye)
        q.raw(invite)
        assert q.final("BYE").status == 200
        late = q.final("INVITE")
        assert late.status in (481, 487, 500), late.first
        q.raw(q.request("ACK", q.contact, to=q.remote, cseq=late.cseq[0]))
    rows = nothing_left(e, long, 20 if long else 6)
    assert {r["hangup_by"] for r in rows} == {"remote"}


def test_offers_that_cross_get_491_and_are_made_again(engine, phone, long):
    e = engine(CALLEE)
    p = phone(e)
    p.call("holds")
    ours = p.wait("INVITE")
    p.raw(p.request("INVITE", p.contact, to=p.remote, body=p.sdp()))
    theirs = p.final("INVITE")
    assert theirs.status == 491
    p.raw(p.request("ACK", p.contact, to=p.remote, cseq=theirs.cseq[0]))
    p.respond(ours, 491, "Request Pending")
    p.wait("ACK")
    # the owner of the Call-ID waits 2.1 to 4 s, the other up to 2 s
    again = p.wait("INVITE", timeout=6)
    assert again.cseq[0] > ours.cseq[0]
    p.respond(again, 200, "OK", body=p.sdp(direction="recvonly"))
    p.wait("ACK")
    assert p.within("INVITE", body=p.sdp(direction="recvonly")).status == 200
    until(lambda: p.bye().status == 200)
    rows = nothing_left(e, long, 1)
    assert rows[0]["user_json"] == '{"held":true}'


def test_a_forked_call_keeps_one_answer_and_hangs_up_the_other(
        engine, phone, long, ports):
    e = engine(DIAL, launch=False)
    p = phone(e)
    e.args = [f"sip:bob@127.0.0.1:{p.port}"]
    e.start()
    invite = p.wait("INVITE")
    tags = [token() for _ in range(3)]
    p.auto = set()
    for tag in tags:
        p.tag = tag
        p.respond(invite, 200, "OK", body=p.sdp())
    # each is acknowledged; all but one get a BYE
    acked, ended = set(), set()

    def seen():
        for message in p.inbox:
            to = message.header("To")
            tag = to.split("tag=")[1] if "tag=" in to else None
            if message.method == "ACK":
                acked.add(tag)
            if message.method == "BYE" and tag not in ended:
                ended.add(tag)
                p.respond(message, 200, "OK")
        return acked == set(tags) and len(ended) == 2

    until(seen, what=lambda: (acked, ended, [m.first for m in p.inbox]))
    assert e.status()["calls"]["answered"] == 1
    # a 200 that comes again after the ACK is acknowledged again, that is all
    kept = (set(tags) - ended).pop()
    before = sum(m.method == "ACK" and kept in m.text for m in p.inbox)
    p.tag = kept
    for _ in range(3):
        p.respond(invite, 200, "OK", body=p.sdp())
    until(lambda: sum(m.method == "ACK" and kept in m.text
                      for m in p.inbox) == before + 3)
    assert e.status()["calls"]["total"] == 1
    p.accept(invite)
    p.tag, p.auto = kept, {"BYE"}
    assert p.bye().status == 200
    rows = nothing_left(e, long, 1)
    assert rows[0]["disposition"] == "answered"


def test_what_comes_again_after_the_ack_begins_nothing(engine, phone, long):
    e = engine(CALLEE)
    p = phone(e)
    assert p.call().status == 200
    for _ in range(5):
        p.raw(p.sent)  # the INVITE, again
    p.raw(p.request("ACK", p.contact, to=p.remote, cseq=p.invite_cseq))
    assert p.within("OPTIONS").status == 200
    assert e.status()["calls"]["total"] == 1
    assert p.bye().status == 200
    for _ in range(3):
        p.raw(p.sent)
    nothing_left(e, long, 1)
    assert e.status()["calls"]["total"] == 1
