"""What an engine's surroundings can do to it: memory, disk, database,
descriptors, ports, name server and clock fail beneath calls. Calls in progress
go on wherever they can; the rest end with a reason in their record."""
import contextlib
import ctypes
import os
import resource
import socket
import sqlite3
import subprocess
import time

import pytest

from support import audio
from support.faults import Faults
from support.names import serve
from support.waiting import until

LINE = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:record_call { file = "r-{id}.wav" }
  call.user.digits = call:gather { prompt = { tone = "440", duration = 0.3 },
    terminator = "#", max_digits = 20, timeout = 600,
    inter_digit_timeout = 600 }
end)
"""


def talk(p):
    """A call that goes on: it is answered, and audio flows both ways."""
    assert p.call().status == 200
    p.rtp.stream(audio.sine(500, 240))
    p.rtp.wait_packets(10)
    return p


def still_talks(p):
    """Audio comes, and a digit is taken."""
    p.rtp.wait_packets(len(p.rtp.packets) + 20)


def ends_well(p, digits="12"):
    p.rtp.silence()
    for digit in digits + "#":
        p.rtp.digit(digit)
    p.wait("BYE")


# ---- memory

def test_an_allocation_in_so_many_fails(engine, phone, long, tmp_path):
    """Every so manieth allocation fails while calls come and go. What can't be
    served is refused or ends with a reason; the calls that were there before
    go on; with memory again, all is served."""
    faults = Faults(tmp_path)
    e = engine(LINE, rtp_blocks=2, sets={"drain": 1}, env=faults.env())
    e.expected.append(".*")
    first = talk(phone(e, user="first"))
    for each in ([1009, 499, 211, 97, 47, 23, 11] if long else [499, 97, 23]):
        faults.set("fail_each", each)
        refused = served = 0
        for _ in range(30 if long else 4):
            p = phone(e, user="unlucky")
            p.invite()
            try:
                answer = p.final(timeout=2)
            except AssertionError:
                p.close()
                continue  # it had not even the memory to say no
            p.ack(answer)
            refused += answer.status != 200
            served += answer.status == 200
            if answer.status == 200:
                p.rtp.to = answer.media()[:2]
                p.rtp.digit("#")
                p.raw(p.request("BYE", p.contact, to=p.remote))
            p.close()
        assert e.alive(), e.tail()
        total = faults.get("failed")
        faults.set("fail_each", 0)
        print(f"each {each}: {served} served, {refused} refused, "
              f"{faults.get('failed')} failed so far")
        still_talks(first)
    assert faults.get("failed") > 8
    # with memory, all is as it was
    last = talk(phone(e, user="last"))
    ends_well(last)
    ends_well(first)
    until(lambda: {"first", "last"} <= {
        r["from_user"] for r in e.cdrs() if r["ended_at_ms"]})
    rows = {r["from_user"]: r for r in e.cdrs()}
    for user in ("first", "last"):
        assert rows[user]["digits"] == "12#", rows[user]
    # what could not be written is told; with the reserve it is little
    e.lost = e.log().count("CDR not written")
    assert e.lost <= 3 + total / 10, e.tail()
    # those that were left in the air end by themselves: their peers are gone
    e.stop(timeout=90)
    faults.close()


# ---- disk

@pytest.fixture
def disk(tmp_path):
    """disk(size): a folder that is a file system of its own. It is mounted
    where this process and its children alone see it."""
    folder = tmp_path / "disk"
    mounted = []

    def mount(size):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x20000):  # CLONE_NEWNS
            pytest.skip("this user may not mount: "
                        + os.strerror(ctypes.get_errno()))
        folder.mkdir()
        # where / is no mount point (chroot), it is nothing that is shared
        subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none",
                        folder], check=True)
        mounted.append(folder)
        return folder

    yield mount
    for path in mounted:
        subprocess.run(["umount", "--lazy", path], check=True)


def fill(disk):
    """Not a byte is left."""
    path = disk / "filler"
    with open(path, "ab", buffering=0) as f:
        for size in (1 << 16, 4096, 512, 1):
            with contextlib.suppress(OSError):
                while f.write(bytes(size)):
                    pass
    return path


def test_a_full_disk_ends_no_call_and_loses_no_record(
        disk, engine, phone):
    room = disk("3m")
    e = engine(LINE, db=room / "calls.db", sets={
        "drain": 1, "recordings": room / "recordings"})
    e.expected += ["recording", "full", "store", "No space"]
    p, q = talk(phone(e, user="first")), talk(phone(e, user="second"))
    filler = fill(room)
    # a call that ends while nothing can be written
    ends_well(q)
    still_talks(p)
    # a new one is refused, or has its record later
    other = phone(e, user="third", rtp=False)
    other.invite()
    until(lambda: e.counter("store_retries") > 0, what=e.tail)
    answer = other.final()
    other.ack(answer)
    still_talks(p)
    filler.unlink()
    ends_well(p)
    if answer.status == 200:
        other.bye()
    until(lambda: e.status()["store_queued"] == 0, what=e.tail)
    rows = {r["from_user"]: r for r in e.wait_cdrs(3)}
    assert rows["first"]["digits"] == rows["second"]["digits"] == "12#"
    assert rows["first"]["disposition"] == "answered"
    assert answer.status in (200, 503)
    # and all is as before
    until(lambda: phone(e, rtp=False).call().status == 200)
    assert e.rows("pragma integrity_check") == [{"integrity_check": "ok"}]


# ---- database

def test_a_database_locked_for_ten_seconds_delays_records_only(
        engine, phone, long):
    seconds = 10 if long else 4
    e = engine(LINE, sets={"drain": 1})
    p = talk(phone(e, user="before"))
    db = sqlite3.connect(e.db, isolation_level=None)
    db.execute("begin immediate")
    start = time.monotonic()
    answers = []
    while time.monotonic() < start + seconds:
        q = phone(e, user=f"during{len(answers)}")
        answer = q.call()
        answers.append(answer.status)
        if answer.status == 200:
            q.rtp.wait_packets(3)
            q.bye()
        still_talks(p)
    assert len(answers) > seconds / 2
    assert set(answers) <= {200, 503}
    db.execute("commit")
    db.close()
    ends_well(p)
    rows = {r["from_user"]: r for r in e.wait_cdrs(len(answers) + 1)}
    assert rows["before"]["digits"] == "12#"
    for i, status in enumerate(answers):
        row = rows[f"during{i}"]
        assert bool(row["answered_at_ms"]) == (status == 200), row
    assert e.counter("store_retries") > 0


# ---- descriptors and ports

def descriptors(e):
    return len(os.listdir(f"/proc/{e.process.pid}/fd"))


def cpu_s(e):
    fields = open(f"/proc/{e.process.pid}/stat").read().rsplit(")")[-1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_without_descriptors_new_calls_are_refused(engine, phone):
    e = engine(LINE, launch=False, sets={"drain": 1})
    e.sip.append(f"tcp:127.0.0.1:{e.port}")
    e.start()
    e.expected += ["[Tt]oo many open files", "descriptors"]
    p = talk(phone(e, user="before"))
    soft, hard = resource.prlimit(e.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(e.process.pid, resource.RLIMIT_NOFILE,
                     (descriptors(e), hard))
    q = phone(e, user="during")
    assert q.call().status == 503
    # a connection that can't be accepted makes nobody busy
    with socket.create_connection(("127.0.0.1", e.port)):
        before, start = cpu_s(e), time.monotonic()
        still_talks(p)
        still_talks(p)
        still_talks(p)
        took = time.monotonic() - start
        assert cpu_s(e) - before < 0.5 * took, e.tail()
        resource.prlimit(e.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    r = talk(phone(e, user="after", transport="tcp"))
    ends_well(r)
    ends_well(p)
    rows = {r["from_user"]: r for r in e.wait_cdrs(3)}
    assert rows["before"]["digits"] == rows["after"]["digits"] == "12#"
    assert rows["during"]["disposition"] == "refused"
    assert (rows["during"]["hangup_by"], rows["during"]["hangup_cause"]) == (
        "engine", "overload")
    assert rows["during"]["sip_code"] == 503


def test_without_ports_new_calls_are_refused_and_later_served(engine, phone):
    e = engine(LINE, launch=False, sets={"drain": 1})
    e.sets["rtp.port_max"] = e.rtp + 3  # two calls
    e.expected.append("call:answer: Address already in use")
    e.start()
    p, q = talk(phone(e, user="a")), talk(phone(e, user="b"))
    for _ in range(3):
        refused = phone(e, user="refused").call()
        assert refused.status == 503
        assert refused.header("Retry-After") == "10"
    still_talks(p)
    ends_well(q)
    e.wait_calls(1)
    until(lambda: e.status()["streams"] == 1)
    r = talk(phone(e, user="c"))
    ends_well(r)
    ends_well(p)
    rows = e.wait_cdrs(6)
    refused = [x for x in rows if x["from_user"] == "refused"]
    assert {(x["disposition"], x["hangup_cause"], x["reason"], x["q850"])
            for x in refused} == {
                ("refused", "overload", "No RTP Port Free", 47)}
    assert {x["digits"] for x in rows if x["from_user"] in "abc"} == {"12#"}


# ---- the name server

def noise(question):
    """The right number, and then what makes no sense: pointers that point at
    themselves, lengths that lie, an answer to nothing."""
    head = question[:2]
    yield head + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:] \
        + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\xff\xff\1"
    yield head + b"\x81\x80\0\1\xff\xff\xff\xff\xff\xff" + b"\xc0\x0c" * 50
    yield head + b"\x81\x80\xff\xff\0\1\0\0\0\0" + b"\xc0\x0c"
    yield head
    yield os.urandom(200)
    yield head + os.urandom(400)
    yield head + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:] \
        + b"\xc0\x0c\0\x21\0\1\0\0\0\x3c\0\7\0\0\0\0\x13\xc4\xc0"


DIALS = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call.user.digits = call:gather { terminator = "#", timeout = 60,
    max_digits = 20, inter_digit_timeout = 600 }
end)
moon.spawn(function()
  for i = 1, 2 do
    local started = moon.now()
    local call, why = moon.dial("sip:x@nowhere" .. i .. ".test", { timeout = 3 })
    moon.log.info(("dial %d: %s %s %.1f"):format(i, call and "call" or "none",
      why or "-", moon.now() - started))
  end
  moon.log.info("dialled")
end)
"""


