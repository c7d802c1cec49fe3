"""Trunks of a list: which is tried first, and what is told of each."""

ANSWERS = """
local moon = require "moondial"
moon.on_call(function(call)
  call:ring()
  call:answer()
  call:wait("hangup", 20)
end)
"""

CAMPAIGN = """
local campaign = require "moondial.campaign"
return campaign {
  name = "cheapest", leads = "leads.csv", compliance = false,
  trunk = { "a", { "b", weight = 2 }, rates = "rates.csv" },
  pacing = { concurrent = 5, rate = 100 },
  flow = function(call) call:sleep(0.05) return "heard" end,
}
"""


def test_the_cheapest_for_a_number_is_tried_first(engine):
    callee = engine(ANSWERS)
    e = engine(CAMPAIGN, launch=False, name="caller", config=f"""
return {{ trunks = {{ {{ name = "a", hosts = "127.0.0.1:{callee.port}" }},
  {{ name = "b", hosts = "127.0.0.1:{callee.port}" }} }} }}""")
    (e.folder / "rates.csv").write_text(
        "prefix,trunk,cost\n1,a,0.02\n1415,b,0.01\n1212,b,0.03\n")
    east, west = ([f"+1{area}5550{i:03}" for i in range(4)]
                  for area in (212, 415))
    (e.folder / "leads.csv").write_text("phone\n" + "\n".join(east + west))
    # it goes on when it is done, for status
    e.script.write_text(CAMPAIGN.replace("return campaign {", """
require("moondial").every(60, function() end)
return campaign {"""))
    e.start()
    rows = e.wait_cdrs(8)
    assert {r["to_user"]: r["trunk"] for r in rows} == {
        **{n: "a" for n in east}, **{n: "b" for n in west}}
    for trunk in e.status()["trunks"]:
        assert (trunk["calls"], trunk["answered"], trunk["asr"]) == (4, 4, 1)
        assert trunk["acd_ms"] >= 50 and trunk["pdd_ms"] < 5000
    text = e.tool("status").stdout
    assert "100.0 %" in text and "PDD" in text


def test_rates_that_are_wrong_are_named(engine):
    e = engine(CAMPAIGN, launch=False)
    (e.folder / "rates.csv").write_text("prefix,trunk,cost\n1,a,cheap\n")
    e.launch()
    assert e.wait() == 1
    assert "rates.csv:2: prefix" in e.log()
    e.process = None


def test_files_of_a_campaign_are_found_again_when_it_is_changed(engine):
    """Its folder is neither the engine's nor the main script's."""
    callee = engine(ANSWERS)
    e = engine("require('moondial').every(60, function() end)",
               name="caller", config=f"""
return {{ trunks = {{ {{ name = "a", hosts = "127.0.0.1:{callee.port}" }},
  {{ name = "b", hosts = "127.0.0.1:{callee.port}" }} }} }}""")
    other = e.folder / "other"
    other.mkdir()
    (other / "campaign.lua").write_text(CAMPAIGN.replace(
        "rate = 100", "rate = 1"))
    (other / "rates.csv").write_text("prefix,trunk,cost\n1,b,0.01\n")
    (other / "leads.csv").write_text("phone\n" + "".join(
        f"+12125550{i:03}\n" for i in range(10)))
    started = e.tool("campaign", "start", str(other / "campaign.lua"))
    assert started.returncode == 0, started.stderr
    changed = e.tool("campaign", "set", "cheapest", "pacing.rate=100")
    assert changed.returncode == 0, changed.stderr
    assert {r["trunk"] for r in e.wait_cdrs(10)} == {"b"}
