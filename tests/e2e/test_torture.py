"""Every message of RFC 4475 over the wire, UDP and TCP: answered or dropped as
a sane user agent would, and a second later at most OPTIONS is answered.

The engine runs under AddressSanitizer and UndefinedBehaviorSanitizer; its end
in good order (the fixture) says that nothing was reported, nothing leaked."""
import pathlib
import socket

import pytest

from support.waiting import until
from support.wire import Wire, call_id_of

MESSAGES = pathlib.Path(__file__).parent / "rfc4475"

ANSWER = """
local moon = require "moondial"
moon.on_call(function(call) call:answer() call:wait("hangup", 20) end)
"""

DROPPED = ()  # no answer at all

# What may be answered. Of REGISTER: this is no registrar, so 405 where another
# would have looked at the rest. 400 and the like are never among them where
# the message is valid.
EXPECTED = {
    # 3.1.1 valid: a dialog is named that is not there
    "wsinv": (481,),
    "intmeth": (405,), "esc01": (200,), "escnull": (405,), "esc02": (405,),
    "lwsdisp": (200,), "longreq": (200,),
    "dblreq": (405,), "semiuri": (200,), "transports": (200,),
    "mpart01": (405,), "unreason": DROPPED, "noreason": DROPPED,
    # 3.1.2 invalid
    "badinv01": (400,), "clerr": (400,), "ncl": (400,), "scalar02": (400,),
    "scalarlg": DROPPED, "quotbal": (400, 200), "ltgtruri": (400, 416),
    "lwsruri": (400,), "lwsstart": (400,), "trws": (400, 200),
    "escruri": (400, 200), "baddate": (400, 200), "regbadct": (400, 405),
    "badaspec": (400, 200), "baddn": (400, 200), "badvers": (505,),
    "mismatch01": (400,), "mismatch02": (400, 405, 501), "bigcode": DROPPED,
    # 3.2 the transaction layer; 3.3 the application layer
    "badbranch": (200,), "insuf": (400,), "unkscm": (416, 200),
    "novelsc": (416, 200), "unksm2": (400, 405), "bext01": (420,),
    "invut": (415,), "regaut01": (405,), "multi01": (400,),
    "mcl01": (400,), "bcast": DROPPED, "zeromf": (200, 483),
    "cparam01": (405,), "cparam02": (405,), "regescrt": (405,),
    # 3.4 from before RFC 3261
    "sdp01": (200, 406), "inv2543": (200, 400),
}
# What can't even be read is dropped; 400 is as good. None of them is valid.
MAY_BE_DROPPED = {"insuf", "ltgtruri", "lwsruri", "lwsstart", "badinv01",
                  "ncl", "clerr", "mcl01", "multi01", "scalar02", "trws",
                  "baddn", "unksm2", "badvers"}
# A Via without a branch, as of RFC 2543, is understood in datagrams only.
UDP_ONLY = {"longreq", "inv2543"}


def message(name):
    return (MESSAGES / f"{name}.dat").read_bytes()


def test_each_message_of_the_rfc_is_here():
    assert {p.stem for p in MESSAGES.glob("*.dat")} == set(EXPECTED)
    assert len(EXPECTED) == 49


def statuses(texts, data):
    call_id = call_id_of(data)
    return {int(t[8:11]) for t in texts if t.startswith("SIP/2.0 ")
            and t[8:11] >= "200" and (call_id or "") in t
            and "served" not in t}


def check(name, found, failures):
    allowed = set(EXPECTED[name])
    silent = not found and (not allowed or name in MAY_BE_DROPPED)
    if not silent and not (found and found <= allowed):
        failures.append(f"{name}: {sorted(found) or 'silence'}, expected "
                        f"{sorted(allowed) or 'silence'}")


def test_each_message_over_udp(engine):
    e = engine(ANSWER, sets={"drain": 1})
    wire = Wire(("127.0.0.1", e.port))
    failures = []
    try:
        for name in sorted(EXPECTED):
            data, texts = message(name), []
            wire.send(data)
            wire.served(each=texts.append)
            # a call is answered by its script, a moment later
            if EXPECTED[name] and not statuses(texts, data) \
                    and name not in MAY_BE_DROPPED:
                for text in wire.received(1):
                    texts.append(text)
                    if statuses([text], data):
                        break
            check(name, statuses(texts, data), failures)
    finally:
        wire.close()
    assert not failures, "\n".join(failures)
    assert len(e.log().splitlines()) < 250


def test_each_message_over_tcp(engine):
    e = engine(ANSWER, sets={"drain": 1}, launch=False)
    e.sip.append(f"tcp:127.0.0.1:{e.port}")
    e.start()
    wire = Wire(("127.0.0.1", e.port))
    failures, connections = [], []
    try:
        for name in sorted(EXPECTED):
            data = message(name)
            s = socket.create_connection(("127.0.0.1", e.port))
            connections.append(s)
            s.settimeout(1)
            s.sendall(data)
            wire.served()
            got = b""

            def answered():
                nonlocal got
                try:
                    more = s.recv(65536)
                except (TimeoutError, ConnectionError):
                    return True
                got += more
                return not more or statuses(texts(), data)

            def texts():
                return ["SIP/2.0 " + t for t in
                        got.decode(errors="replace").split("SIP/2.0 ")[1:]
                        if t[:3].isdigit()]

            if EXPECTED[name] and name not in MAY_BE_DROPPED | UDP_ONLY:
                until(answered, 3)
                check(name, statuses(texts(), data), failures)
    finally:
        for s in connections:
            s.close()
        wire.served()
        wire.close()
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("name", ["wsinv", "mpart01", "longreq", "esc01"])
def test_a_message_cut_anywhere_does_no_harm(engine, name):
    e = engine(ANSWER, sets={"drain": 1})
    wire = Wire(("127.0.0.1", e.port))
    data = message(name)
    try:
        for end in range(0, len(data), 3):
            wire.send(data[:end])
            if end % 150 == 0:
                wire.served(5)
        wire.served(5)
    finally:
        wire.close()
