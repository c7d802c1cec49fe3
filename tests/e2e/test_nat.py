"""Behind a NAT that forgets: what keeps a call's audio and signalling open."""
import pytest

from support.nat import OUTSIDE, PUBLIC, Nat
from support.phone import Phone
from support.waiting import until

CALL = """
local moon = require "moondial"
moon.spawn(function()
  local call, reason = moon.dial(moon.args[1], {
    media_timeout = 0, media_timeout_hangup = 0 })
  moon.log.info("RESULT %s", call and "answered" or reason)
  KEEPALIVE
  call:on("dtmf", function(event) moon.log.info("HEARD %s", event.digit) end)
  call:wait("hangup", 300)
  moon.log.info("OVER")
end)
"""


@pytest.fixture
def nat(long):
    # the full form: the NAT forgets after 10 s, and 30 s of silence
    nat = Nat(10 if long else 4)
    nat.phones = []
    yield nat
    for phone in nat.phones:
        phone.close()
    nat.close()


def silent_call(nat, engine, ports, keepalive, name):
    """A call out of the NAT, held by the far side, which then is silent for
    three times as long as the NAT remembers."""
    phone = nat.outside.inside(Phone, ports, (PUBLIC, 9), ip=OUTSIDE,
                               user="callee")
    nat.phones.append(phone)
    e = nat.put_inside(engine(
        CALL.replace("KEEPALIVE", keepalive), launch=False, name=name,
        args=[f"sip:callee@{OUTSIDE}:{phone.port}"],
        sets={"outbound.allow": OUTSIDE, "drain": 1}))
    e.start()
    # masquerade keeps the port where it is free
    phone.target = (PUBLIC, e.port)
    phone.accept(phone.wait("INVITE"))
    e.wait_log("RESULT answered")
    phone.rtp.wait_packets(5)
    # that is where its audio comes from, and where ours is let in by
    phone.rtp.to = phone.rtp.packets[-1][1]
    phone.rtp.digit("1")
    e.wait_log("HEARD 1")
    assert phone.within("INVITE", body=phone.sdp(direction="sendonly")
                        ).status == 200
    return e, phone


def silence(long):
    return 30 if long else 12


@pytest.mark.idle
def test_audio_flows_after_silence_with_keepalive_and_not_without(
        nat, engine, ports, long):
    session = 10 if long else 5
    kept, phone = silent_call(
        nat, engine, ports,
        f"call:keepalive {{ sip = true, rtp = true, nat_session = {session} }}"
        if long else "call:keepalive { sip = 2, rtp = 2 }", "kept")
    bare, other = silent_call(nat, engine, ports, "", "bare")
    heard = len(phone.rtp.packets), len(other.rtp.packets)
    # silence is what this test is about: it lasts so long by OPTIONS, which
    # keep the one call's signalling open meanwhile
    options = lambda: [m for m in phone.inbox  # noqa: E731
                       if m.method == "OPTIONS"]
    begun = len(options())
    count = silence(long) // (session // 2 if long else 2)
    until(lambda: len(options()) >= begun + count, silence(long) * 3, kept.tail)
    assert len(phone.rtp.packets) - heard[0] >= count - 2
    assert len(other.rtp.packets) - heard[1] <= 3

    phone.rtp.digit("2")
    other.rtp.digit("2")
    kept.wait_log("HEARD 2")
    # the far side's BYE finds one of them, and not the other
    phone.bye()
    kept.wait_log("OVER")
    other.raw(other.request("BYE", other.contact, to=other.remote))
    assert kept.wait_cdr()["hangup_by"] == "remote"
    assert "HEARD 2" not in bare.log()
    assert "OVER" not in bare.log()
    assert not [m for m in other.inbox if m.status == 200
                and m.cseq[1] == "BYE"]
