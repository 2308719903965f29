"""The only module that imports the C core; and the only place that raises on its behalf."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ._core import ffi, lib
from .errors import (
    EngineClosed,
    EngineForked,
    EngineFull,
    InvalidArgument,
    TransferGone,
    Unsupported,
    UwoffloadError,
)

if TYPE_CHECKING:
    from ._core import CData

__all__ = ["check", "failure", "ffi", "lib", "new_error", "text"]

NULL = ffi.NULL

_RAISED: dict[int, type[UwoffloadError]] = {
    lib.UWO_E_CLOSED: EngineClosed,
    lib.UWO_E_FORKED: EngineForked,
    lib.UWO_E_FULL: EngineFull,
    lib.UWO_E_GONE: TransferGone,
    lib.UWO_E_UNSUPPORTED: Unsupported,
}

_ERROR = ffi.typeof("struct uwo_error *")
_ERROR_SIZE = ffi.sizeof("struct uwo_error")


def new_error() -> CData:
    """A `struct uwo_error` for one call after the other, in one thread at a time."""
    return ffi.new(_ERROR, (_ERROR_SIZE, -1))


def text(borrowed: CData) -> str:
    """A C string as str."""
    return ffi.string(borrowed).decode("utf-8", "replace")


def failure(status: int, error: CData = NULL, indexed: str = "program") -> Exception:
    """The exception for a negative status, with the message of `error` if it has one.

    `indexed` is the argument that its index counts in; "" where the message names it.
    """
    message = ""
    index = -1
    if error != NULL:
        message, index = text(error.message).replace("client_fd", "sock", 1), error.index
        if index >= 0 and indexed:
            message = f"{indexed}[{index}]: {message}"
        error.message[0] = b"\0"
        error.index = -1
    if status == lib.UWO_E_INVALID:
        return InvalidArgument(
            message or text(lib.uwo_status_text(status)), index if index >= 0 else None
        )
    if status in _RAISED:
        return _RAISED[status](message or text(lib.uwo_status_text(status)))
    return OSError(-status, message or os.strerror(-status))


def check(status: int, error: CData = NULL) -> int:
    """Return a status that is not negative; raise what a negative one stands for."""
    if status < 0:
        raise failure(status, error)
    return status
