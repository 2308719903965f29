"""What a master leaves to itself when it executes anew: sockets, workers, descriptors.

It travels in one environment variable, with the number of the process, so that no
other process takes it for its own.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any

from .._bridge import lib, text

VERSION = text(lib.uwo_version())
VARIABLE = "UWOFFLOAD_HANDOVER"


@dataclass(frozen=True, slots=True)
class OldListener:
    """A socket that listens."""

    fd: int
    protocol: str
    written: str


@dataclass(frozen=True, slots=True)
class OldWorker:
    """A process, and our end of its channel."""

    pid: int
    slot: int
    fd: int
    serving: bool


@dataclass(slots=True)
class Handover:
    """All of it; descriptors by number."""

    listeners: list[OldListener] = field(default_factory=list)
    workers: list[OldWorker] = field(default_factory=list)
    overflow: list[int] = field(default_factory=list)
    stats: int | None = None
    directory: int | None = None  # where the first image was started
    umask: int | None = None  # the one it was started with

    def descriptors(self) -> list[int]:
        found = [each.fd for each in self.listeners] + [each.fd for each in self.workers]
        single = [fd for fd in (self.stats, self.directory) if fd is not None]
        return [*found, *self.overflow, *single]

    def inherit(self, flag: bool) -> None:
        """Let every descriptor survive an exec, or no longer."""
        for fd in self.descriptors():
            os.set_inheritable(fd, flag)

    def to_text(self) -> str:
        return json.dumps({"pid": os.getpid(), "version": VERSION, **asdict(self)})


def take() -> Handover:
    """What was left to this process; nothing, usually."""
    left = os.environ.pop(VARIABLE, "")
    try:
        found: dict[str, Any] = json.loads(left) if left else {}
        if found.pop("pid", None) != os.getpid():
            return Handover()
        version = found.pop("version", "")
        listeners = [OldListener(**each) for each in found.pop("listeners")]
        workers = [OldWorker(**each) for each in found.pop("workers")]
        handover = Handover(listeners=listeners, workers=workers, **found)
        handover.inherit(False)
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        return Handover()
    if version != VERSION:  # what the core writes there may have another form
        for fd in [*handover.overflow, *([] if handover.stats is None else [handover.stats])]:
            os.close(fd)
        handover.overflow, handover.stats = [], None
    return handover
