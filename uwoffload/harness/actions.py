"""What a policy has the master do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spawn:
    """Fork a worker that publishes its figures in this slot."""

    slot: int


@dataclass(frozen=True, slots=True)
class Drain:
    """Tell it to accept no more, to finish what it has, and to end."""

    pid: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Tell it to cut what is under way, to write that down, and to end."""

    pid: int


@dataclass(frozen=True, slots=True)
class Explain:
    """Say that so many workers still finish what they have, and for how long at most."""

    workers: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Kill:
    """End it at once."""

    pid: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """Have the system refuse new connections, in all processes."""


@dataclass(frozen=True, slots=True)
class Announce:
    """Every worker accepts connections."""


@dataclass(frozen=True, slots=True)
class Postpone:
    """Say that a worker keeps dying and when the next one starts."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reexecute:
    """Begin anew as the same process, keeping the sockets and the workers."""


@dataclass(frozen=True, slots=True)
class Exit:
    """No worker is left: end with this status."""

    status: int


Action = Spawn | Drain | Cut | Kill | Announce | Explain | Postpone | Refuse | Reexecute | Exit
