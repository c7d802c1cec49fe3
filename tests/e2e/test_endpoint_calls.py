"""Calls of endpoints and to them: proved, routed to their telephones, counted
and limited."""
import pytest

from support.waiting import until

LINE = """
local moon = require "moondial"
moon.endpoint { name = "alice", password = "secret" %s }
moon.endpoint { name = "bob", password = "other" }
moon.on_call(function(call)
  call:answer()
  call.user.endpoint = call.endpoint or "nobody"
  call:wait("hangup")
end)
"""

DIALS = """
local moon = require "moondial"
moon.endpoint { name = "alice", password = "secret" %s }
moon.on_call(function(call)
  call:answer()
  call:wait("hangup")
end)
moon.on("dial", function(opts)
  local call, reason, failed = moon.dial("endpoint:alice", opts)
  print("dialled", call and "call" or reason,
        failed and failed.sip_code or "", failed and failed.q850 or "")
  if call then
    print("endpoint", call.endpoint)
    call:wait("hangup")
  end
end)
"""


def endpoint(e, name="alice"):
    return next(x for x in e.status()["endpoints"] if x["name"] == name)


def dial(e, opts="{}"):
    e.ask("eval", text=f'moon.emit("dial", {opts})')


def test_a_call_of_an_endpoint_is_proved_and_known(engine, terminal, phone):
    e = engine(LINE % "")
    t = terminal(e)
    assert t.register().status == 200
    t.challenge = None
    assert t.call().status == 200
    assert t.challenge["realm"] == "moondial"
    one = endpoint(e)
    assert (one["calls"], one["answered"], one["ringing"]) == (1, 1, 0)
    assert t.bye().status == 200
    row = e.wait_cdr()
    assert row["endpoint"] == "alice"
    assert '"endpoint":"alice"' in row["user_json"]
    until(lambda: endpoint(e)["calls"] == 0)
    # a stranger need not prove anything, and is nobody
    p = phone(e, user="stranger")
    assert p.call().status == 200
    assert p.bye().status == 200
    row = e.wait_cdrs(2)[-1]
    assert row["endpoint"] is None and "nobody" in row["user_json"]
    # what was challenged is no call
    assert e.status()["calls"]["total"] == 2


def test_nobody_calls_in_the_name_of_an_endpoint(engine, terminal, phone):
    e = engine(LINE % "")
    p = phone(e, user="alice")
    assert p.call().status == 401
    wrong = terminal(e, password="guess")
    assert wrong.call().status == 403
    # bob is bob, not alice
    bob = terminal(e, user="bob", password="other")
    assert bob.call(from_="<sip:alice@127.0.0.1>").status == 403
    # and a nonce that has been used is no proof
    t = terminal(e)
    assert t.call().status == 200
    again = t.sent
    t.bye()
    p.invite()
    p.final()
    p.raw(again.replace(t.branch, "z9hG4bKreplayed")
          .replace(t.call_id, "replayed").replace(
              f":{t.port}", f":{p.port}"))
    assert p.final().status == 401
    assert e.status()["calls"]["total"] == 1


def test_elsewhere_somebody_may_have_the_same_name(engine, phone):
    e = engine(LINE % "", sets={"registrar.domains": "sip.our.test"})
    p = phone(e, user="alice")
    assert p.call(from_="<sip:alice@sip.other.test>").status == 200
    p.bye()
    for host in ("sip.our.test", "127.0.0.1"):
        assert p.call(from_=f"<sip:alice@{host}>").status == 401


def test_a_call_to_an_endpoint_rings_all_its_telephones(engine, terminal):
    e = engine(DIALS % "")
    phones = [terminal(e, contact=None) for _ in range(3)]
    for t in phones:
        assert t.register().status == 200
    dial(e)
    invites = [t.wait("INVITE") for t in phones]
    for t, invite in zip(phones, invites):
        t.respond(invite, 180, "Ringing")
    until(lambda: endpoint(e)["ringing"] == 3)
    # one place among its calls
    assert endpoint(e)["calls"] == 1
    phones[1].accept(invites[1])
    phones[1].wait("ACK")
    for i in (0, 2):
        cancel = phones[i].wait("CANCEL")
        phones[i].respond(cancel, 200, "OK")
        phones[i].respond(invites[i], 487, "Request Terminated")
    e.wait_log("endpoint\talice")
    until(lambda: endpoint(e)["ringing"] == 0)
    one = endpoint(e)
    assert (one["calls"], one["answered"], one["total"]) == (1, 1, 1)
    assert phones[1].bye().status == 200
    rows = e.wait_cdrs(3)
    assert [r["endpoint"] for r in rows] == ["alice"] * 3
    assert sorted(r["disposition"] for r in rows) == [
        "answered", "cancelled", "cancelled"]
    until(lambda: endpoint(e)["calls"] == 0)


