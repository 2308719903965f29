"""Requests that hide another: the right status, then the end, and never a second answer.

Each payload is followed by a request for a file whose content must not show up: a server (or a
proxy before it) that sees two requests where we see one is how requests are smuggled.
"""

import contextlib

import pytest
import wire

from .client import Answer, chunked, connect, parse_head, request

HIDDEN = request("/alphabet.txt")
SHOWN = b"abcdefghijklmnopqrstuvwxyz"


def head(*lines: str | bytes, first: str | bytes = "POST /hello.txt HTTP/1.1") -> bytes:
    raw = [line.encode("latin-1") if isinstance(line, str) else line for line in (first, *lines)]
    return b"\r\n".join(raw) + b"\r\n\r\n"


HOST = "Host: test"
TE = "Transfer-Encoding: chunked"

# Name: bytes, statuses allowed.
FORMS: dict[str, tuple[bytes, set[int]]] = {
    # two framings
    "two lengths that differ": (head(HOST, "Content-Length: 0", "Content-Length: 44"), {400}),
    "two lengths that agree": (
        head(HOST, "Content-Length: 3", "Content-Length: 3") + b"abc",
        {400},
    ),
    "a list of lengths": (head(HOST, "Content-Length: 3, 3") + b"abc", {400}),
    "length and chunked": (head(HOST, "Content-Length: 4", TE) + chunked(b"x"), {400}),
    "chunked and length": (head(HOST, TE, "Content-Length: 4") + chunked(b"x"), {400}),
    "length 0 and chunked": (head(HOST, "Content-Length: 0", TE) + chunked(b"x"), {400}),
    "chunked twice": (head(HOST, TE, TE) + chunked(b"x"), {400, 501}),
    "chunked in HTTP/1.0": (
        head(HOST, TE, first="POST /hello.txt HTTP/1.0") + chunked(b"x"),
        {400},
    ),
    "a hidden name of chunked": (
        head(HOST, "Content-Length: 4", "Transfer-Encoding : chunked"),
        {400},
    ),
    # lengths that are none
    "signed length": (head(HOST, "Content-Length: +3") + b"abc", {400}),
    "negative length": (head(HOST, "Content-Length: -1"), {400}),
    "hexadecimal length": (head(HOST, "Content-Length: 0x3") + b"abc", {400}),
    "empty length": (head(HOST, "Content-Length:"), {400}),
    "length with blanks inside": (head(HOST, "Content-Length: 1 2"), {400}),
    "length with a point": (head(HOST, "Content-Length: 3.0"), {400}),
    "length in other digits": (head(HOST, "Content-Length: \xb2"), {400}),
    "length past 2^64": (head(HOST, "Content-Length: 18446744073709551616"), {400, 413}),
    "length past 2^64 that wraps to 3": (
        head(HOST, "Content-Length: 18446744073709551619") + b"abc",
        {400, 413},
    ),
    "length of hundred digits": (head(HOST, "Content-Length: " + "9" * 100), {400, 413}),
    # transfer codings
    "unknown coding": (head(HOST, "Transfer-Encoding: gzip"), {400, 501}),
    "coding behind chunked": (head(HOST, "Transfer-Encoding: chunked, gzip"), {400, 501}),
    "coding before chunked": (head(HOST, "Transfer-Encoding: gzip, chunked"), {400, 501}),
    "identity": (head(HOST, "Transfer-Encoding: identity"), {400, 501}),
    "chunked with a vertical tab": (head(HOST, "Transfer-Encoding: \x0bchunked"), {400, 501}),
    "quoted chunked": (head(HOST, 'Transfer-Encoding: "chunked"'), {400, 501}),
    "chunked with a parameter": (head(HOST, "Transfer-Encoding: chunked;x=y"), {400, 501}),
    "half a word": (head(HOST, "Transfer-Encoding: xchunked"), {400, 501}),
    "empty coding": (head(HOST, "Transfer-Encoding:"), {400, 501}),
    # line ends
    "bare LF": (b"GET /hello.txt HTTP/1.1\nHost: test\n\n", {400}),
    "bare LF in the fields": (b"GET /hello.txt HTTP/1.1\r\nHost: test\nX: y\r\n\r\n", {400}),
    "bare LF at the end": (b"GET /hello.txt HTTP/1.1\r\nHost: test\r\n\n", {400}),
    "bare CR in a value": (head(HOST, "X: a\rContent-Length: 44"), {400}),
    "bare CR in a name": (head(HOST, "X\r: a"), {400}),
    "bare CR in the request line": (head(HOST, first="GET /hello.txt\r HTTP/1.1"), {400}),
    "CR CR LF": (b"GET /hello.txt HTTP/1.1\r\r\nHost: test\r\n\r\n", {400}),
    "obs-fold": (head(HOST, "X: a", " b"), {400}),
    "obs-fold with a tab": (head(HOST, "X: a", "\tb"), {400}),
    "fold on the first line": (head(" X: a", HOST), {400}),
    "folded coding": (head(HOST, "Transfer-Encoding:", " chunked"), {400}),
    # fields
    "blank before the colon": (head(HOST, "Content-Length : 3") + b"abc", {400}),
    "tab before the colon": (head(HOST, "Content-Length\t: 3") + b"abc", {400}),
    "line without a colon": (head(HOST, "Content-Length 3"), {400}),
    "empty name": (head(HOST, ": x"), {400}),
    "NUL in a value": (head(HOST, "X: a\0b"), {400}),
    "NUL in a name": (head(HOST, "X\0Y: b"), {400}),
    "NUL in the target": (head(HOST, first=b"GET /hello.txt\0 HTTP/1.1"), {400}),
    "control byte in a value": (head(HOST, "X: a\x01b"), {400}),
    "DEL in a value": (head(HOST, "X: a\x7fb"), {400}),
    "name with blanks": (head(HOST, "A B: c"), {400}),
    "name in parentheses": (head(HOST, "(x): c"), {400}),
    "name that is not ASCII": (head(HOST, "X\xe4: c"), {400}),
    # Host
    "no Host": (head("X: y", first="GET /hello.txt HTTP/1.1"), {400}),
    "two Hosts": (head(HOST, HOST, first="GET /hello.txt HTTP/1.1"), {400}),
    "Host with a blank": (head("Host: a b", first="GET /hello.txt HTTP/1.1"), {400}),
    "Host with a path": (head("Host: a/b", first="GET /hello.txt HTTP/1.1"), {400}),
    "Host with a user": (head("Host: a@b", first="GET /hello.txt HTTP/1.1"), {400}),
    "Host with a bad port": (head("Host: a:b", first="GET /hello.txt HTTP/1.1"), {400}),
    "list of Hosts": (head("Host: a, b", first="GET /hello.txt HTTP/1.1"), {400}),
    # the request line
    "HTTP/1.10": (head(HOST, first="GET /hello.txt HTTP/1.10"), {400, 505}),
    "HTTP/1.01": (head(HOST, first="GET /hello.txt HTTP/1.01"), {400, 505}),
    "HTTP/2.0": (head(HOST, first="GET /hello.txt HTTP/2.0"), {505}),
    "HTTP/0.9": (b"GET /hello.txt\r\n\r\n", {400}),
    "HTTP/0.9 said so": (head(HOST, first="GET /hello.txt HTTP/0.9"), {400, 505}),
    "http in small letters": (head(HOST, first="GET /hello.txt http/1.1"), {400, 505}),
    "another protocol": (head(HOST, first="GET /hello.txt HTTQ/1.1"), {400, 505}),
    "blank behind the version": (head(HOST, first="GET /hello.txt HTTP/1.1 "), {400, 505}),
    "version with CR LF escapes": (
        head(HOST, first="GET /hello.txt HTTP/1.1%0d%0aX:y"),
        {400, 505},
    ),
    "two blanks": (head(HOST, first="GET  /hello.txt HTTP/1.1"), {400}),
    "tab for a blank": (head(HOST, first="GET\t/hello.txt\tHTTP/1.1"), {400}),
    "blank before the method": (head(HOST, first=" GET /hello.txt HTTP/1.1"), {400}),
    "blank in the target": (head(HOST, first="GET /hello .txt HTTP/1.1"), {400}),
    "method that is no token": (head(HOST, first="GE(T /hello.txt HTTP/1.1"), {400}),
    "target without a slash": (head(HOST, first="GET hello.txt HTTP/1.1"), {400}),
    "fragment": (head(HOST, first="GET /hello.txt#a HTTP/1.1"), {400}),
    "asterisk for GET": (head(HOST, first="GET * HTTP/1.1"), {400}),
    "preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n", {400}),
}

