"""
What a hand-over costs the Python thread that makes it.

Run by submit.py, or by hand: pytest benchmarks/submit_bench.py
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from uwoffload import Engine, Program, Send, SendFile

TRANSFERS = 256  # per round of pytest-benchmark
ROUNDS = 60
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(threads=1) as made:
        yield made


@contextmanager
def busy_thread() -> Iterator[None]:
    """A Python thread that computes all the time, as a handler may."""
    stop = False

    def compute() -> None:
        while not stop:
            sum(range(100))

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        yield
    finally:
        stop = True
        thread.join()


@contextmanager
def alone() -> Iterator[None]:
    yield


# Alone: the CPU of the calling thread, for the engine's thread may wake up on the same core and
# run first; and beside it the time that passes, as it is.  Beside a busy thread: the time that
# passes, for waiting for the GIL is the point.
CPU = pytest.mark.benchmark(timer=time.thread_time)
BESIDE = pytest.mark.parametrize(
    "beside",
    [
        pytest.param(alone, marks=CPU, id="alone"),
        pytest.param(alone, id="elapsed"),
        pytest.param(busy_thread, id="busy"),
    ],
)


class Clients:
    """Fresh socket pairs for each round; what the round before left is read and reaped."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.theirs: list[socket.socket] = []

    def renew(self) -> list[socket.socket]:
        self.finish()
        pairs = [socket.socketpair() for _ in range(TRANSFERS)]
        self.theirs = [theirs for _, theirs in pairs]
        return [ours for ours, _ in pairs]

    def finish(self) -> None:
        for theirs in self.theirs:
            theirs.close()
        self.theirs = []
        end = time.monotonic() + 30
        while self.engine.count:
            assert time.monotonic() < end
            self.engine.wait(1.0)


def measure(
    benchmark: Any, engine: Engine, hand_over: Callable[[list[socket.socket]], None]
) -> None:
    clients = Clients(engine)
    benchmark.extra_info["transfers"] = TRANSFERS
    benchmark.pedantic(
        hand_over,
        setup=lambda: ((clients.renew(),), {}),
        rounds=ROUNDS,
        warmup_rounds=2,
    )
    clients.finish()


@BESIDE
def test_submit(benchmark: Any, engine: Engine, beside: Any) -> None:
    """
    One by one, a ready-made program of bytes.
    """
    program = Program([Send(HEAD)])
    submit = engine.submit

    def hand_over(socks: list[socket.socket]) -> None:
        for sock in socks:
            submit(sock, program)

    with beside():
        measure(benchmark, engine, hand_over)


@BESIDE
def test_submit_file(benchmark: Any, engine: Engine, beside: Any) -> None:
    """
    One by one, a head and a file: the program is made for each, the file is duplicated.
    """
    submit = engine.submit

    with open(__file__, "rb") as file, beside():

        def hand_over(socks: list[socket.socket]) -> None:
            for sock in socks:
                submit(sock, [Send(HEAD), SendFile(file, 0, 100)])

        measure(benchmark, engine, hand_over)


@BESIDE
def test_submit_many(benchmark: Any, engine: Engine, beside: Any) -> None:
    """
    All in one call.
    """
    program = Program([Send(HEAD)])

    def hand_over(socks: list[socket.socket]) -> None:
        engine.submit_many(socks, program)

    with beside():
        measure(benchmark, engine, hand_over)
