"""The C and the model in `model.py` decide alike, whatever they are given."""

from __future__ import annotations

from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from cheaper.model import PROFILES, U64, Model, Moment, Rule, Slot, State
from cheaper.replay import Core, Refused

pytestmark = [pytest.mark.slow, pytest.mark.native]

ALGORITHMS = ("backlog", "busyness", "manual", "spare", "spare2")
INT_MAX = (1 << 31) - 1

thorough = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])

u64 = st.one_of(
    st.integers(0, 12),
    st.integers(0, U64),
    st.integers(U64 - 5, U64),
    st.integers(0, 63).map(lambda bit: 1 << bit),
    st.integers(1, 200).map(lambda part: U64 // part),  # whose product with 100 wraps
)
counts = st.one_of(st.integers(0, 6), st.integers(0, INT_MAX))
small = st.integers(1, 6)

KNOBS = {
    "backlog": {"cheaper-overload": st.one_of(st.integers(0, 6), u64)},
    "busyness": {
        "cheaper-overload": st.one_of(small, u64.filter(lambda n: n * 1_000_000 & U64)),
        "cheaper-busyness-max": st.one_of(st.integers(0, 101), u64),
        "cheaper-busyness-min": st.one_of(st.integers(0, 101), u64),
        "cheaper-busyness-multiplier": st.one_of(small, u64),
        "cheaper-busyness-penalty": st.one_of(small, u64),
        "cheaper-busyness-backlog-alert": counts,
        "cheaper-busyness-backlog-multiplier": st.one_of(small, u64),
        "cheaper-busyness-backlog-step": counts,
        "cheaper-busyness-backlog-nonzero": st.one_of(small, u64),
    },
    "manual": {},
    "spare": {"cheaper-overload": st.one_of(small, u64.filter(bool))},
    "spare2": {"cheaper-idle": counts},
}


@st.composite
def rules(draw, algorithm: str, profile: str) -> Rule:
    most = draw(st.integers(2, 9))
    soft = draw(st.one_of(st.just(0), st.integers(0, 40), st.integers(0, U64)))
    hard = draw(st.integers(soft + 1, U64)) if 0 < soft < U64 and draw(st.booleans()) else 0
    return Rule(
        algorithm,
        profile,
        workers_max=most,
        workers_min=draw(st.integers(1, most - 1)),
        workers_step=draw(counts),
        check_interval=draw(st.integers(0, 3)),
        rss_soft=soft,
        rss_hard=hard,
        knobs={option: draw(values) for option, values in KNOBS[algorithm].items()},
    )


slots = st.builds(
    Slot,
    state=st.sampled_from(State),
    in_request=st.sampled_from((0, 0, 1, 3)),
    running_time_us=u64,
    started_s=st.one_of(
        st.integers(0, 4),
        st.integers(INT_MAX - 2, INT_MAX + 2),
        st.integers(-(1 << 63), (1 << 63) - 1),
    ),
    rss=st.one_of(st.integers(0, 12), u64),
)


@st.composite
def wild(draw, rule: Rule) -> list[Moment]:
    """Any numbers at all."""
    return draw(
        st.lists(
            st.builds(
                Moment,
                st.tuples(*[slots] * rule.workers_max),
                wall_s=st.one_of(st.integers(-3, 9), st.integers(-(1 << 63), (1 << 63) - 1)),
                wall_us=u64,
                listen_queue=st.one_of(st.integers(0, 9), st.integers(0, (1 << 32) - 1)),
                manual=st.one_of(
                    st.just(0), st.integers(-12, 12), st.integers(-(1 << 24), 1 << 24)
                ),
            ),
            min_size=1,
            max_size=8,
        )
    )


@st.composite
def plain(draw, rule: Rule) -> list[Moment]:
    """Such as a real pool shows: clocks that go on, workers that keep their state for a while.

    Timers and counters need many calls in a row to come to an effect."""
    random = Random(draw(st.integers(0, 1 << 32)))
    busy, wander = random.random(), random.choice((0.05, 0.3, 0.9))
    queues = random.choice(((0,), (0, 0, 1), (0, 2, 4, 40), (1, 9)))
    now = random.choice((0, 1, 1_700_000_000)) * 1_000_000
    pool = [Slot(random.choice((State.IDLE, State.CHEAPED))) for _ in range(rule.workers_max)]
    found = []
    for _ in range(random.choice((20, 60))):
        now += random.choice((1_000_000, 1_000_000, 1_000_500, 400_000, 2_100_000))
        for index, slot in enumerate(pool):
            state = slot.state
            if random.random() < wander:
                state = State.BUSY if random.random() < busy else State.IDLE
            if random.random() < 0.04:
                state = random.choice(list(State))
            ran = random.choice((0, 0, 250_000, 1_000_000)) if slot.active else 0
            pool[index] = slot._replace(
                state=state,
                running_time_us=slot.running_time_us + ran & U64,
                started_s=now // 1_000_000 if state != slot.state else slot.started_s,
            )
        manual = random.choice((-2, -1, 1, 3)) if random.random() < 0.05 else 0
        found.append(Moment(tuple(pool), now // 1_000_000, now, random.choice(queues), manual))
    return found


def histories(rule: Rule) -> st.SearchStrategy[list[Moment]]:
    return st.one_of(wild(rule), plain(rule))


every_rule = pytest.mark.parametrize("profile", PROFILES)
every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


@every_rule
@every_algorithm
@thorough
@given(data=st.data())
def test_whole_checks_are_those_of_the_model(algorithm, profile, data):
    """
    Fired or not, decision, slots in their order, and what is pending, at every call.
    """
    rule = data.draw(rules(algorithm, profile))
    wall_us = data.draw(u64)
    core, model = Core(rule, wall_us), Model(rule, wall_us)

    for moment in data.draw(histories(rule)):
        assert core.tick(moment) == model.tick(moment)


@every_rule
@every_algorithm
@thorough
@given(data=st.data())
def test_the_algorithm_alone_is_that_of_the_model(algorithm, profile, data):
    """
    With and without permission to start workers, in any order.
    """
    rule = data.draw(rules(algorithm, profile))
    wall_us = data.draw(u64)
    core, model = Core(rule, wall_us), Model(rule, wall_us)

    for moment in data.draw(histories(rule)):
        may_spawn = data.draw(st.booleans())
        assert core.decide(moment, may_spawn) == model.decide(moment, may_spawn)


@every_rule
@every_algorithm
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_state_of_zeros_begins_at_its_first_call(algorithm, profile, data):
    """
    As if the plugin had been loaded in the moment of the first readings.
    """
    rule = data.draw(rules(algorithm, profile))
    history = data.draw(histories(rule))
    core = Core(rule, 0, begin=False)
    model = Model(rule, history[0].wall_us)

    assert [core.tick(moment) for moment in history] == [model.tick(moment) for moment in history]

    core = Core(rule, 0, begin=False)
    model = Model(rule, history[0].wall_us)
    for moment in history:
        assert core.decide(moment, True) == model.decide(moment, True)


@every_rule
@every_algorithm
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_refused_readings_leave_no_trace(algorithm, profile, data):
    """
    A moment that is not sound, in between, changes nothing of what follows.
    """
    rule = data.draw(rules(algorithm, profile))
    history = data.draw(histories(rule))
    core, model = Core(rule, 0), Model(rule, 0)
    before = core.value()

    wrong = data.draw(st.integers(0, 12).filter(lambda number: number != 2))
    for moment in history:
        core.workers[1].number = wrong
        with pytest.raises(Refused, match=f"worker {wrong} where 2"):
            core.tick(moment)
        assert core.value() == before
        core.workers[1].number = 2
        assert core.tick(moment) == model.tick(moment)
        before = core.value()


@every_rule
@pytest.mark.parametrize("algorithm", ["spare", "spare2"])
def test_the_largest_pool_is_counted_right(algorithm, profile):
    """
    65,535 slots: all of one state, then a mixture.
    """
    most = (1 << 16) - 1
    rule = Rule(algorithm, profile, most, most - 1, workers_step=INT_MAX)
    core, model = Core(rule, 0), Model(rule, 0)
    kinds = [Slot(state) for state in State] + [Slot(State.IDLE, in_request=1)]

    for call, pool in enumerate([[kind] * most for kind in kinds] + [(kinds * most)[:most]]):
        moment = Moment(tuple(pool), 7 + call, (7 + call) * 1_000_000, listen_queue=40)
        assert core.tick(moment) == model.tick(moment)
