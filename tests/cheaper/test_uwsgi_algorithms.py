"""spare, spare2, backlog and manual, rule by rule, as uWSGI has them."""

import pytest

from cheaper.model import U64, Outcome
from cheaper.pools import Pool, asked, backlog, spare
from cheaper.replay import Core, Refused
from uwoffload._core import lib

# ---- spare ----


@pytest.mark.parametrize(("profile", "needed"), [("uwsgi-2.0", 4), ("uwsgi-2.1", 3)])
def test_spare_starts_at_its_overload_in_one_release_and_above_it_in_the_other(
    pool, profile, needed
):
    rule = spare(pool, profile)

    assert asked(rule, "bCCC " * needed * 2) == ([0] * (needed - 1) + [1]) * 2


@pytest.mark.parametrize(
    ("profile", "overload", "checks"),
    [("uwsgi-2.1", 3, 21), ("uwsgi-2.1", 1, 7), ("uwsgi-2.0", 3, 28), ("uwsgi-2.0", 1, 14)],
)
def test_spare_takes_so_long_from_two_workers_to_nine_that_are_always_busy(
    pool, profile, overload, checks
):
    rule = spare(pool, profile, overload, workers_max=10, workers_min=2)
    workers = [2]
    while workers[-1] < 9:
        workers.append(workers[-1] + len(rule.tick("b" * workers[-1]).start))

    assert len(workers) - 1 == checks


def test_spare_with_nobody_active_counts_as_all_busy(pool):
    assert asked(spare(pool), "CCCC CCzD CCCC") == [0, 0, 1]


def test_spare_counts_up_and_down_and_not_in_a_row(pool):
    """
    Busy, busy, one idle, busy, busy: at an overload of 3 that is enough.
    """
    assert asked(spare(pool), "bbC bbC biC bbC bbC") == [0, 0, 0, 0, 1]
    assert asked(spare(pool, "uwsgi-2.0"), "bbC bbC biC bbC bbC bbC") == [0, 0, 0, 0, 0, 1]


def test_spare_does_not_count_below_zero(pool):
    rule = spare(pool)

    assert asked(rule, "bi " * 20 + "bb bb bb") == [0] * 22 + [1]


def test_spare_starts_its_count_anew_when_it_starts_workers_even_without_a_slot(pool):
    rule = spare(pool, overload=2)

    assert asked(rule, "bbbb bbbb bCCC bCCC") == [0, 0, 0, 1]


def test_spare_must_count_down_after_a_burst_before_anything_stops(pool):
    rule = spare(pool, overload=3)

    assert asked(rule, "bbb bbb iii iii iii iii") == [0, 0, 0, 0, 0, -1]


def test_spare_stops_at_each_multiple_of_its_overload(pool):
    rule = spare(pool, overload=2)

    assert asked(rule, "iii iii iii iii iii iii") == [0, -1, 0, -1, 0, -1]


def test_spare_with_exactly_one_idle_is_stable(pool, profile):
    rule = spare(pool, profile, overload=1)

    assert asked(rule, "bbi bbi bbi bbi") == [0] * 4


def test_spare_keeps_counting_easy_checks_through_stops_and_stable_ones(pool, profile):
    """
    Only an all-busy check sets the count back, so the first stop may follow one single easy check.
    """
    rule = spare(pool, profile, overload=3)
    assert asked(rule, "iib iib bbi bbi bbi iib") == [0, 0, 0, 0, 0, -1]

    rule = spare(pool, profile, overload=3)
    assert asked(rule, "iib iib bbb iib iib iib") == [0, 0, 0, 0, 0, -1]


def test_spare_counts_an_easy_check_at_the_minimum_too(pool, profile):
    """
    The count is looked at only above the minimum, but it goes on.
    """
    rule = spare(pool, profile, overload=3, workers_min=2)

    assert asked(rule, "ii ii iii") == [0, 0, -1]


def test_spare_never_stops_at_or_below_the_minimum(pool, profile):
    rule = spare(pool, profile, overload=1, workers_min=3)

    assert asked(rule, "iii iii ii i iiii") == [0, 0, 0, 0, -1]


def test_spare_without_permission_counts_on_and_then_starts_though_workers_are_idle(pool):
    rule = spare(pool)

    assert asked(rule, "bbC " * 20, may=False) == [0] * 20
    assert asked(rule, "iiC") == [1]


def test_spare_after_starting_does_not_look_at_stopping_in_the_same_check(pool):
    """
    The easy count stays where it was.
    """
    rule = spare(pool, overload=2)
    assert asked(rule, "bbb bbb bbb", may=False) == [0, 0, 0]

    assert asked(rule, "iii iii iii") == [1, 0, -1]


@pytest.mark.parametrize("algorithm", ["spare", "busyness"])
def test_an_overload_by_which_the_original_divides_is_refused(profile, algorithm):
    with pytest.raises(Refused, match="is 0"):
        Pool(Core, algorithm, profile, knobs={"cheaper-overload": 0})


def test_a_window_that_wraps_to_nothing_is_refused_too(profile):
    with pytest.raises(Refused, match="window"):
        Pool(Core, "busyness", profile, knobs={"cheaper-overload": 1 << 58})


# ---- spare2 ----


def spare2(pool, idle=3, **options):
    return pool("spare2", "uwsgi-2.1", knobs={"cheaper-idle": idle}, **options)


