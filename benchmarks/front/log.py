"""
The access log: what does a line cost, and is a logged request still no dearer than nginx's?

1 KiB, kept alive and closed, log off and on; nginx writes its combined format through a
buffer of 64 KiB that is flushed every second.
"""

from collections import defaultdict
from statistics import median
from typing import Any

from method import Figure, Settings, files, interleaved, main, median_and_spread, median_interval

from front import wrk
from front.servers import NGINX, OURS_1, Kind, Setup, needs, serving
from front.small import SIZES, against

FILE = "1k"
KINDS = (OURS_1, NGINX)
SHAPES = {"keep-alive": False, "close": True}


def log(settings: Settings) -> list[Figure]:
    needs("nginx", "wrk")
    cells: dict[tuple[Kind, str, bool], list[dict[str, Any]]] = defaultdict(list)
    every = {
        f"{shape}, {kind.name}, log {'on' if logged else 'off'}": (kind, shape, logged)
        for kind in KINDS
        for shape in SHAPES
        for logged in (False, True)
    }
    with files(**SIZES) as directory:
        for number, key in interleaved(settings, list(every)):
            kind, shape, logged = every[key]
            with serving(settings, kind, Setup(directory, log=logged)) as running:
                result = wrk.load(settings, running, FILE, SIZES[FILE], SHAPES[shape])
            settings.record("cell", question="log", round=number, case=key, **result)
            settings.progress(f"  log round {number}: {key} {result['cpu_us']:.2f} µs")
            cells[kind, shape, logged].append(result)
    figures = []
    for shape in SHAPES:
        group = f"access log, 1 KiB, {shape}"
        for kind in KINDS:
            figures.append(_price(group, kind, cells[kind, shape, False], cells[kind, shape, True]))
        ours, theirs = cells[OURS_1, shape, True], cells[NGINX, shape, True]
        figures.append(against(ours, theirs, f"{group}, logged on both sides", OURS_1, "cpu_us"))
        figures.append(
            against(ours, theirs, f"{group}, logged on both sides", OURS_1, "per_second")
        )
    return figures


def _price(group: str, kind: Kind, off: list[dict[str, Any]], on: list[dict[str, Any]]) -> Figure:
    ratios = [b["cpu_us"] / a["cpu_us"] for a, b in zip(off, on, strict=True)]
    more = median([b["cpu_us"] - a["cpu_us"] for a, b in zip(off, on, strict=True)])
    return Figure(
        f"{group}, {kind.name}, on over off",
        f"{kind.name}: CPU per request with the log on over off",
        *median_and_spread(ratios),
        "x",
        note=f"a line: {more:+.2f} µs",
        interval=median_interval(ratios),
        group=group,
    )


if __name__ == "__main__":
    main(log, __doc__, "clients")
