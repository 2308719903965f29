"""`uwoffload lab` as people type it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import wire

from uwoffload.cli import main

pytestmark = pytest.mark.slow

pytest.importorskip("numpy")  # its threads begin here, not within a test

COMMANDS = ("run", "compare", "sweep", "tune", "loads")
SHORT = ("--horizon", "120", "--jobs", "1")
LOG = (
    '127.0.0.1 - - [01/Jul/2026:00:{minute:02}:{second:02} +0000] "GET / HTTP/1.1" 200 5 "-" "-" '
    "{time}\n"
)


def lab(*arguments: str) -> SimpleNamespace:
    """In this process."""
    out, complaints = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(complaints):
        try:
            status = main(["lab", *arguments])
        except SystemExit as ended:
            status = ended.code
    return SimpleNamespace(status=status, out=out.getvalue(), complaints=complaints.getvalue())


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "access.log"
    lines = [
        LOG.format(minute=number // 600, second=number // 10 % 60, time=150_000 + number % 7)
        for number in range(6000)
    ]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def complaint(found: SimpleNamespace) -> str:
    """The one line that was said."""
    assert found.complaints.count("\n") == 1, found.complaints
    assert "Traceback" not in found.complaints
    return found.complaints


# ---- help ----


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_screen(command):
    """
    With every default and unit, at 80 columns.
    """
    found = lab(command, "--help")

    assert found.status == 0
    lines = found.out.splitlines()
    assert len(lines) <= 42
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("command", ["run", "compare", "sweep", "tune"])
def test_help_tells_defaults_and_units(command):
    """
    Of the pool and of the load.
    """
    words = lab(command, "--help").out
    for said in ("default: 16", "seconds between two checks", "default: 3600", "--wait-target MS",
                 "workers' worth", "--dask ADDRESS", "uwsgi-2.1/backlog"):  # fmt: skip
        assert said in " ".join(words.split())


@pytest.mark.parametrize("command", ["run", "compare", "sweep", "tune"])
def test_help_says_what_an_option_does(command):
    """
    Also for a trace, and in words that stand by themselves.
    """
    words = " ".join(lab(command, "--help").out.split())

    assert "--seeds N runs, or parts" in words
    assert "--queues KIND shared or per-worker; default: shared" in words
    assert "--no-bounds leave cost / bound empty" in words


def test_without_a_command_the_commands_are_listed():
    """
    And the status is that of a mistake.
    """
    found = lab()

    assert found.status == 2
    assert all(command in found.out for command in COMMANDS)


def test_the_catalogue_is_listed():
    """
    Names, kinds, what they show, and the keys that they take.
    """
    found = lab("loads")

    assert found.status == 0
    for words in ("daily-wave-crowd", "constant", "varies", "mean_load", "pareto"):
        assert words in found.out


# ---- run ----


def test_a_run_shows_a_table_and_charts():
    """
    One line per rule; a chart for each.
    """
    found = lab("run", "spare", "static:6", "--load", "step:law=exponential", *SHORT)

    assert (found.status, found.complaints) == (0, "")
    for words in ("load step", "spare", "static:6", "/ work", "Cost / bound", "spare on step"):
        assert words in found.out
    assert found.out.count("longest queue ") == 3


def test_a_run_without_rules_tries_each_algorithm():
    """
    Those that decide by themselves.
    """
    found = lab("run", "--no-chart", *SHORT)

    for rule in ("spare ", "spare2", "backlog", "busyness", "target"):
        assert f"\n{rule}" in found.out
    assert "on steady" not in found.out


def test_json_lines_have_everything(tmp_path):
    """
    A line per rule, to a file or to the terminal.
    """
    path = tmp_path / "lines.json"
    to_file = lab("run", "spare", "target", "--json", str(path), "--no-chart", *SHORT)
    to_terminal = lab("run", "spare", "target", "--json", "-", *SHORT)

    assert "worker-s" in to_file.out
    assert to_terminal.out == path.read_text(encoding="utf-8")
    for text in to_terminal.out.splitlines():
        record = json.loads(text)
        assert {"rule", "load", "seed", "worker_seconds", "over_share", "ratio_work",
                "ratio_static_pool", "wait_p999_us", "flaps"} <= record.keys()  # fmt: skip


def test_a_report_is_written(tmp_path):
    """
    With the command to run it again.
    """
    pytest.importorskip("matplotlib")
    path = tmp_path / "report.html"
    arguments = ("run", "spare", "--html", str(path), "--no-chart", *SHORT)

    found = subprocess.run(  # matplotlib keeps its fonts open
        [sys.executable, "-m", "uwoffload", "lab", *arguments],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert (found.returncode, found.stderr) == (0, "")
    assert "uwoffload lab run spare --html" in path.read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_trace_is_replayed(trace):
    """
    What was guessed is said; the load is named after the file.
    """
    found = lab("run", "spare", "--trace", str(trace), "--no-chart", "--jobs", "1")

    assert found.status == 0
    assert "load access.log" in found.out
    assert f"uwoffload: {trace}: " in found.complaints
    assert "150003" in found.complaints or "us" in found.complaints


def test_lines_that_do_not_parse_are_told_or_stop(trace):
    """
    Counted and shown; with --strict the first is the end.
    """
    with trace.open("a", encoding="utf-8") as file:
        file.write("this is no line of a log\n")
    arguments = ("run", "spare", "--trace", str(trace), "--trace-as", "format=common",
                 "--no-chart", "--jobs", "1")  # fmt: skip

    lenient, strict = lab(*arguments), lab(*arguments, "--strict")

    assert lenient.status == 0
    assert "1 line does not parse" in lenient.complaints
    assert "this is no line" in lenient.complaints
    assert strict.status == 1
    assert "this is no line" in complaint(strict)


def test_a_trace_at_another_load(trace):
    """
    --mean-load stretches the requests.
    """
    arguments = ("run", "spare", "--trace", str(trace), "--json", "-", "--jobs", "1")
    plain, heavier = (
        json.loads(lab(*more).out) for more in (arguments, (*arguments, "--mean-load", "6"))
    )

    assert plain["requests"] == heavier["requests"] == 6000
    assert heavier["work_seconds"] / heavier["horizon_seconds"] == pytest.approx(6, rel=0.01)


# ---- compare ----


def test_a_comparison_tells_differences_with_intervals(tmp_path):
    """
    Beside the rule asked for; the summary ends the JSON lines.
    """
    path = tmp_path / "lines.json"
    found = lab(
        "compare", "spare", "static:8", "--against", "static:8", "--load", "steady", "--load",
        "square", "--seeds", "3", "--json", str(path), *SHORT,
    )  # fmt: skip

    assert (found.status, found.complaints) == (0, "")
    assert "Beside static:8" in found.out
    assert found.out.count("\nspare") == 2
    lines = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 2 * 2 * 3 + 4
    assert sum("summary" in one for one in lines) == 4
    assert any("over_share_less_low" in one for one in lines)


# ---- sweep ----


def test_a_sweep_shows_the_front_and_goes_on(tmp_path):
    """
    Knobs that only some of the rules have are swept in those.
    """
    path = tmp_path / "lines.json"
    arguments = (
        "sweep", "spare", "busyness", "--grid", "busy_max=40..80/20", "--grid", "workers_min=2,4",
        "--seeds", "1", "--json", str(path), *SHORT,
    )  # fmt: skip
    found = lab(*arguments)
    written = path.read_text(encoding="utf-8")
    path.write_text(written[: len(written) // 2], encoding="utf-8")
    again = lab(*arguments, "--resume")

    assert (found.status, found.complaints) == (0, "")
    assert written.count("\n") == 2 + 6
    assert path.read_text(encoding="utf-8") == written
    assert again.out == found.out
    assert "of 8 settings that no other beats" in found.out


def test_settings_that_are_not_sound_are_told_of():
    """
    How many, and of which.
    """
    found = lab("sweep", "busyness", "--grid", "busy_max=20,60", "--seeds", "1", *SHORT)

    assert found.status == 0
    assert "1 of 2 settings are not sound" in complaint(found)


# ---- tune ----


def test_knobs_are_found_within_the_budget(tmp_path):
    """
    As ini lines and as Python, with what they do on the part that was not searched.
    """
    path = tmp_path / "lines.json"
    found = lab(
        "tune", "spare", "--load", "square", "--over", "30%", "--candidates", "4", "--seeds", "4",
        "--json", str(path), *SHORT,
    )  # fmt: skip

    assert (found.status, found.complaints) == (0, "")
    for words in ("Budget: at most 30", "cheaper-algo = spare", "Scaler(AlgoSpare(", "Checked on"):
        assert words in found.out
    lines = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    assert "chosen" in lines[-1]
    assert all(one["held_as"] >= one["over_share"] for one in lines if "tried" in one)
    assert {one["seed"] for one in lines if "seed" in one} == {1, 3}


def written(folder: Path, counts: list[int]) -> Path:
    """A log with so many requests in each minute."""
    path = folder / "minutes.log"
    stamps = [
        (minute, 60 * index // count) for minute, count in enumerate(counts)
        for index in range(count)
    ]  # fmt: skip
    path.write_text(
        "".join(LOG.format(minute=one, second=two, time=300_000) for one, two in stamps),
        encoding="utf-8",
    )
    return path


def tune_log(path: Path, *arguments: str) -> SimpleNamespace:
    """In few steps; words are what was printed, in one line."""
    found = lab("tune", "target", "--trace", str(path), "--candidates", "4", "--jobs", "1",
                "--no-bounds", *arguments)  # fmt: skip
    assert found.status == 0, found.complaints
    found.words = " ".join(found.out.split())
    return found


def front_of(text: str) -> dict[str, tuple[float, bool]]:
    """What each setting of the first table is held as, and is it the chosen?"""
    found = {}
    for one in text.partition("\nHeld as")[0].splitlines()[3:]:
        name, rest = one.split(maxsplit=1)
        cells = rest.replace(" %", "").split()
        found[name] = (float(cells[2]), cells[-1] == "*")
    return found


def test_what_is_held_against_the_budget_is_shown(tmp_path):
    """
    The verdict can be read off the table: the chosen is in it, and inside or all are beyond.
    """
    path = written(tmp_path, [200, 900, 200, 210, 230, 900, 190, 200])

    fits, beyond = (
        tune_log(path, "--over", over, "--workers-max", "6") for over in ("15%", "0.1%")
    )

    (held,) = (held for held, chosen in front_of(fits.out).values() if chosen)
    assert held <= 15
    assert "Chosen: " in fits.words
    front = front_of(beyond.out)
    assert sum(chosen for _, chosen in front.values()) == 1
    assert min(held for held, _ in front.values()) > 0.1
    assert "No setting that was tried keeps it with the margin" in beyond.words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--over", "1%", "--workers-max", "2"), "Try --workers-max above 2, for all of them were"),
        (("--over", "1%", "--workers-max", "2"), "or allow more: --over "),
        (("--workers", "0.1"), "Allow more: --workers "),
    ],
)
def test_a_budget_that_nothing_keeps_has_a_remedy(tmp_path, arguments, words):
    """
    In names of options.
    """
    found = tune_log(written(tmp_path, [900, 880, 910, 905]), "--seeds", "4", *arguments)

    assert "No setting that was tried keeps it" in found.words
    assert words in found.words


def test_halves_that_differ_are_told_of(tmp_path):
    """
    With their numbers and what to do; two busy minutes are dealt to one half each.
    """
    one, two = (
        tune_log(written(tmp_path, counts), "--seeds", "4").words
        for counts in ([100, 100, 400, 100], [100, 400, 400, 100])
    )

    assert (
        "The parts differ: the busiest searched has 400 requests, the busiest checked 100; the "
        "check says little about such times. Give a longer log, or more parts (--seeds 8)."
    ) in one
    assert "The parts differ" not in two


def test_long_settings_do_not_make_long_lines(tmp_path):
    """
    They have a number, and are spelled out below, broken at commas.
    """
    found = tune_log(written(tmp_path, [200, 900, 200, 900]), "--seeds", "4")

    settings = [line for line in found.out.splitlines() if "wait_share=" in line]
    assert settings
    assert max(map(len, settings)) <= 100
    assert "#1 = target:" in found.out


def test_a_trace_is_tuned_on_half_of_its_parts(trace):
    """
    Parts of it stand for seeds.
    """
    found = lab(
        "tune", "spare", "--trace", str(trace), "--workers", "3", "--candidates", "4",
        "--seeds", "4", "--workers-max", "6", "--jobs", "1",
    )  # fmt: skip

    assert found.status == 0
    assert "at most 3 workers on average" in found.out
    assert "Checked on 2 parts that the search has not seen" in found.out


# ---- what is wrong ----


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "spar"), 'did you mean "spare"'),
        (("run", "busyness:busy_max=20"), "busy_max"),
        (("run", "static:99"), "16"),
        (("run", "--load", "stedy"), 'did you mean "steady"'),
        (("run", "--load", "steady:horison=3"), 'did you mean "horizon"'),
        (("run", "--load", "steady:horizon"), "KEY=VALUE"),
        (("run", "--load", "steady:horizon=long"), "horizon: 'long'; allowed: a number"),
        (("run", "--load", "steady:horizon=inf"), "horizon: inf; allowed: a number"),
        (
            ("run", "--load", "steady:horizon=1e9"),
            "horizon: 1e+09; allowed: seconds from 1 to 87960",
        ),
        (("run", "--load", "steady:mean_load=much"), "mean_load: 'much'; allowed: a number"),
        (("run", "--load", "steady:mean_load=-1"), "mean_load: -1.0; allowed: above 0"),
        (("run", "--load", "steady:law=pareto,alpha=x"), "alpha: 'x'; allowed: a number"),
        (("run", "--trace", "x", "--trace-as", "time_column=inf"), "a whole number is allowed"),
        (("run", "--load", "steady", "--trace", "x"), "one of them"),
        (("run", "--trace", "x", "--trace-as", "kind=csv"), "format"),
        (("run", "--startup", "-1"), "0 to 3600 s"),
        (("run", "--tick", "0.0105"), "tick_us: 10500; allowed with a rule: whole milliseconds"),
        (
            ("run", "--mean-load", "10000", "--service", "0.001", "--horizon", "1e6"),
            "6e+11 requests within 60 s",
        ),
        (("run", "--workers-min", "20"), "--workers-max 16"),
        (("run", "--queues", "both"), "shared or per-worker"),
        (("run", "--no-such-option"), "--no-such-option"),
        (("compare", "spare", "--against", "target"), "not among the rules"),
        (("sweep", "spare"), "--grid"),
        (("sweep",), "RULE"),
        (("sweep", "spare", "--grid", "busy_max=3"), "no knob"),
        (("sweep", "spare", "--grid", "workers_min=3..1"), "FROM..TO/STEP"),
        (("sweep", "spare", "--grid", "workers_min=3", "--resume"), "--json FILE"),
        (("tune", "spare", "--over", "5%", "--workers", "3"), "not allowed with"),
        (("tune", "spare", "--over", "150%"), "'150%': a share is allowed, as 1% or 0.01"),
        (("tune", "spare", "--over", "100%"), "'100%': a share is allowed, as 1% or 0.01"),
        (("tune", "spare", "--over", "1"), "'1': a share is allowed, as 1% or 0.01"),
        (("tune", "spare", "--over", "abc"), "'abc': a share is allowed, as 1% or 0.01"),
        (("tune", "spare", "--range", "workers_min=1-3"), "write NAME=LOW..HIGH"),
        (("tune", "spare", "--range", "workers_min=9..3"), "LOW 9 is above HIGH 3"),
        (("tune", "spare", "--seeds", "1"), "2 or more"),
        (("tune", "spare", "--range", "busy_max=3..5"), "no rule has"),
        (("tune", "spare", "--range", "check_interval_overload=0..2"), "0; allowed: 1 to 1000000"),
        (("tune", "--load", "steady", "--load", "step"), "one --load"),
    ],
)
def test_a_mistake_in_the_usage_is_one_line_and_status_2(arguments, words):
    """
    It names the thing and what is allowed or near.
    """
    found = lab(*arguments)

    assert found.status == 2
    assert words in complaint(found)
    assert complaint(found).startswith(f"uwoffload lab {arguments[0]}: ")


def test_settings_that_are_left_out_are_told_with_the_reason(tmp_path):
    """
    That of the first of them.
    """
    found = lab("sweep", "spare", "--grid", "workers_min=15..18", "--no-bounds", *SHORT)

    assert found.status == 0
    assert complaint(found) == (
        "uwoffload: 2 of 4 settings are not sound and left out; the first: rule "
        "spare:workers_min=17: workers_min is 17: 1 to workers_max, 16, is allowed\n"
    )


@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"\x89PNG", b"[" * 100_000 + b"\n"])
def test_a_file_that_is_no_sweep_is_not_gone_on_with(tmp_path, content):
    """
    It is named, and left as it is.
    """
    path = tmp_path / "other"
    path.write_bytes(content)

    found = lab(
        "sweep", "spare", "--grid", "workers_min=1", "--json", str(path), "--resume", *SHORT
    )

    assert found.status == 2
    assert f"{path}: " in complaint(found)
    assert "is no result of a sweep" in complaint(found)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "spare", "--trace", "no/such/file"), "no/such/file"),
        (("run", "spare", "--json", "no/such/folder/x", *SHORT), "no/such/folder/x"),
        (("run", "spare", "--html", "no/such/folder/x", *SHORT), "no/such/folder/x"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_1(arguments, words):
    """
    The file is named.
    """
    found = lab(*arguments)

    assert found.status == 1
    assert words in complaint(found)


def test_a_missing_extra_is_named_in_one_line():
    """
    Without numpy nothing runs; without matplotlib everything but the report.
    """
    for missing, arguments in (
        ("numpy", ("loads",)),
        ("numpy", ("run", "spare")),
        ("matplotlib", ("run", "spare", "--html", os.devnull, *SHORT)),
        ("distributed", ("run", "spare", "--dask", "tcp://127.0.0.1:1", *SHORT)),
    ):
        code = f"import sys; sys.modules[{missing!r}] = None; from uwoffload.cli import main; "
        found = subprocess.run(
            [sys.executable, "-c", f"{code} sys.exit(main(sys.argv[1:]))", "lab", *arguments],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert found.returncode == 1, found
        assert f"needs {missing}: pip install 'uwoffload[lab]'" in found.stderr
        assert found.stderr.count("\n") == 1


def test_other_commands_need_no_extra():
    """
    The command line is read without numpy.
    """
    code = "import sys; sys.modules['numpy'] = None; from uwoffload.cli import main; "
    found = subprocess.run(
        [sys.executable, "-c", f"{code} sys.exit(main(['lab', 'run', '--help']))"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (found.returncode, found.stderr) == (0, "")


# ---- the end ----


@pytest.mark.parametrize(
    "kind", [("--jobs", "2"), ("--jobs", "2", "--in-threads"), ("--jobs", "1")]
)
def test_ctrl_c_ends_it_and_its_children(kind, tmp_path):
    """
    Whatever computes: status 130, no traceback, nobody left in its group of processes.
    """
    path = tmp_path / "lines.json"
    arguments = ("sweep", "spare", "--grid", "check_interval_overload=1..5000", "--seeds", "50")
    with subprocess.Popen(
        [sys.executable, "-m", "uwoffload", "lab", *arguments, *kind, "--json", str(path)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        wire.until(lambda: path.exists() and path.stat().st_size > 0, 60)
        os.killpg(process.pid, signal.SIGINT)
        _, complaints = process.communicate(timeout=60)

    assert (process.returncode, complaints) == (130, "")
    wire.until(lambda: not members(process.pid), 10)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert all(json.loads(text)["load"] == "steady" for text in lines)


def members(group: int) -> list[str]:
    """Processes of a group that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, pgrp = path.read_text().rpartition(")")[2].split()[:3]
            if int(pgrp) == group and state != "Z":
                found.append(path.parent.name)
    return found
