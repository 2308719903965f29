"""
How fast the lab is: requests per second of one core, a day of them, and runs of a rule.  It
computes in the thread that calls, so what is measured is that thread's CPU time.

By hand: pytest benchmarks/lab_bench.py -s
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from uwoffload.lab.loads import Load, LoadChunks
from uwoffload.lab.pool import Pool
from uwoffload.lab.simulate import simulate, simulate_many

REQUESTS = 2_000_000
WORKERS = 100
MEAN_US = 10_000
DAY_US = 86_400 * 1_000_000


def steady(rho: float, requests: int, workers: int = WORKERS, seed: int = 1) -> Load:
    """Poisson arrivals, exponential work: so much of what the workers can do."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(MEAN_US / (workers * rho), requests)).astype(np.int64)
    services = rng.exponential(MEAN_US, requests).astype(np.int64)
    return Load("steady", arrivals, services, int(arrivals[-1]) + 1, seed)


def note(benchmark: Any, requests: int) -> None:
    """Requests per second of the fastest round."""
    if benchmark.stats is not None:
        rate = requests / benchmark.stats.stats.min
        benchmark.extra_info["requests_per_second"] = round(rate)
        print(f" {rate / 1e6:.1f} million requests/s")


@pytest.mark.parametrize("queues", ["shared", "per-worker"])
@pytest.mark.parametrize("rho", [0.5, 0.8, 0.95, 1.1])
@pytest.mark.benchmark(timer=time.thread_time)
def test_requests(benchmark: Any, rho: float, queues: str) -> None:
    """
    A static pool of 100 workers, arrays made beforehand.
    """
    load = steady(rho, REQUESTS)
    pool = Pool(WORKERS, queues=queues, listen_queue_limit=1000)

    benchmark.pedantic(lambda: simulate(load, WORKERS, pool), rounds=7, warmup_rounds=1)
    note(benchmark, REQUESTS)


@pytest.mark.parametrize("name", ["spare", "busyness", "backlog", "target"])
@pytest.mark.benchmark(timer=time.thread_time)
def test_requests_under_a_rule(benchmark: Any, name: str) -> None:
    """
    The same with a rule that is asked every second.
    """
    load = steady(0.6, REQUESTS)
    pool = Pool(WORKERS, 2, listen_queue_limit=1000)

    benchmark.pedantic(lambda: simulate(load, name, pool), rounds=7, warmup_rounds=1)
    note(benchmark, REQUESTS)


@pytest.mark.benchmark(timer=time.thread_time)
def test_ten_minutes(benchmark: Any) -> None:
    """
    A short run, as a tuner makes them by the ten thousand: 10 minutes, 24,000 requests.
    """
    load = steady(4 / 10, 24_000, workers=10)
    load = Load(
        "short", load.arrivals * 10, load.services * 10, load.horizon_us * 10
    )  # 100 ms each
    pool = Pool(10, 2)

    benchmark.pedantic(lambda: simulate(load, "target", pool), rounds=50, warmup_rounds=5)
    note(benchmark, load.requests)


def test_many_runs(benchmark: Any) -> None:
    """
    Runs of ten minutes, all processors; the time that passes.
    """
    loads = [steady(0.4, 24_000, 10, seed) for seed in range(20)]
    tasks = [(load, name, Pool(10, 2)) for load in loads for name in ("spare", "target")]

    benchmark.pedantic(lambda: simulate_many(tasks), rounds=5, warmup_rounds=1)
    note(benchmark, sum(load.requests for load, _, _ in tasks))


def day() -> LoadChunks:
    """A day at 1,000 requests per second: the same hour, made beforehand, again and again."""
    hour_us = DAY_US // 24
    rng = np.random.default_rng(1)
    arrivals = np.sort(rng.integers(0, hour_us, 3_600_000))
    services = rng.exponential(20_000, arrivals.size).astype(np.int64)

    def pieces() -> Iterator[tuple[Any, Any]]:
        for hour in range(24):
            yield arrivals + hour * hour_us, services

    return LoadChunks("day", DAY_US, pieces)


@pytest.mark.parametrize("rule", [30, "target"])
@pytest.mark.benchmark(timer=time.thread_time)
def test_a_day(benchmark: Any, rule: Any) -> None:
    """
    86.4 million requests, in chunks of an hour.
    """
    load = day()

    benchmark.pedantic(lambda: simulate(load, rule, Pool(50, 2)), rounds=1)
    note(benchmark, 86_400_000)
