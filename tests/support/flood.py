"""Floods, and callers beside them: programs in C, as Python is too slow."""
import json
import subprocess

from .engine import BUILD

FLOOD = BUILD / "tests/support/flood"
LOAD = BUILD / "bench/bench_load"


class Run:
    def __init__(self, command):
        self.command = [str(word) for word in command]
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE,
                                        text=True)

    def done(self, timeout=60):
        """What it tells at its end."""
        out, _ = self.process.communicate(timeout=timeout)
        assert self.process.returncode == 0, self.command
        return json.loads(out)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def flood(engine, source, *, method="INVITE", rate=5000, seconds=5, tcp=False,
          port=None):
    return Run([FLOOD, "--target", f"127.0.0.1:{port or engine.port}",
                "--from", source, "--method", method, "--rate", rate,
                "--seconds", seconds, *(["--tcp"] if tcp else [])])


def callers(engine, source, *, rate=20, seconds=5, hold=0.2):
    """Calls at a rate from SOURCE, each ended by its caller."""
    return Run([LOAD, "call", "--target", f"127.0.0.1:{engine.port}",
                "--local", f"{source}:0", "--rate", rate, "--seconds", seconds,
                "--hold", hold])
