"""What a rule answers."""

from __future__ import annotations

from typing import NamedTuple

from .._bridge import ffi, lib, text
from .table import names_of

LIMITS: tuple[str | None, ...] = (None, *names_of(lib.uwo_scale_limit_name)[1:])


class Verdict(NamedTuple):
    """What a rule answers at one check.

    An algorithm of your own gives `delta` and `reason`; the rest is filled in by
    the rule around it.
    """

    delta: int
    """Workers to start (+) or to stop (-).  Of a tick in profile "fixed": what is done."""
    reason: str = ""
    start: tuple[int, ...] = ()
    """Numbers of the workers to start."""
    stop: tuple[int, ...] = ()
    pending: int = 0
    """Stops carried over to the next check, 0 or less; profiles of uWSGI only."""
    limited_by: str | None = None
    """What stood between the decision and what is done: "workers_max", "no idle worker" ..."""
    fired: bool = True
    """False: it is not yet time for a check, and nothing has changed."""
    memory: str | None = None
    """The memory limit that is exceeded, "rss_soft" or "rss_hard"."""

    @property
    def memory_spoke(self) -> bool:
        """Whether a memory limit is exceeded."""
        return self.memory is not None


class Reasons(dict[int, str]):
    """The texts of the core by their address; they live for ever, so each is decoded once."""

    def __missing__(self, address: int) -> str:
        found = self[address] = text(ffi.cast("const char *", address)) if address else ""
        return found


REASONS = Reasons()
