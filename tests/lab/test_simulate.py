"""What a run promises: exactness, the same in chunks, measures that add up, clear errors."""

from __future__ import annotations

import heapq
import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uwoffload._bridge import lib
from uwoffload.cheaper import AlgoManual, AlgoSpare, Rule, Scaler, Verdict
from uwoffload.errors import InvalidArgument
from uwoffload.lab.loads import Load, LoadChunks
from uwoffload.lab.pool import Event, Pool
from uwoffload.lab.simulate import simulate, simulate_many

SECOND = 1_000_000
ALGORITHMS = ("spare", "spare2", "backlog", "busyness", "target")


def load_of(
    workers: float = 4.0, seed: int = 1, seconds: int = 120, mean_us: int = 200_000
) -> Load:
    """Constant load of so many workers' worth."""
    rng = np.random.default_rng(seed)
    count = int(workers * seconds * SECOND / mean_us)
    arrivals = np.sort(rng.integers(0, seconds * SECOND, count))
    services = rng.exponential(mean_us, count).astype(np.int64)
    return Load("constant", arrivals, services, seconds * SECOND, seed)


def step_load(before: float, after: float, at_s: int, seconds: int) -> Load:
    first, second = load_of(before, 1, at_s), load_of(after, 2, seconds - at_s)
    return Load(
        "step",
        np.concatenate([first.arrivals, second.arrivals + at_s * SECOND]),
        np.concatenate([first.services, second.services]),
        seconds * SECOND,
    )


def in_pieces(load: Load, cuts: list[int]) -> LoadChunks:
    """The same load, cut at these requests; some pieces may be empty."""
    edges = [0, *sorted(cuts), load.requests]

    def pieces() -> Any:
        for begin, end in itertools.pairwise(edges):
            yield load.arrivals[begin:end], load.services[begin:end]

    return LoadChunks(load.name, load.horizon_us, pieces, load.seed)


def plain(result: Any) -> dict[str, Any]:
    """Everything, arrays included."""
    found = result.to_dict()
    if result.waits is not None:
        found["waits"] = result.waits.tolist()
    if result.series is not None:
        found |= {name: np.asarray(array).tolist() for name, array in vars(result.series).items()}
    return found


def clumsy(state: Any, readings: Any) -> Any:
    """A rule of Python: one more while somebody waits, else one less."""
    return (2 if readings.listen_queue else -1), state


# ---- exactness ----


@pytest.mark.parametrize(("workers", "threads"), [(1, 1), (3, 1), (7, 2), (40, 1)])
def test_a_static_pool_is_the_recursion_of_many_servers(workers: int, threads: int) -> None:
    """
    First come, first served: a request starts when it is there and the first server is free.
    """
    load = load_of(workers * threads * 0.95, seconds=60)
    free = [0] * (workers * threads)
    exact = []
    for arrival, service in zip(load.arrivals.tolist(), load.services.tolist(), strict=True):
        start = max(arrival, free[0])
        heapq.heapreplace(free, start + service)
        exact.append(start - arrival if start < load.horizon_us else -2)

    pool = Pool(workers, threads=threads, listen_queue_limit=0)
    result = simulate(load, workers, pool, waits=True)

    assert result.waits is not None
    assert result.waits.tolist() == exact


def test_waits_never_grow_with_the_pool() -> None:
    """
    Request by request, more workers do not make anybody wait longer.
    """
    load = load_of(6)
    waits = [
        simulate(load, workers, Pool(20, listen_queue_limit=0), waits=True).waits
        for workers in range(6, 20)
    ]

    for fewer, more in itertools.pairwise(waits):
        assert np.all(more <= np.where(fewer < 0, load.horizon_us, fewer))


