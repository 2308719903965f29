"""A chart in text: workers and demand over time, and the queue below."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

EIGHTHS = " ▁▂▃▄▅▆▇█"
PLAIN = "  ..::||#"  # the same heights, as ASCII can tell them
DEMAND, DEMAND_PLAIN = "●", "o"
MARGIN = 7  # columns left of the chart
ROWS = 8


def can_say(text: str, encoding: str | None) -> bool:
    """Does the terminal know these characters?"""
    try:
        text.encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def bins(values: Any, count: int, reduce: Callable[[Any], Any] = np.mean) -> list[float]:
    """So many numbers out of a long series; a short one is stretched."""
    array = np.asarray(values, dtype=float)
    if not len(array):
        return [0.0] * count
    edges = np.linspace(0, len(array), count + 1)
    return [
        float(reduce(array[int(left) : max(int(left) + 1, int(np.ceil(right)))]))
        for left, right in itertools.pairwise(edges)
    ]


def chart(series: Any, *, width: int = 0, rows: int = ROWS, ascii_only: bool | None = None) -> str:
    """Draw the series of a `Result`: `t` in seconds, `ready`, `demand`, `queue`, `queue_max`.

    The bars are of the checks; between them the queue may be longer: `queue_max` counts all.

    The width is that of the terminal, and ASCII where its encoding has no blocks, unless given.
    """
    if ascii_only is None:
        ascii_only = not can_say(EIGHTHS + DEMAND, sys.stdout.encoding)
    steps, dot = (PLAIN, DEMAND_PLAIN) if ascii_only else (EIGHTHS, DEMAND)
    columns = max((width or shutil.get_terminal_size().columns) - MARGIN, 10)
    workers = bins(series.ready, columns)
    demand = bins(series.demand, columns)
    queue = bins(series.queue, columns, np.max)
    top = max(*workers, *demand, 1.0)

    lines = [f"workers: ready {steps[-1] * 2}  demand {dot * 2}"]
    for row in reversed(range(rows)):
        label = (
            f"{top * (row + 1) / rows:{MARGIN - 2}.1f}" if row in (rows - 1, rows // 2 - 1) else ""
        )
        cells = (
            cell(have * rows / top - row, want * rows / top - row, steps, dot)
            for have, want in zip(workers, demand, strict=True)
        )
        lines.append(f"{label:>{MARGIN - 2}} |{''.join(cells)}".rstrip())
    lines.append(" " * (MARGIN - 1) + "+" + "-" * columns)
    highest = max(queue)
    bars = "".join(steps[round(length / (highest or 1) * (len(steps) - 1))] for length in queue)
    lines.append(f"queue |{bars}".rstrip())
    seconds = float(series.t[-1]) if len(series.t) else 0.0
    lines.append(below(seconds, series.queue_max, columns))
    return "\n".join(lines)


def cell(filled: float, demand: float, steps: str, dot: str) -> str:
    """One character: the bar of workers, and the demand on top of it."""
    if 0 < demand <= 1:
        return dot
    return steps[min(max(round(filled * (len(steps) - 1)), 0), len(steps) - 1)]


def below(seconds: float, queue_max: int, columns: int) -> str:
    """The line under the chart."""
    left, right = f"0 s; longest queue {queue_max:,}", f"{seconds:,.0f} s"
    return " " * MARGIN + left + " " * max(columns - len(left) - len(right), 1) + right
