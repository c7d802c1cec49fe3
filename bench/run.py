#!/usr/bin/env python3
"""./dev bench: runs every workload against the engine and prints one table.

The engine (release build) is pinned to core 0, the load to core 1. Beside each
workload its floor is measured in the same way: a program that makes nothing
but the socket calls that the workload must make. Figures go to
build/bench.json, the picture to build/bench.svg. bench/README.md says what the
columns mean.
"""
import argparse
import contextlib
import datetime
import json
import math
import os
import platform
import resource
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import time
import wave

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import detect  # noqa: E402
import network  # noqa: E402
import goals  # noqa: E402
import picture  # noqa: E402
import record  # noqa: E402
import telephones  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
ENGINE_CORE, LOAD_CORE = 0, 1
SIP = "127.0.0.1:5960"
CALLEE = "127.0.0.1:5961"
FLOOR_RTP = "127.0.0.1:20000"
RTP_PORTS = (10000, 32767)  # below those that the system gives out
START_S, STOP_S = 10, 60
# SIP transactions outlive their calls by 64 × T1 (RFC 3261 17.1.1.2, 17.2.2).
TRANSACTION_S = 32


class Failure(Exception):
    pass


# ---- processes --------------------------------------------------------------


def pin(core):
    cores = os.sched_getaffinity(0)

    def preexec():
        if core in cores:
            os.sched_setaffinity(0, {core})

    return preexec


def raise_file_limit():
    """Two sockets a call: the limit of a shell is soon reached."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpu_ms(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def memory_kb(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


def wait_for(condition, what, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(0.02)


class Engine:
    """A running engine with a fresh database; ended and checked on exit."""

    def __init__(self, bench, name, script, args=(), options=(), env=None):
        self.env = env or {}
        self.folder = os.path.join(bench.work, name)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.db = os.path.join(self.folder, "bench.db")
        self.log = os.path.join(self.folder, "engine.log")
        settings = [
            "log=warn",
            f"rtp.port_min={RTP_PORTS[0]}",
            f"rtp.port_max={RTP_PORTS[1]}",
            "drain=0",
            f"prompts={bench.work}",
            *bench.settings,
        ]
        self.command = [bench.program("moondial"), "run", "--sip", f"udp:{SIP}", "--db", self.db, *options]
        for setting in settings:
            self.command += ["--set", setting]
        self.command += [os.path.join(HERE, "scripts", script), *map(str, args)]

    def __enter__(self):
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdout=log, stderr=log, preexec_fn=pin(ENGINE_CORE),
                env={"MOONDIAL_SHARE": ROOT, **os.environ, **self.env},
            )
        try:
            wait_for(self.ready, "the engine's start", START_S)
        except Failure as failure:
            self.process.kill()
            self.process.wait()
            raise Failure(f"{failure}\n{self.log_text()}") from None
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise Failure("the engine has ended")
        return os.path.exists(self.db + ".sock")

    @property
    def pid(self):
        return self.process.pid

    def log_text(self):
        with open(self.log, errors="replace") as log:
            return "".join(log.readlines()[-20:])

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = "killed: it did not stop"
        if kind is None and status != 0:
            raise Failure(f"the engine's exit status: {status}\n{self.log_text()}")

    def records(self, condition="1", *values):
        """Completed CDRs, counted once the engine has stopped."""
        with contextlib.closing(sqlite3.connect(self.db)) as db:
            return db.execute(
                f"SELECT count(*) FROM cdrs WHERE ended_at_ms IS NOT NULL AND {condition}", values
            ).fetchone()[0]


class Floor:
    """bench_floor in the engine's place."""

    def __init__(self, bench, *args):
        self.command = [bench.program("bench/bench_floor"), *map(str, args)]

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, preexec_fn=pin(ENGINE_CORE)
        )
        if self.process.stdout.readline() != b"ready\n":
            raise Failure("the floor did not start")
        return self

    @property
    def pid(self):
        return self.process.pid

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


