"""The server as a user starts it: signals, dying processes, reloads.  Real forks."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import wire

from .conftest import is_alive

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ENDINGS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("ending", ENDINGS)
def test_serves_says_what_and_ends_with_0(serve, site, ending):
    server = serve("--processes", "2").started()

    assert (200, b"<h1>index</h1>") == server.get("/")
    assert 404 == server.get("/nope")[0]
    said = server.said
    assert f"2 workers, 2 offload threads each; process {server.pid}\n" in said
    assert f"/ from {site}, without Python; the rest gets 404\n" in said
    assert len(said.splitlines()) <= 6
    status, errors = server.end(ending)
    assert 0 == status
    assert all(" engine" in line for line in errors.splitlines()), "nothing but the access log"


def stats_of(pid: int) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "uwoffload", "stats", str(pid)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def test_counters_are_had_by_the_number_of_the_process(serve):
    server = serve("--processes", "2").started()
    for _ in range(3):
        server.get("/")

    assert f"counters:   uwoffload stats {server.pid}\n" in server.said
    for pid in (server.pid, min(server.workers())):
        status, out, _ = stats_of(pid)
        assert status == 0
        assert re.search(r"^requests .* 3$", out, re.MULTILINE), out


def test_process_without_counters_is_named():
    for pid, reason in (
        (os.getpid(), "it publishes no counters; name the process of a server of uwoffload"),
        (2**30, "there is no such process; the server says its number when it starts"),
    ):
        assert (1, "", f"uwoffload: process {pid}: {reason}\n") == stats_of(pid)


@pytest.mark.parametrize("offered", [False, True])
def test_packed_siblings_are_offered_when_asked_for(serve, site, offered):
    (site / "page.html").write_bytes(b"plain")
    (site / "page.html.gz").write_bytes(b"packed")
    server = serve(*["--static-siblings"] * offered).started()

    with contextlib.closing(server.connect()) as client:
        client.request("GET", "/page.html", headers={"Accept-Encoding": "gzip"})
        answer = client.getresponse()
        assert answer.read() == (b"packed" if offered else b"plain")
        assert answer.headers["Content-Encoding"] == ("gzip" if offered else None)


def test_worker_that_is_killed_is_replaced_at_once(serve):
    server = serve("--processes", "2").started()
    before = server.workers()

    os.kill(min(before), signal.SIGKILL)

    wire.until(lambda: len(server.workers() - before) == 1 and len(server.workers()) == 2)
    assert 200 == server.get("/")[0]
    status, errors = server.end()
    assert 0 == status
    assert f"(process {min(before)}) died: signal 9\n" in errors


def test_all_workers_killed_at_once_come_back_at_once(serve):
    server = serve("--processes", "3").started()
    before = server.workers()

    for pid in before:
        os.kill(pid, signal.SIGKILL)

    wire.until(lambda: len(server.workers() - before) == 3, 3)
    assert 200 == server.get("/")[0]
    assert 0 == server.end()[0]


def test_workers_end_when_the_master_was_killed(serve):
    """However it went: their end of a channel tells them; what is under way is finished."""
    server = serve("--processes", "2").started()
    workers = server.workers()
    with contextlib.closing(server.connect()) as client:
        client.request("GET", "/large")
        answer = client.getresponse()
        server.send(signal.SIGKILL)
        server.process.wait(wire.PATIENCE)
        wire.until(lambda: sum(map(is_alive, workers)) == 1)
        assert wire.content(30_000_000) == answer.read()
    wire.until(lambda: not any(map(is_alive, workers)))


def test_stop_finishes_downloads(serve):
    server = serve("--processes", "2").started()
    with contextlib.closing(server.connect()) as client:
        client.request("GET", "/large")
        answer = client.getresponse()
        server.send(signal.SIGTERM)
        wire.until(lambda: len(server.workers()) == 1)
        assert wire.content(30_000_000) == answer.read()
    assert 0 == server.process.wait(wire.PATIENCE)


def test_stop_cuts_a_download_at_the_deadline(serve):
    server = serve("--worker-reload-mercy", "0.3").started()
    with contextlib.closing(server.connect()) as client:
        client.request("GET", "/large")
        client.getresponse()
        assert 0 == server.end()[0]


def test_second_signal_ends_at_once(serve):
    server = serve().started()
    with contextlib.closing(server.connect()) as client:
        client.request("GET", "/large")
        answer = client.getresponse()
        server.send(signal.SIGINT)
        wire.until(lambda: "finishing what is under way in 1 worker, " in server.errors.read_text())
        server.send(signal.SIGINT)
        assert 0 == server.process.wait(wire.PATIENCE)
        (line,) = re.findall(r'.*"GET /large HTTP/1.1" 200 .*', server.errors.read_text())
        assert line.endswith(" cancelled engine"), line
        with pytest.raises((ConnectionError, http.client.IncompleteRead)):
            answer.read()


def test_second_signal_ends_at_once_beside_a_stuck_handler(serve):
    """Downloads are logged all the same."""
    server = serve("--static-map=/large=site/large", script="application.py").started()
    with contextlib.closing(server.connect()) as stuck, contextlib.closing(server.connect()) as one:
        stuck.request("GET", "/slow?60")
        one.request("GET", "/large")
        one.getresponse()
        server.send(signal.SIGTERM)
        wire.until(lambda: server.refuses())
        assert 0 == server.end()[0]


STOPPED_AT_THE_START = """
import socket, sys
from uwoffload.config import Address, Settings
from uwoffload.harness import handover, prepare, worker

