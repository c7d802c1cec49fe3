"""What is played is heard, what is said is recorded: measured."""
import math
import os
import random

import numpy as np
import pytest

from support import audio
from support.phone import Rtp
from support.waiting import until


def steady(samples, rate=audio.RATE, edge=0.1):
    """The part between the first and the last EDGE seconds that sound."""
    first, last = audio.sounding(samples, rate)
    return samples[int((first + edge) * rate):int((last - edge) * rate)]


def is_tone(samples, hz, dbfs, seconds, rate=audio.RATE):
    first, last = audio.sounding(samples, rate)
    assert last - first == pytest.approx(seconds, abs=0.06)
    part = steady(samples, rate)
    assert audio.frequency(part, rate) == pytest.approx(hz, abs=1)
    assert audio.level(part) == pytest.approx(dbfs, abs=1)
    assert audio.purity(part, hz, rate) > 0.99
    assert audio.gaps(samples, rate) == []
    assert audio.clicks(part, hz, rate) == []


@pytest.mark.quiet
@pytest.mark.parametrize("codec,payload_type,name", [
    ("PCMU", 0, "g711U"), ("PCMA", 8, "g711A")])
def test_baresip_and_moondial_hear_each_other(
        engine, baresip, capture, tmp_path, codec, payload_type, name):
    """Sines both ways, found again in what each has recorded; tshark's
    statistics of the stream between them."""
    prompt = audio.write_wav(tmp_path / "ours.wav",
                             audio.sine(700, 3, dbfs=-12))
    theirs = audio.write_wav(tmp_path / "theirs.wav",
                             audio.sine(450, 12, dbfs=-9))
    b = baresip(source=f"aufile,{theirs}", codecs=f"{codec}/8000/1")
    e = engine("""
local moon = require "moondial"
moon.spawn(function()
  local call = assert(moon.dial(moon.args[1]))
  local recorder = call:record_call { file = "both.wav", channels = "stereo" }
  call:sleep(0.5)
  call:play("ours.wav")
  call:sleep(0.5)
  recorder:stop()
  call:hangup()
end)
""", args=[b.uri()], sets={"prompts": tmp_path}, launch=False)
    c = capture(e.rtp, e.rtp_last)
    e.start()  # and calls at once
    row = e.wait_cdr(30)
    assert row["codec"] == codec
    assert row["rx_lost"] == 0 and row["rx_rejected"] == 0
    b.wait_event("CALL_CLOSED")
    heard, rate = audio.read_wav(until(
        lambda: next(b.folder.glob("dump-*-dec.wav"), None)))
    b.stop()  # now its file is whole
    heard, rate = audio.read_wav(b.heard())
    is_tone(heard[:, 0], 700, -12, 3, rate)

    both, rate = audio.read_wav(e.recordings / "both.wav")
    assert (both.shape[1], rate) == (2, 8000)
    left, right = both[:, 0], both[:, 1]
    # a leg a channel: what we hear on the left, what we say on the right
    is_tone(right, 700, -12, 3)
    said = steady(left)
    assert audio.frequency(said) == pytest.approx(450, abs=1)
    assert audio.level(said) == pytest.approx(-9, abs=1)
    assert audio.gaps(left) == []
    assert len(said) / 8000 > 3
    assert audio.clicks(said, 450) == []

    streams = c.streams([row for row in _rtp_ports(e)])
    sent = next(s for s in streams if s["sport"] in _rtp_ports(e))
    got = next(s for s in streams if s["dport"] in _rtp_ports(e))
    for stream in (sent, got):
        assert stream["lost"] == 0 and stream["payload"] == name
    assert sent["mean_delta"] == pytest.approx(20, abs=0.3)
    assert sent["mean_jitter"] < 4
    assert sent["packets"] == row["tx_packets"], streams
    pts = set(c.fields(f"rtp && udp.srcport=={sent['sport']}", "rtp.p_type",
                       decode=[sent["sport"]]))
    assert pts == {(str(payload_type),)}


def _rtp_ports(e):
    return range(e.rtp, e.rtp_last + 1)


@pytest.mark.quiet
def test_packets_leave_every_20_ms(engine, phone, capture):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:play { { tone = "440", duration = 1 }, { silence = 0.5 },
    { tone = "600", duration = 1 } }
