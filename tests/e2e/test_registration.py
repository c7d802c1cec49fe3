"""Registrations in the rough: registrars that want it otherwise, restart, die
and come back; several of them; what they say of routes."""
import re

import pytest

from support import names
from support.engine import moondial
from support.waiting import until

LINE = """
local moon = require "moondial"
moon.on("registration", function(r)
  moon.log.info("TOLD %s %s at %s: %s %s", r.account, r.state, r.server,
    r.code, r.reason)
end)
moon.on_call(function(call)
  call:answer()
  call:wait("hangup", 20)
end)
"""

DIALS = """
local moon = require "moondial"
moon.spawn(function()
  while moon.account("alice").state ~= "registered" do moon.sleep(0.05) end
  local call, reason = moon.dial(moon.args[1], { account = "alice" })
  moon.log.info("RESULT %s", call and "answered" or reason)
  moon.sleep(300)
end)
"""


def lua(value):
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(lua(v) for v in value) + " }"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def account(kamailio, name="alice", password="secret", **more):
    """One at the address of KAMAILIO, unless MORE says where."""
    fields = {"name": name, "uri": f"sip:{name}@127.0.0.1:{kamailio.port}",
              "auth_user": name, "password": password, **more}
    return "return { accounts = { {%s} } }" % ", ".join(
        f"{k} = {lua(v)}" for k, v in fields.items())


def state(engine):
    return engine.status()["accounts"][0]


def registered(engine, timeout=20, number=None):
    return until(lambda: (lambda a: a if a["state"] == "registered" and
                          number in (None, a["server_number"]) else None)(
                              state(engine)), timeout, engine.tail)


def test_what_is_too_brief_is_asked_for_longer(engine, kamailio):
    k = kamailio({"alice": "secret"}, min_expires=700)
    e = engine(LINE, config=account(k))
    assert registered(e)["expires_ms"] == 700_000
    assert [n[2] for n in k.lines("TOO_BRIEF")] == ["expires=600"]
    assert k.lines("REGISTER")[0][2] == "expires=700"


@pytest.mark.parametrize("which, expires", [
    ("contact", 30_000), ("header", 30_000), ("ignore", 600_000)])
def test_which_expiry_counts(engine, kamailio, which, expires):
    k = kamailio({"alice": "secret"}, max_expires=30)
    e = engine(LINE, config=account(k, registrar_expires=which))
    assert registered(e)["expires_ms"] == expires


def test_its_states_are_told_kept_and_shown(engine, kamailio):
    k = kamailio({"alice": "secret"})
    e = engine(LINE, config=account(k))
    registered(e)
    told = e.wait_log(r"TOLD alice registered at (\S+): nil nil")
    assert told[1] == k.uri()
    shown = e.tool("status").stdout
    assert re.search(rf"account +alice +registered +127.0.0.1:{k.port} "
                     rf"+10 min +\d+ min +sip:alice@127.0.0.1:{k.port}\n",
                     shown), shown
    e.stop()
    rows = e.rows("select * from registrations order by at_ms, id")
    assert [(r["account"], r["state"]) for r in rows] == [
        ("alice", "registered"), ("alice", "closed")]
    assert rows[0]["address"] == f"127.0.0.1:{k.port}"
    assert rows[0]["expires_ms"] == 600_000
    assert k.wait_lines("REGISTER", 2)[1][2] == "expires=0"


def test_a_binding_may_be_left_at_the_registrar(engine, kamailio):
    k = kamailio({"alice": "secret"})
    e = engine(LINE, config=account(k, unregister=False))
    registered(e)
    e.stop()
    assert [n[2] for n in k.lines("REGISTER")] == ["expires=600"]


def test_a_failure_is_told_with_its_reason(engine, kamailio):
    k = kamailio({"alice": "secret"})
    e = engine(LINE, config=account(k, password="wrong"))
    e.wait_log(r"TOLD alice failed at nil: 401 401 Unauthorized")
    until(lambda: e.rows("select * from registrations where sip_code = 401"),
          what=e.tail)
    # a minute at least until the next try: it is counted there
    assert state(e)["next_at_ms"] - e.rows(
        "select at_ms from registrations")[0]["at_ms"] > 50_000


@pytest.mark.idle
def test_a_registrar_that_restarts_in_the_middle_has_us_again(
        engine, kamailio, phone):
    k = kamailio({"alice": "secret"}, max_expires=10)
    e = engine(LINE, config=account(k, retry_min=1, retry_max=2))
    registered(e)
    k.kill()
    k.start()  # it has forgotten all of us
    k.wait_lines("REGISTER", timeout=60)
    registered(e)
    p = phone(e, target=("127.0.0.1", k.port), user="stranger")
    assert p.call("alice").status == 200
    p.bye()


