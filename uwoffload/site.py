"""The site: which directories answer which paths, without Python."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ._bridge import NULL, failure, ffi, lib, new_error
from .errors import InvalidArgument
from .mime import TYPES

if TYPE_CHECKING:
    from ._core import CData

INDEX = ("index.html",)


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory (or one file) that answers what lies below a path prefix.

    `prefix` is "" or begins with a slash: "/x" holds "/x" and "/x/a", not "/xy".
    """

    prefix: str
    target: str | os.PathLike[str]
    keep_prefix: bool = False
    """The prefix is part of the file name below the target too."""


class Site:
    """An immutable table of mounts, asked in order; give it to `Front`.

    Thread: any, for every method.  Close it when no further front will use it:
    those that do have it still.
    """

    def __init__(
        self,
        mounts: Iterable[Mount],
        *,
        index: Iterable[str] = INDEX,
        types: Mapping[str, str] = TYPES,
        application: bool = False,
        siblings: bool = True,
    ) -> None:
        """Open every target.

        index: names that answer for a directory.  types: media type by ending, lower
        case without a dot.  application: what no mount answers goes to Python; else it
        is a 404.  siblings: offer name.br and name.gz to clients that take them.
        Raises InvalidArgument (a target that is missing) or OSError.
        """
        keep: list[CData] = []

        def terminated(value: str | os.PathLike[str]) -> CData:
            data = os.fsencode(value)
            if b"\0" in data:
                raise InvalidArgument(f"site: {value!r:.80} has a NUL; allowed: a name without")
            keep.append(ffi.new("char[]", data))
            return keep[-1]

        found = list(mounts)
        rows = [
            (
                ffi.sizeof("struct uwo_mount"),
                terminated(mount.prefix.rstrip("/")),
                terminated(mount.target),
                mount.keep_prefix,
            )
            for mount in found
        ]
        kinds = [
            (ffi.sizeof("struct uwo_type"), terminated(ending), terminated(kind))
            for ending, kind in types.items()
        ]
        names = [terminated(name) for name in index]
        options = ffi.new("struct uwo_site_options *")
        options.size = ffi.sizeof("struct uwo_site_options")
        for field, count, kind, values in (
            ("mounts", "mount_count", "struct uwo_mount[]", rows),
            ("index_names", "index_count", "const char *[]", names),
            ("types", "type_count", "struct uwo_type[]", kinds),
        ):
            keep.append(ffi.new(kind, values))
            setattr(options, field, keep[-1])
            setattr(options, count, len(values))
        options.application = bool(application)
        options.siblings = bool(siblings)
        self.mounts = tuple(found)
        self._handle: CData = NULL
        handle = ffi.new("struct uwo_site **")
        error = new_error()
        status = lib.uwo_site_create(options, handle, error)
        if status < 0:
            index_at_fault = error.index
            reason = failure(status, error, "mounts")
            if isinstance(reason, OSError) and 0 <= index_at_fault < len(found):
                reason.filename = os.fspath(found[index_at_fault].target)
            raise reason
        self._handle = handle[0]

    def close(self) -> None:
        """Let go of it.  Idempotent."""
        handle, self._handle = self._handle, NULL
        if handle != NULL:
            lib.uwo_site_destroy(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()

    def _lend(self) -> CData:
        """The handle, for a call that takes a reference of its own."""
        if self._handle == NULL:
            raise InvalidArgument("site: it is closed; allowed: an open Site, or None")
        return self._handle
