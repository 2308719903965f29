"""Limits with names: connections, descriptors, requests of a connection; the server lives on.

`max-fd` makes descriptors run out for real; a busy loop would show as processor time.
"""

import contextlib
import os
import random
import resource
import shutil
import subprocess
from pathlib import Path

import pytest
import wire

from . import docroot, servers
from .client import Client, Cut, connect, environ, packet, request

GONE = (ConnectionError, Cut, TimeoutError)


@pytest.fixture
def many():
    """Connect again and again; all are closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(address, count: int) -> list[Client]:
            return [stack.enter_context(connect(address)) for _ in range(count)]

        yield make


def answered(connection: Client, target: str = "/hello.txt") -> int:
    """The status of an answer, or 0 when the connection ends instead."""
    try:
        return connection.get(target).status
    except GONE:
        return 0


def test_idle_connections_make_room_at_the_limit(serve, many):
    """The oldest idle one goes first; the newcomer is answered at once."""
    site = serve(processes=1, offload_threads=1, max_connections=10)
    idle = many(site.http, 10)
    for connection in idle:
        assert answered(connection) == 200

    for _ in range(30):
        with connect(site.http) as connection:
            assert answered(connection) == 200
    for connection in many(site.http, 5):
        assert answered(connection) == 200

    left = [connection for connection in idle if answered(connection)]
    assert left == idle[-len(left) :] if left else True
    assert site.server.figures()["idle_closed"] >= 5


@pytest.mark.slow
def test_busy_connections_are_never_closed_for_room(serve, many):
    site = serve(processes=1, offload_threads=1, max_connections=5)
    busy = [site.connect(receive_buffer=8192) for _ in range(5)]
    for connection in busy:
        connection.send(request("/large.bin"))
        assert connection.head().status == 200
    late = many(site.http, 3)
    for connection in late:
        connection.send(request("/hello.txt"))

    expected = (site.docroot / "large.bin").read_bytes()
    for connection in busy:
        assert connection.take(docroot.LARGE) == expected
        connection.socket.close()

    for connection in late:
        assert connection.answer().status in (200, 503), "waited in the kernel, or was told"


def test_requests_of_a_connection_are_bounded(serve):
    site = serve(max_connection_requests=3)
    connection = site.connect()

    connection.send(request("/hello.txt") * 5)

    assert [False, False, True] == [connection.answer().closes for _ in range(3)]
    assert connection.ended()


@pytest.mark.slow
def test_keepalive_can_be_switched_off(serve):
    site = serve(keepalive_timeout=0)

    answer = site.connect().get("/hello.txt")

    assert (answer.status, answer.closes) == (200, True)


def test_bounds_of_heads_are_options(serve):
    site = serve(processes=1, buffer_size=2048, max_target_size=100, max_fields=10)

    for asked, status in [
        (request("/hello.txt", "X: " + "y" * 3000), 431),
        (request("/hello.txt", "X: " + "y" * 1500), 200),
        (request("/" + "a" * 100), 414),
        (request("/" + "a" * 99), 404),
        (request("/hello.txt", *(f"X{n}: y" for n in range(10))), 431),
        (request("/hello.txt", *(f"X{n}: y" for n in range(9))), 200),
    ]:
        with connect(site.http) as connection:
            assert connection.send(asked).answer().status == status


@pytest.mark.slow
def test_bound_of_packets_is_an_option(serve):
    site = serve(processes=1, buffer_size=2048)

    with connect(site.uwsgi) as connection:
        connection.send(packet([*environ("/hello.txt"), ("HTTP_X", "y" * 3000)]))
        data, _ = connection.rest_to_cut()
    assert b"hello" not in data
    assert site.uwsgi_get("/hello.txt").status == 200


# ---- descriptors ----


def answered_already(connection: Client) -> int:
    """The status of the answer to what was asked before, or 0."""
    try:
        return connection.answer().status
    except GONE:
        return 0


def test_few_descriptors_are_shared_by_many_clients(serve, many):
    """More connections at once than there are descriptors: the others wait in the kernel."""
    site = serve(processes=1, offload_threads=1, max_fd=100, keepalive_timeout=1)
    before = servers.holdings(site.server.tree(), site.docroot)
    connections = many(site.http, 150)
    for connection in connections:
        connection.send(request("/hello.txt", "Connection: close"))

    for connection in connections:
        assert connection.answer().status == 200
        connection.socket.close()

    wire.until(lambda: not servers.holdings(site.server.tree(), site.docroot) - before)


@pytest.fixture
def exhausted(serve_app):
    """A server whose handler holds every descriptor; and how to have it let them go."""
    most = 200
    site = serve_app(processes=1, offload_threads=1, max_fd=most, defer_accept=False, file_cache=0)
    (worker,) = site.server.workers()
    path = site.server.folder / "gate"
    os.mkfifo(path)
    holder = site.connect()
    holder.send(request("/hoard?name=gate"))
    gate = os.open(path, os.O_RDWR)
    wire.until(lambda: len(os.listdir(f"/proc/{worker}/fd")) == most)

    def release() -> None:
        os.write(gate, b"!")
        assert holder.answer().body == b"released"

    yield site, release
    os.close(gate)


def test_server_without_descriptors_goes_on_and_recovers(exhausted, many):
    site, release = exhausted
    newcomers = many(site.http, 20)
    for connection in newcomers:
        with contextlib.suppress(ConnectionError):
            connection.send(request("/hello.txt"))

    assert {answered_already(connection) for connection in newcomers[:3]} <= {503, 0}
    release()

    assert {answered_already(connection) for connection in newcomers[3:]} <= {200, 503, 0}
    for connection in newcomers:
        connection.socket.close()
    with connect(site.http) as connection:
        assert connection.get("/alphabet.txt").status == 200


@pytest.mark.slow
def test_server_without_descriptors_burns_no_processor_time(exhausted, many):
    """Connections wait in the kernel; who looks at them all the time burns a core."""
    site, release = exhausted
    newcomers = many(site.http, 50)
    for connection in newcomers:
        with contextlib.suppress(ConnectionError):
            connection.send(request("/hello.txt"))
    pids = site.server.tree()

    before = servers.cpu_seconds(pids)
    wire.pause(2.0)
    used = servers.cpu_seconds(pids) - before

    assert used < 0.4, f"{used} s of processor time in 2 s"
    release()
    for connection in newcomers:
        connection.socket.close()
    wire.until(lambda: answered(many(site.http, 1)[0]) == 200)


def test_max_fd_is_the_limit_of_the_processes(serve):
    site = serve(processes=1, max_fd=300)

    for pid in site.server.tree():
        assert resource.prlimit(pid, resource.RLIMIT_NOFILE)[0] == 300


# ---- abuse ----


@pytest.mark.slow
def test_thousand_slow_heads_do_not_slow_the_others(serve, many):
    site = serve(processes=1, head_timeout=20)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3000:
        pytest.skip(f"needs 3,000 descriptors; {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    try:
        slow = many(site.http, 1000)
        for number, connection in enumerate(slow):
            connection.send(request("/hello.txt")[: 1 + number % 25])
        with connect(site.http) as prober:
            for turn in range(500):
                assert prober.get("/hello.txt").status == 200
                connection = slow[turn]
                connection.send(request("/hello.txt")[1 + turn % 25 :])
                assert connection.answer().status == 200
        for connection in slow:
            connection.socket.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_flood_of_connections_leaves_nothing(site):
    for _ in range(30):
        burst = [connect(site.http) for _ in range(20)]
        for number, connection in enumerate(burst):
            if number % 3 == 0:
                connection.reset()
            elif number % 3 == 1:
                connection.socket.close()
            else:
                connection.send(request("/hello.txt")[:number])
                connection.socket.close()
    assert site.get("/hello.txt").status == 200


def test_garbage_of_every_kind_leaves_nothing(site):

    dice = random.Random(17)
    good = request("/hello.txt", "Range: bytes=1-2", "Accept-Encoding: gzip")
    for turn in range(300):
        data = bytearray(good if turn % 2 else packet(environ("/hello.txt")))
        for _ in range(dice.randint(1, 8)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        address = [site.http, site.uwsgi, site.http_unix, site.uwsgi_unix][turn % 4]
        with connect(address) as connection:
            with contextlib.suppress(ConnectionError):
                connection.send(bytes(data)).end_sending()
            connection.rest_to_cut()
    assert site.get("/hello.txt").status == 200


def private_memory(pids) -> int:
    """Bytes of memory that are the processes' own."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                total += int(line.split()[1]) * 1024
    return total


