#!/usr/bin/env python3
"""What a server holds after a million requests, and how it stands a thousand slow clients.

    python tests/suites/long.py [--requests N] [--heads N] [--readers N] [mixed | slow]

By hand: it takes minutes, and its numbers mean something on a quiet machine only.  `make suites`
does not run it.

mixed: files, ranges, conditions, a handler, bodies and closed connections, by wrk if it is there,
else by threads of this program, against one worker with two offload threads and its log on.
Descriptors, threads and memory (PSS) of the worker are compared with those after a warm-up.

slow: heads that drip and readers that take nothing, all held open, while another client asks
in the ordinary way, each time on a new connection.  All of them must be dropped in time.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import re
import resource
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import wire  # noqa: E402
from front import client, docroot, servers  # noqa: E402

Address = tuple[str, int]

CLIENTS = 32
ROUND_SECONDS = 5
LIMIT = 5.0  # seconds: of a head, and of a body that does not move
GRACE = 1.0
DRIP_SECONDS = 1.0
PROBE_SECONDS = 0.01  # between two questions
MEMORY_KIB = 2048
LATENCY_MS = 50.0
DROPPED = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


@contextlib.contextmanager
def served(root: Path, folder: Path) -> Iterator[tuple[servers.Server, Address]]:
    address = ("127.0.0.1", servers.free_port())
    options = {
        "http_socket": f"{address[0]}:{address[1]}",
        "check_static": str(root),
        "static_siblings": True,
        "processes": 1,
        "offload_threads": 2,
        "head_timeout": LIMIT,
        "socket_timeout": LIMIT,
        "logto": str(folder / "access.log"),
    }
    program = [sys.executable, str(HERE / "reads_app.py")]
    command = [json.dumps(options)]
    with servers.running(folder, command=command, program=program, ready=[address]) as server:
        server.wait_until_announced()
        yield server, address


def connections(address: Address) -> int:
    """How many its processes hold; one that is closed belongs to nobody, whatever is on its way."""
    found = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        port = int(fields[1].rpartition(":")[2], 16)
        listens, inode = fields[3] == "0A", fields[9]
        found += port == address[1] and not listens and inode != "0"
    return found


def row(name: str, value: str, goal: str, reached: bool) -> bool:
    print(f"{name:<34}{value:<26}{goal:<14}{'' if reached else 'MISSED'}", flush=True)
    return reached


# ---- a million requests ----


def by_wrk(tool: str, address: Address, _: int) -> int:
    """One round; how many it was."""
    done = subprocess.run(
        [
            tool, "-t", "1", "-c", str(CLIENTS), "-d", f"{ROUND_SECONDS}s",
            "-s", str(HERE / "mixed.lua"), f"http://{address[0]}:{address[1]}",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=10 * ROUND_SECONDS,
    )  # fmt: skip
    errors = re.search(r"Socket errors: (.*)", done.stdout)
    assert not errors, errors
    found = re.search(r"(\d+) requests in", done.stdout)
    assert found, done.stdout
    return int(found[1])


def by_threads(address: Address, wanted: int) -> int:
    def ask(count: int) -> None:
        while count > 0:
            with client.connect(address) as connection:
                for _ in range(min(count, 64)):
                    connection.get("/hello.txt")
                    connection.get("/alphabet.txt", "Range: bytes=3-9")
                    connection.get("/no/file")
                    connection.send(client.request("/read", method="POST", body=b"b" * 1000))
                    connection.answer()
                    count -= 4

    each = max(wanted // 4, 1)
    threads = [threading.Thread(target=ask, args=[each]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 4 * each


def load(address: Address, wanted: int) -> int:
    tool = shutil.which("wrk")
    done = 0
    while done < wanted:
        left = min(wanted - done, 100_000)
        done += by_wrk(tool, address, left) if tool else by_threads(address, left)
    return done


def pss_kib(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    assert found
    return int(found[1])


@dataclass
class Held:
    threads: int
    descriptors: int
    pss_kib: int


def held(pid: int) -> Held:
    found = servers.holdings([pid])
    threads = found.pop("threads")
    return Held(threads, found.total(), pss_kib(pid))


def mixed(root: Path, folder: Path, requests: int) -> bool:
    with served(root, folder) as (server, address):
        (worker,) = server.workers()
        load(address, min(requests, 50_000))
        wire.until(lambda: not connections(address), LIMIT)
        before = held(worker)
        begin = time.monotonic()
        done = load(address, requests)
        seconds = time.monotonic() - begin
        with contextlib.suppress(TimeoutError):
            wire.until(lambda: held(worker).descriptors <= before.descriptors, LIMIT)
        after = held(worker)
        same = server.workers() == [worker]
        log = (folder / "access.log").stat().st_size >> 20
    print(f"mixed: {done} requests in {seconds:.0f} s, a log of {log} MiB")
    good = row("worker", "the same" if same else "REPLACED", "the same", same)
    for name, was, now, goal in [
        ("descriptors", before.descriptors, after.descriptors, 0),
        ("threads", before.threads, after.threads, 0),
        ("memory (PSS), KiB", before.pss_kib, after.pss_kib, MEMORY_KIB),
    ]:
        good &= row(name, f"{was} -> {now} ({now - was:+})", f"<= +{goal}", now - was <= goal)
    return good


# ---- a thousand slow clients ----


@dataclass
class Slow:
    """A client that is held open: until when, seen from when it had said something."""

    connection: client.Client
    drips: bool
    begin: float
    ended: float | None = None


@dataclass
class Probe:
    """An ordinary client, again and again until told to stop."""

    address: Address
    stop: threading.Event = field(default_factory=threading.Event)
    latencies_ms: list[float] = field(default_factory=list)
    failed: int = 0

    def run(self) -> None:
        while not self.stop.wait(PROBE_SECONDS):
            begin = time.monotonic()
            try:
                with client.connect(self.address) as connection:
                    assert connection.get("/hello.txt").status == 200
            except (OSError, AssertionError):
                self.failed += 1
            self.latencies_ms.append((time.monotonic() - begin) * 1000)


@contextlib.contextmanager
def probing(address: Address) -> Iterator[Probe]:
    probe = Probe(address)
    thread = threading.Thread(target=probe.run)
    thread.start()
    try:
        yield probe
    finally:
        probe.stop.set()
        thread.join()


def slow_client(address: Address, drips: bool) -> Slow:
    if drips:
        connection = client.connect(address)
        connection.send(client.request("/hello.txt")[:-4] + b"\r\nX: ")
    else:
        connection = client.connect(address, receive_buffer=4096)
        connection.send(client.request("/large.bin"))
    return Slow(connection, drips, time.monotonic())


def wait_for_end(clients: dict[int, Slow]) -> None:
    """Until the server has dropped them all, or long after it should have."""
    held_open = dict(clients)
    end = max(one.begin for one in clients.values()) + LIMIT + 5 * GRACE
    next_drip = time.monotonic()
    with select.epoll() as poll:
        for fd in held_open:
            poll.register(fd, DROPPED)
        while held_open and (now := time.monotonic()) < end:
            for fd, _ in poll.poll(0.05):
                held_open.pop(fd).ended = time.monotonic()
                poll.unregister(fd)
            if now >= next_drip:
                next_drip += DRIP_SECONDS
                for one in held_open.values():
                    if one.drips:
                        with contextlib.suppress(OSError):
                            one.connection.send(b"y")


def dropped(name: str, clients: list[Slow], count: int) -> bool:
    lasted = [one.ended - one.begin for one in clients if one.ended is not None]
    good = row(f"slow {name} dropped", f"{len(lasted)} of {count}", "all", len(lasted) == count)
    if lasted:
        value = f"{min(lasted):.2f} to {max(lasted):.2f} s"
        in_time = max(lasted) <= LIMIT + GRACE
        good &= row(f"slow {name} lasted", value, f"<= {LIMIT + GRACE:.0f} s", in_time)
    return good


def slow(root: Path, folder: Path, heads: int, readers: int) -> bool:
    with served(root, folder) as (_, address), contextlib.ExitStack() as stack:
        with probing(address) as alone:
            wire.pause(2.0)
        clients: dict[int, Slow] = {}
        with probing(address) as probe:
            for drips in itertools.chain([False] * readers, [True] * heads):
                one = slow_client(address, drips)
                stack.enter_context(one.connection)
                clients[one.connection.socket.fileno()] = one
            with contextlib.suppress(TimeoutError):
                wire.until(lambda: connections(address) >= len(clients), GRACE)
            at_most = connections(address)
            wait_for_end(clients)
        with contextlib.suppress(TimeoutError):
            wire.until(lambda: not connections(address), GRACE)
        left = connections(address)
    print(f"slow: {heads} heads, {readers} readers; the server held {at_most} connections")
    good = row("connections left", str(left), "0", left == 0)
    for name, drips, count in [("heads", True, heads), ("readers", False, readers)]:
        good &= dropped(name, [one for one in clients.values() if one.drips == drips], count)
    value = f"{probe.failed} of {len(probe.latencies_ms)}"
    good &= row("ordinary requests failed", value, "0", not probe.failed)
    for name, asked in [("alone", alone), ("meanwhile", probe)]:
        parts = statistics.quantiles(asked.latencies_ms, n=100)
        value = f"{parts[49]:.1f}, {parts[98]:.1f}, {max(asked.latencies_ms):.1f} ms"
        goal = f"p99 < {LATENCY_MS:.0f} ms"
        good &= row(f"p50, p99, most, {name}", value, goal, parts[98] < LATENCY_MS)
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description="A million requests; a thousand slow clients.")
    parser.add_argument("which", nargs="?", choices=["mixed", "slow"], help="only this one")
    parser.add_argument("--requests", type=int, default=1_000_000, help="default: 1000000")
    parser.add_argument("--heads", type=int, default=1000, help="slow heads; default: 1000")
    parser.add_argument("--readers", type=int, default=100, help="stuck readers; default: 100")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    good = True
    with tempfile.TemporaryDirectory(prefix="uwoffload-long-") as name:
        folder = Path(name)
        root = docroot.build(folder)
        if options.which != "slow":
            good &= mixed(root, folder / "mixed", options.requests)
        if options.which != "mixed":
            good &= slow(root, folder / "slow", options.heads, options.readers)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
