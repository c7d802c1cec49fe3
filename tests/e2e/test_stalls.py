"""What stands still for a while: the disk beneath recordings, the process; and
what an engine gives back when all its calls have gone."""
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from support import audio
from support.engine import BUILD, ROOT
from support.waiting import until

sys.path.insert(0, str(ROOT / "bench"))
import record  # noqa: E402


def load(e, *args):
    """bench_load's figures."""
    done = subprocess.run(
        [BUILD / "bench/bench_load", "call", "--target",
         f"127.0.0.1:{e.port}", "--audio", "--together", *map(str, args)],
        stdout=subprocess.PIPE, timeout=120, check=True)
    return json.loads(done.stdout)


@pytest.mark.quiet
def test_a_disk_that_stalls_costs_no_sample_and_no_packet(engine, tmp_path):
    """Two dozen calls recorded in stereo; database and recordings hang for two
    seconds in the middle. What is in the files is known sample by sample."""
    calls = 24
    period = record.write_pattern(tmp_path)
    stall = tmp_path / "stall"
    asan = os.environ.get("ASAN_OPTIONS", "")
    e = engine(ROOT / "bench/scripts/record.lua", args=["pattern"],
               sets={"prompts": tmp_path},
               env={"LD_PRELOAD": str(BUILD / "bench/libbench_stall.so"),
                    "ASAN_OPTIONS": asan + ":verify_asan_link_order=0",
                    "STALL_FILE": str(stall), "STALL_MS": "2000"})
    r = load(e, "--count", calls, "--rate", 50, "--seconds", 6,
             "--say", tmp_path / "pattern.ulaw", "--touch", stall)
    assert r["completed"] == calls
    assert not stall.exists(), "the disk did not stall"
    e.wait_cdrs(calls)
    figures = record.check(list(e.recordings.iterdir()), period)
    assert figures["files"] == calls
    assert figures["shortest"] > 6
    # a machine that stands still itself makes gaps too, and counts them
    skipped = e.counter("rtp_ticks_skipped")
    assert figures["unreadable"] == 0 or skipped
    assert figures["sent_gaps"] <= skipped
    assert figures["heard_silent"] <= skipped
    assert e.counter("recording_lost_ms") == 0
    assert r["audio"]["lost"] == 0
    assert r["audio"]["within_5ms"] > 0.95


def test_a_disk_that_hangs_for_too_long_is_no_secret(engine, tmp_path):
    """Longer than the ring lasts: time in the file stays true, the log and the
    counter say what is missing."""
    record.write_pattern(tmp_path)
    stall = tmp_path / "stall"
    asan = os.environ.get("ASAN_OPTIONS", "")
    e = engine(ROOT / "bench/scripts/record.lua", args=["pattern"],
               sets={"prompts": tmp_path},
               env={"LD_PRELOAD": str(BUILD / "bench/libbench_stall.so"),
                    "ASAN_OPTIONS": asan + ":verify_asan_link_order=0",
                    "STALL_FILE": str(stall), "STALL_MS": "5500"})
    r = load(e, "--count", 2, "--seconds", 14,
             "--say", tmp_path / "pattern.ulaw", "--touch", stall)
    assert r["completed"] == 2
    e.wait_cdrs(2, timeout=30)
    assert e.counter("recording_lost_ms") > 500
    e.wait_log(r"recording .*: \d+ ms are silence: the disk stood still",
               count=2)
    for path in e.recordings.iterdir():
        said, _ = audio.read_wav(path)
        assert len(said) / 8000 == pytest.approx(15, abs=1.5)


@pytest.mark.quiet
def test_a_process_that_stands_still_for_a_second_goes_on_with_a_gap(
        engine, phone):
    """No burst of what was missed; timestamps go on with time."""
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:play { tone = "440", duration = 60 }
end)
""")
    p = phone(e)
    p.call()
    p.rtp.stream(audio.sine(500, 6))
    p.rtp.wait_packets(50)
    e.send(signal.SIGSTOP)
    try:
        time.sleep(1)  # it is the stop that is tested
    finally:
        e.send(signal.SIGCONT)
    before = len(p.rtp.packets)
    p.rtp.wait_packets(before + 75)
    packets = p.rtp.packets
    at = [p[0] for p in packets]
    gap = max(range(1, len(at)), key=lambda i: at[i] - at[i - 1])
    assert at[gap] - at[gap - 1] > 0.9
    burst = sum(t - at[gap] < 0.02 for t in at[gap:])
    assert burst <= 7  # 100 ms are made up for
    seqs = [p[4] for p in packets]
    stamps = [p[5] for p in packets]
    assert all((b - a) & 0xffff == 1 for a, b in zip(seqs, seqs[1:]))
    # a second later a second of timestamps has passed
    passed = (stamps[-1] - stamps[0] & 0xffffffff) / 8000
    assert passed == pytest.approx(at[-1] - at[0], abs=0.06)
    assert e.counter("rtp_ticks_skipped") >= 40
    assert p.bye().status == 200
    assert e.wait_cdr()["rx_lost"] < 10


@pytest.mark.idle
def test_memory_is_given_back_when_the_calls_have_gone(engine, tmp_path):
    """The transactions of the last calls live for 32 s. With a sanitizer only
    that it is done: its allocator keeps what was freed. With the release build
    (MOONDIAL_BUILD=build/release) how much, too."""
    plain = BUILD.name == "release"
    record.write_pattern(tmp_path)
    e = engine(ROOT / "bench/scripts/play.lua", args=["pattern"],
               sets={"prompts": tmp_path}, rtp_blocks=21 if plain else 2)

    def crowd(calls):
        """Returns what was given back meanwhile, in KB."""
        given = e.counter("memory_given_back")
        r = load(e, "--count", calls, "--rate", 200, "--seconds", 0.5)
        assert r["completed"] == calls
        most = memory_kb()
        until(lambda: e.counter("memory_given_back") > given, 60)
        return most - memory_kb()

    def memory_kb():
        with open(f"/proc/{e.process.pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024

    crowd(20)
    if plain:
        before = memory_kb()
        assert crowd(1000) > 10000
        assert memory_kb() - before < 4000
