"""A second opinion on `target`: its rule once more, with the analysis of Python's `math`.

The state is kept plainly: arrivals per check in a list, wants by stretch of time, and the tables of
the share that waits are computed from Halfin's and Whitt's formula.
"""

from __future__ import annotations

import math
import struct
from collections import deque

from .fixed_model import Limits, Moment

FADE_US = 120e6
HISTORY = 64
STRETCHES = 8
U64 = 1 << 64
MOST = 10**7


def share_that_waits(beta: float) -> float:
    """Of load + beta sqrt(load) workers, for large loads."""
    density = math.exp(-beta * beta / 2) / math.sqrt(2 * math.pi)
    return 1 / (1 + beta * (1 + math.erf(beta / math.sqrt(2))) / 2 / density)


BETAS = [i / 4 for i in range(15)]
PER_MILLE = [round(1000 * share_that_waits(beta), 3) for beta in BETAS]
LOGARITHM = [round(math.log(share_that_waits(beta)), 4) for beta in BETAS]


def crossing(values: list[float], level: float) -> float:
    """Where values at BETAS, falling, reach a level; at most the last of them."""
    last = len(BETAS) - 1
    i = next((i for i in range(1, last) if values[i] <= level), last)
    part = (values[i - 1] - level) / (values[i - 1] - values[i])
    return (i - 1 + min(part, 1)) / 4


def single(value: float) -> float:
    """With the precision of a C float."""
    found: float = struct.unpack("f", struct.pack("f", value))[0]
    return found


class Target:
    def __init__(self, limits: Limits, knobs: dict[str, int]) -> None:
        self.limits, self.knobs = limits, knobs
        self.interval = limits.interval_us // 8 * 8
        self.arrived: deque[float] = deque(maxlen=HISTORY)  # per interval, the latest last
        self.work = self.completed = self.starting_us = self.started = 0.0
        self.queued = 0
        self.per_worker = 1
        self.stretches = [0.0] * STRETCHES
        self.stretch = 0

    def begin(self, moment: Moment) -> None:
        self.now = self.until = moment.now
        self.starting = moment.starting
        self.sums = self.sums_of(moment)

    @staticmethod
    def sums_of(moment: Moment) -> tuple[int, int]:
        """Running time and busy time of the pool."""
        workers = moment.workers
        return sum(w.running_time_us for w in workers) % U64, sum(w.busy_us for w in workers) % U64

    def decide(self, moment: Moment, may: bool) -> int:
        passed = moment.now - self.now
        if passed <= 0:
            return 0
        self.now = moment.now
        self.measure(moment, passed)
        want = self.want(moment)
        recent = self.recent(moment, want)
        live, limits = moment.live, self.limits
        if want >= live + 0.5:
            return int(min(want - live + 0.5, limits.takeable(moment))) if may else 0
        if recent > live - 1:
            return 0
        return -int(min(live - recent, limits.spare(moment)))

    def measure(self, moment: Moment, passed: int) -> None:
        """Work done, requests done, times of starting: fading sums; and the arrivals."""
        sums, before = self.sums_of(moment), self.sums
        work = (sums[0] - before[0] if sums[0] else sums[1] - before[1]) % U64
        work = work if work < U64 // 2 else 0
        in_use = (sums[1] - before[1]) % U64
        self.in_use = in_use / passed if in_use < U64 // 2 else 0
        self.sums = sums
        requests = [worker.in_request for worker in moment.workers]
        self.in_service = max(sum(requests), moment.busy)
        self.per_worker = max(self.per_worker, *requests)
        keep = FADE_US / (FADE_US + passed)
        self.work = self.work * keep + work
        most = MOST
        if moment.arrivals:
            there = len(moment.workers) * self.per_worker
            most = min(moment.arrivals, MOST) + self.queued + there
        self.completed = self.completed * keep + min(moment.completions, most)
        self.starting_us = self.starting_us * keep + min(passed, FADE_US) * self.starting
        self.started *= keep
        self.started += sum(
            worker.ready_since_us > moment.now - passed for worker in moment.workers
        )
        self.starting = moment.starting
        self.service = max(self.work / self.completed if self.completed > 0.5 else self.interval, 1)
        self.startup = self.starting_us / self.started if self.started > 0.5 else 0.0
        arrivals = min(moment.arrivals, MOST)
        if arrivals == 0 and moment.completions:
            arrivals = max(0, min(moment.completions, MOST) + moment.queue - self.queued)
        self.queued = moment.queue
        self.arrived.append(arrivals * self.interval / passed)

    def rate(self) -> tuple[float, float]:
        """Of arrivals per interval, and its variance: the longest window that no other denies."""
        low, high, found = 0.0, math.inf, (0.0, 0.0)
        window = 1
        while window <= min(self.knobs["window"], len(self.arrived)):
            mean = sum(list(self.arrived)[-window:]) / window
            deviation = math.sqrt(max(mean, 1 / window) / window)
            if mean + deviation < low or mean - 1.5 * deviation > high:
                break
            low = max(low, mean - deviation)
            high = min(high, mean + 1.5 * deviation)
            found = mean, deviation * deviation
            window *= 2
        return found

    def beta(self, load: float) -> float:
        wait = self.knobs["wait_p99"] * 1000
        if wait == 0:
            return crossing(PER_MILLE, self.knobs["wait_share"])
        fall = math.sqrt(load) * wait / self.service
        return crossing(
            [log - beta * fall for log, beta in zip(LOGARITHM, BETAS, strict=True)],
            round(math.log(0.01), 5),
        )

    def want(self, moment: Moment) -> float:
        per_interval, variance = self.rate()
        length = self.service / self.interval
        load = per_interval * length
        ahead = (self.interval + self.startup) / self.service
        survive = math.exp(-ahead) if ahead < 64 else 0.0
        fresh = 1 - survive
        mean = survive * self.in_service + fresh * load
        spread = survive * fresh * self.in_service + fresh * load
        spread += 4 * fresh**2 * variance * length**2 + 1
        drain = self.knobs["drain"] * 1000
        if moment.oldest_wait_us > drain:
            drain /= 2
        queue = min(self.in_service, load) + moment.queue * min(self.service / drain, 1)
        return max(
            max(mean + self.beta(load) * math.sqrt(spread), queue) / self.per_worker, self.in_use
        )

    def recent(self, moment: Moment, want: float) -> float:
        keep = max(self.knobs["shrink_after"] * 1e6, self.startup)
        stretch = int(keep / (STRETCHES - 1)) + 1
        for _ in range(STRETCHES):
            if moment.now < self.until:
                break
            self.stretch = (self.stretch + 1) % STRETCHES
            self.stretches[self.stretch] = 0
            self.until += stretch
        if moment.now >= self.until:
            self.until = moment.now + stretch
        here = self.stretches[self.stretch]
        self.stretches[self.stretch] = single(max(want, here))
        return max(want, *self.stretches)
