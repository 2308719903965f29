"""Every edge drawn at the top of csrc/task/program.h."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whitebox import TO_THE_END
from whitebox.machines import Program, Want

# ---- RUNNING


def test_an_empty_program_has_finished(program):
    assert program([]).outcome == "finished"


def test_instructions_run_in_order(program):
    run = program([("send", 10), ("send file", 100), ("send", 5)])
    seen = []

    while (want := run.want()) is not None:
        seen.append((want.kind, want.length))
        run.feed(out=0 if want.kind == "prefetch" else want.length)

    assert seen == [("send", 10), ("prefetch", 100), ("send_file", 100), ("send", 5)]
    assert ("finished", 0, 115) == (run.outcome, run.error, run.bytes_queued)


def test_instructions_of_nothing_are_passed_over(program):
    run = program([("send", 0), ("splice", 0), ("send", 5), ("receive file", 0)])

    assert run.want() == Want("send", length=5)
    run.feed(out=5)
    assert run.outcome == "finished"


def test_the_want_stays_the_same_until_its_result(program):
    run = program([("send", 10)])

    assert [run.want() for _ in range(3)] == [Want("send", length=10)] * 3


FAILURES = [
    ("send", {"side": "client", "error": errno.EPIPE}, "client_gone", errno.EPIPE),
    ("send", {"side": "none", "error": errno.ENOMEM}, "no_resource", errno.ENOMEM),
    ("send file", {"side": "file", "error": errno.EIO}, "source_failed", errno.EIO),
    ("send file", {"side": "none", "error": errno.ENOMEM}, "no_resource", errno.ENOMEM),
    ("splice", {"side": "peer", "error": errno.ECONNRESET}, "source_failed", errno.ECONNRESET),
    ("splice", {"side": "peer ended"}, "source_short", errno.ENODATA),
    ("splice", {"side": "client", "error": errno.EPIPE}, "client_gone", errno.EPIPE),
    ("receive file", {"side": "client ended"}, "upload_short", errno.ENODATA),
    ("receive file", {"side": "client", "error": errno.ETIMEDOUT}, "client_gone", errno.ETIMEDOUT),
]


@pytest.mark.parametrize(("name", "result", "outcome", "error"), FAILURES)
def test_a_failed_instruction_ends_it(program, name, result, outcome, error):
    run = program([(name, 10), ("send", 5)])

    run.feed(**result)

    assert (outcome, error) == (run.outcome, run.error)


def test_a_file_that_is_too_short_is_the_source(program):
    run = program([("send file", 10)])

    run.feed()
    run.feed(out=4, side="file ended")

    assert ("source_short", errno.ENODATA, 4) == (run.outcome, run.error, run.bytes_queued)


def test_a_disk_that_is_full_is_the_disk(program):
    run = program([("receive file", 10)])

    run.feed(in_=10)
    run.feed(side="disk", error=errno.ENOSPC)

    assert ("disk_failed", errno.ENOSPC, 10) == (run.outcome, run.error, run.bytes_received)


# ---- `more`


@pytest.mark.parametrize(
    ("following", "more"),
    [
        ([("send", 5)], True),
        ([("send file", 5)], True),
        ([("send", 0), ("send file", 5)], True),
        ([("splice", 5)], False),
        ([("splice", TO_THE_END)], False),
        ([("receive file", 5)], False),
        ([("send", 0)], False),
        ([], False),
    ],
)
def test_more_is_said_when_bytes_at_hand_follow(program, following, more):
    assert program([("send", 10), *following]).want().more == more


def test_more_is_never_said_of_a_file(program):
    run = program([("send file", 10), ("send", 5)])

    run.feed()

    assert run.want() == Want("send_file", length=10, more=False)


@pytest.mark.parametrize(
    ("instructions", "growing", "bulk"),
    [
        ([("send", 100), ("send file", 256 << 10)], False, True),
        ([("send", 100), ("send file", 256 << 10)], True, False),
        ([("send", 100), ("send file", 100)], False, False),
        ([("send file", 256 << 10), ("splice", 10)], False, False),
        ([], False, False),
    ],
)
def test_bulk_is_much_and_all_at_hand(program, instructions, growing, bulk):
    assert program(instructions, growing=growing).bulk == bulk


# ---- WAITING


def test_a_growing_program_waits_at_its_end(program):
    run = program([("send", 5)], growing=True)

    run.feed(out=5)

    assert (Want("more"), True) == (run.want(), run.waiting)


def test_it_goes_on_when_it_has_grown(program):
    run = program([], growing=True)

    assert run.want() == Want("more")
    run.grow([("send", 7)])
    run.feed()

    assert (Want("send", length=7), False) == (run.want(), run.waiting)


def test_it_goes_on_waiting_when_what_came_is_nothing(program):
    run = program([], growing=True)

    run.want()
    run.grow([("send", 0)])
    run.feed()

    assert (Want("more"), True) == (run.want(), run.waiting)


def test_it_ends_when_it_is_finished(program):
    run = program([], growing=True)

    run.want()
    run.finish()
    run.feed()

    assert run.outcome == "finished"


@pytest.mark.parametrize(("side", "outcome"), [("client", "client_gone"), ("none", "no_resource")])
def test_a_wait_that_fails_ends_it(program, side, outcome):
    run = program([], growing=True)

    run.want()
    run.feed(side=side, error=errno.ECONNRESET)

    assert (outcome, errno.ECONNRESET) == (run.outcome, run.error)


# ---- PACING


def test_the_first_quantum_goes_at_once_and_then_it_waits(program):
    run = program([("send", 1000)], rate=1600)

    first = run.want()
    run.feed(out=first.length)
    second = run.want()

    assert (Want("send", length=101), "wait") == (first, second.kind)
    assert run.now_us < second.at <= run.now_us + 1_000_000 // 16 + 1000


def test_when_the_time_has_come_it_runs_again(program):
    run = program([("send", 1000)], rate=1600)
    run.feed(out=101)
    wait = run.want()

    run.now_us = wait.at
    run.feed()

    assert run.want().kind == "send"


def test_a_want_cut_by_the_rate_does_not_say_more(program):
    run = program([("send", 1000), ("send", 10)], rate=1600)

    assert not run.want().more


def test_a_want_within_the_rate_says_more(program):
    assert program([("send", 50), ("send", 10)], rate=1600).want().more


def test_a_wait_for_time_that_fails_ends_it(program):
    run = program([("send", 1000)], rate=1600)
    run.feed(out=101)
    run.want()

    run.feed(side="client", error=errno.ECONNRESET)

    assert ("client_gone", errno.ECONNRESET, 101) == (run.outcome, run.error, run.bytes_queued)


@pytest.mark.parametrize("name", ["splice", "receive file"])
def test_what_is_taken_in_is_what_counts_against_the_rate(program, name):
    run = program([(name, 1000)], rate=1600)

    run.feed(in_=101, out=50 if name == "splice" else 0)
    while (want := run.want()) is not None and want.kind == "write":
        run.feed(out=want.length)

    assert run.want().kind == "wait"


def test_flushing_is_not_paced(program):
    run = program([("splice", 101)], rate=1600)

    run.feed(in_=101, out=1)

    assert run.want() == Want("splice", length=0)


# ---- stopped


def test_a_stop_before_it_began_ends_it(program):
    run = program([("send", 10)])

    run.stop("cancelled")

    assert ("cancelled", 0) == (run.outcome, run.error)


def test_a_stop_waits_for_the_outstanding_result(program):
    run = program([("send", 10)])
    run.want()

    run.stop("deadline")
    assert run.want() == Want("send", length=10)
    run.feed(error=errno.ECANCELED)

    assert ("deadline", 0) == (run.outcome, run.error)


def test_what_the_last_result_brings_is_counted(program):
    run = program([("send", 10)])
    run.want()

    run.stop("deadline")
    run.feed(out=7)

    assert ("deadline", 7) == (run.outcome, run.bytes_queued)


@pytest.mark.parametrize("out", [7, 10])
def test_a_stop_outlives_the_end_of_an_instruction(program, out):
    run = program([("send", 10), ("send", 5)])
    run.want()

    run.stop("no_progress")
    run.feed(out=out)

    assert run.outcome == "no_progress"


def test_a_stop_outlives_a_failure_that_comes_with_it(program):
    run = program([("send", 10)])
    run.want()

    run.stop("cancelled")
    run.feed(side="client", error=errno.EPIPE)

    assert ("cancelled", 0) == (run.outcome, run.error)


@pytest.mark.parametrize(
    "instructions", [[("send", 10)], [("send", 1000)]], ids=["waiting", "pacing"]
)
def test_a_stop_ends_a_wait(program, instructions):
    run = program(instructions, growing=True, rate=1600)
    run.feed(out=min(instructions[0][1], 101))
    assert run.want().kind in ("wait", "more")

    run.stop("cancelled")
    if run.want() is not None:
        run.feed(error=errno.ECANCELED)

    assert run.outcome == "cancelled"


def test_the_first_stop_holds(program):
    run = program([("send", 10)])

    run.stop("deadline")
    run.stop("cancelled")

    assert run.outcome == "deadline"


def test_a_stop_may_name_an_error(program):
    run = program([("send", 10)])

    run.stop("no_resource", errno.ENOMEM)

    assert ("no_resource", errno.ENOMEM) == (run.outcome, run.error)


def test_a_stop_after_the_end_changes_nothing(program):
    run = program([])
    assert run.outcome == "finished"

    run.stop("cancelled")

    assert run.outcome == "finished"


# ---- the byte that is held back


def run_to_its_end(run, piece=1 << 30):
    """Everything it wants to send, in pieces of at most that."""
    while (want := run.want()) is not None:
        run.feed(out=0 if want.kind == "prefetch" else min(want.length, piece))


WINDOW = 2 << 20
HOLDING = [
    pytest.param([("send", 10), ("send file", 100)], 0, id="before it has begun"),
    pytest.param([("send", 10), ("send file", 100)], 4, id="in an earlier instruction"),
    pytest.param([("send", 10), ("send file", 2)], 10, id="two bytes of the last one are left"),
    pytest.param([("send file", 100)], 0, id="before it is in memory"),
    pytest.param([("send file", 100)], 40, id="in the last one"),
    pytest.param([("send file", 3 * WINDOW)], WINDOW // 2, id="windows before the end"),
    pytest.param([("send file", WINDOW + 1)], 10, id="the last window is that byte"),
    pytest.param([("send", 5), ("send file", 50), ("send", 9)], 30, id="the last one is a text"),
    pytest.param([("send", 5), ("send file", 50), ("send", 9)], 60, id="within that text"),
]


@pytest.mark.parametrize(("instructions", "sent"), HOLDING)
def test_the_last_byte_is_held_back(program, instructions, sent):
    run = program(instructions)
    total = sum(count for _, count in instructions)
    while run.bytes_queued < sent:
        want = run.want()
        left = sent - run.bytes_queued
        run.feed(out=0 if want.kind == "prefetch" else min(want.length, left))

    assert run.hold_back()

    run_to_its_end(run)
    assert ("finished", total - 1) == (run.outcome, run.bytes_queued)


@pytest.mark.parametrize(
    ("instructions", "sent"),
    [
        pytest.param([], 0, id="nothing at all"),
        pytest.param([("send", 10)], 10, id="all is out"),
        pytest.param([("send", 10), ("send file", 1)], 0, id="the last one is a single byte"),
        pytest.param([("send", 10), ("send file", 0)], 0, id="the last one is empty"),
        pytest.param([("send file", 10)], 9, id="a single byte is left"),
        pytest.param([("send file", WINDOW + 1)], WINDOW, id="a window of a single byte is left"),
    ],
)
def test_too_late_to_hold_a_byte_back_changes_nothing(program, instructions, sent):
    run = program(instructions)
    total = sum(count for _, count in instructions)
    while run.bytes_queued < sent:
        want = run.want()
        left = sent - run.bytes_queued
        run.feed(out=0 if want.kind == "prefetch" else min(want.length, left))
    if not instructions or sent == total:
        run.want()

    assert not run.hold_back()

    run_to_its_end(run)
    assert ("finished", total) == (run.outcome, run.bytes_queued)


@given(
    texts=st.lists(st.integers(0, 9), max_size=3),
    size=st.integers(0, 9) | st.integers(WINDOW - 2, 2 * WINDOW + 2),
    steps=st.integers(0, 12),
    piece=st.integers(1, 5) | st.just(WINDOW),
)
def test_one_byte_less_or_none_wherever_it_stands(texts, size, steps, piece):
    run = Program([*(("send", count) for count in texts), ("send file", size)])
    total = sum(texts) + size
    for _ in range(steps):
        want = run.want()
        if want is None:
            break
        run.feed(out=0 if want.kind == "prefetch" else min(want.length, piece))

    held = run.hold_back()

    run_to_its_end(run)
    assert ("finished", total - held) == (run.outcome, run.bytes_queued)
    assert held or total - run.bytes_queued == 0
