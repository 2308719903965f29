"""What a transfer does: the instructions, and a program made of them.

Pure data, checked when it is made.  A descriptor given as an `int` moves to the
engine when the transfer is taken (the engine closes it); of an object with
`fileno()` the engine makes a duplicate, and the object stays yours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, SupportsIndex, overload

from .errors import InvalidArgument

LARGEST = 2**63 - 1
LARGEST_FD = 2**31 - 1


class HasFileno(Protocol):
    """A file, a socket: anything that knows its descriptor."""

    def fileno(self) -> int: ...


def _check_descriptor(name: str, value: object) -> None:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= LARGEST_FD:
            raise InvalidArgument(f"{name}: {value} is no descriptor; allowed: 0 to {LARGEST_FD}")
    elif not callable(getattr(value, "fileno", None)):
        raise InvalidArgument(
            f"{name}: {value!r:.80} is neither a descriptor nor has it fileno(); "
            "allowed: an int, or an open file or socket"
        )


def _check_size(name: str, value: object, *, optional: bool) -> None:
    allowed = f"0 to {LARGEST}" + (", or None for up to the end" if optional else "")
    if value is None and optional:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
        raise InvalidArgument(f"{name}: {value!r:.80}; allowed: an int from {allowed}")


def _check_range(offset: int, count: int | None) -> None:
    if offset + (count or 0) > LARGEST:
        raise InvalidArgument(
            f"offset + count: {offset} + {count} is past the end of any file; "
            f"allowed: at most {LARGEST}"
        )


@dataclass(frozen=True, slots=True)
class Send:
    """These bytes to the client.

    Up to 16 KiB are copied.  Larger data is kept alive, not copied, until the
    completion is reaped; do not change a `bytearray` meanwhile.
    """

    data: bytes | bytearray | memoryview

    def __post_init__(self) -> None:
        if not isinstance(self.data, bytes | bytearray | memoryview):
            raise InvalidArgument(
                f"data: {self.data!r:.80} is {type(self.data).__name__}; "
                "allowed: bytes, bytearray or memoryview"
            )
        if isinstance(self.data, memoryview) and not self.data.c_contiguous:
            raise InvalidArgument("data: a memoryview with gaps; allowed: a contiguous one")


@dataclass(frozen=True, slots=True)
class SendFile:
    """`count` bytes of a regular file from `offset` to the client, never a byte more.

    `count` None means to the end as it is at submit.  The position of a file
    object is neither used nor moved.  If the file turns out shorter, the outcome
    is SOURCE_SHORT.
    """

    file: int | HasFileno
    offset: int = 0
    count: int | None = None

    def __post_init__(self) -> None:
        _check_descriptor("file", self.file)
        _check_size("offset", self.offset, optional=False)
        _check_size("count", self.count, optional=True)
        _check_range(self.offset, self.count)


@dataclass(frozen=True, slots=True)
class Splice:
    """`count` bytes, or everything up to its end, from a pipe or connected stream socket."""

    source: int | HasFileno
    count: int | None = None

    def __post_init__(self) -> None:
        _check_descriptor("source", self.source)
        _check_size("count", self.count, optional=True)


@dataclass(frozen=True, slots=True)
class ReceiveFile:
    """`count` bytes from the client into a regular file, written at `offset`.

    The file must be writable and not opened with O_APPEND.  What a buffered
    file object holds back is not seen: flush it first.
    """

    file: int | HasFileno
    count: int
    offset: int = 0

    def __post_init__(self) -> None:
        _check_descriptor("file", self.file)
        _check_size("count", self.count, optional=False)
        _check_size("offset", self.offset, optional=False)
        _check_range(self.offset, self.count)


Instruction = Send | SendFile | Splice | ReceiveFile
INSTRUCTIONS = (ReceiveFile, Send, SendFile, Splice)


def descriptor_of(instruction: Instruction) -> int | HasFileno | None:
    """The descriptor or object an instruction works on, if any."""
    if isinstance(instruction, Send):
        return None
    if isinstance(instruction, Splice):
        return instruction.source
    return instruction.file


class Program(Sequence[Instruction]):
    """Instructions in order, checked once; make it once and submit it many times.

    A program that holds raw descriptors can be submitted once: they move.
    """

    __slots__ = ("_compiled", "_instructions", "_spent")

    def __init__(self, instructions: Iterable[Instruction] = ()) -> None:
        found = tuple(instructions)
        for index, instruction in enumerate(found):
            if not isinstance(instruction, INSTRUCTIONS):
                raise InvalidArgument(
                    f"program[{index}]: {instruction!r:.80}; "
                    "allowed: Send, SendFile, Splice or ReceiveFile",
                    index,
                )
        self._instructions = found
        self._compiled: object = None  # what _compile.py keeps for the next submit
        self._spent = False  # its raw descriptors have moved

    @overload
    def __getitem__(self, index: SupportsIndex) -> Instruction: ...
    @overload
    def __getitem__(self, index: slice) -> Program: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Instruction | Program:
        if isinstance(index, slice):
            return Program(self._instructions[index])
        return self._instructions[index]

    def __len__(self) -> int:
        return len(self._instructions)

    def __iter__(self) -> Iterator[Instruction]:
        return iter(self._instructions)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Program):
            return NotImplemented
        return self._instructions == other._instructions

    def __hash__(self) -> int:
        return hash(self._instructions)

    def __repr__(self) -> str:
        return f"Program({list(self._instructions)!r})"