def test_in_turn_the_greatest_q_rings_first(engine, terminal):
    e = engine(DIALS % "")
    low, high = terminal(e), terminal(e)
    assert high.register(
        contacts=[high.contact_value(q="0.9")]).status == 200
    assert low.register(contacts=[low.contact_value(q="0.3")]).status == 200
    dial(e, "{ in_turn = true }")
    first = high.wait("INVITE")
    assert not [m for m in low.inbox if m.method == "INVITE"]
    high.respond(first, 486, "Busy Here")
    second = low.wait("INVITE")
    low.accept(second)
    low.wait("ACK")
    assert endpoint(e)["calls"] == 1
    low.bye()


def test_one_that_is_not_registered_is_unreachable_at_once(engine, terminal):
    e = engine(DIALS % "")
    dial(e)
    e.wait_log("dialled\tunreachable\t480\t20")
    row = e.wait_cdr()
    assert (row["sip_code"], row["q850"], row["hangup_cause"]) == (
        480, 20, "unreachable")
    assert row["endpoint"] == "alice"
    t = terminal(e)
    t.register()
    t.register(expires=0)
    dial(e)
    e.wait_log("dialled\tunreachable", count=2)


def test_its_limit_gets_486_and_user_busy(engine, terminal):
    e = engine(DIALS % ", max_calls = 1")
    t, other = terminal(e), terminal(e)
    assert t.register().status == 200
    assert t.call().status == 200
    response = other.call()
    assert response.status == 486
    assert 'cause=17' in response.header("Reason")
    dial(e)
    e.wait_log("dialled\tuser_busy\t486\t17")
    one = endpoint(e)
    assert (one["calls"], one["refused"]) == (1, 2)
    row = e.wait_cdrs(2)[-1]
    assert (row["sip_code"], row["q850"], row["hangup_cause"],
            row["disposition"]) == (486, 17, "user_busy", "refused")
    t.bye()
    until(lambda: endpoint(e)["calls"] == 0)
    assert other.call().status == 200
    other.bye()


def test_at_its_busy_level_it_may_call_but_is_not_called(engine, terminal):
    e = engine(DIALS % ", busy_level = 1")
    one, two = terminal(e), terminal(e)
    assert one.register().status == 200
    assert one.call().status == 200
    dial(e)
    e.wait_log("dialled\tuser_busy")
    assert two.call().status == 200
    assert endpoint(e)["calls"] == 2
    one.bye()
    two.bye()


def test_a_call_goes_along_the_Path(engine, terminal, phone):
    e = engine(DIALS % "")
    edge = phone(e, user="edge")
    t = terminal(e)
    assert t.register(headers=f"Path: <sip:token@127.0.0.1:{edge.port};lr>, "
                      "<sip:second.example;lr>\r\n").status == 200
    dial(e, "{ timeout = 5 }")
    invite = edge.wait("INVITE")
    uri = e.status()["endpoints"][0]["contacts"][0]["contact"]
    assert invite.first == f"INVITE {uri} SIP/2.0"
    assert invite.all("Route") == [
        f"<sip:token@127.0.0.1:{edge.port};lr>", "<sip:second.example;lr>"]
    edge.respond(invite, 486, "Busy Here")
    e.wait_log("dialled\tbusy")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_telephone_behind_a_NAT_is_called_where_it_came_from(
        engine, terminal, transport):
    e = engine(DIALS % "")
    if transport == "tcp":
        e.stop()
        e.sip.append(f"tcp:127.0.0.1:{e.port}")
        e.start()
    t = terminal(e, transport=transport,
                 contact="<sip:alice@192.168.7.7:5060;line=3>")
    assert t.register().status == 200
    dial(e)
    invite = t.wait("INVITE")
    tail = ";transport=tcp" if transport == "tcp" else ""
    assert invite.first == (
        f"INVITE sip:alice@127.0.0.1:{t.port};line=3{tail} SIP/2.0")
    # its answer, too, has an address that only its own network knows
    hide(t)
    t.accept(invite)
    t.wait("ACK")
    e.ask("eval", text="moon.calls()[1]:hangup()")
    bye = t.wait("BYE")
    assert bye.first == (
        f"BYE sip:alice@127.0.0.1:{t.port}{tail} SIP/2.0")
    e.wait_cdr()