@pytest.mark.slow
@pytest.mark.skipif("ASAN_OPTIONS" in os.environ, reason="a sanitizer keeps freed memory")
def test_many_mixed_requests_leave_no_memory_behind(serve):
    """Files, ranges, misses, refusals, bodies, resets: twenty thousand, after a few to warm up."""
    site = serve(processes=1, max_connection_requests=1_000_000)
    pids = site.server.workers()
    mixed = [
        request("/hello.txt"),
        request("/alphabet.txt", "Range: bytes=1-2,5-6,9-"),
        request("/missing", "X: " + "y" * 500),
        request("/sub"),
        request("/page.html", "Accept-Encoding: gzip"),
        request("/hello.txt", method="POST", body=b"x" * 2000),
        request("/alphabet.txt", f"If-Modified-Since: {docroot.LAST_MODIFIED}"),
        request("/size-16385.bin", method="HEAD"),
        request("/%00"),
        request("/size-65536.bin"),
    ]
    methods = ["GET"] * 7 + ["HEAD"] + ["GET"] * 2

    def ask(rounds: int) -> None:
        for number in range(rounds):
            with connect(site.http) as connection:
                connection.send(b"".join(mixed) * 10)
                for _ in range(10):
                    for method in methods:
                        connection.answer(method)
            if number % 10 == 0:
                broken = connect(site.http, receive_buffer=4096)
                broken.send(request("/large.bin")).take(1000)
                broken.reset()
                site.say(b"nonsense\r\n\r\n")

    ask(50)
    before = private_memory(pids)
    ask(200)

    assert private_memory(pids) - before <= 2 << 20


