"""A call comes in and is answered, or isn't: what crosses the wire, and what
its row in the database says."""
import re

import pytest

from support.waiting import until

MENU = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  local digits, why = call:gather {
    prompt = { tone = "440", duration = 0.3 },
    max_digits = 2, timeout = 5, inter_digit_timeout = 3,
  }
  call.user.digits = digits or why
  call.disposition = "chosen"
end)
"""


def test_digits_from_a_pcap_are_gathered_and_stored(engine, sipp):
    e = engine(MENU)
    sipp("uac_digits", target=f"127.0.0.1:{e.port}", user="menu",
         values={"first": "1", "second": "pound"}).done()
    row = e.wait_cdr()
    assert row["digits"] == "1#"
    assert row["user_json"] == '{"digits":"1"}'  # # ends what was entered
    assert row["disposition"] == "chosen"
    assert row["direction"] == "in"
    assert (row["from_user"], row["to_user"]) == ("sipp", "menu")
    assert row["codec"] == "PCMU"
    assert (row["hangup_by"], row["hangup_cause"]) == ("local", "normal")
    assert row["sip_code"] in (None, 200)
    assert row["started_at_ms"] <= row["answered_at_ms"] < row["ended_at_ms"]
    assert row["talk_ms"] == row["ended_at_ms"] - row["answered_at_ms"]
    assert row["tx_packets"] > 10 and row["rx_packets"] > 10
    assert row["script"].startswith(str(e.script)) or \
        row["script"].startswith("flow.lua")


def test_digits_by_info_are_gathered_alike(engine, sipp):
    e = engine(MENU)
    sipp("uac_info", target=f"127.0.0.1:{e.port}").done()
    row = e.wait_cdr()
    assert row["digits"] == "5#"
    assert row["user_json"] == '{"digits":"5"}'


def test_speech_is_played_while_the_caller_talks_and_hangs_up(engine, sipp):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:play { tone = "440", duration = 30 }
end)
""")
    sipp("uac_bye", target=f"127.0.0.1:{e.port}",
         values={"pause": 1000}).done()
    row = e.wait_cdr()
    assert row["disposition"] == "answered"
    assert (row["hangup_by"], row["hangup_cause"]) == ("remote", "normal")
    assert row["q850"] == 16
    assert row["script_error"] is None
    assert 700 < row["talk_ms"] < 5000
    assert row["tx_packets"] > 25 and row["rx_packets"] > 25
    assert (row["codec"], row["rx_lost"]) == ("PCMA", 0)


REFUSALS = {
    "rejects": ('call:reject(486, "Busy Here")', 486, 17, "local", "rejected",
                "rejected", "Busy Here"),
    "declines": ('call:reject(603)', 603, 21, "local", "rejected",
                 "rejected", "Decline"),
    "redirects": ('call:redirect("sip:other@127.0.0.1:5999")', 302, None,
                  "local", "redirected", "redirected", None),
    "returns": ("", 480, 18, "local", "rejected", "rejected", None),
    "raises": ('error("no such luck")', 500, 41, "engine", "script_error",
               "failed", None),
}


@pytest.mark.parametrize("way", REFUSALS)
def test_a_script_that(engine, sipp, way):
    body, code, q850, by, cause, disposition, phrase = REFUSALS[way]
    e = engine("local moon = require 'moondial'\n"
               f"moon.on_call(function(call) {body} end)\n")
    if way == "raises":
        e.expected.append("no such luck")
    s = sipp("uac_refused", target=f"127.0.0.1:{e.port}",
             values={"code": code}).done()
    final = next(m for m in s.received() if f"SIP/2.0 {code}" in m)
    row = e.wait_cdr()
    assert row["sip_code"] == code
    assert row["disposition"] == disposition
    assert row["hangup_by"] == by
    assert row["hangup_cause"] == cause
    assert row["answered_at_ms"] is None
    assert row["talk_ms"] == 0
    if q850:
        assert row["q850"] == q850
        assert f"cause={q850}" in final
    if phrase:
        assert row["reason"] == phrase
        assert f"SIP/2.0 {code} {phrase}" in final
    if way == "redirects":
        assert "Contact: <sip:other@127.0.0.1:5999>" in final
    if way == "raises":
        assert "flow.lua:2:" in row["script_error"]
        assert "no such luck" in row["script_error"]
        assert "traceback" in row["traceback"]


def test_nobody_for_the_number_is_404(engine, sipp):
    e = engine("""
local moon = require "moondial"
moon.on_call("1%d%d", function(call) call:answer() end)
""")
    sipp("uac_refused", target=f"127.0.0.1:{e.port}", user="1234",
         values={"code": 404}).done()
    row = e.wait_cdr()
    assert (row["sip_code"], row["q850"]) == (404, 1)
    assert (row["hangup_by"], row["hangup_cause"]) == ("engine", "no_route")
    assert row["disposition"] == "refused"


