"""Every wait has a limit: slow heads, idle connections, bodies and readers that stand still."""

import contextlib
import selectors
import socket
import time

import pytest
import wire

from . import servers
from .client import connect, environ, packet, parse_head, request
from .conftest import cared_for, launch

LIMIT = 1.0  # seconds, of all three
GRACE = 5.0  # by when the end must have come: this machine may be busy

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def strict_server(site_root, tmp_path_factory):
    limits = {"head_timeout": LIMIT, "keepalive_timeout": LIMIT, "socket_timeout": LIMIT}
    folder = tmp_path_factory.mktemp("strict")
    with cared_for(launch(site_root, folder, app=True, defer_accept=False, **limits)) as site:
        yield site


@pytest.fixture
def strict(strict_server):
    with servers.watched(strict_server.server, strict_server.docroot):
        with contextlib.ExitStack() as strict_server.opened:
            yield strict_server


def end_in_time(*connections) -> list[bytes]:
    """What comes on each until the server closes it."""
    begin = time.monotonic()
    found = []
    for connection in connections:
        connection.socket.settimeout(LIMIT + GRACE)
        found.append(connection.rest_to_cut()[0])
    assert time.monotonic() - begin < LIMIT + GRACE
    return found


def status_of(data: bytes) -> int:
    return parse_head(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n").status


def test_head_that_stops_is_408(strict):
    with connect(strict.http) as connection:
        connection.send(request("/hello.txt")[:-5])
        answer = connection.answer()
        assert (408, True) == (answer.status, answer.closes)
        assert connection.ended()


def test_head_that_drips_is_408_at_the_limit_all_the_same(strict):
    with connect(strict.http) as connection:
        connection.send(b"GET /hello.txt HTTP/1.1\r\n")
        begin = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(connection.socket, selectors.EVENT_READ)
            while not selector.select(0.05):
                connection.send(b"X: y\r\n")
                assert time.monotonic() - begin < LIMIT + GRACE
        assert connection.head().status == 408


def test_second_head_has_the_whole_time_again(strict):
    with connect(strict.http) as connection:
        for _ in range(3):
            whole = request("/hello.txt")
            connection.send(whole[:20])
            wire.pause(LIMIT * 0.6)
            connection.send(whole[20:])
            assert connection.answer().status == 200


def test_connection_that_says_nothing_is_closed(strict):
    connections = [
        strict.connect(address)
        for address in (strict.http, strict.http_unix, strict.uwsgi, strict.uwsgi_unix)
    ]

    for data in end_in_time(*connections):
        assert data == b"" or status_of(data) == 408


def test_idle_connection_is_closed_without_a_word(strict):
    connection = strict.connect()

    assert connection.get("/hello.txt").status == 200
    assert end_in_time(connection) == [b""]


def test_packet_that_stops_is_dropped(strict):
    connections = [strict.connect(address) for address in (strict.uwsgi, strict.uwsgi_unix)]
    for connection in connections:
        connection.send(packet(environ("/hello.txt"))[:-3])

    for data in end_in_time(*connections):
        assert data == b"" or status_of(data) == 408


def test_body_that_stops_is_408(strict):
    connections = [strict.connect() for _ in range(2)]
    framings = ["Content-Length: 100", "Transfer-Encoding: chunked"]
    for connection, framing in zip(connections, framings, strict=True):
        connection.send(request("/echo", framing, method="POST"), b"5\r\nabc")

    for data in end_in_time(*connections):
        assert status_of(data) == 408


def test_unwanted_body_that_stops_ends_the_connection(strict):
    with connect(strict.http) as connection:
        connection.send(request("/hello.txt", "Content-Length: 100"), b"abc")
        assert connection.answer().status == 200
        assert end_in_time(connection) == [b""]


def test_body_of_a_packet_that_stops_ends_the_connection(strict):
    with connect(strict.uwsgi) as connection:
        connection.send(packet(environ("/echo", "POST", CONTENT_LENGTH="100")), b"abc")
        (data,) = end_in_time(connection)
        assert data == b"" or status_of(data) == 408


def test_body_that_comes_slowly_lives(strict):
    """Far longer than the limit, which counts from the last byte."""
    with connect(strict.http) as connection:
        connection.send(request("/echo", "Content-Length: 4000", method="POST"))
        for _ in range(10):
            wire.pause(LIMIT / 4)
            connection.send(b"x" * 400)
        assert connection.answer().status == 200


def test_body_that_trickles_is_408(strict):
    """A byte now and then would hold the connection for ever: there is a least rate."""
    with connect(strict.http) as connection:
        connection.send(request("/echo", "Content-Length: 1000000", method="POST"))
        end = time.monotonic() + LIMIT + GRACE
        while connection.idle():
            assert time.monotonic() < end
            with contextlib.suppress(ConnectionError):
                connection.send(b"x")
            wire.pause(LIMIT / 5)
        assert connection.answer().status == 408


def test_reader_that_stops_is_cut(strict):
    with connect(strict.http, receive_buffer=4096) as connection:
        connection.send(request("/large.bin"))
        connection.head()

        def was_cut() -> bool:
            error = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            return error != 0 or tcp_state(connection.socket) != ESTABLISHED

        wire.until(was_cut, LIMIT + GRACE)


def test_slow_reader_lives(strict):
    """A steady one, far beyond the limit, whose send buffer is full all the time."""
    with connect(strict.http, receive_buffer=4096) as connection:
        connection.send(request("/size-131073.bin"))
        head = connection.head()
        data = connection.buffer
        while len(data) < int(head["content-length"]):
            wire.pause(LIMIT / 16)
            data += connection.socket.recv(2500)
        assert data == (strict.docroot / "size-131073.bin").read_bytes()


def test_slow_pipeline_lives(strict):
    """Requests one by one, each sooner than the limit: for ever."""
    with connect(strict.http) as connection:
        for _ in range(5):
            wire.pause(LIMIT / 2)
            assert connection.get("/hello.txt").status == 200


def test_three_hundred_limits_hold_at_once(strict):
    """Many waits end in time, and meanwhile everybody else is answered."""
    hanging = [connect(strict.http) for _ in range(300)]
    try:
        for number, connection in enumerate(hanging):
            connection.send(request("/hello.txt")[: 1 + number % 30])
        for _ in servers.turns(LIMIT * 0.7):
            with connect(strict.http) as prober:
                assert prober.get("/hello.txt").status == 200
        for data in end_in_time(*hanging):
            assert status_of(data) == 408
    finally:
        for connection in hanging:
            connection.socket.close()


ESTABLISHED = 1


def tcp_state(connection: socket.socket) -> int:
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
