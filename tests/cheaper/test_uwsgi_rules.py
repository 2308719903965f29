"""The rules of uWSGI's scaling: what is looked at, when, and what is remembered.

Every test runs on the C and on the model.  Those of the single algorithms and of the wrapper stand
beside this file; RULES, at the end, says which test shows which rule.  Whole recordings are played
in `test_recorded.py`.
"""

import ast
from pathlib import Path

import pytest

from cheaper.model import Moment, Outcome, Rule, Slot
from cheaper.pools import ALGORITHMS, LETTERS, SECOND, Pool, asked, backlog
from cheaper.replay import Core, Refused, c_rule
from uwoffload._core import ffi, lib

# ---- what the algorithms see ----


@pytest.mark.parametrize(
    ("letter", "active", "startable", "stoppable"),
    [
        ("i", True, False, True),
        ("s", True, False, True),
        ("b", True, False, False),
        ("C", False, True, False),
        ("D", False, False, False),
        ("z", False, False, False),
    ],
)
def test_each_state_is_counted_started_and_stopped_as_it_should(
    pool, profile, letter, active, startable, stoppable
):
    """
    Counted: backlog gives one up when more than the minimum, one, are active.
    """
    counts = backlog(pool, profile=profile, workers_max=2)
    starts = pool(profile=profile, workers_max=2)
    stops = pool(profile=profile, workers_max=2)

    assert counts.ask("i" + letter) == (-1 if active else 0)
    assert starts.tick("b" + letter, manual=1).start == ((2,) if startable else ())
    assert stops.tick("b" + letter, manual=-1).stop == ((2,) if stoppable else ())


def test_a_worker_with_any_request_is_busy_whatever_its_state_says(pool, profile):
    """
    One core of many is enough.
    """
    assert pool(profile=profile).tick("is", manual=-1, in_request=[1, 3]).stop == ()


def test_a_request_left_over_in_a_slot_that_is_not_active_does_not_count(pool):
    assert pool("spare", "uwsgi-2.1", knobs={"cheaper-overload": 1}).ask(
        "CDzb", in_request=[1, 1, 1, 1]
    ) == (1)


def test_a_worker_that_only_starts_is_idle_at_once(pool, profile):
    """
    So spare is content while the new worker still loads its application.
    """
    spare = pool("spare", profile, knobs={"cheaper-overload": 1})

    assert [spare.ask("bbs") for _ in range(5)] == [0] * 5


def test_measures_that_the_original_does_not_have_change_nothing(profile):
    """
    Unfinished busy time, readiness, waiting requests, PSS, a total of memory, the monotonic clock.
    """
    for algorithm in ALGORITHMS:
        rule = Rule(algorithm, profile, 3, workers_step=2, rss_soft=10)
        plain, rich = Core(rule, 5), Core(rule, 5)
        for call in range(12):
            letters = "bCC" if call < 6 else "iii"
            slots = tuple(Slot(LETTERS[letter], rss=3) for letter in letters)
            moment = Moment(slots, 9 + call, (9 + call) * SECOND, call % 5)
            for number in range(3):
                worker = rich.workers[number]
                worker.busy_us, worker.ready_since_us, worker.pss = 10**9 * call, 10**12, 10**9
            rich.readings.mono_us = 10**6 - 1000 * call
            rich.readings.waiting, rich.readings.oldest_wait_us = 400, 10**8
            rich.readings.arrivals, rich.readings.completions = 1000, 3
            rich.readings.memory_total, rich.readings.listen_queue_limit = 10**12, 1
            assert plain.tick(moment) == rich.tick(moment)
        assert plain.value() == rich.value()


def test_queue_of_a_unix_socket_reads_nothing_so_backlog_can_only_shrink(pool, profile):
    rule = backlog(pool, profile=profile)

    assert {rule.ask(letters, queue=0) for letters in ("bbbb", "bbCC", "bCCC", "CCCC")} == {-1, 0}


# ---- what an answer may be ----


