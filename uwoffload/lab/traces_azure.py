"""Azure Functions 2019: calls per function and minute, and how long the functions take.

invocations_per_function_md.anon.dNN.csv: HashOwner, HashApp, HashFunction, Trigger, 1..1440.
function_durations_percentiles.anon.dNN.csv: HashOwner, HashApp, HashFunction, Average, Count,
Minimum, Maximum, percentile_Average_0, _1, _25, _50, _75, _99, _100, in ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from .loads import ARRIVALS, LOAD_REQUESTS, SECOND, SERVICES, Floats, Ints, Streams
from .traces_files import Reading, TraceError, lines

KEYS = ["HashOwner", "HashApp", "HashFunction"]
MINUTE_US = 60 * SECOND
COUNT_MOST = 1 << 40  # calls in a minute; more is no count
_PERCENTILE = "percentile_Average_"

Key = tuple[str, ...]


class Durations:
    """Per function the service times at some percentiles, straight lines between."""

    def __init__(self, path: Path, strict: bool) -> None:
        self.reading = Reading(str(path), strict)
        self._known: dict[Key, Floats] = {}
        rows = _fields(path, self.reading)
        header = next(rows, [])
        columns = [at for at, name in enumerate(header) if name.startswith(_PERCENTILE)]
        if header[:3] != KEYS or len(columns) < 2:
            raise TraceError(f"{path}: no durations of Azure Functions 2019 (by the header)")
        self._shares = np.asarray([_share(header[at], path) for at in columns])
        if (np.diff(self._shares) <= 0).any():
            raise TraceError(f"{path}: {_PERCENTILE}...: the percentiles must ascend in the header")
        for row in rows:
            self._take(row, columns)

    def _take(self, row: list[str], columns: list[int]) -> None:
        try:
            values = np.asarray([float(row[at]) for at in columns]) * 1000
            if not (np.isfinite(values).all() and (values >= 0).all()):
                raise ValueError("a duration below 0")
        except (ValueError, IndexError) as error:
            self.reading.fail(",".join(row), str(error))
            return
        self._known[tuple(row[:3])] = np.maximum.accumulate(values)

    def sample(self, key: Key, rng: np.random.Generator, count: int) -> Floats | None:
        values = self._known.get(key)
        if values is None:
            return None
        return np.interp(rng.random(count), self._shares, values)


def _share(name: str, path: Path) -> float:
    """Of the name of a column."""
    try:
        share = float(name.removeprefix(_PERCENTILE)) / 100
    except ValueError:
        share = -1
    if 0 <= share <= 1:
        return share
    raise TraceError(f"{path}: column {name!r:.80}: a percentile from 0 to 100 must end its name")


def _fields(path: Path, reading: Reading) -> Iterator[list[str]]:
    return (line.split(",") for line in lines(path, reading))


def calls(
    path: Path, reading: Reading, *, durations: Durations | None, select: str, seed: int
) -> tuple[Ints, Floats, int]:
    """Stamps, service times in µs (nan: not known) and the length of the trace in µs.

    select: take the functions one of whose three hashes begins with it.
    """
    streams = Streams(seed, "azure")
    stamps, services = [np.zeros(0, np.int64)], [np.zeros(0)]
    total = 0
    rows = _rows(path, reading)
    minutes = next(rows)[1].size
    for number, (key, counts) in enumerate(rows):
        if not any(part.startswith(select) for part in key):
            reading.other += 1
            continue
        count = int(counts.sum())
        total += count
        if total > LOAD_REQUESTS:
            raise TraceError(
                f"{path}: over {LOAD_REQUESTS} calls; take some of the functions (select)"
            )
        begins = np.repeat(np.arange(counts.size) * MINUTE_US, counts)
        spread = streams.generator(ARRIVALS, number).integers(0, MINUTE_US, count)
        stamps.append(begins + spread)
        rng = streams.generator(SERVICES, number)
        known = durations.sample(key, rng, count) if durations else None
        services.append(np.full(count, np.nan) if known is None else known)
    return np.concatenate(stamps), np.concatenate(services), minutes * MINUTE_US


def _rows(path: Path, reading: Reading) -> Iterator[tuple[Key, Ints]]:
    """First the header, with a place for each minute; then each function."""
    rows = _fields(path, reading)
    header = next(rows, [])
    width = len(header) - 4
    if header[:3] != KEYS or width < 1:
        raise TraceError(f"{path}: no invocations of Azure Functions 2019 (by the header)")
    if header[3] != "Trigger":
        raise TraceError(
            f"{path}: these are durations; the trace is the file of invocations, and this one "
            "goes with it as durations"
        )
    reading.other += 1
    yield tuple(header[:3]), np.zeros(width, np.int64)
    for row in rows:
        try:
            counts = [int(field) for field in row[4:]]
            if len(counts) != width:
                raise ValueError(f"{len(counts)} minutes where the header has {width}")
            if min(counts) < 0:
                raise ValueError("a count below 0")
            if max(counts) > COUNT_MOST:
                raise ValueError(f"a count above {COUNT_MOST}")
        except ValueError as error:
            reading.fail(",".join(row), str(error))
            continue
        yield tuple(row[:3]), np.asarray(counts, np.int64)
