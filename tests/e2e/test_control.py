"""A running engine is looked at, reloaded, drained and stopped; one that can't
start says why; the records are listed."""
import concurrent.futures
import csv
import io
import json
import os
import signal
import stat
import subprocess
import time

import pytest

from support.engine import moondial
from support.waiting import until

ANSWER = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call.user.generation = "%s"
  local digit = call:wait_digit(30)
  call.user.digit = digit
  call.user.after = "%s"
end)
"""


def test_status_tells_of_calls_in_text_and_json(engine, phone):
    e = engine(ANSWER % ("one", "one"))
    p = phone(e)
    p.call()
    s = json.loads(e.tool("status", "--json").stdout)
    assert s["state"] == "running"
    assert (s["calls"]["active"], s["calls"]["answered"],
            s["calls"]["in"]) == (1, 1, 1)
    assert s["streams"] == 1
    assert s["scripts"]["coroutines"] >= 1
    text = e.tool("status").stdout
    assert "1 now (1 in, 0 out" in text
    assert p.bye().status == 200
    e.wait_calls(0)
    until(lambda: e.status()["streams"] == 0, what=e.status)
    s = e.status()
    assert (s["calls"]["total"], s["calls"]["total_answered"]) == (1, 1)


def test_only_the_owner_may_open_the_control_socket(engine):
    e = engine(ANSWER % ("one", "one"))
    mode = os.stat(f"{e.db}.sock").st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
    e.stop()
    assert not os.path.exists(f"{e.db}.sock")


@pytest.mark.parametrize("command", ["status", "reload", "drain"])
def test_commands_say_when_nothing_runs(tmp_path, command):
    done = moondial(command, "--db", tmp_path / "none.db")
    assert done.returncode == 1
    assert "none.db" in done.stderr
    assert "runs" in done.stderr or "running" in done.stderr


def test_console_evaluates_lua_in_the_engine(engine, phone):
    e = engine(ANSWER % ("one", "one"))
    assert e.tool("console", "-e", "return 6 * 7").stdout.strip() == "42"
    assert e.tool("console", "-e", "6 * 7").stdout.strip() == "42"
    p = phone(e)
    p.call()
    out = e.tool("console", "-e",
                 'local m = require "moondial" return #m.calls()').stdout
    assert out.strip() == "1"
    wrong = e.tool("console", "-e", "error('oh dear')")
    assert wrong.returncode == 1 and "oh dear" in wrong.stderr
    loop = e.tool("console", "-e", "while true do end")
    assert loop.returncode == 1
    assert p.bye().status == 200


@pytest.mark.parametrize("way", ["SIGHUP", "command"])
def test_reload_keeps_the_old_flow_for_calls_in_progress(engine, phone, way):
    e = engine(ANSWER % ("one", "one"))
    old, new = phone(e, user="old"), phone(e, user="new")
    old.call()
    e.script.write_text(ANSWER % ("two", "two"))
    if way == "SIGHUP":
        e.send(signal.SIGHUP)
        e.wait_log("scripts reloaded")
    else:
        done = e.tool("reload")
        assert (done.returncode, done.stdout.strip()) == (0, "reloaded")
    new.call()
    old.rtp.wait_packets(1)
    for p in (old, new):
        p.rtp.digit("5")
        p.wait("BYE")
    rows = {r["from_user"]: json.loads(r["user_json"])
            for r in e.wait_cdrs(2)}
    assert rows["old"] == {"generation": "one", "digit": "5", "after": "one"}
    assert rows["new"] == {"generation": "two", "digit": "5", "after": "two"}
    # nothing holds on to the old generation: it goes with the garbage

    def collected():
        e.tool("console", "-e", 'collectgarbage("step")')
        return e.status()["scripts"]["generations"] == 1

    until(collected, what=lambda: e.status()["scripts"])


def test_a_script_that_does_not_load_leaves_the_old_one(engine, phone):
    e = engine(ANSWER % ("one", "one"))
    e.expected.append("scripts not reloaded")
    e.script.write_text("this is no Lua")
    done = e.tool("reload")
    assert done.returncode == 1
    assert "flow.lua:1:" in done.stderr
    e.send(signal.SIGHUP)
    e.wait_log("scripts not reloaded.*flow.lua:1:")
    p = phone(e)
    assert p.call().status == 200
    assert p.bye().status == 200


def test_sigterm_lets_calls_end_and_takes_no_new_ones(engine, phone):
    e = engine(ANSWER % ("one", "one"), sets={"drain": 20})
    e.expected = []
    p, late = phone(e), phone(e, user="late")
    p.call()
    e.send(signal.SIGTERM)
    until(lambda: e.status()["state"] == "draining", what=e.tail)
    refused = late.call()
    assert refused.status == 503 and refused.header("Retry-After")
    assert e.alive()
    p.rtp.digit("7")
    p.wait("BYE")
    assert e.wait() == 0
    rows = {r["from_user"]: r for r in e.cdrs()}
    assert rows["phone"]["digits"] == "7"
    assert rows["phone"]["hangup_by"] == "local"
    assert (rows["late"]["sip_code"], rows["late"]["hangup_cause"],
            rows["late"]["q850"]) == (503, "draining", 38)


def test_the_drain_limit_ends_calls(engine, phone):
    e = engine(ANSWER % ("one", "one"), sets={"drain": 1})
    p = phone(e)
    p.call()
    began = time.monotonic()
    e.send(signal.SIGTERM)
    p.wait("BYE")
    assert e.wait() == 0
    assert 0.9 < time.monotonic() - began < 8
    row = e.wait_cdr()
    assert (row["hangup_by"], row["hangup_cause"]) == ("engine", "drain")
    assert row["disposition"] == "answered"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(engine, phone, number):
    e = engine(ANSWER % ("one", "one"), sets={"drain": 600})
    p, ringing = phone(e), phone(e, user="other")
    p.call()
    e.send(number)
    until(lambda: e.status()["state"] == "draining", what=e.tail)
    began = time.monotonic()
    e.send(number)
    p.wait("BYE")
    assert e.wait() == 0
    assert time.monotonic() - began < 10
    assert e.cdrs()[0]["hangup_cause"] == "drain"


def test_the_drain_command_ends_the_engine(engine):
    e = engine(ANSWER % ("one", "one"))
    assert e.tool("drain").stdout.strip() == "draining"
    assert e.wait() == 0


def test_a_command_that_waits_ends_with_the_engine(engine):
    e = engine(ANSWER % ("one", "one"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asked = pool.submit(e.tool, "console", "-e",
                            "moon.shared.here = true moon.sleep(60)")
        until(lambda: e.tool("console", "-e", "moon.shared.here")
              .stdout.strip() == "true", what="the command")
        e.stop()
        done = asked.result()
    assert done.returncode == 1
    assert done.stderr.startswith("moondial: "), done.stderr


def test_a_peer_that_does_not_answer_the_bye_keeps_nobody(engine, phone):
    e = engine(ANSWER % ("one", "one"), sets={"drain": 1})
    p = phone(e)
    p.auto = set()
    p.call()
    e.send(signal.SIGTERM)
    p.wait("BYE")
    assert e.wait(45) == 0
    assert e.cdrs()[0]["hangup_cause"] == "drain"


def refused(e, words):
    """The engine does not start, says WORDS, and leaves."""
    e.launch()
    assert e.wait() == 1, e.log()
    log = e.log()
    for word in words:
        assert word in log, log
    e.process = None


def test_a_port_in_use_is_named(engine):
    e = engine(ANSWER % ("one", "one"))
    other = engine(ANSWER % ("two", "two"), launch=False)
    other.sip = e.sip
    refused(other, [f"127.0.0.1:{e.port}", "already in use"])


def test_a_port_in_use_over_tcp_is_named(engine):
    e = engine(ANSWER % ("one", "one"), launch=False)
    e.sip = [f"tcp:127.0.0.1:{e.port}"]
    e.start()
    other = engine(ANSWER % ("two", "two"), launch=False)
    other.sip = e.sip
    refused(other, [f"127.0.0.1:{e.port}", "already in use"])


def test_two_engines_on_one_database(engine):
    e = engine(ANSWER % ("one", "one"))
    other = engine(ANSWER % ("two", "two"), launch=False, db=e.db)
    refused(other, ["calls.db", str(e.process.pid)])
    assert e.status()["state"] == "running"


# ---- check

def test_check_finds_mistakes_in_a_configuration(tmp_path):
    good = tmp_path / "good.lua"
    good.write_text("return { limits = { calls = 10 } }")
    done = moondial("check", "-c", good)
    assert (done.returncode, done.stdout.strip()) == (0, f"{good}: ok")
    for text, words in [
            ("return { limts = { calls = 10 } }", ["limts", "limits"]),
            ("return { limits = { calls = 'ten' } }", ["limits.calls"]),
            ("return { limits = { calls = -1 } }", ["limits.calls"]),
            ("return {\n limits = {", [":2:"]),
            ("return 42", ["table"]),
            ("return { accounts = { { name = 'a', uri = 'nonsense' } } }",
             ["accounts[1].uri", "nonsense"])]:
        bad = tmp_path / "bad.lua"
        bad.write_text(text)
        done = moondial("check", "-c", bad)
        assert done.returncode == 1, text
        for word in words + ["bad.lua"]:
            assert word in done.stderr, done.stderr


def test_check_finds_mistakes_in_scripts(tmp_path):
    good, bad = tmp_path / "good.lua", tmp_path / "bad.lua"
    good.write_text(ANSWER % ("a", "b"))
    bad.write_text("local moon = require 'moondial'\nmoon.on_cal(1")
    done = moondial("check", good, bad)
    assert done.returncode == 1
    assert f"{good}: ok" in done.stdout
    assert "bad.lua:2:" in done.stderr
    assert moondial("check", good).returncode == 0


def test_a_wrong_command_line_is_status_2(tmp_path):
    for words in (["run"], ["runn"], ["run", "--sipp", "x", "y.lua"],
                  ["cdr", "--limit", "x"], ["check"], []):
        assert moondial(*words, cwd=tmp_path).returncode == 2, words
    assert "run" in moondial("runn").stderr


def test_a_secret_comes_from_the_environment(engine, tmp_path):
    e = engine(ANSWER % ("one", "one"), env={"MD_PASS": "hush"}, config="""