@pytest.mark.parametrize(
    ("step", "letters", "taken"),
    [
        (0, "bCCC", 1),
        (1, "bCCC", 1),
        (2, "bCCC", 2),
        (9, "bCCC", 3),
        (9, "bCDz", 1),
        (2, "bDzb", 0),
    ],
)
@pytest.mark.parametrize("algorithm", ["spare", "backlog", "busyness"])
def test_a_step_takes_free_slots_and_none_acts_as_one(
    pool, profile, algorithm, step, letters, taken
):
    rule = pool(algorithm, profile, workers_step=step, knobs={"cheaper-overload": 1})
    answers = [rule.ask(letters, queue=2, ran=[SECOND] * 4) for _ in range(2)]

    assert max(answers) == taken


def test_without_permission_nothing_starts(pool, profile):
    """
    In any algorithm, however loud the call.
    """
    for algorithm in ALGORITHMS:
        rule = pool(algorithm, profile, workers_step=2)
        answers = {rule.ask("bCCC", may=False, queue=99, ran=[SECOND]) for _ in range(9)}
        assert answers == {0}, algorithm


# ---- when it runs ----


def test_the_first_call_only_arms(pool, profile):
    rule = pool(profile=profile)

    assert rule.call("i", manual=1) == Outcome(fired=False, pending=1)
    rule.now_us += SECOND
    assert rule.call("i") == Outcome(True, 1, 0, (2,))


@pytest.mark.parametrize(("interval", "seconds"), [(0, 1), (1, 1), (2, 2), (3, 3)])
def test_a_check_needs_the_interval_in_whole_seconds_and_none_acts_as_one(
    pool, profile, interval, seconds
):
    rule = pool(profile=profile, check_interval=interval)
    rule.call("i")
    fired = []
    for _ in range(12):
        rule.now_us += SECOND
        fired.append(rule.call("i").fired)

    assert fired == [call % seconds == seconds - 1 for call in range(12)]


def test_a_new_second_may_begin_after_a_millisecond_or_after_almost_two(pool, profile):
    """
    What counts is the number on the clock.
    """
    rule = pool(profile=profile)
    rule.now_us += 999_000
    rule.call("i")
    rule.now_us += 1_000
    assert rule.call("i").fired
    rule.now_us += 999_999
    assert not rule.call("i").fired
    rule.now_us += 999_999
    assert rule.call("i").fired


def test_calls_in_between_change_nothing_but_collect_commands(pool, profile):
    rule = pool(profile=profile)
    rule.tick("iCCC")
    assert rule.call("iCCC", manual=1).pending == 1
    assert rule.call("iCCC", manual=2).pending == 3
    assert rule.call("iCCC", manual=-1).pending == 2

    assert rule.tick("iCCC") == Outcome(True, 2, 0, (2, 3))


def test_an_algorithm_is_not_asked_between_two_checks(pool, profile):
    """
    Counters of spare count checks, not calls: with an interval of 2 s they go at half the speed.
    """
    quick = pool("spare", profile, knobs={"cheaper-overload": 2})
    slow = pool("spare", profile, knobs={"cheaper-overload": 2}, check_interval=2)
    began = {}
    for rule in (quick, slow):
        rule.call("bCCC")
        began[rule] = next(
            second for second in range(1, 30) if self_started(rule, rule.now_us + SECOND)
        )

    assert began[slow] == 2 * began[quick]


def self_started(rule, now_us):
    rule.now_us = now_us
    return bool(rule.call("bCCC").start)


def test_a_clock_set_back_suspends_checks_for_as_long(pool, profile):
    rule = pool(profile=profile)
    rule.tick("i")
    before = rule.now_us
    rule.now_us -= 10 * SECOND
    fired = []
    while rule.now_us <= before:
        fired.append(rule.call("i").fired)
        rule.now_us += SECOND

    assert not any(fired)
    assert len(fired) == 11
    assert rule.call("i").fired


def test_a_clock_that_jumps_ahead_makes_one_check(pool, profile):
    rule = pool(profile=profile)
    rule.tick("i")
    rule.now_us += 86400 * SECOND

    assert rule.call("i").fired
    assert not rule.call("i").fired


