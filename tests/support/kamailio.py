"""Kamailio as registrar and proxy with digest authentication, in memory."""
import os
import pathlib
import re
import signal
import subprocess

from .waiting import until

CONFIG = pathlib.Path(__file__).with_name("kamailio.cfg")


class Kamailio:
    """users: {name: password}; max_expires: what the registrar grants;
    min_expires: what it answers 423 below; service_route: the URI of that
    header in its 200, or True: its own; moved: where its 302 sends;
    upstream: it is an edge proxy only, before the registrar of that URI."""

    def __init__(self, folder, ports, users, max_expires=3600,
                 realm="sip.test", *, name="kamailio", min_expires=0,
                 service_route="", moved="", upstream=""):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(exist_ok=True)
        self.port = ports.one()
        self.users, self.realm = users, realm
        self.max_expires = max_expires
        if service_route is True:
            service_route = f"sip:127.0.0.1:{self.port};lr"
        self.options = (("MIN_EXPIRES", min_expires), ("MOVED", moved),
                        ("SERVICE_ROUTE", service_route),
                        ("UPSTREAM", upstream))
        self.log_path = self.folder / "kamailio.log"
        self.process = None
        self.log_from = 0

    def start(self):
        text = CONFIG.read_text()
        users = "\n".join(
            f'    $sht(users=>{name}) = "{password}";'
            for name, password in self.users.items())
        for key, value in (("PORT", self.port), ("REALM", self.realm),
                           ("MAX_EXPIRES", self.max_expires),
                           ("USERS", users), ("FOLDER", self.folder),
                           *self.options):
            text = text.replace(f"@{key}@", str(value))
        config = self.folder / "kamailio.cfg"
        config.write_text(text)
        self.log_from = (self.log_path.stat().st_size
                         if self.log_path.exists() else 0)
        with open(self.log_path, "ab") as log:
            # -DD: in the foreground, so that it ends with us
            self.process = subprocess.Popen(
                ["/usr/sbin/kamailio", "-DD", "-E", "-f", str(config),
                 "-Y", str(self.folder), "-w", str(self.folder), "-m", "24",
                 "-M", "4"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, env=dict(os.environ), start_new_session=True)
        until(lambda: self.lines("LISTENING") or self._ended(),
              what=lambda: "Kamailio: " + self.log()[-4000:])
        return self

    def _ended(self):
        if self.process.poll() is not None:
            raise AssertionError("Kamailio ended:\n" + self.log()[-4000:])

    def log(self):
        with open(self.log_path, "rb") as f:
            f.seek(self.log_from)
            return f.read().decode(errors="replace")

    def lines(self, what):
        """Its own notes: lines 'NOTE what …' as lists of words."""
        return [line.split() for line in
                re.findall(rf"NOTE ({what}\b.*)", self.log())]

    def wait_lines(self, what, count=1, timeout=20):
        return until(lambda: (lambda l: l if len(l) >= count else None)(
            self.lines(what)), timeout,
            lambda: f"{count} × {what}: {self.log()[-4000:]}")

    def uri(self):
        return f"sip:127.0.0.1:{self.port}"

    def kill(self):
        """As a power cut would; its port falls silent."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.process = None
