"""Statistics: a mapped block that engines write and any process may read.

The layout is described in csrc/engine/stats.h; reading needs nothing but a
mapping.  There is one slot per worker and event loop, and one more per worker
for the threads that submit.
"""

from __future__ import annotations

import mmap
import os
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ._bridge import NULL, check, ffi, lib
from ._limits import whole
from .errors import InvalidArgument

if TYPE_CHECKING:
    from ._core import CData

MAGIC = b"UWOSTATS"
VERSION = 1
WORKERS_MAX = 4096
_HEADER = struct.Struct("=8s9I")
_FIELD = struct.Struct("=40sII")
_VALUE = struct.Struct("=Q")
_GAUGE = 1


@dataclass(frozen=True, slots=True)
class Slot:
    """The figures of one event loop, or of the threads that submit."""

    worker: int
    thread: int | None
    """Number of the event loop; None for the threads that submit."""
    values: dict[str, int]


class Statistics:
    """A block of figures; `create` makes one, `open` reads one of any process.

    Thread: any for reading.  Close it when it is of no more use.
    """

    def __init__(self, fd: int, block: CData = NULL) -> None:
        """Use `create` or `open`.  Duplicates fd."""
        self._lock = threading.Lock()
        self._block = block
        self._lent = 0  # engines that publish in the block
        self._map: mmap.mmap | None = None
        self._fd = os.dup(fd)
        try:
            self._map = mmap.mmap(self._fd, 0, access=mmap.ACCESS_READ)
            self._read_header(self._map)
        except ValueError as error:
            self.close()
            raise InvalidArgument(f"{error}; allowed: a statistics block of uwoffload") from None
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(
        cls, path: str | os.PathLike[str] | None = None, workers: int = 1, threads: int = 2
    ) -> Self:
        """Make a block for so many workers of so many event loops each.

        In a file at path (a block of the same shape goes on counting), or in memory
        (pass `fileno()` on).  Engines publish
        in it by `Engine(stats=..., stats_worker=...)`.
        """
        whole("workers", workers, 1, WORKERS_MAX)
        whole("threads", threads, 1, 64)
        name = NULL if path is None else ffi.new("char[]", os.fsencode(path))
        block = ffi.new("struct uwo_stats **")
        try:
            check(lib.uwo_stats_create(name, workers, threads, block))
        except InvalidArgument:
            raise InvalidArgument(
                f"path: {os.fspath(path or '')!r} is there and no statistics block for {workers} "
                f"workers of {threads} threads; allowed: a new file, or such a block"
            ) from None
        except OSError as error:
            raise OSError(
                error.errno, error.strerror, None if path is None else str(path)
            ) from None
        return cls(lib.uwo_stats_fd(block[0]), block[0])

    @classmethod
    def open(cls, path_or_fd: str | os.PathLike[str] | int) -> Self:
        """Read a block: a file, or a descriptor, which stays yours."""
        if isinstance(path_or_fd, int):
            return cls(path_or_fd)
        with Path(path_or_fd).open("rb") as file:
            try:
                return cls(file.fileno())
            except InvalidArgument as error:
                raise InvalidArgument(f"{os.fspath(path_or_fd)}: {error}") from None

    def _read_header(self, block: mmap.mmap) -> None:
        if len(block) < _HEADER.size:
            raise ValueError(f"{len(block)} bytes are too few")
        (magic, version, _, count, entry_size, table, slots, slot_size, workers, threads) = (
            _HEADER.unpack_from(block)
        )
        if magic != MAGIC or version != VERSION:
            raise ValueError(f"magic {magic!r}, version {version}")
        if table + count * entry_size > len(block) or entry_size < _FIELD.size:
            raise ValueError("the field table is cut")
        if slots + workers * (threads + 1) * slot_size > len(block):
            raise ValueError("the slots are cut")
        self.workers: int = workers
        """Workers the block has room for."""
        self.threads: int = threads
        """Event loops per worker it has room for."""
        self._slots, self._slot_size = slots, slot_size
        self._fields: dict[str, int] = {}
        self.gauges: set[str] = set()
        """Fields that go up and down; all others only count up."""
        for index in range(count):
            name, offset, kind = _FIELD.unpack_from(block, table + index * entry_size)
            word = name.rstrip(b"\0").decode("ascii")
            if offset + _VALUE.size > slot_size:
                raise ValueError(f"field {word} is outside of its slot")
            self._fields[word] = offset
            if kind == _GAUGE:
                self.gauges.add(word)

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the figures."""
        return tuple(self._fields)

    def fileno(self) -> int:
        """Descriptor of the block, to be inherited or passed on; it stays ours."""
        return self._fd

    def read(self) -> list[Slot]:
        """Every slot as it stands."""
        return list(self._read_slots())

    def _read_slots(self) -> Iterator[Slot]:
        if self._map is None:
            raise ValueError("the statistics are closed")
        at = self._slots
        for worker in range(self.workers):
            for thread in range(self.threads + 1):
                values = {
                    name: _VALUE.unpack_from(self._map, at + offset)[0]
                    for name, offset in self._fields.items()
                }
                yield Slot(worker, thread if thread < self.threads else None, values)
                at += self._slot_size

    def total(self) -> dict[str, int]:
        """Every figure, summed over all slots."""
        sums = dict.fromkeys(self._fields, 0)
        for slot in self._read_slots():
            for name, value in slot.values.items():
                sums[name] += value
        return sums

    def _lend(self) -> CData:
        """The block for an engine, which calls `_take_back`; only of one made by `create`."""
        with self._lock:
            if self._block == NULL or self._fd < 0:
                raise InvalidArgument(
                    "stats: it is closed or was opened for reading; allowed: Statistics.create()"
                )
            self._lent += 1
            return self._block

    def _take_back(self) -> None:
        with self._lock:
            self._lent -= 1
            self._destroy_block()

    def _destroy_block(self) -> None:
        """The lock is held."""
        if self._lent == 0 and self._fd < 0 and self._block != NULL:
            lib.uwo_stats_destroy(self._block)
            self._block = NULL

    def close(self) -> None:
        """Unmap; an engine that still publishes goes on doing so.  Idempotent."""
        with self._lock:
            if self._map is not None:
                self._map.close()
                self._map = None
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
            self._destroy_block()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            self.close()
