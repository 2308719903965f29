"""The scaler: a whole check, profile by profile; each mended quirk stands beside what it was."""

import pickle

import pytest

from uwoffload import InvalidArgument
from uwoffload.cheaper import (
    Algo,
    AlgoBusyness,
    AlgoManual,
    AlgoQueue,
    AlgoSpare,
    AlgoSpare2,
    Readings,
    Scaler,
    Verdict,
    algorithms,
    verdict,
)

BEGIN = 1_000_000_000_000
SECOND = 1_000_000


class Pool:
    """A scaler, and readings one second apart that the test writes."""

    def __init__(self, algorithm, workers_max, profile="fixed", begin=BEGIN, **limits):
        self.scaler = Scaler(algorithm, workers_max=workers_max, profile=profile, **limits)
        self.now = begin
        self.readings = Readings(workers_max)
        if profile != "fixed":  # the first call only arms
            self.scaler.begin(self.readings.at(self.now))
            self.scaler.tick(self.readings)

    def tick(self, letters, seconds=1.0, **values):
        self.now += int(seconds * SECOND)
        self.readings.at(self.now).fill(state=letters)
        for name in ("manual", "listen_queue", "waiting", "memory_total"):
            setattr(self.readings, name, values.pop(name, 0))
        self.readings.fill(**values)
        return self.scaler.tick(self.readings)


def deltas(pool, *ticks):
    return [
        pool.tick(*tick).delta if isinstance(tick, tuple) else pool.tick(tick).delta
        for tick in ticks
    ]


# ---- the verdict ----


def test_verdict_says_who_is_to_be_started():
    verdict = Pool(AlgoQueue(), 6, workers_step=2).tick("bCbCCC", listen_queue=9)

    assert verdict == Verdict(2, "the queue is too long", start=(2, 4))
    assert not verdict.memory_spoke


def test_verdict_says_who_is_to_be_stopped():
    verdict = Pool(AlgoQueue(), 4).tick("ibii", started_s=[3, 1, 2, 9])

    assert verdict == Verdict(-1, "the queue is short", stop=(3,))


def test_between_two_checks_nothing_happens():
    pool = Pool(AlgoQueue(), 4, check_interval=2)
    assert pool.tick("bCCC", listen_queue=9).fired

    verdict = pool.tick("bCCC", 1, listen_queue=9)

    assert (False, 0, ()) == (verdict.fired, verdict.delta, verdict.start)
    assert pool.tick("bCCC", 1, listen_queue=9).start == (2,)


@pytest.mark.parametrize("limit", ["rss_soft", "rss_hard"])
def test_verdict_says_that_memory_spoke(limit):
    pool = Pool(AlgoQueue(), 4, workers_min=2, rss_soft=100, rss_hard=200)
    used = 150 if limit == "rss_soft" else 250

    verdict = pool.tick("biiC", listen_queue=9, memory_total=used)

    assert (limit, True) == (verdict.limited_by, verdict.memory_spoke)
    assert verdict.delta == (0 if limit == "rss_soft" else -1)


@pytest.mark.parametrize("name", algorithms())
def test_scaler_takes_a_name_a_class_an_object_or_a_rule(name):
    algo = Algo.named(name)
    readings = Readings(4).at(BEGIN).fill(state="iiCC")

    answers = {
        Scaler(name, workers_max=4).tick(readings),
        Scaler(type(algo), workers_max=4).tick(readings),
        Scaler(algo, workers_max=4).tick(readings),
        Scaler(algo.rule(4)).tick(readings),
    }

    assert len(answers) == 1


def test_scaler_goes_to_another_process_with_its_state():
    pool = Pool(AlgoSpare(check_interval_overload=3), 4)
    deltas(pool, "bbCC", "bbCC")

    pool.scaler = pickle.loads(pickle.dumps(pool.scaler))

    assert deltas(pool, "bbCC") == [1]


def test_failed_tick_leaves_the_state_as_it_was():
    pool = Pool(AlgoSpare(check_interval_overload=3), 4)
    pool.tick("bbCC")
    before = pool.scaler.state
    pool.readings.workers[1].number = 1

    with pytest.raises(InvalidArgument, match="worker 1 where 2 should be"):
        pool.scaler.tick(pool.readings.at(pool.now + SECOND))

    assert pool.scaler.state == before
    pool.readings.workers[1].number = 2
    assert deltas(pool, "bbCC", "bbCC") == [0, 1]


