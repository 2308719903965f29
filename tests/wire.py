"""The client's side of the tests: connections, reading with a limit, content."""

from __future__ import annotations

import contextlib
import os
import random
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PATIENCE = 10.0  # seconds after which a test has failed
SEGMENT = 1460  # without it loopback swallows a file at once


@dataclass
class Pair:
    """Both ends of a connection: what a server accepted, and its client."""

    server: socket.socket
    client: socket.socket

    def close(self) -> None:
        self.server.close()
        self.client.close()


@contextlib.contextmanager
def connect(kind: str = "tcp", *, receive_buffer: int | None = None) -> Iterator[Pair]:
    """A connected pair; a small `receive_buffer` makes a client that fills up soon."""
    if kind == "unix":
        server, client = socket.socketpair()
        if receive_buffer is not None:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, receive_buffer)
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.socket()
            if receive_buffer is not None:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            client.connect(listener.getsockname())
            server, _ = listener.accept()
    client.settimeout(PATIENCE)
    pair = Pair(server, client)
    try:
        yield pair
    finally:
        pair.close()


def content(size: int, seed: int = 1) -> bytes:
    """Bytes in which a shift, a gap and a repetition all show."""
    return random.Random(seed).randbytes(size)


def read_to_end(client: socket.socket) -> bytes:
    """Everything up to the end of the stream."""
    found = bytearray()
    while block := client.recv(1 << 20):
        found += block
    return bytes(found)


def read_to_cut(client: socket.socket) -> tuple[bytes, bool]:
    """Everything up to the end or a reset, and whether it was a reset: a visible cut."""
    found = bytearray()
    try:
        while block := client.recv(1 << 20):
            found += block
    except ConnectionResetError:
        return bytes(found), True
    return bytes(found), False


def read_exactly(client: socket.socket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        block = client.recv(min(count - len(found), 1 << 20))
        if not block:
            break
        found += block
    return bytes(found)


def read_at_rate(client: socket.socket, rate: float, seconds: float, sip: int = 2000) -> bytes:
    """A steady slow reader, up to the end or a reset: `rate` bytes per second."""
    found = bytearray()
    begin = time.monotonic()
    while (now := time.monotonic()) < begin + seconds:
        due = begin + len(found) / rate
        if due > now:
            pause(due - now)
        try:
            block = client.recv(sip)
        except ConnectionResetError:
            break
        if not block:
            break
        found += block
    return bytes(found)


def pause(seconds: float) -> None:
    """Only for the pace of a client; never to wait for something to happen."""
    select.select((), (), (), seconds)


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for something that has no descriptor; raises TimeoutError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {condition}")
        pause(0.001)


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def reset(client: socket.socket) -> None:
    """Close with a reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
