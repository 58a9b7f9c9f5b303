"""What is measured: scenarios, their points, and who takes part. A point is one load on one link;
its key says which within its scenario. Knows nothing of how a load is run."""

import math
from dataclasses import dataclass
from typing import Optional

from .lab import CLIENT_INTERFACE, COAX_CLIENT, COAX_SERVER, Link
from .subjects import client_backend, xdp

HEADERS = 66  # bytes of Ethernet, IPv4 and TCP with time stamps in front of a message

SWEEP = (1, 16, 64, 256, 1024, 10_000)
SIZES = (64, 256, 1024, 4096, 16_384)
MOST_FOR_ALL = 256  # connections; beyond, only subjects that say that they take crowds
DOCUMENTS = {"1k": 1024, "64k": 65_536}  # name -> bytes


@dataclass(frozen=True)
class Point:
    key: str
    role: str  # of the server
    protocol: str  # of coax load
    connections: int = 1
    size: int = 64
    link: Link = Link()
    options: tuple = ()  # further ones of coax load
    share: Optional[float] = None  # open loop: of the slowest subject's capacity
    x: Optional[float] = None  # where it stands in a plot


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    says: str
    figure: str  # what is compared first: rate, latency, megabits
    points: tuple
    unit: str = "message"
    pairs: bool = False  # subjects with a client of their own take part
    others: bool = True  # and those with the kernel's client
    variants: bool = True  # and what is tuned or spins
    among: tuple = ()  # these alone take part; none named: who is alike by the rest
    quick: tuple = ()  # keys that the short form measures; none named: all
    quick_subjects: tuple = ()  # who takes part in the short form; none named: all

    def takes(self, subject, point):
        if not subject.can(point.role):
            return False
        if self.among or subject.queues > 1:
            return subject.name in self.among
        if point.connections > MOST_FOR_ALL and not subject.crowds:
            return False
        if subject.is_pair:
            return self.pairs
        return self.others and (self.variants or not (subject.napi or subject.spins))

    def short(self):
        """The points of the short form."""
        return tuple(p for p in self.points if not self.quick or p.key in self.quick)


def bulk_points():
    links = (Link(), Link(offloads=False), Link(mtu=9000))
    found = []
    for link in links:
        name = f"{link.mtu}" + ("" if link.offloads else "-plain")
        for streams in (1, 16):
            for role, direction in (("sink", "send"), ("source", "receive")):
                way = "to" if role == "sink" else "from"
                found.append(Point(f"{way}-server-{streams}-{name}", role, "tcp-stream", streams,
                                   65_536, link, ("--direction", direction)))
    return tuple(found)


def all_scenarios():
    return [
        Scenario("ping-pong", "Ping-pong, one connection",
                 "One connection, 64 bytes there and back, closed loop.", "latency",
                 (Point("1", "echo", "echo"),)),
        Scenario("connections", "Echo by connections",
                 "64 bytes there and back, closed loop, one message under way on each connection. "
                 f"More than {MOST_FOR_ALL} connections: without the tuned and the spinning "
                 "kernel servers, whose figures with fewer are told.",
                 "rate", tuple(Point(str(n), "echo", "echo", n, x=n) for n in SWEEP),
                 quick=("1", "64", "10000"),
                 quick_subjects=("xdp", "kernel", "asio-epoll", "asio-uring", "epoll")),
        Scenario("size", "Request and response by size",
                 "64 connections, closed loop; the response is as long as the request.", "rate",
                 tuple(Point(str(n), "echo", "echo", 64, n, x=n) for n in SIZES),
                 quick=("64", "16384"), quick_subjects=("xdp", "skb", "asio-epoll", "epoll")),
        Scenario("pairs", "Echo, both ends alike",
                 "64 connections, 64 bytes, closed loop; the client is of the server's kind, on a "
                 "core of its own. Beside them the raw reflection of AF_XDP frames of equal "
                 "length, no TCP: the limit of this pair of interfaces. One connection: the "
                 "latency without a kernel's client.", "rate",
                 (Point("64", "echo", "echo", 64), Point("1", "echo", "echo")), pairs=True,
                 others=False, quick=("64",)),
        Scenario("shards", "Shards",
                 "128 connections, 64 bytes, closed loop, xdp at both ends: one shard on one core "
                 "serving one, two on two serving two. Needs four cores.", "rate",
                 (Point("128", "echo", "echo", 128),), pairs=True, others=False,
                 among=("xdp-xdp", "two-shards")),
        Scenario("bulk", "Bulk streams",
                 "One and 16 streams, to the server and from it, writes of 64 KiB; MTU 1500 with "
                 "the kernel's segmentation offloads and without them (-plain), and MTU 9000. "
                 "Nobody is tuned otherwise: on veth busy polling and offloads are either or.",
                 "megabits", bulk_points(), unit="MiB", pairs=True, variants=False,
                 quick=("to-server-1-1500", "from-server-16-1500", "to-server-1-1500-plain",
                        "to-server-1-9000"),
                 quick_subjects=("xdp", "skb", "kernel", "epoll")),
        Scenario("churn", "Connection churn",
                 "64 at a time: connect, one request of 64 bytes, its response, close by the "
                 "client.", "rate", (Point("64", "echo", "tcp-churn", 64),), unit="connection"),
        Scenario("udp", "UDP echo",
                 "64 sockets, 64 bytes, one datagram under way on each.", "rate",
                 (Point("64", "udp", "udp-echo", 64),), unit="datagram"),
        Scenario("open-loop", "Open loop",
                 "64 connections, 64 bytes; messages are due at a fixed rate whatever the server "
                 "does, and latency counts from when a message was due. The rate is a share of "
                 "what the slowest subject reached in the closed loop (64 connections) of this "
                 "run.", "latency",
                 (Point("50", "echo", "echo", 64, share=0.5, options=("--rate",)),
                  Point("80", "echo", "echo", 64, share=0.8, options=("--rate",))),
                 quick_subjects=("xdp", "kernel", "asio-epoll", "epoll")),
        Scenario("http", "HTTP GET", "64 connections, keep-alive, a file of 1 and of 64 KiB.",
                 "rate", tuple(Point(name, "http", "http", 64, bytes_) for name, bytes_ in
                               DOCUMENTS.items()), unit="response"),
    ]


def load_command(point, subject, at, seconds, warmup, rate, programs, result, mac):
    """The client's command for a point; subject: whose server is at `at`, with that address of
    Ethernet."""
    if subject.client == "epoll":
        return [str(programs / "bench_epoll_load"), at, str(point.connections), str(point.size),
                str(seconds)]
    if subject.client == "reflect":
        return [str(programs / "bench_reflect"), "load",
                xdp("native", COAX_CLIENT, CLIENT_INTERFACE), mac, COAX_SERVER,
                str(point.connections), str(point.size + HEADERS), str(math.ceil(seconds))]
    to = [f"http://{at}/{point.key}"] if point.protocol == "http" else ["--connect", at]
    words = [str(programs / "coax"), "load", point.protocol, *to, *client_backend(subject),
             "--connections", str(point.connections), "--duration", str(seconds),
             "--json", str(result)]
    if point.protocol != "http":
        words += ["--size", str(point.size)]
    if warmup > 0:
        words += ["--warmup", str(warmup)]
    options = list(point.options)
    if "--rate" in options:
        options += [str(int(rate))]
    return words + options