# ---- mended quirks: what it was, and what it is; docs/scaling.md lists them ----

UWSGI = "uwsgi-2.0", "uwsgi-2.1"


@pytest.mark.parametrize("profile", UWSGI)
def test_carried_over_stop_bypassed_the_algorithm_and_is_gone(profile):
    """
    A stop that finds nobody idle: there it is kept, and while it is the rule is not asked.
    """
    there, here = Pool(AlgoQueue(), 4, profile), Pool(AlgoQueue(), 4)

    assert [p.tick("bbbC").pending for p in (there, here)] == [-1, 0]
    verdicts = [p.tick("bbbC", listen_queue=50) for p in (there, here)]

    assert [verdict.delta for verdict in verdicts] == [-1, 1]
    assert verdicts[0].pending == -1
    assert verdicts[1].start == (4,)


@pytest.mark.parametrize("profile", UWSGI)
def test_changes_by_hand_went_below_the_minimum_and_do_not(profile):
    there = Pool(AlgoManual(), 4, profile, workers_min=2)
    here = Pool(AlgoManual(), 4, workers_min=2)

    assert there.tick("iiiC", manual=-3).stop == (1, 2, 3)
    verdict = here.tick("iiiC", manual=-3)
    assert (verdict.stop, verdict.limited_by) == ((1,), "workers_min")


@pytest.mark.parametrize("profile", UWSGI)
def test_hard_memory_limit_went_below_the_minimum_and_does_not(profile):
    limits = {"workers_min": 2, "rss_soft": 10, "rss_hard": 20}
    there, here = Pool(AlgoManual(), 4, profile, **limits), Pool(AlgoManual(), 4, **limits)

    assert there.tick("iiCC", rss=[50, 50, 0, 0]).stop == (1,)
    assert here.tick("iiCC", rss=[50, 50, 0, 0]).stop == ()


@pytest.mark.parametrize("profile", UWSGI)
def test_clock_set_back_suspended_scaling_and_is_not_looked_at(profile):
    """There wall time counts; here only the monotonic clock does."""
    there, here = Pool(AlgoQueue(), 4, profile), Pool(AlgoQueue(), 4)
    for pool in (there, here):
        pool.tick("bCCC", listen_queue=9)

    fired = []
    for pool in (there, here):
        pool.now += SECOND
        readings = pool.readings.at(pool.now).fill(state="bCCC")
        readings.wall_s -= 3600
        readings.wall_us -= 3600 * SECOND
        fired.append(pool.scaler.tick(readings).fired)

    assert fired == [False, True]


def test_step_0_stopped_spare2_from_ever_starting_and_acts_as_1():
    there, here = (
        Pool(AlgoSpare2(), 4, "uwsgi-2.1", workers_min=2),
        Pool(AlgoSpare2(), 4, workers_min=2),
    )

    assert there.tick("bbCC").start == ()
    assert here.tick("bbCC").start == (3,)


@pytest.mark.parametrize("profile", ["fixed", *UWSGI])
@pytest.mark.parametrize("name", ["spare", "busyness"])
def test_overload_0_divided_by_zero_and_is_refused(name, profile):
    knob = algorithms()[name].knobs[0].name

    with pytest.raises(InvalidArgument, match=rf"{knob}( is |: )0"):
        algorithms()[name].make(**{knob: 0}, profile=profile).rule(4, workers_min=1)


@pytest.mark.parametrize("profile", UWSGI)
def test_failed_fork_was_never_tried_again_and_is(profile):
    there, here = Pool(AlgoQueue(), 3, profile), Pool(AlgoQueue(), 3)

    assert there.tick("bzz", listen_queue=9).start == ()
    assert here.tick("bzz", listen_queue=9).start == (2,)


@pytest.mark.parametrize("profile", UWSGI)
def test_emergency_rule_of_the_queue_was_dead_at_every_check_of_a_window_and_lives(profile):
    """There, with a window of one check, the time the queue is not empty is never looked at."""
    algo = AlgoBusyness(check_interval_busy=1, queue_nonzero_delay=5)
    there, here = Pool(algo, 4, profile), Pool(algo, 4)

    started = [
        any(
            pool.tick("biCC", listen_queue=3, busy_us=[i * SECOND, 0, 0, 0]).start
            for i in range(12)
        )
        for pool in (there, here)
    ]

    assert started == [False, True]


