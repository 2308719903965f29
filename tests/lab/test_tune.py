"""Tuning: what is chosen keeps the budget, is found again, and is checked on what was not seen."""

from __future__ import annotations

import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uwoffload.cli.lab_verdict import verdict
from uwoffload.errors import InvalidArgument
from uwoffload.lab.budget import Budget
from uwoffload.lab.cases import blocks, seeded
from uwoffload.lab.compare import COST, HARM
from uwoffload.lab.crew import Crew
from uwoffload.lab.fronts import Point
from uwoffload.lab.loads import Load
from uwoffload.lab.pool import Pool
from uwoffload.lab.ranges import Range, around, given_ranges, ranges_of, spread
from uwoffload.lab.rules import parse
from uwoffload.lab.tune import halves, requests_in, search_rule, tune

POOL = Pool(workers_max=10, workers_min=2)
CASES = seeded("square", range(4), horizon=240)


def tuned(budget, rules=("spare",), **options):
    options = {"candidates": 6, **options}
    return tune([parse(rule) for rule in rules], CASES[::2], CASES[1::2], POOL, budget, **options)


@pytest.fixture(scope="module")
def found():
    return tuned(Budget(over_share=0.3), ("spare", "static:10"))


# ---- ranges ----


@given(st.integers(0, 1000), st.integers(0, 10_000), st.floats(0, 1))
def test_parts_of_a_range_lie_in_it(low, width, part):
    """
    Both ends are reached, and the way back leads to the same value.
    """
    one = Range("knob", low, low + width)

    assert one.low <= one.at(part) <= one.high
    assert (one.at(0), one.at(1)) == (one.low, one.high)
    assert one.at(one.part(one.at(part))) == one.at(part)


def test_knobs_that_are_given_are_not_searched():
    """
    Only what the rule leaves open; a range of one's own is taken.
    """
    ranges = ranges_of(parse("busyness:busy_max=70,workers_step=2"), POOL, {"busy_min": (5, 9)})

    names = {one.name for one in ranges}
    assert "busy_min" in names
    assert not {"busy_max", "workers_step"} & names
    assert Range("busy_min", 5, 9) in ranges


def test_ranges_of_knobs_that_no_rule_has_are_named():
    """
    The nearest name stands in the message.
    """
    with pytest.raises(InvalidArgument, match='did you mean "busy_max"'):
        given_ranges(["busy_maxx=3..5"], [parse("busyness")])


@pytest.mark.parametrize(
    ("text", "words"),
    [("busy_max=1-3", "NAME=LOW..HIGH"), ("busy_max=5", "NAME=LOW..HIGH"), ("busy_max", "LOW.."),
     ("busy_max=a..3", "whole numbers"), ("busy_max=9..3", "LOW 9 is above HIGH 3")],
)  # fmt: skip
def test_a_range_that_is_none_says_how_it_is_written(text, words):
    """
    It is called a range, and the text is in the message.
    """
    with pytest.raises(InvalidArgument) as caught:
        given_ranges([text], [parse("busyness")])

    assert str(caught.value).startswith(f"range {text!r}: ")
    assert words in str(caught.value)


def test_candidates_spread_over_every_knob():
    """
    Latin hypercube: of n candidates each n-th part of a range has one, where all are sound.
    """
    rule = parse("spare")
    ranges = [Range("check_interval_overload", 0, 79), Range("workers_min", 1, 8)]

    found = spread(rule, ranges, 8, random.Random(1), POOL)

    assert len({one.values["workers_min"] for one in found}) >= 5
    assert all(1 <= one.values["workers_min"] <= 8 for one in found)
    assert found == spread(rule, ranges, 8, random.Random(1), POOL)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_candidates_and_neighbours_are_sound(seed):
    """
    A rule that takes only some combinations is asked before.
    """
    rule, rng = parse("busyness"), random.Random(seed)
    ranges = ranges_of(rule, POOL, {})

    found = spread(rule, ranges, 5, rng, POOL)
    for one in found:
        for near in (one, *around(one, ranges, 0.2, 2, rng, POOL)):
            assert near.values["busy_min"] <= near.values["busy_max"]
            near.build(POOL)


# ---- budgets ----


@pytest.mark.parametrize(
    "values",
    [{}, {"over_share": 0.1, "mean_workers": 3}, {"over_share": 1.0}, {"over_share": -0.1},
     {"mean_workers": 0}],
)  # fmt: skip
def test_a_wrong_budget_is_refused(values):
    """
    One of the two, within its range.
    """
    with pytest.raises(InvalidArgument):
        Budget(**values)


def test_inside_the_budget_the_least_of_the_other_counts():
    """
    Outside of it, how far.
    """
    cheap, good, best = Point(100, 0.5), Point(200, 0.009), Point(300, 0.001)

    by_harm, by_cost = Budget(over_share=0.01), Budget(mean_workers=2.5)
    assert min((cheap, good, best), key=lambda one: by_harm.order(one, 100)) == good
    assert min((cheap, good, best), key=lambda one: by_cost.order(one, 100)) == good
    assert by_harm.holds(good, 100)
    assert not by_harm.holds(cheap, 100)


