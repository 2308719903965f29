"""Rules as people write them: `spare`, `busyness:busy_max=70`, `uwsgi-2.1/backlog`, `static:8`,
`module:function`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import cheaper
from ..cheaper.named import found_function, located
from ..cheaper.table import FIXED, find
from ..cheaper.table import near as nearest
from ..errors import InvalidArgument

if TYPE_CHECKING:
    from .simulate import Pool

LIMITS = ("workers_max", "workers_min", "workers_startup", "workers_step")
STATIC = "static"
QUEUE = "queue"  # what uwsgiconf calls backlog


@dataclass(frozen=True)
class Contender:
    """What is tried: an algorithm with its knobs, a function, or a fixed number of workers.

    A value: can be compared, printed, sent to another process.
    """

    algorithm: str  # a name of `uwoffload cheaper list`, "static", or "" for a function
    profile: str = FIXED
    knobs: tuple[tuple[str, int], ...] = ()  # given ones, sorted by name
    limits: tuple[tuple[str, int], ...] = ()  # the same of LIMITS; the others are the pool's
    function: str = ""  # "module:function" or "file.py:function"
    workers: int = 0  # of a static pool

    def __str__(self) -> str:
        if self.algorithm == STATIC:
            return f"{STATIC}:{self.workers}"
        before = "" if self.profile == FIXED else f"{self.profile}/"
        given = ",".join(f"{name}={value}" for name, value in (*self.knobs, *self.limits))
        return before + (self.function or self.algorithm) + (f":{given}" if given else "")

    @property
    def values(self) -> dict[str, int]:
        """Knobs and limits that are given."""
        return dict((*self.knobs, *self.limits))

    def with_values(self, values: Mapping[str, int]) -> Contender:
        """The same with other knobs or limits."""
        knobs, limits = dict(self.knobs), dict(self.limits)
        for name, value in values.items():
            (limits if name in LIMITS else knobs)[name] = value
        return replace(
            self, knobs=tuple(sorted(knobs.items())), limits=tuple(sorted(limits.items()))
        )

    def around(self, pool: Pool) -> dict[str, Any]:
        """The limits, with those of the pool."""
        seconds = pool.check_interval
        known = {"workers_max": pool.workers_max, "workers_min": pool.workers_min}
        interval = {} if seconds is None else {"check_interval": seconds}
        return {**known, **interval, **dict(self.limits)}

    def build(self, pool: Pool) -> Any:
        """What `simulate` takes.  Raises InvalidArgument where the knobs are not sound."""
        if self.algorithm == STATIC:
            if not 1 <= self.workers <= pool.workers_max:
                raise InvalidArgument(
                    f"rule {self}: {self.workers}; allowed: 1 to workers_max, {pool.workers_max}"
                )
            return self.workers
        try:
            around = self.around(pool)
            if self.function:
                asked = located(found_function(self.function))
                return cheaper.Scaler(asked, profile=self.profile, **around)
            return self.algo().rule(profile=self.profile, **around)
        except InvalidArgument as error:
            raise InvalidArgument(f"rule {self}: {error}") from None

    def algo(self) -> cheaper.Algo:
        """The algorithm as an object."""
        profile = None if self.profile == FIXED else self.profile
        return cheaper.Algo.named(self.algorithm, profile=profile, **dict(self.knobs))

    def to_ini(self, pool: Pool) -> str:
        """The lines of an ini file."""
        if self.algorithm == STATIC:
            return f"processes = {self.workers}"
        if self.function:
            return f"; {self.function} is a function of Python: no ini can name it"
        lines = cheaper.Cheapening(cheaper_algo=self.algo(), **self.around(pool)).to_ini()
        return "\n".join(lines)

    def to_python(self, pool: Pool) -> str:
        """The same as an expression."""
        if self.algorithm == STATIC:
            return f"workers = {self.workers}"
        asked = self.function.rpartition(":")[2] if self.function else repr(self.algo())
        limits = "".join(f", {name}={value}" for name, value in self.around(pool).items())
        profile = "" if self.profile == FIXED else f", profile={self.profile!r}"
        return f"Scaler({asked}{limits}{profile})"


def parse(text: str) -> Contender:
    """Read a rule; InvalidArgument names what is wrong and what is near."""
    profile, slash, rest = text.partition("/")
    if slash and profile in cheaper.PROFILES:
        text = rest
    elif slash and Path(text.partition(":")[0]).suffix != ".py":
        raise InvalidArgument(
            f"rule {text!r}: profile {profile!r}{near(profile, cheaper.PROFILES)}"
        )
    else:
        profile = FIXED
    name, colon, values = text.partition(":")
    if name == STATIC:
        return Contender(STATIC, workers=whole(values, f"rule {text!r}: workers"))
    if name == QUEUE or name in cheaper.algorithms():
        return configured(Contender(find(name).name, profile), values, text)
    if colon and "=" not in values.partition(":")[0]:
        function, _, values = values.partition(":")
        return configured(Contender("", profile, function=f"{name}:{function}"), values, text)
    known = [*cheaper.algorithms(), STATIC]
    raise InvalidArgument(
        f"rule {text!r}: no algorithm {name!r}{nearest(name, known)}; allowed: {', '.join(known)}, "
        "module:function"
    )


def configured(contender: Contender, values: str, text: str) -> Contender:
    """With what stands after the colon: name=value,name=value."""
    given = {}
    for item in filter(None, values.split(",")):
        name, equals, value = item.partition("=")
        if not equals:
            raise InvalidArgument(f"rule {text!r}: {item!r} is not NAME=VALUE")
        if name not in names(contender):
            raise InvalidArgument(f"rule {text!r}: no knob {name!r}{near(name, names(contender))}")
        given[name] = whole(value, f"rule {text!r}: {name}")
    return contender.with_values(given)


def names(contender: Contender) -> list[str]:
    """Knobs and limits that it takes."""
    if contender.algorithm == STATIC:
        return []
    known = cheaper.algorithms()
    info = known.get(contender.algorithm)
    return [*(knob.name for knob in info.knobs), *LIMITS] if info else list(LIMITS)


def whole(text: str, what: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise InvalidArgument(f"{what}: {text!r}; allowed: a whole number") from None


def near(word: str, known: Iterable[str]) -> str:
    """The nearest name and all that are allowed, as the end of a message."""
    names = list(known)
    return f"{nearest(word, names)}; allowed: {', '.join(names) or 'none'}"
