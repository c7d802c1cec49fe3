"""Telephones of the bench: they register, and answer OPTIONS.

One socket is all of them; each has a contact of its own (an address of
127.0.0.0/8 each 200, so that they are many addresses, too).
"""
import hashlib
import random
import re
import select
import socket
import time

WINDOW = 64  # registrations under way
NAME = re.compile(rb"<sip:(t\d+)@")


def contact(i, port):
    return f"sip:t{i}@127.{1 + i // 50000}.{i // 200 % 250}.{1 + i % 200}:{port}"


def header(data, name):
    m = re.search(rb"\r\n" + name + rb": ([^\r]*)", data)
    return m[1] if m else b""


class Telephones:
    def __init__(self, engine, count):
        host, port = engine.split(":")
        self.engine, self.count = (host, int(port)), count
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("0.0.0.0", 0))
        self.port = self.socket.getsockname()[1]
        self.asked = 0  # OPTIONS answered
        self.registered = set()

    def register(self, i, cseq, authorization=""):
        self.socket.sendto((
            f"REGISTER sip:bench SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{i}.{cseq};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:t{i}@bench>;tag={i}\r\nTo: <sip:t{i}@bench>\r\n"
            f"Call-ID: bench-{i}\r\nCSeq: {cseq} REGISTER\r\n"
            f"Contact: <{contact(i, self.port)}>\r\nExpires: 3600\r\n{authorization}"
            "Content-Length: 0\r\n\r\n").encode(), self.engine)

    def authorize(self, i, data):
        fields = dict(re.findall(rb'(\w+)="?([^",]*)"?', next(
            line for line in data.split(b"\r\n") if line.lower().startswith(b"www-authenticate")
            and b"MD5" in line)))
        realm, nonce = fields[b"realm"].decode(), fields[b"nonce"].decode()
        cnonce = f"{random.getrandbits(32):08x}"

        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()

        response = md5(f"{md5(f't{i}:{realm}:secret')}:{nonce}:00000001:{cnonce}:auth:"
                       f"{md5('REGISTER:sip:bench')}")
        return (f'Authorization: Digest username="t{i}", realm="{realm}", nonce="{nonce}", '
                f'uri="sip:bench", response="{response}", algorithm=MD5, cnonce="{cnonce}", '
                "qop=auth, nc=00000001\r\n")

    def receive(self, seconds):
        """Handle one packet, if one comes in that time. The number of the
        telephone that is registered by it, or None."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return None
        data, source = self.socket.recvfrom(4096)
        if data.startswith(b"OPTIONS "):
            self.asked += 1
            lines = [b"SIP/2.0 200 OK"]
            for name in (b"Via", b"From", b"To", b"Call-ID", b"CSeq"):
                lines.append(name + b": " + header(data, name) + (b";tag=t" if name == b"To" else b""))
            self.socket.sendto(b"\r\n".join(lines) + b"\r\nContent-Length: 0\r\n\r\n", source)
            return None
        m = NAME.search(header(data, b"To"))
        if not m:
            return None
        i = int(m[1][1:])
        if data.startswith(b"SIP/2.0 401") and header(data, b"CSeq").startswith(b"1 "):
            self.register(i, 2, self.authorize(i, data))
        elif data.startswith(b"SIP/2.0 200"):
            self.registered.add(i)
            return i
        return None

    def answer(self, seconds):
        """OPTIONS, for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.receive(left)

    def register_all(self, seconds):
        """False: not all have been in that time."""
        end, begun, under_way = time.monotonic() + seconds, 0, {}
        while len(self.registered) < self.count and time.monotonic() < end:
            while begun < self.count and len(under_way) < WINDOW:
                under_way[begun] = time.monotonic()
                self.register(begun, 1)
                begun += 1
            under_way.pop(self.receive(0.2), None)
            for i, at in list(under_way.items()):
                if time.monotonic() - at > 2:  # lost
                    under_way[i] = time.monotonic()
                    self.register(i, 1)
        return len(self.registered) == self.count

    def close(self):
        self.socket.close()
