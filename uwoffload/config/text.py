"""The text of an ini: lines, comments, sections, magic.

Nothing here knows an option.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ..errors import ConfigError

LINE_MAX = 65536  # characters; also of a value when all is filled in
COMMENT = ("#", ";")


@dataclass(frozen=True, slots=True)
class Where:
    """`app.ini:3`, or `command line`."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def error(self, message: str) -> ConfigError:
        """To be raised: the place, then what is wrong there."""
        return ConfigError(printable(f"{self}: {message}"))


COMMAND_LINE = Where("command line")


def printable(text: str) -> str:
    """One line of it, whatever was in the file."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@dataclass(frozen=True, slots=True)
class Line:
    """`key = value`; a key alone has the value ""."""

    key: str
    value: str
    where: Where
    unknown_magic: tuple[str, ...] = ()  # letters after % that stand for nothing


@dataclass(frozen=True, slots=True)
class Magic:
    """What %x stands for, in one file; `facts` are letters that are the same in all files."""

    file: str  # absolute
    section: str
    facts: Mapping[str, str]

    def letters(self) -> dict[str, str]:
        """Every letter that means something."""
        folder, name = posixpath.split(self.file)
        parts = [part for part in folder.split("/") if part]
        stem, dot, ending = name.rpartition(".")
        own = {
            "c": parts[-1] if parts else "",
            "d": folder.rstrip("/") + "/",
            "e": ending if dot else "",
            "n": stem if dot else name,
            "p": self.file,
            "s": name,
            "x": self.section,
        }
        numbered = {str(index): part for index, part in enumerate(parts[:10])}
        upper = {letter.upper(): value for letter, value in own.items()}
        return {"%": "%", **numbered, **upper, **own, **self.facts}


def lines(text: str, file: str, section: str, magic: Magic) -> Iterator[Line]:
    """The lines of one section, in order.  ConfigError for what is neither key nor section."""
    letters = magic.letters()
    current: str | None = None
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        where = Where(file, number)
        stripped = raw.strip()
        if not stripped or stripped.startswith(COMMENT):
            continue
        if len(stripped) > LINE_MAX or "\0" in stripped:
            raise where.error(
                f"no line of an ini; allowed: {LINE_MAX} characters, none of them NUL"
            )
        filled, unknown = fill_magic(stripped, letters)
        if filled.startswith("["):
            current = _section(filled, where)
        elif current is None:
            raise where.error(f'"{_short(filled)}" stands before any [section]; begin with [uwsgi]')
        elif current == section:
            yield _line(filled, where, unknown)


def sections(text: str) -> set[str]:
    """Names of all sections, as far as they are well-formed."""
    return set(re.findall(r"^\s*\[([^\]\n]*)\]\s*$", text.removeprefix("\ufeff"), re.MULTILINE))


def fill_magic(text: str, letters: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Replace every %x but %(; what means nothing becomes nothing, and is told."""
    unknown: list[str] = []

    def fill(match: re.Match[str]) -> str:
        letter = match[1]
        if letter not in letters:
            unknown.append(letter)
        return letters.get(letter, "")

    return re.sub(r"%([^(])", fill, text, flags=re.DOTALL), tuple(unknown)


def _section(text: str, where: Where) -> str:
    if not text.endswith("]"):
        raise where.error(f'"{_short(text)}" is no section; close it with "]"')
    return text[1:-1]


def _line(text: str, where: Where, unknown: tuple[str, ...]) -> Line:
    key, _, value = text.partition("=")
    key = key.strip()
    if not key:
        raise where.error(f'"{_short(text)}" has no option name in front of "="')
    return Line(key, value.strip(), where, unknown)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


PATTERN = re.compile(r"([%$@])\(([^()]*)\)")


def fill_names(text: str, find: Callable[[str, str], str | None]) -> str:
    """Replace %(option), $(VARIABLE) and @(file) by what `find` gives for them; None: keep it."""

    def fill(match: re.Match[str]) -> str:
        found = find(match[1], match[2])
        return match[0] if found is None else found

    return PATTERN.sub(fill, text)
