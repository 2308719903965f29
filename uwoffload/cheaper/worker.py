"""One worker, as measured: a value of its own, or a view of the buffer of readings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from .._bridge import ffi
from .fields import WORKER, Number, assign, state_name, state_number, values_of

if TYPE_CHECKING:
    from .._core import CData


class WorkerReading:
    """One worker, as measured.  What a caller cannot measure stays 0.

    One of its own, or, as an element of `Readings.workers`, a view of the buffer.
    """

    __slots__ = ("_c", "_keep")

    def __init__(self, number: int, state: str | int = "idle", **values: int) -> None:
        """`values` by the names of the attributes."""
        self._c = ffi.new("struct uwo_worker_reading *")
        self._keep: object = None
        self.number = number
        self.state = state
        assign(self, WORKER, values)

    number = Number(WORKER, "From 1; each once, in this order.")
    busy_us = Number(WORKER, "Microseconds with a request so far, the unfinished one included.")
    running_time_us = Number(WORKER, "The same of finished requests; never reset.")
    in_request = Number(WORKER, "Requests it is in now.")
    started_s = Number(WORKER, "Wall clock of its last start, in seconds.")
    ready_since_us = Number(WORKER, "Monotonic time from which it could take requests.")
    rss = Number(WORKER, "Resident bytes.")
    pss = Number(WORKER, "Bytes, shared pages divided by their users; 0: not measured.")

    @property
    def state(self) -> str:
        """`idle`, `busy`, `starting`, `draining`, `cheaped` or `dead`."""
        return state_name(self._c.state)

    @state.setter
    def state(self, state: str | int) -> None:
        self._c.state = state_number(state)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; what is 0 is left out."""
        return {"number": self.number, "state": self.state, **values_of(self, WORKER)}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WorkerReading):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"WorkerReading({', '.join(f'{k}={v!r}' for k, v in self.to_dict().items())})"


class Workers(Sequence[WorkerReading]):
    """The workers of readings, in the order of their numbers: `workers[0]` is number 1."""

    __slots__ = ("_rows",)

    def __init__(self, rows: CData) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> WorkerReading: ...
    @overload
    def __getitem__(self, index: slice) -> list[WorkerReading]: ...
    def __getitem__(self, index: int | slice) -> WorkerReading | list[WorkerReading]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        view = WorkerReading.__new__(WorkerReading)
        view._c = self._rows[range(len(self))[index]]
        view._keep = self._rows
        return view
