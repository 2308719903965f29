"""Readings: a buffer of the core with names; what goes in comes out, and nonsense is refused."""

import copy
import pickle
from array import array

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwoffload import InvalidArgument
from uwoffload.cheaper import AlgoQueue, Readings, Scaler, WorkerReading, strategies

FIELDS = {
    "wall_s": (-(2**63), 2**63 - 1),
    "wall_us": (0, 2**64 - 1),
    "mono_us": (0, 2**64 - 1),
    "listen_queue": (0, 2**32 - 1),
    "listen_queue_limit": (0, 2**32 - 1),
    "waiting": (0, 2**32 - 1),
    "manual": (-(2**31), 2**31 - 1),
    "oldest_wait_us": (0, 2**64 - 1),
    "arrivals": (0, 2**64 - 1),
    "completions": (0, 2**64 - 1),
    "memory_total": (0, 2**64 - 1),
}
WORKER_FIELDS = {
    "busy_us": (0, 2**64 - 1),
    "running_time_us": (0, 2**64 - 1),
    "in_request": (0, 2**32 - 1),
    "started_s": (-(2**63), 2**63 - 1),
    "ready_since_us": (0, 2**64 - 1),
    "rss": (0, 2**64 - 1),
    "pss": (0, 2**64 - 1),
}


def test_new_readings_list_every_slot_cheaped():
    readings = Readings(3)

    assert [(1, "cheaped"), (2, "cheaped"), (3, "cheaped")] == [
        (worker.number, worker.state) for worker in readings.workers
    ]
    assert ("CCC", 3, 3) == (readings.letters, readings.workers_max, len(readings.workers))


@pytest.mark.parametrize("name", FIELDS)
def test_field_takes_its_whole_range_and_nothing_else(name):
    least, most = FIELDS[name]
    readings = Readings(1)
    for value in (least, most):
        setattr(readings, name, value)
        assert getattr(readings, name) == value == getattr(readings.cdata, name)
    for value in (least - 1, most + 1, 1.5, "1", None):
        with pytest.raises(InvalidArgument, match=rf"^{name}: .*; allowed: an int from {least} to"):
            setattr(readings, name, value)
    assert getattr(Readings(1, **{name: most}), name) == most


@pytest.mark.parametrize("name", WORKER_FIELDS)
def test_field_of_a_worker_takes_its_whole_range_and_nothing_else(name):
    least, most = WORKER_FIELDS[name]
    readings = Readings(4)
    for value in (least, most):
        setattr(readings.workers[3], name, value)
        assert getattr(readings.worker(4), name) == value
        assert value == getattr(readings.cdata.workers[3], name)
    for value in (least - 1, most + 1, 1.5, "1", None):
        with pytest.raises(InvalidArgument, match=rf"^{name}: "):
            setattr(readings.workers[3], name, value)
    assert getattr(WorkerReading(1, **{name: most}), name) == most


def test_messages_name_the_unit():
    with pytest.raises(InvalidArgument, match=r"rss: -1; allowed: an int from 0 to \d+ bytes$"):
        WorkerReading(1, rss=-1)
    with pytest.raises(InvalidArgument, match=r"busy_us: -1; .* microseconds$"):
        WorkerReading(1, busy_us=-1)


def test_views_are_of_the_buffer():
    readings = Readings(5)
    view = readings.workers[3]

    view.busy_us = 7
    view.state = "busy"

    assert (7, 2) == (readings.cdata.workers[3].busy_us, readings.cdata.workers[3].state)
    assert view == readings.worker(4) == readings.workers[-2]
    assert [worker.number for worker in readings.workers[1:3]] == [2, 3]
    with pytest.raises(IndexError):
        readings.workers[5]


def test_view_outlives_its_readings():
    view = Readings(2).fill(rss=[5, 6]).workers[1]

    assert view.rss == 6


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
def test_workers_may_come_in_any_order(order):
    readings = Readings(workers=[WorkerReading(number, rss=number * 10) for number in order])

    assert [(1, 10), (2, 20), (3, 30)] == [(w.number, w.rss) for w in readings.workers]