end)
""")
    c = capture(e.rtp, e.rtp_last)
    p = phone(e)
    p.call()
    p.wait("BYE")
    stream = next(s for s in c.streams([p.rtp.port])
                  if s["dport"] == p.rtp.port)
    assert stream["lost"] == 0
    assert stream["packets"] >= 120
    assert stream["mean_delta"] == pytest.approx(20, abs=0.3)
    assert stream["mean_jitter"] < 4
    # the sequence and the time stamp go on evenly, also over the silence
    numbers = [(p_[4], p_[5]) for p_ in p.rtp.packets]
    assert all((b[0] - a[0]) & 0xffff == 1 and
               (b[1] - a[1]) & 0xffffffff == 160
               for a, b in zip(numbers, numbers[1:]))


FORMATS = [(8000, 1, 1), (8000, 2, 2), (11025, 2, 1), (16000, 2, 1),
           (22050, 3, 1), (44100, 2, 2), (48000, 4, 2), (48000, 3, 6)]


def test_wavs_of_any_rate_width_and_channels_sound_alike(
        engine, phone, tmp_path):
    """A sine of 500 Hz in each format, played one after the other."""
    for rate, width, channels in FORMATS:
        one = audio.sine(500, 0.5, rate, -10)
        audio.write_wav(tmp_path / f"w{rate}-{width}-{channels}.wav",
                        np.stack([one] * channels, 1), rate, width)
    names = ", ".join(f'"w{r}-{w}-{c}", {{ silence = 0.3 }}'
                      for r, w, c in FORMATS)
    e = engine(f"""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:play {{ {names} }}
end)
""", sets={"prompts": tmp_path})
    p = phone(e)
    p.call()
    p.wait("BYE")
    heard = p.rtp.audio()
    first, last = audio.sounding(heard)
    pieces = [heard[int((first + i * 0.8) * 8000):][:4000]
              for i in range(len(FORMATS))]
    for piece, (rate, width, channels) in zip(pieces, FORMATS):
        middle = piece[800:3200]
        what = f"{rate} Hz, {width} bytes, {channels} channels"
        assert audio.frequency(middle) == pytest.approx(500, abs=1), what
        assert audio.level(middle) == pytest.approx(-10, abs=1), what
    gaps = [g for g in audio.gaps(heard) if g > 0.05]
    assert gaps == pytest.approx([0.3] * (len(FORMATS) - 1), abs=0.04)


RECORD = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  local recording = call:record { file = "said.wav", max = 2.5, trim = false }
  call.user.duration = recording.duration
  call.user.reason = recording.reason
end)
"""


@pytest.mark.parametrize("ptime", [10, 20, 30, 40, 60])
def test_packets_of_any_length_are_recorded_without_a_gap(
        engine, phone, ptime):
    e = engine(RECORD)
    p = phone(e)
    p.call(sdp=p.sdp(ptime=ptime))
    p.rtp.stream(audio.sine(500, 4), ptime)
    p.wait("BYE")
    p.rtp.silence()
    row = e.wait_cdr()
    assert row["recording"].endswith("said.wav")
    assert row["rx_lost"] == 0
    said, _ = audio.read_wav(e.recordings / "said.wav")
    said = said[:, 0]
    assert len(said) / 8000 == pytest.approx(2.5, abs=0.1)
    part = steady(said)
    assert len(part) > 2 * 8000
    assert audio.frequency(part) == pytest.approx(500, abs=1)
    assert audio.level(part) == pytest.approx(-10, abs=1)
    assert audio.gaps(said) == []


def test_a_peer_that_asks_for_long_packets_gets_them(engine, phone):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:play { tone = "440", duration = 1 }
end)
""")
    p = phone(e)
    p.call(sdp=p.sdp(ptime=30))
    p.wait("BYE")
    sizes = {len(packet[6]) for packet in p.rtp.packets}
    assert sizes == {240}


def test_a_recording_ends_by_silence_digit_and_hangup(engine, phone):
    e = engine("""