@pytest.mark.parametrize("profile", UWSGI)
def test_long_requests_did_not_count_until_they_ended_and_do(profile):
    """Both workers in requests of minutes; what they finished beside that is next to nothing."""
    algo = AlgoBusyness(check_interval_busy=4, busy_max=60)
    there, here = Pool(algo, 4, profile), Pool(algo, 4)

    started = []
    for pool in (there, here):
        found = ()
        for second in range(1, 9):
            found += pool.tick(
                "bbCC",
                running_time_us=[1000 * second, 1000 * second, 0, 0],
                busy_us=[second * SECOND, second * SECOND, 0, 0],
            ).start
        started.append(found)

    assert started == [(), (3,)]


def test_one_free_snapshot_could_stop_a_worker_of_spare_and_cannot():
    """There the count of easy checks is kept over stops and mixed checks; here it starts anew."""
    ticks = ("biiC", "biiC", "bbiC", "bbiC", "bbiC", "biiC")
    there = Pool(AlgoSpare(check_interval_overload=3), 4, "uwsgi-2.1")
    here = Pool(AlgoSpare(check_interval_overload=3), 4)

    assert deltas(there, *ticks) == [0, 0, 0, 0, 0, -1]
    assert deltas(here, *ticks) == [0] * 6


@pytest.mark.parametrize("profile", UWSGI)
def test_counter_of_spare_grew_while_memory_forbade_and_is_capped(profile):
    """There the first permitted check starts a worker though others have long been idle."""
    limits = {"rss_soft": 100, "workers_min": 1}
    there = Pool(AlgoSpare(check_interval_overload=3), 4, profile, **limits)
    here = Pool(AlgoSpare(check_interval_overload=3), 4, **limits)

    started = []
    for pool in (there, here):
        for _ in range(9):
            pool.tick("bbCC", rss=[100, 100, 0, 0])
        started.append(any(pool.tick("iiCC", rss=[1, 1, 0, 0]).start for _ in range(3)))

    assert started == [True, False]


@pytest.mark.parametrize("profile", UWSGI)
def test_starting_workers_were_taken_for_idle_ones_to_stop_and_are_not(profile):
    there, here = Pool(AlgoQueue(), 3, profile), Pool(AlgoQueue(), 3)

    assert there.tick("bsC", started_s=[1, 9, 0]).stop == (2,)
    assert here.tick("bsC", started_s=[1, 9, 0]).stop == ()


def test_queue_of_requests_that_wait_counts_in_fixed_alone():
    """The original sees the listen queue of TCP sockets, and nothing else."""
    there, here = Pool(AlgoQueue(), 4, "uwsgi-2.1"), Pool(AlgoQueue(), 4)

    assert there.tick("biCC", waiting=9).delta == -1
    assert here.tick("biCC", waiting=9).delta == 1


def test_minimum_equal_to_the_maximum_is_a_static_pool_in_fixed_alone():
    pool = Pool(AlgoQueue(), 2, workers_min=2)
    assert deltas(pool, "ii", "ib", "bb") == [0, 0, 0]

    with pytest.raises(InvalidArgument, match="must be lower than workers_max"):
        Pool(AlgoQueue(), 2, "uwsgi-2.1", workers_min=2)


def test_first_call_armed_only_and_acts():
    readings = Readings(4).at(BEGIN).fill(state="bCCC")
    readings.listen_queue = 9

    there = Scaler(AlgoQueue(), workers_max=4, profile="uwsgi-2.1").tick(readings)
    here = Scaler(AlgoQueue(), workers_max=4).tick(readings)

    assert (there.fired, here.fired) == (False, True)


def test_spare_of_2_0_waits_one_check_longer_than_that_of_2_1():
    algo = AlgoSpare(check_interval_overload=3)

    assert [
        deltas(Pool(algo, 4, profile), *["bbCC"] * 4) for profile in ("uwsgi-2.0", "uwsgi-2.1")
    ] == [[0, 0, 0, 1], [0, 0, 1, 0]]


