"""One load, the rules tried on it, and what each costs: the unit of work of compare, sweep, tune.

Everything here can be sent to another process.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from .._bridge import lib
from ..errors import InvalidArgument, UwoffloadError
from .bounds import Bounds, bounds
from .case_values import Value, shape_of
from .loads import SECOND, WINDOW_US, Load, LoadChunks, check_window
from .result import Result
from .rules import Contender
from .simulate import Pool, simulate
from .traces_checks import DAY_US
from .traces_files import TraceError

Record: TypeAlias = dict[str, Any]

WAIT_TARGET_US = 100_000
STREAMED_FROM = 1 << 24  # requests; larger loads are drawn anew in pieces for each rule
KEPT_LOADS = 2  # per process: many rules are tried on the same load
BLOCKS_MIN_TICKS = 30  # a part of a trace shorter than this says nothing


@dataclass(frozen=True)
class Case:
    """A load that can be made anew: of the catalogue, given, or stored in a file."""

    name: str
    seed: int = 0
    values: tuple[tuple[str, Value], ...] = ()  # of the catalogue's function
    load: Load | None = None
    path: str = ""
    begin_us: int = 0  # of a part
    end_us: int = 0
    requests: int = 0  # in all of a recorded load

    def __str__(self) -> str:
        return f"{self.name} seed {self.seed}"

    def make(self) -> Load | LoadChunks:
        """The load; the same each time."""
        return made(self)

    def check(self) -> None:
        """Raises InvalidArgument for a name or a value that does not exist; draws nothing."""
        if self.load is None and not self.path:
            _, options = shape_of(self.name, self.values)
            check_window(options["mean_load"] * WINDOW_US / options["law"].mean_us)

    def stored(self, folder: Path) -> Case:
        """The same with its arrays in a file, for processes of this machine."""
        if self.load is None:
            return self
        path = folder / f"load-{id(self.load)}.npy"
        if not path.exists():
            np.save(path, np.stack([self.load.arrivals, self.load.services]))
        return replace(self, load=None, path=str(path))


@functools.lru_cache(maxsize=KEPT_LOADS)
def made(case: Case) -> Load | LoadChunks:
    """Make it."""
    if case.path:
        arrivals, services = np.load(case.path, mmap_mode="r")
        first, last = np.searchsorted(arrivals, [case.begin_us, case.end_us])
        length = case.end_us - case.begin_us
        part = slice(int(first), int(last))
        return Load(case.name, arrivals[part] - case.begin_us, services[part], length, case.seed)
    if case.load is not None:
        return case.load.cut(case.begin_us, case.end_us)
    shape, options = shape_of(case.name, case.values)
    if options["mean_load"] * options["horizon_us"] / options["law"].mean_us > STREAMED_FROM:
        return shape.chunks(case.seed, **options)
    return shape(case.seed, **options)


def seeded(name: str, seeds: Iterable[int], **values: Value) -> list[Case]:
    """A load of the catalogue, once per seed."""
    given = tuple(sorted(values.items()))
    return [Case(name, seed, given) for seed in seeds]


def blocks(load: Load, count: int, tick_us: int = SECOND) -> list[Case]:
    """A recorded load in parts of equal time; they stand for seeds."""
    length = load.horizon_us // count
    if length > lib.UWO_LAB_TIME_MAX:
        raise TraceError(
            f"load {load.name!r}: {load.horizon_us / DAY_US:.0f} days; at most "
            f"{lib.UWO_LAB_TIME_MAX // DAY_US} can be replayed at once: take out lines with far "
            "dates, or ask for more parts (--seeds)"
        )
    if count > 1 and length < BLOCKS_MIN_TICKS * tick_us:
        raise InvalidArgument(
            f"load {load.name!r}: {load.horizon_us / SECOND:.0f} s make no {count} parts of at "
            f"least {BLOCKS_MIN_TICKS} checks; ask for fewer"
        )
    return [
        Case(
            load.name,
            number,
            load=load,
            begin_us=number * length,
            end_us=(number + 1) * length,
            requests=load.requests,
        )
        for number in range(count)
    ]


@dataclass(frozen=True)
class Task:
    """Rules to try on one load."""

    case: Case
    rules: tuple[Contender, ...]
    pool: Pool
    wait_target_us: int = WAIT_TARGET_US
    price_us: int | None = None  # of a start, for the bounds; None: the start-up time
    with_bounds: bool = True

    def __str__(self) -> str:
        return f"{', '.join(map(str, self.rules))} on {self.case}"

    @property
    def conditions(self) -> str:
        """What a result depends on beside load, seed and rule, in short."""
        case = self.case
        known = (case.values, case.begin_us, case.end_us, case.requests)
        around = (self.pool, self.wait_target_us, self.price_us)
        return f"{zlib.crc32(repr((known, around)).encode()):08x}"

    def only(self, rules: tuple[Contender, ...]) -> Task:
        """The same load with some of the rules."""
        return replace(self, rules=rules)


class PointFailed(UwoffloadError):
    """A setting could not be computed.  One line: which, on what load, and why."""


def failed(task: Task, error: Exception) -> PointFailed:
    """The error of a task, with the task's name."""
    said = str(error).partition("\n")[0]
    if not isinstance(error, UwoffloadError):
        said = f"{type(error).__name__}: {said}".removesuffix(": ")
    return PointFailed(f"{task}: {said}")


