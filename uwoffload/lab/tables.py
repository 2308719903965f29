"""Tables for the terminal: rich where it is installed and looks at a person, plain elsewhere."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from ..cli.table import table

LONG = 40  # of a name
GAP = 2  # between columns


def show(
    head: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    title: str = "",
    file: TextIO | None = None,
) -> None:
    """Print a table.

    The first column is the name of a row.  On a terminal that is too narrow the others are shown
    in several tables, and long names below them; in a file long names stand at the end.
    """
    out = file or sys.stdout
    if title:
        print(title, file=out)
    if not rows:
        print("(nothing)", file=out)
        return
    long = any(len(str(row[0])) > LONG for row in rows)
    if not out.isatty():
        if long:
            head, rows = [*head[1:], head[0]], [[*row[1:], row[0]] for row in rows]
        print(table(head, rows), file=out)
        return
    names = [str(row[0]) for row in rows]
    if long:
        rows = [[f"#{number}", *row[1:]] for number, row in enumerate(rows, 1)]
    for columns in fitting(head, rows, shutil.get_terminal_size().columns):
        part = [head[column] for column in columns], [[row[one] for one in columns] for row in rows]
        if not show_rich(*part, out):
            print(table(*part), file=out)
    if long:
        print("\n".join(f"#{number} = {name}" for number, name in enumerate(names, 1)), file=out)


def fitting(
    head: Sequence[str], rows: Sequence[Sequence[object]], width: int
) -> Iterator[list[int]]:
    """Columns, cut into groups that are no wider; each begins with the first."""
    widths = [
        max(len(str(row[column])) for row in [head, *rows]) + GAP for column in range(len(head))
    ]
    group = [0]
    for column in range(1, len(head)):
        if len(group) > 1 and sum(widths[one] for one in [*group, column]) > width:
            yield group
            group = [0]
        group.append(column)
    yield group


def show_rich(head: Sequence[str], rows: Sequence[Sequence[object]], out: TextIO) -> bool:
    """In colours; false when rich is not installed."""
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for index, name in enumerate(head):
        numeric = all(is_number(row[index]) for row in rows)
        drawn.add_column(Text(name), justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        drawn.add_row(*(Text(str(cell)) for cell in row))
    Console(file=out).print(drawn)
    return True


def is_number(cell: object) -> bool:
    """A number, or a text that is one with its unit."""
    text = str(cell).removeprefix("<")
    return isinstance(cell, int | float) or text[:1].isdigit() or text in ("-", "inf")


def write_lines(records: Iterable[Mapping[str, Any]], file: TextIO) -> None:
    """JSON lines."""
    for record in records:
        file.write(line(record))


def line(record: Mapping[str, Any]) -> str:
    """One JSON line; what JSON has no word for (infinity, not a number) becomes null."""
    plain = {name: usual(value) for name, value in record.items()}
    return json.dumps(plain, ensure_ascii=False, allow_nan=False) + "\n"


def usual(value: Any) -> Any:
    """numpy's numbers as Python's."""
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number(value: float, digits: int = 3) -> str:
    """So many digits that matter, no exponent."""
    if not math.isfinite(value):
        return "-" if math.isnan(value) else "inf"
    if value == 0:
        return "0"
    places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{min(places, 6)}f}"


def count(value: float, runs: int = 1) -> str:
    """How many: whole of one run, with a tenth as the mean of several; never 0 when it is not."""
    if not math.isfinite(value) or value == 0:
        return number(value)
    if runs == 1 and value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 0.05 else "<0.1"


def percent(share: float) -> str:
    """A share of one as per cent; never 0 when it is not."""
    if share and abs(share) < 0.00005:
        return "<0.01 %"
    return f"{number(share * 100)} %"


def milliseconds(us: float) -> str:
    """Microseconds as people read waits."""
    if us >= 10_000_000:
        return f"{number(us / 1e6)} s"
    return f"{number(us / 1000)} ms"
