"""Recorded loads: logs and tables as people have them.

    trace = read_trace("access.log.gz")
    print(*trace.notes, sep="\n")
    simulate(trace.load, ...)

What is guessed stands in `notes`; lines that do not parse are counted.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidArgument
from .loads import ARRIVALS, SECOND, SERVICES, Floats, Ints, Load, Streams
from .services import Law
from .traces_azure import KEYS, Durations, calls
from .traces_checks import Place, leave_out, note_gap, note_order, note_span
from .traces_csv import UNITS, Table
from .traces_files import Reading, TraceError, lines
from .traces_logs import Line, common, uwsgi

FORMATS = ("azure", "common", "csv", "uwsgi")
STAMPS = ("start", "end")
LOOKED_AT = 200  # lines, to tell the format
LATEST_US = 1 << 60
SLOW = 20.0  # Apache writes whole µs (%D) or whole seconds (%T): the median tells

Bools: TypeAlias = NDArray[np.bool_]
Parser = Callable[[str], Line | None]


@dataclass(frozen=True)
class Trace:
    """A load that was read, and what is to be known about it."""

    load: Load
    reading: Reading

    @property
    def notes(self) -> list[str]:
        """What was guessed or put right; a sentence each."""
        return self.reading.notes

    @property
    def failed(self) -> int:
        """Lines that do not parse."""
        return self.reading.failed

    @property
    def failures(self) -> list[str]:
        """The first of them."""
        return self.reading.failures


@dataclass
class _Rows:
    stamps: Ints
    figures: Floats  # in µs; nan: none
    spread_us: int = 1  # a stamp stands for so many µs


def read_trace(
    path: str | PathLike[str],
    *,
    format: str = "",
    law: Law | None = None,
    unit: str = "",
    stamp: str = "",
    time_column: str | int | None = None,
    service_column: str | int | None = None,
    time_unit: str = "",
    durations: str | PathLike[str] | None = None,
    select: str = "",
    strict: bool = False,
    seed: int = 0,
) -> Trace:
    """Read a trace; what is not given is guessed, and said.

    format: one of FORMATS.  law: of service times that the trace lacks.  unit: of
    its response times (ns, us, ms, s).  stamp: whether a log has the time of the
    start or of the end of a request.  Columns by name or number from 1, time_unit:
    of a table.  durations, select: of Azure Functions.  strict: stop at the first
    line that does not parse.  seed: for what is not in the trace.
    """
    where = Path(path)
    _one_of("format", format, FORMATS)
    _one_of("stamp", stamp, STAMPS)
    _one_of("unit", unit, tuple(UNITS))
    _one_of("time_unit", time_unit, tuple(UNITS))
    reading = Reading(str(where), strict)
    kind = format or _format_of(where)
    horizon = 0
    if kind == "azure":
        table = Durations(Path(durations), strict) if durations else None
        stamps, figures, horizon = calls(where, reading, durations=table, select=select, seed=seed)
        if table:
            reading.join(table.reading)
        rows = _Rows(stamps, figures)
        leave_out(figures, reading)
        reading.note("calls of a minute are spread over it by chance")
    else:
        parsers: dict[str, Parser] = {
            "common": common,
            "uwsgi": uwsgi,
            "csv": Table(
                reading,
                time_column=time_column,
                service_column=service_column,
                time_unit=time_unit,
            ),
        }
        rows = _collect(where, reading, kind, parsers[kind], unit, stamp)
    if not rows.stamps.size:
        first = f"; the first that does not parse: {reading.failures[0]}" * bool(reading.failed)
        raise TraceError(f"{where}: no request in {reading.lines} lines of {kind}{first}")
    return Trace(_load(where, kind, rows, reading, law, seed, horizon), reading)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value and value not in known:
        raise InvalidArgument(f"{name} {value!r}: one of {', '.join(known)}")


def _format_of(path: Path) -> str:
    reading = Reading(str(path))
    head = list(islice(lines(path, reading), LOOKED_AT))
    if not head:
        raise TraceError(reading.failures[0] if reading.failed else f"{path}: empty")
    if head[0].startswith(",".join(KEYS)):
        return "azure"
    for kind, parser in (("uwsgi", uwsgi), ("common", common)):
        if any(_parses(parser, line) for line in head):
            return kind
    table = Table(Reading(str(path)))
    if any(_parses(table, line) for line in head):
        return "csv"
    raise TraceError(f"{path}: not one of {', '.join(FORMATS)}: {head[0][:80]!r}; say format")


def _parses(parser: Parser, line: str) -> bool:
    try:
        return parser(line) is not None
    except ValueError:
        return False


def _collect(
    path: Path, reading: Reading, kind: str, parser: Parser, unit: str, stamp: str
) -> _Rows:
    stamps, figures, unknown = array("q"), array("d"), array("b")
    first = last = Place(0, 0, "")
    for line in lines(path, reading):
        try:
            found = parser(line)
            if found is not None and abs(found.stamp_us) > LATEST_US:
                raise ValueError("a time out of reach")
        except (ValueError, OverflowError) as error:
            if isinstance(error, TraceError):
                raise
            reading.fail(line, str(error))
            continue
        if found is None:
            reading.other += 1
            continue
        if not stamps or found.stamp_us < first.stamp_us:
            first = Place(found.stamp_us, reading.lines, line)
        if not stamps or found.stamp_us > last.stamp_us:
            last = Place(found.stamp_us, reading.lines, line)
        stamps.append(found.stamp_us)
        scale = UNITS[unit or found.unit] if unit or found.unit else 1.0
        figures.append(math.nan if found.figure is None else found.figure * scale)
        unknown.append(not unit and not found.unit)
    rows = _Rows(np.asarray(stamps, np.int64), np.asarray(figures, np.float64))
    note_span(rows.stamps, first, last, reading)
    guessed = _guess_unit(rows.figures, np.asarray(unknown, bool), kind, reading)
    leave_out(rows.figures, reading)
    whole = bool(rows.stamps.size) and not (rows.stamps % SECOND).any()
    if whole and (kind != "csv" or np.unique(rows.stamps).size < rows.stamps.size):
        rows.spread_us = SECOND
        reading.note("stamps are whole seconds: requests are spread over theirs by chance")
    note_order(rows.stamps, reading)
    ends = stamp == "end" or (not stamp and kind == "common" and guessed == "s")
    if ends:
        rows.stamps = rows.stamps - np.nan_to_num(np.rint(rows.figures)).astype(np.int64)
    if not stamp and kind != "uwsgi" and not np.isnan(rows.figures).all():
        reading.note(
            f"stamps are taken as the {'end' if ends else 'start'} of a request; say stamp if "
            "that is wrong"
        )
    return rows


def _guess_unit(figures: Floats, unknown: Bools, kind: str, reading: Reading) -> str:
    """Scale the figures whose unit nobody told.  Gives the unit that was taken."""
    some = unknown & ~np.isnan(figures)
    if not some.any():
        return ""
    values = figures[some]
    median = float(np.median(values))
    if (values % 1).any():
        unit = "s"
    elif kind == "common":
        unit = "us" if median >= SLOW else "s"
    else:
        unit = "us" if median >= 1000 else "ms" if median >= 10 else "s"
    figures[some] *= UNITS[unit]
    reading.note(
        f"response times are taken as {unit} (median {median:g} {unit}); say unit if that is wrong"
    )
    return unit


def _load(
    path: Path, kind: str, rows: _Rows, reading: Reading, law: Law | None, seed: int, horizon: int
) -> Load:
    streams = Streams(seed, "trace")  # the same figures whatever the file is called
    arrivals = rows.stamps
    if rows.spread_us > 1:
        rng = streams.generator(ARRIVALS)
        arrivals = arrivals + rng.integers(0, rows.spread_us, arrivals.size)
    services = _filled(rows.figures, law, streams.generator(SERVICES), reading)
    order = np.argsort(arrivals, kind="stable")
    arrivals, services = arrivals[order], services[order]
    origin = 0 if horizon else int(arrivals[0]) // SECOND * SECOND
    length = horizon or (int(arrivals[-1]) // SECOND + 1) * SECOND - origin
    note_gap(arrivals, length, reading)
    meta: dict[str, object] = {
        "shape": "trace",
        "path": str(path),
        "format": kind,
        "origin_us": origin,
        "lines": reading.lines,
        "failed": reading.failed,
        "notes": list(reading.notes),
    }
    return Load(path.name, arrivals - origin, services, length, seed, meta)


def _filled(figures: Floats, law: Law | None, rng: np.random.Generator, reading: Reading) -> Ints:
    missing = np.isnan(figures)
    count = int(np.count_nonzero(missing))
    if count:
        known = figures[~missing]
        if law is not None:
            figures[missing] = law.sample(rng, count)
            source = f"drawn from the law {law.name} of mean {law.mean_us / SECOND:g} s"
        elif known.size:
            figures[missing] = rng.choice(known, count)
            source = "drawn from those of the others"
        else:
            raise TraceError(
                f"{reading.path}: has no response times; give a law of service times for "
                "them (on the command line: --service MS)"
            )
        reading.note(f"{count} of {figures.size} requests have no response time: {source}")
    return np.rint(figures).astype(np.int64)
