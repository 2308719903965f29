"""What is true of every decision, whatever was measured: twelve claims, and those of fixed alone.

UWOFFLOAD_EXAMPLES=4000 looks closer.
"""

import os
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uwoffload.cheaper import AlgoTarget, Readings, Scaler, algorithms, strategies

from .streams import SECOND, Counts, Tick, decisions, pairs, rules, streams

pytestmark = [pytest.mark.slow, pytest.mark.native]

EXAMPLES = settings(max_examples=int(os.environ.get("UWOFFLOAD_EXAMPLES", "40")), deadline=None)
FIXED = ["fixed"]
UWSGI = ["uwsgi-2.0", "uwsgi-2.1"]
FIVE = ("backlog", "busyness", "manual", "spare", "spare2")
EACH = pytest.mark.parametrize(("name", "profile"), pairs())


def each(*names, profiles=(*FIXED, *UWSGI)):
    return pytest.mark.parametrize(("name", "profile"), pairs(*names, profiles=profiles))


def driven(data, name, profile, *, always=False, step=None, ticks=30, **more):
    """A rule and what it decides on a stream, from a new state."""
    rule = data.draw(rules(name, profile, step=step))
    stream = data.draw(streams(rule.workers_max, always=always, ticks=ticks, **more))
    return rule, decisions(rule, stream)


def knob(rule, name):
    """As the rule counts it: where uWSGI takes 0 for the default, the default."""
    found = rule.algorithm.info.knob(name)
    given_value = rule.algorithm.knobs[name]
    return given_value or (0 if rule.profile == "fixed" else found.default)


def runs_as_spare(name, profile):
    return name == "spare" or (name, profile) == ("spare2", "uwsgi-2.0")


def step_of(rule):
    return max(rule.cdata.workers_step, 1)


# ---- 1 to 3: of every algorithm ----


@EACH
@EXAMPLES
@given(data=st.data())
def test_1_decisions_lie_in_their_range(name, profile, data):
    """n >= -1 (of target: no more than are idle), and no more than slots and step allow."""
    rule, found = driven(data, name, profile)
    for _, counts, delta, *_ in found:
        most = min(counts.startable, step_of(rule))
        if name == "busyness":
            step = max(step_of(rule), knob(rule, "emergency_workers_step"))
            most = min(counts.startable, step)
        if (name, profile) == ("spare2", "uwsgi-2.1"):
            missing = min(rule.workers_min - counts.idle, rule.workers_max - counts.active)
            most = min(missing, rule.cdata.workers_step)  # may exceed the free slots
            assert delta <= 0 or delta == most
        least = -1
        if name == "target":  # in proportion
            least, most = -counts.idle, counts.startable
            most = min(most, rule.cdata.workers_step or most)
        assert least <= delta <= max(most, 0)


@EACH
@EXAMPLES
@given(data=st.data())
def test_2_without_permission_nothing_is_started(name, profile, data):
    _, found = driven(data, name, profile)
    for tick, _, delta, *_ in found:
        assert tick.may_spawn or delta <= 0


@EACH
@EXAMPLES
@given(data=st.data())
def test_3_no_algorithm_stops_at_or_below_the_minimum(name, profile, data):
    rule, found = driven(data, name, profile)
    for _, counts, delta, *_ in found:
        if delta >= 0:
            continue
        assert counts.active + delta >= rule.workers_min
        if runs_as_spare(name, profile):
            assert counts.idle >= 2
        elif name == "spare2":
            assert counts.idle > rule.workers_min
        elif name == "busyness":
            assert counts.active >= 2
        assert profile != "fixed" or counts.idle >= -delta


# ---- 4 to 8: of single algorithms ----


@each("spare")
@EXAMPLES
@given(data=st.data())
def test_4_spare_starts_only_with_nobody_idle_and_keeps_its_distance(name, profile, data):
    rule, found = driven(data, name, profile, always=True, ticks=60)
    overload = knob(rule, "check_interval_overload")
    started, stopped = [-1], []
    for number, (_, counts, delta, *_) in enumerate(found):
        if delta > 0:
            assert counts.idle + counts.starting == 0
            started.append(number)
        if delta < 0:
            stopped.append(number)

    least = overload + (profile == "uwsgi-2.0")
    assert all(after - before >= least for before, after in pairwise(started))
    assert all(after - before >= overload for before, after in pairwise(stopped))


