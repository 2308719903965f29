"""Master and workers: deaths, reloads, ends; nobody notices but who was with the dead."""

import os
import re
import signal
import threading
from pathlib import Path

import pytest
import wire

from . import docroot, servers
from .client import Cut, connect, environ, packet, request

RETRY = (ConnectionError, Cut, TimeoutError)


class Load:
    """Clients that ask all the time, each on kept connections; what went wrong is counted."""

    def __init__(self, address, targets=("/hello.txt",), clients=4, packets=False) -> None:
        self.address, self.targets, self.packets = address, targets, packets
        self.answered = self.lost = self.refused = 0
        self.wrong: list[object] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                connection = connect(self.address)
            except OSError as error:
                self._count("refused", error)
                continue
            with connection:
                self._talk(connection)

    def _talk(self, connection) -> None:
        for turn in range(20):
            target = self.targets[turn % len(self.targets)]
            try:
                if self.packets:
                    answer = connection.send(packet(environ(target))).answer()
                else:
                    answer = connection.get(target)
            except RETRY as error:
                # A kept connection may end while its next request is on the way (RFC 9112, 9.3.1):
                # that one may be repeated, the first of a connection has a right to its answer.
                if turn == 0 or connection.buffer:
                    self._count("lost", error)
                return
            self._count("answered", answer if answer.status != 200 else None)
            if answer.closes or self.packets or self._stop.is_set():
                return

    def _count(self, name: str, wrong: object) -> None:
        with self._lock:
            setattr(self, name, getattr(self, name) + 1)
            if wrong is not None:
                self.wrong.append(wrong)

    def until(self, count: int) -> None:
        """Until so many more were answered."""
        target = self.answered + count
        wire.until(lambda: self.answered >= target, 30)

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def load():
    made = []

    def start(*arguments, **more) -> Load:
        made.append(Load(*arguments, **more))
        return made[-1]

    yield start
    for each in made:
        each.end()


def slow_download(site, target: str = "/large.bin"):
    """A client that has read the beginning of a large file."""
    connection = site.connect(receive_buffer=8192)
    connection.send(request(target))
    assert connection.head().status == 200
    begin = connection.take(50_000)
    return connection, begin


def finish(connection, begin: bytes, size: int = docroot.LARGE) -> bytes:
    return begin + connection.take(size - len(begin))


# ---- ends ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_an_idle_server_at_once(serve, number):
    site = serve()
    idle = site.connect()
    assert idle.get("/hello.txt").status == 200

    site.server.stop(number)

    assert idle.ended(), "idle connections are closed"
    with pytest.raises(OSError):
        connect(site.http)


@pytest.mark.slow
def test_sigterm_drains_a_slow_download(serve):
    site = serve()
    connection, begin = slow_download(site)
    idle = site.connect()
    assert idle.get("/hello.txt").status == 200

    site.server.send(signal.SIGTERM)
    assert idle.ended()

    def refuses() -> bool:
        try:
            connect(site.http).socket.close()
        except OSError:
            return True
        return False

    wire.until(refuses)
    assert finish(connection, begin) == (site.docroot / "large.bin").read_bytes()
    assert connection.ended()
    connection.socket.close()
    assert site.server.wait() == 0


def test_request_that_is_under_way_at_sigterm_is_answered_with_close(serve):
    site = serve()
    connection = site.connect()
    whole = request("/hello.txt")
    connection.send(whole[:10])
    idle = site.connect()
    assert idle.get("/hello.txt").status == 200

    site.server.send(signal.SIGTERM)
    assert idle.ended(), "so it drains by now"
    connection.send(whole[10:])
    answer = connection.answer()

    assert (answer.body, answer.closes) == (b"hello\n", True)
    assert connection.ended()
    connection.socket.close()
    assert site.server.wait() == 0


@pytest.mark.slow
def test_download_that_outlives_the_mercy_is_cut(serve):
    site = serve(worker_reload_mercy=1)
    connection, _ = slow_download(site)

    site.server.send(signal.SIGTERM)

    assert site.server.wait() == 0
    with pytest.raises(RETRY):
        connection.take(docroot.LARGE - 50_000)
    connection.socket.close()


