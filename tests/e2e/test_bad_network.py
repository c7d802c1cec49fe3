"""Audio under a bad network, and under attack: what is heard, stored, ended."""
import heapq
import random
import re
import select
import socket
import struct
import threading
import time

import pytest

from support import audio
from support.engine import moondial
from support.phone import Rtp
from support.waiting import until

RECORD = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:record_call { file = "said.wav" }
  call:play_async { tone = "440", duration = 60 }
  call:wait_digit(60)
  call:sleep(0.3)
  call:hangup()
end)
"""


def said(e, name="said.wav"):
    """What the far side said, by the recording."""
    samples, _ = audio.read_wav(e.recordings / name)
    return samples[:, 0]


# ---- the peer vanishes


SILENT = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer { %s }
  local begun = moon.now()
  call.user.events = {}
  call:on("media_timeout", function(event)
    table.insert(call.user.events, event.duration)
  end)
  local event = call:wait("media_timeout", 60)
  call.user.waited = event and moon.now() - begun
  local which = moon.select {
    silent = call:event("media_timeout"), over = call:event("hangup"),
    timeout = 60,
  }
  call.user.which = which
end)
"""


def test_a_peer_that_vanishes_is_noticed_and_the_call_ended(engine, phone):
    """The event at its time, the end at its own; the record says why."""
    e = engine(SILENT % "", sets={"rtp.timeout": 2, "rtp.timeout_hangup": 5})
    p = phone(e)
    p.call()
    p.rtp.stream(audio.sine(500, 1)).join()
    silent_since = time.time()
    bye = p.wait("BYE")
    assert time.time() - silent_since == pytest.approx(5, abs=2)
    assert "cause=102" in bye.header("Reason")
    row = e.wait_cdr()
    assert (row["hangup_by"], row["hangup_cause"]) == \
        ("engine", "media_timeout")
    assert row["disposition"] == "answered"
    assert abs(row["ended_at_ms"] / 1000 - silent_since - 5) < 2
    assert '"which":"over"' in row["user_json"]
    waited = float(row["user_json"].split('"waited":')[1].split(",")[0]
                   .rstrip("}"))
    assert waited == pytest.approx(1 + 2, abs=2)
    events = row["user_json"].split('"events":[')[1].split("]")[0]
    assert len(events.split(",")) == 1 and 2 <= float(events) <= 4


def test_a_call_has_a_time_of_its_own_and_never_means_never(engine, phone):
    e = engine(SILENT % "media_timeout = 1, media_timeout_hangup = 0",
               sets={"rtp.timeout": 50, "rtp.timeout_hangup": 3})
    p = phone(e)
    p.call()
    # two silences, each told once, and no end
    p.rtp.stream(audio.sine(500, 0.5)).join()
    time.sleep(3)
    p.rtp.stream(audio.sine(500, 1)).join()
    row = e.wait_cdr()
    p.wait("BYE")
    assert '"which":"silent"' in row["user_json"], row["user_json"]
    assert (row["hangup_by"], row["hangup_cause"]) == ("local", "normal")


def test_who_is_held_or_holds_is_not_missed(engine, phone):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:on("media_timeout", function() call.user.told = true end)
  call:wait("hold")
  call:wait("resume")
  call:wait_digit(10)
  assert(call:hold())
  call:sleep(4)
  call.user.missed = call.user.told or false
  assert(call:unhold())
  call:wait("hangup", 30)
