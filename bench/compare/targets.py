"""What coax wants to reach, each with what this run measured beside it. Reads results, measures
nothing. A target that was not measured says why."""

from dataclasses import dataclass
from typing import Optional

from .programs import numbers, rows


@dataclass(frozen=True)
class Outcome:
    what: str
    target: str
    measured: str
    reached: Optional[bool]  # None: not measured

    def verdict(self):
        return {True: "reached", False: "not reached", None: "not measured"}[self.reached]


def ratio_text(spread):
    return f"{spread['median']:.3f} x [{spread['min']:.3f} .. {spread['max']:.3f}]"


def at_least(what, least, spread, told=""):
    return judged(what, f">= {least:g} x", spread, lambda m: m >= least, told)


def at_most(what, most, text, spread, told=""):
    return judged(what, f"<= {text}", spread, lambda m: m <= most, told)


def judged(what, target, spread, holds, told):
    if spread is None:
        return Outcome(what, target, "not in this run", None)
    text = ratio_text(spread) + (f"; {told}" if told else "")
    return Outcome(what, target, text, holds(spread["median"]))


def inverse(spread):
    if spread is None:
        return None
    return {"median": 1 / spread["median"], "min": 1 / spread["max"], "max": 1 / spread["min"],
            "count": spread["count"]}


def instructions(results):
    """The targets that are counted."""
    counted = numbers(results.program("instructions"))

    def row(what, case, most):
        value = counted.get(case)
        return Outcome(what, f"<= {most:,} instructions",
                       f"{value:,.0f}" if value is not None else "not in this run",
                       None if value is None else value <= most)

    found = [row("stack only, 64 B round trip, 1 connection, checksums on (both stacks, socket "
                 "calls)", "ping-1", 2_000)]
    one, many = counted.get("ping-1"), counted.get("ping-10000")
    found.append(Outcome("the same with 10,000 connections", "<= 1.3 x the figure for 1 connection",
                         f"{many / one:.2f} x ({many:,.0f})" if one and many else "not in this run",
                         many / one <= 1.3 if one and many else None))
    awaits = {n: v for n, v in counted.items() if n.startswith("await-")}
    best = min(awaits, key=awaits.get) if awaits else None
    found.append(Outcome("the same through co_await and Asio tokens on both ends",
                         "<= 3,500 instructions, no allocation per message",
                         f"{awaits[best]:,.0f} ({best})" if best else "not in this run",
                         awaits[best] <= 3_500 if best else None))
    found.append(row("bulk on the wire, per 1,460-byte segment, checksums on", "bulk-64K", 1_800))
    found.append(row("connect, one request, close (wire)", "churn", 12_000))
    return found


def idle(results):
    what = "idle established connection"
    target = "<= 512 bytes in the stack; 1 million on the wire run and answer"
    lines = [r for r in rows(results.program("idle")) if len(r) == 5]
    if not lines:
        return Outcome(what, target, "not in this run", None)
    connections, _, each, _, _ = lines[-1]
    return Outcome(what, target, f"{each:.0f} bytes each with {connections:,.0f}",
                   each <= 512 if connections >= 1_000_000 else None)


def pairs(results):
    found = []
    for name, how in (("xdp-xdp", "sleeping"), ("xdp-xdp-spin", "spinning")):
        own = ("pairs", "64", name)
        what = f"echo 64 B, 64 connections, xdp to xdp over veth, one core each, {how}"
        found.append(at_least(f"{what}: of bare epoll to bare epoll", 2.0,
                              results.ratio("rate", own, ("pairs", "64", "epoll-epoll"))))
        found.append(at_least(f"{what}: of the raw AF_XDP reflection", 0.75,
                              results.ratio("rate", own, ("pairs", "64", "reflection"))))
    return found


