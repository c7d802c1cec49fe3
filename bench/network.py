"""The bench's part about audio under a bad network: bench_network's figures."""
import glob
import json
import os
import subprocess

COLUMNS = (
    # heading, width, format of the row's figures
    ("bad network", -26, "{pattern}"),
    ("lost", 6, "{lost_percent:.1f} %"),
    ("late", 5, "{late}"),
    ("delay ms", 8, "{delay_mean_ms:.0f}"),
    ("p95", 4, "{delay_p95_ms}"),
    ("most", 4, "{delay_max_ms}"),
    ("concealed", 9, "{concealed_percent:.2f} %"),
    ("ms", 7, "{concealed_ms:.0f}"),
    ("stretched ms", 12, "{stretched_ms:.0f}"),
    ("distance dB", 11, "{distance_db:.2f}"),
    ("unconcealed", 11, "{distance_plain_db:.2f}"),
    ("MOS", 5, "{mos:.2f}"),
)


def line(texts):
    return "  ".join(f"{t:<{-w}}" if w < 0 else f"{t:>{w}}" for t, (_, w, _) in zip(texts, COLUMNS)).rstrip()


def measure(program, root, failure):
    """Its rows, as JSON; the table is printed."""
    speech = sorted(glob.glob(os.path.join(root, "prompts", "*.wav")))
    done = subprocess.run([program, *speech], stdout=subprocess.PIPE)
    if done.returncode:
        raise failure("bench_network failed")
    rows = json.loads(done.stdout)
    print()
    print(line([heading for heading, _, _ in COLUMNS]))
    for row in rows:
        row["lost_percent"] = 100 * row["lost"] / row["packets"]
        print(line([text.format(**row) for _, _, text in COLUMNS]))
    return rows
