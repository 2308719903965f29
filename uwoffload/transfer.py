"""One transfer, from the hand-over to its completion."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from ._bridge import check, ffi, lib
from ._compile import compile_program
from ._limits import check_patience
from .completion import Completion, Progress
from .errors import EngineClosed, TransferGone
from .program import Instruction

if TYPE_CHECKING:
    from ._core import CData
    from ._hub import Hub

SETTLED_SECONDS = 5.0  # between the reaping of an event and its entry into the books

_PROGRESS = ffi.typeof("struct uwo_progress *")
_PROGRESS_SIZE = ffi.sizeof("struct uwo_progress")


class Transfer:
    """Handle of a transfer that the engine has taken; made by `Engine.submit`.

    Keep the engine as long as its transfers: dropping it cancels them.  Dropping
    a `Transfer` changes nothing.  Thread: any, for every method; `append` and
    `finish` from one producer at a time.
    """

    __slots__ = ("_claims", "_completion", "_hub", "_id", "_keep", "_producer", "_sock")

    def __init__(
        self,
        hub: Hub,
        id: int,
        sock: Any,
        keep: tuple[CData, ...] | None,
    ) -> None:
        self._hub = hub
        self._id = id
        self._sock = sock  # detached: pattern of the one that is given back
        self._keep = keep  # buffers the engine borrows until the end
        self._completion: Completion | None = None
        self._producer: _Producer | None = None
        self._claims: tuple[Callable[[Completion], object], ...] = ()

    @property
    def id(self) -> int:
        """Number of the transfer, unique within its engine while it lives."""
        return self._id

    @property
    def completion(self) -> Completion | None:
        """How it ended, once that is known: after the end was reaped by anybody."""
        return self._completion

    def done(self) -> bool:
        """It has a completion."""
        return self._completion is not None

    def __repr__(self) -> str:
        state = "alive" if self._completion is None else str(self._completion.outcome)
        return f"<Transfer {self._id}: {state}>"

    # ---- waiting for the end ----

    def wait(self, timeout: float | None = None) -> Completion:
        """Wait for the end, at most `timeout` seconds; raises TimeoutError.

        Also allowed in a callback.  Starts the dispatcher of the engine.
        """
        hub = self._hub
        check_patience(timeout)
        if hub.in_dispatcher():
            hub.wait_until(self.done, timeout)
        else:
            ended = threading.Event()

            def claim(_: Completion) -> None:
                ended.set()

            hub.claim(self, claim)
            try:
                ended.wait(timeout)
            finally:
                hub.unclaim(self, claim)
        if self._completion is None:
            raise TimeoutError(f"transfer {self._id} has not ended within {timeout} s")
        return self._completion

    def add_done_callback(self, callback: Callable[[Completion], object]) -> None:
        """Have `callback(completion)` called: by whoever reaps the end, or now if it has ended.

        What it raises is logged.  Starts the dispatcher of the engine.
        """
        self._hub.claim(self, callback)

    def future(self) -> concurrent.futures.Future[Completion]:
        """A future with the completion as result; cancelling it cancels the transfer."""
        future: concurrent.futures.Future[Completion] = concurrent.futures.Future()

        def settle(completion: Completion) -> None:
            if future.set_running_or_notify_cancel():
                future.set_result(completion)

        def settled(future: concurrent.futures.Future[Completion]) -> None:
            if future.cancelled():
                self.cancel()

        future.add_done_callback(settled)
        self._hub.claim(self, settle)
        return future

    def __await__(self) -> Generator[Any, Any, Completion]:
        from .aio import wait

        return wait(self).__await__()

    # ---- steering ----

    def cancel(self) -> None:
        """End it now with outcome CANCELLED, unless it has ended.  Never fails."""
        if self._completion is not None:
            return
        try:
            call = self._hub.enter()
        except EngineClosed:
            return
        try:
            lib.uwo_transfer_cancel(self._hub.handle, self._id)
        finally:
            self._hub.leave(call)

    def progress(self) -> Progress:
        """Live figures; after the end, the final ones."""
        try:
            call = self._hub.enter()
        except EngineClosed:
            return self._final()
        try:
            figures = ffi.new(_PROGRESS, (_PROGRESS_SIZE,))
            status = lib.uwo_transfer_progress(self._hub.handle, self._id, figures)
        finally:
            self._hub.leave(call)
        if status == lib.UWO_E_GONE:
            return self._final()
        check(status)
        return Progress(
            figures.bytes_queued,
            figures.bytes_acked,
            figures.bytes_received,
            figures.bytes_waiting,
            figures.duration_us / 1e6,
            figures.ended,
        )

    def _final(self) -> Progress:
        with self._hub.lock:  # another thread may have reaped it and be about to say so
            self._hub.changed.wait_for(self.done, SETTLED_SECONDS)
        end = self._completion
        if end is None:
            raise TransferGone(f"transfer {self._id} is not known")
        return Progress(
            end.bytes_queued, end.bytes_acked, end.bytes_received, 0, end.duration, True
        )

    # ---- growing ----

    def append(self, *instructions: Instruction) -> bool:
        """Add instructions to a growing transfer; bytes are copied, whatever their size.

        Returns False, and takes nothing, when the high-water mark is reached:
        `wait_room` and try again.  Raises TransferGone when the transfer has ended.
        """
        if not instructions:
            return True
        if self._producer is None:
            self._producer = _Producer()
        self._producer.room.clear()
        compiled = compile_program(instructions, copy=True)
        call = self._enter()
        try:
            status = lib.uwo_transfer_append(self._hub.handle, self._id, compiled.cdata, call.error)
            if status != lib.UWO_E_FULL:
                check(status, call.error)
        finally:
            self._hub.leave(call)
        return status != lib.UWO_E_FULL

    def wait_room(self, timeout: float | None = None) -> bool:
        """After `append` said False: wait until half of the waiting bytes have left.

        Returns True then, or when the transfer has ended (the next `append` says so);
        False after `timeout` seconds.
        """
        producer = self._producer
        if producer is None or self._completion is not None:
            return True
        if self._hub.in_dispatcher():
            return self._hub.wait_until(producer.room.is_set, timeout)
        self._hub.start_dispatcher()
        return producer.room.wait(timeout)

    def on_room(self, callback: Callable[[], object]) -> None:
        """The same without waiting: `callback()` once, by whoever reaps the event.

        For event loops: it must be quick, must not raise, and must not call back
        into this package.
        """
        with self._hub.lock:
            producer = self._producer
            wait = producer is not None and not producer.room.is_set()
            if wait and self._completion is None:
                assert producer is not None
                producer.waking.append(callback)
                return
        callback()

    def finish(self) -> None:
        """No more instructions will come.  Raises TransferGone when it has ended."""
        call = self._enter()
        try:
            check(lib.uwo_transfer_finish(self._hub.handle, self._id))
        finally:
            self._hub.leave(call)

    def _enter(self) -> Any:
        if self._completion is not None:
            raise TransferGone(f"transfer {self._id} has ended: {self._completion.outcome}")
        return self._hub.enter()

    # ---- for the hub, which holds its lock ----

    def _make_room(self) -> list[Callable[[], object]]:
        """The producer may go on; gives what must be called to tell it."""
        if self._producer is None:
            return []
        self._producer.room.set()
        waking, self._producer.waking = self._producer.waking, []
        return waking

    def _end(self, completion: Completion) -> tuple[Callable[[Completion], object], ...]:
        """Enter the completion; gives the claims on it."""
        claims, self._claims = self._claims, ()
        self._completion = completion
        self._sock = None
        self._keep = None
        return claims


class _Producer:
    """Whether a growing transfer can take more."""

    __slots__ = ("room", "waking")

    def __init__(self) -> None:
        self.room = threading.Event()
        self.waking: list[Callable[[], object]] = []
