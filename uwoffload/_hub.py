"""The open books of an engine: which transfers live, who waits for which.

Who reaps.  Events of the C engine are reaped by whoever asks: `poll()` and
`wait()` in the caller's thread, an event loop through `uwoffload.aio`, or the
dispatcher, a daemon thread that starts when somebody waits for one transfer or
gives a callback.  Whoever reaps settles every transfer it finds: a completion
that somebody claimed goes there, any other is kept for `poll()`.
"""

from __future__ import annotations

import errno
import logging
import math
import os
import threading
import time
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from ._bridge import check, ffi, lib
from ._calls import Call, Calls
from ._limits import check_patience
from .completion import Completion, Outcome, completion_of
from .errors import EngineClosed, EngineForked, EngineFull, InvalidArgument

if TYPE_CHECKING:
    from ._core import CData
    from .transfer import Transfer

Callback = Callable[[Completion], object]
Due = list[tuple[Callback, Completion]]  # callbacks to be run once no lock and no call is held

BATCH = 256  # events taken out of the C engine at once
CANCEL_SECONDS = 6.0  # how long drain() waits for what it cancelled

_EVENTS = ffi.typeof("struct uwo_event[]")
_EVENT_SIZE = ffi.sizeof("struct uwo_event")
_DONE = lib.UWO_EVENT_DONE

log = logging.getLogger("uwoffload")


