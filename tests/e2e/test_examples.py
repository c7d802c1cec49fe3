"""The examples: each is run as `./dev demo NAME` runs it, all at once."""
import json
import re
import sqlite3
import subprocess

from support.engine import PROGRAM, ROOT, SANITIZER, environment

EXAMPLES = ROOT / "examples"
DEMOS = sorted(p.parent.name for p in EXAMPLES.glob("*/demo.conf"))
# ends when it is told to: its people take minutes
FOR_A_WHILE = {"sales-floor": 20}


def start(name, work):
    return subprocess.Popen(
        ["bash", EXAMPLES / "demo.sh", PROGRAM, name,
         str(FOR_A_WHILE.get(name, 120))],
        env=environment(DEMO_WORK=str(work)), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_each_ready_script_has_an_example():
    run = " ".join((EXAMPLES / name / "demo.conf").read_text()
                   for name in DEMOS)
    for script in ROOT.glob("scripts/*.lua"):
        if "require \"moondial.campaign\"" in script.read_text():
            assert f"scripts/{script.name}" in run, script.name


def test_examples_end_as_told(tmp_path):
    runs = {name: start(name, tmp_path / name) for name in DEMOS}
    try:
        said = {name: run.communicate(timeout=180)[0]
                for name, run in runs.items()}
    finally:
        for run in runs.values():
            run.terminate()
    for name, run in runs.items():
        logs = {log.name: log.read_text(errors="replace")
                for log in (tmp_path / name).glob("*.log")}
        assert run.returncode == 0, said[name]
        assert len(logs) == 2, said[name]
        for text in logs.values():
            assert not SANITIZER.search(text), text[-8000:]
            assert " error " not in text, text
        if (EXAMPLES / name / "expected.csv").exists():
            assert "every lead has ended as it must" in said[name], said[name]
    check_floor(tmp_path / "sales-floor", said["sales-floor"])
    check_answers(tmp_path / "survey")


def check_floor(work, said):
    """All ten agents have come, and talk to people."""
    agents = re.findall(r"^agent\d+ +(\w+)", said, re.M)
    assert len(agents) == 10 and "offline" not in agents, said
    assert rows(work, "select count(*) from cdrs where agent is not null "
                "and campaign is not null")[0][0] >= 3, said


def check_answers(work):
    """What the survey is for: the answers of each, in the records."""
    complete = rows(work, "select user_json from cdrs "
                    "where disposition = 'complete'")
    assert [json.loads(answers) for (answers,) in complete] == [
        {"satisfied": "1", "again": "1"}] * 3


def rows(work, sql):
    db = sqlite3.connect(f"file:{work / 'campaign.db'}?mode=ro", uri=True)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()
