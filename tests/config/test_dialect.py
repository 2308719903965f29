"""The ini dialect, as people have it."""

import pytest

from uwoffload.config import ConfigError

NOISE = """\
# a comment
; another
   # and one that is indented

[other]
processes = 9
[uwsgi]
  socket   =   :3031
check-static=/a
check-static = /b = c
strict
[other]
processes = 8
[uwsgi]
processes = 3
"""


def test_comments_blanks_and_sections(reading):
    settings, warnings = reading(NOISE)
    assert warnings == []
    assert (3, True) == (settings.processes, settings.strict)
    assert ("/a", "/b = c") == settings.check_static


def test_another_section_is_asked_for_by_name(reading):
    settings, _ = reading(NOISE, "--socket", ":1", ini="app.ini:other")
    assert 8 == settings.processes


def test_windows_line_ends_and_a_byte_order_mark(reading):
    settings, _ = reading("\ufeff[uwsgi]\r\nsocket = :1\r\nprocesses = 2\r\n")
    assert 2 == settings.processes


def test_a_comment_begins_a_line_and_nothing_else(settings_of):
    assert "/run/a#b.pid ; c" == settings_of("pidfile = /run/a#b.pid ; c").pidfile


MAGIC = {
    "%d": "/srv/app/",
    "%n": "app",
    "%s": "app.ini",
    "%e": "ini",
    "%p": "/srv/app/app.ini",
    "%c": "app",
    "%v": "/srv/app",
    "%h": "box",
    "%k": "8",
    "%u": "1000",
    "%U": "ann",
    "%g": "100",
    "%G": "staff",
    "%x": "uwsgi",
    "%0": "srv",
    "%1": "app",
    "%%": "%",
    "%D": "/srv/app/",
}


@pytest.mark.parametrize("written", MAGIC)
def test_magic(settings_of, written):
    assert f"/x/{MAGIC[written]}.pid" == settings_of(f"pidfile = /x/{written}.pid").pidfile


def test_capital_magic_is_of_the_first_ini(settings_of):
    files = {"sub/b.ini": "[uwsgi]\npidfile = /x/%n-%N\n"}
    assert "/x/b-app" == settings_of("ini = sub/b.ini", files=files).pidfile


def test_magic_that_is_not_known_is_told(reading):
    settings, warnings = reading("[uwsgi]\nsocket=:1\npidfile = /x/100%q\n")
    assert "/x/100" == settings.pidfile
    assert ['app.ini:3: "%q" is not known and is left out; "%%" is a percent sign'] == warnings


VARIABLES = {
    "above": ("base = /b\npidfile = %(base)/p", "/b/p"),
    "below": ("pidfile = %(base)/p\nbase = /b", "/b/p"),
    "of variables": ("a = /%(b)\nb = %(c)x\nc = y\npidfile = %(a)", "/yx"),
    "an option": ("logto = /l\npidfile = %(logto).pid", "/l.pid"),
    "the first of equals": ("base = /1\nbase = /2\npidfile = %(base)", "/1"),
    "the environment": ("pidfile = $(HOME)/p", "/users/ann/p"),
    "a file": ("pidfile = @(name.txt)", "/from/file"),
    "a file with a scheme": ("pidfile = @(file://name.txt)", "/from/file"),
    "set": ("set = pidfile=/x", "/x"),
    "set-ph": ("set-ph = base=/b\npidfile = %(base)", "/b"),
    "set-placeholder": ("set-placeholder = base = /b\npidfile = %(base)", "/b"),
    "two in a row": ("a = 1\npidfile = /%(a)%(a)$(HOME)", "/11/users/ann"),
    "magic and name": ("base = %d%n\npidfile = %(base)", "/srv/app/app"),
}


@pytest.mark.parametrize("case", VARIABLES)
def test_names_are_filled_in(settings_of, case):
    body, value = VARIABLES[case]
    assert value == settings_of(body, files={"name.txt": "/from/file\n"}).pidfile


def test_the_command_line_sets_a_variable_that_the_ini_sets_too(settings_of):
    assert "/b" == settings_of("base = /a\npidfile = %(base)", "--set", "base=/b").pidfile


