"""Telephones register with us: who may, for how long, with which contacts."""
import hashlib
import re

import pytest

from support.terminal import contacts_of, parse_challenge
from support.waiting import until

SCRIPT = """
local moon = require "moondial"
moon.endpoint { name = "alice", password = "secret" }
moon.endpoint { name = "bob", password = "other" }
moon.on_call(function(call)
  call:answer()
  call.user.endpoint = call.endpoint or "none"
  call:wait("hangup")
end)
"""


def endpoint(e, name="alice"):
    return next(x for x in e.status()["endpoints"] if x["name"] == name)


def contacts(e, name="alice"):
    return endpoint(e, name)["contacts"]


def test_a_telephone_registers_refreshes_and_unregisters(engine, terminal):
    e = engine(SCRIPT)
    t = terminal(e)
    r = t.register(expires=600)
    assert r.status == 200
    (uri, params), = contacts_of(r)
    assert uri in t.contact_value() and params["expires"] == "600"
    assert re.match(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$",
                    r.header("Date"))
    assert endpoint(e)["state"] == "registered"
    one, = contacts(e)
    assert one["source"] == f"udp:127.0.0.1:{t.port}"
    assert one["user_agent"] == "terminal"
    assert t.register(expires=300).status == 200
    two, = contacts(e)
    assert two["cseq"] == one["cseq"] + 1
    assert two["expires_at_ms"] < one["expires_at_ms"]
    text = e.tool("status").stdout
    assert re.search(r"endpoints 2, 1 of them registered", text)
    assert re.search(r"endpoint +alice +registered", text)
    assert re.search(rf"  at +sip:\S+@127.0.0.1:{t.port} +unknown +\d+ min",
                     text), text
    r = t.register(expires=0)
    assert r.status == 200 and not contacts_of(r)
    assert endpoint(e)["state"] == "unregistered"


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_both_algorithms_are_offered_the_better_one_first(
        engine, terminal, algorithm):
    e = engine(SCRIPT)
    t = terminal(e, algorithm=algorithm)
    r = t.register_once()
    offers = [parse_challenge(v) for v in r.all("WWW-Authenticate")]
    assert [o["algorithm"] for o in offers] == ["SHA-256", "MD5"]
    assert all(o["qop"] == "auth" and o["realm"] == "moondial"
               for o in offers)
    t.take_challenge(r)
    assert t.register_once().status == 200


def test_who_gives_up_at_the_sight_of_SHA_256_is_offered_MD5_alone(
        engine, terminal):
    e = engine(SCRIPT)

    def offers(response):
        return [parse_challenge(v)["algorithm"]
                for v in response.all("WWW-Authenticate")]

    t = terminal(e, algorithm="MD5")
    assert offers(t.register_once()) == ["SHA-256", "MD5"]
    r = t.register_once()  # a minute later: the next CSeq, no answer
    assert offers(r) == ["MD5"]
    t.take_challenge(r)
    assert t.register_once().status == 200
    # its calls and later challenges are asked for in MD5, too
    t.invite()
    r = t.final()
    t.ack(r)
    assert offers(r) == ["MD5"]
    # others aren't
    assert offers(terminal(e).register_once()) == ["SHA-256", "MD5"]
    # nor one that answers each time, without keeping its nonce
    good = terminal(e)
    for _ in range(3):
        r = good.register_once(authorize=False)
        assert offers(r) == ["SHA-256", "MD5"]
        good.take_challenge(r)
        assert good.register_once().status == 200


def test_one_without_qop_may_use_each_nonce_once(engine, terminal):
    e = engine(SCRIPT)
    t = terminal(e, algorithm="MD5")
    t.take_challenge(t.register_once(authorize=False))
    assert t.register_once(qop=None).status == 200
    r = t.register_once(qop=None)
    assert r.status == 401
    assert parse_challenge(r.header("WWW-Authenticate"))["stale"] == "true"


def test_ha1_is_enough_and_offers_what_it_can(engine, terminal):
    ha1 = hashlib.md5(b"carol:moondial:pw").hexdigest()
    e = engine(f"""
local moon = require "moondial"
moon.endpoint {{ name = "carol", ha1 = "{ha1}" }}
moon.on_call(function(call) end)
""")
    t = terminal(e, user="carol", password="pw")
    r = t.register()
    assert r.status == 200
    assert t.challenge["algorithm"] == "MD5"


@pytest.mark.parametrize("case", [
    "password", "user", "unknown", "realm", "uri", "response", "nc", "cnonce",
    "qop", "algorithm", "made up", "other's"])
