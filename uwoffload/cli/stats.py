"""`uwoffload stats FILE`: the figures that engines publish."""

from __future__ import annotations

import argparse
from typing import Any

from ..stats import Statistics
from .table import table


def add_to(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser("stats", help="print the statistics that engines publish")
    command.add_argument("file", help="the file given to Engine(stats=...)")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """One row per figure, one column per slot that has any, and the sum."""
    with Statistics.open(options.file) as statistics:
        slots = [slot for slot in statistics.read() if any(slot.values.values())]
        total = statistics.total()
        head = ["figure"]
        for slot in slots:
            thread = "callers" if slot.thread is None else f"thread {slot.thread}"
            head.append(f"worker {slot.worker} {thread}")
        rows = [
            [name, *(slot.values[name] for slot in slots), total[name]]
            for name in statistics.fields
        ]
    print(table([*head, "total"], rows))
    return 0
