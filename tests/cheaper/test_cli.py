"""`uwoffload cheaper`: what it prints, and how it refuses."""

import io
import json
import re

import pytest

from uwoffload import cli
from uwoffload.cheaper import algorithms


@pytest.fixture
def command(capsys):
    """Run it in this process; gives status, output, errors."""

    def run(*words):
        try:
            status = cli.main(["cheaper", *words])
        except SystemExit as end:
            status = end.code
        return status, *capsys.readouterr()

    return run


def cells(line):
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def rows(output):
    """The cells of the table, below its dashes."""
    lines = output.rstrip("\n").split("\n")
    first = next(index for index, line in enumerate(lines) if line.startswith("---"))
    return [cells(line) for line in lines[first + 1 :]]


def test_list_has_every_algorithm_and_knob_with_default_unit_and_profiles(command):
    status, output, errors = command("list")

    assert (0, "") == (status, errors)
    for info in algorithms().values():
        assert f"{info.name}: {info.summary}\nprofiles: {', '.join(info.profiles)}\n" in output
        for knob in info.knobs:
            row = [knob.name, str(knob.default), f"{knob.min} to {knob.max}", knob.unit]
            assert any(line[:4] == row for line in map(cells, output.split("\n")))


def test_list_of_some(command):
    status, output, _ = command("list", "spare")

    assert status == 0
    assert "spare:" in output
    assert "busyness" not in output


def test_explain_names_the_rule_that_fired(command):
    status, output, _ = command(
        "explain", "backlog", "--check-num-overload", "5", "--workers", "bbCC", "--queue", "6"
    )

    assert status == 0
    assert "backlog, profile fixed" in output
    assert "check_num_overload 5" in output
    assert rows(output) == [
        ["1", "1000", "bbCC", "6", "+1", "3", "-", "0", "-", "the queue is too long"]
    ]


def test_explain_of_several_checks(command):
    _, output, _ = command(
        "explain", "spare", "--check-interval-overload=2", "--workers", "bbCC", "--ticks", "3"
    )

    assert [(row[1], row[4], row[5]) for row in rows(output)] == [
        ("1000", "+0", "-"),
        ("1001", "+1", "3"),
        ("1002", "+0", "-"),
    ]


def test_explain_of_workers_that_change(command):
    _, output, _ = command(
        "explain", "spare", "--check-interval-overload", "1",
        "--workers", "bbC", "--workers", "bbb", "--workers", "iib",
    )  # fmt: skip

    assert [row[2] for row in rows(output)] == ["bbC", "bbb", "iib"]


def test_explain_takes_who_is_shown_busy_for_busy(command, tmp_path):
    """There are no counters in a word: what is measured by them is not an idle pool."""
    _, output, _ = command("explain", "busyness", "--workers", "bbbbCCCC", "--ticks", "3")

    assert rows(output)[-1][4:6] == ["+1", "5"]

    path = tmp_path / "readings.jsonl"
    path.write_text('{"workers": "bbbbCCCC", "wall_s": 0}\n' * 3)
    _, same, _ = command("explain", "busyness", "--readings", str(path))
    assert rows(same) == rows(output)

    load = "--queue", "4", "--waiting", "3", "--arrivals", "50", "--completions", "40"
    _, output, _ = command("explain", "target", "--workers", "iibbbCCC", *load)

    assert rows(output)[0][3:6] == ["4+3", "+2", "6 7"]


def test_explain_takes_an_algorithm_of_your_own(command, tmp_path):
    rule = tmp_path / "rule.py"
    rule.write_text("def one(state, readings):\n    return 1, None\ndef broken(*_):\n    1 / 0\n")

    status, output, _ = command("explain", f"{rule}:one", "--workers", "iCCC", "--ticks", "2")

    assert status == 0
    assert [row[4:6] for row in rows(output)] == [["+1", "2"]] * 2

    status, _, errors = command("explain", f"{rule}:broken", "--workers", "iCCC")

    assert status == 1
    assert re.fullmatch(r"uwoffload.*: ZeroDivisionError: .* \(.*rule.py:4\)\n", errors)


def test_explain_says_that_2_0_runs_spare_for_spare2(command):
    _, output, _ = command("explain", "spare2", "--profile", "uwsgi-2.0", "--workers", "bC")

    assert "that release does not find it, and runs spare" in output


