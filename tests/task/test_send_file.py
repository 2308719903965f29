"""Every edge drawn at the top of csrc/task/send_file.c."""

import errno

import pytest
from whitebox.machines import Want

WINDOW = 2 << 20


def test_nothing_to_send_is_done_at_once(machine):
    task = machine("send file", count=0, offset=7)

    assert (True, 0) == (task.done, task.outcome)


def test_a_range_is_prefetched_first(machine):
    assert machine("send file", count=100, offset=7).want == Want("prefetch", length=100, at=7)


def test_what_is_in_memory_is_sent(machine):
    task = machine("send file", count=100, offset=7)

    task.feed()

    assert task.want == Want("send_file", length=100, at=7)


def test_a_failed_prefetch_ends_it(machine):
    task = machine("send file", count=100)

    task.feed(side="file", error=errno.EIO)

    assert (-errno.EIO, "file", 0) == (task.outcome, task.side, task.bytes_queued)


def test_part_sent_wants_the_rest_without_another_prefetch(machine):
    task = machine("send file", count=100, offset=7)

    task.feed()
    task.feed(out=40)

    assert task.want == Want("send_file", length=60, at=47)


def test_all_sent_is_done(machine):
    task = machine("send file", count=100)

    task.feed()
    task.feed(out=100)

    assert (0, 100) == (task.outcome, task.bytes_queued)


def test_a_large_range_goes_in_windows(machine):
    task = machine("send file", count=2 * WINDOW + 5, offset=3)
    seen = []

    while not task.done:
        seen.append(task.want)
        task.feed(out=0 if task.want.kind == "prefetch" else task.want.length)

    assert seen == [
        Want("prefetch", length=WINDOW, at=3),
        Want("send_file", length=WINDOW, at=3),
        Want("prefetch", length=WINDOW, at=3 + WINDOW),
        Want("send_file", length=WINDOW, at=3 + WINDOW),
        Want("prefetch", length=5, at=3 + 2 * WINDOW),
        Want("send_file", length=5, at=3 + 2 * WINDOW),
    ]
    assert (0, 2 * WINDOW + 5) == (task.outcome, task.bytes_queued)


def test_file_that_ends_early_finishes_with_no_data(machine):
    """
    A file shorter than promised ends the task, keeping what was sent.
    """
    task = machine("send file", count=100)

    task.feed()
    task.feed(out=40)
    task.feed(side="file ended")

    assert (-errno.ENODATA, "file", 40) == (task.outcome, task.side, task.bytes_queued)


def test_file_that_ends_with_its_last_bytes_finishes_with_no_data(machine):
    task = machine("send file", count=100)

    task.feed()
    task.feed(out=40, side="file ended")

    assert (-errno.ENODATA, 40) == (task.outcome, task.bytes_queued)


def test_file_that_ends_exactly_where_it_should_is_complete(machine):
    task = machine("send file", count=100)

    task.feed()
    task.feed(out=100, side="file ended")

    assert (0, 100) == (task.outcome, task.bytes_queued)


@pytest.mark.parametrize(("side", "error"), [("client", errno.EPIPE), ("file", errno.EIO)])
def test_an_error_ends_it_and_names_the_side(machine, side, error):
    task = machine("send file", count=100)

    task.feed()
    task.feed(out=40)
    task.feed(side=side, error=error)

    assert (-error, side, 40) == (task.outcome, task.side, task.bytes_queued)
