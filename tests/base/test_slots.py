"""Slots against a set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whitebox import ffi, lib

BOUNDS = [1, 2, 63, 64, 65, 4095, 4096, 4097, 262_144, 262_145]


class Slots:
    def __init__(self, capacity):
        self.cdata = ffi.new("struct slots *")
        self.memory = ffi.new("uint64_t[]", lib.slots_memory_size(capacity) // 8)
        lib.slots_init(self.cdata, self.memory, capacity)

    def take(self):
        return lib.slots_take(self.cdata)

    def put(self, slot):
        lib.slots_put(self.cdata, slot)

    def top(self, start):
        return lib.slots_top(self.cdata, start)

    @property
    def taken_count(self):
        return self.cdata.taken_count


@pytest.mark.parametrize("capacity", BOUNDS)
def test_every_slot_is_given_once_lowest_first(capacity):
    slots = Slots(capacity)

    assert all(slots.take() == number for number in range(capacity))
    assert (-1, capacity, capacity) == (slots.take(), slots.taken_count, slots.top(capacity))


@pytest.mark.parametrize("capacity", BOUNDS)
def test_a_slot_put_back_is_the_next_one_given(capacity):
    slots = Slots(capacity)
    while slots.take() >= 0:
        pass

    for slot in {0, capacity // 2, capacity - 1}:
        slots.put(slot)
        assert (slot, -1) == (slots.take(), slots.take())


@given(
    capacity=st.sampled_from([1, 2, 63, 64, 65, 130, 4097]),
    moves=st.lists(st.integers(-1, 200), max_size=300),
)
def test_they_behave_like_a_set(capacity, moves):
    """A negative move takes; another puts back the taken slot with that index."""
    slots, taken = Slots(capacity), set()

    for move in moves:
        if move < 0 or not taken:
            expected = next((n for n in range(capacity) if n not in taken), -1)
            assert slots.take() == expected
            taken |= {expected} - {-1}
        else:
            slot = sorted(taken)[move % len(taken)]
            slots.put(slot)
            taken.remove(slot)
        assert slots.taken_count == len(taken)


@given(
    capacity=st.sampled_from([1, 64, 65, 200]),
    taken=st.sets(st.integers(0, 199)),
    start=st.integers(0, 300),
)
def test_the_top_is_one_past_the_highest_taken(capacity, taken, start):
    taken = {slot for slot in taken if slot < capacity}
    slots = Slots(capacity)
    while slots.take() >= 0:
        pass
    for slot in set(range(capacity)) - taken:
        slots.put(slot)

    assert slots.top(start) == max((slot + 1 for slot in taken if slot <= start), default=0)
