"""Loads: when requests arrive and how long each is worked on.

A `Load` lies in two arrays; `LoadChunks` yields the same in pieces and needs
memory for one piece only.  Both are values: drawn from a seed, the same each
time.  Arrivals and service times have streams of random numbers of their own,
so that two laws of service are tried on the very same arrivals.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidArgument

if TYPE_CHECKING:
    from .arrivals import Process
    from .services import Law

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Chunk: TypeAlias = tuple[Ints, Ints]

SECOND = 1_000_000
WINDOW_US = 60 * SECOND  # drawn at once; each window has generators of its own
CHUNK_REQUESTS = 1 << 20
WINDOW_REQUESTS = 1 << 24  # that may be drawn at once
LOAD_REQUESTS = 1 << 27  # above it (2 GiB of arrays) a load has to be streamed

PATH, ARRIVALS, JOBS, SERVICES = range(4)  # the streams of one load


class Streams:
    """Independent generators of random numbers, by purpose and index."""

    def __init__(self, seed: int, name: str) -> None:
        if not isinstance(seed, int | np.integer) or seed < 0:
            raise InvalidArgument(f"seed {seed!r}: a whole number from 0 up")
        self._entropy = (int(seed), zlib.crc32(name.encode()))

    def generator(self, purpose: int, index: int = 0) -> np.random.Generator:
        return np.random.default_rng([*self._entropy, purpose, index])


@dataclass(frozen=True, eq=False)
class Load:
    """Requests in the order of their arrival.

    `arrivals` are µs since the start, sorted; `services` the µs a worker is
    busy with each.  Every arrival is before `horizon_us`.
    """

    name: str
    arrivals: Ints
    services: Ints
    horizon_us: int
    seed: int = 0
    meta: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("arrivals", "services"):
            array = np.ascontiguousarray(getattr(self, name))
            if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
                raise InvalidArgument(f"{name} of load {self.name!r}: one row of whole µs")
            object.__setattr__(self, name, array.astype(np.int64, copy=False))
        if self.arrivals.size != self.services.size:
            raise InvalidArgument(
                f"load {self.name!r}: {self.arrivals.size} arrivals, {self.services.size} services"
            )
        if not isinstance(self.horizon_us, int | np.integer) or self.horizon_us <= 0:
            raise InvalidArgument(f"horizon_us {self.horizon_us!r}: a whole number of µs above 0")
        if self.arrivals.size:
            self._check()

    def _check(self) -> None:
        late = np.flatnonzero(self.arrivals[1:] < self.arrivals[:-1])
        if late.size:
            raise InvalidArgument(f"load {self.name!r}: arrival {int(late[0]) + 1} is not in order")
        if self.arrivals[0] < 0 or self.arrivals[-1] >= self.horizon_us:
            raise InvalidArgument(
                f"load {self.name!r}: an arrival before 0 or not before the horizon, "
                f"{self.horizon_us} µs"
            )
        if self.services.min() < 0:
            raise InvalidArgument(f"load {self.name!r}: a service time below 0 µs")

    @property
    def requests(self) -> int:
        return int(self.arrivals.size)

    @property
    def work_us(self) -> int:
        return int(self.services.sum())

    @property
    def mean_load(self) -> float:
        """Workers that are busy on average."""
        return self.work_us / self.horizon_us

    def chunks(self, requests: int = CHUNK_REQUESTS) -> LoadChunks:
        """The same in pieces."""

        def pieces() -> Iterator[Chunk]:
            for at in range(0, self.requests, requests):
                part = slice(at, at + requests)
                yield self.arrivals[part], self.services[part]

        return LoadChunks(self.name, self.horizon_us, pieces, self.seed, self.meta)

    def cut(self, begin_us: int, end_us: int) -> Load:
        """What arrives from begin_us to before end_us; its time starts at 0."""
        first, last = np.searchsorted(self.arrivals, [begin_us, end_us])
        return replace(
            self,
            arrivals=self.arrivals[first:last] - begin_us,
            services=self.services[first:last],
            horizon_us=end_us - begin_us,
        )


@dataclass(frozen=True, eq=False)
class LoadChunks:
    """A load in pieces: iterate for (arrivals, services); each pass starts anew."""

    name: str
    horizon_us: int
    make: Callable[[], Iterable[Chunk]]
    seed: int = 0
    meta: dict[str, object] = field(default_factory=dict)
    expected: float = 0.0  # requests, about; 0: not known

    def __iter__(self) -> Iterator[Chunk]:
        return iter(self.make())

    def load(self) -> Load:
        """The whole of it in two arrays."""
        parts: list[Chunk] = []
        requests = 0
        self._check_size(self.expected)
        for arrivals, services in self:
            parts.append((arrivals, services))
            requests += arrivals.size
            self._check_size(requests)
        empty = np.zeros(0, np.int64)
        return Load(
            self.name,
            np.concatenate([empty, *(arrivals for arrivals, _ in parts)]),
            np.concatenate([empty, *(services for _, services in parts)]),
            self.horizon_us,
            self.seed,
            dict(self.meta),
        )

    def _check_size(self, requests: float) -> None:
        if requests > LOAD_REQUESTS:
            raise InvalidArgument(
                f"load {self.name!r}: over {LOAD_REQUESTS} requests do not go into one Load; "
                "use it in chunks, or shorten the horizon"
            )


def check_window(requests: float) -> None:
    """Before so many are drawn at once.  Raises InvalidArgument."""
    if requests > WINDOW_REQUESTS:
        raise InvalidArgument(
            f"{requests:.3g} requests within {WINDOW_US // SECOND} s; allowed: {WINDOW_REQUESTS}; "
            "lower mean_load, or let a request take longer"
        )


def generate(
    name: str,
    process: Process,
    law: Law,
    *,
    mean_load: float,
    seed: int,
    contention: float = 0.0,
    chunk_requests: int = CHUNK_REQUESTS,
) -> LoadChunks:
    """Draw a load of mean_load workers' worth: arrivals come at mean_load / E[service].

    contention above 0 makes the work of a request grow with the load it comes
    into, as (relative rate)^contention, at the same mean load.
    """
    if not mean_load > 0:
        raise InvalidArgument(f"mean_load {mean_load!r}: workers' worth of work, above 0")
    streams = Streams(seed, name)
    per_second = mean_load * SECOND / law.mean_us
    check_window(per_second * min(WINDOW_US, process.horizon_us) / SECOND)
    crowding = process.mean_seen(contention) if contention else 1.0

    def window(index: int) -> Chunk:
        begin = index * WINDOW_US
        end = min(begin + WINDOW_US, process.horizon_us)
        arrivals = process.draw(streams, index, per_second, begin, end)
        work = law.sample(streams.generator(SERVICES, index), arrivals.size)
        if contention:
            work = work * process.relative(arrivals) ** contention / crowding
        return arrivals, np.rint(work).astype(np.int64)

    def pieces() -> Iterator[Chunk]:
        waiting: list[Chunk] = []
        requests = 0
        for index in range(-(-process.horizon_us // WINDOW_US)):
            waiting.append(window(index))
            requests += waiting[-1][0].size
            if requests >= chunk_requests:
                yield _joined(waiting)
                waiting, requests = [], 0
        if requests:
            yield _joined(waiting)

    meta: dict[str, object] = {
        "mean_load": mean_load,
        "law": law.name,
        "mean_service_us": law.mean_us,
        "per_second": per_second,
        "contention": contention,
        **process.meta,
    }
    expected = per_second * process.horizon_us / SECOND
    return LoadChunks(name, process.horizon_us, pieces, seed, meta, expected)


def _joined(parts: list[Chunk]) -> Chunk:
    return (
        np.concatenate([arrivals for arrivals, _ in parts]),
        np.concatenate([services for _, services in parts]),
    )


def replay(load: Load, *, mean_load: float, by: str = "services") -> Load:
    """A recorded load at another mean load, its pattern kept.

    by "services" stretches the work of each request; by "time" presses the
    arrivals (and the horizon) together or pulls them apart.
    """
    if not mean_load > 0:
        raise InvalidArgument(f"mean_load {mean_load!r}: workers' worth of work, above 0")
    if not load.work_us:
        raise InvalidArgument(f"load {load.name!r}: has no work that could be scaled")
    factor = mean_load / load.mean_load
    meta = {**load.meta, "replayed_by": by, "replay_factor": factor}
    if by == "services":
        services = np.rint(load.services * factor).astype(np.int64)
        return replace(load, services=services, meta=meta)
    if by == "time":
        arrivals = np.floor(load.arrivals / factor).astype(np.int64)
        horizon = max(round(load.horizon_us / factor), 1)
        arrivals = np.minimum(arrivals, horizon - 1)
        return replace(load, arrivals=arrivals, horizon_us=horizon, meta=meta)
    raise InvalidArgument(f"by {by!r}: services or time")
