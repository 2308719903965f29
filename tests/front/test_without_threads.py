"""offload-threads = 0: the worker's own thread runs the loop, and Python between its turns."""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
from pathlib import Path

import pytest
import wire

from uwoffload import Engine, Front, InvalidArgument, Mount, Outcome, Send, SendFile, Site

from . import docroot, servers
from .client import connect, environ, packet, request

pytestmark = [pytest.mark.slow, pytest.mark.native]

ADDRESSES = ["http", "http_unix", "uwsgi", "uwsgi_unix"]
DISK_HELPERS = 2
LOG_WRITER = 1


@pytest.fixture
def alone(serve_app):
    """One worker, one thread for everything."""

    def start(**more: object):
        return serve_app(**{"processes": 1, "offload_threads": 0, **more})

    return start


def gate_of(site):
    """A FIFO at which a handler waits; gives its name, and what opens it."""
    name = f"gate-{random.randrange(1 << 30)}"
    path = site.server.folder / name
    os.mkfifo(path)
    fds = []

    def somebody_waits() -> bool:
        try:
            fds.append(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    def open_it() -> None:
        try:
            os.write(fds[0], b"!")
        finally:
            os.close(fds[0])

    return name, somebody_waits, open_it


# ---- what it is ----


def test_worker_has_no_thread_for_the_loop_and_none_for_python(alone):
    site = alone()
    (worker,) = site.server.workers()

    names = [
        (Path("/proc") / str(worker) / "task" / task / "comm").read_text().strip()
        for task in os.listdir(f"/proc/{worker}/task")
    ]

    assert len(names) == 1 + DISK_HELPERS + LOG_WRITER
    assert not [name for name in names if name.startswith(("uwo-loop", "handler"))]
    assert "1 worker, no offload threads; process" in site.server.text()


def test_everything_is_answered_on_kept_connections(alone):
    site = alone()
    large = (site.docroot / "large.bin").read_bytes()
    (worker,) = site.server.workers()

    for address in ("http", "http_unix"):
        with connect(getattr(site, address)) as connection:
            for _ in range(20):
                assert connection.get("/hello.txt").body == b"hello\n"
                assert int(connection.get("/pid").body) == worker
                assert connection.get("/large.bin").body == large
                assert connection.get("/large?size=3000000").body == b"L" * 3_000_000
                assert connection.get("/generate?count=40&size=50000").status == 200


@pytest.mark.parametrize("address", ADDRESSES)
def test_everything_is_answered_on_new_connections(alone, address):
    site = alone()

    for target in ("/hello.txt", "/pid") * 20:
        with connect(getattr(site, address)) as connection:
            if address.startswith("uwsgi"):
                connection.send(packet(environ(target)))
            else:
                connection.send(request(target, "Connection: close"))
            assert connection.answer().status == 200
            assert connection.ended()


def test_bodies_arrive_in_memory_and_in_files(alone):
    site = alone(body_memory=4096)

    with connect(site.http) as connection:
        for size in (0, 10, 4096, 5000, 3_000_000):
            body = wire.content(size, seed=size)
            connection.send(request("/pieces", f"Content-Length: {size}", method="POST"), body)
            assert connection.answer().body.startswith(b"%d " % size)


def test_downloads_larger_than_the_socket_go_on_while_others_are_answered(alone):
    """Files and answers of Python, read slowly; nobody waits for them."""
    site = alone()
    large = (site.docroot / "large.bin").read_bytes()
    slow = [site.connect(receive_buffer=8192) for _ in range(8)]
    for number, connection in enumerate(slow):
        connection.send(request("/large.bin" if number % 2 else "/large?size=8388608"))
        assert connection.head().status == 200
    got = [connection.take(20_000) for connection in slow]

    with connect(site.http) as other:
        for _ in range(50):
            assert other.get("/pid").status == 200
            assert other.get("/hello.txt").body == b"hello\n"

    for number, connection in enumerate(slow):
        rest = connection.take(docroot.LARGE - 20_000)
        assert got[number] + rest == (large if number % 2 else b"L" * docroot.LARGE)


def test_handler_holds_its_worker_and_nobody_else(alone):
    """What that worker has must wait for Python; new connections find the other worker."""
    site = alone(processes=2)
    name, somebody_waits, open_it = gate_of(site)
    held = site.connect()
    held.send(request(f"/gate?name={name}"))
    wire.until(somebody_waits)

    pids = set()
    for _ in range(20):
        with connect(site.http) as connection:
            pids.add(int(connection.get("/pid").body))
            assert connection.get("/hello.txt").body == b"hello\n"
    open_it()

    assert len(pids) == 1
    assert int(held.answer().body.split()[0]) not in pids
    assert site.get("/pid").status == 200


def test_requests_that_came_at_once_are_shared_with_the_idle_worker(alone):
    """By the overflow queue: what is beyond the one at hand goes to whoever is free."""
    site = alone(processes=2)
    connections = [site.connect() for _ in range(30)]
    for connection in connections:
        assert connection.get("/hello.txt").status == 200
    name, somebody_waits, open_it = gate_of(site)
    held = site.connect()
    held.send(request(f"/gate?name={name}"))
    wire.until(somebody_waits)
    for connection in connections:
        connection.send(request("/pid"))
    open_it()

    for connection in [*connections, held]:
        assert connection.answer().status == 200
    assert site.server.figures()["overflowed"] > 0


def test_time_of_a_handler_is_not_held_against_others(alone):
    """Half a head came before; nobody could read on for longer than a head may take."""
    site = alone(head_timeout=0.5, threads=1)
    half, name, somebody_waits, open_it = site.connect(), *gate_of(site)
    whole = request("/hello.txt")
    half.send(whole[:10])
    late = site.connect()
    assert late.get("/hello.txt").status == 200
    late.send(request(f"/gate?name={name}"))
    wire.until(somebody_waits)
    wire.pause(1.0)
    open_it()
    assert late.answer().status == 200

    half.send(whole[10:])

    assert half.answer().body == b"hello\n"


# ---- signals, reloads, ends ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_at_once(alone, number):
    site = alone()
    idle = site.connect()
    assert idle.get("/pid").status == 200

    site.server.stop(number)

    assert idle.ended()


def test_sigterm_is_seen_though_requests_never_end(alone):
    """The wait is left for it before another request is taken."""
    site = alone()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                with connect(site.http) as connection:
                    while not connection.get("/pid").closes:
                        pass
            except (OSError, AssertionError):
                return

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    try:
        wire.until(lambda: site.server.figures()["requests"] > 300)
        site.server.stop()
    finally:
        stop.set()
        for asker in askers:
            asker.join()


def test_signal_to_the_worker_itself_drains_it(alone):
    """SIGTERM of an administrator; the master replaces it at once."""
    site = alone()
    (worker,) = site.server.workers()
    slow = site.connect(receive_buffer=8192)
    slow.send(request("/large.bin"))
    begin = slow.head() and slow.take(50_000)

    os.kill(worker, signal.SIGTERM)
    wire.until(lambda: set(site.server.workers()) - {worker})

    with connect(site.http) as other:
        assert int(other.get("/pid").body) != worker
    assert begin + slow.take(docroot.LARGE - 50_000) == (site.docroot / "large.bin").read_bytes()
    slow.socket.close()
    wire.until(lambda: not servers.alive(worker))


def test_stop_lets_downloads_and_handlers_finish(alone):
    site = alone()
    slow = site.connect(receive_buffer=8192)
    slow.send(request("/large.bin"))
    begin = slow.head() and slow.take(50_000)
    name, somebody_waits, open_it = gate_of(site)
    held = site.connect()
    held.send(request(f"/gate?name={name}"))
    wire.until(somebody_waits)

    site.server.send(signal.SIGTERM)
    open_it()

    assert held.answer().status == 200
    assert held.ended(), "once it is seen that this is the end"
    held.socket.close()
    assert begin + slow.take(docroot.LARGE - 50_000) == (site.docroot / "large.bin").read_bytes()
    slow.socket.close()
    assert site.server.wait() == 0


def test_stop_cuts_what_outlives_the_mercy(alone):
    site = alone(worker_reload_mercy=0.5)
    slow = site.connect(receive_buffer=8192)
    slow.send(request("/large.bin"))
    assert slow.head().status == 200

    site.server.send(signal.SIGTERM)

    assert site.server.wait() == 0


def test_handler_that_never_returns_is_ended_with_its_worker(alone):
    site = alone(worker_reload_mercy=0.2)
    name, somebody_waits, open_it = gate_of(site)
    held = site.connect()
    held.send(request(f"/gate?name={name}"))
    wire.until(somebody_waits)

    site.server.send(signal.SIGTERM)

    assert site.server.wait() == 0
    with pytest.raises(BrokenPipeError):
        open_it()


def test_reload_replaces_workers_and_cuts_nothing(alone):
    site = alone(processes=2)
    before = site.server.workers()
    slow = site.connect(receive_buffer=8192)
    slow.send(request("/large.bin"))
    begin = slow.head() and slow.take(50_000)

    site.server.send(signal.SIGHUP)
    wire.until(lambda: "; reloaded" in site.server.text(), 20)

    wire.until(lambda: int(site.get("/pid").body) not in before)
    assert begin + slow.take(docroot.LARGE - 50_000) == (site.docroot / "large.bin").read_bytes()
    slow.socket.close()
    wire.until(lambda: not any(servers.alive(pid) for pid in before), 20)


def test_killed_worker_is_replaced_and_workers_end_with_their_master(alone):
    site = alone()
    (worker,) = site.server.workers()

    os.kill(worker, signal.SIGKILL)
    (after,) = site.server.wait_for_workers(1, without=[worker])
    assert site.get("/pid").status == 200

    site.server.send(signal.SIGKILL)
    site.server.wait()
    site.server.allowed_status = -signal.SIGKILL
    wire.until(lambda: not servers.alive(after))


def test_max_requests_ends_workers_without_losing_a_request(alone):
    site = alone(max_requests=50, processes=2)
    before = site.server.workers()

    pids = set(before)
    while len(pids) < 5:
        with connect(site.http) as connection:
            pids.add(int(connection.get("/pid").body))


def test_access_log_and_counters_are_those_of_threads(serve_app):
    lines, counts = [], []
    for threads in (0, 1):
        site = serve_app(processes=1, offload_threads=threads)
        for target in ("/hello.txt", "/large.bin", "/missing", "/text", "/fail"):
            with connect(site.http) as connection:
                connection.get(target, "Connection: close")
                assert connection.ended()
        log = site.server.folder / "access.log"
        wire.until(lambda log=log: log.read_text().count('] "') == 5)
        words = [line.split('"') for line in log.read_text().splitlines() if '] "' in line]
        lines.append([(parts[1], parts[2].split()[:2]) for parts in words])
        figures = site.server.figures()
        counts.append([figures[name] for name in ("requests", "offloaded_requests")])

    assert lines[0] == lines[1]
    assert counts[0] == counts[1] == [5, 2]


# ---- in a program of one's own ----


def test_front_is_run_by_the_thread_that_made_its_engine(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"file\n")
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        Engine(threads=0) as engine,
        Front(engine, [listener], site=Site([Mount("", tmp_path)], application=True)) as front,
    ):
        here, seen, answers = threading.get_ident(), [], []

        def ask() -> None:
            with connect(listener.getsockname()) as connection:
                answers.extend(connection.get(target).body for target in ("/a.txt", "/b") * 20)
            over.set()

        def answer(one) -> bytes:
            seen.append(threading.get_ident())
            return b"python\n"

        over = threading.Event()
        client = threading.Thread(target=ask)
        client.start()
        while not over.is_set():
            one = front.take(0.05)
            if one is not None:
                one.answer(answer(one))
        client.join()

        assert answers == [b"file\n", b"python\n"] * 20
        assert set(seen) == {here}
        assert front.drain(5)


