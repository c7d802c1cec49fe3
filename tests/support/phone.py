"""A SIP peer in a few lines, for what no well-behaved one would send.

Phone speaks SIP over UDP or TCP, one call at a time; Rtp is its audio. Each
has a thread that receives; what a test wants to know it waits for.
"""
import random
import re
import select
import socket
import struct
import threading
import time

from . import audio
from .waiting import until


class Message:
    def __init__(self, text):
        head, _, self.body = text.partition("\r\n\r\n")
        self.text = text
        self.lines = head.split("\r\n")
        self.first = self.lines[0]
        m = re.match(r"SIP/2.0 (\d{3}) ?(.*)", self.first)
        self.status = int(m[1]) if m else None
        self.reason = m[2] if m else None
        self.method = None if m else self.first.split(" ")[0]

    def all(self, name):
        short = {"via": "v", "from": "f", "to": "t", "call-id": "i",
                 "contact": "m", "content-length": "l"}.get(name.lower())
        names = (name.lower(), short)
        return [line.split(":", 1)[1].strip() for line in self.lines[1:]
                if line.split(":", 1)[0].strip().lower() in names]

    def header(self, name):
        found = self.all(name)
        return found[0] if found else None

    @property
    def cseq(self):
        number, method = self.header("CSeq").split()
        return int(number), method

    def media(self):
        """(address, port, payload types) of its audio line."""
        address = re.search(r"^c=IN IP[46] (\S+)", self.body, re.M)[1]
        m = re.search(r"^m=audio (\d+) \S+ ([\d ]+)", self.body, re.M)
        return address, int(m[1]), [int(n) for n in m[2].split()]

    def direction(self):
        m = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)", self.body,
                      re.M)
        return m[1] if m else "sendrecv"


def token():
    return f"{random.getrandbits(48):012x}"


