"""busyness, rule by rule, as uWSGI has it."""

import pytest

from cheaper.model import U64, Moment, Outcome, Rule, Slot, State
from cheaper.pools import SECOND, percents

BUSY = {
    "cheaper-overload": 1,
    "cheaper-busyness-multiplier": 2,
    "cheaper-busyness-penalty": 1,
    "cheaper-busyness-backlog-alert": 5,
    "cheaper-busyness-backlog-multiplier": 1,
    "cheaper-busyness-backlog-nonzero": 3,
}


def busyness(pool, profile="uwsgi-2.0", machine=None, **options):
    knobs = BUSY | {
        (
            name.replace("_", "-")
            if name == "cheaper_overload"
            else f"cheaper-busyness-{name.replace('_', '-')}"
        ): options.pop(name)
        for name in list(options)
        if not name.startswith("workers")
    }
    return pool("busyness", profile, knobs=knobs, **options)


def quiet(rule, windows, letters="iiiC"):
    """Windows without work."""
    return [rule.ask(letters) for _ in range(windows)]


LOUD = percents(100, 100, 100, 100)
BAND = percents(30, 30, 30, 30)


@pytest.mark.parametrize(
    ("ran", "answer"),
    [
        ((100, 100), 1),
        ((51, 51), 1),
        ((50, 51), 0),  # 50.5 is 50
        ((51, 50), 0),
        ((100, 0), 0),  # 50 is not above 50
        ((100, 2), 1),
        ((400, 0), 0),  # a share is 100 at most
        ((0, 100, 100, 100), 0),  # what a stopped worker did vanishes: of two, 0 and 100
    ],
)
def test_busyness_is_the_mean_of_shares_rounded_down(pool, profile, ran, answer):
    """
    Default: started above 50 per cent.
    """
    assert busyness(pool, profile).ask("iiCC", ran=percents(*ran)) == answer


@pytest.mark.parametrize("ran", [SECOND, SECOND + 10_000, 9 * SECOND, 0])
def test_a_full_share_is_100_to_the_point(pool, profile, ran):
    """
    Above 99 and not above 100: cut, exact, or seen busy with nothing finished.
    """
    letters = "iCCC" if ran else "bCCC"
    assert busyness(pool, profile, max=99).ask(letters, ran=[ran]) == 1
    assert busyness(pool, profile, max=100).ask(letters, ran=[ran]) == 0


def test_each_share_is_rounded_down_before_the_mean(pool, profile):
    """
    51.99 and 50.99 are 51 and 50, together 50.
    """
    assert busyness(pool, profile).ask("iiCC", ran=[519_999, 509_999]) == 0


@pytest.mark.parametrize("option", ["max", "min", "multiplier", "backlog_alert"])
def test_zero_is_not_given_for_busyness(pool, profile, option):
    """
    None can be switched off by 0: 50, 25, 10 windows, 33 requests.
    """
    given = {"max": 50, "min": 25, "multiplier": 10, "backlog_alert": 33}[option]
    results = []
    for value in (0, given):
        rule = busyness(pool, profile, **{option: value})
        ran = [percents(*row) for row in ((51, 51), (50, 50), (24, 24), (25, 25))]
        row = [rule.ask("iiCC", ran=each, queue=queue) for each in ran for queue in (0, 33, 34)]
        results.append(row + quiet(rule, 40))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("option", "default", "other"),
    [
        ("penalty", 2, 9),
        ("backlog_multiplier", 3, 9),
        ("backlog_step", 1, 3),
        ("backlog_nonzero", 60, 9),
    ],
)
def test_the_other_defaults_are_these(pool, profile, option, default, other):
    def play(value):
        rule = busyness(pool, profile, **{option: value}, workers_max=8)
        row = quiet(rule, 4, "iiiiCCCC")
        row.append(rule.ask("iiiCCCCC", ran=LOUD))
        row += quiet(rule, 20, "iiiiCCCC")
        row.append(rule.ask("iiiiCCCC", queue=9))
        row += quiet(rule, 20, "iiiiCCCC")
        slow = busyness(pool, profile, **{option: value}, cheaper_overload=200, workers_max=8)
        row += [slow.ask("iiiiCCCC", queue=1) for _ in range(70)]
        return row

    assert play(0) == play(default) != play(other)