@pytest.mark.parametrize("name,way", [("silent", lambda q: ()),
                                      ("noise", noise)])
def test_a_dead_name_server_fails_calls_by_name_and_no_others(
        engine, phone, tmp_path, name, way):
    server, asks = serve(tmp_path, 1 + len(name), way)
    e = asks(engine(DIALS, launch=False, sets={"drain": 1,
                                               "outbound.allow": "*"}))
    try:
        e.start()
        p = phone(e, user="meanwhile")
        assert p.call().status == 200
        e.wait_log("dialled", 60)
        ends_well_quiet(p)
        assert server.asked > 0
    finally:
        server.close()
    rows = e.wait_cdrs(3)
    out = [r for r in rows if r["direction"] == "out"]
    assert len(out) == 2
    for row in out:
        assert row["disposition"] in ("congestion", "no_answer"), row
        assert not row["answered_at_ms"]
    assert [r["digits"] for r in rows if r["direction"] == "in"] == ["12#"]


def ends_well_quiet(p):
    for digit in "12#":
        p.rtp.digit(digit)
    p.wait("BYE")


# ---- the clock

STEPS = """
local moon = require "moondial"
local ticks = 0
moon.every(0.1, function() ticks = ticks + 1 end)
moon.on_call(function(call)
  call:answer()
  local before = ticks
  call.user.digits = call:gather { prompt = { tone = "440", duration = 0.3 },
    terminator = "#", max_digits = 20, timeout = 600,
    inter_digit_timeout = 600 }
  call.user.ticks = ticks - before
end)
"""


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_steps_moves_no_timer(engine, phone, tmp_path, hours):
    faults = Faults(tmp_path)
    e = engine(STEPS, sets={"drain": 1, "limits.duration": 30},
               env=faults.env())
    p = talk(phone(e, user="before"))
    wall = time.time()
    start = time.monotonic()
    faults.set("clock_s", 3600 * hours)
    still_talks(p)
    still_talks(p)
    still_talks(p)
    q = talk(phone(e, user="after"))
    ends_well(q)
    ends_well(p)
    took = time.monotonic() - start
    rows = {r["from_user"]: r for r in e.wait_cdrs(2)}
    for row in rows.values():
        assert row["digits"] == "12#"
        assert row["disposition"] == "answered"
        # how long it was is known, whatever the clock says
        assert row["ended_at_ms"] >= row["answered_at_ms"] \
            >= row["started_at_ms"]
        assert row["ended_at_ms"] - row["started_at_ms"] < 1000 * took + 3000
    # those that began later have the new time
    off = rows["after"]["started_at_ms"] / 1000 - (wall + 3600 * hours)
    assert -1 < off < took + 1, off
    ids = [r["id"] for r in e.rows("select id from cdrs order by rowid")]
    assert len(set(ids)) == 2
    log = e.log()
    assert "error" not in log
    faults.close()
