"""A request as a handler sees it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, overload

from ._bridge import NULL, failure, ffi, lib
from .errors import TransferGone

if TYPE_CHECKING:
    from ._core import CData

CHUNK = 65536
PROTOCOLS = {lib.UWO_HTTP: "http", lib.UWO_UWSGI: "uwsgi"}
UNKNOWN_SIZE = 2**64 - 1


class Headers(Sequence[tuple[str, str]]):
    """Pairs of name and value as they came, found by name in any case."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    @overload
    def __getitem__(self, index: int) -> tuple[str, str]: ...
    @overload
    def __getitem__(self, index: slice) -> Headers: ...
    def __getitem__(self, index: int | slice) -> tuple[str, str] | Headers:
        if isinstance(index, slice):
            return Headers(self._pairs[index])
        return self._pairs[index]

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def get_all(self, name: str) -> list[str]:
        """Every value of that name, in order."""
        wanted = name.lower()
        return [value for key, value in self._pairs if key.lower() == wanted]

    def get(self, name: str, default: str = "") -> str:
        """The values of that name, joined by ", "; `default` when there is none."""
        return ", ".join(self.get_all(name)) or default

    def __repr__(self) -> str:
        return f"Headers({self._pairs!r})"


class _Streamed(io.RawIOBase):
    """A body that is read from its client."""

    def __init__(self, request: Input) -> None:
        self._request = request

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._request.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Input:
    """What came with a request: method, target, fields, body.

    Each is converted when it is first asked for, so ask before the answer is given;
    what was not asked for by then raises TransferGone.  A request belongs to the
    thread that handles it.
    """

    __slots__ = ("_body", "_cdata", "_file", "_position", "_values")

    def __init__(self, cdata: CData) -> None:
        self._cdata: CData = cdata
        self._values: dict[str, Any] = {}
        self._body: bytes | None = None
        self._file: BinaryIO | None = None
        self._position = 0  # what `read` has given of a body that is here

    def _alive(self) -> CData:
        if self._cdata is None:
            raise TransferGone("the request was answered; ask before that")
        return self._cdata

    def _text(self, name: str, encoding: str) -> str:
        values = self._values
        if name not in values:
            cdata = self._alive()
            size = getattr(cdata, f"{name}_size")
            data = ffi.buffer(getattr(cdata, name), size)[:] if size else b""
            values[name] = data.decode(encoding, "surrogateescape")
        found: str = values[name]
        return found

    @property
    def method(self) -> str:
        """ "GET"."""
        return self._text("method", "latin-1")

    @property
    def target(self) -> str:
        """As the client sent it: "/a%20b?c=d"."""
        return self._text("target", "latin-1")

    @property
    def path(self) -> str | None:
        """Decoded once, dot segments removed: "/a b"; None when that cannot be done.

        Bytes that are not UTF-8 become surrogates, as in file names.
        """
        if "path" not in self._values and self._alive().path == NULL:
            self._values["path"] = None
        if self._values.get("path", "") is None:
            return None
        return self._text("path", "utf-8")

    @property
    def query(self) -> str:
        """Behind the first "?", not decoded: "c=d"."""
        return self._text("query", "latin-1")

    @property
    def headers(self) -> Headers:
        """The header fields; of uwsgi packets with names written as in HTTP."""
        if "headers" not in self._values:
            cdata = self._alive()
            packet = cdata.protocol == lib.UWO_UWSGI
            pairs = []
            for index in range(cdata.field_count):
                field = cdata.fields[index]
                name = ffi.buffer(field.name, field.name_size)[:]
                value = ffi.buffer(field.value, field.value_size)[:] if field.value_size else b""
                text = name.decode("latin-1")
                if packet:  # X-Forwarded-For came as HTTP_X_FORWARDED_FOR
                    text = text.removeprefix("HTTP_").replace("_", "-").title()
                pairs.append((text, value.decode("latin-1")))
            self._values["headers"] = Headers(pairs)
        found: Headers = self._values["headers"]
        return found

    @property
    def peer(self) -> str:
        """ "127.0.0.1:4711", "[::1]:4711"; "" for a UNIX socket."""
        if "peer" not in self._values:
            cdata = self._alive()
            self._values["peer"] = ffi.string(cdata.peer).decode("latin-1")
        found: str = self._values["peer"]
        return found

    @property
    def protocol(self) -> str:
        """ "http" or "uwsgi": who speaks to us."""
        return PROTOCOLS[self._alive().protocol]

    @property
    def version(self) -> str:
        """ "HTTP/1.1" or "HTTP/1.0"."""
        return f"HTTP/1.{self._alive().minor}"

    # ---- the body ----

    @property
    def length(self) -> int | None:
        """Bytes of the body; None when it streams in and nobody knows."""
        size = int(self._alive().body_size)
        return None if size == UNKNOWN_SIZE else size

    @property
    def streamed(self) -> bool:
        """The body is still on its way: `read` and `body` wait for the client."""
        return bool(self._alive().body_streamed)

    def body(self) -> bytes:
        """All of it.  Large ones are better read in pieces, or as `file`."""
        if self._body is None:
            cdata = self._alive()
            if cdata.body_streamed:
                pieces = []
                while piece := self._receive(CHUNK):
                    pieces.append(piece)
                self._body = b"".join(pieces)
            elif cdata.body_fd >= 0:
                self._body = _read_at(cdata.body_fd, 0, cdata.body_size)
            elif cdata.body_size:
                self._body = ffi.buffer(cdata.body, cdata.body_size)[:]
            else:
                self._body = b""
        return self._body

    def read(self, size: int = CHUNK) -> bytes:
        """The next bytes of the body, at most `size`; b"" at its end.

        Of a streamed body, waits for the client; raises TimeoutError,
        ConnectionResetError, or another OSError (EPROTO: bad chunks, EFBIG).
        """
        cdata = self._alive()
        if cdata.body_streamed and self._body is None:
            return self._receive(size)
        if cdata.body_fd >= 0 and self._body is None:
            data = _read_at(cdata.body_fd, self._position, size)
        else:
            data = self.body()[self._position : self._position + size]
        self._position += len(data)
        return data

    @property
    def file(self) -> BinaryIO:
        """The body as a file to read; of a large one it is the file on disk itself.

        It lives on when the request has been answered, unless the body is streamed.
        """
        if self._file is None:
            cdata = self._alive()
            file: Any
            if cdata.body_streamed:
                file = io.BufferedReader(_Streamed(self), CHUNK)
            elif cdata.body_fd >= 0:
                os.lseek(cdata.body_fd, 0, os.SEEK_SET)
                file = os.fdopen(os.dup(cdata.body_fd), "rb")
            else:
                file = io.BytesIO(self.body())
            self._file = file
        return self._file

    def _receive(self, size: int) -> bytes:
        buffer = ffi.new("char[]", max(1, min(size, 1 << 20)))
        while True:
            count = lib.uwo_request_read(self._alive(), buffer, len(buffer))
            if count >= 0:
                return bytes(ffi.buffer(buffer, count)[:])
            reason = failure(count)
            if not isinstance(reason, InterruptedError):
                raise reason


def _read_at(fd: int, offset: int, size: int) -> bytes:
    """So many bytes of a file from there, or up to its end."""
    pieces = []
    while size > 0 and (piece := os.pread(fd, min(size, 1 << 20), offset)):
        pieces.append(piece)
        offset += len(piece)
        size -= len(piece)
    return b"".join(pieces)