settings = Settings(http_socket=(Address("tcp", "127.0.0.1", 0),))
setup = prepare.prepare(settings, None, handover.Handover())
for listener in setup.listeners:
    listener.sock.shutdown(socket.SHUT_RDWR)
ours, theirs = socket.socketpair()
ours.send(sys.argv[1].encode())
sys.exit(worker.work(setup, 0, theirs))
"""


@pytest.mark.parametrize(("word", "status", "lines"), [("d", 0, 0), ("", 3, 1)])
def test_worker_that_is_to_end_before_it_serves_says_nothing(word, status, lines):
    """The master has shut the sockets down already; without its word that is an error."""
    command = [sys.executable, "-c", STOPPED_AT_THE_START, word]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=wire.PATIENCE, check=False
    )

    assert (status, lines) == (ended.returncode, ended.stderr.count("\n")), ended.stderr
    assert "program[" not in ended.stderr


def test_stop_refuses_new_connections_while_it_finishes_others(serve):
    server = serve("--processes", "2").started()
    with contextlib.closing(server.connect()) as client:
        client.request("GET", "/large")
        answer = client.getresponse()
        server.send(signal.SIGTERM)
        wire.until(lambda: server.refuses())
        assert wire.content(30_000_000) == answer.read()
    assert 0 == server.process.wait(wire.PATIENCE)


def test_reload_keeps_port_and_pid_and_downloads_and_refuses_nobody(serve):
    server = serve("--processes", "2").started()
    before = server.workers()
    stop = threading.Event()
    wrong: list[object] = []
    count = 0

    def ask() -> None:
        nonlocal count
        while not stop.is_set():
            try:
                if server.get("/")[0] != 200:
                    wrong.append("status")
            except OSError as error:
                wrong.append(error)
            count += 1

    asking = threading.Thread(target=ask)
    with contextlib.closing(server.connect()) as client:
        client.request("GET", "/large")
        answer = client.getresponse()
        asking.start()
        try:
            server.send(signal.SIGHUP)
            server.hear("; reloaded")
            wire.until(lambda: len(server.workers() & before) == 1)
        finally:
            stop.set()
            asking.join()
        assert wire.content(30_000_000) == answer.read()
    assert [] == wrong
    assert count > 10
    wire.until(lambda: not server.workers() & before and len(server.workers()) == 2)
    assert is_alive(server.pid)
    assert 200 == server.get("/")[0]
    assert 0 == server.end()[0]


def test_reloads_in_quick_succession_end_well(serve):
    server = serve().started()

    for _ in range(5):
        server.send(signal.SIGHUP)
    server.hear("; reloaded")

    wire.until(lambda: len(server.workers()) == 1)
    assert 200 == server.get("/")[0]
    assert 0 == server.end()[0]


def test_reload_with_a_broken_ini_goes_on_as_before(serve, tmp_path, site):
    ini = tmp_path / "app.ini"
    text = f"[uwsgi]\nhttp-socket = 127.0.0.1:0\ncheck-static = {site}\nstatic-index = index.html\n"
    ini.write_text(text)
    server = serve(str(ini), script="run_ini.py").started()
    before = server.workers()

    ini.write_text(text + "offload-thread = 2\n")
    server.send(signal.SIGHUP)

    wire.until(lambda: "not reloaded" in server.errors.read_text())
    assert before == server.workers()
    assert 200 == server.get("/")[0]
    ini.write_text(text + "processes = 2\n")
    server.send(signal.SIGHUP)
    server.hear("; reloaded")
    wire.until(lambda: len(server.workers()) == 2 and not before & server.workers())
    assert 0 == server.end()[0]


SCRIPT = """
import sys, uwoffload

