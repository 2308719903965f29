"""Range fields by table, and against a set of byte numbers."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from whitebox import ffi, lib

from proto.hands import span

IGNORE, UNSATISFIABLE, GIVEN = lib.RANGE_IGNORE, lib.RANGE_UNSATISFIABLE, lib.RANGE_GIVEN
HUGE = 2**64 - 1


def parse(value, size):
    ranges = ffi.new("struct ranges *")
    verdict = lib.range_parse(span(value), size, ranges)
    found = [(one.first, one.count) for one in ranges.range[0 : ranges.count]]
    return (verdict, found) if verdict == GIVEN else verdict


@pytest.mark.parametrize(
    ("value", "ranges"),
    [
        (b"bytes=0-0", [(0, 1)]),
        (b"bytes=0-99", [(0, 100)]),
        (b"bytes=0-", [(0, 100)]),
        (b"bytes=99-", [(99, 1)]),
        (b"bytes=-1", [(99, 1)]),
        (b"bytes=-100", [(0, 100)]),
        (b"bytes=-101", [(0, 100)]),
        (b"bytes=10-1000", [(10, 90)]),
        (b"BYTES=1-2", [(1, 2)]),
        (b"bytes=001-0000000000000000000000002", [(1, 2)]),
        (b"bytes=5-18446744073709551615", [(5, 95)]),
        (b"bytes=5-18446744073709551616", [(5, 95)]),
        (b"bytes=5-18446744073709551620", [(5, 95)]),
        (b"bytes=-18446744073709551616", [(0, 100)]),
        (b"bytes=5-99999999999999999999999999", [(5, 95)]),
        (b"bytes=-99999999999999999999999999", [(0, 100)]),
        (b"bytes= 1-2 ,\t5-6", [(1, 2), (5, 2)]),
        (b"bytes=,,1-2,,", [(1, 2)]),
        (b"bytes=50-59,10-19", [(50, 10), (10, 10)]),
        (b"bytes=0-9,10-19", [(0, 20)]),
        (b"bytes=10-19,0-9", [(0, 20)]),
        (b"bytes=10-19,5-12", [(5, 15)]),
        (b"bytes=10-19,12-13", [(10, 10)]),
        (b"bytes=12-13,10-19", [(10, 10)]),
        (b"bytes=0-0,0-0,0-0", [(0, 1)]),
        (b"bytes=0-9,11-19", [(0, 10), (11, 9)]),
        (b"bytes=200-,1-2", [(1, 2)]),
        (b"bytes=1-2,-0", [(1, 2)]),
    ],
)
def test_of_a_hundred_bytes(value, ranges):
    assert (GIVEN, ranges) == parse(value, 100)


@pytest.mark.parametrize(
    "value",
    [
        b"bytes=100-",
        b"bytes=100-200",
        b"bytes=-0",
        b"bytes=100-,-0",
        b"bytes=99999999999999999999999-",
        b"bytes=18446744073709551615-",
        b"bytes=99999999999999999999999-99999999999999999999998",
    ],
)
def test_what_lies_outside_is_unsatisfiable(value):
    assert parse(value, 100) == UNSATISFIABLE


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"bytes",
        b"bytes=",
        b"bytes=,",
        b"bytes= ",
        b"items=0-1",
        b"bytes =0-1",
        b"byte=0-1",
        b"bytes=-",
        b"bytes=1",
        b"bytes=a-b",
        b"bytes=1-b",
        b"bytes=2-1",
        b"bytes=1--2",
        b"bytes=--1",
        b"bytes=1-2-3",
        b"bytes=+1-2",
        b"bytes=1 -2",
        b"bytes=1- 2",
        b"bytes=1-2;",
        b"bytes=0x1-2",
        b"bytes=1-2 3-4",
        b"bytes=0-1,x",
        b"bytes=0-1,2-1",
        b"bytes:0-1",
        b"bytes=\xb2-3",
        b"bytes=1.-2",
    ],
)
def test_what_is_malformed_is_ignored(value):
    assert parse(value, 100) == IGNORE


def test_an_empty_representation_has_no_ranges():
    assert parse(b"bytes=0-", 0) == parse(b"bytes=-0", 0) == UNSATISFIABLE
    assert parse(b"bytes=-5", 0) == IGNORE  # all of it, and no 206 can say that


def test_the_largest_representation():
    assert parse(b"bytes=18446744073709551614-", HUGE) == (GIVEN, [(HUGE - 1, 1)])
    assert parse(b"bytes=0-", HUGE) == (GIVEN, [(0, HUGE)])
    assert parse(b"bytes=-18446744073709551615", HUGE) == (GIVEN, [(0, HUGE)])
    assert parse(b"bytes=18446744073709551615-", HUGE) == UNSATISFIABLE
    assert parse(b"bytes=5-5,0-,7-7,0-", HUGE) == (GIVEN, [(0, HUGE)])
    assert parse(b"bytes=0-18446744073709551612,18446744073709551614-,0-1", HUGE) == IGNORE
    assert parse(b"bytes=2-,0-0,2-,0-0", HUGE) == IGNORE


def test_more_ranges_than_there_is_room_for_are_ignored():
    most = [b"%d-%d" % (n * 2, n * 2) for n in range(lib.RANGES_MAX)]

    assert parse(b"bytes=" + b",".join(most), 1000)[0] == GIVEN
    assert parse(b"bytes=" + b",".join([*most, b"500-501"]), 1000) == IGNORE
    assert parse(b"bytes=" + b",".join([*most, b"30-30", b"2000-"]), 1000)[0] == GIVEN


def test_more_bytes_than_there_are_are_ignored():
    assert parse(b"bytes=0-50,60-99,0-10", 100) == IGNORE
    assert parse(b"bytes=0-50,60-99,0-8", 100)[0] == GIVEN


def model(specs, size):
    """Ranges as sets of byte numbers."""
    asked = []
    for first, last in specs:
        if first is None:
            if size == 0 and last:
                return IGNORE
            wanted = set(range(max(0, size - last), size))
        else:
            if last is not None and last < first:
                return IGNORE
            wanted = set(range(first, size if last is None else min(last + 1, size)))
        if not wanted:
            continue
        whole = asked[-1] | wanted if asked else set()
        if whole and len(whole) == max(whole) - min(whole) + 1:
            asked[-1] = whole
        else:
            asked.append(wanted)
    if not specs or len(asked) > lib.RANGES_MAX or sum(map(len, asked)) > size:
        return IGNORE
    return (GIVEN, [(min(one), len(one)) for one in asked]) if asked else UNSATISFIABLE


def spec_text(first, last):
    return b"%b-%b" % tuple(b"" if n is None else b"%d" % n for n in (first, last))


POSITION = st.integers(0, 45)
SPEC = (
    st.tuples(POSITION, POSITION) | st.tuples(POSITION, st.none()) | st.tuples(st.none(), POSITION)
)
SOUND = st.tuples(POSITION, st.integers(0, 6)).map(lambda pair: (pair[0], sum(pair)))


@given(
    specs=st.lists(SOUND, max_size=20) | st.lists(SPEC, max_size=4),
    size=st.integers(0, 40),
    comma=st.sampled_from([b",", b", ", b" ,\t", b",,"]),
)
@example(specs=[(n * 2, n * 2) for n in range(17)], size=40, comma=b",")
def test_ranges_are_what_a_set_of_bytes_says(specs, size, comma):
    value = b"bytes=" + comma.join(spec_text(*spec) for spec in specs)

    assert parse(value, size) == model(specs, size)


@pytest.mark.parametrize("size", range(6))
def test_every_pair_of_small_ranges(size):
    numbers = [None, *range(7)]
    specs = [(a, b) for a in numbers for b in numbers if (a, b) != (None, None)]
    for one in specs:
        for other in specs:
            value = b"bytes=%b,%b" % (spec_text(*one), spec_text(*other))
            assert parse(value, size) == model([one, other], size), value


@given(value=st.text("bytes=0123456789-, ", max_size=30).map(str.encode), size=st.integers(0, HUGE))
def test_whatever_is_asked_lies_inside(value, size):
    for prefix in (b"", b"bytes="):
        found = parse(prefix + value, size)
        if isinstance(found, tuple):
            assert found[1]
            assert all(count > 0 and first + count <= size for first, count in found[1])
            assert sum(count for _, count in found[1]) <= size
