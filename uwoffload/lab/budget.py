"""What a search for knobs may spend."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from ..errors import InvalidArgument
from .fronts import Point

LEEWAY = 0.05  # beyond what is attainable
CAUTION = 3.0  # standard errors added to a mean, before it is held against the budget


@dataclass(frozen=True)
class Budget:
    """What is allowed: a share of requests over the wait target, or mean workers paid for."""

    over_share: float | None = None
    mean_workers: float | None = None

    def __post_init__(self) -> None:
        if (self.over_share is None) == (self.mean_workers is None):
            raise InvalidArgument("a budget is over_share or mean_workers: one of them")
        if self.over_share is not None and not 0 <= self.over_share < 1:
            raise InvalidArgument(f"over_share {self.over_share!r}: a share from 0 to below 1")
        if self.mean_workers is not None and not self.mean_workers > 0:
            raise InvalidArgument(f"mean_workers {self.mean_workers!r}: above 0")

    def __str__(self) -> str:
        if self.over_share is not None:
            return f"at most {self.over_share:.3%} of the requests over the wait target"
        return f"at most {round(self.limit, 3):g} workers on average"

    def careful(self, costs: Sequence[float], harms: Sequence[float], name: str) -> Point:
        """Means, and more of what the budget is on: what fits by luck alone shall not be chosen."""
        if self.over_share is not None:
            return Point(mean(costs), mean(harms) + margin(harms), name)
        return Point(mean(costs) + margin(costs), mean(harms), name)

    @property
    def limit(self) -> float:
        """The share, or the workers."""
        return self.over_share if self.over_share is not None else self.mean_workers or 0.0

    def figure(self, point: Point, seconds: float) -> float:
        """What the budget is on: a share, or mean workers."""
        return point.harm if self.over_share is not None else point.cost / seconds

    def order(self, point: Point, seconds: float) -> tuple[float, float, float]:
        """Sorts settings: first by what they are beyond the budget, then by what is to be least."""
        if self.over_share is not None:
            return max(point.harm - self.over_share, 0.0), point.cost, point.harm
        return max(point.cost - self.limit * seconds, 0.0), point.harm, point.cost

    def holds(self, point: Point, seconds: float) -> bool:
        """Is it inside?"""
        return self.order(point, seconds)[0] == 0

    def attainable(self, points: Iterable[Point], seconds: float) -> Budget:
        """This one, or where no point is inside, one a little wider than the nearest needs.

        Without the little, the last thousandth of harm would be bought at any cost.
        """
        known = list(points)
        if any(self.holds(point, seconds) for point in known):
            return self
        if self.over_share is not None:
            least = min(point.harm for point in known)
            return Budget(over_share=min(least * (1 + LEEWAY), 0.999))
        return Budget(mean_workers=min(point.cost for point in known) / seconds * (1 + LEEWAY))


def margin(values: Sequence[float]) -> float:
    """Some standard errors of the mean; none is known from a single value."""
    return CAUTION * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
