"""A site over a tree that exists in a dictionary, and answers taken apart.

site = Site({"a.txt": File(b"hello")})
answer = site.ask("/a.txt", fields=[("Range", "bytes=0-1")])
assert (206, b"he") == (answer.status, answer.body)
"""

from __future__ import annotations

import email.utils
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from whitebox import ffi, lib

NOW = 1_700_000_000
CHANGED = NOW - 1_000_000
SECOND = 10**9
TYPES = (
    ("css", "text/css; charset=utf-8"),
    ("gz", "application/gzip"),
    ("html", "text/html; charset=utf-8"),
    ("png", "image/png"),
    ("txt", "text/plain; charset=utf-8"),
)
KINDS = {
    "directory": lib.SITE_DIRECTORY,
    "regular": lib.SITE_REGULAR,
    "other": lib.SITE_OTHER,
    "forbidden": lib.SITE_FORBIDDEN,
    "failed": lib.SITE_FAILED,
    "pending": lib.SITE_PENDING,
}
ANSWERS = {
    lib.ANSWER_READY: "ready",
    lib.ANSWER_PYTHON: "python",
    lib.ANSWER_PENDING: "pending",
}
Fields = Sequence[tuple[str, str]]


def http_date(seconds: int) -> str:
    return email.utils.formatdate(seconds, usegmt=True)


@dataclass(frozen=True)
class File:
    content: bytes = b"content"
    mtime_ns: int = CHANGED * SECOND
    inode: int = 7
    kind: str = "regular"
    size: int | None = None  # when it is not that of the content


DIRECTORY = File(kind="directory")


@dataclass(frozen=True)
class Mount:
    prefix: str = ""
    root: int = 0
    keep_prefix: bool = False
    file: bool = False


@dataclass(frozen=True)
class Answer:
    kind: str
    status: int = 0
    fields: tuple[tuple[str, str], ...] = ()
    head: bytes = b""
    body: bytes = b""
    body_size: int = 0
    pieces: tuple[bytes | tuple[int, int], ...] = ()  # texts, and (offset, count) of the file
    file: File | None = None
    looks: tuple[tuple[int, str], ...] = ()  # (root, name) in order

    def get(self, name: str) -> str | None:
        """The one field of that name."""
        values = [value for key, value in self.fields if key.lower() == name.lower()]
        assert len(values) < 2, f"{name} stands {len(values)} times"
        return values[0] if values else None

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.fields}


def as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


