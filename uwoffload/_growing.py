"""An answer that is made while it is sent.

The generator runs in the thread that handles requests, as far as the client takes
what it gives: when the high-water mark is reached it is put aside, and whichever
thread is told that there is room goes on with it.  Nobody waits for a slow client.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ._bridge import failure, ffi, lib
from .errors import InvalidArgument
from .response import Chunk, Piece, compile_chunk

if TYPE_CHECKING:
    from .front import Front
    from .request import Request

log = logging.getLogger("uwoffload")

LAST_CHUNK = b"0\r\n\r\n"
UNANSWERED = "uwoffload: the answer to %s %s failed half-way and is cut"


class Growing:
    """A generator at work.  Thread: any, for `pump` and `end`."""

    def __init__(
        self,
        front: Front,
        request: Request,
        chunks: Iterator[Chunk],
        id: int,
        framed: bool,
        left: int | None,
    ) -> None:
        """id: of the transfer.  framed: as chunks of HTTP/1.1.  left: bytes that were promised."""
        call = request._call
        assert call is not None
        self._front = front
        self._request = request
        self._chunks = chunks
        self._id = id
        self._framed = framed
        self._left = left
        self._lock = threading.Lock()
        self._error = call.error
        self._send, self._program = call.send[0], call.program  # for one piece of bytes
        self._waiting: Piece | None = None  # what found no room
        self._last = False  # nothing comes behind that
        self._ended = False

    def begin(self, send: Callable[[], None]) -> None:
        """Have the head and the first piece sent; nobody ends it before that."""
        with self._lock:
            self._front._growing[self._id] = self
            try:
                send()
            except BaseException:
                self._ended = True
                self._leave()
                raise

    def pump(self) -> None:
        """Send until there is no room, or the end is reached."""
        with self._lock:
            try:
                while not self._ended and self._step():
                    if self._front._calls.closed:
                        self._end()
            except BaseException:
                log.exception(UNANSWERED, self._request.method, self._request.target)
                self._end()

    def _step(self) -> bool:
        """One piece; False when there is nothing more to do now."""
        if self._waiting is None:
            try:
                self._waiting = self._next()
            except StopIteration:
                if self._left:
                    raise InvalidArgument(f"length: {self._left} bytes are missing") from None
                if not self._framed:
                    return self._finish()
                self._waiting = self._piece(LAST_CHUNK, 0)
                self._last = True
            if self._waiting is None:
                return True
        status = lib.uwo_transfer_append(
            self._front._engine_handle, self._id, self._waiting.program, self._error
        )
        if status == lib.UWO_E_FULL:
            return False
        if status == lib.UWO_E_GONE:
            self._end()
            return False
        if status < 0:
            raise failure(status, self._error)
        self._waiting = None
        return self._finish() if self._last else True

    def _next(self) -> Piece | None:
        chunk = next(self._chunks)
        if type(chunk) is not bytes:
            piece = compile_chunk(chunk, self._framed)
        elif not chunk:
            return None
        else:  # the usual case, without detours
            data = b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._framed else chunk
            piece = self._piece(data, len(chunk))
        if piece is not None and self._left is not None:
            if piece.size > self._left:
                raise InvalidArgument(f"length: {piece.size - self._left} bytes too many")
            self._left -= piece.size
        return piece

    def _piece(self, data: bytes, size: int) -> Piece:
        self._send.data = buffer = ffi.from_buffer(data)
        self._send.count = len(data)
        return Piece(self._program, size, buffer)

    def _finish(self) -> bool:
        # Its number is that of the connection, whose next request may be with another
        # thread as soon as the core knows: we must have left the table before.
        self._leave()
        lib.uwo_transfer_finish(self._front._engine_handle, self._id)
        self._end()
        return False

    def _end(self) -> None:
        """Finished, or cut: what was not finished is cut by the drop.  The lock is held."""
        if self._ended:
            return
        self._ended = True
        self._leave()
        self._waiting = None
        close_quietly(self._chunks)
        self._request.drop()

    def _leave(self) -> None:
        """Be told of room no more; another who has our number by now stays."""
        if self._front._growing.get(self._id) is self:
            del self._front._growing[self._id]

    def end(self, seconds: float) -> None:
        """Cut it, unless it has ended or does not come back within so many seconds."""
        if self._lock.acquire(timeout=seconds):
            self._end()
            self._lock.release()


def close_quietly(chunks: Iterator[Chunk] | None) -> None:
    """Tell a generator that nobody wants more; what it raises is logged."""
    close = getattr(chunks, "close", None)
    if close is None:
        return
    try:
        close()
    except BaseException:
        log.exception("uwoffload: the end of a generator failed")
