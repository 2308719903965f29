"""What may be wrong with the figures of a trace: said, put right, or refused with the line."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._bridge import lib
from .loads import SECOND, Floats, Ints
from .traces_files import Reading

MINUTE_US = 60 * SECOND
DAY_US = 24 * 60 * MINUTE_US
LONGEST_US = 7 * DAY_US  # that a request may take


class Place(NamedTuple):
    stamp_us: int
    number: int  # of the line
    line: str


def note_span(stamps: Ints, first: Place, last: Place, reading: Reading) -> None:
    """Where the simulator has no room for all of it, the line that is farthest off is named."""
    if last.stamp_us - first.stamp_us <= lib.UWO_LAB_TIME_MAX - SECOND:
        return
    middle = int(np.median(stamps))
    far = last if last.stamp_us - middle > middle - first.stamp_us else first
    reading.note(
        f"line {far.number} is {abs(far.stamp_us - middle) / DAY_US:.0f} days from the middle of "
        f"the others; at most {lib.UWO_LAB_TIME_MAX // DAY_US} days can be replayed at once: take "
        f"such lines out, or cut the load: {far.line!r:.120}"
    )


def leave_out(figures: Floats, reading: Reading) -> None:
    long = figures > LONGEST_US
    if long.any():
        figures[long] = np.nan
        reading.note(
            f"{int(np.count_nonzero(long))} response times above {LONGEST_US / SECOND:g} s count "
            "as missing"
        )


def note_order(stamps: Ints, reading: Reading) -> None:
    if not stamps.size:
        return
    back = np.maximum.accumulate(stamps) - stamps
    late = int(np.count_nonzero(back))
    if late:
        reading.note(
            f"{late} of {stamps.size} lines were not in order of time (by up to "
            f"{int(back.max()) / SECOND:g} s) and were sorted"
        )


def note_gap(arrivals: Ints, length: int, reading: Reading) -> None:
    if arrivals.size < 2:
        return
    gaps = np.diff(arrivals)
    widest = int(gaps.max())
    if widest > max(length // 2, 60 * MINUTE_US):
        reading.note(
            f"nothing comes for {widest / SECOND:.0f} s of {length / SECOND:.0f} s: "
            "is a stamp wrong?"
        )
