"""Calls into C, counted, so that the handle is destroyed when nobody uses it.

Whoever enters C holds a call, which also has room for the answers.  A call is
taken out of a list and put back, both atomic, so a submit needs no lock.
"""

from __future__ import annotations

import math
import os
import threading
import time
from typing import TYPE_CHECKING

from ._bridge import check, ffi, lib, new_error
from .errors import EngineClosed, InvalidArgument

if TYPE_CHECKING:
    from ._core import CData

CALLS_HOME_SECONDS = 10.0  # how long close() waits for calls under way in other threads
CALLS_HOME_STEP = 0.001

_IDS = ffi.typeof("uint64_t[1]")


class Call:
    """Room for the answers of C functions; used by one thread at a time."""

    __slots__ = ("error", "events", "ids")

    def __init__(self) -> None:
        self.error = new_error()
        self.ids = ffi.new(_IDS)
        self.events: CData = None  # made by the first reaping


class Calls:
    """The handle of an engine and the calls on it.  Thread: any, for every method."""

    def __init__(self, handle: CData, hosted: bool) -> None:
        self.handle = handle
        self.hosted = hosted  # no threads: that which made it runs the loop, and all callbacks
        self.host = threading.get_ident()
        self.pid = os.getpid()
        self.idle: list[Call] = []
        self.closed = False  # no new call may be made
        self._made = 0  # calls in existence
        self._home = 0  # of them taken out of use
        self.renew_locks()

    def renew_locks(self) -> None:
        """At the start, and in a forked child, where another thread may have held them."""
        self.lock = threading.Lock()

    def enter(self) -> Call:
        """Take a call; give it back with `leave`.  Raises EngineClosed."""
        try:
            return self.idle.pop()
        except IndexError:
            pass
        with self.lock:
            if self.closed:
                raise EngineClosed("the engine is closed")
            self._made += 1
        return Call()

    def leave(self, call: Call) -> None:
        self.idle.append(call)

    def descriptor(self) -> int:
        """Readable while there are events to reap; the engine's own."""
        self.check_threads("fileno()")
        call = self.enter()
        try:
            return lib.uwo_engine_fd(self.handle)
        finally:
            self.leave(call)

    def wake(self, times: int) -> None:
        """Make threads inside uwo_engine_wait look again."""
        try:
            call = self.enter()
        except EngineClosed:
            return
        for _ in range(times):
            lib.uwo_engine_wake(self.handle)
        self.leave(call)

    def call_home(self) -> bool:
        """After `closed` was set: take every call out of use; False if one does not return."""
        end = time.monotonic() + CALLS_HOME_SECONDS
        while self._home < self._made:
            try:
                self.idle.pop()
                self._home += 1
            except IndexError:
                if time.monotonic() > end:
                    return False
                lib.uwo_engine_wake(self.handle)
                time.sleep(CALLS_HOME_STEP)
        return True

    # ---- without threads ----

    def check_threads(self, what: str) -> None:
        """Raise InvalidArgument where somebody else than the host would wait."""
        if self.hosted:
            raise InvalidArgument(
                f"{what}: the engine has no threads, so nothing moves while others wait; "
                "allowed: an engine with threads=1 or more"
            )

    def check_host(self, what: str) -> None:
        """Raise InvalidArgument where this thread may not run the loop."""
        if self.hosted and threading.get_ident() != self.host:
            raise InvalidArgument(
                f"{what}: an engine without threads is run by the thread that made it; "
                "allowed: that thread, or an engine with threads=1 or more"
            )

    def turn(self, seconds: float) -> None:
        """Let others work for so long: a turn of the loop, if it is ours."""
        if not self.hosted or threading.get_ident() != self.host:
            time.sleep(seconds)
            return
        call = self.enter()
        try:
            lib.uwo_engine_turn(self.handle, math.ceil(seconds * 1000))
        finally:
            self.leave(call)

    def watch(self, fd: int, on: bool = True) -> None:
        """Have Front.take return, with None, when fd becomes readable; borrowed."""
        call = self.enter()
        try:
            check(lib.uwo_engine_watch(self.handle, fd, on))
        finally:
            self.leave(call)
