"""Pools written as letters, and rules at work on them, for the tests of the uWSGI profiles.

A slot each: i idle, b busy, s starting, C cheaped (not running), D draining (told to stop, still
there), z dead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cheaper.model import U64, Moment, Outcome, Rule, Slot, State

LETTERS = {
    "C": State.CHEAPED,
    "i": State.IDLE,
    "b": State.BUSY,
    "s": State.STARTING,
    "D": State.DRAINING,
    "z": State.DEAD,
}
SECOND = 1_000_000
ALGORITHMS = ("backlog", "busyness", "manual", "spare", "spare2")


class Pool:
    """A rule, and readings made of letters; the clock goes on by a second per check."""

    def __init__(self, machine, algorithm="manual", profile="uwsgi-2.0", *, knobs=None, **limits):
        self.limits = {"workers_max": 4, "workers_min": 1, "workers_step": 1} | limits
        self.now_us = 1_700_000_000 * SECOND
        self.rule = Rule(algorithm, profile, **self.limits, knobs=knobs or {})
        self.machine = machine(self.rule, self.now_us)
        self.armed = False
        self.running = [0] * self.rule.workers_max

    def moment(
        self,
        letters: str,
        *,
        queue: int = 0,
        manual: int = 0,
        rss: Sequence[int] = (),
        started: Sequence[int] = (),
        in_request: Sequence[int] = (),
        ran: Sequence[int] = (),
        wall_s: int | None = None,
    ) -> Moment:
        """`ran`: microseconds added to each slot's running time."""
        letters = letters.ljust(self.rule.workers_max, "C")
        for index, time in enumerate(ran):
            self.running[index] = (self.running[index] + time) & U64
        slots = tuple(
            Slot(
                LETTERS[letter],
                in_request[index] if index < len(in_request) else 0,
                self.running[index],
                started[index] if index < len(started) else 100 + index,
                rss[index] if index < len(rss) else 0,
            )
            for index, letter in enumerate(letters)
        )
        second = self.now_us // SECOND if wall_s is None else wall_s
        return Moment(slots, second, self.now_us, queue, manual)

    def call(self, letters: str, **readings: object) -> Outcome:
        """The wrapper, now."""
        return self.machine.tick(self.moment(letters, **readings))

    def tick(self, letters: str, **readings: object) -> Outcome:
        """A check of the wrapper, a second after the last."""
        if not self.armed:
            self.armed = True
            self.call("z" * self.rule.workers_max)
        self.now_us += SECOND
        outcome = self.call(letters, **readings)
        assert outcome.fired
        return outcome

    def ask(self, letters: str, *, may: bool = True, after_us: int = SECOND, **readings) -> int:
        """The algorithm alone."""
        self.now_us += after_us
        return self.machine.decide(self.moment(letters, **readings), may)


def asked(rule: Pool, calls: str, **readings: Any) -> list[int]:
    """What the algorithm answers to a row of pools."""
    return [rule.ask(letters, **readings) for letters in calls.split()]


def percents(*values: int) -> list[int]:
    """Of a window of one second, in microseconds."""
    return [value * SECOND // 100 for value in values]


def backlog(pool: Any, overload: int = 3, **options: Any) -> Pool:
    return pool("backlog", knobs={"cheaper-overload": overload}, **options)


def spare(pool: Any, profile: str = "uwsgi-2.1", overload: int = 3, **options: Any) -> Pool:
    return pool("spare", profile, knobs={"cheaper-overload": overload}, **options)
