"""Programs as the C core reads them.

A program of plain `bytes` is compiled once and kept in the `Program`.  Any other
is compiled at each submit: a file object may have been closed meanwhile and its
number used again, so its `fileno()` is asked every time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ._bridge import NULL, ffi, lib
from .errors import InvalidArgument
from .program import INSTRUCTIONS, Instruction, Program, ReceiveFile, Send, SendFile, Splice

if TYPE_CHECKING:
    from ._core import CData

AnyProgram = Program | Instruction | Iterable[Instruction]

COPY_MAX = 16 * 1024  # larger data is kept alive instead of copied

_PROGRAM = ffi.typeof("struct uwo_program *")
_PROGRAM_SIZE = ffi.sizeof("struct uwo_program")
_INSTRUCTIONS = ffi.typeof("struct uwo_instruction[]")
_INSTRUCTION_SIZE = ffi.sizeof("struct uwo_instruction")

_SEND = lib.UWO_SEND
_SEND_FILE = lib.UWO_SEND_FILE
_SPLICE = lib.UWO_SPLICE
_RECEIVE_FILE = lib.UWO_RECEIVE_FILE
_KEEP_FD = lib.UWO_KEEP_FD
_BORROW = lib.UWO_BORROW
_TO_THE_END = lib.UWO_TO_THE_END


class Compiled:
    """A `struct uwo_program` and what must live as long as it is used.

    `borrowed` must live until the DONE event; `source` is the program whose raw
    descriptors move, so that it is not submitted again.
    """

    __slots__ = ("_array", "_buffers", "borrowed", "cdata", "moves", "source")

    def __init__(
        self,
        rows: list[tuple[object, ...]],
        buffers: list[CData],
        borrowed: tuple[CData, ...] | None,
        moves: bool,
        source: Program | None,
    ) -> None:
        self._array = ffi.new(_INSTRUCTIONS, rows)
        self._buffers = buffers
        self.borrowed = borrowed
        self.moves = moves
        self.source = source
        self.cdata = ffi.new(_PROGRAM, (_PROGRAM_SIZE, self._array, len(rows)))

    def spend(self) -> None:
        """The raw descriptors have moved: the program cannot be submitted again."""
        if self.moves and self.source is not None:
            self.source._spent = True


def compile_program(program: AnyProgram, *, copy: bool = False) -> Compiled:
    """Compile for one submit; `copy` never borrows, whatever the size."""
    source: Program | None = None
    found: Iterable[Instruction]
    if isinstance(program, Program):
        if isinstance(program._compiled, Compiled) and not copy:
            return program._compiled
        if program._spent:
            raise InvalidArgument(
                "program: its raw descriptors moved with an earlier submit; "
                "allowed: a new Program, or file objects, which are duplicated"
            )
        found = source = program
    elif isinstance(program, INSTRUCTIONS):
        found = (program,)
    elif isinstance(program, bytes | bytearray | memoryview | str) or hasattr(program, "fileno"):
        raise InvalidArgument(
            f"program: {type(program).__name__} is no instruction; "
            "allowed: Send(data), SendFile(file), or a sequence of instructions"
        )
    else:
        try:
            found = iter(program)
        except TypeError:
            raise InvalidArgument(
                f"program: {program!r:.80}; allowed: instructions or a Program"
            ) from None
    compiled, plain = _compile(found, source, copy)
    if plain and source is not None and not copy:
        source._compiled = compiled
    return compiled


def _compile(
    instructions: Iterable[Instruction], source: Program | None, copy: bool
) -> tuple[Compiled, bool]:
    """The compiled form, and whether it may be kept for the next submit."""
    rows: list[tuple[object, ...]] = []
    buffers: list[CData] = []
    borrowed: list[CData] = []
    moves = False
    plain = True
    for index, instruction in enumerate(instructions):
        kind = type(instruction)
        if kind is Send:
            data = instruction.data  # type: ignore[union-attr]
            buffer = ffi.from_buffer(data)
            size = len(buffer)
            buffers.append(buffer)
            flags = 0
            if size > COPY_MAX and not copy:
                borrowed.append(buffer)
                flags = _BORROW
            rows.append((_INSTRUCTION_SIZE, _SEND, flags, -1, 0, size, buffer))
            plain = plain and type(data) is bytes
            continue
        plain = False
        if not isinstance(instruction, SendFile | Splice | ReceiveFile):
            raise InvalidArgument(
                f"program[{index}]: {instruction!r:.80}; "
                "allowed: Send, SendFile, Splice or ReceiveFile",
                index,
            )
        fd, flags = _descriptor(instruction, index)
        moves = moves or not flags
        count = instruction.count
        if isinstance(instruction, Splice):
            number, offset = _SPLICE, 0
        else:
            number = _SEND_FILE if kind is SendFile else _RECEIVE_FILE
            offset = instruction.offset
        limit = _TO_THE_END if count is None else count
        rows.append((_INSTRUCTION_SIZE, number, flags, fd, offset, limit, NULL))
    return Compiled(rows, buffers, tuple(borrowed) or None, moves, source), plain


def _descriptor(instruction: SendFile | Splice | ReceiveFile, index: int) -> tuple[int, int]:
    """Number and flags: an int moves, of an object the engine makes a duplicate."""
    name = "source" if isinstance(instruction, Splice) else "file"
    value = instruction.source if isinstance(instruction, Splice) else instruction.file
    if isinstance(value, int):
        return value, 0
    try:
        fd = value.fileno()
    except (OSError, ValueError) as error:
        raise InvalidArgument(
            f"program[{index}].{name}: {value!r:.80}: {error}; allowed: an open file or socket",
            index,
        ) from None
    if not isinstance(fd, int) or fd < 0:
        raise InvalidArgument(
            f"program[{index}].{name}: {value!r:.80} is closed; allowed: an open file or socket",
            index,
        )
    return fd, _KEEP_FD
