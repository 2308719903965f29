"""What a rule answers."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

from .._bridge import ffi, lib, text
from .table import names_of

if TYPE_CHECKING:
    from .._core import CData

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

_VERDICT = Struct("4xiiIIIIIP")  # struct uwo_scale_verdict, behind its size
assert _VERDICT.size == ffi.sizeof("struct uwo_scale_verdict")
_unpack, _tuple = _VERDICT.unpack, tuple.__new__
_SAID: dict[bytes, Verdict] = {}  # those that name no worker: most are one of a few
SAID_MAX = 1000


def verdict_of(found: Any, start: CData, stop: CData) -> Verdict:
    """A verdict of the core.  found: a buffer of its struct; read one by one, its fields would
    take longer than the decision.
    """
    struct = found[:]
    known = _SAID.get(struct)
    if known is not None:
        return known
    delta, pending, limited_by, fired, starts, stops, memory, reason = _unpack(struct)
    verdict = _tuple(
        Verdict,
        (
            delta,
            REASONS[reason],
            tuple(ffi.unpack(start, starts)) if starts else (),
            tuple(ffi.unpack(stop, stops)) if stops else (),
            pending,
            LIMITS[limited_by],
            fired != 0,
            LIMITS[memory],
        ),
    )
    if not starts and not stops and len(_SAID) < SAID_MAX:
        _SAID[struct] = verdict
    return verdict