end)
""", sets={"rtp.timeout": 1, "rtp.timeout_hangup": 2})
    p = phone(e)
    p.call()
    # they hold us, and send nothing for longer than both times
    assert p.within("INVITE", body=p.sdp(direction="sendonly")).status == 200
    time.sleep(4)
    assert e.status()["calls"]["active"] == 1
    p.rtp.stream(audio.sine(500, 60))
    assert p.within("INVITE", body=p.sdp()).status == 200
    p.rtp.silence()
    p.rtp.digit("1")
    # we hold them
    for direction in ("recvonly", "sendrecv"):
        offer = p.wait("INVITE")
        p.respond(offer, 200, "OK", body=p.sdp(direction=direction))
        p.wait("ACK")
    # and now they have vanished
    p.wait("BYE")
    row = e.wait_cdr()
    assert row["hangup_cause"] == "media_timeout"
    assert '"missed":false' in row["user_json"]


# ---- changes in mid-stream


def change_ssrc(rtp):
    rtp.ssrc = random.getrandbits(32)


def change_everything(rtp):
    rtp.ssrc = random.getrandbits(32)
    rtp.seq = random.getrandbits(16)
    rtp.ts = random.getrandbits(32)


def jump_forward(rtp):
    rtp.ts += 8000 * 3600


def jump_back(rtp):
    rtp.ts -= 8000 * 60


def jump_sequence(rtp):
    rtp.seq += 20000


def jump_half_a_second(rtp):
    rtp.ts += 4000


CHANGES = [change_ssrc, change_everything, jump_forward, jump_back,
           jump_sequence, jump_half_a_second]


def test_audio_is_back_within_200_ms_of_any_change(engine, phone):
    """SSRC, sequence, time stamps, payload type and packet length change in
    mid-stream (SECURITY.md 18); a tone goes on through all of it."""
    e = engine(RECORD)
    p = phone(e)
    p.call(sdp=p.sdp("0 8 101"))
    tone = audio.sine(500, 1)
    sent = 0
    for i, change in enumerate(CHANGES + [None, None]):
        payload_type, ptime = (8 if i % 2 else 0), (20, 30, 10, 60)[i % 4]
        p.rtp.stream(tone, ptime, payload_type).join()
        sent += 1000 // ptime
        if change:
            change(p.rtp)
    p.rtp.digit("#")
    p.wait("BYE")
    row = e.wait_cdr()
    heard = said(e)
    gaps = audio.gaps(heard)
    assert max(gaps, default=0) <= 0.2, gaps
    first, last = audio.sounding(heard)
    # all of it, but for what the changes may cost
    assert last - first == pytest.approx(8, abs=0.5)
    part = heard[int((first + 0.1) * 8000):int((last - 0.1) * 8000)]
    assert audio.frequency(part) == pytest.approx(500, abs=1)
    assert audio.level(part) == pytest.approx(-10, abs=1)
    # and the statistics are those of all the sources together
    assert row["rx_packets"] == sent + 8  # the digit's
    assert row["rx_lost"] == 0, row
    assert row["rx_rejected"] == 0
    assert row["digits"] == "#"
    assert row["codec"] == "PCMU"


def test_bounds_of_the_delay_are_checked_and_kept(engine, phone, tmp_path):
    e = engine(RECORD, sets={"rtp.jitter.min": 0.15, "rtp.jitter.max": 0.16})
    p = phone(e)
    p.call()
    p.rtp.stream(audio.sine(500, 2)).join()
    p.rtp.digit("#")
    p.wait("BYE")
    assert 140 <= e.wait_cdr()["rx_delay_ms"] <= 165
    script = tmp_path / "flow.lua"
    script.write_text("require 'moondial'")
    for sets, says in (
            (["rtp.jitter.min=0.25"], "rtp.jitter.min 0.25 is more than "
             "rtp.jitter.max 0.2"),
            (["rtp.jitter.max=2"], "rtp.jitter.max"),
            (["rtp.jitter.mix=0.1"], "did you mean")):
        words = [w for s in sets for w in ("--set", s)]
        done = moondial("run", "--sip", "udp:127.0.0.1:0", "--db",
                        tmp_path / "x.db", *words, script, cwd=tmp_path)
        assert done.returncode != 0 and says in done.stderr, done.stderr


# ---- quality in the record


class Lossy(Rtp):
    """Loses packets as it is told; answers RTCP as a far side that lost 10 %."""

    loss = 0.0
    dice = random.Random(5)

    def raw(self, data, to=None):
        if self.dice.random() >= self.loss:
            super().raw(data, to)


def reports(rtcp, to, ours, theirs, seq, lost, fraction):
    rtcp.sendto(struct.pack(
        ">BBHIIIIIII", 0x81, 201, 7, ours, theirs, fraction << 24 | lost,
        seq, 80, 0, 0), to)


def test_the_record_says_how_it_sounded_on_both_sides(engine, phone, ports):
    e = engine(RECORD)
    p = phone(e)
    p.rtp.close()
    p.rtp = Lossy(ports.one())
    rtcp = Rtp(ports.one())
    p.call(sdp=p.sdp(more=f"a=rtcp:{rtcp.port}\r\n"))
    p.rtp.loss = 0.1
    p.rtp.stream(audio.sine(500, 10)).join()
    p.rtp.loss = 0
    # the far side lost 5 of 100
    first = p.rtp.packets[0]
    newest = p.rtp.packets[-1]
    heard = (newest[4] - first[4]) & 0xffff
    source = struct.unpack(">I", p.rtp.last[8:12])[0]
    address, port = p.rtp.to
    reports(rtcp.socket, (address, port + 1), p.rtp.ssrc, source,
            newest[4], heard // 20, 13)
    p.rtp.digit("#")
    p.wait("BYE")
    rtcp.close()
    row = e.wait_cdr()
    assert 20 < row["rx_lost"] < 80
    # 95 · 10 / (10 + 25.1) off 93.2
    loss = row["rx_lost"] / (row["rx_lost"] + row["rx_packets"])
    r = 93.2 - 95 * 100 * loss / (100 * loss / row["rx_burst"] + 25.1) \
        - 0.024 * (20 + row["rx_delay_ms"])
    mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6
    assert row["rx_mos"] == pytest.approx(mos, abs=0.05)
    assert 3 < row["rx_mos"] < 4
    assert 1 <= row["rx_burst"] < 1.6
    assert row["rx_concealed_ms"] == pytest.approx(20 * row["rx_lost"],
                                                   rel=0.25)
    assert 20 <= row["rx_delay_ms"] <= 120
    assert row["remote_lost"] == heard // 20
    assert row["remote_mos"] == pytest.approx(3.85, abs=0.1)
    # moondial cdr tells it too
    out = e.tool("cdr", "--json").stdout
    assert f'"rx_mos":{row["rx_mos"]:g}' in out.replace(" ", "")


def test_a_good_line_is_said_to_be_one(engine, phone):
    e = engine("""
