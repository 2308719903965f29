"""The strategies: they make what rules take, reach the corners, and find broken algorithms."""

import subprocess
import sys

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from uwoffload import InvalidArgument
from uwoffload.cheaper import (
    PROFILES,
    AlgoBusyness,
    AlgoQueue,
    Readings,
    Scaler,
    Verdict,
    algorithms,
    strategies,
)
from uwoffload.cheaper.explain import Step
from uwoffload.cheaper.strategies import History, Moment

pytestmark = pytest.mark.slow

BROKEN = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", algorithms())
def test_knobs_are_allowed(name, profile):
    if profile not in algorithms()[name].profiles:
        pytest.skip("it does not exist there")

    @given(strategies.knobs(name, profile=profile))
    def allowed(knobs):
        algorithms()[name].make(profile=profile, **knobs).rule(2, workers_min=1)

    allowed()


def test_profile_that_an_algorithm_does_not_have_is_named():
    with pytest.raises(InvalidArgument, match="profile: 'uwsgi-2'; spare exists in: fixed, uwsgi-"):
        strategies.knobs("spare", profile="uwsgi-2")


def test_knobs_reach_their_limits():
    for wanted in (1, 100, 10**6):
        found = find(
            strategies.knobs("spare"),
            lambda knobs, wanted=wanted: knobs.get("check_interval_overload", 0) >= wanted,
        )
        assert found == {"check_interval_overload": wanted}
    huge = find(
        strategies.knobs("spare", profile="uwsgi-2.1"),
        lambda knobs: knobs.get("check_interval_overload", 0) > 2**60,
    )
    assert huge


@pytest.mark.parametrize("profile", PROFILES)
@given(data=st.data())
def test_rules_and_readings_go_together(profile, data):
    rule = data.draw(strategies.rules(profile=profile, workers_max=5, memory=True))
    readings = data.draw(strategies.readings(5))

    verdict, state = rule.decide(rule.begin(readings), readings)

    assert -5 <= verdict.delta <= 65535
    assert len(state) == rule.state_size


@given(strategies.histories(6), strategies.rules(workers_max=6))
def test_history_is_the_same_again(history, rule):
    assert history.run(Scaler(rule)) == history.run(Scaler(rule))


def test_histories_reach_full_and_empty_pools():
    for wanted in ("bbbb", "iCCC"):
        assert find(
            strategies.histories(4),
            lambda history, wanted=wanted: any(
                step.readings.letters == wanted
                for step in history.run(Scaler(AlgoQueue(), workers_max=4))
            ),
            settings=settings(max_examples=2000, deadline=None),
        )


def letters(history, **limits):
    return [step.readings.letters for step in history.run(Scaler(AlgoQueue(), **limits))]


def test_pool_obeys():
    """Startup and drain take their moments; a failed fork is dead."""
    full, easy = Moment(load=9), Moment(load=0)
    history = History((full, full, full, full), startup=2, queue_limit=20)
    assert letters(history, workers_max=3) == ["bCC", "bsC", "bbs", "bbb"]

    history = History((easy, easy, easy, easy), drain=2)
    assert letters(history, workers_max=3, workers_startup=3) == ["iii", "Dii", "CDi", "CCi"]

    history = History((Moment(load=9, fork_fails=True), full))
    assert letters(history, workers_max=2) == ["bC", "bz"]

    history = History((Moment(load=1, deaths=1), easy))
    assert letters(history, workers_max=2) == ["zC", "iC"]


def test_busy_time_grows_while_a_worker_is_busy():
    steps = History((Moment(load=1),) * 3).run(Scaler("manual", workers_max=2))

    assert [step.readings.workers[0].busy_us for step in steps] == [0, 10**6, 2 * 10**6]


def test_history_begins_before_its_first_moment():
    """So a window that is as long as a moment ends with the first."""
    scaler = Scaler(AlgoBusyness(check_interval_busy=1), workers_max=2)

    (step,) = History((Moment(load=1),)).run(scaler)

    assert step.verdict.reason != "within a window"


