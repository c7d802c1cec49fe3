"""What answers a call, over the wire: persons, machines, fax, tones; and the
message that is left."""
import json
import re

import numpy as np
import pytest

from support import audio, greetings
from support.engine import ROOT, moondial
from support.phone import Phone
from support.waiting import until

# without a handler the engine would end by itself
DIAL = """
local moon = require "moondial"
moon.on_call(function(call) call:reject(486) end)
moon.spawn(function()
  local call, reason, failed = moon.dial(moon.args[1], { timeout = 20, detect = %s })
  if not call then
    moon.log.info("not answered: %%s", reason)
    return
  end
  call.user.verdict = call:detect_machine()
  %s
end)
"""


def quiet(seconds):
    return np.zeros(int(seconds * 8000))


def says(text, voice="en-us"):
    return greetings.at_level(greetings.speak(voice, text, 170, 50), -16)


def beep(hz=1000, seconds=0.5):
    return audio.sine(hz, seconds, dbfs=-12)


HUMAN = [quiet(0.5), says("Hello?"), quiet(3)]
MACHINE = [quiet(0.4), says("You have reached the voicemail of Peter Young. "
                            "Please leave a message after the tone."),
           quiet(0.4)]
SIT = {
    "vacant": ((985.2, .38), (1370.6, .274), (1776.7, .38)),
    "no_circuit": ((985.2, .38), (1428.5, .38), (1776.7, .38)),
}


def rings(p):
    """The INVITE that comes; our audio goes where it says."""
    invite = p.wait("INVITE")
    p.rtp.to = invite.media()[:2]
    return invite


def answers(p, sounds):
    """Accept, and say SOUNDS from then on."""
    p.accept(rings(p))
    p.wait("ACK")
    return p.rtp.stream(np.concatenate(sounds))


@pytest.fixture
def line(ports):
    """A telephone that is called."""
    made = Phone(ports, ("127.0.0.1", 1))
    yield made
    made.close()


def called(engine, line, script, **options):
    """The engine dials LINE, which can answer it."""
    e = engine(script, launch=False, **options)
    line.target = ("127.0.0.1", e.port)
    e.args = [f"sip:line@127.0.0.1:{line.port}"]
    return e.start()


def test_a_person_answers_after_an_announcement(engine, line):
    """What early media says isn't what the person says."""
    e = called(engine, line, DIAL % ('{ keep = "amd/{id}.wav" }', """
  call:on("machine", function(event) moon.log.info("event %s", event.kind) end)
  call.user.again = call:detect_machine().kind
  call.agent = { name = "anna" }
  call:sleep(4)"""))
    invite = rings(line)
    line.respond(invite, 183, "Session Progress", body=line.sdp())
    line.rtp.stream(np.concatenate(MACHINE)).join()
    line.accept(invite)
    line.wait("ACK")
    line.rtp.stream(np.concatenate(HUMAN + [quiet(3)]))
    line.wait("BYE", 30)
    row = e.wait_cdr()
    assert row["detection"] == "human" and row["detection_cause"] == "greeting"
    assert row["disposition"] == "answered"
    assert 1 <= row["detection_words"] <= 3
    assert 200 < row["detection_greeting_ms"] < 900
    assert row["detection_decided_ms"] < 2500
    assert row["detection_noise_db"] < -60
    assert 0.5 < row["detection_confidence"] <= 1
    user = json.loads(row["user_json"])
    assert user["verdict"]["kind"] == "human" == user["again"]
    assert user["verdict"]["decided"] == row["detection_decided_ms"] / 1000
    # its first five seconds, to be replayed: of the answer, not before
    kept, rate = audio.read_wav(row["detection_file"])
    assert row["recording"] is None
    assert len(kept) / rate == pytest.approx(5, abs=0.1)
    first, last = audio.sounding(kept[:, 0])
    assert first < 1.2 and last - first < 0.9
    told = moondial("amd", "replay", "--json", row["detection_file"]).stdout
    assert json.loads(told)["files"][0]["verdict"] == "human"
    # … or all that were kept, with what agents have said: none but a person
    told = json.loads(e.tool("amd", "replay", "--json").stdout)
    assert told["confusion"] == {"human": {"human": 1}}
    assert told["files"][0]["file"] == row["detection_file"]
    other = e.tool("amd", "replay", "--json", "--campaign", "other")
    assert json.loads(other.stdout)["files"] == []


