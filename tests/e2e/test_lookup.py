"""Where an INVITE goes: SRV and A records, and an account's outbound proxy."""
from support import names

DIAL = """
local moon = require "moondial"
moon.spawn(function()
  local call, why = moon.dial(moon.args[1], { account = moon.args[2], timeout = 20 })
  moon.log.info("RESULT %s", call and "answered" or why)
  if call then
    call:wait("hangup", 20)
  end
end)
"""


def answered(e, p, what):
    """The phone gets an INVITE, answers, and hangs up; the INVITE."""
    invite = p.wait("INVITE")
    p.accept(invite)
    p.wait("ACK")
    assert e.wait_log(r"RESULT (\S+)")[1] == "answered", what
    p.bye()
    assert e.wait_cdr()["disposition"] == "answered"
    return invite


def test_a_name_is_found_by_srv_and_a_records(engine, phone, tmp_path):
    records = {}
    server, asks = names.serve(tmp_path, 21, names.zone(records))
    try:
        e = asks(engine(DIAL, launch=False, args=["sip:bob@office.test"],
                        sets={"outbound.allow": "office.test"}))
        p = phone(e, user="bob")
        # the lower number comes first, wherever it stands in the answer
        records[("_sip._udp.office.test", names.SRV)] = [
            names.srv("second.office.test", p.port, priority=20),
            names.srv("first.office.test", p.port, priority=10)]
        records[("first.office.test", names.A)] = [names.address("127.0.0.1")]
        records[("second.office.test", names.A)] = [
            names.address("127.99.99.99")]
        e.start()
        invite = answered(e, p, "by SRV and A")
    finally:
        server.close()
    # the name stays in what is asked for
    assert invite.first == "INVITE sip:bob@office.test SIP/2.0"
    assert server.asked >= 2


def test_a_name_without_srv_is_found_by_its_a_record(engine, phone, tmp_path):
    records = {("plain.test", names.A): [names.address("127.0.0.1")]}
    server, asks = names.serve(tmp_path, 22, names.zone(records))
    try:
        e = asks(engine(DIAL, launch=False, sets={
            "outbound.allow": "plain.test"}))
        p = phone(e, user="bob")
        e.args = [f"sip:bob@plain.test:{p.port}"]
        e.start()
        answered(e, p, "by A")
    finally:
        server.close()


def test_an_invite_leaves_by_the_accounts_outbound_proxy(engine, phone):
    e = engine(DIAL, launch=False)
    p = phone(e, user="proxy")
    e.args = ["sip:bob@elsewhere.test", "office"]
    e.config = e.folder / "moondial.lua"
    e.config.write_text(
        "return { outbound = { allow = 'elsewhere.test' }, accounts = { {"
        " name = 'office', uri = 'sip:alice@office.test', register = false,"
        f" proxy = 'sip:127.0.0.1:{p.port}' }} }} }}")
    e.start()
    invite = answered(e, p, "by the proxy")
    assert invite.first == "INVITE sip:bob@elsewhere.test SIP/2.0"
    assert f"127.0.0.1:{p.port}" in invite.header("Route")
    assert "sip:alice@office.test" in invite.header("From")
