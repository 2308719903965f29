"""Every edge drawn at the top of csrc/task/ending.h."""

import errno

import pytest


def walk(ending, errors=()):
    """What it wants until it is done, failing the wants named in `errors`."""
    seen = []
    while (want := ending.want()) is not None:
        seen.append(want)
        ending.feed(error=dict(errors).get(want, 0))
        assert len(seen) < 10
    return seen


def test_a_finished_program_closes_in_order(ending):
    assert walk(ending()) == ["shutdown", "settle", "linger", "close"]


def test_one_that_need_not_settle_lingers_at_once(ending):
    assert walk(ending(settle=False)) == ["shutdown", "linger", "close"]


@pytest.mark.parametrize("settle", [True, False])
def test_a_failed_program_aborts(ending, settle):
    machine = ending(failed=True, settle=settle)

    assert (["abort"], False) == (walk(machine), machine.lost)


@pytest.mark.parametrize("failed", [True, False])
@pytest.mark.parametrize("settle", [True, False])
def test_a_socket_is_given_back_whatever_the_outcome(ending, failed, settle):
    assert walk(ending(give_back=True, failed=failed, settle=settle)) == ["push", "return"]


@pytest.mark.parametrize("error", [errno.ENOTCONN, errno.ECANCELED])
def test_a_shutdown_that_fails_is_a_loss(ending, error):
    machine = ending()

    assert walk(machine, [("shutdown", error)]) == ["shutdown", "abort"]
    assert (True, error) == (machine.lost, machine.error)


@pytest.mark.parametrize("error", [errno.ECONNRESET, errno.ECANCELED])
def test_bytes_never_acknowledged_are_a_loss(ending, error):
    machine = ending()

    assert walk(machine, [("settle", error)]) == ["shutdown", "settle", "abort"]
    assert (True, error) == (machine.lost, machine.error)


def test_lingering_that_is_cut_short_loses_nothing(ending):
    machine = ending()

    assert walk(machine, [("linger", errno.ECANCELED)]) == ["shutdown", "settle", "linger", "close"]
    assert not machine.lost


@pytest.mark.parametrize("want", ["close", "push", "return"])
def test_what_cannot_fail_is_not_a_loss(ending, want):
    machine = ending(give_back=want != "close")

    walk(machine, [(want, errno.EIO)])

    assert not machine.lost


def test_the_want_stays_the_same_until_its_result(ending):
    machine = ending()

    assert [machine.want() for _ in range(3)] == ["shutdown"] * 3
