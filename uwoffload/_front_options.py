"""Arguments of a front as a `struct uwo_front_options`."""

from __future__ import annotations

import os
import socket as sockets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ._bridge import ffi, lib
from ._limits import milliseconds, whole
from .errors import InvalidArgument

if TYPE_CHECKING:
    from ._core import CData

Listening = sockets.socket | int | tuple[sockets.socket | int, str]

PROTOCOLS = {"http": lib.UWO_HTTP, "uwsgi": lib.UWO_UWSGI}
MANY = 2**32 - 2

LIMITS: dict[str, tuple[int, int, bool]] = {
    # name: least, most, whether 0 means none at all
    "balance_count": (1, 65535, False),
    "body_memory_max": (1, 131072, False),
    "body_size_max": (1, 2**63 - 1, False),
    "connections_max": (1, MANY, False),
    "fields_max": (1, 128, False),
    "files_max": (0, MANY, True),
    "head_size_max": (64, MANY, False),
    "queue_max": (1, MANY, False),
    "requests_max": (1, MANY, False),
    "target_size_max": (1, MANY, False),
}
"""Numbers that bound a front: least and most; csrc/include/uwoffload.h says the defaults."""

TIMES = {
    "files_valid": "files_valid_ms",
    "head_timeout": "head_timeout_ms",
    "keepalive_timeout": "keepalive_timeout_ms",  # 0: no keep-alive at all
    "no_progress": "no_progress_ms",
}
"""The same in seconds, and their fields."""

_OPTIONS = ffi.typeof("struct uwo_front_options *")
_OPTIONS_SIZE = ffi.sizeof("struct uwo_front_options")
_LISTENERS = ffi.typeof("struct uwo_listener[]")
_LISTENER_SIZE = ffi.sizeof("struct uwo_listener")


def new_options(
    listeners: Iterable[Listening],
    application: bool,
    body_streamed: bool,
    spool_directory: str | os.PathLike[str] | None,
    overflow: tuple[int, int] | None,
    log_fd: int | None,
    limits: Mapping[str, float | None],
) -> tuple[CData, list[object]]:
    """The struct, and what must live as long as the front."""
    options = ffi.new(_OPTIONS, (_OPTIONS_SIZE,))
    found = [_listener(each) for each in listeners]
    rows = ffi.new(_LISTENERS, [(_LISTENER_SIZE, fd, protocol) for fd, protocol, _ in found])
    keep: list[object] = [rows, [each for *_, each in found]]
    options.listeners = rows
    options.listener_count = len(found)
    options.application = bool(application)
    options.body_streamed = bool(body_streamed)
    if spool_directory is not None:
        path = ffi.new("char[]", os.fsencode(spool_directory))
        keep.append(path)
        options.spool_directory = path
    if overflow is not None:
        options.overflow_send_fd, options.overflow_receive_fd = overflow
    if log_fd is not None:
        options.log_fd = whole("log_fd", log_fd, 1, 2**31 - 1)
    for name, value in limits.items():
        _limit(options, name, value)
    return options, keep


def _listener(listening: Listening) -> tuple[int, int, object]:
    """Descriptor, protocol, and the object that must stay open."""
    sock, protocol = listening if isinstance(listening, tuple) else (listening, "http")
    if protocol not in PROTOCOLS:
        raise InvalidArgument(f"listeners: {protocol!r:.80}; allowed: 'http' or 'uwsgi'")
    if not isinstance(sock, sockets.socket | int) or isinstance(sock, bool):
        raise InvalidArgument(
            f"listeners: {sock!r:.80}; allowed: a socket that listens, or its descriptor"
        )
    fd = sock if isinstance(sock, int) else sock.fileno()
    return fd, PROTOCOLS[protocol], sock


def _limit(options: CData, name: str, value: float | None) -> None:
    if name not in LIMITS and name not in TIMES:
        known = ", ".join(sorted([*LIMITS, *TIMES]))
        raise InvalidArgument(f"{name}: there is no such limit; allowed: {known}")
    if value is None:
        return
    if name in TIMES:
        none = name == "keepalive_timeout" and value == 0
        setattr(options, TIMES[name], lib.UWO_NONE if none else milliseconds(name, value))
        return
    least, most, none = LIMITS[name]
    setattr(options, name, whole(name, value, least, most) or lib.UWO_NONE)