def test_wall_clock_of_uwsgi_is_whole_seconds():
    """0.9 s after a check, a new wall second has begun: it is time again there."""
    pool = Pool(AlgoQueue(), 4, "uwsgi-2.1")
    pool.now += 950_000
    pool.tick("bCCC", 1)

    assert [pool.tick("bCCC", 0.1).fired, pool.tick("bCCC", 0.1).fired] == [True, False]
    here = Pool(AlgoQueue(), 4)
    here.tick("bCCC")
    assert [here.tick("bCCC", 0.1).fired, here.tick("bCCC", 0.8).fired] == [False, True]


def test_below_the_minimum_workers_are_started_whatever_the_algorithm_says():
    """There only respawning does that; a pool that was given down by hand stays small."""
    there = Pool(AlgoManual(), 4, "uwsgi-2.1", workers_min=2)
    here = Pool(AlgoManual(), 4, workers_min=2)

    assert there.tick("CCCC").start == ()
    assert here.tick("CCCC").start == (1, 2)


def test_shared_memory_was_counted_for_every_worker_and_is_counted_once():
    """PSS where it is measured: pages that workers share are not counted for each."""
    limits = {"rss_soft": 250, "workers_min": 1}
    there = Pool(AlgoQueue(), 4, "uwsgi-2.1", **limits)
    here = Pool(AlgoQueue(), 4, **limits)
    memory = {"rss": [100, 100, 100, 0], "pss": [40, 40, 40, 0]}

    assert there.tick("bbbC", listen_queue=9, **memory).start == ()
    assert here.tick("bbbC", listen_queue=9, **memory).start == (4,)


# ---- of busyness; where a difference shows only much later, the state is looked at ----

MULTIPLIER, NEXT_STOP, EMERGENCIES = 5, 6, 11  # words of its state; see cheaper/busyness.h


@pytest.mark.parametrize("profile", UWSGI)
def test_shares_were_of_the_nominal_window_and_are_of_the_time_that_went_by(profile):
    """Checks that come late: a worker busy half of the time looks nearly always busy there."""
    algo = AlgoBusyness(check_interval_busy=1)
    half = 950_000
    started = []
    for pool in (Pool(algo, 2, profile), Pool(algo, 2)):
        found = ()
        for check in range(1, 6):
            worked = [check * half, 0]
            found += pool.tick("iC", 1.9, busy_us=worked, running_time_us=worked).start
        started.append(found)

    assert started == [(2,) * 5, ()]


@pytest.mark.parametrize("profile", UWSGI)
def test_emergency_did_not_apply_above_the_maximum_and_the_stronger_counts(profile):
    algo = AlgoBusyness(check_interval_busy=1, emergency_workers_step=3)
    started = []
    for pool in (Pool(algo, 6, profile), Pool(algo, 6)):
        for second in (1, 2):
            worked = [second * SECOND] + [0] * 5
            verdict = pool.tick(
                "bCCCCC", listen_queue=99 * (second - 1), busy_us=worked, running_time_us=worked
            )
        started.append(len(verdict.start))

    assert started == [1, 3]


def emergency(pool):
    pool.tick("biCCCC")
    return pool.tick("biCCCC", listen_queue=99)


