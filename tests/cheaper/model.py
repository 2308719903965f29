"""A second opinion on the uWSGI profiles: their rules once more, in plain words.

Written from a description of the behaviour, not from the C beside it; slow, and meant to be read.
`test_model.py` and `test_recorded.py` compare the two.  Numbers are Python's, cut where the
originals keep 32 or 64 bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

U64 = (1 << 64) - 1
NEVER_OLDEST = (1 << 31) - 1  # who started then or later is never chosen to stop
MICROSECONDS = 1_000_000

PROFILES = ("uwsgi-2.0", "uwsgi-2.1")


class State(IntEnum):
    CHEAPED = 0
    IDLE = 1
    BUSY = 2
    STARTING = 3
    DRAINING = 4
    DEAD = 5


ACTIVE = (State.IDLE, State.BUSY, State.STARTING)

# What 0, "not given", means for an option.
DEFAULTS = {
    "cheaper-busyness-max": 50,
    "cheaper-busyness-min": 25,
    "cheaper-busyness-multiplier": 10,
    "cheaper-busyness-penalty": 2,
    "cheaper-busyness-backlog-alert": 33,
    "cheaper-busyness-backlog-multiplier": 3,
    "cheaper-busyness-backlog-step": 1,
    "cheaper-busyness-backlog-nonzero": 60,
}


class Slot(NamedTuple):
    state: int = State.IDLE
    in_request: int = 0
    running_time_us: int = 0
    started_s: int = 0
    rss: int = 0

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def busy(self) -> bool:
        return self.active and (self.state == State.BUSY or self.in_request > 0)

    @property
    def idle(self) -> bool:
        return self.active and not self.busy


@dataclass(frozen=True)
class Rule:
    algorithm: str
    profile: str
    workers_max: int
    workers_min: int = 1
    workers_step: int = 0
    check_interval: int = 1
    rss_soft: int = 0
    rss_hard: int = 0
    knobs: dict[str, int] = field(default_factory=dict)  # by the ini file's option

    def knob(self, option: str) -> int:
        return self.knobs.get(option, 0) or DEFAULTS[option]

    @property
    def overload(self) -> int:
        return self.knobs.get("cheaper-overload", 3)


@dataclass(frozen=True)
class Moment:
    """What is read at one call."""

    slots: tuple[Slot, ...]
    wall_s: int = 0
    wall_us: int = 0
    listen_queue: int = 0
    manual: int = 0


class Outcome(NamedTuple):
    fired: bool = False
    delta: int = 0
    pending: int = 0
    start: tuple[int, ...] = ()
    stop: tuple[int, ...] = ()


def as_int(value: int) -> int:
    """Cut to 32 bits, with a sign."""
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def as_signed(value: int) -> int:
    """Cut to 64 bits, with a sign."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def takeable(moment: Moment, step: int) -> int:
    free = sum(slot.state == State.CHEAPED for slot in moment.slots)
    return min(free, max(step, 1))


class Algorithm:
    def __init__(self, rule: Rule, wall_us: int) -> None:
        self.rule = rule

    def decide(self, moment: Moment, can_spawn: bool) -> int:
        return 0  # manual


class Spare(Algorithm):
    over = 0
    idle = 0

    def decide(self, moment: Moment, can_spawn: bool) -> int:
        overload = self.rule.overload
        active = sum(slot.active for slot in moment.slots)
        free = sum(slot.idle for slot in moment.slots)
        if free:
            self.over = max(self.over - 1, 0)
        else:
            self.over += 1
            self.idle = 0
        late = self.rule.profile == "uwsgi-2.0"
        if can_spawn and (self.over > overload if late else self.over >= overload):
            self.over = 0
            return takeable(moment, self.rule.workers_step)
        if self.over > 0 or free == 1:
            return 0
        self.idle += 1
        if active > self.rule.workers_min and self.idle % overload == 0:
            return -1
        return 0


