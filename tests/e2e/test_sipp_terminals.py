"""SIPp as telephones: many at once behind a NAT, on a line that loses packets,
silent, and rebooting."""
from support.waiting import until

SCRIPT = """
local moon = require "moondial"
for i = 1, 60 do
  moon.endpoint { name = "t" .. i, password = "p" .. i, algorithms = "MD5" }
end
moon.on_call(function(call) call:answer() call:wait("hangup") end)
moon.on("dial", function(name)
  local call, reason = moon.dial("endpoint:" .. name, { timeout = 1 })
  print("dialled", name, call and "call" or reason)
end)
"""


def users(tmp_path, count):
    """The file of users for -inf, each with its own credentials."""
    path = tmp_path / "users.csv"
    path.write_text("SEQUENTIAL\n" + "".join(
        f"t{i};[authentication username=t{i} password=p{i}]\n"
        for i in range(1, count + 1)))
    return path


def contacts(e):
    return {x["name"]: x["contacts"] for x in e.status()["endpoints"]
            if x["contacts"]}


def test_sixty_terminals_behind_a_NAT_register_at_once(
        engine, sipp, tmp_path):
    e = engine(SCRIPT)
    run = sipp("uac_register", target=f"127.0.0.1:{e.port}", calls=60,
               rate=60, values={"contact": "192.168.8.8:5062"},
               options=["-inf", users(tmp_path, 60)]).done()
    registered = contacts(e)
    assert len(registered) == 60
    for name, (one,) in registered.items():
        assert one["contact"] == f"sip:{name}@192.168.8.8:5062"
        assert one["target"] == f"sip:{name}@127.0.0.1:{run.port}"
    assert e.counter("endpoint_restarts") == 0


def test_where_a_quarter_of_the_packets_is_lost(engine, sipp, tmp_path):
    e = engine(SCRIPT)
    sipp("uac_register", target=f"127.0.0.1:{e.port}", calls=60, rate=60,
         values={"contact": "192.168.8.8:5062"},
         options=["-inf", users(tmp_path, 60), "-lost", 25]).done()
    registered = contacts(e)
    assert len(registered) == 60
    assert all(len(c) == 1 for c in registered.values())
    assert e.counter("endpoint_restarts") == 0


def test_a_terminal_that_reboots_in_each_of_its_calls(engine, sipp):
    e = engine(SCRIPT)
    sipp("uac_reboots", target=f"127.0.0.1:{e.port}", calls=5, at_once=1,
         values={"user": "t1", "password": "p1"}).done()
    rows = e.wait_cdrs(4)
    assert [(r["hangup_cause"], r["endpoint"]) for r in rows] == [
        ("endpoint_restarted", "t1")] * 4
    assert e.counter("endpoint_restarts") == 4
    # the last life goes on, as far as anybody knows
    assert e.status()["calls"]["answered"] == 1
    (one,), = contacts(e).values()
    assert one["contact"].startswith("sip:t1-5@")
    e.ask("eval", text="moon.calls()[1]:hangup()")


def test_a_silent_terminal_is_no_answer(engine, sipp, tmp_path):
    e = engine(SCRIPT)
    sipp("uac_register", target=f"127.0.0.1:{e.port}",
         values={"contact": "127.0.0.1:9"},
         options=["-inf", users(tmp_path, 1)]).done()
    e.ask("eval", text='moon.emit("dial", "t1")')
    e.wait_log("dialled\tt1\tno_answer")
    until(lambda: next(x for x in e.status()["endpoints"]
                       if x["name"] == "t1")["calls"] == 0)
