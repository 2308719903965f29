"""
The offload tax: does a small answer cost a single system call more with offload threads?

The calls of the worker process and all its threads, counted by strace over one client that
asks again and again: what twice as many requests call more, divided by the requests. So
nothing of starting and attaching is in it, and without a timer between them the counts are
whole numbers. The next request comes when the server is asleep again. Run with one and with
two offload threads, and with none.
"""

import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from method import Failed, Figure, Settings, files, main

from front.servers import (
    NGINX,
    OURS_0,
    OURS_1,
    OURS_2,
    UWSGI,
    Kind,
    Running,
    Setup,
    installed,
    needs,
    serving,
)
from front.small import SIZES

REQUESTS = 200
LOOK_SECONDS = 0.0005
SHOWN = 0.05
EXACT = 0.1  # a call per 10 requests: what timers add, and files looked up anew each second
SHAPES = {"keep-alive": False, "close": True}
SUMMARY = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$")

Calls = dict[str, float]


@contextmanager
def counted(running_pids: list[int], seen: Path) -> Iterator[None]:
    """Trace these processes and their threads; the summary is in the file afterwards."""
    pids = [part for pid in running_pids for part in ("-p", str(pid))]
    tracer = subprocess.Popen(
        ["strace", "-f", "-c", "-o", str(seen), *pids],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracer.stderr
    try:
        threads = sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in running_pids)
        _await_tracer(running_pids, threads, tracer)
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait(30)
        tracer.stderr.close()


def _await_tracer(pids: list[int], threads: int, tracer: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end and tracer.poll() is None:
        traced = 0
        for pid in pids:
            for task in Path(f"/proc/{pid}/task").iterdir():
                traced += "TracerPid:\t0\n" not in (task / "status").read_text()
        if traced >= threads:
            return
        time.sleep(0.01)
    raise Failed("strace cannot attach: run as root, or allow it (kernel.yama.ptrace_scope = 0)")


def await_sleep(pids: Sequence[int]) -> None:
    """Until every thread sleeps, and still does at the next look."""
    looks, end = 0, time.monotonic() + 10
    while looks < 2:
        states = [
            (task / "stat").read_text().rpartition(")")[2].split()[0]
            for pid in pids
            for task in Path(f"/proc/{pid}/task").iterdir()
        ]
        looks = looks + 1 if set(states) == {"S"} else 0
        if time.monotonic() > end:
            raise Failed(f"the server never sleeps: {' '.join(states)}")
        time.sleep(LOOK_SECONDS)


def ask(running: Running, name: str, close: bool, times: int, size: int) -> None:
    """One request after the other, each when the server is done with the last one."""
    pids = running.workers()
    head = f"GET /{name} HTTP/1.1\r\nHost: localhost\r\n"
    request = (head + ("Connection: close\r\n\r\n" if close else "\r\n")).encode()
    sock = None
    for _ in range(times):
        if sock is None:
            sock = socket.create_connection(("127.0.0.1", running.port), 30)
        sock.sendall(request)
        _receive(sock, size, close)
        if close:
            sock.close()
            sock = None
        await_sleep(pids)
    if sock:
        sock.close()


def _receive(sock: socket.socket, size: int, close: bool) -> None:
    got, body = b"", -1
    while body < 0 or len(got) < body + size:
        part = sock.recv(65536)
        if not part:
            raise Failed(f"an answer of {len(got)} bytes was cut")
        got += part
        if body < 0 and b"\r\n\r\n" in got:
            body = got.index(b"\r\n\r\n") + 4
    if close and sock.recv(1):
        raise Failed("an answer was longer than it said")


def per_request(settings: Settings, kind: Kind, directory: str, file: str, close: bool) -> Calls:
    totals: list[Calls] = []
    with serving(settings, kind, Setup(directory)) as running, tempfile.TemporaryDirectory() as at:
        ask(running, file, close, 20, SIZES[file])
        for times in (REQUESTS, 2 * REQUESTS):
            seen = Path(at) / str(times)
            with counted(running.workers(), seen):
                ask(running, file, close, times, SIZES[file])
            matches = map(SUMMARY.match, seen.read_text().splitlines())
            totals.append({found[2]: float(found[1]) for found in matches if found})
    once, twice = totals
    each = {
        name: (twice.get(name, 0.0) - once.get(name, 0.0)) / REQUESTS
        for name in {*once, *twice} - {"total"}
    }
    return {name: count for name, count in sorted(each.items()) if abs(count) > SHOWN}


def tax(settings: Settings) -> list[Figure]:
    needs("strace", "nginx")
    kinds = installed([OURS_0, OURS_1, OURS_2, NGINX, UWSGI])
    figures: list[Figure] = []
    with files(**SIZES) as directory:
        for shape, close in SHAPES.items():
            for file in SIZES:
                calls: dict[Kind, Calls] = {}
                for kind in kinds:
                    if kind is UWSGI and not close:
                        continue
                    calls[kind] = per_request(settings, kind, directory, file, close)
                    settings.record(
                        "cell",
                        question="tax",
                        case=f"{file} {shape}",
                        server=kind.name,
                        calls=calls[kind],
                    )
                figures += _figures(f"system calls, {file[:-1]} KiB, {shape}", calls)
    return figures


def _figures(group: str, calls: dict[Kind, Calls]) -> Iterator[Figure]:
    ours = [kind for kind in calls if kind.ours]
    for kind, counts in calls.items():
        text = ", ".join(f"{name} {_short(count)}" for name, count in counts.items())
        yield Figure(
            f"{group}, {kind.name}",
            f"{kind.name}: per request",
            sum(counts.values()),
            0.0,
            "",
            note=text,
            group=group,
        )
    fewest = calls[ours[0]]
    apart = max(
        abs(calls[kind].get(name, 0.0) - fewest.get(name, 0.0))
        for kind in ours
        for name in {*fewest, *calls[kind], "none"}
    )
    names = ", ".join(str(kind.threads) for kind in ours)
    yield Figure(
        f"{group}, tax",
        f"largest difference of any call between {names} offload threads",
        apart,
        0.0,
        "",
        EXACT,
        group=group,
    )


def _short(count: float) -> str:
    return f"{count:.2f}".rstrip("0").rstrip(".")


if __name__ == "__main__":
    main(tax, __doc__, "clients")
