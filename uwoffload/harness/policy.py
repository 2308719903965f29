"""Which workers there should be: state and event in, actions out.

A *seat* is one of the workers that there should be; a *slot* is where a worker
publishes its figures.  A worker that drains has left its seat to another, but
keeps its slot until it has ended, so there are more slots than seats.

    seat empty -- Spawn --> STARTING -- WorkerServed --> SERVING
         ^                     |                            | WorkerLeft, Drain
         +---- WorkerDied -----+----------------------------+--> LEAVING (without a seat)

Workers of the image before a re-execution serve on as OLD until there is a
serving worker on every seat; then they drain.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from .actions import (
    Action,
    Announce,
    Cut,
    Drain,
    Exit,
    Explain,
    Kill,
    Postpone,
    Reexecute,
    Refuse,
    Spawn,
)
from .events import (
    Began,
    Event,
    ReloadAsked,
    StopAsked,
    WorkerDied,
    WorkerLeft,
    WorkerRefused,
    WorkerServed,
    WorkerStarted,
)

SLOTS_PER_SEAT = 4  # so many generations may drain at a time; the oldest are ended before more
DEATHS_WINDOW = 10.0  # seconds
DEATHS_FREE = 2  # within the window; the next one is replaced later
DELAY_MIN = 1.0
DELAY_MAX = 30.0
GRACE = 2.0  # seconds beyond its mercy in which a worker ends by itself
QUIET = 0.5  # seconds of a stop after which it says what it waits for


class Stage(Enum):
    """See the module."""

    STARTING = "starting"
    SERVING = "serving"
    LEAVING = "leaving"
    OLD = "old"


@dataclass(slots=True)
class Worker:
    """A process."""

    pid: int
    slot: int
    stage: Stage
    born: float
    kill_at: float | None = None


@dataclass(slots=True)
class Seat:
    """Who sits there, or when the next may."""

    slot: int | None = None  # of its worker, from Spawn on
    deaths: list[float] = field(default_factory=list)  # of the last seconds
    delay: float = 0.0
    retry_at: float | None = None

    def bury(self, now: float, lived: float) -> float:
        """Its worker has died; gives the seconds to wait before the next."""
        self.slot = None
        self.deaths = [*(each for each in self.deaths if now - each < DEATHS_WINDOW), now]
        again = self.delay > 0 and lived < DEATHS_WINDOW
        if again or len(self.deaths) > DEATHS_FREE:
            self.delay = min(max(self.delay * 2, DELAY_MIN), DELAY_MAX)
        else:
            self.delay = 0.0
        self.retry_at = now + self.delay
        return self.delay


@dataclass(frozen=True, slots=True)
class Found:
    """A worker of the image before."""

    pid: int
    slot: int
    serving: bool


class Policy:
    """The state of a master.  `old`: the workers it found."""

    def __init__(self, processes: int, mercy: float, old: Iterable[Found] = ()) -> None:
        self.mercy = mercy
        self.seats = [Seat() for _ in range(processes)]
        self.slots = slots_of(processes)
        self.old = tuple(old)
        self.workers: dict[int, Worker] = {}
        self.announced = False
        self.stopping = False
        self.cutting = False
        self.explain_at: float | None = None
        self.status = 0
        self.now = 0.0  # of the last event

    @property
    def wake_at(self) -> float | None:
        """When TimePassed should come at the latest."""
        times = [self.explain_at, *(worker.kill_at for worker in self.workers.values())]
        if not self.stopping:
            times += [seat.retry_at for seat in self.seats if seat.slot is None]
        # A seat whose time has come and that is empty waits for a slot, not for a moment.
        return min((time for time in times if time is not None and time > self.now), default=None)

    def handle(self, event: Event) -> list[Action]:
        """What to do now."""
        actions: list[Action] = []
        self.now = event.now
        if isinstance(event, Began):
            self._begin(event.now, actions)
        elif isinstance(event, WorkerStarted):
            self.workers[event.pid] = Worker(event.pid, event.slot, Stage.STARTING, event.now)
        elif isinstance(event, WorkerRefused):
            self._bury(event.slot, event.now, event.now, actions)
        elif isinstance(event, WorkerDied):
            self._lose(event, actions)
        elif isinstance(event, WorkerServed | WorkerLeft):
            self._move(event, actions)
        elif isinstance(event, StopAsked):
            self._stop(event.now, actions)
        elif isinstance(event, ReloadAsked) and not self.stopping:
            return [Reexecute()]
        self._kill_late(event.now, actions)
        self._explain(event.now, actions)
        if not self.stopping:
            self._fill(event.now, actions)
        elif not self.workers:
            actions.append(Exit(self.status))
        return actions

    # ---- what events mean ----

    def _seat_of(self, slot: int) -> Seat | None:
        return next((seat for seat in self.seats if seat.slot == slot), None)

    def _begin(self, now: float, actions: list[Action]) -> None:
        for seat in self.seats:
            seat.retry_at = now
        for found in self.old:
            worker = self.workers[found.pid] = Worker(found.pid, found.slot, Stage.OLD, now)
            if not found.serving:
                actions.append(Drain(found.pid))
                self._leave(worker, now)

    def _lose(self, event: WorkerDied, actions: list[Action]) -> None:
        worker = self.workers.pop(event.pid, None)
        if worker is None or worker.stage in (Stage.LEAVING, Stage.OLD):
            return
        alone = all(other.stage is not Stage.OLD for other in self.workers.values())
        if event.hopeless and alone and not self.announced:
            self.status = 1
            self._end_all(actions)
        else:
            self._bury(worker.slot, event.now, worker.born, actions)

    def _bury(self, slot: int, now: float, born: float, actions: list[Action]) -> None:
        seat = self._seat_of(slot)
        if seat is not None and not self.stopping:
            delay = seat.bury(now, now - born)
            if delay:
                actions.append(Postpone(delay))

    def _move(self, event: WorkerServed | WorkerLeft, actions: list[Action]) -> None:
        worker = self.workers.get(event.pid)
        if worker is None or worker.stage is Stage.LEAVING:
            return
        if isinstance(event, WorkerLeft):
            seat = self._seat_of(worker.slot)
            if seat is not None:
                seat.slot, seat.retry_at = None, event.now
            self._leave(worker, event.now)
            return
        worker.stage = Stage.SERVING
        serving = {each.slot for each in self.workers.values() if each.stage is Stage.SERVING}
        if not self.announced and all(seat.slot in serving for seat in self.seats):
            self.announced = True
            actions.append(Announce())
            for other in self.workers.values():
                if other.stage is Stage.OLD:
                    actions.append(Drain(other.pid))
                    self._leave(other, event.now)

    def _leave(self, worker: Worker, now: float) -> None:
        worker.stage = Stage.LEAVING
        worker.kill_at = now + self.mercy + GRACE

    def _stop(self, now: float, actions: list[Action]) -> None:
        """The first time politely, the second time soon, the third time at once."""
        if self.cutting:
            self._end_all(actions)
            return
        if self.stopping:
            self.cutting, self.explain_at = True, None
            for worker in self.workers.values():
                actions.append(Cut(worker.pid))
                worker.kill_at = now + GRACE
            return
        self.stopping, self.explain_at = True, now + QUIET
        for worker in self.workers.values():
            actions.append(Drain(worker.pid))
            if worker.kill_at is None:
                self._leave(worker, now)
        actions.append(Refuse())

    def _end_all(self, actions: list[Action]) -> None:
        self.stopping, self.explain_at = True, None
        for worker in self.workers.values():
            actions.append(Kill(worker.pid))
            worker.stage, worker.kill_at = Stage.LEAVING, None

    # ---- what time brings ----

    def _kill_late(self, now: float, actions: list[Action]) -> None:
        for worker in self.workers.values():
            if worker.kill_at is not None and worker.kill_at <= now:
                actions.append(Kill(worker.pid))
                worker.kill_at = None

    def _explain(self, now: float, actions: list[Action]) -> None:
        if self.explain_at is None or self.explain_at > now:
            return
        self.explain_at = None
        if self.workers:
            actions.append(Explain(len(self.workers), self.mercy))

    def _fill(self, now: float, actions: list[Action]) -> None:
        """Seats whose time has come, as far as there are slots."""
        taken = {worker.slot for worker in self.workers.values()}
        taken.update(seat.slot for seat in self.seats if seat.slot is not None)
        free = iter([slot for slot in range(self.slots) if slot not in taken])
        for seat in self.seats:
            if seat.slot is not None or seat.retry_at is None or seat.retry_at > now:
                continue
            slot = next(free, None)
            if slot is None:
                self._make_room(actions)
                return
            seat.slot, seat.retry_at = slot, None
            actions.append(Spawn(slot))

    def _make_room(self, actions: list[Action]) -> None:
        """Too many drain: end the one that began first; its death fills the seat."""
        if any(each.stage is Stage.LEAVING and not each.kill_at for each in self.workers.values()):
            return  # one is being ended
        dying = [each for each in self.workers.values() if each.kill_at is not None]
        old = [each for each in self.workers.values() if each.stage is Stage.OLD]
        for worker in sorted(dying, key=lambda each: each.kill_at or 0.0) or old[len(self.seats) :]:
            worker.stage, worker.kill_at = Stage.LEAVING, None
            actions.append(Kill(worker.pid))
            return


def slots_of(processes: int) -> int:
    """Slots that so many seats need in the statistics block."""
    return processes * SLOTS_PER_SEAT
