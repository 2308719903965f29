"""
Accepting: how many threads wake up for one connection, and which worker gets it?

Four idle workers of one offload thread each. Connections come one at a time and stay; every
sleep that ends on any thread of any worker is counted (voluntary context switches), less
those of the same time without connections. Deferred, each sends its request at once and is
answered; not deferred, it sends nothing, so that there is the accept alone to wake up for.
Then the same number at once. Who has them is read from the descriptors of the workers.
"""

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from method import Failed, Figure, Settings, files, main, median_and_spread

from front.servers import NGINX, OURS_1, Kind, Running, Setup, installed, needs, serving

WORKERS = 4
CONNECTIONS = 400
GAP_SECONDS = 0.003
ROUNDS = 2  # neither is noisy
WAKES_BAR = 1.1
REQUEST = b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n"
WAYS = {"deferred": True, "not deferred": False}


def sleeps(pids: Sequence[int]) -> int:
    """How often any thread of these processes has gone to sleep."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            status = (task / "status").read_text()
            total += int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return total


def sockets(pids: Sequence[int]) -> list[int]:
    """Sockets open in each process."""
    return [
        sum(
            str(link.readlink()).startswith("socket:")
            for link in Path(f"/proc/{pid}/fd").iterdir()
            if link.is_symlink()
        )
        for pid in pids
    ]


def _arrive(stack: ExitStack, port: int, count: int, asking: bool, gap: float) -> None:
    socks = []
    for _ in range(count):
        sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
        socks.append(sock)
        if asking:
            sock.sendall(REQUEST)
        if gap:
            time.sleep(gap)
    if not asking:
        time.sleep(0.2)  # nothing comes that could be waited for
        return
    for sock in socks:
        sock.recv(4096)


def _all_workers(running: Running) -> list[int]:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        pids = running.workers()
        if len(pids) == WORKERS and running.pid not in pids:
            return pids
        time.sleep(0.02)
    raise Failed(f"{running.kind.name} has not started {WORKERS} workers")


def _uneven(before: Sequence[int], after: Sequence[int]) -> tuple[list[int], float]:
    got = [b - a for a, b in zip(before, after, strict=True)]
    return got, max(got) * len(got) / max(sum(got), 1)


def _cell(settings: Settings, running: Running, asking: bool) -> dict[str, Any]:
    count = 100 if settings.quick else CONNECTIONS
    pids = _all_workers(running)
    time.sleep(0.2)  # what follows a start
    idle_start, started = sleeps(pids), time.monotonic()
    time.sleep(count * GAP_SECONDS)
    idle = (sleeps(pids) - idle_start) / (time.monotonic() - started)
    with ExitStack() as stack:
        before, sleeps_before, started = sockets(pids), sleeps(pids), time.monotonic()
        _arrive(stack, running.port, count, asking, GAP_SECONDS)
        woken = sleeps(pids) - sleeps_before - idle * (time.monotonic() - started)
        alone, alone_uneven = _uneven(before, sockets(pids))
    time.sleep(0.2)
    with ExitStack() as stack:
        before = sockets(pids)
        _arrive(stack, running.port, count, asking, 0)
        burst, burst_uneven = _uneven(before, sockets(pids))
    return {
        "wakes_each": woken / count,
        "idle_wakes_per_second": idle,
        "one_by_one": alone,
        "one_by_one_uneven": alone_uneven,
        "at_once": burst,
        "at_once_uneven": burst_uneven,
    }


def accepting(settings: Settings) -> list[Figure]:
    needs("nginx")
    figures = []
    every = [(kind, way) for way in WAYS for kind in installed([OURS_1, NGINX])]
    with files(small=1024) as directory:
        for kind, way in every:
            results = []
            for number in range(min(ROUNDS, settings.rounds)):
                setup = Setup(directory, deferred=WAYS[way], processes=WORKERS)
                with serving(settings, kind, setup) as running:
                    result = _cell(settings, running, asking=WAYS[way])
                settings.record(
                    "cell", question="accepting", round=number, case=way, server=kind.name, **result
                )
                settings.progress(
                    f"  accepting round {number}: {kind.name}, {way}: "
                    f"{result['wakes_each']:.2f} wake-ups each, one by one {result['one_by_one']}, "
                    f"at once {result['at_once']}"
                )
                results.append(result)
            figures += _figures(kind, way, results)
    return figures


def _figures(kind: Kind, way: str, results: list[dict[str, Any]]) -> list[Figure]:
    group = f"accepting, {WORKERS} idle workers, {way}"
    spread = "; ".join(
        f"{name.replace('_', ' ')} {' '.join(map(str, results[0][name]))}"
        for name in ("one_by_one", "at_once")
    )
    wakes = Figure(
        f"{group}, {kind.name}, wakes",
        f"{kind.name}: threads woken per connection",
        *median_and_spread([result["wakes_each"] for result in results]),
        "",
        WAKES_BAR if kind.ours else None,
        group=group,
    )
    uneven = [
        Figure(
            f"{group}, {kind.name}, {name}",
            f"{kind.name}: most of any worker over the mean, {name.replace('_', ' ')}",
            *median_and_spread([result[f"{name}_uneven"] for result in results]),
            "x",
            note=spread if name == "at_once" else "",
            group=group,
        )
        for name in ("one_by_one", "at_once")
    ]
    return [wakes, *uneven]


if __name__ == "__main__":
    main(accepting, __doc__, "clients")
