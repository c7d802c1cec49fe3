"""tshark on the loopback interface, and its RTP statistics."""
import pathlib
import re
import socket
import subprocess

import pytest

from .waiting import until

END = b"\0end of the capture"


class Capture:
    """Capture UDP of a range of ports from now on; stop() before reading."""

    def __init__(self, folder, first, last, name="capture"):
        self.last = last
        self.file = pathlib.Path(folder) / f"{name}.pcapng"
        self.log = pathlib.Path(folder) / f"{name}.log"
        with open(self.log, "wb") as log:
            # dumpcap is what tshark captures with; it says when it has begun
            self.process = subprocess.Popen(
                ["dumpcap", "-q", "-i", "lo", "-B", "16", "-w",
                 str(self.file), "-f", f"udp portrange {first}-{last}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self._begun, what="dumpcap has begun")

    def _begun(self):
        text = self.log.read_text(errors="replace")
        if self.process.poll() is not None:
            if re.search(r"permission|Operation not permitted|EPERM", text):
                pytest.skip("this user may not capture on lo: " + text.strip())
            raise AssertionError("dumpcap: " + text)
        # the file's header is written when the interface is open
        return "File:" in text or (self.file.exists()
                                   and self.file.stat().st_size > 0)

    def _complete(self):
        """What is captured reaches the file in blocks: push one through."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(END, ("127.0.0.1", self.last))
        return END in self.file.read_bytes()

    def stop(self):
        if self.process.poll() is None:
            until(self._complete, what="the capture is complete")
            self.process.terminate()
            self.process.wait(20)

    def streams(self, decode_ports):
        """`-z rtp,streams`: a dictionary a stream."""
        self.stop()
        words = ["tshark", "-r", str(self.file), "-q", "-z", "rtp,streams",
                 "-o", "rtp.heuristic_rtp:TRUE"]
        for port in decode_ports:
            words += ["-d", f"udp.port=={port},rtp"]
        out = subprocess.run(words, capture_output=True, text=True,
                             check=True).stdout
        found = []
        for line in out.splitlines():
            m = re.match(
                r"\s*[\d.]+\s+[\d.]+\s+(\S+)\s+(\d+)\s+(\S+)\s+(\d+)\s+"
                r"(0x\w+)\s+(\S.*?)\s+(\d+)\s+(-?\d+) \((-?[\d.]+)%\)\s+(.*)",
                line)
            if not m:
                continue
            n = [float(x) for x in re.findall(r"-?[\d.]+", m[10])]
            found.append({
                "src": m[1], "sport": int(m[2]), "dst": m[3],
                "dport": int(m[4]), "ssrc": m[5], "payload": m[6],
                "packets": int(m[7]), "lost": int(m[8]),
                # min/mean/max delta, min/mean/max jitter
                "min_delta": n[0], "mean_delta": n[1], "max_delta": n[2],
                "min_jitter": n[3], "mean_jitter": n[4], "max_jitter": n[5],
                "problems": "X" in m[10],
            })
        assert found, f"tshark found no RTP:\n{out}"
        return found

    def fields(self, filter_, *names, decode=()):
        """Values of fields, a tuple a packet that passes FILTER_."""
        self.stop()
        words = ["tshark", "-r", str(self.file), "-Y", filter_, "-T",
                 "fields"]
        for port in decode:
            words += ["-d", f"udp.port=={port},rtp"]
        for name in names:
            words += ["-e", name]
        out = subprocess.run(words, capture_output=True, text=True,
                             check=True).stdout
        return [tuple(line.split("\t")) for line in out.splitlines()]
