"""Who is compared: how each server is started for each role, and what is said of it in the report.
Knows nothing of scenarios, and starts nothing."""

import os
import pathlib
import shutil
from dataclasses import dataclass

from . import lab

TUNED = ["--busy-poll", "50", "--reuse-port", "--quick-ack"]
SPIN = ["--spin", "1000000"]  # microseconds: never sleeps under load


@dataclass(frozen=True)
class Place:
    """Where a server is to run: what its command is made of."""

    programs: pathlib.Path  # bench_*, coax
    directory: pathlib.Path  # for files of its own
    documents: pathlib.Path  # what HTTP servers serve
    address: str
    port: int

    @property
    def at(self):
        return f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Subject:
    name: str
    title: str
    family: str  # coax, asio, epoll, nginx: the colour
    says: str  # what is particular about it, a sentence
    commands: dict  # role -> function of a Place that gives the command
    address: str = lab.KERNEL_SERVER
    client: str = "kernel"  # kernel, xdp, xdp-spin, epoll, reflect: whose client measures it
    napi: bool = False  # wants what comes to pass the interface's NAPI (Lab.set_up)
    spins: bool = False
    ready: str = "{at}"  # what it prints when it is ready; nothing: it is asked for its port
    program: str = ""  # without which it is left out
    crowds: bool = False  # also measured with 10,000 connections
    queues: int = 1  # of each end; with several, each has a shard and a core

    def can(self, role):
        return role in self.commands

    @property
    def is_pair(self):
        return self.client != "kernel"


def coax(backend, spin=False, more=()):
    """The roles of coax on a backend: its own program's; more: further options."""
    more = [*more, *(SPIN if spin else [])]

    def serve(*words):
        return lambda at: [str(at.programs / "coax"), "serve", *words, "--listen", at.at,
                           "--backend", backend, *more]

    return {
        "echo": serve("echo"),
        "udp": serve("echo", "--udp"),
        "http": lambda at: [str(at.programs / "coax"), "serve", "http", str(at.documents),
                            "--listen", at.at, "--backend", backend, *more],
        "sink": serve("sink"),
        "source": serve("source"),
    }


def peer(program, *options):
    """The roles of a server in bench/peers/."""
    def role(name):
        return lambda at: [str(at.programs / program), name, "--listen", at.at, *options]

    return {name: role(name) for name in ("echo", "sink", "source", "udp")}


NGINX = """\
daemon off;
user {user};
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
worker_rlimit_nofile 65536;
events {{ worker_connections 32768; {events} }}
http {{
    access_log off;
    default_type application/octet-stream;
    keepalive_requests 1000000000;
    sendfile on;
    tcp_nodelay on;
    {http}
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{ listen {at} {listen}; root {documents}; }}
}}
"""


def nginx(tuned):
    def command(at):
        own = at.directory / "nginx"
        own.mkdir(exist_ok=True)
        settings = own / "nginx.conf"
        settings.write_text(NGINX.format(
            user="root", directory=own, documents=at.documents, at=at.at,
            events="multi_accept on;" if tuned else "",
            http="open_file_cache max=64; tcp_nopush on;" if tuned else "",
            listen="backlog=16384 reuseport" if tuned else "backlog=16384"))
        return [nginx_program(), "-c", str(settings),
                "-e", str(own / "error.log")]

    return {"http": command}


def xdp(mode, address=lab.COAX_SERVER, interface=lab.SERVER_INTERFACE):
    return f"xdp:{interface},ip={address}/{lab.PREFIX},mode={mode}"


