"""
What a scaling decision costs: in C, through Python, and what it costs to fill the readings.

By hand: pytest benchmarks/cheaper_bench.py
Bounds: in C 100 ns and 2 ns per worker; through Python 3 us, the readings being there.
"""

import ctypes
import shlex
import subprocess
import sysconfig
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from uwoffload import get_include
from uwoffload._bridge import ffi, lib
from uwoffload.cheaper import PROFILES, Readings, Scaler, Verdict, algorithms

Ask = Callable[[Readings], object]

COUNT = 1000  # ticks per round of pytest-benchmark
ROUNDS = 100
SECOND = 1_000_000
CPU = pytest.mark.benchmark(timer=time.thread_time)
WORKERS = pytest.mark.parametrize("workers", [10, 100, 1000])
CASES = [(name, profile) for name, info in algorithms().items() for profile in info.profiles]

LOOP = """
#include "uwoffload.h"
typedef int tick_function(const struct uwo_scale_rule *, const struct uwo_readings *, uint64_t *,
                          struct uwo_scale_verdict *, uint32_t *, uint32_t *, struct uwo_error *);
void loop(tick_function *tick, const struct uwo_scale_rule *rule, struct uwo_readings *readings,
          uint64_t *state, struct uwo_scale_verdict *verdict, uint32_t *start, uint32_t *stop,
          int obey, long count)
{
    struct uwo_worker_reading *workers = (struct uwo_worker_reading *)readings->workers;

    while (count--) {
        readings->wall_s++;
        readings->wall_us += 1000000;
        readings->mono_us += 1000000;
        tick(rule, readings, state, verdict, start, stop, 0);
        for (uint32_t i = 0; obey && i < verdict->start_count; i++)
            workers[start[i] - 1].state = UWO_WORKER_IDLE;
        for (uint32_t i = 0; obey && i < verdict->stop_count; i++)
            workers[stop[i] - 1].state = UWO_WORKER_CHEAPED;
    }
}

typedef int decide_function(const struct uwo_scale_rule *, const struct uwo_readings *, int,
                            uint64_t *, struct uwo_scale_verdict *, struct uwo_error *);
void pure(decide_function *decide, const struct uwo_scale_rule *rule,
          struct uwo_readings *readings, uint64_t *state, struct uwo_scale_verdict *verdict,
          long count)
{
    while (count--) {
        readings->wall_s++;
        readings->wall_us += 1000000;
        readings->mono_us += 1000000;
        decide(rule, readings, 1, state, verdict, 0);
    }
}
"""