local moon = require "moondial"
local calls = {}
moon.on_call(function(call)
  call:answer()
  moon.spawn(function()
    pcall(call.wait, call, "hangup")
    while not call.stats.rx_mos do moon.sleep(0.02) end
    moon.log.info("mos %.2f lost %d", call.stats.rx_mos, call.stats.rx_lost)
  end)
  call:wait("hangup")
end)
""")
    p = phone(e)
    p.call()
    p.rtp.stream(audio.sine(500, 3)).join()
    assert p.bye().status == 200
    row = e.wait_cdr()
    assert row["rx_mos"] > 4.3 and row["rx_burst"] == 1
    assert row["rx_concealed_ms"] is None and row["remote_mos"] is None
    assert e.wait_log(r"mos 4\.3\d lost 0")


# ---- attack


class Attacker(Rtp):
    """Sprays all that might get in, at RTP and RTCP: audio that goes on well,
    the peer's own SSRC and numbers, digits, short and long RTCP, garbage."""

    def spray(self, ports_, victim=None):
        self._spraying = True
        self.sprayed = 0

        def send():
            loud = audio.encode(audio.sine(1234, 60, dbfs=-1))
            at = 0
            while self._spraying:
                payload = loud[at % len(loud):at % len(loud) + 160]
                at += 160
                for port in ports_:
                    to = ("127.0.0.1", port)
                    self.raw(self.packet(payload), to)
                    data = struct.pack(">BBH", 7, 0x8a, 800)
                    self.raw(self.packet(data, 101, 1, ts=self.ts + at), to)
                    if victim and victim.to:
                        # as the peer, where it is now and a little ahead
                        for ahead in (0, 1, 5):
                            self.raw(struct.pack(
                                ">BBHII", 0x80, 0, (victim.seq + ahead)
                                & 0xffff, (victim.ts + 160 * ahead)
                                & 0xffffffff, victim.ssrc) + payload, to)
                    bye = struct.pack(">BBHI", 0x81, 203, 1,
                                      victim.ssrc if victim else 1)
                    for junk in (b"", b"\x80", b"\x81\xc9\x00\x07",
                                 b"\x80\xc8\x00\x06" + b"\xff" * 24, bye,
                                 struct.pack(">BBHI", 0x80, 201, 1, 1) + bye,
                                 struct.pack(">BBHIIIIIII", 0x81, 201, 7, 1,
                                             self.seen or 1, 0x7fffff, 1, 9999,
                                             1, 1),
                                 random.randbytes(40)):
                        self.raw(junk, (to[0], port + 1))
                    self.sprayed += 2
                self.seq += 1
                self.ts += 160
                time.sleep(0.02)

        self.seen = 0
        self._sprayer = threading.Thread(target=send, daemon=True)
        self._sprayer.start()

    def stop(self):
        self._spraying = False
        self._sprayer.join()


