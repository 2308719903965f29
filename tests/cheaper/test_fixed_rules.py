"""Details of profile `fixed` that a random pool seldom comes to."""

from random import Random

import pytest

from uwoffload import InvalidArgument
from uwoffload._bridge import lib
from uwoffload.cheaper import (
    AlgoBusyness,
    AlgoManual,
    AlgoQueue,
    AlgoSpare,
    Readings,
    Scaler,
    algorithms,
)

from .fixed_model import Busyness, Limits, Moment, Pool, Worker
from .fixed_streams import Crowd, knobs_of, made, readings_of, rule_of
from .streams import pairs

SECOND = 1_000_000


# ---- busyness, as its model, in long waves of load ----


@pytest.mark.parametrize("seed", range(40))
def test_timers_of_busyness_are_those_of_the_model(seed):
    """Starts soon after stops, stops in a row, spells within the band; emergencies now and then."""
    rng = Random(f"waves {seed}")
    knobs = {
        "check_interval_busy": rng.choice([1, 1, 2]),
        "busy_max": 60,
        "busy_min": 30,
        "idle_cycles_max": rng.randint(1, 4),
        "idle_cycles_penalty": rng.randint(0, 3),
        "queue_size": rng.randint(2, 9),
        "emergency_idle_cycles_max": rng.randint(1, 4),
        "emergency_workers_step": rng.randint(0, 2),
        "queue_nonzero_delay": rng.randint(1, 4),
    }
    limits = Limits(6, rng.choice([1, 2]), rng.randint(0, 2))
    now = rng.choice([SECOND, 10**12])  # a clock may begin at the boot
    letters, counters, spells = "iiiCCC", [0] * 6, iter(())
    algorithm = Busyness(limits, knobs)
    first = Moment(now, [Worker(letter) for letter in letters])
    algorithm.begin(first)
    pool, scaler = Pool(limits, algorithm), Scaler(rule_of(made("busyness", knobs), limits))
    scaler.begin(readings_of(first))
    for check in range(160):
        share = next(spells, None)
        if share is None:
            spells = iter([rng.choice([0.0, 0.0, 0.45, 0.9])] * rng.randint(1, 12))
            share = next(spells)
        now += SECOND
        counters = [
            used + int(share * SECOND) * (letter == "i")
            for used, letter in zip(counters, letters, strict=True)
        ]
        queue = rng.choice([1, 3, 12]) if rng.random() < 0.04 else 0
        workers = [Worker(letters[i], busy_us=counters[i]) for i in range(6)]
        moment = Moment(now, workers, queue)
        expected = pool.tick(moment)

        verdict = scaler.tick(readings_of(moment))

        assert (verdict.delta, verdict.start, verdict.stop) == expected[1:2] + expected[4:], check
        there = set(expected.start) | {i for i, letter in enumerate(letters, 1) if letter == "i"}
        letters = "".join("i" if i in there - set(expected.stop) else "C" for i in range(1, 7))


@pytest.mark.parametrize(("used", "started"), [(509_999, 0), (510_000, 1)])
def test_a_share_is_rounded_down(used, started):
    """Above 50 % begins at 51."""
    scaler = Scaler(AlgoBusyness(check_interval_busy=1, busy_max=50), workers_max=2)
    readings = Readings(2).at(10**12).fill(state="iC")
    scaler.begin(readings)
    readings.at(10**12 + SECOND).fill(busy_us=[used, 0])

    assert scaler.tick(readings).delta == started


def test_a_pool_that_is_all_starting_is_not_busy():
    """Nobody was there: a share of 0, which is below every minimum but 0."""
    scaler = Scaler(AlgoBusyness(check_interval_busy=1, busy_min=1), workers_max=4, workers_min=1)
    readings = Readings(4).at(10**12).fill(state="ssCC")
    scaler.begin(readings)

    assert scaler.tick(readings.at(10**12 + SECOND)).reason == "idle, but not for long enough"


def test_below_the_minimum_busyness_says_so_and_leaves_the_rest_to_the_limits():
    rule = AlgoBusyness(check_interval_busy=1, idle_cycles_max=1).rule(4, workers_min=2)
    readings = Readings(4).at(10**12).fill(state="iCCC")
    state = rule.begin(readings)

    verdict, _ = rule.decide(state, readings.at(10**12 + SECOND))

    assert (verdict.delta, verdict.reason) == (0, "idle, at the minimum")


