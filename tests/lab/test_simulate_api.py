"""The lab through the functions of uwoffload.h: the order of calls, and any input whatever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uwoffload._bridge import ffi, lib, new_error, text
from uwoffload.cheaper import AlgoSpare
from uwoffload.errors import InvalidArgument
from uwoffload.lab.streaming import failed

SECOND = 1_000_000
ASKED = {"flags": lib.UWO_LAB_ASK, "workers_startup": 2}


def options_of(**fields: Any) -> Any:
    size = ffi.sizeof("struct uwo_lab_options")
    given = {"size": size, "workers_max": 4, "horizon_us": 3 * SECOND} | fields
    return ffi.new("struct uwo_lab_options *", given)


class Lab:
    """A pool, with short names for the calls."""

    def __init__(self, **fields: Any) -> None:
        self.error = new_error()
        self.options = options_of(**fields)
        given = ffi.new("struct uwo_lab **")
        assert lib.uwo_lab_create(self.options, given, self.error) == lib.UWO_OK, self.said
        self.c = given[0]

    @property
    def said(self) -> str:
        return text(self.error.message)

    def feed(self, *requests: tuple[int, int]) -> tuple[int, int]:
        arrivals, services = zip(*requests, strict=True)
        taken = ffi.new("size_t *")
        status = lib.uwo_lab_feed(self.c, arrivals, services, len(arrivals), taken, self.error)
        return status, taken[0]

    def finish(self) -> int:
        return lib.uwo_lab_finish(self.c, self.error)

    def answer(self, start: tuple[int, ...] = (), stop: tuple[int, ...] = ()) -> int:
        delta = len(start) - len(stop)
        return lib.uwo_lab_answer(self.c, delta, start, len(start), stop, len(stop), self.error)

    def states(self) -> list[int]:
        readings = lib.uwo_lab_readings(self.c)
        return [readings.workers[index].state for index in range(readings.worker_count)]

    def result(self, size: int | None = None) -> Any:
        right = ffi.sizeof("struct uwo_lab_result")
        found = ffi.new("struct uwo_lab_result *", {"size": right if size is None else size})
        return found if lib.uwo_lab_result(self.c, found) == lib.UWO_OK else None


@pytest.fixture
def made() -> Iterator[Any]:
    labs: list[Lab] = []

    def make(**fields: Any) -> Lab:
        labs.append(Lab(**fields))
        return labs[-1]

    yield make
    for lab in labs:
        lib.uwo_lab_destroy(lab.c)


def test_a_caller_answers_tick_by_tick(made: Any) -> None:
    """
    Feeding stops at each tick until it is answered, and goes on with the rest.
    """
    lab = made(**ASKED)

    assert lab.feed((10, 5), (1_500_000, 5)) == (lib.UWO_LAB_ASK, 1)
    assert lab.states() == [1, 1, 0, 0]
    assert lab.answer(start=(4,), stop=(1,)) == lib.UWO_OK
    assert lab.feed((1_500_000, 700_000)) == (lib.UWO_OK, 1)
    assert lab.finish() == lib.UWO_LAB_ASK
    assert lab.states() == [0, 1, 0, 2]
    assert lab.answer() == lib.UWO_OK
    assert lab.finish() == lib.UWO_OK
    assert (lab.result().spawns, lab.result().stops, lab.result().finished) == (1, 1, 2)


def test_calls_out_of_turn_are_refused(made: Any) -> None:
    """
    A tick that is not answered, an answer to nothing, a result too early, a run that has ended.
    """
    lab = made(**ASKED)

    assert lab.answer() == lib.UWO_E_INVALID
    assert lab.result() is None
    assert lab.finish() == lib.UWO_LAB_ASK
    assert lab.feed((1_500_000, 5)) == (lib.UWO_E_INVALID, 0)
    assert "a tick is not answered" in lab.said
    assert lab.finish() == lib.UWO_E_INVALID
    while lab.answer() == lib.UWO_OK and lab.finish() == lib.UWO_LAB_ASK:
        pass
    assert lab.finish() == lib.UWO_E_INVALID
    assert "this run has ended" in lab.said
    assert lab.result(size=8) is None
    assert lab.result() is not None
    lib.uwo_lab_destroy(ffi.NULL)


@pytest.mark.parametrize(
    ("start", "stop", "message"),
    [
        ((1,), (), "start: worker 1"),  # runs
        ((3, 3), (), "start: worker 3"),  # twice
        ((), (2, 2), "stop: worker 2"),
        ((5,), (), "start: worker 5"),  # there are four
        ((0,), (), "start: worker 0"),
        ((), (3,), "stop: worker 3"),  # does not run
    ],
)
def test_an_answer_that_cannot_be_is_refused_whole(
    made: Any, start: tuple[int, ...], stop: tuple[int, ...], message: str
) -> None:
    """
    Nothing of it is done, and another answer may be given.
    """
    lab = made(**ASKED)
    lab.finish()

    assert lab.answer(start, stop) == lib.UWO_E_INVALID
    assert message in lab.said
    assert lab.answer((4, 3), (2, 1)) == lib.UWO_OK
    lab.finish()
    assert lab.states() == [0, 0, 1, 1]


def test_quantiles_can_be_asked_for(made: Any) -> None:
    """
    Any part of the waits, exact below 256 us.
    """
    lab = made(workers_max=1)
    lab.feed((0, 100), (0, 100), (0, 100), (0, 1))
    lab.finish()

    parts = (0, 250_000, 250_001, 500_000, 750_001, 1_000_000, 2**32 - 1)
    found = [lib.uwo_lab_quantile(lab.c, part) for part in parts]
    assert found == [0, 0, 100, 100, 300, 300, 300]


def test_what_does_not_fit_in_the_arrays_is_left_out(made: Any) -> None:
    """
    Waits and rows of the caller are filled as far as they go.
    """
    waits, rows = ffi.new("int64_t[3]", [9, 9, 9]), ffi.new("struct uwo_lab_row[2]")
    lab = made(workers_max=1, waits=waits, waits_max=2, rows=rows, rows_max=1)
    lab.feed((0, 7), (0, 7), (0, 7))
    lab.finish()

    assert list(waits) == [0, 7, 9]
    assert (rows[0].at_us, rows[1].at_us, lab.result().rows) == (SECOND, 0, 1)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"kind": lib.UWO_LAB_DEATH, "number": 5}, "events[0]: number is 5: 1 to 4"),
        ({"kind": lib.UWO_LAB_DEATH, "number": 1, "at_us": -1}, "events[0]: at_us is -1"),
        ({"kind": lib.UWO_LAB_FORKS_FAIL, "value": -1}, "events[0]: value is -1"),
        ({"kind": 99}, "events[0]: kind is 99: there is none such"),
    ],
)
def test_events_that_are_not_sound_are_named(event: dict[str, int], message: str) -> None:
    """
    As the options are.
    """
    rows = ffi.new("struct uwo_lab_event[]", [event])
    error, given = new_error(), ffi.new("struct uwo_lab **")

    options = options_of(events=rows, event_count=1)
    assert lib.uwo_lab_create(options, given, error) == lib.UWO_E_INVALID
    assert message in text(error.message)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": 8}, "options.size is 8: set it to"),
        ({"workers_max": 0}, "workers_max is 0: 1 to 65535"),
        ({"workers_startup": 5}, "workers_startup is 5: 0 to workers_max, 4"),
        ({"queues": 2}, "queues is 2"),
        ({"idle_order": 2}, "idle_order is 2"),
        ({"flags": 8}, "flags is 0x8"),
        ({"idle_rss": 1}, "busy_rss is 0 bytes: idle_rss, 1"),
        ({"horizon_us": 0}, "horizon_us is 0: 1 to 8796093022207"),
        ({"tick_us": -1}, "tick_us is -1"),
        ({"tick_us": 1, "horizon_us": 2**40}, "tick_us is 1: up to the horizon"),
        ({"first_request_us": 2**42}, "first_request_us is 4398046511104: 0 to 4398046511103"),
        ({"mono_us": 2**64 - 1}, "mono_us is"),
        ({"event_count": 1}, "event_count is 1"),
    ],
)
def test_options_that_are_not_sound_are_named(fields: dict[str, Any], message: str) -> None:
    """
    The field, its value, and what is allowed.
    """
    error, given = new_error(), ffi.new("struct uwo_lab **")

    assert lib.uwo_lab_create(options_of(**fields), given, error) == lib.UWO_E_INVALID
    assert message in text(error.message)
    assert lib.uwo_lab_create(ffi.NULL, given, ffi.NULL) == lib.UWO_E_INVALID


def test_a_rule_of_the_lab_is_not_asked_elsewhere() -> None:
    """
    With a rule the caller is not asked; the pool and its rule are of one size; whole runs ask
    nobody.
    """
    rule = AlgoSpare().rule(workers_max=5)
    error, given = new_error(), ffi.new("struct uwo_lab **")

    assert lib.uwo_lab_create(options_of(rule=rule.cdata), given, error) == lib.UWO_E_INVALID
    assert "workers_max is 5: that of the pool is 4" in text(error.message)
    both = options_of(rule=rule.cdata, workers_max=5, flags=lib.UWO_LAB_ASK)
    assert lib.uwo_lab_create(both, given, error) == lib.UWO_E_INVALID
    job = ffi.new("struct uwo_lab_job *", {"size": ffi.sizeof("struct uwo_lab_job")})
    job.options = options_of(flags=lib.UWO_LAB_ASK)[0]
    assert lib.uwo_lab_run(job, 1, error) == lib.UWO_E_INVALID
    assert job.status == lib.UWO_E_INVALID


def test_a_full_queue_is_named() -> None:
    """
    The status for too many that wait becomes one clear line.
    """
    error = failed(lib.UWO_E_FULL, new_error())

    assert isinstance(error, InvalidArgument)
    assert "more than 16777216 requests wait" in str(error)


# ---- any input whatever ----

EDGES = (0, 1, 2, 63, 64, 65, 2**31 - 1, 2**31, 2**32 - 1)
U32 = st.sampled_from(EDGES) | st.integers(0, 2**32 - 1)
I64 = st.sampled_from([0, 1, -1, 2**42, 2**43 - 1, 2**63 - 1, -(2**63)]) | st.integers(
    -(2**63), 2**63 - 1
)
U64 = st.sampled_from([0, 1, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1)
SMALL = st.integers(0, 3)
EVENT = st.fixed_dictionaries(
    {"at_us": I64 | st.integers(0, SECOND), "value": I64 | SMALL, "kind": SMALL | U32,
     "number": SMALL | U32}
)  # fmt: skip
FIELDS = {
    "workers_max": st.integers(1, 70) | U32,
    "workers_startup": SMALL | U32,
    "threads": SMALL | U32,
    "queues": SMALL,
    "idle_order": SMALL,
    "listen_queue_limit": SMALL | U32,
    "accept_ahead": SMALL | U32,
    "flags": st.integers(0, 7) | U32,
    "horizon_us": st.integers(1, SECOND) | I64,
    "tick_us": st.integers(0, SECOND) | I64,
    "startup_us": SMALL | I64,
    "drain_us": SMALL | I64,
    "first_request_us": SMALL | I64,
    "wait_target_us": SMALL | I64,
    "flap_us": SMALL | I64,
    "wall_us": SMALL | I64,
    "mono_us": SMALL | U64,
    "idle_rss": SMALL | U64,
    "busy_rss": SMALL | U64,
    "seed": U64,
}
REQUESTS = st.lists(st.tuples(SMALL | I64, SMALL | I64), min_size=1, max_size=30)
TICKS_MOST = 2000


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(
    fields=st.fixed_dictionaries({}, optional=FIELDS),
    events=st.lists(EVENT, max_size=6),
    requests=REQUESTS,
)
def test_any_input_is_run_or_refused(
    fields: dict[str, Any], events: list[dict[str, Any]], requests: list[tuple[int, int]]
) -> None:
    """
    Over the whole range of every field nothing breaks, and what runs adds up.
    """
    events.sort(key=lambda event: event["at_us"])
    rows = ffi.new("struct uwo_lab_event[]", events)
    options = options_of(events=rows, event_count=len(events), **fields)
    error, given, taken = new_error(), ffi.new("struct uwo_lab **"), ffi.new("size_t *")
    if options.workers_max > 70 or options.horizon_us > TICKS_MOST * (options.tick_us or SECOND):
        options.horizon_us = -1  # sound, perhaps, but too long for a test
    status = lib.uwo_lab_create(options, given, error)
    assert status in (lib.UWO_OK, lib.UWO_E_INVALID)
    if status < 0:
        assert text(error.message)
        return
    lab = given[0]
    arrivals, services = zip(*sorted(requests), strict=True)
    status, at = 1, 0
    while status == lib.UWO_LAB_ASK:
        left = len(arrivals) - at
        status = lib.uwo_lab_feed(lab, arrivals[at:], services[at:], left, taken, error)
        at += taken[0]
        if status == lib.UWO_LAB_ASK:
            assert lib.uwo_lab_answer(lab, 0, ffi.NULL, 0, ffi.NULL, 0, error) == lib.UWO_OK
    while status == lib.UWO_OK and lib.uwo_lab_finish(lab, error) == lib.UWO_LAB_ASK:
        assert lib.uwo_lab_answer(lab, 0, ffi.NULL, 0, ffi.NULL, 0, error) == lib.UWO_OK
    if status == lib.UWO_OK:
        found = ffi.new("struct uwo_lab_result *", {"size": ffi.sizeof("struct uwo_lab_result")})
        assert lib.uwo_lab_result(lab, found) == lib.UWO_OK
        kinds = found.busy_us + found.idle_us + found.starting_us + found.draining_us
        assert kinds == found.worker_us
        fates = found.rejected + found.lost + found.killed + found.finished
        assert found.requests == fates + found.left_waiting + found.left_serving
    lib.uwo_lab_destroy(lab)