# ---- workloads --------------------------------------------------------------


class Bench:
    def __init__(self, options):
        self.options = options
        self.build = os.path.abspath(options.build)
        self.work = os.path.join(os.path.dirname(self.build), "bench.work")
        self.settings = options.set
        self.rows = []
        self.sip_floor = None
        self.rtp_floors = {}
        self.networks = []
        self.detectors = []
        os.makedirs(self.work, exist_ok=True)

    def program(self, name):
        path = os.path.join(self.build, name)
        if not os.access(path, os.X_OK):
            raise Failure(f"{path} is missing: ./dev build release")
        return path

    def seconds(self, full, quick):
        return quick if self.options.quick else full

    def load(self, *args):
        command = [self.program("bench/bench_load"), *map(str, args)]
        done = subprocess.run(command, stdout=subprocess.PIPE, preexec_fn=pin(LOAD_CORE))
        if done.returncode:
            raise Failure("the load failed")
        return json.loads(done.stdout)

    def load_begin(self, *args):
        command = [self.program("bench/bench_load"), *map(str, args)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=pin(LOAD_CORE))

    def row(self, workload, size, **figures):
        figures = {"workload": workload, "size": size, **figures}
        if figures.get("cost") and figures.get("floor"):
            figures["ratio"] = figures["cost"] / figures["floor"]
        goals.judge(figures)
        self.rows.append(figures)
        print_row(figures)

    # -- what the sockets alone cost

    def floor_of_sip(self):
        """CPU ms a call of the packets and sockets of one."""
        if self.sip_floor is None:
            rate = 1000
            with Floor(self, "sip", "--local", SIP) as floor:
                r = self.load("call", "--target", SIP, "--rate", rate, "--hold", 0,
                              "--seconds", self.seconds(10, 2), "--watch", floor.pid)
            if r["completed"] != r["started"]:
                raise Failure("the floor has lost calls")
            self.sip_floor = r["cpu_ms"] / r["completed"]
        return self.sip_floor

    def floor_of_rtp(self, streams):
        """The load's figures, and CPU ms a call-second."""
        if streams not in self.rtp_floors:
            with Floor(self, "rtp", "--local", FLOOR_RTP, "--streams", streams) as floor:
                r = self.load("audio", "--target", FLOOR_RTP, "--streams", streams,
                              "--seconds", self.seconds(20, 3), "--watch", floor.pid)
            r["cost"] = r["cpu_ms"] / (streams * r["seconds"])
            self.rtp_floors[streams] = r
        return self.rtp_floors[streams]

    # -- the lines of the table

    def answer(self, rate, expect_refusals=False):
        seconds = self.seconds(30, 3)
        with Engine(self, f"answer-{rate}", "answer.lua") as engine:
            r = self.load("call", "--target", SIP, "--rate", rate, "--seconds", seconds,
                          "--hold", 0, "--watch", engine.pid)
        records = engine.records("disposition = 'answered'")
        failures = r["rejected"] + r["lost"] + r["cut"] + r["left"] + max(0, r["answered"] - records)
        if not expect_refusals:
            failures += r["refused"]
        self.row("answered, CDR, BYE", f"{rate}/s", calls_s=r["completed"] / r["span"],
                 cost=r["cpu_ms"] / max(1, r["completed"]), unit="call",
                 floor=self.floor_of_sip(), p50=r["p50_ms"], p99=r["p99_ms"],
                 failures=failures, refused=r["refused"], overload=expect_refusals, raw=r)

    def audio(self, calls):
        seconds = self.seconds(20, 3)
        floor = self.floor_of_rtp(calls)
        with Engine(self, f"audio-{calls}", "play.lua", [self.tone(10)]) as engine:
            r = self.load("call", "--target", SIP, "--audio", "--together", "--count", calls,
                          "--rate", 200, "--seconds", seconds, "--watch", engine.pid)
        records = engine.records()
        a = r["audio"]
        expected = calls * r["seconds"] * 50
        self.row("prompt and RTP", f"{calls} calls", calls_s=None,
                 cost=r["cpu_ms"] / (calls * r["seconds"]), unit="call-s",
                 floor=floor["cost"], p50=None, p99=None,
                 failures=calls - r["completed"] + max(0, r["answered"] - records),
                 within=a["within_5ms"], floor_within=floor["audio"]["within_5ms"],
                 lost=a["lost"] / expected if expected else 0,
                 late_us=a["p99_us"], floor_late_us=floor["audio"]["p99_us"],
                 load_late=a["load_late"], raw=r)

    def bridge(self, calls):
        """Pairs of calls, each hearing the other: decoded, buffered, encoded."""
        seconds = self.seconds(20, 3)
        floor = self.floor_of_rtp(calls)
        with Engine(self, f"bridge-{calls}", "bridge.lua", []) as engine:
            r = self.load("call", "--target", SIP, "--audio", "--together", "--count", calls,
                          "--rate", 200, "--seconds", seconds, "--watch", engine.pid)
        records = engine.records()
        self.row("bridged in pairs", f"{calls} calls", calls_s=None,
                 cost=r["cpu_ms"] / (calls * r["seconds"]), unit="call-s",
                 floor=floor["cost"], p50=None, p99=None,
                 failures=calls - r["completed"] + max(0, r["answered"] - records), raw=r)

    def memory(self, calls):
        with Engine(self, "memory", "play.lua", [self.tone(10)]) as engine:
            # The first calls pay for caches and pools that stay.
            self.load("call", "--target", SIP, "--audio", "--together", "--count", 50,
                      "--rate", 400, "--seconds", 0.1)
            wait_for(lambda: self.idle(engine), "the end of the first calls", 10)
            time.sleep(self.seconds(TRANSACTION_S + 3, 0))
            before = memory_kb(engine.pid)
            r = self.load("call", "--target", SIP, "--audio", "--together", "--count", calls,
                          "--rate", 400, "--seconds", 0.5, "--watch", engine.pid)
            wait_for(lambda: self.idle(engine), "the end of all calls", 20)
            time.sleep(self.seconds(TRANSACTION_S + 3, 0))
            after = memory_kb(engine.pid)
        records = engine.records()
        self.row("memory", f"{calls} calls", memory=(r["rss_kb"] - before) / calls,
                 kept=after - before, failures=calls - r["completed"] + max(0, calls + 50 - records), raw=r)

    @staticmethod
    def idle(engine):
        """CPU of an engine without calls: next to nothing."""
        begin = cpu_ms(engine.pid)
        time.sleep(0.5)
        return cpu_ms(engine.pid) - begin <= 10

    @staticmethod
    def throughput(r, call_s):
        """Calls a second, without the time that the last one took to end."""
        return r["completed"] / max(r["span"] - call_s, 0.001)

    def record(self, calls):
        """Recordings in stereo of all calls; in the middle the disk stands still."""
        seconds = self.seconds(12, 5)
        period = record.write_pattern(self.work)
        recordings = os.path.join(self.work, "recordings")
        shutil.rmtree(recordings, ignore_errors=True)
        stall = os.path.join(self.work, "stall")
        env = {"LD_PRELOAD": self.program("bench/libbench_stall.so"),
               "STALL_FILE": stall, "STALL_MS": str(record.STALL_MS)}
        with Engine(self, "record", "record.lua", ["pattern"], ["--set", f"recordings={recordings}"],
                    env) as engine:
            r = self.load("call", "--target", SIP, "--audio", "--together", "--count", calls,
                          "--rate", 200, "--seconds", seconds, "--watch", engine.pid,
                          "--say", os.path.join(self.work, "pattern.ulaw"), "--touch", stall)
            wait_for(lambda: self.idle(engine), "the end of all recordings", 20)
        records = engine.records()
        stalled = not os.path.exists(stall)
        paths = [os.path.join(recordings, name) for name in os.listdir(recordings)]
        figures = record.check(paths, period)
        shutil.rmtree(recordings)
        a, floor = r["audio"], self.floor_of_rtp(calls)
        failures = calls - r["completed"] + max(0, r["answered"] - records)
        failures += calls - figures["files"] + figures["unreadable"] + (not stalled)
        failures += bool(figures["sent_gaps"]) + bool(figures["heard_silent"])
        self.row("recording, disk stalls", f"{calls} calls", calls_s=None,
                 cost=r["cpu_ms"] / (calls * r["seconds"]), unit="call-s",
                 floor=floor["cost"], p50=None, p99=None, failures=failures,
                 within=a["within_5ms"], floor_within=floor["audio"]["within_5ms"],
                 load_late=a["load_late"], recorded=figures, raw=r)

    def digit(self, rate):
        seconds = self.seconds(20, 4)
        prompts = [self.tone(2, "question"), self.tone(2, "thanks")]
        with Engine(self, "digit", "digit.lua", prompts) as engine:
            r = self.load("call", "--target", SIP, "--audio", "--rate", rate, "--seconds", seconds,
                          "--hold", -1, "--digit", 5, "--digit-at", 2.8, "--watch", engine.pid)
        records = engine.records("disposition = 'pressed_5'")
        call_s = r["audio"]["received"] / 50 / max(1, r["completed"])
        streams = max(20, round(rate * call_s))
        packets = self.floor_of_rtp(streams)["cost"] * call_s
        self.row("prompt, digit, prompt", f"{rate}/s", calls_s=self.throughput(r, call_s),
                 cost=r["cpu_ms"] / max(1, r["completed"]), unit="call",
                 floor=self.floor_of_sip() + packets, p50=r["p50_ms"], p99=r["p99_ms"],
                 failures=r["started"] - min(r["completed"], records),
                 beyond=r["cpu_ms"] / max(1, r["completed"]) - packets, call_s=call_s, raw=r)

    def campaign(self, rate):
        count = int(rate * self.seconds(20, 3))
        leads = os.path.join(self.work, "leads.csv")
        with open(leads, "w") as f:
            f.write("phone,name\n")
            for i in range(count):
                f.write(f"+1555{i:07d},Lead {i}\n")
        callee = self.load_begin("callee", "--local", CALLEE, "--audio", "--count", count,
                                 "--seconds", START_S + 3 * count / rate + 30)
        time.sleep(0.2)
        begin = time.monotonic()
        try:
            with Engine(self, "campaign", "campaign.lua", [self.tone(2), leads, rate], self.trunk()) as engine:
                cpu_before = cpu_ms(engine.pid)
                out, _ = callee.communicate(timeout=60 + START_S + 3 * count / rate)
                cpu = cpu_ms(engine.pid) - cpu_before
        finally:
            if callee.poll() is None:
                callee.kill()
                callee.wait()
        r = json.loads(out)
        records = engine.records("disposition = 'heard'")
        call_s = r["audio"]["received"] / 50 / max(1, r["completed"])
        streams = max(20, round(rate * call_s))
        packets = self.floor_of_rtp(min(streams, 4000))["cost"] * call_s
        self.row("campaign, 2 s prompt", f"{rate}/s", calls_s=self.throughput(r, call_s),
                 cost=cpu / max(1, r["completed"]), unit="call",
                 floor=self.floor_of_sip() + packets, p50=None, p99=None,
                 failures=count - min(r["completed"], records), call_s=call_s,
                 seconds=time.monotonic() - begin, raw=r)

    def store(self):
        folder = os.path.join(self.work, "store")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        done = subprocess.run(
            [self.program("bench/bench_store"), "--db", os.path.join(folder, "bench.db"),
             "--seconds", str(self.seconds(10, 2))],
            stdout=subprocess.PIPE, preexec_fn=pin(ENGINE_CORE))
        if done.returncode:
            raise Failure("bench_store failed")
        r = json.loads(done.stdout)
        self.row("store: CDRs, durable", "2,000 open", calls_s=r["records"] / r["seconds"],
                 cost=r["cpu_ms"] / max(1, r["records"]), unit="CDR",
                 p50=r["p50_ms"], p99=r["p99_ms"], failures=0, raw=r)

    def dnc(self):
        """A national list of numbers that must not be called: imported, then asked."""
        folder = os.path.join(self.work, "dnc")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        count = int(self.seconds(10_000_000, 200_000))
        done = subprocess.run(
            [self.program("bench/bench_numbers"), "--folder", folder, "--numbers", str(count)],
            stdout=subprocess.PIPE, preexec_fn=pin(ENGINE_CORE))
        if not done.stdout:
            raise Failure("bench_numbers failed")
        r = json.loads(done.stdout)
        self.row("do-not-call look-up", f"{count:,}", calls_s=None, cost=r["p50_us"] / 1e3, unit="number",
                 p50=r["p50_us"] / 1e3, p99=r["p99_us"] / 1e3, failures=r["wrong"], register=r, raw=r)

    def leads_csv(self, count):
        path = os.path.join(self.work, f"leads-{count}.csv")
        if not os.path.exists(path):
            areas = (212, 213, 305, 312, 404, 415, 512, 602, 617, 702, 713, 718, 206, 303, 214, 816, 615, 504, 919, 412)
            # each once, in an order that is none
            order = ((i * 7919 + 13) % count for i in range(count))
            with open(path, "w") as f:
                f.write("phone,name,city,amount\n")
                for i, n in enumerate(order):
                    area, rest = areas[n % 20], 2010000 + n // 20
                    f.write(f"({area}) {rest // 10000}-{rest % 10000:04d},Lead {i},Springfield,{i % 997}\n")
        return path

    def leads(self, count):
        """A list of so many leads imported, and what claiming costs then."""
        path, small = self.leads_csv(count), self.leads_csv(1000)
        db = os.path.join(self.work, "import.db")
        for name in os.listdir(self.work):
            if name.startswith("import.db"):
                os.remove(os.path.join(self.work, name))
        begin = time.monotonic()
        process = subprocess.Popen(
            [self.program("moondial"), "campaign", "import", "--db", db, "--region", "US", "big", path],
            stdout=subprocess.PIPE, preexec_fn=pin(ENGINE_CORE), env={"MOONDIAL_SHARE": ROOT, **os.environ})
        out = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds, cpu = time.monotonic() - begin, usage.ru_utime + usage.ru_stime
        with contextlib.closing(sqlite3.connect(db)) as base:
            stored = base.execute("SELECT count(*) FROM leads WHERE zones IS NOT NULL AND number_type IS NOT NULL "
                                  "AND phone LIKE '+1%'").fetchone()[0]
        if process.returncode:
            raise Failure(f"the import failed: {out}")
        self.row("leads: import", f"{count:,}", calls_s=count / seconds, cost=cpu * 1000 / count, unit="lead",
                 failures=count - stored, seconds=seconds, imported=True, raw={"seconds": seconds, "cpu_s": cpu})
        rounds = self.seconds(300, 50)
        with Engine(self, "claim", "claim.lua", [small, path, rounds]) as engine:
            wait_for(lambda: "claims {" in engine.log_text(), "all claims", 300)
            r = json.loads(engine.log_text().partition("claims ")[2].splitlines()[0])
        self.row("leads: claim of 10", f"of {count:,}", p50=r["many"]["p50_ms"], p99=r["many"]["p99_ms"], failures=0,
                 claims=r, raw=r)

    def qualify(self, count):
        """Telephones that are registered, and asked whether they are there."""
        every = self.seconds(60, 6)
        with Engine(self, "qualify-0", "qualify.lua", [0, every]) as engine:
            time.sleep(1)
            before = memory_kb(engine.pid)
        with Engine(self, "qualify", "qualify.lua", [count, every]) as engine:
            load = telephones.Telephones(SIP, count)
            begin = cpu_ms(engine.pid)
            registered = load.register_all(60)
            register_ms = (cpu_ms(engine.pid) - begin) / count
            # the first cycles, which follow each other quickly, and the second
            load.answer(1.2 * every)
            asked, begin, at = load.asked, cpu_ms(engine.pid), time.monotonic()
            load.answer(every)
            seconds = time.monotonic() - at
            cpu, asked = cpu_ms(engine.pid) - begin, load.asked - asked
            memory = (memory_kb(engine.pid) - before) / count
            contacts = [c for e in self.status(engine)["endpoints"] for c in e["contacts"]]
            load.close()
        failures = count - len([c for c in contacts if c["state"] == "reachable"])
        failures += max(0, int(0.9 * count) - asked) + (not registered)
        self.row("registered, qualified", f"{count:,}", calls_s=None,
                 cost=cpu / max(1, asked), unit="ask", p50=None, p99=None,
                 memory=memory, failures=failures, core=cpu / 1000 / seconds,
                 raw={"asked": asked, "seconds": seconds, "every_s": every,
                      "cpu_ms": cpu, "register_cpu_ms": register_ms})

    @staticmethod
    def status(engine):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(engine.db + ".sock")
            s.sendall(b'{"command":"status"}\n')
            answer = b""
            while not answer.endswith(b"\n"):
                answer += s.recv(1 << 20)
        return json.loads(answer)["result"]

    def pacer(self):
        """How long the pacer thinks: its tick, in a script of the engine's."""
        ticks = int(self.seconds(2000, 200))
        db = os.path.join(self.work, "pacer.db")
        for name in (db, db + "-wal", db + "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(name)
        done = subprocess.run(
            [self.program("moondial"), "run", "--sip", f"udp:{SIP}", "--db", db, "--set", "log=warn",
             os.path.join(HERE, "scripts", "pacer.lua"), str(ticks)],
            stdout=subprocess.PIPE, preexec_fn=pin(ENGINE_CORE), env={"MOONDIAL_SHARE": ROOT, **os.environ})
        if done.returncode:
            raise Failure("the engine failed")
        r = json.loads(done.stdout)
        took = sorted(r["took"])
        self.row("pacer, 500 agents", "2,000 calls", calls_s=None, cost=sum(took) / len(took), unit="tick",
                 p50=took[len(took) // 2], p99=took[len(took) * 99 // 100],
                 failures=ticks - len(took) + (r["launched"] == 0), raw=r)

    def network(self):
        """Not a row of the table: it has columns of its own."""
        self.networks = network.measure(self.program("bench/bench_network"), ROOT, Failure)

    def detect(self):
        """Nor this: microseconds a frame."""
        self.detectors = detect.measure(self.program("bench/bench_detect"), ROOT, Failure)

    # -- what they need

    def trunk(self):
        """The campaign's way out: a configuration file, for it is a list."""
        path = os.path.join(self.work, "trunk.lua")
        with open(path, "w") as f:
            f.write(f'return {{ trunks = {{ {{ name = "load", hosts = "{CALLEE}" }} }} }}\n')
        return ["-c", path]

    def tone(self, seconds, name="tone"):
        """The name of a prompt of that length: a tone of 440 Hz, 8 kHz mono."""
        name = f"{name}-{seconds}"
        path = os.path.join(self.work, f"{name}.wav")
        if not os.path.exists(path):
            with wave.open(path, "wb") as w:
                w.setparams((1, 2, 8000, 0, "NONE", "NONE"))
                w.writeframes(b"".join(
                    struct.pack("<h", int(8000 * math.sin(2 * math.pi * 440 * i / 8000)))
                    for i in range(8000 * seconds)))
        return name


# ---- the table --------------------------------------------------------------

COLUMNS = (
    # heading, width, field or function
    ("workload", -24, lambda r: r["workload"]),
    ("N or rate", 11, lambda r: r["size"]),
    ("calls/s", 8, lambda r: number(r.get("calls_s"), 0)),
    ("CPU ms", 8, lambda r: number(r.get("cost"), 3)),
    ("per", -6, lambda r: r.get("unit", "")),
    ("floor", 7, lambda r: number(r.get("floor"), 3)),
    ("ratio", 6, lambda r: number(r.get("ratio"), 2)),
    ("p50 ms", 7, lambda r: number(r.get("p50"), 2)),
    ("p99 ms", 7, lambda r: number(r.get("p99"), 2)),
    ("failed", 7, lambda r: str(r["failures"])),
    ("on time", 9, lambda r: share(r.get("within"))),
    ("floor's", 9, lambda r: share(r.get("floor_within"))),
    ("KB/call", 8, lambda r: number(r.get("memory"), 1)),
    ("goal", -21, lambda r: f"{r['goal']}: {'yes' if r['reached'] else 'NO'}" if "goal" in r else ""),
    ("", -30, lambda r: note(r)),
)


def number(value, digits):
    return "" if value is None else f"{value:,.{digits}f}"


def share(value):
    return "" if value is None else f"{value:.3%}"


def note(row):
    notes = []
    if row.get("refused"):
        notes.append(f"{row['refused']} refused with 503")
    if "kept" in row:
        notes.append(f"{row['kept']} KB kept after the end")
    if "beyond" in row:
        notes.append(f"{row['beyond']:.3f} beyond the packets of {row['call_s']:.1f} s")
    if "recorded" in row:
        figures = row["recorded"]
        notes.append(f"{figures['seconds']:.0f} s recorded: {figures['sent_gaps']} frames sent and "
                     f"{figures['heard_silent']} heard are missing, {figures['heard_strange']} concealed")
    if "core" in row:
        notes.append(f"{row['core']:.1%} of a core at {row['raw']['asked'] / row['raw']['seconds']:.0f} "
                     "OPTIONS a second")
    if "register" in row:
        r = row["register"]
        notes.append(f"p99 {r['p99_us']:.1f} us, not in the page cache {r['cold_p50_us']:.0f} us; "
                     f"imported in {r['import_s']:.1f} s, {r['file_mb']:.0f} MB")
    if "imported" in row:
        notes.append(f"{row['seconds']:.1f} s on one core")
    if "claims" in row:
        notes.append(f"of 1,000: p50 {row['claims']['few']['p50_ms']:.2f}, p99 {row['claims']['few']['p99_ms']:.2f} ms")
    if row.get("lost"):
        notes.append(f"{row['lost']:.2%} of packets lost")
    if row.get("load_late"):
        notes.append(f"the load was late {row['load_late']} times")
    return "; ".join(notes)


def cells(row, widths=COLUMNS):
    line = []
    for _, width, value in widths:
        line.append(f"{value(row):<{-width}}" if width < 0 else f"{value(row):>{width}}")
    return "  ".join(line).rstrip()


def print_head():
    print("  ".join(f"{h:<{-w}}" if w < 0 else f"{h:>{w}}" for h, w, _ in COLUMNS).rstrip())


def print_row(row):
    print(cells(row), flush=True)


def machine():
    model = ""
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load_average_at_start": os.getloadavg()[0],
    }


WORKLOADS = ("answer", "audio", "bridge", "memory", "record", "digit", "campaign", "qualify", "store", "leads", "pacer",
             "dnc", "network", "detect")


def parse(argv):
    p = argparse.ArgumentParser(prog="./dev bench", description=__doc__.partition("\n\n")[0])
    p.add_argument("--quick", action="store_true", help="a few seconds each: does it work at all?")
    p.add_argument("--only", action="append", choices=WORKLOADS, help="this workload (may be repeated)")
    p.add_argument("--rates", type=numbers, help="calls/s of 'answer' (500,1000,2000,4000)")
    p.add_argument("--overload", type=int, metavar="RATE", help="one more run of 'answer', where 503 is right (12000)")
    p.add_argument("--calls", type=numbers, help="calls of 'audio' (500,1000,2000,3000)")
    p.add_argument("--bridge-calls", type=int, help="calls of 'bridge' (500)")
    p.add_argument("--memory-calls", type=int, help="calls of 'memory' (1000)")
    p.add_argument("--record-calls", type=int, help="calls of 'record' (500)")
    p.add_argument("--digit-rate", type=int, help="calls/s of 'digit' (200)")
    p.add_argument("--campaign-rate", type=int, help="calls/s of 'campaign' (800)")
    p.add_argument("--leads", type=int, help="leads of 'leads' (1000000)")
    p.add_argument("--endpoints", type=int, help="telephones of 'qualify' (10000)")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="engine setting")
    p.add_argument("--build", default=os.path.join(ROOT, "build", "release"), help="where the programs are")
    p.add_argument("--output", default=os.path.join(ROOT, "build"), help="where bench.json and bench.svg go")
    o = p.parse_args(argv)
    quick = o.quick
    o.only = o.only or WORKLOADS
    o.rates = o.rates or ([200, 500] if quick else [500, 1000, 2000, 4000])
    o.calls = o.calls or ([50, 100] if quick else [500, 1000, 2000, 3000])
    o.campaign_rate = o.campaign_rate or (50 if quick else 800)
    o.overload = o.overload or (0 if quick else 12000)
    o.memory_calls = o.memory_calls or (200 if quick else 1000)
    o.bridge_calls = o.bridge_calls or (100 if quick else 500)
    o.record_calls = o.record_calls or (100 if quick else 500)
    o.endpoints = o.endpoints or (1000 if quick else 10000)
    o.leads = o.leads or (20000 if quick else 1000000)
    o.digit_rate = o.digit_rate or (20 if quick else 200)
    return o


