"""The classes: what they take, how they chain, what they refuse; and the table of the core."""

import copy
import inspect
import pickle
import re
from pathlib import Path

import pytest

import uwoffload.cheaper as cheaper
from uwoffload import InvalidArgument
from uwoffload.cheaper import (
    PROFILES,
    Algo,
    AlgoBusyness,
    AlgoManual,
    AlgoQueue,
    AlgoSpare,
    AlgoSpare2,
    Cheapening,
    Readings,
    Rule,
    State,
    WorkerReading,
    algorithms,
)
from uwoffload.cheaper.fields import Number

CLASSES = {
    "backlog": AlgoQueue,
    "busyness": AlgoBusyness,
    "manual": AlgoManual,
    "spare": AlgoSpare,
    "spare2": AlgoSpare2,
}
DEFAULTS = {  # of uWSGI
    "backlog": {"cheaper-overload": 3},
    "busyness": {
        "cheaper-overload": 3,
        "cheaper-busyness-max": 50,
        "cheaper-busyness-min": 25,
        "cheaper-busyness-multiplier": 10,
        "cheaper-busyness-penalty": 2,
        "cheaper-busyness-backlog-alert": 33,
        "cheaper-busyness-backlog-multiplier": 3,
        "cheaper-busyness-backlog-step": 1,
        "cheaper-busyness-backlog-nonzero": 60,
    },
    "manual": {},
    "spare": {"cheaper-overload": 3},
    "spare2": {"cheaper-idle": 10, "cheaper-overload": 3},
}


def test_profiles_are_named_the_default_first():
    assert ("fixed", "uwsgi-2.0", "uwsgi-2.1") == PROFILES


@pytest.mark.parametrize("name", CLASSES)
def test_knobs_have_the_defaults_of_uwsgi(name):
    assert {knob.option: knob.default for knob in algorithms()[name].knobs} == DEFAULTS[name]


def test_knobs_have_their_ranges_and_units():
    """Of the five; `target` has a table of its own, and so will the next one."""
    many = 10**6
    expected = {
        "backlog": {"check_num_overload": (1, many, "requests")},
        "busyness": {
            "check_interval_busy": (1, 86_400, "s"),
            "busy_max": (1, 100, "%"),
            "busy_min": (0, 99, "%"),
            "idle_cycles_max": (1, many, "windows"),
            "idle_cycles_penalty": (0, many, "windows"),
            "queue_size": (0, many, "requests"),
            "emergency_idle_cycles_max": (1, many, "windows"),
            "emergency_workers_step": (0, 65_535, "workers"),
            "queue_nonzero_delay": (1, 86_400, "s"),
        },
        "manual": {},
        "spare": {"check_interval_overload": (1, many, "checks")},
        "spare2": {
            "check_interval_idle": (1, many, "checks"),
            "check_interval_overload": (1, many, "checks"),
        },
    }
    found = {
        name: {knob.name: (knob.min, knob.max, knob.unit) for knob in algorithms()[name].knobs}
        for name in expected
    }

    assert found == expected


@pytest.mark.parametrize("name", algorithms())
def test_every_knob_has_a_unit_a_help_and_a_default_within_its_range(name):
    info = algorithms()[name]

    assert info.summary
    assert info.profiles[0] == "fixed"
    for knob in info.knobs:
        assert knob.unit and knob.help
        assert knob.min <= knob.default <= knob.max


@pytest.mark.parametrize("name", algorithms())
def test_every_algorithm_of_the_core_can_be_made_and_decides(name):
    algo = algorithms()[name].make()

    verdict, state = algo.decide(None, Readings(3).at(10**9).fill(state="iib"))

    assert algo.name == name
    assert verdict.reason
    assert isinstance(state, State)


@pytest.mark.parametrize("name", CLASSES)
def test_name_gives_the_class_people_know(name):
    assert type(Algo.named(name)) is CLASSES[name]
    assert type(algorithms()[name].make()) is CLASSES[name]


def test_queue_is_another_name_of_backlog():
    assert type(Algo.named("queue")) is AlgoQueue


