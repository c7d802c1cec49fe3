"""The ready campaigns of scripts/: each against people who press keys."""
import csv
import io
import json

import pytest

from support.engine import ROOT, moondial
from support.waiting import until

# what the called people do is in the last digit of their number
PEOPLE = """
local moon = require "moondial"
moon.on_call("agent", function(call)
  call:answer()
  call:sleep(0.5)
end)
moon.on_call(function(call)
  local digit = call.to:sub(-1)
  if digit == "0" then
    call:reject(404)
    return
  elseif digit == "8" then
    call:reject(486)
    return
  end
  call:answer()
  call:dtmf(moon.args[1] or digit)
  call:wait("hangup", 20)
end)
"""


def run(engine, script, phones, *args, people=(), agents="", **sets):
    callee = engine(PEOPLE, args=list(people))
    where = f"127.0.0.1:{callee.port}"
    e = engine((ROOT / f"scripts/{script}.lua").read_text(), launch=False,
               name="caller", args=["leads.csv", *args],
               sets={"campaign.compliance": False, **sets}, config=f"""
return {{ trunks = {{ {{ name = "carrier", hosts = "{where}",
  from = "+15550100" }} }}, {agents.replace("WHERE", where)} }}""")
    (e.folder / "leads.csv").write_text(
        "phone\n" + "".join(f"{p}\n" for p in phones))
    e.start()
    return e


def ended(e, name):
    e.wait_log("every lead is done", 60)
    return {r["phone"][-1]: r["disposition"] for r in csv.DictReader(
        io.StringIO(e.tool("campaign", "report", "--csv", name).stdout))}


def phones(digits):
    return [f"+1212555010{d}" for d in digits]


def test_a_broadcast_with_a_key_press(engine):
    e = run(engine, "broadcast", phones("190"), "hello")
    assert ended(e, "broadcast") == {
        "1": "interested", "9": "dnc", "0": "invalid"}
    assert "internal" in e.tool("dnc", "check", "+12125550109").stdout
    # another file is not imported by itself; it says how
    assert e.wait() == 0
    e.args[0] = "more.csv"
    e.start()
    e.wait_log("has its leads already, of leads.csv: more.csv is not read; "
               "to add them: moondial campaign import broadcast more.csv")


def test_a_survey_keeps_the_answers(engine):
    e = run(engine, "survey", phones("12"), "hello:12345", "thank-you:12",
            people=["41"])
    assert ended(e, "survey") == {"1": "complete", "2": "complete"}
    assert [json.loads(r["user_json"]) for r in e.cdrs()] == [
        {"hello": "4", "thank-you": "1"}] * 2
    text = (ROOT / "scripts/survey.lua").read_text()
    wrong = engine(text, launch=False, name="wrong", args=["leads.csv", "x"])
    wrong.launch()
    assert wrong.wait() == 1 and "no question" in wrong.log()
    wrong.process = None


def test_numbers_are_valid_or_not(engine):
    e = run(engine, "number_validation", phones("0158"))
    assert ended(e, "number-validation") == {
        "0": "invalid", "1": "valid", "5": "valid", "8": "busy"}
    dead = e.tool("campaign", "export", "--disposition", "invalid",
                  "number-validation").stdout
    assert [r["phone"] for r in csv.DictReader(io.StringIO(dead))] == [
        "+12125550100"]
    assert e.wait() == 0


def test_collections_give_debtors_to_agents(engine):
    e = run(engine, "collections", phones("129"), "hello", agents="""
  agents = { { name = "ann", target = "sip:agent@WHERE",
    groups = { "collections" } } },
  agent_groups = { { name = "collections" } },""")
    assert e.tool("agent", "login", "ann").returncode == 0
    assert ended(e, "collections") == {
        "1": "talked", "2": "promised", "9": "dnc"}
    [talked] = e.rows("select * from cdrs where agent is not null "
                      "and campaign is not null")
    assert (talked["agent"], talked["disposition"]) == ("ann", "talked")


@pytest.mark.parametrize("script,args,said", [
    ("broadcast", ["leads.csv", "hello", "x"], "'x' is one argument too many"),
    ("collections", ["leads.csv", "hello", "x"], "one argument too many"),
    ("number_validation", ["leads.csv", "a", "x"], "one argument too many"),
    ("predictive", ["leads.csv", "x"], "the leads are in 'leads.csv'"),
    ("survey", ["leads.csv"], "which questions?"),
    ("survey", ["leads.csv", "x"], "'x' is no question"),
    ("broadcast", ["leads.csv", "nope"], "there is no prompt 'nope'"),
    ("survey", ["leads.csv", "hello:1", "nope:1"], "no prompt 'nope'"),
    ("broadcast", ["none.csv"], "none.csv: No such file"),
    ("floor_simulator", ["answer=200"], "from 0 to 100"),
    ("callee_simulator", ["x"], "takes no arguments"),
])
def test_a_wrong_argument_is_told(engine, script, args, said):
    e = engine(ROOT / f"scripts/{script}.lua", launch=False, args=args)
    (e.folder / "leads.csv").write_text("phone\n+12125550101\n")
    e.launch()
    assert e.wait() == 1 and said in e.log(), e.log()
    e.process = None


def test_check_looks_at_the_campaign_of_a_configuration(tmp_path):
    def check(campaign):
        path = tmp_path / "moondial.lua"
        path.write_text(f"return {{ campaign = {{ {campaign} }} }}")
        done = moondial("check", "-c", path)
        assert (done.returncode == 0) == (not done.stderr), done.stderr
        return done.stderr

    for name in ("broadcast", "survey", "collections", "sales-floor"):
        done = moondial("check", "-c", ROOT / f"examples/{name}/moondial.lua")
        assert done.returncode == 0, done.stderr
    assert not check('pacing = { mode = "predictive" }, timeout = 20')
    assert "configuration: campaign: unknown option 'pasing'; did you mean " \
        "'pacing'" in check('pasing = { mode = "predictive" }')
    assert "must ring for 15 s" in check('timeout = 5, compliance = "us"')
    assert "pacing.rate" in check("pacing = { rate = 0 }")
    assert "hours" in check('hours = { "Mon 20:00-08:00" }')


def test_a_campaign_that_can_call_nobody_says_so(engine):
    e = engine((ROOT / "scripts/predictive.lua").read_text(), launch=False,
               args=["leads.csv"], sets={"campaign.trunk": "none",
                                          "campaign.agents.group": "sales",
                                          "campaign.agents.message": "nope"},
               config="""
return {
  endpoints = { { name = "ann", password = "a-good-one" } },
  agents = { { name = "ann", target = "endpoint:ann", nailed_up = true,
    groups = { "support" } } },
}""")
    (e.folder / "leads.csv").write_text("phone\n+12125550101\n")
    e.start()
    e.wait_log("campaign campaign: no agent is in group 'sales'")
    e.wait_log("campaign campaign: there is no trunk 'none'")
    e.wait_log("there is no prompt 'nope' .agents.message.")
    assert "no agent is in group 'sales'" in e.tool(
        "campaign", "status").stdout
    # an agent whose telephone is not there: why?
    assert e.tool("agent", "login", "ann").returncode == 0
    until(lambda: "unreachable" in e.tool("agent", "list").stdout, what=e.tail)
    none = engine((ROOT / "scripts/broadcast.lua").read_text(), name="none")
    none.wait_log("campaign broadcast has no leads")
