"""A reload is tried in a process of its own first.

What replaces a master cannot be taken back.  So the same command is run beside it, up
to the point where it would listen; only if it comes so far does the master become it.
It learns by an environment variable that it is tried, and says by its exit status that
it passed: a script that ends before it serves has not.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Any, NoReturn

from .handover import OldListener

VARIABLE = "UWOFFLOAD_TRIAL"
PASSED = 93  # exit status
SECONDS = 60.0  # a script may take to come so far
WORDS_MAX = 65536  # bytes of its last words that are looked at


class Trial:
    """A process that does what the next image of the master will do."""

    def __init__(
        self, listeners: Iterable[OldListener], directory: int | None, umask: int | None
    ) -> None:
        """directory, umask: of the first start.  Raises OSError."""
        had = [[each.protocol, each.written] for each in listeners]
        asked = json.dumps({"parent": os.getpid(), "had": had})
        self.until = time.monotonic() + SECONDS
        self._words = os.memfd_create("uwoffload-trial")
        try:
            self._process = subprocess.Popen(
                [sys.executable, *sys.orig_argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._words,
                cwd=None if directory is None else f"/proc/self/fd/{directory}",
                umask=-1 if umask is None else umask,
                env={**os.environ, VARIABLE: asked},
            )
        except BaseException:
            os.close(self._words)
            raise

    def result(self) -> str | None:
        """None while it runs, "" when it has passed, else why not."""
        status = self._process.poll()
        if status is None and time.monotonic() < self.until:
            return None
        if status is None:
            return f"nothing was served within {SECONDS:g} s"
        if status == PASSED:
            return ""
        size = os.fstat(self._words).st_size
        words = os.pread(self._words, WORDS_MAX, max(0, size - WORDS_MAX))
        return reason_of(words.decode(errors="replace")) or f"it ended with status {status}"

    def close(self) -> None:
        """End it, if it still runs."""
        self._process.kill()
        self._process.wait()
        os.close(self._words)


def reason_of(words: str) -> str:
    """The last line, and of a traceback the place where it ends."""
    lines = [line for line in words.splitlines() if line.strip()]
    if not lines:
        return ""
    last = lines[-1].strip().removeprefix("uwoffload: ")
    if re.match(r"[\w.]+(Error|Exception|Interrupt|Exit)\b", last):
        places = re.findall(r'^ *File "(.+)", line (\d+)', words, re.MULTILINE)
        if places:
            return f"{places[-1][0]}:{places[-1][1]}: {last}"
    return last


def asked() -> set[tuple[str, str]] | None:
    """If this process is a trial: the protocols and addresses that are listened on already."""
    text = os.environ.pop(VARIABLE, "")
    try:
        found: dict[str, Any] = json.loads(text) if text else {}
        if found.get("parent") != os.getppid():
            return None
        return {(protocol, written) for protocol, written in found["had"]}
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def passed() -> NoReturn:
    """The end of a trial: nothing that stands behind `serve` is run."""
    os._exit(PASSED)