@pytest.mark.parametrize("name", sorted(set(CLASSES) - {"target"}))
def test_signatures_take_what_the_core_lists(name):
    """A knob that C gains must be reachable by name in Python."""
    taken = inspect.signature(CLASSES[name].__init__).parameters

    missing = {knob.name for knob in algorithms()[name].knobs} - set(taken)
    assert not missing


@pytest.mark.skipif("target" not in algorithms(), reason="the core has no target")
def test_target_takes_every_knob_of_the_core():
    for knob in algorithms()["target"].knobs:
        algo = cheaper.AlgoTarget(**{knob.name: knob.default})

        assert algo.given == {knob.name: knob.default}
        assert algo == cheaper.AlgoTarget().set_basic_params(**{knob.name: knob.default})


# ---- constructor, setters, chains ----


def test_constructor_and_setter_give_the_same():
    assert AlgoSpare(check_interval_overload=5) == AlgoSpare().set_basic_params(
        check_interval_overload=5
    )
    assert AlgoSpare2(check_interval_idle=5) == AlgoSpare2().set_basic_params(check_interval_idle=5)
    assert AlgoQueue(check_num_overload=5) == AlgoQueue().set_basic_params(check_num_overload=5)


BASIC = {
    "check_interval_busy": 5,
    "busy_max": 70,
    "busy_min": 20,
    "idle_cycles_max": 3,
    "idle_cycles_penalty": 1,
    "verbose": True,
}


def test_busyness_takes_both_sets_in_the_constructor():
    made = AlgoBusyness(
        **BASIC,
        emergency_workers_step=2,
        emergency_idle_cycles_max=4,
        queue_size=9,
        queue_nonzero_delay=8,
    )

    assert made == AlgoBusyness().set_basic_params(**BASIC).set_emergency_params(
        workers_step=2, idle_cycles_max=4, queue_size=9, queue_nonzero_delay=8
    )
    assert made.knobs == {
        "check_interval_busy": 5,
        "busy_max": 70,
        "busy_min": 20,
        "idle_cycles_max": 3,
        "idle_cycles_penalty": 1,
        "emergency_workers_step": 2,
        "emergency_idle_cycles_max": 4,
        "queue_size": 9,
        "queue_nonzero_delay": 8,
    }


def test_every_setter_returns_the_object():
    spare, spare2, queue, busyness = AlgoSpare(), AlgoSpare2(), AlgoQueue(), AlgoBusyness()
    cheapening = Cheapening()

    assert spare.set_basic_params(check_interval_overload=1) is spare
    assert spare2.set_basic_params(check_interval_idle=1) is spare2
    assert queue.set_basic_params(check_num_overload=1) is queue
    assert busyness.set_basic_params(busy_max=60) is busyness
    assert busyness.set_emergency_params(queue_size=5) is busyness
    assert cheapening.set_basic_params(workers_min=2) is cheapening
    assert cheapening.set_memory_limits(rss_soft=10, rss_hard=20) is cheapening
    assert cheapening.print_algorithms() is cheapening


def test_none_leaves_what_was_given():
    algo = AlgoBusyness(busy_max=60).set_basic_params(busy_max=None, busy_min=10)
    cheapening = Cheapening(workers_min=2).set_basic_params(workers_min=None, workers_step=4)

    assert algo.given == {"busy_max": 60, "busy_min": 10}
    assert cheapening.to_ini() == ["cheaper = 2", "cheaper-step = 4"]


def test_setter_takes_all_or_nothing():
    algo = AlgoBusyness(busy_max=60)

    with pytest.raises(InvalidArgument):
        algo.set_basic_params(busy_max=70, busy_min=-1)

    assert algo.given == {"busy_max": 60}


def test_parameters_are_given_by_name():
    """As in uwsgiconf since 1.0."""
    with pytest.raises(TypeError):
        AlgoSpare(5)
    with pytest.raises(TypeError):
        Cheapening().set_basic_params(True)