def test_a_machine_gets_the_whole_message_after_its_beep(engine, line,
                                                         tmp_path):
    message = np.concatenate([audio.sine(700, 0.3), audio.sine(900, 1.2)])
    audio.write_wav(tmp_path / "message.wav", message)
    e = called(engine, line, DIAL % ("true", """
  call.user.left = call:leave_message("message")"""),
               sets={"prompts": tmp_path})
    talk = answers(line, MACHINE + [beep(), quiet(8)])
    line.wait("BYE", 40)
    line.rtp.silence()
    talk.join()
    row = e.wait_cdr()
    user = json.loads(row["user_json"])
    assert row["detection"] == "machine", row
    assert row["tones"] == "beep"
    assert user["left"]["after"] == "beep" and user["left"]["restarts"] == 0
    # the far side has heard it from its first sample to its last
    heard = line.rtp.audio()
    first, last = audio.sounding(heard)
    assert last - first == pytest.approx(1.5, abs=0.1)
    begin = heard[int((first + 0.02) * 8000):int((first + 0.25) * 8000)]
    assert audio.frequency(begin) == pytest.approx(700, abs=3)
    # … and not before the beep was over
    length = sum(map(len, MACHINE)) / 8000 + 0.5
    assert first > length + 0.2
    assert first < length + 1.5


def test_a_second_beep_or_greeting_begins_it_anew(engine, line, tmp_path):
    audio.write_wav(tmp_path / "message.wav", audio.sine(700, 4))
    e = called(engine, line, DIAL % ("true", """
  call.user.left = call:leave_message("message")"""),
               sets={"prompts": tmp_path})
    answers(line, MACHINE + [beep(), quiet(1), beep(1200), quiet(8)])
    line.wait("BYE", 40)
    left = json.loads(e.wait_cdr()["user_json"])["left"]
    assert left == {"after": "beep", "restarts": 1, "waited": left["waited"]}
    # most of the first, then the second as a whole
    heard = line.rtp.audio()
    first, last = audio.sounding(heard)
    assert 4.5 < last - first < 6.5


def test_without_a_beep_two_seconds_of_silence_do(engine, line):
    e = called(engine, line, DIAL % ("true", """
  call.user.left = call:leave_message({ tone = "700", duration = 1 })"""))
    answers(line, MACHINE + [quiet(8)])
    line.wait("BYE", 40)
    row = e.wait_cdr()
    left = json.loads(row["user_json"])["left"]
    assert left["after"] == "silence" and row["tones"] is None
    first, last = audio.sounding(line.rtp.audio())
    greeting = sum(map(len, MACHINE)) / 8000 - 0.4
    assert greeting + 1.9 < first < greeting + 3
    assert last - first == pytest.approx(1, abs=0.1)


def test_it_gives_up_on_a_machine_that_never_stops(engine, line):
    e = called(engine, line, DIAL % ("true", """
  local left, reason = call:leave_message({ tone = "700", duration = 1 },
    { timeout = 2 })
  call.user.left, call.user.reason = left, reason"""))
    answers(line, MACHINE[:2] + MACHINE[1:2] * 3)
    line.wait("BYE", 40)
    user = json.loads(e.wait_cdr()["user_json"])
    assert user["reason"] == "timeout" and "left" not in user
    assert audio.sounding(line.rtp.audio()) is None


