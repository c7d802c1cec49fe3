"""What becomes of a lead whose call meets no response, a tone, a machine, a
person: the rest of the table of outcomes (DIALING.md), from SIPp, each row in a
campaign that leaves what comes next to the defaults. Refusals: test_outcomes.py."""
import socket

import numpy as np
import pytest

from support import audio, pcap
from support.waiting import until

from test_detection import MACHINE, beep, quiet, says
from test_outcomes import check_next_step

# without a handler the engine would end when all is done
SCRIPT = """
require("moondial").on_call(function(call) call:reject(486) end)
local campaign = require "moondial.campaign"
require("moondial.agents").define_group { name = "nobody" }
local function row(name, trunk, more)
  local given = { name = name, trunk = trunk, leads = name .. ".csv", timeout = 10,
    compliance = false, flow = function() end }
  for key, value in pairs(more) do
    given[key] = value
  end
  campaign(given):start()
end
"""

def sit(first, second):
    return np.concatenate([quiet(0.3), *(
        audio.sine(hz, s, dbfs=-14)
        for hz, s in (first, second, (1776.7, .38))), quiet(1)])


SITS = {
    "intercept": sit((913.8, .274), (1370.6, .274)),
    "vacant": sit((985.2, .38), (1370.6, .274)),
    "reorder": sit((913.8, .274), (1428.5, .38)),
    "no_circuit": sit((985.2, .38), (1428.5, .38)),
}
HEARD = 'machine = { action = "continue", on_silence = "hangup" }'

# what is heard after the answer, options of the campaign → disposition
PLAYED = {
    "person": (lambda: [quiet(0.3), says("Hello?"), quiet(5)], HEARD, "human"),
    "recording": (lambda: [quiet(0.3), MACHINE[1], quiet(5)], HEARD,
                  "machine"),
    "hung_up_on": (lambda: [quiet(0.3), MACHINE[1], quiet(5)],
                   'machine = "hangup"', "machine"),
    "message": (lambda: [quiet(0.3), MACHINE[1], quiet(0.2), beep(), quiet(5)],
                'machine = { message = { tone = "700", duration = 0.3 } }',
                "message_left"),
    "fax": (lambda: [quiet(0.3), audio.sine(2100, 3, dbfs=-14)], HEARD, "fax"),
    "nothing": (lambda: [quiet(8)], HEARD, "silence"),
    "who_knows": (lambda: [says("Hello?"), quiet(0.3), says("Yes?"), quiet(5)],
                  'machine = { action = "continue", total = 0.5 }', "unsure"),
    "assistant": (lambda: [quiet(0.3), says("Hello?"), quiet(5)],
                  'machine = { action = "continue", screening = function()'
                  ' return "screening" end }', "screening"),
    "sold": (lambda: [quiet(3)], 'flow = function() return "sale" end',
             "sale"),
    "told": (lambda: [quiet(3)], "", "answered"),
    "alone": (lambda: [quiet(3)],
              'agents = { group = "nobody", within = 0.2 },'
              ' pacing = { mode = "broadcast" }', "abandoned"),
}
TONES = {f"sit_{name}": (lambda sound=sound: [sound, quiet(3)], HEARD,
                         "invalid" if name in ("intercept", "vacant")
                         else "congestion") for name, sound in SITS.items()}


def next_step(e, name, disposition):
    [lead] = e.rows("select * from leads where campaign = ?", name)
    check_next_step(e, lead, disposition)


class Rows:
    """A campaign of one lead for each row, on a trunk of its own."""

    def __init__(self, engine):
        self.make, self.rows, self.script, self.trunks = engine, {}, "", []

    def add(self, name, port, options="", *, then=None):
        self.trunks.append(f'{{ name = "{name}", hosts = "127.0.0.1:{port}" }}')
        other = f', "{then}"' if then else ""
        self.script += f'row("{name}", {{ "{name}"{other} }}, {{ {options} }})\n'
        self.rows[name] = f"+1212555{len(self.rows):04}"

    def start(self, *trunks):
        e = self.make(SCRIPT + self.script, launch=False, config=f"""
return {{ trunks = {{ {", ".join([*self.trunks, *trunks])} }} }}""")
        for name, phone in self.rows.items():
            (e.folder / f"{name}.csv").write_text(f"phone\n{phone}\n")
        return e.start()

    def ended(self, e, timeout=60):
        """Each lead has had its call: the calls' records by their campaigns."""
        until(lambda: len(e.rows("select 1 from attempts where ended_at_ms"
                                 " is not null")) == len(self.rows), timeout,
              e.tail)
        return {r["campaign"]: r for r in e.wait_cdrs(len(self.rows))}


