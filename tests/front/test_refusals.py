"""Servers that cannot start: one line that names thing, reason and remedy; 1, or 2 for usage."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from . import docroot, servers
from .client import connect

pytestmark = pytest.mark.slow


def start(folder, *words: str, **more) -> tuple[int, str]:
    """Exit status and what was said, of a start that must fail."""
    done = subprocess.run(
        [*servers.COMMAND, *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=servers.STOP_SECONDS,
        check=False,
        **more,
    )
    return done.returncode, done.stdout


def refused(folder, *words: str, status: int = 1, **more) -> str:
    """The one line; `status` 2 for what is wrong on the command line itself."""
    code, said = start(folder, *words, **more)
    assert code == status, said
    assert "Traceback" not in said
    lines = said.strip().splitlines()
    assert len(lines) == 1, said
    assert len(lines[0]) < 400
    return lines[0]


@pytest.fixture
def folder(tmp_path):
    docroot.write(tmp_path / "www" / "hello.txt", b"hello\n")
    return tmp_path


HTTP = ["--http-socket", "127.0.0.1:0"]
STATIC = ["--check-static", "www"]


def test_port_in_use(folder):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        for words in (
            ["serve", "www", "--port", str(port)],
            ["run", "--http-socket", f"127.0.0.1:{port}", *STATIC],
            ["run", "--socket", f"127.0.0.1:{port}", *STATIC],
        ):
            line = refused(folder, *words)
            assert str(port) in line and "in use" in line


def test_unix_socket_in_use(folder):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "a.sock"))
        listener.listen()
        line = refused(folder, "run", "--http-socket", str(folder / "a.sock"), *STATIC)
    assert "a.sock" in line and "in use" in line


def test_file_in_the_place_of_a_socket_is_not_removed(folder):
    (folder / "precious").write_text("data")

    line = refused(folder, "run", "--http-socket", str(folder / "precious"), *STATIC)

    assert "precious" in line
    assert (folder / "precious").read_text() == "data"


@pytest.mark.parametrize("address", ["127.0.0.1:99999", "127.0.0.1:", "127.0.0.1:x", "[::1:80"])
def test_address_that_is_none(folder, address):
    line = refused(folder, "run", "--http-socket", address, *STATIC, status=2)
    assert address in line

    (folder / "app.ini").write_text(f"[uwsgi]\ncheck-static = www\nhttp-socket = {address}\n")
    line = refused(folder, "run", "app.ini")
    assert "app.ini:3" in line and address in line


@pytest.mark.parametrize("address", ["300.0.0.1:80", "192.0.2.1:8000"])
def test_address_of_another_machine(folder, address):
    assert address in refused(folder, "run", "--http-socket", address, *STATIC)


def test_missing_docroot(folder):
    for words in (["serve", "nothing", "--port", "0"], ["run", *HTTP, "--check-static", "nothing"]):
        line = refused(folder, *words)
        assert "nothing" in line


def test_docroot_that_is_a_file(folder):
    assert "hello.txt" in refused(folder, "serve", "www/hello.txt", "--port", "0")


def test_missing_ini(folder):
    assert "none.ini" in refused(folder, "run", "none.ini")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("offload-thread = 4", ["app.ini:3", "offload-thread", "did you mean", "offload-threads"]),
        ("chek-static = /tmp", ["app.ini:3", "chek-static", "check-static"]),
        ("processes = many", ["app.ini:3", "processes", "many"]),
        ("processes = -1", ["app.ini:3", "processes"]),
        ("processes = 0", ["app.ini:3", "processes"]),
        ("socket-timeout = x", ["app.ini:3", "socket-timeout"]),
        ("static-map = nonsense", ["app.ini:3", "static-map"]),
        ("static-map = /x=/no/such/place", ["/no/such/place"]),
        ("umask = 999", ["app.ini:3", "umask"]),
        ("[broken", ["app.ini:3"]),
    ],
)
def test_bad_line_of_an_ini(folder, line, words):
    (folder / "app.ini").write_text(f"[uwsgi]\nhttp-socket = 127.0.0.1:0\n{line}\n")

    said = refused(folder, "run", "app.ini")

    for word in words:
        assert word in said


def test_option_of_uwsgi_that_is_not_supported_is_one_warning_and_strict_an_error(folder):
    port = servers.free_port()
    text = f"[uwsgi]\nhttp-socket = 127.0.0.1:{port}\ncheck-static = www\nharakiri = 30\n"
    (folder / "app.ini").write_text(text)
    address = ("127.0.0.1", port)

    with servers.running(folder, command=["run", "app.ini"], ready=[address]) as server:
        server.wait_until_announced()
        assert [("harakiri" in line) for line in server.text().splitlines()].count(True) == 1
        with connect(address) as connection:
            assert connection.get("/hello.txt").status == 200

    (folder / "app.ini").write_text(text + "strict = true\n")
    assert "harakiri" in refused(folder, "run", "app.ini")


def test_key_used_as_a_variable_is_no_error(folder):
    port = servers.free_port()
    (folder / "app.ini").write_text(
        f"[uwsgi]\nmy-port = {port}\nbase = %d\nhttp-socket = 127.0.0.1:%(my-port)\n"
        "check-static = %(base)www\n; a comment\n# another\n"
    )

    with servers.running(folder, command=["run", "app.ini"], ready=[("127.0.0.1", port)]) as server:
        server.wait_until_announced()
        with connect(("127.0.0.1", port)) as connection:
            assert connection.get("/hello.txt").body == b"hello\n"


def test_too_few_descriptors_allowed(folder):
    line = refused(folder, "run", *HTTP, *STATIC, "--max-fd", "1000000000")

    assert "max-fd" in line and "1000000000" in line


def test_nothing_to_listen_on(folder):
    assert "listen" in refused(folder, "run", *STATIC, status=2)


def test_application_that_is_needed_and_not_there(folder):
    assert "need-app" in refused(folder, "run", *HTTP, *STATIC, "--need-app")


def test_unknown_user(folder):
    assert "no-such-user" in refused(folder, "run", *HTTP, *STATIC, "--uid", "no-such-user")
    assert "no-such-group" in refused(folder, "run", *HTTP, *STATIC, "--gid", "no-such-group")


def without_root() -> dict[str, int]:
    return {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}


@pytest.fixture
def as_nobody(public_folder):
    """How to start as a user who is nobody."""
    more = without_root()
    try:
        subprocess.run([*servers.COMMAND, "--version"], capture_output=True, check=True, **more)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("nobody cannot read this Python, or this package")
    (public_folder / "www").mkdir()
    return more


def test_uid_without_permission(public_folder, as_nobody):
    line = refused(public_folder, "run", *HTTP, *STATIC, "--uid", "0", **as_nobody)

    assert "uid" in line


def test_port_without_permission(public_folder, as_nobody):
    allowed = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if allowed <= 1:
        pytest.skip("every port is allowed here")

    line = refused(public_folder, "run", "--http-socket", "127.0.0.1:1", *STATIC, **as_nobody)

    assert ":1" in line and "permission" in line.lower()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_becomes_who_was_asked_for(serve, public_folder):
    docroot.write(public_folder / "hello.txt", b"hello\n")
    site = serve(public_folder, uid="65534", gid="65534")

    for pid in site.server.tree():
        status = Path(f"/proc/{pid}/status").read_text()
        assert "Uid:\t65534\t65534\t65534\t65534" in status
        assert "Gid:\t65534\t65534\t65534\t65534" in status
    assert site.get("/hello.txt").body == b"hello\n"


@pytest.mark.parametrize(
    "words",
    [["serve"], ["nonsense"], ["--nonsense"], ["serve", "www", "more"]],
)
def test_wrong_usage_is_status_2(folder, words):
    code, said = start(folder, *words)

    assert code == 2 or (code == 1 and "more" in said), said
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [["run", "--processes", "x"], ["run", "--no-such-option", "1"]])
def test_wrong_option_of_the_command_line_is_named(folder, words):
    code, said = start(folder, *words)

    assert code in (1, 2)
    assert words[1].lstrip("-") in said
    assert len(said.strip().splitlines()) == 1


def test_help_fits_a_screen(folder):
    for words in (["serve", "--help"], ["run", "--help"], ["--help"]):
        code, said = start(folder, *words, env=os.environ | {"COLUMNS": "100"})
        assert code == 0
        assert len(said.splitlines()) <= 40


def test_serve_answers_at_once(folder):
    """The quick start: one command, a directory, a port."""
    port = servers.free_port()
    address = ("127.0.0.1", port)

    with servers.running(
        folder, command=["serve", "www", "--port", str(port)], ready=[address]
    ) as server:
        server.wait_until_announced()
        assert f"http://127.0.0.1:{port}/" in server.text()
        assert len(server.text().splitlines()) <= 6
        with connect(address) as connection:
            assert connection.get("/hello.txt").body == b"hello\n"


def test_port_0_is_a_port_of_the_systems_choice(folder):
    with servers.running(folder, command=["serve", "www", "--port", "0"]) as server:
        server.wait_until_announced()
        port = int(server.text().partition("http://127.0.0.1:")[2].partition("/")[0])
        with connect(("127.0.0.1", port)) as connection:
            assert connection.get("/hello.txt").body == b"hello\n"


def test_options_on_the_command_line_do_what_the_ini_does(folder):
    port = servers.free_port()
    words = ["run", f"--http-socket=127.0.0.1:{port}", *STATIC, "--processes", "2", "-L"]

    with servers.running(folder, command=words, ready=[("127.0.0.1", port)]) as server:
        server.wait_until_announced()
        assert len(server.workers()) == 2


def test_worker_that_cannot_start_ends_the_server(folder):
    """Not a respawn storm."""
    code, said = start(folder, "run", *HTTP, *STATIC, "--max-fd", "64", "--offload-threads", "64")

    assert code == 1
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) <= 3


def test_python_script_says_its_errors_in_one_line(folder):
    code = "import uwoffload, sys; sys.exit(uwoffload.serve(None, http='127.0.0.1:x'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "127.0.0.1:x" in done.stderr.strip().splitlines()[-1]