def test_a_fax_answers(engine, line):
    e = called(engine, line, DIAL % ("true", "call:hangup()"))
    answers(line, [quiet(0.8), audio.sine(2100, 3, dbfs=-14), quiet(1)])
    line.wait("BYE", 30)
    row = e.wait_cdr()
    assert (row["detection"], row["detection_cause"]) == ("fax", "ced")
    assert row["detection_decided_ms"] < 2000
    assert row["tones"] == "ced"


@pytest.mark.parametrize("name,disposition", [
    ("vacant", "invalid"), ("no_circuit", "congestion")])
def test_a_sit_in_early_media_ends_the_call(engine, line, name, disposition):
    e = called(engine, line, DIAL % ("true", ""))
    invite = rings(line)
    line.respond(invite, 183, "Session Progress", body=line.sdp())
    line.rtp.stream(np.concatenate(
        [quiet(0.5), *(audio.sine(hz, s, dbfs=-14) for hz, s in SIT[name]),
         quiet(2)]))
    line.respond(line.wait("CANCEL", 20), 200, "OK")
    line.respond(invite, 487, "Request Terminated")
    row = e.wait_cdr()
    assert row["disposition"] == disposition
    assert row["hangup_cause"] == "sit_" + name
    assert row["tones"] == f"sit_{name}.us"
    e.wait_log("not answered: " + disposition)


def test_a_network_without_circuits_is_passed_by(engine, ports):
    """A SIT of no circuit, and the call goes on by the next trunk."""
    first, second = (Phone(ports, ("127.0.0.1", 1)) for _ in range(2))
    e = engine(DIAL.replace("moon.args[1], {", "'+15550123', { trunk = "
                            "{ 'first', 'second' },") % ("true", ""),
               launch=False, config=f"""
return {{ trunks = {{ {{ name = "first", hosts = "127.0.0.1:{first.port}" }},
  {{ name = "second", hosts = "127.0.0.1:{second.port}" }} }} }}""")
    for one in (first, second):
        one.target = ("127.0.0.1", e.port)
    e.start()
    invite = rings(first)
    first.respond(invite, 183, "Session Progress", body=first.sdp())
    first.rtp.stream(np.concatenate(
        [quiet(0.4), *(audio.sine(hz, s, dbfs=-14)
                       for hz, s in SIT["no_circuit"]), quiet(1)]))
    first.respond(first.wait("CANCEL", 20), 200, "OK")
    first.respond(invite, 487, "Request Terminated")
    answers(second, HUMAN)
    second.wait("BYE", 30)
    row = e.wait_cdr()
    assert (row["trunk"], row["detection"]) == ("second", "human")
    assert row["tried"].startswith("first:")
    assert row["tones"] == "sit_no_circuit.us"
    for one in (first, second):
        one.close()


def test_it_is_found_out_while_our_own_prompt_plays(engine, line):
    e = called(engine, line, """
local moon = require "moondial"
moon.on_call(function(call) call:reject(486) end)
moon.spawn(function()
  local call = moon.dial(moon.args[1])
  local music <close> = call:play_async({ tone = "440", duration = 0 })
  call.user.verdict = call:detect_machine({ human = { silence = 0.5 } })
  local which, event = moon.select { beep = call:event("beep"),
    silence = call:event("silence"), timeout = 20 }
  call.user.which, call.user.hz = which, event.frequency
end)
""")
    answers(line, MACHINE[:2] + [beep(800, 0.4), quiet(6)])
    line.wait("BYE", 40)
    row = e.wait_cdr()
    user = json.loads(row["user_json"])
    assert row["detection"] == "machine"
    assert user["which"] == "beep" and user["hz"] == pytest.approx(800, abs=8)
    assert audio.level(line.rtp.audio()[8000:16000]) > -25


def test_hang_up_while_it_is_being_found_out(engine, line):
    e = called(engine, line, """
local moon = require "moondial"
moon.on_call(function(call) call:reject(486) end)
moon.spawn(function()
  local call = moon.dial(moon.args[1], { detect = true })
  local ok, err = pcall(call.detect_machine, call)
  moon.log.info("%s %s", ok, err.code)
  ok, err = pcall(call.leave_message, call, "none")
  moon.log.info("%s %s", ok, err.code)
end)
""")
    line.accept(rings(line))
    line.wait("ACK")
    line.rtp.stream(quiet(1)).join()
    line.bye()
    e.wait_log("false hangup", count=2)
    row = e.wait_cdr()
    assert row["detection"] is None and row["disposition"] == "answered"


