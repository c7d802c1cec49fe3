"""How fast campaigns dial: limits of campaign, trunk and engine, congestion,
settings that change while it runs, modes with agents."""
import json

import pytest

from support.waiting import until

from test_campaign import QUICK_CALLEES, check_attempts, leads, report

CAMPAIGN = """
local campaign = require "moondial.campaign"
return campaign {
  name = "test",
  leads = "leads.csv",
  pacing = { concurrent = 50, rate = 200 },
  retry = { max_attempts = 1 },
  flow = function(call, lead)
    call:gather { max_digits = 1, timeout = 4 }
    return "confirmed"
  end,
}
"""


def numbers(count):
    return [f"+1555{i:04}" for i in range(count)]


def caller(engine, callee, phones, script=CAMPAIGN, trunk="", more="",
           **options):
    e = engine(script, launch=False, name="engine-caller", config=f"""
return {{ trunks = {{ {{ name = "carrier", hosts = "127.0.0.1:{callee.port}",
  {trunk} }} }}, {more} }}""", **options)
    leads(e.folder, phones)
    return e


def status(e):
    return json.loads(e.tool("campaign", "status", "--json", "test").stdout)[0]


def said(e):
    """All that status says while the campaign runs."""
    texts = set()
    while e.alive():
        done = e.tool("campaign", "status", "--json", "test")
        if done.returncode == 0:
            texts.add(json.loads(done.stdout)[0].get("why"))
    return texts


HOLDING_CALLEES = """
local moon = require "moondial"
moon.on_call(function(call)
  call:answer()
  call:sleep(0.3)
  call:dtmf("1")
  call:wait("hangup", 20)
end)
"""


@pytest.mark.parametrize("where,limits,why", [
    ("trunk", 'max_calls = 3', "the trunk's limit is reached"),
    ("engine", 'limits = { calls = 3 }',
     "the engine's limit of calls is reached"),
    ("engine", 'outbound = { concurrent = 3 }',
     "the limit of outgoing calls is reached")])
def test_a_campaign_sees_limits_before_it_dials(engine, where, limits, why):
    c = engine(HOLDING_CALLEES)
    e = caller(engine, c, numbers(15),
               **{"trunk" if where == "trunk" else "more": limits})
    e.start()
    assert why in said(e)
    assert e.wait(60) == 0
    # no call was begun in vain
    rows = check_attempts(e, 15)
    assert len(rows) == 15 and {r["disposition"] for r in rows} == {
        "confirmed"}
    assert c.status()["calls"]["peak"] == 3


# every other call finds no circuit, 30 times
CONGESTED_CALLEES = """
local moon = require "moondial"
local calls = 0
moon.on_call(function(call)
  calls = calls + 1
  if calls % 2 == 1 and calls < 60 then
    call:reject(503, "No Circuit")
    return
  end
  call:answer()
  call:dtmf("1")
  call:wait("hangup", 20)
end)
"""


def test_a_carrier_that_is_congested_is_called_less_often(engine):
    c = engine(CONGESTED_CALLEES)
    e = caller(engine, c, numbers(80), CAMPAIGN.replace(
        "rate = 200", "rate = 20"))
    e.start()
    until(lambda: "the carrier is congested" in (status(e).get("why") or ""),
          what=e.tail)
    f = status(e)["pacing"]
    assert 0 < f["congestion"] < 1
    assert f["rate"] == 20  # what was set stays what was set
    e.tool("campaign", "pause", "test")
    e.stop()


def test_settings_change_while_it_runs(engine):
    c = engine(QUICK_CALLEES)
    e = caller(engine, c, numbers(60), CAMPAIGN.replace(
        "rate = 200", "rate = 0.5"))
    e.start()
    until(lambda: e.cdrs())
    until(lambda: status(e).get("why") ==
          "the rate limit of 0.5 calls a second is reached")
    for words, message in ((["pacing.rte=5"], "pacing.rate"),
                           (["pacing.rate=x"], "calls a second"),
                           (["pacing.mode=predictive"], "agents"),
                           (["trunk=other"], "can't be changed"),
                           (["pacing"], "NAME=VALUE")):
        wrong = e.tool("campaign", "set", "test", *words)
        assert wrong.returncode == 1 and message in wrong.stderr
    assert status(e)["pacing"]["rate"] == 0.5
    done = e.tool("campaign", "set", "test", "pacing.rate=100",
                  "pacing.concurrent=4")
    assert done.returncode == 0, done.stderr
    assert "pacing.rate=100" in done.stdout
    assert e.wait(30) == 0
    assert {r["disposition"] for r in report(e).values()} == {"confirmed"}
    check_attempts(e, 60)