return { accounts = { { name = "a", uri = "sip:a@127.0.0.1", register = false,
  password = env("MD_PASS") } } }""")
    assert "hush" not in e.log()
    assert "hush" not in json.dumps(e.status())
    assert e.tool("console", "-e",
                  'return require("moondial").config').stdout.count("hush") \
        == 0
    missing = tmp_path / "c.lua"
    missing.write_text('return { db = env("MD_NOT_THERE") }')
    done = moondial("check", "-c", missing)
    assert done.returncode == 1 and "MD_NOT_THERE" in done.stderr


# ---- cdr

@pytest.fixture
def listed(engine, phone):
    """Three calls: ada is answered, bob rejected, +15550100 nobody's."""
    e = engine("""
local moon = require "moondial"
moon.on_call("ada", function(call)
  call.disposition = "happy, \\"very\\""
  call:answer()
end)
moon.on_call("bob", function(call) call:reject(486) end)
""")
    for user, caller in (("ada", "one"), ("bob", "=cmd|x"), ("15550100",
                                                             "three")):
        p = phone(e)
        p.user = caller
        p.call(user, from_=f'"N, {caller}" <sip:{caller.strip("=|")}@h>')
        if user == "ada":
            p.wait("BYE")
    e.wait_cdrs(3)
    return e


