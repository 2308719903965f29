"""The option table: every field is an option, and the one source of checks, help and docs.

The classes are the groups of the help; each adds its options to those before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .options import Option, option, rows
from .values import (
    ADDRESS,
    BYTES,
    COUNT,
    FILE_NAME,
    FLAG,
    MODE,
    MOUNT,
    PATH,
    SECONDS,
    SITE_FILE,
    SITE_PATH,
    TEXT,
    Address,
    Mount,
)

WEEK = 7 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """Sockets."""

    socket: tuple[Address, ...] = option(
        ADDRESS, "speak uwsgi here (for nginx)", (), aliases="uwsgi-socket", short="s"
    )
    http_socket: tuple[Address, ...] = option(
        ADDRESS,
        "speak HTTP/1.1 and 1.0 here",
        (),
        aliases="http11-socket http",
        differs="keeps connections alive; `http` is the same: there is no router process",
    )
    listen: int = option(
        COUNT,
        "connections the kernel may queue",
        4096,
        short="l",
        least=1,
        most=65535,
        differs="100 in uWSGI; the kernel's limit cuts it silently",
    )
    chmod_socket: int | None = option(
        MODE, "mode of UNIX sockets", None, aliases="chmod", short="C", most=0o777, bare="666"
    )
    chown_socket: str | None = option(TEXT, "owner of UNIX sockets, USER[:GROUP]", None, rare=True)
    defer_accept: bool = option(
        FLAG,
        "accept once the request arrives",
        True,
        negated="no-defer-accept",
        ours=True,
        rare=True,
    )
    vacuum: bool = option(
        FLAG,
        "remove UNIX sockets at the end",
        False,
        differs="the pidfile is removed with or without it",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Files(Sockets):
    """Static files."""

    check_static: tuple[str, ...] = option(
        SITE_PATH,
        "serve files below it",
        (),
        aliases="static-check",
        differs="nothing outside is ever reached; a missing directory is an error at start",
    )
    static_map: tuple[Mount, ...] = option(
        MOUNT,
        "serve DIR (or a file) as MOUNT",
        (),
        differs="a mount ends at a slash: `/img` does not hold `/imgs`",
    )
    static_map2: tuple[Mount, ...] = option(
        MOUNT,
        "the same; MOUNT is kept in the path",
        (),
        differs="a mount ends at a slash: `/img` does not hold `/imgs`",
        rare=True,
    )
    static_index: tuple[str, ...] = option(
        FILE_NAME,
        "file that answers for a directory",
        (),
        differs="a directory asked for without its slash is redirected",
    )
    static_siblings: bool = option(FLAG, "offer name.br and name.gz", False, ours=True)
    mime_file: tuple[str, ...] = option(
        SITE_FILE,
        "more types by ending of the name",
        (),
        aliases="mimefile",
        differs="adds to built-in types; uWSGI reads /etc/mime.types unless told otherwise",
    )
    file_cache: int = option(
        COUNT, "open files kept per thread; 0: none", 1024, most=1 << 20, ours=True, rare=True
    )
    file_cache_valid: float = option(
        SECONDS,
        "a kept file is believed this long",
        1.0,
        least=0.001,
        most=86400,
        ours=True,
        rare=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes(Files):
    """Processes and threads."""

    processes: int = option(COUNT, "workers", 1, aliases="workers", short="p", least=1, most=1024)
    offload_threads: int = option(
        COUNT,
        "threads per worker that do all I/O",
        1,
        most=64,
        differs="0 in uWSGI; here they also accept and parse; 0 puts that in the worker's own "
        "thread: its downloads stand still while Python answers; with several threads it is 1",
    )
    threads: int = option(COUNT, "threads per worker that run Python", 1, least=1, most=4096)
    master: bool = option(
        FLAG,
        "watch the workers, replace dead ones",
        True,
        short="M",
        differs="off in uWSGI unless asked for; here there always is a master, also with false",
    )
    need_app: bool = option(FLAG, "refuse to start without an application", False, rare=True)
    max_requests: int = option(
        COUNT,
        "requests a worker does; 0: no end",
        0,
        short="R",
        most=10**12,
        differs="the worker finishes its transfers first",
    )
    worker_reload_mercy: float = option(
        SECONDS,
        "workers may take this long to finish",
        60.0,
        aliases="reload-mercy",
        most=WEEK,
        differs="holds for reload, stop and max-requests alike",
    )
    chdir: str | None = option(PATH, "go there; docroots are relative to it", None)
    uid: str | None = option(TEXT, "become this user, by name or number", None)
    gid: str | None = option(TEXT, "become this group, by name or number", None)
    umask: int | None = option(MODE, "mode bits new files do not get", None, most=0o777, rare=True)
    pidfile: str | None = option(
        PATH,
        "write the master's process id there",
        None,
        aliases="pidfile2 safe-pidfile safe-pidfile2",
    )
    max_fd: int | None = option(
        COUNT,
        "descriptors a process may have",
        None,
        least=64,
        most=1 << 30,
        differs="the system's hard limit unless given",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(Processes):
    """Limits."""

    head_timeout: float = option(
        SECONDS, "for a whole request head", 10.0, least=0.001, most=WEEK, ours=True
    )
    socket_timeout: float = option(
        SECONDS,
        "without progress of a body, either way",
        30.0,
        short="z",
        least=0.001,
        most=WEEK,
        differs="4 s in uWSGI, for every single read and write; progress is what the client "
        "acknowledges",
    )
    keepalive_timeout: float = option(
        SECONDS, "idle between requests; 0: no keep-alive", 15.0, most=WEEK, ours=True
    )
    max_connections: int = option(
        COUNT, "per worker; idle ones go first", 10000, least=1, most=1 << 20, ours=True
    )
    max_connection_requests: int = option(
        COUNT, "on one connection", 10000, least=1, most=1 << 31, ours=True, rare=True
    )
    max_waiting: int = option(
        COUNT,
        "requests that wait for Python, per worker",
        1024,
        least=1,
        most=1 << 20,
        ours=True,
        rare=True,
    )
    buffer_size: int = option(
        BYTES,
        "of a request head or uwsgi packet",
        16384,
        short="b",
        least=1024,
        most=65536,
        differs="4096 in uWSGI; a larger HTTP head is answered with 431",
    )
    max_target_size: int = option(
        BYTES, "of a request target", 8192, least=64, most=65536, ours=True, rare=True
    )
    max_fields: int = option(
        COUNT, "header fields of a request", 100, least=8, most=128, ours=True, rare=True
    )
    limit_post: int = option(
        BYTES,
        "of a request body",
        1 << 30,
        least=1,
        most=1 << 50,
        differs="no limit in uWSGI; a larger body is answered with 413",
    )
    body_memory: int = option(
        BYTES, "of a body kept in memory, else a file", 65536, least=1, most=131072, ours=True
    )
    spool_dir: str = option(PATH, "where those files are made", "/tmp", ours=True, rare=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Limits):
    """Log, and strictness."""

    disable_logging: bool = option(FLAG, "no line per request", False, short="L")
    logto: str | None = option(
        PATH,
        "append the log to this file, not to stderr",
        None,
        aliases="logto2",
        differs="files only, no UDP addresses",
    )
    strict: bool = option(
        FLAG,
        "every warning is an error",
        False,
        differs="unknown options are errors with or without it",
    )

    places: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """No option: where a file says `option = value`."""

    def placed(self, message: str) -> str:
        """What is wrong with an option at run time, with the place where it stands."""
        for written, place in self.places.items():
            if message.startswith(f"{written}: "):
                return f"{place}: {message}"
        return message


TABLE: tuple[Option, ...] = tuple(rows(Settings))
BY_NAME: dict[str, Option] = {name: row for row in TABLE for name in (row.name, *row.aliases)}
BY_NEGATED: dict[str, Option] = {name: row for row in TABLE for name in row.negated}
BY_SHORT: dict[str, Option] = {row.short: row for row in TABLE if row.short}
