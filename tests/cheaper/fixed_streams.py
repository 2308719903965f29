"""Random pools for the models of profile `fixed`: seeded, so that every run sees the same."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from uwoffload.cheaper import Algo, Readings, Rule, algorithms

from .fixed_model import Limits, Moment, Worker

BEGIN = 50_000_000_000
STEP_NONE = {"target"}


def readings_of(moment: Moment) -> Readings:
    made = Readings(len(moment.workers), mono_us=moment.now)
    made.fill(state=moment.letters)
    for name in Worker._fields[1:]:
        made.fill(**{name: [getattr(worker, name) for worker in moment.workers]})
    for name in (
        "listen_queue", "waiting", "oldest_wait_us", "arrivals", "completions", "manual",
        "memory_total",
    ):  # fmt: skip
        setattr(made, name, getattr(moment, name))
    return made


def rule_of(algorithm: Any, limits: Limits) -> Rule:
    return algorithm.rule(
        limits.workers_max,
        workers_min=limits.workers_min,
        workers_step=limits.workers_step,
        check_interval=limits.interval_us / 1_000_000,
        rss_soft=limits.rss_soft,
        rss_hard=limits.rss_hard,
    )


def limits_of(rng: Random, most: int, *, memory: bool = False) -> Limits:
    soft = rng.randint(1, 60 * most) if memory else 0
    hard = soft + rng.randint(1, 20 * most) if memory and rng.random() < 0.6 else 0
    return Limits(
        most,
        rng.choice([1, 1, most, rng.randint(1, most)]),
        rng.randint(0, 3),
        rng.choice([1_000_000, 1_000_000, 2_000_000, 500_000, 100_000]),
        soft,
        hard,
    )


SMALL = {
    "check_interval_overload": (1, 4),
    "check_interval_idle": (1, 4),
    "check_num_overload": (1, 5),
    "check_interval_busy": (1, 3),
    "busy_max": (41, 100),
    "busy_min": (0, 40),
    "idle_cycles_max": (1, 4),
    "idle_cycles_penalty": (0, 2),
    "queue_size": (0, 9),
    "emergency_idle_cycles_max": (1, 4),
    "emergency_workers_step": (0, 3),
    "queue_nonzero_delay": (1, 5),
}


def knobs_of(rng: Random, name: str) -> dict[str, int]:
    return {knob.name: rng.randint(*SMALL[knob.name]) for knob in algorithms()[name].knobs}


def made(name: str, knobs: dict[str, int]) -> Algo:
    return algorithms()[name].make(**knobs)


class Crowd:
    """Workers that come and go, mostly as told, sometimes as they like; loads come in spells."""

    def __init__(self, rng: Random, limits: Limits) -> None:
        self.rng, self.limits = rng, limits
        self.now = BEGIN
        most = limits.workers_max
        self.letters = [rng.choice("ibbsCCDz") for _ in range(most)]
        self.busy_us = [rng.randint(0, 10**7) for _ in range(most)]
        self.ready = [BEGIN - rng.randint(0, 10**7)] * most
        self.born = [rng.randint(0, 4) for _ in range(most)]
        self.busy, self.queues, self.wild = 0.5, (0,), 0.1

    def spell(self) -> None:
        rng = self.rng
        self.busy = rng.choice([0.0, 0.1, 0.45, 0.6, 1.0, 1.0])
        self.queues = rng.choice([(0,), (0,), (0, 1, 3, 5), (1, 2), (0, 4, 12)])
        self.wild = rng.choice([0, 0, 0.1, 0.5])

    def told(self, start: tuple[int, ...], stop: tuple[int, ...]) -> None:
        for number in start:
            self.letters[number - 1] = self.rng.choice("sssi")
            self.born[number - 1] = self.now % 7
            self.ready[number - 1] = self.now + self.rng.randint(0, 10**6)
            if self.rng.random() < 0.7:
                self.busy_us[number - 1] = 0
        for number in stop:
            self.letters[number - 1] = self.rng.choice("DCC")

    def moments(self, count: int, **more: bool) -> Iterator[Moment]:
        for number in range(count):
            if number % 12 == 0:
                self.spell()
            yield self.moment(**more)

    def moment(self, *, manual: bool = False, memory: bool = False) -> Moment:
        rng, interval = self.rng, self.limits.interval_us
        passed = rng.choice([interval] * 6 + [interval * 7 // 8, interval // 2, interval * 3, 0])
        passed = max(passed + rng.choice([0, 0, 0, -1, 1]), 0)
        self.now += passed
        for i, letter in enumerate(self.letters):
            if letter in "ib":
                letter = "b" if rng.random() < self.busy else "i"
            elif letter in "sD":
                letter = rng.choice([letter, {"s": "i", "D": "C"}[letter]])
            if rng.random() < self.wild:
                letter = rng.choice("ibsCDz")
            self.letters[i] = letter
            share = rng.choice([0, self.busy, self.busy, 1.2])
            self.busy_us[i] += int(passed * share)
            if rng.random() < self.wild / 4:
                self.busy_us[i] = rng.randint(0, 10**6)
        return Moment(
            self.now,
            [self.worker(i, memory) for i in range(len(self.letters))],
            rng.choice(self.queues),
            rng.choice([0, 0, 0, *self.queues]),
            rng.choice([0, rng.randint(0, 5 * 10**6)]),
            manual=rng.choice([0] * 7 + [1, -1, 3, -3]) if manual else 0,
            memory_total=rng.choice([0, 0, rng.randint(1, 500)]) if memory else 0,
        )

    def worker(self, i: int, memory: bool) -> Worker:
        rng, letter = self.rng, self.letters[i]
        asked = rng.choice([0, 0, 1, 2]) if letter == "b" else rng.random() < self.wild / 8
        rss = rng.randint(0, 100) if memory else 0
        pss = rng.choice([0, rss // 2]) if memory else 0
        return Worker(letter, int(asked), self.busy_us[i], self.born[i], self.ready[i], rss, pss)
