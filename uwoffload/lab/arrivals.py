"""Processes of arrivals: a rate over time made into single requests.

A rate says only how busy a moment is beside the others; a process scales it so
that the mean over the horizon is what was asked for, whatever the shape.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from ..errors import InvalidArgument
from .loads import ARRIVALS, JOBS, SECOND, WINDOW_US, Floats, Ints, Streams, check_window

CELLS = 64  # of a window: in each the rate is looked up and bounded
TOGETHER = 64  # windows that are summed up at once
SLACK = 1e-3  # a wave bends by less than this share between the ends of a cell


@dataclass(frozen=True, eq=False)
class Rate:
    """A relative rate: `at(t)` for an array of seconds, from the right where it jumps.

    Between two neighbours of `breaks` (sorted) it is smooth and, at the scale
    of a cell, monotone.  Rates multiply: a wave with a flash crowd is `a * b`.
    """

    at: Callable[[Floats], Floats]
    breaks: Floats
    meta: dict[str, object] = field(default_factory=dict)

    def __mul__(self, other: Rate) -> Rate:
        return Rate(
            lambda t: self.at(t) * other.at(t),
            np.union1d(self.breaks, other.breaks),
            {**self.meta, **other.meta},
        )

    def cells(self, begin: float, end: float, windows: int = 1) -> tuple[Floats, Floats]:
        """Left and right ends of the pieces of begin..end, breaks between them."""
        inside = slice(*np.searchsorted(self.breaks, [begin, end], side="right"))
        edges = np.union1d(np.linspace(begin, end, windows * CELLS + 1), self.breaks[inside])
        return edges[:-1], edges[1:]

    def integral(self, begin: float, end: float, power: float = 1.0) -> float:
        """Of the rate to a power, by Simpson's rule in every cell."""
        left, right = self.cells(begin, end, TOGETHER)
        sums = self.at(left) ** power
        sums += 4 * self.at((left + right) / 2) ** power
        sums += self.at(np.nextafter(right, left)) ** power
        total: float = np.sum(sums * (right - left)).item()
        return total / 6


def _whole(times: Floats, begin_us: int, end_us: int) -> Ints:
    return np.clip(times, begin_us, end_us - 1).astype(np.int64)


class Process(ABC):
    """Arrivals over a horizon whose mean rate is given when they are drawn."""

    def __init__(self, rate: Rate, horizon_us: int) -> None:
        if not isinstance(horizon_us, int | np.integer) or horizon_us <= 0:
            raise InvalidArgument(f"horizon_us {horizon_us!r}: a whole number of µs above 0")
        self.rate = rate
        self.horizon_us = int(horizon_us)
        self.meta = dict(rate.meta)
        self.mean = self._integral(1.0) / (horizon_us / SECOND)
        if not self.mean > 0:
            raise InvalidArgument("this shape has no arrivals within the horizon")

    def _integral(self, power: float) -> float:
        windows = [*range(0, self.horizon_us, TOGETHER * WINDOW_US), self.horizon_us]
        parts = [self.rate.integral(a / SECOND, b / SECOND, power) for a, b in pairwise(windows)]
        return math.fsum(parts)

    def relative(self, times_us: Ints) -> Floats:
        """The rate at these moments, beside its mean."""
        return self.rate.at(times_us / SECOND) / self.mean

    def mean_seen(self, power: float) -> float:
        """Mean of relative^power as arriving requests see it (they come where it is high)."""
        seconds = self.horizon_us / SECOND
        return self._integral(1 + power) / seconds / math.pow(self.mean, 1 + power)

    @abstractmethod
    def draw(
        self, streams: Streams, index: int, per_second: float, begin_us: int, end_us: int
    ) -> Ints:
        """The arrivals of window `index`, sorted."""

    def _thinned(
        self, rng: np.random.Generator, per_second: float, begin_us: int, end_us: int
    ) -> Ints:
        """Poisson by thinning (Lewis and Shedler 1979): propose at a bound, keep rate / bound."""
        left, right = self.rate.cells(begin_us / SECOND, end_us / SECOND)
        bound = np.maximum(self.rate.at(left), self.rate.at(np.nextafter(right, left)))
        bound = bound * (1 + SLACK)
        width = right - left
        means = bound * width * (per_second / self.mean)
        check_window(float(means.sum()))
        counts = rng.poisson(means)
        times = np.repeat(left, counts) + rng.random(counts.sum()) * np.repeat(width, counts)
        keep = rng.random(times.size) * np.repeat(bound, counts) < self.rate.at(times)
        return _whole(np.sort(times[keep]) * SECOND, begin_us, end_us)


