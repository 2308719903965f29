"""Event loops as reapers: while somebody waits, the loop watches the engine's descriptor."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ._hub import CANCEL_SECONDS, Hub
from .completion import Completion
from .errors import EngineClosed
from .program import Instruction
from .transfer import Transfer


class _Watch:
    """One engine in one loop, as long as anybody there waits.

    The loop gets a duplicate of the descriptor: it stays valid when the engine is
    closed meanwhile, so the loop never watches a number that was used again.
    """

    known: dict[tuple[asyncio.AbstractEventLoop, Hub], _Watch] = {}  # noqa: RUF012

    def __init__(self, loop: asyncio.AbstractEventLoop, hub: Hub) -> None:
        self.loop = loop
        self.hub = hub
        self.count = 0
        self.fd = os.dup(hub.descriptor())
        loop.add_reader(self.fd, self.reap)

    def reap(self) -> None:
        try:
            self.hub.reap()
        except EngineClosed:
            self.loop.remove_reader(self.fd)

    def end(self) -> None:
        if not self.loop.is_closed():
            self.loop.remove_reader(self.fd)
        os.close(self.fd)


@contextmanager
def _watching(loop: asyncio.AbstractEventLoop, hub: Hub) -> Iterator[None]:
    key = (loop, hub)
    watch = _Watch.known.get(key)
    if watch is None:
        watch = _Watch.known[key] = _Watch(loop, hub)
    watch.count += 1
    try:
        yield
    finally:
        watch.count -= 1
        if watch.count == 0:
            del _Watch.known[key]
            watch.end()


async def wait(transfer: Transfer) -> Completion:
    """Wait for the end of a transfer.  Cancelling the waiting task cancels the transfer."""
    loop = asyncio.get_running_loop()
    here = threading.get_ident()
    future: asyncio.Future[Completion] = loop.create_future()

    def settle(completion: Completion) -> None:
        if not future.done():
            future.set_result(completion)

    def settled(completion: Completion) -> None:
        if threading.get_ident() == here:
            settle(completion)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(settle, completion)

    hub = transfer._hub
    if transfer.done():
        hub.claim(transfer, settled, dispatch=False)
        return future.result()
    with _watching(loop, hub):
        hub.claim(transfer, settled, dispatch=False)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            transfer.cancel()
            await asyncio.wait([future], timeout=CANCEL_SECONDS)
            raise


async def append(transfer: Transfer, *instructions: Instruction) -> None:
    """`Transfer.append`, waiting while the transfer has enough."""
    loop = asyncio.get_running_loop()
    while not transfer.append(*instructions):
        room = asyncio.Event()

        def wake(room: asyncio.Event = room) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(room.set)

        with _watching(loop, transfer._hub):
            transfer.on_room(wake)
            await room.wait()
