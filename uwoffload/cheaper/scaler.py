"""A rule and its state together: what a server asks at each check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self

from .._bridge import NULL, failure, ffi, lib, new_error
from ..errors import InvalidArgument
from .algorithms import Algo
from .function import Foreign
from .readings import Readings
from .rule import Answer, Function, Rule, answer_of, cdata_of
from .state import State
from .verdict import Verdict, verdict_of

Asked = Callable[[Any, Readings, bool], Answer]

_tick = lib.uwo_scale_tick
_VERDICT_SIZE = ffi.sizeof("struct uwo_scale_verdict")


class HasRule(Protocol):
    """`Algo`, and the coat of a function."""

    def rule(self, workers_max: int, *, profile: str | None = None, **limits: Any) -> Rule:
        """With limits around it."""


def algorithm_of(given: object) -> HasRule:
    """What may stand for an algorithm: one, its class, its name, or a function of your own."""
    if isinstance(given, Algo | Foreign):
        return given
    if isinstance(given, type) and issubclass(given, Algo):
        return given()
    if isinstance(given, str):
        return Algo.named(given)
    if callable(given):
        return Foreign(given)
    raise InvalidArgument(
        f"algorithm: {given!r:.80}; allowed: an Algo, a name, or a function (state, readings)"
    )


class Scaler:
    """A rule and what it remembers.

        scaler = Scaler(AlgoSpare(), workers_max=8, workers_min=2)
        verdict = scaler.tick(readings)
        for number in verdict.start: ...

    algorithm: an `Algo`, a name, or a Python function (see `Rule`, and the page on
    scaling); limits: those of `Rule`.  A `Rule` brings its own.  Thread: any, one at
    a time.
    """

    __slots__ = (
        "_block", "_error", "_function", "_own", "_rule", "_start", "_stop", "_verdict", "_view",
        "rule",
    )  # fmt: skip

    def __init__(
        self,
        algorithm: Algo | type[Algo] | str | Rule | Function,
        *,
        workers_max: int | None = None,
        workers_min: int | None = None,
        workers_step: int | None = None,
        workers_startup: int | None = None,
        profile: str | None = None,
        check_interval: float | None = None,
        rss_soft: int | None = None,
        rss_hard: int | None = None,
        state: State | None = None,
    ) -> None:
        """Raises InvalidArgument."""
        limits = {
            "workers_max": workers_max,
            "workers_min": workers_min,
            "workers_step": workers_step,
            "workers_startup": workers_startup,
            "profile": profile,
            "check_interval": check_interval,
            "rss_soft": rss_soft,
            "rss_hard": rss_hard,
        }
        self.rule = rule = _rule_of(algorithm, limits)
        self._rule = rule.cdata
        self._function = rule.algorithm.function
        self._verdict = ffi.new("struct uwo_scale_verdict *", {"size": _VERDICT_SIZE})
        self._view = ffi.buffer(self._verdict)
        self._start = ffi.new("uint32_t[]", rule.workers_max)
        self._stop = ffi.new("uint32_t[]", rule.workers_max)
        self._error = new_error()
        self._block = rule.block(state)
        self._own = None if state is None else state.own

    def tick(self, readings: Readings) -> Verdict:
        """A whole check: what to do now.

        Between two checks it may be called as often as you like: `fired` is then
        False.  Raises InvalidArgument for readings that are not sound; the state is
        then as it was.
        """
        if self._function is not None:
            return self._ask(readings, self._function)
        try:
            given = readings._c
        except AttributeError:
            given = cdata_of(readings)
        start, stop = self._start, self._stop
        if _tick(self._rule, given, self._block, self._verdict, start, stop, self._error):
            raise failure(lib.UWO_E_INVALID, self._error, "")
        return verdict_of(self._view, start, stop)

    def _ask(self, readings: Readings, function: Asked) -> Verdict:
        """The same of an algorithm in Python; whatever it raises, the state is as it was."""
        given, verdict = cdata_of(readings), self._verdict
        before = ffi.buffer(self._block)[:]
        ask = ffi.new("int *")
        if lib.uwo_scale_open(self._rule, given, self._block, verdict, ask, self._error):
            raise failure(lib.UWO_E_INVALID, self._error, "")
        reason = ffi.new("char[]", 1)
        try:
            wanted, own = Verdict(0), self._own
            if ask[0]:
                shown = readings.copy()  # what it writes there is none of the limits' business
                wanted, own = answer_of(function(own, shown, ask[0] == 1))
                verdict.delta = wanted.delta
                verdict.reason = reason
            if lib.uwo_scale_close(
                self._rule, given, self._block, verdict, ask[0], self._start, self._stop,
                self._error,
            ):  # fmt: skip
                raise failure(lib.UWO_E_INVALID, self._error, "")
        except BaseException:
            ffi.memmove(self._block, before, len(before))
            raise
        self._own = own
        theirs = verdict.reason == reason
        if theirs:
            verdict.reason = NULL
        found = verdict_of(self._view, self._start, self._stop)
        return found._replace(reason=wanted.reason) if theirs else found

    def begin(self, readings: Readings) -> Self:
        """Forget everything; begin now, before the first check.

        In the profiles of uWSGI this is where it loads the plugin of the algorithm;
        without it, the first tick is.
        """
        self.state = self.rule.begin(readings)
        return self

    @property
    def state(self) -> State:
        """What it remembers now.  May be set, to go on from there."""
        return State(ffi.buffer(self._block)[:], self._own)

    @state.setter
    def state(self, state: State | None) -> None:
        self._block = self.rule.block(state)
        self._own = None if state is None else state.own

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.rule, self.state)

    def __repr__(self) -> str:
        return f"<Scaler: {self.rule!r}>"


def _restore(rule: Rule, state: State) -> Scaler:
    return Scaler(rule, state=state)


def _rule_of(algorithm: object, limits: dict[str, Any]) -> Rule:
    if isinstance(algorithm, Rule):
        extra = [name for name, value in limits.items() if value is not None]
        if extra:
            raise InvalidArgument(f"{extra[0]}: the rule has its own; allowed: a Rule, or limits")
        return algorithm
    if limits["workers_max"] is None:
        raise InvalidArgument("workers_max: None; allowed: an int from 1 to 65535")
    return algorithm_of(algorithm).rule(**limits)
