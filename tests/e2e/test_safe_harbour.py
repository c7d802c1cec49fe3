"""A predictive campaign whose one agent can't talk to all who answer: the others
hear who has called, in time, and may opt out."""
import time

from support import audio
from support.waiting import until

# the last digit: 1 answers first and talks, 2 presses 9 when it hears something,
# 3 listens; what each hears is recorded from its answer on
PEOPLE = """
local moon = require "moondial"
moon.on_call("ann", function(call)
  call:answer()
  call:wait("hangup", 60)
end)
moon.on_call(function(call)
  local last = call.to_user:sub(-1)
  call:ring()
  call:sleep(last == "1" and 0.8 or 1.2)
  call:answer()
  local heard <close> = call:record_call { file = call.to_user .. ".wav" }
  if last == "2" and call:wait("speech", 10) then
    call:dtmf("9")
  end
  call:sleep(last == "1" and 6 or 20)
end)
"""

CAMPAIGN = """
local moon = require "moondial"
local agents = require "moondial.agents"
agents.define_group { name = "sales" }
agents.define { name = "ann", target = "sip:ann@127.0.0.1:%d",
  groups = "sales", nailed_up = true }
agents.login "ann"
return require "moondial.campaign" {
  name = "spring", trunk = "carrier", leads = "leads.csv",
  agents = { group = "sales", message = { "goodbye", "goodbye", "goodbye" } },
  compliance = { abandoned_max = 1 },
  pacing = { mode = "predictive", abandon_target = 0.9, abandon_cap = 1,
    abandon_days = 1 },
}
"""


def test_who_finds_no_agent_hears_the_message_and_may_opt_out(engine):
    people = engine(PEOPLE, name="people")
    e = engine(CAMPAIGN % people.port, launch=False, name="floor", config=f"""
return {{ trunks = {{ {{ name = "carrier", hosts = "127.0.0.1:{people.port}",
  from = "+15550100" }} }} }}""")
    (e.folder / "leads.csv").write_text(
        "phone\n" + "".join(f"+1212555010{i}\n" for i in (1, 2, 3)))
    e.start()

    def lead(i):
        return e.rows("SELECT * FROM leads WHERE phone = ?",
                      f"+1212555010{i}")[0]

    until(lambda: len(e.rows("SELECT 1 FROM leads WHERE disposition "
                             "IS NOT NULL")) == 3, 60, e.tail)
    calls = {r["to_user"][-1]: r for r in e.wait_cdrs(3) if r["campaign"]}
    # all three rang at once, for one agent
    assert max(r["started_at_ms"] for r in calls.values()) < min(
        r["answered_at_ms"] for r in calls.values())
    assert (calls["1"]["agent"], lead(1)["disposition"]) == ("ann", "answered")
    assert calls["1"]["bridged_at_ms"] - calls["1"]["answered_at_ms"] < 1000

    # the others heard the message in time, whole but for the key
    people.wait_cdrs(3)
    message = 3 * 0.65
    for i in ("2", "3"):
        assert calls[i]["agent"] is None and not calls[i]["bridged_at_ms"]
        heard, _ = audio.read_wav(people.recordings / f"+1212555010{i}.wav")
        begin, end = audio.sounding(heard[:, 0])
        print(f"lead {i}: the message from {begin:.2f} s to {end:.2f} s")
        assert 1.5 < begin <= 2.0
        assert (end - begin > message - 0.2) == (i == "3")

    # 2 has opted out: on the internal list, by that call, for ever
    assert (lead(2)["state"], lead(2)["disposition"]) == ("done", "dnc")
    [listed] = e.rows("SELECT * FROM dnc_numbers")
    assert (listed["number"], listed["list"], listed["cdr_id"]) == (
        "12125550102", "internal", calls["2"]["id"])
    assert "on no list" in e.tool("dnc", "check", "+12125550103").stdout

    # 3 was abandoned: not called again for 72 hours
    third = lead(3)
    assert (third["state"], third["disposition"], third["wait_reason"]) == (
        "scheduled", "abandoned", "a retry after abandoned")
    assert abs(third["next_at_ms"] / 1000 - time.time() - 72 * 3600) < 60
    assert "a retry after abandoned until" in e.tool(
        "campaign", "why", "+12125550103").stdout

    # both count, whatever became of them
    [counted] = e.rows("SELECT live, abandoned, machines FROM abandonment")
    assert tuple(counted.values()) == (3, 2, 0)
