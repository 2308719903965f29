"""How sure a mean is: bootstrap over seeds, paired where two rules saw the same load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


class Interval(NamedTuple):
    """A mean and the interval that holds it at the level asked for."""

    mean: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Zero lies outside."""
        return self.low > 0 or self.high < 0


def interval(values: Sequence[float], *, level: float = LEVEL, seed: int = 0) -> Interval:
    """Percentile bootstrap of the mean; a single value has no spread and is its own interval."""
    sample = np.asarray(values, dtype=float)
    if not len(sample):
        raise ValueError("an interval needs at least one value")
    mean = float(sample.mean())
    if len(sample) == 1 or not np.ptp(sample):
        return Interval(mean, mean, mean)
    drawn = np.random.default_rng(seed).integers(0, len(sample), (RESAMPLES, len(sample)))
    low, high = np.quantile(sample[drawn].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high))


def paired(
    ours: Sequence[float], theirs: Sequence[float], *, level: float = LEVEL, seed: int = 0
) -> Interval:
    """Of the difference ours - theirs; the n-th of each must come from the same load."""
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} values cannot be paired with {len(theirs)}")
    differences = [one - other for one, other in zip(ours, theirs, strict=True)]
    return interval(differences, level=level, seed=seed)
