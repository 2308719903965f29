"""What an option is.  `settings.py` has the table of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from enum import Enum
from inspect import get_annotations
from typing import Any

from .values import Kind


class Relation(Enum):
    """How an option relates to the one of the same name in uWSGI."""

    SAME = "same"
    DIFFERS = "differs"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table."""

    name: str
    field: str
    group: str
    kind: Kind
    default: Any
    help: str
    relation: Relation
    note: str  # how it differs
    aliases: tuple[str, ...]
    negated: tuple[str, ...]  # names of flags that switch it off
    short: str  # one letter, or ""
    least: float | None
    most: float | None
    repeatable: bool
    bare: str  # the value of the option without one, or ""
    rare: bool  # not in the help that fits a screen

    def default_text(self) -> str:
        """As it stands in help and docs; "" when there is none."""
        if self.default is None or self.default == ():
            return ""
        if isinstance(self.default, tuple):
            return ", ".join(self.kind.show(value) for value in self.default)
        return self.kind.show(self.default)


def option(
    kind: Kind,
    help: str,
    default: object = None,
    *,
    differs: str = "",
    ours: bool = False,
    aliases: str = "",
    negated: str = "",
    short: str = "",
    least: float | None = 0,
    most: float | None = None,
    bare: str = "",
    rare: bool = False,
) -> Any:
    """A field of Settings that is an option; one with a tuple as its default is repeatable."""
    row = {
        "kind": kind,
        "help": help,
        "relation": Relation.OURS if ours else Relation.DIFFERS if differs else Relation.SAME,
        "note": differs,
        "aliases": tuple(aliases.split()),
        "negated": tuple(negated.split()),
        "short": short,
        "least": least,
        "most": most,
        "bare": bare,
        "rare": rare,
    }
    return field(default=default, metadata=row)


def rows(settings: type) -> Iterator[Option]:
    """The options of a dataclass, in its order; groups are the classes they stand in."""
    for entry in fields(settings):
        if entry.metadata:
            yield _row(entry, _group_of(settings, entry.name))


def _row(entry: Field[Any], group: str) -> Option:
    return Option(
        name=entry.name.replace("_", "-"),
        field=entry.name,
        group=group,
        default=entry.default,
        repeatable=isinstance(entry.default, tuple),
        **entry.metadata,
    )


def _group_of(settings: type, name: str) -> str:
    owner = next(kind for kind in settings.__mro__ if name in get_annotations(kind))
    return (owner.__doc__ or "").partition("\n")[0].rstrip(".")
