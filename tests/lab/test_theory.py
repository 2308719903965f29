"""The simulator beside what queueing theory knows exactly.

Each figure is the mean of independent runs; its 99.9 % confidence interval must hold the exact
value.  The seeds are fixed, so a failure is not bad luck but a change of behaviour.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from uwoffload.lab.loads import Load
from uwoffload.lab.pool import Pool
from uwoffload.lab.simulate import simulate

pytestmark = pytest.mark.slow

RUNS = 24
T_999 = 3.77  # Student, 23 degrees of freedom, two-sided 99.9 %
MEAN_US = 1_000_000  # of a service: whole microseconds then round nothing away
WARM = 0.2  # of a run, which starts empty

Draw = Callable[[np.random.Generator, int], Any]


def exponential(rng: np.random.Generator, count: int) -> Any:
    return rng.exponential(MEAN_US, count)


def constant(rng: np.random.Generator, count: int) -> Any:
    return np.full(count, float(MEAN_US))


def lognormal(rng: np.random.Generator, count: int) -> Any:
    return rng.lognormal(math.log(MEAN_US) - 0.5, 1.0, count)


def two_points(rng: np.random.Generator, count: int) -> Any:
    return np.where(rng.random(count) < 0.9, MEAN_US / 2, MEAN_US * 5.5)


SECOND_MOMENT = {  # E[S^2] / E[S]^2
    exponential: 2.0,
    constant: 1.0,
    lognormal: math.e,
    two_points: 0.9 * 0.25 + 0.1 * 30.25,
}


def poisson(seed: int, per_us: float, draw: Draw, count: int) -> Load:
    rng = np.random.default_rng([seed, count])
    arrivals = np.rint(np.cumsum(rng.exponential(1 / per_us, count))).astype(np.int64)
    services = np.rint(draw(rng, count)).astype(np.int64)
    return Load("poisson", arrivals, services, int(arrivals[-1]) + 1, seed)


def measured(pool: Pool, servers: int, rho: float, draw: Draw, count: int) -> list[Any]:
    """The waits of each run, its beginning cut off."""
    found = []
    for run in range(RUNS):
        load = poisson(run, rho * servers / MEAN_US, draw, count)
        result = simulate(load, pool.workers_max, pool, waits=True, seed=run)
        found.append(result.waits[int(WARM * count) :])
    return found


def holds(exact: float, figures: list[float]) -> None:
    """The confidence interval of the mean holds the exact value, and is not wide."""
    half = T_999 * float(np.std(figures, ddof=1)) / math.sqrt(len(figures))
    assert abs(float(np.mean(figures)) - exact) <= half, (np.mean(figures), exact, half)
    assert half < 0.2 * exact


def erlang_c(servers: int, rho: float) -> float:
    """Probability that a request must wait."""
    offered = servers * rho
    blocked = 1.0
    for server in range(1, servers + 1):  # Erlang-B, which is a stable recursion
        blocked = offered * blocked / (server + offered * blocked)
    return blocked / (1 - rho * (1 - blocked))


@pytest.mark.parametrize(
    ("servers", "rho", "count"),
    [(1, 0.5, 50_000), (1, 0.8, 200_000), (2, 0.7, 100_000), (5, 0.8, 100_000),
     (20, 0.9, 200_000), (100, 0.95, 400_000)],
)  # fmt: skip
def test_waits_of_many_servers_are_those_of_erlang(servers: int, rho: float, count: int) -> None:
    """
    M/M/c: how many wait, how long on average, and how many longer than a mean service.
    """
    runs = measured(Pool(servers, listen_queue_limit=0), servers, rho, exponential, count)
    waiting = erlang_c(servers, rho)
    spare = servers * (1 - rho)

    holds(waiting, [float(np.mean(waits > 0)) for waits in runs])
    holds(waiting / spare * MEAN_US, [float(np.mean(waits)) for waits in runs])
    some = MEAN_US / spare  # P(W > t) = C exp(-spare t)
    holds(waiting / math.e, [float(np.mean(waits > some)) for waits in runs])


@pytest.mark.parametrize("draw", [exponential, constant, lognormal, two_points])
@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_waits_at_one_server_are_those_of_pollaczek_and_khinchine(draw: Draw, rho: float) -> None:
    """
    M/G/1, M/D/1 among them: mean wait rho E[S^2] / (2 (1 - rho) E[S]).
    """
    runs = measured(Pool(1, listen_queue_limit=0), 1, rho, draw, 300_000)
    exact = rho * SECOND_MOMENT[draw] / (2 * (1 - rho)) * MEAN_US

    holds(exact, [float(np.mean(waits)) for waits in runs])
    holds(rho, [float(np.mean(waits > 0)) for waits in runs])


def test_a_queue_per_worker_is_many_queues_of_one() -> None:
    """
    Requests thrown at random on 8 queues wait as M/M/1 does, not as M/M/8.
    """
    pool = Pool(8, queues="per-worker", listen_queue_limit=0)
    runs = measured(pool, 8, 0.7, exponential, 300_000)

    holds(0.7 / 0.3 * MEAN_US, [float(np.mean(waits)) for waits in runs])


def test_threads_serve_as_workers_do() -> None:
    """
    Two workers of three threads wait as M/M/6.
    """
    runs = measured(Pool(2, threads=3, listen_queue_limit=0), 6, 0.8, exponential, 100_000)

    holds(erlang_c(6, 0.8), [float(np.mean(waits > 0)) for waits in runs])


@pytest.mark.parametrize(("servers", "places", "rho"), [(1, 3, 0.9), (4, 2, 1.1)])
def test_a_short_queue_rejects_as_many_as_it_must(servers: int, places: int, rho: float) -> None:
    """
    M/M/c/c+k: the share of rejected requests is that of the birth-death chain.
    """
    pool = Pool(servers, listen_queue_limit=places)
    runs = measured(pool, servers, rho, exponential, 60_000)
    weights = [1.0]
    for state in range(1, servers + places + 1):
        weights.append(weights[-1] * rho * servers / min(state, servers))

    holds(weights[-1] / sum(weights), [float(np.mean(waits == -1)) for waits in runs])


def test_busy_time_is_the_load() -> None:
    """
    At rho 0.6, workers are busy 60 % of their time.
    """
    pool = Pool(10, listen_queue_limit=0)
    figures = [
        simulate(poisson(run, 6 / MEAN_US, exponential, 50_000), 10, pool).utilisation
        for run in range(RUNS)
    ]

    holds(0.6, figures)
