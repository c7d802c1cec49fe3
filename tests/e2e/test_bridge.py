"""Calls whose parties hear each other: who is heard, what each leg records, and
what is left when one of them goes."""
import pytest

from support import audio
from support.waiting import until

DIAL = """
local moon = require "moondial"
moon.on_call(function(call)
  %s
  local result, reason = call:dial(moon.args[1], { timeout = 10 %s })
  call.user.reason = result and result.reason or reason
  call.user.talk = result and result.duration
  if call.state == "answered" then
    call:play { tone = "1200", duration = 0.4 }
  end
end)
"""


def dialled(engine, phone, more="", before="", codecs=(0, 8), sets=None):
    """Alice calls, bob is rung and answers; both are bridged."""
    e = engine(DIAL % (before, more), launch=False, sets=sets)
    alice, bob = phone(e, user="alice"), phone(e, user="bob")
    e.args = [f"sip:bob@127.0.0.1:{bob.port}"]
    e.start()
    alice.invite(sdp=alice.sdp(payloads=f"{codecs[0]} 101"))
    invite = bob.wait("INVITE")
    bob.respond(invite, 180, "Ringing")
    bob.accept(invite, payloads=f"{codecs[1]} 101")
    bob.wait("ACK")
    response = alice.final()
    alice.ack(response)
    address, port, _ = response.media()
    alice.rtp.to = (address, port)
    return e, alice, bob


def hears(rtp, hz, payload_type, seconds=0.5):
    """The latest of what came is that tone."""
    def tone():
        heard = rtp.packets and rtp.audio(payload_type)
        if not len(heard) > seconds * 8000:
            return False
        last = heard[-int(seconds * 8000):]
        return audio.level(last) > -30 and \
            audio.purity(last, hz) > 0.95 and \
            abs(audio.frequency(last) - hz) < 2
    until(tone, what=lambda: f"{hz} Hz")


def hears_nothing(rtp, payload_type, seconds=0.3):
    def silence():
        heard = rtp.packets and rtp.audio(payload_type)
        return len(heard) > seconds * 8000 and \
            audio.level(heard[-int(seconds * 8000):]) < -50
    until(silence, what="silence")


def ended(e, direction, count=2):
    return next(r for r in e.wait_cdrs(count) if r["direction"] == direction)


@pytest.mark.parametrize("codecs", [(0, 0), (0, 8), (8, 0)])
def test_both_hear_each_other_whatever_their_codecs(engine, phone, codecs):
    before = 'call:answer() local r <close> = call:record_call { ' \
        'file = "alice.wav", channels = "stereo" }'
    e, alice, bob = dialled(engine, phone, before=before, codecs=codecs)
    alice.rtp.stream(audio.sine(500, 20), payload_type=codecs[0])
    bob.rtp.stream(audio.sine(800, 20), payload_type=codecs[1])
    hears(alice.rtp, 800, codecs[0])
    hears(bob.rtp, 500, codecs[1])
    # digits go across, and are still known of the leg where they came
    alice.rtp.silence()
    alice.rtp.digit("5")
    until(lambda: bob.rtp.digits() == "5", what="the digit at bob's")
    hears_nothing(bob.rtp, codecs[1])
    # bob hangs up: alice's flow goes on
    assert bob.bye().status == 200
    hears(alice.rtp, 1200, codecs[0], 0.2)
    alice.wait("BYE")
    rows = e.wait_cdrs(2)
    caller = next(r for r in rows if r["direction"] == "in")
    callee = next(r for r in rows if r["direction"] == "out")
    assert '"reason":"other_hangup"' in caller["user_json"]
    assert caller["bridged_to"] == callee["id"]
    assert callee["bridged_to"] == caller["id"]
    assert caller["digits"] == "5" and callee["digits"] is None
    assert callee["answered_at_ms"] <= callee["bridged_at_ms"] \
        < callee["answered_at_ms"] + 2000
    assert callee["bridged_ms"] == pytest.approx(
        callee["ended_at_ms"] - callee["bridged_at_ms"], abs=100)
    assert caller["rx_lost"] == callee["rx_lost"] == 0
    both, _ = audio.read_wav(e.recordings / "alice.wav")
    for column, hz in ((0, 500), (1, 800)):
        loud = both[:, column]
        assert any(
            audio.level(loud[i:i + 4000]) > -15 and
            audio.purity(loud[i:i + 4000], hz) > 0.98
            for i in range(0, len(loud) - 4000, 1000)), hz


