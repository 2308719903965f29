"""What happens to a master; every event says when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Began:
    """Everything is bound; workers may start."""

    now: float


@dataclass(frozen=True, slots=True)
class WorkerStarted:
    """A process was forked for this slot."""

    now: float
    slot: int
    pid: int


@dataclass(frozen=True, slots=True)
class WorkerRefused:
    """The system gave no process for this slot."""

    now: float
    slot: int


@dataclass(frozen=True, slots=True)
class WorkerServed:
    """It accepts connections from now on."""

    now: float
    pid: int


@dataclass(frozen=True, slots=True)
class WorkerLeft:
    """It accepts no more, finishes what it has and then ends, by its own decision."""

    now: float
    pid: int


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """The process has ended.  hopeless: it could not start, and has said why."""

    now: float
    pid: int
    hopeless: bool = False


@dataclass(frozen=True, slots=True)
class ReloadAsked:
    """SIGHUP."""

    now: float


@dataclass(frozen=True, slots=True)
class StopAsked:
    """SIGTERM or SIGINT."""

    now: float


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The moment that `Policy.wake_at` named has come, or any other."""

    now: float


Event = (
    Began
    | WorkerStarted
    | WorkerRefused
    | WorkerServed
    | WorkerLeft
    | WorkerDied
    | ReloadAsked
    | StopAsked
    | TimePassed
)
