"""Two network namespaces joined by one veth pair, the way tests/net/lib/lab.sh makes them: servers
live in one, the client in the other. Knows nothing of who is measured."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass

SERVER_INTERFACE = "lab0"
CLIENT_INTERFACE = "lab1"
COAX_SERVER = "198.18.0.2"  # owned by coax on the server's side: nowhere configured in the kernel
KERNEL_SERVER = "198.18.0.3"  # the kernel's own on the server's side
KERNEL_CLIENT = "198.18.0.1"  # the kernel's own on the client's side
COAX_CLIENT = "198.18.0.4"  # owned by coax on the client's side
PREFIX = 24
MOST_QUEUES = 2

# Inside the namespaces only. The client closes first and would run out of ports after 28,000
# connections a minute: TIME-WAIT is bounded, and the ports are more.
SYSCTLS = {
    "net.ipv6.conf.all.disable_ipv6": "1",
    "net.ipv6.conf.default.disable_ipv6": "1",
    "net.ipv4.ip_local_port_range": "1024 65535",
    "net.ipv4.tcp_tw_reuse": "1",
    "net.ipv4.tcp_max_tw_buckets": "4096",
    "net.core.somaxconn": "16384",
    "net.ipv4.tcp_max_syn_backlog": "16384",
}


class LabError(Exception):
    """A lab could not be made; the text says what to do."""


@dataclass(frozen=True)
class Link:
    """How the pair is set up for a measurement, both ends alike."""

    mtu: int = 1500
    offloads: bool = True  # segmentation by the kernel: tso, gso; what Linux starts with

    def text(self):
        return f"MTU {self.mtu}, segmentation offloads {'on' if self.offloads else 'off'}"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


class Lab:
    """Made on entering, removed on leaving, with every process in it."""

    def __init__(self, name="bench"):
        self.server = f"coax-{name}-{os.getpid()}-a"
        self.client = f"coax-{name}-{os.getpid()}-b"
        self.directory = None
        self.server_mac = None  # of the server's interface
        self._mtu = None
        self._queues = None
        self._features = {}  # (interface, feature) -> whether it is on

    def __enter__(self):
        if os.geteuid() != 0:
            raise LabError("network namespaces need root")
        for tool in ("ip", "ethtool", "sysctl", "taskset"):
            if shutil.which(tool) is None:
                raise LabError(f"'{tool}' is missing: run ./dev setup")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="coax-bench-"))
        # nginx's worker is nobody, and reads the documents.
        self.directory.chmod(0o755)
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # An impatient second interrupt must leave nothing behind.
        endings = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        before = signal.pthread_sigmask(signal.SIG_BLOCK, endings)
        try:
            self.remove()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _make(self):
        for namespace in (self.server, self.client):
            run("ip", "netns", "add", namespace)
            pairs = [f"{name}={value}" for name, value in SYSCTLS.items()]
            run("ip", "netns", "exec", namespace, "sysctl", "-qw", *pairs)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        queues = ("numrxqueues", str(MOST_QUEUES), "numtxqueues", str(MOST_QUEUES))
        run("ip", "-n", self.server, "link", "add", SERVER_INTERFACE, *queues, "type", "veth",
            "peer", "name", CLIENT_INTERFACE, *queues, "netns", self.client)
        for namespace, interface, address in (
                (self.server, SERVER_INTERFACE, KERNEL_SERVER),
                (self.client, CLIENT_INTERFACE, KERNEL_CLIENT)):
            run("ip", "-n", namespace, "address", "add", f"{address}/{PREFIX}", "dev", interface)
            run("ip", "-n", namespace, "link", "set", interface, "up")
        self.server_mac = run("ip", "netns", "exec", self.server, "cat",
                              f"/sys/class/net/{SERVER_INTERFACE}/address").strip()
        self.set_up(Link())

    def set_up(self, link, napi=False, queues=1):
        """MTU, offloads and number of queues of both ends. With napi what the client sends passes the NAPI of the
        server's interface, which busy polling needs: veth does so if the receiver has generic
        receive offload and the sender no segmentation offload."""
        switch = {True: "on", False: "off"}
        if link.mtu != self._mtu:
            for namespace, interface in self._ends():
                run("ip", "-n", namespace, "link", "set", interface, "mtu", str(link.mtu))
            self._mtu = link.mtu
        if queues != self._queues:
            for namespace, interface in self._ends():
                self._set_queues(namespace, interface, str(queues))
            self._queues = queues
        wanted = (("tso", link.offloads, link.offloads and not napi),
                  ("gso", link.offloads, link.offloads), ("gro", napi, False))
        for feature, server, client in wanted:
            for (namespace, interface), on in zip(self._ends(), (server, client)):
                if self._features.get((interface, feature)) == on:
                    continue
                run("ip", "netns", "exec", namespace, "ethtool", "-K", interface, feature,
                    switch[on])
                self._features[interface, feature] = on

    def _set_queues(self, namespace, interface, count):
        """Again for a while: the kernel lets go of a queue some time after its program has ended."""
        until = time.monotonic() + 5
        while True:
            try:
                return run("ip", "netns", "exec", namespace, "ethtool", "-L", interface,
                           "rx", count, "tx", count)
            except LabError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def _ends(self):
        return ((self.server, SERVER_INTERFACE), (self.client, CLIENT_INTERFACE))

    def describe(self):
        """What the pair is, for the report."""
        text = run("ip", "netns", "exec", self.server, "ethtool", "-k", SERVER_INTERFACE)
        wanted = ("tx-checksumming", "rx-checksumming", "tcp-segmentation-offload",
                  "generic-segmentation-offload", "generic-receive-offload")
        found = [line.strip() for line in text.splitlines() if line.split(":")[0] in wanted]
        return {"link": "veth pair between two network namespaces, one queue (for two shards: two)",
                "features": ", ".join(found), "sysctls": SYSCTLS}

    def remove(self):
        for namespace in (self.server, self.client):
            if not os.path.exists(f"/run/netns/{namespace}"):
                continue
            pids = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True,
                                  text=True, check=False).stdout.split()
            for pid in pids:  # the namespace is ours, so is everything in it
                try:
                    os.kill(int(pid), 9)
                except ProcessLookupError:
                    pass
            subprocess.run(["ip", "netns", "delete", namespace], check=False)
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = None
