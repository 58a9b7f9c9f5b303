"""One measurement: a server started, a load run against it, what both cost, the server ended. Knows
nothing of rounds and reports."""

import json
import pathlib
import re
import signal
import subprocess
import time
from dataclasses import dataclass

from .processes import Failed, Meter, Program
from .scenarios import load_command
from .subjects import Place

SAMPLES = 20  # within the measured time
CONNECT_TIME = 15  # seconds that a load may take beside its warm-up and duration


@dataclass(frozen=True)
class Bench:
    """What all measurements share."""

    lab: object
    programs: pathlib.Path
    documents: pathlib.Path
    server_core: int
    client_core: int
    more_cores: tuple  # one more of each, for two shards
    seconds: float
    warmup: float


class Ports:
    """A fresh port for each server: nobody meets what the kernel still keeps of the last one."""

    def __init__(self, first=10_000, last=60_000):
        self._first, self._last, self._next = first, last, first

    def take(self):
        port = self._next
        self._next = self._first if port == self._last else port + 1
        return port


class Measurement:
    def __init__(self, bench, ports=None):
        self.bench = bench
        self.ports = ports or Ports()

    def run(self, subject, point, rate=None, unit="message"):
        """The run as a dictionary: load, usage, ready, commands; or failed, a line."""
        bench = self.bench
        at = Place(bench.programs, bench.lab.directory, bench.documents, subject.address,
                   self.ports.take())
        result = {"unit": unit}
        try:
            # Bulk is measured with the offloads that its point tells, and no others.
            bench.lab.set_up(point.link, subject.napi and point.protocol != "tcp-stream",
                             subject.queues)
            command = subject.commands[point.role](at)
            result["server_command"] = " ".join(command)
            server = Program(bench.lab.server, self._cores(subject, 0), command,
                             bench.lab.directory / "server.log")
            try:
                server.await_ready(subject.ready.format(at=at.at), at.port)
                result["ready"] = server.last_line()
                result.update(self._load(subject, point, at, server, rate))
                if server.wait(0) is not None:
                    raise Failed(f"the server ended: {server.last_line()}")
            finally:
                server.end()
        except Failed as failure:
            result["failed"] = str(failure)
        return result

    def _load(self, subject, point, at, server, rate):
        bench = self.bench
        file = bench.lab.directory / "load.json"
        file.unlink(missing_ok=True)
        command = load_command(point, subject, at.at, bench.seconds, bench.warmup, rate,
                               bench.programs, file, bench.lab.server_mac)
        client = Program(bench.lab.client, self._cores(subject, 1), command,
                         bench.lab.directory / "load.log")
        meter = Meter((server.pid, client.pid), (bench.server_core, bench.client_core))
        try:
            status = self._watch(client, meter)
        finally:
            client.end(signal.SIGKILL)
        end = time.monotonic()
        load = read_json(file) or read_json(client.log) or read_reflection(client.log)
        if load is None:
            said = "it did not end in time" if status is None else client.last_line()
            raise Failed(f"{' '.join(command[:3])}: {said}")
        wrong = complaint(load)
        if wrong is not None:
            raise Failed(wrong)
        usage = meter.shares(end - 0.9 * load["seconds"], end - 0.05 * load["seconds"],
                             0.4 * load["seconds"])
        return {"load": load, "load_command": " ".join(command), "status": status,
                "usage": usage if subject.queues == 1 else None}  # it watches a core of each

    def _cores(self, subject, end):
        """For taskset: of the server (0) or the client (1)."""
        bench = self.bench
        cores = [(bench.server_core, bench.client_core)[end]]
        if subject.queues > 1:
            cores.append(bench.more_cores[end])
        return ",".join(map(str, sorted(set(cores))))

    def _watch(self, client, meter):
        """Samples while the client runs; its exit status, None if it did not end."""
        bench = self.bench
        until = time.monotonic() + bench.warmup + bench.seconds + CONNECT_TIME
        while time.monotonic() < until:
            status = client.wait(bench.seconds / SAMPLES)
            if status is not None:
                return status
            meter.sample()
        return None


def complaint(load):
    """Why a load is worth no figures, in a line; or None. Errors beside good replies are told with
    the figures."""
    if load.get("mismatches", 0) > 0:
        return f"{load['mismatches']} replies were not what they should be"
    if not load.get("messages_per_second") and not load.get("megabits_per_second"):
        return f"nothing came back: {load.get('first_error') or 'no error was told'}"
    return None


def read_json(file):
    """The object in a file, or None."""
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return None


def read_reflection(file):
    """What bench_reflect prints, in the words of `coax load`; or None."""
    found = re.search(r"(\d+) round trips per second", file.read_text(errors="replace"))
    if not found:
        return None
    return {"messages_per_second": float(found[1]), "seconds": 1, "backend": "raw AF_XDP"}


def offered(programs):
    """protocol -> the help text of `coax load PROTOCOL`, for those that there are."""
    program = str(programs / "coax")

    def text(*words):
        done = subprocess.run([program, *words, "--help"], capture_output=True, text=True,
                              check=False)
        return done.stdout if done.returncode == 0 else ""

    whole = text("load")
    names = ("echo", "http", "tcp-stream", "tcp-churn", "udp-echo")
    present = [n for n in names if any(line.split()[:1] == [n] for line in whole.splitlines())]
    return {name: text("load", name) for name in present}
