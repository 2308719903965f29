"""Every edge drawn at the top of csrc/task/receive_file.c."""

import errno

from whitebox.machines import Want


def test_count_zero_is_done_at_once(machine):
    assert machine("receive file", count=0).outcome == 0


def test_it_wants_to_receive(machine):
    task = machine("receive file", count=100, offset=7)

    assert task.want == Want("receive", length=100, at=7)


def test_bytes_received_are_written_where_they_belong(machine):
    task = machine("receive file", count=100, offset=7)

    task.feed(in_=40)

    assert (40, Want("write", length=40, at=7)) == (task.held, task.want)


def test_a_result_of_nothing_changes_nothing(machine):
    task = machine("receive file", count=100)

    task.feed()

    assert task.want == Want("receive", length=100)


def test_client_that_ends_early_is_no_data(machine):
    task = machine("receive file", count=100)

    task.feed(in_=40)
    task.feed(out=40)
    task.feed(side="client ended")

    assert (-errno.ENODATA, "client", 40) == (task.outcome, task.side, task.bytes_received)


def test_an_error_while_receiving_ends_it(machine):
    task = machine("receive file", count=100)

    task.feed(side="client", error=errno.ECONNRESET)

    assert (-errno.ECONNRESET, "client") == (task.outcome, task.side)


def test_a_part_written_wants_the_rest_written(machine):
    task = machine("receive file", count=100, offset=7)

    task.feed(in_=40)
    task.feed(out=30)

    assert (10, Want("write", length=10, at=37)) == (task.held, task.want)


def test_all_held_written_receives_more(machine):
    task = machine("receive file", count=100, offset=7)

    task.feed(in_=40)
    task.feed(out=30)
    task.feed(out=10)

    assert (0, Want("receive", length=60, at=47)) == (task.held, task.want)


def test_all_of_it_written_is_done(machine):
    task = machine("receive file", count=100)

    task.feed(in_=60)
    task.feed(out=60)
    task.feed(in_=40)
    task.feed(out=40)

    assert (0, 100) == (task.outcome, task.bytes_received)


def test_an_error_while_writing_ends_it(machine):
    task = machine("receive file", count=100)

    task.feed(in_=100)
    task.feed(out=10, side="disk", error=errno.ENOSPC)

    assert (-errno.ENOSPC, "disk", 100) == (task.outcome, task.side, task.bytes_received)