@pytest.mark.parametrize("spread", [0.5, 2.0, 4.0])
def test_quantiles_are_within_one_percent(spread: float) -> None:
    """
    p50, p90, p99, p99.9 out of the histogram, against the waits themselves.
    """
    rng = np.random.default_rng(7)
    wanted = np.sort(rng.lognormal(10, spread, 20_000).astype(np.int64))
    arrivals = np.sort(wanted.max() - wanted)  # all wait for one long request
    load = Load("waits", arrivals, np.zeros(20_000, np.int64), int(wanted.max()) + 10)
    services = load.services.copy()
    services[0] = wanted.max() - arrivals[0]
    load = Load("waits", arrivals, services, load.horizon_us)

    result = simulate(load, 1, Pool(1, listen_queue_limit=0), waits=True)

    assert result.waits is not None
    for share, found in (
        (0.5, result.wait_p50_us), (0.9, result.wait_p90_us), (0.99, result.wait_p99_us),
        (0.999, result.wait_p999_us), (1.0, result.wait_max_us),
    ):  # fmt: skip
        exact = np.quantile(result.waits, share, method="inverted_cdf")
        assert found == pytest.approx(exact, rel=0.004), share
    assert result.wait_mean_us == pytest.approx(result.waits.mean())


# ---- the same run ----


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 2400), max_size=12),
    name=st.sampled_from([*ALGORITHMS, "static", "python"]),
    queues=st.sampled_from(["shared", "per-worker"]),
)
def test_chunks_are_as_good_as_one_array(cuts: list[int], name: str, queues: str) -> None:
    """
    However a load is cut, the result is the same to the last digit.
    """
    load = load_of()
    pool = Pool(10, 2, queues=queues, listen_queue_limit=8, drain_us=70_000)
    rule: Any = {"static": 5, "python": clumsy}.get(name, name)

    whole = simulate(load, rule, pool, series=True)
    pieces = simulate(in_pieces(load, cuts), rule, pool, series=True)

    assert plain(whole) == plain(pieces)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_run_can_be_repeated(name: str) -> None:
    """
    The same arguments give the same result; a scaler that is given is not touched.
    """
    load, pool = load_of(), Pool(10, 2, queues="per-worker")
    scaler = Scaler(name, workers_max=10, workers_min=2)
    before = scaler.state

    first = simulate(load, scaler, pool, seed=5, waits=True, series=True)
    again = simulate(load, scaler, pool, seed=5, waits=True, series=True)
    other = simulate(load, scaler, pool, seed=6, waits=True, series=True)

    assert plain(first) == plain(again)
    assert plain(first) != plain(other)
    assert scaler.state == before


def test_many_runs_are_the_single_ones() -> None:
    """
    Side by side, in threads, every kind of rule and load.
    """
    pool = Pool(10, 2)
    loads = [load_of(seed=seed, seconds=30) for seed in range(12)]
    tasks: list[Any] = [(load, rule, pool) for load in loads for rule in (*ALGORITHMS, 4)]
    tasks += [(loads[0].chunks(100), "spare", pool), (loads[1], clumsy, pool)]

    many = simulate_many(tasks, threads=3)

    assert [plain(simulate(*task)) for task in tasks] == [plain(result) for result in many]


def test_a_rule_may_come_in_any_form() -> None:
    """
    Name, class, object, rule, scaler: the same rule, the same result.
    """
    load, pool = load_of(), Pool(10, 2, workers_startup=3)
    limits: dict[str, Any] = {"workers_max": 10, "workers_min": 2, "workers_startup": 3}
    algo = AlgoSpare()
    forms: list[Any] = [
        "spare", AlgoSpare, algo, Rule(algo, **limits), Scaler(algo, **limits),
        algo.rule(**limits),
    ]  # fmt: skip

    results = [plain(simulate(load, form, pool, series=True)) for form in forms]

    assert all(result == results[0] for result in results)


# ---- measures ----


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("threads", [1, 3])
def test_measures_add_up(name: str, threads: int) -> None:
    """
    Time of workers by kind; requests by fate; the work done; peaks.
    """
    load = load_of(7.0)
    pool = Pool(8, 2, threads=threads, drain_us=300_000, listen_queue_limit=20)
    result = simulate(load, name, pool, waits=True, series=True)

    kinds = ("busy", "idle", "starting", "draining")
    spent = sum(getattr(result, f"{kind}_seconds") for kind in kinds)
    assert spent == pytest.approx(result.worker_seconds)
    fates = ("rejected", "lost", "killed", "finished", "left_waiting", "left_serving")
    assert result.requests == load.requests == sum(getattr(result, fate) for fate in fates)
    assert result.served_seconds <= result.work_seconds == pytest.approx(load.work_us / SECOND)
    if threads == 1:
        assert result.busy_seconds == pytest.approx(result.served_seconds)
    else:
        assert result.busy_seconds <= result.served_seconds <= threads * result.busy_seconds
    assert result.series is not None
    assert result.waits is not None
    assert result.series.active.max() <= result.workers_peak <= 8
    assert result.queue_max <= 20
    late = int(np.sum(result.waits > result.wait_target_us))
    assert late <= result.over_target <= late + result.left_waiting
    assert result.over_share == (result.over_target + result.rejected) / result.requests
    assert (
        result.total_variation
        == np.abs(np.diff(result.series.active, prepend=pool.workers_min)).sum()
    )
    json.dumps(result.to_dict())


