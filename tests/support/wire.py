"""Bytes to a SIP port, and what comes back: no thread, no parser in between.

For what a Phone is too well-behaved for. A datagram's answer goes to the port
that its Via names, so a Wire listens on several ports of an address of its own.
"""
import os
import re
import select
import socket
import time

PORTS = (5060, 5050, 5070, 9)


def own_address(turn=0):
    """A loopback address that no other test process on this machine has; one
    for each TURN."""
    pid = os.getpid()
    net = 1 + (pid // 65536 + 50 * turn) % 250
    return f"127.{net}.{pid // 256 % 256}.{pid % 254 + 1}"


class Wire:
    """TARGET: ip, port."""

    def __init__(self, target, ip=None, ports=PORTS):
        self.target = target
        for turn in range(5):
            self.ip = ip or own_address(turn)
            try:
                self.sockets = self._bind(ports)
                break
            except OSError:  # a peer of another test has one of the ports
                if ip or turn == 4:
                    raise
        self.port = self.sockets[0].getsockname()[1]
        self.serial = 0

    def _bind(self, ports):
        sockets = []
        try:
            for port in ports:
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sockets.append(s)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
                s.bind((self.ip, port))
        except OSError:
            for s in sockets:
                s.close()
            raise
        return sockets

    def send(self, data):
        try:
            self.sockets[0].sendto(data, self.target)
        except OSError:
            assert len(data) > 65507  # longer than any datagram

    def received(self, timeout):
        """The texts of what comes until nothing has for TIMEOUT seconds."""
        while select.select(self.sockets, [], [], timeout)[0]:
            for s in select.select(self.sockets, [], [], 0)[0]:
                yield s.recv(65536).decode(errors="replace")

    def options(self):
        self.serial += 1
        return (f"OPTIONS sip:x@{self.target[0]}:{self.target[1]} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {self.ip}:{self.port};rport;"
                f"branch=z9hG4bKserved{self.serial}\r\n"
                f"From: <sip:e@x.test>;tag=1\r\nTo: <sip:b@x.test>\r\n"
                f"Call-ID: served{self.serial}@{self.ip}\r\n"
                "CSeq: 1 OPTIONS\r\nMax-Forwards: 9\r\n"
                "Content-Length: 0\r\n\r\n").encode()

    def served(self, within=1.0, each=None):
        """OPTIONS is answered 200 within so many seconds; EACH gets all else
        that comes meanwhile. Returns how long it took. Sent again as any
        client would (T1): the kernel may have had no room for it."""
        request = self.options()
        call_id = f"served{self.serial}@{self.ip}"
        start = again = time.monotonic()
        while True:
            now = time.monotonic()
            assert now < start + within, \
                f"OPTIONS was not answered within {within} s"
            if now >= again:
                self.send(request)
                again += 0.5
            wait = min(again, start + within) - now
            for s in select.select(self.sockets, [], [], max(wait, 0))[0]:
                text = s.recv(65536).decode(errors="replace")
                if call_id in text and "CSeq: 1 OPTIONS" in text:
                    assert text.startswith("SIP/2.0 200"), text
                    return time.monotonic() - start
                if each:
                    each(text)

    def close(self):
        for s in self.sockets:
            s.close()


def call_id_of(data):
    """The Call-ID of a message that may be anything."""
    text = data.decode("latin-1") if isinstance(data, bytes) else data
    m = re.search(r"^(?:call-id|i)[ \t]*:[ \t]*(\S+)", text, re.I | re.M)
    return m[1] if m else None
