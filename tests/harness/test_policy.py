"""The policy of the master: events in, actions compared; no process anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwoffload.harness.actions import (
    Announce,
    Cut,
    Drain,
    Exit,
    Explain,
    Kill,
    Postpone,
    Reexecute,
    Refuse,
    Spawn,
)
from uwoffload.harness.events import (
    Began,
    ReloadAsked,
    StopAsked,
    TimePassed,
    WorkerDied,
    WorkerLeft,
    WorkerRefused,
    WorkerServed,
    WorkerStarted,
)
from uwoffload.harness.policy import DELAY_MAX, GRACE, QUIET, Found, Policy

MERCY = 60.0


class Pool:
    """A policy, and processes that do as they are told: pid is 100 + number of the fork."""

    def __init__(self, processes: int, old: tuple[Found, ...] = ()) -> None:
        self.policy = Policy(processes, MERCY, old)
        self.forked = 0
        self.exit: int | None = None

    def tell(self, event):
        """The actions; spawned workers have started, and the policy knows."""
        actions = self.policy.handle(event)
        for action in list(actions):
            if isinstance(action, Spawn):
                pid = 100 + self.forked
                self.forked += 1
                actions += self.tell(WorkerStarted(event.now, action.slot, pid))
            elif isinstance(action, Exit):
                self.exit = action.status
        return actions

    def serve(self, now: float = 0.0):
        """Begin, and have every worker serve."""
        actions = self.tell(Began(now))
        for pid in list(self.policy.workers):
            actions += self.tell(WorkerServed(now, pid))
        return actions


def test_every_seat_is_filled_and_announced_once():
    pool = Pool(3)

    assert [Spawn(0), Spawn(1), Spawn(2)] == pool.tell(Began(0))
    assert [] == pool.tell(WorkerServed(1, 100))
    assert [] == pool.tell(WorkerServed(1, 102))
    assert [Announce()] == pool.tell(WorkerServed(1, 101))
    assert pool.policy.wake_at is None


def test_dead_worker_is_replaced_at_once_in_a_slot_of_its_own():
    pool = Pool(2)
    pool.serve()

    assert [Spawn(0)] == pool.tell(WorkerDied(5, 100))
    assert [] == pool.tell(WorkerServed(5, 102))


@pytest.mark.parametrize(
    ("deaths", "delays"),
    [
        ((0, 1), (0, 0)),
        ((0, 1, 2), (0, 0, 1)),
        ((0, 1, 2, 3.5), (0, 0, 1, 2)),
        ((0, 0, 0, 1, 3, 7, 15, 31), (0, 0, 1, 2, 4, 8, 16, 30)),
        ((0, 1, 11), (0, 0, 0)),  # never three within ten seconds
        ((0, 6, 12, 18), (0, 0, 0, 0)),
        ((0, 1, 2, 30, 31, 32), (0, 0, 1, 0, 0, 1)),  # it lived long enough meanwhile
    ],
)
def test_back_off_begins_at_the_third_death_within_ten_seconds(deaths, delays):
    """The next worker of a seat starts so many seconds after a death."""
    pool = Pool(1)
    pool.serve()
    seen = []
    for now in deaths:
        if now > 0:
            pool.tell(TimePassed(now))
        (pid,) = pool.policy.workers
        actions = pool.tell(WorkerDied(now, pid))
        waiting = [action.seconds for action in actions if isinstance(action, Postpone)]
        assert bool(waiting) != any(isinstance(action, Spawn) for action in actions)
        seen.append(waiting[0] if waiting else 0)
        if waiting:
            assert pool.policy.wake_at == now + waiting[0]
            pool.tell(TimePassed(now + waiting[0]))
    assert delays == tuple(seen)
    assert max(delays) <= DELAY_MAX


def test_deaths_of_several_seats_at_once_delay_nobody():
    pool = Pool(4)
    pool.serve()

    for pid in (100, 101, 102, 103):
        assert [Spawn(pid - 100)] == pool.tell(WorkerDied(1, pid))


def test_worker_that_leaves_makes_room_before_it_has_ended():
    """max-requests, or a SIGTERM to a worker: the next one starts while this one drains."""
    pool = Pool(1)
    pool.serve()

    assert [Spawn(1)] == pool.tell(WorkerLeft(5, 100))
    assert pool.policy.wake_at == 5 + MERCY + GRACE
    assert [] == pool.tell(WorkerDied(6, 100))
    assert pool.policy.wake_at is None


def test_worker_that_does_not_end_is_killed():
    pool = Pool(1)
    pool.serve()
    pool.tell(WorkerLeft(0, 100))

    assert [] == pool.tell(TimePassed(MERCY))
    assert [Kill(100)] == pool.tell(TimePassed(MERCY + GRACE))
    assert [] == pool.tell(TimePassed(MERCY + GRACE + 1))


def test_slots_that_are_all_taken_cost_the_worker_that_drained_first():
    pool = Pool(1)
    pool.serve()
    for now, pid in ((1, 100), (2, 101), (3, 102)):
        assert [Spawn(now)] == pool.tell(WorkerLeft(now, pid))
    assert [Kill(100)] == pool.tell(WorkerLeft(4, 103))
    assert [] == pool.tell(TimePassed(4))
    assert pool.policy.wake_at == 2 + MERCY + GRACE, "a seat without a slot waits for a death"
    assert [Spawn(0)] == pool.tell(WorkerDied(5, 100))


def test_stop_drains_everybody_and_exits_with_0():
    pool = Pool(2)
    pool.serve()

    assert [Drain(100), Drain(101), Refuse()] == pool.tell(StopAsked(1))
    assert [] == pool.tell(WorkerLeft(1, 100))
    assert [] == pool.tell(WorkerDied(1.1, 100))
    assert [Exit(0)] == pool.tell(WorkerDied(1.2, 101))


def test_second_signal_cuts_and_the_third_kills():
    pool = Pool(2)
    pool.serve()
    pool.tell(StopAsked(1))

    assert [Cut(100), Cut(101)] == pool.tell(StopAsked(1.1))
    assert pool.policy.wake_at == 1.1 + GRACE
    assert [Kill(100), Kill(101)] == pool.tell(StopAsked(2))
    pool.tell(WorkerDied(2, 100))
    assert [Exit(0)] == pool.tell(WorkerDied(2, 101))


def test_stop_ends_by_the_deadline():
    pool = Pool(1)
    pool.serve()
    pool.tell(StopAsked(10))

    assert pool.policy.wake_at == 10 + QUIET
    assert [Explain(1, MERCY)] == pool.tell(TimePassed(10 + QUIET))
    assert pool.policy.wake_at == 10 + MERCY + GRACE
    assert [Kill(100)] == pool.tell(TimePassed(10 + MERCY + GRACE))


def test_who_does_not_end_when_it_is_cut_is_killed():
    pool = Pool(1)
    pool.serve()
    pool.tell(StopAsked(1))
    pool.tell(StopAsked(2))

    assert [Kill(100)] == pool.tell(TimePassed(2 + GRACE))


def test_stop_that_ends_soon_explains_nothing():
    pool = Pool(1)
    pool.serve()
    pool.tell(StopAsked(1))

    assert [Exit(0)] == pool.tell(WorkerDied(1 + QUIET / 2, 100))


def test_stop_while_a_seat_waits_starts_nobody():
    pool = Pool(1)
    pool.serve()
    for now in (1, 2, 3):
        actions = pool.tell(WorkerDied(now, 99 + now))
    assert [Postpone(1.0)] == actions

    assert [Refuse(), Exit(0)] == pool.tell(StopAsked(3.5))


def test_worker_that_cannot_start_ends_the_first_start():
    pool = Pool(2)
    pool.tell(Began(0))

    assert [Kill(101)] == pool.tell(WorkerDied(0, 100, hopeless=True))
    assert [Exit(1)] == pool.tell(WorkerDied(0, 101))


def test_worker_that_cannot_start_later_is_tried_again():
    pool = Pool(1)
    pool.serve()
    pool.tell(WorkerDied(50, 100))

    assert [Spawn(0)] == pool.tell(WorkerDied(51, 101, hopeless=True))


def test_no_process_to_be_had_is_like_a_death():
    policy = Policy(1, MERCY)
    assert [Spawn(0)] == policy.handle(Began(0))

    assert [Spawn(0)] == policy.handle(WorkerRefused(0, 0))
    assert [Spawn(0)] == policy.handle(WorkerRefused(0, 0))
    assert [Postpone(1.0)] == policy.handle(WorkerRefused(0, 0))
    assert policy.wake_at == 1.0


def test_reload_executes_anew_unless_it_stops():
    pool = Pool(1)
    pool.serve()
    assert [Reexecute()] == pool.tell(ReloadAsked(1))
    pool.tell(StopAsked(2))
    assert [] == pool.tell(ReloadAsked(2.1))


def test_old_workers_drain_once_every_new_one_serves():
    old = (Found(7, 0, serving=True), Found(8, 1, serving=True))
    pool = Pool(2, old)

    assert [Spawn(2), Spawn(3)] == pool.tell(Began(0))
    assert [] == pool.tell(WorkerServed(1, 100))
    assert [Announce(), Drain(7), Drain(8)] == pool.tell(WorkerServed(1, 101))
    assert [] == pool.tell(WorkerDied(2, 7))


def test_old_worker_that_had_not_served_drains_at_once():
    pool = Pool(1, (Found(7, 0, serving=False),))

    assert [Drain(7), Spawn(1)] == pool.tell(Began(0))


def test_old_workers_serve_on_while_new_ones_cannot_start():
    pool = Pool(1, (Found(7, 0, serving=True),))
    pool.tell(Began(0))

    assert [Spawn(1)] == pool.tell(WorkerDied(0, 100, hopeless=True))
    assert pool.exit is None


def test_many_reloads_in_a_row_find_slots():
    """Whatever was left behind, a worker gets a slot in the end."""
    old = tuple(Found(number, number, serving=True) for number in range(4))
    pool = Pool(1, old)

    assert [Kill(1)] == pool.tell(Began(0))
    assert [Spawn(1)] == pool.tell(WorkerDied(1, 1))


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["serve", "leave", "die", "stop", "reload", "wait"]),
        st.integers(0, 9),
        st.floats(0, 20),
    ),
    max_size=60,
)


@given(st.integers(1, 4), EVENTS)
def test_whatever_happens_there_is_a_worker_for_every_seat_or_a_time(processes, story):
    """No slot is used twice, nobody is forgotten, and a stop ends when the last one has died."""
    pool = Pool(processes)
    pool.tell(Began(0))
    now = 0.0
    for what, which, later in story:
        now += later
        pids = sorted(pool.policy.workers)
        pid = pids[which % len(pids)] if pids else 1
        event = {
            "serve": WorkerServed(now, pid),
            "leave": WorkerLeft(now, pid),
            "die": WorkerDied(now, pid),
            "stop": StopAsked(now),
            "reload": ReloadAsked(now),
            "wait": TimePassed(now),
        }[what]
        pool.tell(event)
        policy = pool.policy
        slots = [worker.slot for worker in policy.workers.values()]
        assert len(slots) == len(set(slots))
        assert all(0 <= slot < policy.slots for slot in slots)
        if policy.stopping:
            assert (pool.exit == 0) == (not policy.workers)
        else:
            empty = [seat for seat in policy.seats if seat.slot is None]
            assert not empty or policy.wake_at is not None or len(slots) == policy.slots
        if pool.exit is not None:
            return