class Rtp:
    """An RTP socket on PORT. Sends what it is told, keeps what comes."""

    def __init__(self, port, ip="127.0.0.1"):
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind((ip, port))
        self.ip, self.port = ip, port
        self.packets = []  # (when, source, payload type, marker, seq, ts, payload)
        self.seq = random.getrandbits(15)
        self.ts = random.getrandbits(31)
        self.ssrc = random.getrandbits(32)
        self.to = self.last = None  # whom it sends to; what came last
        self._closing = False
        self._senders = []
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self):
        while not self._closing:
            if not select.select([self.socket], [], [], 0.2)[0]:
                continue
            data, source = self.socket.recvfrom(4096)
            if len(data) < 12 or data[0] >> 6 != 2:
                continue
            _, pt, seq, ts, _ = struct.unpack(">BBHII", data[:12])
            self.last = data
            self.packets.append((time.monotonic(), source[:2], pt & 127,
                                 pt >> 7, seq, ts, data[12:]))

    def packet(self, payload, payload_type=0, marker=0, seq=None, ts=None):
        seq = self.seq if seq is None else seq
        ts = self.ts if ts is None else ts
        return struct.pack(">BBHII", 0x80, marker << 7 | payload_type,
                           seq & 0xffff, ts & 0xffffffff,
                           self.ssrc) + payload

    def raw(self, data, to=None):
        self.socket.sendto(data, to or self.to)

    def one(self, payload, payload_type=0, samples=None, marker=0):
        """Send one packet and count on."""
        self.raw(self.packet(payload, payload_type, marker))
        self.seq += 1
        self.ts += len(payload) if samples is None else samples

    def stream(self, samples, ptime=20, payload_type=0):
        """Send SAMPLES in real time, in a thread; join() waits for its end."""
        def send():
            n = 8 * ptime
            data = audio.encode(samples, payload_type)
            start = time.monotonic()
            for i in range(len(data) // n):
                late = start + i * ptime / 1000 - time.monotonic()
                if late > 0 and self._stop.wait(late):
                    return
                if self._stop.is_set() or self._closing:
                    return
                self.one(data[i * n:(i + 1) * n], payload_type)

        self._stop = threading.Event()
        sender = threading.Thread(target=send, daemon=True)
        self._senders.append(sender)
        sender.start()
        return sender

    def silence(self):
        """Stop what stream() sends."""
        self._stop.set()
        for sender in self._senders:
            sender.join()
        self._senders = []

    def digit(self, digit, payload_type=101, duration=800, ends=3,
              loss=()):
        """RFC 4733: one digit, a packet each 20 ms of DURATION samples, then
        ENDS end packets. LOSS: indexes that don't arrive."""
        event = "0123456789*#ABCD".index(digit)
        steps = list(range(160, duration + 1, 160))
        packets = [(d, 0) for d in steps] + [(duration, 0x80)] * ends
        start = time.monotonic()
        for i, (length, end) in enumerate(packets):
            late = start + min(i, len(steps)) * 0.02 - time.monotonic()
            if late > 0:
                time.sleep(late)
            data = struct.pack(">BBH", event, end | 10, length)
            if i not in loss:
                self.raw(self.packet(data, payload_type, int(i == 0)))
            self.seq += 1
        self.ts += duration + 320

    def audio(self, payload_type=0):
        """What was heard, in order of sequence, as samples."""
        import numpy as np
        parts = {(p[4] - self.packets[0][4] + 32768) % 65536: p[6]
                 for p in self.packets if p[2] == payload_type}
        return np.concatenate([audio.decode(parts[k], payload_type)
                               for k in sorted(parts)])

    def digits(self, payload_type=101):
        """Digits of the telephone events that came, by time stamp."""
        seen = {}
        for p in self.packets:
            if p[2] == payload_type:
                seen.setdefault(p[5], "0123456789*#ABCD"[p[6][0] & 15])
        return "".join(seen.values())

    def wait_packets(self, count, timeout=20):
        until(lambda: len(self.packets) >= count, timeout,
              lambda: f"{count} RTP packets; there are {len(self.packets)}")

    def close(self):
        self._closing = True
        self._thread.join()
        self.socket.close()


class Phone:
    """A SIP peer at a port of its own; TARGET: ip, port."""

    def __init__(self, ports, target, *, transport="udp", ip="127.0.0.1",
                 user="phone", rtp=True):
        self.ip, self.user, self.transport = ip, user, transport
        self.target = target
        self.port = ports.one()
        self.host = f"[{ip}]" if ":" in ip else ip
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
        self.socket = socket.socket(family, kind)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((ip, self.port))
        self.closed_by_peer = False
        if transport == "tcp":
            self.socket.connect(target)
        self.rtp = Rtp(ports.one(), ip) if rtp else None
        self.inbox = []
        self.taken = 0
        self.auto = {"BYE", "OPTIONS", "INFO"}  # requests answered 200 by itself
        self.call_id = self.tag = self.remote = None
        self.cseq = 0
        self.route = ""  # Route headers of requests within the call
        self._closing = False
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    # ---- transport

    def _receive(self):
        data = b""
        while not self._closing:
            if not select.select([self.socket], [], [], 0.2)[0]:
                continue
            try:
                more = self.socket.recv(65536)
            except OSError:
                return
            if self.transport == "udp":
                self._arrived(more.decode(errors="replace"))
                continue
            if not more:
                self.closed_by_peer = True
                return
            data += more
            while b"\r\n\r\n" in data:
                head, rest = data.split(b"\r\n\r\n", 1)
                m = re.search(rb"\r\n(?:Content-Length|l)\s*:\s*(\d+)", head,
                              re.I)
                size = int(m[1]) if m else 0
                if len(rest) < size:
                    break
                self._arrived((head + b"\r\n\r\n" + rest[:size]).decode())
                data = rest[size:]

    def _arrived(self, text):
        if not text.strip():
            return
        message = Message(text)
        if message.method in self.auto:
            self.respond(message, 200, "OK")
        self.inbox.append(message)

    def raw(self, data):
        if isinstance(data, str):
            data = data.encode()
        if self.transport == "tcp":
            self.socket.sendall(data)
        else:
            self.socket.sendto(data, self.target)

    # ---- what comes

    def wait(self, what, timeout=20, keep=False):
        """The next message that is WHAT: a status, a method, or a function."""
        def fits(message):
            if callable(what):
                return what(message)
            if isinstance(what, int):
                return message.status == what
            return message.method == what

        def seen():
            for i in range(self.taken, len(self.inbox)):
                if fits(self.inbox[i]):
                    if not keep:
                        self.taken = i + 1
                    return self.inbox[i]
            return None

        return until(seen, timeout, lambda: f"{what} at {self.user}; came: "
                     + "; ".join(m.first for m in self.inbox[self.taken:]))

    def final(self, method="INVITE", timeout=20):
        return self.wait(lambda m: m.status and m.status >= 200
                         and m.cseq[1] == method, timeout)

    # ---- what goes

    def sdp(self, payloads="0 101", direction="sendrecv", address=None,
            port=None, ptime=20, more=""):
        address = address or self.ip
        version = "IP6" if ":" in address else "IP4"
        port = port or (self.rtp.port if self.rtp else 9)
        return (f"v=0\r\no=- {random.getrandbits(30)} 1 IN {version} "
                f"{self.ip}\r\ns=-\r\nc=IN {version} {address}\r\nt=0 0\r\n"
                f"m=audio {port} RTP/AVP {payloads}\r\n"
                "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
                "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
                f"a=ptime:{ptime}\r\na={direction}\r\n{more}")

    def request(self, method, uri, *, to=None, headers="", body="",
                content="application/sdp", branch=None, cseq=None,
                from_=None):
        """The text of a request of the present call."""
        if method not in ("ACK", "CANCEL") and cseq is None:
            self.cseq += 1
        text = (f"{method} {uri} SIP/2.0\r\n"
                f"Via: SIP/2.0/{self.transport.upper()} {self.host}:"
                f"{self.port};branch={branch or 'z9hG4bK' + token()};rport\r\n"
                "Max-Forwards: 70\r\n"
                f"From: {from_ or f'<sip:{self.user}@{self.host}>'};"
                f"tag={self.tag}\r\n"
                f"To: {to or f'<{uri}>'}\r\n"
                f"Call-ID: {self.call_id}\r\n"
                f"CSeq: {cseq or self.cseq} {method}\r\n"
                f"Contact: <sip:{self.user}@{self.host}:{self.port};"
                f"transport={self.transport}>\r\n"
                f"{self.route if to else ''}{headers}")
        if body:
            text += f"Content-Type: {content}\r\n"
        return text + f"Content-Length: {len(body.encode())}\r\n\r\n{body}"

    def uri_of(self, user="moondial"):
        host, port = self.target[:2]
        host = f"[{host}]" if ":" in host else host
        tail = ";transport=tcp" if self.transport == "tcp" else ""
        return f"sip:{user}@{host}:{port}{tail}"

    def invite(self, user="moondial", *, sdp=None, headers="", from_=None):
        """Begin a call; nothing is waited for."""
        self.call_id, self.tag = token() + "@" + self.host, token()
        self.uri = self.uri_of(user)
        self.branch = "z9hG4bK" + token()
        self.sent = self.request(
            "INVITE", self.uri, branch=self.branch, headers=headers,
            body=self.sdp() if sdp is None else sdp, from_=from_)
        self.invite_cseq = self.cseq
        self.raw(self.sent)

    def ack(self, response):
        """ACK of a final response to our INVITE."""
        ours = response.status >= 300
        self.remote = response.header("To")
        self.contact = self.uri
        if not ours and response.header("Contact"):
            self.contact = re.search(r"<([^>]+)>",
                                     response.header("Contact"))[1]
        if not ours:
            self.route = "".join(
                f"Route: {r}\r\n"
                for r in reversed(response.all("Record-Route")))
        self.raw(self.request(
            "ACK", self.uri if ours else self.contact, to=self.remote,
            branch=self.branch if ours else None, cseq=response.cseq[0]))

    def call(self, user="moondial", **more):
        """Call and wait for the final response, which is acknowledged."""
        self.invite(user, **more)
        response = self.final()
        self.ack(response)
        if response.status == 200 and self.rtp:
            address, port, _ = response.media()
            self.rtp.to = (address, port)
        return response

    def within(self, method, *, headers="", body="",
               content="application/sdp"):
        """A request within the call; its final response."""
        self.raw(self.request(method, self.contact, to=self.remote,
                              headers=headers, body=body, content=content))
        response = self.final(method)
        if method == "INVITE":
            self.raw(self.request("ACK", self.contact, to=self.remote,
                                  cseq=response.cseq[0]))
        return response

    def bye(self):
        return self.within("BYE")

    def cancel(self):
        self.raw(self.request("CANCEL", self.uri, branch=self.branch,
                              cseq=self.invite_cseq))

    def respond(self, request, status, reason, *, headers="", body=""):
        """Answer a request that came."""
        vias = "".join(f"Via: {v}\r\n" for v in request.all("Via"))
        to = request.header("To")
        if "tag=" not in to and status > 100:
            self.tag = self.tag or token()
            to += f";tag={self.tag}"
        vias += "".join(f"Record-Route: {r}\r\n"
                        for r in request.all("Record-Route"))
        text = (f"SIP/2.0 {status} {reason}\r\n{vias}"
                f"From: {request.header('From')}\r\nTo: {to}\r\n"
                f"Call-ID: {request.header('Call-ID')}\r\n"
                f"CSeq: {request.header('CSeq')}\r\n"
                f"Contact: <sip:{self.user}@{self.host}:{self.port};"
                f"transport={self.transport}>\r\n{headers}")
        if body:
            text += "Content-Type: application/sdp\r\n"
        text += f"Content-Length: {len(body)}\r\n\r\n{body}"
        self.raw(text)

    def accept(self, request, **more):
        """200 with our description; the ACK may be waited for."""
        self.call_id = request.header("Call-ID")
        self.tag = self.tag or token()
        self.respond(request, 200, "OK", body=self.sdp(**more))
        self.remote = request.header("From")
        self.contact = re.search(r"<([^>]+)>", request.header("Contact"))[1]
        self.route = "".join(f"Route: {r}\r\n"
                             for r in request.all("Record-Route"))
        if self.rtp and request.body:
            address, port, _ = request.media()
            self.rtp.to = (address, port)

    def close(self):
        self._closing = True
        self._thread.join()
        self.socket.close()
        if self.rtp:
            self.rtp.close()