# sound that comes late is spoilt: beside other tests it would
@pytest.mark.quiet
@pytest.mark.parametrize("played", [PLAYED, TONES], ids=["who", "tone"])
def test_what_has_answered_decides_what_comes_next(engine, sipp, tmp_path,
                                                   played):
    rows, called = Rows(engine), []
    for name, (sounds, options, _) in played.items():
        called.append(sipp("uas_plays", values={"pcap": pcap.write(
            tmp_path / f"{name}.pcap", np.concatenate(sounds()))}))
        rows.add(name, called[-1].port, options)
    e = rows.start()
    cdrs = rows.ended(e)
    for one in called:
        one.done()
    for name, (_, _, disposition) in played.items():
        next_step(e, name, disposition)
        assert cdrs[name]["disposition"] == disposition
        assert cdrs[name]["sip_code"] == 200
        # nobody who has answered is called again by another trunk
        assert cdrs[name]["tried"] is None


@pytest.mark.quiet
def test_a_tone_before_the_answer_and_no_answer_at_all(engine, sipp, tmp_path):
    rows, called = Rows(engine), []
    for name, sound in SITS.items():
        called.append(sipp("uas_early_plays", values={"pcap": pcap.write(
            tmp_path / f"{name}.pcap", sound)}))
        rows.add(name, called[-1].port, HEARD, then="second")
    called.append(sipp("uas_no_answer"))
    rows.add("rings", called[-1].port, "timeout = 2", then="second")
    deaf = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in "ab"]
    for one in deaf:
        one.bind(("127.0.0.1", 0))
    port, other = (one.getsockname()[1] for one in deaf)
    rows.add("deaf", port, then="second")  # 6 s of silence are enough
    rows.add("deaf_alone", other, "timeout = 7")
    # whom only congestion goes on to
    called.append(sipp("uas_refuses", calls=3, values={
        "code": 500, "phrase": "Error", "headers": ""}))
    e = rows.start('{ name = "second", hosts = "127.0.0.1:%d" }'
                   % called[-1].port)
    cdrs = rows.ended(e)
    for one in called:
        one.done()
    tried = {n: r["tried"] for n, r in cdrs.items()}
    for name in ("intercept", "vacant"):
        next_step(e, name, "invalid")
    for name in ("reorder", "no_circuit", "deaf", "deaf_alone"):
        next_step(e, name, "congestion")
    next_step(e, "rings", "no_answer")
    assert {n: t.split(":")[0] for n, t in tried.items() if t} == {
        "reorder": "reorder", "no_circuit": "no_circuit", "deaf": "deaf"}
    assert tried["deaf"] == "deaf:0"
    assert cdrs["deaf_alone"]["sip_code"] is None
    rung = cdrs["rings"]
    assert rung["ended_at_ms"] - rung["started_at_ms"] >= 2000
    for one in deaf:
        one.close()


@pytest.mark.parametrize("flow,disposition", [
    ("call:sleep(30)", "hung_up"),
    ('call.disposition = "half" call:sleep(30)', "half")])
def test_the_far_end_hangs_up_before_the_flow_ends(engine, sipp, flow,
                                                   disposition):
    rows = Rows(engine)
    far = sipp("uas_bye", values={"pause": 300})
    rows.add("left", far.port, f"flow = function(call) {flow} end")
    e = rows.start()
    cdr = rows.ended(e)["left"]
    far.done()
    next_step(e, "left", disposition)
    assert (cdr["disposition"], cdr["hangup_by"]) == (disposition, "remote")


def test_who_asks_to_be_removed_is_called_by_no_campaign(engine, sipp):
    rows = Rows(engine)
    far = sipp("uas_plays", values={
        "pcap": "/usr/share/sip-tester/dtmf_2833_9.pcap"})
    rows.add("spring", far.port, """flow = function(call)
  if call:gather { max_digits = 1, timeout = 10 } == "9" then call:opt_out() end
  return "heard"
end""")
    e = rows.start()
    rows.ended(e)
    far.done()
    next_step(e, "spring", "dnc")
    (e.folder / "other.lua").write_text(
        'return require("moondial.campaign") { name = "other", trunk = "spring",'
        ' leads = "spring.csv", compliance = false, flow = function() end }')
    started = e.tool("campaign", "start", e.folder / "other.lua")
    assert started.returncode == 0, started.stderr
    until(lambda: e.rows("select 1 from campaigns where name = 'other' and"
                         " state = 'done'"), what=e.tail)
    [lead] = e.rows("select * from leads where campaign = 'other'")
    assert (lead["state"], lead["disposition"], lead["attempts"],
            lead["wait_reason"]) == ("done", "dnc", 0, "on the list internal")
    assert len(e.cdrs()) == 1
