"""SIPp calls the engine: what SIP allows a caller to do, and what the net does
to him."""
import subprocess

import pytest

TALK = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:play { tone = "440", duration = 60 }
end)
"""

SHORT = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:sleep(0.5)
end)
"""


def test_cancel_while_it_rings(engine, sipp):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:on("hangup", function() call.user.heard = "hangup" end)
  call:ring()
  local ok, err = pcall(call.sleep, call, 60)
  call.user.code = err.code
end)
""")
    sipp("uac_cancel", target=f"127.0.0.1:{e.port}").done()
    row = e.wait_cdr()
    assert (row["sip_code"], row["disposition"]) == (487, "cancelled")
    assert (row["hangup_by"], row["hangup_cause"]) == ("remote", "cancelled")
    assert row["answered_at_ms"] is None
    assert row["script_error"] is None
    assert '"code":"hangup"' in row["user_json"]
    assert '"heard":"hangup"' in row["user_json"]


def test_hold_and_resume_by_reinvite_both_ways_of_saying_it(engine, sipp):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  local seen = {}
  call.user.seen = seen
  call:on("hold", function(event) seen[#seen + 1] = event.type end)
  call:on("resume", function(event) seen[#seen + 1] = event.type end)
  call:answer()
  call:play { tone = "440", duration = 60 }
end)
""")
    s = sipp("uac_hold", target=f"127.0.0.1:{e.port}").done()
    answers = [m for m in s.received() if "INVITE" in m and "200 OK" in m
               and "m=audio" in m]
    assert len(answers) == 5
    assert "a=recvonly" in answers[1] or "a=inactive" in answers[1]
    assert "a=recvonly" not in answers[2] and "a=inactive" not in answers[2]
    assert "a=recvonly" in answers[3] or "a=inactive" in answers[3] or \
        "a=sendrecv" not in answers[3]
    row = e.wait_cdr()
    assert row["user_json"] == \
        '{"seen":["hold","resume","hold","resume"]}'
    assert row["disposition"] == "answered"
    assert row["script_error"] is None


def test_nothing_is_sent_to_a_caller_who_holds(engine, phone):
    e = engine(TALK)
    p = phone(e)
    p.call()
    p.rtp.wait_packets(10)
    answer = p.within("INVITE", body=p.sdp(direction="sendonly"))
    assert answer.status == 200 and answer.direction() in ("recvonly",
                                                           "inactive")
    # what was under way has come by the time the next transaction is through
    assert p.within("OPTIONS").status == 200
    before = len(p.rtp.packets)
    for _ in range(20):
        assert p.within("OPTIONS").status == 200
    assert len(p.rtp.packets) <= before + 1
    assert p.within("INVITE", body=p.sdp()).direction() == "sendrecv"
    p.rtp.wait_packets(len(p.rtp.packets) + 10)
    assert p.bye().status == 200


def test_audio_follows_a_reinvite_to_a_new_address(engine, phone, ports):
    from support.phone import Rtp
    e = engine(TALK)
    p = phone(e)
    p.call()
    p.rtp.wait_packets(5)
    new = Rtp(ports.one())
    try:
        answer = p.within("INVITE", body=p.sdp(port=new.port))
        assert answer.status == 200
        new.wait_packets(10)
    finally:
        new.close()
    assert p.bye().status == 200


def test_a_retransmitted_invite_is_one_call(engine, sipp):
    e = engine(SHORT.replace("call:answer()",
                             "call:sleep(1) call:answer()"))
    sipp("uac_retransmit", target=f"127.0.0.1:{e.port}").done()
    assert len(e.wait_cdrs(1)) == 1
    assert e.status()["calls"]["total"] == 1


def test_a_late_ack_is_enough(engine, phone):
    """The 200 comes again and again until its ACK does."""
    e = engine(TALK)
    p = phone(e)
    p.invite()
    first = p.final()
    second, third = p.final(), p.final()
    assert first.text == second.text == third.text
    p.ack(third)
    assert p.within("OPTIONS").status == 200
    taken = p.taken
    p.rtp.wait_packets(len(p.rtp.packets) + 100)  # two seconds and more
    assert not [m for m in p.inbox[taken:] if m.status == 200]
    assert p.bye().status == 200


@pytest.mark.idle
def test_a_lost_ack_ends_the_call_with_a_bye_after_32_s(engine, sipp):
    e = engine(TALK)
    s = sipp("uac_lost_ack", target=f"127.0.0.1:{e.port}", timeout=60).done()
    # T1, doubling up to T2 (RFC 3261 13.3.1.4): 0.5, 1, 2, 4, 4, … s
    assert 8 <= s.messages().count("SIP/2.0 200 OK\nVia") + \
        s.messages().count("SIP/2.0 200 OK\r\nVia") - 1 <= 12
    row = e.wait_cdr()
    assert (row["hangup_by"], row["hangup_cause"]) == ("engine", "no_ack")
    assert 30000 < row["talk_ms"] < 45000
    assert row["script_error"] is None


