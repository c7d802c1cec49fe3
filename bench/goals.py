"""What each line of the bench must reach, and whether it has."""


def answered(r):
    if r.get("overload"):
        # Beyond what it can carry: what it accepts is whole, and no less.
        return "whole", r["failures"] == 0
    if r["calls_s"] >= 3900:
        return "<= 0.20 ms", r["cost"] <= 0.20 and r["failures"] == 0
    # At half of that rate nobody waits; fewer calls pay for wake-ups and commits.
    return "p99 < 5 ms", r["p99"] < 5 and r["failures"] == 0


def audio(r):
    on_time = r["within"] >= min(0.999, r["floor_within"] - 0.0005)
    return "<= 1.3 x floor", r["ratio"] <= 1.3 and on_time


GOALS = {
    "answered, CDR, BYE": answered,
    "prompt and RTP": audio,
    "memory": lambda r: ("<= 24 KB", r["memory"] <= 24),
    "recording, disk stalls": lambda r: ("nothing lost", r["failures"] == 0),
    "prompt, digit, prompt": lambda r: ("<= 0.6 ms beyond", r["beyond"] <= 0.6),
    "campaign, 2 s prompt": lambda r: (">= 1,000 calls/s", r["calls_s"] >= 1000),
    # of one core, at an interval of a minute
    "registered, qualified": lambda r: ("< 5 %, <= 4 KB", r["core"] < 0.05 and r["memory"] <= 4
                                        and r["failures"] == 0),
    "pacer, 500 agents": lambda r: ("p99 <= 5 ms", r["p99"] <= 5 and r["failures"] == 0),
    "do-not-call look-up": lambda r: ("p99 < 10 us", r["register"]["p99_us"] < 10 and r["failures"] == 0),
    "leads: import": lambda r: ("<= 60 us a lead", r["cost"] <= 0.060 and r["failures"] == 0),
    # the wait for a commit is most of it, and the disk's matter
    "leads: claim of 10": lambda r: ("as of 1,000", r["p50"] <= 1.5 * r["claims"]["few"]["p50_ms"] + 0.5),
    "store: CDRs, durable": lambda r: (">= 50,000/s", r["calls_s"] >= 50000),
}


def judge(row):
    """Adds "goal" and "reached" to a row that has a goal."""
    goal = GOALS.get(row["workload"])
    if goal:
        row["goal"], row["reached"] = goal(row)
