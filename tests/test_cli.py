"""The command line: what it prints and how it ends."""

import re
import subprocess
import sys

import pytest
import wire

import uwoffload
from uwoffload import Engine, Send, Statistics, cli


@pytest.fixture
def command(capsys):
    """Run the command in this process; gives its status, output and errors."""

    def run(*arguments):
        try:
            status = cli.main(arguments)
        except SystemExit as end:
            status = end.code
        return status, *capsys.readouterr()

    return run


def test_version(command):
    assert (0, f"uwoffload {uwoffload.__version__}\n", "") == command("--version")


def test_flags_for_c_hosts(command):
    assert (0, f"{uwoffload.get_cflags()}\n", "") == command("--cflags")
    both = f"{uwoffload.get_cflags()} {uwoffload.get_libs()}\n"
    assert (0, both, "") == command("--cflags", "--libs")


def test_without_a_command_the_help_is_printed(command):
    status, output, _ = command()

    assert status == 2
    for name in ("bench", "demo", "stats"):
        assert name in output


def test_python_m_is_the_same_command():
    ended = subprocess.run(
        [sys.executable, "-m", "uwoffload", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (0, f"uwoffload {uwoffload.__version__}\n") == (ended.returncode, ended.stdout)


def test_stats_prints_a_row_per_figure(command, tmp_path, tcp):
    path = tmp_path / "figures"
    with Engine(threads=2, stats=path) as engine:
        engine.submit(tcp.server, [Send(b"x" * 123)]).wait(wire.PATIENCE)

    status, output, _ = command("stats", str(path))

    assert status == 0
    with Statistics.open(path) as statistics:
        assert all(re.search(rf"^{name} ", output, re.MULTILINE) for name in statistics.fields)
    assert re.search(r"^bytes_acked +123 .* 123$|^bytes_acked .* 123 +123$", output, re.MULTILINE)


@pytest.mark.parametrize("name", ["absent", "wrong"])
def test_stats_of_what_is_no_block_is_one_line(command, tmp_path, name):
    (tmp_path / "wrong").write_bytes(b"x" * 1000)

    status, output, errors = command("stats", str(tmp_path / name))

    assert (1, "") == (status, output)
    assert errors.startswith("uwoffload: ")
    assert errors.count("\n") == 1


@pytest.mark.slow
def test_demo_shows_the_difference(tmp_path):
    """In a process of its own: it raises the limit of descriptors, and forks."""
    ended = subprocess.run(
        [sys.executable, "-m", "uwoffload", "demo", "--readers", "30"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    rows = [re.split(r" {2,}", line) for line in ended.stdout.splitlines()[-4:]]
    assert [("blocking", "5"), ("blocking", "30"), ("engine", "5"), ("engine", "30")] == [
        tuple(row[:2]) for row in rows
    ]
    assert [">4.00 s", ">4.00 s"] == [row[2] for row in rows[:2]]
    assert all(row[2].endswith(" ms") for row in rows[2:])
    assert ["1", "1", "5", "30"] == [row[3] for row in rows]
    assert all(row[5] == "yes" for row in rows)


@pytest.mark.slow
def test_bench_prints_a_table(command):
    status, output, _ = command("bench")

    assert status == 0
    assert len(output.splitlines()) == 5