def test_events_of_what_is_heard(engine, line):
    """A handler is enough to have it listen, and no verdict is made."""
    e = called(engine, line, """
local moon = require "moondial"
moon.on_call(function(call) call:reject(486) end)
moon.spawn(function()
  local call = moon.dial(moon.args[1])
  for _, name in ipairs { "speech", "silence", "beep", "tone" } do
    call:on(name, function(event)
      moon.log.info("heard %s %s %s", event.type, event.tone or "-", event.region or "-")
    end)
  end
  call:wait("hangup")
end)
""")
    busy = [x for _ in range(3) for x in (
        audio.sine(480, .5, dbfs=-16) + audio.sine(620, .5, dbfs=-16),
        quiet(.5))]
    answers(line, [quiet(0.6), says("Hello, who is there?"), quiet(1),
                   *busy]).join()
    line.bye()
    row = e.wait_cdr()
    assert row["detection"] is None and row["tones"] == "busy.us"
    log = e.log()
    heard = re.findall(r" heard (\S+ \S+ \S+)", log)
    if heard[0] == "silence - -":  # before, where that was long enough
        heard.pop(0)
    assert heard == ["speech - -", "silence - -", "tone busy us"]


def test_what_a_script_knows_better_is_kept(engine, line):
    e = called(engine, line, DIAL % ("{ machine = { words = 2 } }", """
  call.detection = "screening"
  call.user.after = call.detection.kind"""))
    answers(line, MACHINE)
    line.wait("BYE", 30)
    row = e.wait_cdr()
    assert (row["detection"], row["detection_cause"]) == (
        "screening", "script")
    user = json.loads(row["user_json"])
    assert user["after"] == "screening"
    assert user["verdict"]["kind"] == "machine"


def test_wrong_settings_are_told(engine):
    e = engine("""
local moon = require "moondial"
local function try(...)
  local _, err = pcall(...)
  moon.log.info("%s: %s", err.code, err.message)
end
moon.spawn(function()
  try(moon.dial, "sip:a@127.0.0.1", { detect = { machine = { voise = 2 } } })
  try(moon.dial, "sip:a@127.0.0.1", { detect = { total = -1 } })
  try(moon.dial, "sip:a@127.0.0.1", { detect = { keep = "../x.wav" } })
  try(moon.dial, "sip:a@127.0.0.1", { detect = { keep = "{ip}.wav" } })
  try(moon.detect_settings, { tones = { "us", "mars" } })
  moon.log.info("total %g", moon.detect_settings({ total = 3 }).total)
end)
moon.every(10, function() end)
""")
    e.wait_log("usage: moon.dial: unknown option 'machine.voise'; did you "
               "mean 'machine.voice'")
    e.wait_log("usage: moon.dial: option 'total' must be seconds from 0.1")
    e.wait_log("forbidden: moon.dial: keep: file lies outside")
    e.wait_log(r"usage: moon.dial: keep: file: \{ip\} is none of")
    e.wait_log("usage: moon.detect_settings: 'tones' are of us, uk, de, fr")
    e.wait_log("total 3")


# ---- campaigns