def test_forged_registrations_are_refused(engine, terminal, case):
    e = engine(SCRIPT)
    t = terminal(e, user="nobody" if case == "unknown" else "alice",
                 password="wrong" if case == "password" else "secret")
    t.take_challenge(t.register_once(authorize=False))
    if case == "made up":
        t.challenge["nonce"] = "0" * 64
    lies = {
        "user": {"username": "bob"},
        "realm": {"realm": "elsewhere"},
        "uri": {"uri": "sip:bob@192.0.2.7"},
        "response": {"response": ""},
        "nc": {"nc": "00000002"},
        "cnonce": {"cnonce": "other"},
        "qop": {"qop": "auth-int"},
        "algorithm": {"algorithm": "MD5-sess"},
    }.get(case)
    if case == "other's":  # bob's own credentials, for alice's address
        t.auth_user, t.password = "bob", "other"
    r = t.register_once(lies=lies)
    expected = {"realm": 401, "made up": 401, "algorithm": 400,
                "response": 400}.get(case, 403)
    assert r.status == expected, r.text
    assert not contacts(e)


def test_a_nonce_answers_once_and_nc_must_grow(engine, terminal):
    e = engine(SCRIPT)
    t = terminal(e)
    assert t.register().status == 200
    # what somebody has listened to, sent again as another request
    for nc in (1, 1):
        r = t.register_once(nc=nc)
        assert r.status == 401
        assert parse_challenge(
            r.header("WWW-Authenticate"))["stale"] == "true"
    t.nc = 4
    assert t.register_once().status == 200
    assert t.register_once(nc=3).status == 401
    assert len(contacts(e)) == 1


def test_known_and_unknown_users_get_the_same_answers(engine, terminal):
    e = engine(SCRIPT)
    answers = []
    for user in ("alice", "mallory"):
        t = terminal(e, user=user, password="guess")
        first = t.register_once(authorize=False)
        t.take_challenge(first)
        second = t.register_once()
        answers.append([
            (r.first, [line.split(":")[0] for line in r.lines[1:]])
            for r in (first, second)])
    assert answers[0] == answers[1]


def test_names_that_nobody_has_are_challenged_like_those_of_endpoints(
        engine, terminal):
    """With the algorithms of some endpoint, each time the same ones."""
    ha1 = hashlib.md5(b"x:moondial:y").hexdigest()
    e = engine("".join(
        ["local moon = require 'moondial'\n"]
        + [f'moon.endpoint {{ name = "md{i}", ha1 = "{ha1}" }}\n'
           for i in range(10)]
        + [f'moon.endpoint {{ name = "both{i}", password = "{i}" }}\n'
           for i in range(10)]
        + ["moon.on_call(function(call) end)\n"]))
    t = terminal(e)

    def offered(name):
        t.reg_call_id = "ask-" + name + str(t.reg_cseq)
        r = t.register_once(to_user=name, authorize=False)
        assert r.status == 401
        return tuple(parse_challenge(v)["algorithm"]
                     for v in r.all("WWW-Authenticate"))

    assert offered("md1") == ("MD5",)
    assert offered("both1") == ("SHA-256", "MD5")
    names = [f"nobody{i}" for i in range(40)]
    first = {name: offered(name) for name in names}
    kinds = list(first.values())
    assert set(kinds) == {("MD5",), ("SHA-256", "MD5")}
    assert 8 <= kinds.count(("MD5",)) <= 32
    assert {name: offered(name) for name in names} == first
    e.stop()
    e.start()
    assert {name: offered(name) for name in names} == first


def test_a_registration_that_is_sent_again_is_answered_the_same(
        engine, terminal):
    e = engine(SCRIPT)
    t = terminal(e)
    t.take_challenge(t.register_once(authorize=False))
    text = t.register_text()
    t.raw(text)
    first = t.wait(200)
    before = contacts(e)
    t.raw(text)
    again = t.wait(200)
    assert again.text == first.text
    assert contacts(e) == before


def test_expiry_by_contact_then_by_header_then_ours(engine, terminal):
    e = engine(SCRIPT)
    t = terminal(e)
    a = f"<sip:a@127.0.0.1:{t.port}>"
    b = f"<sip:b@127.0.0.1:{t.port}>"
    r = t.register(contacts=[f"{a};expires=120;q=0.2", b], expires=240)
    assert {u[4]: p["expires"] for u, p in contacts_of(r)} == {
        "a": "120", "b": "240"}
    assert dict(contacts_of(r))[a[1:-1]]["q"] == "0.200"
    r = t.register(contacts=[b])
    assert dict(contacts_of(r))[b[1:-1]]["expires"] == "3600"
    # what can't be read counts as not said
    r = t.register(contacts=[f"{b};expires=soon"])
    assert dict(contacts_of(r))[b[1:-1]]["expires"] == "3600"
    r = t.register(contacts=[b], expires=10 ** 9)
    assert dict(contacts_of(r))[b[1:-1]]["expires"] == "86400"
    r = t.register(contacts=[f"{a};expires=0"])
    assert [u for u, _ in contacts_of(r)] == [b[1:-1]]
    # no contact: a question
    r = t.register(contacts=[])
    assert r.status == 200 and len(contacts_of(r)) == 1


