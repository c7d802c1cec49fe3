"""The engine calls SIPp: how a called party may behave, and what our script
and the record say of it."""
import hashlib
import re

import pytest

from support.waiting import until

DIAL = """
local moon = require "moondial"
local target = moon.args[1]
local timeout = tonumber(moon.args[2] or 20)
moon.spawn(function()
  local call, reason, failed = moon.dial(target, {
    timeout = timeout, headers = { ["X-Test"] = "callee" }, from = "4711",
  })
  if call then
    moon.log.info("RESULT answered")
    call:sleep(0.7)
    call:hangup()
  else
    moon.log.info("RESULT %s %s", reason, failed and failed.sip_code or "-")
  end
end)
"""


def dial(engine, callee, script=DIAL, timeout=20, **options):
    return engine(script, args=[f"sip:bob@127.0.0.1:{callee.port}", timeout],
                  **options)


def test_a_normal_call(engine, sipp):
    s = sipp("uas_answer")
    e = dial(engine, s)
    s.done()
    row = e.wait_cdr()
    assert row["direction"] == "out"
    assert (row["to_user"], row["from_user"]) == ("bob", "4711")
    assert row["to_uri"] == f"sip:bob@127.0.0.1:{s.port}"
    assert row["disposition"] == "answered"
    assert (row["hangup_by"], row["hangup_cause"]) == ("local", "normal")
    assert row["hangup_line"] == "flow.lua:12"
    assert row["ring_at_ms"] <= row["answered_at_ms"]
    assert row["codec"] == "PCMU"
    e.wait_log("RESULT answered")
    invite = s.received()[0]
    assert "X-Test: callee" in invite and "From: <sip:4711@" in invite


def test_the_callee_hangs_up(engine, sipp):
    s = sipp("uas_bye", values={"pause": 200})
    e = dial(engine, s)
    s.done()
    row = e.wait_cdr()
    assert (row["hangup_by"], row["hangup_cause"]) == ("remote", "normal")
    assert row["disposition"] == "answered"
    assert row["script_error"] is None


REFUSALS = [
    (486, "Busy Here", "busy", 17, "busy"),
    (600, "Busy Everywhere", "busy", 17, "busy"),
    (480, "Temporarily Unavailable", "no_answer", 18, "no_answer"),
    (404, "Not Found", "invalid", 1, "invalid"),
    (603, "Decline", "declined", 21, None),
    (503, "Service Unavailable", "congestion", 41, None),
]


@pytest.mark.parametrize("code,phrase,disposition,q850,reason", REFUSALS,
                         ids=[r[1].replace(" ", "-") for r in REFUSALS])
def test_refused_with(engine, sipp, code, phrase, disposition, q850, reason):
    s = sipp("uas_refuses",
             values={"code": code, "phrase": phrase, "headers": ""})
    e = dial(engine, s)
    s.done()
    row = e.wait_cdr()
    assert (row["sip_code"], row["reason"]) == (code, phrase)
    assert row["disposition"] == disposition
    assert row["q850"] == q850
    assert (row["hangup_by"], row["hangup_cause"]) == ("remote", "rejected")
    result = e.wait_log(r"RESULT (\S+) (\S+)")
    assert result[2] == str(code)
    if reason:
        assert result[1] == reason


def test_their_reason_header_is_kept(engine, sipp):
    s = sipp("uas_refuses", values={
        "code": 480, "phrase": "Temporarily Unavailable", "headers":
        '      Reason: Q.850;cause=20;text="Subscriber absent"\n'})
    e = dial(engine, s)
    s.done()
    row = e.wait_cdr()
    # what it says is more than the status does: 18
    assert (row["sip_code"], row["q850"]) == (480, 20)


def test_a_redirection_is_reported_and_not_followed(engine, sipp, phone):
    """302 to anywhere is how toll fraud begins: a script decides."""
    s = sipp("uas_refuses", values={
        "code": 302, "phrase": "Moved Temporarily",
        "headers": "      Contact: <sip:fraud@127.0.0.1:9>\n"})
    e = dial(engine, s)
    s.done()
    row = e.wait_cdr()
    assert (row["sip_code"], row["disposition"]) == (302, "redirected")
    assert len(e.cdrs()) == 1


