"""What callers call themselves is stored byte for byte and executed nowhere;
what they ask of us in a dialog gets no credentials."""
import csv
import io
import json
import re

import pytest

from support.waiting import until

ANSWER = """
local moon = require "moondial"
moon.on_call(function(call)
  call.user.name = call.display_name
  call:answer()
  call:hangup()
end)
"""

NAMES = [
    "Robert'); DROP TABLE cdrs;--", "' OR '1'='1", "=1+1", "+1+1", "-2+3",
    "@SUM(A1:A9)", "=cmd|' /C calc'!A0", "<script>alert(1)</script>",
    "%s%n%x", "${jndi:ldap://x}", "$(reboot)", "`reboot`", "; rm -rf /",
    "\x1b[2J\x1b]0;owned\x07", "a\tb", "NULL", "\u202egnp.exe", "日本語",
    "x" * 300, "{\"a\":1}", "../../etc/passwd", "'''", "\\\\", ",;,",
]


def quote(name):
    """As it stands between quotes."""
    return name.replace("\\", "\\\\").replace('"', '\\"')


def test_names_are_stored_as_they_are_and_executed_nowhere(engine, phone):
    e = engine(ANSWER)
    for name in NAMES:
        p = phone(e, rtp=False)
        answer = p.call(from_=f'"{quote(name)}" <sip:eve@127.0.0.1>',
                        headers=f"User-Agent: {name}\r\nSubject: {name}\r\n")
        assert answer.status == 200, name
        p.wait("BYE")
        p.close()
    rows = e.wait_cdrs(len(NAMES))
    said = {quote(name) for name in NAMES}
    assert {r["display_name"] for r in rows} == said
    assert {json.loads(r["user_json"])["name"] for r in rows} == said
    listed = json.loads(e.tool("cdr", "--json").stdout)
    assert {r["display_name"] for r in listed} == said
    # a spreadsheet is not told to compute
    out = e.tool("cdr", "--csv").stdout
    table = list(csv.DictReader(io.StringIO(out)))
    assert len(table) == len(NAMES)
    for row in table:
        assert row["display_name"][:1] not in tuple("=+-@\t\r"), row
    # nothing forges a line of the log, or speaks to a terminal
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", e.log())
    for line in e.log().splitlines():
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \w+ ", line)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", e.tool("cdr").stdout)


DIGEST = """
local moon = require "moondial"
moon.account {
  name = "office", uri = "sip:office@registrar.test", password = "secret",
  register = false, realm = "registrar.test",
}
moon.on_call(function(call)
  call:answer()
  call:wait_digit(0.2)
  call:hold()
end)
moon.spawn(function()
  if not moon.args[1] then return end
  local call = moon.dial(moon.args[1], { account = "office", timeout = 5 })
  if call then call:sleep(0.2) call:hold() end
end)
"""

CHALLENGES = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}


@pytest.mark.parametrize("status", CHALLENGES)
@pytest.mark.parametrize("way", ["in", "out"])
def test_a_challenge_in_a_dialog_gets_no_credentials(
        engine, phone, status, way):
    """Who was called, or calls, asks for a password by 401 to our re-INVITE
    and our BYE: of a realm that is not configured, or on a call that came in."""
    e = engine(DIGEST, launch=False)
    p = phone(e)
    p.auto = set()
    e.args = [f"sip:eve@127.0.0.1:{p.port}"] if way == "out" else []
    e.start()
    if way == "out":
        p.accept(p.wait("INVITE"))
        p.wait("ACK")
    else:
        p.call()
    # whoever calls us is given none even for the realm that we have
    realm = "evil.test" if way == "out" else "registrar.test"
    challenge = (f"{CHALLENGES[status]}: Digest realm=\"{realm}\", "
                 "nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n")
    for method in ("INVITE", "BYE"):
        p.respond(p.wait(method), status, "Give It To Me", headers=challenge)
        if method == "INVITE":
            p.wait("ACK")
    e.wait_cdr()
    until(lambda: e.status()["calls"]["active"] == 0)
    for message in p.inbox:
        assert "uthorization:" not in message.text, message.text
    assert "secret" not in "".join(m.text for m in p.inbox)