def test_a_budget_out_of_reach_gives_way_a_little():
    """
    To the least that was seen and a twentieth more: the last of it would cost anything.
    """
    points = [Point(100, 0.5), Point(200, 0.2), Point(1000, 0.199)]

    near = Budget(over_share=0.01).attainable(points, 100)

    assert near.over_share == pytest.approx(0.199 * 1.05)
    assert min(points, key=lambda one: near.order(one, 100)) == points[1]
    assert Budget(over_share=0.3).attainable(points, 100) == Budget(over_share=0.3)
    assert Budget(mean_workers=0.5).attainable(points, 100).mean_workers == pytest.approx(1.05)


def test_the_margin_is_on_what_the_budget_is_on():
    """
    Three standard errors; the other of the two is a plain mean, and so is what has one value.
    """
    costs, harms = [100.0, 300.0], [0.1, 0.3]

    by_harm = Budget(over_share=0.5).careful(costs, harms, "spare")
    by_cost = Budget(mean_workers=5).careful(costs, harms, "spare")

    assert by_harm == pytest.approx((200, 0.2 + 3 * 0.1, "spare"))
    assert by_cost == pytest.approx((200 + 3 * 100, 0.2, "spare"))
    assert Budget(over_share=0.5).careful([100.0], [0.1], "spare") == (100, 0.1, "spare")
    assert Budget(mean_workers=5).figure(by_cost, 100) == pytest.approx(5)


# ---- halves of a recorded load ----


def uneven_log(counts, part_s=60):
    """So many requests in each part."""
    arrivals = [
        int((number + (index + 0.5) / count) * part_s * 1_000_000)
        for number, count in enumerate(counts)
        for index in range(count)
    ]
    length = len(counts) * part_s * 1_000_000
    return Load("log", np.array(arrivals), np.full(len(arrivals), 100_000), length)


def test_both_halves_have_busy_and_quiet_parts():
    """
    Dealt 1 2 2 1 from the busiest on; turn by turn, both busy ones would have been searched.
    """
    counts = [478, 421, 427, 438, 1415, 433, 945, 443]

    search, check = halves(blocks(uneven_log(counts), 8))

    assert [requests_in(part) for part in search] == [421, 438, 1415, 443]
    assert [requests_in(part) for part in check] == [478, 427, 433, 945]


@given(st.lists(st.integers(0, 20), min_size=2, max_size=11))
@settings(max_examples=20, deadline=None)
def test_every_part_is_in_one_half(counts):
    """
    In the order of time; the halves differ by one part at most, and the busiest is searched.
    """
    parts = blocks(uneven_log(counts), len(counts))
    search, check = halves(parts)

    assert sorted([*search, *check], key=parts.index) == parts
    for half in (search, check):
        assert half == sorted(half, key=parts.index)
    assert abs(len(search) - len(check)) <= 1
    assert max(map(requests_in, search)) == max(counts)


# ---- the search ----


def test_the_chosen_keeps_the_budget_for_less(found):
    """
    On what was searched: within the share, and cheaper than the largest pool.
    """
    every = {point.name: point for points in found.tried.values() for point in points}

    assert found.on_search == every[str(found.chosen)]
    assert found.on_search.harm <= 0.3
    assert found.on_search.cost < every["static:10"].cost
    assert found.chosen.algorithm == "spare"


def test_defaults_are_among_those_tried_and_checked(found):
    """
    So it shows what the search was good for.
    """
    assert "spare" in {point.name for point in found.tried["spare"]}
    assert set(found.check.rules) >= {"spare", "static:10", str(found.chosen)}


def test_the_check_is_on_loads_that_the_search_has_not_seen(found):
    """
    Other seeds than those of the search.
    """
    assert {record["seed"] for record in found.check.records} == {1, 3}
    assert found.on_check.cost == pytest.approx(
        found.check.mean("square", str(found.chosen), COST).mean
    )
    assert found.holds == (found.check.mean("square", str(found.chosen), HARM).mean <= 0.3)
    assert found.against("static:10", COST).high < 0


def test_the_same_seed_finds_the_same(found):
    """
    Also when threads compute.
    """
    with Crew("threads", jobs=2) as crew:
        again = tuned(Budget(over_share=0.3), ("spare", "static:10"), crew=crew)

    assert (again.chosen, again.tried) == (found.chosen, found.tried)


def test_nothing_that_was_tried_is_better_than_the_front(found):
    """
    No point lies below the line from corner to corner.
    """
    corners = found.front
    for points in found.tried.values():
        for point in points:
            assert any(one.cost <= point.cost and one.harm <= point.harm for one in corners) or any(
                one.cost > point.cost for one in corners
            )


