"""Listening sockets of every kind of address."""

from __future__ import annotations

import errno
import os
import socket as sockets
import stat
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ..errors import CannotStart
from .identity import group_of, user_of

if TYPE_CHECKING:
    from ..config import Address, Settings

DEFER_SECONDS = 1  # a client that connects and says nothing is not accepted before

_REASONS = {
    errno.EACCES: "no permission; ports below 1024 need root; choose another",
    errno.EADDRINUSE: "the address is in use; stop who listens there, or choose another",
    errno.EADDRNOTAVAIL: "this machine has no such address; choose one of its own",
    errno.EAFNOSUPPORT: "this system has no such kind of address; choose another",
    errno.ENOENT: "its directory is not there; make it, or choose another path",
}


class Listener(NamedTuple):
    """A socket that listens, the protocol spoken on it, and the address as it was written."""

    sock: sockets.socket
    protocol: str
    written: str


def listen(address: Address, protocol: str, settings: Settings) -> Listener:
    """Bind and listen.  Raises CannotStart."""
    option = "http-socket" if protocol == "http" else "socket"
    try:
        family, name = place_of(address)
        unix = family == sockets.AF_UNIX
        sock = _bind_unix(name) if unix else _bind_tcp(family, name, settings.defer_accept)
    except sockets.gaierror as error:
        reason = f"{error.strerror}; write an address of this machine"
        raise CannotStart(f"{option} = {address}: {reason}") from None
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, f"{error.strerror or error}; choose another")
        if address.kind == "unix":
            reason = _path_trouble(address.path, error.errno) or reason
        raise CannotStart(f"{option} = {address}: {reason}") from None
    try:
        if address.kind == "unix":
            _adjust(address.path, settings)
        sock.listen(settings.listen)
    except BaseException:
        sock.close()
        raise
    return Listener(sock, protocol, str(address))


def _path_trouble(path: str, error: int | None) -> str:
    """What is special about a path, or ""."""
    if error == errno.EACCES:
        return "no permission to make it; choose another path"
    if error == errno.EADDRINUSE:
        with suppress(OSError):
            if not stat.S_ISSOCK(os.lstat(path).st_mode):
                return "something is there that is no socket; remove it, or choose another path"
    return ""


def place_of(address: Address) -> tuple[int, tuple[str, int] | str]:
    """Family and name, as socket.bind takes them.  Raises OSError."""
    if address.kind == "unix":
        return sockets.AF_UNIX, address.path
    if address.kind == "abstract":
        return sockets.AF_UNIX, "\0" + address.path
    flags = sockets.AI_PASSIVE
    found = sockets.getaddrinfo(address.host, address.port, type=sockets.SOCK_STREAM, flags=flags)
    family, _, _, _, name = found[0]
    return family, name  # type: ignore[return-value]


def _bind_tcp(family: int, name: tuple[str, int] | str, defer: bool) -> sockets.socket:
    sock = sockets.socket(family, sockets.SOCK_STREAM)
    try:
        sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        if family == sockets.AF_INET6:
            sock.setsockopt(sockets.IPPROTO_IPV6, sockets.IPV6_V6ONLY, 1)
        # Accepted sockets inherit both: no call per connection.
        sock.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
        if defer:
            sock.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_DEFER_ACCEPT, DEFER_SECONDS)
        sock.bind(name)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind_unix(name: tuple[str, int] | str) -> sockets.socket:
    """A socket that nobody listens on any more is replaced; a living one is in use."""
    assert isinstance(name, str)
    sock = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
    try:
        try:
            sock.bind(name)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or name.startswith("\0") or not _is_stale(name):
                raise
            os.unlink(name)
            sock.bind(name)
    except BaseException:
        sock.close()
        raise
    return sock


def _adjust(path: str, settings: Settings) -> None:
    """Owner and mode of a UNIX socket."""
    option = "chown-socket"
    try:
        if settings.chown_socket is not None:
            user, _, group = settings.chown_socket.partition(":")
            uid, gid = user_of(user, option), group_of(group, option)
            os.chown(path, -1 if uid is None else uid, -1 if gid is None else gid)
        option = "chmod-socket"
        if settings.chmod_socket is not None:
            os.chmod(path, settings.chmod_socket)
    except OSError as error:
        raise CannotStart(
            f"{option}: {path}: {error.strerror}; start as root, or leave {option} out"
        ) from None


def _is_stale(path: str) -> bool:
    """A socket is there, and nobody answers."""
    with suppress(OSError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return False
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as probe:
        probe.setblocking(False)  # one whose queue is full is alive
        try:
            probe.connect(path)
        except OSError as error:
            return error.errno == errno.ECONNREFUSED
    return False


def forget(listener: Listener, vacuum: bool) -> None:
    """Close it for good; with `vacuum` its path disappears, unless somebody else listens."""
    name = listener.sock.getsockname() if listener.sock.family == sockets.AF_UNIX else ""
    listener.sock.close()
    if vacuum and isinstance(name, str) and name.startswith("/"):
        with suppress(OSError):
            if _is_stale(name):
                os.unlink(name)


EVERY = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Hosts that mean every address of the machine, and one that can be reached from it."""


def listening_text(listener: Listener) -> str:
    """Where it listens, with the port that was given."""
    if listener.sock.family != sockets.AF_UNIX and listener.sock.getsockname()[0] in EVERY:
        return f"{_url(listener, {})} (every address)"
    return _url(listener, {})


def url_of(listener: Listener) -> str:
    """What a person types on this machine."""
    return _url(listener, EVERY)


def _url(listener: Listener, hosts: Mapping[str, str]) -> str:
    if listener.sock.family == sockets.AF_UNIX:
        name = listener.sock.getsockname()
        text = "@" + name[1:].decode() if isinstance(name, bytes) else name
        return f"{'unix' if listener.protocol == 'http' else 'uwsgi'}:{text}"
    host, port = listener.sock.getsockname()[:2]
    host = hosts.get(host, host)
    host = f"[{host}]" if ":" in host else host
    return f"{listener.protocol}://{host}:{port}" + ("/" if listener.protocol == "http" else "")
