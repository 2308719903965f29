"""Run a load through a pool of workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .._bridge import NULL, check, ffi, lib, new_error
from .._limits import whole
from ..cheaper import Algo, Rule, Scaler
from ..errors import InvalidArgument
from .loads import Load, LoadChunks
from .pool import Event, Pool
from .result import ROW, Result, Rows, line_pointer, result_of
from .streaming import Stream, failed, row_pointer

if TYPE_CHECKING:
    from .loads import Ints

__all__ = ["Event", "Pool", "simulate", "simulate_many"]

AnyLoad: TypeAlias = Load | LoadChunks
AnyRule: TypeAlias = Rule | Scaler | Algo | type[Algo] | str | int | Callable[..., Any]
Task: TypeAlias = tuple[AnyLoad, AnyRule, Pool]

WAIT_TARGET_US = 100_000
ROWS_MAX = 1 << 24
TOGETHER = 8  # runs per call of the core, so that threads share the work evenly
_JOB_SIZE = ffi.sizeof("struct uwo_lab_job")
_OPTIONS_SIZE = ffi.sizeof("struct uwo_lab_options")
_RESULT_SIZE = ffi.sizeof("struct uwo_lab_result")


def simulate(
    load: AnyLoad,
    rule: AnyRule,
    pool: Pool,
    *,
    wait_target_us: int = WAIT_TARGET_US,
    seed: int = 0,
    waits: bool = False,
    series: bool = False,
) -> Result:
    """Run a load through a pool.

    rule: a `Rule`, a `Scaler` (its rule; the scaler itself is not touched), an
    algorithm or its name, a Python function (state, readings), or the number of
    workers of a static pool.  Limits that it does not bring are the pool's.
    seed: of the choice of queues.  waits: keep the wait of each request; series:
    keep a value per tick.  The same arguments give the same result.
    Raises InvalidArgument.
    """
    run = _Run(load, rule, pool, wait_target_us, seed, waits, series)
    return _run_together([run])[0] if run.is_whole else run.stream()


def simulate_many(
    tasks: Iterable[Task],
    *,
    wait_target_us: int = WAIT_TARGET_US,
    seed: int = 0,
    threads: int = 0,
) -> list[Result]:
    """Run many (load, rule, pool), the results in their order.

    threads: that compute side by side (0: one per processor); rules of Python and
    loads in chunks are run one after the other.
    """
    runs = [_Run(*task, wait_target_us, seed, False, False) for task in tasks]
    whole = [run for run in runs if run.is_whole]
    parts = [whole[at : at + TOGETHER] for at in range(0, len(whole), TOGETHER)]
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as executor:
        found = iter([result for part in executor.map(_run_together, parts) for result in part])
    return [next(found) if run.is_whole else run.stream() for run in runs]


def _run_together(runs: Sequence[_Run]) -> list[Result]:
    """In one call of the core."""
    jobs = ffi.new("struct uwo_lab_job[]", [run.job() for run in runs])
    error = new_error()
    status = lib.uwo_lab_run(jobs, len(runs), error)
    if status < 0:
        raise failed(status, error)
    return [
        result_of(jobs[index].result, jobs[index].options, run.waits, run.rows)
        for index, run in enumerate(runs)
    ]


class _Run:
    """One load, one rule, one pool; keeps alive what the core borrows."""

    def __init__(
        self,
        load: AnyLoad,
        rule: AnyRule,
        pool: Pool,
        wait_target_us: int,
        seed: int,
        waits: bool,
        series: bool,
    ) -> None:
        if not isinstance(load, Load | LoadChunks):
            raise InvalidArgument(f"load: {load!r:.80}; allowed: a Load or LoadChunks")
        if not isinstance(pool, Pool):
            raise InvalidArgument(f"pool: {pool!r:.80}; allowed: a Pool")
        self.load = load
        self.pool = pool
        self.rule = None if _is_count(rule) else _rule_of(rule, pool)
        foreign = self.rule is not None and self.rule.algorithm.function is not None
        self.scaler = Scaler(self.rule) if self.rule is not None and foreign else None
        self.events = pool.event_rows()
        self.keep_waits = waits
        self.waits: Ints | None = None
        self.rows: Rows | None = None
        self.options = pool.options() | {
            "size": _OPTIONS_SIZE,
            "horizon_us": whole("horizon_us", int(load.horizon_us), 1, lib.UWO_LAB_TIME_MAX),
            "wait_target_us": whole("wait_target_us", wait_target_us, 0, lib.UWO_LAB_TIME_MAX),
            "seed": whole("seed", seed, 0, 2**64 - 1),
            "events": self.events,
            "event_count": len(pool.events),
            "rule": NULL if self.rule is None or foreign else self.rule.cdata,
        }
        if self.rule is None:
            self.options["workers_startup"] = whole("workers", rule, 1, pool.workers_max)
        elif foreign:
            self.options["workers_startup"] = pool.workers_startup or self.rule.workers_startup
            self.options["flags"] |= lib.UWO_LAB_ASK
        if series:
            self._keep_rows()

    def _keep_rows(self) -> None:
        count = self.options["horizon_us"] // self.pool.tick_us
        if count > ROWS_MAX:
            raise InvalidArgument(
                f"tick_us: {self.pool.tick_us} makes {count} ticks; with series at most {ROWS_MAX}"
            )
        self.rows = np.zeros(count, ROW)
        self.line_pointer = line_pointer(self.rows)
        self.options |= {"rows": self.line_pointer, "rows_max": count}

    @property
    def is_whole(self) -> bool:
        """The core runs it in one call: arrays, and no function of Python to ask."""
        return self.scaler is None and isinstance(self.load, Load)

    def job(self) -> dict[str, Any]:
        """The fields of `struct uwo_lab_job` of the whole run."""
        load = self._as_arrays()
        if self.keep_waits:
            self._room_for_waits(load.requests)
        return {
            "size": _JOB_SIZE,
            "options": self.options,
            "arrivals": row_pointer(load.arrivals),
            "services": row_pointer(load.services),
            "count": load.requests,
        }

    def _as_arrays(self) -> Load:
        if isinstance(self.load, LoadChunks):
            self.load = self.load.load()
        return self.load

    def _room_for_waits(self, count: int) -> None:
        self.waits = np.zeros(count, np.int64)
        self.wait_pointer = row_pointer(self.waits, writable=True)
        self.options |= {"waits": self.wait_pointer, "waits_max": count}

    def stream(self) -> Result:
        """Run it chunk by chunk, asking a function of Python where there is one."""
        if self.keep_waits:
            self._room_for_waits(self._as_arrays().requests)
        chunks = self.load if isinstance(self.load, LoadChunks) else self.load.chunks()
        options = ffi.new("struct uwo_lab_options *", self.options)
        found = ffi.new("struct uwo_lab_result *", {"size": _RESULT_SIZE})
        with Stream(options, self.scaler) as stream:
            for arrivals, services in chunks:
                stream.feed(_row(arrivals), _row(services))
            stream.finish()
            check(lib.uwo_lab_result(stream.lab, found))
        return result_of(found, options, self.waits, self.rows)


def _is_count(rule: object) -> bool:
    return isinstance(rule, int) and not isinstance(rule, bool)


def _rule_of(rule: Any, pool: Pool) -> Rule:
    """With the limits of the pool, unless it has its own."""
    if isinstance(rule, Scaler):
        rule = rule.rule
    if not isinstance(rule, Rule):
        limits: dict[str, Any] = {
            "workers_max": pool.workers_max,
            "workers_min": pool.workers_min,
            "workers_startup": pool.workers_startup,
            "check_interval": pool.check_interval,
        }
        rule = Scaler(rule, **limits).rule
    if rule.workers_max != pool.workers_max:
        raise InvalidArgument(
            f"rule: workers_max is {rule.workers_max}; allowed: that of the pool, "
            f"{pool.workers_max}"
        )
    return rule  # type: ignore[no-any-return]


def _row(values: Any) -> Ints:
    return np.ascontiguousarray(values, np.int64)
