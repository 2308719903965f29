"""Help and documentation, written from the option table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from .foreign import ACCEPTED_ROWS, KNOWN
from .foreign_running import ROWS as RUNNING
from .foreign_serving import ROWS as SERVING
from .options import Option, Relation
from .settings import TABLE
from .values import range_text

WIDTH = 80
NAME_WIDTH = 32  # of help: the option and its value

USAGE = "usage: uwoffload run [INI[:SECTION]] [--OPTION VALUE | --FLAG] ..."
INTRODUCTION = "Serve what a uWSGI-style ini says; options given here come after it."
EPILOGUE = "+ may be repeated; BYTES take k, m, g. All options: uwoffload options"

PROMINENT = (  # not supported, and often used; names of a line say the same
    ("module", "wsgi-file", "mount", "callable"),
    ("virtualenv", "home", "pythonpath"),
    ("harakiri",),
    ("cheaper", "cheaper-algo", "idle"),
    ("route", "route-run", "error-route"),
    ("cache2", "check-cache"),
    ("https", "ssl-socket"),
    ("static-expires", "static-expires-uri"),
    ("static-gzip-all",),
    ("add-header", "collect-header"),
    ("log-format", "log-date", "log-x-forwarded-for"),
    ("logger", "req-logger"),
    ("log-maxsize", "touch-logreopen"),
    ("stats", "stats-http"),
    ("master-fifo",),
    ("touch-reload", "fs-reload"),
    ("reload-on-rss", "max-worker-lifetime"),
    ("daemonize",),
    ("emperor", "vassals-set"),
    ("attach-daemon", "smart-attach-daemon"),
    ("spooler",),
    ("cron", "cron2"),
    ("env",),
)


def help_text() -> str:
    """Of `uwoffload run`: the usual options on one screen, with defaults and units."""
    parts = [USAGE, INTRODUCTION]
    for group, found in _groups(row for row in TABLE if not row.rare):
        parts += [f"{group}:", *(help_line(row) for row in found)]
    return "\n".join([*parts, EPILOGUE]) + "\n"


def help_line(row: Option, default: str = "") -> str:
    """An option, what it does, and its default, or another one."""
    name = f"  --{row.name} {row.kind.metavar}".rstrip() + ("+" if row.repeatable else "")
    default = default or row.default_text()
    tail = f" [{default}]" if default and default != "off" else ""
    return f"{name:<{NAME_WIDTH}}{row.help}{tail}"


def table_markdown() -> str:
    """docs/options.md: every option."""
    parts = [
        "# Options",
        "",
        *_wrap(
            "Of `uwoffload run` and `uwoffload serve`: in an ini as `name = value`, on the command "
            "line as `--name value`. This page is made from the table in "
            "`uwoffload/config/settings.py` by `python -m uwoffload.config > docs/options.md`."
        ),
        "",
        *_wrap(
            "Sizes take the endings k, m and g; times are seconds and take ms, s, m and h. A flag "
            "is on unless its value is `false`, `off`, `no` or `0`. Relative paths of sites and "
            "files are relative to `chdir`, all others to where the server is started. Where the "
            "system allows too few descriptors, `max-connections` is what fits, and a line says "
            "so; a number that was given and does not fit is an error."
        ),
    ]
    for group, found in _groups(TABLE):
        parts += ["", f"## {group}", "", "| option | what it does | default | allowed | uWSGI |"]
        parts += ["|---|---|---|---|---|", *(_table_line(row) for row in found)]
    parts += ["", *_dialect(), "", *_coming_from_uwsgi()]
    parts += ["", "| not supported | so |", "|---|---|"]
    parts += [f"| {_names(names.split())} | {why} |" for why, names in _merged()]
    return "\n".join(parts) + "\n"


def _table_line(row: Option) -> str:
    value = f"{row.name} = {row.kind.metavar}" if row.kind.metavar else row.name
    names = [*row.aliases, *row.negated, *(f"-{letter}" for letter in row.short)]
    also = f"<br>also {', '.join(f'`{name}`' for name in names)}" if names else ""
    more = "; may be repeated" if row.repeatable else ""
    cells = (
        f"`{value}`{also}",
        row.help + more,
        row.default_text() or "none",
        allowed_text(row),
        relation_text(row),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def allowed_text(row: Option) -> str:
    """Kind, unit and range of the value."""
    if row.kind.name in ("whole number", "time", "size"):
        unit = f" ({row.kind.unit})" if row.kind.unit else ""
        span = range_text(row.least, row.most, row.kind).removeprefix("allowed: ")
        return f"{row.kind.name}{unit}, {span}"
    return row.kind.name


def relation_text(row: Option) -> str:
    """`same`, `ours`, or how it differs."""
    return row.note if row.relation is Relation.DIFFERS else row.relation.value


def coming_from_uwsgi_markdown() -> str:
    """For the front page: what is the same, differs, is accepted, or is not supported."""
    parts = [*_coming_from_uwsgi(), "", "| not supported, for example | so |", "|---|---|"]
    parts += [f"| {_names(names)} | {KNOWN[names[0]]} |" for names in PROMINENT]
    return "\n".join(parts) + "\n"


def _coming_from_uwsgi() -> list[str]:
    same = [row.name for row in TABLE if row.relation is Relation.SAME]
    parts = ["## Coming from uWSGI", "", *_wrap(f"**The same:** {_names(same)}."), ""]
    parts += ["| differs | how |", "|---|---|"]
    parts += [f"| `{row.name}` | {row.note} |" for row in TABLE if row.relation is Relation.DIFFERS]
    parts += ["", "| accepted | why it changes nothing |", "|---|---|"]
    parts += [f"| {_names(names.split())} | {why} |" for why, names in ACCEPTED_ROWS]
    return [
        *parts,
        "",
        *_wrap(
            "**Not supported:** one warning each, or an error with `strict = true`. A name that "
            "is neither ours nor uWSGI's is an error, unless it is used as `%(name)`."
        ),
    ]


def _merged() -> Iterator[tuple[str, str]]:
    """Rows that say the same once."""
    found: dict[str, str] = {}
    for why, names in (*RUNNING, *SERVING):
        found[why] = f"{found[why]} {names}" if why in found else names
    yield from found.items()


def _dialect() -> list[str]:
    rows = (
        ("`# text`, `; text`", "a comment, at the beginning of a line only"),
        ("`[name]`", "a section; `app.ini:name` reads that one, `app.ini` reads `[uwsgi]`"),
        ("`key = value`", "split at the first `=`; a key that is repeated adds to a list"),
        ("`key`", "a flag"),
        (
            "`%d %n %s %p %c %e %0`-`%9`",
            "of the ini: directory, name, file name, path, name of its directory, ending, parts of "
            "the directory; capitals: of the first ini",
        ),
        (
            "`%v %h %k %u %U %g %G %x %%`",
            "start directory, host, processors, user and group (number, name), section, `%`",
        ),
        ("`%(key)`", "the value of another option or of a variable, above or below"),
        ("`$(NAME)`", "from the environment"),
        ("`@(path)`", "the content of a file"),
        ("`set = k=v`, `set-ph = k=v`", "an option or variable, a variable"),
        ("`ini`, `include`, `inherit`", "read another ini here"),
        ("`for`, `for-times`, `for-readline`", "repeat the lines up to `endfor` for each `%(_)`"),
        (
            "`if-env`, `if-exists`, `if-file`, `if-dir`, `if-opt`, `if-hostname` ...",
            "the lines up to `endif` only if that holds; `if-not-...` if it does not",
        ),
    )
    head = ["## The ini", "", "| written | means |", "|---|---|"]
    return [*head, *(f"| {written} | {meaning} |" for written, meaning in rows)]


def _groups(table: Iterable[Option]) -> list[tuple[str, list[Option]]]:
    found: dict[str, list[Option]] = {}
    for row in table:
        found.setdefault(row.group, []).append(row)
    return list(found.items())


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)
