"""Heads by table, and at every split; see vectors.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whitebox import ffi, lib

from proto import hands
from proto.hands import BAD, HEAD, MORE, limits_of, outcome, parse, scan
from proto.vectors import BAD as REFUSED
from proto.vectors import GOOD, head

PLAIN = {
    "method": b"GET", "kind": "GET", "target": b"/", "path": b"/", "query": b"", "host": b"h",
    "remote": b"", "minor": 1, "decoded": False, "has_query": False, "keep_alive": True,
    "chunked": False, "expect_continue": False, "secure": False, "length": None,
}  # fmt: skip
ALL = {**{name: data for name, (data, _) in GOOD.items()},
       **{name: data for name, (data, _) in REFUSED.items()}}  # fmt: skip


def by_name(table):
    return [pytest.param(*value, id=name) for name, value in table.items()]


@pytest.mark.parametrize(("data", "says"), by_name(GOOD))
def test_a_good_head_says_what_it_says(data, says):
    status, request = parse(data)

    assert status == 0
    assert {name: getattr(request, name) for name in {**PLAIN, **says}} == {**PLAIN, **says}


@pytest.mark.parametrize(("data", "status"), by_name(REFUSED))
def test_a_bad_head_is_refused_and_says_nothing_of_a_body(data, status):
    found, request = parse(data)

    assert status == found
    assert (False, False, False, None) == (
        request.keep_alive, request.chunked, request.expect_continue, request.length)  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_head_with_bytes_behind_its_end_is_no_head(name):
    """Whoever parses says where it ends; a head that ends earlier is not what was looked at."""
    status, request = parse(GOOD[name][0] + b"x")

    assert status == 400
    assert (False, False, None) == (request.chunked, request.expect_continue, request.length)


@pytest.mark.parametrize("name", ALL)
def test_every_split_comes_to_the_same(name):
    """In two pieces, and byte by byte; followed by more bytes or not."""
    data = ALL[name]
    for behind in (b"", b"GET / HTTP/1.1\r\n", b"\0\n\r\xff"):
        whole = outcome(data + behind)
        size = len(data + behind)

        assert all(outcome(data + behind, [split]) == whole for split in range(size + 1))
        assert outcome(data + behind, range(size + 1)) == whole


@pytest.mark.parametrize("name", GOOD)
def test_a_head_ends_at_its_empty_line_and_not_before(name):
    data = GOOD[name][0]

    assert (HEAD, len(data)) == scan(data) == scan(data + b"x")
    assert all(scan(data[:size])[0] == MORE for size in range(len(data)))
    assert all(parse(data[:size])[0] != 0 for size in range(len(data)))


@pytest.mark.parametrize("name", GOOD)
def test_every_limit_that_fits_exactly_is_enough_and_one_less_is_not(name):
    data, _ = GOOD[name]
    _, request = parse(data)
    exact = {"head": len(data), "target": len(request.target), "fields": len(request.fields)}
    refused = {"head": 431, "target": 414, "fields": 431}

    assert outcome(data, limits=limits_of(**exact)) == (0, len(data))
    for limit in exact:
        if exact[limit]:
            less = limits_of(**{**exact, limit: exact[limit] - 1})
            assert outcome(data + b"x", limits=less)[0] == refused[limit]
            assert limit != "head" or scan(data + b"x", limits=less)[0] == BAD
            assert outcome(data + b"x", range(len(data) + 1), limits=less)[0] == refused[limit]


def test_a_head_as_large_as_its_limit_may_still_end():
    limits = limits_of(head=100)

    assert scan(b"GET / HTTP/1.1\r\nA: " + b"x" * 81, limits=limits)[0] == MORE
    assert outcome(b"GET / HTTP/1.1\r\nA: " + b"x" * 82, limits=limits) == (431, None)


@pytest.mark.parametrize("line", [b"GET /", b"GET", b"", b"GET / HTTP/1.1", b"\r\n\r\nGET /"])
def test_a_request_line_that_never_ends_is_found_out_before_the_head_is_full(line):
    limits = limits_of(head=1 << 20, target=100)

    assert scan(line + b"x" * 200, limits=limits)[0] == BAD
    status = {b"GET /": 414, b"\r\n\r\nGET /": 414}.get(line, 400)
    assert outcome(line + b"x" * 200, range(300), limits)[0] == status


def test_more_fields_than_a_request_has_room_for_are_refused_whatever_the_limit():
    limits = limits_of(head=1 << 20, fields=10_000)
    fields = [f"A{n}: {n}" for n in range(lib.REQUEST_FIELDS_MAX - 1)]

    assert parse(head(*fields), limits)[0] == 0
    assert parse(head(*fields, "B: c"), limits)[0] == 431


def test_fields_of_the_same_known_name_are_linked_in_order():
    spans = hands.Spans()
    data = head("Connection: a", "X: y", "CONNECTION: b", "connection: c")
    request = ffi.new("struct request *")
    assert 0 == lib.http_head_parse(spans.memory(data), len(data), limits_of(), request)

    found, index = [], request.first[lib.FIELD_CONNECTION]
    while index:
        found.append(hands.text(request.fields[index - 1].value))
        index = request.fields[index - 1].next

    assert found == [b"a", b"b", b"c"]
    assert hands.text(lib.wb_request_field(request, lib.FIELD_HOST)) == b"h"
    assert lib.wb_request_field(request, lib.FIELD_RANGE).data == ffi.NULL


@pytest.mark.parametrize("minor", [0, 1])
def test_the_version_is_known_when_something_else_is_wrong(minor):
    assert parse(head("A", line=f"GET / HTTP/1.{minor}"))[1].minor == minor
    assert parse(head(line=f"GET x HTTP/1.{minor}"))[1].minor == minor


def test_every_byte_in_every_place():
    """A token, a target, a value and a host each take the bytes that their grammar has."""
    for byte in range(256):
        token = b"!#$%&'*+-.^_`|~0123456789" + bytes(range(65, 91)) + bytes(range(97, 123))
        name = b"!$&'()*+,;=-._~0123456789" + bytes(range(65, 91)) + bytes(range(97, 123))
        one = bytes([byte])

        def ok(data):
            return parse(data)[0] == 0

        assert ok(b"G%bT / HTTP/1.1\r\nHost:\r\n\r\n" % one) == (one in token)
        assert ok(b"GET / HTTP/1.1\r\nHost:\r\nA%bB: c\r\n\r\n" % one) == (one in token + b":")
        assert ok(b"GET /%b HTTP/1.1\r\nHost:\r\n\r\n" % one) == (
            0x21 <= byte <= 0x7E and byte != 35
        )
        assert ok(b"GET / HTTP/1.1\r\nHost: a%ba\r\n\r\n" % one) == (one in name)
        for before in range(17):  # wherever it stands in a word
            value = b"x" * before + one + b"x"
            good = byte == 9 or (byte >= 0x20 and byte != 0x7F)
            assert ok(b"GET / HTTP/1.1\r\nHost:\r\nA: %b\r\n\r\n" % value) == good


PIECES = st.sampled_from(
    [b"GET", b" ", b"/", b"HTTP/1.1", b"HTTP/1.0", b"\r\n", b"\r\n\r\n", b"\r", b"\n", b"Host: h",
     b"Content-Length: 5", b"Transfer-Encoding: chunked", b"A", b":", b"\0", b"\t", b"\x80",
     b"Connection: close", b"POST / HTTP/1.1\r\nHost: h\r\n", b"x" * 40]
)  # fmt: skip


@given(
    data=st.lists(PIECES | st.binary(max_size=5)).map(b"".join),
    cuts=st.lists(st.integers(0, 300)),
    limits=st.builds(limits_of, st.integers(0, 200), st.integers(0, 60), st.integers(0, 4)),
)
def test_any_bytes_at_any_splits_come_to_the_same(data, cuts, limits):
    sizes = sorted({cut for cut in cuts if cut <= len(data)})

    assert outcome(data, sizes, limits) == outcome(data, (), limits)


@given(data=st.sampled_from(sorted(ALL.values())), place=st.floats(0, 1), new=st.binary(max_size=3),
       taken=st.integers(0, 3))  # fmt: skip
def test_any_mutation_at_any_split_comes_to_the_same(data, place, new, taken):
    at = int(place * len(data))
    mutated = data[:at] + new + data[at + taken :]

    assert outcome(mutated, range(len(mutated))) == outcome(mutated)
