"""Find knobs for a load within a budget: spread wide, keep the better half, look around the best.

Tuned on one part of the load (or of the seeds), told on the other: what fits only the past shows.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from statistics import mean

from ..errors import InvalidArgument
from .budget import Budget
from .cases import WAIT_TARGET_US, Case, Record, Task
from .compare import COST, HARM, Comparison, compare, harms
from .confidence import Interval
from .crew import Crew, hired
from .fronts import Point, hull
from .loads import Load
from .ranges import Range, around, ranges_of, spread
from .rules import STATIC, Contender
from .simulate import Pool

CANDIDATES = 48  # per rule
FIRST_SHARE = 4  # the first look is on this part of the loads, one in ...
KEPT = 4  # settings per rule that are refined
ROUNDS = 4  # of refinement, each half as wide
WIDTH = 0.2  # of the range, in the first round
NEIGHBOURS = 4  # random ones beside the steps along each knob
RULES_EACH = 8
SAME = 0.005  # costs so near to each other are the same, when a knob can go back to its default


@dataclass(frozen=True)
class Tuned:
    """What was found."""

    budget: Budget
    chosen: Contender
    on_search: Point  # of the chosen, on the part that was tuned on
    tried: dict[str, list[Point]]  # by rule as given, on all of that part
    settings: dict[str, Contender] = field(repr=False)  # by name, every one tried
    check: Comparison = field(repr=False)  # of the chosen, on the other part, beside the defaults
    seconds: float  # mean length of a load of the other part
    attained: Budget  # the budget, or the nearest that can be kept
    best_of: dict[str, Contender]  # by rule as given
    careful: dict[str, Point] = field(repr=False)  # by name, as they are held against the budget

    @property
    def corners(self) -> list[str]:
        """What the choice was between, cheapest first: corners of the front of the careful points,
        and the chosen."""
        best = hull(self.careful.values())
        shown = {*best, self.careful[str(self.chosen)]}
        return [point.name for point in sorted(shown, key=lambda one: (one.cost, -one.harm))]

    def held(self, name: str) -> float:
        """What is held against the budget: a share or mean workers, with the margin."""
        return self.budget.figure(self.careful[name], self.seconds)

    @property
    def seen(self) -> dict[str, Point]:
        """Every setting that was tried, by name: means, without the margin."""
        return {point.name: point for points in self.tried.values() for point in points}

    @property
    def front(self) -> list[Point]:
        """Of everything tried: the corners between which any other point is a mixture."""
        return hull(point for points in self.tried.values() for point in points)

    @property
    def on_check(self) -> Point:
        """Of the chosen, on the part that the search did not see."""
        load = self.check.loads[0]
        name = str(self.chosen)
        return Point(
            self.check.mean(load, name, COST).mean, self.check.mean(load, name, HARM).mean, name
        )

    @property
    def holds(self) -> bool:
        """Does it stay inside the budget there too?"""
        return self.budget.holds(self.on_check, self.seconds)

    def against(self, rule: str, measure: str) -> Interval:
        """Difference to another rule of the check, paired."""
        return self.check.difference(self.check.loads[0], str(self.chosen), rule, measure)


class Search:
    """Costs of settings on the part that is tuned on, each computed once."""

    def __init__(
        self,
        cases: Sequence[Case],
        pool: Pool,
        budget: Budget,
        wait_target_us: int,
        crew: Crew,
        each: Callable[[int], None] | None,
    ) -> None:
        self.cases = cases
        self.seconds = sum(case.make().horizon_us for case in cases) / len(cases) / 1e6
        self._pool = pool
        self._budget = budget
        self._wait_target_us = wait_target_us
        self._crew = crew
        self._each = each
        self._known: dict[tuple[Case, Contender], Record] = {}

    def points(self, rules: Sequence[Contender], cases: Sequence[Case]) -> dict[Contender, Point]:
        """Over these loads, as they are held against the budget."""
        work = []
        for case in cases:
            new = [rule for rule in rules if (case, rule) not in self._known]
            work += [
                Task(
                    case,
                    tuple(new[at : at + RULES_EACH]),
                    self._pool,
                    self._wait_target_us,
                    with_bounds=False,
                )
                for at in range(0, len(new), RULES_EACH)
            ]
        places = [(task.case, task.rules) for task in work]
        for (case, asked), (_, records) in zip(places, self._crew.compute(work), strict=True):
            self._known.update(
                {(case, rule): record for rule, record in zip(asked, records, strict=True)}
            )
            if self._each:
                self._each(len(records))
        return {rule: self._budget.careful(*self._values(rule, cases), str(rule)) for rule in rules}

    def point(self, rule: Contender) -> Point:
        """Means over all loads of the search."""
        costs, harms = self._values(rule, self.cases)
        return Point(mean(costs), mean(harms), str(rule))

    def _values(self, rule: Contender, cases: Sequence[Case]) -> tuple[list[float], list[float]]:
        found = [self._known[case, rule] for case in cases]
        return [record[COST] for record in found], harms(found)


def halves(parts: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Parts of a recorded load to search on and to check on, each in the order of time.

    The busiest first, they are dealt 1 2 2 1: so both halves have busy and quiet ones.
    """
    busiest = sorted(parts, key=requests_in, reverse=True)
    search = {part for number, part in enumerate(busiest) if number % 4 in (0, 3)}
    return [one for one in parts if one in search], [one for one in parts if one not in search]


