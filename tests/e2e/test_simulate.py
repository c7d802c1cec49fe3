"""`moondial simulate`: days in virtual time, as table, JSON and picture."""
import json
import xml.etree.ElementTree

import pytest

from support.engine import moondial


def test_a_day_as_table_json_and_picture(tmp_path):
    words = ["simulate", "--agents", "5,10", "--seeds", "2", "--hours", "1"]
    picture = tmp_path / "day.svg"
    table = moondial(*words, "--svg", picture)
    assert table.returncode == 0, table.stderr
    assert [line.split()[0] for line in table.stdout.splitlines()[2:]] == [
        "5", "10"]
    tree = xml.etree.ElementTree.parse(picture).getroot()
    lines = tree.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 2 * 4
    again = moondial(*words, "--json")
    runs = json.loads(again.stdout)
    assert [r["agents"] for r in runs] == [5, 10]
    for run in runs:
        assert len(run["days"]) == 2
        for day in run["days"]:
            assert day["live"] == (
                day["handled"] + day["abandoned"] + day["open"])
            assert day["beyond"] == 0 and day["without"] == 0
    # the same seeds, the same days
    assert json.loads(moondial(*words, "--json").stdout) == runs


def test_the_world_and_the_pacing_can_be_set():
    def dials(*words):
        done = moondial("simulate", "--hours", "0.5", "--json", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)[0]["dials"]

    usual = dials("--mode", "progressive")
    assert dials("--mode", "power", "--set", "pacing.ratio=3") > usual
    assert dials("--mode", "progressive", "--set", "model.p=0.9",
                 "--set", "model.talk=600") < usual
    assert dials("--mode", "progressive", "--set", "pacing.rate=0.1") <= 181


@pytest.mark.parametrize("words,message", [
    (["--scenario", "x"], "there are: congestion, drop, jump, leave, slow"),
    (["--agents", "0"], "--agents"), (["--hours", "x"], "--hours"),
    (["--mode", "preview"], "agents choose"), (["--mode", "fast"], "mode"),
    (["--set", "model.x=1"], "model.NAME"), (["--set", "model.p=2"], "model.p"),
    (["--set", "pacing.rte=1"], "pacing.rate"), (["x"], "'x'"),
    (["--svg", "/nowhere/x", "--hours", "0.1"], "/nowhere/x")])
def test_a_wrong_word_is_named(words, message):
    done = moondial("simulate", *words)
    assert done.returncode in (1, 2)
    assert message in done.stderr
