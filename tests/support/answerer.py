"""A UDP peer that answers requests as it is told, and a proxy that loses some.

Both are threads; what a test wants to know it reads from `requests`.
"""
import select
import socket
import threading
import time

from .phone import Message


class _Loop:
    def __init__(self):
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def close(self):
        self._closing = True
        self._thread.join()
        self._close()


class Answerer(_Loop):
    """answers: {method: status line, or None for silence}; "*" for others.
    delay: seconds to wait with each answer."""

    def __init__(self, port, answers=None, delay=0, ip="127.0.0.1"):
        super().__init__()
        self.ip, self.port, self.delay = ip, port, delay
        self.answers = answers or {"*": "200 OK"}
        self.requests = []  # (when, Message, source)
        self.datagrams = []  # what is no SIP
        self._late = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((ip, port))
        self._thread.start()

    @property
    def host(self):
        return f"{self.ip}:{self.port}"

    def of(self, method):
        return [r for r in self.requests if r[1].method == method]

    def _answer(self, message, source):
        status = self.answers.get(message.method, self.answers.get("*"))
        if not status:
            return
        status, *more = status.split("\n")
        lines = [f"SIP/2.0 {status}"]
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            lines += [f"{name}: {v}" + (";tag=answerer" if name == "To"
                                        and ";tag=" not in v else "")
                      for v in message.all(name)]
        if message.method == "REGISTER":
            lines += [f"Contact: {c}" for c in message.all("Contact")]
        lines += [*more, "Content-Length: 0", "", ""]
        self.socket.sendto("\r\n".join(lines).encode(), source)

    def _run(self):
        while not self._closing:
            ready = select.select([self.socket], [], [], 0.02)[0]
            now = time.monotonic()
            while self._late and self._late[0][0] <= now:
                _, message, source = self._late.pop(0)
                self._answer(message, source)
            if not ready:
                continue
            data, source = self.socket.recvfrom(65536)
            if len(data) <= 4 or data[0] < 32:
                self.datagrams.append((now, data, source))
                continue
            message = Message(data.decode(errors="replace"))
            if not message.method:
                continue
            self.requests.append((now, message, source))
            if self.delay:
                self._late.append((now + self.delay, message, source))
            else:
                self._answer(message, source)

    def _close(self):
        self.socket.close()


class Lossy(_Loop):
    """Takes datagrams at PORT, passes them to TARGET and the answers back;
    drop(data, to_target) says which are lost."""

    def __init__(self, port, target, drop, ip="127.0.0.1"):
        super().__init__()
        self.ip, self.port, self.target, self.drop = ip, port, target, drop
        self.passed = self.lost = 0
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind((ip, port))
        self.back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.back.bind((ip, 0))
        self._client = None
        self._thread.start()

    @property
    def host(self):
        return f"{self.ip}:{self.port}"

    def _run(self):
        while not self._closing:
            for s in select.select([self.front, self.back], [], [], 0.1)[0]:
                data, source = s.recvfrom(65536)
                if s is self.front:
                    self._client = source
                if self.drop(data, s is self.front):
                    self.lost += 1
                    continue
                self.passed += 1
                if s is self.front:
                    self.back.sendto(data, self.target)
                elif self._client:
                    self.front.sendto(data, self._client)

    def _close(self):
        self.front.close()
        self.back.close()
