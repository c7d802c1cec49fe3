"""A NAT of the kernel's own between an engine and its peers: three network
namespaces, nftables masquerade, and UDP time-outs as short as a test wants."""
import ctypes
import os
import re
import subprocess
import threading

import pytest

from .waiting import until

INSIDE, OUTSIDE, PUBLIC = "10.77.0.2", "198.51.100.2", "198.51.100.1"
CLONE_NEWNET = 0x40000000

RULES = """
table ip nat {
  chain postrouting {
    type nat hook postrouting priority 100;
    oifname "out" masquerade
  }
}
table ip filter {
  chain forward {
    type filter hook forward priority 0; policy drop;
    iifname "in" accept
    ct state established,related accept
  }
}
"""


class Namespace:
    """A network namespace, for as long as a process of its own sleeps in it."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "\n":
            reason = self.process.stderr.read().strip()
            self.close()
            pytest.skip(f"no network namespaces here: {reason}")
        self.words = ["nsenter", "--net", "-t", str(self.process.pid)]

    def run(self, *words, check=True, **more):
        done = subprocess.run(self.words + list(words), text=True,
                              capture_output=True, **more)
        if check and done.returncode:
            raise RuntimeError(f"{words}: {done.stderr}")
        return done

    def inside(self, function, *args, **more):
        """What FUNCTION returns, called in this namespace: sockets that it
        opens, and threads that it starts, stay there."""
        result, libc = [], ctypes.CDLL(None, use_errno=True)

        def work():
            fd = os.open(f"/proc/{self.process.pid}/ns/net", os.O_RDONLY)
            try:
                if libc.setns(fd, CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
                result.append(function(*args, **more))
            finally:
                os.close(fd)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return result[0]

    def close(self):
        self.process.kill()
        self.process.wait()


class Nat:
    """inside (INSIDE) ─ router ─ outside (OUTSIDE); from there the inside is
    PUBLIC, for as long as TIMEOUT seconds after the last packet."""

    def __init__(self, timeout):
        self.made = []
        try:
            self._make(timeout)
        except RuntimeError as error:
            self.close()
            pytest.skip(f"no NAT can be made here: {error}")
        except BaseException:
            self.close()
            raise

    def _make(self, timeout):
        for name in ("inside", "router", "outside"):
            made = Namespace()
            self.made.append(made)
            setattr(self, name, made)
            made.run("ip", "link", "set", "lo", "up")
        for side, link, address, gateway in (
                (self.inside, "in", INSIDE, "10.77.0.1"),
                (self.outside, "out", OUTSIDE, PUBLIC)):
            self.router.run("ip", "link", "add", link, "type", "veth", "peer",
                            "name", "eth", "netns", str(side.process.pid))
            self.router.run("ip", "address", "add", f"{gateway}/24", "dev",
                            link)
            self.router.run("ip", "link", "set", link, "up")
            side.run("ip", "address", "add", f"{address}/24", "dev", "eth")
            side.run("ip", "link", "set", "eth", "up")
        self.inside.run("ip", "route", "add", "default", "via", "10.77.0.1")
        self.router.run("nft", "-f", "-", input=RULES)
        for key, value in (
                ("net.ipv4.ip_forward", 1),
                ("net.netfilter.nf_conntrack_udp_timeout", timeout),
                ("net.netfilter.nf_conntrack_udp_timeout_stream", timeout)):
            self.router.run("sysctl", "-q", "-w", f"{key}={value}")

    def put_inside(self, engine):
        """ENGINE, not started yet, runs behind the NAT."""
        engine.sip = [f"udp:{INSIDE}:{engine.port}"]
        command = engine.command
        engine.command = lambda: self.inside.words + command()
        return engine

    def flows(self):
        """Inner ports of the UDP flows that it knows."""
        done = self.router.run("conntrack", "-L", "-p", "udp", check=False)
        if done.returncode:
            pytest.skip(f"no conntrack here: {done.stderr.strip()}")
        return {int(port) for port in re.findall(
            rf"^udp .*?src={INSIDE} dst=\S+ sport=(\d+)", done.stdout, re.M)}

    def forgets(self, port, timeout):
        """Wait until the flow of that inner port is forgotten."""
        until(lambda: port not in self.flows(), timeout,
              lambda: f"port {port} forgotten: {self.flows()}", interval=0.2)

    def close(self):
        for one in self.made:
            one.close()
        self.made = []
