"""Kamailio as registrar and proxy with digest authentication."""
import hashlib
import re

import pytest

from support.waiting import until

FLOW = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  local digit = call:gather { prompt = { tone = "440", duration = 0.2 },
    max_digits = 1, timeout = 10 }
  call.user.digit = digit
end)
"""


def account(kamailio, name="alice", password="secret", **more):
    fields = {"name": name, "uri": f"sip:{name}@127.0.0.1:{kamailio.port}",
              "auth_user": name, "password": password, **more}
    if fields["password"] is None:
        del fields["password"]
    return "return { accounts = { {%s} } }" % ", ".join(
        f"{k} = {v!r}" if isinstance(v, str) else f"{k} = {v}"
        for k, v in fields.items())


def state(engine):
    return engine.status()["accounts"][0]


def test_registers_and_unregisters_at_the_end(engine, kamailio):
    k = kamailio({"alice": "secret"})
    e = engine(FLOW, config=account(k))
    until(lambda: state(e)["state"] == "registered", what=e.tail)
    assert state(e)["expires_ms"] == 600_000
    assert [n[2] for n in k.lines("REGISTER")] == ["expires=600"]
    e.stop()
    assert k.wait_lines("REGISTER", 2)[1][2] == "expires=0"
    # each asked for once, answered once
    assert not k.lines("DENIED")


def test_registers_with_ha1(engine, kamailio):
    k = kamailio({"alice": "secret"})
    ha1 = hashlib.md5(b"alice:sip.test:secret").hexdigest()
    e = engine(FLOW, config=account(k, password=None, ha1=ha1))
    until(lambda: state(e)["state"] == "registered", what=e.tail)


@pytest.mark.idle
def test_the_registrars_expiry_counts_and_is_refreshed_in_time(
        engine, kamailio):
    k = kamailio({"alice": "secret"}, max_expires=12)
    e = engine(FLOW, config=account(k))
    until(lambda: state(e)["state"] == "registered", what=e.tail)
    assert state(e)["expires_ms"] == 12_000
    # refreshed before it ends, and not in a hurry
    first = state(e)["registered_at_ms"]
    k.wait_lines("REGISTER", 3, timeout=40)
    until(lambda: state(e)["registered_at_ms"] > first + 8000, what=e.tail)
    assert state(e)["registered_at_ms"] - first < 24_000
    assert state(e)["state"] == "registered"


@pytest.mark.idle
def test_a_wrong_password_is_told_and_tried_rarely(engine, kamailio):
    k = kamailio({"alice": "secret"})
    e = engine(FLOW, config=account(k, password="guess", retry_min=1))
    until(lambda: state(e)["state"] == "failed", what=e.tail)
    a = state(e)
    assert a["sip_code"] == 401
    assert a["reason"]
    assert a["next_at_ms"] > 0
    # it goes on for ever, by and by: a few requests, not a storm
    k.wait_lines("DENIED", 2, timeout=30)
    assert len(k.lines("DENIED")) + len(k.lines("CHALLENGED")) <= 6
    out = e.tool("status")
    assert out.returncode == 0 and "failed" in out.stdout
    assert "guess" not in e.log()


@pytest.mark.idle
def test_registers_again_when_the_registrar_comes_back(engine, kamailio):
    k = kamailio({"alice": "secret"}, max_expires=10)
    e = engine(FLOW, config=account(k, retry_min=1, retry_max=2))
    until(lambda: state(e)["state"] == "registered", what=e.tail)
    k.stop()
    until(lambda: state(e)["state"] == "failed", 60, e.tail)
    assert state(e)["reason"]
    k.start()
    until(lambda: state(e)["state"] == "registered", 30, e.tail)
    assert k.lines("REGISTER")


@pytest.mark.idle
def test_the_registrar_may_be_absent_at_the_start(engine, kamailio):
    k = kamailio({"alice": "secret"})
    k.stop()
    e = engine(FLOW, config=account(k, retry_min=1, retry_max=1))
    until(lambda: state(e)["state"] == "failed", 60, e.tail)
    k.start()
    until(lambda: state(e)["state"] == "registered", 30, e.tail)


def test_registers_over_tcp(engine, kamailio):
    k = kamailio({"alice": "secret"})
    e = engine(FLOW, config=account(
        k, proxy=f"sip:127.0.0.1:{k.port};transport=tcp"), launch=False)
    e.sip.append(f"tcp:127.0.0.1:{e.port}")
    e.start()
    until(lambda: state(e)["state"] == "registered", what=e.tail)
    assert "transport=tcp" in k.lines("REGISTER")[0][3]


def test_a_call_through_the_proxy_reaches_us(engine, kamailio, phone):
    k = kamailio({"alice": "secret"})
    e = engine(FLOW, config=account(k))
    until(lambda: state(e)["state"] == "registered", what=e.tail)
    p = phone(e, target=("127.0.0.1", k.port), user="stranger")
    response = p.call("alice")
    assert response.status == 200
    p.rtp.wait_packets(5)
    p.rtp.digit("4")
    p.wait("BYE")
    row = e.wait_cdr()
    assert row["account"] == "alice"
    assert row["digits"] == "4"
    assert row["from_user"] == "stranger"
    assert row["remote_addr"].endswith(f":{k.port}")


def test_a_call_out_through_the_proxy_with_digest_auth(
        engine, kamailio, baresip):
    k = kamailio({"alice": "secret", "bob": "geheim"})
    # bob is an engine of its own, registered with the same registrar
    b = engine(FLOW, config=account(k, "bob", "geheim"), name="engine-bob")
    until(lambda: state(b)["state"] == "registered", what=b.tail)
    a = engine("""
