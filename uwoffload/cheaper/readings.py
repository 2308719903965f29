"""What was measured, in the buffer that the core reads."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from .._bridge import ffi
from .._limits import whole
from ..errors import InvalidArgument
from .fields import (
    LETTER_OF,
    READINGS,
    ROW,
    WORKER,
    Number,
    Typecode,
    assign,
    new_workers,
    state_numbers,
    values_of,
)
from .worker import WorkerReading, Workers

if TYPE_CHECKING:
    from .._core import CData

WORKERS_MAX = 65535
_SIZE = ffi.sizeof("struct uwo_readings")


class Readings:
    """What was measured at one check, in a buffer that the core reads as it is.

        readings = Readings(4, wall_s=1, mono_us=10**6, listen_queue=3)
        readings.workers[2].state = "busy"
        readings.fill(state="ibbC", busy_us=[0, 500, 700, 0])

    Keep one and write into it at each check: a `Scaler.tick` then copies nothing.
    All slots are listed, also those that are not running.  What you cannot measure
    stays 0; which algorithm looks at what is on the page on scaling.  `cdata` is the
    struct of the core, and lives as long as the readings do.
    """

    __slots__ = ("_bytes", "_c", "_rows", "workers")

    def __init__(
        self,
        workers_max: int | None = None,
        *,
        workers: Iterable[WorkerReading] | None = None,
        **values: int,
    ) -> None:
        """Of `workers_max` slots, all cheaped; or of these workers, in any order.

        Each number from 1 must be there once.  `values`: by the names of the attributes.
        """
        given = None if workers is None else list(workers)
        if workers_max is None and given is None:
            raise InvalidArgument("workers_max: None; give it, or workers")
        count = len(given) if workers_max is None else workers_max  # type: ignore[arg-type]
        self._rows = new_workers(whole("workers_max", count, 1, WORKERS_MAX))
        self._bytes = memoryview(ffi.buffer(self._rows)).cast("B")
        self._c = ffi.new(
            "struct uwo_readings *", {"size": _SIZE, "worker_count": count, "workers": self._rows}
        )
        self.workers = Workers(self._rows)
        if given is not None:
            self._place(given)
        assign(self, READINGS, values)

    wall_s = Number(READINGS, "Wall clock, whole seconds: the clock of the profiles of uWSGI.")
    wall_us = Number(READINGS, "Wall clock in microseconds: theirs too.")
    mono_us = Number(READINGS, "Monotonic clock in microseconds: that of profile fixed.")
    listen_queue = Number(READINGS, "Connections not yet accepted.")
    listen_queue_limit = Number(READINGS, "How many may be; 0: not known.")
    waiting = Number(READINGS, "Requests accepted that wait for a worker.")
    manual = Number(READINGS, "Workers asked for by hand (+) or given up (-), not yet told.")
    oldest_wait_us = Number(READINGS, "How long the oldest of `waiting` has waited.")
    arrivals = Number(READINGS, "Requests accepted or queued since the readings before.")
    completions = Number(READINGS, "Requests answered since the readings before.")
    memory_total = Number(READINGS, "Bytes of all workers together; 0: their sum counts.")

    @property
    def cdata(self) -> CData:
        """`struct uwo_readings *`."""
        return self._c

    @property
    def workers_max(self) -> int:
        """How many slots there are."""
        return len(self._rows)

    @property
    def buffer(self) -> memoryview:
        """The rows of the workers, `struct uwo_worker_reading` each; may be written to."""
        return self._bytes

    @property
    def letters(self) -> str:
        """The states in a word, as in "iibbC"."""
        return "".join(LETTER_OF.get(worker.state, "?") for worker in self.workers)

    def at(self, now_us: int) -> Self:
        """Set all three clocks to so many microseconds, as in `at(time.monotonic_ns() // 1000)`."""
        if not isinstance(now_us, int) or not 0 <= now_us < 2**63:
            raise InvalidArgument(
                f"now_us: {now_us!r:.80}; allowed: whole microseconds, time.monotonic_ns() // 1000"
            )
        self.wall_s, self.wall_us, self.mono_us = now_us // 10**6, now_us, now_us
        return self

    def worker(self, number: int) -> WorkerReading:
        """The worker of that number, from 1."""
        return self.workers[whole("number", number, 1, len(self._rows)) - 1]

    def fill(self, *, state: Any = None, **columns: Any) -> Self:
        """Write whole columns, one value per worker: fast for a thousand of them.

        state: a word such as "iibbC", or names.  The others by the names of the
        attributes of `WorkerReading`: sequences of int, or buffers (`array`, numpy)
        of the field's own type, which are copied as they are.
        """
        if state is not None:
            self._write("state", state_numbers(state))
        for name, values in columns.items():
            if name not in WORKER or name in ("number", "state"):
                assign(self, {key: WORKER[key] for key in WORKER if key != "number"}, {name: 0})
            self._write(name, values)
        return self

    def _write(self, name: str, values: Any) -> None:
        column = WORKER[name]
        given = _as_buffer(values, column.typecode)
        data = memoryview(column.array(values)) if given is None else given
        if len(data) != len(self._rows):
            raise InvalidArgument(
                f"{name}: {len(data)} values; allowed: one for each of {len(self._rows)} workers"
            )
        size = data.itemsize
        self._bytes.cast(column.typecode)[column.offset // size :: ROW // size] = data

    def _place(self, given: list[WorkerReading]) -> None:
        count = len(self._rows)
        seen: set[int] = set()
        for worker in given:
            if not isinstance(worker, WorkerReading):
                raise InvalidArgument(f"workers: {worker!r:.80}; allowed: WorkerReading")
            number = worker.number
            if number in seen:
                raise InvalidArgument(f"workers: number {number} is there twice")
            if not 1 <= number <= count:
                missing = sorted(set(range(1, count + 1)) - {each.number for each in given})
                also = f"; number {missing[0]} is missing" if missing else ""
                raise InvalidArgument(f"workers: number {number} of {count}{also}")
            seen.add(number)
            source = worker._c if worker._keep is not None else worker._c[0]
            self._rows[number - 1] = source
        missing_numbers = sorted(set(range(1, count + 1)) - seen)
        if missing_numbers:
            raise InvalidArgument(f"workers: number {missing_numbers[0]} is missing")

    def copy(self) -> Self:
        """The same, in a buffer of its own."""
        made = type(self)(len(self._rows), **values_of(self, READINGS))
        made._bytes[:] = self._bytes
        return made

    __copy__ = copy

    def __deepcopy__(self, _: object) -> Self:
        return self.copy()

    def to_dict(self) -> dict[str, Any]:
        """For JSON; what is 0 is left out."""
        workers = [worker.to_dict() for worker in self.workers]
        return {**values_of(self, READINGS), "workers": workers}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        """What `to_dict` gave.  `workers` may be a word of states, as in "iibbC".

        Raises InvalidArgument.
        """
        if not isinstance(found, Mapping):
            raise InvalidArgument(f"readings: {found!r:.80}; allowed: an object with names")
        values = {name: value for name, value in found.items() if name != "workers"}
        workers = found.get("workers", "")
        if isinstance(workers, str):
            if not workers:
                raise InvalidArgument("workers: none; allowed: a letter or an object for each slot")
            made = cls(len(workers)).fill(state=workers)
        elif isinstance(workers, Sequence) and all(isinstance(w, Mapping) for w in workers):
            made = cls(workers=[_worker_of(number, w) for number, w in enumerate(workers, 1)])
        else:
            raise InvalidArgument(f"workers: {workers!r:.80}; allowed: a list of objects")
        assign(made, READINGS, values)
        return made

    def __reduce__(self) -> tuple[Any, tuple[dict[str, Any]]]:
        return type(self).from_dict, (self.to_dict(),)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Readings):
            return NotImplemented
        mine, theirs = values_of(self, READINGS), values_of(other, READINGS)
        return mine == theirs and self._bytes == other._bytes

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        values = "".join(f" {name}={value}" for name, value in values_of(self, READINGS).items())
        letters = self.letters
        return f"<Readings: {letters if len(letters) <= 60 else letters[:57] + '...'}{values}>"


def _worker_of(number: int, found: Mapping[str, Any]) -> WorkerReading:
    made = WorkerReading(found.get("number", number), found.get("state", "idle"))
    assign(made, WORKER, {k: v for k, v in found.items() if k not in ("number", "state")})
    return made


def _as_buffer(values: Any, typecode: Typecode) -> memoryview[int] | None:
    """The buffer of an array whose items are of this type, or None."""
    if isinstance(values, list | tuple | bytes | bytearray | str):
        return None
    try:
        view = memoryview(values)
    except TypeError:
        return None
    size = array(typecode).itemsize
    kinds = "bhilqn" if typecode.islower() else "BHILQN"
    if view.ndim != 1 or not view.c_contiguous or view.itemsize != size or view.format not in kinds:
        return None
    found: memoryview[int] = view.cast("B").cast(typecode)
    return found
