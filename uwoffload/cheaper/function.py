"""Python functions as algorithms."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .._bridge import lib
from .readings import Readings
from .rule import Answer, Function, Rule, answer_of
from .table import FIXED
from .verdict import Verdict


class Foreign:
    """A Python function in the coat of an algorithm.

    It is called as `function(state, readings)`, or with `may_spawn=` as well if it has
    a parameter of that name, and answers `(Verdict or int, new state)`.
    """

    number: int = lib.UWO_SCALE_FOREIGN

    def __init__(self, function: Callable[..., Answer]) -> None:
        self.called = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self._asks = _has_parameter(function, "may_spawn")

    @property
    def function(self) -> Callable[[Any, Readings, bool], Answer]:
        """Called with state, readings, may_spawn."""
        return self._call

    def _call(self, state: Any, readings: Readings, may_spawn: bool) -> Answer:
        if self._asks:
            return self.called(state, readings, may_spawn=may_spawn)
        return self.called(state, readings)

    def knob_values(self) -> list[int]:
        """None."""
        return []

    def rule(self, workers_max: int, *, profile: str | None = None, **limits: Any) -> Rule:
        """As that of `Algo`."""
        return Rule(self, workers_max=workers_max, profile=profile or FIXED, **limits)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Foreign) and self.called == other.called

    def __hash__(self) -> int:
        return hash(self.called)

    def __repr__(self) -> str:
        return self.name


def _has_parameter(function: Callable[..., Any], name: str) -> bool:
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):  # a builtin without one
        return False


def decide(
    function: Function, state: Any, readings: Readings, *, may_spawn: bool = True
) -> tuple[Verdict, Any]:
    """The pure call of an algorithm in Python, as `Algo.decide` is of one in the core."""
    return answer_of(Foreign(function).function(state, readings, may_spawn))