CALLEES = """
local moon = require "moondial"
local lines = {}
lines["01"] = function(call) call:answer() call:sleep(0.4) call:play("person") end
lines["02"] = function(call)
  call:answer()
  call:sleep(0.3)
  call:play { "machine", { silence = 0.4 }, { tone = "1000", duration = 0.5 } }
  call:record { file = "{to}.wav", max = 20, terminator = "" }
end
lines["03"] = function(call)
  call:answer()
  call:play { { silence = 0.5 }, { tone = "2100", duration = 3 } }
end
lines["04"] = function(call)
  local sit = { { silence = 0.5 }, { tone = "985.2", duration = 0.38 }, { tone = "1370.6", duration = 0.274 },
    { tone = "1776.7", duration = 0.38 } }
  for _ = 1, 3 do -- a machine under load may lose a part of it
    table.move(sit, 1, 4, #sit + 1)
  end
  call:progress { prompt = sit }
end
lines["05"] = function(call) call:answer() end
moon.on_call(function(call)
  lines[call.to:sub(-2)](call)
  call:wait("hangup", 30)
end)
"""

CAMPAIGN = """
local campaign = require "moondial.campaign"
return campaign {
  name = "test", trunk = "carrier", leads = "leads.csv", compliance = false,
  pacing = { concurrent = 10 }, timeout = 10, retry = { max_attempts = 1 },
  machine = %s,
  flow = function(call, lead)
    call.user.saw = call.detection.kind
    call:play { tone = "600", duration = 0.5 }
    %s
  end,
}
"""


def campaign(engine, folder, machine, lines, result=""):
    """The leads' calls by the end of their number; the engine called."""
    audio.write_wav(folder / "person.wav", says("Hello, who is there?"))
    audio.write_wav(folder / "machine.wav", MACHINE[1])
    audio.write_wav(folder / "message.wav", audio.sine(700, 2))
    callees = engine(CALLEES, sets={"prompts": folder})
    e = engine(CAMPAIGN % (machine, result), launch=False,
               name="engine-caller", sets={"prompts": folder}, config=f"""
return {{ trunks = {{ {{ name = "carrier", hosts = "127.0.0.1:{callees.port}",
  from = "+15550100" }} }} }}""")
    (e.folder / "leads.csv").write_text(
        "phone\n" + "".join(f"+155501234{n}\n" for n in lines))
    e.start()
    assert e.wait(90) == 0
    rows = e.rows("select l.phone, l.disposition d, c.* from leads l "
                  "join cdrs c on c.lead_id = l.id")
    return {r["phone"][-2:]: r for r in rows}, callees


def test_a_campaign_leaves_messages_on_machines(engine, tmp_path):
    rows, callees = campaign(
        engine, tmp_path, '{ message = "message", keep = "amd/{id}.wav" }',
        ["01", "02", "03", "04", "05"])
    assert {n: r["d"] for n, r in rows.items()} == {
        "01": "human", "02": "message_left", "03": "fax", "04": "invalid",
        "05": "silence"}
    assert {n: r["detection"] for n, r in rows.items()} == {
        "01": "human", "02": "machine", "03": "fax", "04": None,
        "05": "silence"}
    assert rows["04"]["tones"] == "sit_vacant.us"
    assert rows["02"]["disposition"] == "message_left"
    assert all(bool(r["detection_file"]) == (n != "04")
               for n, r in rows.items())
    # what the machine has recorded is the message, from its first sample
    kept, rate = audio.read_wav(next(callees.recordings.glob("*02.wav")))
    first, last = audio.sounding(kept[:, 0])
    # two engines on a busy machine: a frame or two may be missing
    assert last - first == pytest.approx(2, abs=0.3)
    assert audio.frequency(kept[int(first * rate):, 0]) == pytest.approx(
        700, abs=2)


@pytest.mark.parametrize("machine,result,disposition,saw", [
    ('"hangup"', "", "machine", None),
    ('"continue"', 'return "told"', "told", "machine"),
    ('"leave_message"', 'return "spoken"', "spoken", "machine"),
])
def test_what_a_campaign_does_with_a_machine(engine, tmp_path, machine, result,
                                             disposition, saw):
    rows, callees = campaign(engine, tmp_path, machine, ["02"], result)
    row = rows["02"]
    assert (row["d"], row["detection"]) == (disposition, "machine")
    user = json.loads(row["user_json"]) if row["user_json"] else {}
    assert user.get("saw") == saw
    if machine == '"leave_message"':
        # the flow has spoken after the beep, and is what was recorded
        kept, _ = audio.read_wav(next(callees.recordings.glob("*02.wav")))
        first, last = audio.sounding(kept[:, 0])
        assert last - first == pytest.approx(0.5, abs=0.3)


