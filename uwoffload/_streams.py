"""A socket that came back, as a connection of the event loop again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from .completion import Completion
from .errors import InvalidArgument

SomeProtocol = TypeVar("SomeProtocol", bound=asyncio.BaseProtocol)


async def give_back(
    completion: Completion, protocol_factory: Callable[[], SomeProtocol]
) -> tuple[asyncio.Transport, SomeProtocol]:
    """Give the socket of a completion to the running loop, with a new protocol.

    Takes the socket.  Bytes left over from the transfer are the first that the
    protocol receives.  Raises InvalidArgument when no socket was given back.
    """
    sock = completion.socket
    if sock is None:
        raise InvalidArgument(
            f"completion: {completion} gave no socket back; allowed: after='give back'"
        )
    protocol = protocol_factory()
    sock.setblocking(False)
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
        lambda: _Begin(protocol, completion.leftover), sock
    )
    return transport, protocol


async def open_streams(
    completion: Completion,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The same, as a pair of streams."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(loop=loop)
    transport, protocol = await give_back(completion, lambda: _Kept(reader, loop=loop))
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


class _Kept(asyncio.StreamReaderProtocol):
    """Holds its reader, as the protocol of a client does not.

    Nobody else may: a task that waits for the next request is reached through the
    reader alone, and a garbage collection would take both, and the connection.
    """

    def __init__(self, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(reader, loop=loop)
        self.kept = reader


class _Begin(asyncio.Protocol):
    """Feeds the leftover before the loop can read anything, then steps aside."""

    def __init__(self, protocol: asyncio.BaseProtocol, leftover: bytes) -> None:
        self.protocol = protocol
        self.leftover = leftover

    def connection_made(self, transport: Any) -> None:
        transport.set_protocol(self.protocol)
        self.protocol.connection_made(transport)
        if not self.leftover:
            return
        if isinstance(self.protocol, asyncio.BufferedProtocol):
            _feed_buffered(self.protocol, self.leftover)
        else:
            self.protocol.data_received(self.leftover)  # type: ignore[attr-defined]


def _feed_buffered(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    while data:
        room = memoryview(protocol.get_buffer(len(data)))
        if len(room) == 0:
            raise RuntimeError("get_buffer() returned an empty buffer")
        count = min(len(room), len(data))
        room[:count] = data[:count]
        protocol.buffer_updated(count)
        data = data[count:]
