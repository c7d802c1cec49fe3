"""The bench's part about the detectors: bench_detect's figures."""
import glob
import json
import os
import subprocess

GOAL_US = 3  # a frame of 20 ms, all detectors together
COLUMNS = (("detectors, 20 ms of", -22, "{sound}"), ("us", 7, "{us:.2f}"),
           ("spandsp us", 11, "{spandsp_us:.2f}"), ("goal", 10, "{goal}"))


def line(texts):
    return "  ".join(f"{t:<{-w}}" if w < 0 else f"{t:>{w}}" for t, (_, w, _) in zip(texts, COLUMNS)).rstrip()


def measure(program, root, failure):
    """Its rows, as JSON; the table is printed. A row beyond the goal is a failure."""
    speech = sorted(glob.glob(os.path.join(root, "prompts", "*.wav")))
    done = subprocess.run([program, *speech], stdout=subprocess.PIPE)
    if done.returncode:
        raise failure("bench_detect failed")
    rows = json.loads(done.stdout)
    print()
    print(line([heading for heading, _, _ in COLUMNS]))
    for row in rows:
        row["goal"] = "<= 3 us" + ("" if row["us"] <= GOAL_US else " missed")
        print(line([text.format(**row) for _, _, text in COLUMNS]))
    late = [row["sound"] for row in rows if row["us"] > GOAL_US]
    if late:
        raise failure(f"the detectors take more than {GOAL_US} us for {', '.join(late)}")
    return rows
