"""How many descriptors a process may have, and whether what was asked for fits."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from ..errors import CannotStart

if TYPE_CHECKING:
    from ..config import Settings

UNLIMITED = 1 << 20  # taken where the system has no limit and max-fd says nothing
RESERVED = 32  # of a worker: standard streams, queues, statistics, the channel, its modules
PER_LOOP = 6  # of an offload thread
FILES_SHARE = 4  # kept files have at most one of so many descriptors, when there are few
RAISE = "raise the limit (ulimit -n, LimitNOFILE=)"


def allow(settings: Settings) -> Settings:
    """Raise the limit of this process and those it forks; gives settings that it can hold.

    What was asked for and cannot be had is a CannotStart; what nobody asked for becomes less.
    """
    _raise_limit(settings.max_fd)
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return settings
    fitted, line = fit(settings, limit)
    if line:
        print(f"uwoffload: {line}", file=sys.stderr, flush=True)
    return fitted


def fit(settings: Settings, limit: int) -> tuple[Settings, str]:
    """The same settings or smaller ones, and what to say of that.  Raises CannotStart."""
    loops = max(settings.offload_threads, 1)
    mounts = len(settings.check_static) + len(settings.static_map) + len(settings.static_map2)
    listeners = len(settings.socket) + len(settings.http_socket)
    fixed = RESERVED + PER_LOOP * loops + mounts + listeners
    wanted = settings.max_connections
    if fixed + loops * settings.file_cache + wanted <= limit:
        return settings, ""
    cache = min(settings.file_cache, limit // FILES_SHARE // loops)
    fixed += loops * cache
    room = limit - fixed
    remedy = "allow more by max-fd" if settings.max_fd else RAISE
    if room < 1:
        asked = f"offload-threads = {settings.offload_threads}"
        raise CannotStart(f"{asked}: needs {fixed + 1} descriptors, {limit} are allowed; {remedy}")
    if room >= wanted:
        return replace(settings, file_cache=cache), ""
    line = f"needs {fixed + wanted} descriptors, {limit} are allowed"
    if wanted != next(each.default for each in fields(settings) if each.name == "max_connections"):
        raise CannotStart(
            f"max-connections = {wanted}: {line}; {remedy}, or ask for at most {room}"
        )
    smaller = replace(settings, max_connections=room, file_cache=cache)
    return smaller, f"max-connections = {wanted} {line}: it is {room}; to have more, {remedy}"


def _raise_limit(wanted: int | None) -> None:
    """As far as it goes; a number that was asked for must be had."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    if not wanted:
        limit = UNLIMITED if unlimited else hard
        if soft < limit:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        return
    try:
        top = hard if unlimited or hard >= wanted else wanted
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, top))
    except (OSError, ValueError, OverflowError):
        raise CannotStart(
            f"max-fd = {wanted}: this system allows {hard} descriptors; ask for fewer, or {RAISE}"
        ) from None
