"""The way to a server kept open, and what happens when it is not any more."""
import re
import time

import pytest

from support.answerer import Answerer
from support.nat import OUTSIDE, PUBLIC, Nat
from support.waiting import until

FLOW = """
local moon = require "moondial"
moon.on_call(function(call)
  call:reject(486)
end)
"""


def account(server, keepalive, interval=1, **more):
    fields = {"name": "line", "uri": "sip:line@example.test",
              "registrar": f"sip:{server}", "keepalive": keepalive,
              "keepalive_interval": interval, **more}
    return "return { accounts = { { %s } } }" % ", ".join(
        f"{k} = {v!r}" if isinstance(v, str) else f"{k} = {v}"
        for k, v in fields.items())


def trunk(server, keepalive, interval=1, **more):
    fields = {"name": "carrier", "hosts": server, "keepalive": keepalive,
              "keepalive_interval": interval, **more}
    return "return { trunks = { { %s } } }" % ", ".join(
        f"{k} = {v!r}" if isinstance(v, str)
        else f"{k} = {str(v).lower()}" for k, v in fields.items())


def state(engine):
    return engine.status()["accounts"][0]["state"]


@pytest.fixture
def server(ports):
    made = []

    def make(answers=None, **options):
        made.append(Answerer(ports.one(), answers, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("kind,wire", [("crlf", b"\r\n"),
                                       ("double_crlf", b"\r\n\r\n")])
def test_lines_are_sent_while_it_is_registered(engine, server, kind, wire):
    s = server()
    e = engine(FLOW, config=account(s.host, kind))
    until(lambda: len(s.datagrams) >= 3, what=e.tail)
    assert {d for _, d, _ in s.datagrams} == {wire}
    # from where it has registered
    assert {p for _, _, p in s.datagrams} == {s.of("REGISTER")[0][2]}
    assert len(s.of("REGISTER")) == 1
    assert e.counter("sip_keepalives") >= 3
    e.stop()
    assert s.of("REGISTER")[-1][1].header("Expires") == "0"


@pytest.mark.parametrize("kind", ["options", "notify"])
def test_requests_are_sent_and_silence_is_noticed(engine, server, kind):
    s = server()
    method = kind.upper()
    e = engine(FLOW, config=account(s.host, kind))
    until(lambda: len(s.of(method)) >= 3, what=e.tail)
    if kind == "notify":
        assert s.of(method)[0][1].header("Event") == "keep-alive"
    assert state(e) == "registered"
    assert len(s.of("REGISTER")) == 1


@pytest.mark.idle
def test_a_dead_way_is_registered_anew_at_once(engine, server):
    s = server()
    e = engine(FLOW, config=account(s.host, "stun"))
    until(lambda: len(s.datagrams) >= 2, what=e.tail)
    assert state(e) == "registered"
    s.answers = {"*": "200 OK", "STUN": None}
    e.wait_log("the flow to its registrar is dead: keep-alive: no answer to 4"
               " STUN")
    until(lambda: len(s.of("REGISTER")) == 2)
    s.answers = {"*": "200 OK"}
    until(lambda: state(e) == "registered")
    assert e.counter("sip_keepalive_dead") == 1


@pytest.mark.idle
def test_a_dead_registrar_gives_way_to_the_next(engine, server):
    first, second = server(), server()
    e = engine(FLOW, config=f"""return {{ accounts = {{ {{ name = "line",
      uri = "sip:line@example.test", keepalive = "options",
      keepalive_interval = 1,
      registrar = {{ "sip:{first.host}", "sip:{second.host}" }} }} }} }}""")
    until(lambda: len(first.of("OPTIONS")) >= 2, what=e.tail)
    assert state(e) == "registered" and not second.requests
    first.answers = {"*": None}
    e.wait_log("the flow to its registrar is dead: keep-alive: no answer to 7"
               " OPTIONS")
    began = time.monotonic()
    until(lambda: second.of("REGISTER") and state(e) == "registered",
          what=e.tail)
    # at once: not after the half minute of a REGISTER without an answer
    assert time.monotonic() - began < 10


def test_a_short_register_is_a_keepalive(engine, server):
    s = server()
    engine(FLOW, config=account(s.host, "register"))
    until(lambda: len(s.of("REGISTER")) >= 4)
    times = [t for t, _, _ in s.of("REGISTER")][:4]
    assert all(0.9 < b - a < 5 for a, b in zip(times, times[1:])), times


def test_kamailio_answers_lines_over_tcp(engine, kamailio, ports):
    """RFC 5626: the pong of a connection; when it goes, another takes its
    place."""
    k = kamailio({"line": "secret"})
    port = ports.one()
    e = engine(FLOW, sip=[f"udp:127.0.0.1:{port}", f"tcp:127.0.0.1:{port}"],
               config=account(f"127.0.0.1:{k.port};transport=tcp",
                              "double_crlf", uri=f"sip:line@127.0.0.1:{k.port}",
                              auth_user="line", password="secret"))
    until(lambda: state(e) == "registered", what=e.tail)
    k.stop()
    # no refresh is due for minutes: the closed connection tells
    e.wait_log("the flow to its registrar is dead")
    k.start()
    until(lambda: state(e) == "registered", 40, e.tail)


@pytest.mark.idle
def test_two_flows_by_two_proxies(engine, server):
    """One dies: by the other it is still registered, and nothing has failed."""
    knows = {"REGISTER": "200 OK\nRequire: outbound"}
    one, two = server(dict(knows)), server(dict(knows))
    config = account(one.host, "stun", retry_min=1).replace(
        f"registrar = 'sip:{one.host}'",
        f"registrar = 'sip:example.test', outbound = true, flows = 2, "
        f"proxy = {{ 'sip:{one.host}', 'sip:{two.host}' }}")
    e = engine(FLOW, config=config)
    flows = lambda: {  # noqa: E731
        f["reg_id"]: f.get("server")
        for f in e.status()["accounts"][0]["flows"]}
    until(lambda: flows() == {1: f"sip:{one.host}", 2: f"sip:{two.host}"},
          what=e.tail)
    for s, number in ((one, 1), (two, 2)):
        assert f";reg-id={number};" in s.of("REGISTER")[0][1].header("Contact")
    shown = e.tool("status").stdout
    assert re.search(rf"  flow +sip:{two.host} +registered", shown), shown
    one.answers = {"*": None}
    until(lambda: e.status()["accounts"][0].get("server") ==
          f"sip:{two.host}", 30, e.tail)
    assert {r["state"] for r in e.rows("select * from registrations")} == {
        "registered"}
    e.expected.append("flows need")
    said = e.ask("eval", text="""return select(2, pcall(moon.account, {
      name = "x", uri = "sip:x@y.test", flows = 2 }))""")
    assert "2 flows need outbound = true" in str(said)


@pytest.mark.idle
def test_a_trunk_that_its_keepalive_finds_dead_is_unreachable(engine, server):
    s = server({"*": "200 OK"})
    e = engine(FLOW, config=trunk(s.host, "stun"))
    status = lambda: e.status()["trunks"][0]  # noqa: E731
    until(lambda: status()["state"] == "reachable", what=e.tail)
    assert not s.requests  # no OPTIONS are asked for
    s.answers = {"*": None}
    until(lambda: status()["state"] == "unreachable", 40, e.tail)
    assert status()["reason"] == "keep-alive: no answer to 4 STUN requests"
    s.answers = {"*": "200 OK"}
    until(lambda: status()["state"] == "reachable", 40, e.tail)


def test_a_trunk_by_notify(engine, server):
    s = server({"NOTIFY": "489 Bad Event", "*": None})
    e = engine(FLOW, config=trunk(s.host, "notify"))
    until(lambda: e.status()["trunks"][0]["state"] == "reachable", what=e.tail)
    until(lambda: len(s.of("NOTIFY")) >= 3)
    assert not s.of("OPTIONS")


def test_a_trunk_by_the_registers_of_its_account(engine, server):
    s = server()
    text = account(s.host, "none", retry_min=1)[:-2] + (
        ", trunks = { { name = 'carrier', account = 'line',"
        " keepalive = 'register', keepalive_interval = 1 } } }")
    e = engine(FLOW, config=text)
    status = lambda: e.status()["trunks"][0]  # noqa: E731
    until(lambda: status()["state"] == "reachable", what=e.tail)
    until(lambda: len(s.of("REGISTER")) >= 4, what=e.tail)
    s.answers = {"*": "503 Service Unavailable"}
    until(lambda: status()["state"] == "unreachable", what=e.tail)
    assert status()["reason"].startswith("not registered: 503")
    s.answers = {"*": "200 OK"}
    until(lambda: status()["state"] == "reachable", what=e.tail)
    said = e.ask("eval", text="""return select(2, pcall(moon.trunk, {
      name = "x", hosts = "127.0.0.1", keepalive = "register" }))""")
    assert "without hosts" in str(said)
    e.expected.append("without hosts")


# ---- a real NAT -------------------------------------------------------------

@pytest.fixture
def nat(long):
    made = Nat(10 if long else 3)
    yield made
    made.close()


def outer_port(server, inner):
    """Whence the outside sees what an engine sends from its port INNER."""
    for _, message, source in server.requests:
        if f":{inner};" in message.header("Via"):
            return source
    return None


@pytest.mark.idle
def test_behind_a_nat_calls_come_in_with_keepalives_only(
        engine, nat, ports, long):
    """After the NAT has forgotten whom nothing was sent for, a call from the
    registrar or the trunk's host gets through to those that keep their way
    open, and to no other."""
    kinds = (["crlf", "double_crlf", "stun", "options", "notify", "register"]
             if long else ["crlf", "stun"])
    interval = 3 if long else 1
    sip = ports.one()
    server = nat.outside.inside(Answerer, sip, ip=OUTSIDE)
    engines, seen = {}, {}

    def reached(key, e):
        """At first everybody is; the NAT must not have forgotten it yet."""
        seen[key] = until(lambda: outer_port(server, e.port),
                          what=lambda: f"{key}: {e.tail()}")
        assert seen[key][0] == PUBLIC
        call = server.invite(seen[key])
        until(lambda: 486 in server.answers_to(call), what=e.tail)

    try:
        for kind in ["none", *kinds]:
            for what, made in (("account", account), ("trunk", trunk)):
                if what == "trunk" and kind == "register":
                    continue
                more = {}
                if what == "trunk":
                    # asked once at the start, which opens the way
                    more = {"qualify": True, "qualify_every": 3600}
                engines[what, kind] = nat.put_inside(engine(
                    FLOW, name=f"engine-{what}-{kind}", launch=False,
                    config=made(server.host, kind, interval, **more))).start()
                reached((what, kind), engines[what, kind])
        silent = [k for k in engines if k[1] == "none"]
        began = time.monotonic()
        for key in silent:
            nat.forgets(engines[key].port, 60)
        # the minute: several time-outs of the NAT later
        until(lambda: time.monotonic() - began > (60 if long else 9), 70)
        second = {k: server.invite(source) for k, source in seen.items()}
        until(lambda: all(486 in server.answers_to(second[k])
                          for k in engines if k not in silent),
              what=lambda: {k: server.answers_to(c)
                            for k, c in second.items()})
        for key in silent:
            assert not server.answers_to(second[key]), key
        for key, e in engines.items():
            if key not in silent:
                assert e.port in nat.flows()
    finally:
        server.close()