def test_names_of_other_languages_are_left_alone(reading):
    """`%(addr)` of a log format, `${URI}` of a route: they are not ours to fill in."""
    body = "log-format = %(addr) %(method)\nroute-run = cache:key=${URI}\n"
    _, warnings = reading(f"[uwsgi]\nsocket = :1\n{body}")
    assert ["log-format", "route-run"] == [warning.split('"')[1] for warning in warnings]


BLOCKS = {
    "for": ("for = a b\ncheck-static = /%(_)\nendfor =", ("/a", "/b")),
    "for of names": ("l = a b\nfor = %(l)\ncheck-static = /%(_)\nend-for", ("/a", "/b")),
    "for-times": ("for-times = 2\ncheck-static = /%(_)\nendfor", ("/1", "/2")),
    "for-readline": ("for-readline = l.txt\ncheck-static = %(_)\nendfor", ("/1", "/2")),
    "env": ("if-env = HOME\ncheck-static = %(_)\nendif =", ("/users/ann",)),
    "no env": ("if-env = NOPE\ncheck-static = /x\nendif =", ()),
    "not env": ("if-not-env = NOPE\ncheck-static = /x\nendif =", ("/x",)),
    "file": ("if-file = l.txt\ncheck-static = /x\nendif", ("/x",)),
    "dir": ("if-dir = sub\ncheck-static = /%(_)\nendif", ("/sub",)),
    "no dir": ("if-dir = l.txt\ncheck-static = /x\nendif", ()),
    "exists": ("if-exists = sub\ncheck-static = /x\nend-if", ("/x",)),
    "not exists": ("if-not-exists = sub\ncheck-static = /x\nend-if", ()),
    "hostname": ("if-hostname = box\ncheck-static = /x\nendif", ("/x",)),
    "hostname match": ("if-hostname-match = ^b\ncheck-static = /x\nendif", ("/x",)),
    "opt": ("a = 1\nif-opt = a=1\ncheck-static = /x\nendif", ("/x",)),
    "opt of any value": ("a = 1\nif-opt = a\ncheck-static = /%(_)\nendif", ("/1",)),
    "another opt": ("a = 1\nif-opt = a=2\ncheck-static = /x\nendif", ()),
    "plugin": ("if-plugin = python\ncheck-static = /x\nendif", ()),
    "reload": ("if-not-reload =\ncheck-static = /x\nendif", ("/x",)),
    "if in for": (
        "for = a b\nif-opt = c=%(_)\nendif\nif-env = HOME\ncheck-static = /x\nendif\nendfor",
        ("/x", "/x"),
    ),
    "for in if": ("if-env = HOME\nfor = a\ncheck-static = /x\nendfor\nendif", ("/x",)),
}


@pytest.mark.parametrize("case", BLOCKS)
def test_loops_and_conditions(settings_of, case):
    body, value = BLOCKS[case]
    files = {"l.txt": "/1\n/2\n", "sub/file": ""}
    assert value == settings_of("c =\nset-ph = x=%(a)%(c)%(l)\n" + body, files=files).check_static


def test_files_are_read_where_they_are_named(settings_of):
    files = {
        "b.ini": "[uwsgi]\ncheck-static = /b\n[live]\ncheck-static = /live\n",
        "c.ini": "[uwsgi]\ninclude = b.ini:live\n",
    }
    body = "check-static = /a\nini = b.ini\ninherit = c.ini\ncheck-static = /z"
    assert ("/a", "/b", "/live", "/z") == settings_of(body, files=files).check_static