local moon = require "moondial"
moon.on_call("(%a+)", function(call)
  call:answer()
  local recording = call:record {
    file = "{to}.wav", max = 20, silence = 1, beep = true, terminator = "#",
  }
  call.user.reason = recording.reason
  call.user.duration = recording.duration
end)
""")
    for way in ("silence", "digit", "hangup"):
        p = phone(e, user=way)
        p.call(way)
        # the beep is heard, then we speak
        until(lambda: audio.sounding(p.rtp.audio())
              if len(p.rtp.packets) > 5 else None, what="beep")
        p.rtp.stream(audio.sine(500, 0.8)).join()
        if way == "digit":
            p.rtp.digit("#")
        elif way == "hangup":
            assert p.bye().status == 200
        else:
            p.rtp.stream(np.zeros(8000 * 5))
        if way != "hangup":
            p.wait("BYE")
        row = until(lambda: next((r for r in e.wait_cdrs() if
                                  r["from_user"] == way), None))
        reason = {"digit": "terminator"}.get(way, way)
        assert f'"reason":"{reason}"' in row["user_json"], row["user_json"]
        said, _ = audio.read_wav(e.recordings / f"{way}.wav")
        part = steady(said[:, 0])
        assert audio.frequency(part) == pytest.approx(500, abs=1)


def test_digits_survive_loss_and_reordering_without_doubles(engine, phone):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:sleep(0.1)
  local digits = {}
  while #digits < 6 do
    digits[#digits + 1] = call:wait_digit(20)
  end
  call.user.digits = table.concat(digits)
  call:sleep(0.5)
  call:hangup()
end)
""")
    p = phone(e)
    p.call()
    p.rtp.digit("1")
    p.rtp.digit("1", loss=(0, 1, 2))          # its beginning is lost
    p.rtp.digit("2", loss=(5, 6, 7))          # each of its ends is lost
    p.rtp.digit("2")
    # packets that arrive in the wrong order, and twice
    import struct
    packets = []
    for i, (length, end) in enumerate([(160, 0), (320, 0), (480, 0),
                                       (640, 0x80), (640, 0x80),
                                       (640, 0x80)]):
        data = struct.pack(">BBH", 3, end | 10, length)
        packets.append(p.rtp.packet(data, 101, int(i == 0)))
        p.rtp.seq += 1
    p.rtp.ts += 960
    for i in (3, 0, 1, 4, 2, 2, 5, 3):
        p.rtp.raw(packets[i])
    p.rtp.digit("#")
    p.wait("BYE")
    row = e.wait_cdr()
    assert row["digits"] == "11223#"
    assert row["user_json"] == '{"digits":"11223#"}'


def test_a_stranger_is_neither_heard_nor_answered(engine, phone, ports):
    """RTP sprayed at the port before and during the call by somebody else."""
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  local recording = call:record { file = "said.wav", max = 3, trim = false }
  call:play { tone = "440", duration = 1 }
end)
""")
    attacker = Rtp(ports.one(), "127.0.0.2")
    loud = audio.sine(1234, 4, dbfs=-1)
    try:
        p = phone(e)
        response = p.call()
        address, port, _ = response.media()
        attacker.to = (address, port)
        attacker.stream(loud)
        p.rtp.stream(audio.sine(500, 4))
        for digit in "789":
            attacker.digit(digit)
        p.wait("BYE")
        p.rtp.silence()
        attacker.silence()
    finally:
        attacker.close()
    assert attacker.packets == []
    row = e.wait_cdr()
    assert row["digits"] in (None, "")
    assert row["rx_rejected"] > 100
    said, _ = audio.read_wav(e.recordings / "said.wav")
    part = steady(said[:, 0])
    assert audio.purity(part, 500) > 0.99
    # and the peer heard us all the time
    assert audio.frequency(steady(p.rtp.audio())) == \
        pytest.approx(440, abs=1)


def test_symmetric_rtp_follows_the_peers_real_port(engine, phone, ports):
    """A peer behind NAT sends from another port than it has signalled."""
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:play { tone = "440", duration = 60 }
end)
""")
    p = phone(e)
    other = Rtp(ports.one())
    try:
        response = p.call()
        other.to = response.media()[:2]
        other.stream(audio.sine(500, 2))
        other.wait_packets(20)
    finally:
        other.close()
    assert p.bye().status == 200