def all_subjects():
    own = {"address": lab.COAX_SERVER, "program": "coax", "crowds": True}
    tuned_says = ("SO_BUSY_POLL 50 us, SO_REUSEPORT, TCP_QUICKACK when accepted; but for bulk, "
                  "generic receive offload at the server's interface and no segmentation offload "
                  "at the client's, without which veth has no NAPI for busy polling")
    return [
        Subject("xdp", "coax, xdp native", "coax", "sleeps in io_uring when there is nothing to do",
                coax(xdp("native")), **own),
        Subject("xdp-spin", "coax, xdp native, spinning", "coax", "never sleeps",
                coax(xdp("native"), True), spins=True, **own),
        Subject("skb", "coax, xdp skb", "coax", "the program runs behind the driver",
                coax(xdp("skb")), **own),
        Subject("skb-spin", "coax, xdp skb, spinning", "coax", "never sleeps",
                coax(xdp("skb"), True), spins=True, **own),
        Subject("kernel", "coax, kernel", "coax", "kernel sockets through io_uring",
                coax("kernel"), program="coax", crowds=True),
        Subject("asio-epoll", "Boost.Asio, epoll", "asio", "as it comes",
                peer("bench_asio_epoll"), program="bench_asio_epoll", crowds=True),
        Subject("asio-epoll-tuned", "Boost.Asio, epoll, tuned", "asio", tuned_says,
                peer("bench_asio_epoll", *TUNED), napi=True, program="bench_asio_epoll"),
        Subject("asio-uring", "Boost.Asio, io_uring", "asio",
                "BOOST_ASIO_HAS_IO_URING and BOOST_ASIO_DISABLE_EPOLL",
                peer("bench_asio_uring"), program="bench_asio_uring", crowds=True),
        Subject("asio-uring-tuned", "Boost.Asio, io_uring, tuned", "asio", tuned_says,
                peer("bench_asio_uring", *TUNED), napi=True, program="bench_asio_uring"),
        Subject("epoll", "bare epoll", "epoll", "a loop in C, as it comes",
                peer("bench_epoll"), program="bench_epoll", crowds=True),
        Subject("epoll-tuned", "bare epoll, tuned", "epoll",
                tuned_says + "; epoll itself polls (EPIOCSPARAMS)",
                peer("bench_epoll", *TUNED), napi=True, program="bench_epoll"),
        Subject("epoll-spin", "bare epoll, spinning", "epoll", "epoll_wait without waiting",
                peer("bench_epoll", "--spin"), spins=True, program="bench_epoll"),
        Subject("nginx", "nginx", "nginx", "one worker, no access log", nginx(False),
                ready="", program="nginx"),
        Subject("nginx-tuned", "nginx, tuned", "nginx",
                "one worker, no access log, open_file_cache, reuseport, multi_accept, tcp_nopush",
                nginx(True), ready="", program="nginx"),
        Subject("xdp-xdp", "coax xdp to coax xdp", "coax", "the client is on AF_XDP, too",
                coax(xdp("native")), client="xdp", **own),
        Subject("xdp-xdp-spin", "coax xdp to coax xdp, spinning", "coax",
                "the client is on AF_XDP, too, and neither sleeps",
                coax(xdp("native"), True), client="xdp-spin", spins=True, **own),
        Subject("two-shards", "coax xdp to coax xdp, two shards each", "coax",
                "a NIC queue, a thread, a stack and a core for each of two shards, at both ends",
                {"echo": coax(xdp("native"), more=("--shards", "2", "--pin"))["echo"]},
                client="xdp", queues=2, **own),
        Subject("epoll-epoll", "bare epoll to bare epoll", "epoll",
                "the client is a bare epoll loop, too (echo only)",
                {"echo": peer("bench_epoll")["echo"]}, client="epoll", program="bench_epoll_load"),
        Subject("reflection", "raw AF_XDP reflection", "limit",
                "no TCP and no stack: frames of equal length turned back, both ends spinning",
                {"echo": lambda at: [str(at.programs / "bench_reflect"), "serve", xdp("native")]},
                address=lab.COAX_SERVER, client="reflect", spins=True, ready="ready:",
                program="bench_reflect"),
    ]


def client_backend(subject):
    """The options of `coax load` that say whose stack the client is on."""
    if subject.client in ("xdp", "xdp-spin"):
        options = ["--backend", xdp("native", lab.COAX_CLIENT, lab.CLIENT_INTERFACE)]
        options += SPIN if subject.client == "xdp-spin" else []
        return options + (["--threads", str(subject.queues)] if subject.queues > 1 else [])
    return ["--backend", "kernel"]


def nginx_program():
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def available(subject, programs):
    """None, or the line that says why the subject is left out."""
    if subject.program == "nginx":
        if nginx_program() is not None:
            return None
        return f"{subject.name}: there is no nginx: run ./dev setup"
    if (programs / subject.program).exists():
        return None
    return f"{subject.name}: there is no {programs / subject.program}: run ./dev build"