@pytest.mark.parametrize(
    ("letters", "step", "started"),
    [
        ("bCCCCCCC", 9, 3),  # what is missing
        ("biCCCCCC", 9, 2),
        ("biCCCCCC", 1, 1),  # the step
        ("bbbbbbCC", 9, 2),  # what is not active
        ("bbbbbDzC", 9, 3),  # dying and dead slots count as free
        ("bbbbbbbb", 9, 0),
        ("bCCCCCCC", 0, 0),  # a step that is not given: never
    ],
)
def test_spare2_starts_what_is_missing_as_far_as_step_and_room_allow(pool, letters, step, started):
    rule = spare2(pool, workers_max=8, workers_min=3, workers_step=step)

    assert asked(rule, f"{letters} {letters}") == [started, started]


def test_spare2_stops_after_so_many_checks_in_a_row_above_the_minimum(pool):
    rule = spare2(pool, idle=3, workers_min=2)

    assert asked(rule, "iii iii iii iii iii iii") == [0, 0, -1, 0, 0, -1]


@pytest.mark.parametrize("interruption", ["iib", "ibb"])
def test_spare2_counts_anew_at_the_minimum_and_below(pool, interruption):
    rule = spare2(pool, idle=3, workers_min=2, workers_step=0)

    assert asked(rule, f"iii iii {interruption} iii iii iii") == [0, 0, 0, 0, 0, -1]


def test_spare2_counts_anew_below_the_minimum_without_permission_too(pool):
    rule = spare2(pool, idle=2, workers_min=2)

    assert asked(rule, "iii ibb", may=False) == [0, 0]
    assert asked(rule, "iii iii") == [0, -1]


@pytest.mark.parametrize("idle", [0, 1])
def test_spare2_without_patience_stops_one_at_each_check(pool, idle):
    assert asked(spare2(pool, idle=idle), "iiii iii ii i") == [-1, -1, -1, 0]


def test_spare2_takes_the_minimum_for_a_number_of_idle_workers(pool):
    rule = spare2(pool, workers_max=8, workers_min=3, workers_step=9)

    assert asked(rule, "bbbbiii bbbbi") == [0, 2]


def test_spare2_does_not_look_at_queue_or_overload(pool):
    rule = spare2(pool, workers_min=2)

    assert {rule.ask("iib", queue=queue) for queue in (0, 3, 4, 400)} == {0}


def test_spare2_in_the_release_without_it_is_spare(pool):
    other = spare(pool, "uwsgi-2.0", overload=3, workers_min=2)
    rule = pool("spare2", "uwsgi-2.0", knobs={"cheaper-idle": 1}, workers_min=2)
    calls = "iii iii iii bbb bbb bbb bbb iib iii iii iii"

    assert asked(rule, calls) == asked(other, calls)


# ---- backlog ----


@pytest.mark.parametrize(("queue", "answer"), [(0, -1), (2, -1), (3, 0), (4, 2), (400, 2)])
def test_backlog_compares_the_queue_with_its_overload(pool, profile, queue, answer):
    rule = backlog(pool, profile=profile, workers_step=2)

    assert [rule.ask("bbCC", queue=queue) for _ in range(3)] == [answer] * 3


def test_backlog_keeps_the_minimum(pool, profile):
    assert asked(backlog(pool, profile=profile, workers_min=2), "ii iDz iii") == [0, 0, -1]


def test_backlog_stops_one_at_each_check_of_a_healthy_pool(pool, profile):
    """
    Queue 0, whatever the load is.
    """
    assert asked(backlog(pool, profile=profile), "bbbi bbi bi") == [-1, -1, -1]


def test_backlog_above_its_overload_without_permission_waits(pool, profile):
    assert backlog(pool, profile=profile).ask("iiCC", queue=9, may=False) == 0
    assert backlog(pool, profile=profile).ask("iiCC", queue=0, may=False) == -1


@pytest.mark.parametrize(
    ("overload", "queue", "answer"),
    [
        (0, 0, 0),  # the queue is never below
        (1 << 32, 1, 1),  # acts as 0
        ((1 << 32) + 5, 5, 0),  # acts as 5
        (U64, 0, 1),  # acts as -1
        ((1 << 31) - 1, (1 << 31) - 2, -1),
        (1 << 31, 0, 1),  # acts as the least number
        (3, 1 << 31, -1),  # a queue past 31 bits is negative
        (3, (1 << 31) - 1, 1),
    ],
)
def test_backlog_compares_numbers_of_32_bits_with_a_sign(pool, profile, overload, queue, answer):
    assert backlog(pool, overload, profile=profile).ask("iiCC", queue=queue) == answer


@pytest.mark.parametrize("load", ["bb", "bbb"])
def test_backlog_freezes_under_load_because_its_stop_is_carried_over(pool, profile, load):
    """
    The queue grows as it likes: the rule is not asked while a stop is pending.
    """
    rule = backlog(pool, profile=profile)
    assert rule.tick(load, queue=0) == Outcome(True, -1, -1)

    outcomes = [rule.tick(load, queue=400) for _ in range(50)]
    assert outcomes == [Outcome(True, -1, -1)] * 50

    assert rule.tick("i" + load[1:], queue=400) == Outcome(True, -1, 0, (), (1,))
    assert rule.tick("D" + load[1:], queue=400).start != ()


# ---- manual ----


def test_manual_never_wants_anything(pool, profile):
    rule = pool("manual", profile)

    assert {rule.ask(letters, queue=400) for letters in ("bbbb", "iiii", "CCCC", "iCCC")} == {0}


def test_the_example_plugin_is_not_there(profile):
    assert lib.uwo_scale_find(b"backlog2") == -1
