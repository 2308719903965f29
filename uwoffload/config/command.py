"""The command line: `--option value`, `--option=value`, `--flag`, and the short ones of uWSGI."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .script import DIRECTIVES
from .settings import BY_NAME, BY_NEGATED, BY_SHORT
from .text import COMMAND_LINE, Line, Where
from .values import FLAG


def command_lines(words: Sequence[str], where: Where = COMMAND_LINE) -> Iterator[Line]:
    """What stands on the command line, as lines of an ini."""
    for found in _entries(words, where):
        if isinstance(found, str):
            raise where.error(f'"{found}" belongs to no option; write --OPTION VALUE')
        yield found


def without_options(words: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Words that belong to no option, and options with their values: `serve -p 2 DIR`."""
    found = list(_entries(words))
    alone = [each for each in found if isinstance(each, str)]
    return alone, [(each.key, each.value) for each in found if not isinstance(each, str)]


def _entries(words: Sequence[str], where: Where = COMMAND_LINE) -> Iterator[Line | str]:
    """Options with their values, and words that belong to none."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if re.match("--[^=]", word):
            name, equals, value = word[2:].partition("=")
        elif re.match("-[^-]", word):
            name, equals, value = _short(word, rest)
        else:
            yield word
            continue
        if not equals and _takes(name, rest):
            value = rest.pop(0)
        yield Line(name, value.strip(), where)


def _short(word: str, rest: list[str]) -> tuple[str, str, str]:
    """`-p4`, `-p 4`; of flags written as one word, the others go back to `rest`."""
    row = BY_SHORT.get(word[1])
    if row is None:
        raise COMMAND_LINE.error(f'unknown option "{word}"; write it out, as in --processes 4')
    if row.kind is FLAG and word[2:]:
        rest.insert(0, f"-{word[2:]}")
        return row.name, "", ""
    value = word[2:].removeprefix("=")
    return row.name, "=" if value else "", value


def _takes(name: str, rest: list[str]) -> bool:
    """Whether the next word is the value of the option.

    Of options that are not ours we do not know; a word that is no option then belongs to them.
    """
    row = BY_NAME.get(name)
    if name in BY_NEGATED or (row is not None and row.kind is FLAG):
        return False
    if not rest:
        if (row is not None and not row.bare) or name in DIRECTIVES:
            raise COMMAND_LINE.error(f"{name} needs a value")
        return False
    if row is not None and not row.bare:
        return True
    return not rest[0].startswith("-")
