"""A second opinion on profile `fixed`: its rules once more, in plain words.

Slow, and meant to be read; `test_fixed_model.py` compares it with the C.  `target` has a file of
its own.  Numbers are Python's: nothing here is near the ends of 64 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

LIVE, STARTABLE = "ibs", "Cz"


class Worker(NamedTuple):
    letter: str
    in_request: int = 0
    busy_us: int = 0
    started_s: int = 0
    ready_since_us: int = 0
    rss: int = 0
    pss: int = 0
    running_time_us: int = 0

    @property
    def idle(self) -> bool:
        return self.letter == "i" and not self.in_request

    @property
    def busy(self) -> bool:
        return self.letter == "b" or (self.letter == "i" and self.in_request > 0)


@dataclass
class Moment:
    now: int  # us
    workers: list[Worker]
    listen_queue: int = 0
    waiting: int = 0
    oldest_wait_us: int = 0
    arrivals: int = 0
    completions: int = 0
    manual: int = 0
    memory_total: int = 0

    @property
    def letters(self) -> str:
        return "".join(worker.letter for worker in self.workers)

    @property
    def queue(self) -> int:
        return self.listen_queue + self.waiting

    @property
    def live(self) -> int:
        return sum(worker.letter in LIVE for worker in self.workers)

    @property
    def idle(self) -> int:
        return sum(worker.idle for worker in self.workers)

    @property
    def busy(self) -> int:
        return sum(worker.busy for worker in self.workers)

    @property
    def starting(self) -> int:
        return self.letters.count("s")

    @property
    def startable(self) -> int:
        return sum(worker.letter in STARTABLE for worker in self.workers)


@dataclass
class Limits:
    workers_max: int
    workers_min: int = 1
    workers_step: int = 1
    interval_us: int = 1_000_000
    rss_soft: int = 0
    rss_hard: int = 0

    def spare(self, moment: Moment) -> int:
        """Idle workers beyond the minimum; those that start do not count towards it."""
        return max(min(moment.idle, moment.live - moment.starting - self.workers_min), 0)

    def takeable(self, moment: Moment, step: int | None = None) -> int:
        return min(moment.startable, (self.workers_step if step is None else step) or 1)


class Manual:
    def __init__(self, limits: Limits, knobs: dict[str, int]) -> None:
        self.limits, self.knobs = limits, knobs

    def begin(self, moment: Moment) -> None:
        pass

    def decide(self, moment: Moment, may: bool) -> int:
        return 0


class Backlog(Manual):
    def decide(self, moment: Moment, may: bool) -> int:
        above = moment.queue - self.knobs["check_num_overload"]
        if above >= 0:
            return self.limits.takeable(moment) if above and may else 0
        return -1 if self.limits.spare(moment) else 0


class Spare(Manual):
    full = easy = 0

    def decide(self, moment: Moment, may: bool) -> int:
        overload = self.knobs["check_interval_overload"]
        if moment.idle + moment.starting == 0:
            self.easy, self.full = 0, min(self.full + 1, overload)
            if self.full < overload or not may:
                return 0
            self.full = 0
            return self.limits.takeable(moment)
        self.full = max(self.full - 1, 0)
        if moment.idle > 1 and self.full == 0 and self.limits.spare(moment):
            self.easy += 1
        else:
            self.easy = 0
        if self.easy < overload:
            return 0
        self.easy = 0
        return -1


class Spare2(Manual):
    above = 0

    def decide(self, moment: Moment, may: bool) -> int:
        least = self.limits.workers_min
        missing = least - moment.idle - moment.starting
        self.above = self.above + 1 if missing <= 0 and moment.idle > least else 0
        if missing > 0:
            return min(missing, self.limits.takeable(moment)) if may else 0
        if self.above < self.knobs["check_interval_idle"]:
            return 0
        self.above = 0
        return -1


class Busyness(Manual):
    def __init__(self, limits: Limits, knobs: dict[str, int]) -> None:
        super().__init__(limits, knobs)
        self.window = knobs["check_interval_busy"] * 1_000_000
        self.multiplier = knobs["idle_cycles_max"]
        self.emergencies = self.in_band = 0
        self.last_stop: int | None = None
        self.stopped_last = False
        self.not_empty_since: int | None = None

    def begin(self, moment: Moment) -> None:
        self.mark(moment)
        self.arm(moment)

    def mark(self, moment: Moment) -> None:
        self.checked = moment.now
        self.counters = [worker.busy_us for worker in moment.workers]

    def arm(self, moment: Moment) -> None:
        windows = self.multiplier
        if self.emergencies:
            windows = self.knobs["emergency_idle_cycles_max"]
        self.next_stop = moment.now + windows * self.window

    def soften(self) -> None:
        if self.multiplier > self.knobs["idle_cycles_max"]:
            self.multiplier -= 1

    def share(self, moment: Moment) -> int:
        busy = there = 0
        for worker, last in zip(moment.workers, self.counters, strict=True):
            if worker.letter in "ib":
                span = max(moment.now - max(worker.ready_since_us, self.checked), 0)
                fell = worker.busy_us < last
                busy += min(worker.busy_us - (0 if fell else last), span)
                there += span
        return 100 * busy // there if there else 0

    def stale(self, moment: Moment) -> bool:
        if moment.queue == 0:
            self.not_empty_since = None
            return False
        if self.not_empty_since is None:
            self.not_empty_since = moment.now
        if moment.now - self.not_empty_since < self.knobs["queue_nonzero_delay"] * 1_000_000:
            return False
        self.not_empty_since = moment.now
        return True

    def decide(self, moment: Moment, may: bool) -> int:
        limits, knobs = self.limits, self.knobs
        self.emergencies = min(self.emergencies, max(moment.live - limits.workers_min, 0))
        ends = moment.now - self.checked + limits.interval_us // 8 >= self.window
        share = 0
        if ends:
            share = self.share(moment)
            self.mark(moment)
        emergency = self.stale(moment) or moment.queue > knobs["queue_size"]
        above = ends and share > knobs["busy_max"]
        if above or emergency:
            return self.start(moment, above, emergency) if may else 0
        if not ends:
            return 0
        return self.below(moment) if share < knobs["busy_min"] else self.between(moment)

    def start(self, moment: Moment, above: bool, emergency: bool) -> int:
        limits, knobs = self.limits, self.knobs
        by_load = limits.takeable(moment) if above else 0
        by_queue = 0
        if emergency and knobs["emergency_workers_step"]:
            by_queue = limits.takeable(moment, knobs["emergency_workers_step"])
        if not (by_load or by_queue):
            return 0
        soon = self.multiplier * self.window
        if by_queue >= by_load:
            self.multiplier = knobs["idle_cycles_max"]
            self.emergencies += by_queue
        elif self.last_stop is not None and moment.now - self.last_stop <= soon:
            self.multiplier += knobs["idle_cycles_penalty"]
        else:
            self.soften()
        self.stopped_last, self.in_band = False, 0
        self.arm(moment)
        return max(by_load, by_queue)

    def below(self, moment: Moment) -> int:
        self.in_band = 0
        if moment.live <= self.limits.workers_min or moment.now < self.next_stop:
            return 0
        if not self.limits.spare(moment):
            return 0
        if self.stopped_last:
            self.soften()
        self.last_stop, self.stopped_last = moment.now, True
        self.emergencies = max(self.emergencies - 1, 0)
        self.arm(moment)
        return -1

    def between(self, moment: Moment) -> int:
        self.emergencies = max(self.emergencies - 1, 0)
        self.in_band += 1
        if self.in_band >= 3:
            self.arm(moment)
        else:
            self.next_stop += self.window
        return 0


ALGORITHMS: dict[str, Any] = {
    "backlog": Backlog,
    "busyness": Busyness,
    "manual": Manual,
    "spare": Spare,
    "spare2": Spare2,
}


class Outcome(NamedTuple):
    fired: bool
    delta: int
    pending: int
    limited_by: str | None
    start: tuple[int, ...]
    stop: tuple[int, ...]


@dataclass
class Pool:
    """The limits around an algorithm; without one, `wants` is what it would say."""

    limits: Limits
    algorithm: Any = None
    wants: int = 0
    last: int | None = None
    by_hand: int = 0
    limited_by: str | None = field(default=None, init=False)

    def memory(self, moment: Moment) -> int:
        return moment.memory_total or sum(
            worker.pss or worker.rss for worker in moment.workers if worker.letter in "ibsD"
        )

    def tick(self, moment: Moment) -> Outcome:
        limits, most = self.limits, self.limits.workers_max
        self.by_hand = max(-most, min(self.by_hand + moment.manual, most))
        if self.last is not None and moment.now - self.last < limits.interval_us * 7 // 8:
            return Outcome(False, 0, self.by_hand, None, (), ())
        self.last = moment.now
        self.limited_by = None
        if limits.rss_soft and self.memory(moment) >= limits.rss_soft:
            hard = limits.rss_hard and self.memory(moment) >= limits.rss_hard
            self.limited_by = "rss_hard" if hard else "rss_soft"
        delta = self.delta(moment, self.limited_by is None)
        self.by_hand = 0
        start = [n for n, w in enumerate(moment.workers, 1) if w.letter in STARTABLE]
        stop = sorted((w.started_s, n) for n, w in enumerate(moment.workers, 1) if w.idle)
        return Outcome(
            True,
            delta,
            0,
            self.limited_by,
            tuple(start[: max(delta, 0)]),
            tuple(number for _, number in stop[: max(-delta, 0)]),
        )

    def delta(self, moment: Moment, may: bool) -> int:
        step = self.limits.workers_step
        if self.algorithm is not None:
            delta = self.algorithm.decide(moment, may)
        else:
            delta = min(self.wants, step) if step else self.wants
            if delta < self.wants and may and not self.by_hand:
                self.limited_by = "workers_step"
        delta = self.by_hand or delta
        if self.limited_by == "rss_hard":
            delta = min(delta, -1)
        delta = max(delta, self.limits.workers_min - moment.live) if self.short(moment) else delta
        return self.up(moment, delta, may) if delta > 0 else -self.down(moment, -delta)

    def short(self, moment: Moment) -> bool:
        return moment.live < self.limits.workers_min

    def up(self, moment: Moment, delta: int, may: bool) -> int:
        if not may:
            return min(delta, 1) if moment.live == 0 and moment.startable else 0
        if delta > moment.startable:
            full = moment.live + moment.startable >= self.limits.workers_max
            self.limited_by = "workers_max" if full else "no free slot"
        return min(delta, moment.startable)

    def down(self, moment: Moment, delta: int) -> int:
        spare = max(moment.live - moment.starting - self.limits.workers_min, 0)
        for most, name in ((spare, "workers_min"), (moment.idle, "no idle worker")):
            if delta > most:
                delta, self.limited_by = most, name
        return delta