def numbers(text):
    return [int(n) for n in text.split(",")]


def main(argv):
    options = parse(argv)
    if len(os.sched_getaffinity(0)) < 2:
        print("bench: one core only: engine and load disturb each other", file=sys.stderr)
    raise_file_limit()
    bench = Bench(options)
    report = {
        "at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(),
        "quick": options.quick,
        "settings": options.set,
        "rows": bench.rows,
    }
    runs = {
        "answer": [(bench.answer, rate) for rate in options.rates]
        + ([(bench.answer, options.overload, True)] if options.overload else []),
        "audio": [(bench.audio, calls) for calls in options.calls],
        "bridge": [(bench.bridge, options.bridge_calls)],
        "memory": [(bench.memory, options.memory_calls)],
        "record": [(bench.record, options.record_calls)],
        "digit": [(bench.digit, options.digit_rate)],
        "campaign": [(bench.campaign, options.campaign_rate)],
        "qualify": [(bench.qualify, options.endpoints)],
        "store": [(bench.store,)],
        "leads": [(bench.leads, options.leads)],
        "pacer": [(bench.pacer,)],
        "dnc": [(bench.dnc,)],
        "network": [(bench.network,)],
        "detect": [(bench.detect,)],
    }
    failed = []
    print_head()
    for name in WORKLOADS:
        for run, *args in runs[name] if name in options.only else ():
            try:
                run(*args)
            except Failure as failure:
                failed.append(name)
                print(f"{name} {args}: {failure}", file=sys.stderr, flush=True)
    report["network"] = bench.networks
    report["detect"] = bench.detectors
    os.makedirs(options.output, exist_ok=True)
    with open(os.path.join(options.output, "bench.json"), "w") as f:
        json.dump(report, f, indent=1)
        f.write("\n")
    with open(os.path.join(options.output, "bench.svg"), "w") as f:
        f.write(picture.draw(bench.rows))
    print(f"written: {os.path.relpath(options.output)}/bench.json and bench.svg")
    return 1 if failed or any(row["failures"] for row in bench.rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
