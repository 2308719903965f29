"""Every edge drawn at the top of csrc/task/send.c."""

import errno

import pytest
from whitebox.machines import Want


def test_nothing_to_send_is_done_at_once(machine):
    task = machine("send", count=0)

    assert (True, 0) == (task.done, task.outcome)


def test_it_wants_its_bytes_sent(machine):
    assert machine("send", count=100).want == Want("send", length=100)


def test_part_sent_wants_the_rest(machine):
    task = machine("send", count=100)

    task.feed(out=40)

    assert (False, Want("send", length=60, at=40)) == (task.done, task.want)


def test_a_result_of_nothing_changes_nothing(machine):
    task = machine("send", count=100)

    task.feed()

    assert task.want == Want("send", length=100)


def test_all_sent_is_done(machine):
    task = machine("send", count=100)

    task.feed(out=40)
    task.feed(out=60)

    assert (0, 100, Want("none")) == (task.outcome, task.bytes_queued, task.want)


@pytest.mark.parametrize("side", ["client", "none"])
@pytest.mark.parametrize("error", [errno.EPIPE, errno.ECANCELED, errno.ENOMEM])
def test_an_error_ends_it_and_names_the_side(machine, error, side):
    task = machine("send", count=100)

    task.feed(out=40)
    task.feed(side=side, error=error)

    assert (-error, side, 40) == (task.outcome, task.side, task.bytes_queued)


def test_an_error_after_the_last_byte_still_counts(machine):
    task = machine("send", count=100)

    task.feed(out=100, side="client", error=errno.EPIPE)

    assert (-errno.EPIPE, 100) == (task.outcome, task.bytes_queued)