def test_an_interval_too_brief_gets_423_and_changes_nothing(engine, terminal):
    e = engine(SCRIPT)
    t = terminal(e)
    r = t.register(expires=5)
    assert r.status == 423 and r.header("Min-Expires") == "60"
    assert not contacts(e)
    assert t.register(expires=60).status == 200


def test_a_registration_ends_by_itself(engine, terminal):
    e = engine("""
local moon = require "moondial"
moon.endpoint { name = "alice", password = "secret", min_expires = 1 }
moon.on_call(function(call) end)
""")
    t = terminal(e)
    assert t.register(expires=1).status == 200
    until(lambda: endpoint(e)["state"] == "unregistered")


def test_the_wildcard_takes_all_away_but_only_with_Expires_0(engine, terminal):
    e = engine(SCRIPT)
    one, two = terminal(e), terminal(e)
    assert one.register().status == 200
    assert two.register().status == 200
    assert len(contacts(e)) == 2
    for wrong in ({"expires": 60}, {}, {"expires": "none"}):
        assert one.register(contacts=["*"], **wrong).status == 400
    assert one.register(contacts=["*", one.contact_value()],
                        expires=0).status == 400
    assert len(contacts(e)) == 2
    assert one.register(contacts=["*"], expires=0).status == 200
    assert not contacts(e)


def test_a_lower_CSeq_gets_500_and_changes_nothing(engine, terminal):
    e = engine(SCRIPT)
    t = terminal(e)
    t.reg_cseq = 1000
    assert t.register().status == 200
    before = contacts(e)
    for cseq in (1, 900):
        r = t.register_once(cseq=cseq, expires=0)
        assert r.status == 500, r.text
    # the same once more, by another way (RFC 3261 8.2.2.2)
    r = t.register_once(cseq=t.reg_cseq, expires=0)
    assert r.status == 482, r.text
    assert contacts(e) == before
    assert t.register(contacts=[]).status == 200


def test_too_many_contacts_get_403(engine, terminal):
    e = engine("""
local moon = require "moondial"
moon.endpoint { name = "alice", password = "secret", max_contacts = 2 }
moon.on_call(function(call) end)
""")
    phones = [terminal(e) for _ in range(3)]
    assert [p.register().status for p in phones] == [200, 200, 403]
    assert phones[0].register().status == 200  # a refresh is none more
    many = [f"<sip:x{i}@127.0.0.1:9>" for i in range(30)]
    assert phones[2].register(contacts=many).status == 403
    assert len(contacts(e)) == 2


def test_one_of_several_that_is_wrong_refuses_all(engine, terminal):
    e = engine(SCRIPT)
    t = terminal(e)
    good = t.contact_value()
    for bad in ("<sips:a@127.0.0.1>", "<tel:+4930123>", "<sip:a@0.0.0.0>",
                "<sip:a@127.0.0.1?Route=x>", "<sip:a@1.2.3.4;maddr=9.9.9.9>",
                "<sip:" + "x" * 600 + "@127.0.0.1>", "nonsense",
                "<sip:a@239.1.1.1>"):
        r = t.register(contacts=[good, bad])
        assert r.status in (400, 416), r.text
    assert t.register(contacts=[good, good]).status == 400
    assert not contacts(e)


def test_a_contact_that_points_at_ourselves_is_refused(engine, terminal):
    e = engine(SCRIPT)
    t = terminal(e)
    for contact in (f"<sip:alice@127.0.0.1:{e.port}>",
                    f"<sip:alice@localhost:{e.port}>",
                    f"<sip:127.0.0.1:{e.port};transport=tcp>"):
        r = t.register(contacts=[contact])
        assert r.status == 403, r.text
    r = t.register(headers=f"Path: <sip:127.0.0.1:{e.port};lr>\r\n")
    assert r.status == 403
    assert not contacts(e)


