"""One address sends more than anybody may: it is refused, then banned, and
nobody else notices. Strangers are 127.0.0.2 and up; 127.0.0.1 is trusted."""
import os
import socket
import subprocess
import sys
import time

import pytest

from support import audio
from support.flood import callers, flood
from support.waiting import until

SCRIPT = """
local moon = require "moondial"
moon.on("ban", function(ban)
  moon.log.info("banned: %s, %s, %s, time %d", ban.address, ban.reason,
    tostring(ban.ends and ban.ends > moon.now()), ban.times)
end)
moon.on_call("music", function(call)
  call:answer()
  call:play("tone.wav")
  call:wait("hangup")
end)
moon.on_call("none", function(call) call:reject(404) end)
moon.on_call(function(call)
  if call.from == "flood" then call:reject(486) end
  call:answer()
  call:wait("hangup")
end)
"""
STRANGERS = {"trusted": "127.0.0.1", "drain": 1}
# the quarantine of AddressSanitizer looks like a leak from outside
LEAN = {"ASAN_OPTIONS": "detect_leaks=1:exitcode=99:quarantine_size_mb=1"
        ":thread_local_quarantine_size_kb=16"}


@pytest.fixture
def runs():
    made = []

    def add(run):
        made.append(run)
        return run

    yield add
    for run in made:
        run.kill()


def listener(phone, engine, tmp_path, seconds):
    """A call whose audio must stay whole."""
    audio.write_wav(tmp_path / "tone.wav", audio.sine(440, seconds + 10))
    one = phone(engine)
    assert one.call("music").status == 200
    one.rtp.wait_packets(50)
    return one


class Idle:
    """Connections that say nothing, held by a process of their own."""
    CODE = """
import socket, sys
held = []
for word in sys.argv[2:]:
    source, count = word.split("*")
    for _ in range(int(count)):
        held.append(socket.socket())
        held[-1].bind((source, 0))
        held[-1].connect(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
sys.stdin.read()
"""

    def __init__(self, port, sources):
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.CODE, str(port), *sources], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"

    def kill(self):
        self.process.kill()
        self.process.communicate()


def whole(rtp, first, late=0.04):
    """Each packet since number FIRST is there, in order and in time; LATE: the
    share of ticks that a worker may miss where there are fewer cores than busy
    threads."""
    packets = rtp.packets[first:]
    numbers = [p[4] for p in packets]
    assert numbers == [(numbers[0] + i) % 65536 for i in range(len(numbers))]
    took = packets[-1][0] - packets[0][0]
    assert len(packets) - 1 == pytest.approx(took * 50, rel=late, abs=10)
    return took


