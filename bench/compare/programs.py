"""Programs of bench/ that measure by themselves: run one after the other, their output kept as it
is, and read where a target needs a figure."""

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    name: str
    title: str
    says: str
    program: str  # in the folder of programs; without it the part is left out
    command: tuple  # {bin} is that folder
    quick: tuple  # the same in the short form; empty: left out there
    seconds: int  # most
    needs_root: bool = False


def all_programs():
    return [
        Measured("stack", "Stack alone", "Two stacks in one thread on a memory wire, no kernel: "
                 "nanoseconds a unit, both ends and the application in it.", "bench_stack",
                 ("{bin}/bench_stack",), ("{bin}/bench_stack", "--quick"), 600),
        Measured("micro", "Parts by themselves", "Checksum, finding a connection, timers, "
                 "coroutines.", "bench_micro", ("{bin}/bench_micro",),
                 ("{bin}/bench_micro", "--quick"), 600),
        Measured("idle", "Idle connections", "Memory of established connections that say nothing, "
                 "two stacks on a memory wire; each answers once at the end.", "bench_idle",
                 ("{bin}/bench_idle", "1000", "100000", "1000000"), ("{bin}/bench_idle", "1000"),
                 900),
        Measured("instructions", "Instructions", "Counted by callgrind in virtual time: these "
                 "figures repeat. Both stacks, the wire and the application are in them.",
                 "bench_stack", ("bash", "bench/instructions.sh"),
                 ("bash", "bench/instructions.sh", "ping-1"), 1800),
        Measured("loopback", "Kernel sockets, both ends alike", "Echo on loopback: coax's backend "
                 "kernel at both ends against Boost.Asio's epoll at both ends.",
                 "bench_kernel_echo", ("{bin}/bench_kernel_echo",),
                 ("{bin}/bench_kernel_echo", "--quick"), 300),
        Measured("faults", "Goodput under faults", "Loss, reordering and duplication on the way.",
                 "net_impaired_wire", ("bash", "bench/impaired.sh"),
                 ("bash", "bench/impaired.sh", "--rounds", "1", "--mebibytes", "4"), 1800, True),
    ]


def run(part, programs, source, quick, environment):
    """{name, title, says, command, output, seconds} or with failed; None: there is no program."""
    command = part.quick if quick else part.command
    if not (programs / part.program).exists() or not command:
        return None
    words = [w.format(bin=programs) for w in command]
    result = {"name": part.name, "title": part.title, "says": part.says,
              "command": " ".join(words)}
    begin = time.monotonic()
    with subprocess.Popen(words, cwd=source, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            output, complaints = process.communicate(timeout=part.seconds)
        except subprocess.TimeoutExpired:
            end_all(process)
            output, complaints = process.communicate()
            result["failed"] = f"it took more than {part.seconds} s"
        except BaseException:
            end_all(process)
            raise
    result["output"] = output.rstrip()
    result["seconds"] = time.monotonic() - begin
    if process.returncode != 0 and "failed" not in result:
        result["failed"] = f"exit status {process.returncode}"
    if "failed" in result:
        result["output"] += "\n" + complaints.rstrip()
    return result


def signal_session(leader, number):
    """To all processes of a session, whatever groups they have made (timeout makes one)."""
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                session = int(stat.read().rpartition(")")[2].split()[3])
            if session == leader:
                os.kill(int(entry), number)
        except (OSError, ValueError, IndexError):
            continue  # no process, or gone


def end_all(leader, seconds=10):
    """Ends a program that leads a session and what it has started, which a signal to it alone would
    leave running. A script's own trap removes its lab: it has that time for it."""
    # An impatient second interrupt must leave nothing behind.
    endings = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, endings)
    try:
        signal_session(leader.pid, signal.SIGTERM)
        try:
            leader.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        signal_session(leader.pid, signal.SIGKILL)
        leader.wait()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def numbers(output):
    """{first word of a line: the number behind it}, of lines that are like that."""
    found = {}
    for line in output.splitlines():
        match = re.match(r"\s*([\w-]+)\s+([0-9][0-9.]*)(\s|$)", line)
        if match:
            found[match[1]] = float(match[2])
    return found


def rows(output):
    """The lines of a table of numbers, each a list of numbers."""
    found = []
    for line in output.splitlines():
        words = line.split()
        try:
            found.append([float(w) for w in words])
        except ValueError:
            continue
    return [row for row in found if row]