# Bodies in chunks that are wrong: sent behind a correct head.
CHUNKS: dict[str, bytes] = {
    "size that is no number": b"x\r\nabc\r\n0\r\n\r\n",
    "empty size": b"\r\nabc\r\n0\r\n\r\n",
    "signed size": b"+3\r\nabc\r\n0\r\n\r\n",
    "negative size": b"-3\r\nabc\r\n0\r\n\r\n",
    "0x size": b"0x3\r\nabc\r\n0\r\n\r\n",
    "underscore in the size": b"1_0\r\nabc\r\n0\r\n\r\n",
    "size past 2^64": b"10000000000000003\r\nabc\r\n0\r\n\r\n",
    "size of hundred digits": b"0" * 100 + b"3" * 200 + b"\r\nabc\r\n0\r\n\r\n",
    "blank before the size": b" 3\r\nabc\r\n0\r\n\r\n",
    "bare LF behind the size": b"3\nabc\r\n0\r\n\r\n",
    "bare CR behind the size": b"3\rabc\r\n0\r\n\r\n",
    "junk behind the data": b"3\r\nabcX\r\n0\r\n\r\n",
    "bare LF behind the data": b"3\r\nabc\n0\r\n\r\n",
    "no line end behind the data": b"3\r\nabc0\r\n\r\n",
    "bare LF at the end": b"3\r\nabc\r\n0\r\n\n",
    "bare LF behind the last size": b"3\r\nabc\r\n0\n\r\n",
    "LF in an extension": b"3;a=\nb\r\nabc\r\n0\r\n\r\n",
    "NUL in an extension": b"3;a=\0\r\nabc\r\n0\r\n\r\n",
    "extension without end": b"3;" + b"a" * 70_000 + b"\r\nabc\r\n0\r\n\r\n",
    "junk in the trailers": b"3\r\nabc\r\n0\r\nno colon\r\n\r\n",
    "fold in the trailers": b"3\r\nabc\r\n0\r\nX: y\r\n z\r\n\r\n",
    "trailers without end": b"3\r\nabc\r\n0\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    "NUL in the trailers": b"3\r\nabc\r\n0\r\nX: \0\r\n\r\n",
}


