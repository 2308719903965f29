"""What `target` is for, one claim at a time; `test_target_model.py` compares every number."""

import math
from array import array
from random import Random

import pytest

from uwoffload.cheaper import AlgoTarget, Readings, Scaler, State, algorithms

from .fixed_model import Limits, Moment, Worker
from .target_model import BETAS, LOGARITHM, PER_MILLE, Target, crossing, share_that_waits

SECOND = 1_000_000
BEGIN = 10**12


class Pool:
    """Measured once a second: what arrived, and how long it took."""

    def __init__(self, workers_max=400, *, service_s=0.1, startup_s=0, **options):
        given = {name: options.pop(name) for name in KNOBS & set(options)}
        self.scaler = Scaler(AlgoTarget(**given), workers_max=workers_max, **options)
        self.now, self.ran, self.service_s = BEGIN, 0, service_s
        self.readings = Readings(workers_max)
        self.check(0, live="i", first=True)

    def check(self, arrivals, *, live="i", work_s=None, first=False, seconds=1, **values):
        """`live`: letters of the workers that are there."""
        self.now += int(seconds * SECOND)
        readings = self.readings.at(self.now)
        most = readings.workers_max
        readings.fill(state=live.ljust(most, "C"))
        readings.arrivals = arrivals
        readings.completions = values.pop("completions", arrivals)
        readings.listen_queue = values.pop("queue", 0)
        readings.oldest_wait_us = int(values.pop("oldest_s", 0) * SECOND)
        readings.memory_total = values.pop("memory", 0)
        for name in ("in_request", "ready_since_us"):
            column = values.pop(name, [])
            readings.fill(**{name: [*column, *[0] * (most - len(column))]})
        work = arrivals * self.service_s if work_s is None else work_s
        self.ran += int(work * SECOND)
        readings.workers[0].running_time_us = self.ran
        assert not values
        if first:
            self.scaler.begin(readings)
            return None
        return self.scaler.tick(readings)

    def steady(self, arrivals, checks=70, **values):
        """The last of many."""
        for _ in range(checks):
            verdict = self.check(arrivals, **values)
        return verdict


KNOBS = {"wait_share", "wait_p99", "shrink_after", "drain", "window"}


def wanted(verdict, live=1):
    return live + verdict.delta


# ---- how many ----


@pytest.mark.parametrize("load", [10, 50, 200])
def test_short_requests_get_their_load_and_a_multiple_of_its_root(load):
    """Square-root staffing: a tenth of the requests may wait, so beta is 1.43."""
    found = wanted(Pool(service_s=0.05).steady(load * 20))

    assert load + 1.3 * math.sqrt(load) < found < load + 1.7 * math.sqrt(load + 1) + 1


def test_long_requests_keep_the_workers_they_have_and_a_few_more():
    """The load is 30; 50 of them are in progress, and one in sixty ends before the next check."""
    pool = Pool(service_s=60, shrink_after=0)

    found = wanted(pool.steady(1, live="b" * 50, completions=1, work_s=60), 50)

    assert 50 <= found <= 55


@pytest.mark.parametrize("shares", [(400, 200), (200, 100), (100, 50), (50, 10), (10, 1)])
def test_fewer_that_may_wait_want_more_workers(shares):
    many, few = (wanted(Pool(wait_share=share).steady(1000)) for share in shares)

    assert many < few


@pytest.fixture(scope="module")
def beta_of():
    """
    The multiple of the deviation that knobs give, to a thousandth.

    Start-up takes much longer than a request, so all that counts is yet to come; and the load,
    40,000, is known from one check alone, whose error of 10 sqrt(4000), twice, is added.
    """
    pool = Pool(60_000, service_s=10)
    for _ in range(10):
        pool.check(100, live="s" * 100, seconds=100)
    pool.check(100, live="i" * 100, ready_since_us=[pool.now + 1] * 100)
    state = pool.scaler.state
    readings = pool.readings.at(pool.now + SECOND)
    readings.arrivals = readings.completions = 4000
    readings.workers[0].running_time_us += 40_000 * SECOND
    deviation = math.sqrt(40_000 + 4 * 4000 * 10**2 + 1)

    def beta(**knobs):
        rule = AlgoTarget(window=1, **knobs).rule(60_000)
        workers = rule.decide(state, readings)[0].delta + 100
        return (workers - 40_000) / deviation

    return beta


WORKER = 1e-3  # so much of a beta


def test_every_share_gets_the_beta_of_theory(beta_of):
    """Halfin and Whitt, between quarters in a straight line."""
    for share in (*range(1, 1000, 7), 2, 3, 999):
        beta = beta_of(wait_share=share)

        assert share_that_waits(beta) * 1000 == pytest.approx(share, rel=0.1, abs=5)
        assert beta == pytest.approx(crossing(PER_MILLE, share), abs=WORKER)


