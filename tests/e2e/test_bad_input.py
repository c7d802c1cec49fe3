"""Garbage from the wire and from disk: dropped or told clearly, and the next
call is served as if nothing had been."""
import random
import socket
import sqlite3
import struct

import pytest

from support import audio
from support.engine import moondial
from support.phone import Phone
from support.waiting import until

SERVE = """
local moon = require "moondial"
moon.on_call("serve", function(call)
  call:answer()
  local digit = call:gather { prompt = { tone = "440", duration = 0.2 },
    max_digits = 1, timeout = 10 }
  call.user.digit = digit
end)
"""


def serves(e, phone, **options):
    """A normal call goes through, with audio and a digit."""
    before = len(e.cdrs())
    p = phone(e, user="normal", **options)
    assert p.call("serve").status == 200
    p.rtp.wait_packets(5)
    p.rtp.digit("8")
    p.wait("BYE")
    rows = e.wait_cdrs(before + 1)
    row = next(r for r in reversed(rows) if r["from_user"] == "normal")
    assert row["digits"] == "8"
    assert row["disposition"] == "answered"


def messages(port):
    """SIP that is wrong in many ways, and noise."""
    rng = random.Random(7)
    head = ("Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx%d\r\n"
            "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
            "Call-ID: bad-%d\r\nCSeq: 1 %s\r\n")
    n = 0

    def message(first, method="INVITE", extra="", body=""):
        nonlocal n
        n += 1
        return (first + "\r\n" + head % (n, n, method) + extra + "\r\n"
                + body).encode()

    uri = f"sip:serve@127.0.0.1:{port}"
    good = message(f"INVITE {uri} SIP/2.0",
                   extra="Contact: <sip:a@127.0.0.1:9>\r\n")
    yield b""
    yield b"\r\n\r\n"
    yield b"\0" * 100
    yield b"INVITE"
    yield b"SIP/2.0 200 OK\r\n\r\n"
    yield message(f"INVITE {uri} SIP/3.0")
    yield message(f"INVITE {uri}")
    yield message("INVITE sip: SIP/2.0")
    yield message("INVITE sip:%00%00@ SIP/2.0")
    yield message(f"INVITE {uri} SIP/2.0", method="BYE")
    yield message(f"INVITE {uri} SIP/2.0", extra="Content-Length: 99999\r\n")
    yield message(f"INVITE {uri} SIP/2.0", extra="Content-Length: -5\r\n")
    yield message(f"INVITE {uri} SIP/2.0", extra="Contact: <\r\n")
    yield message(f"INVITE {uri} SIP/2.0", extra="X: " + "y" * 7000 + "\r\n")
    yield message(f"INVITE {uri} SIP/2.0",
                  extra="Contact: <sip:a@127.0.0.1:9>\r\n"
                  "Content-Type: application/sdp\r\n", body="v=0\r\nm=\r\n")
    yield message(f"REGISTER {uri} SIP/2.0", "REGISTER")
    yield message(f"ACK {uri} SIP/2.0", "ACK")
    yield message(f"CANCEL {uri} SIP/2.0", "CANCEL")
    yield message("SIP/2.0 200 OK")
    yield message("SIP/2.0 999 What")
    yield message("SIP/2.0 -1 What")
    for i in range(0, len(good), 9):
        yield good[:i]
    for _ in range(150):
        broken = bytearray(good)
        for _ in range(rng.randint(1, 8)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        yield bytes(broken)
    for _ in range(50):
        yield rng.randbytes(rng.randint(1, 1400))


def test_garbage_on_the_sip_port_over_udp(engine, phone):
    # what has become a call, by accident of the dice, need not go on at the end
    e = engine(SERVE, sets={"drain": 1})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        for data in messages(e.port):
            s.sendto(data, ("127.0.0.1", e.port))
        s.sendto(b"x" * 60000, ("127.0.0.1", e.port))
        # the garbage has been read when an answer behind it comes
        p = phone(e, rtp=False)
        p.call_id, p.tag = "behind", "1"
        p.raw(p.request("OPTIONS", p.uri_of()))
        assert p.final("OPTIONS", timeout=5).status == 200
    serves(e, phone)
    # nothing that a stranger sends fills the log
    assert len(e.log().splitlines()) < 200


def test_garbage_on_the_sip_port_over_tcp(engine, phone):
    e = engine(SERVE, launch=False)
    e.sip.append(f"tcp:127.0.0.1:{e.port}")
    e.start()
    for data in list(messages(e.port))[::3] + [b"x" * 300000]:
        with socket.create_connection(("127.0.0.1", e.port)) as s:
            try:
                s.sendall(data)
            except OSError:
                pass  # it may hang up on us
    idle = [socket.create_connection(("127.0.0.1", e.port))
            for _ in range(50)]
    idle[0].sendall(b"INVITE sip:")
    serves(e, phone, transport="tcp")
    serves(e, phone)
    for s in idle:
        s.close()


def test_garbage_on_the_rtp_port(engine, phone):
    e = engine("""
local moon = require "moondial"
moon.on_call("serve", function(call)
  call:answer()
  local recording = call:record { file = "r.wav", max = 20, trim = false,
    terminator = "#" }
end)
""")
    p = phone(e)
    p.call("serve")
    p.rtp.stream(audio.sine(500, 6))
    p.rtp.wait_packets(10)
    rng = random.Random(5)
    for i in range(300):
        size = rng.choice([0, 1, 2, 4, 11, 12, 13, 20, 172, 1400])
        p.rtp.raw(rng.randbytes(size))
        # right in all but the content: extension, padding, CSRCs that lie
        first = 0x80 | rng.choice([0x10, 0x20, 0x30, 0x0f, 0x3f])
        p.rtp.raw(struct.pack(">BBHII", first, rng.choice([0, 101, 13, 72]),
                              p.rtp.seq & 0xffff, p.rtp.ts & 0xffffffff,
                              p.rtp.ssrc) + rng.randbytes(rng.randint(0, 9)))
    # RTCP, too short and with lengths that lie
    for data in (b"\x80", b"\x80\xc8\xff\xff", b"\x81\xc9\x00\x07" + b"a" * 8,
                 b"\x9f\xcb\x00\x01aaaa", rng.randbytes(64)):
        p.rtp.raw(data, (p.rtp.to[0], p.rtp.to[1] + 1))
        p.rtp.raw(data)
    p.rtp.wait_packets(len(p.rtp.packets) + 25)
    p.rtp.silence()
    p.rtp.digit("#")
    p.wait("BYE")
    row = e.wait_cdr()
    assert row["rx_rejected"] > 50
    said, _ = audio.read_wav(e.recordings / "r.wav")
    part = said[int(audio.sounding(said[:, 0])[0] * 8000) + 400:][:1600, 0]
    assert audio.frequency(part) == pytest.approx(500, abs=2)


WAVS = {
    "empty": b"",
    "no-data-chunk": b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0"
                     b"\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0" + b"junk\0\0\0\0",
    "text": b"this is no audio at all\n" * 20,
    "zero-rate": b"RIFF\x34\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0"
                 b"\0\0\0\0\0\0\0\0\2\0\x10\0data\x10\0\0\0" + b"\0" * 16,
    "liar": b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\1\0"
            b"\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\xff\xff\xff\x7f",
}


@pytest.mark.parametrize("name", [*WAVS, "missing"])
def test_a_prompt_that_is_no_audio_ends_its_own_call_only(
        engine, phone, tmp_path, name):
    if name != "missing":
        (tmp_path / f"{name}.wav").write_bytes(WAVS[name])
    e = engine(SERVE + f"""
moon.on_call("broken", function(call)
  call:answer()
  call.user.first = "here"
  local ok, err = pcall(call.play, call, "{name}")
  call.user.ok, call.user.code = ok, not ok and err.code or nil
  call:play("{name}")
  call.user.second = "not here"
end)
""", sets={"prompts": tmp_path})
    e.expected.append(name)
    p = phone(e, user="unlucky")
    p.call("broken")
    p.wait("BYE", timeout=5)
    row = e.wait_cdr()
    if name in ("missing", "empty", "no-data-chunk", "text", "zero-rate"):
        assert name in row["script_error"]
        assert "flow.lua:15:" in row["script_error"]
        assert '"code":"prompt"' in row["user_json"]
        assert (row["hangup_by"], row["hangup_cause"]) == ("engine",
                                                           "script_error")
    serves(e, phone)


def test_a_prompt_outside_its_folder_is_not_read(engine, phone, tmp_path):
    audio.write_wav(tmp_path / "secret.wav", audio.sine(440, 1))
    (tmp_path / "prompts").mkdir()
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  for i, name in ipairs { "../secret", "/etc/passwd", "a/../../secret",
      "%s/secret.wav" } do
    local ok, err = pcall(call.play, call, name)
    call.user[i] = ok or err.code
  end
  for i, name in ipairs { "../x.wav", "/tmp/x.wav", "a/../../x.wav" } do
    local ok, err = pcall(call.record, call, { file = name, max = 1 })
    call.user[#call.user + 1] = ok or err.code
  end
end)
""" % tmp_path, sets={"prompts": tmp_path / "prompts"})
    phone(e).call()
    row = e.wait_cdr()
    assert row["user_json"] == "[" + ",".join(['"forbidden"'] * 7) + "]"


def test_names_from_the_wire_make_no_path(engine, phone):
    """What the caller calls himself may name a file, never a folder."""
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:record { file = "{from}-{to}.wav", max = 0.3, trim = false }
end)
""")
    p = phone(e)
    p.call("%2e%2e%2fup", from_="<sip:..%2f..%2fetc%2fpasswd%00x@h>")
    p.wait("BYE")
    row = e.wait_cdr()
    inside = list(e.recordings.rglob("*.wav"))
    assert len(inside) == 1 and inside[0].parent == e.recordings
    assert row["recording"] == str(inside[0])