def compute(task: Task) -> list[Record]:
    """A record per rule: what it cost, and its ratio to the bounds.  Raises PointFailed."""
    at = task
    records = []
    try:
        load = task.case.make()
        floor = bounds_of(task) if task.with_bounds else None
        for contender in task.rules:
            at = task.only((contender,))
            result = simulate(
                load,
                contender.build(task.pool),
                task.pool,
                wait_target_us=task.wait_target_us,
                seed=task.case.seed,
            )
            records.append(record(task, contender, result, floor))
    except Exception as error:
        raise failed(at, error) from error
    return records


def record(task: Task, contender: Contender, result: Result, floor: Bounds | None) -> Record:
    """One line of results."""
    found = {"load": task.case.name, "seed": task.case.seed, "rule": str(contender)}
    found |= {"conditions": task.conditions, **result.to_dict()}
    if floor is not None:
        found |= {f"bound_{name}": value for name, value in floor.to_dict().items()}
        found |= {f"ratio_{name}": value for name, value in ratios(result, floor).items()}
    return found


BOUNDS = {  # what a ratio is to
    "work": "the work alone",
    "zero_wait": "nobody waits, switching is free",
    "zero_wait_priced": "nobody waits, each start is paid",
    "right_sizing": "the best path of sizes, starts and waiting paid",
    "static_pool": "the best fixed size in hindsight",
}
PRICED = ("zero_wait_priced", "right_sizing")  # with a price on starts, and on waiting


def ratios(result: Result, floor: Bounds) -> dict[str, float]:
    """Of the cost to each bound.

    Where a bound has a price on starts, the rule pays it instead of its start-up time; where it
    has one on waiting, the rule pays that too.
    """
    found = floor.ratios(result.worker_seconds)
    waited = result.wait_mean_us / SECOND * (result.requests - result.rejected - result.lost)
    running = result.worker_seconds - result.starting_seconds
    found |= {
        name: value
        for name, value in floor.ratios(running, starts=result.spawns, waited=waited).items()
        if name in PRICED
    }
    return {name: found[name] for name in BOUNDS}


_bounds: dict[tuple[Any, ...], Bounds] = {}


def forget() -> None:
    """Loads and bounds that were kept for the next task."""
    made.cache_clear()
    _bounds.clear()


def bounds_of(task: Task) -> Bounds:
    """Of the load of a task, kept for the next task on the same load."""
    key = (task.case, repr(task.pool), task.wait_target_us, task.price_us)
    found = _bounds.get(key)
    if found is None:
        found = bounds(
            task.case.make(),
            task.pool,
            wait_target_us=task.wait_target_us,
            price_us=task.price_us,
        )
        while len(_bounds) >= KEPT_LOADS:
            _bounds.pop(next(iter(_bounds)), None)
        _bounds[key] = found
    return found


def tasks(
    cases: Sequence[Case],
    rules: Sequence[Contender],
    pool: Pool,
    *,
    wait_target_us: int = WAIT_TARGET_US,
    price_us: int | None = None,
    with_bounds: bool = True,
    rules_each: int = 0,
) -> list[Task]:
    """Every rule on every load: common random numbers.  rules_each: most rules in one task."""
    size = rules_each or max(len(rules), 1)
    return [
        Task(case, tuple(rules[at : at + size]), pool, wait_target_us, price_us, with_bounds)
        for case in cases
        for at in range(0, len(rules), size)
    ]
