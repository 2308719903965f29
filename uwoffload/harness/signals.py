"""Signals as bytes in a pipe: handlers only wake the loop."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress

MASTER = (signal.SIGCHLD, signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
WORKER = (signal.SIGTERM,)
NOT_FOR_WORKERS = (signal.SIGHUP, signal.SIGINT)  # of a terminal: the master sees to it
HARMLESS = (  # unless the application wants them; else they would end the process
    signal.SIGALRM,
    signal.SIGIO,
    signal.SIGPROF,
    signal.SIGPWR,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGVTALRM,
)


def _nothing(number: int, frame: object) -> None:
    """A handler must be there for the wake-up descriptor to be written."""


class Signals:
    """Signals of this process, from now on; `fileno()` is readable when some came."""

    def __init__(self, wanted: Iterable[int], unheard: Iterable[int] = ()) -> None:
        """Main thread only.  Signals that `block` held back arrive now.

        unheard: those that must not kill either.  They are not ignored, for that would
        be inherited by the programs that an application starts.
        """
        self._wanted = tuple(wanted)
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        harmless = [each for each in HARMLESS if signal.getsignal(each) is signal.SIG_DFL]
        heard = [*self._wanted, *unheard, *harmless]
        self._before = {number: signal.getsignal(number) for number in heard}
        self._wake_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in heard:
            signal.signal(number, _nothing)
        unblock()

    def fileno(self) -> int:
        return self._read

    def take(self) -> list[int]:
        """Those that came and were wanted, in order."""
        found: list[int] = []
        with suppress(BlockingIOError):
            while data := os.read(self._read, 512):
                found += data
        return [number for number in found if number in self._wanted]

    def abandon(self) -> None:
        """In a forked child, which has the pipe of its parent: let go of it."""
        signal.set_wakeup_fd(-1)
        os.close(self._read)
        os.close(self._write)

    def close(self) -> None:
        """Everything as it was."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._wake_before)
        os.close(self._read)
        os.close(self._write)


def block() -> None:
    """Hold back what a master waits for: around a fork, and across an exec."""
    signal.pthread_sigmask(signal.SIG_BLOCK, MASTER)


def unblock() -> None:
    """Let come what was held back."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, MASTER)