@each("spare2", profiles=["fixed", "uwsgi-2.1"])
@EXAMPLES
@given(data=st.data())
def test_5_spare2_keeps_its_reserve(name, profile, data):
    """As many idle as the minimum: nothing; fewer: more of them; more, for so long: one less."""
    rule, found = driven(data, name, profile, ticks=60)
    minimum, patience = rule.workers_min, knob(rule, "check_interval_idle")
    above = 0
    for tick, counts, delta, *_ in found:
        reserve = counts.idle + counts.starting
        above = above + 1 if counts.idle > minimum else 0
        assert (delta == -1) == (above >= patience)
        if delta < 0:
            above = 0
        if reserve == minimum:
            assert delta == 0
        free = counts.startable if profile == "fixed" else rule.workers_max - counts.active
        able = profile == "fixed" or rule.cdata.workers_step >= 1
        if reserve < minimum and tick.may_spawn and free and able:
            assert delta >= 1


@each("backlog")
@EXAMPLES
@given(data=st.data())
def test_6_backlog_remembers_nothing_and_grows_with_the_queue(name, profile, data):
    rule, found = driven(data, name, profile)
    overload = knob(rule, "check_num_overload")
    for tick, counts, delta, *_ in found:
        if counts.queue == overload:
            assert delta == 0
        again, _ = rule.decide(None, tick.readings, may_spawn=tick.may_spawn)
        assert again.delta == delta

        longer = tick.readings.copy()
        longer.listen_queue += data.draw(st.integers(1, 5))
        more, _ = rule.decide(None, longer, may_spawn=tick.may_spawn)
        assert more.delta >= delta


# Words of the state of busyness, behind the head of every state; see cheaper/busyness.h.
MULTIPLIER, NEXT_STOP, CHECKED, EMERGENCIES = 5, 6, 7, 11


@each("busyness")
@EXAMPLES
@given(data=st.data())
def test_7_busyness_stops_only_at_the_end_of_a_window_and_in_its_time(name, profile, data):
    rule, found = driven(data, name, profile, ticks=60)
    window = knob(rule, "check_interval_busy") * SECOND
    slack = rule.check_interval_us // 8 if profile == "fixed" else 0
    stopped = []
    for tick, _, delta, before, after in found:
        now = tick.readings.mono_us
        if after.words[CHECKED] != now:
            assert delta >= 0
        if delta < 0:
            assert now >= before.words[NEXT_STOP]
            stopped.append(now)

    assert all(after - before >= window - slack for before, after in pairwise(stopped))


@each("busyness")
@EXAMPLES
@given(data=st.data())
def test_8_busyness_keeps_its_counters_in_bounds(name, profile, data):
    rule, found = driven(data, name, profile, ticks=60)
    for _, counts, delta, _, after in found:
        assert after.words[MULTIPLIER] >= knob(rule, "idle_cycles_max")
        assert after.words[EMERGENCIES] < 2**32
        if counts.startable == 0:
            assert delta <= 0
        if counts.active == 0 and counts.queue == 0:
            assert delta == 0


# ---- 9, 11, 12: of the rule around them ----