def test_algorithms_are_reached_as_in_uwsgiconf():
    assert Cheapening.algorithms.busyness is AlgoBusyness
    assert Cheapening.algorithms.manual is AlgoManual
    assert Cheapening.algorithms.queue is AlgoQueue
    assert Cheapening.algorithms.spare is AlgoSpare
    assert Cheapening.algorithms.spare2 is AlgoSpare2
    assert Cheapening.algorithms.target is cheaper.AlgoTarget


@pytest.mark.parametrize("given", [AlgoQueue(), AlgoQueue, "backlog", "queue"])
def test_cheapening_takes_an_algorithm_its_class_or_its_name(given):
    assert Cheapening(cheaper_algo=given, workers_min=1).to_ini()[0] == "cheaper-algo = backlog"


def test_cheapening_makes_the_rule_with_everything_in_it():
    made = (
        Cheapening()
        .set_basic_params(
            cheaper_algo=AlgoSpare(check_interval_overload=4),
            workers_min=2,
            workers_startup=3,
            workers_step=2,
            check_interval=0.5,
        )
        .set_memory_limits(rss_soft=100, rss_hard=200)
    )

    assert made.rule(workers_max=9) == AlgoSpare(check_interval_overload=4).rule(
        9,
        workers_min=2,
        workers_startup=3,
        workers_step=2,
        check_interval=0.5,
        rss_soft=100,
        rss_hard=200,
    )
    assert made.scaler(9).rule == made.rule(9)


def test_cheapening_without_an_algorithm_has_that_of_uwsgi():
    assert Cheapening(workers_max=4).rule().algorithm == AlgoSpare()


# ---- values ----


@pytest.mark.parametrize("name", CLASSES)
def test_algorithms_and_rules_are_values(name):
    algo = algorithms()[name].make()
    rule = algo.rule(4, workers_min=2)

    for made in (pickle.loads(pickle.dumps(algo)), copy.deepcopy(algo)):
        assert (type(algo), algo, hash(algo)) == (type(made), made, hash(made))
    for made in (pickle.loads(pickle.dumps(rule)), copy.deepcopy(rule)):
        assert (rule, hash(rule)) == (made, hash(made))
    assert rule != algo.rule(5, workers_min=2)
    assert rule != algo.rule(4, workers_min=2, profile="uwsgi-2.1")
    assert eval(repr(algo), vars(cheaper)) == algo
    assert repr(algo) in repr(rule)


def test_rule_keeps_its_knobs_when_the_algorithm_changes():
    algo = AlgoSpare(check_interval_overload=2)
    rule = algo.rule(4)

    algo.set_basic_params(check_interval_overload=9)

    assert rule.cdata.knob[0] == 2
    assert rule.algorithm.knobs == {"check_interval_overload": 2}
    assert algo.rule(4).cdata.knob[0] == 9
    assert AlgoBusyness(verbose=True).rule(4).algorithm.to_ini()[-1].endswith("verbose = true")


def test_rule_says_its_limits():
    rule = AlgoSpare().rule(8, workers_min=2, workers_startup=3, check_interval=2.5)

    assert (8, 2, 3) == (rule.workers_max, rule.workers_min, rule.workers_startup)
    assert rule.check_interval_us == 2_500_000
    assert isinstance(rule, Rule)
    assert AlgoSpare().rule(8, workers_min=2).workers_startup == 2
    assert AlgoSpare().rule(8).check_interval_us == 1_000_000


@pytest.mark.parametrize(
    ("given", "startup"), [(None, 3), (0, 3), (1, 3), (3, 3), (5, 5), (6, 6), (9, 6)]
)
def test_workers_at_the_start_are_between_the_minimum_and_the_maximum_as_there(given, startup):
    rule = AlgoSpare(profile="uwsgi-2.1").rule(6, workers_min=3, workers_startup=given)

    assert rule.workers_startup == startup


class Mine(AlgoSpare):
    """As somebody may derive one."""


def test_class_of_your_own_stays_one():
    made = Mine(check_interval_overload=7)

    assert type(pickle.loads(pickle.dumps(made))) is type(copy.copy(made)) is Mine
    assert pickle.loads(pickle.dumps(made)).knobs == made.knobs