@pytest.mark.slow
def test_second_sigterm_does_no_harm(serve):
    site = serve(worker_reload_mercy=5)
    connection, _ = slow_download(site)

    for _ in range(5):
        site.server.send(signal.SIGTERM)

    connection.socket.close()
    assert site.server.wait() in (0, 1)
    site.server.allowed_status = site.server.process.returncode


def test_other_signals_to_a_worker_harm_nobody(serve):
    """SIGALRM kills a worker of the predecessor."""
    site = serve()
    connection, begin = slow_download(site)
    before = site.server.workers()

    for pid in before:
        for number in (signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
            os.kill(pid, number)

    assert finish(connection, begin) == (site.docroot / "large.bin").read_bytes()
    assert site.server.workers() == before


@pytest.mark.slow
def test_pidfile_holds_the_master(serve, tmp_path):
    pidfile = tmp_path / "server.pid"
    site = serve(pidfile=pidfile)

    assert int(pidfile.read_text()) == site.server.pid
    site.server.stop()
    assert not pidfile.exists()


@pytest.mark.parametrize("umask", ["077", "022"])
def test_umask_is_that_of_what_the_server_makes(serve, tmp_path, umask):
    pidfile = tmp_path / "server.pid"
    site = serve(pidfile=pidfile, umask=umask)

    assert pidfile.stat().st_mode & 0o777 == 0o666 & ~int(umask, 8)
    for pid in site.server.tree():
        assert f"\nUmask:\t0{umask}\n" in Path(f"/proc/{pid}/status").read_text()


# ---- deaths ----


def test_dead_worker_is_replaced_at_once(serve):
    site = serve()
    before = site.server.workers()

    os.kill(before[0], signal.SIGKILL)

    after = site.server.wait_for_workers(2, without=before[:1])
    assert before[1] in after
    assert site.get("/hello.txt").status == 200
    site.server.tolerated = re.compile("died")


@pytest.mark.slow
def test_all_workers_dead_at_once_are_replaced(serve):
    site = serve(processes=4)
    before = site.server.workers()

    for pid in before:
        os.kill(pid, signal.SIGKILL)

    site.server.wait_for_workers(4, without=before)
    for address in (site.http, site.http_unix):
        for _ in range(20):
            with connect(address) as connection:
                assert connection.get("/hello.txt").status == 200


@pytest.mark.slow
def test_killing_workers_under_load_loses_almost_nothing(serve, load):
    """At most what the dead were just answering: 0.1 % of the requests, and not a wrong byte."""
    site = serve(processes=2, worker_reload_mercy=10)
    clients = load(site.http, ("/hello.txt", "/size-16384.bin"), clients=4)
    clients.until(2000)

    for _ in range(2):
        before = site.server.workers()
        os.kill(before[0], signal.SIGKILL)
        site.server.wait_for_workers(2, without=before[:1])
        clients.until(3000)
    clients.end()

    assert not clients.refused
    assert clients.lost <= 4, "first requests that the dead was just answering"
    assert len(clients.wrong) == clients.lost, clients.wrong
    assert clients.lost <= clients.answered * 0.001


@pytest.mark.slow
def test_twenty_deaths_one_after_another_are_survived(serve):
    """With back-off from the third within ten seconds, and service by the others meanwhile."""
    site = serve(processes=2)

    for _ in range(6):
        before = site.server.workers()
        os.kill(before[0], signal.SIGKILL)
        assert site.get("/hello.txt").status == 200
        wire.until(lambda before=before: set(site.server.workers()) - set(before), 30)
    site.server.wait_for_workers(2)
    assert site.get("/hello.txt").status == 200


@pytest.mark.slow
def test_workers_end_when_the_master_is_killed(serve):
    """However it went: nothing may go on listening without it, and downloads may finish."""
    site = serve(worker_reload_mercy=10)
    workers = site.server.workers()
    connection, begin = slow_download(site)

    site.server.send(signal.SIGKILL)
    site.server.wait()
    site.server.allowed_status = -signal.SIGKILL

    assert finish(connection, begin) == (site.docroot / "large.bin").read_bytes()
    connection.socket.close()
    wire.until(lambda: not any(servers.alive(pid) for pid in workers), 15)
    with pytest.raises(OSError):
        connect(site.http)


@pytest.mark.slow
def test_killed_server_can_be_started_again_at_once(serve, site_root, tmp_path):
    """Its UNIX sockets lie there still; nobody listens on them."""
    path = tmp_path / "again.sock"
    first = serve(listen_too=[path])
    workers = first.server.workers()
    first.server.send(signal.SIGKILL)
    first.server.wait()
    first.server.allowed_status = -signal.SIGKILL
    wire.until(lambda: not any(servers.alive(pid) for pid in workers), 15)
    assert path.exists()

    serve(listen_too=[path])
    with connect(path) as connection:
        assert connection.get("/hello.txt").status == 200


@pytest.mark.slow
def test_stopped_worker_does_not_stop_the_others(serve):
    """SIGSTOP: the worker keeps what it has; new connections are taken by the other."""
    site = serve(processes=2)
    stopped = site.server.workers()[0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        answered = 0
        for _ in range(20):
            with connect(site.http_unix) as connection:
                connection.socket.settimeout(2)
                try:
                    answered += connection.get("/hello.txt").status == 200
                except TimeoutError:
                    continue
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert answered >= 18


@pytest.mark.slow
def test_worker_that_kills_itself_in_a_handler_costs_one_request(serve_app):
    site = serve_app(processes=1)

    with connect(site.http) as connection, pytest.raises(RETRY):
        connection.get("/die")

    assert site.get("/pid").status == 200


# ---- reloads ----


def reloads(site, count: int = 1) -> None:
    """Until the server has said so often that it reloaded."""
    wire.until(lambda: site.server.text().count("reloaded") >= count, 20)


@pytest.mark.slow
@pytest.mark.native
def test_sighup_changes_the_workers_and_keeps_the_master(serve):
    site = serve()
    before, pid = site.server.workers(), site.server.pid

    site.server.send(signal.SIGHUP)

    site.server.wait_for_workers(2, without=before)
    assert site.server.pid == pid and servers.alive(pid)
    for address in (site.http, site.http_unix):
        with connect(address) as connection:
            assert connection.get("/hello.txt").status == 200


@pytest.mark.slow
@pytest.mark.native
def test_reload_lets_a_slow_download_finish(serve):
    site = serve()
    connection, begin = slow_download(site)

    site.server.send(signal.SIGHUP)
    reloads(site)
    assert site.get("/hello.txt").status == 200

    assert finish(connection, begin) == (site.docroot / "large.bin").read_bytes()
    connection.socket.close()
    site.server.wait_for_workers(2)


@pytest.mark.slow
def test_reload_reads_the_ini_again(serve, tmp_path):
    site = serve()
    root = tmp_path / "new-root"
    docroot.write(root / "hello.txt", b"new\n")
    path = site.server.folder / "server.ini"
    old = path.read_text()

    path.write_text(old.replace(f"check-static = {site.docroot}", f"check-static = {root}"))
    site.server.send(signal.SIGHUP)

    wire.until(lambda: site.get("/hello.txt").body == b"new\n")


@pytest.mark.slow
def test_reload_with_a_broken_ini_goes_on_as_before(serve):
    site = serve()
    path = site.server.folder / "server.ini"
    before = site.server.workers()

    path.write_text(path.read_text() + "offload-thread = 3\n")
    site.server.send(signal.SIGHUP)

    wire.until(lambda: "offload-thread" in site.server.text())
    assert site.server.workers() == before
    assert site.get("/hello.txt").status == 200


@pytest.mark.slow
def test_reloads_under_load_refuse_nobody(serve, load):
    site = serve(processes=2)
    clients = load(site.http, ("/hello.txt", "/size-16384.bin"))
    downloads = [slow_download(site) for _ in range(3)]
    clients.until(500)

    for number in range(3):
        before = site.server.workers()
        site.server.send(signal.SIGHUP)
        reloads(site, number + 1)
        wire.until(lambda before=before: not set(before[:2]) >= set(site.server.workers()))
        clients.until(1000)
    clients.end()

    assert (clients.refused, clients.lost, clients.wrong) == (0, 0, [])
    for connection, begin in downloads:
        assert finish(connection, begin) == (site.docroot / "large.bin").read_bytes()
        connection.socket.close()
    site.server.wait_for_workers(2)


@pytest.mark.slow
@pytest.mark.parametrize("address", ["uwsgi", "uwsgi_unix"])
def test_reloads_under_load_lose_no_packet(serve, load, address):
    """A web server in front makes each of them a 502."""
    site = serve(processes=2)
    clients = load(getattr(site, address), ("/hello.txt", "/size-65536.bin"), packets=True)
    clients.until(200)

    for number in range(3):
        site.server.send(signal.SIGHUP)
        reloads(site, number + 1)
        clients.until(500)
    clients.end()

    assert (clients.refused, clients.lost, clients.wrong) == (0, 0, [])


@pytest.mark.slow
def test_reloads_under_load_lose_no_request_of_python(serve_app, load):
    site = serve_app(processes=2)
    clients = load(site.http, ("/pid", "/large?size=50000"))
    clients.until(300)

    for number in range(3):
        site.server.send(signal.SIGHUP)
        reloads(site, number + 1)
        clients.until(500)
    clients.end()

    assert (clients.refused, clients.lost, clients.wrong) == (0, 0, [])


@pytest.mark.slow
def test_reload_leaks_nothing_in_the_master(serve):
    site = serve()
    before = site.server.workers()
    holdings = servers.holdings([site.server.pid])

    for number in range(3):
        site.server.send(signal.SIGHUP)
        reloads(site, number + 1)
        before = site.server.wait_for_workers(2, without=before)

    wire.until(lambda: not servers.holdings([site.server.pid]) - holdings)


# ---- max-requests ----


@pytest.mark.slow
def test_max_requests_replaces_workers_and_loses_nothing(serve):
    site = serve(max_requests=50)
    before = site.server.workers()
    connection, begin = slow_download(site)

    def replaced() -> bool:
        for _ in range(20):
            assert site.get("/hello.txt").status == 200
        return len(set(site.server.workers()) - set(before)) >= len(before)

    wire.until(replaced, 30)
    assert finish(connection, begin) == (site.docroot / "large.bin").read_bytes()
    connection.socket.close()


@pytest.mark.slow
def test_max_requests_under_load_refuses_nobody(serve, load):
    site = serve(max_requests=300)
    clients = load(site.http)

    clients.until(4000)
    clients.end()

    assert (clients.refused, clients.lost, clients.wrong) == (0, 0, [])


@pytest.mark.slow
def test_load_is_spread_over_idle_workers(serve_app):
    """New connections go to all of four workers, not to the one that woke last."""
    site = serve_app(processes=4)
    pids: dict[bytes, int] = {}
    connections = [site.connect() for _ in range(200)]
    for connection in connections:
        connection.send(request("/hello.txt"))
        connection.answer()
    for connection in connections:
        connection.send(request("/pid"))
        pid = connection.answer().body
        pids[pid] = pids.get(pid, 0) + 1

    assert len(pids) == 4
    assert max(pids.values()) <= 120, pids


@pytest.mark.slow
def test_connection_wakes_one_thread(serve):
    """Not the herd: at most 1.1 wake-ups for a connection, with four idle workers."""
    site = serve(processes=4, offload_threads=2)
    count = 400
    before = site.server.figures()

    for _ in range(count):
        connection = site.connect()  # and stays: its end would wake a thread again
        assert connection.get("/hello.txt").status == 200
    after = site.server.figures()

    assert after["accepted"] - before["accepted"] == count
    woken = (after["wake_ups"] - before["wake_ups"]) / count
    assert woken <= 1.1, woken
