"""The uWSGI profiles decide as the originals did, in every recorded call."""

import pytest

from cheaper.model import Model
from cheaper.replay import RECORDED, Core, Recording, outcomes_of

pytestmark = [pytest.mark.slow, pytest.mark.native]

FILES = sorted(RECORDED.glob("*.xz"))

SCENARIOS = 3600
CALLS = 200_000


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.stem)
def recording(request):
    return Recording(request.param)


def disagreement(machine, scenario):
    """The first call at which the machine decides otherwise than the recording."""
    calls = zip(scenario.outcomes, outcomes_of(machine, scenario), strict=True)
    for call, (recorded, decided) in enumerate(calls):
        if decided != recorded:
            return f"call {call}: recorded {recorded}, decided {decided}, {scenario.rule}"
    return None


def fresh(recording):
    """Recordings are read from front to back, once."""
    return Recording(recording.path)


def test_every_recorded_call_is_decided_the_same_way(recording):
    """
    Decision, workers started and stopped in their order, and what is carried over.
    """
    wrong = {
        scenario.name: found
        for scenario in fresh(recording)
        if (found := disagreement(Core(scenario.rule, scenario.begin_us), scenario))
    }

    assert wrong == {}


def test_the_model_decides_as_recorded_too(recording):
    """
    What the model says about the C is worth something only if it knows the originals itself.
    """
    wrong = {
        scenario.name: found
        for scenario in fresh(recording)
        if (found := disagreement(Model(scenario.rule, scenario.begin_us), scenario))
    }

    assert wrong == {}


def test_a_state_saved_between_two_calls_goes_on_as_if_nothing_had_happened(recording):
    """
    The state is a value: every call works on a copy in another place.
    """
    for number, scenario in enumerate(fresh(recording)):
        if number % 20:
            continue
        outcomes = []
        core = Core(scenario.rule, scenario.begin_us)
        saved = core.value()
        for moment, permission in zip(scenario.moments, scenario.permissions, strict=True):
            other = Core(scenario.rule, 0, begin=False)
            other.state[0 : len(other.state)] = list(memoryview(saved).cast("Q"))
            if scenario.alone:
                outcomes.append((True, other.decide(moment, permission), 0, (), ()))
            else:
                outcomes.append(other.tick(moment))
            saved = other.value()

        assert outcomes == scenario.outcomes, scenario.name


def test_there_are_thousands_of_recordings_of_every_algorithm_and_release():
    """
    A file lost or cut would make the tests above pass in silence.
    """
    found = [Recording(path).head for path in FILES]

    assert {(head["algorithm"], head["profile"]) for head in found} == {
        (algorithm, profile)
        for algorithm in ("backlog", "busyness", "manual", "spare", "spare2")
        for profile in ("uwsgi-2.0", "uwsgi-2.1")
    }
    assert sum(len(head["scenarios"]) for head in found) == SCENARIOS
    assert sum(row["calls"] for head in found for row in head["scenarios"]) > CALLS
