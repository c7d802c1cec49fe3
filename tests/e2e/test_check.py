"""`moondial check SCRIPT`: what is wrong with a campaign before it dials."""
from support.engine import ROOT, moondial

CONFIG = """
return {
  trunks = { { name = "carrier", hosts = "127.0.0.1:5999" } },
  agents = { { name = "ann", target = "sip:ann@127.0.0.1",
    groups = { "sales" } } },
  prompts = { "%s" },
}"""

CAMPAIGN = """
local moon = require "moondial"
%s
return require "moondial.campaign" { name = "spring", %s,
  flow = function(call) return "heard" end }"""


def check(folder, options, before="", config=True, leads=b"phone\n+1555\n"):
    """The campaign's OPTIONS; BEFORE: the script's lines before it."""
    script, conf = folder / "spring.lua", folder / "moondial.lua"
    script.write_text(CAMPAIGN % (before, options))
    conf.write_text(CONFIG % folder)
    (folder / "leads.csv").write_bytes(leads)
    words = ["-c", conf] if config else []
    done = moondial("check", *words, script, cwd=folder)
    assert (f"{script}: ok" in done.stdout) == (done.returncode == 0)
    return done


def refused(folder, options, *said, **more):
    done = check(folder, options, **more)
    assert done.returncode == 1 and "warning" not in done.stderr, done.stderr
    for text in said:
        assert text in done.stderr, done.stderr


def warned(folder, options, *said, **more):
    done = check(folder, options, **more)
    assert done.returncode == 0, done.stderr
    for text in said:
        assert "warning: " in done.stderr and text in done.stderr, done.stderr


def test_a_campaign_in_which_all_is_there_is_ok(tmp_path):
    done = check(tmp_path, 'leads = "leads.csv", trunk = "carrier", agents = '
                 '{ group = "sales", message = { "goodbye" } }')
    assert done.returncode == 0 and done.stderr == ""


def test_what_a_campaign_names_and_is_not_there_is_an_error(tmp_path):
    leads = 'leads = "leads.csv"'
    refused(tmp_path, leads + ', trunk = { "carrier", "carier" }',
            "campaign 'spring': there is no trunk 'carier' (trunk)")
    refused(tmp_path, leads + ', agents = "sale"',
            "campaign 'spring': no agent is in group 'sale' (agents.group)")
    refused(tmp_path, leads + ', agents = { group = "sales", message = "bye", '
            'music = { { silence = 1 }, "song" } }',
            "there is no prompt 'bye' (agents.message)",
            "there is no prompt 'song' (agents.music)")
    refused(tmp_path, leads + ', machine = { message = "hear" }',
            "there is no prompt 'hear' (machine.message)")


def test_leads_that_cannot_be_read_are_an_error(tmp_path):
    refused(tmp_path, 'leads = "lead.csv"', "campaign 'spring'", "lead.csv",
            "No such file", "(leads)")
    refused(tmp_path, 'leads = "leads.csv"', "leads.csv:1: the header has no "
            "column 'phone'", leads=b"name,fone\nAda,1\n")
    refused(tmp_path, 'leads = "leads.csv"', "is empty", leads=b"")
    warned(tmp_path, 'trunk = "carrier"', "it names no file of leads")


def test_options_and_the_script_are_checked_as_when_it_runs(tmp_path):
    refused(tmp_path, 'trnk = "carrier"', "unknown option 'trnk'; did you "
            "mean 'trunk'?", "spring.lua")
    refused(tmp_path, 'leads = "leads.csv"', "spring.lua:3: undefined "
            "variable 'nothing'", before="nothing()")
    refused(tmp_path, 'leads = "leads.csv"', "module 'mine' not found",
            before='require "mine"')
    refused(tmp_path, 'leads = "leads.csv"', "moon.trunk", "host",
            before='moon.trunk { name = "x", host = "a" }')


def test_a_script_may_define_what_its_campaign_names(tmp_path):
    done = check(tmp_path, 'leads = "leads.csv", trunk = "own", agents = "us"',
                 config=False, before="""
moon.account { name = "a", uri = "sip:a@127.0.0.1", register = false }
moon.trunk { name = "own", account = "a", hosts = "127.0.0.1" }
require "moondial.agents".define { name = "bob", groups = "us" }""")
    assert done.returncode == 0 and done.stderr == "", done.stderr


def test_without_the_configuration_what_it_may_have_is_a_warning(tmp_path):
    warned(tmp_path, 'leads = "leads.csv", trunk = "carrier"',
           "there is no trunk 'carrier' in the script, and no configuration "
           "is given (-c FILE)", config=False)
    warned(tmp_path, 'leads = "leads.csv", agents = "sales"',
           "no agent is in group 'sales'", config=False)
    warned(tmp_path, 'leads = "leads.csv"', "it names no trunk",
           before='moon.trunk { name = "second", hosts = "127.0.0.1" }')
    assert check(tmp_path, 'leads = "leads.csv"').stderr == ""


def test_nothing_is_done_by_a_check(tmp_path):
    done = check(tmp_path, 'leads = "leads.csv", trunk = "carrier"', before=f"""
moon.originate("sip:x@127.0.0.1:5998", {{}}, function() end)
moon.spawn(function() error("it ran") end)
moon.after(0, function() error("it ran") end)
moon.on_call(function(call) call:answer() end)
""")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "leads.csv", "moondial.lua", "spring.lua"]
    warned(tmp_path, 'trunk = "none"',
           "what follows its first moon.db.query is not looked at",
           before='moon.db.query("SELECT 1")')


def test_the_scripts_that_come_along_are_checked_without_arguments(tmp_path):
    for script in sorted((ROOT / "scripts").glob("*.lua")):
        done = moondial("check", script, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    done = moondial("check", ROOT / "scripts/dialer.lua", cwd=tmp_path)
    assert "without its arguments it is not looked at: whom to call?" in \
        done.stderr


def test_a_configuration_in_the_place_of_a_script(tmp_path):
    conf = tmp_path / "moondial.lua"
    conf.write_text('return { log = env("LEVEL", "info") }\n')
    done = moondial("check", conf, cwd=tmp_path)
    assert done.returncode == 1 and "moondial check -c FILE" in done.stderr
    assert moondial("check", "-c", conf, cwd=tmp_path).returncode == 0
