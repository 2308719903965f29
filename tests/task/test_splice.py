"""Every edge drawn at the top of csrc/task/splice.c."""

import errno

import pytest
from whitebox import TO_THE_END
from whitebox.machines import Want


def test_count_zero_is_done_at_once(machine):
    assert machine("splice", count=0).outcome == 0


def test_it_wants_its_count(machine):
    assert machine("splice", count=100).want == Want("splice", length=100)


def test_bytes_moved_want_the_rest(machine):
    task = machine("splice", count=100)

    task.feed(in_=40, out=40)

    assert task.want == Want("splice", length=60)


def test_to_the_end_always_wants_as_much_as_there_is(machine):
    task = machine("splice", count=TO_THE_END)

    task.feed(in_=40, out=40)

    assert task.want == Want("splice", length=TO_THE_END)


def test_all_taken_in_and_nothing_held_is_done(machine):
    task = machine("splice", count=100)

    task.feed(in_=100, out=100)

    assert (0, 100) == (task.outcome, task.bytes_queued)


def test_all_taken_in_and_some_held_is_flushed(machine):
    task = machine("splice", count=100)

    task.feed(in_=100, out=40)

    assert (60, Want("splice", length=0)) == (task.held, task.want)


def test_flushing_goes_on_until_nothing_is_held(machine):
    task = machine("splice", count=100)

    task.feed(in_=100, out=40)
    task.feed(out=50)
    held = task.held
    task.feed(out=10)

    assert (10, 0, 0, 100) == (held, task.held, task.outcome, task.bytes_queued)


def test_what_is_held_in_the_middle_goes_out_while_more_comes_in(machine):
    task = machine("splice", count=100)

    task.feed(in_=50, out=10)
    held = task.held
    task.feed(out=40)

    assert (40, 0, Want("splice", length=50)) == (held, task.held, task.want)


def test_peer_that_ends_with_nothing_held_completes_to_the_end(machine):
    task = machine("splice", count=TO_THE_END)

    task.feed(in_=40, out=40)
    task.feed(side="peer ended")

    assert (0, 40) == (task.outcome, task.bytes_queued)


def test_peer_that_ends_before_the_count_is_no_data(machine):
    task = machine("splice", count=100)

    task.feed(in_=40, out=40)
    task.feed(side="peer ended")

    assert (-errno.ENODATA, "peer", 40) == (task.outcome, task.side, task.bytes_queued)


@pytest.mark.parametrize(("count", "outcome"), [(TO_THE_END, 0), (100, -errno.ENODATA)])
def test_peer_that_ends_with_some_held_is_flushed_and_remembered(machine, count, outcome):
    task = machine("splice", count=count)

    task.feed(in_=40, out=10, side="peer ended")
    want = task.want
    task.feed(out=20)
    task.feed(out=10)

    assert (Want("splice", length=0), outcome, 40) == (want, task.outcome, task.bytes_queued)


def test_an_error_while_moving_ends_it(machine):
    task = machine("splice", count=100)

    task.feed(in_=40, out=20)
    task.feed(side="peer", error=errno.ECONNRESET)

    assert (-errno.ECONNRESET, "peer", 20) == (task.outcome, task.side, task.bytes_queued)


def test_an_error_while_flushing_ends_it(machine):
    task = machine("splice", count=100)

    task.feed(in_=100, out=20)
    task.feed(out=10, side="client", error=errno.EPIPE)

    assert (-errno.EPIPE, "client", 30) == (task.outcome, task.side, task.bytes_queued)