def memory(engine):
    with open(f"/proc/{engine.process.pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.quiet
def test_5000_invites_a_second_from_one_address_leave_the_others_alone(
        engine, phone, runs, tmp_path, long):
    seconds = 60 if long else 6
    one = engine(SCRIPT, sets={**STRANGERS, "prompts": tmp_path,
                               "limits.delay": 0.5})  # slow: sanitizers
    ear = listener(phone, one, tmp_path, seconds)
    first = len(ear.rtp.packets)
    attack = runs(flood(one, "127.0.0.9", rate=5000, seconds=seconds))
    beside = runs(callers(one, "127.0.0.2", rate=20, seconds=seconds - 1))

    calls = beside.done(seconds + 30)
    assert calls["completed"] == calls["started"] >= 20 * (seconds - 2)
    assert calls["retransmitted"] == 0
    assert calls["p99_ms"] < 50, calls
    told = attack.done(seconds + 30)
    assert told["sent"] > 4000 * seconds
    # a second's worth became calls; then 503, then nothing
    assert 0 < told["statuses"]["503"] == told["retry_after"]
    assert told["statuses"]["503"] < 500
    assert whole(ear.rtp, first) > seconds - 1
    assert ear.bye().status == 200

    status = one.status()
    assert [b["address"] for b in status["bans"]] == ["127.0.0.9"]
    assert status["bans"][0]["reason"] == "too many calls"
    assert status["bans"][0]["dropped"] > 3000 * seconds
    one.wait_log(r"banned: 127\.0\.0\.9, too many calls, true, time 1")
    assert "127.0.0.9" in one.tool("status").stdout
    turned = status["calls"]["turned_away"]["source"]
    assert turned >= told["statuses"]["503"]
    # those turned away have no records, all others have
    one.wait_calls(0)
    assert status["calls"]["total"] == len(one.cdrs())
    assert status["calls"]["total"] <= calls["started"] + 1 + 130


@pytest.mark.quiet
@pytest.mark.parametrize("ban", [0, 300], ids=["limited", "banned"])
def test_floods_of_all_kinds_leave_memory_and_calls_as_they_were(
        engine, phone, runs, tmp_path, long, ban):
    """SECURITY.md 8: 2,000 messages a second."""
    kinds = [(m, tcp) for m in ("INVITE", "REGISTER", "OPTIONS")
             for tcp in (False, True)]
    seconds = 20 if long else 1
    one = engine(SCRIPT, env=LEAN, launch=False,
                 sets={**STRANGERS, "prompts": tmp_path, "sources.ban": ban,
                       "sources.faults": 0})
    one.sip.append(f"tcp:127.0.0.1:{one.port}")
    one.start()
    ear = listener(phone, one, tmp_path, seconds * len(kinds) + 75)

    def all_kinds(net, length):
        answers = []
        for i, (method, tcp) in enumerate(kinds):
            run = runs(flood(one, f"127.0.{net}.{i + 2}", method=method,
                             rate=2000, seconds=length, tcp=tcp))
            answers.append(run.done(length + 30))
        return answers

    all_kinds(1, 0.5)  # pools and caches that stay
    before = memory(one)
    first = len(ear.rtp.packets)
    for (method, tcp), told in zip(kinds, all_kinds(2, seconds)):
        assert told["statuses"].get("503", 0) > 0, (method, tcp, told)
        assert told["retry_after"] == told["statuses"]["503"]
        assert told["sent"] > 1500 * seconds
        if method == "INVITE":
            assert 0 < told["statuses"]["486"]
            assert one.status()["calls"]["total"] < 2000 * (1 + seconds)
        if tcp and ban:
            assert told["closed"] > 0
    assert whole(ear.rtp, first) > seconds * 5
    new = phone(one)
    assert new.call().status == 200
    assert new.bye().status == 200
    assert ear.bye().status == 200
    banned = {b["address"] for b in one.status()["bans"]}
    if ban:
        assert {f"127.0.2.{i + 2}" for i in range(len(kinds))} <= banned
    else:
        assert not banned
    if not long:
        return
    # transactions stay for 32 s
    one.wait_calls(0, timeout=60)
    until(lambda: memory(one) < before * 1.1, 60,
          lambda: f"memory {memory(one)}, before {before}", interval=1)


@pytest.mark.quiet
def test_in_overload_accepted_calls_stay_whole_and_the_rest_get_503(
        engine, phone, runs, tmp_path, long):
    """Also from a trusted address, by as much as there is time for."""
    seconds = 60 if long else 6
    one = engine(SCRIPT, rtp_blocks=20,
                 sets={"prompts": tmp_path, "limits.delay": 0.02, "drain": 1})
    ear = listener(phone, one, tmp_path, seconds)
    first = len(ear.rtp.packets)
    load = runs(callers(one, "127.0.0.1", rate=5000, seconds=seconds, hold=0))
    until(lambda: one.status()["overload"]["active"])
    one.wait_log("overload: requests wait for")
    calls = load.done(seconds + 60)

    assert calls["refused"] > 0
    assert calls["answered"] == calls["completed"] > 100 * seconds
    for fault in ("rejected", "lost", "cut", "left"):
        assert calls[fault] == 0, calls
    assert whole(ear.rtp, first, late=0.2) > seconds - 1
    assert ear.bye().status == 200
    one.wait_log("overload is over")
    one.wait_calls(0)
    status = one.status()
    assert not status["overload"]["active"]
    assert status["bans"] == []
    # attempts = answered + turned away, none twice and none lost
    assert status["calls"]["turned_away"]["overload"] >= calls["refused"]
    assert status["calls"]["total"] == calls["answered"] + 1
    one.wait_cdrs(calls["answered"] + 1)
    assert phone(one).call().status == 200


def test_bans_by_hand(engine, phone):
    one = engine(SCRIPT, sets=STRANGERS)
    stranger = phone(one, ip="127.0.0.7")
    assert stranger.call().status == 200

    assert one.tool("ban", "--for", "600", "127.0.0.7").returncode == 0
    assert "127.0.0.7" in one.tool("ban").stdout
    one.wait_log(r"banned: 127\.0\.0\.7, by hand, true, time 1")
    other = phone(one, ip="127.0.0.7")
    other.invite()
    until(lambda: one.ask("ban")[0]["dropped"] > 0)
    assert other.inbox == []
    # what was going on goes on: a ban can be brought about by others
    assert stranger.bye().status == 200

    refused = one.tool("ban", "127.0.0.1")
    assert refused.returncode == 1 and "trusted" in refused.stderr
    assert one.tool("ban", "nobody").returncode == 1
    assert one.tool("unban", "127.0.0.8").returncode == 1
    assert one.tool("unban", "127.0.0.7").returncode == 0
    assert one.tool("ban").stdout == ""
    assert phone(one, ip="127.0.0.7").call().status == 200
    assert one.tool("ban", "127.0.0.7").returncode == 0  # for ever
    assert "ends" not in one.ask("ban")[0]
    assert one.tool("unban", "all").returncode == 0
    assert one.ask("ban") == []


def test_who_tries_out_numbers_is_banned(engine, phone, ports):
    """sipvicious, as it is run against half of the internet. SECURITY.md 13."""
    one = engine("""
local moon = require "moondial"
moon.on_call("1900", function(call) call:answer() call:wait("hangup") end)
""", sets={"trusted": "127.0.0.99", "sources.ban": 2, "drain": 1})

    def scan(method):
        done = subprocess.run(
            ["svwar", "-m", method, "--force", "-e", "100-1900",
             "-t", "0.001", "--maximumtime", "1", "-p", str(one.port),
             "-b", "127.0.0.1", "-P", str(ports.one()),  # not 5060 of all
             "127.0.0.1"],
            capture_output=True, text=True, timeout=60, cwd=one.folder)
        return done.stdout + done.stderr

    # there is nobody to be registered, and it can't be seen who might be
    assert "found nothing" in scan("REGISTER")
    scan("INVITE")
    one.wait_log(r"127\.0\.0\.1 is banned for 2 s: requests that fail")
    # long before it came to the number that there is
    assert 30 < len(one.wait_cdrs()) < 200
    assert phone(one, ip="127.0.0.99").call("1900").status == 200
    # the second ban is longer than the first
    until(lambda: one.ask("ban") == [])
    again = phone(one, ip="127.0.0.1")
    for _ in range(80):
        again.call_id, again.tag = "x", "y"
        again.raw(again.request("REGISTER", again.uri_of()))
    one.wait_log(r"127\.0\.0\.1 is banned for 4 s: requests that fail")


def test_idle_connections_keep_nobody_out(engine, phone, runs):
    """SECURITY.md 9: they are limited for each address, and in all."""
    one = engine(SCRIPT, launch=False,
                 sets={**STRANGERS, "limits.connections": 200})
    one.sip = [f"tcp:127.0.0.1:{one.port}"]
    one.start()
    runs(Idle(one.port, ["127.0.0.30*100"]))
    until(lambda: one.status()["tcp_connections"] == 32)
    # 1,000 more from forty addresses
    runs(Idle(one.port, [f"127.0.0.{host}*25" for host in range(31, 71)]))
    until(lambda: one.counter("sip_tcp_accepted") == 1100)
    until(lambda: one.status()["tcp_connections"] <= 201)
    stranger = phone(one, ip="127.0.0.2", transport="tcp")
    assert stranger.call().status == 200
    runs(Idle(one.port, [f"127.0.0.{host}*25" for host in range(71, 82)]))
    assert stranger.bye().status == 200  # it has said something
    assert phone(one, transport="tcp").call().status == 200


@pytest.mark.idle
def test_connections_that_say_nothing_whole_are_closed(engine, phone):
    """SECURITY.md 9: idle and slow ones within 32 s."""
    one = engine(SCRIPT, launch=False, sets=STRANGERS)
    one.sip = [f"tcp:127.0.0.1:{one.port}"]
    one.start()
    idle, slow = (socket.create_connection(("127.0.0.1", one.port))
                  for _ in range(2))
    begin = time.monotonic()
    text = b"OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP " + b"x" * 99
    idle.settimeout(0.5)
    ended = False
    for byte in text:
        try:
            slow.send(bytes([byte]))
            ended = idle.recv(1) == b""
        except TimeoutError:
            assert time.monotonic() - begin < 40
            continue
        except OSError:
            ended = True
        if ended:
            break
    assert ended and 20 < time.monotonic() - begin < 36
    until(lambda: one.status()["tcp_connections"] == 0)
    assert phone(one, transport="tcp").call().status == 200
