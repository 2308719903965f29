"""A request, its answer, and how a handler is called."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._bridge import NULL, failure, ffi, lib
from ._growing import Growing, close_quietly
from ._input import Headers, Input
from .errors import InvalidArgument, TransferGone
from .response import BODILESS, DEFAULT_FIELDS, Answer, Piece, Prepared, compile_chunk, fields_of

if TYPE_CHECKING:
    from ._core import CData
    from ._taken import Taken
    from .front import Front

__all__ = ["Handler", "Headers", "Request", "handle"]

Handler = Callable[["Request"], Answer | None]

log = logging.getLogger("uwoffload")


@dataclass(frozen=True, slots=True)
class _Body:
    """What an answer begins with, for the core."""

    program: CData
    flags: int
    length: int
    keep: object


class Request(Input):
    """A request that wants an answer; what came with it is described in `Input`."""

    __slots__ = ("_call", "_front", "answered")

    def __init__(self, front: Front, call: Taken, cdata: CData) -> None:
        super().__init__(cdata)
        self._front = front
        self._call: Taken | None = call
        self.answered = False
        """An answer was given, if only its beginning."""

    def __repr__(self) -> str:
        if self._cdata is None:
            return "<Request: answered>"
        return f"<Request: {self.method} {self.target}>"

    def __del__(self) -> None:
        if getattr(self, "_cdata", None) is not None and self._front._calls.pid == os.getpid():
            self.drop()

    def answer(self, answer: Answer) -> None:
        """Answer it: the first attempt is made here, without waiting; threads do the rest.

        Raises InvalidArgument (another answer may be tried), TransferGone (the client
        went) or OSError.  A generator is run here as far as the client takes it.
        """
        cdata, call = self._alive(), self._call
        assert call is not None
        if type(answer) is bytes:  # the usual case, without detours
            send = call.send[0]
            send.data = buffer = ffi.from_buffer(answer)
            send.count = len(answer)
            self._send(200, DEFAULT_FIELDS, _Body(call.program, 0, 0, buffer))
            self._release()
            return
        prepared = Prepared(answer)
        try:
            framed = prepared.length < 0 and self.protocol == "http" and cdata.minor >= 1
            body = self._begin(prepared, call, framed)
            fields = fields_of(prepared.headers, prepared.default_type)
            front, number = self._front, cdata.id
            growing = None
            if body.flags and body.program != NULL:
                assert prepared.chunks is not None
                assert isinstance(body.keep, Piece)
                left = prepared.length - body.keep.size if prepared.length >= 0 else None
                if left is not None and left < 0:
                    raise InvalidArgument(f"length: {-left} bytes too many")
                growing = Growing(front, self, prepared.chunks, number, framed, left)
                growing.begin(lambda: self._send(prepared.status, fields, body))
            else:
                self._send(prepared.status, fields, body)
        except BaseException:
            close_quietly(prepared.chunks)
            raise
        if growing is not None:
            growing.pump()
            return
        if prepared.program is not None:
            prepared.program.spend()
        close_quietly(prepared.chunks)
        self._release()

    def _begin(self, prepared: Prepared, call: Taken, framed: bool) -> _Body:
        """The body as far as it is at hand; of a generator, its first piece."""
        if prepared.program is not None:
            return _Body(prepared.program.cdata, 0, 0, prepared.program)
        if prepared.chunks is None:
            data = prepared.data or b""
            send = call.send[0]
            send.data = buffer = ffi.from_buffer(data)
            send.count = len(data)
            return _Body(call.program, 0, 0, buffer)
        if self.method == "HEAD" or prepared.status in BODILESS:
            # The head is as it would be with a body; nothing grows behind it.
            return _Body(NULL, lib.UWO_GROWING, prepared.length, None)
        for chunk in prepared.chunks:
            first = compile_chunk(chunk, framed)
            if first is not None:
                return _Body(first.program, lib.UWO_GROWING, prepared.length, first)
        prepared.chunks, prepared.data = None, b""
        return self._begin(prepared, call, framed)

    def _send(self, status: int, fields: tuple[CData, int, object], body: _Body) -> None:
        call = self._call
        assert call is not None
        answer = call.answer
        answer.status = status
        answer.flags = body.flags
        answer.fields = fields[0]
        answer.field_count = fields[1]
        answer.program = body.program
        answer.length = body.length
        cdata, self._cdata = self._cdata, None  # may be freed in there: nobody else looks at it
        result = lib.uwo_request_answer(cdata, answer, call.error)
        if result < 0 or body.flags:
            self._cdata = cdata
        if result < 0:
            raise failure(result, call.error, "answer")
        self.answered = True

    def drop(self) -> None:
        """Done with it: one that was not answered gets a 500, a growing answer is cut."""
        cdata = self._cdata
        if cdata is not None:
            lib.uwo_request_drop(cdata)
            self._release()

    def _release(self) -> None:
        self._cdata = None
        call, self._call = self._call, None
        if call is not None:
            self._front._calls.leave(call)


def handle(request: Request, handler: Handler) -> None:
    """Have one request handled and answered, whatever happens."""
    try:
        answer = handler(request)
        if answer is not None or not request.answered:
            request.answer(answer)  # type: ignore[arg-type]
    except TransferGone:
        request.drop()
    except BaseException:
        log.exception("uwoffload: %r failed", request)
        request.drop()