@pytest.mark.idle
def test_when_the_first_dies_the_second_serves_and_the_first_again(
        engine, kamailio):
    """Each has a realm of its own: registrations and calls prove themselves
    in both."""
    users = {"alice": "secret", "bob": "geheim"}
    one, two = (kamailio(users, max_expires=10, realm="one.test"),
                kamailio(users, max_expires=10, realm="two.test"))
    b = engine(LINE, config=account(two, "bob", "geheim"), name="bob")
    registered(b)
    e = engine(DIALS, config=account(one, registrar=[one.uri(), two.uri()],
                                     retry_min=1),
               name="alice", args=[f"sip:bob@127.0.0.1:{two.port}"],
               launch=False)
    one.kill()
    e.start()
    a = registered(e, 30, number=2)
    assert a["address"] == f"127.0.0.1:{two.port}"
    assert e.wait_log(r"RESULT (\S+)")[1] == "answered"
    # no failure: there was another
    until(lambda: [r["state"] for r in e.rows("select * from registrations")]
          == ["registered"])
    one.start()
    registered(e, 90, number=1)
    one.wait_lines("REGISTER")


@pytest.mark.idle
def test_a_registrar_that_dies_while_in_use_is_left_for_the_second(
        engine, kamailio):
    users = {"alice": "secret"}
    one, two = (kamailio(users, max_expires=12, realm="one.test"),
                kamailio(users, realm="two.test"))
    e = engine(LINE, config=account(one, registrar=[one.uri(), two.uri()]))
    registered(e, number=1)
    one.kill()
    e.wait_log(f"alice: registered at 127.0.0.1:{two.port} ", 30)
    registered(e, number=2)
    two.wait_lines("REGISTER")


@pytest.mark.idle
def test_the_servers_of_an_srv_record_stand_in_for_each_other(
        engine, kamailio, tmp_path):
    users = {"alice": "secret"}
    one, two = kamailio(users, max_expires=10), kamailio(users)
    server, asks = names.serve(tmp_path, 7, names.zone({
        ("_sip._udp.pbx.test", names.SRV): [
            names.srv("a.pbx.test", one.port, priority=10),
            names.srv("b.pbx.test", two.port, priority=20)],
        ("a.pbx.test", names.A): [names.address("127.0.0.1")],
        ("b.pbx.test", names.A): [names.address("127.0.0.1")]}))
    try:
        e = asks(engine(LINE, launch=False, config=account(
            one, uri="sip:alice@pbx.test")))
        e.start()
        assert registered(e)["address"] == f"127.0.0.1:{one.port}"
        one.kill()
        until(lambda: state(e).get("address") == f"127.0.0.1:{two.port}", 30,
              e.tail)
        e.stop()
    finally:
        server.close()


@pytest.mark.parametrize("how", ["naptr", "srv", "parameter"])
def test_the_name_may_say_that_it_is_tcp(engine, kamailio, tmp_path, ports,
                                         how):
    """RFC 3263: NAPTR, then SRV for each transport that we have."""
    one = kamailio({"alice": "secret"})
    service = "_by_tcp.pbx.test" if how == "naptr" else "_sip._tcp.pbx.test"
    records = {
        (service, names.SRV): [names.srv("a.pbx.test", one.port)],
        ("a.pbx.test", names.A): [names.address("127.0.0.1")],
        # where it would be wrong to go
        ("pbx.test", names.A): [names.address("127.99.99.99")]}
    if how == "naptr":
        records["pbx.test", names.NAPTR] = [
            names.naptr("SIP+D2U", "_nowhere.pbx.test", order=20),
            names.naptr("SIP+D2T", service, order=10)]
    server, asks = names.serve(tmp_path, 8, names.zone(records))
    port = ports.one()
    try:
        e = asks(engine(LINE, launch=False, config=account(
            one, uri="sip:alice@pbx.test",
            **({"registrar": "sip:pbx.test;transport=tcp"}
               if how == "parameter" else {})),
            sip=[f"udp:127.0.0.1:{port}", f"tcp:127.0.0.1:{port}"]))
        e.start()
        assert registered(e)["address"] == f"127.0.0.1:{one.port}"
        assert "transport=tcp" in one.lines("REGISTER")[0][3]
        e.stop()
    finally:
        server.close()


