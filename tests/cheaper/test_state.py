"""State: a value that can be saved, restored, compared, copied and replayed."""

import copy
import pickle
from array import array
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwoffload import InvalidArgument
from uwoffload._bridge import ffi, lib
from uwoffload.cheaper import (
    PROFILES,
    AlgoBusyness,
    AlgoSpare,
    AlgoTarget,
    Readings,
    Scaler,
    State,
    algorithms,
    strategies,
)

HEAD_SEEN = 2  # a word of every state: the clock of the readings before; see cheaper.h
CASES = [(name, profile) for name, info in algorithms().items() for profile in info.profiles]

words = st.lists(st.integers(0, 2**64 - 1), max_size=20)


@given(words, st.none() | st.integers() | st.text())
def test_state_survives_every_way_of_keeping_it(found, own):
    state = State(b"".join(word.to_bytes(8, "little") for word in found), own)

    for made in (
        State(bytes(state), own),
        State.from_bytes(state.to_bytes(), own),
        State.from_hex(state.hex(), own),
        copy.copy(state),
        copy.deepcopy(state),
        pickle.loads(pickle.dumps(state)),
    ):
        assert (made, hash(made), made.own) == (state, hash(state), own)
    assert len(state) == 8 * len(found)


def test_states_differ_by_words_and_by_what_is_their_own():
    assert State(bytes(8)) != State(bytes(16))
    assert State(bytes(8)) != State(bytes(7) + b"x")
    assert State(bytes(8), own=1) != State(bytes(8), own=2)
    assert State(bytes(8)) != bytes(8)


def test_state_never_changes():
    block = bytearray(8)
    state = State(block)
    block[0] = 1

    assert state == State(bytes(8))
    with pytest.raises(AttributeError):
        state.own = 1


def test_words_are_for_looking_at():
    assert State(b"\x01" + bytes(7) + b"\x02" + bytes(7)).words == (1, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: State(b"1234567"), r"state: 7 bytes; allowed: words of 8 bytes each"),
        (lambda: State("text"), r"state: str; allowed: bytes"),
        (lambda: State.from_hex("xyz"), r"state: 'xyz'; allowed: hexadecimal digits"),
        (lambda: State.from_hex(5), r"state: 5; allowed: hexadecimal digits"),
    ],
)
def test_what_is_no_state_is_refused(make, message):
    with pytest.raises(InvalidArgument, match=message):
        make()


@pytest.mark.slow
@pytest.mark.parametrize("profile", PROFILES)
@given(data=st.data())
def test_saved_state_goes_on_as_if_nothing_had_been(profile, data):
    """At any moment of any history: a new scaler with the saved state answers as the old one."""
    rule = data.draw(strategies.rules(profile=profile, workers_max=6, memory=True))
    history = data.draw(strategies.histories(6, moments=(2, 20), deaths=True, manual=True))
    scaler = Scaler(rule)
    steps = history.run(scaler)

    replayed = Scaler(rule)
    replayed.begin(steps[0].readings.copy().at(10**9))
    first = Scaler(rule, state=replayed.state)
    for step in steps:
        saved = State.from_hex(first.state.hex())
        answer = first.tick(step.readings)
        assert Scaler(rule, state=saved).tick(step.readings) == answer


def test_state_of_another_rule_is_refused():
    state = Scaler(AlgoSpare(), workers_max=4).state

    with pytest.raises(InvalidArgument, match=r"^state: \d+ bytes; allowed: the \d+ bytes of Algo"):
        Scaler(AlgoBusyness(), workers_max=4, state=state)


RULES = [(size, profile) for size in (2, 3, 4, 256, 258, 512) for profile in PROFILES]


@pytest.mark.parametrize(("size", "profile"), RULES)
def test_state_of_a_rule_with_as_many_words_is_refused_too(size, profile):
    """
    The state of `spare` has no words per worker: all these look the same from outside.
    """
    scaler = Scaler(AlgoSpare(), workers_max=size, profile=profile)
    scaler.tick(Readings(size).at(10**9))

    for other in RULES:
        theirs = Scaler(AlgoSpare(), workers_max=other[0], profile=other[1], state=scaler.state)
        readings = Readings(other[0]).at(2 * 10**9)
        if other == (size, profile):
            theirs.tick(readings)
        else:
            with pytest.raises(InvalidArgument, match="the state is of another rule"):
                theirs.tick(readings)


def test_new_state_is_nothing_and_begin_goes_back_to_a_beginning():
    readings = Readings(4).at(10**9).fill(state="bbCC")
    scaler = Scaler(AlgoSpare(), workers_max=4)
    assert not any(bytes(scaler.state))

    begun = scaler.begin(readings).state
    scaler.tick(readings)
    assert scaler.state != begun

    assert scaler.begin(readings).state == begun == scaler.rule.begin(readings)


@pytest.mark.parametrize(("name", "profile"), CASES)
def test_the_core_begins_anew_on_a_state_that_was_used(name, profile):
    """A host in C keeps its block."""
    rule = algorithms()[name].make().rule(20, profile=profile)
    readings = Readings(20).at(10**12).fill(state="b" * 9 + "C" * 11)
    block = rule.block(State(b"\xff" * rule.state_size))

    assert lib.uwo_scale_begin(rule.cdata, readings.cdata, block, ffi.NULL) == lib.UWO_OK

    assert State(ffi.buffer(block)[:]) == rule.begin(readings)


DOUBLES = st.sampled_from([1e308, -1e308, float("inf"), float("nan"), 1e-308, 1.0, 0.0, -1.0])
ANY = st.integers(0, 2**64 - 1) | DOUBLES.map(lambda x: int.from_bytes(pack("<d", x), "little"))


@pytest.mark.parametrize(("name", "profile"), CASES)
@given(data=st.data())
def test_damaged_state_breaks_nothing(name, profile, data):
    """It may come from a file: whatever its words are, the rule around the algorithm holds."""
    scaler = Scaler(name, workers_max=8, workers_min=2, profile=profile)
    if name == "target" and data.draw(st.booleans()):
        scaler = Scaler(AlgoTarget(wait_p99=100), workers_max=8, workers_min=2)
    now, readings = 10**15, Readings(8, arrivals=10**9, completions=5, waiting=3)
    scaler.tick(readings.at(now))
    words = list(scaler.state.words)
    for place, value in data.draw(st.dictionaries(st.integers(1, len(words) - 1), ANY)).items():
        words[place] = value
    if profile == "fixed":
        words[HEAD_SEEN] = now
    scaler.state = State(array("Q", words).tobytes())

    for seconds in range(1, 6):
        letters = data.draw(st.text("Cibsz", min_size=8, max_size=8))
        readings.at(now + seconds * 10**6).fill(state=letters)
        verdict = scaler.tick(readings)

        assert all(letters[number - 1] in "Cz" for number in verdict.start)
        assert all(letters[number - 1] in "is" for number in verdict.stop)