def test_clock_may_begin_with_the_pool():
    """Machines count from their boot: the second check is at twice the time of the first."""
    scaler = Scaler(AlgoManual(), workers_max=2)
    readings = Readings(2).fill(state="iC")

    assert [scaler.tick(readings.at(second * SECOND)).fired for second in (1, 2, 3)] == [True] * 3


# ---- knobs ----

CHECKS, WINDOWS = (1, 1_000_000, "checks"), (1, 1_000_000, "windows")
KNOBS = {
    "backlog": {"check_num_overload": (3, 1, 1_000_000, "requests")},
    "busyness": {
        "check_interval_busy": (3, 1, 86_400, "s"),
        "busy_max": (50, 1, 100, "%"),
        "busy_min": (25, 0, 99, "%"),
        "idle_cycles_max": (10, *WINDOWS),
        "idle_cycles_penalty": (2, 0, 1_000_000, "windows"),
        "queue_size": (33, 0, 1_000_000, "requests"),
        "emergency_idle_cycles_max": (3, *WINDOWS),
        "emergency_workers_step": (1, 0, 65_535, "workers"),
        "queue_nonzero_delay": (60, 1, 86_400, "s"),
    },
    "manual": {},
    "spare": {"check_interval_overload": (3, *CHECKS)},
    "spare2": {"check_interval_idle": (10, *CHECKS), "check_interval_overload": (3, *CHECKS)},
}


@pytest.mark.parametrize("name", sorted(KNOBS))
def test_knobs_have_their_defaults_and_ranges(name):
    found = {k.name: (k.default, k.min, k.max, k.unit) for k in algorithms()[name].knobs}

    assert found == KNOBS[name]


@pytest.mark.parametrize("name", algorithms())
def test_algorithms_and_their_knobs_say_what_they_are(name):
    info = algorithms()[name]

    assert info.summary
    assert all(knob.help and knob.unit for knob in info.knobs)


def test_band_of_busyness_has_a_width():
    AlgoBusyness(busy_min=49, busy_max=50).rule(2)

    with pytest.raises(InvalidArgument, match="busy_min must be below busy_max"):
        AlgoBusyness(busy_min=50, busy_max=50).rule(2)


# ---- reasons ----


def reason(algorithm, letters, *, limits=None, **values):
    readings = Readings(len(letters)).at(10**12).fill(state=letters)
    for name, value in values.items():
        setattr(readings, name, value)
    return Scaler(algorithm, workers_max=len(letters), **(limits or {})).tick(readings).reason


def test_reason_names_who_had_the_last_word():
    memory = {"rss_soft": 10, "rss_hard": 20}

    assert reason(AlgoManual(), "iC") == "only by hand"
    assert reason(AlgoManual(), "iC", manual=1) == "by hand"
    assert reason(AlgoManual(), "ii", limits=memory, memory_total=20) == (
        "memory above the hard limit"
    )
    assert reason(AlgoManual(), "CC") == "fewer workers than the minimum"


@pytest.mark.parametrize(("name", "profile"), pairs())
def test_every_verdict_has_a_reason(name, profile):
    """Of a whole check and of the algorithm alone; also between two checks."""
    for seed in range(12):
        rng = Random(f"reasons {name} {profile} {seed}")
        limits = Limits(4, rng.randint(1, 3), rng.randint(0, 2), rss_soft=100, rss_hard=150)
        knobs = {} if name == "target" else knobs_of(rng, name)
        crowd = Crowd(rng, limits)
        rule = algorithms()[name].make(profile=profile, **knobs).rule(
            limits.workers_max, workers_min=limits.workers_min, workers_step=limits.workers_step,
            rss_soft=100, rss_hard=150,
        )  # fmt: skip
        scaler, state = Scaler(rule), None
        for moment in crowd.moments(60, manual=True, memory=True):
            readings = readings_of(moment)
            readings.wall_s, readings.wall_us = moment.now // SECOND, moment.now
            verdict = scaler.tick(readings)
            alone, state = rule.decide(state, readings, may_spawn=rng.random() < 0.7)

            assert verdict.reason
            assert alone.reason
            crowd.told(verdict.start, verdict.stop)


