"""asyncio and uvloop: take a connection over from a transport, and give it back.

    completion = await aio.submit(engine, writer, [Send(head), SendFile(file)])

Only public API of the event loop is used.  Before the hand-over everything the
transport still had to write is written; then the transport is aborted without
the connection noticing (its protocol sees `connection_lost(None)`, which here
means "handed over").  While a coroutine here waits, the loop watches the
descriptor of the engine and reaps; no thread is started.  Cancelling a waiting
task cancels its transfer.  Thread: the one of the running loop.
"""

from __future__ import annotations

import asyncio
import os
import socket as sockets
from typing import Any

from ._compile import AnyProgram
from ._loops import append, wait
from ._streams import give_back, open_streams
from .completion import Completion
from .engine import Engine
from .errors import InvalidArgument
from .transfer import Transfer

__all__ = ["append", "give_back", "open_streams", "start", "submit", "wait"]

FLUSH_SECONDS = 60.0  # how long submit waits for what the transport has still to write


async def submit(
    engine: Engine,
    stream: asyncio.Transport | asyncio.WriteTransport | asyncio.StreamWriter,
    program: AnyProgram,
    *,
    reader: asyncio.StreamReader | None = None,
    leftover: bytes = b"",
    flush: float | None = FLUSH_SECONDS,
    **limits: Any,
) -> Completion:
    """Hand a connection over and wait for the end; `limits` as in Engine.submit.

    stream: a plain TCP or UNIX transport, or its StreamWriter.  reader: its
    StreamReader; bytes it has read and nobody consumed go along, after
    `leftover` (what the caller itself has read too far).  The reader is at its
    end afterwards.  flush: seconds the write buffer may take to empty.

    Raises InvalidArgument (TLS, a closing transport, no socket), TimeoutError,
    ConnectionError, or as Engine.submit; then the transport goes on as before.
    """
    transfer = await start(
        engine, stream, program, reader=reader, leftover=leftover, flush=flush, **limits
    )
    try:
        return await wait(transfer)
    except asyncio.CancelledError:
        transfer._hub.claim(transfer, _close_given_back)
        raise


async def start(
    engine: Engine,
    stream: asyncio.Transport | asyncio.WriteTransport | asyncio.StreamWriter,
    program: AnyProgram,
    *,
    reader: asyncio.StreamReader | None = None,
    leftover: bytes = b"",
    flush: float | None = FLUSH_SECONDS,
    **limits: Any,
) -> Transfer:
    """`submit` without waiting for the end: for growing programs."""
    engine._hub.check_threads("engine")
    transport: Any = stream.transport if isinstance(stream, asyncio.StreamWriter) else stream
    sock = _socket_of(transport)
    limits_before = transport.get_write_buffer_limits()
    was_reading = transport.is_reading()
    transport.pause_reading()
    try:
        await _flush(transport, flush)
        return _hand_over(engine, transport, sock, program, reader, leftover, limits)
    except BaseException:
        if not transport.is_closing():
            transport.set_write_buffer_limits(low=limits_before[0], high=limits_before[1])
            if was_reading:
                transport.resume_reading()
        raise


def _socket_of(transport: Any) -> Any:
    name = f"stream: {type(transport).__module__}.{type(transport).__qualname__}"
    if not callable(getattr(transport, "get_extra_info", None)):
        raise InvalidArgument(f"{name}; allowed: a transport or a StreamWriter")
    for secret in ("ssl_object", "sslcontext", "cipher"):
        if transport.get_extra_info(secret) is not None:
            raise InvalidArgument(
                f"{name} is TLS, and the engine sends in clear; "
                "allowed: a plain TCP or UNIX connection"
            )
    sock = transport.get_extra_info("socket")
    if sock is None:
        raise InvalidArgument(f"{name} has no socket; allowed: a plain TCP or UNIX connection")
    if transport.is_closing():
        raise InvalidArgument(f"{name} is closing; allowed: an open connection")
    return sock


class _Flush(asyncio.Protocol):
    """Stands in for the protocol until the write buffer is empty; passes everything on."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol
        self.empty = asyncio.get_running_loop().create_future()

    def pause_writing(self) -> None:
        self.protocol.pause_writing()

    def resume_writing(self) -> None:
        self.protocol.resume_writing()
        if not self.empty.done():
            self.empty.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.protocol.connection_lost(error)
        if not self.empty.done():
            self.empty.set_exception(error or ConnectionResetError("connection lost"))

    def data_received(self, data: bytes) -> None:
        self.protocol.data_received(data)  # type: ignore[attr-defined]

    def eof_received(self) -> bool | None:
        return self.protocol.eof_received()  # type: ignore[attr-defined,no-any-return]


async def _flush(transport: Any, seconds: float | None) -> None:
    """Wait until all that was written has left the process."""
    if transport.get_write_buffer_size() == 0:
        return
    protocol = transport.get_protocol()
    standing_in = _Flush(protocol)
    transport.set_protocol(standing_in)
    try:
        transport.set_write_buffer_limits(high=0)
        await asyncio.wait_for(standing_in.empty, seconds)
    finally:
        transport.set_protocol(protocol)


class _Taken:
    """The socket of a transport, as something that Engine.submit can take.

    The duplicate is made first, so that nothing is lost when the engine refuses;
    `detach` is the moment at which the transport stops to own the connection.
    """

    def __init__(self, transport: asyncio.Transport, sock: Any) -> None:
        self._transport = transport
        self._mine = sockets.socket(
            sock.family, sock.type, sock.proto, fileno=os.dup(sock.fileno())
        )
        self._mine.setblocking(False)

    @property
    def family(self) -> int:
        return self._mine.family

    @property
    def type(self) -> int:
        return self._mine.type

    @property
    def proto(self) -> int:
        return self._mine.proto

    def gettimeout(self) -> float | None:
        return self._mine.gettimeout()

    def fileno(self) -> int:
        return self._mine.fileno()

    def detach(self) -> int:
        self._transport.abort()
        return self._mine.detach()

    def close(self) -> None:
        self._mine.close()


def _hand_over(
    engine: Engine,
    transport: asyncio.Transport,
    sock: Any,
    program: AnyProgram,
    reader: asyncio.StreamReader | None,
    leftover: bytes,
    limits: dict[str, Any],
) -> Transfer:
    """Without a pause in between: nothing can be read or written by the loop."""
    if transport.is_closing():
        raise ConnectionResetError("the connection was lost before the hand-over")
    buffered = b"" if reader is None else _take_buffered(reader)
    transport.pause_reading()  # taking out of the reader may have resumed it
    taken = _Taken(transport, sock)
    try:
        return engine.submit(taken, program, leftover=leftover + buffered, **limits)
    except BaseException:
        if reader is not None:
            reader.feed_data(buffered)
        raise
    finally:
        taken.close()


def _take_buffered(reader: asyncio.StreamReader) -> bytes:
    """What the reader holds, without waiting: one step of `read`, which ends if there is any."""
    reading = reader.read(2**31)
    try:
        reading.send(None)
    except StopIteration as stop:
        return bytes(stop.value)
    finally:
        reading.close()
    return b""


def _close_given_back(completion: Completion) -> None:
    """The task that would have taken the socket was cancelled."""
    if completion.socket is not None:
        completion.socket.close()
