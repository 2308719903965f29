"""Run a server out of a script: `uwoffload.serve(handler)`."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .errors import CannotStart, ConfigError, InvalidArgument

if TYPE_CHECKING:
    from .config import Settings
    from .request import Handler

Value = str | int | float | bool | os.PathLike[str]


def serve(
    handler: Handler | None = None,
    *,
    http: Value | Iterable[Value] | None = None,
    static: Value | Iterable[Value] | None = None,
    processes: int | None = None,
    threads: int | None = None,
    offload_threads: int | None = None,
    ini: str | None = None,
    **options: Value | Iterable[Value] | None,
) -> int:
    """Serve until SIGTERM or SIGINT; gives the exit status.  Main thread only.

        if __name__ == "__main__":
            uwoffload.serve(lambda request: b"Hello", static="/srv/www")

    handler(request) returns bytes, str, a program, a generator, or a `Response`; it
    gets what no static file answers, in `threads` threads of each of `processes`
    workers, 1 each.  None: there are only static files.  http: "host:port" or the path of a
    UNIX socket, or several; 127.0.0.1:8080 unless an ini or `socket=` says where to
    listen.  static: directories whose files are sent without Python.  Any option of
    `uwoffload options` may be given too, with underscores; a list for one that may be
    repeated.  As on a command line, what is given here holds instead of what the ini
    says; what may be repeated (where to listen, directories) comes in addition.

    Workers are forks: no other thread may run.  SIGHUP executes the script anew,
    keeping the sockets; before that, the script is run up to here in a process of its
    own, and if it does not come so far, all goes on as before.  What cannot start ends
    the script: one line, exit status 1.
    """
    if handler is not None and not callable(handler):
        raise InvalidArgument(f"handler: {handler!r:.80}; allowed: a callable, or None")
    if http is None and ini is None and not {"http_socket", "socket"} & options.keys():
        http = "127.0.0.1:8080"
    if offload_threads is None and ini is None:
        offload_threads = 2
    named = {
        "http": http,
        "check_static": static,
        "processes": processes,
        "threads": threads,
        "offload_threads": offload_threads,
        **options,
    }
    words = [word for name, value in named.items() for word in words_of(name, value)]
    try:
        return run(ini, words, handler, "serve()")
    except (ConfigError, CannotStart) as error:
        raise SystemExit(said(error)) from None


def said(error: Exception) -> str:
    """What a person reads; `strict` may have several things to say."""
    return "\n".join(f"uwoffload: {line}" for line in str(error).splitlines())


def words_of(name: str, value: Value | Iterable[Value] | None) -> list[str]:
    """An argument as on a command line; None is one that was not given."""
    if value is None:
        return []
    option = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [f"{option}={'true' if value else 'false'}"]
    if isinstance(value, str | int | float | os.PathLike):
        return [f"{option}={os.fspath(value) if isinstance(value, os.PathLike) else value}"]
    return [word for each in value for word in words_of(name, each)]


def configure(
    ini: str | None, words: Sequence[str], origin: str = "command line"
) -> tuple[Settings, list[str]]:
    """The settings as this process finds them, and warnings.  Raises ConfigError.

    origin: where the words stand.
    """
    from .config import read

    host = socket.gethostname()
    return read(ini, words, cwd=os.getcwd(), environ=os.environ, host=host, origin=origin)


def run(
    ini: str | None,
    words: Sequence[str],
    handler: Handler | None = None,
    origin: str = "command line",
) -> int:
    """Read the configuration, say what it warns of, and serve."""
    from . import harness  # here, for most programs that use an engine run no server

    settings, warnings = configure(ini, words, origin)
    for warning in warnings:
        print(f"uwoffload: {warning}", file=sys.stderr)
    try:
        return harness.run(settings, handler)
    except CannotStart as error:
        raise CannotStart(settings.placed(str(error))) from None
