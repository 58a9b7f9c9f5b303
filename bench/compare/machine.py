"""What the figures were measured on: the machine and every version that has a say."""

import os
import pathlib
import re
import subprocess

from .subjects import nginx_program


def first(text):
    lines = text.splitlines()
    return lines[0].strip() if lines else ""


def say(*command):
    """The first line of what a command prints, or nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return first(done.stdout or done.stderr)


def read(path):
    try:
        return pathlib.Path(path).read_text(errors="replace").strip()
    except OSError:
        return ""


def processor():
    found = re.search(r"^model name\s*:\s*(.*)$", read("/proc/cpuinfo"), re.M)
    return found[1] if found else "unknown"


def virtualization():
    if re.search(r"^flags\s*:.*\bhypervisor\b", read("/proc/cpuinfo"), re.M):
        return say("systemd-detect-virt", "--vm") or "a virtual machine"
    return "none seen"


def machine():
    memory = re.search(r"MemTotal:\s*(\d+)", read("/proc/meminfo"))
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "not told",
        "virtualization": virtualization(),
        "memory": f"{int(memory[1]) / 2 ** 20:.1f} GiB" if memory else "unknown",
        "kernel": " ".join(os.uname()[i] for i in (0, 2, 4)),
        "mitigations": mitigations(),
        "system": re.sub(r'.*="?|"$', "", next(
            (l for l in read("/etc/os-release").splitlines() if l.startswith("PRETTY_NAME")), "")),
        "load before": read("/proc/loadavg"),
    }


def mitigations():
    folder = pathlib.Path("/sys/devices/system/cpu/vulnerabilities")
    names = sorted(p.name for p in folder.glob("*")
                   if read(p).startswith(("Mitigation", "Vulnerable"))) if folder.exists() else []
    return ("mitigations=off" if "mitigations=off" in read("/proc/cmdline") else
            f"mitigations as Linux chooses ({', '.join(names) or 'none told'})")


def package(name):
    return say("dpkg-query", "-W", "-f", "${Version}", name) or "not installed"


def revision():
    commit = say("git", "rev-parse", "--short=12", "HEAD")
    if commit and say("git", "status", "--porcelain", "--untracked-files=no"):
        commit += " with changes that are not committed"
    return commit or "not a checkout"


def versions(programs):
    cache = read(programs.parent / "CMakeCache.txt")
    flags = re.search(r"^CMAKE_CXX_FLAGS_RELEASE:\w+=(.*)$", cache, re.M)
    compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", cache, re.M)
    return {
        "coax": say(str(programs / "coax"), "--version"),
        "revision": revision(),
        "compiler": say(compiler[1] if compiler else "g++", "--version"),
        "flags": flags[1] if flags else "unknown",
        "Boost": package("libboost1.81-dev"),
        "liburing": package("liburing-dev"),
        "libbpf": package("libbpf-dev"),
        "C library": say("ldd", "--version"),
        "nginx": say(nginx_program() or "nginx", "-v"),
        "iproute2": say("ip", "-V"),
        "valgrind": say("valgrind", "--version") or "not installed",
    }