def test_a_window_ends_when_its_time_is_over_and_begins_at_the_check(pool, profile):
    """
    Late checks make long windows, but shares are of the nominal one: an overestimate.
    """
    rule = busyness(pool, profile)
    assert rule.ask("iiCC", after_us=999_999, ran=LOUD) == 0
    assert rule.ask("iiCC", after_us=1) == 1
    assert rule.ask("iiCC", after_us=999_999, ran=LOUD) == 0

    late = busyness(pool, profile)
    assert late.ask("iiCC", after_us=1_900_000, ran=percents(60, 60)) == 1


def test_a_worker_seen_busy_that_finished_nothing_counts_as_full(pool, profile):
    """
    One unlucky look in a window is enough; with 7 workers it is 14 per cent.
    """
    rule = busyness(pool, profile, cheaper_overload=3)
    row = [rule.ask("bbCC"), rule.ask("iiCC"), rule.ask("iiCC")]
    assert row == [0, 0, 1]

    one = busyness(pool, profile, max=13, workers_max=8)
    assert one.ask("biiiiiiC") == 1
    two = busyness(pool, profile, max=14, workers_max=8)
    assert two.ask("biiiiiiC") == 0


def test_one_microsecond_of_finished_work_hides_a_worker_that_hangs(pool, profile):
    rule = busyness(pool, profile)

    assert rule.ask("bbCC", ran=[1, 1]) == 0


def test_seen_busy_is_forgotten_at_each_window_and_when_a_slot_is_not_active(pool, profile):
    rule = busyness(pool, profile, cheaper_overload=2)
    assert [rule.ask("bbCC"), rule.ask("iiCC")] == [0, 1]
    assert [rule.ask("iiCC"), rule.ask("iiCC")] == [0, 0]

    rule = busyness(pool, profile, cheaper_overload=3)
    assert [rule.ask("bbCC"), rule.ask("DzCC"), rule.ask("iiCC")] == [0, 0, 0]


def test_a_long_request_counts_at_its_end_whole_and_cut_to_the_window(pool, profile):
    rule = busyness(pool, profile)
    rule.ask("iiCC", ran=[1, 1])

    assert rule.ask("iiCC", ran=[9 * SECOND, 2 * SECOND]) == 1
    assert rule.ask("iiCC", ran=[0, 0]) == 0


def test_running_time_is_remembered_of_every_slot_each_window(pool, profile):
    """
    What a slot did while it was not active is never counted.
    """
    rule = busyness(pool, profile, multiplier=9)
    assert rule.ask("iDCC", ran=[0, SECOND]) == 0
    assert rule.ask("iiCC") == 0


def test_a_new_worker_enters_with_an_empty_window_and_lowers_the_mean(pool, profile):
    rule = busyness(pool, profile)
    assert rule.ask("iCCC", ran=percents(80)) == 1

    assert rule.ask("iiCC", ran=percents(80)) == 0


def test_running_time_that_wraps_is_a_small_difference(pool, profile):
    rule = busyness(pool, profile)
    rule.ask("iiCC", ran=[U64 - 99_999, U64 - 99_999])
    rule.ask("iiCC", ran=[1, 1])

    assert rule.ask("iiCC", ran=percents(40, 40)) == 0
    assert rule.ask("iiCC", ran=percents(60, 60)) == 1