def handler(request):
    return "%s"

sys.exit(uwoffload.serve(handler, http="127.0.0.1:0"))
"""


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("def handler(:", "script.py:1: SyntaxError: invalid syntax"),
        ("import sys\n\nimport no_such_module", "script.py:3: ModuleNotFoundError: No module"),
        ("raise SystemExit(0)", "it ended with status 0"),
        ("import sys\nsys.exit('my own words')", "my own words"),
        (SCRIPT.replace("serve(h", "serve(17, h"), "script.py:7: TypeError"),
        (SCRIPT.replace(":0", ":x"), "serve(): http: "),
        (SCRIPT.replace("ler, h", "ler, static='/nowhere', h"), "check-static = /nowhere: "),
        (SCRIPT.replace("ler, h", "ler, chdir='/nowhere', h"), "chdir = /nowhere: "),
        (SCRIPT.replace("ler, h", "ler, pidfile='/nowhere/pid', h"), "pidfile = /nowhere/pid: "),
    ],
    ids=range(9),
)
def test_reload_of_broken_code_goes_on_as_before(serve, tmp_path, broken, reason):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT % "old")
    server = serve(script=str(script)).started()
    before = server.workers()

    script.write_text(broken.replace("%s", "broken"))
    server.send(signal.SIGHUP)

    wire.until(lambda: "not reloaded" in server.errors.read_text())
    assert (200, b"old") == server.get("/")
    assert before == server.workers()
    script.write_text(SCRIPT % "new")
    server.send(signal.SIGHUP)
    wire.until(lambda: len(server.workers()) == 1 and not before & server.workers())
    assert (200, b"new") == server.get("/")
    status, errors = server.end()
    assert status == 0
    said = [line for line in errors.splitlines() if line.startswith("uwoffload: ")]
    assert len(said) == 1 and reason in said[0], errors
    assert "Traceback" not in errors


def test_reload_that_takes_too_long_to_begin_is_given_up_at_the_end(serve, tmp_path):
    """A trial that hangs does not outlive its master."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT % "old")
    server = serve(script=str(script)).started()
    worker = server.workers()

    script.write_text("import time\ntime.sleep(600)\n")
    server.send(signal.SIGHUP)
    wire.until(lambda: server.workers() > worker)
    (trial,) = server.workers() - worker
    assert (200, b"old") == server.get("/")

    assert 0 == server.end()[0]
    assert not is_alive(trial)


def test_reload_finds_relative_paths_where_the_start_found_them(serve, tmp_path, site):
    """Though the server has gone elsewhere, and the site with it."""
    ini = tmp_path / "app.ini"
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "www").mkdir(parents=True)
    (elsewhere / "www" / "index.html").write_bytes(b"elsewhere")
    ini.write_text(
        "[uwsgi]\nhttp-socket = 127.0.0.1:0\nchdir = elsewhere\ncheck-static = www\n"
        "static-index = index.html\npidfile = server.pid\nhttp-socket = server.sock\n"
    )
    server = serve("app.ini", script="run_ini.py").started()
    assert (200, b"elsewhere") == server.get("/")

    for _ in range(2):
        before = server.workers()
        server.send(signal.SIGHUP)
        wire.until(lambda old=before: len(server.workers()) == 1 and not old & server.workers())
        assert (200, b"elsewhere") == server.get("/")
        assert (tmp_path / "server.pid").read_text() == f"{server.pid}\n"
        assert (tmp_path / "server.sock").is_socket()
    status, errors = server.end()
    assert (0, False) == (status, "not reloaded" in errors)
    assert not (tmp_path / "server.pid").exists()


