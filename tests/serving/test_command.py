"""The commands that serve: help, and what is said when a server cannot start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import wire

from uwoffload import cli
from uwoffload.config.settings import TABLE

pytestmark = pytest.mark.slow


def run(*words: str, **options) -> tuple[int, str, str]:
    """The command in a process of its own; it must end by itself."""
    ended = subprocess.run(
        [sys.executable, "-m", "uwoffload", *words],
        capture_output=True,
        text=True,
        timeout=3 * wire.PATIENCE,
        check=False,
        **options,
    )
    return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture
def site(tmp_path):
    place = tmp_path / "site"
    place.mkdir()
    return str(place)


@pytest.mark.parametrize("command", ["serve", "run", "options"])
def test_help_fits_a_screen(capsys, command):
    with pytest.raises(SystemExit) as end:
        cli.main([command, "--help"])

    assert not end.value.code
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 80


def test_options_has_every_option(capsys):
    assert 0 == cli.main(["options"])

    printed = capsys.readouterr().out
    for row in TABLE:
        assert f"--{row.name}" in printed


def test_options_can_be_searched(capsys):
    assert 0 == cli.main(["options", "timeout"])

    printed = capsys.readouterr().out
    assert "--head-timeout" in printed
    assert "--processes" not in printed


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("harakiri", "harakiri: not supported: a request may run in Python for as long"),
        ("thunder-lock", "thunder-lock: accepted: not needed"),
    ],
)
def test_options_says_what_became_of_one_of_uwsgi(capsys, word, said):
    assert 0 == cli.main(["options", word])

    assert capsys.readouterr().out.startswith(said)


def test_options_says_that_nothing_has_it(capsys):
    assert 1 == cli.main(["options", "frobnicate"])

    assert ("", "uwoffload: no option has frobnicate\n") == capsys.readouterr()


def test_figures_of_a_file_that_is_missing(capsys):
    assert 1 == cli.main(["stats", "/nowhere/at/all"])

    assert capsys.readouterr().err == "uwoffload: /nowhere/at/all: No such file or directory\n"


def test_port_in_use(site):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, out, errors = run("serve", site, "--port", str(port))

    assert (1, "") == (status, out)
    assert errors == (
        f"uwoffload: http-socket = 127.0.0.1:{port}: the address is in use; "
        "stop who listens there, or choose another\n"
    )


def test_missing_docroot(tmp_path):
    place = tmp_path / "none"

    status, out, errors = run("serve", str(place), "--port", "0")

    assert (1, "") == (status, out)
    assert errors.startswith(f"uwoffload: check-static = {place}: No such file or directory; ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("option", ["serve", "check-static"])
def test_docroot_that_is_a_file(tmp_path, option):
    (tmp_path / "file").write_bytes(b"")
    words = ["serve", "file", "--port", "0"]
    if option == "check-static":
        words = ["run", "--http-socket", "127.0.0.1:0", "--check-static", "file"]

    status, out, errors = run(*words, cwd=tmp_path)

    assert (1, "") == (status, out)
    assert (
        errors
        == {
            "serve": "uwoffload: file: not a directory; name a directory to serve\n",
            "check-static": f"uwoffload: check-static = {tmp_path}/file: not a directory; "
            "name a directory, or give a file a static-map\n",
        }[option]
    )


@pytest.mark.parametrize(
    "words",
    [
        ("DIR", "--port", "0", "--max-requests", "10", "--need-app"),
        ("--port", "0", "--max-requests", "10", "--need-app", "DIR"),
        ("--port=0", "--need-app", "DIR", "--max-requests", "10"),
        ("-R", "10", "DIR", "--need-app", "--port", "0"),
        ("-L", "DIR", "-p2", "--need-app"),
    ],
    ids=" ".join,
)
def test_directory_may_stand_anywhere_among_the_options(site, words):
    """Which word is the value of an option is known from the table."""
    status, _, errors = run("serve", *(site if word == "DIR" else word for word in words))

    assert (1, "uwoffload: need-app") == (status, errors[:19])


def test_ini_may_stand_behind_options(tmp_path, site):
    ini = tmp_path / "app.ini"
    ini.write_text(f"[uwsgi]\nhttp-socket = 127.0.0.1:0\ncheck-static = {site}\nneed-app\n")

    status, _, errors = run("run", "--processes", "2", "-L", str(ini))

    assert (1, "uwoffload: need-app") == (status, errors[:19])


def test_bad_line_of_an_ini(tmp_path):
    ini = tmp_path / "app.ini"
    ini.write_text("[uwsgi]\nhttp-socket = :0\noffload-thread = 4\n")

    status, out, errors = run("run", "app.ini", cwd=tmp_path)

    assert (1, "") == (status, out)
    assert errors == (
        'uwoffload: app.ini:3: unknown option "offload-thread": did you mean "offload-threads"?\n'
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--http-sockt", ":0"), 'did you mean "http-socket"?'),
        (("run", "--processes", "many", "--http-socket", ":0"), '"many" is no whole number'),
        (("run",), "nowhere to listen"),
        (("serve",), "DIR"),
        (("serve", ".", "more"), "more"),
        (("run", "one.ini", "--strict", "two.ini"), '"two.ini" belongs to no option'),
        (("serve", ".", "--port", "x"), 'port: "x" is no port; allowed: 0 to 65535'),
        (("serve", ".", "--port", "70000"), 'port: "70000" is no port'),
        (("nonsense",), "nonsense"),
    ],
    ids=str,
)
def test_wrong_usage_exits_with_2(words, said):
    status, out, errors = run(*words)

    assert (2, "") == (status, out)
    assert said in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--need-app",), "need-app: there is no application; "),
        (("--uid", "no-such-user"), "uid = no-such-user: there is no such user; "),
        (("--gid", "no-such-group"), "gid = no-such-group: there is no such group; "),
        (("--pidfile", "/nowhere/pid"), "pidfile = /nowhere/pid: No such file or directory; "),
        (("--logto", "/nowhere/log"), "logto = /nowhere/log: No such file or directory; "),
        (("--chdir", "/nowhere"), "chdir = /nowhere: No such file or directory; "),
        (("--mime-file", "/nowhere"), "mime-file = /nowhere: No such file or directory; "),
        (("--static-map", "/x=/nowhere"), "static-map = /x=/nowhere: No such file or directory; "),
        (("--max-fd", str(1 << 30)), f"max-fd = {1 << 30}: this system allows "),
    ],
    ids=str,
)
def test_what_keeps_it_from_starting_is_one_line(site, words, said):
    status, out, errors = run("serve", site, "--port", "0", *words)

    assert (1, "") == (status, out)
    assert errors.startswith(f"uwoffload: {said}")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--max-connections", "5000"), "max-connections = 5000: needs "),
        (("--offload-threads", "64"), "offload-threads = 64: needs "),
    ],
)
def test_too_few_descriptors_for_what_was_asked_for(site, words, said):
    status, out, errors = run("serve", site, "--port", "0", "--max-fd", "400", *words)

    assert (1, "") == (status, out)
    assert errors.startswith(f"uwoffload: {said}")
    assert "400 are allowed; allow more by max-fd" in errors
    assert errors.count("\n") == 1


def test_missing_docroot_of_an_ini_is_placed_there(tmp_path):
    (tmp_path / "app.ini").write_text("[uwsgi]\nhttp-socket = 127.0.0.1:0\ncheck-static = none\n")

    status, out, errors = run("run", "app.ini", cwd=tmp_path)

    assert (1, "") == (status, out)
    assert errors.startswith(f"uwoffload: app.ini:3: check-static = {tmp_path}/none: No such file")


@pytest.mark.skipif(os.geteuid() != 0, reason="root becomes somebody else")
@pytest.mark.parametrize("mapped", [False, True])
def test_docroot_that_the_later_user_may_not_read(mapped):
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        site = Path(place) / "site"
        site.mkdir(0o700)
        words = ["--check-static", str(site)]
        if mapped:
            (Path(place) / "file").touch(0o600)
            words = ["--static-map", f"/x={place}/file"]

        status, out, errors = run("run", "--http-socket", "127.0.0.1:0", "--uid=65534", *words)

    assert (1, "") == (status, out)
    assert errors.startswith(f"uwoffload: {' = '.join(words).removeprefix('--')}: user 65534 may ")
    assert errors.count("\n") == 1


SERVE = "import uwoffload, sys; sys.exit(uwoffload.serve({}))"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("procesess=2", 'serve(): unknown option "procesess": did you mean "processes"?'),
        ("http=':x'", 'serve(): http: ":x" is no address; '),
        ("processes=0", "serve(): processes: 0 is too small; "),
    ],
)
def test_wrong_argument_of_serve_is_named(arguments, said):
    ended = subprocess.run(
        [sys.executable, "-c", SERVE.format(arguments)],
        capture_output=True,
        text=True,
        timeout=3 * wire.PATIENCE,
        check=False,
    )

    assert (1, "") == (ended.returncode, ended.stdout)
    assert ended.stderr.startswith(f"uwoffload: {said}")
    assert ended.stderr.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may become anybody")
def test_another_user_without_permission(site):
    status, _, errors = run("serve", site, "--port", "0", "--uid", "0")

    assert status == 1
    assert (
        errors == "uwoffload: uid = 0: Operation not permitted; start as root, or leave uid out\n"
    )
