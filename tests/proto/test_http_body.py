"""Bodies by length and chunked: every edge, every split, and beside h11."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whitebox import ffi, lib

from proto import hands

ENDED, LENGTH, CHUNKED, BAD = lib.BODY_ENDED, lib.BODY_LENGTH, lib.BODY_CHUNKED, lib.BODY_BAD


def take(data, sizes=(), *, chunked=True, length=0):
    """State, content and how much was used, with `data` arriving in pieces that end at `sizes`."""
    body = ffi.new("struct http_body *")
    lib.http_body_init(body, chunked, length)
    found, used = b"", 0
    for size in [*sizes, len(data)]:
        more = True
        while more and body.state in (LENGTH, CHUNKED):
            room = size - used
            content = ffi.new("struct span *")
            memory = hands.memory(data[used:size])
            more = lib.http_body_take(body, memory, room, content)
            assert more <= room
            found += hands.text(content)
            used += more
    assert body.passed == len(found)
    return body.state, found, used


OVER = b"0\r\n\r\n"
GOOD = {
    "nothing": (OVER, b""),
    "one chunk": (b"5\r\nhello\r\n" + OVER, b"hello"),
    "two chunks": (b"5\r\nhello\r\nC\r\n, wide world\r\n" + OVER, b"hello, wide world"),
    "size in capitals and not": (b"aB\r\n" + b"x" * 171 + b"\r\n" + OVER, b"x" * 171),
    "zeros before the size": (b"0000000000000001\r\nx\r\n0000000000000000\r\n\r\n", b"x"),
    "content that looks like framing": (b"6\r\n0\r\n\r\nx\r\n" + OVER, b"0\r\n\r\nx"),
    "an extension": (b"1;a\r\nx\r\n0;b=c\r\n\r\n", b"x"),
    "extensions with blanks": (b"1 ; a = b\t;\tc ; d=e ;f=g\r\nx\r\n" + OVER, b"x"),
    "an extension of several letters": (b"1;name=value;other\r\nx\r\n" + OVER, b"x"),
    "extensions with many blanks": (b"1  ;\t a  =\t b \t; c  ;d\r\nx\r\n" + OVER, b"x"),
    "a quoted extension": (b'1;a="b;\tc\\"\\\\d\xff";e=""\r\nx\r\n' + OVER, b"x"),
    "an extension after a quoted one with a blank": (b'1;a="b" ;c\r\nx\r\n' + OVER, b"x"),
    "trailers": (b"0\r\nA: b\r\nC:\r\nD: \xff\t;\r\n\r\n", b""),
    "a size line as long as it may be": (b"1;" + b"a" * 252 + b"\r\nx\r\n" + OVER, b"x"),
    "trailers as long as they may be": (b"0\r\nA:" + b"b" * 8186 + b"\r\n\r\n", b""),
}
WRONG = {
    "nothing but an empty line": b"\r\n",
    "no size": b";a\r\nx\r\n",
    "a sign": b"+1\r\nx\r\n",
    "a minus": b"-1\r\nx\r\n",
    "a blank before the size": b" 1\r\nx\r\n",
    "a prefix": b"0x1\r\nx\r\n",
    "an underscore": b"1_0\r\nx\r\n",
    "no hexadecimal digit": b"g\r\nx\r\n",
    "a size of seventeen digits": b"00000000000000001\r\nx\r\n",
    "a size of 2^63": b"8000000000000000\r\n",
    "a size of 64 bits": b"ffffffffffffffff\r\n",
    "a size that wraps": b"10000000000000001\r\nx\r\n",
    "a bare LF behind the size": b"1\nx\r\n",
    "a bare CR behind the size": b"1\rx\r\n",
    "two CR behind the size": b"1\r\r\nx\r\n",
    "a blank behind the size": b"1 \r\nx\r\n",
    "a NUL behind the size": b"1\0\r\nx\r\n",
    "a second size": b"1 2\r\nx\r\n",
    "an empty extension": b"1;\r\nx\r\n",
    "two semicolons": b"1;;a\r\nx\r\n",
    "an extension without a value": b"1;a=\r\nx\r\n",
    "an extension without a value but a next": b"1;a=;b\r\nx\r\n",
    "a blank behind an extension": b"1;a \r\nx\r\n",
    "two names": b"1;a b\r\nx\r\n",
    "two values": b"1;a=b c\r\nx\r\n",
    "a blank behind a value": b"1;a=b \r\nx\r\n",
    "something behind a quoted value": b'1;a="b"c\r\nx\r\n',
    "a bare LF in an extension": b"1;a\nb\r\nx\r\n",
    "a bare CR in an extension": b"1;a\rb\r\nx\r\n",
    "a bare LF in quotes": b'1;a="\n"\r\nx\r\n',
    "a line end in quotes": b'1;a="\r\n"\r\nx\r\n',
    "a line end behind a backslash": b'1;a="\\\r\n"\r\nx\r\n',
    "a control byte in quotes": b'1;a="\x01"\r\nx\r\n',
    "quotes in a name": b'1;"a"\r\nx\r\n',
    "a control byte in a name": b"1;\x7f\r\nx\r\n",
    "a size line that is too long": b"1;" + b"a" * 253 + b"\r\nx\r\n",
    "content that is too long": b"1\r\nxy\r\n",
    "content that is too short": b"3\r\nxy\r\n",
    "a bare LF behind the content": b"1\r\nx\n",
    "a bare CR behind the content": b"1\r\nx\rx",
    "no size after a chunk": b"1\r\nx\r\n\r\n",
    "a bare LF at the end": b"0\r\n\n",
    "a bare CR at the end": b"0\r\n\rx",
    "a trailer without a colon": b"0\r\nA\r\n\r\n",
    "a trailer without a name": b"0\r\n: b\r\n\r\n",
    "a blank before a trailer": b"0\r\n A: b\r\n\r\n",
    "a blank behind the name of a trailer": b"0\r\nA : b\r\n\r\n",
    "a folded trailer": b"0\r\nA: b\r\n c\r\n\r\n",
    "a NUL in a trailer": b"0\r\nA: \0\r\n\r\n",
    "a bare LF behind a trailer": b"0\r\nA: b\n\r\n",
    "a bare CR in a trailer": b"0\r\nA: b\rc\r\n\r\n",
    "trailers that are too long": b"0\r\nA:" + b"b" * 8187 + b"\r\n\r\n",
}


def splits(data):
    places = range(len(data) + 1)
    return places if len(data) < 400 else [*places[:300], *places[-20:]]


@pytest.mark.parametrize("name", GOOD)
def test_a_good_body_at_every_split(name):
    """With bytes of the next request behind it, which are left alone."""
    data, content = GOOD[name]
    behind = data + b"GET / HTTP/1.1\r\n"
    whole = (ENDED, content, len(data))

    assert take(data) == take(behind) == take(behind, range(len(behind))) == whole
    assert all(take(behind, [split]) == whole for split in splits(behind))
    assert all(take(data[:size])[0] == CHUNKED for size in splits(data)[:-1])


@pytest.mark.parametrize("name", WRONG)
def test_a_bad_body_at_every_split(name):
    data = WRONG[name]
    whole = take(data)

    assert whole[0] == BAD
    assert take(data, range(len(data))) == whole
    assert all(take(data, [split]) == whole for split in splits(data))


def test_nothing_is_used_after_a_bad_byte_or_the_end():
    body, content = ffi.new("struct http_body *"), ffi.new("struct span *")
    for first, state in ((b"x", BAD), (OVER, ENDED)):
        lib.http_body_init(body, True, 0)
        lib.http_body_take(body, first, len(first), content)
        assert body.state == state
        assert 0 == lib.http_body_take(body, OVER, len(OVER), content) == content.size


def test_every_byte_where_each_class_of_bytes_may_stand():
    for byte in range(256):
        one = bytes([byte])
        token = one.isalnum() or one in b"!#$%&'*+-.^_`|~"
        text = byte == 9 or (byte >= 32 and byte != 127)

        def ok(data):
            return take(data)[0] != BAD

        assert ok(one) == (one in b"0123456789abcdefABCDEF")
        assert ok(b"1;" + one) == (token or one in b" \t")
        assert ok(b"1;a=" + one) == (token or one in b' \t"')
        assert ok(b'1;a="' + one) == text
        assert ok(b'1;a="\\' + one) == text
        assert ok(b"1\r\nx" + one) == (one == b"\r")
        assert all(
            ok(before + b"\r" + one) == (one == b"\n")
            for before in (b"1", b"1;a", b"1\r\nx", b"0", b"0\r\n", b"0\r\nA:")
        )
        assert ok(b"0\r\n" + one) == (token or one == b"\r")
        assert ok(b"0\r\nA:" + one) == (text or one == b"\r")


@given(length=st.integers(0, 60), data=st.binary(max_size=80), cuts=st.sets(st.integers(0, 80)))
def test_a_body_by_length_is_its_first_bytes(length, data, cuts):
    sizes = sorted(cut for cut in cuts if cut <= len(data))
    size = min(length, len(data))
    state = ENDED if size == length else LENGTH

    assert take(data, sizes, chunked=False, length=length) == (state, data[:size], size)


def test_an_empty_body_by_length_has_ended_at_once():
    assert take(b"abc", chunked=False, length=0) == (ENDED, b"", 0)


EXTENSION = st.sampled_from([b"", b"", b";a", b";a=b", b';a="b\\"c"', b" ;a", b"\t;a = b", b" "])
CHUNK = st.builds(
    lambda data, form, extension: form % len(data) + extension + b"\r\n" + data + b"\r\n",
    st.binary(min_size=1, max_size=20),
    st.sampled_from([b"%x", b"%X", b"%04x"]),
    EXTENSION,
)
END = st.builds(
    lambda zeros, extension, trailers: b"0" * zeros + extension + b"\r\n" + trailers + b"\r\n",
    st.integers(1, 3),
    EXTENSION,
    st.sampled_from([b"", b"", b"A: b\r\n", b"A:\r\nB: c\r\n", b"A : b\r\n", b"A: b\n"]),
)
STREAM = st.tuples(st.lists(CHUNK, max_size=4).map(b"".join), END, st.binary(max_size=3)).map(
    b"".join
)
CHANGE = st.tuples(
    st.floats(0, 1),
    st.integers(0, 2),
    st.sampled_from([b"", b"\r", b"\n", b" ", b";", b"0", b"\0", b"-"]) | st.binary(max_size=2),
)


def changed(data, changes):
    for place, taken, new in changes:
        at = int(place * len(data))
        data = data[:at] + new + data[at + taken :]
    return data


@given(data=STREAM, changes=st.lists(CHANGE, max_size=2), cuts=st.sets(st.integers(0, 150)))
def test_any_stream_at_any_splits_comes_to_the_same(data, changes, cuts):
    data = changed(data, changes)

    assert take(data, sorted(cut for cut in cuts if cut <= len(data))) == take(data)


@given(data=STREAM, changes=st.lists(CHANGE, max_size=2))
def test_what_is_a_body_here_is_the_same_body_to_h11(data, changes):
    """But for blanks before the semicolon of an extension (RFC 9112, 7.1.1), unknown to h11."""
    h11 = pytest.importorskip("h11")
    data = changed(data, changes)
    state, content, used = take(data)
    if state != ENDED or b" ;" in data or b"\t;" in data:
        return
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(
        b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + data
    )
    connection.next_event()
    seen = b""
    while isinstance(event := connection.next_event(), h11.Data):
        seen += event.data

    assert isinstance(event, h11.EndOfMessage)
    assert (content, data[used:]) == (seen, connection.trailing_data[0])