def test_no_answer_in_time_is_cancelled(engine, sipp):
    s = sipp("uas_no_answer")
    e = dial(engine, s, timeout=1)
    s.done()
    row = e.wait_cdr()
    assert row["disposition"] == "no_answer"
    assert (row["hangup_by"], row["hangup_cause"]) == ("engine", "no_answer")
    assert row["q850"] == 19
    assert row["ring_at_ms"] and not row["answered_at_ms"]
    assert e.wait_log(r"RESULT (\S+)")[1] == "no_answer"


def test_a_200_that_crosses_our_cancel_is_hung_up(engine, sipp):
    s = sipp("uas_late_answer_of_cancelled")
    e = dial(engine, s, timeout=1)
    s.done()
    row = e.wait_cdr()
    assert row["disposition"] == "no_answer"
    e.wait_calls(0)


def test_early_media_is_heard_before_the_answer(engine, sipp):
    s = sipp("uas_early", values={"pause": 800})
    e = dial(engine, s)
    s.done()
    row = e.wait_cdr()
    assert row["disposition"] == "answered"
    assert row["ring_at_ms"]
    assert row["answered_at_ms"] - row["ring_at_ms"] > 500
    # half a second of it came before the 200
    assert row["rx_packets"] > 30


def digest(header, user, password):
    """What the response of this Authorization header must be (RFC 2617)."""
    f = dict(re.findall(r'(\w+)="?([^",]+)"?', header))
    ha1, ha2 = (hashlib.md5(text.encode()).hexdigest() for text in
                (f"{user}:{f['realm']}:{password}", f"INVITE:{f['uri']}"))
    text = ":".join((ha1, f["nonce"], f["nc"], f["cnonce"], f["qop"], ha2))
    return f["response"], hashlib.md5(text.encode()).hexdigest()


@pytest.mark.parametrize("code,name", [(401, "Authorization"),
                                       (407, "Proxy-Authorization")])
def test_credentials_are_given_when_asked_for(engine, sipp, code, name):
    s = sipp(f"uas_auth_{code}")
    e = engine("""
local moon = require "moondial"
moon.account {
  name = "alice", uri = "sip:alice@sip.test", password = "secret",
  register = false, realm = "sip.test",
}
moon.spawn(function()
  local call, reason = moon.dial(moon.args[1], { account = "alice" })
  moon.log.info("RESULT %s", call and "answered" or reason)
  call:sleep(0.2)
end)
""", args=[f"sip:bob@127.0.0.1:{s.port}"])
    s.done()
    assert e.wait_log(r"RESULT (\S+)")[1] == "answered"
    row = e.wait_cdr()
    assert row["account"] == "alice"
    assert "secret" not in e.log() and "secret" not in s.messages()
    header = re.search(rf"^{name}: Digest (.*)$", s.messages(), re.M)[1]
    given, right = digest(header, "alice", "secret")
    assert given == right


def test_a_wrong_password_is_tried_once(engine, sipp):
    s = sipp("uas_auth_401")
    e = engine("""
local moon = require "moondial"
moon.account {
  name = "alice", uri = "sip:alice@sip.test", password = "guess",
  register = false, realm = "sip.test",
}
moon.spawn(function()
  local call, reason = moon.dial(moon.args[1], { account = "alice" })
  moon.log.info("RESULT %s", call and "answered" or reason)
end)
""", args=[f"sip:bob@127.0.0.1:{s.port}"])
    e.wait_log("RESULT (?!answered)")
    assert e.wait_cdr()["sip_code"] == 403
    assert sum(m.startswith("INVITE") for m in s.received()) == 2


def test_no_credentials_for_a_realm_that_is_not_ours(engine, sipp):
    s = sipp("uas_auth_407")
    e = engine("""
local moon = require "moondial"
moon.account {
  name = "alice", uri = "sip:alice@other.test", password = "secret",
  register = false, realm = "other.test",
}
moon.spawn(function()
  local call, reason = moon.dial(moon.args[1], { account = "alice" })
  moon.log.info("RESULT %s", call and "answered" or reason)
end)
""", args=[f"sip:bob@127.0.0.1:{s.port}"])
    e.wait_log("RESULT (?!answered)")
    assert e.wait_cdr()["sip_code"] == 407
    assert "Proxy-Authorization" not in s.messages()


