"""Limits and paces of csrc/task/limits.c: tables, and random clients judged by plain arithmetic."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whitebox import NEVER, ffi, lib

LIMIT_NEVER = 2**32 - 1
S = 1_000_000
MS = 1000
START = 5 * S

WELL, DEADLINE, NO_PROGRESS, TOO_SLOW = (
    lib.UWO_FINISHED,
    lib.UWO_DEADLINE,
    lib.UWO_NO_PROGRESS,
    lib.UWO_TOO_SLOW,
)


class Limits:
    def __init__(self, deadline_ms=LIMIT_NEVER, no_progress_ms=LIMIT_NEVER, rate=0, window_ms=5000):
        self.cdata = ffi.new("struct limits *")
        self.cdata.deadline_ms = deadline_ms
        self.cdata.no_progress_ms = no_progress_ms
        self.floor = ffi.NULL
        lib.limits_start(self.cdata, START)
        if rate:
            self.floor = ffi.new("struct rate_floor *")
            self.floor.rate = rate
            self.floor.window_ms = window_ms
            lib.rate_floor_start(self.floor, START)

    def judge(self, after_us, moved, owed=True):
        return lib.limits_judge(self.cdata, self.floor, START + after_us, moved, owed)

    def next(self, after_us):
        at = lib.limits_next_us(self.cdata, self.floor, START + after_us)
        return math.inf if at == NEVER else at - START

    def watch(self, moved_at, until_us, owed=lambda _: True):
        """Judge whenever the limits ask to be; (outcome, when), or (WELL, until_us)."""
        now = self.next(0)
        while now < until_us:
            outcome = self.judge(now, moved_at(now), owed(now))
            if outcome != WELL:
                return outcome, now
            later = self.next(now)
            assert later > now
            now = later
        return WELL, until_us


# ---- deadline


@pytest.mark.parametrize(
    ("after_us", "outcome"), [(0, WELL), (999_999, WELL), (S, DEADLINE), (9 * S, DEADLINE)]
)
def test_the_deadline_counts_from_the_start(after_us, outcome):
    assert Limits(deadline_ms=1000).judge(after_us, moved=after_us) == outcome


def test_without_limits_there_is_nothing_to_judge():
    limits = Limits()

    assert (WELL, math.inf) == (limits.judge(10**12, moved=0), limits.next(10**12))


@pytest.mark.parametrize("owed", [True, False])
def test_the_deadline_counts_also_when_nothing_is_owed(owed):
    assert Limits(deadline_ms=1000).judge(S, moved=0, owed=owed) == DEADLINE


# ---- no progress


def test_a_client_that_moves_a_byte_now_and_then_lives():
    limits = Limits(no_progress_ms=1000)

    assert limits.watch(lambda now: now // (900 * MS), until_us=100 * S) == (WELL, 100 * S)


def test_time_does_not_run_while_nothing_is_owed():
    limits = Limits(no_progress_ms=1000)

    assert limits.watch(lambda _: 0, until_us=60 * S, owed=lambda _: False)[0] == WELL


def test_it_runs_again_once_something_is_owed():
    limits = Limits(no_progress_ms=1000)

    outcome, when = limits.watch(lambda _: 0, until_us=60 * S, owed=lambda now: now > 10 * S)

    assert (NO_PROGRESS, True) == (outcome, 11 * S <= when <= 12 * S)


def test_acknowledgements_never_go_back():
    limits = Limits(no_progress_ms=1000)

    limits.judge(500 * MS, moved=100)
    assert limits.judge(900 * MS, moved=50) == WELL
    assert limits.judge(1500 * MS, moved=100) == NO_PROGRESS


@given(
    limit_ms=st.integers(1, 120_000),
    dies_us=st.integers(0, 10 * S),
    step_us=st.integers(1, 60 * S),
)
def test_a_peer_that_is_gone_dies_within_its_limit_and_a_second(limit_ms, dies_us, step_us):
    """It moves a byte every step until it dies."""
    step_us = min(step_us, limit_ms * MS // 2 + 1)
    limits = Limits(no_progress_ms=limit_ms)

    outcome, when = limits.watch(
        lambda now: min(now, dies_us) // step_us, until_us=dies_us + limit_ms * MS + 2 * S
    )

    assert outcome == NO_PROGRESS
    assert when <= dies_us + limit_ms * MS + S


@given(
    limit_ms=st.integers(80, 60_000),
    gaps_us=st.lists(st.floats(0.01, 0.7), min_size=1, max_size=30),
)
def test_slow_but_steady_progress_lives(limit_ms, gaps_us):
    """Gaps between bytes stay below three quarters of the limit: sampling takes the rest."""
    limits = Limits(no_progress_ms=limit_ms)
    times, at = [], 0.0
    for gap in gaps_us * 3:
        at += gap * limit_ms * MS
        times.append(at)

    outcome, _ = limits.watch(lambda now: sum(t <= now for t in times), until_us=at)

    assert outcome == WELL


@given(
    st.integers(1, LIMIT_NEVER - 1),
    st.integers(1, LIMIT_NEVER),
    st.integers(0, 10**9),
    st.integers(0, 1),
)
def test_the_next_look_is_never_too_late_nor_in_the_past(
    deadline_ms, no_progress_ms, after_us, grew
):
    limits = Limits(deadline_ms=deadline_ms, no_progress_ms=no_progress_ms)

    if limits.judge(after_us, moved=grew) == WELL:
        assert after_us < limits.next(after_us) <= deadline_ms * MS


# ---- minimum rate


def test_a_fast_client_lives():
    limits = Limits(rate=10_000, window_ms=1000)

    assert limits.watch(lambda now: now // 50, until_us=100 * S)[0] == WELL


def test_nothing_is_judged_within_the_grace_time():
    limits = Limits(rate=10**9, window_ms=3000)

    assert [limits.judge(t * S, moved=0) for t in (1, 2)] == [WELL, WELL]
    assert limits.judge(3 * S, moved=0) == TOO_SLOW


def test_a_client_below_the_rate_is_too_slow():
    limits = Limits(rate=100_000, window_ms=1000)

    outcome, when = limits.watch(lambda now: now // 100, until_us=60 * S)

    assert (TOO_SLOW, True) == (outcome, when >= S)


@given(rate=st.integers(1000, 10**7), share=st.floats(0, 0.9), window_ms=st.integers(100, 5000))
def test_how_soon_one_who_is_too_slow_is_found(rate, share, window_ms):
    """As soon as it is a lump behind, and a window at most."""
    limits = Limits(rate=rate, window_ms=window_ms)
    lump_us = lib.wb_rate_floor_lump() / (rate * (1 - share)) * S

    outcome, when = limits.watch(lambda now: int(rate * share * now / S), until_us=10**12)

    assert outcome == TOO_SLOW
    assert when <= lump_us + 2 * window_ms * MS + 2


@given(
    rate=st.integers(1000, 10**7),
    lump=st.integers(1, lib.wb_rate_floor_lump() - 10),
    window_ms=st.integers(100, 5000),
)
def test_acknowledgements_in_lumps_live(rate, lump, window_ms):
    """A client at just the minimum rate, seen in steps of up to a lump."""
    limits = Limits(rate=rate, window_ms=window_ms)

    outcome, _ = limits.watch(
        lambda now: math.ceil(rate * now / S) // lump * lump, until_us=100 * window_ms * MS
    )

    assert outcome == WELL


def test_a_time_in_which_nothing_is_owed_does_not_count():
    limits = Limits(rate=1_000_000, window_ms=1000)

    outcome, _ = limits.watch(lambda _: 0, until_us=60 * S, owed=lambda _: False)

    assert outcome == WELL


# ---- maximum rate


class Pace:
    def __init__(self, rate, now_us=START):
        self.cdata = ffi.new("struct pace *")
        self.cdata.rate = rate
        lib.pace_start(self.cdata, now_us)

    def allowance(self, now_us):
        return lib.pace_allowance(self.cdata, now_us)

    def next(self, now_us):
        return lib.pace_next_us(self.cdata, now_us)

    def spend(self, count):
        lib.pace_spend(self.cdata, count)


RATES = st.one_of(st.integers(1, 10_000), st.integers(1, 10**12))


def quantum(rate):
    return rate // 16 + 1


@given(RATES)
def test_a_quantum_is_there_at_once(rate):
    assert Pace(rate).allowance(START) == quantum(rate)


@given(RATES)
def test_nothing_is_allowed_until_a_whole_quantum_is_there(rate):
    pace = Pace(rate)
    pace.spend(pace.allowance(START))

    at = pace.next(START)

    assert at > START
    assert pace.allowance(START) == 0
    assert pace.allowance(at) >= quantum(rate)


@given(RATES)
def test_with_a_quantum_at_hand_the_next_is_now(rate):
    pace = Pace(rate)

    assert pace.next(START) == START


@given(
    rate=RATES,
    turns=st.lists(st.tuples(st.integers(0, 3 * S), st.floats(0, 1)), max_size=60),
)
def test_never_more_than_the_rate_and_two_quanta(rate, turns):
    """In every span of time, however it is looked at and spent."""
    pace = Pace(rate)
    now, spent = START, [(START, 0)]

    for passed, share in turns:
        now += passed
        count = int(pace.allowance(now) * share)
        pace.spend(count)
        spent.append((now, spent[-1][1] + count))

    for index, (from_us, before) in enumerate(spent):
        for until_us, total in spent[index:]:
            assert total - before <= rate * (until_us - from_us) / S + 2 * quantum(rate) + 1


@given(
    rate=st.integers(16, 10**12),
    late=st.lists(st.integers(0, S // 16), min_size=1, max_size=200),
)
def test_nothing_is_lost_by_one_who_is_up_to_a_sixteenth_late(rate, late):
    """Spending everything at each quantum, late every time."""
    pace = Pace(rate)
    now, total = START, 0

    for delay in late:
        allowed = pace.allowance(now)
        total += allowed
        pace.spend(allowed)
        now = pace.next(now) + delay
    total += pace.allowance(now)

    # A quantum is rounded up by a byte: one who is later than that may lose as much each time.
    assert total >= rate * (now - START) // S - len(late) - 2


@given(RATES, st.integers(S, 10**9))
def test_after_a_pause_there_are_two_quanta_at_most(rate, pause_us):
    pace = Pace(rate)

    assert pace.allowance(START + pause_us) == 2 * quantum(rate)


@given(RATES)
def test_more_than_there_is_cannot_be_spent(rate):
    pace = Pace(rate)

    pace.spend(2**63)

    assert pace.allowance(START) == 0