def test_explain_in_a_profile_of_uwsgi_arms_ahead(command):
    """The first row is a check there too; what is carried over is shown."""
    _, output, _ = command(
        "explain", "backlog", "--profile", "uwsgi-2.1", "--workers", "bbbC", "--ticks", "2"
    )

    assert [(row[4], row[7]) for row in rows(output)] == [("-1", "-1"), ("-1", "-1")]
    assert "carried over" in output


@pytest.mark.parametrize("profile", ["fixed", "uwsgi-2.0", "uwsgi-2.1"])
def test_explain_of_a_change_by_hand_makes_it_once(command, profile):
    _, output, _ = command(
        "explain", "manual", "--profile", profile, "--workers", "iCCC", "--manual", "2",
        "--ticks", "2",
    )  # fmt: skip

    assert [row[4] for row in rows(output)] == ["+2", "+0"]


def test_explain_with_limits(command):
    _, output, _ = command(
        "explain", "manual", "--workers", "iii", "--manual", "-3", "--workers-min", "2"
    )

    assert "workers_min 2" in output
    assert rows(output)[0][4:] == ["-1", "-", "1", "0", "workers_min", "by hand"]


READINGS = [
    {"workers": "bbCC", "listen_queue": 9},
    {"workers": [{"state": "idle"}, {"state": "busy", "busy_us": 5}, {}, {}], "mono_us": 1 << 40},
]


@pytest.mark.parametrize("form", ["list", "lines", "input"])
def test_explain_of_a_file_in_json(command, tmp_path, monkeypatch, form):
    lines = "\n".join(json.dumps(each) for each in READINGS) + "\n"
    text = json.dumps(READINGS) if form == "list" else lines
    path = tmp_path / "readings.json"
    path.write_text(text)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))

    status, output, _ = command(
        "explain", "backlog", "--json", "--readings", "-" if form == "input" else str(path)
    )

    found = [json.loads(line) for line in output.splitlines()]
    assert status == 0
    assert [each["workers"] for each in found] == ["bbCC", "ibii"]
    assert [each["delta"] for each in found] == [1, -1]
    assert found[0]["start"] == [3]
    assert all(each["reason"] for each in found)


