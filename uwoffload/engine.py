"""The engine: native threads that carry out programs on client sockets."""

from __future__ import annotations

import os
import socket as sockets
import threading
import warnings
from collections.abc import Iterable
from typing import Self

from ._batch import all_streams, as_list, submit_batch
from ._bridge import check, failure, ffi, lib, new_error
from ._compile import AnyProgram, compile_program
from ._hub import BATCH, Callback
from ._life import MortalHub
from ._limits import WantedCache, milliseconds, whole
from ._sockets import Socket, check_number, check_socket, refusal
from .completion import Completion
from .errors import InvalidArgument
from .stats import Statistics
from .transfer import Transfer

_reserve = lib.uwo_engine_reserve
_commit = lib.uwo_engine_commit
_abandon = lib.uwo_engine_abandon


class Engine:
    """Native threads that finish transfers, so that the worker is free at once.

        with Engine() as engine:
            engine.submit(connection, [Send(head), SendFile(file)])

    Use it as a context manager or `close()` it.  It belongs to the process that
    made it: in a fork, make another.  Thread: any, for every method.

    Who reaps: completions wait in the engine until `poll()` or `wait()` collects
    them, and count against `transfers_max` until then.  A transfer that somebody
    claimed (a callback, `Transfer.wait`, a future, `await`) reports there instead.
    Where nobody ever asks for any, the oldest are forgotten when room is needed.
    """

    def __init__(
        self,
        threads: int = 2,
        *,
        disk_threads: int = 2,
        transfers_max: int = 65536,
        pipes_max: int | None = None,
        buffers_max: int | None = None,
        linger: float = 2.0,
        stats: str | os.PathLike[str] | Statistics | None = None,
        stats_worker: int = 0,
    ) -> None:
        """Start the threads.

        threads: event loops, 1 to 64; 0: one that runs in this thread's waits (`wait`, `poll`,
        `Transfer.wait`, `Front.take`).  disk_threads: helpers for cold files and uploads, 1 to
        64.  transfers_max: live and un-reaped ones, 1 to 4194304.  pipes_max: pipes held for
        splicing (None: 256; 0: none, it copies instead).  buffers_max: buffers of 128 KiB for
        uploads on their way to disk (None: 64).  linger: seconds a close waits for unread input
        to end.  stats: where to publish figures, a path for a new file or a `Statistics`, as
        worker stats_worker of it.  Raises InvalidArgument, Unsupported, OSError.
        """
        options = ffi.new("struct uwo_engine_options *")
        options.size = ffi.sizeof("struct uwo_engine_options")
        options.threads = whole("threads", threads, 0, 64) or lib.UWO_NONE
        options.disk_threads = whole("disk_threads", disk_threads, 1, 64)
        options.transfers_max = whole("transfers_max", transfers_max, 1, 4194304)
        if pipes_max is not None:
            options.pipes_max = whole("pipes_max", pipes_max, 0, 1048576) or lib.UWO_NONE
        if buffers_max is not None:
            options.buffers_max = whole("buffers_max", buffers_max, 1, 1048576)
        options.linger_ms = milliseconds("linger", linger)
        options.stats_worker = whole("stats_worker", stats_worker, 0, 65535)
        made = None
        if isinstance(stats, str | os.PathLike):
            stats = made = Statistics.create(stats, stats_worker + 1, max(threads, 1))
        elif stats is not None and not isinstance(stats, Statistics):
            raise InvalidArgument(f"stats: {stats!r:.80}; allowed: a path, a Statistics, or None")
        if stats is not None:
            options.stats = stats._lend()
        if made is not None:
            made.close()  # lives on until the engine ends
        handle = ffi.new("struct uwo_engine **")
        error = new_error()
        try:
            check(lib.uwo_engine_create(options, handle, error), error)
        except BaseException:
            if stats is not None:
                stats._take_back()
            raise
        self._wanted = WantedCache()
        self._hub = MortalHub(handle[0], transfers_max, threads == 0, stats)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        hub: MortalHub | None = getattr(self, "_hub", None)
        if hub is None or not hub.is_to_be_closed():
            return
        warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=2)
        # Not here: a garbage collection may run under the very locks that close() needs.
        threading.Thread(target=hub.close, name="uwoffload-closer", daemon=True).start()

    def __repr__(self) -> str:
        if self._hub.closed:
            return "<Engine: closed>"
        return f"<Engine: {self.count} of {self._hub.transfers_max} transfers>"

    # ---- handing over ----

    def submit(
        self,
        sock: Socket,
        program: AnyProgram,
        *,
        after: str = "close",
        deadline: float | None = None,
        no_progress: float | None = 60.0,
        rate_min: float | None = None,
        rate_min_grace: float = 5.0,
        rate_max: float | None = None,
        leftover: bytes = b"",
        growing: bool = False,
        high_water: int = 1 << 20,
        try_first: bool = False,
        settle: bool = True,
        callback: Callback | None = None,
    ) -> Transfer:
        """Hand over a client socket and a program.

        sock: a connected stream socket; it is detached, so the object is closed
        for you from now on.  An int moves.  TLS is refused.  after: "close" or
        "give back" (`Completion.socket`).  deadline: seconds for all of it.
        no_progress: longest time in seconds without a byte acknowledged or
        received, None for no limit.  rate_min: bytes/s the client must keep up, judged
        every rate_min_grace seconds, 128 KiB behind at most.  rate_max: bytes/s at most.
        leftover: bytes already read from the client, for ReceiveFile; the rest
        comes back.  growing: wait for `Transfer.append` and `finish`; high_water:
        bytes waiting at which append says no.  try_first: make the first attempt
        in this thread, without blocking.  settle: False closes as soon as the kernel
        has all bytes, without waiting for the client to acknowledge them: cheaper,
        but nobody learns whether they arrived, and a client that sends something
        meanwhile has its connection reset.  callback: called with the Completion.

        Raises InvalidArgument, EngineFull, EngineClosed, EngineForked or OSError;
        then nothing was taken, and the caller keeps everything.
        """
        hub, moves = self._hub, type(sock) is int
        if not moves and type(sock) is not sockets.socket:
            check_socket(sock)
        fd = check_number(sock) if moves else sock.fileno()  # type: ignore[arg-type,union-attr]
        key = (
            after,
            deadline,
            no_progress,
            rate_min,
            rate_min_grace,
            rate_max,
            growing,
            high_water,
            try_first,
            settle,
            False,
        )
        wanted = self._wanted.get(key, leftover)
        compiled = compile_program(program)
        if callback is not None:
            hub.dispatch(callback)
        call = hub.enter()
        try:
            if hub.unclaimed:
                hub.check_room(1)
            status = _reserve(hub.handle, fd, compiled.cdata, wanted, call.ids, call.error)
            if status == lib.UWO_E_FULL and hub.forget():
                status = _reserve(hub.handle, fd, compiled.cdata, wanted, call.ids, call.error)
            if status < 0:
                raise failure(status, call.error)
            number = call.ids[0]
            try:
                pattern = None if moves or after == "close" else sock
                transfer = Transfer(hub, number, pattern, compiled.borrowed)
                if callback is not None:
                    transfer._claims = (callback,)
                hub.live[number] = transfer
                if not moves and sock.detach() != fd:  # type: ignore[union-attr]
                    raise InvalidArgument(f"sock: descriptor {fd} was taken by another thread")
            except BaseException as error:
                hub.live.pop(number, None)
                _abandon(hub.handle, call.ids, 1)
                reason = refusal(sock, error)
                if reason is None:
                    raise
                raise reason from error
            _commit(hub.handle, call.ids, 1)
        finally:
            hub.idle.append(call)
        if compiled.moves:
            compiled.spend()
        return transfer

    def submit_many(
        self,
        socks: Iterable[Socket] | Iterable[tuple[Socket, AnyProgram]],
        program: AnyProgram | None = None,
        *,
        after: str = "close",
        deadline: float | None = None,
        no_progress: float | None = 60.0,
        rate_min: float | None = None,
        rate_min_grace: float = 5.0,
        rate_max: float | None = None,
        growing: bool = False,
        high_water: int = 1 << 20,
        settle: bool = True,
        callback: Callback | None = None,
    ) -> list[Transfer]:
        """Hand over many at once: sockets and one program, or pairs of both.

        All or nothing, and much cheaper per transfer; the rest as in `submit`.
        """
        many = as_list(socks)
        key = (
            after,
            deadline,
            no_progress,
            rate_min,
            rate_min_grace,
            rate_max,
            growing,
            high_water,
            False,
            settle,
            program is not None and all_streams(many),
        )
        wanted = self._wanted.get(key, b"")
        if callback is not None:
            self._hub.dispatch(callback)
        return submit_batch(self._hub, many, program, wanted, after, callback)

    # ---- reaping ----

    def poll(self, max: int = BATCH) -> list[Completion]:
        """Completions that nobody else claimed, at most `max`; never waits.

        After `close()`: those that are left.
        """
        return self._hub.collect(whole("max", max, 1, 2**31 - 1), 0)

    def wait(self, timeout: float | None = None, max: int = BATCH) -> list[Completion]:
        """As `poll`, waiting up to `timeout` seconds (None: for ever) for the first.

        Returns an empty list when time is over, or the engine was closed.
        """
        return self._hub.collect(whole("max", max, 1, 2**31 - 1), timeout)

    def fileno(self) -> int:
        """Descriptor that is readable while there is something to `poll()`.

        For poll, select, epoll.  The engine's own: do not read or close it.
        """
        self._hub.polled = True
        return self._hub.descriptor()

    @property
    def count(self) -> int:
        """Transfers that are alive or whose completion was not collected."""
        return len(self._hub.live) + len(self._hub.unclaimed)

    # ---- figures, and the end ----

    @property
    def statistics(self) -> Statistics:
        """What the engine publishes; a new reader, to be closed by the caller."""
        hub = self._hub
        call = hub.enter()
        try:
            return Statistics.open(lib.uwo_stats_fd(lib.uwo_engine_stats(hub.handle)))
        finally:
            hub.leave(call)

    def drain(self, deadline: float) -> bool:
        """Take no more transfers, give the live ones `deadline` seconds, cancel the rest.

        Returns whether nothing had to be cancelled.  `close()` after it.
        """
        return self._hub.drain(milliseconds("deadline", deadline) / 1000)

    def close(self) -> None:
        """Cancel what is alive, settle every transfer, end the threads.  Idempotent.

        In a forked child it does nothing.
        """
        self._hub.close()
