"""Who computes: this thread, threads, processes, or any executor that is given (Dask's too)."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from ..errors import InvalidArgument
from .cases import PointFailed, Record, Task, compute, failed, forget

AHEAD = 4  # tasks under way per worker, so that none is without
METHOD = "forkserver"  # a fork of this process would copy the threads of numpy
PRELOAD = ["uwoffload.lab.cases"]


class Crew:
    """Computes tasks, and gives the records in the order of the tasks.

        with Crew("processes", jobs=4) as crew:
            for task, records in crew.compute(tasks):
                ...

    kind: "inline", "threads", "processes", or an executor, which is not ended here.
    """

    def __init__(self, kind: str | Executor = "inline", *, jobs: int = 0) -> None:
        self.kind = kind
        self.jobs = jobs or os.cpu_count() or 1
        self._executor = kind if isinstance(kind, Executor) else None
        self._cleanup = contextlib.ExitStack()
        self._others: set[multiprocessing.process.BaseProcess] = set()
        if kind not in ("inline", "threads", "processes") and not isinstance(kind, Executor):
            raise InvalidArgument(f"crew {kind!r}: inline, threads, processes or an executor")

    def __enter__(self) -> Crew:
        if self.kind == "threads":
            self._executor = ThreadPoolExecutor(self.jobs)
        elif self.kind == "processes":
            self._others = set(multiprocessing.active_children())
            self._executor = processes(self.jobs)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self._executor is not None and self._executor is not self.kind:
            ours = set(multiprocessing.active_children()) - self._others
            for child in ours if kind and self.kind == "processes" else ():
                child.terminate()  # nobody waits for what it computes
            self._executor.shutdown(cancel_futures=True)
        self._cleanup.close()
        forget()

    def compute(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, list[Record]]]:
        """The records of each task.  Raises PointFailed, which names the task."""
        if self._executor is None:
            yield from ((task, compute(task)) for task in tasks)
            return
        if self.kind == "processes":
            folder = self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="uwoffload-"))
            tasks = [replace(task, case=task.case.stored(Path(folder))) for task in tasks]
        yield from self._in_order(self._executor, tasks)

    def _in_order(
        self, executor: Executor, tasks: Sequence[Task]
    ) -> Iterator[tuple[Task, list[Record]]]:
        waiting: deque[tuple[Task, Future[list[Record]]]] = deque()
        left = iter(tasks)
        try:
            while True:
                while len(waiting) < self.jobs * AHEAD and (task := next(left, None)):
                    waiting.append((task, executor.submit(compute, task)))
                if not waiting:
                    return
                task, future = waiting[0]
                try:
                    records = future.result()
                except BrokenExecutor:
                    raise self._died([task for task, _ in waiting]) from None
                except PointFailed:
                    raise
                except Exception as error:
                    raise failed(task, error) from error
                waiting.popleft()
                yield task, records
        finally:
            for _, future in waiting:
                future.cancel()

    def _died(self, suspects: Sequence[Task]) -> PointFailed:
        """A process died.  Which point did it?  Each is tried again, alone."""
        if self.kind == "processes":
            for suspect in suspects:
                for rule in suspect.rules:
                    task = suspect.only((rule,))
                    with processes(1) as alone:
                        try:
                            alone.submit(compute, task).result()
                        except BrokenExecutor:
                            return PointFailed(
                                f"{task}: its process dies (out of memory, or a crash)"
                            )
                        except PointFailed as error:
                            return error
        named = "; ".join(map(str, suspects[:3])) + ("; ..." if len(suspects) > 3 else "")
        return PointFailed(f"a process died while one of these was computed: {named}")


def hired(crew: Crew | Executor | None) -> Crew:
    """Of what a function was given: nobody is this thread."""
    if crew is None:
        return Crew()
    return Crew(crew) if isinstance(crew, Executor) else crew


def processes(jobs: int) -> ProcessPoolExecutor:
    """Processes that leave Ctrl-C to this one."""
    context = multiprocessing.get_context(METHOD)
    context.set_forkserver_preload(PRELOAD)
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=leave_signals)


def leave_signals() -> None:
    """Ctrl-C reaches every process of a terminal; the parent ends the children."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
