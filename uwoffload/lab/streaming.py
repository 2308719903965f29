"""A run of the core in steps: chunks of a load go in, and a function of Python is asked."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from .._bridge import check, failure, ffi, lib, new_error
from ..cheaper import Readings, Scaler
from ..errors import InvalidArgument

if TYPE_CHECKING:
    from .._core import CData
    from .loads import Ints

_WORKER_SIZE = ffi.sizeof("struct uwo_worker_reading")
_READINGS_SIZE = ffi.sizeof("struct uwo_readings")


class Stream:
    """A pool that requests are fed to.

    scaler: answers the ticks, when `options` has UWO_LAB_ASK; else None.
    """

    def __init__(self, options: CData, scaler: Scaler | None) -> None:
        self._error = new_error()
        self._options = options  # what it borrows lives as long
        self._taken = ffi.new("size_t *")
        self._scaler = scaler
        given = ffi.new("struct uwo_lab **")
        check(lib.uwo_lab_create(options, given, self._error), self._error)
        self.lab = given[0]
        if scaler is not None:
            self._readings = Readings(options.workers_max)
            scaler.begin(self._read())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        lib.uwo_lab_destroy(self.lab)
        self.lab = ffi.NULL

    def feed(self, arrivals: Ints, services: Ints) -> None:
        """Let requests arrive, in µs from the start."""
        if arrivals.size != services.size:
            raise InvalidArgument(
                f"services: {services.size} of them; allowed: one per arrival, {arrivals.size}"
            )
        at, left = 0, arrivals.size
        begin, work = row_pointer(arrivals), row_pointer(services)
        while True:
            status = lib.uwo_lab_feed(
                self.lab, begin + at, work + at, left, self._taken, self._error
            )
            at, left = at + self._taken[0], left - self._taken[0]
            if not self._asked(status):
                return

    def finish(self) -> None:
        """Nothing arrives any more: go on to the end."""
        while self._asked(lib.uwo_lab_finish(self.lab, self._error)):
            pass

    def _asked(self, status: int) -> bool:
        """Answer, if a tick waits for it."""
        if status < 0:
            raise failed(status, self._error)
        if status != lib.UWO_LAB_ASK or self._scaler is None:
            return False
        verdict = self._scaler.tick(self._read())
        start, stop = verdict.start, verdict.stop
        status = lib.uwo_lab_answer(
            self.lab, verdict.delta, start, len(start), stop, len(stop), self._error
        )
        if status < 0:
            raise failure(status, self._error, "")
        return True

    def _read(self) -> Readings:
        """The readings of the core, copied."""
        source, target = lib.uwo_lab_readings(self.lab), self._readings.cdata
        rows = target.workers
        ffi.memmove(rows, source.workers, _WORKER_SIZE * source.worker_count)
        ffi.memmove(target, source, _READINGS_SIZE)
        target.workers = rows
        return self._readings


def row_pointer(values: Ints, writable: bool = False) -> CData:
    """`int64_t *` over an array."""
    return ffi.from_buffer("int64_t[]", values, require_writable=writable)


def failed(status: int, error: CData) -> Exception:
    """What a negative status of a run stands for."""
    if status == lib.UWO_E_FULL:
        return InvalidArgument(
            f"load: more than {lib.UWO_LAB_WAITING_MAX} requests wait; give the pool a "
            "listen_queue_limit, or more workers"
        )
    return failure(status, error, "request")
