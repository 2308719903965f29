"""Entity tags: made, and looked for in lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whitebox import ffi, lib

from proto.hands import Spans, new_request, span

MATCH, NONE_MATCH = lib.FIELD_IF_MATCH, lib.FIELD_IF_NONE_MATCH
U64, I64 = st.integers(0, 2**64 - 1), st.integers(-(2**63), 2**63 - 1)


def form(inode, size, mtime_ns, coding=b""):
    out = ffi.new("char[]", lib.ETAG_SIZE_MAX)
    used = lib.etag_format(inode, size, mtime_ns, span(coding), out)
    assert used <= lib.ETAG_SIZE_MAX
    return ffi.unpack(out, used)


def listed(tag, *lines, weak=True):
    spans = Spans()
    request = new_request(spans, [(b"If-None-Match", line) for line in lines])
    return lib.etag_listed(request, NONE_MATCH, spans(tag), weak)


@given(inode=U64, size=U64, mtime_ns=I64, coding=st.sampled_from([b"", b"br", b"gzip"]))
def test_a_tag_says_what_a_file_is(inode, size, mtime_ns, coding):
    numbers = b"%x-%x-%x" % (inode, size, mtime_ns % 2**64)

    assert form(inode, size, mtime_ns, coding) == b'"%b"' % (numbers + b"-" * bool(coding) + coding)


def test_the_largest_tag_fits_and_a_long_coding_is_cut():
    assert form(2**64 - 1, 2**64 - 1, -1, b"x" * 100) == b'"%b-xxxxxxxxxxx"' % b"-".join(
        [b"f" * 16] * 3
    )


@pytest.mark.parametrize(
    "lines",
    [
        [b'"a"'],
        [b"*"],
        [b'"x", "a"'],
        [b',, "x" ,\t"a" ,'],
        [b'"x"', b'"a"'],
        [b'"x"', b"*"],
        [b'"a", malformed'],
        [b'"comma,inside","a"'],
        [b'"\xff!#~","a"'],
        [b'W/"x","a"'],
    ],
)
def test_a_tag_that_is_listed(lines):
    assert listed(b'"a"', *lines)
    assert listed(b'"a"', *lines, weak=False)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b""],
        [b" , "],
        [b"a"],
        [b'"A"'],
        [b'"a'],
        [b'a"'],
        [b'"x" "a"'],
        [b'"x"; "a"'],
        [b'"b c", "a"'],
        [b'"\x7f", "a"'],
        [b'"\t", "a"'],
        [b'*, "a"'],
        [b'"x", *'],
        [b'malformed, "a"'],
        [b"malformed", b'"a"'],
        [b'w/"a"'],
        [b'W/ "a"'],
        [b"W/"],
        [b"W"],
        [b'"\\"a"'],
        [b'""'],
    ],
)
def test_a_tag_that_is_not_listed(lines):
    assert not listed(b'"a"', *lines)


def test_weak_tags_match_only_when_weakness_is_overlooked():
    for tag, line in [(b'"a"', b'W/"a"'), (b'W/"a"', b'"a"'), (b'W/"a"', b'W/"a"')]:
        assert listed(tag, line)
        assert not listed(tag, line, weak=False)
    assert listed(b'W/"a"', b"*", weak=False)


def test_only_the_field_that_is_asked_for_counts():
    spans = Spans()
    request = new_request(spans, [(b"If-None-Match", b'"a"'), (b"If-Match", b'"b"')])

    assert lib.etag_listed(request, NONE_MATCH, spans(b'"a"'), False)
    assert lib.etag_listed(request, MATCH, spans(b'"b"'), False)
    assert not lib.etag_listed(request, MATCH, spans(b'"a"'), False)


TAG = st.text("".join(map(chr, [0x21, *range(0x23, 0x7F), 0x80, 0xFF])), max_size=6).map(
    lambda text: b'"%b"' % text.encode("latin-1")
)


@given(tag=TAG, tags=st.lists(TAG), comma=st.sampled_from([b",", b", ", b" ,, "]))
def test_a_tag_is_found_exactly_when_it_is_there(tag, tags, comma):
    assert listed(tag, comma.join(tags)) == (tag in tags)
    assert listed(tag, *tags) == (tag in tags)
    assert listed(tag, comma.join([*tags, tag]))


@given(tag=TAG, line=st.binary(max_size=20) | st.text('"W/*, ab', max_size=12).map(str.encode))
def test_any_line_can_be_looked_through(tag, line):
    assert not listed(tag, line) or tag in line or line == b"*"
