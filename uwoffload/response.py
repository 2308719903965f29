"""What a handler may answer, and its form for the C core."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ._bridge import ffi
from ._compile import Compiled, compile_program
from ._limits import whole
from .errors import InvalidArgument
from .program import INSTRUCTIONS, LARGEST, Instruction, Program, Send, SendFile, Splice

if TYPE_CHECKING:
    from ._core import CData

Chunk = bytes | bytearray | memoryview | str | Instruction
Body = (
    bytes | bytearray | memoryview | str | Instruction | Program | Sequence[Instruction]
    | Iterable[Chunk]
)  # fmt: skip
Pairs = Iterable[tuple[str | bytes, str | bytes]]

TEXT_TYPE = b"text/html; charset=utf-8"
FILE_TYPE = b"application/octet-stream"
CHUNKS = bytes | bytearray | memoryview
BODILESS = frozenset({204, 304})  # statuses

_FIELDS = ffi.typeof("struct uwo_field[]")


@dataclass(slots=True)
class Response:
    """A body with a status and header fields of its own.

    body: bytes, str (sent as UTF-8), a Program or a list of instructions, or a
    generator (any iterator) of bytes, str and instructions.  Without a Content-Type
    among the headers there will be "text/html; charset=utf-8", for programs
    "application/octet-stream".  Content-Length, Connection, Date and
    Transfer-Encoding are the front's.  headers: pairs of name and value.  length: of
    the whole body of a generator, where it is known; otherwise the answer is chunked.
    """

    body: Body = b""
    status: int = 200
    headers: Pairs = field(default_factory=list)
    length: int | None = None


Answer = Response | Body


def fields_of(pairs: Pairs, default_type: bytes | None) -> tuple[CData, int, list[CData]]:
    """Header fields, their number, and what must live as long."""
    rows = []
    keep: list[CData] = []
    typed = default_type is None
    for pair in pairs:
        try:
            name, value = pair
            data = tuple(
                each if isinstance(each, bytes) else each.encode("latin-1")
                for each in (name, value)
            )
        except (AttributeError, TypeError, ValueError):
            raise InvalidArgument(
                f"headers: {pair!r:.80}; allowed: pairs of str (latin-1) or bytes"
            ) from None
        typed = typed or data[0].lower() == b"content-type"
        rows.append(data)
    if not typed and default_type is not None:
        rows.append((b"Content-Type", default_type))
    filled = []
    for name_data, value_data in rows:
        buffers = ffi.from_buffer(name_data), ffi.from_buffer(value_data)
        keep += buffers
        size = ffi.sizeof("struct uwo_field")
        filled.append((size, len(name_data), *buffers, len(value_data)))
    fields = ffi.new(_FIELDS, filled)
    keep.append(fields)
    return fields, len(filled), keep


def as_instruction(chunk: object) -> Instruction:
    """One piece of what a generator gives."""
    if isinstance(chunk, CHUNKS):
        return Send(chunk)
    if isinstance(chunk, str):
        return Send(chunk.encode())
    if isinstance(chunk, INSTRUCTIONS):
        return chunk
    raise InvalidArgument(
        f"answer: the generator gave {chunk!r:.80}; allowed: bytes, str or an instruction"
    )


class Piece(NamedTuple):
    """What a generator gave, for the core."""

    program: CData
    size: int  # without the framing
    keep: object  # must live as long as the program is used


def compile_chunk(chunk: object, framed: bool) -> Piece | None:
    """`framed` as a chunk of HTTP/1.1; None for an empty piece."""
    instruction = as_instruction(chunk)
    size = size_of(instruction)
    if size == 0:
        return None
    program: list[Instruction] = [instruction]
    if isinstance(instruction, SendFile):
        program = [SendFile(instruction.file, instruction.offset, size)]
    if framed:
        program = [Send(b"%x\r\n" % size), *program, Send(b"\r\n")]
    compiled = compile_program(program, copy=True)
    return Piece(compiled.cdata, size, compiled)


def size_of(instruction: Instruction) -> int:
    """Bytes it sends, which a chunk must say first."""
    if isinstance(instruction, Send):
        return memoryview(instruction.data).nbytes
    if isinstance(instruction, SendFile | Splice) and instruction.count is not None:
        return instruction.count
    if isinstance(instruction, SendFile):
        file = instruction.file
        size = os.fstat(file if isinstance(file, int) else file.fileno()).st_size
        return max(size - instruction.offset, 0)
    raise InvalidArgument(
        f"answer: the generator gave {instruction!r:.80}; allowed: a Splice with a count"
    )


class Prepared:
    """An answer taken apart: bytes, or a program, or an iterator; always one of them."""

    __slots__ = ("chunks", "data", "default_type", "headers", "length", "program", "status")

    def __init__(self, answer: Answer) -> None:
        self.status = 200
        self.headers: Pairs = ()
        self.length = -1
        self.data: bytes | None = None
        self.program: Compiled | None = None
        self.chunks: Iterator[Chunk] | None = None
        body: object = answer
        if isinstance(answer, Response):
            self.status = whole("status", answer.status, 200, 599)
            self.headers = answer.headers
            if answer.length is not None:
                self.length = whole("length", answer.length, 0, LARGEST)
            body = answer.body
        self.default_type: bytes | None = TEXT_TYPE
        self._take_apart(body)
        self._check_length(body)
        if self.status in BODILESS:
            self.default_type = None

    def _take_apart(self, body: object) -> None:
        if isinstance(body, bytes):
            self.data = body
        elif isinstance(body, bytearray | memoryview):
            self.data = bytes(body)
        elif isinstance(body, str):
            self.data = body.encode()
        elif isinstance(body, (Program, list, tuple, *INSTRUCTIONS)):
            self.default_type = FILE_TYPE
            self.program = compile_program(body, copy=True)
        elif isinstance(body, Iterable) and not isinstance(body, dict | set):
            self.chunks = iter(body)
        else:
            raise InvalidArgument(
                f"answer: {body!r:.80}; allowed: bytes, str, a program, a generator of bytes, "
                "or a Response with one of these"
            )

    def _check_length(self, body: object) -> None:
        """One that was given and is not that of the body is a mistake."""
        if self.length < 0 or self.chunks is not None or self.status in BODILESS:
            return
        if self.data is not None:
            size = len(self.data)
        else:
            parts = (body,) if isinstance(body, INSTRUCTIONS) else body
            assert isinstance(parts, Iterable)
            size = sum(size_of(part) for part in parts)
        if size != self.length:
            raise InvalidArgument(f"length: {self.length}; allowed: None, or {size}, the body's")

    def close(self) -> None:
        """It will not be sent: a generator is told."""
        close = getattr(self.chunks, "close", None)
        if close is not None:
            close()


DEFAULT_FIELDS = fields_of((), TEXT_TYPE)
