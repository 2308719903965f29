"""Options of uWSGI's ini, and what they are here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..config.foreign import ACCEPTED, KNOWN
from ..config.settings import BY_NAME, BY_NEGATED
from ..config.text import Where
from ..config.values import FACTORS, FALSE
from ..errors import InvalidArgument
from .readings import WORKERS_MAX
from .rule import milliseconds
from .table import FIXED, Algorithm, Knob, algorithms, find, near

if TYPE_CHECKING:
    from .algorithms import Algo

ALGO = "cheaper-algo"
LIST = "cheaper-algo-list"
SECTION = "uwsgi"
FRACTION = "check-interval", FIXED  # may have one; uWSGI knows whole seconds only
DECIMAL = re.compile(r"[0-9]{1,9}\.[0-9]+")
IDLE_SINCE = "cheaper-idle", "uwsgi-2.0"  # not known to that release
ULONG = 2**64 - 1
PLACEHOLDER = re.compile(r"[%$@]\(|%[a-zA-Z]")


@dataclass(frozen=True, slots=True)
class Entry:
    """`key = value`; a key alone has the value None."""

    key: str
    value: str | None
    where: Where


@dataclass(frozen=True, slots=True)
class Limit:
    """An option that is no knob."""

    name: str  # of the parameter
    unit: str
    least: int
    most: int


LIMITS = {
    "cheaper": Limit("workers_min", "workers", 1, WORKERS_MAX),
    "cheaper-initial": Limit("workers_startup", "workers", 0, WORKERS_MAX),
    "cheaper-step": Limit("workers_step", "workers", 0, WORKERS_MAX),
    "cheaper-rss-limit-soft": Limit("rss_soft", "bytes", 0, ULONG),
    "cheaper-rss-limit-hard": Limit("rss_hard", "bytes", 0, ULONG),
    "processes": Limit("workers_max", "workers", 1, WORKERS_MAX),
    "check-interval": Limit("check_interval", "s", 0, 86400),
}
ALIASES = {
    "workers": "processes",
    "p": "processes",
    "cheaper-algos-list": LIST,
    "cheaper-list": LIST,
}
FLAGS = {"cheap": "spawn_on_request", LIST: "listed"}


def entries(lines: str | Iterable[str]) -> Iterator[Entry]:
    """Of a text or of its lines: those of the section [uwsgi], and those before any section."""
    if isinstance(lines, str):
        lines = lines.removeprefix("\ufeff").split("\n")
    _check_lines(lines)
    section = SECTION
    for number, raw in enumerate(lines, 1):
        if not isinstance(raw, str):
            raise InvalidArgument(f"lines[{number - 1}]: {raw!r:.80}; allowed: a str")
        line, where = raw.strip(), Where("ini", number)
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("["):
            section = line.strip("[]").strip()
        elif section == SECTION:
            key, equals, value = line.partition("=")
            key = key.strip()
            yield Entry(ALIASES.get(key, key), value.strip() if equals else None, where)


def _check_lines(lines: object) -> None:
    if isinstance(lines, bytes | bytearray) or not isinstance(lines, Iterable):
        raise InvalidArgument(f"lines: {lines!r:.80}; allowed: a str, or lines of str")


class Reading:
    """Entries made into parameters, for one profile."""

    def __init__(self, found: list[Entry], profile: str) -> None:
        self.profile = profile
        self._found = found
        self.limits: dict[str, Any] = {}
        self.knobs: dict[str, int] = {}
        self.switched: dict[str, bool] = {}
        self.algo = self._algorithm(found)
        self._knobs = {option_of(self.algo, knob): knob for knob in self.algo.knobs}
        for entry in found:
            self._take(entry)

    def blame(self, error: InvalidArgument) -> Exception:
        """Of limits that do not go together: the line of the one that is named first."""
        name, _, rest = str(error).partition(": ")
        option = next(option for option, limit in LIMITS.items() if limit.name == name)
        entry = next(entry for entry in reversed(self._found) if entry.key == option)
        for other, limit in LIMITS.items():
            rest = rest.replace(limit.name, other)
        return entry.where.error(f"{option}: {rest}{self._of_profile()}")

    def _algorithm(self, found: list[Entry]) -> Algorithm:
        """The last one counts, as for every option."""
        named = [entry for entry in found if entry.key == ALGO]
        if not named:
            return find("spare")
        try:
            return find(named[-1].value or "")
        except InvalidArgument as error:
            message = str(error).replace("algorithm", ALGO, 1)
            raise named[-1].where.error(
                f"{message} (uWSGI would run spare; profile {self.profile})"
            ) from None

    def _take(self, entry: Entry) -> None:
        key = entry.key
        if key in self._knobs:
            self._take_knob(entry, self._knobs[key])
        elif key in LIMITS:
            limit = LIMITS[key]
            if (key, self.profile) == FRACTION and DECIMAL.fullmatch(entry.value or ""):
                self.limits[limit.name] = self._seconds(entry)
            else:
                self.limits[limit.name] = self._number(
                    entry, lambda value: _in_range(value, limit), limit.unit
                )
        elif key in FLAGS:
            self.limits[FLAGS[key]] = (entry.value or "").lower() not in FALSE
        elif key in flag_options(self.algo.name):
            name = flag_options(self.algo.name)[key]
            self.switched[name] = (entry.value or "").lower() not in FALSE
        elif key != ALGO:
            self._refuse(entry)

    def _seconds(self, entry: Entry) -> float:
        seconds = float(entry.value or "")
        self._checked(entry, milliseconds, seconds)
        return seconds

    def _take_knob(self, entry: Entry, knob: Knob) -> None:
        if (entry.key, self.profile) == IDLE_SINCE:
            raise entry.where.error(
                f"{entry.key}: uWSGI 2.0 does not know it (profile {self.profile}); leave it out, "
                "or use another profile"
            )
        self.knobs[knob.name] = self._number(
            entry, lambda value: knob.check(value, self.profile), knob.unit
        )

    def _number(self, entry: Entry, check: Callable[[int], int], unit: str) -> int:
        """What uWSGI reads; what it would read otherwise than it stands there is an error."""
        text = entry.value
        if not text:
            raise entry.where.error(
                f"{entry.key}: has no value; write a number of {unit}{self._of_profile()}"
            )
        if PLACEHOLDER.search(text):
            raise entry.where.error(
                f'{entry.key}: "{text:.40}": placeholders are not filled in here; write the '
                f"number of {unit}"
            )
        if not re.fullmatch("[0-9]{1,20}", text):
            raise entry.where.error(f"{entry.key}: {_misread(text, unit)}{self._of_profile()}")
        return self._checked(entry, check, int(text))

    def _checked(self, entry: Entry, check: Callable[[Any], int], value: float) -> int:
        """What the check makes of it; what it refuses is an error of that line."""
        try:
            return check(value)
        except InvalidArgument as error:
            _, _, rest = str(error).partition(": ")
            raise entry.where.error(f"{entry.key}: {rest}{self._of_profile()}") from None

    def _of_profile(self) -> str:
        return f" (profile {self.profile})"

    def _refuse(self, entry: Entry) -> None:
        """What is not ours: an option of others is theirs, the rest a mistake."""
        key, where = entry.key, entry.where
        users = [
            info.name
            for info in algorithms().values()
            if key in (option_of(info, knob) for knob in info.knobs)
            or key in flag_options(info.name)
        ]
        if users:
            raise where.error(
                f"{key}: {self.algo.name} does not use it, {' and '.join(users)} "
                f"{'does' if len(users) == 1 else 'do'}; leave it out, or set {ALGO}"
            )
        if key in BY_NAME or key in BY_NEGATED or key in ACCEPTED or key in KNOWN:
            return
        raise where.error(
            f'unknown option "{key:.60}"{near(key, known_options())}{self._of_profile()}'
        )


def option_of(algorithm: Algorithm, knob: Knob) -> str:
    """The name in an ini; that of a knob which uWSGI does not have begins as theirs do."""
    return knob.option or f"cheaper-{algorithm.name}-{knob.name.replace('_', '-')}"


def flag_options(name: str) -> dict[str, str]:
    """Options of an algorithm that are flags, and the parameter of each."""
    from .algorithms import Algo

    kind = Algo.class_of(name)
    return {option: flag for flag, option in kind.flags.items()} if kind else {}


def known_options() -> list[str]:
    """Every option that is read here."""
    found = [*LIMITS, *FLAGS, *ALIASES, ALGO]
    for info in algorithms().values():
        found += [option_of(info, knob) for knob in info.knobs]
        found += flag_options(info.name)
    return found


def algo_lines(algo: Algo) -> list[str]:
    """The lines of an algorithm, in the order of uwsgiconf."""
    lines = [f"{ALGO} = {algo.name}"]
    if algo.plugin:
        lines.append(f"plugin = {algo.plugin}")
    options = {knob.name: option_of(algo.info, knob) for knob in algo.info.knobs}
    for name in algo.ini_order or options:
        if name in algo.given:
            lines.append(f"{options[name]} = {algo.given[name]}")
        elif algo.switched.get(name):
            lines.append(f"{algo.flags[name]} = true")
    return lines


def limit_lines(values: dict[str, Any]) -> list[str]:
    """The lines of the limits, in the order of uwsgiconf."""
    return [
        f"{option} = {values[limit.name]:g}"
        if isinstance(values[limit.name], float)
        else f"{option} = {values[limit.name]}"
        for option, limit in LIMITS.items()
        if values.get(limit.name) is not None
    ]


def _in_range(value: int, limit: Limit) -> int:
    if limit.least <= value <= limit.most:
        return value
    raise InvalidArgument(
        f"{limit.name}: {value}; allowed: {limit.least} to {limit.most} {limit.unit}"
    )


def _misread(text: str, unit: str) -> str:
    """What is wrong with a number, what uWSGI makes of it, and what to write."""
    digits = re.match("[0-9]*", text)
    read = int(digits[0]) if digits and digits[0] else 0
    shown = text if len(text) <= 40 else text[:37] + "..."
    size = re.fullmatch(r"([0-9]{1,12})\s*([kmg])(?:i?b)?", text.lower())
    remedy = f"write a number of {unit}"
    if size and unit == "bytes":
        remedy = f"write {int(size[1]) * FACTORS[size[2]]}"
    return f'"{shown}" is no number of {unit}, uWSGI reads it as {read}; {remedy}'
