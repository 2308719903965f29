"""What a simulated run showed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._bridge import ffi

if TYPE_CHECKING:
    from .._core import CData

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.void]

SECOND = 1_000_000
ROW = np.dtype(
    [
        *((name, np.int64) for name in ("at_us", "oldest_us", "demand_us")),
        *((name, np.uint32) for name in ("active", "ready", "busy", "starting", "draining")),
        ("queue", np.uint32),
        ("delta", np.int32),
        ("reserved", np.uint32),
    ]
)

REJECTED, LEFT, LOST = -1, -2, -3  # in `waits`: queue full, still waiting, its worker died


@dataclass(frozen=True, eq=False)
class Series:
    """One value per tick, when the rule has spoken; `queue_max` counts the time between, too."""

    t: Floats  # seconds
    active: Ints  # workers: idle, busy and starting
    ready: Ints  # idle and busy
    busy: Ints
    starting: Ints
    draining: Ints
    queue: Ints  # requests that wait
    oldest: Ints  # µs that the oldest of them has waited
    demand: Floats  # workers that the load needed since the tick before
    delta: Ints  # what the rule said
    queue_max: int  # that of the `Result`

    @classmethod
    def of(cls, rows: Rows, tick_us: int, threads: int, queue_max: int) -> Series:
        """Out of the rows of the core."""
        names = ("active", "ready", "busy", "starting", "draining", "queue", "delta")
        return cls(
            t=rows["at_us"] / SECOND,
            oldest=rows["oldest_us"],
            demand=rows["demand_us"] / (tick_us * threads),
            queue_max=queue_max,
            **{name: rows[name].astype(np.int64) for name in names},
        )


@dataclass(frozen=True, eq=False)
class Result:
    """Of one run.  Waits are in µs, quantiles of them at most 0.4 % off.

    A request that still waits at the end counts with what it has waited so far.
    Demand (in `series`, `under_provisioned`) has the first 4096 ticks of a request.
    """

    requests: int
    rejected: int  # queue full, or nobody listened
    lost: int  # waited at a worker that died
    killed: int  # in service at a worker that died
    finished: int
    left_waiting: int  # at the end
    left_serving: int
    penalised: int  # first requests of workers that were started
    worker_seconds: float  # = busy + idle + starting + draining
    busy_seconds: float
    idle_seconds: float
    starting_seconds: float
    draining_seconds: float
    work_seconds: float  # of all requests, as given
    served_seconds: float  # threads added up
    wait_mean_us: float
    wait_p50_us: int
    wait_p90_us: int
    wait_p99_us: int
    wait_p999_us: int
    wait_max_us: int
    wait_target_us: int
    over_target: int  # requests that waited longer
    excess_seconds: float  # by so much, all together
    over_share: float  # of all requests: waited longer, rejected, lost or killed; each once
    utilisation: float  # busy of all worker-seconds
    queue_max: int
    workers_peak: int
    memory_peak: int  # bytes
    spawns: int  # by the rule
    stops: int
    flaps: int  # starts soon behind a stop, stops soon behind a start
    total_variation: int  # of the number of active workers, tick by tick
    time_at_max: float  # seconds
    under_provisioned: float  # worker-seconds that the load needed beyond the ready ones, per tick
    forks_failed: int
    deaths: int
    respawns: int
    ticks: int
    horizon_seconds: float
    waits: Ints | None = field(default=None, repr=False)  # µs, or REJECTED, LEFT, LOST
    series: Series | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: everything but the arrays."""
        return {name: getattr(self, name) for name in _SCALARS}

    def time_to_scale(self, step_us: int) -> float:
        """Seconds from a step of the load until as many workers are ready as it needs.

        Needs `series`; what the load needs is taken as the mean demand behind the step.
        nan: never.
        """
        series, behind = self._behind(step_us)
        enough = np.flatnonzero(series.ready[behind:] >= series.demand[behind:].mean())
        if not enough.size:
            return math.nan
        return float(series.t[behind + enough[0]]) - step_us / SECOND

    def time_to_clear(self, step_us: int) -> float:
        """Seconds from a step of the load until nobody waits any more: the first tick with an
        empty queue behind one with a queue.  0: nobody ever waited; nan: never."""
        series, behind = self._behind(step_us)
        waiting = np.flatnonzero(series.queue[behind:] > 0)
        if not waiting.size:
            return 0.0
        behind += int(waiting[0])
        empty = np.flatnonzero(series.queue[behind:] == 0)
        if not empty.size:
            return math.nan
        return float(series.t[behind + empty[0]]) - step_us / SECOND

    def overshoot(self, step_us: int) -> float:
        """Workers beyond what the load needs, at most, behind a step of the load."""
        series, behind = self._behind(step_us)
        return float(series.active[behind:].max() - series.demand[behind:].mean())

    def _behind(self, step_us: int) -> tuple[Series, int]:
        if self.series is None:
            raise ValueError("this needs the series of the run: simulate(..., series=True)")
        behind = int(np.searchsorted(self.series.t, step_us / SECOND, side="right"))
        if behind == len(self.series.t):
            raise ValueError(f"step_us {step_us}: the run has no tick behind it")
        return self.series, behind


_SCALARS = [one.name for one in fields(Result) if one.name not in ("waits", "series")]
_COUNTED = (
    "requests", "rejected", "lost", "killed", "finished", "left_waiting", "left_serving",
    "penalised", "wait_p50_us", "wait_p90_us", "wait_p99_us", "wait_p999_us", "wait_max_us",
    "over_target", "queue_max", "workers_peak", "memory_peak", "spawns", "stops", "flaps",
    "forks_failed", "deaths", "respawns", "ticks",
)  # fmt: skip
_TIMED = ("worker", "busy", "idle", "starting", "draining", "work", "served", "excess")


def result_of(
    found: CData,
    options: CData,
    waits: Ints | None,
    rows: Rows | None,
) -> Result:
    """Out of the structs of the core."""
    counted = {name: getattr(found, name) for name in _COUNTED}
    timed = {f"{name}_seconds": getattr(found, f"{name}_us") / SECOND for name in _TIMED}
    requests = found.requests
    waited = requests - found.rejected - found.lost
    threads = options.threads or 1
    tick_us, longest = options.tick_us, found.queue_max
    return Result(
        **counted,
        **timed,
        wait_mean_us=found.wait_total_us / waited if waited else 0.0,
        wait_target_us=options.wait_target_us,
        over_share=found.missed / requests if requests else 0.0,
        utilisation=found.busy_us / found.worker_us if found.worker_us else 0.0,
        total_variation=found.variation,
        time_at_max=found.at_max_us / SECOND,
        under_provisioned=found.under_us / (SECOND * threads),
        horizon_seconds=options.horizon_us / SECOND,
        waits=None if waits is None else waits[:requests],
        series=None if rows is None else Series.of(rows[: found.rows], tick_us, threads, longest),
    )


def line_pointer(rows: Rows) -> CData:
    """`struct uwo_lab_row[]` over an array of them."""
    return ffi.from_buffer("struct uwo_lab_row[]", rows, require_writable=True)
