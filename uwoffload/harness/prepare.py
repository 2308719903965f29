"""What a master does before there are workers: bind, open, become another user."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CannotStart, InvalidArgument
from ..mime import TYPES, parse
from ..request import Handler
from ..site import Mount, Site
from ..stats import Statistics
from . import descriptors, identity, sockets
from .handover import Handover
from .policy import slots_of

if TYPE_CHECKING:
    from ..config import Settings


@dataclass(slots=True)
class Setup:
    """What workers inherit."""

    settings: Settings
    handler: Handler | None
    listeners: list[sockets.Listener]
    site: Site | None
    stats: Statistics
    threads: int  # 0: the worker's own thread does their work too
    overflow: tuple[int, int] | None
    log: int | None  # descriptor that becomes standard output and error

    @property
    def loops(self) -> int:
        """Event loops of a worker."""
        return max(self.threads, 1)


def prepare(settings: Settings, handler: Handler | None, found: Handover) -> Setup:
    """All of it, in an order that needs root only at the beginning.  Raises CannotStart."""
    check_wishes(settings, handler)
    settings = descriptors.allow(settings)
    if settings.umask is not None:
        os.umask(settings.umask)
    listeners = bind(settings, found)
    try:
        if settings.pidfile:
            write_pidfile(settings.pidfile)
            give_away(settings.pidfile, settings)
        log = open_log(settings, bool(found.listeners)) if settings.logto else None
        identity.become(settings.uid, settings.gid)
        if settings.chdir:
            change_directory(settings.chdir)
        return Setup(
            settings,
            handler,
            listeners,
            make_site(settings, handler is not None),
            make_stats(slots_of(settings.processes), max(settings.offload_threads, 1), found),
            settings.offload_threads,
            make_overflow(settings, handler, found),
            log,
        )
    except BaseException:
        for listener in listeners:
            sockets.forget(listener, settings.vacuum)
        raise


def check_wishes(settings: Settings, handler: Handler | None) -> None:
    """What can be said before anything is touched.  Raises CannotStart."""
    if settings.need_app and handler is None:
        raise CannotStart(
            "need-app: there is no application; run one with uwoffload.serve(handler), or leave "
            "need-app out"
        )
    if not settings.socket and not settings.http_socket:
        raise CannotStart("there is no address to listen on; add http-socket = 127.0.0.1:8080")


def bind(settings: Settings, found: Handover) -> list[sockets.Listener]:
    """Every address; one that the image before listened on is taken over."""
    old = {(each.protocol, each.written): each.fd for each in found.listeners}
    listeners: list[sockets.Listener] = []
    try:
        for protocol, addresses in (("http", settings.http_socket), ("uwsgi", settings.socket)):
            for address in addresses:
                fd = old.pop((protocol, str(address)), None)
                if fd is None:
                    listeners.append(sockets.listen(address, protocol, settings))
                    continue
                sock = socket.socket(fileno=fd)
                sock.listen(settings.listen)
                listeners.append(sockets.Listener(sock, protocol, str(address)))
    except BaseException:
        for listener in listeners:
            sockets.forget(listener, settings.vacuum)
        raise
    for (protocol, written), fd in old.items():
        sockets.forget(
            sockets.Listener(socket.socket(fileno=fd), protocol, written), settings.vacuum
        )
    return listeners


def rehearse(settings: Settings, handler: Handler | None, had: set[tuple[str, str]]) -> None:
    """What `prepare` does, without a trace outside of this process.  Raises CannotStart.

    had: protocols and addresses that are listened on already.
    """
    check_wishes(settings, handler)
    settings = descriptors.allow(settings)
    if settings.umask is not None:
        os.umask(settings.umask)
    for protocol, addresses in (("http", settings.http_socket), ("uwsgi", settings.socket)):
        for address in addresses:
            if (protocol, str(address)) not in had:
                sockets.forget(sockets.listen(address, protocol, settings), vacuum=True)
    if settings.pidfile:
        try_pidfile(settings.pidfile)
    identity.become(settings.uid, settings.gid)
    if settings.chdir:
        change_directory(settings.chdir)
    site = make_site(settings, handler is not None)
    if site is not None:
        site.close()


def try_pidfile(path: str) -> None:
    """Could our parent write it, if it has not?"""
    with suppress(OSError, UnicodeDecodeError):
        if Path(path).read_text() == f"{os.getppid()}\n":
            return
    place = path if Path(path).exists() else Path(path).parent
    if not os.access(place, os.W_OK):
        raise CannotStart(f"pidfile = {path}: it cannot be written; choose another path")


def write_pidfile(path: str) -> None:
    """Our number; the same one stays."""
    line = f"{os.getpid()}\n"
    file = Path(path)
    with suppress(OSError, UnicodeDecodeError):
        if file.read_text() == line:
            return
    try:
        file.write_text(line)
    except OSError as error:
        raise CannotStart(
            f"pidfile = {path}: {error.strerror}; choose a path that can be written"
        ) from None


def change_directory(path: str) -> None:
    try:
        os.chdir(path)
    except OSError as error:
        raise CannotStart(f"chdir = {path}: {error.strerror}; choose another directory") from None


def make_site(settings: Settings, application: bool) -> Site | None:
    """The table of the options; None when every request is Python's."""
    mounts = [Mount("", root) for root in settings.check_static]
    names = [("check-static", root) for root in settings.check_static]
    for option, keep_prefix, found in (
        ("static-map", False, settings.static_map),
        ("static-map2", True, settings.static_map2),
    ):
        for mount in found:
            mounts.append(Mount(mount.prefix, mount.target, keep_prefix))
            names.append((option, str(mount)))
    if application and not mounts:
        return None
    for root in settings.check_static:
        if Path(root).exists() and not Path(root).is_dir():
            raise CannotStart(
                f"check-static = {root}: not a directory; name a directory, or give a file a "
                "static-map"
            )
    check_access(mounts, names)
    types = dict(TYPES)
    for path in settings.mime_file:
        try:
            types |= parse(Path(path).read_text(encoding="utf-8", errors="replace"))
        except OSError as error:
            raise CannotStart(f"mime-file = {path}: {error.strerror}; choose another") from None
    try:
        return Site(
            mounts,
            index=settings.static_index,
            types=types,
            application=application,
            siblings=settings.static_siblings,
        )
    except (InvalidArgument, OSError) as error:
        raise CannotStart(_site_trouble(error, mounts, names)) from None


