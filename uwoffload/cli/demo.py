"""`uwoffload demo`: what slow readers do to a one-worker server, without and with the engine."""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ..engine import Engine
from .demo_readers import Report, ask, read_slowly
from .demo_server import serve
from .table import table

PATIENCE = 4.0  # seconds the small request waits at the blocking server
PROBING = 1.0  # seconds of small requests at the server with the engine
FINISH_SECONDS = 60.0  # longest time for the readers to get everything in the end
DESCRIPTORS = 8192

HEAD = (
    "server",
    "slow readers",
    "small request answered after",
    "transfers alive",
    "bytes delivered",
    "every byte right",
)

processes = multiprocessing.get_context("fork")


class Row(NamedTuple):
    """A line of the table."""

    server: str
    readers: int
    answered: str
    alive: int
    delivered: str
    right: str


def within(least: int, most: int) -> Callable[[str], int]:
    """An argument type: a whole number in this range."""

    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r}: {least} to {most} is allowed")
        return int(text)

    return number


def add_to(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "demo", help="a one-worker server under slow readers, with and without the engine"
    )
    command.add_argument(
        "--readers",
        type=within(1, 4000),
        default=1000,
        metavar="N",
        help="1 to 4000; default: 1000",
    )
    command.add_argument(
        "--size",
        type=within(1 << 16, 1 << 26),
        default=1 << 20,
        metavar="BYTES",
        help="of the file",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """About ten seconds; ends by itself."""
    readers = allow_descriptors(options.readers)
    with tempfile.NamedTemporaryFile(prefix="uwoffload-demo-") as file:
        file.write(random.Random(1).randbytes(options.size))
        file.flush()
        print(
            f"A server of one worker in plain Python (demo_server.py), a file of {options.size:,} "
            "bytes,\nslow readers that take 20 KB/s each, and a small request to Python, again and "
            "again (median).\n",
            flush=True,
        )
        rows = [scene.finish() for scene in blocking_scenes(file.name, readers)]
        for count in (5, readers):
            scene = Scene(file.name, count, engine=True)
            scene.probe(PROBING)
            rows.append(scene.finish())
    print(table(HEAD, rows))
    return 0 if all(row.right == "yes" for row in rows) else 1


def blocking_scenes(path: str, readers: int) -> list[Scene]:
    """Two servers that wait anyhow, so they wait at the same time."""
    scenes = [Scene(path, count, engine=False) for count in (5, readers)]
    begin = time.monotonic()
    for scene in scenes:
        scene.probe(max(PATIENCE - (time.monotonic() - begin), 0.1))
    return scenes


def allow_descriptors(readers: int) -> int:
    """Raise the soft limit; gives the number of readers that it allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    most = (limit - 100) // 2
    if readers > most:
        print(f"uwoffload: {limit} descriptors allow {most} readers", file=sys.stderr)
    return min(readers, most)


class Scene:
    """A server process, a process of slow readers, and the small request."""

    def __init__(self, path: str, readers: int, engine: bool) -> None:
        self.readers = readers
        self.engine = engine
        self.answered = ""
        with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
            self.address = listener.getsockname()
            self.server = processes.Process(
                target=serve_file, args=(listener, path, engine), daemon=True
            )
            self.server.start()
        self.control, theirs = processes.Pipe()
        self.clients = processes.Process(
            target=read_slowly, args=(self.address, path, readers, theirs), daemon=True
        )
        self.clients.start()
        theirs.close()
        self.control.recv()  # connected, every request sent

    def probe(self, seconds: float) -> None:
        """Ask for the small answer: for so many seconds, or once for as long."""
        end = time.monotonic() + seconds
        times = []
        while (left := end - time.monotonic()) > 0:
            taken = ask(self.address, "/", left if not self.engine else PATIENCE)
            if taken is None:
                self.answered = f">{PATIENCE:.2f} s"
                return
            times.append(taken)
        self.answered = f"{statistics.median(times) * 1000:.2f} ms"

    def finish(self) -> Row:
        """Let the readers hurry, check everything, end both processes."""
        self.control.send("hurry")
        measured: Report = self.control.recv()
        if not self.control.poll(FINISH_SECONDS):
            raise TimeoutError(f"the readers have not finished within {FINISH_SECONDS} s")
        ended: Report = self.control.recv()
        ask(self.address, "/quit", PATIENCE)
        for process in (self.clients, self.server):
            process.join(PATIENCE)
            process.close()
        self.control.close()
        return Row(
            "engine" if self.engine else "blocking",
            self.readers,
            self.answered,
            measured.alive,
            f"{ended.received:,}",
            "yes" if ended.complete == self.readers and not ended.wrong else "NO",
        )


def serve_file(listener: socket.socket, path: str, with_engine: bool) -> None:
    """Main function of the server process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    with open(path, "rb") as file:
        if not with_engine:
            serve(listener, file, None)
            return
        with Engine() as engine:
            serve(listener, file, engine)
            engine.drain(PATIENCE)
