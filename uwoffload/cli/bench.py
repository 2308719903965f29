"""`uwoffload bench`: what a hand-over costs in Python, measured in this process.

The full benchmark, with peers and ratios, is `make bench` of the source.
"""

from __future__ import annotations

import argparse
import gc
import socket
import time
from collections.abc import Callable
from typing import Any

from ..engine import Engine
from ..program import Program, Send
from .table import table

COUNT = 1000  # hand-overs per round
ROUNDS = 7

HEAD = ("hand-over of a socket with 100 bytes to send", "us each, best", "us each, median")


def add_to(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser("bench", help="what a hand-over costs in Python")
    command.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """A few seconds."""
    program = Program([Send(b"x" * 100)])

    def one_by_one(engine: Engine, socks: list[socket.socket]) -> None:
        for sock in socks:
            engine.submit(sock, program)

    def first_try(engine: Engine, socks: list[socket.socket]) -> None:
        for sock in socks:
            engine.submit(sock, program, try_first=True)

    def batch(engine: Engine, socks: list[socket.socket]) -> None:
        engine.submit_many(socks, program)

    rows = []
    for name, how in (
        ("submit, one after the other", one_by_one),
        ("submit, first attempt in the caller", first_try),
        (f"submit_many, {COUNT} at once", batch),
    ):
        figures = sorted(measure(how) for _ in range(ROUNDS))
        rows.append((name, round(figures[0], 2), round(figures[ROUNDS // 2], 2)))
    print(table(HEAD, rows))
    return 0


def measure(how: Callable[[Engine, list[socket.socket]], None]) -> float:
    """Microseconds of this thread's CPU per hand-over; every transfer must finish."""
    pairs = [socket.socketpair() for _ in range(COUNT)]
    servers = [pair[0] for pair in pairs]
    with Engine(threads=1) as engine:
        gc.collect()
        begin = time.thread_time_ns()
        how(engine, servers)
        taken = time.thread_time_ns() - begin
        for _, client in pairs:
            client.recv(1000)
            client.close()
        ended = 0
        while ended < COUNT:
            completions = engine.wait(10)
            if not completions or not all(completion.ok for completion in completions):
                raise TimeoutError("a transfer did not finish")
            ended += len(completions)
    return taken / COUNT / 1000