FILES = {
    "self.ini": "[uwsgi]\nini = self.ini\n",
    "bad.ini": "[uwsgi]\n\nnope = 1\n",
    "fork.ini": "[uwsgi]\nini = fork2.ini\nini = fork2.ini\n",
    "fork2.ini": "[uwsgi]\nini = fork.ini\nini = fork.ini\n",
}
BROKEN = {
    "[uwsgi\nsocket = :1": 'app.ini:1: "[uwsgi" is no section; close it with "]"',
    "socket = :1": 'app.ini:1: "socket = :1" stands before any [section]; begin with [uwsgi]',
    "": "app.ini: no section [uwsgi]; it has none",
    "[a]\n[b]": "app.ini: no section [uwsgi]; it has [a], [b]",
    "[uwsgi]\n= x": 'app.ini:2: "= x" has no option name in front of "="',
    "[uwsgi]\na\0b": "app.ini:2: no line of an ini; allowed: 65536 characters, none of them NUL",
    "[uwsgi]\nset = x": 'app.ini:2: "set" needs NAME=VALUE',
    "[uwsgi]\nfor = a\nfor = b\nendfor": 'app.ini:3: "for" inside "for" is not supported',
    "[uwsgi]\nendif": 'app.ini:2: "endif" ends nothing',
    "[uwsgi]\nfor = a b\nx": 'app.ini:2: "for" without "endfor"',
    "[uwsgi]\nif-env = A\nif-env = B\nendif\nendif": 'app.ini:3: "if-env" inside "if-env" '
    "is not supported",
    "[uwsgi]\nfor-glob = *": 'app.ini:2: "for-glob" is not supported; write its lines out',
    "[uwsgi]\nfor-times = x\nendfor": 'app.ini:2: "for-times" needs a number, at most 100000',
    "[uwsgi]\nif-hostname-match = (\nendif": 'app.ini:2: "(" is no regular expression: '
    "missing ), unterminated subpattern at position 0",
    "[uwsgi]\nini = b.ini": 'app.ini:2: "b.ini": cannot be read: No such file or directory',
    "[uwsgi]\nsocket = @(b.txt)": 'app.ini:2: "b.txt": cannot be read: No such file or directory',
    "[uwsgi]\nsocket = @(http://b)": 'app.ini:2: "@(http://b)" is not supported; name a file',
    "[uwsgi]\nini = self.ini": 'self.ini:2: "self.ini" is one file too many; does it include '
    "itself?",
    "[uwsgi]\nini = fork.ini": 'fork2.ini:2: "fork.ini" is one file too many; does it include '
    "itself?",
    "[uwsgi]\nini = bad.ini": 'bad.ini:3: unknown option "nope"; a variable of your own is used '
    "as %(it) somewhere, or made by set-ph",
    "[uwsgi]\na = %(b)\nb = %(a)": 'app.ini:2: "%(a)" is made of itself',
    "[uwsgi]\nprocesses = 2": "app.ini: nowhere to listen; add, for example, http-socket = :8080",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_is_told_in_one_line(reading, text):
    with pytest.raises(ConfigError) as caught:
        reading(text, files=FILES)
    assert BROKEN[text] == str(caught.value)


def test_a_missing_file_is_told(reading):
    with pytest.raises(ConfigError) as caught:
        reading("", ini="nope.ini")
    assert "nope.ini: cannot be read: No such file or directory" == str(caught.value)


def test_names_that_multiply_come_to_an_end(settings_of):
    """Thirty lines that would be a gigabyte, or take a year."""
    lines = [f"v{n} = %(v{n + 1})%(v{n + 1})" for n in range(30)]
    for last in ("v30 = x", "v30 ="):
        with pytest.raises(ConfigError):
            settings_of("\n".join([*lines, last]))


def test_values_that_multiply_come_to_an_end(settings_of):
    lines = [f"v{n} = %(v{n + 1})%(v{n + 1})" for n in range(13)]
    with pytest.raises(ConfigError) as caught:
        settings_of("\n".join([*lines, "v13 = ten chars!"]))
    assert "app.ini:3: a value of more than 65536 characters" == str(caught.value)


def test_files_that_multiply_come_to_an_end(settings_of):
    with pytest.raises(ConfigError) as caught:
        settings_of(70 * "ini = b.ini\n", files={"b.ini": "[uwsgi]\n"})
    assert 'app.ini:66: "b.ini" is one file too many; does it include itself?' == str(caught.value)


def test_loops_that_multiply_come_to_an_end(settings_of):
    inner = "\n".join(1000 * ["set-ph = a=b"])
    with pytest.raises(ConfigError) as caught:
        settings_of(f"for-times = 100000\n{inner}\nendfor")
    assert str(caught.value).endswith("too many lines; at most 100000")
