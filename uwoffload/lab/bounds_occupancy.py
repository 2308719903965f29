"""How many requests are in progress when none ever waits, and what that costs.

N(t) is the pool that serves every request on arrival.  It is made piece by
piece, so that a load in chunks needs memory for one chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .loads import Chunk, Floats, Ints

BLOCK_CELLS = 1 << 22  # of a matrix slots x levels that is worked on at once


@dataclass(frozen=True, eq=False)
class Moves:
    """The moments at which N changes: by `change` to `count`."""

    times: Ints
    change: Ints  # +1 or -1, one request each
    count: Ints


def moves(chunks: Iterable[Chunk], horizon_us: int) -> Iterator[Moves]:
    """N(t) before horizon_us.  At the same moment a request ends before another begins.

    One that takes no time needs a worker all the same: it begins and ends in its turn.
    """
    ending = np.zeros(0, np.int64)  # of requests in progress, sorted
    count = 0
    for arrivals, services in chunks:
        if not arrivals.size:
            continue
        some = services > 0
        ends = np.sort(np.concatenate([ending, (arrivals + services)[some]]))
        split = int(np.searchsorted(ends, arrivals[-1], side="right"))
        yield _merged(ends[:split], *_begun(arrivals, some), count)
        count += int(np.count_nonzero(some)) - split
        ending = ends[split:]
    ending = ending[ending < horizon_us]
    if ending.size:
        none = np.zeros(0, np.int64)
        yield _merged(ending, none, none, count)


def _begun(arrivals: Ints, some: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """The moments of arrival and what they change: +1, and where it takes no time -1 behind it."""
    turns = np.where(some, 1, 2)
    change = np.ones(int(turns.sum()), np.int64)
    change[np.cumsum(turns)[~some] - 1] = -1
    return np.repeat(arrivals, turns), change


def _merged(ends: Ints, begins: Ints, begun: Ints, count: int) -> Moves:
    times = np.concatenate([ends, begins])
    change = np.concatenate([np.full(ends.size, -1, np.int64), begun])
    order = np.argsort(times, kind="stable")
    change = change[order]
    return Moves(times[order], change, count + np.cumsum(change))


def packed(piece: Moves, threads: int) -> Moves:
    """The workers that these requests fill, `threads` in each."""
    after = -(-piece.count // threads)
    change = after + (piece.change - piece.count) // threads  # minus those before, rounded up
    moved = change != 0
    return Moves(piece.times[moved], change[moved], after[moved])


class ZeroWait:
    """What serving every request on arrival costs; exact.

    Free switching: integral of max(workers_min, N).  With a price per start the
    pool splits into levels: level k is needed while N >= k, and in a gap between
    it is kept if that is cheaper than to start anew, min(gap, price).  The gaps
    of a level lie within those of the one above, so the levels never contradict
    each other and the sum over them is the optimum.  workers_min workers are
    there from the start to the end and cost no start.
    """

    def __init__(self, horizon_us: int, workers_min: int, price_us: int) -> None:
        self.horizon_us = horizon_us
        self.workers_min = workers_min
        self.price_us = price_us
        self.peak = 0
        self.above_us = 0  # of levels above workers_min
        self.kept_us = 0
        self.starts = 0
        self._now = 0
        self._count = 0
        self._off = np.full(64, -1, np.int64)  # when a level was last left; -1: never used

    def add(self, piece: Moves) -> None:
        times = np.concatenate([[self._now], piece.times])
        counts = np.concatenate([[self._count], piece.count])
        self._sum(times, counts[:-1])
        self.peak = max(self.peak, int(counts.max()))
        self._now, self._count = int(times[-1]), int(counts[-1])
        self._gaps(piece)

    def _sum(self, times: Ints, counts: Ints) -> None:
        widths = np.diff(times)
        self.above_us += int(np.dot(widths, np.maximum(counts - self.workers_min, 0)))

    def _gaps(self, piece: Moves) -> None:
        level = np.where(piece.change > 0, piece.count, piece.count + 1)
        high = level > self.workers_min
        order = np.flatnonzero(high)[np.argsort(level[high], kind="stable")]
        if not order.size:
            return
        level, times, up = level[order], piece.times[order], piece.change[order] > 0
        if level[-1] >= self._off.size:
            grown = np.full(2 * int(level[-1]), -1, np.int64)
            grown[: self._off.size] = self._off
            self._off = grown
        left = np.empty_like(times)  # when the level was left before this moment
        left[1:] = times[:-1]
        first = np.ones(level.size, bool)
        first[1:] = level[1:] != level[:-1]
        left[first] = self._off[level[first]]
        gaps = np.where(left >= 0, times - left, np.iinfo(np.int64).max)[up]
        kept = gaps <= self.price_us
        self.kept_us += int(gaps[kept].sum())
        self.starts += int(np.count_nonzero(~kept))
        down = ~up
        self._off[level[down]] = times[down]  # the last one of each level stays

    def finish(self) -> None:
        if self._now < self.horizon_us:
            self._sum(np.asarray([self._now, self.horizon_us]), np.asarray([self._count]))

    @property
    def worker_us(self) -> int:
        """With free switching."""
        return self.workers_min * self.horizon_us + self.above_us

    @property
    def priced_us(self) -> int:
        """Worker-time and starts, each at the price."""
        return self.worker_us + self.kept_us + self.price_us * self.starts


class Slots:
    """For every slot of time how long N had which value: rows slot by slot.

    Rows have a column per value up to `top`; N above it counts as top, and its
    area above top is given beside.
    """

    def __init__(self, horizon_us: int, slot_us: int, top: int) -> None:
        self.horizon_us = horizon_us
        self.slot_us = slot_us
        self.top = top
        self._now = 0
        self._count = 0
        self._row = np.zeros(top + 1)  # of the slot that is not finished
        self._over = 0.0

    def add(self, piece: Moves) -> Iterator[tuple[Floats, Floats]]:
        """Blocks of finished slots: time at each value, area above top."""
        times = np.concatenate([[self._now], piece.times])
        counts = np.concatenate([[self._count], piece.count])
        self._now, self._count = int(times[-1]), int(counts[-1])
        yield from self._blocks(times, counts)

    def finish(self) -> Iterator[tuple[Floats, Floats]]:
        times, counts = np.asarray([self._now, self.horizon_us]), np.asarray([self._count, 0])
        yield from self._blocks(times, counts)
        if self.horizon_us % self.slot_us:
            yield self._row[None], np.asarray([self._over])

    def _blocks(self, times: Ints, counts: Ints) -> Iterator[tuple[Floats, Floats]]:
        """counts[i] holds from times[i] on, up to the last of the times."""
        most = max(BLOCK_CELLS // (self.top + 1), 1)
        begin, end = int(times[0]), int(times[-1])
        while begin < end:
            first = begin // self.slot_us
            until = min((first + most) * self.slot_us, end)
            inner = slice(*np.searchsorted(times, [begin, until]))
            borders = np.arange((first + 1) * self.slot_us, until, self.slot_us)
            inside = np.sort(np.concatenate([[begin], times[inner], borders, [until]]))
            values = counts[np.searchsorted(times, inside[:-1], side="right") - 1]
            rows, over = self._table(inside, values, first)
            rows[0] += self._row
            over[0] += self._over
            begin = until
            if until % self.slot_us:
                self._row, self._over = rows[-1], float(over[-1])
                rows, over = rows[:-1], over[:-1]
            else:
                self._row, self._over = np.zeros(self.top + 1), 0.0
            yield rows, over

    def _table(self, times: Ints, counts: Ints, first: int) -> tuple[Floats, Floats]:
        widths = np.diff(times).astype(np.float64)
        slot = times[:-1] // self.slot_us - first
        slots = int((times[-1] - 1) // self.slot_us) - first + 1
        slot = np.minimum(slot, slots - 1)  # moments at the very end have no width
        cell = slot * (self.top + 1) + np.minimum(counts, self.top)
        above = widths * np.maximum(counts - self.top, 0)
        rows = np.bincount(cell, widths, slots * (self.top + 1)).astype(np.float64)
        return rows.reshape(slots, self.top + 1), np.bincount(slot, above, slots).astype(np.float64)
