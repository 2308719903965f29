"""What the configuration is read from: the only module here that touches the system."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Callable, Mapping
from typing import Protocol

TEXT_MAX = 1 << 20  # bytes of one file


class Files(Protocol):
    """A file system, as far as reading a configuration needs it."""

    def text(self, path: str) -> str:
        """All of a file; OSError when that cannot be."""

    def kind(self, path: str) -> str:
        """ "file", "directory", "other", or "" when there is nothing."""

    def facts(self) -> Mapping[str, str]:
        """Letters of the magic variables that tell of process and machine."""


class Disk:
    """The real one."""

    def text(self, path: str) -> str:
        """All of a regular file; bytes that are not UTF-8 survive as surrogates."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            file = os.fdopen(descriptor, "rb")  # fails for a directory, and closes nothing then
        except BaseException:
            os.close(descriptor)
            raise
        with file:
            data = file.read(TEXT_MAX + 1) or b""
        if len(data) > TEXT_MAX:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
        return data.decode("utf-8", "surrogateescape")

    def kind(self, path: str) -> str:
        """What stands there; links are followed."""
        try:
            mode = os.stat(path).st_mode
        except (OSError, ValueError):
            return ""
        return {stat.S_IFREG: "file", stat.S_IFDIR: "directory"}.get(stat.S_IFMT(mode), "other")

    def facts(self) -> Mapping[str, str]:
        """%k processors, %u and %U the user, %g and %G the group."""
        uid, gid = os.getuid(), os.getgid()
        return {
            "k": str(len(os.sched_getaffinity(0))),
            "u": str(uid),
            "U": _name(lambda: pwd.getpwuid(uid).pw_name, uid),
            "g": str(gid),
            "G": _name(lambda: grp.getgrgid(gid).gr_name, gid),
        }


def _name(find: Callable[[], str], number: int) -> str:
    try:
        return find()
    except KeyError:
        return str(number)
