"""The simulator beside a second model of the same pool, request by request, tick by tick."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uwoffload.cheaper import AlgoBusyness, AlgoQueue, AlgoSpare, Scaler
from uwoffload.lab.loads import Load
from uwoffload.lab.pool import EVENTS, Event, Pool
from uwoffload.lab.result import LEFT, LOST, REJECTED
from uwoffload.lab.simulate import simulate

from .reference import Reference, mixed

pytestmark = [pytest.mark.slow, pytest.mark.native]

UNIT_US = 100_000  # so that a tick is a second or more: rules have nothing shorter
TARGET_US = 7 * UNIT_US
COUNTED = (
    "rejected", "lost", "killed", "finished", "left_waiting", "left_serving", "penalised",
    "queue_max", "workers_peak", "memory_peak", "spawns", "stops", "flaps", "total_variation",
    "forks_failed", "deaths", "respawns", "ticks",
)  # fmt: skip
TIMED = ("worker", "busy", "idle", "starting", "draining", "served")


def by_chance(state: Any, readings: Any) -> Any:
    """A rule that starts and stops at random, the same each time; its state is all it saw."""
    seen = [*(state or []), readings.to_dict()]
    return mixed(len(seen) * 977 + readings.listen_queue) % 5 - 2, seen


def watched(seen: list[Any]) -> Any:
    """The same rule, which leaves here what it saw."""

    def rule(state: Any, readings: Any) -> Any:
        seen.append(readings.to_dict())
        return by_chance(state, readings)

    return rule


RULES = {
    "none": None,
    "chance": by_chance,
    "spare": AlgoSpare(check_interval_overload=2),
    "backlog": AlgoQueue(check_num_overload=2),
    "busyness": AlgoBusyness(check_interval_busy=1),
    "uwsgi-2.0/spare": AlgoSpare(check_interval_overload=1),
    "uwsgi-2.1/backlog": AlgoQueue(check_num_overload=1),
    "uwsgi-2.1/busyness": AlgoBusyness(check_interval_busy=1),
}

# Few and coarse times, so that much falls on the same instant.
TIMES = (st.integers(0, 12).map(lambda value: value * 5) | st.integers(0, 60)).map(
    lambda value: value * UNIT_US
)


def event(at: int, kind: str, number: int, value: int) -> Event:
    """With a value that suits its kind."""
    value = {"clock step": value * 700_000, "forks fail": abs(value)}.get(kind, value)
    return Event(at * UNIT_US, kind, number, value)


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    workers = draw(st.integers(2, 5))
    events = draw(
        st.lists(
            st.builds(
                event,
                st.integers(0, 60).map(lambda value: value * 5),
                st.sampled_from(sorted(EVENTS)),
                st.integers(1, workers),
                st.integers(-3, 3),
            ),
            max_size=8,
        )
    )
    idle_rss = draw(st.integers(0, 3))
    return Pool(
        workers,
        workers_startup=draw(st.integers(1, workers)),
        startup_us=draw(TIMES),
        drain_us=draw(TIMES),
        listen_queue_limit=draw(st.integers(0, 4)),
        tick_us=draw(st.sampled_from([10, 25, 40])) * UNIT_US,
        threads=draw(st.integers(1, 3)),
        queues=draw(st.sampled_from(["shared", "per-worker"])),
        idle_order=draw(st.sampled_from(["last first", "longest first"])),
        first_request_us=draw(st.sampled_from([0, 10])) * UNIT_US,
        accept_ahead=draw(st.integers(0, 2)),
        idle_rss=idle_rss,
        busy_rss=idle_rss + draw(st.integers(0, 3)),
        cold=draw(st.booleans()),
        respawn=draw(st.booleans()),
        flap_us=draw(st.sampled_from([1, 50 * UNIT_US])),
        wall_us=draw(st.sampled_from([10**8 + 1, 10**15])),
        events=tuple(events),
    )


@st.composite
def loads(draw: st.DrawFn) -> Load:
    gaps = draw(st.lists(st.sampled_from([0, 0, 1, 5, 5, 7, 20]), max_size=60))
    arrivals = np.cumsum(np.array(gaps, np.int64)) * UNIT_US
    services = draw(st.lists(TIMES, min_size=len(gaps), max_size=len(gaps)))
    end = int(arrivals[-1]) + 1 if gaps else 1
    horizon = end + draw(st.integers(0, 100)) * UNIT_US
    return Load("random", arrivals, np.array(services, np.int64), horizon)


def rule_of(name: str, pool: Pool) -> Any:
    """A rule around the algorithm, in the profile that the name says."""
    profile = name.rpartition("/")[0] or "fixed"
    limits = {"workers_max": pool.workers_max, "workers_startup": pool.workers_startup}
    return None if RULES[name] is None else Scaler(RULES[name], profile=profile, **limits)


def referred(load: Load, pool: Pool, scaler: Scaler | None, seed: int) -> Reference:
    workers = pool.workers_startup or pool.workers_max
    return Reference(
        load.arrivals.tolist(), load.services.tolist(), load.horizon_us, pool, scaler, workers,
        seed, TARGET_US,
    ).run()  # fmt: skip


def compare(result: Any, other: Reference, load: Load, pool: Pool) -> None:
    assert result.waits.tolist() == other.waits
    assert {name: getattr(result, name) for name in COUNTED} == {
        name: other.count[name] for name in COUNTED
    }
    times = {name: round(getattr(result, f"{name}_seconds") * 10**6) for name in TIMED}
    assert times == {name: other.time[name] for name in TIMED}
    assert round(result.time_at_max * 10**6) == other.time["at_max"]
    assert round(result.under_provisioned * 10**6 * pool.threads) == other.time["under"]
    waited = other.waited
    assert result.wait_max_us == max(waited, default=0)
    assert result.wait_mean_us == pytest.approx(np.mean(waited) if waited else 0)
    assert result.over_target == sum(wait > TARGET_US for wait in waited)
    missed = {number for number, wait in enumerate(other.waits) if wait in (REJECTED, LOST)}
    for number, wait in enumerate(other.waits):
        arrival = int(load.arrivals[number])
        if (load.horizon_us - arrival if wait == LEFT else wait) > TARGET_US:
            missed.add(number)
    missed.update(other.killed)
    assert result.over_share == (len(missed) / load.requests if load.requests else 0)
    excess = sum(max(0, wait - TARGET_US) for wait in waited)
    assert round(result.excess_seconds * 10**6) == excess
    series = result.series
    for name in ("t", "active", "ready", "busy", "starting", "draining", "queue", "oldest"):
        assert getattr(series, name).tolist() == [row[name] for row in other.rows], name
    assert series.delta.tolist() == [row["delta"] for row in other.rows]
    demand = series.demand * pool.tick_us * pool.threads
    assert demand.round().astype(int).tolist() == [row["demand_us"] for row in other.rows]
    known = ("rejected", "lost", "killed", "finished", "left_waiting", "left_serving")
    assert load.requests == sum(getattr(result, name) for name in known)


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=60, deadline=None)
@given(load=loads(), pool=pools(), seed=st.integers(0, 2**64 - 1))
def test_both_models_agree_on_every_request(name: str, load: Load, pool: Pool, seed: int) -> None:
    """
    Waits, counts, times of workers, and what stands at each tick are the same.
    """
    scaler = rule_of(name, pool)
    result = simulate(
        load,
        pool.workers_startup if scaler is None else scaler,
        pool,
        wait_target_us=TARGET_US,
        seed=seed,
        waits=True,
        series=True,
    )
    compare(result, referred(load, pool, scaler, seed), load, pool)


def crowded(seed: int) -> tuple[Load, Pool]:
    """Many requests, and much that happens to the workers."""
    rng = random.Random(seed)
    workers = rng.randint(2, 6)
    count = 300
    times = [rng.choice([0, 5, 5, 10, 10, 13, 40]) * UNIT_US for _ in range(count)]
    gaps = [rng.choice([0, 0, 1, 5, 5, 10]) for _ in range(count)]
    arrivals = np.cumsum(np.array(gaps, np.int64)) * UNIT_US
    end = int(arrivals[-1]) // UNIT_US
    events = [
        event(rng.randint(0, end), kind, rng.randint(1, workers), rng.choice([-2, 1, 2]))
        for kind in rng.choices(sorted(EVENTS), k=40)
    ]
    pool = Pool(
        workers,
        workers_startup=rng.randint(1, workers),
        startup_us=rng.choice([0, 5, 23]) * UNIT_US,
        drain_us=rng.choice([0, 5, 17]) * UNIT_US,
        listen_queue_limit=rng.choice([0, 2, 5]),
        tick_us=rng.choice([10, 25]) * UNIT_US,
        threads=rng.choice([1, 1, 2, 3]),
        queues=rng.choice(["shared", "per-worker"]),
        idle_order=rng.choice(["last first", "longest first"]),
        first_request_us=rng.choice([0, 7]) * UNIT_US,
        idle_rss=2,
        busy_rss=5,
        respawn=rng.random() < 0.5,
        flap_us=30 * UNIT_US,
        events=tuple(events),
    )
    services = np.array(times, np.int64)
    return Load("crowded", arrivals, services, end * UNIT_US + 50 * UNIT_US), pool


@pytest.mark.parametrize("name", RULES)
def test_both_models_agree_when_much_happens(name: str) -> None:
    """
    The same with long runs, in which workers die, start and stop all the time.
    """
    seen: Counter[str] = Counter()
    for seed in range(24):
        load, pool = crowded(seed)
        scaler = rule_of(name, pool)
        rule = pool.workers_startup if scaler is None else scaler
        result = simulate(
            load, rule, pool, wait_target_us=TARGET_US, seed=seed, waits=True, series=True
        )
        compare(result, referred(load, pool, scaler, seed), load, pool)
        seen.update({count: getattr(result, count) for count in COUNTED})
    assert all(seen[count] for count in COUNTED), seen


def test_workers_that_drain_between_two_arrivals_go_in_order() -> None:
    """
    The second finishes when the first is gone already, and nothing arrives meanwhile.
    """
    events = tuple(event(1, "stop", number, 0) for number in (1, 2))
    pool = Pool(3, workers_startup=3, drain_us=5 * UNIT_US, tick_us=1000 * UNIT_US, events=events)
    arrivals = np.array([0, 0, 100, 100]) * UNIT_US
    services = np.array([10, 20, 5, 5]) * UNIT_US
    load = Load("drain", arrivals, services, 200 * UNIT_US)

    result = simulate(load, 3, pool, wait_target_us=TARGET_US, waits=True, series=True)

    compare(result, referred(load, pool, None, 0), load, pool)
    assert result.draining_seconds == 1.0


def readings_agree(load: Load, pool: Pool, seed: int) -> None:
    limits = {"workers_max": pool.workers_max, "workers_startup": pool.workers_startup}
    seen: list[Any] = []
    simulate(load, Scaler(watched(seen), **limits), pool, seed=seed)
    other = referred(load, pool, rule_of("chance", pool), seed)
    assert other.scaler is not None
    assert seen == (other.scaler.state.own or [])


@settings(max_examples=60, deadline=None)
@given(load=loads(), pool=pools(), seed=st.integers(0, 2**64 - 1))
def test_readings_tell_the_truth(load: Load, pool: Pool, seed: int) -> None:
    """
    What a rule is shown at each tick is what the second model sees.
    """
    readings_agree(load, pool, seed)


def test_readings_tell_the_truth_when_much_happens() -> None:
    """
    The same with long runs.
    """
    for seed in range(24):
        readings_agree(*crowded(seed), seed)