class Spare2(Algorithm):
    idle = 0

    def decide(self, moment: Moment, can_spawn: bool) -> int:
        reserve = self.rule.workers_min
        active = sum(slot.active for slot in moment.slots)
        free = sum(slot.idle for slot in moment.slots)
        if free < reserve:
            self.idle = 0
            room = self.rule.workers_max - active
            return min(reserve - free, room, self.rule.workers_step) if can_spawn else 0
        if free == reserve:
            self.idle = 0
            return 0
        self.idle += 1
        if self.idle < self.rule.knobs.get("cheaper-idle", 10):
            return 0
        self.idle = 0
        return -1


class Backlog(Algorithm):
    def decide(self, moment: Moment, can_spawn: bool) -> int:
        overload, queue = as_int(self.rule.overload), as_int(moment.listen_queue)
        if can_spawn and queue > overload:
            return takeable(moment, self.rule.workers_step)
        active = sum(slot.active for slot in moment.slots)
        return -1 if queue < overload and active > self.rule.workers_min else 0


class Busyness(Algorithm):
    def __init__(self, rule: Rule, wall_us: int) -> None:
        super().__init__(rule, wall_us)
        self.window = rule.overload * MICROSECONDS & U64
        self.multiplier = self.floor = rule.knob("cheaper-busyness-multiplier")
        self.now = self.checked = wall_us
        self.last_stopped = 0
        self.stopped_last = False
        self.in_band = 0
        self.emergencies = 0
        self.not_empty = False
        self.since = 0
        self.last_running = [0] * rule.workers_max
        self.seen_busy = [False] * rule.workers_max
        self.next_stop = 0
        self.arm()

    def arm(self) -> None:
        windows = self.multiplier
        if self.emergencies > 0:
            windows = self.rule.knob("cheaper-busyness-backlog-multiplier")
        self.next_stop = (self.now + self.window * windows) & U64

    def soften(self) -> None:
        self.multiplier -= self.multiplier > self.floor

    def emergency(self, moment: Moment) -> int:
        self.multiplier = self.floor
        self.stopped_last = False
        count = takeable(moment, self.rule.knob("cheaper-busyness-backlog-step"))
        self.arm()
        self.emergencies += count
        return count

    def percent(self, number: int, slot: Slot) -> int:
        ran = (slot.running_time_us - self.last_running[number]) & U64
        if ran == 0 and self.seen_busy[number]:
            return 100
        return min((ran * 100 & U64) // self.window, 100)

    def measure(self, moment: Moment, active: int) -> int:
        total = 0
        for number, slot in enumerate(moment.slots):
            if slot.active:
                total += self.percent(number, slot)
                self.seen_busy[number] = False
            self.last_running[number] = slot.running_time_us
        return total // active if active else 0

    def decide(self, moment: Moment, can_spawn: bool) -> int:
        self.now = moment.wall_us
        active = 0
        for number, slot in enumerate(moment.slots):
            active += slot.active
            self.seen_busy[number] = slot.active and (self.seen_busy[number] or slot.busy)
        queue = as_int(moment.listen_queue)
        alert = (
            can_spawn
            and queue > as_int(self.rule.knob("cheaper-busyness-backlog-alert"))
            and active < self.rule.workers_max
        )
        if (self.now - self.checked) & U64 < self.window:
            return self.between_checks(moment, queue, alert, can_spawn)
        self.checked = self.now
        average = self.measure(moment, active)
        if average > self.rule.knob("cheaper-busyness-max"):
            return self.too_busy(moment, can_spawn)
        if alert:
            return self.emergency(moment)
        if active == 1:
            return 0
        if average < self.rule.knob("cheaper-busyness-min"):
            return self.too_idle(active)
        return self.as_wanted()

    def between_checks(self, moment: Moment, queue: int, alert: bool, can_spawn: bool) -> int:
        if alert:
            return self.emergency(moment)
        if queue <= 0:
            self.not_empty = False
        elif not self.not_empty:
            self.not_empty = True
            self.since = self.now
        elif can_spawn:
            waited = ((self.now - self.since) & U64) // MICROSECONDS
            if waited >= self.rule.knob("cheaper-busyness-backlog-nonzero"):
                self.since = self.now
                return self.emergency(moment)
        return 0

    def too_busy(self, moment: Moment, can_spawn: bool) -> int:
        self.in_band = 0
        count = takeable(moment, self.rule.workers_step) if can_spawn else 0
        if count:
            self.stopped_last = False
            since = ((self.now - self.last_stopped) & U64) // self.rule.overload // MICROSECONDS
            if since <= self.multiplier:
                self.multiplier = (
                    self.multiplier + self.rule.knob("cheaper-busyness-penalty")
                ) & U64
            else:
                self.soften()
            self.arm()
        return count

    def too_idle(self, active: int) -> int:
        self.in_band = 0
        if active <= self.rule.workers_min or self.now < self.next_stop:
            return 0
        if self.stopped_last:
            self.soften()
        self.arm()
        self.last_stopped = self.now
        self.stopped_last = True
        self.emergencies -= self.emergencies > 0
        return -1

    def as_wanted(self) -> int:
        self.emergencies -= self.emergencies > 0
        self.in_band += 1
        if self.in_band >= 3:
            self.arm()
        else:
            self.next_stop = (self.next_stop + self.window) & U64
        return 0


def algorithm_of(rule: Rule) -> type[Algorithm]:
    by_name = {
        "backlog": Backlog,
        "busyness": Busyness,
        "manual": Algorithm,
        "spare": Spare,
        "spare2": Spare if rule.profile == "uwsgi-2.0" else Spare2,  # 2.0 does not know it
    }
    return by_name[rule.algorithm]


class Model:
    """A rule at work: the wrapper around its algorithm."""

    def __init__(self, rule: Rule, wall_us: int) -> None:
        self.rule = rule
        self.algorithm = algorithm_of(rule)(rule, wall_us)
        self.last_run = 0
        self.pending = 0
        self.asked = False  # was the algorithm, at the last call?

    def due(self, now: int) -> bool:
        """A `last_run` of 0 means: not armed."""
        self.last_run = self.last_run or now
        if as_signed(now - self.last_run) < max(self.rule.check_interval, 1):
            return False
        self.last_run = now
        return True

    def memory(self, moment: Moment) -> tuple[int, bool]:
        """What the limits decide, and whether they forbid to start workers."""
        if not self.rule.rss_soft:
            return 0, False
        sizes = [
            slot.rss for slot in moment.slots if slot.state not in (State.CHEAPED, State.DRAINING)
        ]
        total = sum(sizes) & U64
        if self.rule.rss_hard and len(sizes) > 1 and total >= self.rule.rss_hard:
            return -1, True
        return 0, total >= self.rule.rss_soft

    def decide(self, moment: Moment, can_spawn: bool) -> int:
        self.asked = True
        return self.algorithm.decide(moment, can_spawn)

    def tick(self, moment: Moment) -> Outcome:
        self.asked = False
        self.pending += moment.manual
        if not self.due(moment.wall_s):
            return Outcome(pending=self.pending)
        delta, forbidden = self.memory(moment)
        if self.pending:
            delta = delta if forbidden else self.pending
            self.pending = 0
        elif delta == 0:
            delta = self.decide(moment, not forbidden)
        free = [n for n, slot in enumerate(moment.slots, 1) if slot.state == State.CHEAPED]
        idle = [
            (slot.started_s, n)
            for n, slot in enumerate(moment.slots, 1)
            if slot.idle and slot.started_s < NEVER_OLDEST
        ]
        start = tuple(free[: max(delta, 0)])
        stop = tuple(n for _, n in sorted(idle)[: max(-delta, 0)])
        self.pending = min(delta, 0) + len(stop)
        return Outcome(True, delta, self.pending, start, stop)
