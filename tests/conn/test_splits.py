"""However a stream of requests is cut into pieces, the same requests come out."""

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from conn.driving import Conn, Driver

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
BAD = (
    b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    b"GET  / HTTP/1.1\r\n\r\n",
    b"POST /py HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdeX",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
)


def chunks(body, sizes):
    out, at = b"", 0
    for size in sizes:
        piece = body[at : at + size]
        if piece:
            out += b'%x;a="b"\r\n%b\r\n' % (len(piece), piece)
        at += size
    if body[at:]:
        out += b"%x\r\n%b\r\n" % (len(body[at:]), body[at:])
    return out + b"0\r\nTrailer: x\r\n\r\n"


@st.composite
def requests(draw):
    """(bytes, target, body that Python sees)."""
    target = draw(st.sampled_from([b"/py", b"/site", b"/py/a%20b?c"]))
    body = draw(st.binary(max_size=300))
    form = draw(st.sampled_from(["none", "length", "chunked"]))
    head = b"POST %b HTTP/1.1\r\nHost: a\r\n" % target
    seen = body if target.startswith(b"/py") else b""
    if form == "none":
        return head + b"\r\n", target, b""
    if form == "length":
        return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body), target, seen
    sizes = draw(st.lists(st.integers(1, 100), max_size=4))
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks(body, sizes), target, seen


def cut(data, places):
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


PLACES = st.lists(st.integers(0, 10_000), max_size=20)


@given(st.lists(requests(), max_size=6), PLACES)
@example([(GET % 1, b"/1", b"")] * 3, list(range(100)))
def test_pieces_do_not_matter(stream, places):
    driver = Driver()
    seen = driver.run(cut(b"".join(data for data, _, _ in stream), places))

    assert [(0, target, body) for _, target, body in stream] == [
        (one.status, one.target, one.body) for one in seen
    ]
    assert (driver.conn.state, driver.window) == ("IDLE", b"")


@given(st.lists(requests(), max_size=2), st.sampled_from(BAD), PLACES, st.binary(max_size=50))
def test_a_bad_request_ends_the_same_way_however_it_is_cut(stream, bad, places, behind):
    data = b"".join(data for data, _, _ in stream) + bad + behind
    whole, pieces = Driver(), Driver()

    assert whole.run([data]) == pieces.run(cut(data, places))
    assert whole.conn.state == pieces.conn.state == "CLOSING"


@given(st.binary(max_size=400), PLACES)
def test_random_bytes_never_break_it(data, places):
    driver = Driver(Conn(head_size=200, body_size=100))
    driver.run(cut(data, places))

    assert driver.conn.state in ("IDLE", "HEAD", "BODY", "SKIPPING", "CLOSING")
