"""Which rule fired for a set of readings, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidArgument
from .readings import Readings
from .rule import Rule
from .scaler import Scaler
from .table import FIXED
from .verdict import Verdict

BEGIN_US = 1_000_000_000  # of readings that do not say when they were made
LETTERS_SHOWN = 24
DEEP = "too many lists or objects within each other"

HEAD = (
    "check",
    "at s",
    "workers",
    "queue",
    "decided",
    "start",
    "stop",
    "pending",
    "limited by",
    "reason",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One check: what was measured, and what was answered."""

    readings: Readings
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """For a line of JSON."""
        return {"workers": self.readings.letters, **self.verdict._asdict()}

    def cells(self, number: int) -> tuple[object, ...]:
        """A row of the table."""
        readings, verdict = self.readings, self.verdict
        letters = readings.letters
        return (
            number,
            f"{_time_of(readings) / 1e6:g}",
            letters if len(letters) <= LETTERS_SHOWN else letters[: LETTERS_SHOWN - 3] + "...",
            _queue(readings),
            f"{verdict.delta:+d}" if verdict.fired else "no check",
            _numbers(verdict.start),
            _numbers(verdict.stop),
            verdict.pending,
            verdict.limited_by or "-",
            verdict.reason,
        )


def explain(rule: Rule, ticks: Sequence[Readings]) -> Iterator[Step]:
    """One step for each readings, from a rule that begins at the first of them.

    Readings without a time follow one check interval after those before.  The profiles of
    uWSGI only arm at their first call; it is made here one interval ahead.  Readings that tell
    only the state of each worker are taken at their word: who is busy has been so since the check
    before, and the rule begins one interval ahead in every profile.
    """
    scaler = Scaler(rule)
    interval, now = rule.check_interval_us, BEGIN_US
    uncounted = not any(map(_counts, {id(readings): readings for readings in ticks}.values()))
    busy_us = [0] * rule.workers_max
    for number, readings in enumerate(ticks):
        if not _time_of(readings):
            readings = readings.copy().at(now)
        now = _time_of(readings) + interval
        if number == 0 and (uncounted or rule.profile != FIXED):
            _arm(scaler, readings, interval)
        if uncounted and readings.workers_max == rule.workers_max:
            for at, worker in enumerate(readings.workers):
                busy_us[at] += interval if worker.state == "busy" else 0
            readings = readings.copy().fill(busy_us=busy_us)
        yield Step(readings, scaler.tick(readings))


def _counts(readings: Readings) -> bool:
    return any(worker.busy_us or worker.running_time_us for worker in readings.workers)


def _time_of(readings: Readings) -> int:
    return readings.mono_us or readings.wall_us or readings.wall_s * 10**6


def _arm(scaler: Scaler, readings: Readings, interval_us: int) -> None:
    before = readings.copy()
    before.wall_s = max(readings.wall_s - max(interval_us // 10**6, 1), 1)
    before.wall_us = max(readings.wall_us - max(interval_us, 10**6), 0)
    before.mono_us = max(readings.mono_us - interval_us, 0)
    before.manual = 0
    scaler.begin(before)
    if scaler.rule.profile != FIXED:
        scaler.tick(before)


def parse(text: str, name: str) -> list[Readings]:
    """Readings out of JSON: an object, a list of them, or one in each line.

    Raises InvalidArgument, which names the line or the element.
    """
    try:
        found = _loaded(text)
    except ValueError as error:
        found = list(_lines(text, name, error))
    listed: Sequence[Any] = found if isinstance(found, list) else [found]
    if not listed:
        raise InvalidArgument(f"{name}: no readings in it")
    made = []
    for number, each in enumerate(listed, 1):
        try:
            made.append(Readings.from_dict(each))
        except (InvalidArgument, RecursionError) as error:
            said = DEEP if isinstance(error, RecursionError) else error
            raise InvalidArgument(f"{name}: readings {number}: {said}") from None
        count, first = made[-1].workers_max, made[0].workers_max
        if count != first:
            raise InvalidArgument(
                f"{name}: readings {number}: {count} workers; allowed: as many as in the first, "
                f"{first}"
            )
    return made


def _loaded(text: str) -> Any:
    """What JSON says.  Raises ValueError."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError(DEEP) from None


def _lines(text: str, name: str, whole: ValueError) -> Iterator[Any]:
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise InvalidArgument(f"{name}: no readings in it")
    for number, line in lines:
        try:
            yield _loaded(line)
        except ValueError as error:
            shown = whole if len(lines) == 1 else error
            raise InvalidArgument(f"{name}: line {number}: no JSON: {shown}") from None


def _queue(readings: Readings) -> object:
    if readings.waiting:
        return f"{readings.listen_queue}+{readings.waiting}"
    return readings.listen_queue


def _numbers(numbers: tuple[int, ...]) -> str:
    shown = " ".join(map(str, numbers[:6])) + (" ..." if len(numbers) > 6 else "")
    return shown or "-"