def test_the_callers_hang_up_ends_the_other_leg(engine, phone):
    e, alice, bob = dialled(engine, phone)
    alice.rtp.stream(audio.sine(500, 20))
    hears(bob.rtp, 500, 8)
    assert alice.bye().status == 200
    bob.wait("BYE")
    caller = ended(e, "in")
    assert '"reason":"hangup"' in caller["user_json"]
    assert ended(e, "out")["hangup_by"] == "local"


def test_the_caller_is_answered_when_the_other_has(engine, phone):
    e = engine(DIAL % ("", ", answer_on_bridge = true"), launch=False)
    alice, bob = phone(e, user="alice"), phone(e, user="bob")
    e.args = [f"sip:bob@127.0.0.1:{bob.port}"]
    e.start()
    alice.invite()
    alice.wait(180)
    invite = bob.wait("INVITE")
    assert not any(m.status == 200 for m in alice.inbox)
    bob.accept(invite)
    alice.ack(alice.final())
    assert bob.bye().status == 200
    alice.wait("BYE")
    assert ended(e, "in")["disposition"] == "answered"
    # and one who gives up before has nobody rung any longer
    alice.taken = len(alice.inbox)
    alice.invite()
    alice.wait(180)
    invite = bob.wait("INVITE")
    bob.respond(invite, 180, "Ringing")
    until(lambda: e.status()["calls"]["out"] == 1)
    alice.cancel()
    bob.wait("CANCEL")
    bob.respond(invite, 487, "Request Terminated")
    rows = e.wait_cdrs(4)
    assert [r["disposition"] for r in rows[2:]].count("cancelled") == 2


def test_while_it_rings_the_caller_hears_what_the_script_says(engine, phone):
    e = engine(DIAL % ("", ', ringback = { tone = "600", duration = 30 }'),
               launch=False)
    alice, bob = phone(e, user="alice"), phone(e, user="bob")
    e.args = [f"sip:bob@127.0.0.1:{bob.port}"]
    e.start()
    assert alice.call().status == 200
    invite = bob.wait("INVITE")
    hears(alice.rtp, 600, 0)
    bob.accept(invite)
    bob.wait("ACK")
    bob.rtp.stream(audio.sine(800, 20))
    hears(alice.rtp, 800, 0)
    # on hold bob hears nothing, and goes on where he was
    bob.within("INVITE", body=bob.sdp(direction="sendonly"))
    bob.within("INVITE", body=bob.sdp(direction="sendrecv"))
    hears(alice.rtp, 800, 0)
    # nobody answers: the reason, and the flow goes on
    assert alice.bye().status == 200
    bob.wait("BYE")
    ended(e, "in")
    alice.taken = len(alice.inbox)
    assert alice.call().status == 200
    bob.respond(bob.wait("INVITE"), 486, "Busy Here")
    alice.wait("BYE")
    rows = e.wait_cdrs(4)
    assert any('"reason":"busy"' in (r["user_json"] or "") for r in rows)


ROOM = """
local moon = require "moondial"
moon.on_call("room", function(call)
  call:answer()
  local result, why = call:conference("room", { max_members = 3,
    muted = call.from_user == "mute", leave_on = "#" })
  call.user.reason = result and result.reason or why
end)
moon.on_call("two", function(call)
  call:answer()
  local other = assert(moon.dial(moon.args[1]))
  moon.shared.other = other
  call:play_async({ tone = "600", duration = 60 }, { loop = true })
  call.user.reason = call:bridge(other).reason
end)
moon.on_call("boss", function(call)
  call:answer()
  call.user.reason = call:monitor(moon.shared.other,
    { mode = call.from_user, leave_on = "0" }).reason
end)
"""


