"""HTTP/1.1 and 1.0 as clients speak it: many requests, in any pieces, with bodies nobody wants."""

import contextlib
import socket

import pytest

from . import docroot
from .client import Client, Cut, chunked, connect, parse_head, request

HELLO = b"hello\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def test_connection_is_kept_alive(site):
    connection = site.connect()

    for target, body in [("/hello.txt", HELLO), ("/alphabet.txt", docroot.ALPHABET)] * 20:
        answer = connection.get(target)
        assert (200, body) == (answer.status, answer.body)
        assert not answer.closes
    assert connection.idle()


def test_unix_socket_speaks_the_same(site):
    connection = site.connect(site.http_unix)

    for _ in range(5):
        assert connection.get("/hello.txt").body == HELLO


def test_every_kind_of_answer_keeps_the_connection(site):
    connection = site.connect()

    for target, fields, status in [
        ("/hello.txt", [], 200),
        ("/missing", [], 404),
        ("/alphabet.txt", ["Range: bytes=1-2"], 206),
        ("/alphabet.txt", ["Range: bytes=99-"], 416),
        ("/alphabet.txt", [f"If-Modified-Since: {docroot.LAST_MODIFIED}"], 304),
        ("/alphabet.txt", ['If-Match: "x"'], 412),
        ("/sub", [], 301),
        ("/empty.txt", [], 200),
        ("/large.bin", [], 200),
    ]:
        answer = connection.get(target, *fields)
        assert (status, False) == (answer.status, answer.closes), target
    assert connection.idle()


def test_head_has_the_fields_of_get_and_no_body(site):
    connection = site.connect()

    for target in ("/hello.txt", "/large.bin", "/missing", "/sub"):
        get = connection.get(target)
        head = connection.get(target, method="HEAD")
        assert head.status == get.status
        assert head["content-length"] == get["content-length"] == str(len(get.body))
        assert head.names == get.names
        assert connection.idle()


def test_close_is_obeyed_and_said(site):
    connection = site.connect()

    answer = connection.get("/hello.txt", "Connection: close")

    assert (answer.body, answer.closes) == (HELLO, True)
    assert connection.ended()


@pytest.mark.parametrize("value", ["Close", "foo, close", "close , foo", "keep-alive, close"])
def test_close_is_found_in_any_list(site, value):
    connection = site.connect()

    assert connection.get("/hello.txt", f"Connection: {value}").closes
    assert connection.ended()


def test_http_1_0_closes_unless_asked_to_stay(site):
    with connect(site.http) as connection:
        answer = connection.send(request("/hello.txt", version="HTTP/1.0")).answer()
        assert (answer.status, answer.body) == (200, HELLO)
        assert connection.ended()

    connection = site.connect()
    for _ in range(3):
        connection.send(request("/hello.txt", "Connection: keep-alive", version="HTTP/1.0"))
        answer = connection.answer()
        assert (answer.body, answer["connection"].lower()) == (HELLO, "keep-alive")
    assert connection.idle()


def test_http_1_0_needs_no_host(site):
    assert parse_head(
        site.say(request("/hello.txt", version="HTTP/1.0", host=None)).removesuffix(HELLO)
    )


# ---- pipelining ----


def test_hundred_requests_in_one_segment_are_answered_in_order(site):
    connection = site.connect()
    sizes = [docroot.SIZES[number % 4] for number in range(100)]

    connection.send(b"".join(request(f"/size-{size}.bin") for size in sizes))

    for size in sizes:
        answer = connection.answer()
        assert (200, size) == (answer.status, len(answer.body))
        assert answer.body == (site.docroot / f"size-{size}.bin").read_bytes()
    assert connection.idle()


def test_pipelined_requests_of_all_methods_are_answered_in_order(site):
    connection = site.connect()

    connection.send(
        request("/hello.txt"),
        request("/hello.txt", method="HEAD"),
        request("/missing"),
        request("/hello.txt", method="POST", body=b"x" * 5000),
        request("/large.bin", "Range: bytes=-3"),
        request("/hello.txt", "Connection: close"),
        request("/alphabet.txt"),
    )

    assert connection.answer().body == HELLO
    assert connection.answer("HEAD").status == 200
    assert connection.answer().status == 404
    assert connection.answer().status == 405
    assert len(connection.answer().body) == 3
    assert connection.answer().body == HELLO
    assert connection.ended(), "what stands behind close is not answered"


