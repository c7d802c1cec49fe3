"""A call's path is kept open: OPTIONS within it, some audio while it is silent,
and what is gone is noticed."""
import re

import pytest

from support.phone import Message
from support.waiting import until

IDLE = """
local moon = require "moondial"
moon.on_call(function(call)
  call:on("keepalive_failed", function(event)
    moon.log.info("FAILED %s %s", event.code, event.reason)
  end)
  call:answer()
  KEEPALIVE
  call:wait("hangup", 60)
end)
"""


def idle(keepalive=""):
    return IDLE.replace("KEEPALIVE", keepalive)


def quiet(phone, *statuses):
    """Answer OPTIONS with STATUSES in turn (None: not at all), then 200."""
    phone.auto.discard("OPTIONS")
    wanted = list(statuses)

    def arrived(text, before=phone._arrived):
        message = Message(text) if text.strip() else None
        if message and message.method == "OPTIONS":
            status = wanted.pop(0) if wanted else 200
            if status:
                phone.respond(message, status, "Whatever")
        before(text)

    phone._arrived = arrived
    return phone


def options_of(phone):
    return [m for m in phone.inbox if m.method == "OPTIONS"]


def test_options_keep_the_signalling_open(engine, phone):
    e = engine(idle('call:keepalive { sip = 2 }'))
    p = phone(e)
    p.call()
    p.wait("OPTIONS")
    second = p.wait("OPTIONS")
    assert second.header("Call-ID") == p.call_id
    assert "tag=" in second.header("To")
    numbers = [m.cseq[0] for m in options_of(p)]
    assert numbers == sorted(set(numbers))
    p.bye()
    assert e.wait_cdr()["hangup_cause"] == "normal"


def test_a_call_that_is_unknown_there_is_told_and_ended_if_wanted(
        engine, phone):
    e = engine(idle('call:keepalive { sip = 2, hangup = true }'))
    p = quiet(phone(e), 481)
    p.call()
    p.wait("BYE")
    e.wait_log("FAILED 481 unknown_call")
    row = e.wait_cdr()
    assert (row["hangup_by"], row["hangup_cause"], row["q850"]) == (
        "engine", "keepalive_failed", 102)
    assert row["disposition"] == "answered"


def test_without_the_option_it_is_told_only(engine, phone):
    e = engine(idle('call:keepalive { sip = 2 }'))
    p = quiet(phone(e), 408, 481, 500)
    p.call()
    e.wait_log("FAILED 408 timeout")
    e.wait_log("FAILED 481 unknown_call")
    until(lambda: len(options_of(p)) >= 4, what=e.tail)
    # any other answer is a sign of life
    assert "500" not in "".join(re.findall("FAILED.*", e.log()))
    p.bye()
    assert e.wait_cdr()["hangup_cause"] == "normal"


@pytest.mark.idle
def test_a_phone_that_is_gone_ends_the_call(engine, phone):
    e = engine(idle('call:keepalive { sip = 2, hangup = true }'))
    p = quiet(phone(e), *[None] * 100)
    p.call()
    e.wait_log("FAILED nil timeout", timeout=60)
    row = e.wait_cdr()
    assert row["hangup_cause"] == "keepalive_failed"
    # sent again and again meanwhile (RFC 3261 17.1.2), as one request
    assert len({m.cseq for m in options_of(p)}) == 1
    assert len(options_of(p)) > 5


def test_a_trunk_and_an_account_say_it_for_their_calls(engine, phone):
    config = """return {
      trunks = { { name = "carrier", hosts = "127.0.0.1:%d",
        nat_session_time = 5, keepalive_sip = true,
        keepalive_hangup = true } } }"""
    e = engine("""
local moon = require "moondial"
moon.spawn(function()
  moon.sleep(0.2)
  local call, reason = moon.dial("15550100", { trunk = "carrier" })
  moon.log.info("RESULT %s", call and "answered" or reason)
  call:wait("hangup", 60)
end)
""", launch=False, config="return {}")
    p = phone(e, user="callee", target=("127.0.0.1", e.port))
    e.config.write_text(config % p.port)
    e.start()
    quiet(p, 200, 481)
    invite = p.wait("INVITE")
    p.accept(invite)
    e.wait_log("RESULT answered")
    p.wait("OPTIONS")
    row = e.wait_cdr()
    assert (row["trunk"], row["hangup_cause"]) == (
        "carrier", "keepalive_failed")