def test_under_provision_is_what_the_load_needed_and_had_not() -> None:
    """
    Four workers' worth of work at two ready workers: two are missing all the time.
    """
    arrivals = np.arange(0, 10 * SECOND, 250_000)
    load = Load("even", arrivals, np.full(arrivals.size, SECOND), 10 * SECOND)

    result = simulate(load, 2, Pool(4, listen_queue_limit=0), series=True)

    assert result.series is not None
    assert result.series.demand.tolist() == [2.5, *([4.0] * 8)]
    assert result.under_provisioned == pytest.approx(0.5 + 9 * 2)


def test_the_first_request_of_a_started_worker_pays() -> None:
    """
    Its penalty is time in service; workers of the start are warm.
    """
    load = Load("two", np.array([0, 10, 3_000_000]), np.array([5, 4_000_000, 7]), 5 * SECOND)
    pool = Pool(
        2,
        workers_startup=1,
        startup_us=SECOND,
        first_request_us=400,
        events=(Event(500_000, "start", number=2),),
    )
    result = simulate(load, 1, pool)

    assert (result.penalised, result.spawns) == (1, 1)
    assert result.starting_seconds == 1.0
    assert result.served_seconds == pytest.approx((5 + 4_000_000 + 7 + 400) / SECOND)


def test_memory_limits_speak() -> None:
    """
    A rule with a soft limit stops short of it; without, the pool goes beyond.
    """
    load = load_of(8.0)
    pool = Pool(10, 2, idle_rss=100, busy_rss=150)
    free = simulate(load, AlgoSpare().rule(workers_max=10, workers_min=2), pool)
    bound = simulate(load, AlgoSpare().rule(workers_max=10, workers_min=2, rss_soft=700), pool)

    assert free.memory_peak > 1200
    assert bound.memory_peak <= 700 + 150


def test_changes_by_hand_arrive() -> None:
    """
    `manual` does nothing by itself, and what is asked for by hand.
    """
    events = (Event(3_500_000, "manual", value=4), Event(20_500_000, "manual", value=-2))
    result = simulate(
        load_of(0.01), AlgoManual(), Pool(8, 1, events=events, startup_us=0), series=True
    )

    assert result.series is not None
    assert result.series.active[[2, 3, 19, 20]].tolist() == [1, 5, 5, 3]


def test_a_clock_set_back_stops_uwsgi_for_as_long() -> None:
    """
    The wall clock of the readings follows the script; the profile of uWSGI waits for it.
    """
    load = load_of(6.0)
    events = (Event(4_500_000, "clock step", value=-60 * SECOND),)
    rule = AlgoSpare(check_interval_overload=1).rule(
        workers_max=8, workers_min=2, profile="uwsgi-2.1"
    )
    still = simulate(load, rule, Pool(8, 2, events=events), series=True)

    assert still.series is not None
    assert np.all(np.diff(still.series.active[5:55]) == 0)
    assert still.series.active[-1] > still.series.active[5]


def test_a_step_is_measured() -> None:
    """
    Time to scale, time to clear and overshoot of a step of the load.
    """
    load = step_load(0.5, 6.0, 30, 120)
    pool = Pool(10, 1, listen_queue_limit=0, startup_us=500_000)
    rule = AlgoSpare(check_interval_overload=1)
    result = simulate(load, rule, pool, series=True)
    never = simulate(load, 2, pool, series=True)

    assert 3 <= result.time_to_scale(30 * SECOND) <= 30
    assert result.time_to_clear(30 * SECOND) >= result.time_to_scale(30 * SECOND)
    assert result.overshoot(30 * SECOND) >= 0
    assert math.isnan(never.time_to_scale(30 * SECOND))
    assert math.isnan(never.time_to_clear(30 * SECOND))
    with pytest.raises(ValueError, match="series=True"):
        simulate(load, rule, pool).time_to_scale(30 * SECOND)


