"""Tables: a time and, if there is one, a service time in each row."""

from __future__ import annotations

import csv
import math
import re
from datetime import UTC, datetime

from .loads import SECOND
from .traces_files import Reading, TraceError
from .traces_logs import Line

UNITS = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}  # in µs

# fmt: off
_TIMES = frozenset((
    "time", "timestamp", "ts", "t", "arrival", "arrivals", "arrived", "start", "start_time",
    "date", "datetime", "epoch",
))
_SERVICES = frozenset((
    "service", "services", "service_time", "duration", "response_time", "request_time",
    "latency", "elapsed", "took", "rt", "runtime", "time_taken",
))
# fmt: on
_SUFFIX = re.compile(
    r"^(.+?)(?:[ _.\-]+[(\[]?|[(\[])(ns|us|µs|ms|s|sec|seconds|micros|millis)[)\]]?$"
)
_LONG = {"µs": "us", "sec": "s", "seconds": "s", "micros": "us", "millis": "ms"}
_EPOCH = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"))  # from here on, since 1970, until 5138


def _named(text: str) -> tuple[str, str]:
    """The name of a column, and the unit in it if any: response_time_ms, latency (us)."""
    name = text.strip().lower().lstrip("@")
    if name in _TIMES or name in _SERVICES:
        return name, ""
    found = _SUFFIX.match(name)
    if not found:
        return name, ""
    return found[1], _LONG.get(found[2], found[2])


def delimiter_of(line: str) -> str:
    return max("\t;,", key=line.count) if any(sign in line for sign in "\t;,") else ","


class Table:
    """Parses rows; the first line tells whether there is a header."""

    def __init__(
        self,
        reading: Reading,
        *,
        time_column: str | int | None = None,
        service_column: str | int | None = None,
        time_unit: str = "",
    ) -> None:
        self._reading = reading
        self._wanted = (time_column, service_column)
        self._time: int | None = None
        self._service: int | None = None
        self._time_unit = time_unit
        self._service_unit = ""
        self._delimiter = ""

    def __call__(self, line: str) -> Line | None:
        if line.startswith("#"):
            return None
        if self._time is None:
            self._delimiter = delimiter_of(line)
            if self._header(self._fields(line)):
                return None
        fields = self._fields(line)
        assert self._time is not None
        if self._time >= len(fields):
            raise ValueError(f"no column {self._time + 1}")
        stamp = self._stamp(fields[self._time].strip())
        if self._service is None or self._service >= len(fields):
            return Line(stamp)
        text = fields[self._service].strip()
        if text in ("", "-"):
            return Line(stamp)
        return Line(stamp, _number(text), self._service_unit)

    def _fields(self, line: str) -> list[str]:
        if '"' not in line:
            return line.split(self._delimiter)
        try:
            return next(csv.reader([line], delimiter=self._delimiter))
        except csv.Error as error:
            raise ValueError(str(error)) from None

    def _header(self, fields: list[str]) -> bool:
        """Find the columns; whether this line is a header."""
        names = [_named(field) for field in fields]
        header = not any(_is_time(field.strip()) for field in fields)
        some_known = not (_TIMES | _SERVICES).isdisjoint(name for name, _ in names)
        if header and not some_known and self._wanted == (None, None):
            raise ValueError("neither times nor known names of columns (say time_column)")
        known = [name for name, _ in names] if header else []
        raw = [field.strip().lower() for field in fields] if header else []
        time, service = (self._column(wanted, known, raw, fields) for wanted in self._wanted)
        if time is None:
            time = next((at for at, name in enumerate(known) if name in _TIMES), 0)
        if service is None:
            others = (at for at, name in enumerate(known) if name in _SERVICES and at != time)
            service = next(others, 1 - time if len(fields) == 2 else None)
        self._time, self._service = time, service
        if header:
            self._time_unit = self._time_unit or names[time][1]
            self._service_unit = names[service][1] if service is not None else ""
            self._reading.note(
                f"columns: time {fields[time].strip()!r}, service "
                + (repr(fields[service].strip()) if service is not None else "none")
            )
        return header

    def _column(
        self, wanted: str | int | None, known: list[str], raw: list[str], fields: list[str]
    ) -> int | None:
        if wanted is None:
            return None
        text = str(wanted)
        for names in (raw, known):
            if text.lower() in names:
                return names.index(text.lower())
        if text.isdecimal() and 1 <= int(text) <= len(fields):
            return int(text) - 1
        there = ", ".join(field.strip() for field in fields) if raw else f"1 to {len(fields)}"
        raise TraceError(f"{self._reading.path}: no column {text!r}; there are: {there}")

    def _stamp(self, text: str) -> int:
        try:
            value = float(text)
        except ValueError:
            return _iso(text)
        if not self._time_unit:
            self._time_unit = self._guess(value)
        if not math.isfinite(value):
            raise ValueError(f"no time: {text!r}")
        scale = UNITS[self._time_unit]
        if scale <= 1 and text.isdecimal():
            return int(text) // 1000 if scale < 1 else int(text)
        return math.floor(value * scale + 0.5)

    def _guess(self, value: float) -> str:
        unit = next((unit for least, unit in _EPOCH if value >= least), "s")
        self._reading.note(f"times are taken as {unit}; say time_unit if that is wrong")
        return unit


def _number(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"no duration: {text!r}")
    return value


def _iso(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def _is_time(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        try:
            _iso(text)
        except ValueError:
            return False
    return True
