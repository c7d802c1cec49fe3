"""Truncated, oversized and randomly broken versions of valid messages, within
calls that are really there and outside of them, over UDP and TCP: the engine,
under AddressSanitizer and UndefinedBehaviorSanitizer, goes on serving.

MOONDIAL_SEED repeats a run: message number i of a seed is always the same."""
import collections
import json
import os
import re
import socket
import time

import pytest

from support import mutate
from support.wire import Wire

SCRIPT = """
local moon = require "moondial"
local peer = moon.args[1]
moon.on_call(function(call)
  if call.from:find("normal") then
    call:answer() call:play { tone = "440", duration = 0.1 }
    return
  end
  call:ring()
  call:answer()
  call:gather { prompt = { tone = "440", duration = 0.1 }, max_digits = 1,
    timeout = 0.4 }
  if math.random(3) == 1 then call:hold() end
  call:wait("hangup", 0.3)
end)
-- always some that call, whatever comes of it
for i = 1, 6 do
  moon.spawn(function()
    while true do
      moon.sleep(0.02)
      local call = moon.dial("sip:p" .. i .. "@" .. peer, { timeout = 1 })
      if call then
        call:play { tone = "440", duration = 0.1 }
        call:wait("hangup", 0.3)
        call:hangup()
      end
    end
  end)
end
"""

BATCH = 32


class Attacker:
    """Sends message number i of the seed; knows the calls that are there."""

    def __init__(self, engine, seed):
        self.wire = Wire(("127.0.0.1", engine.port))
        self.port, self.seed = engine.port, seed
        self.peer = (self.wire.ip, self.wire.port,
                     f"sip:moondial@127.0.0.1:{engine.port}")
        self.dialogs = collections.deque(maxlen=20)
        self.invites = collections.deque(maxlen=20)
        self.last = collections.deque(maxlen=4 * BATCH)
        self.statuses = collections.Counter()
        self.tcp, self.tcp_left = None, 0

    def saw(self, text):
        if text.startswith("INVITE"):
            self.invites.append(text)
            return
        m = re.match(r"SIP/2.0 (\d{3})", text)
        if not m:
            return
        self.statuses[m[1]] += 1
        tags = re.findall(r"(?im)^(?:from|to)\s*:.*?;\s*tag\s*=\s*([\w.-]+)",
                          text)
        call_id = re.search(r"(?im)^call-id\s*:\s*(\S+)", text)
        cseq = re.search(r"(?im)^cseq\s*:\s*(\d{1,9})\s+INVITE", text)
        branch = re.search(r"branch=([\w.]+)", text)
        if m[1][0] in "12" and cseq and len(tags) == 2 and call_id and branch:
            contact = re.search(r"(?im)^contact\s*:.*?<([^>]+)>", text)
            self.dialogs.append(mutate.Dialog(
                call_id[1], *tags, int(cseq[1]), branch[1],
                contact and contact[1]))

    def message(self, number):
        rng = mutate.rng_of(self.seed, number)
        kind = rng.randrange(mutate.KINDS)
        transport = "TCP" if rng.randrange(6) == 0 else "UDP"
        stranger = mutate.Dialog("none", "1", "2")
        pick = rng.random()
        if kind >= len(mutate.REQUESTS) and self.invites:
            invite = self.invites[int(pick * len(self.invites))]
            make = mutate.RESPONSES[kind - len(mutate.REQUESTS)]
            return transport, mutate.mutated(make(invite, self.peer, rng), rng)
        there = self.dialogs and rng.randrange(5)
        dialog = (self.dialogs[int(pick * len(self.dialogs))] if there
                  else stranger)
        make = mutate.REQUESTS[kind % len(mutate.REQUESTS)]
        return transport, mutate.mutated(
            make(self.peer, dialog, rng, transport), rng)

    def send(self, number):
        transport, data = self.message(number)
        self.last.append((number, transport, data))
        if transport == "UDP":
            self.wire.send(data)
            return
        try:
            if not self.tcp_left:
                self.close_tcp()
                self.tcp = socket.create_connection(("127.0.0.1", self.port),
                                                    5)
                self.tcp.setblocking(False)
                self.tcp_left = 8
            self.tcp_left -= 1
            self.tcp.send(data)
        except OSError:
            self.tcp_left = 0  # it may hang up on us

    def close_tcp(self):
        if self.tcp:
            self.tcp.close()
        self.tcp = None

    def close(self):
        self.close_tcp()
        self.wire.close()


def test_mutations_of_valid_messages(engine, phone, long, tmp_path):
    count = int(os.environ.get("MOONDIAL_COUNT", 100000 if long else 20000))
    seed = int(os.environ.get("MOONDIAL_SEED", time.time_ns()))
    print(f"MOONDIAL_SEED={seed}")
    e = engine(SCRIPT, launch=False, rtp_blocks=4, sets={
        "drain": 1, "log": "warn", "outbound.allow": "*"})
    attacker = Attacker(e, seed)
    e.args = [f"{attacker.wire.ip}:{attacker.wire.port}"]
    e.sip.append(f"tcp:127.0.0.1:{e.port}")
    # what is broken in a script's call is no error of the engine's
    e.expected += ["script", "flow.lua"]
    e.launch()
    slowest = 0
    try:
        until_served(attacker, e)
        start = time.monotonic()
        for number in range(count):
            attacker.send(number)
            if number % BATCH == BATCH - 1:
                slowest = max(slowest,
                              attacker.wire.served(5, attacker.saw))
        took = time.monotonic() - start
    except AssertionError:
        path = tmp_path / "last-messages"
        path.write_text("\n".join(map(repr, attacker.last)))
        print(f"the last messages are in {path}")
        raise
    finally:
        attacker.close()
    print(f"{count} messages in {took:.0f} s, slowest answer {slowest:.2f} s; "
          f"answers: {dict(sorted(attacker.statuses.items()))}")
    # it was no stranger's noise only: calls came about and were talked in
    s = e.status()
    assert s["calls"]["total_answered"] > count / 200, s
    for status in ("200", "400", "405", "481"):
        assert attacker.statuses[status] > 10, attacker.statuses
    # whatever they have called themselves, the records can be listed
    listed = json.loads(e.tool("cdr", "--json").stdout)
    assert len(listed) >= s["calls"]["total"]
    p = phone(e, user="normal")
    assert p.call().status == 200
    p.rtp.wait_packets(3)
    p.wait("BYE")


def until_served(attacker, e):
    """The engine is there (its log is not read: it only warns)."""
    for _ in range(100):
        assert e.alive(), e.tail()
        try:
            attacker.wire.served(0.2, attacker.saw)
            return
        except AssertionError:
            continue
    raise AssertionError("the engine does not answer")
