"""The front: listeners, served on the threads of an engine; Python only where it is wanted."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from ._bridge import NULL, check, failure, ffi, lib, new_error
from ._front_options import new_options
from ._growing import Growing
from ._limits import check_patience, milliseconds
from ._taken import FrontCalls
from .engine import Engine
from .errors import EngineClosed, EngineForked, InvalidArgument
from .request import Handler, Request, handle
from .site import Site

if TYPE_CHECKING:
    from ._core import CData
    from ._front_options import Listening

CALLS_HOME_SECONDS = 10.0  # how long close() waits for requests that are being handled
PAUSE = 0.1  # seconds until the next try
STEP = 0.02  # seconds between two looks at whether everything has left

log = logging.getLogger("uwoffload")


class Front:
    """Serves listeners on the threads of an engine.

        front = Front(engine, [listener], site=Site([Mount("", "/srv/www")]))

    What the site does not answer goes to Python if there is an `application`: some
    thread calls `run(handler)`, or `take()`s requests and answers them.  Close it
    before the engine, which else does so.  Thread: any, for every method.
    """

    def __init__(
        self,
        engine: Engine,
        listeners: Iterable[Listening],
        *,
        site: Site | None = None,
        application: bool = True,
        body_streamed: bool = False,
        spool_directory: str | os.PathLike[str] | None = None,
        overflow: tuple[int, int] | None = None,
        log_fd: int | None = None,
        **limits: float | None,
    ) -> None:
        """Start to serve.

        listeners: sockets that listen (HTTP), or pairs of one and "http" or "uwsgi";
        they stay yours and must stay open; they become non-blocking.  site: None sends
        every request to Python.  application: False if nobody takes requests.
        body_streamed: hand requests over before their bodies have arrived.  overflow:
        descriptors of a SEQPACKET pair that all workers share.  log_fd: where the
        access log goes.  limits: see `_front_options.LIMITS`, None for the default.
        """
        self._calls = FrontCalls()
        self._growing: dict[int, Growing] = {}
        options, self._keep = new_options(
            listeners, application, body_streamed, spool_directory, overflow, log_fd, limits
        )
        if site is not None:
            if not isinstance(site, Site):
                raise InvalidArgument(f"site: {site!r:.80}; allowed: a Site, or None")
            options.site = site._lend()
        hub = engine._hub
        call = hub.enter()
        self._hub, self._hub_calls = hub, [call]  # held until the front is gone
        self._engine_handle: CData = hub.handle
        handle = ffi.new("struct uwo_front **")
        error = new_error()
        try:
            status = lib.uwo_front_create(self._engine_handle, options, handle, error)
            if status < 0:
                raise failure(status, error, "")
        except BaseException:
            hub.leave(call)
            raise
        self._calls.open(handle[0])
        hub.guests.append(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def swap_site(self, site: Site) -> None:
        """Another site from now on; requests being answered keep theirs."""
        with self._inside() as handle:
            check(lib.uwo_front_swap_site(handle, site._lend()))

    @property
    def connections(self) -> int:
        """Connections alive."""
        with self._inside() as handle:
            return lib.uwo_front_connections(handle)

    @property
    def waiting(self) -> int:
        """Requests that wait for Python or are with it."""
        with self._inside() as handle:
            return lib.uwo_front_waiting(handle)

    # ---- requests ----

    def take(self, timeout: float | None = None) -> Request | None:
        """The next request, to be answered or dropped; None when `timeout` seconds are over.

        Goes on with generators meanwhile, when their clients have made room.  Where the
        engine has no threads, this thread runs its loop meanwhile, and may give None
        early.  Raises EngineClosed once the front is closed.
        """
        check_patience(timeout)
        hub = self._hub
        hub.check_host("take()")
        end = None if timeout is None else time.monotonic() + timeout
        call = self._calls.enter()
        try:
            while not self._calls.closed:
                left = -1
                if end is not None:
                    left = min(max(0, round((end - time.monotonic()) * 1000)), 2**31 - 1)
                status = lib.uwo_front_take(self._calls.handle, left, call.request)
                if status > 0:
                    cdata = call.request[0]
                    if cdata.kind == lib.UWO_REQUEST:
                        request = Request(self, call, cdata)
                        call = None  # type: ignore[assignment]
                        return request
                    growing = self._growing.get(cdata.id)
                    if growing is not None:
                        growing.pump()
                elif status == 0 and hub.hosted:
                    if hub.live:
                        hub.reap()
                    return None
                elif status == 0 and (end is None or time.monotonic() >= end):
                    return None
                elif status < 0 and status != -errno.EINTR:
                    raise failure(status)
            return None
        finally:
            if call is not None:
                self._calls.leave(call)

    def run(self, handler: Handler) -> None:
        """Handle requests in this thread until the front is closed.

        What `handler(request)` returns is the answer.  What it raises is logged, with
        its traceback, and the client gets a 500.
        """
        while True:
            try:
                request = self.take()
            except EngineClosed:
                return
            except OSError:
                log.exception("uwoffload: no request can be taken")
                time.sleep(PAUSE)
                continue
            if request is not None:
                handle(request, handler)
                del request

    # ---- the end ----

    def drain(self, deadline: float) -> bool:
        """Accept no more, answer what is under way, wait for the last connection to end.

        At most `deadline` seconds; gives whether all have ended.  `close()` after it.
        """
        end = time.monotonic() + milliseconds("deadline", deadline) / 1000
        self.stop_accepting()
        while self.connections:
            if time.monotonic() > end:
                return False
            self._hub.turn(STEP)
        return True

    def stop_accepting(self) -> None:
        """The beginning of `drain`, without waiting."""
        with self._inside() as handle:
            check(lib.uwo_front_drain(handle))

    def close(self, patience: float = CALLS_HOME_SECONDS) -> bool:
        """Cut what is left.  Idempotent; not in a handler.

        Waits up to `patience` seconds for handlers at work, or for another thread that
        closes it already; gives whether all ended.  If not, nothing is accepted any
        more, and another `close` goes on from there.
        """
        calls = self._calls
        if calls.pid != os.getpid():
            return True
        end = time.monotonic() + patience
        calls.shut()
        if not calls.ending.acquire(timeout=min(max(patience, 0), threading.TIMEOUT_MAX)):
            return False
        try:
            if calls.at_it:  # by a frame below us
                return False
            calls.at_it = True
            try:
                return self._close(end)
            finally:
                calls.at_it = False
        finally:
            calls.ending.release()

    def _close(self, end: float) -> bool:
        """Every step may come twice, for the first time may have been interrupted."""
        calls = self._calls
        if calls.handle != NULL:
            lib.uwo_front_hasten(calls.handle)
            # First those who take: one may have been told of room, and not have looked for whom.
            calls.call_home(end, lambda: len(self._growing))
            self._end_growing(end)
            if not calls.call_home(end):
                log.error("uwoffload: a handler does not return; its front cannot end")
                return False
            handle, calls.handle = calls.handle, NULL
            try:
                lib.uwo_front_destroy(handle)
            finally:
                self._leave_hub()
        self._leave_hub()
        return True

    def _end_growing(self, end: float) -> None:
        for growing in list(self._growing.values()):
            growing.end(max(end - time.monotonic(), 0))

    def _leave_hub(self) -> None:
        if self.close in self._hub.guests:
            self._hub.guests.remove(self.close)
        while self._hub_calls:
            self._hub.leave(self._hub_calls.pop())

    def _inside(self) -> _Inside:
        return _Inside(self._calls)


class _Inside:
    """The handle, while a call is held."""

    def __init__(self, calls: FrontCalls) -> None:
        self._calls = calls

    def __enter__(self) -> CData:
        if self._calls.pid != os.getpid():
            raise EngineForked("the front belongs to the process that made it")
        self._call = self._calls.enter()
        return self._calls.handle

    def __exit__(self, *_: object) -> None:
        self._calls.leave(self._call)