def test_every_wait_gets_the_beta_at_which_one_in_a_hundred_exceeds_it(beta_of):
    """share(beta) exp(-beta sqrt(load) wait / service) = 0.01."""
    for wait_ms in (1, *(round(10 ** (i / 20)) for i in range(20, 75))):
        fall = math.sqrt(40_000) * wait_ms / 10_000
        beta = beta_of(wait_p99=wait_ms)

        exceeding = share_that_waits(beta) * math.exp(-beta * fall)
        assert exceeding == pytest.approx(0.01, rel=0.1)
        values = [log - at * fall for log, at in zip(LOGARITHM, BETAS, strict=True)]
        assert beta == pytest.approx(crossing(values, math.log(0.01)), abs=WORKER)


def test_a_wait_that_one_in_a_hundred_may_exceed_replaces_the_share():
    """The longer it may be, the fewer; the other knob is then without effect."""
    found = [
        [wanted(Pool(wait_p99=ms, wait_share=share).steady(1000)) for ms in (1, 20, 100, 10_000)]
        for share in (1, 900)
    ]

    assert found[0] == found[1] == sorted(found[0], reverse=True)
    assert len(set(found[0])) == 4
    assert 100 <= found[0][-1] <= 101  # beta is next to nothing


# ---- what is believed ----


def test_a_jump_of_the_arrivals_is_believed_at_once():
    pool = Pool()
    before = wanted(pool.steady(100))

    assert before < 20
    assert wanted(pool.check(1000)) > 100


def test_a_fall_is_believed_at_once_too():
    pool = Pool(shrink_after=0)
    pool.steady(1000, live="i" * 120)

    assert pool.check(100, live="i" * 120).delta < -80


def test_a_wobble_is_not_believed():
    """Of one deviation, 32 in 1000: a long average hardly moves, a single check does."""
    calm, nervous = Pool(), Pool(window=1)
    moved = []
    for pool in (calm, nervous):
        before = wanted(pool.steady(1000))
        moved.append(wanted(pool.check(1032)) - before)

    assert moved[0] <= 1 < moved[1]


def test_service_time_is_work_by_completions():
    """As many requests, ten times as long: ten times the load."""
    short, long = (
        wanted(Pool(service_s=s).steady(200, live="b" * int(200 * s)), int(200 * s))
        for s in (0.1, 1)
    )

    assert 20 < short < 30
    assert 200 < long < 230


def test_without_counted_arrivals_completions_and_the_queue_tell():
    pool = Pool()

    found = wanted(pool.steady(0, completions=1000, work_s=100))

    assert found == wanted(Pool().steady(1000))
    assert wanted(pool.check(0, completions=1000, work_s=100, queue=1000)) > found + 50


def test_a_counter_that_began_anew_counts_for_nothing():
    pool = Pool()
    before = wanted(pool.steady(1000))
    pool.ran = 0

    assert wanted(pool.check(1000, work_s=0)) <= before


def test_several_requests_per_worker_need_fewer_workers():
    """As many at a time as a worker was ever seen to have."""
    one, four = Pool(), Pool()
    four.check(1000, live="b", in_request=[4])

    assert wanted(four.steady(1000)) == pytest.approx(wanted(one.steady(1000)) / 4, abs=1)


def test_no_time_went_by():
    pool = Pool()
    pool.steady(100)
    state = pool.scaler.state

    verdict, after = pool.scaler.rule.decide(state, pool.readings)

    assert (verdict.delta, verdict.reason) == (0, "no time went by")
    assert after == state


# ---- the queue ----


@pytest.mark.parametrize(("drain", "extra"), [(1000, 200), (2000, 100), (4000, 50)])
def test_a_queue_is_to_be_gone_within_drain(drain, extra):
    """2000 requests of 0.1 s are 200 seconds of work."""
    pool = Pool(drain=drain)
    pool.steady(1000, live="b" * 100)

    found = wanted(pool.check(1000, live="b" * 100, queue=2000), 100)

    assert found == pytest.approx(100 + extra, abs=1)


def test_a_queue_whose_oldest_waits_too_long_is_to_be_gone_in_half_of_that():
    found = []
    for oldest in (2.0, 2.1):
        pool = Pool(drain=2000)
        pool.steady(1000, live="b" * 100)
        verdict = pool.check(1000, live="b" * 100, queue=2000, oldest_s=oldest)
        found.append(wanted(verdict, 100))

    assert found == [pytest.approx(200, abs=1), pytest.approx(300, abs=1)]


# ---- up, and down ----


def test_workers_that_are_starting_count():
    pool = Pool()
    missing = pool.steady(1000).delta

    assert pool.check(1000, live="i" + "s" * missing).delta == 0


def test_a_slow_start_looks_further_ahead():
    """Workers that took 100 s to become ready: the load is 60, and then all of it will be there."""
    found = []
    for ready in (False, True):
        pool = Pool(service_s=60)
        pool.check(1, live="b" * 50 + "s")
        since = [0] * 50 + [pool.now + 1] * ready
        pool.check(100, live="b" * 50 + "i", seconds=100, ready_since_us=since)
        found.append(wanted(pool.check(1, live="b" * 50), 50))

    assert found[0] < 55
    assert found[1] > 65