@pytest.mark.parametrize("policy,attacks", [
    ("nat", 2), ("signalled", 1), ("behind nat", 1), ("behind nat", 2),
    ("any", 1), ("any", 2)])
def test_an_attacker_is_not_recorded_not_sent_to_and_forges_no_digit(
        engine, phone, ports, policy, attacks):
    """One or two hosts spray every port before the call and during all of it; the
    peer begins to speak only when they had their time (SECURITY.md 6).
    "behind nat": it has signalled an address that nobody can reach."""
    e = engine(RECORD, sets={
        "rtp.latch": "nat" if policy == "behind nat" else policy,
        # few ports, so that all of them can be sprayed before the call
        "rtp.port_max": "%d"}, launch=False)
    e.sets["rtp.port_max"] = e.rtp + 3
    e.start()
    all_ports = range(e.rtp, e.rtp + 4, 2)
    attackers = [Attacker(ports.one(), f"127.0.0.{2 + i}")
                 for i in range(attacks)]
    try:
        for a in attackers:
            a.spray(all_ports)
        p = phone(e)
        if policy == "behind nat":
            # link-local: of all private addresses the one that no router
            # passes on (RFC 3927 2.6.2)
            p.call(sdp=p.sdp(address="169.254.77.77"))
        else:
            p.call()
        if policy != "any" or attacks > 1:
            # more than the second that a third host has to wait: where one is
            # believed at all, two are not
            time.sleep(1.5)
        for a in attackers:
            a.stop()
            a.spray(all_ports, p.rtp)
        p.rtp.stream(audio.sine(500, 3)).join()
        p.rtp.wait_packets(50)
        for digit in "12#":
            p.rtp.digit(digit)
        p.wait("BYE")
        for a in attackers:
            a.stop()
            assert a.packets == []
    finally:
        for a in attackers:
            a._spraying = False
            a.close()
    row = e.wait_cdr()
    assert row["digits"].rstrip("#") in ("1", "12", "")
    assert "7" not in row["digits"]
    assert row["remote_lost"] == 0
    heard = said(e)
    first, last = audio.sounding(heard)
    assert last - first == pytest.approx(3, abs=0.4)
    part = heard[int((first + 0.1) * 8000):int((last - 0.1) * 8000)]
    assert audio.purity(part, 500) > 0.99
    assert audio.gaps(part) == []
    # and the peer heard us
    assert audio.frequency(p.rtp.audio()) == pytest.approx(440, abs=1)


# ---- the worst line


class Network:
    """A relay in UDP between the phone and the engine's SIP port: loses, delays,
    doubles and reorders in both directions."""

    def __init__(self, seed, loss=0.3, jitter=0.2, double=0.1):
        self.dice = random.Random(seed)
        self.loss, self.jitter, self.double = loss, jitter, double
        self.queue, self.count = [], 0
        self.wake = threading.Condition()
        self.closing = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def send(self, function, data):
        with self.wake:
            for _ in range(2 if self.dice.random() < self.double else 1):
                if self.dice.random() < self.loss:
                    continue
                self.count += 1
                heapq.heappush(self.queue, (
                    time.monotonic() + self.dice.random() * self.jitter,
                    self.count, function, data))
            self.wake.notify()

    def _run(self):
        with self.wake:
            while not self.closing:
                now = time.monotonic()
                if not self.queue:
                    self.wake.wait()
                elif self.queue[0][0] > now:
                    self.wake.wait(self.queue[0][0] - now)
                else:
                    _, _, function, data = heapq.heappop(self.queue)
                    function(data)

    def idle(self):
        with self.wake:
            return not self.queue

    def close(self):
        with self.wake:
            self.closing = True
            self.wake.notify()
        self.thread.join()


class BadRtp(Rtp):
    network = None

    def raw(self, data, to=None):
        to = to or self.to
        if self.network:
            self.network.send(lambda d: self.socket.sendto(d, to), data)
        else:
            super().raw(data, to)


def test_a_line_that_is_nearly_cut_ends_in_right_records(
        engine, phone, ports, long):
    """30 % loss, 200 ms jitter, reordering and duplicates of all that the
    callers say (SECURITY.md 17): each call has its record, each digit counts
    once, and prompts never stall."""
    calls = 30 if long else 6
    keys = "159#" if not long else "1234567890*#"
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:record_call { file = call.from_user .. ".wav" }
  local begun = moon.now()
  call:play { tone = "440", duration = 3 }
  call.user.played = moon.now() - begun
  call:wait("hangup", 60)
