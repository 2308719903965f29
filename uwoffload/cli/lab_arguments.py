"""The arguments that the commands of the lab have in common: tables, one line for each."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .demo import within

RULES = ("spare", "spare2", "backlog", "busyness", "target")
EPILOG = (
    "RULE: spare, busyness:busy_max=70,busy_min=30, uwsgi-2.1/backlog, static:8, mymodule:function "
    "or rule.py:function; knobs: `uwoffload cheaper list`; loads: `uwoffload lab loads`."
)


class Row(NamedTuple):
    """An argument; its default is added to the help."""

    name: str
    metavar: str
    help: str
    type: Callable[[str], Any] = str
    default: Any = None
    more: dict[str, Any] = {}  # noqa: RUF012 - never changed


def add(group: Any, rows: Sequence[Row]) -> None:
    """A table of arguments."""
    for row in rows:
        shown = f"{'; ' if row.help else ''}default: {row.default}" if row.default else ""
        group.add_argument(
            row.name,
            metavar=row.metavar,
            type=row.type,
            default=row.default,
            help=(row.help + shown).replace("%", "%%"),
            **row.more,
        )


def number(low: float, high: float, unit: str = "") -> Callable[[str], float]:
    """An argument type."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r}: {low:g} to {high:g}{unit} is allowed")
        return int(value) if value.is_integer() else value

    return read


def share(text: str) -> float:
    """`1%` or `0.01`."""
    plain = text.strip().removesuffix("%")
    try:
        part = float(plain) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        part = float("nan")
    if not 0 <= part < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r}: a share is allowed, as 1% or 0.01: below 100%, or below 1 without the sign"
        )
    return part


def one_of(*names: str) -> Callable[[str], str]:
    """An argument type."""

    def read(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(f"{text!r}: {' or '.join(names)} is allowed")
        return text

    return read


def add_rules(command: argparse.ArgumentParser, *, needed: bool = False) -> None:
    """What is tried."""
    group = command.add_argument_group("rules")
    group.add_argument(
        "rules",
        nargs="+" if needed else "*",
        metavar="RULE",
        help="see below" + "; default: each algorithm" * (not needed),
    )


REPEATED: dict[str, Any] = {"action": "append"}
SECONDS = number(0, 3600, " s")
MS = number(0, 3_600_000, " ms")


def add_load(
    command: argparse.ArgumentParser, *, seeds: int, seeds_are: str, loads: str = "steady"
) -> None:
    """Where the requests come from."""
    group = command.add_argument_group("load")
    add(
        group,
        (
            Row("--load", "NAME[:KEY=V,...]", f"repeatable; default: {loads}", more=REPEATED),
            Row("--mean-load", "W", "workers' worth of requests; default: 4, or as traced",
                number(0.01, 10_000)),
            Row("--horizon", "S", "seconds, of a load of the catalogue",
                number(60, 8_640_000, " s"), 3600),
            Row("--service", "MS", "mean of a request; default: 100, or as traced",
                number(0.001, 3_600_000, " ms")),
            Row("--trace", "FILE", "log or table of your own, also packed"),
            Row("--trace-as", "KEY=VALUE,...", "format=common, azure, csv or uwsgi; unit=ms, ..."),
        ),
    )  # fmt: skip
    group.add_argument("--strict", action="store_true", help="stop at a line that does not parse")
    add(
        group,
        (
            Row("--seeds", "N", seeds_are, within(1, 10_000), seeds),
            Row("--seed", "N", "the first; default: 0", within(0, 1 << 31), 0),
        ),
    )


def add_pool(command: argparse.ArgumentParser) -> None:
    """What is simulated."""
    add(
        command.add_argument_group("pool"),
        (
            Row("--workers-max", "N", "", within(1, 65536), 16),
            Row("--workers-min", "N", "", within(1, 65536), 2),
            Row("--threads", "N", "per worker", within(1, 64), 1),
            Row("--startup", "S", "from a start until it serves, seconds", SECONDS, 1),
            Row("--drain", "S", "from its last request until it is gone; default: 0", SECONDS, 0),
            Row("--tick", "S", "seconds between two checks", number(0.01, 3600, " s"), 1),
            Row("--queue-limit", "N", "more are rejected; 0: none", within(0, 1 << 24), 100),
            Row(
                "--queues", "KIND", "shared or per-worker", one_of("shared", "per-worker"), "shared"
            ),
            Row("--wait-target", "MS", "a request should not wait longer", MS, 100),
        ),
    )


def add_crew(command: argparse.ArgumentParser) -> None:
    """Who computes."""
    group = command.add_argument_group("who computes")
    add(
        group,
        (
            Row("--jobs", "N", "at once; default: one per processor", within(1, 4096)),
            Row("--dask", "ADDRESS", "an existing Dask cluster, as tcp://host:8786"),
        ),
    )
    group.add_argument("--in-threads", action="store_true", help="instead of processes")
    group.add_argument(
        "--no-bounds", action="store_true", help="leave cost / bound empty: they take the longest"
    )


def add_output(command: argparse.ArgumentParser, *, html: bool = True) -> Any:
    """Where it goes; gives the group."""
    group = command.add_argument_group("output")
    rows = [Row("--json", "FILE", "JSON lines; -: to the terminal, instead of tables")]
    if html:
        rows.append(Row("--html", "FILE", "a report with plots: one file that needs no other"))
    add(group, rows)
    return group
