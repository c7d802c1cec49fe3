"""The engine under test: started for real, stopped and inspected for real."""
import json
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import time

from .waiting import DEADLINE, until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MOONDIAL_BUILD", ROOT / "build/asan"))
PROGRAM = BUILD / "moondial"

SANITIZER = re.compile(
    r"(ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer"
    r"|runtime error:|AddressSanitizer:|Assertion .* failed)")


def environment(**more):
    env = dict(os.environ)
    env.update(
        ASAN_OPTIONS="detect_leaks=1:exitcode=99:abort_on_error=0",
        UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:exitcode=98",
        TSAN_OPTIONS="exitcode=66:halt_on_error=0:second_deadlock_stack=1",
    )
    # the program may have been built outside the tree
    env.setdefault("MOONDIAL_SHARE", str(ROOT))
    env.update(more)
    return env


def moondial(*args, cwd=None, timeout=30, env=None):
    """Run a command of the program to its end: status, output, messages."""
    done = subprocess.run(
        [str(PROGRAM), *map(str, args)], cwd=cwd, timeout=timeout,
        capture_output=True, text=True, env=environment(**(env or {})),
        stdin=subprocess.DEVNULL)
    assert not SANITIZER.search(done.stderr), done.stderr
    return done


def control(db, request, timeout=DEADLINE):
    """One command to the control socket of the engine of DB."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout)
        # a path of 108 bytes at most: pytest's own folders can be longer
        here = os.open(db.parent, os.O_RDONLY)
        try:
            s.connect(f"/proc/self/fd/{here}/{db.name}.sock")
        finally:
            os.close(here)
        s.sendall(json.dumps(request).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            more = s.recv(65536)
            if not more:
                raise AssertionError(f"the control socket closed: {answer}")
            answer += more
    answer = json.loads(answer)
    assert answer.get("ok"), answer
    return answer.get("result")


class Engine:
    """An engine with a folder of its own.

    script: Lua text, or the path of a file; sets: {"limits.calls": 1, …};
    config: Lua text of a configuration file.
    """

    def __init__(self, folder, ports, script, *, name="engine", sip=None,
                 sets=None, config=None, args=(), db=None, rtp_blocks=1,
                 env=None):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.port = ports.one()
        self.sip = sip or [f"udp:127.0.0.1:{self.port}"]
        self.rtp = ports.block(rtp_blocks)
        self.rtp_last = self.rtp + 100 * rtp_blocks - 1
        self.db = pathlib.Path(db) if db else self.folder / "calls.db"
        self.recordings = self.folder / "recordings"
        self.sets = {
            "rtp.port_min": self.rtp, "rtp.port_max": self.rtp_last,
            "recordings": self.recordings,
            # under sanitizers on a busy machine an engine may well be late;
            # what it does then is for the tests of that
            "limits.delay": 0,
            # several engines under sanitizers share the cores with their peers
            "rtp.realtime": "false",
        }
        self.sets.update(sets or {})
        self.args = list(args)
        self.env = env or {}
        self.config = None
        if config:
            self.config = self.folder / "moondial.lua"
            self.config.write_text(config)
        if isinstance(script, pathlib.Path):
            self.script = script
        else:
            self.script = self.folder / "flow.lua"
            self.script.write_text(script)
        self.log_path = self.folder / "engine.log"
        self.process = None
        self.log_from = 0
        self.rows_before = set()  # ids of records of earlier lives
        self.expected = []  # patterns of error lines that belong to the test
        self.lost = 0  # records for which there was no memory, as it has said

    # ---- its life

    def command(self):
        words = [str(PROGRAM), "run"]
        if self.config:
            words += ["-c", str(self.config)]
        for listen in self.sip:
            words += ["--sip", listen]
        words += ["--db", str(self.db)]
        for key, value in self.sets.items():
            if isinstance(value, bool):
                value = str(value).lower()
            words += ["--set", f"{key}={value}"]
        return words + [str(self.script), *map(str, self.args)]

    def launch(self):
        """Start it without waiting for anything."""
        self.log_from = (
            self.log_path.stat().st_size if self.log_path.exists() else 0)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=environment(**self.env))
        return self

    def start(self):
        self.rows_before = ({r["id"] for r in self.cdrs()}
                            if self.db.exists() else set())
        self.launch()
        self.wait_log(r"ready: ")
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=60):
        """Its exit status."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.name} does not end; its log:\n{self.tail()}") from None

    def kill(self):
        """As a power cut would: nothing is checked but what it left."""
        if self.alive():
            self.process.kill()
        if self.process:
            self.process.wait()
            self.process = None

    def stop(self, number=signal.SIGTERM, status=0, timeout=60):
        """Stop it in good order and look whether all is in order."""
        if self.process is None:
            return
        counts = None
        if self.alive():
            try:
                counts = self.status()["calls"]
            except (OSError, AssertionError):
                pass  # a test has made it end meanwhile
            if self.alive():
                self.send(number)
        code = self.wait(timeout)
        self.process = None
        log = self.log()
        assert not SANITIZER.search(log), f"{self.name}:\n{log[-20000:]}"
        assert code == status, f"{self.name}: exit {code}\n{self.tail()}"
        self.check_log()
        self.check_accounts(counts)

    def check_log(self):
        for line in self.log().splitlines():
            if not re.match(r"\S+ \S+ error ", line):
                continue
            if any(re.search(p, line) for p in self.expected):
                continue
            raise AssertionError(f"{self.name} logged: {line}")

    def check_accounts(self, counts=None):
        """Attempts = answered + failed + refused, and none is left open."""
        # an attempt whose record a kill had prevented gets one at the start
        rows = [r for r in self.cdrs() if r["id"] not in self.rows_before
                and r["hangup_cause"] != "engine_died"]
        half = [r for r in rows if r["disposition"] == "in_progress"]
        assert len(half) <= self.lost, half
        for row in rows:
            if row in half:
                continue
            assert row["disposition"] not in (None, "", "in_progress"), row
            assert row["ended_at_ms"], row
            assert row["hangup_by"], row
            assert row["hangup_cause"], row
            assert (row["answered_at_ms"] or row["sip_code"]
                    or row["hangup_cause"] == "network"), row
        answered = [r for r in rows if r["answered_at_ms"]]
        refused = [r for r in rows if not r["answered_at_ms"]
                   and r["hangup_by"] == "engine" and r["hangup_cause"] in
                   ("limit", "draining", "overload", "no_route", "forbidden",
                    "invalid", "no_codec", "bad_sdp", "user_busy",
                    "unreachable")]
        if counts and counts["active"] == 0:
            assert counts["total"] <= len(rows) + self.lost, (
                counts, len(rows))
            if counts["total"] == len(rows) and not half:
                assert counts["total_answered"] == len(answered), counts
                assert counts["total_refused"] == len(refused), counts

    # ---- its log

    def log(self):
        with open(self.log_path, "rb") as f:
            f.seek(self.log_from)
            return f.read().decode(errors="replace")

    def tail(self):
        return "\n".join(self.log().splitlines()[-40:])

    def wait_log(self, pattern, timeout=DEADLINE, count=1):
        """Wait for COUNT lines that match PATTERN; the last one's match."""
        regex = re.compile(pattern)

        def seen():
            found = list(regex.finditer(self.log()))
            if len(found) >= count:
                return found[count - 1]
            if self.process.poll() is not None:
                raise AssertionError(
                    f"{self.name} ended with {self.process.returncode} before"
                    f" '{pattern}' was logged:\n{self.tail()}")
            return None

        return until(seen, timeout, lambda: f"'{pattern}' in the log of "
                     f"{self.name}:\n{self.tail()}")

    # ---- what it says and keeps

    def ask(self, command, timeout=DEADLINE, **more):
        return control(self.db, {"command": command, **more}, timeout)

    def status(self):
        return self.ask("status")

    def counter(self, name):
        return self.status()["counters"][name]

    def tool(self, *args, **more):
        """Run `moondial COMMAND --db ITS_DATABASE …`."""
        command, *rest = args
        return moondial(command, "--db", self.db, *rest, cwd=self.folder,
                        **more)

    def rows(self, sql, *values):
        """Read the database as any other program would."""
        for _ in range(3):
            try:
                db = sqlite3.connect(f"file:{self.db}?mode=ro", uri=True,
                                     timeout=10)
                try:
                    db.row_factory = sqlite3.Row
                    # what came from the wire is stored byte for byte
                    db.text_factory = lambda b: b.decode(
                        errors="surrogateescape")
                    return [dict(row) for row in db.execute(sql, values)]
                finally:
                    db.close()
            except sqlite3.OperationalError as error:
                last = error
                time.sleep(0.1)
        raise last

    def cdrs(self):
        return self.rows("select * from cdrs order by started_at_ms, id")

    def wait_cdrs(self, count=1, timeout=DEADLINE):
        """Wait until COUNT calls are complete in the database: their rows."""
        def complete():
            rows = [r for r in self.cdrs() if r["ended_at_ms"]]
            return rows if len(rows) >= count else None

        return until(complete, timeout, lambda: f"{count} complete CDRs; "
                     f"there are {self.cdrs()}\n{self.tail()}")

    def wait_cdr(self, timeout=DEADLINE):
        return self.wait_cdrs(1, timeout)[0]

    def wait_calls(self, count, key="active", timeout=DEADLINE):
        return until(lambda: self.status()["calls"][key] == count, timeout,
                     lambda: f"{count} calls {key}: {self.status()['calls']}"
                     f"\n{self.tail()}")

    def uri(self, user="moondial"):
        return f"sip:{user}@127.0.0.1:{self.port}"
