"""What a server says: once it serves, and when something is wrong."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from .handover import VERSION
from .prepare import Setup
from .sockets import listening_text, url_of


def lines(setup: Setup, again: bool) -> list[str]:
    """Where it listens, what is offloaded, what to try."""
    settings = setup.settings
    places = "  ".join(listening_text(listener) for listener in setup.listeners)
    workers = counted(settings.processes, "worker")
    threads = counted(setup.threads, "offload thread") if setup.threads else "no offload threads"
    each = " each" if settings.processes > 1 else ""
    head = f"uwoffload {VERSION}: {workers}, {threads}{each}; process {os.getpid()}"
    if again:
        return [head + "; reloaded"]
    urls = (url_of(listener) for listener in setup.listeners)
    web = next((url for url in urls if url.startswith("http")), None)
    found = [head, f"listening:  {places}", f"offloaded:  {offloaded(setup)}"]
    if web:
        found.append(f"try:        curl -I {web}")
    found.append(f"counters:   uwoffload stats {os.getpid()}")
    return [*found, f"end:        Ctrl-C; reload: kill -HUP {os.getpid()}"]


def offloaded(setup: Setup) -> str:
    """Who answers what."""
    settings = setup.settings
    places = [f"/ from {root}" for root in settings.check_static]
    maps = (*settings.static_map, *settings.static_map2)
    places += [f"{mount.prefix or '/'} from {mount.target}" for mount in maps]
    rest = "Python" if setup.handler is not None else "404"
    if not places:
        return f"no files; every request gets {rest}"
    return f"{', '.join(places)}, without Python; the rest gets {rest}"


def counted(count: int, thing: str) -> str:
    """ "1 worker", "2 workers"."""
    return f"{count} {thing}" + ("" if count == 1 else "s")


def say_error(line: str) -> None:
    """One line, also when nobody reads."""
    with suppress(OSError):
        print(f"uwoffload: {line}", file=sys.stderr, flush=True)
