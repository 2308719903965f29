"""The server of the demo: one worker, plain Python, one connection after the other.

`GET /file` is answered with a file, anything else with a tiny text that Python
makes.  Without an engine, whoever reads the file slowly holds the only worker.
"""

from __future__ import annotations

import os
import socket
from typing import BinaryIO

from uwoffload import Engine, Send, SendFile


def head(size: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size


def read_target(client: socket.socket) -> str:
    request = b""
    while b"\r\n\r\n" not in request:
        received = client.recv(4096)
        if not received:
            return ""
        request += received
    return request.split()[1].decode("ascii")


def send_file(client: socket.socket, file: BinaryIO, engine: Engine | None) -> None:
    size = os.fstat(file.fileno()).st_size
    if engine is not None:
        engine.submit(client, [Send(head(size)), SendFile(file, 0, size)])  # and be free
    else:
        client.sendall(head(size))
        client.sendfile(file, 0, size)
        client.close()


def send_answer(client: socket.socket) -> None:
    answer = f"answered by Python, process {os.getpid()}\n".encode()
    client.sendall(head(len(answer)) + answer)
    client.close()


def serve(listener: socket.socket, file: BinaryIO, engine: Engine | None) -> None:
    """Serve until somebody asks for /quit."""
    while True:
        client, _ = listener.accept()
        target = read_target(client)
        if target == "/file":
            send_file(client, file, engine)
        else:
            send_answer(client)
        if target == "/quit":
            return
