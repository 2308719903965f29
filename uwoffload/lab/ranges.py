"""Where a search looks for knobs: from the table of the core, or as the user says."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .. import cheaper
from ..errors import InvalidArgument
from .rules import LIMITS, Contender, names, near
from .simulate import Pool

SPREAD = 10  # a count is looked for from a tenth of its default to ten times it
OFF_UP_TO = {"ms": 1000, "s": 60, "%": 100, "per mille": 999}  # where the default is 0
STEP_MOST = 8  # of workers_step
TRIES = 50  # to find a setting that is sound


@dataclass(frozen=True)
class Range:
    """Of a knob; wide ones are searched by factors."""

    name: str
    low: int
    high: int

    @property
    def by_factors(self) -> bool:
        """Does a step of 1 mean more at the low end?"""
        return self.low >= 0 and self.high >= 8 * max(self.low, 1)

    def at(self, part: float) -> int:
        """The value at that part of the range, 0 to 1."""
        part = min(max(part, 0.0), 1.0)
        if not self.by_factors:
            return round(self.low + part * (self.high - self.low))
        shift = 1 - self.low if self.low < 1 else 0
        low, high = math.log(self.low + shift), math.log(self.high + shift)
        return min(max(round(math.exp(low + part * (high - low))) - shift, self.low), self.high)

    def part(self, value: int) -> float:
        """The other way round."""
        if self.high == self.low:
            return 0.0
        if not self.by_factors:
            return (value - self.low) / (self.high - self.low)
        shift = 1 - self.low if self.low < 1 else 0
        low, high = math.log(self.low + shift), math.log(self.high + shift)
        return (math.log(max(value, self.low) + shift) - low) / (high - low)


def ranges_of(rule: Contender, pool: Pool, given: Mapping[str, tuple[int, int]]) -> list[Range]:
    """Of every knob of a rule that is not fixed by it, and of the limits around it.

    given: ranges that the user wants; a name that the rule has not is left out.
    """
    fixed = dict((*rule.knobs, *rule.limits))
    found = []
    known = cheaper.algorithms()
    for knob in known[rule.algorithm].knobs if rule.algorithm in known else ():
        low = max(knob.min, knob.default // SPREAD)
        high = min(knob.max, knob.default * SPREAD or OFF_UP_TO.get(knob.unit, SPREAD))
        found.append(Range(knob.name, *given.get(knob.name, (low, high))))
    around = {
        "workers_min": (1, max(pool.workers_max // 2, 1)),
        "workers_step": (1, min(STEP_MOST, pool.workers_max)),
    }
    found += [Range(name, *given.get(name, ends)) for name, ends in around.items()]
    found += [
        Range(name, *ends) for name, ends in given.items() if name in LIMITS and name not in around
    ]
    return [one for one in found if one.name not in fixed]


def given_ranges(texts: Sequence[str], rules: Sequence[Contender]) -> dict[str, tuple[int, int]]:
    """`busy_max=40..95`."""
    found = {}
    known = {name: None for rule in rules for name in names(rule)}
    for text in texts:
        name, low, high = range_in(text)
        if name not in known:
            raise InvalidArgument(f"range {text!r}: no rule has a knob {name!r}{near(name, known)}")
        found[name] = (low, high)
        for rule in rules:
            _check_range(rule, name, found[name], text)
    return found


def range_in(text: str) -> tuple[str, int, int]:
    """Name and ends."""
    name, _, ends = text.partition("=")
    first, _, last = ends.partition("..")
    try:
        low, high = int(first), int(last)
    except ValueError:
        raise InvalidArgument(
            f"range {text!r}: write NAME=LOW..HIGH in whole numbers, as {name or 'busy_max'}=1..9"
        ) from None
    if low > high:
        raise InvalidArgument(f"range {text!r}: LOW {low} is above HIGH {high}; NAME=LOW..HIGH")
    return name, low, high


def _check_range(rule: Contender, name: str, ends: tuple[int, int], text: str) -> None:
    """What a knob does not take is said, not left out when settings are drawn."""
    info = cheaper.algorithms().get(rule.algorithm)
    for knob in info.knobs if info else ():
        try:
            if knob.name == name:
                knob.check(ends[0], rule.profile)
                knob.check(ends[1], rule.profile)
        except InvalidArgument as error:
            raise InvalidArgument(f"range {text!r}: {error}") from None


def spread(
    rule: Contender, ranges: Sequence[Range], count: int, rng: random.Random, pool: Pool
) -> list[Contender]:
    """Latin hypercube: each knob takes each of `count` parts of its range once.

    A setting that is not sound is drawn anew; the same setting is taken once.
    """
    columns = []
    for _ in ranges:
        parts = [(index + rng.random()) / count for index in range(count)]
        rng.shuffle(parts)
        columns.append(parts)
    found = []
    for row in zip(*columns, strict=True) if columns else ():
        setting = sound(rule, ranges, row, pool)
        for _ in range(TRIES):
            if setting:
                break
            setting = sound(rule, ranges, [rng.random() for _ in ranges], pool)
        if setting:
            found.append(setting)
    return list(dict.fromkeys(found))


def sound(
    rule: Contender, ranges: Sequence[Range], parts: Sequence[float], pool: Pool
) -> Contender | None:
    """The setting at these parts of the ranges, if the rule takes it."""
    setting = rule.with_values(
        {one.name: one.at(part) for one, part in zip(ranges, parts, strict=True)}
    )
    try:
        setting.build(pool)
    except InvalidArgument:
        return None
    return setting


def around(
    setting: Contender,
    ranges: Sequence[Range],
    width: float,
    count: int,
    rng: random.Random,
    pool: Pool,
) -> list[Contender]:
    """Neighbours: each knob a step up and down, and some in a random direction."""
    values = dict((*setting.knobs, *setting.limits))
    parts = [one.part(values[one.name]) for one in ranges]
    steps: list[list[float]] = []
    for index, one in enumerate(ranges):
        for sign in (-1, 1):
            moved = list(parts)
            moved[index] += sign * width
            if one.at(moved[index]) == values[one.name]:  # less than one: take the next number
                moved[index] = one.part(min(max(values[one.name] + sign, one.low), one.high))
            steps.append(moved)
    steps += [[part + rng.gauss(0, width) for part in parts] for _ in range(count)]
    found = (sound(setting, ranges, step, pool) for step in steps)
    return list(dict.fromkeys(one for one in found if one and one != setting))