@pytest.mark.parametrize("text,words", [
    ("this is no Lua", ["flow.lua:1:"]),
    ("local moon = require 'moondial'\nmoon.on_call(42)", ["flow.lua:2:"]),
    ("local x = nil\nx.y = 1", ["flow.lua:2:", "nil"]),
    ("require 'no.such.module'", ["no.such.module"]),
    ("while true do end", ["flow.lua:1:"]),
    ("local moon = require 'moondial'\nmoon.acount{}", ["acount"]),
    ("\x1bLua binary", ["flow.lua: a binary chunk"]),
])
def test_a_broken_script_is_told_at_the_start(engine, text, words):
    e = engine(text, launch=False)
    e.launch()
    assert e.wait() == 1
    for word in words:
        assert word in e.log(), e.log()
    assert not e.cdrs() if e.db.exists() else True
    e.process = None


def test_a_missing_script_is_told(engine, tmp_path):
    e = engine(tmp_path / "nobody.lua", launch=False)
    e.launch()
    assert e.wait() == 1
    assert "nobody.lua" in e.log()
    e.process = None


def test_a_newer_database_is_refused(engine):
    e = engine(SERVE)
    e.stop()
    with sqlite3.connect(e.db) as db:
        db.execute("pragma user_version = 4711")
    db.close()
    e.launch()
    assert e.wait() == 1
    assert "4711" in e.log() and "newer" in e.log()
    e.process = None
    done = moondial("cdr", "--db", e.db)
    assert done.returncode == 1 and "newer" in done.stderr
    with sqlite3.connect(e.db) as db:
        assert db.execute("pragma user_version").fetchone() == (4711,)
    db.close()


