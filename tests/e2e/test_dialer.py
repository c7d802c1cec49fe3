"""Campaigns of each mode with 20 agents, against a second engine that plays those
who are called and the telephones of the agents."""
import bisect
import json
import pathlib
import random
import re
import sqlite3
import time

import pytest

from support.engine import ROOT, moondial
from support.waiting import until

from test_campaign import check_attempts, leads, whole

SIMULATOR = ROOT / "scripts/floor_simulator.lua"
AGENTS = 20
ANSWER = 40  # of a hundred numbers
WITHIN = 0.5  # seconds in which a state of an agent may have changed unseen

CAMPAIGN = """
local moon = require "moondial"
local agents = require "moondial.agents"
local campaign = require "moondial.campaign"

agents.define_group {{ name = "sales", wrapup = 0.2, lost_after = 0 }}
for i = 1, {agents} do
  local name = "agent" .. i
  -- every other one keeps its leg open
  agents.define {{ name = name, groups = "sales", nailed_up = i % 2 == 0,
    target = "sip:" .. name .. "@127.0.0.1:{port}" }}
  moon.spawn(agents.login, name)
end

return campaign {{
  name = "test",
  trunk = "carrier",
  leads = "leads.csv",
  agents = {agents_option},
  pacing = {{ mode = "{mode}", {pacing} }},
  timeout = 2,
  compliance = false,
  retry = {{ max_attempts = 1 }},
  flow = function(call)
    return call.agent and "talked" or "heard"
  end,
}}
"""


def numbers(count):
    """COUNT numbers; of each hundred of them ANSWER answer."""
    return [f"+1555{i * 37 % 10000000:07}" for i in range(count)]


def answers(phone):
    return int(phone[-2:]) < ANSWER


def floor(engine, mode, count, agents_option='"sales"', pacing="", blocks=2,
          people_blocks=2, **options):
    people = engine(SIMULATOR, rtp_blocks=people_blocks, name="people",
                    args=[f"answer={ANSWER}", "ring=0.3", "talk=1.2"],
                    sets={"drain": 1})
    options.setdefault("sets", {}).setdefault("drain", 1)
    e = engine(CAMPAIGN.format(
        agents=AGENTS, port=people.port, mode=mode, pacing=pacing,
        agents_option=agents_option), launch=False, name="floor",
        rtp_blocks=blocks, config=f"""
return {{ trunks = {{ {{ name = "carrier", hosts = "127.0.0.1:{people.port}",
  from = "+15550100" }} }} }}""", **options)
    leads(e.folder, numbers(count))
    return people, e


def ready_spans(e):
    """Times (ms) at which at least one agent was ready, as begin and end."""
    ready, spans, begin = set(), [], None
    rows = e.rows("select agent, state, at_ms from agent_states"
                  " order by at_ms, id")
    for row in rows:
        if row["state"] == "ready":
            ready.add(row["agent"])
        else:
            ready.discard(row["agent"])
        if ready and begin is None:
            begin = row["at_ms"]
        elif not ready and begin is not None:
            spans.append((begin, row["at_ms"]))
            begin = None
    if begin is not None:
        spans.append((begin, float("inf")))
    return spans


def check_ready(e):
    """Nobody was dialled while no agent was ready."""
    spans = ready_spans(e)
    begins = [s[0] for s in spans]
    for row in e.rows("select started_at_ms from attempts"):
        at = row["started_at_ms"]
        i = bisect.bisect_right(begins, at) - 1
        assert i >= 0 and at - spans[i][1] <= 1000 * WITHIN, (
            at, spans[i] if i >= 0 else None)


def kinds(e):
    found = {}
    for row in e.rows("select disposition, count(*) n from leads"
                      " group by disposition"):
        found[row["disposition"]] = row["n"]
    return found


def rang(people):
    """The numbers of people whose telephones have rung, each time."""
    return [r["to_user"] for r in people.cdrs()
            if not r["to_user"].startswith("agent")]


def wait_done(e, timeout):
    """Its agents' legs stay open, and so the engine stays."""
    def done():
        assert e.alive(), e.tail()
        return e.rows("select 1 from campaigns where state = 'done'")
    until(done, timeout, e.tail, interval=0.2)


