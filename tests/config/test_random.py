"""Any text, any command line: Settings or one line of ConfigError, and nothing else."""

import re

from hypothesis import example, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from uwoffload.config import ConfigError, Settings, read
from uwoffload.config.foreign import ACCEPTED, KNOWN
from uwoffload.config.script import DIRECTIVES
from uwoffload.config.settings import BY_NAME, BY_NEGATED, TABLE

from .conftest import Memory

NAMES = sorted({*BY_NAME, *BY_NEGATED, *DIRECTIVES, "x", "y", "harakiri", "thunder-lock"})
PIECES = st.sampled_from([
    "%(x)", "%(y)", "$(HOME)", "@(b.ini)", "%d", "%%", "%", "%q", "=", ":", "/", "1", "-", "k",
    "127.0.0.1:80", "@a", "[::1]:80", "(", ")", "a b", "x=%(y)", "[uwsgi]", "b.ini", "app.ini",
    "x", "y", "true", "*", "\0", "\ud800", "\u2028", "\x1b",
])  # fmt: skip
VALUES = st.lists(PIECES, max_size=4).map("".join) | st.text(max_size=20)
LINES = st.tuples(st.sampled_from(NAMES), st.sampled_from(["=", " = ", ""]), VALUES).map("".join)
TEXTS = st.text(max_size=200) | st.lists(LINES | st.text(max_size=20), max_size=12).map(
    lambda lines: "\n".join(["[uwsgi]", "socket = :1", *lines])
)
WORDS = st.lists(
    st.sampled_from([f"--{name}" for name in NAMES]) | LINES.map("--{}".format) | VALUES,
    max_size=5,
)


@effort(deadline=None)
@given(TEXTS, WORDS, TEXTS)
@example("[uwsgi]\nfor = a b\nini = b.ini\nendfor", [], "[uwsgi]\nini = app.ini\n")
@example("[uwsgi]\nx = %(y)%(y)\ny = %(x)\n", [], "")
def test_any_text_gives_settings_or_one_line(text, words, other):
    files = Memory({"app.ini": text, "b.ini": other})
    surroundings = {"cwd": "/srv/app", "environ": {"HOME": "/"}, "host": "box"}
    try:
        settings, said = read("app.ini", words, files=files, **surroundings)
    except ConfigError as error:
        settings, said = Settings(), [str(error)]
    assert isinstance(settings, Settings)
    for line in said:
        assert line.isprintable()
        assert line.partition(": ")[2]


HOSTS = st.sampled_from(["", "127.0.0.1", "[::1]", "localhost"])
PATHS = st.text("abc/._- é", min_size=1, max_size=20).map(lambda text: f"/{text.strip()}x")
FORMS = {
    "flag": st.sampled_from(["true", "false", "no", "on", "1", "0"]),
    "text": st.text("abcé:-", min_size=1, max_size=9),
    "file name": st.text("abcé.", max_size=9).map("{}x".format),
    "path": PATHS,
    "mount": st.tuples(PATHS, PATHS).map("=".join),
    "address": st.tuples(HOSTS, st.integers(0, 65535).map(str)).map(":".join)
    | PATHS
    | PATHS.map("@{}".format),
}


def written(row):
    """Values of a row, as they stand in an ini."""
    if row.kind.name in FORMS:
        return FORMS[row.kind.name]
    if row.kind.name == "octal number":
        return st.integers(int(row.least), int(row.most)).map("{:o}".format)
    if row.kind.name == "time":
        return st.integers(int(row.least) + 1, int(row.most)).map(str)
    return st.integers(int(row.least), int(row.most)).map(str)


PAIRS = st.lists(
    st.sampled_from([row for row in TABLE if row.name not in ("strict", "chdir")]).flatmap(
        lambda row: st.tuples(st.sampled_from([row.name, *row.aliases]), written(row))
    ),
    max_size=12,
)


@effort(deadline=None)
@given(PAIRS)
def test_an_ini_and_the_same_command_line_mean_the_same(pairs):
    """And what is set stands there, whatever its order; warnings name the place of each."""
    pairs = [("socket", ":1"), *pairs]
    text = "[uwsgi]\n" + "\n".join(f"{name} = {value}" for name, value in pairs)
    words = [word for name, value in pairs for word in (f"--{name}={value}",)]
    surroundings = {"cwd": "/srv/app", "environ": {}, "host": "box"}
    by_ini = read("app.ini", [], files=Memory({"app.ini": text}), **surroundings)
    by_words = read(None, words, files=Memory({}), **surroundings)
    settings, warnings = by_ini
    other, others = by_words
    assert settings == other
    assert [re.sub(r"^app\.ini:\d+: ", "", said) for said in warnings] == [
        said.removeprefix("command line: ") for said in others
    ]

    last = {BY_NAME[name].field: (BY_NAME[name], value) for name, value in pairs}
    for field, (row, value) in last.items():
        found = getattr(settings, field)
        if row.kind.name in ("address", "path", "text", "file name"):
            assert value in str(found[-1] if row.repeatable else found).replace("0.0.0.0", "")


def test_every_option_of_uwsgi_is_taken_in_every_form():
    surroundings = {"cwd": "/srv/app", "environ": {}, "host": "box"}
    for name in (*ACCEPTED, *KNOWN):
        files = Memory({"app.ini": f"[uwsgi]\nsocket = :1\n{name}\n{name} = x\n"})
        words = [f"--{name}", f"--{name}=x", f"--{name}", "x", "--processes", "2"]
        settings, warnings = read("app.ini", words, files=files, **surroundings)
        assert 2 == settings.processes, name
        assert len(warnings) == (name in KNOWN), name
