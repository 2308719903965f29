"""A client that trusts nothing: raw bytes out, answers read and judged byte by byte."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Self

import wire

Address = tuple[str, int] | Path | str

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\x20-\x7e]*")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x20-\x7e\x80-\xff\t]*)")
HEAD_MAX = 65536
ONCE = {"content-length", "content-type", "date", "etag", "last-modified", "connection", "location"}


class Malformed(AssertionError):
    """The server said what no server may say."""


class Cut(AssertionError):
    """The connection ended inside an answer."""


@dataclass
class Answer:
    """One answer: checked against the rules of framing while it was read."""

    status: int
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def __getitem__(self, name: str) -> str:
        found = self.get(name)
        assert found is not None, f"no {name} in {self.status} {self.fields}"
        return found

    def get(self, name: str) -> str | None:
        found = [value for known, value in self.fields if known.lower() == name.lower()]
        return ", ".join(found) if found else None

    @property
    def names(self) -> set[str]:
        return {name.lower() for name, _ in self.fields}

    @property
    def closes(self) -> bool:
        return "close" in (self.get("connection") or "").lower()


def parse_head(head: bytes) -> Answer:
    """A head with its empty line: strict, for it is our own server that wrote it."""
    if not head.endswith(b"\r\n\r\n"):
        raise Malformed(f"no head: {head[:60]!r}")
    first, *lines = head[:-4].split(b"\r\n")
    status = STATUS_LINE.fullmatch(first)
    if not status:
        raise Malformed(f"status line {first!r}")
    answer = Answer(int(status[1]))
    for line in lines:
        found = FIELD.fullmatch(line)
        if not found:
            raise Malformed(f"field {line!r}")
        answer.fields.append((found[1].decode("ascii"), found[2].decode("latin-1").strip()))
    for name in ONCE & answer.names:
        if sum(known.lower() == name for known, _ in answer.fields) != 1:
            raise Malformed(f"{name} more than once: {answer.fields}")
    if {"content-length", "transfer-encoding"} <= answer.names:
        raise Malformed(f"two framings: {answer.fields}")
    if 200 <= answer.status < 500:  # beyond, it may be said (RFC 9110, section 6.6.1)
        date = answer["date"]
        assert date.endswith(" GMT") and parsedate_to_datetime(date), date
    return answer


class Client:
    """A connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(wire.PATIENCE)
        self.buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *parts: bytes) -> Self:
        for part in parts:
            self.socket.sendall(part)
        return self

    def end_sending(self) -> Self:
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def reset(self) -> None:
        wire.reset(self.socket)

    def _more(self) -> bool:
        block = self.socket.recv(1 << 18)
        self.buffer += block
        return bool(block)

    def take(self, count: int) -> bytes:
        """Exactly so many bytes."""
        blocks, have = [self.buffer], len(self.buffer)
        self.buffer = b""
        while have < count:
            block = self.socket.recv(1 << 18)
            if not block:
                raise Cut(f"{have} of {count} bytes: {b''.join(blocks)[:60]!r}")
            blocks.append(block)
            have += len(block)
        data = b"".join(blocks)
        self.buffer = data[count:]
        return data[:count]

    def take_line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            if not self._more():
                raise Cut(f"inside a line: {self.buffer[:60]!r}")
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def head(self) -> Answer:
        """The next head alone."""
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > HEAD_MAX:
                raise Malformed(f"a head without end: {self.buffer[:60]!r}")
            if not self._more():
                raise Cut(f"inside a head: {self.buffer[:60]!r}")
        head, gap, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return parse_head(head + gap)

    def body(self, answer: Answer) -> bytes:
        """The body that belongs to a head (of a request that was no HEAD)."""
        if answer.status in (204, 304) or answer.status < 200:
            return b""
        if answer.get("transfer-encoding") is not None:
            assert answer["transfer-encoding"] == "chunked"
            return self._chunks()
        length = answer.get("content-length")
        if length is not None:
            assert re.fullmatch(r"0|[1-9][0-9]*", length), length
            return self.take(int(length))
        return self.rest()

    def _chunks(self) -> bytes:
        content = []
        while size := int(self.take_line(), 16):
            content.append(self.take(size))
            assert self.take(2) == b"\r\n"
        assert self.take_line() == b"", "trailers"
        return b"".join(content)

    def answer(self, method: str = "GET") -> Answer:
        """The next final answer, whole."""
        answer = self.head()
        if method != "HEAD":
            answer.body = self.body(answer)
        return answer

    def get(self, target: str, *fields: str, method: str = "GET") -> Answer:
        """Ask on this connection and read the answer."""
        self.send(request(target, *fields, method=method))
        return self.answer(method)

    def rest(self) -> bytes:
        """Everything up to the end of the stream."""
        found = self.buffer + wire.read_to_end(self.socket)
        self.buffer = b""
        return found

    def rest_to_cut(self) -> tuple[bytes, bool]:
        """Everything up to the end or a reset; whether it was a reset."""
        found, cut = wire.read_to_cut(self.socket)
        found, self.buffer = self.buffer + found, b""
        return found, cut

    def ended(self) -> bool:
        """The server has closed, orderly or not, and nothing was left to read."""
        return self.rest_to_cut()[0] == b""

    def idle(self) -> bool:
        """Nothing more has arrived, and the connection lives."""
        if self.buffer:
            return False
        self.socket.setblocking(False)
        try:
            block = self.socket.recv(1)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(wire.PATIENCE)
        self.buffer = block
        return False