def test_pure_call_sees_another_profile():
    algo, found = AlgoSpare(), Readings(3).at(10**12)
    algo.decide(None, found)
    algo.profile = "uwsgi-2.1"

    assert algo.decide(None, found) == AlgoSpare(profile="uwsgi-2.1").decide(None, found)


def test_manual_has_the_setter_of_the_others():
    algo = cheaper.AlgoManual()

    assert algo.set_basic_params() is algo


# ---- the pure call ----


def test_decide_is_pure():
    """Same state and readings, same verdict and state; neither argument changes."""
    algo = AlgoSpare(check_interval_overload=2)
    readings = Readings(4).at(10**9).fill(state="bbCC")
    before = readings.copy()

    _, state = algo.decide(None, readings)
    kept = State(bytes(state))
    readings.at(10**9 + 10**6)
    before.at(10**9 + 10**6)
    answers = [algo.decide(state, readings) for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert (answers[0][0].delta, answers[0][0].reason) == (1, "all busy too long")
    assert state == kept
    assert readings == before


def test_decide_takes_the_limits_of_a_rule():
    readings = Readings(6).at(10**9).fill(state="bbCCCC")
    readings.listen_queue = 9

    wanted = [
        AlgoQueue().decide(None, readings, workers_step=step)[0].delta for step in (None, 1, 3, 9)
    ]

    assert wanted == [1, 1, 3, 4]


def test_decide_sees_a_changed_knob():
    algo = AlgoQueue(check_num_overload=5)
    readings = Readings(4).at(10**9).fill(state="bbCC")
    readings.listen_queue = 4
    assert algo.decide(None, readings)[0].delta == 0

    algo.set_basic_params(check_num_overload=3)

    assert algo.decide(None, readings)[0].delta == 1


def test_without_permission_nothing_is_wanted():
    readings = Readings(4).at(10**9).fill(state="bbCC")
    readings.listen_queue = 9

    assert AlgoQueue().decide(None, readings, may_spawn=False)[0].delta == 0


def test_spare2_in_uwsgi_2_0_runs_spare():
    ours = AlgoSpare2(check_interval_overload=2).rule(4, profile="uwsgi-2.0", workers_min=1)
    theirs = AlgoSpare(check_interval_overload=2).rule(4, profile="uwsgi-2.0", workers_min=1)
    found, wanted = None, None

    for second in range(1000, 1012):
        readings = Readings(4).at(second * 10**6).fill(state="bbCC")
        one, found = ours.decide(found, readings)
        other, wanted = theirs.decide(wanted, readings)
        assert one == other


# ---- the page ----

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "scaling.md").read_text(encoding="utf-8")


def test_page_lists_every_algorithm_and_knob_as_they_are():
    """Of those that have a class; one that is new in the core is reached by `Algo.named`."""
    for info in (algorithms()[name] for name in CLASSES):
        assert f"\n| `{info.name}` | `Algo" in PAGE
        for knob in info.knobs:
            if info.name != "target" and (info.name, knob.name) != (
                "spare2",
                "check_interval_overload",
            ):
                row = next(row for row in PAGE.split("\n") if row.startswith(f"| `{knob.name}`"))
                cells = [cell.strip() for cell in row.strip("|").split("|")]
                assert cells[1:4] == [f"`{knob.option}`", str(knob.default), knob.unit]


@pytest.mark.parametrize("kind", [Readings, WorkerReading])
def test_page_lists_every_reading_and_help_says_what_it_is(kind):
    fields = {name: found for name, found in vars(kind).items() if isinstance(found, Number)}

    assert len(fields) >= 8
    for name, field in fields.items():
        assert re.search(rf"^\| [^|]*`{name}`", PAGE, re.MULTILINE), name
        assert field.__doc__.endswith(".")


def test_page_names_tests_that_exist():
    tests = (Path(__file__).parent / "test_scaler.py").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+)`", PAGE)

    assert len(named) > 20
    assert [name for name in named if f"\ndef {name}(" not in tests] == []


def test_page_begins_with_what_works():
    """The first example, as it stands; its last line says what it gives."""
    block = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    *lines, last = block.strip().split("\n")
    namespace = {}
    exec("\n".join(lines), namespace)

    assert eval(last, namespace) == (3,)
