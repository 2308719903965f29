"""Calls into a front, counted, so that it is destroyed when nobody uses it.

A call is held from `take` to the end of the request that it brought, and has room
for what its answer needs.  It is taken out of a list and put back, both atomic.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ._bridge import NULL, ffi, lib, new_error
from .errors import EngineClosed

if TYPE_CHECKING:
    from ._core import CData

STEP = 0.001  # seconds between two looks at who is still out
CLOSED = "the front is closed"

_REQUEST = ffi.typeof("struct uwo_request *[1]")
_ANSWER = ffi.typeof("struct uwo_answer *")
_ANSWER_SIZE = ffi.sizeof("struct uwo_answer")
_PROGRAM = ffi.typeof("struct uwo_program *")
_PROGRAM_SIZE = ffi.sizeof("struct uwo_program")
_INSTRUCTION = ffi.typeof("struct uwo_instruction[1]")
_INSTRUCTION_SIZE = ffi.sizeof("struct uwo_instruction")


class Taken:
    """Room for one request and its answer; used by one thread at a time."""

    __slots__ = ("answer", "error", "program", "request", "send")

    def __init__(self) -> None:
        self.error = new_error()
        self.request = ffi.new(_REQUEST)
        self.answer = ffi.new(_ANSWER, (_ANSWER_SIZE,))
        self.send = ffi.new(_INSTRUCTION, [(_INSTRUCTION_SIZE, lib.UWO_SEND, 0, -1)])
        self.program = ffi.new(_PROGRAM, (_PROGRAM_SIZE, self.send, 1))  # one piece of bytes


class FrontCalls:
    """The handle of a front and the calls on it.  Thread: any, for every method."""

    def __init__(self) -> None:
        self.handle: CData = NULL
        self.pid = os.getpid()
        self.closed = True  # no new call may be made
        self.ending = threading.RLock()  # held by who closes it
        self.at_it = False  # the same
        self._idle: list[Taken] = []
        self._made = 0
        self._home = 0  # taken out of use
        self._lock = threading.Lock()

    def open(self, handle: CData) -> None:
        self.handle = handle
        self.closed = False

    def enter(self) -> Taken:
        """Take a call; give it back with `leave`.  Raises EngineClosed."""
        if self.closed:
            raise EngineClosed(CLOSED)
        try:
            return self._idle.pop()
        except IndexError:
            pass
        with self._lock:
            if self.closed:
                raise EngineClosed(CLOSED)
            self._made += 1
        return Taken()

    def leave(self, call: Taken) -> None:
        self._idle.append(call)

    def shut(self) -> None:
        """No new calls from now on."""
        with self._lock:
            self.closed = True

    def call_home(self, end: float, others: Callable[[], int] = int) -> bool:
        """After `shut`: wait for every call but `others()`; False if one is not back by `end`."""
        while self._home + others() < self._made:
            try:
                self._idle.pop()
                self._home += 1
            except IndexError:
                if time.monotonic() > end:
                    return False
                lib.uwo_front_wake(self.handle)
                time.sleep(STEP)
        return True
