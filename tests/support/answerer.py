"""A UDP peer that answers requests as it is told, and a proxy that loses some.

Both are threads; what a test wants to know it reads from `requests`.
"""
import select
import socket
import struct
import threading
import time

from .phone import Message, token

STUN_COOKIE = 0x2112a442


class _Loop:
    def __init__(self):
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def close(self):
        self._closing = True
        self._thread.join()
        self._close()


class Answerer(_Loop):
    """answers: {method: status line, or None for silence}; "*" for others, and
    "STUN". delay: seconds to wait with each answer."""

    def __init__(self, port, answers=None, delay=0, ip="127.0.0.1"):
        super().__init__()
        self.ip, self.port, self.delay = ip, port, delay
        self.answers = answers or {"*": "200 OK"}
        self.requests = []  # (when, Message, source)
        self.responses = []  # (when, Message, source)
        self.datagrams = []  # what is no SIP: (when, data, source)
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

    def _stun(self, data, source):
        """The answer to a STUN binding request (RFC 5389)."""
        address, port = source
        number = struct.unpack(">I", socket.inet_aton(address))[0]
        value = struct.pack(">BBHI", 0, 1, port ^ STUN_COOKIE >> 16,
                            number ^ STUN_COOKIE)
        body = struct.pack(">HH", 0x20, len(value)) + value
        self.socket.sendto(struct.pack(">HH", 0x101, len(body)) + data[4:20]
                           + body, source)

    def invite(self, to, user="line"):
        """Send an INVITE to that address; its Call-ID."""
        call_id, branch = token(), token()
        self.socket.sendto((
            f"INVITE sip:{user}@{to[0]}:{to[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.host};branch=z9hG4bK{branch};rport\r\n"
            f"From: <sip:caller@{self.host}>;tag={token()}\r\n"
            f"To: <sip:{user}@{self.host}>\r\nCall-ID: {call_id}\r\n"
            f"CSeq: 1 INVITE\r\nContact: <sip:caller@{self.host}>\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n").encode(), to)
        return call_id

    def _acknowledge(self, message, source):
        """Else a refusal would be sent again for half a minute."""
        if not message.status or message.status < 300 \
                or message.cseq[1] != "INVITE":
            return
        lines = [f"ACK sip:{source[0]}:{source[1]} SIP/2.0"]
        for name in ("Via", "From", "To", "Call-ID"):
            lines.append(f"{name}: {message.header(name)}")
        lines += ["CSeq: 1 ACK", "Max-Forwards: 70", "Content-Length: 0", "",
                  ""]
        self.socket.sendto("\r\n".join(lines).encode(), source)

    def answers_to(self, call_id):
        return [m.status for _, m, _ in self.responses
                if m.header("Call-ID") == call_id]

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
                if data[:2] == b"\0\1" and len(data) >= 20 and \
                        self.answers.get("STUN", self.answers.get("*")):
                    self._stun(data, source)
                continue
            message = Message(data.decode(errors="replace"))
            if not message.method:
                self.responses.append((now, message, source))
                self._acknowledge(message, source)
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
