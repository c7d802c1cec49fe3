"""Ports that no other test on this machine has.

A block of ports is owned by holding a socket in Linux's abstract UNIX
namespace: it is exclusive, and gone with the process, so that several
runs of the tests at once never meet.
"""
import socket

FIRST, LAST, BLOCK = 61000, 65500, 100  # above the ephemeral ports


class Ports:
    """Blocks of ports for one test; release() gives them back."""

    def __init__(self):
        self._held = []
        self._left = []

    def block(self, blocks=1):
        """First port of BLOCKS adjacent blocks of 100 ports."""
        for base in range(FIRST, LAST - BLOCK * blocks, BLOCK):
            held = []
            for n in range(blocks):
                lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                try:
                    lock.bind(f"\0moondial-ports-{base + n * BLOCK}")
                except OSError:
                    lock.close()
                    break
                held.append(lock)
            if len(held) == blocks:
                self._held += held
                return base
            for lock in held:
                lock.close()
        raise RuntimeError("no block of ports is free")

    def one(self):
        """A single even port; the odd one above it is free too."""
        if not self._left:
            base = self.block()
            self._left = list(range(base, base + BLOCK, 4))
        while self._left:
            port = self._left.pop(0)
            if _free(port) and _free(port + 1):
                return port
        return self.one()

    def release(self):
        for lock in self._held:
            lock.close()
        self._held = []


def _free(port):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