def connect(address: Address, *, receive_buffer: int | None = None) -> Client:
    """To (host, port), a path, or "@name".  A small buffer makes a client that is full soon."""
    if isinstance(address, tuple):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        connection = socket.socket(family)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer is not None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, wire.SEGMENT)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    else:
        connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(wire.PATIENCE)
        connection.connect(socket_name(address))
    except BaseException:
        connection.close()
        raise
    return Client(connection)


def socket_name(address: Address) -> tuple[str, int] | str:
    if isinstance(address, tuple):
        return address
    name = str(address)
    return "\0" + name[1:] if name.startswith("@") else name


def request(
    target: str | bytes,
    *fields: str,
    method: str = "GET",
    body: bytes = b"",
    version: str = "HTTP/1.1",
    host: str | None = "test",
) -> bytes:
    """The bytes of a request."""
    raw = target if isinstance(target, bytes) else target.encode()
    lines = [f"{method} ".encode() + raw + f" {version}".encode()]
    lines += [f"Host: {host}".encode()] if host is not None else []
    lines += [line.encode("latin-1") for line in fields]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*pieces: bytes) -> bytes:
    """A body in chunks, with its end."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


# ---- uwsgi ----

Variables = Iterable[tuple[str | bytes, str | bytes]]


def _raw(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


def variables(pairs: Variables) -> bytes:
    """Variables as they stand in a packet."""
    packed = b""
    for key, value in pairs:
        for text in (_raw(key), _raw(value)):
            packed += struct.pack("<H", len(text)) + text
    return packed


def packet(
    pairs: Variables, modifier1: int = 0, modifier2: int = 0, size: int | None = None
) -> bytes:
    """A uwsgi packet; `size` to lie about it."""
    packed = variables(pairs)
    size = len(packed) if size is None else size
    return struct.pack("<BHB", modifier1, size, modifier2) + packed


def environ(path: str | bytes, method: str = "GET", **more: str) -> list[tuple[str, str | bytes]]:
    """What a web server says of a plain request; `None` leaves nothing out."""
    target = path if isinstance(path, str) else path.decode("latin-1")
    found: dict[str, str | bytes] = {
        "REQUEST_METHOD": method,
        "REQUEST_URI": target,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "test",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "4711",
        "HTTP_HOST": "test",
    }
    return list((found | more).items())