def test_a_redirection_is_followed(engine, kamailio):
    two = kamailio({"alice": "secret"})
    one = kamailio({"alice": "secret"}, moved=two.uri())
    e = engine(LINE, config=account(one))
    a = registered(e)
    assert a["server"] == two.uri()
    assert two.lines("REGISTER") and not one.lines("REGISTER")


def test_calls_take_the_service_route(engine, kamailio):
    k = kamailio({"alice": "secret", "bob": "geheim"}, service_route=True)
    b = engine(LINE, config=account(k, "bob", "geheim"), name="bob")
    registered(b)
    e = engine(DIALS, config=account(k), name="alice",
               args=[f"sip:bob@127.0.0.1:{k.port}"])
    assert registered(e)["routes"] == [f"sip:127.0.0.1:{k.port}"]
    assert e.wait_log(r"RESULT (\S+)")[1] == "answered"
    assert k.lines("ROUTED INVITE alice")


def test_an_edge_proxy_is_in_the_path(engine, kamailio, phone):
    k = kamailio({"alice": "secret"})
    edge = kamailio({"nobody": "x"}, upstream=k.uri())
    e = engine(LINE, config=account(k, proxy=edge.uri()))
    a = registered(e)
    assert a["server"] == edge.uri()
    assert f"127.0.0.1:{edge.port}" in a["path"]
    # a call comes in over the edge
    p = phone(e, target=("127.0.0.1", k.port), user="stranger")
    assert p.call("alice").status == 200
    assert [n[1:] for n in edge.lines("EDGE INVITE")] == [["INVITE", "alice"]]
    p.bye()
    assert e.wait_cdr()["account"] == "alice"


def test_outbound_has_the_same_instance_after_a_restart(engine, kamailio):
    k = kamailio({"alice": "secret"})
    e = engine(LINE, config=account(k, outbound=True))
    registered(e)
    e.stop()
    e.start()
    registered(e)
    contacts = [" ".join(n[3:]) for n in k.wait_lines("REGISTER", 3)]
    instances = {re.search(r'\+sip\.instance="<(urn:uuid:[-0-9a-f]{36})>"',
                           c)[1] for c in contacts}
    assert len(instances) == 1
    assert all(";ob>" in c and ";reg-id=1" in c for c in contacts)


def test_wrong_options_are_named(tmp_path):
    for fields, message in (
            ({"registrar_expires": "never"}, "registrar_expires"),
            ({"instance_id": "me"}, "is not urn:uuid: and a UUID"),
            ({"registrar": ["sip:a", "b"]}, "'b' is not a SIP URI"),
            ({"registrar": "sip:a;transport=tls"},
             "accounts[1]: account 'a': registrar: transport is udp or tcp"),
            ({"flows": 2}, "2 flows need outbound = true"),
            ({"keepalive_sip": 1}, "from 2 to 3600 s")):
        path = tmp_path / "moondial.lua"
        path.write_text('return { accounts = { { name = "a", '
                        'uri = "sip:a@b.test", %s } } }' % ", ".join(
                            f"{k} = {lua(v)}" for k, v in fields.items()))
        done = moondial("check", "-c", path)
        assert done.returncode != 0
        assert message in done.stderr, done.stderr


@pytest.mark.parametrize("text, message", [
    ('accounts = { { name = "a", uri = "sip:a@b.test" },'
     ' { name = "a", uri = "sip:c@b.test" } }',
     "accounts[2].name: there is another 'a' before"),
    ('trunks = { { name = "t" } }',
     "trunks[1]: trunk 't' needs hosts, an account, or both"),
    ('trunks = { { name = "t", account = "a" } }',
     "trunks[1]: trunk 't': there is no account 'a'"),
    ('trunks = { { name = "t", hosts = "sip:h.test" } }',
     "a host is expected; did you mean 'h.test'?"),
    ('trunks = { { name = "t", hosts = "h.test;transport=tls" } }',
     "hosts[1] 'h.test;transport=tls': TLS is not available"),
    ('accounts = { { name = "a", uri = "sip:a@b.test", register = false } },'
     ' trunks = { { name = "t", account = "a", keepalive = "register" } }',
     "of an account that registers"),
    ('endpoints = { { name = "e", password = "x" },'
     ' { name = "f" } }',
     "endpoints[2]: endpoint 'f' needs a password or ha1")])
def test_check_finds_what_could_not_start(tmp_path, text, message):
    path = tmp_path / "moondial.lua"
    path.write_text("return { %s }" % text)
    done = moondial("check", "-c", path)
    assert done.returncode != 0
    assert message in done.stderr, done.stderr