def count_of(long):
    return 2000 if long else 100


@pytest.mark.parametrize("mode", ["power", "progressive", "predictive"])
def test_a_campaign_for_twenty_agents(engine, long, mode):
    count = count_of(long)
    # so short a patience that some find no agent
    people, e = floor(engine, mode, count,
                      '{ group = "sales", within = 0.1 }', "ratio = 4")
    e.start()
    wait_done(e, 540 if long else 90)
    e.stop()
    found = kinds(e)
    live = sum(answers(p) for p in numbers(count))
    print(f"{mode}: {count} leads, {live} answered, "
          f"{found.get('abandoned', 0)} abandoned")
    # who answered has talked to an agent, or is counted as abandoned
    assert found.get("talked", 0) + found.get("abandoned", 0) + found.get(
        "hung_up", 0) == live
    rows = check_attempts(e, count)
    assert len(rows) == count
    counted = e.rows("select sum(live) live, sum(abandoned) abandoned"
                     " from abandonment where campaign = 'test'")[0]
    assert counted["live"] == live
    assert counted["abandoned"] == found.get("abandoned", 0)
    if mode == "progressive":
        assert found.get("abandoned", 0) == 0
    elif mode == "predictive":
        # what rings when the gate shuts can't be called back
        assert found.get("abandoned", 0) <= max(0.03 * live, 3) + AGENTS // 4
    elif long:
        assert found["abandoned"] > 0.03 * live  # what the gate is for
    check_ready(e)
    # the same on the other side: each telephone rang once
    assert sorted(rang(people)) == numbers(count)


@pytest.mark.parametrize("group", ["sales", "support"])
def test_campaigns_that_share_agents_have_one_line_for_each(engine, group):
    """An agent takes one call, whichever campaign has dialled it."""
    _, e = floor(engine, "progressive", 0,
                 '{ group = "sales", within = 0.3 }')
    phones = [p for p in numbers(300) if answers(p)][:48]
    leads(e.folder, phones[::2])
    leads(e.folder, phones[1::2], "other.csv")
    text = e.script.read_text().replace(f"1, {AGENTS} do", "1, 6 do").replace(
        'groups = "sales"', 'groups = { "sales", "support" }')
    e.script.write_text(text)
    second = text[text.index("return campaign"):].replace(
        '"test"', '"other"').replace("leads.csv", "other.csv").replace(
            'group = "sales"', f'group = "{group}"')
    (e.folder / "other.lua").write_text(
        'local campaign = require "moondial.campaign"\n' + second)
    e.start()
    until(lambda: e.rows("select 1 from attempts"), what=e.tail)
    ask(e, "start", str(e.folder / "other.lua"))
    until(lambda: len(e.rows("select 1 from campaigns where state = 'done'"))
          == 2, 90, e.tail)
    e.stop()
    assert kinds(e) == {"talked": len(phones)}
    both = e.rows("select campaign, min(started_at_ms) a, max(started_at_ms) b"
                  " from attempts group by campaign")
    assert both[0]["a"] < both[1]["b"] and both[1]["a"] < both[0]["b"]


def test_a_broadcast_of_two_thousand(engine, long):
    count = count_of(long)
    _, e = floor(engine, "broadcast", count, agents_option="nil",
                 pacing="concurrent = 60, rate = 100,")
    e.start()
    wait_done(e, 540 if long else 90)
    assert kinds(e)["heard"] == sum(answers(p) for p in numbers(count))
    check_attempts(e, count)


def ask(e, *args):
    return e.ask("campaign", args=list(args))


def listed(e):
    return e.ask("agent", args=["list", "json"])["agents"]


def ready(e):
    return [a["name"] for a in listed(e) if a["state"] == "ready"]


