"""The offload tax: a small answer costs the same system calls whatever offload-threads is.

Counted by strace, in the worker and all its threads, over one client that asks again when
everybody sleeps.  Looks of timers (waits that end without an event) are left out; every other
call counts.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

import pytest
import wire

from . import servers
from .client import connect, request

REQUESTS = 40  # every fourth accept of a row looks whether more are there
THREADS = [0, 1, 2]
ATTEMPTS = 4
KILOBYTE = 1024
READ_MARK = re.compile(r'"GET /[a-z.]+\?')
CALL = re.compile(r"^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed>).* = (-?\d+|\?)")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
]


@pytest.fixture
def small(serve, tmp_path):
    """A worker with so many offload threads, and no timer of its own that could look at files."""

    def start(threads: int):
        root = tmp_path / "small"
        root.mkdir(exist_ok=True)
        (root / "small.bin").write_bytes(wire.content(KILOBYTE))
        return serve(
            root=root,
            processes=1,
            offload_threads=threads,
            disable_logging=True,
            file_cache_valid=3600,
        )

    return start


def tasks(pid: int) -> list[Path]:
    return [Path(f"/proc/{pid}/task/{task}") for task in os.listdir(f"/proc/{pid}/task")]


def await_sleep(pid: int) -> None:
    """Until every thread sleeps, at two looks."""
    looks = 0
    end = time.monotonic() + wire.PATIENCE
    while looks < 2:
        states = {(task / "stat").read_text().rpartition(")")[2].split()[0] for task in tasks(pid)}
        looks = looks + 1 if states == {"S"} else 0
        assert time.monotonic() < end, f"the worker never sleeps: {states}"
        wire.pause(0.0005)


@contextmanager
def traced(pid: int, seen: Path):
    """All its system calls are written down."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", str(seen), "-p", str(pid)],
        stderr=subprocess.PIPE,
        env=servers.FOREIGN,
    )

    def attached() -> bool:
        traced = ["TracerPid:\t0\n" not in (task / "status").read_text() for task in tasks(pid)]
        return all(traced) or tracer.poll() is not None

    try:
        wire.until(attached)
        if tracer.poll() is not None:
            pytest.skip(f"no tracing here: {tracer.stderr.read().decode()[:100]}")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(wire.PATIENCE)
        tracer.stderr.close()


def ask(site, pid: int, target: str, close: bool, queries: Iterable[str]) -> None:
    fields = ["Connection: close"] if close else []
    kept = None
    for query in queries:
        connection = kept or connect(site.http)
        connection.send(request(f"{target}{query}", *fields))
        assert connection.answer().status == 200
        if close:
            assert connection.ended()
            connection.socket.close()
        else:
            kept = connection
        await_sleep(pid)
    if kept:
        kept.socket.close()
        await_sleep(pid)


def between_marks(seen: Path) -> Counter[str]:
    """Calls that ended from the reading of the first mark to that of the last."""
    found: Counter[str] = Counter()
    inside = False
    for line in seen.read_text().splitlines():
        call = CALL.match(line)
        if call and inside and (call[1], call[2]) != ("epoll_wait", "0"):
            found[call[1]] += 1
        if READ_MARK.search(line):
            inside = not inside
    return found


def calls_of_requests(site, target: str, close: bool, seen: Path) -> dict[str, int]:
    """Of REQUESTS requests, by name."""
    (pid,) = site.server.workers()
    with traced(pid, seen):
        ask(site, pid, target, close, [""] * 9 + ["?"] + [""] * (REQUESTS - 1) + ["?"])
    return dict(between_marks(seen))


@pytest.mark.parametrize("close", [False, True], ids=["keep-alive", "close"])
def test_small_answer_costs_the_same_calls_with_and_without_threads(small, tmp_path, close):
    """
    One run of ATTEMPTS is enough: where other work takes the processor away between a look at the
    threads and the next request, a call more or less is no tax.  A tax is there each time.
    """
    sites = {threads: small(threads) for threads in THREADS}
    for _ in range(ATTEMPTS):
        calls = {
            threads: calls_of_requests(site, "/small.bin", close, tmp_path / f"calls-{threads}")
            for threads, site in sites.items()
        }
        if calls[0] == calls[1] == calls[2]:
            break

    assert calls[1] == calls[0]
    assert calls[2] == calls[0]
    if not close:
        each = dict.fromkeys(("epoll_wait", "recvfrom", "preadv2", "sendto"), REQUESTS)
        assert calls[0] == each


@pytest.mark.parametrize("close", [False, True], ids=["keep-alive", "close"])
def test_small_answer_of_python_wakes_one_thread_or_none(serve_app, tmp_path, close):
    """The loop wakes Python; nobody wakes the loop for an answer that is out, or has no need to."""
    for threads, wakes in ((0, 0), (1, REQUESTS)):
        site = serve_app(processes=1, offload_threads=threads, disable_logging=True)

        calls = calls_of_requests(site, "/text", close, tmp_path / f"calls-{threads}")

        assert calls.get("write", 0) == wakes, calls