def test_Path_is_kept_and_told(engine, terminal):
    e = engine(SCRIPT)
    t = terminal(e)
    r = t.register(headers="Supported: path\r\nRequire: path\r\n"
                           "Path: <sip:edge.example;lr>, "
                           "<sip:t0ken@core.example;lr;x=1>\r\n")
    assert r.status == 200
    assert r.header("Path") == ("<sip:edge.example;lr>, "
                                "<sip:t0ken@core.example;lr;x=1>")
    assert "path" in r.header("Supported")
    assert contacts(e)[0]["path"] == r.header("Path")
    for bad in ("nonsense", "<sip:a@b\">", ", ".join(["<sip:a;lr>"] * 9)):
        assert t.register(headers=f"Path: {bad}\r\n").status == 400


def test_behind_a_NAT_the_target_is_where_it_came_from(engine, terminal):
    e = engine(SCRIPT)
    t = terminal(e, contact="<sip:alice@192.168.1.20:5062;line=7>")
    r = t.register()
    assert contacts_of(r)[0][0] == "sip:alice@192.168.1.20:5062;line=7"
    assert f"received=127.0.0.1" in r.header("Via") or "rport=" in \
        r.header("Via")
    assert contacts(e)[0]["target"] == f"sip:alice@127.0.0.1:{t.port};line=7"


def test_without_endpoints_nobody_registers(engine, terminal):
    e = engine("""
local moon = require "moondial"
moon.on_call(function(call) end)
""")
    r = terminal(e).register_once()
    assert r.status == 405


def test_an_endpoint_in_file_script_and_command_line(engine, terminal):
    e = engine("""
local moon = require "moondial"
moon.endpoint { name = "alice", password = "from script", max_contacts = 1 }
moon.on_call(function(call) end)
""", config="""
return { registrar = { realm = "our.test" },
         endpoints = { { name = "alice", password = "from file",
                         max_expires = 100 } } }
""", sets={"endpoints.alice.max_contacts": 2})
    assert terminal(e, password="from file").register().status == 403
    phones = [terminal(e, password="from script") for _ in range(3)]
    answers = [p.register() for p in phones]
    assert [r.status for r in answers] == [200, 200, 403]
    assert phones[0].challenge["realm"] == "our.test"
    assert contacts_of(answers[0])[0][1]["expires"] == "100"


@pytest.mark.parametrize("fields, message", [
    ('name = "x"', "needs a password or ha1"),
    ('name = "a@b", password = "p"', "without '/'"),
    ('name = "x", ha1 = "12"', "32 hex digits"),
    ('name = "x", ha1 = string.rep("a", 32), algorithms = "SHA-256"',
     "needs a password or ha1"),
    ('name = "x", passwort = "p"', "did you mean 'password'"),
    ('name = "x", password = "p", nat = "perhaps"', "nat"),
    ('name = "x", password = "p", min_expires = 900, max_expires = 60',
     "above max_expires"),
])
def test_a_wrong_endpoint_says_what_is_wrong(engine, fields, message):
    e = engine("""
local moon = require "moondial"
local ok, err = pcall(moon.endpoint, { %s })
print(ok, type(err) == "table" and err.message or err)
moon.on_call(function(call) end)
""" % fields)
    e.wait_log(message.replace("(", r"\("))


def test_what_is_too_long_is_refused_and_kept_nowhere(engine, terminal):
    e = engine(SCRIPT)
    t = terminal(e)
    big = "".join(f"X-{i}: {'y' * 200}\r\n" for i in range(290))
    assert t.register_once(headers=big).status == 513
    t.take_challenge(t.register_once(authorize=False))
    assert t.register_once(call_id="c" * 300).status == 400
    assert t.register_once(headers="Path: <sip:" + "p" * 1500 + ";lr>\r\n"
                           ).status == 400
    assert not contacts(e)
    assert t.register().status == 200


FUNCTION = """
local moon = require "moondial"
moon.endpoint { name = "alice", password = "secret" }
moon.on_register(function(request)
  local row = moon.db.query("SELECT 'pw-' || ? AS password", request.user)[1]
  print("asked", request.user, request.method, request.source,
        request.user_agent)
  if request.user == "nobody" then return nil end
  if request.user == "broken" then error("no database") end
  if request.user == "odd" then return { passwort = "x" } end
  if request.user == "slow" then moon.sleep(60) end
  return { password = row.password, max_calls = 1, max_contacts = 1 }
end)
moon.on_call(function(call)
  call:answer()
  call.user.endpoint = call.endpoint
  call:wait("hangup")
end)
"""


