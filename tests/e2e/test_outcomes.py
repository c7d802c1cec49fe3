"""What becomes of a call, and of its lead, by the SIP response: every row of the
table, from SIPp, by moon.dial and in a campaign (DIALING.md). What is heard, or
not even that: test_outcomes_heard.py; an engine that dies: test_mid_bridge.py."""

# status, its Reason header says so → disposition
ROWS = [
    (486, 0, "busy"), (600, 0, "busy"),
    (480, 0, "no_answer"), (408, 0, "no_answer"),
    (404, 0, "invalid"), (410, 0, "invalid"),
    (484, 0, "invalid"), (604, 0, "invalid"),
    (603, 0, "declined"), (607, 0, "declined"),
    (603, 1, "blocked"), (608, 0, "blocked"),
    (500, 0, "congestion"), (502, 0, "congestion"),
    (503, 0, "congestion"), (504, 0, "congestion"),
]

# seconds until a lead is called again; all other dispositions are final
AGAIN = {"busy": 600, "no_answer": 7200, "congestion": 300, "blocked": 3600,
         "abandoned": 72 * 3600}


def check_next_step(e, lead, disposition, why=None):
    """After its one attempt the row LEAD is as the table has it; WHY, where it is
    done."""
    said = dict(lead)
    assert (lead["disposition"], lead["attempts"]) == (disposition, 1), said
    [made] = e.rows("select * from attempts where lead_id = ?", lead["id"])
    assert made["disposition"] == disposition, dict(made)
    delay = AGAIN.get(disposition)
    if delay is None:
        assert (lead["state"], lead["next_at_ms"], lead["wait_reason"]) == (
            "done", 0, why), said
        return
    assert (lead["state"], lead["wait_reason"]) == (
        "scheduled", f"a retry after {disposition}"), said
    waits = lead["next_at_ms"] - made["ended_at_ms"]
    assert abs(waits - 1000 * delay) <= 2000, (said, waits)


# the rest of the table: who declines must not be rung again by the next trunk
CAMPAIGN = """
local campaign = require "moondial.campaign"
return campaign {
  name = "rows", trunk = %s, leads = "leads.csv",
  pacing = { concurrent = 20, rate = 200 },
  flow = function() return "heard" end,
}
"""

DIALS = """
local moon = require "moondial"
moon.spawn(function()
  local _, reason, call = moon.dial("trunk:first/" .. moon.args[1])
  print("RESULT", moon.args[1], reason, call.disposition, call.sip_code)
  moon.stop()
end)
"""


def phone(code, blocked):
    return f"+1212{blocked}{code}"


MATCH = """      <ereg regexp="INVITE sip:[^@]*{ending}@" search_in="msg"
            assign_to="m{ending}"/>"""
JUMP = """  <nop next="a{ending}" test="m{ending}"/>"""
ANSWER = """  <label id="a{ending}"/>
  <send next="ack">
    <![CDATA[
      SIP/2.0 {code} Refused
      [last_Via:]
      [last_From:]
      [last_To:];tag=[pid]sipp[call_number]
      [last_Call-ID:]
      [last_CSeq:]
{reason}      Content-Length: 0

    ]]>
  </send>"""
BLOCKED = '      Reason: SIP;cause=603;text="Network Blocked"\n'


def refuser(sipp, calls):
    parts = [dict(ending=f"{blocked}{code}", code=code,
                  reason=BLOCKED if blocked else "")
             for code, blocked, *_ in ROWS]
    return sipp("uas_outcome", calls=calls, values={
        "matches": "\n".join(MATCH.format(**p) for p in parts),
        "jumps": "\n".join(JUMP.format(**p) for p in parts),
        "answers": "\n".join(ANSWER.format(**p) for p in parts)})


def config(*ports):
    trunks = ",".join(f'{{ name = "{name}", hosts = "127.0.0.1:{port}" }}'
                      for name, port in zip(["first", "second"], ports))
    return f"return {{ trunks = {{ {trunks} }} }}"


def test_every_row_in_a_campaign_and_what_goes_on_by_the_next_trunk(
        engine, sipp):
    congested = sum(r[2] == "congestion" for r in ROWS)
    first = refuser(sipp, len(ROWS))
    second = refuser(sipp, congested)
    e = engine(CAMPAIGN % '{ "first", "second" }', launch=False,
               config=config(first.port, second.port))
    (e.folder / "leads.csv").write_text(
        "phone\n" + "".join(f"{phone(c, b)}\n" for c, b, *_ in ROWS))
    e.start()
    e.wait_cdrs(len(ROWS))
    first.done()
    second.done()
    leads = {r["phone"]: r for r in e.rows("select * from leads")}
    rows = {r["to_user"]: r for r in e.cdrs()}
    for code, blocked, disposition in ROWS:
        lead, row = leads[phone(code, blocked)], rows[phone(code, blocked)]
        assert (row["sip_code"], row["disposition"]) == (code, disposition)
        check_next_step(e, lead, disposition)
        # only congestion is tried elsewhere
        tried = f"first:{code}" if disposition == "congestion" else None
        assert row["tried"] == tried, row
    status = {t["name"]: t for t in e.status()["trunks"]}
    assert (status["first"]["calls"], status["second"]["calls"]) == (
        len(ROWS), congested)
    assert status["first"]["asr"] == 0 and "acd_ms" not in status["first"]


def test_every_row_as_the_reason_of_a_dial(engine, sipp):
    """The same words as in the record, and the call that failed."""
    s = refuser(sipp, len(ROWS))
    e = engine(DIALS.replace('moon.spawn(function()', '''
for _, number in ipairs(moon.args) do moon.spawn(function()''')
               .replace("moon.args[1]", "number")
               .replace("  moon.stop()\nend)", "end) end"),
               args=[phone(c, b) for c, b, *_ in ROWS],
               config=config(s.port))
    e.wait_log("RESULT", count=len(ROWS))
    s.done()
    told = e.log()
    for code, blocked, disposition in ROWS:
        line = "\t".join(["RESULT", phone(code, blocked), disposition,
                          disposition, str(code)])
        assert line in told, line

