"""
Large files: what does a GB cost, against nginx?

1 MiB on 16 connections and 64 MiB on 4, as fast as they go, a new connection for each. One
offload thread against one worker of nginx, two threads against two workers: two loops on two
cores get in each other's way and in the client's, whoever's they are. Two threads over one
worker is shown without a bar.
"""

import time
from collections import defaultdict
from statistics import median
from typing import Any

from method import (
    FLAWS,
    Figure,
    Settings,
    files,
    interleaved,
    main,
    median_and_spread,
    median_interval,
    run_json,
)

from front.servers import (
    NGINX,
    NGINX_2,
    OURS_1,
    OURS_2,
    UWSGI,
    Kind,
    Setup,
    installed,
    needs,
    serving,
)

MIB = 1 << 20
BAR = 1.15
CASES = {"1m": ("1 MiB x 16 connections", 16), "64m": ("64 MiB x 4 connections", 4)}
PAIRS = (
    (OURS_1, NGINX, BAR),
    (OURS_2, NGINX_2, BAR),
    (OURS_2, NGINX, None),
    (UWSGI, NGINX_2, None),
)
WARM_UP_MS, FOR_MS = 100, 500


def front_bulk(settings: Settings) -> list[Figure]:
    needs("nginx")
    kinds = installed([OURS_1, OURS_2, UWSGI, NGINX, NGINX_2])
    every = {f"{file} {kind.name}": (file, kind) for file in CASES for kind in kinds}
    cells: dict[tuple[str, Kind], list[dict[str, Any]]] = defaultdict(list)
    with files(**{"1m": MIB, "64m": 64 * MIB}) as directory:
        for number, key in interleaved(settings, list(every)):
            file, kind = every[key]
            result = _cell(settings, kind, directory, file)
            settings.record(
                "cell", question="front-bulk", round=number, case=file, server=kind.name, **result
            )
            settings.progress(
                f"  bulk round {number}: {file} {kind.name} {result['cpu_per_gb']:.4f} CPU-s/GB, "
                f"{result['gb_per_second']:.2f} GB/s"
            )
            cells[file, kind].append(result)
    return [
        _figure(file, kind, cells[file, kind], peer, cells[file, peer], bar)
        for file in CASES
        for kind, peer, bar in PAIRS
        if kind in kinds
    ]


def _cell(settings: Settings, kind: Kind, directory: str, file: str) -> dict[str, Any]:
    client = settings.program("load")
    for_ms = "200" if settings.quick else str(FOR_MS)
    with serving(settings, kind, Setup(directory)) as running:
        target = (str(running.port), file)
        warm_up = ("--connections", "1", "--for-ms", str(WARM_UP_MS))
        run_json([client, "bulk", *warm_up, *target], timeout=60)
        before = running.cpu_seconds()
        connections = str(CASES[file][1])
        options = ("--connections", connections, "--for-ms", for_ms)
        [result] = run_json([client, "bulk", *options, *target], timeout=120)
        time.sleep(0.02)  # for what the server still does when the client is done
        result["cpu_seconds"] = running.cpu_seconds() - before
    result["cpu_per_gb"] = result["cpu_seconds"] / (result["bytes"] / 1e9)
    result["gb_per_second"] = result["bytes"] / 1e9 / result["seconds"]
    return result


def _figure(
    file: str,
    kind: Kind,
    subject: list[dict[str, Any]],
    peer: Kind,
    baseline: list[dict[str, Any]],
    bar: float | None,
) -> Figure:
    ratios = [a["cpu_per_gb"] / b["cpu_per_gb"] for a, b in zip(subject, baseline, strict=True)]
    flawed = sum(cell[flaw] for cell in subject for flaw in FLAWS)
    ours, theirs = (
        f"{median([cell['cpu_per_gb'] for cell in cells]):.3f} CPU-s/GB at "
        f"{median([cell['gb_per_second'] for cell in cells]):.2f} GB/s"
        for cells in (subject, baseline)
    )
    return Figure(
        f"front bulk {file}, {kind.name} over {peer.name}",
        f"{kind.name}: CPU per GB over {peer.name}",
        *median_and_spread(ratios),
        "x",
        bar,
        f"{ours}; {peer.name} {theirs}" + (f"; {flawed} answers spoiled" if flawed else ""),
        flawed if kind.ours else 0,
        interval=median_interval(ratios),
        group=f"front bulk, {CASES[file][0]}",
    )


if __name__ == "__main__":
    main(front_bulk, __doc__, "clients")
