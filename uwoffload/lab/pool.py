"""What is simulated: the workers, their queues, and what happens to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._bridge import NULL, ffi, lib
from .._limits import whole
from ..errors import InvalidArgument

if TYPE_CHECKING:
    from .._core import CData

QUEUES = {"shared": lib.UWO_LAB_SHARED, "per-worker": lib.UWO_LAB_PER_WORKER}
IDLE_ORDERS = {
    "last first": lib.UWO_LAB_LAST_IDLE_FIRST,
    "longest first": lib.UWO_LAB_LONGEST_IDLE_FIRST,
}
EVENTS = {
    "death": lib.UWO_LAB_DEATH,
    "forks fail": lib.UWO_LAB_FORKS_FAIL,
    "manual": lib.UWO_LAB_MANUAL,
    "clock step": lib.UWO_LAB_CLOCK_STEP,
    "start": lib.UWO_LAB_START,
    "stop": lib.UWO_LAB_STOP,
}

_LONGEST = lib.UWO_LAB_TIME_MAX
WORKER_EVENTS = ("death", "start", "stop")  # which have a number
VALUES = {  # of the others: least and most
    "forks fail": (0, 65534),
    "manual": (-65534, 65534),
    "clock step": (-lib.UWO_LAB_TIME_MAX, lib.UWO_LAB_TIME_MAX),
}
SECOND = 1_000_000
INTERVAL_MOST = 86_400  # seconds between two checks of a rule

_TIMES = ("startup_us", "drain_us", "first_request_us")
_COUNTS = ("listen_queue_limit", "accept_ahead")


@dataclass(frozen=True)
class Event:
    """Something that happens at a time, whatever the rule does.

    kind: "death" of worker `number`, with what it serves; "forks fail", the next
    `value` of them; "manual", `value` workers more or less asked for by hand;
    "clock step", the wall clock is set `value` µs forward or back; "start" or "stop"
    of worker `number`.
    """

    at_us: int
    kind: str
    number: int = 0
    value: int = 0

    def check(self, name: str, workers_max: int) -> None:
        """Raises InvalidArgument, which begins with that name."""
        _one_of(f"{name}.kind", self.kind, EVENTS)
        whole(f"{name}.at_us", self.at_us, 0, lib.UWO_LAB_TIME_MAX)
        on_worker = self.kind in WORKER_EVENTS
        whole(f"{name}.number", self.number, 1 if on_worker else 0, workers_max)
        whole(f"{name}.value", self.value, *VALUES.get(self.kind, (-(2**63), 2**63 - 1)))


@dataclass(frozen=True)
class Pool:
    """Workers to simulate.  Times in µs, memory in bytes.

    workers_max, workers_min: how many there may be (the minimum goes to rules that
    are made here); workers_startup: ready at the start, None for what the rule says.
    startup_us: from a start until the worker can take requests; drain_us: from the
    last request of a stopped worker until it is gone; first_request_us: what the
    first request of a started worker takes longer; tick_us: between two questions
    to the rule.
    listen_queue_limit: requests that may wait, the others are rejected (0: no
    limit); accept_ahead: of those that wait, so many are taken out of the listen
    queue by a front, as that of uwoffload does, and are read as `waiting`.
    queues: "shared", or "per-worker" as with SO_REUSEPORT (a request goes to a
    worker by a hash).  idle_order: which of several free threads takes a request,
    "last first" or "longest first".
    idle_rss, busy_rss: of one worker, without and with a request.  cold: the
    workers of the start have to start up, too.  respawn: a worker that died is
    started again at once.  flap_us: a start so soon behind a stop (or the other
    way round) is a flap.  wall_us: the wall clock at the start.
    """

    workers_max: int
    workers_min: int = 1
    startup_us: int = 1_000_000
    drain_us: int = 0
    listen_queue_limit: int = 100
    tick_us: int = 1_000_000
    threads: int = 1
    queues: str = "shared"
    idle_order: str = "last first"
    first_request_us: int = 0
    accept_ahead: int = 0
    idle_rss: int = 0
    busy_rss: int | None = None
    workers_startup: int | None = None
    cold: bool = False
    respawn: bool = True
    flap_us: int = 60_000_000
    wall_us: int = 1_700_000_000_000_000
    events: tuple[Event, ...] = ()

    def __post_init__(self) -> None:
        """Raises InvalidArgument, which names the field, its value and what is allowed."""
        most = whole("workers_max", self.workers_max, 1, 65535)
        whole("workers_min", self.workers_min, 1, most)
        if self.workers_startup is not None:
            whole("workers_startup", self.workers_startup, 1, most)
        whole("threads", self.threads, 1, 64)
        for name in _TIMES:
            whole(name, getattr(self, name), 0, lib.UWO_LAB_SERVICE_MAX)
        for name in ("tick_us", "flap_us"):
            whole(name, getattr(self, name), 1, _LONGEST)
        for name in _COUNTS:
            whole(name, getattr(self, name), 0, lib.UWO_LAB_WAITING_MAX)
        whole("wall_us", self.wall_us, 1, 2**60)
        whole("idle_rss", self.idle_rss, 0, 2**46)
        if self.busy_rss is not None:
            whole("busy_rss", self.busy_rss, self.idle_rss, 2**46)
        _one_of("queues", self.queues, QUEUES)
        _one_of("idle_order", self.idle_order, IDLE_ORDERS)
        self._check_events(most)
        object.__setattr__(self, "events", tuple(sorted(self.events, key=lambda one: one.at_us)))

    def _check_events(self, workers_max: int) -> None:
        if not isinstance(self.events, tuple | list):
            raise InvalidArgument(f"events: {self.events!r:.80}; allowed: a tuple of Event")
        for index, event in enumerate(self.events):
            if not isinstance(event, Event):
                raise InvalidArgument(f"events[{index}]: {event!r:.80}; allowed: an Event")
            event.check(f"events[{index}]", workers_max)

    @property
    def check_interval(self) -> float | None:
        """Seconds between two checks of a rule; None: the usual second.  Raises InvalidArgument."""
        if self.tick_us % 1000 or self.tick_us > INTERVAL_MOST * SECOND:
            raise InvalidArgument(
                f"tick_us: {self.tick_us}; allowed with a rule: whole milliseconds (as 2000), up "
                "to a day; or give a Rule, which has a check_interval of its own"
            )
        return None if self.tick_us == SECOND else self.tick_us / SECOND

    def event_rows(self) -> CData:
        """`struct uwo_lab_event[]`, to be kept as long as it is used."""
        if not self.events:
            return NULL
        rows = [(one.at_us, one.value, EVENTS[one.kind], one.number) for one in self.events]
        return ffi.new("struct uwo_lab_event[]", rows)

    def options(self) -> dict[str, Any]:
        """The fields of `struct uwo_lab_options` that are the pool's."""
        flags = 0 if self.respawn else lib.UWO_LAB_NO_RESPAWN
        return {
            "workers_max": self.workers_max,
            "workers_startup": self.workers_startup or 0,
            "threads": self.threads,
            "queues": QUEUES[self.queues],
            "idle_order": IDLE_ORDERS[self.idle_order],
            "listen_queue_limit": self.listen_queue_limit,
            "accept_ahead": self.accept_ahead,
            "flags": flags | (lib.UWO_LAB_COLD if self.cold else 0),
            "tick_us": self.tick_us,
            "startup_us": self.startup_us,
            "drain_us": self.drain_us,
            "first_request_us": self.first_request_us,
            "flap_us": self.flap_us,
            "wall_us": self.wall_us,
            "idle_rss": self.idle_rss,
            "busy_rss": self.idle_rss if self.busy_rss is None else self.busy_rss,
        }


def _one_of(name: str, value: object, allowed: dict[str, int]) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise InvalidArgument(f"{name}: {value!r:.80}; allowed: {', '.join(map(repr, allowed))}")
