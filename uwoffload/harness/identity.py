"""Becoming another user and group, for good."""

from __future__ import annotations

import grp
import os
import pwd

from ..errors import CannotStart


def become(user: str | None, group: str | None) -> None:
    """Names or numbers; None and "" leave it as it is.  Raises CannotStart."""
    uid = user_of(user)
    gid = group_of(group)
    if gid is not None and gid != os.getgid():
        _try("gid", group, lambda: _set_group(uid, gid))
    if uid is not None and uid != os.getuid():
        _try("uid", user, lambda: os.setresuid(uid, uid, uid))


def user_of(user: str | None, option: str = "uid") -> int | None:
    """Its number."""
    if not user:
        return None
    if user.isdecimal():
        return int(user)
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        raise CannotStart(
            f"{option} = {user}: there is no such user; make it, or give another"
        ) from None


def group_of(group: str | None, option: str = "gid") -> int | None:
    """Its number."""
    if not group:
        return None
    if group.isdecimal():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise CannotStart(
            f"{option} = {group}: there is no such group; make it, or give another"
        ) from None


def _set_group(uid: int | None, gid: int) -> None:
    """With the further groups of the user, or none."""
    try:
        os.initgroups(pwd.getpwuid(os.getuid() if uid is None else uid).pw_name, gid)
    except KeyError:
        os.setgroups([])
    os.setresgid(gid, gid, gid)


def _try(option: str, value: object, change: object) -> None:
    assert callable(change)
    try:
        change()
    except OSError as error:
        raise CannotStart(
            f"{option} = {value}: {error.strerror}; start as root, or leave {option} out"
        ) from None