# ---- sizes ----


def test_a_pool_may_be_large_and_a_load_empty() -> None:
    """
    65,536 workers, and nothing to do.
    """
    empty = Load("empty", np.zeros(0, np.int64), np.zeros(0, np.int64), 5 * SECOND)
    result = simulate(empty, 65535, Pool(65535), series=True)

    assert result.worker_seconds == 65535 * 5
    assert (result.requests, result.wait_p99_us, result.utilisation) == (0, 0, 0.0)
    assert result.over_share == 0.0


def test_a_queue_without_a_limit_grows() -> None:
    """
    A million requests may wait at once.
    """
    count = 1_000_000
    load = Load("burst", np.zeros(count, np.int64), np.ones(count, np.int64), 2 * SECOND)
    result = simulate(load, 1, Pool(1, listen_queue_limit=0))

    assert result.queue_max == count - 1
    assert result.wait_max_us == count - 1
    assert result.finished == count


# ---- errors ----


def chunk(arrivals: list[int], services: list[int], horizon_us: int = SECOND) -> LoadChunks:
    pieces = [(np.array(arrivals, np.int64), np.array(services, np.int64))]
    return LoadChunks("bad", horizon_us, lambda: pieces)


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (chunk([5, 4], [1, 1]), r"request\[1\]: arrivals: 4 stands behind 5"),
        (chunk([-1], [1]), r"request\[0\]: arrivals: -1 stands behind 0"),
        (chunk([1, SECOND], [1, 1]), r"request\[1\]: arrivals: 1000000: the run ends at 1000000"),
        (chunk([1], [-1]), r"request\[0\]: services: -1: 0 to"),
        (chunk([1], [2**43]), r"request\[0\]: services: 8796093022208: 0 to 4398046511103"),
        (chunk([1, 2], [1]), "services: 1 of them; allowed: one per arrival, 2"),
        (chunk([1], [1], 2**44), "horizon_us: 17592186044416; allowed: an int from 1 to"),
        ("spare", "load: 'spare'; allowed: a Load or LoadChunks"),
    ],
)
def test_a_load_that_is_not_sound_is_named(load: Any, message: str) -> None:
    """
    Which request, what it says, and what is allowed.
    """
    with pytest.raises(InvalidArgument, match=message):
        simulate(load, 1, Pool(1))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"workers_max": 0}, "workers_max: 0; allowed: an int from 1 to 65535"),
        ({"workers_min": 9}, "workers_min: 9; allowed: an int from 1 to 8"),
        ({"workers_startup": 9}, "workers_startup: 9; allowed: an int from 1 to 8"),
        ({"threads": 65}, "threads: 65; allowed: an int from 1 to 64"),
        ({"startup_us": -1}, "startup_us: -1; allowed: an int from 0"),
        ({"tick_us": 0}, "tick_us: 0; allowed: an int from 1"),
        ({"idle_rss": 5, "busy_rss": 4}, "busy_rss: 4; allowed: an int from 5"),
        ({"queues": "own"}, "queues: 'own'; allowed: 'shared', 'per-worker'"),
        ({"idle_order": 1}, "idle_order: 1; allowed: 'last first', 'longest first'"),
        ({"events": (Event(1, "flood"),)}, r"events\[0\].kind: 'flood'; allowed: 'death'"),
        ({"events": 5}, "events: 5; allowed: a tuple of Event"),
        ({"events": (5,)}, r"events\[0\]: 5; allowed: an Event"),
        ({"events": (Event(10**19, "death", 1),)}, r"events\[0\].at_us: 10000000000000000000; a"),
        ({"events": (Event(-1, "death", 1),)}, r"events\[0\].at_us: -1; allowed: an int from 0"),
        ({"events": (Event(0.5, "death", 1),)}, r"events\[0\].at_us: 0.5; allowed: an int"),
        ({"events": (Event(0, "death", -1),)}, r"events\[0\].number: -1; allowed: .* 1 to 8"),
        ({"events": (Event(0, "stop", 9),)}, r"events\[0\].number: 9; allowed: .* 1 to 8"),
        ({"events": (Event(0, "manual", value=1 << 40),)}, r"events\[0\].value: 1099511627776; a"),
        (
            {"events": (Event(0, "forks fail", value=-1),)},
            r"events\[0\].value: -1; allowed: .*0 to",
        ),
    ],
)
def test_a_pool_that_is_not_sound_is_named(fields: dict[str, Any], message: str) -> None:
    """
    The field, its value, and what is allowed.
    """
    with pytest.raises(InvalidArgument, match=message):
        Pool(**{"workers_max": 8, **fields})