@pytest.fixture(scope="module")
def loops(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Ticks from C, one second after the other."""
    folder = tmp_path_factory.mktemp("loop")
    source, target = folder / "loop.c", folder / "loop.so"
    source.write_text(LOOP)
    header = Path(get_include())
    if not (header / "uwoffload.h").exists():  # built in place
        header = Path(__file__).resolve().parent.parent / "csrc" / "include"
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
    subprocess.run(
        [*compiler[:1], "-O2", "-fPIC", "-shared", f"-I{header}", source, "-o", target], check=True
    )
    return ctypes.CDLL(str(target))


def busy_pool(workers: int) -> Readings:
    """Half of them busy, a quarter idle, the rest cheaped; started in no order."""
    busy, idle = workers // 2, workers // 4
    letters = "b" * busy + "i" * idle + "C" * (workers - busy - idle)
    started = [7919 * number % 86_400 for number in range(workers)]
    readings = Readings(workers, arrivals=50, completions=50).at(10**9 * 1000)
    return readings.fill(state=letters, started_s=started)


def address(cdata: Any) -> ctypes.c_void_p:
    return ctypes.c_void_p(int(ffi.cast("uintptr_t", cdata)))


def note(benchmark: Any, calls: int) -> None:
    """Of the median round: what one call costs."""
    if benchmark.stats is not None:
        each = benchmark.stats.stats.median / calls
        benchmark.extra_info["ns"] = round(each * 1e9, 1)
        print(f" {each * 1e9:.0f} ns")


@WORKERS
@pytest.mark.parametrize(("name", "profile"), CASES)
@CPU
def test_algorithm_in_c(benchmark: Any, loops: Any, name: str, profile: str, workers: int) -> None:
    """
    `uwo_scale_decide`: the algorithm alone, called from a loop in C.
    """
    rule = algorithms()[name].make().rule(workers, workers_min=1, profile=profile)
    readings = busy_pool(workers)
    verdict = ffi.new("struct uwo_scale_verdict *")
    decide = ffi.addressof(lib, "uwo_scale_decide")
    given = decide, rule.cdata, readings.cdata, rule.block(None), verdict

    arguments = [*map(address, given), ctypes.c_long(COUNT)]
    benchmark.pedantic(loops.pure, arguments, rounds=ROUNDS, warmup_rounds=2)
    note(benchmark, COUNT)


@WORKERS
@pytest.mark.parametrize(("name", "profile"), CASES)
@pytest.mark.parametrize("obeyed", [True, False], ids=["obeyed", "deaf"])
@CPU
def test_check_in_c(
    benchmark: Any, loops: Any, obeyed: bool, name: str, profile: str, workers: int
) -> None:
    """
    `uwo_scale_tick`: a whole check, of a pool that does as it is told, or of one that never does:
    there `target` names a quarter of it each time, in the order of their age.
    """
    rule = algorithms()[name].make().rule(workers, workers_min=1, profile=profile)
    readings = busy_pool(workers)
    verdict = ffi.new("struct uwo_scale_verdict *")
    numbers = ffi.new("uint32_t[]", 2 * workers)
    tick = ffi.addressof(lib, "uwo_scale_tick")
    lists = numbers, numbers + workers
    given = tick, rule.cdata, readings.cdata, rule.block(None), verdict, *lists

    arguments = [*map(address, given), ctypes.c_int(obeyed), ctypes.c_long(COUNT)]
    benchmark.pedantic(loops.loop, arguments, rounds=ROUNDS, warmup_rounds=2)
    note(benchmark, COUNT)


def ticking(ask: Ask, readings: Readings, profile: str) -> Callable[[], None]:
    """Checks one second apart, with nothing else in the loop than moving the clocks it reads."""
    cdata, step = readings.cdata, SECOND

    def fixed() -> None:
        for _ in range(COUNT):
            cdata.mono_us += step
            ask(readings)

    def uwsgi() -> None:
        for _ in range(COUNT):
            cdata.wall_s += 1
            cdata.wall_us += step
            ask(readings)

    return fixed if profile == "fixed" else uwsgi


def settle(scaler: Scaler, readings: Readings) -> None:
    """Do as it says, until it has said the same for a while."""
    workers = readings.workers
    for second in range(1, 400):
        verdict = scaler.tick(readings.at(10**9 * 1000 + second * SECOND))
        for number in verdict.start:
            workers[number - 1].state = "idle"
        for number in verdict.stop:
            workers[number - 1].state = "cheaped"


@WORKERS
@pytest.mark.parametrize(("name", "profile"), CASES)
@pytest.mark.parametrize("obeyed", [True, False], ids=["obeyed", "deaf"])
@CPU
def test_through_python(
    benchmark: Any, obeyed: bool, name: str, profile: str, workers: int
) -> None:
    """
    `Scaler.tick`, the readings lying in their buffer; moving a clock or two is in it, too.
    """
    scaler = Scaler(name, workers_max=workers, workers_min=1, profile=profile)
    readings = busy_pool(workers)
    if obeyed:
        settle(scaler, readings)

    benchmark.pedantic(ticking(scaler.tick, readings, profile), rounds=ROUNDS, warmup_rounds=2)
    note(benchmark, COUNT)


@WORKERS
@pytest.mark.parametrize(("name", "profile"), CASES)
@CPU
def test_pure_call(benchmark: Any, name: str, profile: str, workers: int) -> None:
    """
    `Algo.decide`: the algorithm alone, from one state to the next.
    """
    algo, state = algorithms()[name].make(profile=profile), None

    def decide(readings: Readings) -> None:
        nonlocal state
        _, state = algo.decide(state, readings)

    run = ticking(decide, busy_pool(workers), profile)
    benchmark.pedantic(run, rounds=ROUNDS, warmup_rounds=2)
    note(benchmark, COUNT)


@pytest.mark.parametrize("profile", PROFILES)
@CPU
def test_between_two_checks(benchmark: Any, profile: str) -> None:
    """
    `Scaler.tick` when it is not yet time.
    """
    scaler, readings = Scaler("spare", workers_max=10, profile=profile), busy_pool(10)
    scaler.tick(readings)

    def run() -> None:
        for _ in range(COUNT):
            scaler.tick(readings)

    benchmark.pedantic(run, rounds=ROUNDS, warmup_rounds=2)
    note(benchmark, COUNT)


@WORKERS
@CPU
def test_function_of_python(benchmark: Any, workers: int) -> None:
    """
    An algorithm written in Python that does nothing: what the way there and back costs.
    """
    answer = Verdict(0, "nothing"), None
    scaler = Scaler(lambda *_: answer, workers_max=workers)

    run = ticking(scaler.tick, busy_pool(workers), "fixed")
    benchmark.pedantic(run, rounds=ROUNDS, warmup_rounds=2)
    note(benchmark, COUNT)


# ---- filling ----


def one_by_one(readings: Readings, columns: dict[str, Any], states: str) -> None:
    """Attribute by attribute, worker by worker."""
    for index, worker in enumerate(readings.workers):
        worker.state = states[index]
        for name, values in columns.items():
            setattr(worker, name, values[index])


def by_column(readings: Readings, columns: dict[str, Any], states: str) -> None:
    """`fill`."""
    readings.fill(state=states, **columns)


NAMES = ("busy_us", "running_time_us", "started_s", "rss", "pss")
HOW = {
    "attributes": (one_by_one, list),
    "lists": (by_column, list),
    "arrays": (by_column, None),
}


@WORKERS
@pytest.mark.parametrize("how", HOW)
@CPU
def test_filling(benchmark: Any, how: str, workers: int) -> None:
    """
    State and five figures of every worker: one by one, as lists, as arrays of their types.
    """
    write, make = HOW[how]
    readings = Readings(workers)
    numbers = range(10**6, 10**6 + workers)
    columns: dict[str, Any] = {
        name: make(numbers) if make else array("q" if name == "started_s" else "Q", numbers)
        for name in NAMES
    }
    states = busy_pool(workers).letters

    benchmark.pedantic(
        write, (readings, columns, states), rounds=ROUNDS, iterations=5, warmup_rounds=2
    )
    note(benchmark, 1)
