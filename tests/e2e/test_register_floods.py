"""REGISTERs by the thousand, from one user and from many, with and without
credentials: nobody gets in, nothing is kept, and telephones go on.
Strangers are 127.0.0.2 and up; 127.0.0.1 alone is trusted."""
import os
import re

import pytest

from support.flood import flood
from support.terminal import credentials
from support.waiting import until

SCRIPT = """
local moon = require "moondial"
for i = 1, 100 do
  moon.endpoint { name = "u" .. i, password = "p" .. i }
end
moon.on_call(function(call) call:answer() call:wait("hangup") end)
"""
STRANGERS = {"trusted": "127.0.0.1"}
LEAN = {"ASAN_OPTIONS": "detect_leaks=1:exitcode=99:quarantine_size_mb=1"
        ":thread_local_quarantine_size_kb=16"}


def memory(engine):
    with open(f"/proc/{engine.process.pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def registered(e):
    return sum(len(x["contacts"]) for x in e.status()["endpoints"])


@pytest.mark.quiet
def test_a_flood_from_one_address_is_banned_and_telephones_go_on(
        engine, terminal, long):
    seconds = 60 if long else 4
    e = engine(SCRIPT, sets=STRANGERS, env=LEAN)
    t = terminal(e, user="u1", password="p1", ip="127.0.0.2")
    assert t.register().status == 200
    before = memory(e)
    attack = flood(e, "127.0.0.9", method="REGISTER", rate=3000,
                   seconds=seconds)
    try:
        e.wait_log("127.0.0.9 is banned")
        for _ in range(5):
            assert t.register().status == 200
        assert t.call().status == 200
        assert t.bye().status == 200
        told = attack.done(seconds + 30)
    finally:
        attack.kill()
    assert told["sent"] > 1000 * seconds
    assert registered(e) == 1
    assert memory(e) - before < 32 << 20
    assert e.status()["calls"]["total"] == 1


def test_many_users_guessed_at_from_one_address_are_a_ban(engine, terminal):
    e = engine(SCRIPT, sets=STRANGERS)
    thief = terminal(e, user="u1", password="guess", ip="127.0.0.9")
    thief.take_challenge(thief.register_once(authorize=False))
    for i in range(200):
        thief.auth_user = f"u{i}"
        thief.raw(thief.register_text(to_user=f"u{i}"))
        if re.search("127.0.0.9 is banned", e.log()):
            break
    e.wait_log("127.0.0.9 is banned for .*: requests that fail")
    assert registered(e) == 0
    # it isn't heard any more; others are
    honest = terminal(e, user="u2", password="p2", ip="127.0.0.3")
    assert honest.register().status == 200


def test_what_was_listened_to_is_of_no_use(engine, terminal, long):
    e = engine(SCRIPT)
    t = terminal(e, user="u1", password="p1")
    t.take_challenge(t.register_once(authorize=False))
    heard = t.register_text()
    t.raw(heard)
    assert t.wait(200)
    before = e.status()["endpoints"]
    thief = terminal(e, user="u1")
    tries = 10000 if long else 500
    for i in range(tries):
        # as another request, with the same credentials
        text = re.sub(r"branch=\w+", f"branch=z9hG4bKr{i}", heard)
        text = re.sub(r"Call-ID: \S+", f"Call-ID: thief-{i}", text)
        text = re.sub(r"CSeq: \d+", f"CSeq: {i + 1}", text)
        text = re.sub(r"Contact: <[^>]+>",
                      f"Contact: <sip:thief@127.0.0.1:{thief.port}>", text)
        text = re.sub(r"Via: (\S+) [^;]+", rf"Via: \1 127.0.0.1:{thief.port}",
                      text)
        thief.raw(text)
        # no more at once than a socket's buffer holds
        until(lambda sent=i + 1: len(thief.inbox) > sent - 100,
              what=lambda: f"{len(thief.inbox)} of {tries}")
    until(lambda: len(thief.inbox) == tries,
          what=lambda: f"{len(thief.inbox)} of {tries}")
    assert {m.status for m in thief.inbox} == {401}
    after = e.status()["endpoints"]
    assert [x["contacts"] for x in after] == [x["contacts"] for x in before]
    assert e.counter("endpoint_restarts") == 0


def test_credentials_made_beforehand_are_of_no_use(engine, terminal):
    """With the right password even: a nonce is the engine's to give."""
    e = engine(SCRIPT)
    t = terminal(e, user="u1", password="p1")
    t.take_challenge(t.register_once(authorize=False))
    real = t.challenge["nonce"]
    for forged in ("0" * len(real), real[:-1] + "0", real[:-1] + "1",
                   real.upper(), real + "00", real[2:], "", "x" * 5000,
                   real[:16] + "ffff" + real[20:]):
        if forged == real:
            continue
        t.challenge["nonce"] = forged
        r = t.register_once()
        assert r.status in (400, 401), r.text
    assert registered(e) == 0


def test_an_office_behind_one_address_registers_at_once(engine, terminal):
    """One has proved itself: its neighbours aren't a flood."""
    e = engine(SCRIPT, sets={**STRANGERS, "sources.requests": 20})
    first = terminal(e, user="u1", password="p1", ip="127.0.0.4")
    assert first.register().status == 200
    first.inbox.clear()
    first.taken = 0
    # a hundred telephones, each a question and its answer: 200 requests
    for i in range(1, 51):
        first.auth_user, first.password = f"u{i}", f"p{i}"
        first.raw(first.register_text(
            to_user=f"u{i}", authorize=False, call_id=f"office-{i}", cseq=1))
    until(lambda: len(first.inbox) >= 50)
    assert {m.status for m in first.inbox} == {401}
    # a stranger who sends as much is told to wait
    stranger = terminal(e, user="u99", ip="127.0.0.5")
    for i in range(50):
        stranger.raw(stranger.register_text(
            authorize=False, call_id=f"strange-{i}", cseq=1))
    stranger.wait(503)


def test_headers_of_64_KB(engine, terminal):
    e = engine(SCRIPT)
    t = terminal(e, user="u1", password="p1")
    t.take_challenge(t.register_once(authorize=False))
    room = 65000
    bombs = {
        "contact": "Contact: <sip:a@127.0.0.1>;x=" + "y" * 60000 + "\r\n",
        "contacts": "Contact: " + ", ".join(["<sip:a@127.0.0.1>"] * 3000)
                    + "\r\n",
        "path": "Path: " + ", ".join(["<sip:a;lr>"] * 5000) + "\r\n",
        "authorization": "Authorization: Digest " + "a=b," * 15000 + "\r\n",
        "quotes": 'Authorization: Digest realm="' + '\\"' * 29000 + "\r\n",
        "headers": "".join(f"X-{i}: y\r\n" for i in range(6000)),
        "user agent": "User-Agent: " + "u" * 60000 + "\r\n",
        "expires": "Expires: " + "9" * 60000 + "\r\n",
    }
    for name, headers in bombs.items():
        text = t.register_text(headers=headers[:room - 1500])
        t.raw(text[:room])
        answer = t.wait(lambda m: m.status)
        assert 400 <= answer.status < 600, (name, answer.text)
    assert registered(e) == 0
    t.challenge = None
    assert t.register().status == 200


def test_registering_for_another_is_refused(engine, terminal):
    e = engine(SCRIPT)
    t = terminal(e, user="u1", password="p1")
    t.take_challenge(t.register_once(authorize=False))
    assert t.register_once(to_user="u2").status == 403
    text = t.register_text(authorize=False)
    uri = f"sip:127.0.0.1:{e.port}"
    both = "".join(
        "Authorization: " + credentials(t.challenge, "REGISTER", uri, user,
                                        "p1", nc=5) + "\r\n"
        for user in ("u2", "u1"))
    t.raw(text.replace("User-Agent", both + "User-Agent"))
    assert t.final("REGISTER").status == 403  # the first counts
    assert registered(e) == 0
