"""The algorithms, as classes that people know from uwsgiconf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from .readings import Readings
from .rule import Rule, cdata_of
from .state import State
from .table import FIXED, Algorithm, find, profile_number
from .verdict import Verdict

RULES_MAX = 16  # rules that an algorithm keeps for the pure call


class Algo:
    """An algorithm and its knobs.  None is "not given": the default of the core counts.

    Every setter returns the object.  A knob is checked where it is set, against what
    profile "fixed" allows; with another `profile`, against what that one does.
    """

    name: ClassVar[str] = ""
    plugin: ClassVar[str] = ""  # of uWSGI, that the ini names
    flags: ClassVar[Mapping[str, str]] = {}  # settings that are no knobs: option of each
    ini_order: ClassVar[Sequence[str]] = ()  # of the knobs; (): as the core has them

    _by_name: ClassVar[dict[str, type[Algo]]] = {}

    def __init_subclass__(cls) -> None:
        if cls.name:
            Algo._by_name.setdefault(cls.name, cls)

    def __init__(self, *, profile: str | None = None, **knobs: int | None) -> None:
        if profile is not None:
            profile_number(profile)
        self.profile = profile
        self.info: Algorithm = find(self.name)
        self.given: dict[str, int] = {}
        self.switched: dict[str, bool] = {}
        self._rules: dict[object, Rule] = {}
        self._set(knobs)

    @staticmethod
    def named(name: str, *, profile: str | None = None, **knobs: int | None) -> Algo:
        """The algorithm of that name, also one that has no class here."""
        info = find(name)
        kind = Algo._by_name.get(info.name)
        if kind is None:
            kind = type(f"Algo{info.name.capitalize()}", (Algo,), {"name": info.name})
        algo = kind(profile=profile)
        algo._set(knobs)
        return algo

    @staticmethod
    def class_of(name: str) -> type[Algo] | None:
        """The class of that name, or None."""
        return Algo._by_name.get(name)

    def _set(self, knobs: Mapping[str, int | bool | None]) -> Self:
        """All of them, or none."""
        found = {
            name: self.info.knob(name).check(value, self.profile or FIXED)
            for name, value in knobs.items()
            if value is not None
        }
        self.given.update(found)
        self._rules.clear()
        return self

    @property
    def knobs(self) -> dict[str, int]:
        """The value of every knob, given or by default."""
        return {knob.name: self.given.get(knob.name, knob.default) for knob in self.info.knobs}

    # ---- for a rule ----

    @property
    def number(self) -> int:
        """In the core."""
        return self.info.number

    @property
    def function(self) -> None:
        """None: it is in the core."""
        return None

    def knob_values(self) -> list[int]:
        """As the core lists them: 64 bits with a sign, as uWSGI takes what is larger."""
        given = (self.given.get(knob.name, knob.default) for knob in self.info.knobs)
        return [value - 2**64 if value >= 2**63 else value for value in given]

    def rule(self, workers_max: int, *, profile: str | None = None, **limits: Any) -> Rule:
        """This algorithm, as it is now, with limits around it; see `Rule`."""
        return Rule(
            type(self)._copy(self),
            workers_max=workers_max,
            profile=profile or self.profile or FIXED,
            **limits,
        )

    def decide(
        self, state: State | None, readings: Readings, *, may_spawn: bool = True, **limits: Any
    ) -> tuple[Verdict, State]:
        """The pure call: what the algorithm wants, and its new state.

        state: None for a new one.  may_spawn: False while a memory limit is exceeded.
        limits: as in `Rule`; workers_max is that of the readings.
        """
        workers = cdata_of(readings).worker_count
        key: tuple[object, ...] = workers, self.profile
        if limits:
            key += *limits.items(), *map(type, limits.values())
        try:
            rule = self._rules.get(key)
        except TypeError:  # no hash: no limit either, as the rule will say
            rule = None
        if rule is None:
            limits.setdefault("workers_max", workers)
            rule = self.rule(**limits)
            if len(self._rules) >= RULES_MAX:
                self._rules.clear()
            self._rules[key] = rule
        return rule.decide(state, readings, may_spawn=may_spawn)

    def to_ini(self) -> list[str]:
        """Its lines of an ini."""
        from .ini import algo_lines

        return algo_lines(self)

    # ---- a value ----

    def _copy(self) -> Self:
        made = type(self)(profile=self.profile)
        made.given = dict(self.given)
        made.switched = dict(self.switched)
        return made

    def _key(self) -> tuple[object, ...]:
        return self.name, self.profile, tuple(self.knob_values()), tuple(self.switched.items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Algo):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> tuple[Any, ...]:
        own = type(self) if type(self) is not Algo.class_of(self.name) else None
        return _restore, (own, self.name, self.profile, self.given, self.switched)

    def __repr__(self) -> str:
        given: dict[str, object] = {**self.given, **self.switched}
        if self.profile is not None:
            given["profile"] = self.profile
        values = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"{type(self).__name__}({values})"


def _restore(
    own: type[Algo] | None,
    name: str,
    profile: str | None,
    given: dict[str, int],
    switched: dict[str, bool],
) -> Algo:
    made = own(profile=profile) if own else Algo.named(name, profile=profile)
    made.given.update(given)
    made.switched.update(switched)
    return made


class AlgoSpare(Algo):
    """Keeps one worker idle.  The default of uWSGI."""

    name = "spare"

    def __init__(
        self, *, check_interval_overload: int | None = None, profile: str | None = None
    ) -> None:
        super().__init__(profile=profile)
        self.set_basic_params(check_interval_overload=check_interval_overload)

    def set_basic_params(self, *, check_interval_overload: int | None = None) -> Self:
        """check_interval_overload: checks with all busy until it starts, or easy until it stops."""
        return self._set({"check_interval_overload": check_interval_overload})


class AlgoSpare2(Algo):
    """Keeps as many workers idle as workers_min says; uWSGI 2.0 runs `spare` instead."""

    name = "spare2"

    def __init__(
        self,
        *,
        check_interval_idle: int | None = None,
        check_interval_overload: int | None = None,
        profile: str | None = None,
    ) -> None:
        super().__init__(profile=profile)
        self.set_basic_params(
            check_interval_idle=check_interval_idle,
            check_interval_overload=check_interval_overload,
        )

    def set_basic_params(
        self,
        *,
        check_interval_idle: int | None = None,
        check_interval_overload: int | None = None,
    ) -> Self:
        """check_interval_idle: checks with more idle until one is stopped.

        check_interval_overload: of the `spare` that uWSGI 2.0 runs instead.
        """
        return self._set(
            {
                "check_interval_idle": check_interval_idle,
                "check_interval_overload": check_interval_overload,
            }
        )


class AlgoQueue(Algo):
    """By the length of the listen queue; `backlog` in an ini."""

    name = "backlog"

    def __init__(
        self, *, check_num_overload: int | None = None, profile: str | None = None
    ) -> None:
        super().__init__(profile=profile)
        self.set_basic_params(check_num_overload=check_num_overload)

    def set_basic_params(self, *, check_num_overload: int | None = None) -> Self:
        """check_num_overload: requests; more in the queue start workers, fewer stop one."""
        return self._set({"check_num_overload": check_num_overload})


class AlgoManual(Algo):
    """Only by hand."""

    name = "manual"

    def set_basic_params(self) -> Self:
        """It has none."""
        return self


class AlgoTarget(Algo):
    """By the load that arrives and a target for the time requests wait: our own.

    Its knobs are those that `algorithms()["target"].knobs` lists.
    """

    name = "target"

    def set_basic_params(self, **knobs: int | None) -> Self:
        """Knobs by name."""
        return self._set(knobs)
