"""Keyword arguments of a submit as a `struct uwo_transfer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from ._bridge import NULL, ffi, lib
from .errors import InvalidArgument

if TYPE_CHECKING:
    from ._core import CData

_TRANSFER = ffi.typeof("struct uwo_transfer *")
_TRANSFER_SIZE = ffi.sizeof("struct uwo_transfer")

LONGEST = (lib.UWO_NEVER - 1) / 1000  # seconds that fit in uint32 milliseconds
SHORTEST = 0.001
RATE_MAX = 10**12  # bytes per second
AFTER = {"close": lib.UWO_CLOSE, "give back": lib.UWO_GIVE_BACK}

WantedKey = tuple[
    str,
    float | None,
    float | None,
    float | None,
    float,
    float | None,
    bool,
    int,
    bool,
    bool,
    bool,
]


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def milliseconds(name: str, value: object) -> int:
    """Seconds (int or float, 0.001 to about 4.29 million) as milliseconds, at least 1."""
    if _is_number(value) and SHORTEST <= value <= LONGEST:
        return round(value * 1000)
    raise InvalidArgument(f"{name}: {value!r:.80}; allowed: seconds from {SHORTEST} to {LONGEST}")


def check_patience(timeout: object) -> None:
    """Seconds to wait, 0 or more, or None for ever."""
    if timeout is not None and not (_is_number(timeout) and timeout >= 0):
        raise InvalidArgument(f"timeout: {timeout!r:.80}; allowed: seconds from 0, or None")


def whole(name: str, value: object, least: int, most: int) -> int:
    """An int within limits."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise InvalidArgument(f"{name}: {value!r:.80}; allowed: an int from {least} to {most}")


def _rate(name: str, value: object) -> int:
    if value is None:
        return 0
    if _is_number(value) and 1 <= value <= RATE_MAX:
        return int(value)
    raise InvalidArgument(
        f"{name}: {value!r:.80}; allowed: bytes per second from 1 to {RATE_MAX}, or None"
    )


def new_wanted(key: WantedKey, leftover: bytes = b"") -> CData:
    """A `struct uwo_transfer`; the bytes of `leftover` must outlive its use."""
    after, deadline, no_progress, rate_min, grace, rate_max, *others = key
    growing, high_water, try_first, settle, stream = others
    if not isinstance(after, str) or after not in AFTER:
        raise InvalidArgument(f"after: {after!r:.80}; allowed: {' or '.join(map(repr, AFTER))}")
    if not isinstance(leftover, bytes):
        raise InvalidArgument(f"leftover: {type(leftover).__name__}; allowed: bytes")
    flags = (lib.UWO_GROWING if growing else 0) | (lib.UWO_TRY_FIRST if try_first else 0)
    if not settle:
        flags |= lib.UWO_NO_SETTLE
    if stream:
        flags |= lib.UWO_STREAM
    return ffi.new(
        _TRANSFER,
        {
            "size": _TRANSFER_SIZE,
            "after": AFTER[after],
            "flags": flags,
            "deadline_ms": 0 if deadline is None else milliseconds("deadline", deadline),
            "no_progress_ms": (
                lib.UWO_NEVER if no_progress is None else milliseconds("no_progress", no_progress)
            ),
            "rate_min_grace_ms": milliseconds("rate_min_grace", grace),
            "high_water": whole("high_water", high_water, 1, 2**32 - 1),
            "rate_min": _rate("rate_min", rate_min),
            "rate_max": _rate("rate_max", rate_max),
            "leftover": ffi.from_buffer(leftover) if leftover else NULL,
            "leftover_size": len(leftover),
        },
    )


class WantedCache:
    """The structs of the keyword sets in use.  They are only read, so threads share them."""

    KEYS_MAX = 64

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[WantedKey, CData] = {}

    def get(self, key: WantedKey, leftover: bytes) -> CData:
        try:
            if leftover == b"":
                return self._known[key]
        except (KeyError, TypeError):  # a new one, or unhashable: new_wanted says what is wrong
            pass
        found = new_wanted(key, leftover)
        if not leftover:
            if len(self._known) >= self.KEYS_MAX:
                self._known.clear()
            self._known[key] = found
        return found