@pytest.mark.parametrize("tail", [b"", b"GET"])
def test_pipeline_of_a_client_that_half_closes_is_answered(site, tail):
    connection = site.connect()

    connection.send(request("/hello.txt") * 3 + tail).end_sending()

    for _ in range(3):
        assert connection.answer().body == HELLO
    rest = connection.rest()
    assert rest == b"" or (tail and parse_head(rest.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"))


def test_request_cut_at_every_byte_is_understood(site):
    whole = request("/hello.txt", "X-A: b", "Cookie: c=d") + request("/alphabet.txt")
    connection = site.connect()

    for cut in range(1, len(whole)):
        connection.send(whole[:cut], whole[cut:])
        assert connection.answer().body == HELLO
        assert connection.answer().body == docroot.ALPHABET


def test_request_byte_by_byte_is_understood(site):
    connection = site.connect()

    connection.send(*(bytes([byte]) for byte in request("/hello.txt", "X-Long: " + "y" * 300)))

    assert connection.answer().body == HELLO


def test_empty_lines_before_a_request_are_overlooked(site):
    connection = site.connect()

    connection.send(request("/hello.txt"), b"\r\n", request("/hello.txt"))

    assert connection.answer().body == connection.answer().body == HELLO


# ---- bodies that nobody wants ----

POSTS = {
    "length": request("/hello.txt", method="POST", body=b"a=b"),
    "empty": request("/hello.txt", "Content-Length: 0", method="POST"),
    "none": request("/hello.txt", method="POST"),
    "chunked": request("/hello.txt", "Transfer-Encoding: chunked", method="POST")
    + chunked(b"abc", b"defg" * 99),
    "chunked, nothing": request("/hello.txt", "Transfer-Encoding: chunked", method="POST")
    + chunked(),
    "extensions, trailers": request("/hello.txt", "Transfer-Encoding: chunked", method="POST")
    + b'3;a=b;c="d"\r\nabc\r\n0\r\nX-Trailer: yes\r\n\r\n',
    "a request as content": request("/hello.txt", method="POST", body=request("/alphabet.txt")),
    "a request as chunk": request("/hello.txt", "Transfer-Encoding: chunked", method="POST")
    + chunked(request("/alphabet.txt")),
}


@pytest.mark.parametrize("name", POSTS)
def test_unwanted_body_never_becomes_a_request(site, name):
    connection = site.connect()

    connection.send(POSTS[name], request("/hello.txt"))

    assert connection.answer().status == 405
    assert connection.answer().body == HELLO
    assert connection.idle()


@pytest.mark.parametrize("name", POSTS)
def test_unwanted_body_may_come_in_any_pieces(site, name):
    whole = POSTS[name]
    connection = site.connect()

    for cut in range(1, len(whole), 7):
        connection.send(whole[:cut], whole[cut:], request("/hello.txt"))
        assert connection.answer().status == 405
        assert connection.answer().body == HELLO


def test_get_with_a_body_is_answered_and_the_body_skipped(site):
    connection = site.connect()

    connection.send(request("/hello.txt", body=b"GET / HTTP/1.1\r\n\r\n"), request("/alphabet.txt"))

    assert connection.answer().body == HELLO
    assert connection.answer().body == docroot.ALPHABET


@pytest.mark.parametrize("size", [100_000, 300_000, 2_000_000])
@pytest.mark.parametrize("form", ["length", "chunked"])
def test_large_unwanted_body_ends_in_an_answer_and_order(site, form, size):
    """It is read within a bound, else the connection ends; the answer must arrive either way."""
    body = b"z" * size
    connection = site.connect()
    if form == "length":
        connection.send(request("/hello.txt", f"Content-Length: {size}", method="POST"))
    else:
        connection.send(request("/hello.txt", "Transfer-Encoding: chunked", method="POST"))
        body = chunked(*[body[: size // 10]] * 10)
    with contextlib.suppress(ConnectionError):
        connection.send(body)

    answer = connection.answer()

    assert answer.status == 405
    if answer.closes or size > 200_000:  # of chunks, nobody knows beforehand how many will come
        with contextlib.suppress(ConnectionError, Cut):
            assert connection.get("/hello.txt").body == HELLO
    else:
        assert connection.get("/hello.txt").body == HELLO


def test_405_says_what_is_allowed(site):
    answer = site.get("/hello.txt", method="DELETE")

    assert answer.status == 405
    assert {"GET", "HEAD", "OPTIONS"} == set(answer["allow"].replace(" ", "").split(","))


def test_unknown_method_is_405_for_what_exists_and_404_for_what_does_not(site):
    connection = site.connect()

    assert connection.get("/hello.txt", method="BREW").status == 405
    assert connection.get("/missing", method="BREW").status == 404
    assert connection.get("/hello.txt").body == HELLO


def test_options_is_answered_without_the_file(site):
    connection = site.connect()

    for target in ("/hello.txt", "*"):
        answer = connection.get(target, method="OPTIONS")
        assert answer.status in (200, 204), target
        assert answer.body == b""
        assert "GET" in answer["allow"]
    assert connection.get("/hello.txt").body == HELLO


def test_absolute_target_is_understood(site):
    connection = site.connect()

    assert connection.get("http://test/hello.txt").body == HELLO
    assert connection.get("http://test").body == docroot.HOME
    assert connection.get("http://test?x").body == docroot.HOME


# ---- Expect ----


def test_continue_is_not_sent_for_a_body_nobody_wants(site):
    connection = site.connect()

    connection.send(
        request("/hello.txt", "Expect: 100-continue", "Content-Length: 5", method="POST")
    )
    answer = connection.answer()

    assert answer.status == 405
    if not answer.closes:  # then the body still counts
        connection.send(b"12345")
        assert connection.get("/hello.txt").body == HELLO
    else:
        assert connection.ended()


def test_body_that_came_with_its_expectation_is_framed(site):
    connection = site.connect()

    connection.send(
        request("/hello.txt", "Expect: 100-continue", method="POST", body=b"12345"),
        request("/alphabet.txt"),
    )
    answer = _after_continue(connection)

    assert answer.status == 405
    if not answer.closes:
        assert connection.answer().body == docroot.ALPHABET
    assert connection.idle() or connection.ended()


def test_get_that_expects_to_continue_is_answered(site):
    connection = site.connect()

    connection.send(request("/hello.txt", "Expect: 100-continue"))

    assert _after_continue(connection).body == HELLO


def test_unknown_expectation_is_417(site):
    assert site.get("/hello.txt", "Expect: a-miracle").status == 417


def _after_continue(connection: Client):
    answer = connection.answer()
    return connection.answer() if answer.status == 100 else answer


# ---- how clients leave ----


@pytest.mark.parametrize("address", ["http", "http_unix"])
@pytest.mark.parametrize("target", ["/hello.txt", "/large.bin", "/missing"])
def test_client_that_half_closes_gets_its_answer(site, address, target):
    connection = site.connect(getattr(site, address))

    connection.send(request(target)).end_sending()
    answer = connection.answer()

    assert answer.status == (404 if target == "/missing" else 200)
    assert connection.ended()


def test_slow_client_that_half_closed_gets_all_of_it(site):
    connection = site.connect(receive_buffer=8192)

    connection.send(request("/large.bin")).end_sending()

    assert connection.answer().body == (site.docroot / "large.bin").read_bytes()


def test_reset_at_any_byte_of_the_request_harms_nobody(site):
    whole = request("/large.bin")

    for cut in range(len(whole) + 1):
        connection = connect(site.http)
        connection.send(whole[:cut])
        connection.reset()
    assert site.get("/hello.txt").body == HELLO


def test_reset_at_any_moment_of_the_answer_harms_nobody(site):
    for count in (1, 100, 5000, 70_000, 3 << 20):
        connection = connect(site.http, receive_buffer=8192)
        connection.send(request("/large.bin"))
        connection.take(count)
        connection.reset()
    assert site.get("/hello.txt").body == HELLO


def test_pipelining_client_that_never_reads_is_held_back(site):
    """The server stops reading where nobody reads it; it does not collect requests or answers."""
    connection = site.connect(receive_buffer=4096)
    connection.socket.setblocking(False)
    sent, limit = 0, 64 << 20
    block = request("/large.bin") * 1000

    while sent < limit:
        try:
            sent += connection.socket.send(block)
        except BlockingIOError:
            break
    connection.socket.setblocking(True)

    assert sent < limit
    assert site.get("/hello.txt").body == HELLO
    connection.socket.settimeout(5)
    connection.socket.shutdown(socket.SHUT_WR)
    assert connection.head().status == 200
