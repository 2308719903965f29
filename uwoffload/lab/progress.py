"""A bar while something takes long: rich's, a plain one, or none where nobody looks."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

WIDTH = 30


@contextlib.contextmanager
def progress(
    label: str, total: int | None, file: TextIO | None = None
) -> Iterator[Callable[[int], None]]:
    """Call what this gives with how many more are done.  total: None when it is not known."""
    out = file or sys.stderr
    if not out.isatty():
        yield lambda _: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
    except ImportError:
        with plain(label, total, out) as advance:
            yield advance
        return
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=out), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda count: bar.advance(task, count)


@contextlib.contextmanager
def plain(label: str, total: int | None, out: TextIO) -> Iterator[Callable[[int], None]]:
    """Without rich."""
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        filled = WIDTH * done // total if total else 0
        bar = f" [{'#' * filled:<{WIDTH}}]" if total else ""
        print(f"\r{label}{bar} {done}{f'/{total}' if total else ''}", end="", file=out, flush=True)

    try:
        yield advance
    finally:
        print("\r\033[K", end="", file=out, flush=True)
