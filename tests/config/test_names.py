"""Names: unknown ones, those of uWSGI, variables, the command line."""

import pytest

from uwoffload.config import ConfigError

START = "[uwsgi]\nsocket = :3031\n"

UNKNOWN = {
    "offload-thread": 'unknown option "offload-thread": did you mean "offload-threads"?',
    "offload_threads": 'unknown option "offload_threads": did you mean "offload-threads"?',
    "Processes": 'unknown option "Processes": did you mean "processes"?',
    "proceses": 'unknown option "proceses": did you mean "processes"?',
    "harikiri": 'unknown option "harikiri": did you mean "harakiri"?',
    "chek-static": 'unknown option "chek-static": did you mean "check-static"?',
    "enable-thread": 'unknown option "enable-thread": did you mean "enable-threads"?',
    "zzz": 'unknown option "zzz"; a variable of your own is used as %(it) somewhere, '
    "or made by set-ph",
    70 * "x": f'unknown option "{57 * "x"}..."; a variable of your own is used as %(it) '
    "somewhere, or made by set-ph",
    "z\x1b[2J": 'unknown option "z\\x1b[2J"; a variable of your own is used as %(it) somewhere, '
    "or made by set-ph",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_option_is_an_error_with_the_nearest_name(reading, name):
    with pytest.raises(ConfigError) as caught:
        reading(f"{START}{name} = 4")
    assert f"app.ini:3: {UNKNOWN[name]}" == str(caught.value)


@pytest.mark.parametrize("name", [name for name in UNKNOWN if name.isprintable()])
def test_the_command_line_says_the_same(reading, name):
    with pytest.raises(ConfigError) as caught:
        reading(START, f"--{name}", "4")
    assert f"command line: {UNKNOWN[name]}" == str(caught.value)


def test_the_issue_s_example(reading):
    with pytest.raises(ConfigError) as caught:
        reading("[uwsgi]\nsocket = :3031\noffload-thread = 4\n")
    assert 'app.ini:3: unknown option "offload-thread": did you mean "offload-threads"?' == str(
        caught.value
    )


def test_a_key_that_is_used_is_a_variable(settings_of):
    assert "/srv/p" == settings_of("mine = /srv\npidfile = %(mine)/p").pidfile


def test_a_key_that_is_used_by_something_unsupported_is_a_variable(reading):
    _, warnings = reading(f"{START}project = x\nmodule = %(project).wsgi\n")
    assert 1 == len(warnings)


def test_a_placeholder_need_not_be_used(settings_of):
    settings_of("set-ph = mine=1\nmine = 2", "--set-ph", "yours=2")


def test_a_set_name_must_be_used(settings_of):
    with pytest.raises(ConfigError) as caught:
        settings_of("set = offload-thread=4")
    assert 'app.ini:3: unknown option "offload-thread": did you mean "offload-threads"?' == str(
        caught.value
    )


def test_an_option_of_uwsgi_is_warned_of_once_with_what_its_absence_means(reading):
    _, warnings = reading(f"{START}harakiri = 30\nharakiri = 60\nroute = a b\nroute = c d\n")
    assert [
        'app.ini:3: "harakiri" is not supported: a request may run in Python for as long as it '
        "likes",
        'app.ini:5: "route" is not supported: requests are not routed by rules; files and the '
        "application alone answer",
    ] == warnings


@pytest.mark.parametrize("words", [(), ("--strict",)])
def test_strict_makes_a_warning_an_error(reading, words):
    with pytest.raises(ConfigError) as caught:
        reading(START + "harakiri = 30\n" + ("" if words else "strict = true\n"), *words)
    assert str(caught.value).startswith('app.ini:3: "harakiri" is not supported: ')


def test_no_offload_threads_and_several_threads_do_not_go_together(reading):
    """Python is what a site cannot do without: it gets its threads, and the loop one."""
    asked = "[uwsgi]\nhttp-socket = :80\noffload-threads = 0\nthreads = 4\n"

    settings, (warning,) = reading(asked)

    assert (1, 4) == (settings.offload_threads, settings.threads)
    assert warning.startswith("app.ini:3: offload-threads = 0 is 1 here: ")
    assert "threads = 4 asks for several" in warning
    with pytest.raises(ConfigError, match="offload-threads = 0 is 1 here"):
        reading(asked + "strict = true\n")
    alone, warnings = reading(asked.replace("threads = 4", "threads = 1"))
    assert (0, []) == (alone.offload_threads, warnings)


def test_strict_names_everything_at_once(reading):
    with pytest.raises(ConfigError) as caught:
        reading(START + "harakiri = 30\nroute = a b\nharakiri = 60\nstrict\n")
    first, second = str(caught.value).splitlines()
    assert first.startswith('app.ini:3: "harakiri" is not supported: ')
    assert second.startswith('app.ini:4: "route" is not supported: ')


def test_what_is_wrong_when_it_runs_is_placed_in_the_ini(reading):
    settings, _ = reading(START + "check-static = /a\nstatic-map = /x=/b\n", "--logto", "/l")

    assert settings.placed("check-static = /a: no").startswith("app.ini:3: check-static = /a: no")
    assert settings.placed("static-map = /x=/b: no") == "app.ini:4: static-map = /x=/b: no"
    for elsewhere in ("check-static = /ab: no", "logto = /l: no", "need-app: no"):
        assert settings.placed(elsewhere) == elsewhere


def test_what_is_always_so_is_accepted_without_a_word(settings_of):
    body = "die-on-term\nthunder-lock = true\nenable-threads\nno-orphans\nhonour-range\n"
    settings_of(f"{body}single-interpreter = 1\nplugins = python3\nclose-on-exec\nstrict")


COMMAND_LINES = [
    (("--processes", "4"), "processes", 4),
    (("--processes=4",), "processes", 4),
    (("--workers=4",), "processes", 4),
    (("-p", "4"), "processes", 4),
    (("-p4",), "processes", 4),
    (("-p=4",), "processes", 4),
    (("--strict", "-p", "4"), "processes", 4),
    (("--strict=false",), "strict", False),
    (("-L",), "disable_logging", True),
    (("-ML",), "disable_logging", True),
    (("-Lp4",), "processes", 4),
    (("--chmod-socket", "--strict"), "chmod_socket", 0o666),
    (("--chmod-socket", "600"), "chmod_socket", 0o600),
    (("--check-static", "/c", "--check-static=/d"), "check_static", ("/a", "/c", "/d")),
    (("--set", "processes=4"), "processes", 4),
    (("--ini", "b.ini"), "processes", 7),
    (("--ini", "b.ini", "-p", "4"), "processes", 4),
    (("--pidfile", "-p"), "pidfile", "/srv/app/-p"),
    (("--pidfile", "%n"), "pidfile", "/srv/app/%n"),
    (("--pidfile", "$(HOME)/%(logto)"), "pidfile", "/users/ann//l"),
    (("--no-defer-accept",), "defer_accept", False),
]


@pytest.mark.parametrize(("words", "name", "value"), COMMAND_LINES)
def test_the_command_line_comes_after_the_ini(settings_of, words, name, value):
    body = "processes = 2\nstrict\ncheck-static = /a\nlogto = /l"
    files = {"b.ini": "[uwsgi]\nprocesses = 7\n"}
    assert value == getattr(settings_of(body, *words, files=files), name)


WRONG = {
    ("x.ini",): '"x.ini" belongs to no option; write --OPTION VALUE',
    ("--strict", "true"): '"true" belongs to no option; write --OPTION VALUE',
    ("--processes",): "processes needs a value",
    ("--ini",): "ini needs a value",
    ("-p",): "processes needs a value",
    ("-y",): 'unknown option "-y"; write it out, as in --processes 4',
    ("--processes", "x"): 'processes: "x" is no whole number',
    ("--pidfile", "a\0"): "pidfile: a value is one line, without NUL",
    ("--pidfile", "a\nb"): "pidfile: a value is one line, without NUL",
    ("--",): '"--" belongs to no option; write --OPTION VALUE',
    ("--set",): "set needs a value",
    ("--=4",): '"--=4" belongs to no option; write --OPTION VALUE',
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_command_line_is_told(settings_of, words):
    with pytest.raises(ConfigError) as caught:
        settings_of("", *words)
    assert f"command line: {WRONG[words]}" == str(caught.value)


def test_no_ini_is_needed(reading):
    settings, warnings = reading(None, "--http-socket", ":8080", "--harakiri", "30", "-p", "2")
    assert (8080, 2) == (settings.http_socket[0].port, settings.processes)
    assert ["command line"] == [warning.partition(":")[0] for warning in warnings]


def test_without_anything_there_is_nowhere_to_listen(reading):
    with pytest.raises(ConfigError) as caught:
        reading(None)
    assert "command line: nowhere to listen; add, for example, http-socket = :8080" == str(
        caught.value
    )
