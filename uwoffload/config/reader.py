"""From an ini and a command line to Settings."""

from __future__ import annotations

import difflib
import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ConfigError
from .command import command_lines
from .files import Disk, Files
from .foreign import ACCEPTED, KNOWN
from .options import Option
from .script import DEFINES, DIRECTIVES, Script, World
from .settings import BY_NAME, BY_NEGATED, TABLE, Settings
from .text import COMMAND_LINE, Line, Where
from .values import Bases, check_range

SHOWN_MAX = 60  # characters of a value in a message
LISTENERS = "socket", "http-socket"


def read(
    ini: str | None,
    overrides: Sequence[str],
    *,
    cwd: str,
    environ: Mapping[str, str],
    host: str,
    files: Files | None = None,
    origin: str = str(COMMAND_LINE),
) -> tuple[Settings, list[str]]:
    """Settings, and warnings (one line each).  ConfigError says in one line what is wrong.

    `ini` is `path` or `path:section`; `overrides` are words of a command line, which come after
    it: added to repeatable options, instead of what the ini has for others.  `origin` is what
    messages call the place of these words.
    """
    script = Script(World(cwd, environ, host, files or Disk()))
    words = list(command_lines(overrides, Where(origin)))
    _force_variables(script, words)
    if ini is not None:
        script.read(ini)
    script.run(words)
    return _Reading(script).settings()


def _force_variables(script: Script, words: Sequence[Line]) -> None:
    for line in words:
        name, equals, value = line.value.partition("=")
        if line.key in DEFINES and equals:
            script.forced.setdefault(name.strip(), value.strip())


class _Reading:
    """The entries of a script, one after the other made into settings."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.warnings: list[str] = []
        self.warned: set[tuple[str, str]] = set()
        self.values: dict[str, Any] = {}
        self.places: dict[str, str] = {}
        self.lines = [(line, script.fill(line)) for line in script.entries]

    def settings(self) -> tuple[Settings, list[str]]:
        bases = self._bases()
        for line, value in self.lines:
            self._take(line, value, bases)
        self._check_threads()
        settings = Settings(**self.values, places=self.places)
        if settings.strict and self.warnings:
            raise ConfigError("\n".join(self.warnings))
        if not settings.socket and not settings.http_socket:
            where = self.lines[0][0].where.file if self.lines else str(COMMAND_LINE)
            raise Where(where).error("nowhere to listen; add, for example, http-socket = :8080")
        return settings, self.warnings

    def _check_threads(self) -> None:
        """A loop in the worker's own thread needs a worker that has one."""
        if self.values.get("offload_threads") != 0 or self.values.get("threads", 1) == 1:
            return
        self.values["offload_threads"] = 1
        line = [each for each, _ in self.lines if each.key == "offload-threads"][-1]
        message = (
            f"offload-threads = 0 is 1 here: it puts all I/O in the worker's own thread, and "
            f"threads = {self.values['threads']} asks for several; leave one of the two out"
        )
        self._warn(line, message)

    def _bases(self) -> Bases:
        """Relative docroots are relative to where the server goes."""
        cwd = self.script.world.cwd
        bases = Bases(cwd, cwd)
        for line, value in self.lines:
            if line.key == "chdir" and value:
                bases = Bases(cwd, posixpath.join(cwd, value))
        return bases

    def _take(self, line: Line, value: str, bases: Bases) -> None:
        if line.key in BY_NAME:
            self._set(BY_NAME[line.key], line, value, bases)
        elif line.key in BY_NEGATED:
            row = BY_NEGATED[line.key]
            self.values[row.field] = not row.kind.parse(value, bases)
        elif line.key in KNOWN:
            self._warn(line, f'"{line.key}" is not supported: {KNOWN[line.key]}')
        elif line.key not in ACCEPTED and not self._is_variable(line.key):
            raise line.where.error(_unknown(line.key))

    def _is_variable(self, name: str) -> bool:
        return name in self.script.used or name in self.script.placeholders

    def _set(self, row: Option, line: Line, value: str, bases: Bases) -> None:
        self._check_names(line, value)
        try:
            parsed = row.kind.parse(value or row.bare, bases)
            check_range(parsed, row.least, row.most, row.kind)
        except ValueError as error:
            raise line.where.error(f"{line.key}: {_shorten(str(error))}") from None
        if line.where.line is not None:
            self.places[f"{row.name} = {row.kind.show(parsed)}"] = str(line.where)
        if row.repeatable:
            parsed = (*self.values.get(row.field, ()), parsed)
        self.values[row.field] = parsed

    def _check_names(self, line: Line, value: str) -> None:
        """What is left unfilled in a value of ours is a mistake."""
        if "\0" in value or "\n" in value:
            raise line.where.error(f"{line.key}: a value is one line, without NUL")
        left = re.search(r"[%$]\([^()]*\)", value)
        if left:
            missing = "set in the environment" if left[0][0] == "$" else "an option or a variable"
            raise line.where.error(f"{line.key}: {left[0]} is not {missing}")
        for letter in line.unknown_magic:
            self._warn(line, f'"%{letter}" is not known and is left out; "%%" is a percent sign')

    def _warn(self, line: Line, message: str) -> None:
        """One warning per option."""
        if (line.key, message) not in self.warned:
            self.warned.add((line.key, message))
            self.warnings.append(str(line.where.error(message)))


def _shorten(text: str) -> str:
    return text if len(text) <= 4 * SHOWN_MAX else text[: 4 * SHOWN_MAX - 3] + "..."


def _unknown(name: str) -> str:
    """With the nearest name, ours before those of uWSGI."""
    ours = [row.name for row in TABLE] + [*BY_NAME, *BY_NEGATED, *sorted(DIRECTIVES)]
    plain = name.lower().replace("_", "-")
    for names in (ours, [*ACCEPTED, *KNOWN]):
        near = difflib.get_close_matches(plain, names, 1, 0.75)
        if near:
            return f'unknown option "{_name(name)}": did you mean "{near[0]}"?'
    return (
        f'unknown option "{_name(name)}"; a variable of your own is used as %(it) somewhere, '
        "or made by set-ph"
    )


def _name(name: str) -> str:
    return name if len(name) <= SHOWN_MAX else name[: SHOWN_MAX - 3] + "..."