@pytest.mark.parametrize(
    ("pool", "rule", "message"),
    [
        (Pool(4), 5, "workers: 5; allowed: an int from 1 to 4"),
        (Pool(4), True, "algorithm: True"),
        (Pool(4), Scaler("spare", workers_max=5), "rule: workers_max is 5; allowed: .* pool, 4"),
        (Pool(65535, threads=64), 1, "threads is 64: of 65535 workers that makes more than"),
        (Pool(4, tick_us=1500), "spare", "tick_us: 1500; allowed with a rule: whole milliseconds"),
        (
            Pool(4, tick_us=2 * 86400 * SECOND),
            "spare",
            "tick_us: 172800000000; allowed with a rule",
        ),
    ],
)
def test_a_rule_that_does_not_fit_is_named(pool: Pool, rule: Any, message: str) -> None:
    """
    Also what only the core can know.
    """
    with pytest.raises(InvalidArgument, match=message):
        simulate(load_of(1.0, seconds=2), rule, pool)


def test_a_tick_is_free_where_no_rule_is_made_for_it() -> None:
    """
    A static pool, and a rule that has an interval of its own.
    """
    rule = AlgoSpare().rule(4, check_interval=0.002)

    for either in (2, rule):
        assert simulate(load_of(1.0, seconds=2), either, Pool(4, tick_us=1500)).ticks == 1333


def test_the_core_reads_what_a_master_can_measure() -> None:
    """
    Rejected requests are not seen; the age is that of the oldest one accepted.
    """
    seen: list[Any] = []

    def looks(state: Any, readings: Any) -> Any:
        seen.append((readings.arrivals, readings.waiting, readings.oldest_wait_us))
        return 0, state

    load = Load("burst", np.zeros(9, np.int64), np.full(9, 5 * SECOND), 3 * SECOND)
    for ahead in (0, 2):
        simulate(load, looks, Pool(1, listen_queue_limit=3, accept_ahead=ahead))

    assert seen == [(4, 0, 0), (0, 0, 0), (6, 2, SECOND), (0, 2, 2 * SECOND)]


def test_a_request_counts_once_in_the_share_over_target() -> None:
    """
    Also one that waited too long and was killed then.
    """
    deaths = tuple(Event(at * SECOND, "death", 1) for at in (2, 4, 6))
    load = Load("late", np.zeros(4, np.int64), np.full(4, 3 * SECOND), 9 * SECOND)

    result = simulate(load, 1, Pool(1, startup_us=0, events=deaths), wait_target_us=SECOND)

    assert (result.over_target, result.killed, result.over_share) == (3, 3, 1.0)


def test_demand_ends_where_the_header_says() -> None:
    """
    A request counts for so many ticks of its service.
    """
    load = Load("long", np.zeros(1, np.int64), np.full(1, 30 * SECOND), 40 * SECOND)
    found = {}
    for tick_us in (1000, 10_000):
        series = simulate(load, 1, Pool(1, tick_us=tick_us), series=True).series
        assert series is not None
        found[tick_us] = round(series.demand.sum() * tick_us)

    most = lib.UWO_LAB_DEMAND_TICKS
    assert (most - 2) * 1000 <= found[1000] <= most * 1000
    assert found[10_000] == 30 * SECOND


def test_an_answer_that_cannot_be_is_named_by_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Not by a number in a list that the user never saw.
    """
    monkeypatch.setattr(Scaler, "tick", lambda *_: Verdict(1, start=(9,)))

    with pytest.raises(InvalidArgument, match="^start: worker 9: no such worker"):
        simulate(load_of(1.0, seconds=2), lambda state, _: (0, state), Pool(4))


def test_a_rule_of_python_that_fails_ends_the_run() -> None:
    """
    Its exception comes through as it is.
    """

    def broken(state: Any, readings: Any) -> Any:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        simulate(load_of(1.0, seconds=5), broken, Pool(4))
