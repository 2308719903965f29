"""What the core knows of its algorithms: names, knobs, units, ranges, profiles."""

from __future__ import annotations

import difflib
import functools
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from .._bridge import lib, text
from ..errors import InvalidArgument

if TYPE_CHECKING:
    from .._core import CData
    from .algorithms import Algo

_UNKNOWN = "unknown"


def names_of(function: Callable[[int], CData]) -> tuple[str, ...]:
    """The names that a function of the core gives, from number 0 on."""
    given = map(text, map(function, itertools.count()))
    return tuple(itertools.takewhile(lambda name: name != _UNKNOWN, given))


PROFILES: tuple[str, ...] = names_of(lib.uwo_scale_profile_name)
"""Whose decisions: ours, mended (the default), or those of a release of uWSGI, bit for bit."""

FIXED = "fixed"
KNOBS_MAX = lib.UWO_SCALE_KNOBS_MAX
KNOB_MOST = 2**64 - 1  # that uWSGI reads out of an ini


@dataclass(frozen=True, slots=True)
class Knob:
    """A number that a person may set."""

    name: str
    option: str  # of the ini file; "" where uWSGI has none
    unit: str
    help: str
    default: int
    min: int
    max: int
    index: int  # in the core

    @property
    def allowed(self) -> str:
        """`1 to 100 %`."""
        return f"{self.min} to {self.max} {self.unit}".rstrip()

    def check(self, value: object, profile: str = FIXED) -> int:
        """The value, if it is allowed.  Raises InvalidArgument.

        Profiles of uWSGI take any number that the original took; what it cannot
        compute with, the rule refuses.
        """
        whole = isinstance(value, int) and not isinstance(value, bool)
        if whole and self.min <= value <= self.max:  # type: ignore[operator]
            return value  # type: ignore[return-value]
        unusual = whole and 0 <= value <= KNOB_MOST  # type: ignore[operator]
        if unusual and profile != FIXED:
            return value  # type: ignore[return-value]
        if profile != FIXED:
            allowed = f"0 to {KNOB_MOST} {self.unit}".rstrip()
            raise InvalidArgument(f"{self.name}: {value!r:.80}; allowed: {allowed}")
        note = ""
        if unusual and self.option:
            others = " and ".join(PROFILES[1:])
            note = f'; profile="fixed" (the profiles {others} read it as uWSGI does)'
        raise InvalidArgument(f"{self.name}: {value!r:.80}; allowed: {self.allowed}{note}")


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One of those in the core."""

    name: str
    summary: str
    knobs: tuple[Knob, ...]
    profiles: tuple[str, ...]  # where it exists
    number: int  # in the core

    def make(self, *, profile: str | None = None, **knobs: int | None) -> Algo:
        """With these knobs, by name.  Raises InvalidArgument."""
        from .algorithms import Algo

        return Algo.named(self.name, profile=profile, **knobs)

    def knob(self, name: str) -> Knob:
        """The knob of that name.  Raises InvalidArgument."""
        for knob in self.knobs:
            if knob.name == name:
                return knob
        names = [knob.name for knob in self.knobs]
        known = f"; allowed: {', '.join(names)}" if names else "; it has none"
        raise InvalidArgument(f"{self.name} has no knob {name!r:.80}{near(name, names)}{known}")


@functools.cache
def algorithms() -> Mapping[str, Algorithm]:
    """Every algorithm of the core, by name."""
    return MappingProxyType(
        {found.name: found for found in map(_algorithm, range(lib.uwo_scale_count()))}
    )


def find(name: object) -> Algorithm:
    """The algorithm of that name.  Raises InvalidArgument."""
    known = algorithms()
    if isinstance(name, str) and name in known:
        return known[name]
    if name == "queue":  # as uwsgiconf calls it
        return known["backlog"]
    hint = near(name, [*known, "queue"]) if isinstance(name, str) else ""
    raise InvalidArgument(f"algorithm: {name!r:.80}{hint}; allowed: {', '.join(known)}")


def near(name: str, names: Iterable[str]) -> str:
    """`: did you mean "spare"?`, or nothing."""
    plain = name.lower().replace("_", "-")
    by_form = {known.lower().replace("_", "-"): known for known in names}
    found = difflib.get_close_matches(plain, by_form, 1, 0.6)
    return f': did you mean "{by_form[found[0]]}"?' if found else ""


def profile_number(profile: object) -> int:
    """As the core has it.  Raises InvalidArgument."""
    if isinstance(profile, str) and profile in PROFILES:
        return PROFILES.index(profile)
    hint = near(profile, PROFILES) if isinstance(profile, str) else ""
    raise InvalidArgument(f"profile: {profile!r:.80}{hint}; allowed: {', '.join(PROFILES)}")


def _algorithm(number: int) -> Algorithm:
    info = lib.uwo_scale_algorithm(number)
    return Algorithm(
        name=text(info.name),
        summary=text(info.summary),
        knobs=tuple(_knob(info.knobs[index], index) for index in range(info.knob_count)),
        profiles=tuple(name for bit, name in enumerate(PROFILES) if info.profiles & 1 << bit),
        number=number,
    )


def _knob(row: CData, index: int) -> Knob:
    return Knob(
        name=text(row.name),
        option=text(row.option),
        unit=text(row.unit),
        help=text(row.help),
        default=row.value,
        min=row.min,
        max=row.max,
        index=index,
    )
