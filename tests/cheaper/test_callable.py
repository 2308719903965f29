"""A Python function as an algorithm: same readings, same verdict, the same rule around it."""

import pytest
from hypothesis import given

from uwoffload import InvalidArgument
from uwoffload.cheaper import (
    PROFILES,
    AlgoQueue,
    Readings,
    Scaler,
    State,
    Verdict,
    decide,
    strategies,
)

BEGIN = 1_000_000_000


def ladder(state, readings):
    """One more after three full checks; a pure function."""
    full = all(worker.state in ("busy", "cheaped") for worker in readings.workers)
    ticks = (state or 0) + 1 if full else 0
    return Verdict(1 if ticks >= 3 else 0, "climbs" if ticks >= 3 else "waits"), ticks


def readings(letters, second=0, **values):
    return Readings(len(letters), **values).at(BEGIN + second * 10**6).fill(state=letters)


def test_function_decides():
    scaler = Scaler(ladder, workers_max=4, workers_min=1)

    verdicts = [scaler.tick(readings("bbCC", second)) for second in range(3)]

    assert [verdict.reason for verdict in verdicts] == ["waits", "waits", "climbs"]
    assert verdicts[2] == Verdict(1, "climbs", start=(3,))
    assert scaler.state.own == 3


def test_function_may_answer_with_a_number():
    verdict = Scaler(lambda state, _: (2, state), workers_max=4).tick(readings("bCCC"))

    assert (verdict.delta, verdict.start) == (2, (2, 3))


def test_what_it_writes_into_its_readings_changes_nothing():
    """The limits go by what was measured: nobody who is busy is stopped."""
    measured = readings("bbbb")

    def greedy(state, shown):
        shown.fill(state="iiii")
        return -3, state

    verdict = Scaler(greedy, workers_max=4).tick(measured)

    assert (verdict.stop, verdict.limited_by) == ((), "no idle worker")
    assert measured == readings("bbbb")


def test_callable_object_will_do():
    class Ladder:
        def __call__(self, state, readings):
            return ladder(state, readings)

    assert Scaler(Ladder(), workers_max=4).tick(readings("bbCC")).reason == "waits"


@pytest.mark.parametrize("profile", PROFILES)
def test_limits_are_around_it(profile):
    scaler = Scaler(lambda state, _: (-9, state), workers_max=4, workers_min=2, profile=profile)
    scaler.begin(readings("iiiC")).tick(readings("iiiC"))

    verdict = scaler.tick(readings("iiiC", 1))

    if profile == "fixed":
        assert (verdict.stop, verdict.limited_by) == ((1,), "workers_min")
    else:
        assert (verdict.stop, verdict.pending) == ((1, 2, 3), -6)


def test_step_is_around_it_in_fixed():
    scaler = Scaler(lambda state, _: (9, state), workers_max=8, workers_step=2)

    verdict = scaler.tick(readings("bCCCCCCC"))

    assert (verdict.start, verdict.limited_by) == ((2, 3), "workers_step")


def test_it_is_asked_only_at_checks():
    asked = []

    def counting(state, readings):
        asked.append(readings.mono_us)
        return 0, state

    scaler = Scaler(counting, workers_max=4, check_interval=2)
    for second in range(5):
        scaler.tick(readings("iiCC", second))

    assert asked == [BEGIN, BEGIN + 2 * 10**6, BEGIN + 4 * 10**6]


@pytest.mark.parametrize("profile", PROFILES)
def test_permission_is_told_to_who_asks_for_it(profile):
    told = []

    def careful(state, readings, may_spawn):
        told.append(may_spawn)
        return 1, state

    scaler = Scaler(careful, workers_max=4, workers_min=1, rss_soft=100, profile=profile)
    scaler.begin(readings("bbCC")).tick(readings("bbCC"))
    told.clear()
    started = []
    for second, used in ((1, 50), (2, 150)):
        given_readings = readings("bbCC", second).fill(rss=[used, 0, 0, 0])
        started.append(scaler.tick(given_readings).start)

    assert told == [True, False]
    assert started == [(3,), ()]


def test_what_it_raises_is_raised_and_the_state_is_as_it_was():
    def broken(state, readings):
        if state == 1:
            raise ZeroDivisionError
        return 0, 1

    scaler = Scaler(broken, workers_max=4, profile="uwsgi-2.1", workers_min=1)
    scaler.begin(readings("iiCC")).tick(readings("iiCC"))
    scaler.tick(readings("iiCC", 1))
    before = scaler.state

    with pytest.raises(ZeroDivisionError):
        scaler.tick(readings("iiCC", 2))

    assert scaler.state == before


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, r"the algorithm gave None; allowed: a pair"),
        ((True, 1), r"the algorithm gave True as its delta; allowed: an int"),
        (1, r"gave 1; allowed: a pair .Verdict or int, new state."),
        (Verdict(1), r"gave Verdict.*; allowed: a pair"),
        ((1.5, None), r"gave 1.5 as its delta; allowed: an int"),
        ((2**31, None), r"gave 2147483648 as its delta"),
        ((Verdict(0, None), None), r"gave None as its reason; allowed: a str"),
    ],
)
def test_answers_of_no_use_are_named(answer, message):
    scaler = Scaler(lambda *_: answer, workers_max=4)

    with pytest.raises(InvalidArgument, match=message):
        scaler.tick(readings("iiCC"))


def test_state_of_its_own_is_saved_and_restored():
    scaler = Scaler(ladder, workers_max=4)
    scaler.tick(readings("bbCC", 0))
    scaler.tick(readings("bbCC", 1))
    saved = scaler.state

    other = Scaler(ladder, workers_max=4, state=State(bytes(saved), own=saved.own))

    assert other.tick(readings("bbCC", 2)) == scaler.tick(readings("bbCC", 2))


def test_pure_call_of_a_function_is_that_of_an_algorithm():
    assert decide(ladder, 2, readings("bbCC")) == (Verdict(1, "climbs"), 3)
    assert decide(lambda s, _: (1, s), None, readings("bbCC")) == (Verdict(1), None)

    verdict, state = Scaler(ladder, workers_max=4).rule.decide(None, readings("bbCC"))
    assert (verdict.reason, state.own) == ("waits", 1)


def backlog(state, readings, may_spawn):
    """As that of the core is in profile fixed, with knobs at their defaults."""
    states = [worker.state for worker in readings.workers]
    live = sum(each in ("idle", "busy", "starting") for each in states)
    queue = readings.listen_queue + readings.waiting
    if queue > 3:
        return Verdict(int(may_spawn and live < len(states))), state
    return Verdict(-1 if queue < 3 and "idle" in states and live > 2 else 0), state


@pytest.mark.slow
@pytest.mark.native
@given(strategies.histories(8, deaths=True, manual=True))
def test_same_rule_in_python_and_in_the_core_starts_and_stops_the_same(history):
    ours = history.run(Scaler(backlog, workers_max=8, workers_min=2))
    theirs = history.run(Scaler(AlgoQueue(), workers_max=8, workers_min=2))

    assert [(s.verdict.start, s.verdict.stop) for s in ours] == [
        (s.verdict.start, s.verdict.stop) for s in theirs
    ]
