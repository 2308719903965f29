"""`uwoffload stats PID|FILE`: the figures that servers and engines publish."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from typing import Any

from ..errors import InvalidArgument
from ..stats import Statistics
from .table import table

BLOCK = "/memfd:uwoffload-stats"  # as the link of a descriptor shows a block in memory


def add_to(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser("stats", help="print the counters of a server or an engine")
    command.add_argument(
        "source",
        metavar="PID|FILE",
        help="process of a server, or the file given to Engine(stats=...)",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """One row per figure, one column per slot that has any, and the sum."""
    source = options.source
    path = block_of(source) if source.isascii() and source.isdigit() else source
    with Statistics.open(path) as statistics:
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


def block_of(pid: str) -> str:
    """Where the block of a process can be opened.  Raises InvalidArgument."""
    folder = f"/proc/{pid}/fd"
    try:
        names = sorted(os.listdir(folder), key=int)
    except OSError as error:
        if isinstance(error, PermissionError):
            reason = "it belongs to another user; ask as that one, or as root"
        else:
            reason = "there is no such process; the server says its number when it starts"
        raise InvalidArgument(f"process {pid}: {reason}") from None
    for name in names:
        with suppress(OSError):
            if os.readlink(f"{folder}/{name}").startswith(BLOCK):
                return f"{folder}/{name}"
    raise InvalidArgument(
        f"process {pid}: it publishes no counters; name the process of a server of uwoffload"
    )