def test_workers_of_other_readings_are_copied():
    first = Readings(2).fill(rss=[5, 6], state="ib")

    second = Readings(workers=reversed(first.workers))
    first.workers[0].rss = 99

    assert [5, 6] == [worker.rss for worker in second.workers]
    assert second.letters == "ib"


@pytest.mark.parametrize("state", ["idle", "busy", "starting", "draining", "cheaped", "dead"])
def test_state_is_a_name_a_letter_or_a_number(state):
    letter = {"starting": "s", "draining": "D", "cheaped": "C", "dead": "z"}.get(state, state[0])
    number = ["cheaped", "idle", "busy", "starting", "draining", "dead"].index(state)

    for given_state in (state, letter, number):
        assert WorkerReading(1, given_state).state == state
        assert Readings(1).fill(state=[given_state]).workers[0].state == state
    assert Readings(1).fill(state=letter).letters == letter


# ---- columns ----


@given(st.data())
def test_columns_are_what_was_given(data):
    count = data.draw(st.integers(1, 20))
    readings = Readings(count)
    for name, (least, most) in WORKER_FIELDS.items():
        values = data.draw(st.lists(st.integers(least, most), min_size=count, max_size=count))
        assert readings.fill(**{name: values}) is readings
        assert values == [getattr(worker, name) for worker in readings.workers]
    assert list(range(1, count + 1)) == [worker.number for worker in readings.workers]


@pytest.mark.parametrize("make", [list, tuple, iter, lambda v: array("Q", v), bytes])
def test_column_may_be_any_sequence(make):
    readings = Readings(3).fill(busy_us=make([1, 2, 3]))

    assert [1, 2, 3] == [worker.busy_us for worker in readings.workers]


def test_column_may_be_an_array_of_numpy():
    """Of the field's own type it is copied as it is; any other is read number by number."""
    for kind in ("uint64", "int64", "uint32", "uint8"):
        column = numpy.array([1, 2, 3], dtype=kind)
        readings = Readings(3).fill(busy_us=column, rss=column[::-1], in_request=column)
        assert [(1, 3, 1), (2, 2, 2), (3, 1, 3)] == [
            (worker.busy_us, worker.rss, worker.in_request) for worker in readings.workers
        ]
    with pytest.raises(InvalidArgument, match=r"busy_us\[1\]: .*-2.*; allowed: an int from 0"):
        Readings(3).fill(busy_us=numpy.array([1, -2, 3]))
    with pytest.raises(InvalidArgument, match=r"busy_us\[0\]: .*1.5"):
        Readings(3).fill(busy_us=numpy.array([1.5, 2, 3]))


def test_buffer_may_be_written_to():
    readings = Readings(3)
    row = len(readings.buffer) // 3

    readings.buffer.cast("Q")[1 :: row // 8] = memoryview(array("Q", [7, 8, 9]))

    assert [7, 8, 9] == [worker.busy_us for worker in readings.workers]


# ---- the scaler reads the buffer itself ----


def test_what_is_written_is_what_the_scaler_sees():
    readings = Readings(3).at(10**6).fill(state="iCC")
    scaler = Scaler(AlgoQueue(), workers_max=3)
    assert scaler.tick(readings).delta == 0

    readings.at(2 * 10**6).listen_queue = 9

    assert scaler.tick(readings).start == (2,)


# ---- values ----


@pytest.mark.slow
@given(strategies.readings(any_time=True))
def test_readings_are_values(readings):
    for made in (
        readings.copy(),
        copy.copy(readings),
        copy.deepcopy(readings),
        pickle.loads(pickle.dumps(readings)),
        Readings.from_dict(readings.to_dict()),
    ):
        assert made == readings
        assert repr(made) == repr(readings)
        made.workers[0].busy_us ^= 1
        assert made != readings


def test_from_a_word():
    readings = Readings.from_dict({"workers": "iibbC", "listen_queue": 3})

    assert ("iibbC", 3) == (readings.letters, readings.listen_queue)
    assert repr(readings) == "<Readings: iibbC listen_queue=3>"


def test_at_sets_all_clocks():
    readings = Readings(1).at(5_000_001)

    assert (5, 5_000_001, 5_000_001) == (readings.wall_s, readings.wall_us, readings.mono_us)
