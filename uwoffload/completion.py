"""How a transfer stands and how it ended."""

from __future__ import annotations

import errno
import os
import socket as sockets
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from ._bridge import NULL, ffi, lib

if TYPE_CHECKING:
    from ._core import CData
    from .transfer import Transfer


class Outcome(IntEnum):
    """How a transfer ended; `enum uwo_outcome` of the C header."""

    FINISHED = 0
    """Every instruction carried out."""
    CANCELLED = 1
    """`cancel()`, or the engine was closed."""
    DEADLINE = 2
    """The deadline is over."""
    NO_PROGRESS = 3
    """Nothing moved for the no-progress limit."""
    TOO_SLOW = 4
    """Less than the minimum rate."""
    CLIENT_GONE = 5
    """The client reset or closed the connection."""
    SOURCE_SHORT = 6
    """A file or splice source ended before its count."""
    SOURCE_FAILED = 7
    """Reading a file or splice source failed."""
    UPLOAD_SHORT = 8
    """The client closed before the count."""
    DISK_FAILED = 9
    """Writing an upload failed."""
    NO_RESOURCE = 10
    """Memory, descriptors or another resource ran out."""

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")


_OUTCOMES = tuple(Outcome)


@dataclass(frozen=True, slots=True)
class Progress:
    """Live figures of a transfer, in bytes and seconds."""

    bytes_queued: int
    """Accepted by the kernel for the client."""
    bytes_acked: int
    """Acknowledged by the client (UNIX sockets: read by it)."""
    bytes_received: int
    """Read from the client by ReceiveFile, leftover included."""
    bytes_waiting: int
    """Appended, not yet queued."""
    duration: float
    """Since the transfer was taken."""
    ended: bool


@dataclass(frozen=True, slots=True, eq=False)
class Completion:
    """The end of one transfer; there is exactly one per transfer."""

    transfer: Transfer
    outcome: Outcome
    error: int
    """errno behind the outcome, or 0."""
    bytes_queued: int
    bytes_acked: int
    bytes_received: int
    duration: float
    """Seconds from the hand-over to the end."""
    socket: sockets.socket | None
    """The socket given back (it is yours), mode and time-out as they were; else None."""
    fd: int | None
    """The same for a socket that was handed over as a raw descriptor."""
    leftover: bytes
    """Bytes read from the client and not used."""

    @property
    def ok(self) -> bool:
        """Every instruction was carried out."""
        return self.outcome is Outcome.FINISHED

    def __str__(self) -> str:
        reason = ""
        if self.error:
            reason = f" ({errno.errorcode.get(self.error, self.error)}: {os.strerror(self.error)})"
        return (
            f"transfer {self.transfer.id}: {self.outcome}{reason}, {self.bytes_acked} of "
            f"{self.bytes_queued} bytes acknowledged, {self.bytes_received} received, "
            f"{self.duration:.3f} s"
        )


def _open_again(fd: int, before: sockets.socket) -> sockets.socket:
    """A socket object on `fd` with family, type, protocol and time-out of the one before."""
    again = sockets.socket(before.family, before.type, before.proto, fileno=fd)
    timeout_of = getattr(before, "gettimeout", None)
    if timeout_of is not None:
        again.settimeout(timeout_of())
    elif not os.get_blocking(fd):
        again.setblocking(False)
    return again


def completion_of(transfer: Transfer, event: CData) -> Completion:
    """Makes it out of a DONE event, and takes what the event gives: socket and leftover."""
    fd: int | None = event.client_fd
    sock = None
    leftover = b""
    if event.leftover != NULL:
        leftover = ffi.buffer(event.leftover, event.leftover_size)[:]
        lib.uwo_free(event.leftover)
    if event.client_fd < 0:
        fd = None
    elif transfer._sock is not None:
        sock, fd = _open_again(event.client_fd, transfer._sock), None
    return Completion(
        transfer,
        _OUTCOMES[event.outcome],
        event.error,
        event.bytes_queued,
        event.bytes_acked,
        event.bytes_received,
        event.duration_us / 1e6,
        sock,
        fd,
        leftover,
    )