def test_wants_are_forgotten_by_stretches_of_a_seventh_of_shrink_after():
    """As the model does, at the very ends of them too."""
    rng = Random("stretches")
    for shrink_after in (0, 7, 14):
        knobs = {"shrink_after": shrink_after, "window": 1, "wait_share": 50, "wait_p99": 0}
        limits = Limits(400, 1, 400)
        model = Target(limits, knobs | {"drain": 1000})
        pool = Pool(400, workers_min=1, **knobs)
        model.begin(Moment(pool.now, [Worker("i")] + [Worker("C")] * 399))
        for _ in range(200):
            arrivals, seconds = (
                rng.choice([0, 10, 400, 1500, 3000]),
                rng.choice([1, 1, 1, 2, 7, 8, 9, 16, 17]),
            )
            verdict = pool.check(arrivals, live="i" * 400, seconds=seconds)
            workers = [Worker("i", running_time_us=pool.ran)] + [Worker("i")] * 399
            moment = Moment(pool.now, workers, arrivals=arrivals, completions=arrivals)
            assert verdict.delta == model.decide(moment, True)


@pytest.mark.parametrize("shrink_after", [1, 7, 8, 16, 20, 30, 100])
def test_nobody_is_given_up_before_shrink_after_and_not_much_later(shrink_after):
    pool = Pool(shrink_after=shrink_after)
    live = "i" * wanted(pool.steady(1000))

    answers = [pool.check(0, live=live).delta for _ in range(shrink_after * 8 // 7 + 2)]

    assert answers[: shrink_after - 1] == [0] * (shrink_after - 1)
    assert answers[-1] < -100


@pytest.mark.parametrize("gap", [7, 8, 9, 10])
def test_what_is_wanted_after_a_gap_is_kept_as_long(gap):
    """A gap as long as all that is remembered, to the second."""
    pool = Pool(shrink_after=7, window=1)
    live = "i" * wanted(pool.steady(1000))
    pool.steady(1000, live=live)
    pool.check(1000 * gap, live=live, seconds=gap)

    answers = [pool.check(0, live=live).delta for _ in range(10)]

    assert answers[:6] == [answers[0]] * 6
    assert answers[9] < answers[0] - 50


def test_several_are_given_up_at_once_and_never_the_minimum():
    pool = Pool(shrink_after=0, workers_min=7)

    assert pool.steady(0, live="i" * 100).stop == tuple(range(1, 94))


def test_no_fewer_are_kept_than_the_last_seconds_wanted():
    pool = Pool(shrink_after=20)
    wants = wanted(pool.steady(1000), 1)

    verdict = pool.check(10, live="i" * 200)

    assert 200 + verdict.delta == pytest.approx(wants, abs=1)


def test_steps_bound_how_many_are_started():
    assert Pool(workers_step=3).steady(1000).start == (2, 3, 4)
    assert len(Pool(9).steady(1000).start) == 8


def test_memory_forbids_to_start():
    pool = Pool(rss_soft=100)

    verdict = pool.steady(1000, memory=100)

    assert (verdict.delta, verdict.limited_by) == (0, "rss_soft")
    assert verdict.reason == "the coming load needs more, but memory forbids to start"
    assert pool.check(1000, memory=99).delta > 90


@pytest.mark.parametrize(
    ("live", "arrivals", "reason"),
    [
        ("i", 1000, "the coming load needs more"),
        ("i" * 115, 1000, "as many as the coming load needs"),
        ("i" * 300, 1000, "fewer were needed for long enough"),
    ],
)
def test_reason_is_given(live, arrivals, reason):
    assert Pool().steady(arrivals, live=live).reason == reason


# ---- knobs and state ----


def test_knobs_have_their_defaults_and_ranges():
    found = {k.name: (k.default, k.min, k.max, k.unit) for k in algorithms()["target"].knobs}

    assert found == {
        "wait_share": (100, 1, 999, "per mille"),
        "wait_p99": (0, 0, 3_600_000, "ms"),
        "shrink_after": (20, 0, 86_400, "s"),
        "drain": (1000, 1, 3_600_000, "ms"),
        "window": (64, 1, 64, "checks"),
    }


PER_WORKER = 5 + 9  # the lower half of that word of a state; see cheaper/target.c


def test_a_state_that_says_no_request_per_worker_is_mended():
    """It comes from outside, and is a divisor."""
    pool = Pool()
    pool.steady(1000)
    pool.now += SECOND
    words = list(pool.scaler.state.words)
    assert words[PER_WORKER] & 0xFFFFFFFF == 1
    words[PER_WORKER] -= 1
    odd = State(array("Q", words).tobytes())
    readings = pool.readings.at(pool.now)

    answers = [pool.scaler.rule.decide(state, readings) for state in (pool.scaler.state, odd)]

    assert answers[0] == answers[1]