FLOOR = """
local moon = require "moondial"
local agents = require "moondial.agents"
local campaign = require "moondial.campaign"
agents.define_group { name = "sales", wrapup = 0.1 }
agents.define { name = "anna", groups = "sales", target = "sip:anna07@127.0.0.1:%d" }
moon.spawn(agents.login, "anna")
return campaign {
  name = "test", trunk = "carrier", leads = "leads.csv", compliance = false, agents = "sales",
  pacing = { mode = "progressive" }, timeout = 10, retry = { max_attempts = 1 }, machine = "hangup",
  flow = function(call) return call.agent and "talked" or "heard" end,
}
"""


def test_agents_get_persons_and_no_machines(engine, tmp_path):
    """… and what finding out takes is part of the two seconds."""
    audio.write_wav(tmp_path / "person.wav", says("Hello, who is there?"))
    audio.write_wav(tmp_path / "machine.wav", MACHINE[1])
    callees = engine(CALLEES.replace("lines[\"05\"]", """
lines["07"] = function(call) call:answer() call:play { tone = "300", duration = 1 } end
lines["05"]""").replace('"hangup", 30', '"hangup", 3'),
                     sets={"prompts": tmp_path})
    e = engine(FLOOR % callees.port, launch=False, name="engine-caller",
               config=f"""
return {{ trunks = {{ {{ name = "carrier", hosts = "127.0.0.1:{callees.port}",
  from = "+15550100" }} }} }}""")
    (e.folder / "leads.csv").write_text(
        "phone\n" + "".join(f"+155501234{n}\n" for n in ("02", "01", "03")))
    e.start()
    until(lambda: e.rows("select 1 from campaigns where state = 'done'"), 60,
          lambda: f"the campaign's end: {e.tail()}")
    rows = {r["phone"][-2:]: r for r in e.rows(
        "select l.phone, l.disposition d, c.* from leads l "
        "join cdrs c on c.lead_id = l.id")}
    assert {n: r["d"] for n, r in rows.items()} == {
        "01": "talked", "02": "machine", "03": "fax"}
    person = rows["01"]
    assert (person["detection"], person["agent"]) == ("human", "anna")
    assert rows["02"]["agent"] is None
    # from the end of the greeting to the agent's voice
    greeted = (person["answered_at_ms"] + person["detection_decided_ms"]
               - 1000)
    assert person["bridged_at_ms"] - greeted < 2000


def test_replay_tells_how_many_persons_are_taken_for_machines(tmp_path):
    talks = (ROOT / "prompts/machine-greeting.wav").read_bytes()
    for label, count in (("human", 1), ("machine", 3)):
        (tmp_path / label).mkdir()
        for i in range(count):
            (tmp_path / label / f"{i}.wav").write_bytes(talks)
    out = moondial("amd", "replay", tmp_path).stdout
    assert "persons among those taken for machines: 1 of 4 (25.0 %)" in out
    # one more than was seen: (1 + 1) / (4 + 2)
    line = "pacing = { false_machine = 0.334 }"
    assert line in out
    told = json.loads(moondial("amd", "replay", "--json", tmp_path).stdout)
    assert told["taken_for_machines"] == {
        "machines": 4, "persons": 1, "false_machine": 0.334}
    # the line is one of a campaign's
    (tmp_path / "c.lua").write_text(f"return {{ campaign = {{ {line} }} }}")
    assert moondial("check", "-c", tmp_path / "c.lua").returncode == 0
    # nobody was: nothing is measured
    none = moondial("amd", "replay", "--set", "machine.words=200", "--set",
                    "machine.voice=60", tmp_path / "human").stdout
    assert "taken for machines" not in none