def test_a_second_of_zero_reads_as_not_armed(pool, profile):
    """
    Armed is told by the time of the last check not being 0: a check at 0 arms anew.
    """
    rule = pool(profile=profile)
    assert not rule.call("i", wall_s=0).fired
    assert not rule.call("i", wall_s=7).fired
    assert not rule.call("i", wall_s=-9).fired
    other = pool(profile=profile)
    assert not other.call("i", wall_s=-1).fired
    assert other.call("i", wall_s=0).fired
    assert not other.call("i", wall_s=5).fired
    assert other.call("i", wall_s=6).fired


# ---- start and state ----


@pytest.mark.parametrize(("given", "used"), [(0, 2), (1, 2), (2, 2), (5, 5), (8, 8), (9, 8)])
def test_initial_workers_are_moved_into_the_limits(profile, given, used):
    rule = c_rule(Rule("spare", profile, 8, 2))
    rule.workers_startup = given

    assert lib.uwo_scale_startup(rule) == used


def test_a_minimum_at_or_above_the_maximum_is_refused(profile):
    for least in (0, 4, 5):
        with pytest.raises(Refused, match="workers_min"):
            Core(Rule("spare", profile, 4, least), 0)


def test_backlog_and_manual_remember_nothing(profile):
    """
    The same readings, the same answer: their calls leave the state as it was.
    """
    for algorithm in ("backlog", "manual"):
        rule = Pool(Core, algorithm, profile)
        before = rule.machine.value()
        asked(rule, "iiii bbbb bCCC", queue=9)
        assert rule.machine.value() == before


def test_two_pools_with_one_history_have_one_state(profile):
    for algorithm in ALGORITHMS:
        one, other = (Pool(Core, algorithm, profile) for _ in range(2))
        for letters in ("bCCC", "bbCC", "iiCC", "iiiC"):
            assert one.tick(letters, queue=4) == other.tick(letters, queue=4)
        assert one.machine.value() == other.machine.value()


def test_knobs_left_alone_have_the_defaults_of_the_original(profile):
    """
    3 for every overload, 10 checks for spare2; busyness as above.
    """
    found = {}
    for number in range(lib.uwo_scale_count()):
        algorithm = lib.uwo_scale_algorithm(number)
        for index in range(algorithm.knob_count):
            knob = algorithm.knobs[index]
            found[ffi.string(algorithm.name).decode(), ffi.string(knob.option).decode()] = (
                knob.value
            )
    assert found["spare", "cheaper-overload"] == 3
    assert found["backlog", "cheaper-overload"] == 3
    assert found["busyness", "cheaper-overload"] == 3
    assert found["spare2", "cheaper-idle"] == 10
    assert {option: value for (_, option), value in found.items() if "-busyness-" in option} == {
        "cheaper-busyness-max": 50,
        "cheaper-busyness-min": 25,
        "cheaper-busyness-multiplier": 10,
        "cheaper-busyness-penalty": 2,
        "cheaper-busyness-backlog-alert": 33,
        "cheaper-busyness-backlog-multiplier": 3,
        "cheaper-busyness-backlog-step": 1,
        "cheaper-busyness-backlog-nonzero": 60,
    }


# ---- which test shows which rule ----

CALLER = "measured or done by the caller: no decision"