def check_choices(e, chosen):
    """CHOSEN: the agent for each number. Each has talked to its own leads, one at
    a time, and was reserved for each from before it was dialled."""
    talked = {(r["phone"], r["agent"]) for r in e.rows(
        "select leads.phone, agent_states.agent from leads"
        " join attempts on attempts.lead_id = leads.id"
        " join agent_states on agent_states.call_id = attempts.cdr_id"
        " where agent_states.state = 'talking'")}
    assert talked == {(p, a) for p, a in chosen.items() if answers(p)}
    attempts = {}
    for r in e.rows("select phone, started_at_ms, ended_at_ms"
                    " from attempts order by started_at_ms"):
        attempts.setdefault(chosen[r["phone"]], []).append(
            (r["started_at_ms"], r["ended_at_ms"]))
    for name, mine in attempts.items():
        for (_, ended), (started, _) in zip(mine, mine[1:]):
            assert ended <= started, (name, mine)
        times = [r["at_ms"] for r in e.rows(
            "select at_ms from agent_states where agent = ?"
            " and state = 'reserved' order by id", name)]
        assert len(times) == len(mine), name
        assert all(t <= begun for t, (begun, _) in zip(times, mine)), name


@pytest.mark.parametrize("mode", ["preview", "manual"])
def test_agents_choose_whom_to_call(engine, long, mode):
    count = 2000 if long else 60
    people, e = floor(engine, mode, count, pacing="concurrent = 30")
    e.start()
    rng = random.Random(count)
    left, chosen, skipped = numbers(count), {}, set()
    until(lambda: len(ready(e)) == AGENTS, what=e.tail)
    said = ("no agent has accepted a lead" if mode == "preview"
            else "no lead is given to dial")
    until(lambda: ask(e, "status", "json", "test")[0].get("why") == said,
          what=e.tail)
    assert e.rows("select 1 from attempts") == []
    while left:
        for name in until(lambda: ready(e), what=e.tail)[:len(left)]:
            phone = rng.choice(left)
            if mode == "preview":
                lead = ask(e, "next", "json", "test", name)
                phone = lead["phone"]
                assert lead["fields"]["name"]
                # the same again, until it is dialled or skipped
                assert rng.random() > 0.1 or ask(
                    e, "next", "json", "test", name)["id"] == lead["id"]
            left.remove(phone)
            if mode == "preview" and len(skipped) < count // 30:
                ask(e, "skip", "test", lead["id"])
                skipped.add(phone)
                continue
            ask(e, "dial", "test", phone, name)
            chosen[phone] = name
    until(lambda: len(e.rows("select 1 from leads where state = 'done'")) ==
          count - len(skipped), 60, e.tail)
    until(lambda: len(ready(e)) == AGENTS, what=e.tail)
    check_choices(e, chosen)
    if mode == "manual":
        wait_done(e, 60)
        assert set(chosen.values()) == {f"agent{i + 1}" for i in range(AGENTS)}
    else:
        assert {r["phone"] for r in e.rows(
            "select phone from leads where state = 'scheduled'")} == skipped
    e.stop()
    check_attempts(e, len(chosen))
    rang = [r["to_user"] for r in people.cdrs()
            if not r["to_user"].startswith("agent")]
    assert sorted(rang) == sorted(chosen)


