"""What the server says of itself: a line per request when it has ended, and counters."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import wire

from . import docroot
from .client import connect, environ, packet, request

LINE = re.compile(
    r'(?P<peer>\S+) - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "(?P<request>[^"]*)" '
    r'(?P<status>\d{3}) (?P<bytes>\d+) "(?P<referer>[^"]*)" "(?P<agent>[^"]*)" '
    r"(?P<seconds>\d+\.\d{6}) (?P<outcome>[a-z-]+) (?P<by>engine|python)"
)


@dataclass
class Line:
    """A line of the access log, taken apart."""

    peer: str
    request: str
    status: int
    bytes: int
    referer: str
    agent: str
    seconds: float
    outcome: str
    by: str


class Mark(str):
    """A word that marks the requests of one test, and where in the log they begin."""

    since: dict[Path, int]


@pytest.fixture
def word(request):
    """For targets of requests."""
    mark = Mark(f"mark-{abs(hash(request.node.name)):x}")
    server = request.getfixturevalue("app" if "app" in request.fixturenames else "site").server
    mark.since = server.mark()
    return mark


def lines_of(site, mark: Mark, count: int = 1) -> list[Line]:
    """The lines with that word, once there are so many: they are written behind the answers."""

    def find() -> list[str]:
        return [line for line in site.server.text(mark.since).splitlines() if mark in line]

    wire.until(lambda: len(find()) >= count)
    found = []
    for text in find():
        match = LINE.fullmatch(text)
        assert match, text
        parts = match.groupdict()
        found.append(
            Line(
                parts["peer"],
                parts["request"],
                int(parts["status"]),
                int(parts["bytes"]),
                parts["referer"],
                parts["agent"],
                float(parts["seconds"]),
                parts["outcome"],
                parts["by"],
            )
        )
    assert len(found) == count, found
    return found


def test_file_makes_a_line_of_the_engine(app, word):
    app.get(f"/alphabet.txt?{word}", "Referer: http://a/b", "User-Agent: a test")

    (line,) = lines_of(app, word)
    assert line.peer == "127.0.0.1"
    assert line.request == f"GET /alphabet.txt?{word} HTTP/1.1"
    assert (line.status, line.bytes, line.outcome, line.by) == (200, 26, "finished", "engine")
    assert (line.referer, line.agent) == ("http://a/b", "a test")


def test_handler_makes_a_line_of_python(app, word):
    app.get(f"/text?{word}")

    (line,) = lines_of(app, word)
    assert (line.status, line.bytes, line.outcome, line.by) == (200, 6, "finished", "python")
    assert (line.referer, line.agent) == ("-", "-")


# Target, fields, method, status, bytes of the body (None: as many as came).
ANSWERS = [
    ("/missing", [], "GET", 404, None),
    ("/alphabet.txt", ["Range: bytes=1-3"], "GET", 206, 3),
    ("/alphabet.txt", ["Range: bytes=99-"], "GET", 416, None),
    ("/alphabet.txt", [f"If-Modified-Since: {docroot.LAST_MODIFIED}"], "GET", 304, 0),
    ("/alphabet.txt", [], "HEAD", 200, 0),
    ("/sub", [], "GET", 301, None),
    ("/hello.txt", [], "DELETE", 405, None),
    ("/../x", [], "GET", 400, None),
    ("/large.bin", [], "GET", 200, docroot.LARGE),
]


def test_line_has_the_final_status_and_the_bytes_of_the_body(site, word):
    expected = []
    for number, (target, fields, method, status, size) in enumerate(ANSWERS):
        answer = site.get(f"{target}?{word}-{number}-", *fields, method=method)
        assert answer.status == status
        size = len(answer.body) if size is None else size
        expected.append((f"{method} {target}?{word}-{number}- HTTP/1.1", status, size, "finished"))

    found = [
        (line.request, line.status, line.bytes, line.outcome)
        for line in lines_of(site, word, len(ANSWERS))
    ]
    assert sorted(found) == sorted(expected)


def test_every_request_of_a_pipeline_has_its_own_line(site, word):
    connection = site.connect()
    sizes = [0, 1, 16383, 16384, 16385, 65536] * 5

    connection.send(*(request(f"/size-{size}.bin?{word}") for size in sizes))
    for _ in sizes:
        connection.answer()

    assert [line.bytes for line in lines_of(site, word, len(sizes))] == sizes


@pytest.mark.slow
@pytest.mark.native
def test_line_of_a_packet_has_the_peer_of_the_peer(site, word):
    for address in (site.uwsgi, site.uwsgi_unix):
        with connect(address) as connection:
            pairs = environ("/alphabet.txt", QUERY_STRING=word)
            pairs = [(k, f"/alphabet.txt?{word}" if k == "REQUEST_URI" else v) for k, v in pairs]
            connection.send(packet(pairs))
            assert connection.answer().status == 200

    for line in lines_of(site, word, 2):
        assert (line.status, line.bytes) == (200, 26)
        assert line.peer in ("192.0.2.7", "127.0.0.1", "-")


@pytest.mark.slow
@pytest.mark.native
def test_client_that_goes_is_told_from_one_that_got_all(site, word):
    """The bytes are those that the client acknowledged, not those that the kernel took."""
    connection = connect(site.http, receive_buffer=4096)
    connection.send(request(f"/large.bin?{word}"))
    connection.take(20_000)
    connection.reset()

    (line,) = lines_of(site, word)
    assert (line.status, line.outcome) == (200, "client-gone")
    assert 10_000 <= line.bytes < 2 << 20


def test_client_that_leaves_what_the_kernel_had_is_told_too(site, word):
    """
    The answer was in the send buffer as a whole: finished, as far as the server could see then.
    """
    connection = connect(site.http, receive_buffer=4096)
    connection.send(request(f"/size-131073.bin?{word}"))
    connection.take(5000)
    wire.pause(0.2)
    connection.reset()

    (line,) = lines_of(site, word)
    assert (line.status, line.outcome) == (200, "client-gone")
    assert 4000 <= line.bytes < 131_000 and line.seconds >= 0.2


@pytest.mark.slow
@pytest.mark.native
def test_duration_is_that_of_the_transfer(site, word):
    connection = connect(site.http, receive_buffer=4096)
    connection.send(request(f"/large.bin?{word}"))
    connection.take(1000)
    wire.pause(0.3)
    assert word not in site.server.text(), "written when it has ended"
    connection.reset()

    (line,) = lines_of(site, word)
    assert line.seconds >= 0.3


@pytest.mark.slow
@pytest.mark.native
def test_nothing_of_a_request_breaks_its_line(site, word):
    targets = ['/"quoted"', "/back\\slash", '/"%20200%200%20"-"', "/\x7f"]
    for target in targets:
        site.say(request(target.encode() + f"?{word}".encode(), 'User-Agent: "\\\x80'))

    assert {line.status for line in lines_of(site, word, 3)} <= {400, 404}


@pytest.mark.slow
@pytest.mark.native
def test_malformed_request_makes_a_line_too(site):
    before = site.server.text().count('" 400 ')

    site.say(b"nonsense\r\n\r\n")

    wire.until(lambda: site.server.text().count('" 400 ') == before + 1)


@pytest.mark.slow
@pytest.mark.native
def test_long_target_makes_a_line_with_its_beginning(site, word):
    site.get(f"/{word}/" + "a" * 8000)

    (line,) = lines_of(site, word)
    assert line.request.startswith(f"GET /{word}/aaa")


@pytest.mark.slow
def test_no_logging_makes_no_lines(serve):
    site = serve(disable_logging=True)

    assert site.get("/hello.txt?quiet").status == 200

    site.server.stop()
    assert "quiet" not in site.server.text()


@pytest.mark.slow
def test_all_lines_are_there_when_the_server_has_ended(serve):
    site = serve()
    for number in range(100):
        assert site.get(f"/hello.txt?last-{number}").status == 200

    site.server.stop()

    found = re.findall(r"last-(\d+)", site.server.text())
    assert sorted(map(int, found)) == list(range(100))


# ---- counters ----


def test_counters_tell_who_answered(serve_app):
    site = serve_app(processes=2)
    for _ in range(10):
        assert site.get("/alphabet.txt").status == 200
    for _ in range(5):
        assert site.get("/pid").status == 200
    assert site.get("/missing").status == 404
    site.say(b"nonsense\r\n\r\n")
    with connect(site.http, receive_buffer=4096) as connection:
        connection.get("/large.bin")

    def counted() -> bool:
        figures = site.server.figures()
        return figures["requests"] == 18 and figures["connections"] == 0

    wire.until(counted)
    figures = site.server.figures()
    assert figures["offloaded_requests"] in (11, 12), "eleven files; perhaps the refusal"
    assert figures["finished_inline"] in (16, 17), "all but the large one"
    assert figures["requests_refused"] == 1
    assert figures["accepted"] >= 18


@pytest.mark.slow
def test_idle_connections_are_counted_while_they_live(serve):
    site = serve()
    connections = [site.connect() for _ in range(20)]
    for connection in connections:
        assert connection.get("/hello.txt").status == 200

    assert site.server.figures()["connections"] == 20
    for connection in connections:
        connection.socket.close()
    wire.until(lambda: site.server.figures()["connections"] == 0)


@pytest.mark.slow
@pytest.mark.native
def test_lines_that_a_full_disk_refuses_are_counted(serve):
    site = serve(logto="/dev/full")

    assert site.get("/hello.txt").status == 200
    wire.until(lambda: site.server.figures()["log_dropped"] >= 1)
