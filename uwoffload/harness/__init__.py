"""The server: a master that waits, and workers that serve."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import CannotStart
from . import ending, handover, master, prepare, trial
from .announcement import lines, say_error

if TYPE_CHECKING:
    from ..config import Settings
    from ..request import Handler

__all__ = ["CannotStart", "run"]


def run(settings: Settings, handler: Handler | None = None) -> int:
    """Serve until told to stop; gives the exit status.  Main thread only.

    A worker is a fork, so nothing else may run in this process.  Raises CannotStart.
    """
    had = trial.asked()
    if had is not None:
        prepare.rehearse(settings, handler, had)
        trial.passed()
    if not settings.master:
        say_error("master = false: there is always a master, which only waits")
    found = handover.take()
    again = bool(found.listeners)
    if found.directory is None:
        found.directory = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    if found.umask is None:
        found.umask = os.umask(0o077)
        os.umask(found.umask)
    setup = prepare.prepare(settings, handler, found)
    terminal = None if again else os.dup(sys.stdout.fileno())
    if setup.log is not None:
        prepare.redirect(setup.log)

    def announce() -> None:
        """To where the command was given, once; after a reload to the log."""
        text = "\n".join(lines(setup, again)) + "\n"
        with suppress(OSError):
            os.write(sys.stdout.fileno() if terminal is None else terminal, text.encode())

    try:
        return master.Master(setup, found, announce=announce).run()
    finally:
        ending.end(setup)
        os.close(found.directory)
        if terminal is not None:
            os.close(terminal)
        sys.stdout.flush()
