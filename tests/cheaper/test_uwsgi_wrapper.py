"""What stands around uWSGI's algorithms: memory limits, commands by hand, which workers."""

import pytest

from cheaper.model import U64, Outcome, Rule
from cheaper.pools import SECOND, Pool, backlog, spare
from cheaper.replay import Core, Refused
from uwoffload._core import ffi, lib

# ---- memory ----


MB = 1 << 20


def test_soft_limit_forbids_to_start_from_the_very_byte_on(pool, profile):
    for total, started in ((99, (3,)), (100, ()), (101, ())):
        rule = backlog(pool, profile=profile, rss_soft=100)
        assert rule.tick("bb", queue=9, rss=[50, total - 50]).start == started


def test_soft_limit_lets_the_algorithm_stop(pool, profile):
    rule = backlog(pool, profile=profile, rss_soft=100)

    assert rule.tick("bi", rss=[100, 0]) == Outcome(True, -1, 0, (), (2,))


def test_hard_limit_stops_one_without_asking_the_algorithm(pool, profile):
    for total, delta in ((199, 0), (200, -1), (201, -1)):
        rule = backlog(pool, profile=profile, rss_soft=100, rss_hard=200)
        outcome = rule.tick("ii", queue=9, rss=[100, total - 100])
        assert outcome.delta == delta
        assert outcome.stop == ((1,) if delta else ())


def test_hard_limit_goes_below_the_minimum_but_not_below_one(pool, profile):
    rule = pool(profile=profile, workers_min=3, rss_soft=1, rss_hard=2)
    assert rule.tick("iii", rss=[9, 9, 9]).stop == (1,)
    assert rule.tick("Dii", rss=[0, 9, 9]).stop == (2,)

    assert rule.tick("DDi", rss=[0, 0, 9]) == Outcome(True, 0, 0)


def test_one_worker_above_the_hard_limit_leaves_the_soft_one_in_force(pool, profile):
    """
    The algorithm is asked, and may not start anybody.
    """
    rule = backlog(pool, profile=profile, rss_soft=1, rss_hard=2)

    assert rule.tick("b", queue=9, rss=[9]) == Outcome(True, 0, 0)


def test_hard_limit_with_nobody_idle_is_carried_over_and_decided_anew(pool, profile):
    rule = pool(profile=profile, rss_soft=1, rss_hard=2)

    assert rule.tick("bb", rss=[9, 9]) == Outcome(True, -1, -1)
    assert rule.tick("bb", rss=[9, 9]) == Outcome(True, -1, -1)
    assert rule.tick("bi", rss=[0, 0]) == Outcome(True, -1, 0, (), (2,))


@pytest.mark.parametrize(
    ("letters", "rss", "forbidden"),
    [("bbCC", (0, 0, 9, 9), False), ("bbDD", (0, 0, 9, 9), False), ("bbzC", (0, 0, 9, 0), True)],
)
def test_memory_is_that_of_all_slots_but_stopped_and_stopping_ones(
    pool, profile, letters, rss, forbidden
):
    """
    A dead one counts with what it had.
    """
    rule = pool(profile=profile, workers_max=5, rss_soft=9)
    start = rule.tick(letters + "C", manual=1, rss=rss).start

    assert bool(start) is not forbidden


def test_a_dead_slot_counts_as_a_worker_for_the_hard_limit(pool, profile):
    rule = pool(profile=profile, rss_soft=1, rss_hard=2)

    assert rule.tick("iz", rss=[9, 0]).stop == (1,)


def test_the_hard_limit_alone_is_no_limit_and_no_soft_limit_is_none(profile):
    with pytest.raises(Refused, match="rss_soft"):
        Core(Rule("manual", profile, 4, rss_hard=9), 0)
    with pytest.raises(Refused, match="rss_soft"):
        Core(Rule("manual", profile, 4, rss_soft=9, rss_hard=9), 0)


def test_memory_adds_up_in_64_bits_without_a_sign(pool, profile):
    assert pool(profile=profile, rss_soft=2).tick("ii", manual=1, rss=[U64, 2]).start == (3,)
    assert pool(profile=profile, rss_soft=2).tick("ii", manual=1, rss=[U64, 0]).start == ()