class Poisson(Process):
    """Independent users: a Poisson process of the given rate."""

    def draw(
        self, streams: Streams, index: int, per_second: float, begin_us: int, end_us: int
    ) -> Ints:
        return self._thinned(streams.generator(ARRIVALS, index), per_second, begin_us, end_us)


class Batches(Process):
    """Requests come together: Poisson moments, geometric sizes with the given mean.

    Index of dispersion 2 * size - 1 at every scale (compound Poisson: E[B^2] / E[B]).
    """

    def __init__(self, rate: Rate, horizon_us: int, *, size: float = 4.0) -> None:
        super().__init__(rate, horizon_us)
        if not size >= 1:
            raise InvalidArgument(f"size {size!r}: mean requests of a batch, from 1 up")
        self.size = size
        self.meta["batch_size"] = size

    def draw(
        self, streams: Streams, index: int, per_second: float, begin_us: int, end_us: int
    ) -> Ints:
        rng = streams.generator(ARRIVALS, index)
        moments = self._thinned(rng, per_second / self.size, begin_us, end_us)
        check_window(moments.size * self.size)
        return np.repeat(moments, rng.geometric(1 / self.size, moments.size))


class Paced(Process):
    """One request every 1 / rate seconds, as from a metronome: no chance in the arrivals."""

    def __init__(self, horizon_us: int) -> None:
        super().__init__(Rate(np.ones_like, np.zeros(0)), horizon_us)

    def draw(
        self,
        streams: Streams,  # noqa: ARG002 - no chance
        index: int,  # noqa: ARG002
        per_second: float,
        begin_us: int,
        end_us: int,
    ) -> Ints:
        step = SECOND / per_second
        first, last = int(np.ceil(begin_us / step)), int(np.ceil(end_us / step))
        return _whole(np.arange(first, last, dtype=np.float64) * step, begin_us, end_us)


class Jobs(Process):
    """Timers: every period_s a share of all requests comes within jitter_s; the rest is Poisson.

    Each occurrence brings k = share * rate * horizon / occurrences requests (the
    fraction of k by chance), uniformly over jitter_s: full-minute timers of Azure.
    """

    def __init__(
        self,
        rate: Rate,
        horizon_us: int,
        *,
        period_s: float = 60.0,
        share: float = 0.5,
        jitter_s: float = 2.0,
    ) -> None:
        super().__init__(rate, horizon_us)
        if not 0 < share <= 1:
            raise InvalidArgument(f"share {share!r}: of the requests, above 0, up to 1")
        if not 0 < jitter_s <= period_s:
            raise InvalidArgument(f"jitter_s {jitter_s!r}: above 0, up to the period {period_s:g}")
        self.period_us = max(round(period_s * SECOND), 1)
        self.jitter_us = max(round(jitter_s * SECOND), 1)
        self.share = share
        self.meta |= {"period_s": period_s, "share": share, "jitter_s": jitter_s}

    def draw(
        self, streams: Streams, index: int, per_second: float, begin_us: int, end_us: int
    ) -> Ints:
        rng = streams.generator(ARRIVALS, index)
        others = self._thinned(rng, per_second * (1 - self.share), begin_us, end_us)
        occurrences = -(-self.horizon_us // self.period_us)
        each = self.share * per_second * self.horizon_us / SECOND / occurrences
        check_window(each)
        first, last = begin_us // self.period_us, -(-end_us // self.period_us)
        parts = [others]
        for job in range(first, last):  # one that spills into the next window is drawn in both
            times = self._job(streams.generator(JOBS, job), job * self.period_us, each)
            parts.append(times[(times >= begin_us) & (times < end_us)])
        found = np.concatenate(parts)
        found.sort()
        return found

    def _job(self, rng: np.random.Generator, at_us: int, each: float) -> Ints:
        count = int(each) + int(rng.random() < each - int(each))
        until = min(at_us + self.jitter_us, self.horizon_us)
        return rng.integers(at_us, until, count, dtype=np.int64)
