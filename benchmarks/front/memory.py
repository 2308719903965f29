"""
Memory: what does a connection weigh, while it is sent to slowly and while it is idle?

The growth of the proportional set size of master and workers, divided by the connections;
beside it what the kernel holds for both ends of each (slab, and TCP's own pages). Pages of
files are left out: their share changes whenever another program maps the same library.
"""

import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from method import Failed, Figure, Settings, files, main, median_and_spread

from front.servers import NGINX, OURS_1, Kind, Running, Setup, installed, needs, serving

CONNECTIONS = 5000
RATE, RAMP, SIZE = 20_480, 6000, 1 << 20
SETTLE_SECONDS = 1.5
PAGE_KIB = 4
ROUNDS = 2  # neither is noisy
WARM_UP_CONNECTIONS = 50


@dataclass(frozen=True)
class Case:
    text: str
    idle: bool
    log: bool
    bar: float


CASES = [
    Case("sending, log off", False, False, 0.75),
    Case("sending, log on", False, True, 1.25),
    Case("idle keep-alive, log off", True, False, 0.5),
]


@dataclass(frozen=True)
class Weight:
    """KiB."""

    pss: float
    slab: float
    tcp: float

    def each(self, before: "Weight", count: int) -> "Weight":
        return Weight(
            (self.pss - before.pss) / count,
            (self.slab - before.slab) / count,
            (self.tcp - before.tcp) / count,
        )


def _number(path: str, line_start: str, word: str) -> int:
    for line in Path(path).read_text().splitlines():
        if line.startswith(line_start):
            return int(line.partition(word)[2].split()[0])
    raise Failed(f"{path} has no line {line_start}")


def weigh(running: Running) -> Weight:
    pss = sum(
        _number(f"/proc/{pid}/smaps_rollup", part, ":")
        for pid in running.processes()
        for part in ("Pss_Anon:", "Pss_Shmem:")
    )
    slab = _number("/proc/meminfo", "Slab:", ":")
    return Weight(pss, slab, _number("/proc/net/sockstat", "TCP:", " mem ") * PAGE_KIB)


@contextmanager
def sending(settings: Settings, port: int, count: int, settle: float) -> Iterator[None]:
    """So many slow readers in the midst of their file."""
    command = [settings.program("load"), "slow", "--readers", str(count), "--rate", str(RATE)]
    clients = subprocess.Popen(
        [*command, "--ramp", str(RAMP), str(port), "file"], stdout=subprocess.DEVNULL
    )
    try:
        time.sleep(count / RAMP + settle)
        if clients.poll() is not None:
            raise Failed("the slow readers ended early")
        yield
    finally:
        clients.kill()
        clients.wait()


@contextmanager
def idling(port: int, count: int, settle: float) -> Iterator[None]:
    """So many connections that were answered once and are kept."""
    with ExitStack() as stack:
        for _ in range(count):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            sock.sendall(b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if not sock.recv(4096).startswith(b"HTTP/1.1 200"):
                raise Failed("an idle connection got no answer")
        time.sleep(settle)
        yield


def _cell(settings: Settings, kind: Kind, case: Case, directory: str, count: int) -> Weight:
    with serving(settings, kind, Setup(directory, log=case.log)) as running:

        def loaded(connections: int, settle: float) -> AbstractContextManager[None]:
            if case.idle:
                return idling(running.port, connections, settle)
            return sending(settings, running.port, connections, settle)

        with loaded(WARM_UP_CONNECTIONS, 0.2):
            pass
        time.sleep(0.3)
        before = weigh(running)
        with loaded(count, SETTLE_SECONDS):
            return weigh(running).each(before, count)


def memory(settings: Settings) -> list[Figure]:
    needs("nginx")
    count = 500 if settings.quick else CONNECTIONS
    kinds = installed([OURS_1, NGINX])
    seen: dict[tuple[Case, Kind], list[Weight]] = defaultdict(list)
    with files(file=SIZE, small=1024) as directory:
        for number in range(min(ROUNDS, settings.rounds)):
            every = [(case, kind) for case in CASES for kind in kinds]
            for case, kind in settings.order.sample(every, len(every)):
                weight = _cell(settings, kind, case, directory, count)
                settings.record(
                    "cell",
                    question="memory",
                    round=number,
                    case=case.text,
                    server=kind.name,
                    connections=count,
                    pss_kib=weight.pss,
                    slab_kib=weight.slab,
                    tcp_kib=weight.tcp,
                )
                settings.progress(
                    f"  memory round {number}: {case.text}: {kind.name} {weight.pss:.3f} KiB each"
                )
                seen[case, kind].append(weight)
    return [_figure(case, kind, weights) for (case, kind), weights in _in_order(seen)]


def _in_order(
    seen: dict[tuple[Case, Kind], list[Weight]],
) -> list[tuple[tuple[Case, Kind], list[Weight]]]:
    return sorted(seen.items(), key=lambda item: (CASES.index(item[0][0]), not item[0][1].ours))


def _figure(case: Case, kind: Kind, weights: list[Weight]) -> Figure:
    slab = median([weight.slab for weight in weights])
    tcp = median([weight.tcp for weight in weights])
    return Figure(
        f"memory {case.text}, {kind.name}",
        f"{kind.name}: PSS per connection, {case.text}",
        *median_and_spread([weight.pss for weight in weights]),
        "KiB",
        case.bar if kind.ours else None,
        f"kernel, both ends: slab {slab:.1f} KiB, TCP pages {tcp:.1f} KiB",
        group="memory per connection",
    )


if __name__ == "__main__":
    main(memory, __doc__, "clients")