def test_a_conference_of_three(engine, phone):
    e = engine(ROOM)
    one, two, quiet, late = (phone(e, user=u)
                             for u in ("one", "two", "mute", "late"))
    for p in (one, two, quiet):
        assert p.call("room").status == 200
    one.rtp.stream(audio.sine(500, 30))
    quiet.rtp.stream(audio.sine(900, 30))
    hears(two.rtp, 500, 0)  # nothing of the muted one
    hears(quiet.rtp, 500, 0)
    hears_nothing(one.rtp, 0)
    late.call("room")
    late.wait("BYE")
    two.rtp.digit("#")
    two.wait("BYE")
    one.rtp.silence()
    hears_nothing(quiet.rtp, 0)
    assert one.bye().status == 200 and quiet.bye().status == 200
    rows = e.wait_cdrs(4)
    reasons = sorted(r["user_json"] for r in rows)
    assert reasons == ['{"reason":"full"}', '{"reason":"hangup"}',
                       '{"reason":"hangup"}', '{"reason":"left"}']
    assert sorted(r["bridged_to"] or "" for r in rows) == \
        [""] + 3 * ["conference:room"]


def test_a_supervisor_listens_prompts_and_speaks(engine, phone):
    e = engine(ROOM, launch=False)
    alice, bob = phone(e, user="alice"), phone(e, user="bob")
    boss = {mode: phone(e, user=mode)
            for mode in ("monitor", "whisper", "barge")}
    e.args = [f"sip:bob@127.0.0.1:{bob.port}"]
    e.start()
    assert alice.call("two").status == 200
    bob.accept(bob.wait("INVITE"))
    bob.wait("ACK")
    bob.rtp.stream(audio.sine(800, 60))
    hears(alice.rtp, 800, 0)
    for mode, p in boss.items():
        assert p.call("boss").status == 200
        hears(p.rtp, 800, 0)
        p.rtp.stream(audio.sine(1500, 60))
        if mode != "monitor":
            hears(bob.rtp, 1500, 0)
        if mode == "barge":
            until(lambda: audio.purity(alice.rtp.audio()[-4000:], 1500) > 0.3)
        else:
            hears(alice.rtp, 800, 0)
        p.rtp.silence()
        p.rtp.digit("0")
        p.wait("BYE")
        hears_nothing(bob.rtp, 0)
    # the parties talk on, and a listener goes with them
    p = boss["monitor"]
    p.taken = len(p.inbox)
    assert p.call("boss").status == 200
    hears(p.rtp, 800, 0)
    assert alice.bye().status == 200
    bob.wait("BYE")
    p.wait("BYE")
    rows = e.wait_cdrs(6)
    assert sorted(r["user_json"] for r in rows if r["user_json"]) == sorted(
        3 * ['{"reason":"left"}'] + ['{"reason":"hangup"}',
                                     '{"reason":"unbridged"}'])


def test_a_stop_in_mid_bridge_ends_both_legs(engine, phone):
    e, alice, bob = dialled(engine, phone, sets={"drain": 0.5})
    alice.rtp.stream(audio.sine(500, 20))
    hears(bob.rtp, 500, 8)
    e.stop()
    alice.wait("BYE")
    bob.wait("BYE")
    rows = e.cdrs()
    # the first by the drain, the other with it
    assert [r["hangup_by"] for r in rows] == ["engine", "local"]
    assert rows[0]["hangup_cause"] == "drain"
    assert all(r["bridged_ms"] > 0 for r in rows)