def test_the_first_handler_that_matches_gets_the_call(engine, sipp):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call) call:reject(480) end)
moon.on_call("1%d%d", function(call) call:reject(486) end)
moon.on_call("12%d", function(call) call:reject(603) end)
""")
    for user, code in (("123", 486), ("777", 480), ("1234", 480)):
        sipp("uac_refused", target=f"127.0.0.1:{e.port}", user=user,
             values={"code": code}).done()


def test_a_call_that_no_script_answers_ends_with_480(engine, sipp):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call) call:ring() call:sleep(60) end)
""", sets={"limits.ring_timeout": 1})
    sipp("uac_refused", target=f"127.0.0.1:{e.port}",
         values={"code": 480}).done()
    row = e.wait_cdr()
    assert (row["sip_code"], row["q850"]) == (480, 19)
    assert (row["hangup_by"], row["hangup_cause"]) == ("engine", "no_answer")
    assert row["disposition"] == "no_answer"
    assert 900 < row["duration_ms"] < 8000
    assert row["ring_at_ms"]


ANSWER = """
local moon = require "moondial"
moon.on_call(function(call) call:answer() call:sleep(60) end)
"""


def test_no_common_codec_is_488_with_a_warning(engine, phone):
    e = engine(ANSWER)
    p = phone(e)
    response = p.call(sdp=p.sdp(payloads="18 101"))
    assert response.status == 488
    assert "305" in response.header("Warning")
    row = e.wait_cdr()
    assert (row["sip_code"], row["q850"]) == (488, 88)
    assert (row["disposition"], row["hangup_cause"]) == ("refused", "no_codec")


def test_a_broken_description_is_400_with_a_warning(engine, phone):
    e = engine(ANSWER)
    p = phone(e)
    response = p.call(sdp="v=0\r\nthis is no SDP\r\nm=audio what RTP/AVP\r\n")
    assert response.status == 400
    assert "399" in response.header("Warning")
    row = e.wait_cdr()
    assert (row["sip_code"], row["q850"]) == (400, 100)
    assert (row["disposition"], row["hangup_cause"]) == ("refused", "bad_sdp")


def test_at_the_limit_of_calls_the_next_gets_503(engine, phone):
    e = engine(ANSWER, sets={"limits.calls": 1})
    one, two = phone(e, user="one"), phone(e, user="two")
    assert one.call().status == 200
    refused = two.call()
    assert refused.status == 503
    assert int(refused.header("Retry-After")) > 0
    assert one.bye().status == 200
    e.wait_calls(0)
    again = phone(e, user="again")
    assert again.call().status == 200
    assert again.bye().status == 200
    rows = e.wait_cdrs(3)
    row = next(r for r in rows if r["from_user"] == "two")
    assert (row["sip_code"], row["q850"]) == (503, 42)
    assert (row["disposition"], row["hangup_cause"]) == ("refused", "limit")
    assert row["hangup_by"] == "engine"
    assert e.status()["calls"]["total_refused"] == 1


def test_more_calls_a_second_than_allowed_get_503(engine, sipp):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call) call:reject(486) end)
""", sets={"limits.rate": 3})
    s = sipp("uac_any_refusal", target=f"127.0.0.1:{e.port}", calls=12,
             rate=200).done()
    texts = s.received()
    busy = sum("SIP/2.0 486" in t for t in texts)
    refused = sum("SIP/2.0 503" in t for t in texts)
    assert 1 <= busy <= 8 and refused >= 4 and busy + refused == 12
    assert all("Retry-After:" in t for t in texts if "SIP/2.0 503" in t)
    rows = e.wait_cdrs(12)
    assert sum(r["disposition"] == "refused" for r in rows) == refused
    assert sum(r["disposition"] == "rejected" for r in rows) == busy


def test_the_offer_may_come_in_our_200(engine, phone):
    """An INVITE without a description: ours is in the 200, theirs in the ACK."""
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:play { tone = "440", duration = 1 }
end)
""")
    p = phone(e)
    p.invite(sdp="")
    response = p.final()
    assert response.status == 200
    address, port, payloads = response.media()
    assert 0 in payloads and 8 in payloads
    p.remote = response.header("To")
    p.contact = re.search(r"<([^>]+)>", response.header("Contact"))[1]
    p.raw(p.request("ACK", p.contact, to=p.remote, cseq=response.cseq[0],
                    body=p.sdp(payloads="8 101")))
    p.wait("BYE")
    until(lambda: p.rtp.packets, what="audio")
    assert {packet[2] for packet in p.rtp.packets} == {8}
    assert e.wait_cdr()["codec"] == "PCMA"