def test_the_choice_can_be_seen(found):
    """
    Among the corners is the chosen, held within the budget, and nothing there that costs less is,
    but for what it needs more knobs for.
    """
    name = str(found.chosen)
    before = [
        one for one in found.corners if found.careful[one].cost < found.careful[name].cost * 0.99
    ]

    assert found.held(name) <= 0.3
    assert found.held(name) >= found.seen[name].harm
    assert not [one for one in before if found.held(one) <= 0.3]


def said(found, budget, attained=None, **given):
    """The verdict, had the budget been another."""
    asked = Budget(over_share=budget)
    given = {"trace": None, "seeds": 4, "horizon": 240, "workers_max": 10, "tick": 1.0, **given}
    return verdict(
        SimpleNamespace(**given), replace(found, budget=asked, attained=attained or asked), "#1"
    )


def test_a_budget_that_does_not_hold_has_a_remedy(found):
    """
    As much less as it was beyond, and more to go by, each with its option.
    """
    seen = found.on_check.harm
    assert seen > 0

    words = said(found, seen / 2)
    assert "does NOT hold" in words
    assert f"--over {seen / 4 * 100:.3g}%" in words
    assert "--seeds 30, or --horizon above 240" in words
    assert "it holds" in said(found, seen * 1.01)


def test_only_the_margin_beyond_the_budget_asks_for_more_to_go_by(found):
    """
    More workers would not help.  A log has as many parts as can be cut from it.
    """
    wider = Budget(over_share=0.5)
    most = max(point.harm for point in found.seen.values())

    words = said(found, most, wider, trace="log", seeds=4)
    assert "Some do without the margin" in words
    assert "a longer log, or more parts (--seeds 30); or allow more: --over 50%" in words
    assert "--seeds" not in said(found, most, wider, trace="log", seeds=4, tick=8.0)


@pytest.mark.parametrize(
    ("workers_max", "words"),
    [(10, "--workers-max above 10"), (100, "(--range workers_min=50..100); or allow more: ")],
)
def test_a_pool_that_cannot_keep_the_budget_is_to_be_another(found, workers_max, words):
    """
    Larger, where all of it was needed; ready before, where it was not.
    """
    assert min(point.harm for point in found.seen.values()) > 0

    assert words in said(found, 0.0, Budget(over_share=0.1), workers_max=workers_max)


def test_workers_as_a_budget():
    """
    At most so many on average, for the least harm.
    """
    few, many = (tuned(Budget(mean_workers=count)) for count in (4.0, 6.0))

    assert few.on_search.cost / 240 <= 4.0
    assert few.on_search.cost < many.on_search.cost <= 6.0 * 240
    assert few.on_search.harm > many.on_search.harm


def test_a_budget_that_nothing_keeps_is_told():
    """
    Chosen is what comes near, not what pays anything for the last bit.
    """
    out_of_reach = tuned(Budget(over_share=0.0))

    assert out_of_reach.attained.over_share > 0
    assert min(map(out_of_reach.held, out_of_reach.corners)) > 0
    assert out_of_reach.on_search.harm <= out_of_reach.attained.over_share


class Valley:
    """In place of a search: harm grows with the distance from the best overload."""

    cases = (0, 1, 2, 3)
    seconds = 1.0

    def __init__(self, best):
        self.best = best

    def points(self, rules, cases):
        return {rule: Point(1.0, self.harm(rule), str(rule)) for rule in rules}

    def harm(self, rule):
        overload = rule.values.get("check_interval_overload", 3)
        return abs(overload - self.best) / 10_000


@given(best=st.integers(1, 300), seed=st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_the_search_goes_down_a_valley(best, seed):
    """
    From a dozen candidates over 300 numbers to within a tenth of the best.
    """
    rule, ranges = parse("spare"), [Range("check_interval_overload", 1, 300)]

    found = search_rule(rule, ranges, Valley(best), Budget(mean_workers=2), 12, seed, POOL)

    nearest = min(found, key=lambda one: found[one].harm)
    assert abs(nearest.values.get("check_interval_overload", 3) - best) <= max(best / 10, 2)


def test_knobs_that_do_not_matter_stay_at_their_default():
    """
    `manual` has none, and the limits make no difference to a pool that nothing changes.
    """
    chosen = tuned(Budget(over_share=0.9), ("manual:workers_min=3",)).chosen

    assert str(chosen) == "manual:workers_min=3"


def test_what_is_done_is_told():
    """
    `each` is called with how many more settings were computed.
    """
    counts = []
    tuned(Budget(over_share=0.1), each=counts.append)

    assert sum(counts) > 12


def test_a_search_needs_both_parts():
    """
    Without a part to check on there is no telling.
    """
    with pytest.raises(InvalidArgument, match="check on"):
        tune([parse("spare")], CASES, [], POOL, Budget(over_share=0.1))
