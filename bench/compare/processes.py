"""Programs in a lab, pinned to a core: started, watched for what they cost, ended by their id. What
a program costs is read from the kernel: nanoseconds on a processor of each of its threads, and
ticks in which its core was not idle. Knows nothing of what the programs do."""

import ctypes
import os
import resource
import select
import signal
import subprocess
import time
from dataclasses import dataclass

TICKS = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """A program did not do what it was started for; the text is one line."""


def _before_exec():
    # Nobody outlives this program, however it ends.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def raise_descriptor_limit(wanted=1_048_576):
    """As many descriptors as are allowed, for this program and those that it starts."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if os.geteuid() == 0 and most < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        except (ValueError, OSError):
            pass
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most


class Program:
    """A running program; its output goes to a file."""

    def __init__(self, namespace, core, command, log):
        self.log = log
        self.command = command
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", namespace, "taskset", "-c", str(core), *command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                preexec_fn=_before_exec)
        self.pid = self.process.pid  # each of the three becomes the next
        self._descriptor = os.pidfd_open(self.pid)

    def output(self):
        return self.log.read_text(errors="replace")

    def last_line(self):
        lines = [line for line in self.output().splitlines() if line.strip()]
        return lines[-1].strip() if lines else "(it printed nothing)"

    def wait(self, seconds):
        """Its exit status, or None if it still runs after that time."""
        if self.process.returncode is None and seconds > 0:
            select.select([self._descriptor], [], [], seconds)
        return self.process.poll()

    def await_ready(self, text, port, seconds=10):
        """Until it has printed the text; or, without a text, until it listens at the port."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.wait(0) is not None:
                raise Failed(f"{self.command[0]} ended at once: {self.last_line()}")
            if text in self.output() if text else listens(self.pid, port):
                return
            time.sleep(0.01)
        raise Failed(f"{self.command[0]} was not ready after {seconds} s: {self.last_line()}")

    def end(self, number=signal.SIGTERM, seconds=3):
        if self.wait(0) is None:
            self.process.send_signal(number)
            if self.wait(seconds) is None:
                self.process.kill()
                self.process.wait()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def listens(pid, port):
    """Whether somebody in the namespace of that process listens at the TCP port."""
    try:
        with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table.readlines()[1:]]
    except OSError:
        return False
    return any(int(row[1].split(":")[1], 16) == port and row[3] == "0A" for row in rows)


def family(pid):
    """The process and its children."""
    found = [pid]
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            for child in children.read().split():
                found += family(int(child))
    except OSError:
        pass
    return found


def processor_nanoseconds(pid):
    """On a processor so far, all threads of the process and of its children."""
    total = 0
    for process in family(pid):
        try:
            for thread in os.listdir(f"/proc/{process}/task"):
                with open(f"/proc/{process}/task/{thread}/schedstat", encoding="ascii") as numbers:
                    total += int(numbers.read().split()[0])
        except OSError:
            continue
    return total


def core_ticks(core, text=None):
    """(busy, steal, total) of a core so far, in ticks; steal is in neither of the other two."""
    if text is None:
        with open("/proc/stat", encoding="ascii") as stat:
            text = stat.read()
    for line in text.splitlines():
        fields = line.split()
        if fields and fields[0] == f"cpu{core}":
            user, nice, system, idle, wait, irq, softirq, steal = map(int, fields[1:9])
            busy = user + nice + system + irq + softirq
            return busy, steal, busy + idle + wait
    raise Failed(f"there is no core {core}")


def interrupt_threads(cores):
    """The process of each core's ksoftirqd, which does what interrupts leave over."""
    wanted = [f"ksoftirqd/{core}" for core in cores]
    found = dict.fromkeys(wanted)
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/comm", encoding="ascii", errors="replace") as name:
                text = name.read().strip()
        except OSError:
            continue
        if text in found:
            found[text] = int(entry)
    return tuple(found[name] for name in wanted)


@dataclass
class Sample:
    when: float  # seconds
    processes: tuple  # nanoseconds on a processor: server, client
    interrupts: tuple  # the same of ksoftirqd, the server's core and the client's
    cores: tuple  # of the server and of the client, as core_ticks gives it


class Meter:
    """Samples of what server, client and their two cores did while a load ran."""

    _threads = {}  # cores -> ksoftirqd of each: they live as long as the machine

    def __init__(self, pids, cores):
        self.pids, self.cores = pids, cores
        self.samples = []
        if cores not in self._threads:
            self._threads[cores] = interrupt_threads(cores)

    def sample(self):
        with open("/proc/stat", encoding="ascii") as stat:
            text = stat.read()
        self.samples.append(Sample(
            time.monotonic(), tuple(map(processor_nanoseconds, self.pids)),
            tuple(processor_nanoseconds(pid) if pid else 0 for pid in self._threads[self.cores]),
            tuple(core_ticks(core, text) for core in self.cores)))

    def shares(self, begin, end, least):
        return shares(self.samples, begin, end, least)


def shares(samples, begin, end, least):
    """Between two times, in cores (1: one core all the time): the server's process, its core, the
    client's process, what neither of the two nor their interrupts explain on both cores (other
    work), and what the machine's owner took from them. None without samples that lie `least`
    seconds apart: on a machine without time for us they tell nothing."""
    inside = [s for s in samples if begin <= s.when <= end]
    if len(inside) < 2 or inside[-1].when - inside[0].when < least:
        return None
    first, last = inside[0], inside[-1]
    seconds = last.when - first.when

    def used(name, which):
        return (getattr(last, name)[which] - getattr(first, name)[which]) / 1e9 / seconds

    def ticks(which, column):
        return (last.cores[which][column] - first.cores[which][column]) / TICKS / seconds

    explained = sum(used(name, which) for name in ("processes", "interrupts") for which in (0, 1))
    # One core for both is counted once.
    busy = ticks(0, 0) + (ticks(1, 0) if first.cores[0] != first.cores[1] else 0)
    return {
        "server_cpu": used("processes", 0),
        "server_core_busy": ticks(0, 0),
        "client_cpu": used("processes", 1),
        "other_work": max(0.0, busy - explained),
        "steal": (ticks(0, 1) + ticks(1, 1)) / 2,
        "seconds": seconds,
    }