def check_access(mounts: list[Mount], names: list[tuple[str, str]]) -> None:
    """Can the user that workers are look into what is there?  Raises CannotStart."""
    for mount, (option, value) in zip(mounts, names, strict=True):
        wanted = os.X_OK if Path(mount.target).is_dir() else os.R_OK
        if os.path.exists(mount.target) and not os.access(mount.target, wanted):
            raise CannotStart(
                f"{option} = {value}: user {os.geteuid()} may not read it; change its mode, or "
                "give another"
            )


def _site_trouble(
    error: InvalidArgument | OSError, mounts: list[Mount], names: list[tuple[str, str]]
) -> str:
    for mount, (option, value) in zip(mounts, names, strict=True):
        try:
            fd = os.open(mount.target, os.O_PATH | os.O_CLOEXEC)
        except OSError as reason:
            return f"{option} = {value}: {reason.strerror}; give a directory that can be read"
        os.close(fd)
    return f"static files: {error}"


def make_stats(slots: int, threads: int, found: Handover) -> Statistics:
    """A block for all workers; one of the same shape goes on counting."""
    if found.stats is not None:
        try:
            return Statistics.create(f"/proc/self/fd/{found.stats}", slots, threads)
        except (InvalidArgument, OSError):
            pass  # another number of workers or threads: new figures
        finally:
            os.close(found.stats)
    return Statistics.create(None, slots, threads)


def make_overflow(
    settings: Settings, handler: Handler | None, found: Handover
) -> tuple[int, int] | None:
    """The queue of requests for which their own worker has no thread: send to, receive from."""
    if found.overflow:
        return found.overflow[0], found.overflow[1]
    if settings.processes == 1 or handler is None:
        return None
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return one.detach(), other.detach()


def open_log(settings: Settings, again: bool) -> int | None:
    """The file, which the later user may write too; None: go on with the one before."""
    try:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        fd = os.open(settings.logto or "", flags, 0o644)
    except OSError as error:
        line = f"logto = {settings.logto}: {error.strerror}; choose a path that can be written"
        if not again:
            raise CannotStart(line) from None
        print(f"uwoffload: {line}", file=sys.stderr, flush=True)
        return None
    give_away(fd, settings)
    return fd


def give_away(file: str | int, settings: Settings) -> None:
    """To the later user, who writes it after a reload or removes it."""
    if os.geteuid() == 0:
        uid, gid = identity.user_of(settings.uid), identity.group_of(settings.gid)
        os.chown(file, -1 if uid is None else uid, -1 if gid is None else gid)


def redirect(fd: int) -> None:
    """Standard output and error go there from now on."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(fd, sys.stdout.fileno())
    os.dup2(fd, sys.stderr.fileno())
    os.close(fd)