def ticked(data, name, profile, *, check_interval=None, memory=0, **more):
    """A scaler, and each tick with what it remembered before and answered."""
    limits = {"rss_soft": memory, "rss_hard": memory + memory // 2} if memory else {}
    rule = data.draw(rules(name, profile, check_interval=check_interval, **limits))
    stream = data.draw(streams(rule.workers_max, memory=memory, **more))
    first = stream[0].readings.copy()
    first.manual = 0
    scaler = Scaler(rule)
    scaler.begin(first.at(first.mono_us - 10 * SECOND)).tick(first)
    return scaler, stream


@EACH
@EXAMPLES
@given(data=st.data())
def test_9_the_right_workers_are_chosen(name, profile, data):
    """
    The lowest free slots, the oldest idle workers; never both; the rest is not touched.
    """
    scaler, stream = ticked(data, name, profile, manual=True, memory=100)
    for tick in stream:
        verdict = scaler.tick(tick.readings)
        strategies.check_step(step(tick, verdict), scaler)
        if profile != "fixed":
            idle = Counts(tick.readings, scaler.rule).idle
            free = Counts(tick.readings, scaler.rule).startable
            assert len(verdict.start) == min(max(verdict.delta, 0), free)
            assert len(verdict.stop) == min(max(-verdict.delta, 0), idle)


def step(tick, verdict):
    from uwoffload.cheaper.explain import Step

    return Step(tick.readings, verdict)


@EACH
@EXAMPLES
@given(data=st.data())
def test_11_memory_is_the_last_word(name, profile, data):
    """
    From the soft limit on nobody is started; from the hard one on somebody idle is stopped.
    """
    scaler, stream = ticked(data, name, profile, manual=True, memory=100)
    rule, head = scaler.rule, 5
    for tick in stream:
        counts = Counts(tick.readings, rule)
        before = scaler.state
        verdict = scaler.tick(tick.readings)
        counted = ("idle", "busy", "starting", "draining" if profile == "fixed" else "dead")
        used = [worker.rss for worker in tick.readings.workers if worker.state in counted]
        if sum(used) >= rule.cdata.rss_soft:
            lonely = profile == "fixed" and counts.active == 0
            assert len(verdict.start) <= lonely
        if sum(used) < rule.cdata.rss_hard:
            continue
        if profile == "fixed":
            spare = min(counts.idle, counts.active - counts.starting - rule.workers_min)
            assert len(verdict.stop) >= min(1, max(spare, 0))
        elif len(used) > 1:
            assert len(verdict.stop) == min(counts.idle, 1)
            assert before.words[head:] == scaler.state.words[head:]


@EACH
@pytest.mark.parametrize("interval", [None, 1, 3])
@EXAMPLES
@given(data=st.data())
def test_12_checks_keep_their_distance_and_nothing_happens_between(name, profile, interval, data):
    scaler, stream = ticked(data, name, profile, check_interval=interval, uneven=True, manual=True)
    last = None
    for tick in stream:
        before = scaler.state
        verdict = scaler.tick(tick.readings)
        now = tick.readings.wall_s if profile != "fixed" else tick.readings.mono_us
        if verdict.fired:
            least = (interval or 1) * (1 if profile != "fixed" else 7 * SECOND // 8)
            assert last is None or now - last >= least
            last = now
            assert verdict.pending <= 0
        else:
            assert (verdict.start, verdict.stop) == ((), ())
            if tick.readings.manual == 0 and profile != "fixed":
                assert scaler.state == before


@each(profiles=UWSGI)
@EXAMPLES
@given(data=st.data())
def test_12_pending_stops_keep_the_algorithm_from_being_asked(name, profile, data):
    scaler, stream = ticked(data, name, profile, manual=True)
    head, pending = 5, 0
    for tick in stream:
        before = scaler.state
        verdict = scaler.tick(tick.readings)
        carried = pending + tick.readings.manual
        if verdict.fired and carried:
            assert before.words[head:] == scaler.state.words[head:]
            assert verdict.delta == carried
        if verdict.fired:
            assert verdict.pending == min(verdict.delta, 0) + len(verdict.stop)
        pending = verdict.pending


# ---- 10: in a closed loop ----

SMALL = {
    "check_interval_overload": st.integers(1, 3),
    "check_interval_idle": st.integers(1, 4),
    "check_num_overload": st.integers(1, 5),
    "check_interval_busy": st.integers(1, 3),
    "busy_max": st.integers(30, 90),
    "busy_min": st.integers(5, 25),
    "idle_cycles_max": st.integers(1, 3),
    "idle_cycles_penalty": st.integers(0, 1),
    "queue_size": st.integers(0, 9),
    "emergency_idle_cycles_max": st.integers(1, 3),
    "emergency_workers_step": st.integers(1, 2),
    "queue_nonzero_delay": st.integers(1, 9),
}
LOOPS = ("spare", "spare2", "backlog", "busyness")
CALM = 400  # moments in which every rule above has come to rest


def small_scaler(data, name, profile):
    own = {k.name: SMALL[k.name] for k in algorithms()[name].knobs}
    rule = (
        algorithms()[name]
        .make(profile=profile, **data.draw(st.fixed_dictionaries(own)))
        .rule(
            5, workers_min=data.draw(st.integers(1, 4)), workers_step=data.draw(st.integers(1, 2))
        )
    )
    return Scaler(rule)


def calm(load, moments=CALM):
    return strategies.History((strategies.Moment(load=load),) * moments)


@EACH
@EXAMPLES
@given(data=st.data())
def test_10_a_pool_left_alone_stays_within_its_limits(name, profile, data):
    rule = data.draw(strategies.rules(name, profile=profile, workers_max=6))
    scaler = Scaler(rule)
    for found in data.draw(strategies.histories(6)).steps(scaler):
        assert rule.workers_min <= strategies.active(found.readings) <= rule.workers_max


@each(*LOOPS)
@EXAMPLES
@given(data=st.data())
def test_10_an_idle_pool_comes_to_rest_at_its_minimum(name, profile, data):
    """And then nothing ever happens again."""
    scaler = small_scaler(data, name, profile)
    history = data.draw(strategies.histories(5, moments=(1, 10)))
    moments = (*history.moments, *calm(0).moments)
    steps = strategies.History(moments, history.startup, history.drain).run(scaler)

    assert strategies.active(steps[-1].readings) == scaler.rule.workers_min
    assert not any(found.verdict.start or found.verdict.stop for found in steps[-50:])


@each(*LOOPS)
@EXAMPLES
@given(data=st.data())
def test_10_a_busy_pool_grows_to_its_maximum(name, profile, data):
    scaler = small_scaler(data, name, profile)

    steps = calm(200, 60).run(scaler)

    assert strategies.active(steps[-1].readings) == scaler.rule.workers_max


# ---- stronger ones, of fixed alone ----


@each(profiles=FIXED)
@EXAMPLES
@given(data=st.data())
def test_fixed_never_falls_below_the_minimum_whoever_stops(name, profile, data):
    """By hand, by memory, by the algorithm."""
    rule = data.draw(strategies.rules(name, workers_max=6, memory=True))
    scaler = Scaler(rule)
    for found in data.draw(strategies.histories(6, manual=True)).steps(scaler):
        strategies.check_step(found, scaler)
        assert strategies.active(found.readings) >= rule.workers_min


@each(profiles=FIXED)
@EXAMPLES
@given(data=st.data())
def test_fixed_brings_a_pool_back_to_its_minimum(name, profile, data):
    """After deaths and failed forks, at the first check at which a slot is free."""
    rule = data.draw(strategies.rules(name, workers_max=6))
    scaler = Scaler(rule)
    for found in data.draw(strategies.histories(6, deaths=True)).steps(scaler):
        counts = Counts(found.readings, rule)
        short = rule.workers_min - counts.active
        assert len(found.verdict.start) >= min(short, counts.startable)


@each(profiles=FIXED)
@EXAMPLES
@given(data=st.data())
def test_fixed_carries_nothing_over(name, profile, data):
    scaler, stream = ticked(data, name, profile, manual=True, memory=100)
    for tick in stream:
        verdict = scaler.tick(tick.readings)
        assert not verdict.fired or verdict.pending == 0


@each(profiles=FIXED)
@EXAMPLES
@given(data=st.data())
def test_fixed_does_not_look_at_the_wall_clock(name, profile, data):
    scaler, stream = ticked(data, name, profile)
    other = Scaler(scaler.rule, state=scaler.state)
    for tick in stream:
        moved = tick.readings.copy()
        moved.wall_s = data.draw(st.integers(-(2**63), 2**63 - 1))
        moved.wall_us = data.draw(st.integers(0, 2**64 - 1))
        assert scaler.tick(tick.readings) == other.tick(moved)


@each(profiles=FIXED)
@EXAMPLES
@given(data=st.data())
def test_fixed_never_wants_less_where_more_is_to_do(name, profile, data):
    """From the same state: more busy workers, more of their time, more in the queue."""
    rule, found = driven(data, name, profile)
    for tick, _, delta, before, _ in found:
        more = tick.readings.copy()
        for worker in more.workers:
            if worker.state == "idle" and data.draw(st.booleans()):
                worker.state, worker.in_request = "busy", 1
                worker.busy_us += SECOND
        more.listen_queue += data.draw(st.integers(0, 3))
        again, _ = rule.decide(before, more, may_spawn=tick.may_spawn)
        assert again.delta >= delta


@EACH
@EXAMPLES
@given(data=st.data())
def test_order_of_slots_changes_who_and_not_how_many(name, profile, data):
    """Of all profiles, as long as every slot keeps its place."""
    rule = data.draw(rules(name, profile))
    stream = data.draw(streams(rule.workers_max))
    order = data.draw(st.permutations(range(rule.workers_max)))

    def shuffled(tick):
        workers = tick.readings.workers
        made = tick.readings.copy()
        for place, source in enumerate(order):
            for field in ("state", "busy_us", "running_time_us", "in_request", "started_s"):
                setattr(made.workers[place], field, getattr(workers[source], field))
        return Tick(made, tick.may_spawn)

    here = [delta for _, _, delta, *_ in decisions(rule, stream)]
    there = [delta for _, _, delta, *_ in decisions(rule, list(map(shuffled, stream)))]
    assert here == there


@each(*FIVE, profiles=FIXED)
@EXAMPLES
@given(data=st.data())
def test_fixed_takes_a_step_of_0_for_1(name, profile, data):
    """Of the five; target starts in proportion, and has no step unless one is given."""
    none = data.draw(rules(name, profile, step=0))
    one = none.algorithm.rule(none.workers_max, workers_min=none.workers_min, workers_step=1)
    stream = data.draw(streams(none.workers_max))

    assert [d for _, _, d, *_ in decisions(none, stream)] == [
        d for _, _, d, *_ in decisions(one, stream)
    ]


@each(profiles=FIXED)
def test_fixed_tries_a_failed_fork_again(name, profile):
    """A pool whose every fork failed is started at the next check."""
    readings = Readings(3).at(10**12).fill(state="zzz")

    verdict = Scaler(name, workers_max=3, workers_min=2).tick(readings)

    assert verdict.start == (1, 2)


@each("spare", profiles=FIXED)
@EXAMPLES
@given(data=st.data())
def test_fixed_spare_changes_its_direction_at_most_once_per_window(name, profile, data):
    rule, found = driven(data, name, profile, always=True, ticks=80)
    window = knob(rule, "check_interval_overload")
    moved = [(number, delta > 0) for number, (_, _, delta, *_) in enumerate(found) if delta]

    for (before, up), (after, down) in pairwise(moved):
        assert up == down or after - before >= window


@each("spare2", profiles=FIXED)
@EXAMPLES
@given(data=st.data())
def test_fixed_spare2_takes_no_start_back_within_its_window(name, profile, data):
    """The other way round is allowed: a start that is needed does not wait for a window."""
    rule, found = driven(data, name, profile, always=True, ticks=80)
    window = knob(rule, "check_interval_idle")
    started = None
    for number, (_, _, delta, *_) in enumerate(found):
        assert delta >= 0 or started is None or number - started >= window
        if delta > 0:
            started = number


@each("busyness", profiles=FIXED)
@EXAMPLES
@given(data=st.data())
def test_fixed_busyness_does_not_stop_within_a_window_of_a_start(name, profile, data):
    rule, found = driven(data, name, profile, ticks=80)
    window = knob(rule, "check_interval_busy") * SECOND
    started = None
    for tick, _, delta, *_ in found:
        now = tick.readings.mono_us
        if delta < 0 and started is not None:
            assert now - started >= window - rule.check_interval_us // 8
        if delta > 0:
            started = now


@EXAMPLES
@given(data=st.data())
def test_fixed_target_takes_no_start_back_within_shrink_after(data):
    window = data.draw(st.integers(1, 12))
    scaler = Scaler(AlgoTarget(shrink_after=window), workers_max=8, workers_min=1)
    started = None
    for step in data.draw(strategies.histories(8, moments=(1, 60))).steps(scaler):
        now, delta = step.readings.mono_us, step.verdict.delta
        assert delta >= 0 or started is None or now - started >= window * SECOND
        if delta > 0:
            started = now


# ---- of any numbers at all ----


@EACH
@EXAMPLES
@given(data=st.data())
def test_no_numbers_break_a_rule(name, profile, data):
    """Over the full range of every field, one check after the other: `make asan` looks on."""
    rule = data.draw(strategies.rules(name, profile=profile, workers_max=4, memory=True))
    found = data.draw(st.lists(strategies.readings(4, any_time=True), min_size=1, max_size=5))
    if profile == "fixed":
        found.sort(key=lambda readings: readings.mono_us)
    scaler = Scaler(rule)

    for readings in found:
        verdict = scaler.tick(readings)

        letters = readings.letters
        assert all(letters[number - 1] in "Cz" for number in verdict.start)
        assert all(letters[number - 1] in "is" for number in verdict.stop)
        assert -4 <= len(verdict.start) - len(verdict.stop) <= 4
