"""The head parser beside h11 and httptools: what all accept means the same to all.

Whatever this parser accepts, h11 accepts too, but for one thing: empty lines before the request
line, which RFC 9112 (2.2) asks servers to overlook.  Of keep-alive in HTTP/1.0 h11 knows nothing.
"""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proto.hands import HEAD, parse, scan
from proto.vectors import BAD, GOOD

pytest.importorskip("h11")
pytest.importorskip("httptools")

from proto.others import by_h11, by_httptools

HEADS = [data for data, _ in [*GOOD.values(), *BAD.values(), *(10 * [*GOOD.values()])]]
CHUNKED = b"3;a=b\r\nabc\r\n0\r\n\r\n"


def body_for(request):
    """Bytes behind the head, what they are the content of, and whether they are all of it."""
    if request.chunked:
        return CHUNKED, b"abc", True
    if not request.length:
        return b"", b"", True
    content = b"0123456789"[: request.length]
    return content, content, len(content) == request.length


def plain(fields):
    """h11 writes codings in lower case."""
    return [
        (name.lower(), value.lower() if name.lower() == b"transfer-encoding" else value)
        for name, value in fields
    ]


def agree(request, seen):
    """One of the others saw the same; all but keep-alive, in which they differ."""
    _, content, whole = body_for(request)
    version = b"1.%d" % request.minor

    assert (request.method, request.target) == (seen.method, seen.target)
    assert plain(request.fields) == plain(seen.fields)
    assert version == min(seen.version, b"1.1")
    assert (content, whole) == (seen.body, seen.ended)


def twice_said(request):
    """An HTTP/1.0 client that says both: to us close wins, to httptools the last."""
    said = [value.lower() for name, value in request.fields if name.lower() == b"connection"]
    return request.minor == 0 and not request.keep_alive and b"close" in b",".join(said)


def check(data):
    """One head that we accept; False when we do not."""
    verdict, end = scan(data)
    if verdict != HEAD:
        return False
    status, request = parse(data[:end])
    if status:
        return False
    bare = data[:end].lstrip(b"\r\n")
    body, _, whole = body_for(request)
    seen = by_h11(bare, body)
    assert seen is not None, "h11 refuses"
    agree(request, seen)
    if whole:
        assert seen.keep_alive == (request.keep_alive and request.minor == 1)
    if body:
        assert seen.waits == request.expect_continue
    other = by_httptools(bare, body)
    if other is not None:
        agree(request, other)
        if whole:
            assert other.keep_alive == request.keep_alive or twice_said(request)
    return True


@pytest.mark.parametrize("data", [pytest.param(value[0], id=name) for name, value in GOOD.items()])
def test_good_heads_mean_the_same_to_all(data):
    assert check(data)


TOKEN = st.text("!#$%&'*+-.^_`|~019AZaz", min_size=1, max_size=8).map(str.encode)
VALUE = st.text("".join(map(chr, [9, *range(32, 127), *range(128, 256)])), max_size=20).map(
    lambda text: text.encode("latin-1")
)
NAMES = [b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Expect", b"Upgrade",
         b"Range", b"Accept-Encoding"]  # fmt: skip
MEANING = [b"h", b"h:80", b"[::1]", b"a@b", b"0", b"5", b"05", b"5,5", b"99999999999999999999",
           b"chunked", b"Chunked", b"gzip, chunked", b"close", b"keep-alive", b"Keep-Alive, x",
           b"100-continue", b"x", b""]  # fmt: skip
FIELD = st.tuples(
    st.sampled_from(NAMES) | TOKEN,
    st.sampled_from([b":", b": ", b":\t ", b" :", b""]),
    st.sampled_from(MEANING) | VALUE,
    st.sampled_from([b"\r\n", b" \t\r\n", b"\n", b"\r\n "]),
)
SOUND = st.lists(
    st.sampled_from(
        [
            b"Connection: close\r\n",
            b"connection:a ,Keep-Alive\r\n",
            b"Upgrade: x\r\n",
            b"Connection: upgrade\r\n",
            b"Expect: 100-continue\r\n",
            b"A:\r\n",
        ]
    )
    | st.tuples(
        TOKEN, st.just(b": "), VALUE.map(lambda v: bytes(set(v) - {127})), st.just(b"\r\n")
    ).map(b"".join),
    max_size=6,
)
FRAMING = st.sampled_from([b"", b"Content-Length: 5\r\n", b"Content-Length:0\r\n",
                           b"Transfer-Encoding: chunked\r\n"])  # fmt: skip
PATH = st.text("".join(map(chr, range(33, 127))), max_size=12).map(
    lambda text: b"/" + text.replace("#", "?").encode()
)
ODD_LINE = st.tuples(
    st.sampled_from([b"GET", b"OPTIONS", b"CONNECT"]) | TOKEN,
    st.sampled_from([b" ", b" ", b"  ", b"\t"]),
    st.sampled_from([b"/", b"*", b"http://h/a", b"http://h", b"h:80", b"//", b"/#"]) | PATH,
    st.sampled_from([b" HTTP/1.0", b" HTTP/1.2", b" HTTP/2.0", b" HTTP/1.10", b""]),
    st.sampled_from([b"\r\n", b"\r\n", b"\n"]),
).map(b"".join)
LINE = st.one_of(
    *[st.builds(b"%b %b HTTP/1.1\r\n".__mod__, st.tuples(TOKEN.filter(b"CONNECT".__ne__), PATH))]
    * 2,
    st.builds(b"%b http://h%b HTTP/1.1\r\n".__mod__, st.tuples(st.just(b"GET"), PATH)),
    st.builds(b"PUT %b HTTP/1.0\r\n".__mod__, PATH),
    ODD_LINE,
)
HOST = st.sampled_from([b"Host: h\r\n", b"hOST:\th:80 \r\n", b"Host:\r\n"] * 4 + [b""])


@given(line=LINE, host=HOST, framing=FRAMING, fields=SOUND, odd=st.just(()) | FIELD)
def test_random_heads_mean_the_same_to_all(line, host, framing, fields, odd):
    check(b"".join([line, host, *fields, framing, *odd, b"\r\n"]))


CHANGES = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 3),
        st.sampled_from(
            [
                b"",
                b"\r",
                b"\n",
                b"\r\n",
                b" ",
                b"\t",
                b":",
                b",",
                b"\0",
                b"\x0b",
                b"\x80",
                b"0",
                b"x",
                b"a",
                b"/",
                b"/b",
                b"chunked",
                b"Host: h\r\n",
                b"\x85",
                b"\xa0",
                b"HTTP/1.0",
            ]
        )
        | st.binary(max_size=2),
    ),
    min_size=1,
    max_size=2,
)


@given(data=st.sampled_from(HEADS), changes=CHANGES)
@example(data=b"\r\nGET / HTTP/1.1\r\nHost:\r\n\r\n", changes=[])
def test_mutated_heads_mean_the_same_to_all(data, changes):
    for place, taken, new in changes:
        at = int(place * len(data))
        data = data[:at] + new + data[at + taken :]
    check(data)