def answers(data: bytes) -> list[Answer]:
    """All answers in what came back; a body is what its length says, else the rest."""
    found = []
    while data:
        head, gap, data = data.partition(b"\r\n\r\n")
        answer = parse_head(head + gap)
        size = int(answer.get("content-length") or 0)
        assert len(data) >= size, "cut"
        answer.body, data = data[:size], data[size:]
        found.append(answer)
    return found


@pytest.mark.parametrize("name", FORMS)
def test_malformed_head_is_refused_and_ends_the_connection(site, name):
    payload, statuses = FORMS[name]
    connection = site.connect()

    connection.send(payload + HIDDEN)
    data, _ = connection.rest_to_cut()

    (answer,) = answers(data)
    assert answer.status in statuses
    assert answer.closes
    assert SHOWN not in data


@pytest.mark.slow
def test_malformed_heads_are_refused_in_pieces_too(site):
    for name, (payload, statuses) in FORMS.items():
        for cut in (1, len(payload) // 2, len(payload) - 1):
            with connect(site.http) as connection:
                with contextlib.suppress(ConnectionError):  # it may have ended before it has all
                    connection.send(payload[:cut], payload[cut:], HIDDEN)
                data, _ = connection.rest_to_cut()
            (answer,) = answers(data)
            assert answer.status in statuses, (name, cut)
            assert SHOWN not in data, (name, cut)


@pytest.mark.parametrize("name", CHUNKS)
def test_malformed_chunks_end_the_connection(site, name):
    connection = site.connect()

    connection.send(request("/hello.txt", TE, method="POST") + CHUNKS[name] + HIDDEN)
    data, _ = connection.rest_to_cut()

    assert [answer.status for answer in answers(data)] in ([405], [400])
    assert SHOWN not in data


@pytest.mark.parametrize("name", CHUNKS)
def test_malformed_chunks_behind_a_get_end_the_connection(site, name):
    """The file is answered; what follows cannot be told from another request, so nothing is."""
    connection = site.connect()

    connection.send(request("/hello.txt", TE) + CHUNKS[name] + HIDDEN)
    data, _ = connection.rest_to_cut()

    assert [answer.status for answer in answers(data)] in ([200], [400])
    assert SHOWN not in data


def test_good_requests_before_a_malformed_one_are_answered(site):
    connection = site.connect()

    connection.send(request("/hello.txt") * 3 + FORMS["bare LF"][0] + HIDDEN)
    found = answers(connection.rest_to_cut()[0])

    assert [200, 200, 200, 400] == [answer.status for answer in found]


def test_client_that_goes_on_sending_after_its_refusal_still_reads_it(site):
    """Closing on unread input would reset the answer: it is drained first, within a bound."""
    for _ in range(10):
        with site.connect() as connection:
            connection.send(FORMS["length and chunked"][0] + b"x" * 100_000)
            assert connection.head().status == 400


def test_what_a_refused_client_sends_afterwards_does_not_reset_its_answer(site):
    """The rest of a bad request is often still under way when the refusal leaves."""
    for _ in range(3):
        with site.connect() as connection:
            connection.send(FORMS["length and chunked"][0])
            assert connection.answer().status == 400
            assert connection.ended()
            for _ in range(5):
                connection.send(b"x" * 1000)
                wire.pause(0.01)  # a reset would come back, and break the next


def test_connect_makes_no_tunnel(site):
    for target in ("test:80", "/hello.txt"):
        with site.connect() as connection:
            connection.send(request(target, method="CONNECT"))
            assert connection.answer().status in (400, 404, 405, 501)


def test_trace_sends_nothing_back(site):
    answer = site.get("/hello.txt", "Cookie: secret", method="TRACE")

    assert answer.status == 405
    assert b"secret" not in answer.body


# ---- what is too large ----


def test_target_that_is_too_long_is_414(site):
    (answer,) = answers(site.say(request("/" + "a" * 9000)))

    assert (414, True) == (answer.status, answer.closes)


def test_target_without_end_is_refused_before_its_end(site):
    connection = site.connect()

    connection.send(b"GET /" + b"a" * 100_000)
    answer = connection.head()

    assert answer.status in (414, 431)
    assert answer.closes


def test_head_that_is_too_large_is_431(site):
    for fields in (["X: " + "y" * 20_000], [f"X-{n}: y" for n in range(2000)]):
        connection = site.connect()
        connection.send(request("/hello.txt", *fields))
        answer = connection.head()
        assert (431, True) == (answer.status, answer.closes)


def test_head_without_end_is_refused_before_its_end(site):
    connection = site.connect()

    connection.send(b"GET /hello.txt HTTP/1.1\r\nHost: test\r\nX: " + b"y" * 100_000)

    assert connection.head().status == 431


def test_too_many_fields_are_431(site):
    connection = site.connect()

    connection.send(request("/hello.txt", *(f"X{n}: y" for n in range(150))))

    assert connection.head().status == 431


def test_hundred_fields_minus_host_pass(site):
    assert site.get("/hello.txt", *(f"X{n}: y" for n in range(99))).status == 200


def test_empty_lines_without_end_are_refused(site):
    connection = site.connect()

    connection.send(b"\r\n" * 50_000)

    data, _ = connection.rest_to_cut()
    assert [answer.status for answer in answers(data)] in ([400], [431], [])


def test_nothing_of_a_request_gets_into_the_head_of_its_answer(site):
    """A redirect names the target: encoded as it came, or not at all."""
    for target in ("/sub%0d%0aX-Evil:%20yes", "/sub%0aX-Evil:yes", "/sub?%0d%0aX-Evil:yes"):
        answer = site.get(target)
        assert "x-evil" not in answer.names