def test_our_hold_and_unhold(engine, phone):
    e = engine("""
local moon = require "moondial"
moon.on_call("callee", function(call)
  call:answer()
  local tone = call:play_async { tone = "440", duration = 60 }
  call:wait_digit()
  call.user.hold = call:hold()
  call:sleep(0.5)
  call.user.unhold = call:unhold()
  call:wait("hangup")
end)
""")
    p = phone(e)
    p.call("callee")
    p.rtp.wait_packets(5)
    p.rtp.digit("1")
    hold = p.wait("INVITE")
    assert hold.direction() in ("sendonly", "inactive")
    p.respond(hold, 200, "OK", body=p.sdp(direction="recvonly"))
    p.wait("ACK")
    resume = p.wait("INVITE")
    assert resume.direction() == "sendrecv"
    p.respond(resume, 200, "OK", body=p.sdp())
    p.wait("ACK")
    p.rtp.wait_packets(len(p.rtp.packets) + 5)
    assert p.bye().status == 200
    row = e.wait_cdr()
    assert row["user_json"] in ('{"hold":true,"unhold":true}',
                                '{"unhold":true,"hold":true}')


@pytest.mark.parametrize("first", ["hold", "unhold"])
def test_hold_and_unhold_end_when_nobody_answers_the_offer(
        engine, phone, first):
    """64 x T1 = 32 s (RFC 3261 17.1.1.2); the call ends, as 14.1 asks."""
    e = engine("""
local moon = require "moondial"
moon.on_call("callee", function(call)
  call:answer()
  if moon.args[1] == "unhold" then assert(call:hold()) end
  local begun = moon.now()
  local _, how = pcall(call[moon.args[1]], call)
  moon.log.info("%s: %s after %.0f s", moon.args[1],
    type(how) == "table" and how.code or tostring(how), moon.now() - begun)
end)
""", args=[first])
    p = phone(e)
    p.call("callee")
    if first == "unhold":
        p.respond(p.wait("INVITE"), 200, "OK", body=p.sdp())
        p.wait("ACK")
    offer = p.wait("INVITE")
    assert offer.direction() == ("sendrecv" if first == "unhold" else
                                 "sendonly")
    assert p.wait("BYE", timeout=40).method == "BYE"
    e.wait_log(rf"{first}: \S+ after 32 s")
    row = e.wait_cdr()
    assert (row["hangup_by"], row["disposition"]) == ("engine", "answered")


def test_digits_are_sent_by_rfc_4733_or_by_info(engine, phone):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:dtmf("12#", { duration = 0.06, gap = 0.06 })
  call:dtmf("7", { mode = "info" })
end)
""")
    p = phone(e)
    p.call()
    info = p.wait("INFO")
    assert "Signal=7" in info.body.replace(" ", "")
    p.wait("BYE")
    until(lambda: p.rtp.digits() == "12#", what=lambda: p.rtp.digits())


def test_over_tcp(engine, sipp, ports):
    s = sipp("uas_answer", transport="t1")
    port = ports.one()
    e = engine(DIAL, args=[f"sip:bob@127.0.0.1:{s.port};transport=tcp"],
               sip=[f"tcp:127.0.0.1:{port}"])
    s.done()
    row = e.wait_cdr()
    assert row["disposition"] == "answered"
    assert row["remote_addr"].startswith("tcp:")


def test_over_ipv6(engine, sipp, ports):
    s = sipp("uas_answer", ip="::1")
    e = engine(DIAL, args=[f"sip:bob@[::1]:{s.port}"],
               sip=[f"udp:[::1]:{ports.one()}"])
    s.done()
    assert e.wait_cdr()["disposition"] == "answered"


def test_nobody_there_is_congestion(engine, ports):
    """A port that is closed: found out at once by ICMP, or by time-out."""
    e = engine(DIAL, args=[f"sip:bob@127.0.0.1:{ports.one()}", 5])
    e.wait_log(r"RESULT \S+")
    row = e.wait_cdr()
    assert row["disposition"] in ("congestion", "no_answer")
    assert row["sip_code"] in (None, 408, 487, 503)


def test_what_is_not_allowed_is_not_dialled(engine, phone):
    e = engine("""
local moon = require "moondial"
moon.spawn(function()
  local call, reason = moon.dial("sip:bob@192.0.2.1")
  moon.log.info("RESULT %s", reason)
end)
""")
    e.wait_log("RESULT forbidden")
    row = e.wait_cdr()
    assert (row["sip_code"], row["disposition"]) == (403, "refused")
    assert row["hangup_cause"] == "forbidden"
