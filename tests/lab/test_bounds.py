"""Bounds: each against brute force on small loads, and all against each other."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwoffload.errors import InvalidArgument
from uwoffload.lab.bounds import bounds
from uwoffload.lab.bounds_occupancy import Slots, ZeroWait, moves, packed
from uwoffload.lab.bounds_queue import deadline_peak, late, least_pool, waits
from uwoffload.lab.bounds_sizing import right_sizing, shortfall_costs
from uwoffload.lab.catalogue import shapes
from uwoffload.lab.loads import SECOND, Load, LoadChunks
from uwoffload.lab.pool import Pool
from uwoffload.lab.simulate import simulate

pytestmark = [pytest.mark.slow, pytest.mark.native]

HORIZON = 40  # µs: short enough to look at each


@st.composite
def loads(draw, most=12, horizon=HORIZON):
    requests = draw(
        st.lists(st.tuples(st.integers(0, horizon - 1), st.integers(0, 15)), max_size=most)
    )
    requests.sort()
    arrivals = np.asarray([arrival for arrival, _ in requests], np.int64)
    services = np.asarray([service for _, service in requests], np.int64)
    return Load("small", arrivals, services, horizon)


def chunked(load: Load, size: int) -> LoadChunks:
    return load.chunks(size)


def in_progress(load: Load, until: int | None = None) -> list[int]:
    """N in every µs."""
    return [
        sum(
            begin <= moment < begin + length
            for begin, length in zip(load.arrivals, load.services, strict=True)
        )
        for moment in range(until or load.horizon_us)
    ]


def places(load: Load) -> list[int]:
    """What each request finds in progress at its arrival, and itself: those before it count."""
    ends = load.arrivals + load.services
    return [int((ends[:at] > moment).sum()) + 1 for at, moment in enumerate(load.arrivals)]


def zero_wait(load: Load | LoadChunks, workers_min: int, price: int, threads: int = 1) -> ZeroWait:
    parts = load.chunks() if isinstance(load, Load) else load
    found = ZeroWait(load.horizon_us, workers_min, price)
    for piece in moves(parts, load.horizon_us):
        found.add(packed(piece, threads))
    found.finish()
    return found


@given(loads(), st.integers(0, 4), st.integers(1, 3), st.integers(1, 5))
def test_zero_wait_is_the_area_under_what_is_in_progress(load, workers_min, threads, size):
    found = zero_wait(chunked(load, size), workers_min, 0, threads)

    counts = [math.ceil(count / threads) for count in in_progress(load)]
    assert math.ceil(max(places(load), default=0) / threads) == found.peak
    assert sum(max(count, workers_min) for count in counts) == found.worker_us


@given(loads(), st.integers(0, 3), st.integers(0, 30), st.integers(1, 5))
def test_the_price_of_starts_is_paid_as_in_the_best_of_all_paths(load, workers_min, price, size):
    """
    Level by level is as cheap as dynamic programming over every µs, and the moment it begins with:
    that costs nothing, but requests that take no time need their workers too.
    """
    found = zero_wait(chunked(load, size), workers_min, price)

    counts, moments = in_progress(load), [0] * HORIZON
    for moment, place in zip(load.arrivals, places(load), strict=True):
        moments[moment] = max(moments[moment], place)
    sizes = np.arange(workers_min, max([workers_min, *counts, *moments]) + 1)
    costs = np.asarray(
        [
            np.where(sizes >= count, sizes * width, 10**9)
            for pair in zip(moments, counts, strict=True)
            for count, width in zip(pair, (0, 1), strict=True)
        ],
        float,
    )
    best, _ = right_sizing(costs, price, low=workers_min)
    assert best == found.priced_us


@given(loads(), st.integers(1, 4))
def test_without_a_price_the_priced_bound_is_that_of_free_switching(load, workers_min):
    found = zero_wait(load, workers_min, 0)

    assert found.worker_us == found.priced_us


@given(loads(), st.integers(1, 4))
def test_starts_that_cost_more_than_the_horizon_happen_once_per_level(load, workers_min):
    found = zero_wait(load, workers_min, 2 * HORIZON)

    assert max(found.peak - workers_min, 0) == found.starts


@given(loads(), st.integers(1, 50), st.integers(0, 4), st.integers(1, 5))
def test_slots_tell_how_long_n_had_each_value(load, slot, top, size):
    slots = Slots(load.horizon_us, slot, top)
    blocks = [
        block for piece in moves(chunked(load, size), load.horizon_us) for block in slots.add(piece)
    ]
    blocks += slots.finish()
    rows = np.concatenate([rows for rows, _ in blocks])
    over = np.concatenate([over for _, over in blocks])

    counts = in_progress(load)
    parts = [counts[at : at + slot] for at in range(0, len(counts), slot)]
    expected = [
        [sum(min(count, top) == value for count in part) for value in range(top + 1)]
        for part in parts
    ]
    assert expected == rows.tolist()
    assert [sum(max(count - top, 0) for count in part) for part in parts] == over.tolist()


def test_blocks_of_slots_do_not_change_the_rows(monkeypatch):
    monkeypatch.setattr("uwoffload.lab.bounds_occupancy.BLOCK_CELLS", 12)
    load = Load("gaps", np.asarray([3, 4, 90]), np.asarray([20, 2, 5]), 100)
    slots = Slots(100, 7, 2)

    blocks = [block for piece in moves(load.chunks(), 100) for block in slots.add(piece)]
    blocks += slots.finish()

    rows = np.concatenate([rows for rows, _ in blocks])
    assert len(blocks) > 3
    assert [7.0] * 14 + [2.0] == rows.sum(axis=1).tolist()
    assert float(27) == (rows @ np.arange(3)).sum()


costs_tables = st.integers(1, 4).flatmap(
    lambda sizes: st.lists(
        st.lists(st.integers(0, 20), min_size=sizes, max_size=sizes), min_size=1, max_size=5
    )
)


@given(costs_tables, st.integers(0, 12), st.integers(0, 2), st.integers(0, 5))
def test_right_sizing_is_the_cheapest_of_all_paths(table, price, low, start):
    costs = np.asarray(table, float)
    slots, sizes = costs.shape

    def cost(path):
        climbs = sum(max(b - a, 0) for a, b in itertools.pairwise([start, *path]))
        return sum(costs[slot, size - low] for slot, size in enumerate(path)) + price * climbs

    best, path = right_sizing(costs, price, low=low, start=start)

    assert min(map(cost, itertools.product(range(low, low + sizes), repeat=slots))) == best
    assert cost(path.tolist()) == best


@given(loads(), st.integers(0, 2), st.integers(1, 3), st.integers(0, 9))
def test_missing_places_cost_their_area(load, low, threads, price):
    high = low + 2
    slots = Slots(load.horizon_us, 10, high * threads)
    blocks = [
        block for piece in moves(load.chunks(), load.horizon_us) for block in slots.add(piece)
    ]
    blocks += slots.finish()
    costs = np.concatenate(
        [shortfall_costs(rows, over, low, high, price, threads) for rows, over in blocks]
    )

    counts = in_progress(load)
    for slot, row in enumerate(costs):
        part = counts[slot * 10 : slot * 10 + 10]
        for size in range(low, high + 1):
            missing = sum(max(count - threads * size, 0) for count in part)
            assert 10 * size + price * missing == row[size - low]


def waits_by_looking(load: Load, workers: int) -> list[int]:
    """FIFO, µs by µs, by who is busy."""
    queue: list[int] = []
    left = [0] * workers
    found = {}
    moment = 0
    while len(found) < load.requests:
        queue += [index for index in range(load.requests) if load.arrivals[index] == moment]
        left = [max(rest - 1, 0) for rest in left] if moment else left
        for worker in range(workers):
            while queue and left[worker] == 0:
                index = queue.pop(0)
                found[index] = moment - int(load.arrivals[index])
                left[worker] = int(load.services[index])
        moment += 1
    return [found[index] for index in range(load.requests)]


@given(loads(), st.integers(1, 4))
def test_the_recursion_gives_the_waits_of_a_queue(load, workers):
    assert waits_by_looking(load, workers) == waits(load.arrivals, load.services, workers).tolist()


@given(loads(), st.integers(1, 4))
def test_waits_never_grow_with_the_pool(load, workers):
    few = waits(load.arrivals, load.services, workers)
    more = waits(load.arrivals, load.services, workers + 1)

    assert (more <= few).all()


@given(loads(), st.integers(0, 12), st.sampled_from([0.0, 0.1, 0.3]), st.integers(1, 2))
def test_the_least_pool_is_the_first_that_is_good_enough(load, target, share, threads):
    found = least_pool(load, target, share, 1, 8, threads)

    most = share * load.requests
    enough = [late(load.chunks(), c * threads, target, load.requests) <= most for c in range(1, 9)]
    assert (enough.index(True) + 1 if True in enough else None) == found


@given(loads(), st.integers(1, 6))
def test_where_nobody_may_wait_the_least_pool_is_the_peak(load, size):
    peak = max(places(load), default=1)

    assert least_pool(load, 0, 0.0, 1, 20) == peak
    assert max(zero_wait(chunked(load, size), 0, 0).peak, 1) == peak


@given(loads(), st.integers(1, 3))
def test_the_fixed_pool_in_which_nobody_waits_is_found(load, workers_min):
    """
    Also where requests take no time, as in logs that have whole milliseconds.
    """
    pool = Pool(20, workers_min)

    found = bounds(load, pool, wait_target_us=0, late_share=0.0)

    assert found.static_pool.workers == max(found.zero_wait_peak, workers_min)


@given(loads(), st.integers(0, 20))
def test_no_pool_keeps_the_deadlines_with_less_than_the_deadline_bound(load, target):
    """
    The least pool of the FIFO recursion is one that does; so is any it can be compared with.
    """
    assert deadline_peak(load, target) <= (least_pool(load, target, 0.0, 1, 20) or 1)


def test_the_deadline_bound_sees_work_that_comes_together():
    """
    Ten requests of 100 ms at once, each to begin within 200 ms: three workers take until 400 ms,
    the last start at 300; four do it.
    """
    load = Load("at once", np.zeros(10, np.int64), np.full(10, 100_000), SECOND)

    assert least_pool(load, 200_000, 0.0, 1, 10) == 4
    assert deadline_peak(load, 200_000) in (3, 4)
    assert deadline_peak(load, 0) == 10


def test_the_deadline_bound_sees_requests_longer_than_the_wait():
    load = Load("long", np.arange(5) * 1000, np.full(5, 500_000), SECOND)

    assert deadline_peak(load, 100_000) == 5


@pytest.mark.parametrize("name", ["steady", "flash-crowd", "periodic-jobs", "silence"])
def test_bounds_stand_in_their_order(name):
    load = shapes()[name](3, mean_load=3.0, horizon_us=300 * SECOND)
    pool = Pool(workers_max=40, workers_min=2)
    found = bounds(load, pool, wait_target_us=100_000)

    assert found.work <= found.floor <= found.zero_wait <= found.zero_wait_priced
    assert found.zero_wait <= found.zero_wait_peak * 300
    assert found.right_sizing <= found.zero_wait_peak * 300 + found.zero_wait_peak
    strict = bounds(load, pool, wait_target_us=100_000, late_share=0.0).static_pool.workers
    if strict is not None:
        assert found.deadline_peak <= strict <= found.zero_wait_peak
        assert found.static_pool.workers <= strict


@pytest.mark.parametrize("workers", [5, 7, 12])
def test_a_simulated_pool_costs_no_less_than_the_bounds(workers):
    load = shapes()["mmpp"](1, mean_load=3.0, horizon_us=300 * SECOND)
    pool = Pool(workers_max=20, workers_min=2, listen_queue_limit=0)
    found = bounds(load, pool, wait_target_us=100_000)
    result = simulate(load, workers, pool, waits=True)

    waited = waits(load.arrivals, load.services, workers).sum() / SECOND
    ratios = found.ratios(result.worker_seconds, starts=workers - 2, waited=waited)
    assert ratios["work"] >= 1
    assert ratios["right_sizing"] >= 1
    assert (found.static_pool.workers <= workers) == (late_share(load, workers) <= 0.01)


def late_share(load: Load, workers: int) -> float:
    return float((waits(load.arrivals, load.services, workers) > 100_000).mean())


def test_a_dear_wait_makes_right_sizing_the_priced_bound():
    """
    Where all moves fall on ticks and waiting costs more than anything, both are the same problem.
    """
    rng = np.random.default_rng(5)
    arrivals = np.sort(rng.integers(0, 200, 60)) * 1000
    services = rng.integers(1, 30, 60) * 1000
    load = Load("on ticks", arrivals, services, 200_000)
    pool = Pool(workers_max=60, tick_us=1000, startup_us=5000)

    found = bounds(load, pool, wait_target_us=0, wait_price=1e6)

    assert found.right_sizing == pytest.approx(found.zero_wait_priced, abs=1e-9)


def test_a_load_in_chunks_has_the_same_bounds():
    load = shapes()["self-similar"](2, mean_load=3.0, horizon_us=120 * SECOND)
    pool = Pool(workers_max=30, threads=2)

    whole = bounds(load, pool, wait_target_us=50_000)

    assert whole == bounds(load.chunks(97), pool, wait_target_us=50_000)


def test_an_empty_load_costs_the_minimum():
    nothing = np.zeros(0, np.int64)
    pool = Pool(workers_max=5, workers_min=2)

    found = bounds(Load("nothing", nothing, nothing, 10 * SECOND), pool, wait_target_us=0)

    assert (0, 20, 20, 20, 20) == (
        found.work, found.floor, found.zero_wait, found.zero_wait_priced, found.right_sizing
    )  # fmt: skip
    assert (2, 20.0) == found.static_pool
    assert math.isnan(found.ratios(25)["work"])


def test_a_pool_that_never_suffices_is_said_so():
    load = Load("much", np.zeros(9, np.int64), np.full(9, SECOND), SECOND)

    found = bounds(load, Pool(workers_max=3), wait_target_us=0)

    assert found.static_pool.workers is None
    assert math.isnan(found.static_pool.worker_seconds)
    assert found.to_dict()["static_pool_workers"] is None


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"wait_target_us": -1}, "wait_target_us -1"),
        ({"price_us": -1}, "price_us -1"),
        ({"wait_price": -0.5}, "wait_price -0.5"),
        ({"late_share": 1.0}, "late_share 1.0"),
    ],
)
def test_what_is_out_of_range_is_named(values, named):
    load = Load("one", np.zeros(1, np.int64), np.ones(1, np.int64), SECOND)

    with pytest.raises(InvalidArgument, match=named):
        bounds(load, Pool(workers_max=3), **{"wait_target_us": 0, **values})
