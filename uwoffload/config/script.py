"""Runs the lines of an ini: what it includes, its loops and conditions, its variables.

What comes out is a flat list of entries (option, value, place), every name in them filled in.
Directives see what stands above them; other values also what stands below.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from .files import Files
from .text import LINE_MAX, Line, Magic, Where, fill_names, lines, sections

FILES_MAX = 64  # of one configuration, each inclusion counted
LINES_MAX = 100_000  # run, in loops each time
NAMES_MAX = 100_000  # filled in
DEPTH_MAX = 32  # of files in files, and of variables in variables

INCLUDES = ("ini", "include", "inherit")
DEFINES = ("set", "set-ph", "set-placeholder")
LOOPS = ("for", "for-times", "for-readline")
LOOP_ENDS = ("endfor", "end-for")
IF_ENDS = ("endif", "end-if")
UNSUPPORTED_BLOCKS = ("for-glob", "blacklist", "whitelist")
IFS = {
    "if-env": "env", "ifenv": "env", "if-not-env": "not env",
    "if-opt": "opt", "if-not-opt": "not opt",
    "if-exists": "exists", "ifexists": "exists", "if-not-exists": "not exists",
    "if-file": "file", "if-not-file": "not file",
    "if-dir": "directory", "if-directory": "directory", "ifdir": "directory",
    "if-not-dir": "not directory",
    "if-hostname": "hostname", "if-not-hostname": "not hostname",
    "if-hostname-match": "match", "if-not-hostname-match": "not match",
    "if-plugin": "plugin", "ifplugin": "plugin", "if-not-plugin": "not plugin",
    "if-reload": "reload", "if-not-reload": "not reload",
}  # fmt: skip
DIRECTIVES = frozenset(
    (*INCLUDES, *DEFINES, *LOOPS, *LOOP_ENDS, *IF_ENDS, *IFS, *UNSUPPORTED_BLOCKS)
)


@dataclass(frozen=True, slots=True)
class World:
    """All that a configuration may depend on."""

    cwd: str
    environ: Mapping[str, str]
    host: str
    files: Files


class Script:
    """One configuration being read."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.entries: list[Line] = []
        self.forced: dict[str, str] = {}  # variables of the command line
        self.variables: dict[str, str] = {}  # raw; of equal names the first counts
        self.placeholders: set[str] = set()  # named by set-ph: never unknown options
        self.used: set[str] = set()  # asked for by %(name)
        self._files_left = FILES_MAX
        self._lines_left = LINES_MAX
        self._names_left = NAMES_MAX
        self._facts = {**world.files.facts(), "h": world.host, "v": world.cwd}

    # ---- files ----

    def read(self, name: str, asked_at: Where | None = None, depth: int = 0) -> None:
        """Add a file, `name` being `path` or `path:section`."""
        path, section = _split(name)
        where = asked_at or Where(path)
        self._files_left -= 1
        if depth > DEPTH_MAX or self._files_left < 0:
            raise where.error(f'"{path}" is one file too many; does it include itself?')
        text = self._text(path, where, asked_at is not None)
        absolute = posixpath.join(self.world.cwd, path)
        magic = Magic(absolute, section, self._facts)
        if depth == 0:
            inherited = Magic(absolute, section, {}).letters()
            self._facts.update({letter: inherited[letter] for letter in "CDENPSX"})
        found = list(lines(text, path, section, magic))
        if section not in sections(text):
            raise Where(path).error(f"no section [{section}]; it has {_list(sections(text))}")
        self.run(found, depth)

    def _text(self, path: str, where: Where, included: bool) -> str:
        try:
            return self.world.files.text(posixpath.join(self.world.cwd, path))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            named = f'"{path}": ' if included else ""
            raise where.error(f"{named}cannot be read: {reason}") from None

    # ---- lines ----

    def run(self, found: Iterable[Line], depth: int = 0) -> None:
        """Add lines; blocks begin and end in the same run of lines."""
        rest = iter(found)
        for line in rest:
            self._lines_left -= 1
            if self._lines_left < 0:
                raise line.where.error(f"too many lines; at most {LINES_MAX}")
            if line.key in LOOPS:
                self.run(self._loop(line, rest), depth)
            elif line.key in IFS:
                self.run(self._condition(line, rest), depth)
            elif line.key in UNSUPPORTED_BLOCKS:
                raise line.where.error(f'"{line.key}" is not supported; write its lines out')
            elif line.key in (*LOOP_ENDS, *IF_ENDS):
                raise line.where.error(f'"{line.key}" ends nothing')
            elif line.key in INCLUDES:
                self.read(self.fill(line), line.where, depth + 1)
            elif line.key in DEFINES:
                self._define(line)
            else:
                self._add(line)

    def _add(self, line: Line) -> None:
        self.variables.setdefault(line.key, line.value)
        self.entries.append(line)

    def _define(self, line: Line) -> None:
        name, equals, value = self.fill(line).partition("=")
        name = name.strip()
        if not name or not equals:
            raise line.where.error(f'"{line.key}" needs NAME=VALUE')
        if line.key != "set":
            self.placeholders.add(name)
            self.variables.setdefault(name, value.strip())
        else:
            self._add(replace(line, key=name, value=value.strip()))

    # ---- blocks ----

    def _block(self, opening: Line, rest: Iterator[Line], ends: tuple[str, ...]) -> list[Line]:
        inside: list[Line] = []
        for line in rest:
            if line.key in ends:
                return inside
            if _family(line.key) == _family(opening.key):
                raise line.where.error(f'"{line.key}" inside "{opening.key}" is not supported')
            inside.append(line)
        raise opening.where.error(f'"{opening.key}" without "{ends[0]}"')

    def _loop(self, line: Line, rest: Iterator[Line]) -> Iterator[Line]:
        value = self.fill(line)
        block = self._block(line, rest, LOOP_ENDS)
        for item in self._items(line, value):
            yield from (_substitute(inner, item) for inner in block)

    def _items(self, line: Line, value: str) -> list[str]:
        if line.key == "for":
            return value.split()
        if line.key == "for-readline":
            return self._text(value, line.where, included=True).splitlines()
        if not value.isdecimal() or int(value) > LINES_MAX:
            raise line.where.error(f'"for-times" needs a number, at most {LINES_MAX}')
        return [str(number) for number in range(1, int(value) + 1)]

    def _condition(self, line: Line, rest: Iterator[Line]) -> Iterator[Line]:
        value = self.fill(line)
        block = self._block(line, rest, IF_ENDS)
        what = IFS[line.key]
        result = self._test(what.removeprefix("not "), value, line.where)
        if (result is None) == what.startswith("not "):
            yield from (_substitute(inner, result or value) for inner in block)

    def _test(self, what: str, value: str, where: Where) -> str | None:
        """What %(_) is in a condition that holds; None for one that does not."""
        if what == "env":
            return self.world.environ.get(value)
        if what == "opt":
            name, equals, wanted = value.partition("=")
            has = self.variables.get(name)
            return has if not equals or has == wanted else None
        if what == "hostname":
            return value if value == self.world.host else None
        if what == "match":
            try:
                return value if re.search(value, self.world.host) else None
            except re.error as error:
                raise where.error(f'"{value}" is no regular expression: {error}') from None
        if what in ("exists", "file", "directory"):
            kind = self.world.files.kind(posixpath.join(self.world.cwd, value))
            return value if kind and what in ("exists", kind) else None
        return None  # no plugins here, and a reload reads the ini like a start

    # ---- names in values ----

    def fill(self, line: Line) -> str:
        """The value with %(name), $(VARIABLE) and @(file) filled in; unknown names stay."""
        return self._fill(line.value, line.where, 0)

    def _fill(self, text: str, where: Where, depth: int) -> str:
        if depth > DEPTH_MAX:
            raise where.error(f'"{text[:60]}" is made of itself')

        def find(sign: str, name: str) -> str | None:
            if sign == "$":
                return self.world.environ.get(name)
            if sign == "@":
                return self._content(name, where)
            self.used.add(name)
            self._names_left -= 1
            if self._names_left < 0:
                raise where.error(f"too many names to fill in; at most {NAMES_MAX}")
            raw = self.forced.get(name, self.variables.get(name))
            return None if raw is None else self._fill(raw, where, depth + 1)

        filled = fill_names(text, find)
        if len(filled) > LINE_MAX:
            raise where.error(f"a value of more than {LINE_MAX} characters")
        return filled

    def _content(self, name: str, where: Where) -> str | None:
        scheme = re.match(r"([a-z0-9]+)://", name)
        if scheme and scheme[1] != "file":
            raise where.error(f'"@({name})" is not supported; name a file')
        path = name.removeprefix("file://")
        return self._text(path, where, included=True).removesuffix("\n") if path else None


def _substitute(line: Line, item: str) -> Line:
    return replace(line, key=line.key.replace("%(_)", item), value=line.value.replace("%(_)", item))


def _family(key: str) -> str:
    return "for" if key in LOOPS else "if" if key in IFS else key + " is no block"


def _split(name: str) -> tuple[str, str]:
    path, colon, section = name.rpartition(":")
    return (path, section) if colon and path and "/" not in section else (name, "uwsgi")


def _list(names: set[str]) -> str:
    return ", ".join(f"[{name}]" for name in sorted(names)[:8]) or "none"