def test_signals_that_nobody_wants_end_nobody(serve):
    server = serve("--processes", "2").started()
    workers = server.workers()
    unwanted = [signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGVTALRM, signal.SIGIO]
    unwanted += [signal.SIGPROF, signal.SIGPWR, signal.SIGPIPE, signal.SIGWINCH]

    for number in unwanted:
        server.send(number)
    for pid in workers:
        for number in (*unwanted, signal.SIGHUP, signal.SIGINT):
            os.kill(pid, number)

    assert 200 == server.get("/")[0]
    assert workers == server.workers()
    status, errors = server.end()
    assert (0, False) == (status, "died" in errors)


def test_max_requests_replaces_a_worker_and_loses_nothing(serve):
    server = serve("--max-requests", "10", script=None).started()
    before = server.workers()

    for _ in range(10):
        assert 200 == server.get("/")[0]

    wire.until(lambda: not server.workers() & before and len(server.workers()) == 1)
    assert 200 == server.get("/")[0]
    assert 0 == server.end()[0]


def test_sigterm_to_a_worker_replaces_it(serve):
    server = serve().started()
    (before,) = server.workers()

    os.kill(before, signal.SIGTERM)

    wire.until(lambda: before not in server.workers() and len(server.workers()) == 1)
    status, errors = server.end()
    assert 0 == status
    assert "died" not in errors


def test_log_file_is_opened_again_on_reload(serve, tmp_path):
    log = tmp_path / "log"
    server = serve("--logto", str(log)).started()
    server.get("/first")
    wire.until(lambda: "/first" in log.read_text())
    before = server.workers()

    log.rename(tmp_path / "log.1")
    server.send(signal.SIGHUP)
    wire.until(lambda: log.exists() and "; reloaded" in log.read_text())
    wire.until(lambda: not server.workers() & before)
    server.get("/second")

    wire.until(lambda: "/second" in log.read_text())
    assert (0, "") == server.end()


def test_pidfile_is_there_while_the_master_is(serve, tmp_path):
    path = tmp_path / "pid"
    server = serve("--pidfile", str(path)).started()

    assert path.read_text() == f"{server.pid}\n"
    server.end()
    assert not path.exists()


def test_path_of_a_socket_that_died_is_taken_over(serve, tmp_path):
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = serve("--http-socket", str(path), "--vacuum").started()

    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert wire.read_to_end(client).endswith(b"<h1>index</h1>")
    server.end()
    assert not path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_another_user_is_become_after_the_sockets_are_bound(serve, tmp_path):
    server = serve("--uid=65534", "--gid=65534", "--chdir=/", script="application.py").started()

    assert (200, b"65534 65534 /") == server.get("/environment")
    for pid in (server.pid, *server.workers()):
        status = Path(f"/proc/{pid}/status").read_text()
        assert "Uid:\t65534\t65534\t65534\t65534\n" in status
    assert 0 == server.end()[0]


def test_arguments_of_a_script_hold_instead_of_what_its_ini_says(serve, tmp_path):
    """As on a command line."""
    ini = tmp_path / "app.ini"
    ini.write_text("[uwsgi]\nhttp-socket = 127.0.0.1:0\nprocesses = 3\noffload-threads = 3\n")
    script = tmp_path / "script.py"
    script.write_text("import uwoffload\nuwoffload.serve(ini='app.ini', processes=2)\n")
    server = serve(script=str(script)).started()

    assert "2 workers, 3 offload threads each" in server.said
    assert len(server.workers()) == 2
    assert 0 == server.end()[0]


# ---- Python ----


def test_handler_that_kills_its_worker_is_started_again_then_with_delay(serve):
    server = serve(script="application.py").started()

    for _ in range(3):
        with contextlib.suppress(OSError, http.client.HTTPException):
            server.get("/die")

    wire.until(lambda: "keeps dying; the next one starts in 1 s" in server.errors.read_text())
    assert 200 == server.get("/")[0], "asked for in time, answered by the next worker"
    assert 0 == server.end()[0]


def test_handler_that_raises_gets_a_traceback_and_the_worker_goes_on(serve):
    server = serve(script="application.py").started()
    worker = server.get("/")[1]

    assert 500 == server.get("/boom")[0]

    assert (200, worker) == server.get("/")
    status, errors = server.end()
    assert 0 == status
    assert "RuntimeError: as asked" in errors