def test_an_accounts_calls_are_switched_together(engine, phone):
    e = engine("""
local moon = require "moondial"
moon.account { name = "line", uri = "sip:line@127.0.0.1", register = false }
moon.on_call(function(call)
  call:answer()
  local account = moon.account("line")
  assert(account.name == "line" and account.state == "off")
  moon.log.info("SWITCHED %s %s", call.account,
    account:keepalive { sip = 2, hangup = true })
  call:wait("hangup", 60)
end)
""")
    p = quiet(phone(e), 200, 481)
    p.call("line")
    e.wait_log("SWITCHED line true")
    assert e.wait_cdr()["hangup_cause"] == "keepalive_failed"


def test_it_can_be_switched_off_and_misuse_is_told(engine, phone):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  assert(call:keepalive { sip = 2, rtp = true, nat_session = 5 } == true)
  call:answer()
  local code, headers, rtt = call:options()
  moon.log.info("OPTIONS %d %s %s", code, headers["call-id"],
    rtt > 0 and rtt < 5)
  call:keepalive { sip = false }
  for _, wrong in ipairs {
    { sip = "often" }, { sip = 1 }, { rtp = 4000 }, { nat_session = 4 },
    { nat_session = 121 }, { spi = 5 }, { hangup = 1 },
  } do
    local ok, e = pcall(call.keepalive, call, wrong)
    moon.log.info("WRONG %s %s", e.code, e.message)
  end
  moon.log.info("UNKNOWN %s %s", moon.account("nobody"))
  call:wait("hangup", 60)
  moon.log.info("AFTER %s %s", call:keepalive { sip = true })
end)
""")
    p = phone(e)
    p.call()
    e.wait_log(rf"OPTIONS 200 {re.escape(p.call_id)} true")
    log = e.wait_log("UNKNOWN nil unknown") and e.log()
    assert log.count("WRONG usage") == 7
    for words in ("'sip' must be true, false or seconds",
                  "'sip' must be from 2 to 3600 seconds, got 1",
                  "'nat_session' must be from 5 to 120 seconds",
                  "did you mean 'sip'?"):
        assert words in log, words
    p.bye()
    e.wait_log("AFTER nil ended")


def test_silence_leaves_on_hold_with_keepalive_only(engine, phone):
    e = engine("""
local moon = require "moondial"
moon.on_call("kept", function(call)
  call:keepalive { rtp = true, nat_session = 5 }
  call:answer()
  call:wait("hangup", 60)
end)
moon.on_call(function(call)
  call:answer()
  call:wait("hangup", 60)
end)
""")
    kept, bare = phone(e), phone(e)
    for p, user in ((kept, "kept"), (bare, "bare")):
        p.call(user)
        p.rtp.wait_packets(3)
        assert p.within("INVITE", body=p.sdp(direction="inactive")).status \
            == 200
    before = len(kept.rtp.packets), len(bare.rtp.packets)
    kept.rtp.wait_packets(before[0] + 3)
    # the other one has been held for as long
    assert len(bare.rtp.packets) - before[1] <= 3
    late = kept.rtp.packets[before[0] + 1:]
    assert all(p[6] == b"\xff" * 160 for p in late)
    for p in (kept, bare):
        p.bye()


@pytest.mark.parametrize("kind, first", [
    ("rtp", lambda d: len(d) == 172 and d[0] == 0x80),
    ("crlf", lambda d: d == b"\r\n\r\n"), ("empty", lambda d: d == b"")])
def test_opening_packets_come_before_the_audio(
        engine, phone, ports, kind, first):
    import socket
    e = engine(idle(), sets={"rtp.opening_packets": 3,
                                "rtp.opening_kind": kind})
    p = phone(e, rtp=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", ports.one()))
        s.settimeout(20)
        assert p.call(sdp=p.sdp(port=s.getsockname()[1])).status == 200
        got = [s.recv(2000) for _ in range(4)]
    assert [first(d) for d in got[:3]] == [True] * 3
    assert got[3][0] == 0x80 and len(got[3]) == 172
    p.bye()