end)
""", sets={"rtp.timeout_hangup": 20}, rtp_blocks=2)
    network = Network(17)
    phones = []
    try:
        for i in range(calls):
            p = phone(e, user=f"caller{i}")
            p.rtp.close()
            p.rtp = BadRtp(ports.one())
            p.call()
            p.rtp.network = network
            phones.append(p)

        def talk(p):
            p.rtp.stream(audio.sine(500, 2)).join()
            for key in keys:
                p.rtp.digit(key, duration=1200)

        talkers = [threading.Thread(target=talk, args=(p,)) for p in phones]
        for t in talkers:
            t.start()
        for t in talkers:
            t.join()
        for p in phones:
            p.rtp.wait_packets(3 * 50)
        until(network.idle, what="what is still on its way")
        for p in phones:
            assert p.bye().status == 200
        rows = e.wait_cdrs(calls)
    finally:
        network.close()
    assert len(rows) == calls
    got = 0
    for row in rows:
        assert (row["hangup_by"], row["disposition"]) == \
            ("remote", "answered")
        digits = iter(keys)
        assert all(d in digits for d in row["digits"] or ""), row["digits"]
        got += len(row["digits"] or "")
        assert row["rx_duplicate"] > 0 and row["rx_reordered"] > 0
        assert 1 <= row["rx_mos"] < 3
        assert float(row["user_json"].split('"played":')[1].rstrip("}")) == \
            pytest.approx(3, abs=0.3)
        heard = said(e, row["from_user"] + ".wav")
        assert audio.frequency(heard) == pytest.approx(500, abs=3)
    # each has 9 packets, of which one is enough
    assert got >= calls * len(keys) - 1
    for p in phones:
        # what we said: 440 Hz for 3 s in one piece
        heard = p.rtp.audio()
        first, last = audio.sounding(heard)
        assert last - first == pytest.approx(3, abs=0.1)
        assert audio.gaps(heard) == []


class Relay:
    """Between SIPp and the engine's SIP port, each way through NETWORK."""

    def __init__(self, port, to, network):
        self.near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.near.bind(("127.0.0.1", port))
        self.far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.far.bind(("127.0.0.1", 0))
        self.to, self.peer, self.network = to, None, network
        self.calls = set()  # those whose INVITE has come through
        self.closing = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _forward(self, data):
        if data.startswith(b"INVITE "):
            self.calls.add(re.search(rb"(?im)^call-id: *(\S+)", data)[1])
        # responses go back by the same way
        self.far.sendto(data.replace(b";branch=", b";rport;branch=", 1),
                        self.to)

    def _back(self, data):
        # SIPp gives a call up when a 100 comes after its 200, and its BYE is
        # sent once only
        if not data.startswith(b"SIP/2.0 100"):
            self.near.sendto(data, self.peer)

    def _run(self):
        while not self.closing:
            ready = select.select([self.near, self.far], [], [], 0.2)[0]
            for s in ready:
                data, source = s.recvfrom(65536)
                if s is self.near:
                    self.peer = source
                    self.network.send(self._forward, data)
                else:
                    self.network.send(self._back, data)

    def close(self):
        self.closing = True
        self.thread.join()
        self.near.close()
        self.far.close()


@pytest.mark.idle
def test_signalling_that_loses_as_much_leaves_a_record_each(
        engine, sipp, ports, long):
    """The same for SIP: what is sent again is no second call, and every call
    that has reached us ends, with a record that says how."""
    calls = 100 if long else 20
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:wait("hangup")
end)
""", sets={"limits.duration": 40})
    network = Network(3)
    port = ports.one()
    relay = Relay(port, ("127.0.0.1", e.port), network)
    try:
        run = sipp("uac_bye", target=f"127.0.0.1:{port}", calls=calls,
                   rate=20, timeout=80, values={"pause": 1000})
        run.process.wait(90)  # some of its calls may fail: it is so bad
        e.wait_calls(0, timeout=60)
    finally:
        relay.close()
        network.close()
    rows = e.wait_cdrs(len(relay.calls))
    assert len(rows) == len(relay.calls) >= calls * 0.9
    ends = {(r["hangup_by"], r["hangup_cause"]) for r in rows}
    assert ends <= {("remote", "normal"), ("engine", "no_ack"),
                    ("engine", "max_duration")}, ends
    fine = [r for r in rows if r["hangup_by"] == "remote"]
    assert len(fine) >= calls * 0.8, ends