def test_other_threads_submit_but_do_not_run_it(tmp_path):
    ended = []
    with Engine(threads=0) as engine, wire.connect() as pair:
        (tmp_path / "file").write_bytes(bytes(1 << 20))

        def submit() -> None:
            with (tmp_path / "file").open("rb") as file:
                engine.submit(pair.server, [Send(b"x"), SendFile(file)], callback=ended.append)

        reader = threading.Thread(target=lambda: ended.append(wire.read_to_end(pair.client)))
        submitter = threading.Thread(target=submit)
        reader.start()
        submitter.start()
        while len(ended) < 2:
            engine.wait(0.05)
        reader.join()
        submitter.join()

    assert b"x" + bytes(1 << 20) in ended
    assert [one.outcome for one in ended if not isinstance(one, bytes)] == [Outcome.FINISHED]


def test_what_needs_threads_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as listener, Engine(threads=0) as engine:
        with pytest.raises(InvalidArgument, match="the engine has no threads"):
            engine.fileno()
        with Front(engine, [listener]) as front:
            wrong: list[BaseException] = []

            def run() -> None:
                try:
                    front.take(0)
                except InvalidArgument as error:
                    wrong.append(error)

            other = threading.Thread(target=run)
            other.start()
            other.join()
            assert "run by the thread that made it" in str(wrong[0])


def test_front_closed_by_another_thread_ends_the_run():
    with socket.create_server(("127.0.0.1", 0)) as listener, Engine(threads=0) as engine:
        front = Front(engine, [listener])
        entered = connect(listener.getsockname())
        entered.send(request("/"))
        closer = threading.Thread(target=front.close)

        def answer(one) -> bytes:
            closer.start()
            return b"last\n"

        front.run(answer)

        closer.join()
        entered.socket.close()
