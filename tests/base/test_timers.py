"""The timing wheel against a plain list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whitebox import NEVER, ffi, lib

SPAN = 1 << 36  # what six levels of six bits hold


class Timers:
    def __init__(self, now=0):
        self.cdata = ffi.new("struct timers *")
        lib.timers_init(self.cdata, now)

    def timer(self):
        timer = ffi.new("struct timer *")
        lib.timer_init(timer)
        return timer

    def set(self, timer, at):
        lib.timers_set(self.cdata, timer, at)

    def next(self):
        return lib.timers_next(self.cdata)

    def take(self, now):
        """All that are due, in the order they come."""
        found = []
        while (timer := lib.wb_timers_take(self.cdata, now)) != ffi.NULL:
            found.append(timer)
        return found


def test_without_timers_nothing_is_due():
    timers = Timers()

    assert (NEVER, []) == (timers.next(), timers.take(10**9))


@pytest.mark.parametrize("at", [0, 1, 63, 64, 65, 4095, 4096, 10**6, SPAN - 1])
def test_a_timer_is_due_at_its_time_and_not_before(at):
    timers = Timers()
    timer = timers.timer()
    timers.set(timer, at)

    assert timers.next() <= max(at, 0)
    assert at == 0 or timers.take(at - 1) == []
    assert timers.take(at) == [timer]
    assert (NEVER, NEVER) == (timer.at_ms, timers.next())


@pytest.mark.parametrize("now", [0, 63, 64, 4095, 10**9, SPAN - 2])
def test_a_time_that_has_passed_is_due_at_once(now):
    timers = Timers(now)
    timer = timers.timer()
    timers.set(timer, now // 2)

    assert (now, [timer]) == (timers.next(), timers.take(now))


def test_a_timer_that_is_cleared_never_comes():
    timers = Timers()
    timer = timers.timer()

    lib.timers_clear(timer)
    timers.set(timer, 10)
    lib.timers_clear(timer)
    lib.timers_clear(timer)

    assert (NEVER, []) == (timer.at_ms, timers.take(100))


def test_a_timer_may_be_moved():
    timers = Timers()
    timer = timers.timer()
    timers.set(timer, 10)
    timers.set(timer, 5000)

    assert ([], [timer]) == (timers.take(4999), timers.take(5000))


@pytest.mark.parametrize("now", [0, 5, SPAN - 3, SPAN + 3])
@pytest.mark.parametrize("spans", [1, 2, 5])
def test_one_beyond_the_edge_of_the_wheel_comes_at_its_time(now, spans):
    timers = Timers(now)
    timer, at = timers.timer(), now + spans * SPAN + 7
    timers.set(timer, at)

    assert timers.next() <= at
    assert ([], [timer]) == (timers.take(at - 1), timers.take(at))


def test_one_for_never_stays():
    timers = Timers()
    timer = timers.timer()

    timers.set(timer, NEVER)

    assert timers.take(5 * SPAN) == []


STEPS = st.one_of(
    st.integers(0, 5),
    st.integers(0, 200),
    st.integers(0, 10_000),
    st.integers(0, 10**8),
    st.integers(0, 3 * SPAN),
)


@given(
    start=st.one_of(st.just(0), st.integers(0, 2**40)),
    moves=st.lists(st.tuples(st.sampled_from(["set", "clear", "pass"]), st.integers(0, 15), STEPS)),
)
def test_they_behave_like_a_list(start, moves):
    """Sixteen timers, set, moved and cleared while time passes."""
    timers, now, armed = Timers(start), start, {}
    pool = [timers.timer() for _ in range(16)]

    for move, index, step in moves:
        if move == "set":
            timers.set(pool[index], now + step)
            armed[index] = now + step
        elif move == "clear":
            lib.timers_clear(pool[index])
            armed.pop(index, None)
        else:
            now += step
            due = sorted(at for at in armed.values() if at <= now)
            taken = [pool.index(timer) for timer in timers.take(now)]
            assert sorted(armed[index] for index in taken) == due
            assert len(set(taken)) == len(taken)
            armed = {index: at for index, at in armed.items() if at > now}
        assert timers.next() <= min(armed.values(), default=NEVER)
        assert (timers.next() == NEVER) == (not armed)


@given(st.lists(STEPS, min_size=1, max_size=40))
def test_those_due_come_in_the_order_of_their_times(steps):
    timers = Timers()
    pool = {}
    for step in steps:
        timer = timers.timer()
        timers.set(timer, step)
        pool[timer] = step

    taken = [pool[timer] for timer in timers.take(3 * SPAN)]

    assert taken == sorted(taken)


@given(st.lists(STEPS, min_size=1, max_size=40))
def test_sleeping_until_next_wakes_rarely(steps):
    """Once per level and span of the wheel for a timer at most, however far away it is."""
    timers = Timers()
    kept = [timers.timer() for _ in steps]
    for timer, step in zip(kept, steps, strict=True):
        timers.set(timer, step)
    found, wakes = 0, 0

    while (at := timers.next()) != NEVER:
        found += len(timers.take(at))
        wakes += 1

    assert (len(steps), True) == (found, wakes <= 9 * len(steps) + 1)