def servers(results):
    own, asio = ("connections", "64", "xdp"), ("connections", "64", "asio-epoll")
    what = "echo 64 B, 64 connections, kernel client, server on xdp: messages per second of "
    found = [
        at_least(what + "server CPU, of Boost.Asio epoll", 1.6,
                 inverse(results.ratio("server_us", own, asio))),
        at_least(what + "the server's whole core (interrupts in it), of Boost.Asio epoll", 1.6,
                 inverse(results.ratio("core_us", own, asio))),
    ]
    what = "ping-pong, 1 connection, p50 of xdp, "
    for name, how in (("xdp-spin", "spinning"), ("xdp", "sleeping")):
        found.append(at_most(f"{what}{how}: of Boost.Asio epoll sleeping", 1 / 3, "1/3",
                             results.ratio("p50", ("ping-pong", "1", name),
                                           ("ping-pong", "1", "asio-epoll"))))
    for name, how in (("xdp-xdp-spin", "spinning"), ("xdp-xdp", "sleeping")):
        # In a closed loop of one connection the rate is the inverse of the mean.
        found.append(at_most(f"ping-pong, 1 connection, mean round trip of xdp to xdp, {how}: of "
                             "bare epoll to bare epoll, sleeping", 1 / 3, "1/3",
                             inverse(results.ratio("rate", ("pairs", "1", name),
                                                   ("pairs", "1", "epoll-epoll")))))
    found.append(at_most(f"{what}spinning: of the bare epoll loop spinning", 1.0, "1.0 x",
                         results.ratio("p50", ("ping-pong", "1", "xdp-spin"),
                                       ("ping-pong", "1", "epoll-spin"))))
    return found


def bulk(results):
    found = []
    for way in ("to", "from"):
        key = f"{way}-server-1-1500-plain"
        found.append(at_least(
            f"bulk, one stream {way} the server, MTU 1500: xdp to xdp, of kernel to kernel (bare "
            "epoll) with segmentation offloads off", 1.0,
            results.ratio("megabits", ("bulk", key, "xdp-xdp"), ("bulk", key, "epoll"))))
    return found


def kernel_backend(results):
    own = ("connections", "64", "kernel")
    bound = "the client was at its limit" if results.client_bound(*own) else ""
    found = [at_least("backend kernel, echo 64 connections: messages per second, of Boost.Asio "
                      "epoll, same client", 1.15,
                      results.ratio("rate", own, ("connections", "64", "asio-epoll")), bound),
             at_least("backend kernel, echo 64 connections: messages per second of server CPU, of "
                      "Boost.Asio epoll", 1.15,
                      inverse(results.ratio("server_us", ("connections", "64", "kernel"),
                                            ("connections", "64", "asio-epoll")))),
             at_least("backend kernel, streaming: 16 streams to the server, of Boost.Asio epoll",
                      1.5, results.ratio("megabits", ("bulk", "to-server-16-1500", "kernel"),
                                         ("bulk", "to-server-16-1500", "asio-epoll")))]
    for line in rows(results.program("loopback")):
        connections, size = line[:2]
        if len(line) == 7 and (connections, size) in ((64, 64), (16, 65_536)):
            least = 1.15 if size == 64 else 1.5
            found.append(Outcome(f"the same on loopback, both ends alike: {connections:.0f} "
                                 f"connections, {size:.0f} bytes", f">= {least} x",
                                 f"{line[4]:.2f} x", line[4] >= least))
    return found


def too_few_cores(cores):
    return f"needs 4 cores, this machine has {cores}"


def shards(results):
    what = "two shards serving two shards, of one serving one"
    found = results.ratio("rate", ("shards", "128", "two-shards"), ("shards", "128", "xdp-xdp"))
    # Of the machine that measured, which need not be this one. The short form has run it all the
    # same.
    cores = results.all["machine"]["cores"]
    if cores < 4:
        return Outcome(what, ">= 1.8 x", too_few_cores(cores), None)
    return at_least(what, 1.8, found)


def outcomes(results):
    """All targets, in the order in which they were set."""
    return [*instructions(results), idle(results), *pairs(results), *servers(results),
            *bulk(results), *kernel_backend(results), shards(results)]
