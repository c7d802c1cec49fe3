"""Switches for what faults.c does within an engine: memory that runs out, a
clock that steps."""
import mmap
import pathlib
import struct

from .engine import BUILD, environment

LIBRARY = BUILD / "tests/support/libfaults.so"
FIELDS = ("fail_each", "fail_min", "requests", "failed", "clock_s")


class Faults:
    """Give env() to an engine; then set what is to go wrong."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "faults"
        self.path.write_bytes(bytes(4096))
        self._file = open(self.path, "r+b")
        self._map = mmap.mmap(self._file.fileno(), 4096)

    def env(self):
        # AddressSanitizer would be first; then ours would never be asked
        asan = environment()["ASAN_OPTIONS"]
        return {"LD_PRELOAD": str(LIBRARY),
                "ASAN_OPTIONS": asan + ":verify_asan_link_order=0",
                "MOONDIAL_FAULTS": str(self.path)}

    def get(self, name):
        return struct.unpack_from("<q", self._map, 8 * FIELDS.index(name))[0]

    def set(self, name, value):
        struct.pack_into("<q", self._map, 8 * FIELDS.index(name), value)

    def close(self):
        self._map.close()
        self._file.close()
