"""An algorithm and the limits around it: what is fixed for a pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from .._bridge import NULL, check, failure, ffi, lib, new_error
from .._limits import whole
from ..errors import InvalidArgument
from .readings import WORKERS_MAX, Readings
from .state import WORD, State, state_of
from .table import FIXED, KNOBS_MAX, profile_number
from .verdict import Verdict, verdict_of

if TYPE_CHECKING:
    from .._core import CData

_RULE_SIZE = ffi.sizeof("struct uwo_scale_rule")
_decide = lib.uwo_scale_decide
_WORDS = ffi.typeof("uint64_t[]")
_BYTES_MOST = 2**64 - 1
_INTERVAL_MOST = 86400.0

Answer = tuple[Verdict | int, Any]
Function = Callable[..., Answer]


class Decider(Protocol):
    """What a rule is made of: an `Algo`, or a function in its coat."""

    @property
    def number(self) -> int:
        """In the core."""

    def knob_values(self) -> Sequence[int]:
        """As the core lists them."""

    @property
    def function(self) -> Callable[[Any, Readings, bool], Answer] | None:
        """Of an algorithm in Python."""


class Desk:
    """What one pure call writes to; kept for the next one, for making it takes longer."""

    __slots__ = ("block", "error", "room", "verdict", "view")

    def __init__(self, state_size: int) -> None:
        self.block = ffi.new(_WORDS, state_size // WORD)
        self.room = ffi.buffer(self.block)
        self.verdict = ffi.new("struct uwo_scale_verdict *")
        self.view = ffi.buffer(self.verdict)
        self.error = new_error()


class Rule:
    """An algorithm and the limits around it, checked.

    A value: it never changes.  `cdata` is the `struct uwo_scale_rule *` of it, and
    lives as long as the rule does.
    """

    __slots__ = ("_c", "_desks", "_function", "algorithm", "limits", "profile", "state_size")

    def __init__(
        self,
        algorithm: Decider,
        *,
        workers_max: int,
        workers_min: int | None = None,
        workers_step: int | None = None,
        workers_startup: int | None = None,
        profile: str = FIXED,
        check_interval: float | None = None,
        rss_soft: int | None = None,
        rss_hard: int | None = None,
    ) -> None:
        """Raises InvalidArgument, which names the limit, its value and what is allowed.

        workers_max, workers_min: how many there may be; workers_step: most started
        at one check (None: one; target: as many as it needs); workers_startup: at
        the start (None: workers_min); check_interval: seconds between two checks
        (None: one); rss_soft: bytes of all workers from which none is started;
        rss_hard: from which one is stopped at each check.  None is "not given".
        """
        most = WORKERS_MAX
        self.algorithm = algorithm
        self.profile = profile
        self.limits: dict[str, float | None] = {
            "workers_max": workers_max,
            "workers_min": workers_min,
            "workers_step": workers_step,
            "workers_startup": workers_startup,
            "check_interval": check_interval,
            "rss_soft": rss_soft,
            "rss_hard": rss_hard,
        }
        knobs = list(algorithm.knob_values())
        self._c = ffi.new(
            "struct uwo_scale_rule *",
            {
                "size": _RULE_SIZE,
                "profile": profile_number(profile),
                "algorithm": algorithm.number,
                "workers_max": whole("workers_max", workers_max, 1, most),
                "workers_min": optional("workers_min", workers_min, 1, most, 1),
                "workers_step": optional(
                    "workers_step", workers_step, 0, most, usual_step(algorithm.number, workers_max)
                ),
                "workers_startup": optional("workers_startup", workers_startup, 0, most, 0),
                "check_interval_ms": milliseconds(check_interval, profile),
                "rss_soft": optional("rss_soft", rss_soft, 0, _BYTES_MOST, 0, " bytes"),
                "rss_hard": optional("rss_hard", rss_hard, 0, _BYTES_MOST, 0, " bytes"),
                "knob": knobs + [0] * (KNOBS_MAX - len(knobs)),
            },
        )
        error = new_error()
        check(lib.uwo_scale_check(self._c, error), error)
        self.state_size: int = lib.uwo_scale_state_size(self._c)
        self._desks: list[Desk] = []
        self._function = algorithm.function

    @property
    def cdata(self) -> CData:
        """`struct uwo_scale_rule *`."""
        return self._c

    @property
    def workers_max(self) -> int:
        """Most workers."""
        return int(self._c.workers_max)

    @property
    def workers_min(self) -> int:
        """Fewest workers."""
        return int(self._c.workers_min)

    @property
    def workers_startup(self) -> int:
        """Workers at the start."""
        return int(lib.uwo_scale_startup(self._c))

    @property
    def check_interval_us(self) -> int:
        """Microseconds between two checks."""
        return int(self._c.check_interval_ms or 1000) * 1000

    # ---- pure calls ----

    def new_state(self) -> State:
        """Of a rule that has seen nothing."""
        return State(bytes(self.state_size))

    def begin(self, readings: Readings) -> State:
        """Of a rule that begins now, before its first check."""
        block = self.block(None)
        error = new_error()
        check(lib.uwo_scale_begin(self._c, cdata_of(readings), block, error), error)
        return state_of(ffi.buffer(block)[:])

    def decide(
        self, state: State | None, readings: Readings, *, may_spawn: bool = True
    ) -> tuple[Verdict, State]:
        """The algorithm alone, without the limits around it: what it wants, and its new state."""
        if self._function is not None:
            own = None if state is None else state.own
            answer, own = answer_of(self._function(own, readings, may_spawn))
            return answer, State(b"" if state is None else bytes(state), own)
        words, given = self._words_of(state), cdata_of(readings)
        try:
            desk = self._desks.pop()
        except IndexError:
            desk = Desk(self.state_size)
        desk.room[:] = words
        if _decide(self._c, given, bool(may_spawn), desk.block, desk.verdict, desk.error):
            raise failure(lib.UWO_E_INVALID, desk.error, "")
        verdict, found = verdict_of(desk.view, NULL, NULL), state_of(desk.room[:])
        self._desks.append(desk)
        return verdict, found

    def block(self, state: State | None) -> CData:
        """Words of the core with this state in it.  Raises InvalidArgument for one of others."""
        block = ffi.new(_WORDS, self.state_size // WORD)
        ffi.buffer(block)[:] = self._words_of(state)
        return block

    def _words_of(self, state: State | None) -> bytes:
        if state is None:
            return bytes(self.state_size)
        if not isinstance(state, State):
            raise InvalidArgument(f"state: {state!r:.80}; allowed: a State, or None for a new one")
        words = state.to_bytes()
        if len(words) not in (0, self.state_size):
            raise InvalidArgument(
                f"state: {len(words)} bytes; allowed: the {self.state_size} bytes of "
                f"{self.algorithm!r} for {self.workers_max} workers"
            )
        return words or bytes(self.state_size)

    # ---- a value ----

    def _key(self) -> tuple[object, ...]:
        return (self.algorithm, self.profile, *self.limits.values())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rule):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(ffi.buffer(self._c)[:])

    def __reduce__(self) -> tuple[Any, ...]:
        return _make, (self.algorithm, {**self.limits, "profile": self.profile})

    def __repr__(self) -> str:
        given = {name: value for name, value in self.limits.items() if value is not None}
        limits = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"Rule({self.algorithm!r}, {limits}, profile={self.profile!r})"


def _make(algorithm: Decider, limits: dict[str, Any]) -> Rule:
    return Rule(algorithm, **limits)


def optional(name: str, value: object, least: int, most: int, default: int, unit: str = "") -> int:
    """An int within limits, or None for the default."""
    if value is None:
        return default
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise InvalidArgument(f"{name}: {value!r:.80}; allowed: an int from {least} to {most}{unit}")


def milliseconds(seconds: object, profile: str = FIXED) -> int:
    """Of an interval between two checks; None is 0, "not given".  Raises InvalidArgument."""
    if seconds is None:
        return 0
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if number and 0.001 <= seconds <= _INTERVAL_MOST:  # type: ignore[operator]
        found = round(seconds * 1000)  # type: ignore[operator]
        if profile == FIXED or found % 1000 == 0:
            return found
    allowed = f"seconds from 0.001 to {_INTERVAL_MOST:g}"
    if profile != FIXED:
        allowed = f"whole seconds from 1 to {_INTERVAL_MOST:g} (profile {profile})"
    raise InvalidArgument(f"check_interval: {seconds!r:.80}; allowed: {allowed}")


def cdata_of(readings: object) -> CData:
    """The struct of readings.  Raises InvalidArgument for anything else."""
    if isinstance(readings, Readings):
        return readings.cdata
    raise InvalidArgument(f"readings: {readings!r:.80}; allowed: Readings")


def answer_of(given: object) -> tuple[Verdict, Any]:
    """What a function in Python answered.  Raises InvalidArgument."""
    if not isinstance(given, tuple) or len(given) != 2 or isinstance(given, Verdict):
        raise InvalidArgument(
            f"the algorithm gave {given!r:.80}; allowed: a pair (Verdict or int, new state)"
        )
    verdict, own = given
    if not isinstance(verdict, Verdict):
        verdict = Verdict(verdict)
    delta = verdict.delta
    if not isinstance(delta, int) or isinstance(delta, bool) or not -(2**31) <= delta < 2**31:
        raise InvalidArgument(f"the algorithm gave {delta!r:.80} as its delta; allowed: an int")
    if not isinstance(verdict.reason, str):
        raise InvalidArgument(
            f"the algorithm gave {verdict.reason!r:.80} as its reason; allowed: a str"
        )
    return verdict, own


def usual_step(algorithm: int, workers_max: int) -> int:
    """`workers_step` when nobody says."""
    found = lib.uwo_scale_algorithm(algorithm)
    return workers_max if found != NULL and found.step == lib.UWO_NONE else 0