@pytest.mark.parametrize("profile", UWSGI)
def test_timer_of_the_first_emergency_was_the_long_one_and_is_its_own(profile):
    algo = AlgoBusyness(check_interval_busy=10)
    waits = []
    for pool in (Pool(algo, 6, profile), Pool(algo, 6)):
        assert emergency(pool).start == (3,)
        waits.append((pool.scaler.state.words[NEXT_STOP] - pool.now) // (10 * SECOND))

    assert waits == [10, 3]


@pytest.mark.parametrize("profile", UWSGI)
def test_emergency_outlived_its_workers_and_ends_with_them(profile):
    algo = AlgoBusyness(check_interval_busy=10, emergency_workers_step=2)
    left = []
    for pool in (Pool(algo, 6, profile), Pool(algo, 6)):
        assert emergency(pool).start == (3, 4)
        pool.tick("iCCCCC")
        left.append(pool.scaler.state.words[EMERGENCIES])

    assert left == [2, 0]


@pytest.mark.parametrize("profile", UWSGI)
def test_first_start_was_taken_for_one_soon_after_a_stop_and_is_not(profile):
    """There a stop that never was lies at the time 0 of the clock, which may be that of boot."""
    algo = AlgoBusyness(check_interval_busy=1)
    found = []
    for where in (profile, "fixed"):
        pool = Pool(algo, 4, where, begin=3 * SECOND)
        for second in (1, 2):
            worked = [second * SECOND] * 4
            verdict = pool.tick("bCCC", busy_us=worked, running_time_us=worked)
        assert verdict.start == (2,)
        found.append(pool.scaler.state.words[MULTIPLIER])

    assert found[0] > 10 == found[1]


# ---- and the rest ----


@pytest.mark.parametrize("profile", UWSGI)
def test_memory_threw_away_every_change_by_hand_and_only_forbids_to_start(profile):
    limits = {"workers_min": 1, "rss_soft": 10}
    there, here = Pool(AlgoManual(), 4, profile, **limits), Pool(AlgoManual(), 4, **limits)
    used = [50, 50, 50, 0]

    assert there.tick("iiiC", manual=-1, rss=used).stop == ()
    assert here.tick("iiiC", manual=-1, rss=used).stop == (1,)
    assert here.tick("iiiC", manual=1, rss=used).start == ()


@pytest.mark.parametrize("profile", UWSGI)
def test_nobody_started_after_2038_could_be_stopped_and_can(profile):
    there, here = Pool(AlgoQueue(), 3, profile), Pool(AlgoQueue(), 3)
    late = [2**31 - 1] * 3

    assert there.tick("iiC", started_s=late).stop == ()
    assert here.tick("iiC", started_s=late).stop == (1,)


def test_spare2_asked_for_more_than_there_are_slots_and_does_not():
    limits = {"workers_min": 3, "workers_step": 4}
    there = Pool(AlgoSpare2(), 4, "uwsgi-2.1", **limits).tick("bDDb")
    here = Pool(AlgoSpare2(), 4, **limits).tick("bDDb")

    assert (there.delta, there.start) == (2, ())
    assert (here.delta, here.start) == (0, ())


def test_algorithm_was_not_asked_at_a_change_by_hand_and_always_is():
    """What it counts has no holes: here the start by hand was the one it wanted."""
    algo = AlgoSpare(check_interval_overload=2)
    there, here = Pool(algo, 5, "uwsgi-2.1"), Pool(algo, 5)
    for pool in (there, here):
        pool.tick("bbCCC")
        assert pool.tick("bbCCC", manual=1).start == (3,)

    assert [pool.tick("bbbCC").start for pool in (there, here)] == [(4,), ()]


@pytest.mark.parametrize("algorithm", [AlgoQueue(), AlgoManual()])
def test_fixed_never_stops_the_last_that_is_ready(algorithm):
    """Those that start may never be ready: they do not count towards the minimum."""
    pool = Pool(algorithm, 4, workers_min=1)

    verdict = pool.tick("isCC", manual=-1 if algorithm == AlgoManual() else 0)

    assert verdict.stop == ()


def test_memory_is_told_also_when_something_else_stood_in_the_way():
    pool = Pool(AlgoManual(), 4, workers_min=2, rss_soft=100, rss_hard=200)

    verdict = pool.tick("iiCC", memory_total=250)

    assert (verdict.limited_by, verdict.memory) == ("workers_min", "rss_hard")
    assert verdict.memory_spoke


def test_change_by_hand_is_not_limited_by_the_step_of_a_function():
    pool = Pool(lambda state, readings: (3, state), 4, workers_min=1, workers_step=1)

    verdict = pool.tick("iiCC", manual=-1)

    assert (verdict.delta, verdict.limited_by) == (-1, None)


def test_verdicts_that_are_kept_are_right_and_few(monkeypatch):
    """Those that name nobody are made once; no more than so many, whatever a rule answers."""
    monkeypatch.setattr(verdict, "_SAID", {})
    scaler = Scaler("manual", workers_max=4, profile="uwsgi-2.1")
    readings = Readings(4).at(10**9).fill(state="iiCC")
    scaler.tick(readings)

    readings.manual = -1
    found = [scaler.tick(readings).pending for _ in range(2 * verdict.SAID_MAX)]

    assert found == list(range(-1, -2 * verdict.SAID_MAX - 1, -1))
    assert len(verdict._SAID) == verdict.SAID_MAX