RULES = """
local moon = require "moondial"
moon.on_call("orphan", function(call)
  call:answer()
  local other
  moon.spawn(function()
    other = assert(moon.dial(moon.args[1]))
    other:wait("bridge", 10)
    -- who has dialled it ends here: somebody talks to it
  end)
  repeat call:sleep(0.02) until other
  call.user.reason = call:bridge(other, { hangup_other = false }).reason
end)
moon.on_call("short", function(call)
  call:answer()
  local other = assert(moon.dial(moon.args[1]))
  local one = call:bridge(other, { max_duration = 0.3, hangup_other = false })
  moon.spawn(function() other:wait("bridge", 10) other:unbridge() end)
  local two = call:bridge(other, { hangup_other = false, dtmf = false })
  local _, busy = pcall(function()
    moon.spawn(function() call:bridge(other, { hangup_other = false }) end)
    call:wait("bridge", 5)
    call:conference("room")
  end)
  local _, usage = pcall(call.bridge, call, call)
  local _, option = pcall(call.bridge, call, other, { max = 1 })
  call.user.said = { one.reason, two.reason, busy.code, usage.code,
    option.message }
  other:hangup()
  call.user.after = call:bridge(other).reason
end)
"""


def test_a_bridged_call_outlives_the_task_that_dialled_it(engine, phone):
    e = engine(RULES, launch=False)
    alice, bob = phone(e, user="alice"), phone(e, user="bob")
    e.args = [f"sip:bob@127.0.0.1:{bob.port}"]
    e.start()
    assert alice.call("orphan").status == 200
    bob.accept(bob.wait("INVITE"))
    bob.wait("ACK")
    alice.rtp.stream(audio.sine(500, 20))
    hears(bob.rtp, 500, 0)
    until(lambda: e.status()["scripts"]["coroutines"] == 1)
    assert e.status()["calls"]["answered"] == 2
    # with the bridge it ends: nobody else would end it
    assert alice.bye().status == 200
    bob.wait("BYE")
    rows = e.wait_cdrs(2)
    assert [r["hangup_by"] for r in rows] == ["remote", "local"]


def test_how_a_bridge_ends_and_what_it_refuses(engine, phone):
    e = engine(RULES, launch=False)
    alice, bob = phone(e, user="alice"), phone(e, user="bob")
    e.args = [f"sip:bob@127.0.0.1:{bob.port}"]
    e.start()
    assert alice.call("short").status == 200
    bob.accept(bob.wait("INVITE"))
    bob.wait("BYE")
    alice.wait("BYE")
    row = ended(e, "in")
    assert '"max_duration","unbridged","busy","usage"' in row["user_json"]
    assert "unknown option 'max'" in row["user_json"]
    assert '"after":"other_hangup"' in row["user_json"]
    assert e.status()["scripts"]["errors"] == 0


def test_what_comes_before_the_answer_is_heard(engine, phone):
    e = engine(DIAL % ("", ", answer_on_bridge = true"), launch=False)
    alice, bob = phone(e, user="alice"), phone(e, user="bob")
    e.args = [f"sip:bob@127.0.0.1:{bob.port}"]
    e.start()
    alice.invite()
    invite = bob.wait("INVITE")
    bob.respond(invite, 183, "Session Progress", body=bob.sdp())
    address, port, _ = invite.media()
    bob.rtp.to = (address, port)
    bob.rtp.stream(audio.sine(900, 30))
    early = alice.wait(183)
    hears(alice.rtp, 900, 0)
    assert not any(m.status == 200 for m in alice.inbox)
    bob.rtp.silence()
    bob.accept(invite)
    bob.wait("ACK")
    alice.ack(alice.final())
    address, port, _ = early.media()
    alice.rtp.to = (address, port)
    alice.rtp.stream(audio.sine(500, 20))
    bob.rtp.stream(audio.sine(800, 20))
    hears(alice.rtp, 800, 0)
    hears(bob.rtp, 500, 0)
    assert bob.bye().status == 200
    alice.wait("BYE")
    # early media of one who does not answer: the flow goes on by itself
    alice.taken = len(alice.inbox)
    alice.rtp.silence()
    alice.rtp.packets.clear()
    alice.invite()
    invite = bob.wait("INVITE")
    bob.tag = None
    bob.respond(invite, 183, "Session Progress", body=bob.sdp())
    alice.wait(183)
    bob.respond(invite, 486, "Busy Here")
    assert alice.final().status == 480
    rows = e.wait_cdrs(4)
    assert [r["bridged_to"] is None for r in rows] == [False, False, True, True]
