"""No request waits while a worker is idle: the request queue, the overflow queue, back-pressure.

Handlers are held at gates (FIFOs) which the test opens; so nothing here depends on time.
"""

import contextlib
import errno
import os
import random

import pytest
import wire

from . import servers
from .client import connect, environ, packet, request
from .conftest import cared_for, launch

WORKERS = 4


@pytest.fixture(scope="module")
def four_server(site_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("four")
    with cared_for(launch(site_root, folder, app=True, processes=WORKERS, threads=1)) as site:
        yield site


@pytest.fixture
def four(four_server):
    with servers.watched(four_server.server, four_server.docroot):
        yield four_server


class Gate:
    """A FIFO where one handler waits."""

    def __init__(self, folder, name: str) -> None:
        self.path = folder / name
        self.name = name
        os.mkfifo(self.path)
        self.fd = -1

    def somebody_waits(self) -> bool:
        try:
            self.fd = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return False
        return True

    def open(self) -> None:
        if self.fd < 0:
            wire.until(self.somebody_waits)
        os.write(self.fd, b"!")
        os.close(self.fd)
        self.path.unlink()


@pytest.fixture
def gates(four):
    """Make gates; those a failed test has left closed are opened at the end."""
    made = []

    def make() -> Gate:
        gate = Gate(four.server.folder, f"gate-{os.getpid()}-{random.randrange(1 << 30)}")
        made.append(gate)
        return gate

    yield make
    for gate in made:
        if gate.path.exists():
            with contextlib.suppress(OSError):
                os.close(os.open(gate.path, os.O_RDWR | os.O_NONBLOCK))
            gate.path.unlink()


ADDRESSES = ["http", "http_unix", "uwsgi", "uwsgi_unix"]


def ask(site, address: str, target: str):
    """A connection that has asked."""
    connection = connect(getattr(site, address))
    if address.startswith("uwsgi"):
        path, _, query = target.partition("?")
        return connection.send(packet(environ(path, QUERY_STRING=query)))
    return connection.send(request(target))


def hold(site, gates, count: int, address: str = "http"):
    """So many workers held at gates."""
    held = []
    for _ in range(count):
        gate = gates()
        connection = ask(site, address, f"/gate?name={gate.name}")
        wire.until(gate.somebody_waits)
        held.append((gate, connection))
    return held


def release(held) -> list[int]:
    """Open all gates; gives the workers that were held there."""
    pids = []
    for gate, connection in held:
        gate.open()
        pids.append(int(connection.answer().body.split()[0]))
        connection.socket.close()
    return pids


@pytest.mark.parametrize("address", ADDRESSES)
def test_each_slow_request_finds_a_worker_that_is_idle(four, gates, address):
    """Four requests, one after the other, each held: four workers must have them."""
    for _ in range(5):
        assert len(set(release(hold(four, gates, WORKERS, address)))) == WORKERS


@pytest.mark.parametrize("address", ADDRESSES)
def test_new_connections_are_answered_while_one_worker_is_idle(four, gates, address):
    held = hold(four, gates, WORKERS - 1)

    pids = set()
    for _ in range(40):
        with ask(four, address, "/pid") as connection:
            pids.add(int(connection.answer().body))

    assert len(pids) == 1
    assert not pids & set(release(held))


@pytest.mark.parametrize("address", ["http", "http_unix"])
def test_kept_connections_are_answered_while_one_worker_is_idle(four, gates, address):
    """They belong to all four workers, three of which are busy by then."""
    connections = [connect(getattr(four, address)) for _ in range(24)]
    for connection in connections:
        assert connection.get("/hello.txt").status == 200
    held = hold(four, gates, WORKERS - 1, address)

    pids = {int(connection.get("/pid").body) for connection in connections * 2}

    assert len(pids) == 1
    assert not pids & set(release(held))
    for connection in connections:
        connection.socket.close()


def test_requests_at_once_are_all_answered_while_one_worker_is_idle(four, gates):
    """Not one by one: all of them wait together, on every worker, for the same idle one."""
    connections = [connect(four.http) for _ in range(50)]
    held = hold(four, gates, WORKERS - 1)
    for connection in connections:
        connection.send(request("/pid"))

    assert len({int(connection.answer().body) for connection in connections}) == 1
    release(held)
    for connection in connections:
        connection.socket.close()


def test_waiting_request_is_taken_by_whoever_is_free_first(four, gates):
    """All are busy, requests wait everywhere; one worker is freed: it answers all of them."""
    connections = [connect(four.http) for _ in range(24)]
    for connection in connections:
        assert connection.get("/hello.txt").status == 200
    held = hold(four, gates, WORKERS)
    for connection in connections:
        connection.send(request("/pid"))
    assert all(connection.idle() for connection in connections)

    freed = release(held[2:3])
    pids = {int(connection.answer().body) for connection in connections}

    assert pids == set(freed)
    release(held[:2] + held[3:])
    for connection in connections:
        connection.socket.close()


def test_request_with_its_body_goes_through_the_overflow_queue(four, gates):
    """In memory, on disk, and as the rest of a pipeline."""
    held = hold(four, gates, WORKERS - 1)

    for size in (0, 10, 60_000, 300_000):
        body = wire.content(size, seed=size)
        for _ in range(8):
            with connect(four.http) as connection:
                connection.send(
                    request("/pieces", f"Content-Length: {size}", method="POST"),
                    body,
                    request("/hello.txt"),
                    request("/pid"),
                )
                assert connection.answer().body.startswith(b"%d " % size)
                assert connection.answer().body == b"hello\n"
                assert connection.answer().status == 200
    release(held)


def test_files_are_served_while_every_worker_is_busy(four, gates):
    held = hold(four, gates, WORKERS)

    for address in ADDRESSES:
        for _ in range(20):
            with ask(four, address, "/hello.txt") as connection:
                assert connection.answer().body == b"hello\n"
    with connect(four.http) as connection:
        assert connection.get("/large.bin").status == 200
    release(held)


def test_client_that_goes_while_it_waits_is_forgotten(four, gates):
    held = hold(four, gates, WORKERS)
    for number in range(60):
        connection = connect(four.http)
        connection.send(request("/pid"))
        if number % 2:
            connection.reset()
        else:
            connection.socket.close()

    release(held)

    with connect(four.http) as connection:
        assert connection.get("/pid").status == 200


def test_client_that_half_closes_while_it_waits_is_answered(four, gates):
    held = hold(four, gates, WORKERS)
    connection = connect(four.http)
    connection.send(request("/pid")).end_sending()

    release(held)

    assert connection.answer().status == 200
    connection.socket.close()


def test_queue_has_a_bound_and_loses_nothing(serve_app):
    """Beyond the bound nothing is accepted: the kernel holds the rest, and all are answered."""
    site = serve_app(processes=2, threads=1, max_waiting=4)
    gates = [Gate(site.server.folder, f"gate-{number}") for number in range(2)]
    held = []
    for gate in gates:
        held.append(ask(site, "http", f"/gate?name={gate.name}"))
        wire.until(gate.somebody_waits)
    waiting = [ask(site, "http", "/pid") for _ in range(100)]

    for gate in gates:
        gate.open()

    for connection in [*held, *waiting]:
        assert connection.answer().status == 200
        connection.socket.close()


@pytest.mark.slow
def test_threads_of_a_worker_share_its_requests(serve_app):
    site = serve_app(processes=1, threads=4)
    gates = [Gate(site.server.folder, f"gate-{number}") for number in range(3)]
    held = []
    for gate in gates:
        held.append(ask(site, "http", f"/gate?name={gate.name}"))
        wire.until(gate.somebody_waits)

    assert site.get("/pid").status == 200

    for gate, connection in zip(gates, held, strict=True):
        gate.open()
        assert connection.answer().status == 200
        connection.socket.close()


@pytest.mark.slow
def test_random_load_is_answered_completely(four, gates):
    """Fast, slow, large and file requests at random on many kept connections."""
    dice = random.Random(3)
    connections = [connect(four.http) for _ in range(30)]
    targets = ["/pid", "/hello.txt", "/large?size=300000", "/generate?count=50&size=3000", "/text"]
    expected = {"/hello.txt": 6, "/large?size=300000": 300_000,
                "/generate?count=50&size=3000": 150_000, "/text": 6}  # fmt: skip

    for turn in range(30):
        held = hold(four, gates, turn % WORKERS)
        asked = []
        for connection in connections:
            wanted = [dice.choice(targets) for _ in range(dice.randint(1, 4))]
            connection.send(*(request(target) for target in wanted))
            asked.append(wanted)
        for connection, wanted in zip(connections, asked, strict=True):
            for target in wanted:
                answer = connection.answer()
                assert answer.status == 200
                assert len(answer.body) == expected.get(target, len(answer.body))
        release(held)
    for connection in connections:
        connection.socket.close()