def test_byes_that_cross_end_the_call_once(engine, sipp):
    e = engine(SHORT)
    sipp("uac_crossing", target=f"127.0.0.1:{e.port}").done()
    rows = e.wait_cdrs(1)
    assert len(rows) == 1
    assert rows[0]["hangup_by"] == "local"
    e.wait_calls(0)


def test_a_maximum_duration_ends_the_call(engine, sipp):
    e = engine(TALK, sets={"limits.duration": 1})
    sipp("uac_wait_bye", target=f"127.0.0.1:{e.port}").done()
    row = e.wait_cdr()
    assert (row["hangup_by"], row["hangup_cause"]) == ("engine",
                                                       "max_duration")
    assert 900 < row["duration_ms"] < 6000


def test_calls_over_tcp(engine, sipp):
    e = engine(SHORT)
    e.stop()
    e.sip = [f"udp:127.0.0.1:{e.port}", f"tcp:127.0.0.1:{e.port}"]
    e.start()
    sipp("uac_wait_bye", target=f"127.0.0.1:{e.port}", transport="t1",
         calls=3).done()
    rows = e.wait_cdrs(3)
    assert all(r["remote_addr"].startswith("tcp:127.0.0.1") for r in rows)


def test_many_may_connect_at_once(engine, ports):
    """What the kernel keeps for us until we accept; beyond it a SYN is lost,
    and the next one comes a second later."""
    port = ports.one()
    engine(TALK, sip=[f"tcp:127.0.0.1:{port}"])
    line = subprocess.run(["ss", "-ltnH", f"sport = :{port}"], check=True,
                          capture_output=True, text=True).stdout
    assert int(line.split()[2]) >= 128, line


def test_calls_over_ipv6(engine, sipp, ports):
    port = ports.one()
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:play { tone = "440", duration = 0.5 }
end)
""", sip=[f"udp:[::1]:{port}"])
    s = sipp("uac_wait_bye", target=f"[::1]:{port}", ip="::1").done()
    assert any("c=IN IP6 ::1" in m for m in s.received())
    row = e.wait_cdr()
    assert "[::1]" in row["remote_addr"]
    assert row["tx_packets"] >= 20


def test_audio_over_ipv6(engine, phone, ports):
    port = ports.one()
    e = engine(TALK, sip=[f"udp:[::1]:{port}", f"tcp:[::1]:{port}"])
    for transport in ("udp", "tcp"):
        p = phone(e, target=("::1", port), ip="::1", transport=transport)
        assert p.call().status == 200
        p.rtp.wait_packets(10)
        assert p.bye().status == 200
    e.wait_cdrs(2)


def test_options_is_answered_200_and_tells_what_is_allowed(engine, phone):
    e = engine(TALK)
    p = phone(e, rtp=False)
    p.call_id, p.tag = "options@test", "1"
    p.raw(p.request("OPTIONS", p.uri_of()))
    response = p.final("OPTIONS")
    assert response.status == 200
    for method in ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO"):
        assert method in response.header("Allow")


@pytest.mark.parametrize("method", ["FROBNICATE", "SUBSCRIBE", "PUBLISH"])
def test_unknown_methods_get_405_with_allow(engine, phone, method):
    e = engine(TALK)
    p = phone(e, rtp=False)
    p.call_id, p.tag = "unknown@test", "1"
    p.raw(p.request(method, p.uri_of()))
    response = p.final(method)
    assert response.status == 405
    assert "INVITE" in response.header("Allow")


def test_headers_are_read_and_set(engine, phone):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call.user.ticket = call.headers["x-ticket"]
  call.user.none = call.headers["X-None"] == nil
  call:answer { headers = { ["X-Answer"] = "forty-two" } }
  call:sleep(30)
end)
""")
    p = phone(e)
    response = p.call(headers="X-Ticket: 4711; blue\r\n")
    assert response.header("X-Answer") == "forty-two"
    assert p.bye().status == 200
    assert e.wait_cdr()["user_json"] in (
        '{"ticket":"4711; blue","none":true}',
        '{"none":true,"ticket":"4711; blue"}')


def test_a_request_outside_any_dialog_gets_481(engine, phone):
    e = engine(TALK)
    p = phone(e, rtp=False)
    p.call_id, p.tag = "stray@test", "1"
    p.raw(p.request("BYE", p.uri_of(), to=f"<{p.uri_of()}>;tag=nobody"))
    assert p.final("BYE").status == 481


def test_an_unsupported_extension_is_refused_with_420(engine, phone):
    e = engine(TALK)
    p = phone(e)
    p.invite(headers="Require: 100rel, precondition\r\n")
    response = p.final()
    p.ack(response)
    assert response.status == 420
    assert "precondition" in response.header("Unsupported")
