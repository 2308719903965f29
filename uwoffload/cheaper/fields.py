"""Fields of the structs that readings are made of, as the core declares them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .._bridge import ffi, lib
from ..errors import InvalidArgument
from .table import near

if TYPE_CHECKING:
    from .._core import CData

Typecode = Literal["i", "q", "I", "Q"]

_TYPES: dict[str, tuple[Typecode, int, int]] = {  # of the header: typecode of array, range
    "int32_t": ("i", -(2**31), 2**31 - 1),
    "int64_t": ("q", -(2**63), 2**63 - 1),
    "uint32_t": ("I", 0, 2**32 - 1),
    "uint64_t": ("Q", 0, 2**64 - 1),
}
_UNITS = {"us": "microseconds", "s": "seconds", "rss": "bytes", "pss": "bytes", "total": "bytes"}
_HIDDEN = ("size", "reserved", "worker_count", "workers")


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a struct: where it lies, and what it takes."""

    name: str
    offset: int
    typecode: Typecode
    least: int
    most: int

    @property
    def allowed(self) -> str:
        """`0 to 4294967295 bytes`."""
        unit = _UNITS.get(self.name.rpartition("_")[2], "")
        return f"an int from {self.least} to {self.most} {unit}".rstrip()

    def refusal(self, value: object) -> InvalidArgument:
        """What to raise for this value."""
        return InvalidArgument(f"{self.name}: {value!r:.80}; allowed: {self.allowed}")

    def array(self, values: object) -> array[int]:
        """The values side by side.  Raises InvalidArgument, which names the one at fault."""
        if not isinstance(values, Iterable):
            raise InvalidArgument(f"{self.name}: {values!r:.80}; allowed: a sequence of int")
        listed = values if isinstance(values, list | tuple) else list(values)
        try:
            return array(self.typecode, listed)
        except (OverflowError, TypeError):
            for index, value in enumerate(listed):
                try:
                    array(self.typecode, (value,))
                except (OverflowError, TypeError):
                    raise InvalidArgument(
                        f"{self.name}[{index}]: {value!r:.80}; allowed: {self.allowed}"
                    ) from None
            raise


def _columns(struct: str) -> dict[str, Column]:
    return {
        name: Column(name, field.offset, *_TYPES[field.type.cname])
        for name, field in ffi.typeof(f"struct {struct}").fields
        if name not in _HIDDEN
    }


READINGS = _columns("uwo_readings")
WORKER = _columns("uwo_worker_reading")
ROW = ffi.sizeof("struct uwo_worker_reading")


class Number:
    """An attribute that is the field of its name in the struct at `_c`."""

    def __init__(self, columns: Mapping[str, Column], doc: str) -> None:
        self._columns = columns
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._column = self._columns[name]

    def __get__(self, owner: Any, kind: type | None = None) -> int:
        if owner is None:
            return self  # type: ignore[return-value]
        value: int = getattr(owner._c, self._column.name)
        return value

    def __set__(self, owner: Any, value: int) -> None:
        try:
            setattr(owner._c, self._column.name, value)
        except (OverflowError, TypeError):
            raise self._column.refusal(value) from None


STATES: tuple[str, ...] = tuple(
    name.removeprefix("UWO_WORKER_").lower()
    for name in sorted(
        (name for name in dir(lib) if name.startswith("UWO_WORKER_")),
        key=lambda name: int(getattr(lib, name)),
    )
)
"""What a worker may be: cheaped, idle, busy, starting, draining, dead."""

LETTERS = {
    "C": "cheaped",
    "i": "idle",
    "b": "busy",
    "s": "starting",
    "D": "draining",
    "z": "dead",
}
LETTER_OF = {state: letter for letter, state in LETTERS.items()}
_NUMBERS = {
    **{state: number for number, state in enumerate(STATES)},
    **{letter: STATES.index(state) for letter, state in LETTERS.items()},
}
_BY_LETTER = bytes(_NUMBERS.get(chr(code), 255) for code in range(256))


def state_number(state: object) -> int:
    """Of a name, a letter or a number.  Raises InvalidArgument."""
    if isinstance(state, str) and state in _NUMBERS:
        return _NUMBERS[state]
    if isinstance(state, int) and not isinstance(state, bool) and 0 <= state < len(STATES):
        return state
    hint = near(state, STATES) if isinstance(state, str) and len(state) > 1 else ""
    raise InvalidArgument(f"state: {state!r:.80}{hint}; allowed: {_states()}")


def state_numbers(states: object) -> array[int]:
    """The same of a string of letters, or of a sequence."""
    if isinstance(states, str):
        numbers = states.encode("latin-1", "replace").translate(_BY_LETTER)
        if 255 in numbers:
            index = numbers.index(255)
            raise InvalidArgument(f"state[{index}]: {states[index]!r}; allowed: {_states()}")
        return array("I", list(numbers))
    try:
        return array("I", list(map(state_number, states)))  # type: ignore[call-overload]
    except TypeError:
        raise InvalidArgument(f"state: {states!r:.80}; allowed: a string or a sequence") from None


def state_name(number: int) -> str:
    """`idle`; of a number that is none, the number."""
    return STATES[number] if number < len(STATES) else str(number)


def assign(holder: object, columns: Mapping[str, Column], values: Mapping[str, Any]) -> None:
    """Set fields of a holder by name.  Raises InvalidArgument."""
    for name, value in values.items():
        if name not in columns:
            names = ", ".join(columns)
            raise InvalidArgument(f"no reading {name!r:.80}{near(name, columns)}; allowed: {names}")
        setattr(holder, name, value)


def values_of(holder: object, columns: Iterable[str]) -> dict[str, Any]:
    """The fields of a holder that are not 0."""
    found = {name: getattr(holder, name) for name in columns}
    return {name: value for name, value in found.items() if value}


def _states() -> str:
    return ", ".join(f"{state} ({LETTER_OF[state]})" for state in STATES)


def new_workers(count: int) -> CData:
    """Room for so many workers, numbered, all cheaped."""
    rows = ffi.new("struct uwo_worker_reading[]", count)
    numbers = memoryview(ffi.buffer(rows)).cast("I")
    numbers[:: ROW // 4] = memoryview(array("I", range(1, count + 1)))
    return rows
