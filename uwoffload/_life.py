"""The end of engines: by close(), at exit of the interpreter, and across a fork."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ._bridge import NULL, lib
from ._hub import Due, Hub, run

if TYPE_CHECKING:
    from ._core import CData
    from .stats import Statistics

DISPATCHER_SECONDS = 5.0  # how long close() waits for a callback that is running
EXIT_SECONDS = 15.0  # how long the interpreter waits for a close() in another thread

log = logging.getLogger("uwoffload")
_alive: set[MortalHub] = set()


class MortalHub(Hub):
    """A hub that can be closed, by anybody, once."""

    def __init__(
        self, handle: CData, transfers_max: int, hosted: bool, stats: Statistics | None
    ) -> None:
        super().__init__(handle, transfers_max, hosted)
        self._stats = stats  # lent to the engine
        self._closing = False  # somebody is at it
        self._ended = False
        self.guests: list[Callable[[], object]] = []  # called before the engine stops
        _alive.add(self)

    def close(self, patience: float | None = None) -> None:
        """See Engine.close.  patience: how long to wait for another thread that does it."""
        if os.getpid() != self.pid:
            return
        mine = False
        try:
            with self.changed:
                self.changed.wait_for(lambda: self._ended or not self._closing, patience)
                if self._ended or self._closing:
                    return
                mine = self._closing = True
            due = self._end_all()
        except BaseException:  # a Ctrl-C: whoever closes it next goes on from here
            if mine:
                with self.changed:
                    self._closing = False
                    self.changed.notify_all()
            raise
        run(due)
        if self.dispatcher is not None and not self.in_dispatcher():
            self.dispatcher.join(DISPATCHER_SECONDS)

    def is_to_be_closed(self) -> bool:
        """By this process, and it is not too late: at its end no thread can start."""
        return not (self.closed or self.pid != os.getpid() or sys.is_finalizing())

    def _end_all(self) -> Due:
        """Every step may come twice, for the first time may have been interrupted."""
        due: Due = []
        for leave in list(self.guests):
            leave()
        if self.handle != NULL and lib.uwo_engine_stop(self.handle) < 0:
            log.warning("a disk does not answer; a helper thread is left behind")
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        home = self.call_home()
        if self.handle != NULL:
            due = self.reap_rest()
        if home:
            handle, self.handle = self.handle, NULL
            stats, self._stats = self._stats, None
            lib.uwo_engine_destroy(handle)
            if stats is not None:
                stats._take_back()
        else:
            log.error("a call into the engine does not return; its memory is kept")
        _alive.discard(self)
        with self.changed:
            self._ended = True
            self.changed.notify_all()
        return due


def _close_all() -> None:
    """An interpreter must not end under living engine threads."""
    for hub in list(_alive):
        hub.close(EXIT_SECONDS)


def _forget_all() -> None:
    """In a forked child: the engines are the parent's; nobody may wait for their locks."""
    for hub in _alive:
        hub.renew_locks()
    _alive.clear()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_all)