RULES = {
    "what is seen": {
        "five states, and what each counts for": "each_state_is_counted_started_and_stopped",
        "busy: any core in a request, or a signal handler": "a_worker_with_any_request_is_busy",
        "a request left over elsewhere does not count": "a_request_left_over_in_a_slot",
        "a fresh worker is idle though it still loads": "a_worker_that_only_starts_is_idle_at_once",
        "readiness, unfinished time, PSS are not looked at": "measures_that_the_original_does_not",
        "a worker told to reload is active until it is gone": CALLER,
        "running time: finished requests alone": "a_long_request_counts_at_its_end_whole",
        "running time is never set back by a respawn": CALLER,
        "listen queue: the longest of the TCP sockets": CALLER,
        "unix sockets read 0": "queue_of_a_unix_socket_reads_nothing",
        "harakiri changes nothing": CALLER,
        "the monotonic clock is not looked at": "measures_that_the_original_does_not",
    },
    "answers": {
        "never below -1 but by hand or carried over": "one_worker_per_check_is_stopped_by_an",
        "free slots, at most the step, 0 as 1": "a_step_takes_free_slots_and_none_acts_as_one",
        "no permission, no start": "without_permission_nothing_starts",
    },
    "when": {
        "not in cheap mode, while reloading or paused": CALLER,
        "the first call only arms": "the_first_call_only_arms",
        "whole seconds, 0 as 1": "a_check_needs_the_interval_in_whole_seconds",
        "milliseconds to two seconds apart": "a_new_second_may_begin_after_a_millisecond",
        "other calls change nothing": "calls_in_between_change_nothing_but_collect_commands",
        "'seconds' are checks": "an_algorithm_is_not_asked_between_two_checks",
        "a clock set back suspends": "a_clock_set_back_suspends_checks_for_as_long",
        "a long stall is one check": "a_clock_that_jumps_ahead_makes_one_check",
        "a second of 0 is not armed": "a_second_of_zero_reads_as_not_armed",
    },
    "spare": {
        "down by one if any is idle, not below 0": "spare_does_not_count_below_zero",
        "up and easy count 0 if none is": "spare_keeps_counting_easy_checks",
        "nobody active is all busy": "spare_with_nobody_active_counts_as_all_busy",
        ">= in 2.1, > in 2.0": "spare_starts_at_its_overload_in_one_release",
        "0 when nothing is takeable": "spare_starts_its_count_anew_when_it_starts_workers",
        "exactly one idle is stable": "spare_with_exactly_one_idle_is_stable",
        "stops at multiples, above the minimum": "spare_stops_at_each_multiple_of_its_overload",
        "never at the minimum": "spare_never_stops_at_or_below_the_minimum",
        "the easy count goes on at the minimum": "spare_counts_an_easy_check_at_the_minimum_too",
        "up and down, not consecutive": "spare_counts_up_and_down_and_not_in_a_row",
        "must count down before a stop": "spare_must_count_down_after_a_burst",
        "easy count is not set back by stops": "spare_keeps_counting_easy_checks",
        "grows without permission, then starts": "spare_without_permission_counts_on",
        "no stop in the check that starts": "spare_after_starting_does_not_look_at_stopping",
        "overload 0 divides by zero": "an_overload_by_which_the_original_divides_is_refused",
        "time to scale": "spare_takes_so_long_from_two_workers_to_nine",
    },
    "spare2": {
        "starts the least of missing, room, step": "spare2_starts_what_is_missing",
        "none without permission, counts anew": "spare2_counts_anew_below_the_minimum_without",
        "exactly the minimum counts anew": "spare2_counts_anew_at_the_minimum_and_below",
        "stops after so many checks": "spare2_stops_after_so_many_checks_in_a_row",
        "0 and 1 stop at each check": "spare2_without_patience_stops_one_at_each_check",
        "the minimum means idle workers": "spare2_takes_the_minimum_for_a_number_of_idle",
        "neither queue nor overload": "spare2_does_not_look_at_queue_or_overload",
        "step 0 never starts": "spare2_starts_what_is_missing",
        "dying and dead slots count as free": "spare2_starts_what_is_missing",
        "2.0 runs spare": "spare2_in_the_release_without_it_is_spare",
    },
    "backlog": {
        "above, below, equal": "backlog_compares_the_queue_with_its_overload",
        "above without permission: nothing": "backlog_above_its_overload_without_permission_waits",
        "the minimum": "backlog_keeps_the_minimum",
        "signed, of 32 bits": "backlog_compares_numbers_of_32_bits_with_a_sign",
        "a stop at each check of a healthy pool": "backlog_stops_one_at_each_check",
        "no state": "backlog_and_manual_remember_nothing",
        "the freeze": "backlog_freezes_under_load",
    },
    "backlog2, manual": {
        "backlog2 is not there": "the_example_plugin_is_not_there",
        "manual is 0": "manual_never_wants_anything",
    },
    "busyness": {
        "0 is not given": "zero_is_not_given_for_busyness",
        "defaults": "the_other_defaults_are_these",
        "timers are set when loaded": "the_plugin_arms_its_timers_when_it_is_loaded",
        "arming: the long or the short multiplier": "the_first_emergency_is_protected",
        "armed by load, start and stop": "a_stop_waits_for_its_timer",
        "an emergency: with permission": "an_emergency_needs_permission",
        "softening: by one, to the start": "stops_and_late_starts_lower_the_multiplier",
        "an emergency: its step, timers anew": "an_emergency_starts_the_multiplier",
        "its slots: takeable by its own step": "an_emergency_starts_its_own_step_at_any_check",
        "armed before the emergency counts": "the_first_emergency_is_protected",
        "without a slot it still arms": "an_emergency_without_a_slot_still_sets_the_timers",
        "seen busy: forgotten elsewhere": "seen_busy_is_forgotten",
        "a window ends, unsigned": "a_window_ends_when_its_time_is_over",
        "shares floored, at most 100": "busyness_is_the_mean_of_shares_rounded_down",
        "100 is 100": "a_full_share_is_100_to_the_point",
        "share before mean": "each_share_is_rounded_down_before_the_mean",
        "0 and seen busy is 100": "a_worker_seen_busy_that_finished_nothing_counts_as_full",
        "only if exactly 0": "one_microsecond_of_finished_work_hides_a_worker",
        "running time of every slot": "running_time_is_remembered_of_every_slot",
        "nobody active is 0": "busyness_with_nobody_active_reads_zero",
        "1: above the maximum": "busyness_above_the_maximum_without_a_slot_changes_no_timer",
        "1: only with permission": "busyness_above_the_maximum_without_permission",
        "1: penalty or softening": "a_start_soon_after_a_stop_adds_the_penalty",
        "1: two divisions": "the_age_of_the_last_stop_is_divided_by_the_window_first",
        "1: ends the row in the band": "windows_outside_the_band_end_the_row",
        "2: emergency after 1, before 3": "an_emergency_comes_before_the_low_and_after_the_high",
        "3: one active, untouched": "with_one_worker_an_idle_window_does_not_end_the_row",
        "3: minimum and timer": "busyness_keeps_the_minimum_and_the_last_worker",
        "3: softening after a stop only": "the_first_stop_after_a_start_does_not_lower",
        "3: emergencies less one": "the_first_emergency_is_protected",
        "4: one active, untouched": "with_one_worker_the_band_leaves_everything_untouched",
        "4: emergencies less one, before arming": "a_window_in_the_band_forgets_before_it_sets",
        "4: three arm, fewer push": "three_windows_in_the_band_set_the_timer_anew",
        "4: both ends belong to it": "the_band_holds_both_its_ends",
        "between windows: alert": "an_emergency_starts_its_own_step_at_any_check",
        "between windows: filled queue": "a_queue_that_stays_filled_is_an_emergency",
        "its time in whole seconds": "the_time_of_a_filled_queue_is_in_whole_seconds",
        "its time anew when empty": "an_empty_queue_begins_its_time_anew",
        "its time kept without permission": "a_filled_queue_waits_for_permission",
        "also with every slot active": "a_filled_queue_is_an_emergency_even_with_every_slot",
        "untouched by an alert": "an_alert_leaves_the_time_of_the_filled_queue_alone",
        "not looked at when a window ends": "the_filled_queue_is_not_looked_at",
        "nominal window": "a_window_ends_when_its_time_is_over",
        "long requests": "a_long_request_counts_at_its_end_whole",
        "14 per cent": "a_worker_seen_busy_that_finished_nothing_counts_as_full",
        "new workers lower the mean": "a_new_worker_enters_with_an_empty_window",
        "stopped workers' work vanishes": "busyness_is_the_mean_of_shares_rounded_down",
        "emergencies stay when workers die": "emergency_workers_are_forgotten_by_stops",
        "a stop of nobody counts": "a_stop_counts_for_busyness_though_nobody",
        "boot clock": "on_a_clock_that_starts_at_boot",
        "age test <=": "a_start_soon_after_a_stop_adds_the_penalty",
        "one worker: nothing but starts": "busyness_keeps_the_minimum_and_the_last_worker",
        "odd marks unchecked": "min_above_max_and_other_odd_marks",
        "overload 0 divides by zero": "an_overload_by_which_the_original_divides_is_refused",
        "a window wrapped to 0 too": "a_window_that_wraps_to_nothing_is_refused_too",
        "clock back: at once": "a_clock_set_back_ends_the_window_at_once",
        "running time back: 100": "running_time_that_goes_back_counts_as_full",
        "running time wraps": "running_time_that_wraps_is_a_small_difference",
        "the product wraps": "the_product_with_a_hundred_wraps",
        "queue and alert are signed": "queue_and_alert_are_32_bits_with_a_sign",
        "metrics": CALLER,
    },
    "wrapper": {
        "soft: forbids": "soft_limit_forbids_to_start_from_the_very_byte_on",
        "soft: stops go on": "soft_limit_lets_the_algorithm_stop",
        "hard: one, algorithm not asked": "hard_limit_stops_one_without_asking_the_algorithm",
        "hard: below the minimum, not below one": "hard_limit_goes_below_the_minimum",
        "hard with one worker: soft": "one_worker_above_the_hard_limit_leaves_the_soft_one",
        "hard carried over": "hard_limit_with_nobody_idle_is_carried_over",
        "which slots count": "memory_is_that_of_all_slots_but_stopped",
        "dead ones too": "a_dead_slot_counts_as_a_worker_for_the_hard_limit",
        "sum in 64 bits": "memory_adds_up_in_64_bits_without_a_sign",
        "hard without or below soft: refused": "the_hard_limit_alone_is_no_limit",
        "commands go first": "commands_add_up_go_first_and_know_no_minimum",
        "commands dropped by limits": "commands_are_thrown_away_while_memory",
        "and the algorithm is skipped then": "a_dropped_command_also_skips_the_algorithm",
        "commands that cancel": "commands_that_cancel_each_other",
        "an algorithm that starts without permission": "an_algorithm_that_starts_without",
        "lowest free slots": "starts_take_the_lowest_free_slots",
        "the rest is lost": "starts_by_hand_beyond_the_slots_are_lost",
        "a failed fork is an attempt": "a_fork_that_fails_is_an_attempt_like_any_other",
        "never retried": "a_fork_that_fails_is_an_attempt_like_any_other",
        "oldest idle, lower slot": "stops_take_the_idle_that_started_first",
        "2038": "after_2038_nobody_can_be_chosen",
        "carry-over, one by one": "stops_without_an_idle_worker_are_carried_over",
        "while pending the algorithm is not asked": "backlog_freezes_under_load",
        "nor counts": "busyness_is_not_even_counting_while_it_is_not_asked",
        "dropped above a limit": "a_carried_stop_is_dropped_when_memory",
        "a later + cancels": "a_later_plus_cancels_a_carried_stop",
        "below the minimum by hand": "a_pending_stop_goes_below_the_minimum",
        "one stop per check": "one_worker_per_check_is_stopped_by_an_algorithm",
        "what limited it is said": "the_verdict_says_what_stood_in_the_way",
        "never both": "nobody_is_started_and_stopped_at_the_same_check",
        "draining is not startable": "each_state_is_counted_started_and_stopped",
        "signals, mercy, respawns, reloads": CALLER,
        "initial, clamped": "initial_workers_are_moved_into_the_limits",
        "minimum at the maximum: refused": "a_minimum_at_or_above_the_maximum_is_refused",
    },
    "cheap and idle mode": {"all of it": CALLER},
    "state": {
        "a value": "two_pools_with_one_history_have_one_state",
        "saved between calls": "a_state_saved_between_two_calls_goes_on",
        "all zero begins by itself": "a_state_of_zeros_begins_at_its_first_call",
        "defaults": "knobs_left_alone_have_the_defaults_of_the_original",
    },
}


def named_in(pattern):
    return {
        node.name.removeprefix("test_")
        for path in Path(__file__).parent.glob(pattern)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_rule_names_a_test_that_is_there():
    names = named_in("test_*.py")
    where = {test for rules in RULES.values() for test in rules.values()} - {CALLER}

    assert [test for test in where if not any(name.startswith(test) for name in names)] == []


def test_every_test_of_these_files_shows_a_rule():
    where = tuple(test for rules in RULES.values() for test in rules.values())

    assert {
        name
        for part in ("algorithms", "busyness", "rules", "wrapper")
        for name in named_in(f"test_uwsgi_{part}.py")
        if not name.startswith((*where, "every_"))  # those of the table itself
    } == set()
