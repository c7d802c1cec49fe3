"""A name server of a test's own, and an engine that asks it."""
import os
import socket
import struct
import subprocess
import threading

import pytest

A, SRV, NAPTR = 1, 33, 35


class NameServer:
    """Answers each question by WAY: a function of the datagram to those that
    are sent back."""

    def __init__(self, ip, way):
        self.asked = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((ip, 53))
        self.socket.settimeout(0.2)
        self.way, self.closing = way, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.closing:
            try:
                data, source = self.socket.recvfrom(4096)
            except TimeoutError:
                continue
            self.asked += 1
            for answer in self.way(data):
                self.socket.sendto(answer, source)

    def close(self):
        self.closing = True
        self.thread.join()
        self.socket.close()


def encoded(name):
    return b"".join(bytes([len(part)]) + part.encode()
                    for part in name.split(".")) + b"\0"


def zone(records):
    """A way to answer: {(name, type): [rdata, ...]}; no such name otherwise."""
    def way(question):
        name, at = [], 12
        while question[at]:
            name.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        kind, = struct.unpack_from("!H", question, at + 1)
        found = records.get((".".join(name).lower(), kind), [])
        yield (question[:2] + (b"\x85\x80" if found else b"\x85\x83")
               + struct.pack("!4H", 1, len(found), 0, 0) + question[12:at + 5]
               + b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(r))
                          + r for r in found))
    return way


def srv(target, port, priority=10, weight=10):
    return struct.pack("!3H", priority, weight, port) + encoded(target)


def naptr(service, replacement, order=10):
    text = lambda s: bytes([len(s)]) + s.encode()  # noqa: E731
    return (struct.pack("!2H", order, 10) + text("s") + text(service)
            + text("") + encoded(replacement))


def address(ip):
    return socket.inet_aton(ip)


def serve(tmp_path, number, way):
    """A server that answers by WAY on an address of its own (NUMBER tells
    those of one process apart), and what makes an engine's command ask it."""
    resolv = tmp_path / "resolv.conf"
    ip = f"127.53.{os.getpid() % 250}.{number}"
    resolv.write_text(f"nameserver {ip}\n")
    words = ["unshare", "--mount",
             *([] if os.getuid() == 0 else ["--map-root-user"]), "sh", "-c",
             f"mount --bind '{resolv}' /etc/resolv.conf && exec \"$@\"", "sh"]
    if subprocess.run(words + ["true"], capture_output=True).returncode:
        pytest.skip("this user may not mount")
    try:
        server = NameServer(ip, way)
    except PermissionError:
        pytest.skip("this user may not bind port 53")

    def asks(engine):
        command = engine.command
        engine.command = lambda: words + command()
        return engine

    return server, asks