class Hub(Calls):
    """See the module.  Thread: any, for every method."""

    def __init__(self, handle: CData, transfers_max: int, hosted: bool) -> None:
        super().__init__(handle, hosted)
        self.transfers_max = transfers_max
        self.live: dict[int, Transfer] = {}
        self.unclaimed: dict[int, Completion] = {}
        self.polled = False  # somebody asks for completions that nobody claimed

    def renew_locks(self) -> None:
        super().renew_locks()
        self.changed = threading.Condition(self.lock)  # something settled, or closed
        self.dispatcher: threading.Thread | None = None
        self._blocked = 0  # threads inside uwo_engine_wait, the dispatcher aside

    # ---- settling ----

    def _settle(self, call: Call, count: int, mine: list[Completion] | None) -> Due:
        """Enter events into the books."""
        due: Due = []
        waking: list[Callable[[], object]] = []
        with self.lock:
            for index in range(count):
                event = call.events[index]
                transfer = self.live[event.id]
                waking += transfer._make_room()
                if event.kind == _DONE:
                    self._end(transfer, completion_of(transfer, event), mine, due)
            self.changed.notify_all()
            others = self._blocked
        for _ in range(others):
            lib.uwo_engine_wake(self.handle)
        for wake in waking:
            wake()
        return due

    def _end(
        self, transfer: Transfer, completion: Completion, mine: list[Completion] | None, due: Due
    ) -> None:
        """The lock is held."""
        del self.live[transfer._id]
        claims = transfer._end(completion)
        due += [(callback, completion) for callback in claims]
        if claims:
            return
        if mine is not None:
            mine.append(completion)
        else:
            self.unclaimed[transfer._id] = completion

    def settle_lost(self, transfer: Transfer, error: int) -> None:
        """Enter the end of a transfer whose socket went away before it started."""
        due: Due = []
        gone = Completion(transfer, Outcome.CLIENT_GONE, error, 0, 0, 0, 0.0, None, None, b"")
        with self.lock:
            self._end(transfer, gone, None, due)
            self.changed.notify_all()
        run(due)

    # ---- reaping ----

    def reap(
        self, timeout: float | None = 0, mine: list[Completion] | None = None, most: int = BATCH
    ) -> int:
        """Reap one batch and run its callbacks; gives the number of events.

        Waits up to `timeout` seconds (None: for ever) for the first; may return
        early without any.  Completions go to those who claimed them; any other to
        `mine`, or, when that is None, to `unclaimed`.
        """
        call = self.enter()
        due: Due = []
        try:
            count = self._collect(call, timeout, min(most, BATCH))
            if count > 0:
                due = self._settle(call, count, mine)
        finally:
            self.leave(call)
        run(due)
        if count == -errno.EINTR:
            return 0
        return check(count)

    def _collect(self, call: Call, timeout: float | None, most: int) -> int:
        if call.events is None:
            call.events = ffi.new(_EVENTS, BATCH)
        call.events[0].size = _EVENT_SIZE
        if timeout == 0 and not self.hosted:
            return lib.uwo_engine_reap(self.handle, call.events, most)
        left = -1 if timeout is None else min(math.ceil(max(timeout, 0) * 1000), 2**31 - 1)
        return lib.uwo_engine_wait(self.handle, call.events, most, left)

    def collect(self, most: int, timeout: float | None) -> list[Completion]:
        """See Engine.poll and Engine.wait."""
        self.polled = True
        mine: list[Completion] = []
        if self.dispatcher is not None or self.unclaimed or self.closed:
            mine = self.take_unclaimed(most)
        elif timeout == 0:
            while len(mine) < most and self.reap(0, mine, most - len(mine)):
                pass
        if not mine and timeout != 0:
            self.wait_until(lambda: bool(mine or self.unclaimed), timeout, mine, most)
            mine += self.take_unclaimed(most - len(mine))
        return mine

    def reap_rest(self) -> Due:
        """Settle what is left in a stopped engine, at the end."""
        due: Due = []
        call = Call()
        count = 1
        while count > 0:
            count = self._collect(call, 0, BATCH)
            due += self._settle(call, max(count, 0), None)
        return due

    def take_unclaimed(self, most: int) -> list[Completion]:
        """Collect, oldest first, what nobody claimed."""
        with self.lock:
            numbers = list(islice(self.unclaimed, most))
            return [self.unclaimed.pop(number) for number in numbers]

    # ---- room ----

    def check_room(self, count: int) -> None:
        """Raise EngineFull where kept completions leave no room for `count` transfers."""
        most = self.transfers_max
        if len(self.live) + len(self.unclaimed) + count > most and not self.forget():
            raise EngineFull(f"transfers_max: {most} are alive or not collected by poll()")

    def forget(self) -> bool:
        """Make room by dropping completions, where nobody ever asked for any."""
        if self.polled:
            return False
        while self.reap():
            pass
        with self.lock:
            dropped = bool(self.unclaimed)
            self.unclaimed.clear()
        return dropped

    # ---- waiting ----

    def wait_until(
        self,
        met: Callable[[], bool],
        timeout: float | None,
        mine: list[Completion] | None = None,
        most: int = BATCH,
    ) -> bool:
        """Reap, or let the dispatcher do it, until `met()`; False when time is over."""
        check_patience(timeout)
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if end is None else end - time.monotonic()
            with self.lock:
                if met():
                    return True
                if self.closed or (left is not None and left < 0):
                    return False
                if self.dispatcher not in (None, threading.current_thread()):
                    self.changed.wait(left)
                    continue
                self._blocked += 1
            try:
                self.reap(left, mine, most)
            except EngineClosed:
                return met()
            finally:
                with self.lock:
                    self._blocked -= 1

    def claim(self, transfer: Transfer, callback: Callback, *, dispatch: bool = True) -> None:
        """Have `callback(completion)` called once, at once if the transfer has ended."""
        if os.getpid() != self.pid:
            raise EngineForked("the engine belongs to the process that made it")
        with self.lock:
            completion = transfer.completion
            if completion is None:
                transfer._claims += (callback,)
            else:
                self.unclaimed.pop(transfer._id, None)
        if completion is not None:
            callback(completion)
        elif dispatch:
            self.start_dispatcher()

    def unclaim(self, transfer: Transfer, callback: Callback) -> None:
        """Withdraw a claim, unless it has been served."""
        with self.lock:
            if transfer.completion is None:
                transfer._claims = tuple(each for each in transfer._claims if each != callback)

    def drain(self, seconds: float) -> bool:
        """See Engine.drain."""
        call = self.enter()
        try:
            check(lib.uwo_engine_drain(self.handle))
        finally:
            self.leave(call)
        if self.wait_until(lambda: not self.live, seconds):
            return True
        with self.lock:
            late = list(self.live.values())
        for transfer in late:
            transfer.cancel()
        self.wait_until(lambda: not self.live, CANCEL_SECONDS)
        return not late

    # ---- the dispatcher ----

    def in_dispatcher(self) -> bool:
        """The caller is a callback that the dispatcher runs."""
        return self.dispatcher is threading.current_thread()

    def dispatch(self, callback: object) -> None:
        """Start it for a callback.  Raises InvalidArgument."""
        if not callable(callback):
            raise InvalidArgument(f"callback: {callback!r:.80}; allowed: a callable, or None")
        self.start_dispatcher()

    def start_dispatcher(self) -> None:
        """Start it, once; threads that reap by themselves leave it to the dispatcher."""
        if self.dispatcher is not None or self.hosted:
            return
        with self.lock:
            if self.dispatcher is not None or self.closed:
                return
            thread = threading.Thread(
                target=self._dispatch, name="uwoffload-dispatcher", daemon=True
            )
            thread.start()
            self.dispatcher = thread
            others = self._blocked
        if others:
            self.wake(others)

    def _dispatch(self) -> None:
        while not self.closed:
            try:
                self.reap(None)
            except EngineClosed:
                return


def run(due: Due) -> None:
    """Run callbacks; what one raises is logged and stops nobody."""
    for callback, completion in due:
        try:
            callback(completion)
        except Exception:
            log.exception("uwoffload: a callback failed for %s", completion)
