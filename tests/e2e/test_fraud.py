"""Toll fraud: INVITE, REFER, 302 and destinations with injected syntax, sent by
a stranger. Nothing leaves the engine but what its script says, to where its
configuration says."""
import random
import re

from support import mutate
from support.waiting import until
from support.wire import Wire, own_address

EVIL = "192.0.2.66"  # nowhere near: seen by the records of what was tried

# The worst that a script may do: it dials whatever the caller has said.
SCRIPT = """
local moon = require "moondial"
moon.on_call(function(call)
  local out = moon.dial(call.to, { timeout = 2 })
  if out then out:hangup() end
  out = moon.dial("carrier/" .. call.to, { timeout = 2 })
  if out then out:hangup() end
  call:reject(486)
end)
"""

INJECTED = [
    "00{n}@{evil}", "00{n}%40{evil}", "sip:00{n}%40{evil}",
    "sip%3a00{n}%40{evil}", "sips:00{n}%40{evil}", "tel:00{n}",
    "00{n};maddr={evil}", "00{n}%3bmaddr%3d{evil}", "00{n}%3Fto%3d{evil}",
    "00{n}%3e%0d%0aRoute:%20%3csip:{evil}%3e", "00{n}%0d%0aRoute: {evil}",
    "%3csip:00{n}%40{evil}%3e", "00{n}%20SIP/2.0%0d%0aVia:x", "00{n}%00",
    "00{n}%22", "*00{n}#", "00{n}%2c00{n}%40{evil}", "x{n}/../{evil}",
    "carrier/00{n}%40{evil}", "00{n};phone-context={evil}", "%2500{n}",
    "00{n}%40{evil}%3bx%40127.0.0.1", "00{n}%5c%40{evil}", "+{n}", "{n}",
]


def test_a_stranger_makes_nothing_leave(engine, long):
    count = 10000 if long else 500
    carrier = Wire(None, ip=own_address(), ports=(5080,))
    e = engine(SCRIPT, sets={"drain": 1, "log": "warn"}, config=f"""
return {{ trunks = {{ {{ name = "carrier", from = "+15550100",
  hosts = "{carrier.ip}:5080" }} }} }}""", launch=False)
    e.expected.append("script error")
    e.launch()
    wire = Wire(("127.0.0.1", e.port), ip="127.9." + carrier.ip[4:].split(
        ".", 1)[1], ports=(5060,))
    carrier.target = ("127.0.0.1", e.port)
    rng = random.Random(5)
    invites, wrong = [], []

    def serve_carrier():
        """It sends each call elsewhere; that is followed to nowhere."""
        for text in carrier.received(0):
            first = text.split("\r\n")[0]
            if not first.startswith("INVITE"):
                continue
            invites.append(first)
            routes = re.findall(r"(?im)^(?:route|refer-to|replaces)\s*:.*",
                                text)
            if not re.fullmatch(rf"INVITE sip:[^@<>\s\"]*@{carrier.ip}:5080\S*"
                                r" SIP/2.0", first) or routes \
                    or "maddr" in first:
                wrong.append(text)
            answer = (302, "Moved") if rng.random() < 0.5 else (503, "No")
            make = mutate.response(*answer, headers=f"Contact: "
                                   f"<sip:1@{EVIL}>\r\n")
            carrier.send(make(text, (carrier.ip, 5080, None), rng).encode())

    try:
        until(lambda: e.alive() and ping(wire), 20)
        for n in range(count):
            user = INJECTED[n % len(INJECTED)].format(n=n, evil=EVIL)
            wire.send(attempt(wire, e, user, n, rng).encode("latin-1"))
            if n % 20 == 19:
                wire.served(5)
                serve_carrier()
        until(lambda: serve_carrier() or e.status()["calls"]["active"] == 0,
              60)
        # a call's record is complete when its script has ended, too
        until(lambda: not e.rows(
            "select id from cdrs where ended_at_ms is null"))
        assert not wrong, wrong[0]
        assert len(invites) > count / 20  # the script did dial
        rows = e.rows("select * from cdrs where direction = 'out'")
        for row in rows:
            if row["disposition"] not in ("refused", "invalid"):
                # the trunk, or this machine, which may always be dialled
                assert carrier.ip in (row["remote_addr"] or "") if row["trunk"] \
                    else f"127.0.0.1:{e.port}" in (row["remote_addr"] or ""), (
                        row["to_uri"], row["disposition"], row["reason"],
                        row["hangup_cause"], row["sip_code"])
                assert EVIL not in row["remote_addr"], row
        refused = [r for r in rows if r["disposition"] == "refused"]
        assert len(refused) >= count / 50
    finally:
        wire.close()
        carrier.close()


def ping(wire):
    try:
        return wire.served(0.3)
    except AssertionError:
        return None


def attempt(wire, e, user, n, rng):
    """INVITE, REFER in or out of a dialog, or a 302 to nothing asked."""
    me = (wire.ip, wire.port, f"sip:{user}@127.0.0.1:{e.port}")
    dialog = mutate.Dialog(f"f{n}@{wire.ip}", f"{n}", None,
                           branch=f"z9hG4bKf{n}")
    kind = n // len(INJECTED) % 4
    if kind == 1:
        return mutate.request("REFER", me, dialog, headers=(
            f"Refer-To: <sip:{user}@{EVIL}>\r\n"))
    if kind == 2:
        fake = mutate.request("INVITE", me, dialog)
        return mutate.response(302, "Moved", headers=f"Contact: <sip:{user}@"
                               f"{EVIL}>\r\n")(fake, me, rng)
    return mutate.request("INVITE", me, dialog,
                          body=mutate.SDP.format(ip=wire.ip), headers=(
                              f"Route: <sip:127.0.0.1:{e.port};lr>\r\n"
                              if n % 3 == 0 else ""))
