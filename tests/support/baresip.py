"""baresip: a telephone that plays a file (or a sine) and records what it hears."""
import json
import pathlib
import socket
import subprocess
import threading

from .waiting import until

CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
call_local_timeout 120
call_max_calls 4
audio_player aubridge,nowhere
audio_source {source}
audio_alert aubridge,nowhere
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp_min}-{rtp_max}
rtcp_mux no
jitter_buffer_delay 1-5
rtp_stats no
module_path /usr/lib/baresip/modules
module g711.so
module aubridge.so
module aufile.so
module ausine.so
module sndfile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {folder}
"""


class Baresip:
    """source: 'aufile,/path.wav' (8 kHz, mono, 16 bit) or 'ausine,400'."""

    def __init__(self, folder, ports, *, source="aubridge,nowhere",
                 codecs="PCMU/8000/1", answer="auto", name="baresip",
                 registrar=None, user="baresip", password="", regint=60,
                 port=None):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.port, self.control_port = port or ports.one(), ports.one()
        rtp = ports.block()
        (self.folder / "config").write_text(CONFIG.format(
            port=self.port, source=source, rtp_min=rtp, rtp_max=rtp + 98,
            control=self.control_port, folder=self.folder))
        identity = (f"<sip:{user}@{registrar}>;auth_user={user};"
                    f"auth_pass={password};regint={regint};"
                    if registrar else
                    f"<sip:baresip@127.0.0.1:{self.port}>;regint=0;")
        (self.folder / "accounts").write_text(
            f"{identity}answermode={answer};audio_codecs={codecs};ptime=20\n")
        (self.folder / "contacts").write_text("")
        self.log_path = self.folder / "log"
        self.start()

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["baresip", "-4", "-f", str(self.folder)],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)
        self.events = []
        self._socket = until(self._connect, what=lambda: "baresip:\n"
                             + self.log_path.read_text(errors="replace"))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _connect(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log_path.read_text(errors="replace"))
        try:
            return socket.create_connection(("127.0.0.1", self.control_port))
        except OSError:
            return None

    def _read(self):
        data = b""
        while True:
            try:
                more = self._socket.recv(65536)
            except OSError:
                return
            if not more:
                return
            data += more
            while b":" in data:
                size, rest = data.split(b":", 1)
                if len(rest) < int(size) + 1:
                    break
                self.events.append(json.loads(rest[:int(size)]))
                data = rest[int(size) + 1:]

    def command(self, name, params=""):
        text = json.dumps({"command": name, "params": params}).encode()
        self._socket.sendall(b"%d:%s," % (len(text), text))

    def wait_event(self, kind, timeout=20):
        def seen():
            return next((e for e in self.events
                         if e.get("type") == kind), None)

        return until(seen, timeout, lambda: f"{kind}; seen: {self.events}\n"
                     + self.log_path.read_text(errors="replace")[-3000:])

    def dial(self, uri):
        self.command("dial", uri)

    def heard(self):
        """The WAV of what it heard; complete when the call is over."""
        return until(lambda: next(iter(self.folder.glob("dump-*-dec.wav")),
                                  None), what="baresip's recording")

    def uri(self):
        return f"sip:baresip@127.0.0.1:{self.port}"

    def kill(self):
        """As by a power cut."""
        self.process.kill()
        self.process.wait()
        self._socket.close()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._socket.close()
