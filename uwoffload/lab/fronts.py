"""Pareto fronts: what a worker-second buys.

A point is (cost, harm): worker-seconds, and the share of requests over the wait target.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from .confidence import LEVEL, Interval, interval


class Point(NamedTuple):
    """What a setting costs and what its users suffer; `name` says which setting."""

    cost: float
    harm: float
    name: str = ""


def front(points: Iterable[Point]) -> list[Point]:
    """Those that no other beats in both, cheapest first; of equal ones the first."""
    best: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, point.harm)):
        if not best or point.harm < best[-1].harm:
            best.append(point)
    return best


def harm_at(points: Iterable[Point], cost: float) -> float:
    """The least harm that a mixture of these settings causes for that cost.

    Between two settings one can run the one for part of the time and the other for the rest, so
    what counts is the lower convex hull.  Infinite below the cheapest setting.
    """
    corners = hull(points)
    if not corners or cost < corners[0].cost:
        return math.inf
    for left, right in itertools.pairwise(corners):
        if cost <= right.cost:
            part = (cost - left.cost) / (right.cost - left.cost)
            return left.harm + part * (right.harm - left.harm)
    return corners[-1].harm


def hull(points: Iterable[Point]) -> list[Point]:
    """The lower convex hull of the front."""
    corners: list[Point] = []
    for point in front(points):
        while len(corners) > 1 and not turns_up(corners[-2], corners[-1], point):
            corners.pop()
        corners.append(point)
    return corners


def turns_up(first: Point, middle: Point, last: Point) -> bool:
    """Does the middle lie below the line from the first to the last?"""
    run, rise = middle.cost - first.cost, middle.harm - first.harm
    return rise * (last.cost - first.cost) < (last.harm - first.harm) * run


def ahead(
    ours: Sequence[Mapping[str, Point]],
    theirs: Sequence[Mapping[str, Point]],
    *,
    level: float = LEVEL,
) -> Interval:
    """How much less harm our settings cause than theirs at the cost of ours, over seeds.

    Each side is one mapping per seed: setting -> point.  For each seed and each setting of ours
    that costs at least what the cheapest of theirs does, theirs get the same cost; the seed counts
    with the mean.  Positive: ours are ahead.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} seeds cannot be paired with {len(theirs)}")
    gains = []
    for mine, other in zip(ours, theirs, strict=True):
        others = list(other.values())
        differences = [
            rival - point.harm
            for point in hull(mine.values())
            if math.isfinite(rival := harm_at(others, point.cost))
        ]
        if differences:
            gains.append(sum(differences) / len(differences))
    if not gains:
        raise ValueError("no setting of one side costs as much as any of the other")
    return interval(gains, level=level)
