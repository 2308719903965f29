"""
Slow readers: while one worker sends to 5,000 of them, how free is it?

A prober asks a Python handler of ours, and nginx for a static answer, before and while
5,000 readers at 20 KB/s are being served by the same worker. All of them must live, and
none may be cut. Two offload threads, and none, are shown in every third round.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from method import (
    FLAWS,
    Failed,
    Figure,
    Settings,
    files,
    main,
    median_and_spread,
    median_interval,
    run_json,
)

from front.servers import (
    HERE,
    NGINX,
    OURS_0,
    OURS_1,
    OURS_2,
    Kind,
    Running,
    Setup,
    backlog,
    free_port,
    launched,
    needs,
    serving,
)

RATE = 20_480
RAMP = 6000
SIZE = 192 << 10  # ten seconds at that rate; a good half of it fits the kernel's buffers
SIZE_QUICK = 112 << 10
SETTLE_SECONDS = 0.7  # after the last reader has come
P99_BAR, KEPT_BAR = 1.5, 0.95
GROUP = "5,000 readers at 20 KB/s on one worker"


@contextmanager
def beside(settings: Settings, kind: Kind, directory: str) -> Iterator[tuple[Running, str, str]]:
    """A server, the path of the slow file, and the path of what is probed."""
    if not kind.ours:
        with serving(settings, kind, Setup(directory)) as running:
            yield running, "file", "app"
        return
    with tempfile.TemporaryDirectory(prefix="uwoffload-bench-") as name:
        port = free_port()
        command = [sys.executable, str(HERE / "handler.py"), str(port), directory]
        command += [str(kind.threads), str(backlog())]
        with launched(settings, kind, command, port, Path(name)) as running:
            yield running, "static/file", "app"


def _cell(settings: Settings, kind: Kind, directory: str, readers: int) -> dict[str, Any]:
    client = settings.program("load")
    open_ms, closed_ms = ("400", "300") if settings.quick else ("1500", "600")
    probe = [settings.program("probe"), "--for-ms", open_ms, "--closed-ms", closed_ms]
    with beside(settings, kind, directory) as (running, file, app):
        target = [str(running.port), app]
        run_json([*probe[:1], "--for-ms", "200", "--closed-ms", "200", *target], timeout=60)
        [idle] = run_json([*probe, *target], timeout=60)
        before = running.cpu_seconds()
        slow = subprocess.Popen(
            [
                *(client, "slow", "--readers", str(readers), "--rate", str(RATE)),
                *("--ramp", str(RAMP), str(running.port), file),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            time.sleep(readers / RAMP + SETTLE_SECONDS)
            [busy] = run_json([*probe, *target], timeout=60)
            if slow.poll() is not None:
                raise Failed("the slow readers were done before the prober")
            result: dict[str, Any] = json.loads(slow.communicate(timeout=120)[0])
        finally:
            slow.kill()
            slow.wait()
        result["cpu_seconds"] = running.cpu_seconds() - before
    result["alive"] = result["complete"]
    result["idle_p99_us"], result["p99_us"] = idle["p99_us"], busy["p99_us"]
    result["idle_per_second"], result["per_second"] = map(_per_second, (idle, busy))
    result["kept"] = result["per_second"] / result["idle_per_second"]
    result["unanswered"] = sum(
        probes[count] for probes in (idle, busy) for count in ("failed", "closed_failed")
    )
    return result


def _per_second(probes: dict[str, Any]) -> float:
    return float(probes["closed_requests"] / probes["closed_seconds"])


def front_slow(settings: Settings) -> list[Figure]:
    needs("nginx")
    readers = 1000 if settings.quick else 5000
    cells: dict[Kind, list[dict[str, Any]]] = defaultdict(list)
    with files(file=SIZE_QUICK if settings.quick else SIZE, app=2) as directory:
        for number in range(settings.rounds):
            kinds = [OURS_1, NGINX, *([OURS_2, OURS_0] if number % 3 == 0 else [])]
            for kind in settings.order.sample(kinds, len(kinds)):
                result = _cell(settings, kind, directory, readers)
                result["round"] = number
                settings.record("cell", question="front-slow", server=kind.name, **result)
                settings.progress(
                    f"  slow round {number}: {kind.name} p99 {result['p99_us'] / 1000:.2f} ms "
                    f"(idle {result['idle_p99_us'] / 1000:.2f}), {result['per_second']:,.0f}/s "
                    f"(kept {result['kept']:.2f}), {result['alive']} of {readers} alive"
                )
                cells[kind].append(result)
    return [
        figure for kind in (OURS_1, OURS_2, OURS_0) for figure in _figures(kind, cells, readers)
    ]


def _figures(kind: Kind, cells: dict[Kind, list[dict[str, Any]]], readers: int) -> Iterator[Figure]:
    beside = {cell["round"]: cell for cell in cells[NGINX]}
    pairs = [(cell, beside[cell["round"]]) for cell in cells[kind]]
    flawed = sum(cell[flaw] for cell, _ in pairs for flaw in FLAWS)
    lost = sum(cell["unanswered"] for cell, _ in pairs)
    bars = (P99_BAR, KEPT_BAR) if kind is OURS_1 else (None, None)
    yield Figure(
        f"front slow alive, {kind.name}",
        f"{kind.name}: readers that were cut, refused or stalled",
        flawed + sum(readers - cell["alive"] - sum(cell[f] for f in FLAWS) for cell, _ in pairs),
        0.0,
        "",
        0.0 if kind is OURS_1 else None,
        f"of {readers * len(pairs):,}; nginx {sum(c[f] for _, c in pairs for f in FLAWS)}",
        group=GROUP,
    )
    for measure, text, bar in (
        ("p99_us", "p99 of the Python handler over nginx's static answer", bars[0]),
        ("kept", "share of its idle requests/s that is kept, over nginx's", bars[1]),
    ):
        ratios = [ours[measure] / theirs[measure] for ours, theirs in pairs]
        ours, theirs = (median([pair[side][measure] for pair in pairs]) for side in (0, 1))
        said = (
            f"{ours / 1000:.2f} ms; nginx {theirs / 1000:.2f} ms"
            if measure == "p99_us"
            else f"{ours:.3f}; nginx {theirs:.3f}"
        )
        yield Figure(
            f"front slow {measure}, {kind.name}",
            f"{kind.name}: {text}",
            *median_and_spread(ratios),
            "x",
            bar,
            f"{said}; {lost} probes without an answer" if lost else said,
            lost,
            interval=median_interval(ratios),
            at_least=measure == "kept",
            group=GROUP,
        )


if __name__ == "__main__":
    main(front_slow, __doc__, "clients")