# ---- the contract finds what is broken ----


def test_docstring_is_true():
    """The example of the module, as it stands there."""
    text = strategies.__doc__
    lines = [line[4:] for line in text.split("\n") if line.startswith("    ") or not line]
    namespace = {}
    exec("\n".join(lines), namespace)

    namespace["test_ladder"]()
    namespace["test_pure"]()


def obedient(state, readings):
    return 0, state


LIES = {
    "memory": (
        "bbCC",
        lambda v: v._replace(delta=1, start=(3,), memory="rss_soft"),
        "nothing above a memory limit",
    ),
    "above the maximum": ("iiii", lambda v: v._replace(start=(5,)), "lowest free slots"),
    "both at once": ("iiiC", lambda v: v._replace(start=(4,), stop=(1,)), "at once"),
    "not the lowest": ("iCCC", lambda v: v._replace(start=(3,), delta=1), "the lowest free slots"),
    "a busy one": ("ibbi", lambda v: v._replace(stop=(2,), delta=-1), "the idle workers that"),
    "not the oldest": ("iiii", lambda v: v._replace(stop=(2,), delta=-1), "that started first"),
    "below the minimum": ("iiCC", lambda v: v._replace(stop=(1,), delta=-1), "below the minimum"),
    "another delta": ("iiii", lambda v: v._replace(delta=1), "delta says what is done"),
    "carried over": ("iiii", lambda v: v._replace(pending=-1), "nothing is carried over"),
    "idle hands": ("iCCC", lambda v: v, "below the minimum workers are started"),
    "between checks": ("iiiC", lambda v: v._replace(fired=False, start=(4,)), "between two checks"),
}


@pytest.mark.parametrize("name", LIES)
def test_contract_catches(name):
    states, lie, message = LIES[name]
    scaler = Scaler(obedient, workers_max=4, workers_min=2)
    step = Step(Readings(4).at(10**9).fill(state=states), lie(Verdict(0)))

    with pytest.raises(AssertionError, match=message):
        strategies.check_step(step, scaler)


def test_contract_of_uwsgi_catches_what_is_not_carried_over():
    scaler = Scaler(obedient, workers_max=4, workers_min=2, profile="uwsgi-2.1")
    step = Step(Readings(4).at(10**9).fill(state="bbbC"), Verdict(-1))

    with pytest.raises(AssertionError, match="what found nobody idle is carried over"):
        strategies.check_step(step, scaler)


def test_property_test_finds_an_algorithm_that_forgets():
    """What a person would do: a claim of their own, which is wrong."""

    def forgetful(state, readings):
        return -1 if readings.listen_queue == 0 else 1, state

    @BROKEN
    @given(strategies.histories(workers_max=4))
    def grows_when_all_are_busy(history):
        scaler = Scaler(forgetful, workers_max=4, workers_min=1)
        for step in history.steps(scaler):
            strategies.check_step(step, scaler)
            assert "i" in step.readings.letters or step.verdict.delta > 0

    with pytest.raises(AssertionError):
        grows_when_all_are_busy()


def test_without_hypothesis_one_line_names_it():
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import uwoffload.cheaper\n"
        "import uwoffload.cheaper.strategies\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.stderr.strip().split("\n")[-1] == (
        "ModuleNotFoundError: uwoffload.cheaper.strategies needs hypothesis: pip install hypothesis"
    )


def test_package_itself_does_not_import_hypothesis():
    program = (
        "import sys, uwoffload.cheaper, uwoffload.cheaper.closed, uwoffload.cli\n"
        "assert not {'hypothesis', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], timeout=60, check=True)


@given(data=st.data())
def test_histories_show_what_a_master_can_measure(data):
    """Who waits in the listen queue has no age: only those accepted have."""
    history = data.draw(strategies.histories(4))

    for step in history.run(Scaler("spare", workers_max=4)):
        assert (step.readings.waiting, step.readings.oldest_wait_us) == (0, 0)
