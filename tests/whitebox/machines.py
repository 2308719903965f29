"""Hands for the machines: what they want, in words, and a result for it in one line.

task = Task("send file", count=100)
task.feed()                       # the prefetch is done
task.feed(out=40)
task.feed(side="file ended")
assert (-errno.ENODATA, 40) == (task.outcome, task.bytes_queued)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from whitebox import ffi, lib

OPS = {getattr(lib, name): name[3:].lower() for name in dir(lib)
       if name.startswith("OP_") and name != "OP_COUNT"}  # fmt: skip
SIDES = {
    "none": lib.END_NONE,
    "client": lib.END_CLIENT,
    "peer": lib.END_PEER,
    "file": lib.END_FILE,
    "disk": lib.END_DISK,
    "memory": lib.END_MEMORY,
}
OUTCOMES = {getattr(lib, name): name[4:].lower() for name in (
    "UWO_FINISHED", "UWO_CANCELLED", "UWO_DEADLINE", "UWO_NO_PROGRESS", "UWO_TOO_SLOW",
    "UWO_CLIENT_GONE", "UWO_SOURCE_SHORT", "UWO_SOURCE_FAILED", "UWO_UPLOAD_SHORT",
    "UWO_DISK_FAILED", "UWO_NO_RESOURCE")}  # fmt: skip
BASE = 0x10000  # where the data of a Send begins: never touched, only counted


def registered() -> list[str]:
    """The name of every instruction in tasks.def."""
    names = []
    while (kind := lib.wb_task_type(len(names))) != ffi.NULL:
        names.append(ffi.string(kind.name).decode())
    return names


def kind_of(name: str) -> int:
    for index in range(len(registered())):
        kind = lib.wb_task_type(index)
        if ffi.string(kind.name).decode() == name:
            return int(kind.kind)
    raise LookupError(f"no instruction is called {name!r}: {registered()}")


def side_number(side: str) -> int:
    """'file' and 'file ended' both name the file; whether it ended or failed is in the error."""
    return int(SIDES[side.removesuffix(" ended")])


def fill_instruction(instruction: Any, name: str, count: int, offset: int = 0) -> None:
    instruction.kind = kind_of(name)
    instruction.fd = -1
    instruction.count = count
    if name == "send":
        instruction.data = ffi.cast("void *", BASE + offset)
    else:
        instruction.offset = offset


@dataclass(frozen=True)
class Want:
    """An operation: `at` is where it begins, counted from the start of the data for a send."""

    kind: str
    length: int = 0
    at: int = 0
    more: bool = False

    @classmethod
    def of(cls, op: Any) -> Want:
        kind = OPS[op.kind]
        if kind == "send":
            at = int(ffi.cast("uintptr_t", op.data)) - BASE
        elif kind == "wait":
            at = int(op.until_us)
        else:
            at = int(op.offset)
        return cls(kind, int(op.length), at, bool(op.more))


def result_of(out: int, in_: int, side: str, error: int) -> Any:
    return ffi.new("struct op_result *", [in_, out, side_number(side), error])


class Task:
    """One instruction at work."""

    def __init__(self, name: str, *, count: int, offset: int = 0) -> None:
        self.cdata = ffi.new("struct task *")
        self.bytes_queued = 0
        self.bytes_received = 0
        instruction = ffi.new("struct instruction *")
        fill_instruction(instruction, name, count, offset)
        lib.task_open(self.cdata, instruction)

    @property
    def want(self) -> Want:
        return Want.of(self.cdata.want)

    def feed(self, out: int = 0, in_: int = 0, side: str = "none", error: int = 0) -> None:
        """One result.  What goes out of a send or a file also came in."""
        if not in_ and self.want.kind in ("send", "send_file"):
            in_ = out
        kind = self.want.kind
        lib.task_step(self.cdata, result_of(out, in_, side, error))
        if kind in ("send", "send_file", "splice"):
            self.bytes_queued += out
        elif kind == "receive":
            self.bytes_received += in_

    @property
    def done(self) -> bool:
        return bool(lib.wb_task_done(self.cdata))

    @property
    def state(self) -> int:
        return int(lib.wb_task_state(self.cdata))

    @property
    def outcome(self) -> int:
        assert self.done
        return int(self.cdata.outcome)

    @property
    def side(self) -> str:
        return next(name for name, number in SIDES.items() if number == self.cdata.side)

    @property
    def held(self) -> int:
        return int(self.cdata.held)


class Program:
    """Instructions in a row, with pacing when `rate` is given.  Time stands still unless moved."""

    def __init__(
        self,
        instructions: Sequence[tuple[str, int]],
        *,
        growing: bool = False,
        rate: int = 0,
        now_us: int = 1_000_000,
    ) -> None:
        self.cdata = ffi.new("struct program *")
        self.now_us = now_us
        self.op = ffi.new("struct op *")
        self.outstanding: Want | None = None  # without a result so far
        self.list = self.list_of(instructions)
        lib.program_init(self.cdata, self.list, len(instructions), growing)
        self.pace = ffi.NULL
        if rate:
            self.pace = ffi.new("struct pace *")
            self.pace.rate = rate
            lib.pace_start(self.pace, now_us)

    @staticmethod
    def list_of(instructions: Sequence[tuple[str, int]]) -> Any:
        made = ffi.new("struct instruction[]", max(len(instructions), 1))
        for index, (name, count) in enumerate(instructions):
            fill_instruction(made[index], name, count)
        return made

    def want(self) -> Want | None:
        """What it wants now; None when it has ended."""
        self.outstanding = None
        if lib.program_next(self.cdata, self.pace, self.now_us, self.op):
            self.outstanding = Want.of(self.op)
        return self.outstanding

    def feed(self, out: int = 0, in_: int = 0, side: str = "none", error: int = 0) -> None:
        """The result of what it wanted last."""
        want = self.outstanding or self.want()
        assert want is not None, "a result after the end"
        self.outstanding = None
        if not in_ and want.kind in ("send", "send_file"):
            in_ = out
        lib.program_step(self.cdata, self.pace, self.op, result_of(out, in_, side, error))

    def stop(self, outcome: str, error: int = 0) -> None:
        number = next(number for number, name in OUTCOMES.items() if name == outcome)
        lib.program_stop(self.cdata, number, error)

    def grow(self, instructions: Sequence[tuple[str, int]]) -> None:
        """What the driver does when the producer has appended: a new list, from its start."""
        self.list = self.list_of(instructions)
        lib.program_grow(self.cdata, self.list, len(instructions), 0)

    def finish(self) -> None:
        lib.program_finish(self.cdata)

    def hold_back(self) -> bool:
        return bool(lib.program_hold_back(self.cdata, self.list))

    @property
    def waiting(self) -> bool:
        return bool(lib.program_waiting(self.cdata))

    @property
    def bulk(self) -> bool:
        return bool(lib.program_is_bulk(self.cdata))

    @property
    def outcome(self) -> str:
        assert self.want() is None
        return OUTCOMES[self.cdata.outcome]

    @property
    def error(self) -> int:
        return int(self.cdata.error)

    @property
    def bytes_queued(self) -> int:
        return int(self.cdata.bytes_queued)

    @property
    def bytes_received(self) -> int:
        return int(self.cdata.bytes_received)


class Ending:
    """What becomes of the client socket."""

    def __init__(
        self, *, give_back: bool = False, settle: bool = True, failed: bool = False
    ) -> None:
        self.cdata = ffi.new("struct ending *")
        lib.ending_init(self.cdata, give_back, settle, failed)

    def want(self) -> str | None:
        op = ffi.new("struct op *")
        return OPS[op.kind] if lib.ending_next(self.cdata, op) else None

    def feed(self, error: int = 0) -> None:
        lib.ending_step(self.cdata, result_of(0, 0, "none", error))

    @property
    def lost(self) -> bool:
        return bool(lib.wb_ending_lost(self.cdata))

    @property
    def error(self) -> int:
        return int(self.cdata.error)