def test_cdr_lists_as_json_csv_and_table(listed):
    rows = json.loads(listed.tool("cdr", "--json").stdout)
    assert [r["to_user"] for r in rows] == ["ada", "bob", "15550100"]
    assert rows[0]["disposition"] == 'happy, "very"'
    assert isinstance(rows[0]["started_at_ms"], int)
    table = list(csv.DictReader(io.StringIO(
        listed.tool("cdr", "--csv").stdout)))
    assert [r["to_user"] for r in table] == ["ada", "bob", "15550100"]
    assert table[0]["disposition"] == 'happy, "very"'
    text = listed.tool("cdr").stdout
    assert len(text.strip().splitlines()) >= 4
    assert "ada" in text and "486" in text
    assert listed.tool("cdr", "--table").stdout == text


@pytest.mark.parametrize("filters,users", [
    (["--disposition", "rejected"], ["bob"]),
    (["--number", "15550100"], ["15550100"]),
    (["--number", "ada"], ["ada"]),
    (["--limit", "2"], ["bob", "15550100"]),
    (["--direction", "out"], []),
    (["--direction", "in", "--since", "1h"], ["ada", "bob", "15550100"]),
    (["--until", "2020-01-01"], []),
    (["--since", "today", "--disposition", "refused"], ["15550100"]),
    (["--campaign", "none"], []),
])
def test_cdr_filters(listed, filters, users):
    rows = json.loads(listed.tool("cdr", "--json", *filters).stdout)
    assert [r["to_user"] for r in rows] == users


def test_cdr_of_no_database_says_so(tmp_path):
    done = moondial("cdr", "--db", tmp_path / "none.db")
    assert done.returncode == 1 and "none.db" in done.stderr
    assert not (tmp_path / "none.db").exists()


def test_the_records_can_be_read_while_calls_go_on(engine, phone):
    e = engine(ANSWER % ("one", "one"))
    p = phone(e)
    p.call()
    until(lambda: json.loads(e.tool("cdr", "--json").stdout), what="a row")
    row = json.loads(e.tool("cdr", "--json").stdout)[0]
    assert row["disposition"] == "in_progress" and not row["ended_at_ms"]
    assert p.bye().status == 200


def test_a_killed_engine_leaves_interrupted_calls(engine, phone):
    e = engine(ANSWER % ("one", "one"))
    p = phone(e)
    p.call()
    until(lambda: e.cdrs(), what="a row")
    e.kill()
    e.start()
    row = e.cdrs()[0]
    assert row["disposition"] == "interrupted"
    assert (row["hangup_by"], row["hangup_cause"]) == ("engine",
                                                       "engine_died")
