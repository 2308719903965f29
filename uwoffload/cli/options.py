"""`uwoffload options`: the table of all options, from its one source."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .table import table


def add_to(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser("options", help="print the options of serve and run")
    command.add_argument("words", nargs="*", metavar="WORD", help="only rows that have it")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """A table per group."""
    from ..config.foreign import ACCEPTED, KNOWN
    from ..config.settings import TABLE

    rows: dict[str, list[tuple[str, str, str]]] = {}
    for row in TABLE:
        default = row.default_text()
        value = f"--{row.name} {row.kind.metavar}".rstrip()
        cells = (value, row.help + (" (repeatable)" if row.repeatable else ""), default)
        if all(word in " ".join((*cells, *row.aliases)) for word in options.words):
            rows.setdefault(row.group, []).append(cells)
    for number, (group, found) in enumerate(rows.items()):
        print(f"{chr(10) if number else ''}{group}")
        print(table(("option", "what it does", "default"), found))
    known = [
        f"{word}: {so}: {table[word]}"
        for word in options.words
        for so, table in (("accepted", ACCEPTED), ("not supported", KNOWN))
        if word in table
    ]
    print("\n".join(["", *known] if rows and known else known), end="\n" * bool(known))
    if rows or known:
        return 0
    print(f"uwoffload: no option has {' and '.join(options.words)}", file=sys.stderr)
    return 1
