"""The master: forks, reaps, reloads, stops.  What to do is decided in policy.py."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from . import handover, signals
from .actions import (
    Action,
    Announce,
    Cut,
    Drain,
    Exit,
    Explain,
    Kill,
    Postpone,
    Reexecute,
    Refuse,
    Spawn,
)
from .announcement import counted, say_error
from .events import (
    Began,
    Event,
    ReloadAsked,
    StopAsked,
    TimePassed,
    WorkerDied,
    WorkerLeft,
    WorkerRefused,
    WorkerServed,
    WorkerStarted,
)
from .handover import Handover, OldListener, OldWorker
from .policy import Found, Policy, Stage
from .prepare import Setup
from .trial import Trial
from .worker import CUT, DRAIN, HOPELESS, LEFT, SERVED, live


class Master:
    """One process that only waits, and does what the policy says."""

    def __init__(self, setup: Setup, found: Handover, *, announce: Callable[[], None]) -> None:
        """announce: called when all workers serve."""
        settings = setup.settings
        self.setup = setup
        self.found = found  # `directory` and `umask` are those of the first start
        self.announce = announce
        self.channels: dict[int, socket.socket] = {}  # by pid
        for each in found.workers:
            self.channels[each.pid] = socket.socket(fileno=each.fd)
        self.policy = Policy(
            settings.processes,
            settings.worker_reload_mercy,
            [Found(each.pid, each.slot, each.serving) for each in found.workers],
        )
        self.status: int | None = None
        self.trial: Trial | None = None  # of a reload
        self.asked_again = False  # for a reload, meanwhile

    def run(self) -> int:
        """Until no worker is left; gives the exit status."""
        self.signals = signals.Signals(signals.MASTER)
        try:
            self._tell(Began(time.monotonic()))
            self._reap()
            while self.status is None:
                self._turn()
            return self.status
        finally:
            self._end_trial()
            for channel in self.channels.values():
                channel.close()
            self.signals.close()

    def _turn(self) -> None:
        """Sleep until something happens; then see to all of it."""
        moments = [self.policy.wake_at, None if self.trial is None else self.trial.until]
        wake_at = min((moment for moment in moments if moment is not None), default=None)
        step = None if wake_at is None else max(0.0, wake_at - time.monotonic()) * 1000 + 1
        poll = select.poll()
        poll.register(self.signals, select.POLLIN)
        talkers = {channel.fileno(): pid for pid, channel in self.channels.items()}
        for fd in talkers:
            poll.register(fd, select.POLLIN)
        for fd, _ in poll.poll(step):
            if fd == self.signals.fileno():
                self._hear_signals()
            elif talkers[fd] in self.channels:
                self._hear(talkers[fd])
        self._see_to_trial()
        self._tell(TimePassed(time.monotonic()))

    def _tell(self, event: Event) -> None:
        """Have the policy decide, and do it; what comes of it is told too."""
        events = deque([event])
        while events:
            for action in self.policy.handle(events.popleft()):
                events.extend(self._act(action))

    # ---- what happens ----

    def _hear_signals(self) -> None:
        for number in self.signals.take():
            now = time.monotonic()
            if number in (signal.SIGTERM, signal.SIGINT):
                self._tell(StopAsked(now))
            elif number == signal.SIGHUP:
                self._tell(ReloadAsked(now))
            else:
                self._reap()

    def _hear(self, pid: int) -> None:
        """A word of a worker, or its end."""
        try:
            words = self.channels[pid].recv(64)
        except OSError:
            words = b""
        for word in (words[i : i + 1] for i in range(len(words))):
            if word == SERVED:
                self._tell(WorkerServed(time.monotonic(), pid))
            elif word == LEFT:
                self._tell(WorkerLeft(time.monotonic(), pid))
        if not words:
            self.channels.pop(pid).close()

    def _reap(self) -> None:
        """Only our workers: an application may have children of its own."""
        for pid in list(self.policy.workers):
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended, status = pid, 0
            if ended:
                self._bury(pid, os.waitstatus_to_exitcode(status))

    def _bury(self, pid: int, status: int) -> None:
        channel = self.channels.pop(pid, None)
        if channel is not None:
            channel.close()
        worker = self.policy.workers[pid]
        if worker.stage is not Stage.LEAVING and status != HOPELESS:
            how = f"signal {-status}" if status < 0 else f"exit status {status}"
            say_error(f"worker {worker.slot} (process {pid}) died: {how}")
        self._tell(WorkerDied(time.monotonic(), pid, status == HOPELESS))

    # ---- what is done ----

    def _act(self, action: Action) -> list[Event]:
        if isinstance(action, Spawn):
            return [self._spawn(action.slot)]
        if isinstance(action, Drain | Cut):
            channel = self.channels.get(action.pid)
            if channel is not None:
                word = DRAIN if isinstance(action, Drain) else CUT
                with suppress(OSError):
                    channel.send(word, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        elif isinstance(action, Kill):
            with suppress(ProcessLookupError):
                os.kill(action.pid, signal.SIGKILL)
        elif isinstance(action, Refuse):
            for listener in self.setup.listeners:
                with suppress(OSError):
                    listener.sock.shutdown(socket.SHUT_RDWR)
        elif isinstance(action, Announce):
            self.announce()
        elif isinstance(action, Explain):
            which = counted(action.workers, "worker")
            how = f"for at most {action.seconds:g} s; a second signal cuts it"
            say_error(f"finishing what is under way in {which}, {how}")
        elif isinstance(action, Postpone):
            say_error(f"a worker keeps dying; the next one starts in {action.seconds:g} s")
        elif isinstance(action, Reexecute):
            self._try_reload()
        elif isinstance(action, Exit):
            self.status = action.status
        return []

    def _spawn(self, slot: int) -> Event:
        sys.stdout.flush()
        sys.stderr.flush()
        ours, theirs = socket.socketpair()
        signals.block()  # one that comes before the child has handlers of its own waits for them
        try:
            pid = os.fork()
        except OSError as error:
            ours.close()
            theirs.close()
            signals.unblock()
            say_error(f"no process for a worker: {error.strerror}")
            return WorkerRefused(time.monotonic(), slot)
        if pid == 0:
            # The end of our end must be the end of the master, so no worker may hold another's.
            for channel in (*self.channels.values(), ours):
                channel.close()
            self.signals.abandon()
            live(self.setup, slot, theirs)
        theirs.close()
        signals.unblock()
        self.channels[pid] = ours
        return WorkerStarted(time.monotonic(), slot, pid)

    def _try_reload(self) -> None:
        """Begin a trial; asked for during one, there will be another."""
        if self.trial is not None:
            self.asked_again = True
            return
        self.asked_again = False
        left = self._leave_behind()
        try:
            self.trial = Trial(left.listeners, left.directory, left.umask)
        except OSError as error:
            say_error(f"no process to try it in: {error.strerror}; not reloaded")

    def _see_to_trial(self) -> None:
        result = None if self.trial is None else self.trial.result()
        if result is None and not (self.trial and self.policy.stopping):
            return
        self._end_trial()
        if self.policy.stopping:
            return
        if self.asked_again:
            self._try_reload()
        elif result:
            say_error(f"{result}; not reloaded")
        else:
            self._reexecute()

    def _end_trial(self) -> None:
        trial, self.trial = self.trial, None
        if trial is not None:
            trial.close()

    def _reexecute(self) -> None:
        """Come back as a new image of the same process; on failure, go on as before."""
        left = self._leave_behind()
        directory, umask = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), None
        signals.block()
        try:
            left.inherit(True)
            if left.directory is not None:
                os.fchdir(left.directory)
            if left.umask is not None:
                umask = os.umask(left.umask)
            sys.stdout.flush()
            sys.stderr.flush()
            environment = {**os.environ, handover.VARIABLE: left.to_text()}
            os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
        except OSError as error:
            say_error(f"{sys.executable}: {error.strerror}; not reloaded")
            left.inherit(False)
            os.fchdir(directory)
            if umask is not None:
                os.umask(umask)
        finally:
            os.close(directory)
            signals.unblock()

    def _leave_behind(self) -> Handover:
        workers = [
            OldWorker(
                pid, worker.slot, channel.fileno(), worker.stage in (Stage.SERVING, Stage.OLD)
            )
            for pid, worker in self.policy.workers.items()
            if (channel := self.channels.get(pid)) is not None
        ]
        return Handover(
            [
                OldListener(each.sock.fileno(), each.protocol, each.written)
                for each in self.setup.listeners
            ],
            workers,
            list(self.setup.overflow or ()),
            self.setup.stats.fileno(),
            self.found.directory,
            self.found.umask,
        )