def test_no_request_waits_while_a_worker_is_idle(serve):
    """Slow handlers on keep-alive connections of one worker are taken over by the others."""
    server = serve("--processes=4", script="application.py").started()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(contextlib.closing(server.connect())) for _ in range(4)]
        for client in clients:
            client.request("GET", "/slow?1.5")
        pids = {client.getresponse().read() for client in clients}
    assert len(pids) == 4
    assert 0 == server.end()[0]


def test_slow_handler_is_finished_before_the_end(serve):
    server = serve(script="application.py").started()
    with contextlib.closing(server.connect()) as client:
        client.request("GET", "/slow?1")
        server.hear("at work")
        server.send(signal.SIGTERM)
        assert 200 == client.getresponse().status
    assert 0 == server.process.wait(wire.PATIENCE)


def test_stuck_handler_is_left_behind_at_the_deadline(serve):
    server = serve("--worker-reload-mercy=0.2", script="application.py").started()
    with contextlib.closing(server.connect()) as client:
        client.request("GET", "/slow?60")
        status, _ = server.end()
        assert 0 == status


# ---- what comes with the source ----


def test_example_of_a_handler_does_what_it_says(serve, tmp_path):
    server = serve("0", script=str(EXAMPLES / "handler.py")).started()

    assert (200, b"<p>Hello, 127.0.0.1:") == (server.get("/")[0], server.get("/")[1][:20])
    assert (EXAMPLES / "handler.py").read_bytes() == server.get("/source")[1]
    table = server.get("/squares.csv")[1].splitlines()
    assert (1_000_001, b"999999,999998000001") == (len(table), table[-1])
    with contextlib.closing(server.connect()) as client:
        client.request("PUT", "/upload", wire.content(1_000_000))
        assert b"1000000 bytes stored\n" == client.getresponse().read()
    assert wire.content(1_000_000) == (tmp_path / "upload").read_bytes()
    assert 404 == server.get("/none")[0]
    assert 0 == server.end()[0]


def test_example_site_is_complete(serve, tmp_path):
    place = tmp_path / "made"
    maker = [sys.executable, str(EXAMPLES / "make_site.py"), str(place)]
    subprocess.run(maker, check=True, timeout=60)
    ini = tmp_path / "site.ini"
    ini.write_text(f"[uwsgi]\nhttp-socket = 127.0.0.1:0\ncheck-static = {place}\n")
    server = serve(str(ini), script="run_ini.py").started()

    for name in ("index.html", "limits.html"):
        status, page = server.get(f"/{name}")
        assert 200 == status
        for target in re.findall(rb'(?:href|src)="([^"]+)"', page):
            if target != b"./":
                assert 200 == server.get("/" + target.decode())[0], target
    assert (1 << 20) == len(server.get("/large-1m.bin")[1])
    assert 0 == server.end()[0]


def test_first_ini_is_the_one_of_the_documentation():
    assert (EXAMPLES / "first.ini").read_text() == (
        "[uwsgi]\nsocket = :3031\ncheck-static = /var/www\noffload-threads = 4\n"
    )


def test_script_that_cannot_start_ends_with_one_line(tmp_path, serve):
    server = serve(f"--check-static={tmp_path / 'none'}", script="application.py")

    out, _ = server.process.communicate(timeout=wire.PATIENCE)

    assert (1, b"") == (server.process.returncode, out)
    errors = server.errors.read_text()
    assert errors.startswith(f"uwoffload: check-static = {tmp_path / 'none'}: No such file")
    assert errors.count("\n") == 1


def test_few_descriptors_make_fewer_connections_and_that_is_said(serve):
    """It starts all the same, and lets in as many as it can hold."""
    server = serve("--max-fd", "256").started()

    with contextlib.ExitStack() as stack:
        for _ in range(300):  # idle ones make room
            client = stack.enter_context(contextlib.closing(server.connect()))
            client.request("GET", "/")
            assert 200 == client.getresponse().status
    status, errors = server.end()
    assert status == 0
    said = [line for line in errors.splitlines() if line.startswith("uwoffload: ")]
    assert len(said) == 1
    assert said[0].startswith("uwoffload: max-connections = 10000 needs ")
    assert said[0].endswith("; to have more, allow more by max-fd")
