"""`target` decides as the model in `target_model.py` does."""

from dataclasses import replace
from random import Random

import pytest

from .fixed_model import Limits, Moment, Worker
from .fixed_streams import BEGIN, made, readings_of, rule_of
from .target_model import Target

CHECKS = 90


class Load:
    """A pool under arrivals that jump now and then; slots enough, so that a delta says much."""

    def __init__(self, rng: Random, limits: Limits) -> None:
        self.rng, self.limits, self.now = rng, limits, BEGIN
        most = limits.workers_max
        live = rng.randint(0, most)
        self.letters = ["i"] * live + ["C"] * (most - live)
        self.counters = [rng.randint(0, 10**8) for _ in range(most)]
        self.ran = [rng.randrange(2**64) for _ in range(most)] if rng.random() < 0.6 else None
        self.ready = [0] * most
        self.several = rng.random() < 0.2
        self.uncounted = rng.random() < 0.2
        self.change()

    def change(self) -> None:
        rng, most = self.rng, self.limits.workers_max
        self.service = 10 ** rng.uniform(3, 8.5)
        per_us = rng.choice([0, 0.02, 0.3, 0.8, 1.5]) * most / self.service
        self.rate = per_us * self.limits.interval_us
        self.queue = rng.choice([0, 0, 0, 3, 40, 2000])

    def noisy(self, mean: float) -> int:
        return max(round(self.rng.gauss(mean, mean**0.5)), 0)

    def moment(self) -> Moment:
        rng, interval = self.rng, self.limits.interval_us
        if rng.random() < 0.05:
            self.change()
        passed = interval + rng.randint(-499, 499)  # on even times, rounding would decide ties
        if rng.random() < 0.1:
            passed = rng.choice(
                [0, 1, interval // 2, 5 * interval, 30 * interval, 130 * 10**6, 8 * 10**9]
            )
        self.now += passed
        served = min(self.noisy(self.rate * passed / interval), 10**7)
        busy = min(served * self.service / max(passed, 1), self.limits.workers_max)
        workers = []
        for i, letter in enumerate(self.letters):
            if letter in "ib":
                letter = "b" if i < busy else "i"
            elif letter in "sD" and rng.random() < 0.4:
                self.ready[i] = self.now - rng.choice([0, passed // 3, 2 * passed])
                letter = {"s": "i", "D": "C"}[letter]
            if rng.random() < 0.01:
                letter = rng.choice("isCDz")
            self.letters[i] = letter
            if letter in "bD":
                self.counters[i] += int(passed * rng.choice([1, 1, 1, 0.5, 1.1]))
            if rng.random() < 0.02:
                self.counters[i] = rng.randint(0, 10**6)
            ran = 0
            if self.ran:
                ran = self.ran[i] = (self.ran[i] + rng.choice([0, 0, 1, 3]) * passed // 2) % 2**64
            asked = letter == "b" and (rng.randint(0, 4) if self.several else i % 3 > 0)
            workers.append(
                Worker(letter, int(asked), self.counters[i], 0, self.ready[i], running_time_us=ran)
            )
        queue = rng.randint(0, self.queue)
        return Moment(
            self.now,
            workers,
            queue // 2,
            queue - queue // 2,
            rng.choice([0, rng.randint(0, 10**7)]) if queue else 0,
            0 if self.uncounted else served,
            self.noisy(served),
        )

    def told(self, delta: int) -> None:
        """So many more or fewer."""
        for i, letter in enumerate(self.letters):
            if delta > 0 and letter in "Cz":
                self.letters[i], delta = "s", delta - 1
                self.counters[i] = 0
            elif delta < 0 and letter == "i":
                self.letters[i], delta = "D", delta + 1


def knobs_of(rng: Random) -> dict[str, int]:
    return {
        "wait_share": rng.choice([50, 50, 1, 999, rng.randint(1, 999)]),
        "wait_p99": rng.choice([0, 0, int(10 ** rng.uniform(0, 6.5))]),
        "shrink_after": rng.choice([10, 0, 1, rng.randint(0, 60)]),
        "drain": rng.choice([1000, int(10 ** rng.uniform(0, 6.5))]),
        "window": rng.choice([64, 64, rng.randint(1, 64)]),
    }


@pytest.mark.parametrize("seed", range(160))
def test_target_decides_as_its_model(seed):
    """Every delta, over long histories: short and long requests, jumps, gaps, lost counters."""
    rng = Random(f"target {seed}")
    most = rng.choice([1, 3, 20, 100])
    step = most if rng.random() < 0.7 else rng.randint(0, 3)
    interval = rng.choice([1_000_000] * 4 + [100_000, 500_000, 7_000_000])
    limits = Limits(most, rng.choice([1, rng.randint(1, most)]), step, interval)
    knobs = knobs_of(rng)
    rule, model = rule_of(made("target", knobs), limits), Target(limits, knobs)
    load = Load(rng, limits)

    first = load.moment()
    state = rule.begin(readings_of(first))
    model.begin(first)
    for check in range(CHECKS):
        moment = load.moment()
        may = rng.random() < 0.9
        expected = model.decide(moment, may)
        verdict, state = rule.decide(state, readings_of(moment), may_spawn=may)
        assert verdict.delta == expected, (check, limits, knobs, replace(moment, workers=[]))
        assert verdict.reason
        if rng.random() < 0.8:
            load.told(expected)
