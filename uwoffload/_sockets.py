"""Which objects can be handed over as a client socket."""

from __future__ import annotations

import socket as sockets
from typing import Protocol

from .errors import InvalidArgument
from .program import LARGEST_FD

ALLOWED = "allowed: a connected stream socket, or its descriptor as an int"


class SocketLike(Protocol):
    """A socket of another library (trio, gevent): it can give its descriptor away."""

    @property
    def family(self) -> int: ...
    @property
    def type(self) -> int: ...
    @property
    def proto(self) -> int: ...
    def fileno(self) -> int: ...
    def detach(self) -> int: ...


Socket = sockets.socket | SocketLike | int


def check_number(fd: int, name: str = "sock") -> int:
    """The descriptor, which a C int must be able to hold."""
    if not 0 <= fd <= LARGEST_FD:
        raise InvalidArgument(f"{name}: {fd} is no descriptor; allowed: 0 to {LARGEST_FD}")
    return fd


def check_socket(sock: object) -> None:
    """Raise InvalidArgument unless `sock` is a plain socket that can be detached.

    TLS is refused: on such a connection no byte may leave in clear.
    """
    kind = type(sock)
    name = _name(sock)
    extra_info = getattr(sock, "get_extra_info", None)
    if hasattr(sock, "do_handshake") or (
        callable(extra_info) and extra_info("ssl_object") is not None
    ):
        raise InvalidArgument(f"{name} is TLS, and the engine sends in clear; {ALLOWED}")
    if callable(extra_info):
        raise InvalidArgument(
            f"{name} belongs to an event loop; use uwoffload.aio.submit, or {ALLOWED}"
        )
    if isinstance(sock, sockets.socket):
        return
    if not hasattr(kind, "fileno"):
        raise InvalidArgument(f"sock: {sock!r:.80} is not a socket; {ALLOWED}")
    # On the type: wrappers that pass every attribute through (pyOpenSSL) do not count.
    for attribute in ("detach", "family", "fileno", "proto", "type"):
        if not hasattr(kind, attribute):
            raise InvalidArgument(f"{name} has no {attribute}; {ALLOWED}")


def refusal(sock: object, error: BaseException) -> InvalidArgument | None:
    """What to raise when `detach` of `sock` raised `error`; None for `error` itself."""
    if isinstance(error, InvalidArgument) or not isinstance(error, Exception):
        return None
    return InvalidArgument(f"{_name(sock)} cannot be detached: {error}; {ALLOWED}")


def _name(sock: object) -> str:
    kind = type(sock)
    return f"sock: {kind.__module__}.{kind.__qualname__}"
