"""This machine's addresses change in the middle of it all: accounts register
anew, calls go on."""
import re

import pytest

from support.nat import INSIDE, Nat
from support.phone import Message, Phone
from support.waiting import until

ROUTER, MOVED = "10.77.0.1", "10.77.0.3"

TALK = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:on("dtmf", function(event) moon.log.info("HEARD %s", event.digit) end)
  call:play { tone = "440", duration = 120 }
end)
"""


@pytest.fixture
def nat():
    nat = Nat(30)
    nat.phones = []
    yield nat
    for phone in nat.phones:
        phone.close()
    nat.close()


def registrar(phone):
    """PHONE grants each REGISTER."""
    def arrived(text, before=phone._arrived):
        message = Message(text) if text.strip() else None
        if message and message.method == "REGISTER":
            phone.respond(message, 200, "OK",
                          headers=f"Expires: {message.header('Expires')}\r\n")
        before(text)

    phone._arrived = arrived
    return phone


def test_another_address_in_the_middle_of_a_call(nat, engine, ports):
    registers = registrar(nat.router.inside(Phone, ports, (INSIDE, 9),
                                            ip=ROUTER))
    nat.phones.append(registers)
    e = nat.put_inside(engine(
        TALK, launch=False, sets={"drain": 1},
        config='return { accounts = { { name = "line", '
               f'uri = "sip:line@{ROUTER}:{registers.port}" }} }} }}'))
    e.sip = [f"udp:0.0.0.0:{e.port}"]
    registers.target = (INSIDE, e.port)
    e.start()
    first = registers.wait("REGISTER")
    assert f"line@{INSIDE}:{e.port}" in first.header("Contact")
    p = nat.router.inside(Phone, ports, (INSIDE, e.port), ip=ROUTER)
    nat.phones.append(p)
    p.call("line")
    p.rtp.wait_packets(10)

    for words in (["address", "del", f"{INSIDE}/24", "dev", "eth"],
                  ["address", "add", f"{MOVED}/24", "dev", "eth"],
                  ["route", "add", "default", "via", ROUTER]):
        nat.inside.run("ip", *words)
    # a re-INVITE, from there, that says where audio and signalling are now
    p.target = registers.target = (MOVED, e.port)
    again = p.wait("INVITE")
    assert again.media()[0] == MOVED
    assert f"@{MOVED}:{e.port}" in again.header("Contact")
    p.respond(again, 200, "OK", body=p.sdp())
    p.wait("ACK")
    p.rtp.to = again.media()[:2]
    before = len(p.rtp.packets)
    until(lambda: [q for q in p.rtp.packets[before:] if q[1][0] == MOVED],
          what=e.tail)
    p.rtp.digit("7")
    e.wait_log("HEARD 7")
    # and the registrar knows it
    second = registers.wait("REGISTER")
    assert f"line@{MOVED}:{e.port}" in second.header("Contact")
    assert second.header("Call-ID") == first.header("Call-ID")
    until(lambda: e.status()["accounts"][0]["state"] == "registered",
          what=e.tail)
    assert re.search(r"our addresses have changed: 1 accounts register anew, "
                     r"1 calls move", e.log())
    p.contact = re.search(r"<([^>]+)>", again.header("Contact"))[1]
    assert p.bye().status == 200
    row = e.wait_cdr()
    assert (row["hangup_by"], row["digits"]) == ("remote", "7")
    # the same stream, for the peer: one sequence of packets
    seqs = [q[4] for q in p.rtp.packets]
    assert all((b - a) % 65536 < 200 for a, b in zip(seqs, seqs[1:]))
    assert e.status()["streams"] == 0


RINGS = """
local moon = require "moondial"
moon.on_call(function(call)
  call:progress()
  moon.shared.call = call
  call:wait("hangup", 60)
end)
"""


def test_a_call_that_rings_meanwhile_moves_once_it_is_answered(
        nat, engine, ports):
    """The old address is still there, but the way out isn't by it any more."""
    e = nat.put_inside(engine(RINGS, launch=False, sets={"drain": 1}))
    e.sip = [f"udp:0.0.0.0:{e.port}"]
    e.start()
    p = nat.router.inside(Phone, ports, (INSIDE, e.port), ip=ROUTER)
    nat.phones.append(p)
    p.invite("line")
    early = p.wait(183)
    assert early.media()[0] == INSIDE
    for words in (["address", "add", f"{MOVED}/24", "dev", "eth"],
                  ["route", "replace", "10.77.0.0/24", "dev", "eth", "src",
                   MOVED]):
        nat.inside.run("ip", *words)
    e.wait_log("our addresses have changed: 0 accounts register anew, "
               "1 calls move")
    e.ask("eval", text="moon.shared.call:answer()")
    p.ack(p.final())
    again = p.wait("INVITE")
    assert again.media()[0] == MOVED
    assert f"@{MOVED}:{e.port}" in again.header("Contact")
    p.respond(again, 200, "OK", body=p.sdp())
    p.wait("ACK")
    p.contact = re.search(r"<([^>]+)>", again.header("Contact"))[1]
    assert p.bye().status == 200
