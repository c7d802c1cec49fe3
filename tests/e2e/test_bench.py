"""The programs of the bench speak with the engine's own queries: they must not
stay behind when those change."""
import json
import subprocess

from support.engine import BUILD


def test_the_store_is_measured_with_the_records_of_today(tmp_path):
    done = subprocess.run(
        [BUILD / "bench/bench_store", "--db", tmp_path / "bench.db",
         "--seconds", "0.2"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"] > 0
