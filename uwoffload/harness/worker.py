"""A worker: an engine, a front, and threads that run the handler.

The main thread only waits: for signals, for the master, for the end of what is
under way.  The channel to the master ends when the master does, however it went.
Without offload threads it does everything, one after the other: it runs the
engine's loop while it waits, and the handler between two waits.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

from .._bridge import lib, text
from ..engine import Engine
from ..errors import UwoffloadError
from ..front import Front
from ..request import handle
from . import signals

if TYPE_CHECKING:
    from ..config import Settings
    from .prepare import Setup

SERVED, LEFT = b"s", b"l"  # to the master
DRAIN, CUT = b"d", b"c"  # from the master

HOPELESS = 3  # exit status: it cannot start, and has said why
ENDING_STEP = 0.02  # seconds between two looks at whether everything has left
COUNTING_STEP = 0.25  # seconds between two looks at the number of requests
TRANSFERS_MIN, TRANSFERS_SPARE = 65536, 1024  # of an engine; each connection is one
CLOSE_SECONDS = 1.0  # for handlers that are late


def work(setup: Setup, slot: int, channel: socket.socket) -> int:
    """The life of a worker process; gives its exit status."""
    arrived = signals.Signals(signals.WORKER, signals.NOT_FOR_WORKERS)
    settings = setup.settings
    before = requests_of(setup, slot)  # of those who had the slot
    try:
        transfers = max(TRANSFERS_MIN, settings.max_connections + TRANSFERS_SPARE)
        engine = Engine(
            setup.threads, transfers_max=transfers, stats=setup.stats, stats_worker=slot
        )
        front = Front(
            engine,
            [(listener.sock, listener.protocol) for listener in setup.listeners],
            site=setup.site,
            application=setup.handler is not None,
            overflow=setup.overflow,
            spool_directory=settings.spool_dir,
            log_fd=None if settings.disable_logging else sys.stderr.fileno(),
            balance_count=settings.processes,
            **limits_of(settings),
        )
    except (OSError, UwoffloadError) as error:
        if select.select([channel], [], [], 0)[0]:  # told to end, the sockets are shut already
            return 0
        print(f"uwoffload: a worker cannot start: {error}", file=sys.stderr, flush=True)
        return HOPELESS
    if setup.handler is not None and setup.threads:
        for number in range(settings.threads):
            threading.Thread(
                target=front.run, args=(setup.handler,), name=f"handler-{number}", daemon=True
            ).start()
    _tell(channel, SERVED)
    waiting = _Waiting(setup, slot, channel, arrived, front, before)
    if setup.threads:
        waiting.wait()
    else:
        waiting.serve(engine)
    if front.close(CLOSE_SECONDS):
        engine.close()
    return 0


def limits_of(settings: Settings) -> dict[str, Any]:
    """The options that bound a front, under its own names."""
    return {
        "body_memory_max": settings.body_memory,
        "body_size_max": settings.limit_post,
        "connections_max": settings.max_connections,
        "fields_max": settings.max_fields,
        "files_max": settings.file_cache,
        "files_valid": settings.file_cache_valid,
        "head_size_max": settings.buffer_size,
        "head_timeout": settings.head_timeout,
        "keepalive_timeout": settings.keepalive_timeout,
        "no_progress": settings.socket_timeout,
        "queue_max": settings.max_waiting,
        "requests_max": settings.max_connection_requests,
        "target_size_max": settings.max_target_size,
    }


class _Waiting:
    """The main thread, until everything has left."""

    def __init__(
        self,
        setup: Setup,
        slot: int,
        channel: socket.socket,
        arrived: signals.Signals,
        front: Front,
        before: int,
    ) -> None:
        self.setup = setup
        self.slot = slot
        self.channel = channel
        self.arrived = arrived
        self.front = front
        self.end: float | None = None  # of our mercy, once we leave
        self.cut = False  # no mercy
        self.most = setup.settings.max_requests
        self.before = before

    def wait(self) -> None:
        """While others serve."""
        poll = self._poll()
        while not self._is_over():
            self._see(poll, poll.poll(self._step()))

    def serve(self, engine: Engine) -> None:
        """Do all of it."""
        poll, handler = self._poll(), self.setup.handler
        for fd in (self.channel.fileno(), self.arrived.fileno()):
            engine._hub.watch(fd)
        counted = time.monotonic()
        while not self._is_over():
            step = self._step()
            request = self.front.take(None if step is None else step / 1000)
            if request is None or handler is None:
                self._see(poll, poll.poll(0))
                continue
            handle(request, handler)
            del request
            if self.most and time.monotonic() > counted + COUNTING_STEP:
                self._see(poll, [])
                counted = time.monotonic()

    def _poll(self) -> select.poll:
        poll = select.poll()
        poll.register(self.channel, select.POLLIN)
        poll.register(self.arrived, select.POLLIN)
        return poll

    def _step(self) -> float | None:
        """Milliseconds until the next look."""
        if self.end is not None:
            return ENDING_STEP * 1000
        return COUNTING_STEP * 1000 if self.most else None

    def _see(self, poll: select.poll, ready: list[tuple[int, int]]) -> None:
        """What has come, and how many requests there were."""
        for fd, _ in ready:
            if fd == self.arrived.fileno():
                if not self.arrived.take():
                    continue
            elif not self._hear():
                poll.unregister(fd)
            self._leave()
        if self.end is None and self.most and self._served() >= self.most:
            self._leave()

    def _is_over(self) -> bool:
        if self.end is None:
            return False
        return self.cut or time.monotonic() >= self.end or not self.front.connections

    def _served(self) -> int:
        return requests_of(self.setup, self.slot) - self.before

    def _hear(self) -> bool:
        """The master wants us to leave, or has ended: then False."""
        try:
            words = self.channel.recv(64)
        except OSError:
            return False
        self.cut = self.cut or CUT in words
        return bool(words)

    def _leave(self) -> None:
        if self.end is None:
            self.end = time.monotonic() + self.setup.settings.worker_reload_mercy
            self.front.stop_accepting()
            _tell(self.channel, LEFT)


def requests_of(setup: Setup, slot: int) -> int:
    """Requests counted in a slot, by all workers that ever had it."""
    block = setup.stats._lend()
    try:
        field = _field("requests")
        threads = range(setup.loops + 1)
        return sum(lib.uwo_stats_value(block, slot, thread, field) for thread in threads)
    finally:
        setup.stats._take_back()


def _field(name: str) -> int:
    """Number of a figure of the statistics."""
    for field in range(lib.uwo_stats_field_count()):
        if text(lib.uwo_stats_field_name(field)) == name:
            return field
    return lib.uwo_stats_field_count()  # reads 0


def _tell(channel: socket.socket, word: bytes) -> None:
    """The master may have ended; then nobody listens."""
    try:
        channel.sendall(word)
    except OSError:
        return


def live(setup: Setup, slot: int, channel: socket.socket) -> None:
    """Be a worker; does not return, whatever happens."""
    status = 1
    try:
        status = work(setup, slot, channel)
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