# ---- system calls that are interrupted ----


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize("call", ["sendfile", "sendto", "epoll_wait", "recvfrom"])
def test_interrupted_calls_lose_no_byte(serve, call):
    """The predecessor drops a transfer when sendfile is interrupted."""
    site = serve(processes=1)
    (worker,) = site.server.workers()
    tracer = subprocess.Popen(
        [
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            f"inject={call}:error=EINTR:when=1+2",
            "-p",
            str(worker),
        ],
        stderr=subprocess.PIPE,
        env=servers.FOREIGN,
    )
    try:
        try:
            wire.until(lambda: traced(worker) or tracer.poll() is not None)
            if tracer.poll() is not None:
                pytest.skip(f"no tracing here: {tracer.stderr.read().decode()[:100]}")
            expected = (site.docroot / "large.bin").read_bytes()
            slow = [site.connect(receive_buffer=16384) for _ in range(6)]
            for connection in slow:
                connection.send(request("/large.bin"), request("/size-65536.bin"))
            for connection in slow:
                assert connection.answer().body == expected
                assert len(connection.answer().body) == 65536
        finally:
            tracer.terminate()
            tracer.wait(10)
    finally:
        tracer.stderr.close()


def traced(pid: int) -> bool:
    """All its threads are."""
    return all(
        "TracerPid:\t0\n" not in Path(f"/proc/{pid}/task/{task}/status").read_text()
        for task in os.listdir(f"/proc/{pid}/task")
    )
