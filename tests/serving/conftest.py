"""A front in this process, and a client for it."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import wire

from uwoffload import Engine, Front


class Serving:
    """A front, its threads, and where it listens."""

    def __init__(self, front: Front, address: tuple[str, int]) -> None:
        self.front = front
        self.address = address

    def connect(self, **options: int) -> socket.socket:
        client = socket.socket()
        for name, value in options.items():
            level = socket.IPPROTO_TCP if name.startswith("TCP") else socket.SOL_SOCKET
            client.setsockopt(level, getattr(socket, name), value)
        client.settimeout(wire.PATIENCE)
        client.connect(self.address)
        return client

    def ask(self, method, target, body=None, headers=None):
        """Status, fields and body of one answer."""
        client = http.client.HTTPConnection(*self.address, timeout=wire.PATIENCE)
        with contextlib.closing(client):
            client.request(method, target, body, headers or {})
            answer = client.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def exchange(self, request: bytes) -> bytes:
        """Everything that comes until the connection ends."""
        with self.connect() as client:
            client.sendall(request)
            return wire.read_to_end(client)


@pytest.fixture
def serve() -> Iterator[Callable[..., Serving]]:
    """Serve a handler with so many threads."""
    with contextlib.ExitStack() as stack:

        def start(handler=None, threads=1, protocol="http", **options) -> Serving:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
            engine = stack.enter_context(Engine(threads=2))
            options.setdefault("application", handler is not None)
            front = Front(engine, [(listener, protocol)], **options)
            started = (
                [threading.Thread(target=front.run, args=(handler,)) for _ in range(threads)]
                if handler
                else []
            )
            for thread in started:
                thread.start()
                stack.callback(thread.join)
            stack.callback(front.close)
            return Serving(front, listener.getsockname())

        yield start