@pytest.mark.parametrize("policy", ["nat", "signalled"])
def test_another_host_that_comes_first_is_not_believed(
        engine, phone, ports, policy):
    """It has all the time it wants: the peer has not sent anything yet."""
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:record_call { file = "said.wav" }
  call:play_async { tone = "440", duration = 60 }
  call:wait_digit(30)
end)
""", sets={"rtp.latch": policy})
    other = Rtp(ports.one(), "127.0.0.2")
    try:
        p = phone(e)
        other.to = p.call().media()[:2]
        other.stream(audio.sine(1234, 2, dbfs=-1)).join()
        other.digit("#")
        assert other.packets == []
        p.rtp.wait_packets(75)  # nor was the peer forgotten meanwhile
        p.rtp.stream(audio.sine(500, 1)).join()
        p.rtp.digit("#")
        p.wait("BYE")
        assert other.packets == []
    finally:
        other.close()
    row = e.wait_cdr()
    assert row["digits"] == "#" and row["rx_rejected"] >= 100
    said, _ = audio.read_wav(e.recordings / "said.wav")
    part = steady(said[:, 0])
    assert len(part) > 0.5 * 8000
    assert audio.purity(part, 500) > 0.99


def test_another_host_is_believed_by_policy_until_the_peer_comes(
        engine, phone, ports):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:play { tone = "440", duration = 60 }
end)
""", sets={"rtp.latch": "any"})
    other = Rtp(ports.one(), "127.0.0.2")
    try:
        p = phone(e)
        other.to = p.call().media()[:2]
        p.rtp.wait_packets(1)
        other.stream(audio.sine(500, 20))
        other.wait_packets(20)
        # the peer has had a second of its own to begin in
        assert other.packets[0][0] - p.rtp.packets[0][0] > 0.9
        p.rtp.stream(audio.sine(500, 20))
        since = len(p.rtp.packets)
        p.rtp.wait_packets(since + 10)
        gone = len(other.packets)
        p.rtp.wait_packets(since + 40)
        assert len(other.packets) <= gone + 1
        assert p.bye().status == 200
        p.rtp.silence()
        other.silence()
    finally:
        other.close()


@pytest.mark.quiet
def test_volume_pause_and_seek(engine, phone):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:play({ tone = "500", duration = 1, level = -10 })
  call:play({ tone = "500", duration = 1, level = -10 }, { volume = -6 })
  local playback = call:play_async { tone = "500", duration = 1, level = -10 }
  call:sleep(0.5)
  playback:pause()
  call:sleep(0.5)
  playback:resume()
  playback:wait()
end)
""")
    p = phone(e)
    p.call()
    p.wait("BYE")
    heard = p.rtp.audio()
    first, last = audio.sounding(heard)
    assert last - first == pytest.approx(3.5, abs=0.2)
    at = int(first * 8000)
    assert audio.level(heard[at + 800:at + 7200]) == pytest.approx(-10, abs=1)
    assert audio.level(heard[at + 8800:at + 15200]) == \
        pytest.approx(-16, abs=1)
    assert [g for g in audio.gaps(heard) if g > 0.1] == \
        pytest.approx([0.5], abs=0.1)


def policies(engine):
    """Scheduling policy of each of the engine's threads, by name."""
    found = {}
    for tid in os.listdir(f"/proc/{engine.process.pid}/task"):
        with open(f"/proc/{engine.process.pid}/task/{tid}/comm") as f:
            found[f.read().strip()] = os.sched_getscheduler(int(tid))
    return found


@pytest.mark.parametrize("permitted", [True, False])
def test_audio_goes_before_all_else_where_that_is_permitted(engine, permitted):
    wanted = "true"
    if permitted:
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        except PermissionError:
            pytest.skip("no real-time priority for us either")
    else:
        wanted = "false"
    e = engine('local moon = require "moondial"\nmoon.on_call(print)',
               sets={"rtp.realtime": wanted})
    expected = os.SCHED_RR if permitted else os.SCHED_OTHER
    until(lambda: policies(e).get("media") == expected,
          what="the worker's policy")
    names = policies(e)
    del names["media"]
    assert set(names.values()) == {os.SCHED_OTHER}