def hide(t):
    """What it sends has a Contact behind a NAT from now on."""
    raw, own = t.raw, f"sip:{t.user}@{t.host}:{t.port}"
    t.raw = lambda data: raw(
        data.replace(f"Contact: <{own}", "Contact: <sip:alice@192.168.7.7"))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_telephone_behind_a_NAT_that_calls_is_reached(
        engine, terminal, transport):
    e = engine(LINE % "")
    if transport == "tcp":
        e.stop()
        e.sip.append(f"tcp:127.0.0.1:{e.port}")
        e.start()
    t = terminal(e, transport=transport)
    hide(t)
    assert t.call().status == 200
    # its re-INVITE says the same again
    assert t.within("INVITE", body=t.sdp()).status == 200
    e.ask("eval", text="moon.calls()[1]:hangup()")
    t.wait("BYE")
    e.wait_cdr()


def test_one_by_tcp_is_called_no_more_when_its_connection_is_closed(
        engine, terminal, ports):
    """Nobody else can open another to it; a call need not find that out."""
    port = ports.one()
    e = engine(DIALS % "", sip=[f"udp:127.0.0.1:{port}",
                                f"tcp:127.0.0.1:{port}"])
    one = terminal(e, target=("127.0.0.1", port), transport="tcp")
    assert one.register().status == 200

    def contact():
        return endpoint(e)["contacts"][0]

    assert contact()["state"] == "unknown"
    one.close()
    until(lambda: contact()["state"] == "unreachable", what=e.tail)
    assert contact()["reason"] == "its connection was closed"
    dial(e)
    e.wait_log("dialled\tunreachable\t480\t27")
    until(lambda: [(r["was"], r["state"]) for r in e.rows(
        "select * from reachability")] == [("unknown", "unreachable")])
    # another connection of the same telephone
    again = terminal(e, target=("127.0.0.1", port), transport="tcp",
                     contact=one.contact_value())
    again.reg_call_id, again.reg_cseq = one.reg_call_id, one.reg_cseq
    assert again.register().status == 200
    assert contact()["state"] == "unknown"
    assert len(endpoint(e)["contacts"]) == 1
    dial(e)
    again.wait("INVITE")
    # after a restart of the engine there is none
    e.stop()
    e.start()
    until(lambda: endpoint(e)["contacts"], what=e.tail)
    assert contact()["state"] == "unreachable"


def test_nat_may_be_always_or_never(engine, terminal):
    e = engine(DIALS % ', nat = "never"')
    t = terminal(e, contact="<sip:alice@192.168.7.7:5060>")
    assert t.register().status == 200
    assert endpoint(e)["contacts"][0]["target"] == \
        "sip:alice@192.168.7.7:5060"
    e = engine(DIALS % ', nat = "always"')
    t = terminal(e, contact="<sip:alice@phone.example:5060>")
    assert t.register().status == 200
    assert endpoint(e)["contacts"][0]["target"] == \
        f"sip:alice@127.0.0.1:{t.port}"


def test_a_lower_CSeq_within_a_call_gets_500(engine, terminal):
    e = engine(LINE % "")
    t = terminal(e)
    assert t.call().status == 200
    t.cseq += 10
    assert t.within("INVITE", body=t.sdp()).status == 200
    t.cseq -= 5
    assert t.within("INVITE", body=t.sdp()).status == 500
    assert e.status()["calls"]["answered"] == 1
    t.cseq += 10
    assert t.within("INVITE", body=t.sdp()).status == 200
    t.bye()