def test_running_time_that_goes_back_counts_as_full(pool, profile):
    rule = busyness(pool, profile)
    rule.ask("iiCC", ran=percents(90, 90))

    assert rule.ask("iiCC", ran=[-SECOND // 5, -SECOND // 5]) == 1


@pytest.mark.parametrize(
    ("ran", "answer"), [(1 << 62, 0), ((1 << 64) // 100 + 1, 0), (1 << 61, 1), (1 << 60, 1)]
)
def test_the_product_with_a_hundred_wraps(pool, profile, ran, answer):
    """
    A quarter of all 64 bits times 100 is nothing at all.
    """
    wrapped = ran * 100 & U64
    assert answer == (wrapped // SECOND > 50)

    assert busyness(pool, profile).ask("iiCC", ran=[ran, ran]) == answer


def test_busyness_above_the_maximum_without_a_slot_changes_no_timer(pool, profile):
    rule = busyness(pool, profile, multiplier=2)
    assert rule.ask("iiii") == 0
    assert rule.ask("iiii", ran=LOUD) == 0

    assert rule.ask("iiii") == -1


def test_busyness_above_the_maximum_without_permission_changes_no_timer(pool, profile):
    rule = busyness(pool, profile, multiplier=2)
    assert rule.ask("iiii") == 0
    assert rule.ask("iiCC", ran=LOUD, may=False) == 0

    assert rule.ask("iiii") == -1


def first_stop(rule, letters="iiiC", windows=60):
    """After how many quiet windows one is stopped."""
    answers = []
    for _ in range(windows):
        answers.append(rule.ask(letters))
        if answers[-1] < 0:
            return len(answers)
    return 0


def test_a_stop_waits_for_its_timer_which_each_start_and_stop_sets_anew(pool, profile):
    rule = busyness(pool, profile, multiplier=4)
    assert first_stop(rule) == 4  # set when the plugin was loaded
    assert first_stop(rule) == 4  # set by the stop

    assert quiet(rule, 3) == [0] * 3
    assert rule.ask("iiiC", ran=LOUD) == 1
    assert first_stop(rule) == 5  # set by the start, one for the penalty


def test_a_start_soon_after_a_stop_adds_the_penalty_up_to_the_whole_window_after(pool, profile):
    """
    Soon: at most the multiplier in whole windows, so nearly one more than it says.
    """
    for waited, expected in ((1, 5), (2, 5), (3, 2)):
        rule = busyness(pool, profile, multiplier=2, penalty=3)
        assert first_stop(rule) == 2
        for _ in range(waited - 1):
            assert rule.ask("iiiC", ran=BAND) == 0
        assert rule.ask("iiiC", ran=LOUD, after_us=SECOND) == 1
        assert first_stop(rule) == expected

    rule = busyness(pool, profile, multiplier=2, penalty=3)
    assert first_stop(rule) == 2
    assert rule.ask("iiiC", ran=LOUD, after_us=3 * SECOND - 1) == 1
    assert first_stop(rule) == 5


def test_the_age_of_the_last_stop_is_divided_by_the_window_first(pool, profile):
    """
    Two truncating divisions: by the overload, then by a million.
    """
    rule = busyness(pool, profile, cheaper_overload=7, multiplier=1, penalty=4)
    assert rule.ask("iiiC", after_us=7 * SECOND) == -1
    assert rule.ask("iiiC", ran=[7 * SECOND] * 3, after_us=14 * SECOND - 1) == 1
    rule.now_us += 7 * SECOND * 4
    assert rule.ask("iiiC", after_us=7 * SECOND - 1) == 0
    assert rule.ask("iiiC", after_us=7 * SECOND) == -1


def test_stops_and_late_starts_lower_the_multiplier_by_one_never_below_its_start(pool, profile):
    rule = busyness(pool, profile, multiplier=2, penalty=2)
    assert first_stop(rule) == 2
    assert rule.ask("iiiC", ran=LOUD) == 1  # soon: 4
    assert [first_stop(rule) for _ in range(4)] == [4, 4, 3, 2]  # stops after the first lower it

    assert rule.ask("iiiC", ran=LOUD) == 1  # soon: 4
    assert rule.ask("iiiC", ran=LOUD, after_us=20 * SECOND) == 1  # late: 3
    assert rule.ask("iiiC", ran=LOUD, after_us=20 * SECOND) == 1  # late: 2
    assert rule.ask("iiiC", ran=LOUD, after_us=20 * SECOND) == 1  # late: still 2
    assert first_stop(rule) == 2


def test_the_first_stop_after_a_start_does_not_lower_the_multiplier(pool, profile):
    rule = busyness(pool, profile, multiplier=1, penalty=5)
    assert first_stop(rule) == 1
    assert rule.ask("iiiC", ran=LOUD) == 1  # 6

    assert [first_stop(rule), first_stop(rule), first_stop(rule)] == [6, 6, 5]


def test_busyness_keeps_the_minimum_and_the_last_worker(pool, profile):
    rule = busyness(pool, profile, multiplier=1, workers_min=2)
    assert quiet(rule, 5, "iiCC") == [0] * 5
    assert quiet(rule, 1, "iiiC") == [-1]

    single = busyness(pool, profile, multiplier=1)
    assert quiet(single, 5, "iCCC") == [0] * 5
    assert single.ask("iCCC", ran=LOUD) == 1


def test_busyness_with_nobody_active_reads_zero_and_only_an_emergency_revives_it(pool, profile):
    rule = busyness(pool, profile)
    assert quiet(rule, 9, "CCDz") == [0] * 9

    assert rule.ask("CCDz", queue=6) == 1


def test_three_windows_in_the_band_set_the_timer_anew_fewer_push_it(pool, profile):
    """
    Each of the first two adds a window; from the third on it is as after a stop.
    """
    pushed = busyness(pool, profile, multiplier=4)
    quiet(pushed, 2)
    assert [pushed.ask("iiiC", ran=BAND) for _ in range(2)] == [0, 0]
    assert first_stop(pushed) == 2

    anew = busyness(pool, profile, multiplier=4)
    quiet(anew, 2)
    assert [anew.ask("iiiC", ran=BAND) for _ in range(3)] == [0] * 3
    assert first_stop(anew) == 4

    longer = busyness(pool, profile, multiplier=4)
    assert [longer.ask("iiiC", ran=BAND) for _ in range(7)] == [0] * 7
    assert first_stop(longer) == 4


@pytest.mark.parametrize("between", [LOUD, (0, 0, 0, 0)])
def test_windows_outside_the_band_end_the_row(pool, profile, between):
    rule = busyness(pool, profile, multiplier=9)
    for ran in (BAND, BAND, between, BAND, BAND):
        rule.ask("iiii", ran=ran)

    assert first_stop(rule, "iiii") == 9 + 4 - 5


def test_the_band_holds_both_its_ends(pool, profile):
    """
    25 and 50 per cent are neither idle nor busy.
    """
    for share in (25, 50):
        rule = busyness(pool, profile, multiplier=1)
        answers = [rule.ask("iiiC", ran=percents(share, share, share)) for _ in range(9)]
        assert answers == [0] * 9
    assert busyness(pool, profile, multiplier=1).ask("iiiC", ran=percents(24, 24, 24)) == -1


def test_with_one_worker_the_band_leaves_everything_untouched(pool, profile):
    rule = busyness(pool, profile, multiplier=3)
    for _ in range(3):
        rule.ask("iCCC", ran=BAND)

    assert first_stop(rule) == 1


def test_with_one_worker_an_idle_window_does_not_end_the_row(pool, profile):
    rule = busyness(pool, profile, multiplier=6)
    rule.ask("iiiC", ran=BAND)
    rule.ask("iiiC", ran=BAND)
    rule.ask("iCCC")
    rule.ask("iiiC", ran=BAND)  # the third: the timer is set anew

    assert first_stop(rule) == 6


def test_an_emergency_starts_its_own_step_at_any_check(pool, profile):
    rule = busyness(pool, profile, cheaper_overload=9, backlog_step=2)

    assert rule.ask("iCCC", queue=5) == 0
    assert rule.ask("iCCC", queue=6) == 2
    assert rule.ask("iiiC", queue=6) == 1
    assert rule.ask("iiii", queue=6) == 0


def test_an_emergency_comes_before_the_low_and_after_the_high_mark(pool, profile):
    rule = busyness(pool, profile, backlog_step=3, multiplier=1)

    assert rule.ask("iiCC", queue=6) == 2  # a window that would have stopped one
    assert rule.ask("iCCC", queue=6, ran=LOUD) == 1  # the ordinary step


def test_an_emergency_needs_permission(pool, profile):
    rule = busyness(pool, profile, cheaper_overload=2)

    assert [rule.ask("iCCC", queue=6, may=False) for _ in range(5)] == [0] * 5


def test_an_emergency_starts_the_multiplier_and_the_last_action_anew(pool, profile):
    rule = busyness(pool, profile, multiplier=2, penalty=6, backlog_multiplier=2, backlog_step=1)
    assert first_stop(rule) == 2
    assert rule.ask("iiiC", ran=LOUD) == 1  # 8
    assert rule.ask("iiiC", queue=6) == 1  # 2 again

    assert first_stop(rule) == 2


def test_the_first_emergency_is_protected_by_the_long_timer_the_next_by_the_short(pool, profile):
    """
    The timer is set before the emergency counts.
    """
    rule = busyness(pool, profile, multiplier=8, backlog_multiplier=2)
    assert rule.ask("iiCC", queue=6) == 1
    assert first_stop(rule, "iiiC") == 8

    rule = busyness(pool, profile, multiplier=8, backlog_multiplier=2)
    assert [rule.ask("iCCC", queue=6), rule.ask("iiCC", queue=6)] == [1, 1]
    assert [first_stop(rule) for _ in range(3)] == [2, 2, 2]
    assert first_stop(rule) == 8


def test_emergency_workers_are_forgotten_by_stops_and_windows_in_the_band_only(pool, profile):
    """
    Not when they die: later timers stay short.
    """
    rule = busyness(pool, profile, multiplier=8, backlog_multiplier=1, backlog_step=3)
    assert rule.ask("iCCC", queue=6) == 3
    quiet(rule, 3, "izzz")
    assert rule.ask("iizz", queue=0, ran=BAND) == 0  # 2 left
    assert rule.ask("iizC", ran=LOUD) == 1  # short timer
    assert [first_stop(rule), first_stop(rule)] == [1, 1]
    assert first_stop(rule) == 1
    assert first_stop(rule) == 8


def test_a_window_in_the_band_forgets_before_it_sets_the_timer(pool, profile):
    rule = busyness(pool, profile, multiplier=5, backlog_multiplier=1, backlog_step=3)
    assert rule.ask("iCCC", queue=6) == 3
    for _ in range(3):
        rule.ask("iiii", ran=BAND)

    assert first_stop(rule, "iiii") == 5


def test_an_emergency_without_a_slot_still_sets_the_timers(pool, profile):
    rule = busyness(pool, profile, multiplier=3)
    quiet(rule, 2, "iiiz")
    assert rule.ask("iiiz", queue=6) == 0

    assert first_stop(rule, "iiiz") == 3


def test_a_queue_that_stays_filled_is_an_emergency_after_its_time(pool, profile):
    rule = busyness(pool, profile, cheaper_overload=90)
    row = [rule.ask("iCCC", queue=1) for _ in range(8)]

    assert row == [0, 0, 0, 1, 0, 0, 1, 0]


def test_the_time_of_a_filled_queue_is_in_whole_seconds(pool, profile):
    rule = busyness(pool, profile, cheaper_overload=90)
    assert rule.ask("iCCC", queue=1) == 0

    assert rule.ask("iCCC", queue=1, after_us=3 * SECOND - 1) == 0
    assert rule.ask("iCCC", queue=1, after_us=1) == 1


def test_an_empty_queue_begins_its_time_anew(pool, profile):
    rule = busyness(pool, profile, cheaper_overload=90)
    row = [rule.ask("iCCC", queue=queue) for queue in (1, 1, 1, 0, 1, 1, 1, 1)]

    assert row == [0, 0, 0, 0, 0, 0, 0, 1]


def test_a_filled_queue_waits_for_permission_without_losing_its_time(pool, profile):
    rule = busyness(pool, profile, cheaper_overload=90)
    assert [rule.ask("iCCC", queue=1, may=False) for _ in range(9)] == [0] * 9

    assert rule.ask("iCCC", queue=1) == 1


def test_a_filled_queue_is_an_emergency_even_with_every_slot_active(pool, profile):
    """
    It starts nobody, but sets the timer of the next stop.
    """
    for queue, answer in ((0, -1), (1, 0), (9, 0)):
        rule = busyness(pool, profile, cheaper_overload=4, multiplier=1, backlog_nonzero=2)
        assert [rule.ask("iiii", queue=queue) for _ in range(3)] == [0, 0, 0]
        assert rule.ask("iiii") == answer


def test_the_filled_queue_is_not_looked_at_when_a_window_ends(pool, profile):
    """
    With every check at the end of a window, it never counts.
    """
    rule = busyness(pool, profile, backlog_nonzero=1)

    assert [rule.ask("iCCC", queue=1, ran=[1]) for _ in range(20)] == [0] * 20


def test_an_alert_leaves_the_time_of_the_filled_queue_alone(pool, profile):
    rule = busyness(pool, profile, cheaper_overload=90, workers_max=8)
    row = [rule.ask("iCCCCCCC", queue=queue) for queue in (1, 6, 6, 1, 1)]

    assert row == [0, 1, 1, 1, 0]


def test_queue_and_alert_are_32_bits_with_a_sign(pool, profile):
    rule = busyness(pool, profile, cheaper_overload=90)

    assert rule.ask("iCCC", queue=(1 << 31) - 1) == 1
    assert rule.ask("iCCC", queue=1 << 31) == 0


def test_min_above_max_and_other_odd_marks_are_taken_as_they_are(pool, profile):
    assert busyness(pool, profile, max=100).ask("iCCC", ran=LOUD) == 0
    assert busyness(pool, profile, max=U64).ask("iCCC", ran=LOUD) == 0
    upside = busyness(pool, profile, max=10, min=90, multiplier=1)
    assert upside.ask("iiiC", ran=percents(50, 50, 50)) == 1
    assert upside.ask("iiiC", ran=percents(5, 5, 5), after_us=9 * SECOND) == -1
    assert busyness(pool, profile, min=1, multiplier=1).ask("iiiC", ran=[10_000] * 3) == 0


def test_a_clock_set_back_ends_the_window_at_once(pool, profile):
    rule = busyness(pool, profile, cheaper_overload=90)
    assert rule.ask("iCCC", ran=[90 * SECOND]) == 0

    assert rule.ask("iCCC", after_us=-2 * SECOND) == 1


def test_on_a_clock_that_starts_at_boot_the_first_starts_look_like_quick_ones(machine, profile):
    """
    The last stop, 0, looks recent: the penalty is added.
    """
    for begin_s, expected in ((2, 4), (1_700_000_000, 2)):
        rule = Rule(
            "busyness",
            profile,
            4,
            workers_step=1,
            knobs=BUSY | {"cheaper-busyness-multiplier": 2, "cheaper-busyness-penalty": 2},
        )
        made = machine(rule, begin_s * SECOND - SECOND)
        slots = [Slot(running_time_us=SECOND)] * 3 + [Slot(State.CHEAPED)]
        moments = [Moment(tuple(slots), wall_us=(begin_s + window) * SECOND) for window in range(9)]
        answers = [made.decide(moment, True) for moment in moments]
        assert answers.index(-1) == expected
        assert answers[0] == 1


def test_the_plugin_arms_its_timers_when_it_is_loaded(pool, profile):
    """
    Its first window ends a window after that, not after the first check.
    """
    rule = busyness(pool, profile)
    assert rule.ask("iCCC", ran=LOUD, after_us=SECOND) == 1
    rule = busyness(pool, profile)
    assert rule.ask("iCCC", ran=LOUD, after_us=SECOND - 1) == 0


def test_busyness_is_not_even_counting_while_it_is_not_asked(pool, profile):
    """
    A check given to a command by hand is one that did not see the busy workers.
    """
    seen = busyness(pool, profile, cheaper_overload=2)
    seen.tick("bbCC")
    assert seen.tick("iiCC").delta == 1

    unseen = busyness(pool, profile, cheaper_overload=2)
    unseen.tick("bbCC", manual=1)
    assert unseen.tick("iiCC").delta == 0


def test_a_stop_counts_for_busyness_though_nobody_could_be_stopped(pool, profile):
    rule = busyness(pool, profile, multiplier=3)
    for _ in range(2):
        rule.tick("bbbC", ran=[1, 1, 1])
    assert rule.tick("bbbC", ran=[1, 1, 1]) == Outcome(True, -1, -1)
    assert rule.tick("bbiC", ran=[1, 1, 1]) == Outcome(True, -1, 0, (), (3,))

    assert [rule.tick("bbDC", ran=[1, 1, 1]).delta for _ in range(3)] == [0, -1, -1]
