"""What a master leaves behind."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from . import sockets
from .announcement import say_error
from .prepare import Setup


def end(setup: Setup) -> None:
    """Nothing."""
    for listener in setup.listeners:
        sockets.forget(listener, setup.settings.vacuum)
    for fd in setup.overflow or ():
        os.close(fd)
    setup.stats.close()
    if setup.site is not None:
        setup.site.close()
    path = setup.settings.pidfile
    if path:
        try:
            if Path(path).read_text() == f"{os.getpid()}\n":
                Path(path).unlink()
        except (OSError, UnicodeDecodeError) as error:
            if not isinstance(error, OSError) or error.errno not in (errno.ENOENT, errno.EACCES):
                say_error(f"pidfile = {path}: {error}")
