"""The slow readers of the demo: many clients in one process, each checking every byte."""

from __future__ import annotations

import select
import signal
import socket
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

RATE = 20_000  # bytes per second of each reader while it is slow
TICK = 0.1  # seconds between two reads of a slow reader
RECEIVE_BUFFER = 16 * 1024
SEGMENT = 1460  # as on Ethernet; with loopback's 64 KiB the kernel swallows the file at once
REQUEST = b"GET /file HTTP/1.1\r\nHost: demo\r\n\r\n"


@dataclass
class Report:
    """What the readers have seen so far."""

    alive: int  # have received something, and wait for more
    complete: int  # have the whole file
    wrong: int  # got a wrong byte, or a cut
    received: int  # bytes of the file


class Reader:
    """One client: skips the head, compares the body with the file."""

    def __init__(self, address: tuple[str, int], expected: memoryview) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.socket.connect(address)
        self.socket.sendall(REQUEST)
        self.socket.setblocking(False)
        self.expected = expected
        self.head: bytes | None = b""
        self.position = 0
        self.wrong = False
        self.ended = False

    def read(self, buffer: memoryview) -> None:
        """Receive what is there, at most a buffer full."""
        try:
            count = self.socket.recv_into(buffer)
        except BlockingIOError:
            return
        except OSError:
            count = 0
        if count == 0:
            self.ended = True
            self.wrong = self.wrong or self.position != len(self.expected)
            self.socket.close()
            return
        self.check(buffer[:count])

    def check(self, data: memoryview) -> None:
        if self.head is not None:
            self.head += bytes(data)
            _, blank, rest = self.head.partition(b"\r\n\r\n")
            if not blank:
                return
            self.head, data = None, memoryview(rest)
        if data != self.expected[self.position : self.position + len(data)]:
            self.wrong = True
        self.position += len(data)


def read_slowly(address: tuple[str, int], path: str, count: int, control: Connection) -> None:
    """Main function of the process: reports when asked; "hurry" makes it read at full speed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    with open(path, "rb") as file:
        expected = memoryview(file.read())
    readers = [Reader(address, expected) for _ in range(count)]
    sip = memoryview(bytearray(int(RATE * TICK)))
    control.send("ready")
    while not control.poll(TICK):
        for reader in readers:
            if not reader.ended:
                reader.read(sip)
    control.recv()
    control.send(report(readers))
    read_quickly(readers)
    control.send(report(readers))


def read_quickly(readers: list[Reader]) -> None:
    gulp = memoryview(bytearray(256 * 1024))
    poll = select.epoll()
    known = {reader.socket.fileno(): reader for reader in readers if not reader.ended}
    for fd, reader in known.items():
        reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, len(gulp))
        poll.register(fd, select.EPOLLIN)
    while known:
        for fd, _ in poll.poll():
            known[fd].read(gulp)
            if known[fd].ended:
                del known[fd]
    poll.close()


def report(readers: list[Reader]) -> Report:
    whole = [reader for reader in readers if reader.position == len(reader.expected)]
    return Report(
        alive=sum(0 < reader.position < len(reader.expected) for reader in readers),
        complete=len(whole),
        wrong=sum(reader.wrong for reader in readers),
        received=sum(reader.position for reader in readers),
    )


def ask(address: tuple[str, int], target: str, patience: float) -> float | None:
    """Seconds until a small request is answered; None when patience is over."""
    begin = time.monotonic()
    with socket.create_connection(address, patience) as client:
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: demo\r\n\r\n".encode())
        try:
            while client.recv(4096):
                pass
        except TimeoutError:
            return None
    return time.monotonic() - begin