def test_a_file_that_is_no_database_is_refused(engine):
    e = engine(SERVE, launch=False)
    e.db.write_bytes(b"Dear diary, " * 1000)
    e.launch()
    assert e.wait() == 1
    assert "calls.db" in e.log()
    assert e.db.read_bytes().startswith(b"Dear diary")
    e.process = None


def test_a_folder_that_is_not_there_is_told(engine, tmp_path):
    e = engine(SERVE, launch=False)
    e.db = tmp_path / "none" / "calls.db"
    e.launch()
    assert e.wait() == 1
    assert "none/calls.db" in e.log()
    e.process = None


def test_a_locked_database_delays_records_and_no_call(engine, phone):
    e = engine(SERVE)
    db = sqlite3.connect(e.db, isolation_level=None)
    db.execute("begin immediate")
    p = phone(e, user="normal")
    assert p.call("serve").status == 200
    p.rtp.wait_packets(5)
    p.rtp.digit("8")
    p.wait("BYE")
    assert e.cdrs() == []
    db.execute("rollback")
    db.close()
    assert e.wait_cdr(30)["digits"] == "8"


def test_a_broken_csv_is_reported_by_line(engine, tmp_path):
    leads = tmp_path / "leads.csv"
    leads.write_bytes(b"phone,name\r\n"
                      b"+15550101,Ada\r\n"
                      b"nonsense,Bob\r\n"
                      b"+15550102,\"Cy, the \"\"one\"\"\"\r\n"
                      b",nobody\r\n"
                      b"+15550101,Ada again\r\n"
                      b"+15550103,\xff\xfe\r\n"
                      b"+15550104,x,too,many\r\n")
    done = moondial("campaign", "import", "--db", tmp_path / "c.db", "test",
                    leads)
    # what is good of it is imported: that has succeeded
    assert done.returncode == 0, done.stderr
    for line in (3, 5, 8):
        assert f"{leads}:{line}: left out" in done.stdout, done.stdout
    assert "7 rows, 3 leads new, 1 merged, 3 left out" in done.stdout
    db = sqlite3.connect(tmp_path / "c.db")
    rows = dict(db.execute("select phone, merged from leads"))
    db.close()
    assert rows["+15550101"] == 1
    assert "+15550102" in rows and "nonsense" not in rows


@pytest.mark.parametrize("data", [
    None, b"", b"name\nAda\n", b"\0\0\0", b"phone,phone\n1,2\n",
    b'"phone\n+15550101\n'])
def test_a_csv_that_cannot_be_read_is_refused(tmp_path, data):
    leads = tmp_path / "leads.csv"
    if data is not None:
        leads.write_bytes(data)
    done = moondial("campaign", "import", "--db", tmp_path / "d.db", "test",
                    leads)
    assert done.returncode == 1, done.stdout
    assert str(leads) in done.stderr and done.stdout == ""
    assert "traceback" not in done.stderr
    db = sqlite3.connect(tmp_path / "d.db")
    assert db.execute("select count(*) from leads").fetchone() == (0,)
    db.close()
