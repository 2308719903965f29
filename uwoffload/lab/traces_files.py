"""The lines of a trace, whatever it is packed with."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import Any

from ..errors import UwoffloadError

SHOWN = 5  # of the lines that do not parse
LINE_SIZE = 1 << 20  # a longer line is not text
_LINE_SHOWN = 120

_BROKEN = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


class TraceError(UwoffloadError, ValueError):
    """A trace cannot be used.  One line: where, what is wrong, the remedy."""


@dataclass
class Reading:
    """What happened while a trace was read."""

    path: str
    strict: bool = False
    lines: int = 0
    other: int = 0
    """Lines that are no requests and do not claim to be: headers, messages, comments."""
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    """The first lines that do not parse, with place and reason."""
    notes: list[str] = field(default_factory=list)
    """What was guessed, filled in or put right; a sentence each."""

    def fail(self, line: str, reason: str) -> None:
        """Count the line; in strict mode stop there."""
        shown = line if len(line) <= _LINE_SHOWN else line[:_LINE_SHOWN] + "..."
        text = f"{self.path}:{self.lines}: {reason}: {shown!r}"
        if self.strict:
            raise TraceError(text)
        self.failed += 1
        if len(self.failures) < SHOWN:
            self.failures.append(text)

    def join(self, other: Reading) -> None:
        """What failed in another file of the same trace."""
        self.failed += other.failed
        self.failures = (self.failures + other.failures)[:SHOWN]

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _zstd(raw: BufferedReader, path: str) -> BufferedIOBase:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            module: Any = importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        opened: BufferedIOBase = module.ZstdFile(raw)
        return opened
    try:
        other: Any = importlib.import_module("zstandard")
    except ModuleNotFoundError:
        raise TraceError(
            f"{path}: packed with zstd, which needs Python 3.14 or: pip install zstandard"
        ) from None
    stream: BufferedIOBase = other.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
    return stream


def unpacked(raw: BufferedReader, path: str) -> BufferedIOBase:
    """The content, by the first bytes of the file: names do not always tell."""
    head = raw.read(6)
    raw.seek(0)
    if head.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=raw)
    if head.startswith(b"BZh"):
        return bz2.BZ2File(raw)
    if head.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(raw)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstd(raw, path)
    return raw


def lines(path: Path, reading: Reading) -> Iterator[str]:
    """Lines without their ends, empty ones left out.  Counts them in `reading`."""
    try:
        raw = path.open("rb")
    except OSError as error:
        raise TraceError(f"{path}: {error.strerror or error}") from None
    with raw:
        if not raw.seekable():
            raise TraceError(f"{path}: cannot be read twice; write it to a file first")
        with closing(unpacked(raw, str(path))) as text:
            yield from _lines(text, reading)


def _split(text: bytes) -> list[bytes]:
    r"""At \n, \r\n, and \r, which old systems end a line with."""
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return text.split(b"\n")


def _lines(text: BufferedIOBase, reading: Reading) -> Iterator[str]:
    rest = b""
    while True:
        try:
            block = text.read(1 << 16)
        except (*_BROKEN, OSError) as error:
            reading.lines += 1
            reading.fail("", f"the file ends or breaks here ({error})")
            return
        text_so_far = rest + block
        held = b"\r" if block and text_so_far.endswith(b"\r") else b""  # a \n may follow
        found = _split(text_so_far.removesuffix(held))
        rest = b"" if not block else found.pop() + held
        for line in found:
            if not line and not block:
                continue
            reading.lines += 1
            if len(line) > LINE_SIZE:
                reading.fail("", f"a line of {len(line)} bytes")
                continue
            shown = line.decode("utf-8", "replace").removeprefix("\ufeff").strip(" ")
            if shown:
                yield shown
        if len(rest) > LINE_SIZE:
            raise TraceError(f"{reading.path}:{reading.lines + 1}: a line without end; no text?")
        if not block:
            return
