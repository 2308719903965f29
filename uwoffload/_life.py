"""The end of engines: by close(), at exit of the interpreter, and across a fork."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ._bridge import NULL, lib
from ._hub import Hub, run

if TYPE_CHECKING:
    from ._core import CData
    from .stats import Statistics

DISPATCHER_SECONDS = 5.0  # how long close() waits for a callback that is running

log = logging.getLogger("uwoffload")
_alive: set[MortalHub] = set()


class MortalHub(Hub):
    """A hub that can be closed, by anybody, once."""

    def __init__(self, handle: CData, transfers_max: int, stats: Statistics | None) -> None:
        super().__init__(handle, transfers_max)
        self._stats = stats  # lent to the engine
        self._closing = False
        self.guests: list[Callable[[], object]] = []  # called before the engine stops
        _alive.add(self)

    def renew_locks(self) -> None:
        super().renew_locks()
        self._ended = threading.Event()

    def close(self) -> None:
        """See Engine.close."""
        if os.getpid() != self.pid:
            return
        with self.lock:
            first, self._closing = not self._closing, True
        if not first:
            self._ended.wait()
            return
        for leave in list(self.guests):
            leave()
        if lib.uwo_engine_stop(self.handle) < 0:
            log.warning("a disk does not answer; a helper thread is left behind")
        with self.lock:
            self.closed = True
            self.changed.notify_all()
        home = self.call_home()
        due = self.reap_rest()
        if home:
            lib.uwo_engine_destroy(self.handle)
            self.handle = NULL
            if self._stats is not None:
                self._stats._take_back()
        else:
            log.error("a call into the engine does not return; its memory is kept")
        _alive.discard(self)
        self._ended.set()
        run(due)
        if self.dispatcher is not None and not self.in_dispatcher():
            self.dispatcher.join(DISPATCHER_SECONDS)


def _close_all() -> None:
    """An interpreter must not end under living engine threads."""
    for hub in list(_alive):
        hub.close()


def _forget_all() -> None:
    """In a forked child: the engines are the parent's; nobody may wait for their locks."""
    for hub in _alive:
        hub.renew_locks()
    _alive.clear()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_all)
