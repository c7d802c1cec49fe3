"""Numbers that must not be called: the command, and a key in the call."""
import json

ANSWERS = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:dtmf("9")
  call:wait("hangup", 20)
end)
"""

ASKS = """
local moon = require "moondial"
moon.spawn(function()
  local call = assert(moon.dial(moon.args[1]))
  local digit = call:gather { prompt = { silence = 5 }, max_digits = 1 }
  if digit == "9" then
    call:opt_out()
  end
  call:hangup()
end)
"""


def test_a_key_in_the_call_is_on_the_list_before_the_call_ends(engine):
    callee = engine(ANSWERS)
    caller = engine(ASKS, args=[f"sip:+12125550109@127.0.0.1:{callee.port}"])
    [row] = caller.wait_cdrs(1)
    assert row["disposition"] == "dnc"
    [found] = json.loads(caller.tool(
        "dnc", "check", "--json", "+1 212 555 0109").stdout)
    assert (found["list"], found["added_by"], found["call"]) == (
        "internal", "call", row["id"])


def test_the_command_keeps_lists_beside_the_database(engine):
    e = engine("", launch=False)
    source = e.folder / "register.txt"
    source.write_text("201,5550100\n212,5550101\n212,5550102\n")

    def dnc(*words, status=0):
        done = e.tool("dnc", *words)
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr

    assert "3 numbers of 3 lines" in dnc(
        "import", "--list", "us", "--country", "1", str(source))
    assert "on the list us since" in dnc("check", "+12125550101")
    assert "on the list us since" in dnc(
        "check", "--country", "1", "(212) 555-0101")
    assert "on no list" in dnc("check", "+12125550109")
    dnc("add", "--campaign", "spring", "--reason", "letter", "+12125550109")
    assert "campaign:spring" in dnc("check", "+12125550109")
    lists = json.loads(dnc("lists", "--json"))
    assert {(r["name"], r["numbers"]) for r in lists} == {
        ("campaign:spring", 1), ("us", 3)}
    files = list(e.db.parent.glob("*.dnc/*"))
    assert [f.name for f in files] == ["us.numbers"]
    dnc("remove", "--list", "us")
    assert not files[0].exists()
    assert "on no list" in dnc("check", "+12125550101")
    assert "whose number is it" in dnc("add", "2125550101", status=1)
    assert "--list NAME is missing" in dnc("import", str(source), status=2)
    assert "no such file" in dnc("import", "--list", "x", "nowhere",
                                 status=1).lower()
    assert "none of its commands" in dnc("forget", "x", status=2)