@pytest.mark.parametrize(
    ("letters", "queue", "memory", "expected"),
    [
        ("biC", 4, 0, "the queue is too long"),
        ("biC", 4, 10, "the queue is too long, but memory forbids to start"),
        ("biC", 3, 0, "the queue is as it should be"),
        ("bCC", 2, 0, "the queue is short, at the minimum"),
        ("bbC", 2, 0, "the queue is short, but nobody can be spared"),
        ("biC", 2, 0, "the queue is short"),
    ],
)
def test_reasons_of_backlog(letters, queue, memory, expected):
    found = reason(
        AlgoQueue(), letters, limits={"rss_soft": 10}, listen_queue=queue, memory_total=memory
    )

    assert found == expected


@pytest.mark.parametrize("manual", [1, -1])
def test_reason_of_a_change_by_hand_in_the_profiles_of_uwsgi(manual):
    """A stop may be one carried over; a start never is."""
    scaler = Scaler(AlgoManual(), workers_max=3, profile="uwsgi-2.1")
    readings = Readings(3).at(10**12).fill(state="iiC")
    scaler.tick(readings)
    readings.at(10**12 + SECOND).manual = manual

    assert scaler.tick(readings).reason == ("by hand" if manual > 0 else "by hand, or carried over")


# ---- whom, how many, and why ----


@pytest.mark.parametrize(
    ("started", "stopped"),
    [
        ([10, 20, 30, 40, 50, 0], (1, 2, 3)),
        ([50, 20, 40, 10, 30, 0], (4, 2, 5)),
        ([50, 40, 30, 20, 10, 0], (5, 4, 3)),
        ([7, 7, 5, 7, 5, 0], (3, 5, 1)),
        ([-5, 2**63 - 1, -(2**63), 0, -6, 9], (3, 5, 1)),
    ],
)
def test_several_are_stopped_who_started_first(started, stopped):
    scaler = Scaler(AlgoManual(), workers_max=6)
    readings = Readings(6, manual=-3).at(10**12).fill(state="iiiiib", started_s=started)

    assert scaler.tick(readings).stop == stopped


def test_more_than_are_idle_are_all_who_are():
    scaler = Scaler(AlgoManual(), workers_max=6)
    readings = Readings(6, manual=-5).at(10**12).fill(state="ibibib", started_s=[3, 0, 1, 0, 2, 0])

    verdict = scaler.tick(readings)

    assert (verdict.stop, verdict.limited_by) == ((3, 5, 1), "no idle worker")


def test_steps_that_nobody_gave_are_one_but_for_target():
    """As the C interface tells it to hosts."""
    usual = {
        name: lib.uwo_scale_algorithm(lib.uwo_scale_find(name.encode())).step
        for name in algorithms()
    }

    assert usual == {name: lib.UWO_NONE if name == "target" else 1 for name in algorithms()}


@pytest.mark.parametrize("spell", [2, 3, 10])
def test_a_busy_spell_of_spare_is_no_longer_for_memory_that_forbids_to_start(spell):
    scaler = Scaler(AlgoSpare(check_interval_overload=2), workers_max=4, rss_soft=10)
    readings = Readings(4, memory_total=11)
    for second in range(spell):
        assert scaler.tick(readings.at(second * SECOND + SECOND).fill(state="bbbb")).delta == 0

    answers = [
        scaler.tick(readings.at((spell + second) * SECOND + SECOND).fill(state="iibb")).delta
        for second in range(3)
    ]

    assert answers == [0, 0, -1]


def test_spare_says_whether_a_spell_has_begun():
    scaler = Scaler(AlgoSpare(check_interval_overload=3), workers_max=4)
    readings = Readings(4).at(10**12)

    said = [scaler.tick(readings.at(10**12).fill(state="ibCC")).reason]
    for check, letters in enumerate(["bbCC", "bbCC", "ibCC", "ibCC"], 1):
        said.append(scaler.tick(readings.at(10**12 + check * SECOND).fill(state=letters)).reason)

    assert said == [
        "no more than needed",
        "all busy",
        "all busy",
        "a busy spell is not over",
        "no more than needed",
    ]
