"""What a search for knobs may spend."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import InvalidArgument
from .fronts import Point

LEEWAY = 0.05  # beyond what is attainable


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
        return f"at most {self.mean_workers:g} workers on average"

    def order(self, point: Point, seconds: float) -> tuple[float, float, float]:
        """Sorts settings: first by what they are beyond the budget, then by what is to be least."""
        if self.over_share is not None:
            return max(point.harm - self.over_share, 0.0), point.cost, point.harm
        allowed = (self.mean_workers or 0.0) * seconds
        return max(point.cost - allowed, 0.0), point.harm, point.cost

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