def test_a_killed_predictive_campaign_calls_nobody_twice(engine, long):
    kills, count = (20, 2000) if long else (3, 120)
    # the telephones of agents whose engine is dead stay as they are
    people, e = floor(engine, "predictive", count,
                      people_blocks=12 if long else 4)
    rng = random.Random(time.time_ns())
    cut = 0
    for _ in range(kills):
        e.start()
        made = len(e.rows("select id from cdrs where campaign = 'test'"))
        more = rng.randint(1, max(1, count // (kills + 2)))
        until(lambda: len(e.rows(
            "select id from cdrs where campaign = 'test'")) >= made + more
            or not e.alive(), 60, e.tail)
        end = time.monotonic() + rng.random() * 0.5
        until(lambda: time.monotonic() > end, interval=0.005)
        e.kill()
        assert whole(e)
        cut += len(e.rows("select id from leads where state in"
                          " ('ringing', 'talking')"))
    e.start()
    wait_done(e, 400 if long else 90)
    e.stop()
    found = kinds(e)
    assert sum(found.values()) == count
    assert found.get("unknown", 0) <= cut
    check_attempts(e, count)
    called = rang(people)
    assert len(called) == len(set(called))
    # the counts of abandonment go on over the restarts
    counted = e.rows("select sum(abandoned) abandoned from abandonment")[0]
    assert (counted["abandoned"] or 0) == found.get("abandoned", 0)


def test_a_campaign_without_a_line_of_lua(engine):
    people = engine(SIMULATOR, name="people", sets={"drain": 1},
                    args=["answer=100", "ring=0.2", "talk=0.6"])
    e = engine(ROOT / "scripts/predictive.lua", launch=False, name="floor",
               sets={"drain": 1, "campaign.pacing.rate": 50}, config=f"""
local people = "127.0.0.1:{people.port}"
return {{
  trunks = {{ {{ name = "carrier", hosts = people, from = "+15550100" }} }},
  agents = {{
    {{ name = "ann", target = "sip:agent1@" .. people, nailed_up = true,
      groups = {{ "sales" }} }},
    {{ name = "bob", target = "sip:agent2@" .. people, nailed_up = true,
      groups = {{ "sales" }} }},
  }},
  agent_groups = {{ {{ name = "sales", wrapup = 0.1 }} }},
  campaign = {{ name = "spring", leads = "leads.csv", trunk = "carrier",
    agents = {{ group = "sales", message = "goodbye" }} }},
}}""")
    leads(e.folder, numbers(6))
    e.start()

    def status():
        return json.loads(
            e.tool("campaign", "status", "--json", "spring").stdout)[0]

    until(lambda: status().get("why") == "no agent is logged in", what=e.tail)
    assert status()["pacing"]["mode"] == "predictive"
    assert e.rows("select * from attempts") == []
    # the calls that wait for agents say why, each lead by itself too
    why = e.tool("campaign", "why", numbers(1)[0], "spring").stdout
    assert "no agent is logged in" in why, why
    for name in ("ann", "bob"):
        assert e.tool("agent", "login", name).returncode == 0
    wait_done(e, 60)
    assert set(kinds(e)) == {"answered"}
    assert e.alive()
    text = e.tool("campaign", "status", "spring").stdout
    assert "abandoned today 0 of 6 (0.0 %)" in text, text


def test_the_way_from_a_csv_file_to_a_campaign(engine, tmp_path):
    """docs/dialer.md from the top, in a fresh folder: its files, and each of its
    commands, word for word. Only who is called is played, and at any hour."""
    text = (ROOT / "docs/dialer.md").read_text()
    text = text[:text.index("\n## How fast it dials")]
    rows, config = [re.search(rf"^```{kind}\n(.*?)^```", text, re.M | re.S)[1]
                    for kind in ("", "lua")]
    commands = [line.split() for block in re.findall(
        r"^```sh\n(.*?)^```", text, re.M | re.S) for line in
        block.splitlines()]
    people = engine(SIMULATOR, name="people", sets={"drain": 1},
                    args=["ring=0.2", "talk=2"])
    where = f"127.0.0.1:{people.port}"
    env = dict(word.split("=") for command in commands
               if command[0] == "export" for word in command[1:])
    e = engine(pathlib.Path("scripts/predictive.lua"), launch=False,
               name="floor", config=config, db=tmp_path / "floor/spring.db",
               env=env, sets={
                   "drain": 1, "trunks.carrier.hosts": where,
                   "agents.ann.target": f"sip:agent1@{where}",
                   "agents.bob.target": f"sip:agent2@{where}",
                   "campaign.hours": "Mon-Sun 00:00-24:00",
                   "campaign.compliance": False})
    (e.folder / "leads.csv").write_text(rows)
    done = []
    for _, *words in [c for c in commands if c[0] == "moondial"]:
        if words[0] == "run":
            assert words[1:] == ["-c", "moondial.lua", str(e.script)]
            e.start()
        else:
            few = ["1" if w == "5" else w for w in words]
            answer = moondial(*few, cwd=e.folder, env=env, timeout=90)
            assert answer.returncode == 0, (words, answer.stderr)
            done.append((" ".join(words[:2]), answer.stdout))
        if words[:2] == ["agent", "list"]:
            until(lambda: e.rows("select * from cdrs where agent is not null "
                                 "and campaign = 'spring'"), what=e.tail)
    said = dict(done)
    assert (e.folder / "days.svg").read_text().startswith("<svg")
    assert "1 leads, 1 dialled" in said["campaign status"], said
    assert said["campaign why"].startswith("+15550101234 (campaign spring)")
    assert "progressive" in said["campaign set"]
    assert "is paused" in said["campaign pause"]
    assert "all " in said["campaign report"]


def test_a_database_locked_by_another_process_loses_no_lead(engine):
    people, e = floor(engine, "progressive", 60)
    e.start()
    until(lambda: len(e.rows("select 1 from attempts")) >= 10, what=e.tail)
    lock = sqlite3.connect(e.db, timeout=20, isolation_level=None)
    lock.execute("begin immediate")
    begun = len(people.cdrs())
    try:
        # nothing can be noted: what is begun goes on, nobody else is called
        until(lambda: e.status()["calls"]["ringing"] == 0, what=e.tail)
        assert len(people.cdrs()) - begun <= 3 * AGENTS
    finally:
        lock.execute("rollback")
        lock.close()
    wait_done(e, 90)
    e.expected.append("is not noted yet|database")
    e.stop()
    check_attempts(e, 60)
    assert sorted(rang(people)) == sorted(numbers(60))


def test_a_second_engine_on_the_same_database_is_refused(engine):
    people, e = floor(engine, "progressive", 10)
    e.start()
    other = engine(e.script, launch=False, name="other", db=e.db,
                   config=e.config.read_text())
    other.folder.mkdir(exist_ok=True)
    (other.folder / "leads.csv").write_text(
        (e.folder / "leads.csv").read_text())
    other.launch()
    assert other.wait() == 1
    assert re.search(r"is in use by another engine \(process \d+\)",
                     other.log()), other.log()
    other.process = None
    wait_done(e, 60)
    e.stop()
    assert sorted(rang(people)) == sorted(numbers(10))


def test_nobody_is_called_once_the_agents_have_left(engine):
    _, e = floor(engine, "predictive", 80)
    e.start()
    until(lambda: len(e.rows("select 1 from attempts")) >= 20, what=e.tail)
    for i in range(1, AGENTS + 1):
        e.ask("agent", args=["pause", f"agent{i}", "lunch"])
    until(lambda: ask(e, "status", "json", "test")[0].get("why") ==
          f"no agent is ready: {AGENTS} paused", what=e.tail)
    until(lambda: ask(e, "status", "json", "test")[0]["active"] == 0,
          what=e.tail)
    made = len(e.rows("select 1 from attempts"))
    assert made < 80
    for i in range(1, AGENTS + 1):
        e.ask("agent", args=["ready", f"agent{i}"])
    wait_done(e, 90)
    e.stop()
    assert len(e.rows("select 1 from attempts")) == 80
    check_ready(e)


def test_what_was_abandoned_before_a_restart_bounds_what_comes_after(engine):
    _, e = floor(engine, "predictive", 1)
    e.start()
    wait_done(e, 60)
    e.stop()
    day = time.strftime("%Y-%m-%d", time.localtime(time.time() - 5 * 86400))
    db = sqlite3.connect(e.db)
    db.execute("update abandonment set live = 100, abandoned = 2")
    db.execute("insert into abandonment values ('test', ?, 900, 40, 0)",
               (day,))
    db.execute("update leads set state = 'new', attempts = 0, next_at_ms = 0")
    db.execute("delete from attempts")
    db.execute("update campaigns set state = 'running'")
    db.commit()
    db.close()
    e.start()
    # read before anybody is dialled
    until(lambda: ask(e, "status", "json", "test")[0]["state"] == "done"
          or ask(e, "status", "json", "test")[0]["active"], what=e.tail)
    pacing = ask(e, "status", "json", "test")[0]["pacing"]
    today, month = pacing["windows"]
    assert today["live"] >= 100 and today["abandoned"] == 2
    assert month["live"] >= 1000 and month["abandoned"] == 42
    assert pacing["gate"] == "shut"
    wait_done(e, 60)
