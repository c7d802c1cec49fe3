"""SIPp, as caller and as called party; scenarios are in tests/e2e/sipp/."""
import pathlib
import re
import subprocess

from .waiting import until

SCENARIOS = pathlib.Path(__file__).resolve().parents[1] / "e2e/sipp"
PCAPS = pathlib.Path("/usr/share/sip-tester")


class Sipp:
    """One run of SIPp. {{name}} in the scenario is replaced by values[name]."""

    def __init__(self, folder, ports, scenario, *, target=None, calls=1,
                 rate=None, user="service", transport="u1", values=None,
                 options=(), timeout=40, ip="127.0.0.1", at_once=None):
        self.port = ports.one()
        self.media = ports.one()
        self.name = f"{scenario}-{self.port}"
        self.folder = pathlib.Path(folder)
        values = {"pcaps": PCAPS, **(values or {})}
        text = (SCENARIOS / f"{scenario}.xml").read_text()
        text = re.sub(r"\{\{(\w+)\}\}", lambda m: str(values[m[1]]), text)
        self.file = self.folder / f"{self.name}.xml"
        self.file.write_text(text)
        self.messages_path = self.folder / f"{self.name}.messages"
        self.errors_path = self.folder / f"{self.name}.errors"
        words = ["sipp", "-sf", str(self.file), "-i", ip, "-mi", ip,
                 "-p", str(self.port), "-mp", str(self.media),
                 "-m", str(calls), "-t", transport, "-s", user, "-nostdin",
                 "-timeout", f"{timeout}s", "-timeout_error",
                 "-trace_msg", "-message_file", str(self.messages_path),
                 "-trace_err", "-error_file", str(self.errors_path)]
        if rate:
            words += ["-r", str(rate)]
        if at_once:
            words += ["-l", str(at_once)]
        words += [str(o) for o in options]
        if target:
            words.append(target)
        self.out = self.folder / f"{self.name}.out"
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen(
                words, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT)
        if not target:
            self._wait_bound(transport)
        self.timeout = timeout

    def _wait_bound(self, transport):
        table = "udp" if transport.startswith("u") else "tcp"
        needle = f":{self.port:04X} "

        def bound():
            return any(needle in pathlib.Path(f"/proc/net/{t}").read_text()
                       for t in (table, table + "6"))

        until(bound, what=f"SIPp on port {self.port}")

    def messages(self):
        try:
            return self.messages_path.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def received(self):
        """The messages that came to SIPp, in order, as texts."""
        parts = re.split(r"-{20,} [-\d: T.\t]+\n", self.messages())
        return [p.split("\n\n", 1)[1] for p in parts
                if re.match(r"\w+ message received", p) and "\n\n" in p]

    def wait_message(self, pattern, timeout=20):
        regex = re.compile(pattern)
        return until(lambda: regex.search(self.messages()), timeout,
                     lambda: f"'{pattern}' at SIPp:\n{self.messages()}")

    def done(self):
        """Wait for its end: every call must have gone by the scenario."""
        try:
            code = self.process.wait(self.timeout + 10)
        except subprocess.TimeoutExpired:
            self.kill()
            code = "none, it hung"
        errors = (self.errors_path.read_text(errors="replace")
                  if self.errors_path.exists() else "")
        assert code == 0, (f"SIPp {self.name}: exit {code}\n{errors[-6000:]}\n"
                           f"{self.messages()[-12000:]}")
        return self

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