class Text:
    """Fills wb_text structs and keeps their memory."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def set(self, where: Any, text: str | bytes) -> None:
        data = ffi.new("char[]", as_bytes(text))
        self.kept.append(data)
        where.data = data
        where.size = len(data) - 1


@dataclass
class Site:
    """Files are found by "root:name", or by name beneath root 0."""

    files: Mapping[str, File] = field(default_factory=dict)
    mounts: Sequence[Mount] = (Mount(),)
    indexes: Sequence[str] = ("index.html",)
    types: Sequence[tuple[str, str]] = TYPES
    application: bool = False
    siblings: bool = False
    now: int = NOW
    keep_alive: bool = True
    boundary: int = 0x0123456789ABCDEF

    def found(self, root: int, name: str) -> File | None:
        key = name if root == 0 else f"{root}:{name}"
        if key in self.files:
            return self.files[key]
        inside = key if key.endswith(":") or key == "" else key + "/"
        if any(other.startswith(inside) for other in self.files):
            return DIRECTORY
        return None

    def table(self, text: Text) -> Any:
        table = ffi.new("struct wb_site *")
        table.mount_count = len(self.mounts)
        table.index_count = len(self.indexes)
        table.type_count = len(self.types)
        table.application = self.application
        table.siblings = self.siblings
        for mount, to in zip(self.mounts, table.mounts, strict=False):
            text.set(to.prefix, mount.prefix)
            to.root, to.keep_prefix, to.file = mount.root, mount.keep_prefix, mount.file
        for index, to in zip(self.indexes, table.indexes, strict=False):
            text.set(to, index)
        types = ffi.new("struct type[]", len(self.types) or 1)
        for (ending, name), to in zip(self.types, types, strict=False):
            pair = ffi.new("char[]", ending.encode()), ffi.new("char[]", name.encode())
            text.kept.append(pair)
            to.ending, to.type = pair
        text.kept.append(types)
        table.types = types
        return table

    def context(self) -> Any:
        return ffi.new("struct wb_context *", [self.now, self.keep_alive, self.boundary])

    def ask(
        self,
        target: str | bytes,
        fields: Fields = (),
        *,
        method: str = "GET",
        minor: int = 1,
        decoded: bool = False,
    ) -> Answer:
        text = Text()
        request = request_of(text, target, fields, method, minor, decoded)
        looks: list[tuple[int, str]] = []
        given: list[tuple[Any, File | None]] = []

        @ffi.callback("wb_look")
        def look(_: Any, root: int, path: Any, size: int) -> Any:
            raw = ffi.buffer(path, size)[:]
            assert bytes(path[size]) == b"\0", "not terminated"
            assert b"\0" not in raw and not raw.startswith(b"/")
            name = raw.decode("utf-8", "surrogateescape")
            looks.append((root, name))
            file = self.found(root, name)
            given.append((struct_of(file), file))
            return given[-1][0]

        answer = ffi.new("struct answer *")
        table = self.table(text)
        lib.wb_site_answer(table, request, self.context(), look, ffi.NULL, answer)
        return taken(answer, given, tuple(looks))


def struct_of(file: File | None) -> Any:
    if file is None:
        return ffi.new("struct site_file *", {"kind": lib.SITE_MISSING})
    size = len(file.content) if file.size is None else file.size
    return ffi.new("struct site_file *", [KINDS[file.kind], file.inode, size, file.mtime_ns])


def request_of(
    text: Text, target: str | bytes, fields: Fields, method: str, minor: int, decoded: bool
) -> Any:
    request = ffi.new("struct wb_request *")
    path, mark, query = as_bytes(target).partition(b"\0" if decoded else b"?")
    text.set(request.method, method)
    text.set(request.target, target)
    text.set(request.path, path)
    text.set(request.query, query)
    request.has_query = bool(mark)
    request.decoded = decoded
    request.minor = minor
    request.field_count = len(fields)
    for (name, value), name_to, value_to in zip(
        fields, request.names, request.values, strict=False
    ):
        text.set(name_to, name)
        text.set(value_to, value)
    return request


def taken(answer: Any, given: Sequence[tuple[Any, File | None]], looks: Any) -> Answer:
    """The answer in Python's words; a file part is cut out of the file it names."""
    kind = ANSWERS[answer.kind]
    if kind != "ready":
        return Answer(kind, looks=looks)
    head = text_of(lib.wb_answer_head(answer))
    file = next((file for struct, file in given if struct == answer.file), None)
    pieces: list[bytes | tuple[int, int]] = []
    body = b""
    for part in lib.wb_answer_parts(answer)[0 : answer.part_count]:
        if part.file:
            assert file is not None and answer.file.kind == lib.SITE_REGULAR
            assert part.offset + part.count <= answer.file.size
            pieces.append((part.offset, part.count))
            body += file.content[part.offset : part.offset + part.count]
        else:
            pieces.append(ffi.buffer(part.data, part.count)[:])
            body += pieces[-1]
    return Answer(
        kind,
        answer.status,
        fields_of(head, answer.status),
        head,
        body,
        answer.body_size,
        tuple(pieces),
        file,
        looks,
    )


def text_of(text: Any) -> bytes:
    return bytes(ffi.buffer(text.data, text.size)[:])


def fields_of(head: bytes, status: int) -> tuple[tuple[str, str], ...]:
    """A head must be well formed, whoever it answers."""
    assert head.endswith(b"\r\n\r\n")
    first, *lines = head[:-4].decode("ascii").split("\r\n")
    version, number, reason = first.split(" ", 2)
    assert (version, number) == ("HTTP/1.1", str(status)) and reason
    fields = []
    for line in lines:
        name, colon, value = line.partition(": ")
        assert colon and name.replace("-", "").isalpha() and value == value.strip() != ""
        assert value.isprintable()
        fields.append((name, value))
    return tuple(fields)
