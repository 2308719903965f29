"""All rules over many loads and seeds, each rule on the very same loads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property

from ..errors import InvalidArgument
from .cases import BOUNDS, WAIT_TARGET_US, Case, Record, tasks
from .confidence import Interval, interval, paired
from .crew import Crew, hired
from .fronts import Point, front
from .rules import Contender, parse
from .simulate import Pool

COST, HARM = "worker_seconds", "over_share"
MEASURES = (COST, HARM)


@dataclass(frozen=True)
class Comparison:
    """Records of several rules on several loads and seeds."""

    records: Sequence[Record]

    @cached_property
    def _by(self) -> dict[tuple[str, str], list[Record]]:
        by: dict[tuple[str, str], list[Record]] = {}
        for record in self.records:
            by.setdefault((record["load"], record["rule"]), []).append(record)
        return {key: sorted(found, key=lambda record: record["seed"]) for key, found in by.items()}

    @property
    def loads(self) -> list[str]:
        """Names, in the order in which they came."""
        return list(dict.fromkeys(load for load, _ in self._by))

    @property
    def rules(self) -> list[str]:
        """The same of the rules."""
        return list(dict.fromkeys(rule for _, rule in self._by))

    def values(self, load: str, rule: str, measure: str) -> list[float]:
        """One value per seed, in the order of the seeds; of harm see `harms`."""
        if (load, rule) not in self._by:
            raise InvalidArgument(f"no result of rule {rule!r} on load {load!r}")
        found = self._by[load, rule]
        return harms(found) if measure == HARM else [float(record[measure]) for record in found]

    def mean(self, load: str, rule: str, measure: str) -> Interval:
        """Over the seeds."""
        return interval(self.values(load, rule, measure))

    def difference(self, load: str, rule: str, other: str, measure: str) -> Interval:
        """Of rule - other, seed by seed: what both owe to the load falls out."""
        return paired(self.values(load, rule, measure), self.values(load, other, measure))

    def points(self, load: str) -> list[Point]:
        """Cost and harm of each rule, means over the seeds."""
        return [
            Point(self.mean(load, rule, COST).mean, self.mean(load, rule, HARM).mean, rule)
            for rule in self.rules
            if (load, rule) in self._by
        ]

    def front(self, load: str) -> list[Point]:
        """The rules that no other beats in both."""
        return front(self.points(load))

    def summary(self, against: str = "") -> list[Record]:
        """A line per load and rule: means, intervals, ratios; differences to the rule `against`."""
        lines = []
        for load in self.loads:
            best = {point.name for point in self.front(load)}
            for rule in self.rules:
                if (load, rule) in self._by:
                    lines.append(self._line(load, rule, against, rule in best))
        return lines

    def _line(self, load: str, rule: str, against: str, on_front: bool) -> Record:
        found = self._by[load, rule]
        line: Record = {"load": load, "rule": rule, "seeds": len(found), "front": on_front}
        for name in found[0]:
            values = [record[name] for record in found]
            if name not in line and not any(isinstance(value, str) for value in values):
                line[name] = average(values)
        for measure in MEASURES:
            line[measure], line[f"{measure}_low"], line[f"{measure}_high"] = self.mean(
                load, rule, measure
            )
            if against and rule != against:
                gap = self.difference(load, rule, against, measure)
                line[f"{measure}_less"], low, high = gap
                line[f"{measure}_less_low"], line[f"{measure}_less_high"] = low, high
        return line


def harms(records: Sequence[Record]) -> list[float]:
    """The share of late requests in each run: what their mean and their spread are asked for.

    Their mean is the share of all requests, also where one part of a log has ten times those of
    another; each stands apart from it by its weight (the residuals of a ratio, Cochran 1977, 6.3).
    """
    weights = [record["requests"] for record in records]
    mean = sum(weights) / len(weights) or 1.0
    found = [(record[HARM], weight / mean) for record, weight in zip(records, weights, strict=True)]
    share = sum(harm * weight for harm, weight in found) / len(found)
    return [share + (harm - share) * weight for harm, weight in found]


def average(values: Sequence[float | None]) -> float:
    """Of what every run has; not a number where one lacks it."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else math.nan


def compare(
    rules: Iterable[str | Contender],
    cases: Sequence[Case],
    pool: Pool,
    *,
    wait_target_us: int = WAIT_TARGET_US,
    price_us: int | None = None,
    with_bounds: bool = True,
    crew: Crew | Executor | None = None,
    each: Callable[[Sequence[Record]], None] | None = None,
) -> Comparison:
    """Try every rule on every case.  `each` is called with the records of a case as they come.

    Cases come from `seeded(name, seeds)` or `blocks(load, count)`.
    """
    asked = [parse(rule) if isinstance(rule, str) else rule for rule in rules]
    if not asked or not cases:
        raise InvalidArgument("a comparison needs at least one rule and one load")
    for rule in asked:
        rule.build(pool)  # what is not sound is told before anything runs
    work = tasks(
        cases,
        asked,
        pool,
        wait_target_us=wait_target_us,
        price_us=price_us,
        with_bounds=with_bounds,
    )
    records: list[Record] = []
    for _, found in hired(crew).compute(work):
        records += found
        if each:
            each(found)
    return Comparison(records)


__all__ = ["BOUNDS", "Comparison", "compare"]
