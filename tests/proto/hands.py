"""Hands for the parsers: bytes in, plain Python values out.

status, request = parse(b"GET /a?b HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n")
assert (status, request.path, request.query) == (0, b"/a", b"b")
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from whitebox import ffi, lib

NO_LENGTH = 2**64 - 1
MORE, HEAD, BAD = lib.HTTP_SCAN_MORE, lib.HTTP_SCAN_HEAD, lib.HTTP_SCAN_BAD
METHODS = {getattr(lib, name): name.removeprefix("METHOD_") for name in dir(lib)
           if name.startswith("METHOD_")}  # fmt: skip


def memory(data: bytes) -> Any:
    """A copy: exactly as many bytes as there are, so that a sanitizer sees who reads on."""
    made = ffi.new("char[]", len(data) or 1)
    ffi.memmove(made, data, len(data))
    return made


KEPT: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def span(data: bytes) -> Any:
    """A span whose bytes live as long as it does."""
    bytes_ = memory(data)
    made = ffi.new("struct span *", {"data": bytes_, "size": len(data)})[0]
    KEPT[made] = bytes_
    return made


class Spans:
    """Spans whose bytes live as long as this object: for what C keeps pointing at."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def memory(self, data: bytes) -> Any:
        self.kept.append(memory(data))
        return self.kept[-1]

    def __call__(self, data: bytes) -> Any:
        self.kept.append(span(data))
        return self.kept[-1]


def text(span: Any) -> bytes:
    return bytes(ffi.buffer(span.data, span.size)) if span.size else b""


@dataclass(frozen=True)
class Request:
    """Everything a request says."""

    method: bytes
    kind: str  # "GET", … "OTHER"
    target: bytes
    path: bytes
    query: bytes
    host: bytes
    remote: bytes
    minor: int
    decoded: bool
    has_query: bool
    keep_alive: bool
    chunked: bool
    expect_continue: bool
    secure: bool
    length: int | None
    fields: tuple[tuple[bytes, bytes], ...]


def request_of(cdata: Any) -> Request:
    return Request(
        method=text(cdata.method_name),
        kind=METHODS[cdata.method],
        target=text(cdata.target),
        path=text(cdata.path),
        query=text(cdata.query),
        host=text(cdata.host),
        remote=text(cdata.remote),
        minor=cdata.minor,
        decoded=cdata.decoded,
        has_query=cdata.has_query,
        keep_alive=cdata.keep_alive,
        chunked=cdata.chunked,
        expect_continue=cdata.expect_continue,
        secure=cdata.secure,
        length=None if cdata.content_length == NO_LENGTH else cdata.content_length,
        fields=tuple((text(f.name), text(f.value)) for f in cdata.fields[0 : cdata.field_count]),
    )


def limits_of(head: int = 16384, target: int = 8192, fields: int = 100) -> Any:
    return ffi.new(
        "struct http_limits *", {"head_size": head, "target_size": target, "field_count": fields}
    )


def dirty_request() -> Any:
    """What was there before a parser came must not matter."""
    request = ffi.new("struct request *")
    ffi.memmove(request, b"\xa5" * ffi.sizeof(request[0]), ffi.sizeof(request[0]))
    return request


def new_request(spans: Spans, fields: Iterable[tuple[bytes, bytes]]) -> Any:
    """A request with nothing but these fields."""
    request = ffi.new("struct request *")
    lib.request_reset(request)
    for name, value in fields:
        known = lib.request_known(spans(name))
        assert lib.request_add(request, spans(name), spans(value), known)
    return request


def parse(head: bytes, limits: Any = None) -> tuple[int, Request]:
    request, data = dirty_request(), memory(head)
    status = lib.http_head_parse(data, len(head), limits or limits_of(), request)
    return status, request_of(request)


def scan(data: bytes, sizes: Sequence[int] = (), limits: Any = None) -> tuple[int, int]:
    """The verdict and, for a head, where it ends: `data` arrives up to each of `sizes` in turn, and
    then as a whole.  Each time the memory is another, exactly as large as what has arrived.
    """
    limits = limits or limits_of()
    scanned, end = ffi.new("size_t *"), ffi.new("size_t *")
    verdict = MORE
    for size in [*sizes, len(data)]:
        verdict = lib.http_head_scan(memory(data[:size]), size, limits, scanned, end)
        assert scanned[0] <= size
        if verdict != MORE:
            return verdict, end[0] if verdict == HEAD else size
    return verdict, len(data)


def outcome(data: bytes, sizes: Sequence[int] = (), limits: Any = None) -> tuple[int, int | None]:
    """What a connection makes of these bytes: the status (-1: waits for more), and the end."""
    verdict, end = scan(data, sizes, limits)
    if verdict == MORE:
        return -1, None
    status, _ = parse(data[:end], limits)
    assert verdict == HEAD or status != 0, "what cannot become a head must not be one"
    return status, end if verdict == HEAD else None