def test_users_from_a_script(engine, terminal):
    e = engine(FUNCTION)
    t = terminal(e, user="dora", password="pw-dora")
    text = t.register_text()
    t.raw(text)
    t.take_challenge(t.wait(401))
    assert "asked" not in e.log()  # nobody is asked for who proves nothing
    assert t.register().status == 200
    e.wait_log(rf"asked\tdora\tREGISTER\t127.0.0.1:{t.port}\tterminal")
    assert endpoint(e, "dora")["by_script"] is True
    assert terminal(e, user="dora", password="pw-dora").register(
        ).status == 403  # max_contacts
    assert t.call().status == 200
    e.wait_log("asked\tdora\tINVITE")
    assert t.bye().status == 200
    assert e.wait_cdr()["endpoint"] == "dora"
    assert terminal(e, user="alice").register().status == 200
    # as soon as it has no registration left it isn't there
    assert t.register(expires=0).status == 200
    assert t.register(contacts=[]).status == 200
    until(lambda: [x["name"] for x in e.status()["endpoints"]] == ["alice"])


def test_what_a_scripts_function_may_do_wrong(engine, terminal):
    e = engine(FUNCTION)
    e.expected.append("moon.on_register")
    for user, status in (("nobody", 403), ("broken", 503), ("odd", 503)):
        r = terminal(e, user=user, password="pw-" + user).register()
        assert r.status == status, r.text
    e.wait_log("moon.on_register, 'broken': .*no database")
    e.wait_log("moon.on_register, 'odd': .*passwort")
    r = terminal(e, user="eve", password="wrong").register()
    assert r.status == 403
    assert len(e.status()["endpoints"]) == 1


def test_a_function_that_takes_too_long_gets_503(engine, terminal):
    e = engine(FUNCTION)
    t = terminal(e, user="slow", password="pw-slow")
    t.take_challenge(t.register_once(authorize=False))
    text = t.register_text()
    for _ in range(3):
        t.raw(text)  # what comes again meanwhile is not asked again
    assert t.final("REGISTER").status == 503
    assert e.log().count("asked\tslow") == 1
    # an answer that comes later is nobody's
    e.ask("eval", text="moon.emit('x')")


def test_a_call_that_is_cancelled_while_it_is_found_out_who_calls(
        engine, terminal):
    e = engine(FUNCTION.replace("moon.sleep(60)", """
    if request.method == "INVITE" then moon.sleep(4) end"""))
    t = terminal(e, user="slow", password="pw-slow")
    assert t.register().status == 200
    t.challenge = None
    t.invite()
    response = t.final()
    t.ack(response)
    t.take_challenge(response)
    t.branch = "z9hG4bKpending"
    t.raw(t.request("INVITE", t.uri, branch=t.branch,
                    headers=t.authorization("INVITE", t.uri), body=t.sdp()))
    t.invite_cseq = t.cseq
    e.wait_log("asked\tslow\tINVITE")
    t.cancel()
    assert t.wait(lambda m: m.status and m.cseq[1] == "CANCEL").status == 200
    assert t.final().status == 487
    assert e.status()["calls"]["total"] == 0


def test_users_of_a_script_outlive_the_engine(engine, terminal):
    e = engine(FUNCTION)
    t = terminal(e, user="dora", password="pw-dora")
    assert t.register().status == 200
    until(lambda: e.rows("select * from bindings"))
    e.kill()
    e.start()
    until(lambda: any(x["name"] == "dora" for x in e.status()["endpoints"]))
    t.challenge = None
    assert t.call().status == 200
    assert t.bye().status == 200
    assert e.wait_cdr()["endpoint"] == "dora"


def test_scripts_read_endpoints_and_hear_of_them(engine, terminal):
    e = engine(SCRIPT + """
moon.on("endpoint", function(x)
  print("heard", x.name, x.state, x.expires, x.source, x.user_agent)
end)
""")
    t = terminal(e)
    assert t.register(expires=120).status == 200
    e.wait_log(rf"heard\talice\tregistered\t120(.0)?\tudp:127.0.0.1:{t.port}"
               r"\tterminal")
    one = e.ask("eval", text='moon.endpoints("alice")')
    assert one["registered"] is True and one["calls"] == 0
    assert one["contacts"][0]["source"] == f"udp:127.0.0.1:{t.port}"
    assert 110 < (one["contacts"][0]["expires_at"]
                  - one["contacts"][0]["since"]) <= 120
    assert e.ask("eval", text="#moon.endpoints()") == 2
    assert e.ask("eval", text='moon.endpoints("zoe")') is None
    t.register(expires=0)
    e.wait_log("heard\talice\tunregistered")
    rows = until(lambda: (lambda r: len(r) > 1 and r)(
        e.rows("select * from registration_events order by id")))
    assert [(r["kind"], r["name"], r["event"]) for r in rows] == [
        ("endpoint", "alice", "registered"),
        ("endpoint", "alice", "unregistered")]
    assert rows[0]["expires_ms"] == 120000