def foreign(pool, delta, letters, **readings):
    """A check whose algorithm is not of the core, and answers `delta`."""
    core = pool.machine
    core.rule.algorithm = lib.UWO_SCALE_FOREIGN
    core.state = ffi.new("uint64_t[]", lib.uwo_scale_state_size(core.rule) // 8)
    ask = ffi.new("int *")
    block = (core.rule, core.readings, core.state, core.verdict)
    for _ in range(2):
        pool.now_us += SECOND
        core.read(pool.moment(letters, **readings))
        core.accept(lib.uwo_scale_open(*block, ask, core.error))
        if ask[0]:
            core.verdict.delta = delta
        core.accept(lib.uwo_scale_close(*block, ask[0], core.start, core.stop, core.error))
    return core.verdict.delta, core.verdict.start_count, core.verdict.stop_count, ask[0]


def test_an_algorithm_that_starts_without_permission_is_overruled(profile):
    """
    None of theirs does; but what if one did: nothing happens.  It may stop.
    """
    made = [Pool(Core, "manual", profile, rss_soft=5) for _ in range(4)]

    assert foreign(made[0], 2, "iCCC", rss=[4]) == (2, 2, 0, 1)
    assert foreign(made[1], 2, "iCCC", rss=[5]) == (0, 0, 0, 2)
    assert foreign(made[2], -1, "iCCC", rss=[5]) == (-1, 0, 1, 2)
    assert foreign(made[3], -1, "iCCC", manual=1) == (2, 2, 0, 0)


# ---- by hand ----


def test_commands_add_up_go_first_and_know_no_minimum_and_no_step(pool, profile):
    rule = backlog(pool, profile=profile, workers_min=2)
    assert rule.tick("ii", queue=9, manual=2) == Outcome(True, 2, 0, (3, 4))

    assert rule.tick("iiii", queue=9, manual=-4).stop == (1, 2, 3, 4)


def test_commands_that_cancel_each_other_leave_the_algorithm_its_turn(pool, profile):
    rule = backlog(pool, profile=profile)
    rule.tick("i", queue=3)
    rule.call("i", manual=2)

    assert rule.tick("i", queue=9, manual=-2).delta == 1


def test_starts_by_hand_beyond_the_slots_are_lost(pool, profile):
    rule = pool(profile=profile)

    assert rule.tick("iDz", manual=9) == Outcome(True, 9, 0, (4,))
    assert rule.tick("iCCC") == Outcome(True, 0, 0)


@pytest.mark.parametrize("manual", [2, -2])
def test_commands_are_thrown_away_while_memory_is_above_a_limit(pool, profile, manual):
    soft = pool(profile=profile, rss_soft=5)
    assert soft.tick("ii", manual=manual, rss=[5, 5]) == Outcome(True, 0, 0)
    assert soft.tick("ii") == Outcome(True, 0, 0)

    hard = pool(profile=profile, rss_soft=5, rss_hard=6)
    assert hard.tick("ii", manual=manual, rss=[5, 5]) == Outcome(True, -1, 0, (), (1,))
    assert hard.tick("ii") == Outcome(True, 0, 0)


def test_a_carried_stop_is_dropped_when_memory_is_above_the_limit_at_that_check(pool, profile):
    rule = pool(profile=profile, rss_soft=5)
    assert rule.tick("bb", manual=-1).pending == -1
    assert rule.tick("ib", rss=[5, 5]) == Outcome(True, 0, 0)

    assert rule.tick("ib") == Outcome(True, 0, 0)


def test_a_dropped_command_also_skips_the_algorithm(pool, profile):
    """
    Above the soft limit it would have stopped one.
    """
    rule = backlog(pool, profile=profile, rss_soft=5)

    assert rule.tick("ii", rss=[5, 5], manual=1) == Outcome(True, 0, 0)
    assert rule.tick("ii", rss=[5, 5]).delta == -1


# ---- which workers ----


def test_starts_take_the_lowest_free_slots(pool, profile):
    rule = pool(profile=profile, workers_max=6)

    assert rule.tick("iCzCDC", manual=2).start == (2, 4)


def test_a_fork_that_fails_is_an_attempt_like_any_other(pool, profile):
    """
    Its slot is dead from then on: no slot for a start, and nothing is tried again.
    """
    rule = pool(profile=profile)
    assert rule.tick("iCCC", manual=1).start == (2,)

    assert rule.tick("izCC", manual=1).start == (3,)
    assert rule.tick("izzC") == Outcome(True, 0, 0)


def test_stops_take_the_idle_that_started_first_and_of_two_the_lower_slot(pool, profile):
    started = [5, 3, 4, 3, 1, 2]
    rule = pool(profile=profile, workers_max=6, workers_min=1)
    assert rule.tick("iiiibi", manual=-3, started=started).stop == (6, 2, 4)

    again = pool(profile=profile, workers_max=6)
    assert again.tick("iiiibi", manual=-9, started=started) == Outcome(
        True, -9, -4, (), (6, 2, 4, 3, 1)
    )


@pytest.mark.parametrize(
    ("started", "chosen"),
    [
        ([(1 << 31) - 2, 1 << 31], (1,)),
        ([(1 << 31) - 1, 1 << 40], ()),
        ([0, -5], (2,)),
        ([-(1 << 63), 0], (1,)),
        ([(1 << 63) - 1, (1 << 31) - 2], (2,)),
    ],
)
def test_after_2038_nobody_can_be_chosen(pool, profile, started, chosen):
    outcome = pool(profile=profile).tick("ii", manual=-1, started=started)

    assert outcome == Outcome(True, -1, len(chosen) - 1, (), chosen)


def test_stops_without_an_idle_worker_are_carried_over_each_by_itself(pool, profile):
    rule = pool(profile=profile)

    assert rule.tick("bib", manual=-3) == Outcome(True, -3, -2, (), (2,))
    assert rule.tick("bDb") == Outcome(True, -2, -2)
    assert rule.tick("bCi") == Outcome(True, -2, -1, (), (3,))
    assert rule.tick("iCC") == Outcome(True, -1, 0, (), (1,))
    assert rule.tick("iCC") == Outcome(True, 0, 0)


def test_a_later_plus_cancels_a_carried_stop(pool, profile):
    rule = pool(profile=profile)
    rule.tick("bb", manual=-2)

    assert rule.tick("bb", manual=1) == Outcome(True, -1, -1)
    assert rule.tick("bb", manual=3) == Outcome(True, 2, 0, (3, 4))


def test_a_pending_stop_goes_below_the_minimum_down_to_no_worker(pool, profile):
    rule = spare(pool, profile, workers_min=2)

    assert rule.tick("bb", manual=-2).pending == -2
    assert rule.tick("ii").stop == (1, 2)
    assert rule.tick("DD") == Outcome(True, 0, 0)


def test_one_worker_per_check_is_stopped_by_an_algorithm(pool, profile):
    for algorithm in ("backlog", "spare"):
        rule = pool(algorithm, profile, knobs={"cheaper-overload": 1})
        assert rule.tick("iiii").stop == (1,)


def test_nobody_is_started_and_stopped_at_the_same_check(pool, profile):
    rule = pool(profile=profile)

    for manual in (-2, 2, -9, 9):
        outcome = rule.tick("ibCC", manual=manual)
        assert not (outcome.start and outcome.stop)


# ---- what is said about it ----


@pytest.mark.parametrize(
    ("letters", "manual", "rss", "limit", "reason"),
    [
        ("iiCC", 0, 0, "none", "only by hand"),
        ("iiCC", 1, 0, "none", "by hand"),
        ("iiCC", 2, 0, "none", "by hand"),
        ("iiCC", 3, 0, "no free slot", "by hand"),
        ("iiCC", -2, 0, "none", "by hand, or carried over"),
        ("ibCC", -2, 0, "no idle worker", "by hand, or carried over"),
        ("iiCC", 0, 5, "rss_soft", "only by hand"),
        ("iiCC", 1, 5, "rss_soft", "by hand, but memory is above the soft limit"),
        ("iiCC", 0, 9, "rss_hard", "memory above the hard limit"),
        ("bbCC", -1, 9, "rss_hard", "memory above the hard limit"),
    ],
)
def test_the_verdict_says_what_stood_in_the_way(profile, letters, manual, rss, limit, reason):
    pool = Pool(Core, "manual", profile, rss_soft=5, rss_hard=9)
    pool.tick(letters, manual=manual, rss=[rss])
    verdict = pool.machine.verdict

    assert ffi.string(lib.uwo_scale_limit_name(verdict.limited_by)).decode() == limit
    assert reason == ffi.string(verdict.reason).decode()