local moon = require "moondial"
moon.spawn(function()
  local call, reason = moon.dial(moon.args[1], { account = "alice" })
  moon.log.info("RESULT %s", call and "answered" or reason)
  call:sleep(0.5)
  call:dtmf("9")
  call:wait("hangup", 10)
end)
""", config=account(k), args=[f"sip:bob@127.0.0.1:{k.port}"],
               name="engine-alice")
    assert a.wait_log(r"RESULT (\S+)")[1] == "answered"
    row = a.wait_cdr()
    assert row["account"] == "alice"
    assert row["from_user"] == "alice"
    assert row["disposition"] == "answered"
    assert row["hangup_by"] == "remote"
    assert k.lines("INVITE_CHALLENGED") and k.lines("INVITE_AUTHENTICATED")
    answered = b.wait_cdr()
    assert (answered["account"], answered["digits"]) == ("bob", "9")
    # what SIP wrote of the call agrees on both sides
    assert answered["call_id"] == row["call_id"]


def test_a_trunk_with_an_account_calls_numbers(engine, kamailio):
    k = kamailio({"alice": "secret", "15550123": "geheim"})
    b = engine(FLOW, config=account(k, "15550123", "geheim"), name="engine-b")
    until(lambda: state(b)["state"] == "registered", what=b.tail)
    config = account(k).replace(
        "return {", "return { trunks = { { name = 'carrier', "
        "account = 'alice', prefix = '1' } },")
    a = engine("""
local moon = require "moondial"
moon.spawn(function()
  local call, reason = moon.dial("5550123")
  moon.log.info("RESULT %s", call and "answered" or reason)
  call:sleep(0.3)
  call:dtmf("5")
  call:wait("hangup", 10)
end)
""", config=config, name="engine-a")
    assert a.wait_log(r"RESULT (\S+)")[1] == "answered"
    row = a.wait_cdr()
    assert (row["trunk"], row["account"]) == ("carrier", "alice")
    assert b.wait_cdr()["to_user"] == "15550123"


def test_an_unknown_number_is_invalid(engine, kamailio):
    k = kamailio({"alice": "secret"})
    a = engine("""
local moon = require "moondial"
moon.spawn(function()
  local call, reason = moon.dial(moon.args[1], { account = "alice" })
  moon.log.info("RESULT %s", reason)
end)
""", config=account(k), args=[f"sip:nobody@127.0.0.1:{k.port}"])
    assert a.wait_log(r"RESULT (\S+)")[1] == "invalid"
    row = a.wait_cdr()
    assert (row["sip_code"], row["disposition"]) == (404, "invalid")


def test_a_call_waits_for_the_registrar_no_longer_than_its_timeout(
        engine, kamailio):
    k = kamailio({"alice": "secret"})
    k.stop()
    a = engine("""
local moon = require "moondial"
moon.spawn(function()
  local call, reason = moon.dial(moon.args[1], { account = "alice",
    timeout = 1 })
  moon.log.info("RESULT %s", reason)
end)
""", config=account(k), args=[f"sip:bob@127.0.0.1:{k.port}"])
    assert a.wait_log(r"RESULT (\S+)")[1] == "congestion"
    row = a.wait_cdr()
    assert row["disposition"] == "congestion"
    assert row["reason"] == "the account's registrar has not answered"
    assert not k.lines("INVITE")


def test_secrets_are_masked_in_the_sip_trace(engine, kamailio):
    k = kamailio({"alice": "secret"})
    e = engine(FLOW, config=account(k), sets={"sip_trace": True})
    until(lambda: state(e)["state"] == "registered", what=e.tail)
    log = e.log()
    assert "REGISTER sip:" in log
    assert not re.search(r'response="?[0-9a-f]{32}', log)