WRONG = {
    "algorithm": (
        ["explain", "sparr", "--workers", "i"],
        "algorithm: 'sparr': did you mean \"spare\"",
    ),
    "knob": (
        ["explain", "spare", "--workers", "i", "--check-interval-overlod", "3"],
        '--check-interval-overlod: did you mean "check-interval-overload"?',
    ),
    "knob of others": (
        ["explain", "spare", "--workers", "i", "--busy-max", "3"],
        "spare has no knob 'busy_max'; allowed: check_interval_overload",
    ),
    "limit": (
        ["explain", "spare", "--workers", "i", "--worker-min", "3"],
        '--worker-min: did you mean "workers-min"?',
    ),
    "knob value": (
        ["explain", "spare", "--workers", "i", "--check-interval-overload", "soon"],
        "check_interval_overload: 'soon'; allowed: 1 to 1000000 checks",
    ),
    "knob without a value": (
        ["explain", "spare", "--workers", "i", "--check-interval-overload"],
        "check_interval_overload: ''; allowed: 1 to",
    ),
    "knob out of range": (
        ["explain", "spare", "--workers", "i", "--check-interval-overload", "0"],
        "check_interval_overload: 0; allowed: 1 to 1000000 checks",
    ),
    "word": (["explain", "spare", "--workers", "i", "more"], "'more' is no option"),
    "state": (["explain", "spare", "--workers", "ix"], "state[1]: 'x'; allowed: cheaped (C)"),
    "nobody": (["explain", "spare", "--workers", ""], "workers: none; allowed"),
    "sizes": (["explain", "spare", "--workers", "ii", "--workers", "i"], "readings of 1 workers"),
    "profile": (
        ["explain", "spare", "--workers", "i", "--profile", "uwsgi-2"],
        "profile: 'uwsgi-2': did you mean \"uwsgi-2.",
    ),
    "ticks": (
        ["explain", "spare", "--workers", "i", "--ticks", "0"],
        "argument --ticks: '0': 1 to 100000 is allowed",
    ),
    "many ticks": (
        ["explain", "spare", "--workers", "i", "--ticks", "100000000"],
        "argument --ticks: '100000000': 1 to 100000 is allowed",
    ),
    "ticks of no number": (
        ["explain", "spare", "--workers", "i", "--ticks", "x"],
        "argument --ticks: 'x': 1 to 100000 is allowed",
    ),
    "no readings": (["explain", "spare"], "one of the arguments --workers --readings is required"),
    "readings twice": (
        ["explain", "spare", "--readings", "x", "--queue", "3"],
        "listen_queue: it stands in the file of --readings",
    ),
    "minimum": (
        ["explain", "spare", "--workers", "ii", "--workers-min", "3"],
        "workers_min is 3: 1 to workers_max, 2, is allowed",
    ),
    "soft": (
        ["explain", "spare", "--workers", "ii", "--rss-soft", "9", "--rss-hard", "9"],
        "rss_hard is 9 bytes: it must be above rss_soft, 9",
    ),
    "list": (["list", "spar"], "algorithm: 'spar': did you mean \"spare\"?"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_words_are_named_in_one_line(command, name):
    words, message = WRONG[name]

    status, output, errors = command(*words)

    assert (2, "") == (status, output)
    assert errors.startswith(f"uwoffload cheaper {words[0]}: {message}")
    assert errors.endswith(f"; see uwoffload cheaper {words[0]} --help\n")
    assert errors.count("\n") == 1


def test_wrong_command_is_named_in_one_line(command):
    status, output, errors = command("explian")

    assert (2, "") == (status, output)
    assert errors.startswith("uwoffload cheaper: argument COMMAND: invalid choice: 'explian'")
    assert errors.count("\n") == 1


WRONG_FILES = {
    "no json": ("{]", ": line 1: no JSON: "),
    "second line": ('{"workers": "i"}\nnot\n', ": line 2: no JSON: "),
    "empty": ("", ": no readings in it"),
    "empty list": ("[]", ": no readings in it"),
    "number": ("5", ": readings 1: readings: 5; allowed: an object with names"),
    "name": (
        '{"workers": "i", "listen_quue": 1}',
        "no reading 'listen_quue': did you mean \"listen_q",
    ),
    "value": (
        '{"workers": "i", "listen_queue": -1}',
        "listen_queue: -1; allowed: an int from 0 to",
    ),
    "twice": ('{"workers": [{"number": 1}, {"number": 1}]}', "workers: number 1 is there twice"),
    "missing": ('{"workers": [{"number": 1}, {"number": 3}]}', "number 2 is missing"),
    "worker": ('{"workers": [5]}', "workers: [5]; allowed: a list of objects"),
    "clock": (
        '[{"workers": "i", "mono_us": 9}, {"workers": "i", "mono_us": 5}]',
        "mono_us",
    ),
    "deep": ("[" * 100_000, ": line 1: no JSON: too many lists or objects within each other"),
    "deep workers": (
        '{"workers": ' + "[" * 900 + "]" * 900 + "}",
        ": readings 1: ",
    ),
    "sizes": (
        '[{"workers": "ii"}, {"workers": "i"}]',
        ": readings 2: 1 workers; allowed: as many as in the first, 2",
    ),
    "state": ('{"workers": [{"state": "bussy"}]}', "state: 'bussy': did you mean \"busy\"?"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_wrong_file_is_named_in_one_line(command, tmp_path, name):
    text, message = WRONG_FILES[name]
    path = tmp_path / "readings.json"
    path.write_text(text)

    status, output, errors = command("explain", "spare", "--readings", str(path))

    assert (1, "") == (status, output)
    assert errors.startswith(f"uwoffload: {path}: " if "JSON" not in message else "uwoffload: ")
    assert message in errors
    assert errors.count("\n") == 1


def test_file_that_is_not_there_is_named(command, tmp_path):
    status, _, errors = command("explain", "spare", "--readings", str(tmp_path / "absent"))

    assert status == 1
    assert errors == f"uwoffload: {tmp_path}/absent: No such file or directory\n"


def test_without_a_command_the_help_is_printed(command):
    status, output, _ = command()

    assert status == 2
    assert "explain" in output
    assert "list" in output


def test_help_tells_the_letters(command):
    status, output, _ = command("explain", "--help")

    assert status == 0
    assert "i idle, b busy, s starting, D draining, C cheaped, z dead" in output


def test_explain_takes_a_knob_as_uwsgi_parses_minus_one(command):
    status, output, _ = command(
        "explain", "backlog", "--profile", "uwsgi-2.1", "--workers", "bCC",
        "--check-num-overload", str(2**64 - 1),
    )  # fmt: skip

    assert status == 0
    assert "check_num_overload 18446744073709551615" in output
    assert rows(output)[0][4] == "+1"
