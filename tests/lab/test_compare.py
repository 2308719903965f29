"""Comparisons: the same requests for all, intervals, fronts."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwoffload.errors import InvalidArgument
from uwoffload.lab.cases import BOUNDS, Task, blocks, forget, seeded
from uwoffload.lab.compare import COST, HARM, Comparison, compare, harms
from uwoffload.lab.confidence import interval, paired
from uwoffload.lab.crew import Crew
from uwoffload.lab.fronts import Point, ahead, front, harm_at, hull
from uwoffload.lab.loads import SECOND, Load
from uwoffload.lab.pool import Pool

POOL = Pool(workers_max=10, workers_min=2)
POINTS = st.lists(
    st.builds(Point, st.integers(1, 50).map(float), st.integers(0, 50).map(float)), max_size=12
)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    cases = seeded("steady", range(6), horizon=300) + seeded("step", range(6), horizon=300)
    return compare(("spare", "static:8", "static:9"), cases, POOL)


# ---- records ----


def test_every_rule_sees_the_same_requests(comparison):
    """
    Common random numbers: for a load and a seed, requests and bounds are equal.
    """
    by_load = {}
    for record in comparison.records:
        key = record["load"], record["seed"]
        by_load.setdefault(key, set()).add((record["requests"], record["bound_work"]))

    assert len(by_load) == 12
    assert all(len(found) == 1 for found in by_load.values())


def test_every_result_says_its_ratio_to_the_bounds(comparison):
    """
    All five, and they are quotients of what stands beside them.
    """
    for record in comparison.records:
        assert {f"ratio_{name}" for name in BOUNDS} <= record.keys()
        for name in ("work", "zero_wait", "static_pool"):
            expected = record[COST] / record[f"bound_{name}"]
            assert record[f"ratio_{name}"] == pytest.approx(expected, nan_ok=True)
        assert record["ratio_right_sizing"] >= 1 - 1e-9


def test_where_a_bound_has_a_price_the_rule_pays_it(comparison):
    """
    Instead of its start-up time: as many starts as it made.
    """
    paid = 0
    for record in comparison.records:
        running = record[COST] - record["starting_seconds"]
        price = record["bound_price_us"] / SECOND * record["spawns"]
        expected = (running + price) / record["bound_zero_wait_priced"]
        assert record["ratio_zero_wait_priced"] == pytest.approx(expected)
        paid += record["spawns"]
    assert paid


def test_conditions_tell_results_apart():
    """
    Another pool, part, load or wait target: other conditions; another seed or rule: the same.
    """
    pool, other = Pool(4), Pool(5)
    half, third = blocks(recorded(), 2), blocks(recorded(), 3)
    tasks = [
        Task(half[0], (), pool),
        Task(half[1], (), pool),
        Task(third[0], (), pool),
        Task(blocks(recorded(4000), 2)[0], (), pool),
        Task(half[0], (), other),
        Task(half[0], (), pool, wait_target_us=5),
    ]

    assert len({task.conditions for task in tasks}) == len(tasks)
    steady = seeded("steady", [0, 1], horizon=60)
    assert Task(steady[0], (), pool).conditions == Task(steady[1], (), pool).conditions


def test_more_static_workers_cost_more_and_harm_less(comparison):
    """
    Known beforehand: cost is workers times seconds.
    """
    for load in comparison.loads:
        assert comparison.mean(load, "static:8", COST).mean == pytest.approx(8 * 300)
        harm = comparison.difference(load, "static:9", "static:8", HARM)
        assert harm.mean <= 0


def test_a_pair_is_surer_than_its_halves(comparison):
    """
    What two rules owe to the load falls out of their difference.
    """
    one = comparison.mean("steady", "static:8", HARM)
    gap = comparison.difference("steady", "static:9", "static:8", HARM)

    assert gap.low <= gap.mean <= gap.high
    assert gap.high - gap.low <= one.high - one.low


RUNS = st.lists(
    st.integers(0, 1000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=1
)


@given(RUNS)
def test_mean_harm_is_the_share_of_all_requests(runs):
    """Also where one part of a log has most of them, and whatever is paired with it."""
    records = [{"requests": n, HARM: late / n if n else 0.0} for n, late in runs]
    requests, late = (sum(values) for values in zip(*runs, strict=True))
    found = harms(records)

    assert sum(found) / len(found) == pytest.approx(late / requests if requests else 0, abs=1e-12)


def test_harm_of_runs_of_one_size_is_that_of_each():
    assert harms([{"requests": 7, HARM: 0.5}, {"requests": 7, HARM: 0.25}]) == [0.5, 0.25]


def test_a_summary_has_the_share_of_all_requests():
    parts = zip((100, 900), (0.5, 0.1), strict=True)
    same = {"load": "x", "rule": "y", "worker_seconds": 1.0}
    found = Comparison([
        {**same, "seed": seed, "requests": count, HARM: harm}
        for seed, (count, harm) in enumerate(parts)
    ])  # fmt: skip

    assert found.summary()[0][HARM] == found.points("x")[0].harm == pytest.approx(0.14)


def test_the_summary_marks_the_front(comparison):
    """
    A line per load and rule; rules on the front are those that front() gives.
    """
    lines = comparison.summary("spare")

    assert len(lines) == 6
    for load in comparison.loads:
        marked = {line["rule"] for line in lines if line["load"] == load and line["front"]}
        assert marked == {point.name for point in comparison.front(load)}
    assert all("worker_seconds_less" in line for line in lines if line["rule"] != "spare")


def test_a_bound_that_some_runs_lack_has_no_mean(comparison):
    """
    Where no fixed pool would have done, neither in memory nor read back from JSON.
    """
    for nothing in (None, math.nan):
        records = [dict(record) for record in comparison.records]
        for record in records:
            if record["seed"] == 2:
                record |= {"bound_static_pool": nothing, "bound_static_pool_workers": None}

        for line in Comparison(records).summary():
            assert math.isnan(line["bound_static_pool"])
            assert line["bound_work"] > 0


def test_who_computes_makes_no_difference(comparison):
    """
    Threads give the records that this thread gives.
    """
    cases = seeded("steady", range(6), horizon=300) + seeded("step", range(6), horizon=300)
    with Crew("threads", jobs=3) as crew:
        again = compare(("spare", "static:8", "static:9"), cases, POOL, crew=crew)

    assert again.records == comparison.records


def test_records_come_while_it_runs():
    """
    `each` gets them case by case, in order.
    """
    seen = []
    compare(["spare", "static:4"], seeded("steady", [3, 1], horizon=60), POOL, each=seen.append)

    assert [[record["seed"] for record in records] for records in seen] == [[3, 3], [1, 1]]


@pytest.mark.parametrize(("rules", "seeds"), [([], [0]), (["spare"], [])])
def test_nothing_to_compare_is_refused(rules, seeds):
    """
    No rule, or no load.
    """
    with pytest.raises(InvalidArgument, match="at least one"):
        compare(rules, seeded("steady", seeds), POOL)


def test_results_that_do_not_exist_are_named(comparison):
    """
    The message has the rule and the load.
    """
    with pytest.raises(InvalidArgument, match="'manual' on load 'steady'"):
        comparison.mean("steady", "manual", COST)


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("stedy", {}, 'did you mean "steady"'),
        ("steady", {"horison": 60}, 'did you mean "horizon"'),
        ("steady", {"law": "paretto"}, 'did you mean "pareto"'),
    ],
)
def test_loads_that_do_not_exist_are_named(name, values, words):
    """
    The nearest name stands in the message, before anything is drawn.
    """
    with pytest.raises(InvalidArgument) as caught:
        seeded(name, [0], **values)[0].check()
    assert words in str(caught.value)


# ---- parts of a recorded load ----


def recorded(requests=5000, horizon_s=600) -> Load:
    rng = np.random.default_rng(1)
    arrivals = np.sort(rng.integers(0, horizon_s * SECOND, requests))
    return Load("trace", arrivals, rng.integers(1, 200_000, requests), horizon_s * SECOND)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_parts_of_a_trace_hold_every_request_once(count, tmp_path):
    """
    Also those that were stored for other processes; what the division leaves over is left out.
    """
    load = recorded()
    parts = blocks(load, count)
    made = [part.make() for part in parts]

    length = load.horizon_us // count * count
    assert sum(part.requests for part in made) == np.searchsorted(load.arrivals, length)
    for case, part in zip(parts, made, strict=True):
        stored = case.stored(tmp_path).make()
        assert np.array_equal(stored.arrivals, part.arrivals)
        assert np.array_equal(stored.services, part.services)
        assert stored.horizon_us == part.horizon_us
    forget()


def test_parts_too_short_to_say_anything_are_refused():
    """
    A part has at least 30 checks.
    """
    with pytest.raises(InvalidArgument, match="ask for fewer"):
        blocks(recorded(), 60)


# ---- intervals ----


def test_a_single_value_is_its_own_interval():
    """
    So are equal ones: nothing is made up.
    """
    assert interval([3.0]) == (3.0, 3.0, 3.0)
    assert interval([2.0] * 5) == (2.0, 2.0, 2.0)


def test_intervals_hold_what_they_should():
    """
    Of 200 samples of 30, about 95 % of the intervals hold the mean of the population.
    """
    rng = np.random.default_rng(5)
    held = 0
    for number in range(200):
        found = interval(rng.exponential(1.0, 30), seed=number)
        held += found.low <= 1.0 <= found.high

    assert 0.86 <= held / 200 <= 0.99


def test_pairs_need_a_partner_each():
    """
    As many seeds on the one side as on the other.
    """
    with pytest.raises(ValueError, match="3 values"):
        paired([1.0, 2.0, 3.0], [1.0])


# ---- fronts ----


@given(POINTS)
def test_the_front_beats_or_equals_every_point(points):
    """
    For each point there is one on the front that is no worse in both; on the front none is.
    """
    best = front(points)

    for point in points:
        assert any(one.cost <= point.cost and one.harm <= point.harm for one in best)
    for one, other in itertools.pairwise(best):
        assert one.cost < other.cost
        assert one.harm > other.harm


@given(POINTS, st.integers(0, 60))
def test_a_mixture_is_never_worse_than_a_setting_of_that_cost(points, cost):
    """
    The hull lies below every point, and its corners are points.
    """
    assert set(hull(points)) <= set(front(points))
    for point in points:
        assert harm_at(points, point.cost) <= point.harm + 1e-9
    if points:
        assert math.isinf(harm_at(points, min(points).cost - 1))
        assert harm_at(points, cost + 0.5) <= harm_at(points, cost) or not points


def test_a_rule_that_harms_half_as_much_is_ahead():
    """
    At the same cost, seed by seed, by the difference between them.
    """
    theirs = [
        {str(cost): Point(cost, (20 - cost) / 20 + seed / 100) for cost in range(2, 20)}
        for seed in range(8)
    ]
    ours = [
        {name: Point(point.cost, point.harm / 2) for name, point in one.items()} for one in theirs
    ]

    found = ahead(ours, theirs)

    assert found.low > 0.2
    assert ahead(theirs, theirs).mean == pytest.approx(0)
    assert ahead(theirs, ours).high < 0


def test_fronts_that_never_cost_the_same_are_not_compared():
    """
    All of ours cheaper than any of theirs: no equal cost exists.
    """
    with pytest.raises(ValueError, match="no setting"):
        ahead([{"a": Point(1, 0.5)}], [{"b": Point(2, 0.1)}])