def requests_in(part: Case) -> int:
    """Of a part of a recorded load."""
    load = part.make()
    return load.requests if isinstance(load, Load) else 0


def tune(
    rules: Sequence[Contender],
    search_on: Sequence[Case],
    check_on: Sequence[Case],
    pool: Pool,
    budget: Budget,
    *,
    wait_target_us: int = WAIT_TARGET_US,
    ranges: dict[str, tuple[int, int]] | None = None,
    candidates: int = CANDIDATES,
    seed: int = 0,
    with_bounds: bool = True,
    crew: Crew | Executor | None = None,
    each: Callable[[int], None] | None = None,
) -> Tuned:
    """Search the knobs of each rule on one part of the loads, and check the best on the other.

    The same seed finds the same, whoever computes.
    """
    if not rules or not search_on or not check_on:
        raise InvalidArgument("tuning needs a rule, loads to search on and loads to check on")
    shared = hired(crew)
    search = Search(search_on, pool, budget, wait_target_us, shared, each)
    tried: dict[str, dict[Contender, Point]] = {}
    for rule in rules:
        rule.build(pool)
        where = ranges_of(rule, pool, ranges or {}) if rule.algorithm != STATIC else []
        tried[str(rule)] = search_rule(rule, where, search, budget, candidates, seed, pool)
    every = {one: point for found in tried.values() for one, point in found.items()}
    attained = budget.attainable(every.values(), search.seconds)
    best = {}
    for rule in rules:
        found = tried[str(rule)]
        first = min(found, key=lambda one: attained.order(found[one], search.seconds))
        best[str(rule)] = plainer(first, rule, search, attained, found, pool)
        every |= found
    chosen = min(best.values(), key=lambda one: attained.order(every[one], search.seconds))
    shown = list(dict.fromkeys([chosen, *best.values(), *rules]))
    check = compare(
        shown, check_on, pool, wait_target_us=wait_target_us, with_bounds=with_bounds, crew=shared
    )
    lengths = [case.make().horizon_us for case in check_on]
    return Tuned(
        budget=budget,
        chosen=chosen,
        on_search=search.point(chosen),
        tried={name: [search.point(one) for one in found] for name, found in tried.items()},
        settings={str(one): one for one in every},
        check=check,
        seconds=sum(lengths) / len(lengths) / 1e6,
        attained=attained,
        best_of=best,
        careful={str(one): point for one, point in every.items()},
    )


def plainer(
    best: Contender,
    rule: Contender,
    search: Search,
    budget: Budget,
    found: dict[Contender, Point],
    pool: Pool,
) -> Contender:
    """Each knob that makes no difference goes back to its default; what is tried joins `found`."""
    for name in best.values:
        if name in rule.values:
            continue
        left = {key: value for key, value in best.values.items() if key != name}
        bare = replace(rule, knobs=(), limits=()).with_values(left)
        try:
            bare.build(pool)
        except InvalidArgument:
            continue
        found |= search.points([bare], search.cases)
        beyond, *rest = budget.order(found[bare], search.seconds)
        beyond_now, *now = budget.order(found[best], search.seconds)
        if beyond <= beyond_now and rest[0] <= now[0] * (1 + SAME):
            best = bare
    return best


def search_rule(
    rule: Contender,
    ranges: Sequence[Range],
    search: Search,
    budget: Budget,
    candidates: int,
    seed: int,
    pool: Pool,
) -> dict[Contender, Point]:
    """Every setting of one rule that was tried on all loads of the search, and its point."""
    rng = random.Random(f"{seed} {rule}")
    cases = search.cases

    def best_first(points: dict[Contender, Point]) -> list[Contender]:
        near = budget.attainable(points.values(), search.seconds)
        return sorted(points, key=lambda one: (near.order(points[one], search.seconds), str(one)))

    left = [rule, *spread(rule, ranges, candidates, rng, pool)] if ranges else [rule]
    share = FIRST_SHARE
    while share > 1 and len(left) > KEPT:
        first = cases[:: min(share, len(cases))]
        left = best_first(search.points(left, first))[: max(len(left) // 2, KEPT)]
        share //= 2
    found = search.points(list(dict.fromkeys([rule, *left])), cases)
    width = WIDTH
    for _ in range(ROUNDS if ranges else 0):
        centres = [one for one in best_first(found) if one != rule][:KEPT]
        near = [
            new
            for centre in centres
            for new in around(centre, ranges, width, NEIGHBOURS, rng, pool)
        ]
        found |= search.points([one for one in dict.fromkeys(near) if one not in found], cases)
        width /= 2
    return found
