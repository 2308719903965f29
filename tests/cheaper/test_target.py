"""`target`, in words: what it does at steady loads, after jumps, and with odd readings."""

import math

import pytest

from uwoffload import InvalidArgument
from uwoffload.cheaper import AlgoTarget, Readings, Scaler, State

SECOND = 1_000_000
MOST = 60


class Steady:
    """A pool under a scaler: so many requests a second, of one length, served as they come.

    load: workers' worth of requests at each moment; the rest of the readings follows from it.
    """

    def __init__(self, *, service_us=100_000, live=10, threads=1, **limits):
        self.scaler = Scaler(AlgoTarget(), **({"workers_max": MOST, "workers_min": 1} | limits))
        self.service_us, self.threads, self.live = service_us, threads, live
        self.now, self.ran, self.starting = 1000 * SECOND, 0, 0

    def check(self, load, **more):
        """A second of it; the new number of workers, those that start included."""
        self.now += SECOND
        self.ran += int(load * SECOND)
        ready = self.live - self.starting
        busy = min(round(load / self.threads), ready)
        letters = ("b" * busy).ljust(ready, "i").ljust(self.live, "s").ljust(MOST, "C")
        done = round(load * SECOND / self.service_us)
        readings = Readings(MOST).at(self.now)
        readings.fill(state=letters[: len(readings.workers)])
        for i in range(busy):
            readings.workers[i].in_request = self.threads
        readings.workers[0].running_time_us = self.ran
        readings.arrivals = readings.completions = done
        for name, value in more.items():
            setattr(readings, name, value)
        verdict = self.scaler.tick(readings)
        self.starting = max(verdict.delta, 0)
        self.live += verdict.delta
        return self.live

    def checks(self, count, load, **more):
        for _ in range(count):
            self.check(load, **more)
        return self.live


@pytest.mark.parametrize("load", [2, 9, 25])
def test_short_requests_get_square_root_staffing(load):
    """load + beta sqrt(load), beta = 1.42 for a tenth that waits, and one more of variance."""
    found = Steady(live=5).checks(120, load)

    assert load + 1.42 * math.sqrt(load) - 1 <= found <= load + 1.42 * math.sqrt(load + 2) + 2


def test_long_requests_get_a_worker_each_and_few_more():
    """What is in progress now will still be: chance has little to add."""
    long = Steady(service_us=60 * SECOND, live=30).checks(150, 25)
    short = Steady(service_us=100_000, live=30).checks(150, 25)

    assert 25 <= long <= 30 < short


def test_jump_is_believed_at_once():
    pool = Steady(live=8)
    pool.checks(90, 4)

    pool.check(16)

    assert pool.live >= 16


def test_wobble_moves_nobody():
    pool = Steady(live=8)
    settled = pool.checks(120, 4)

    assert {pool.check(4 + wobble) for wobble in (0.4, -0.4, 0.3, -0.3) * 10} == {settled}


def test_workers_that_start_are_not_asked_for_again():
    pool = Steady(live=4)
    pool.checks(90, 2)
    first = pool.check(20)

    assert pool.check(20) - first <= 2


def test_what_was_wanted_lately_stays():
    """Down only when nobody was needed for shrink_after seconds, then all at once."""
    pool = Steady(live=8)
    high = pool.checks(60, 12)

    assert pool.checks(17, 2) == high
    assert pool.checks(10, 2) < high / 2


def test_queue_is_to_be_gone_within_drain():
    """40 requests of half a second, in one second: twenty workers beside those at work."""
    calm, queued = Steady(service_us=500_000), Steady(service_us=500_000)
    calm.checks(90, 4)
    queued.checks(90, 4)

    assert queued.check(4, listen_queue=30, waiting=10) - calm.check(4) >= 10


def test_threads_of_a_worker_share_the_load():
    """The same load on workers of four threads needs a quarter of them, and a few."""
    assert Steady(live=8, threads=4).checks(120, 16) <= 8


def test_step_is_kept_and_0_acts_as_1():
    for step, most in ((0, 1), (1, 1), (3, 3)):
        pool = Steady(live=2, workers_step=step)
        pool.check(2)
        assert pool.check(20) == 2 + most


def test_absurd_counter_is_forgotten():
    """One reading of 2^64 - 1 arrivals, and a window later all is as before."""
    pool, other = Steady(live=10), Steady(live=10)
    pool.checks(70, 5)
    other.checks(230, 5)

    pool.check(5, arrivals=2**64 - 1)

    assert pool.checks(160, 5) == other.live


def test_arrivals_that_nobody_counts_are_those_that_went_through():
    pool = Steady(live=10)
    found = pool.checks(120, 9, arrivals=0)

    assert found >= 12


def test_state_from_a_damaged_file_is_no_danger():
    """Whatever stands in it: a verdict, and no crash."""
    scaler = Scaler(AlgoTarget(), workers_max=4, workers_min=1)
    readings = Readings(4).at(SECOND).fill(state="iibC")
    scaler.tick(readings)
    sound = bytes(scaler.state)

    for position in range(8, len(sound), 8):
        for word in (b"\xff" * 8, bytes(8), (0x7FF8 << 48).to_bytes(8, "little")):
            scaler.state = State(sound[:position] + word + sound[position + 8 :])
            verdict = tick(scaler, readings)
            assert verdict is None or -4 <= verdict.delta <= 4


def tick(scaler, readings):
    """None: refused, for the clock of the state is ahead."""
    try:
        return scaler.tick(readings.at(readings.mono_us + SECOND))
    except InvalidArgument:
        return None
