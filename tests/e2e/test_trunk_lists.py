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
