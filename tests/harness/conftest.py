"""A server as a user starts it."""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wire

START_SECONDS = 20.0


class Server:
    """A master and its workers."""

    def __init__(self, command: list[str], directory: Path) -> None:
        self.directory = directory
        self.errors = directory / "errors"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
            )
        self.said = ""
        self.port = 0

    @property
    def pid(self) -> int:
        return self.process.pid

    def hear(self, words: str, seconds: float = START_SECONDS) -> str:
        """Read standard output until it has these words."""
        assert self.process.stdout is not None
        fd = self.process.stdout.fileno()
        while words not in self.said:
            readable, _, _ = select.select([fd], [], [], seconds)
            data = os.read(fd, 65536) if readable else b""
            assert data, (words, self.said, self.errors.read_text())
            self.said += data.decode()
        return self.said

    def started(self) -> Server:
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", self.hear("kill -HUP"))
        self.port = int(found[1]) if found else 0
        return self

    def workers(self) -> set[int]:
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
            return {int(word) for word in text.split()}
        return set()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=wire.PATIENCE)

    def get(self, target: str = "/") -> tuple[int, bytes]:
        with contextlib.closing(self.connect()) as client:
            client.request("GET", target)
            answer = client.getresponse()
            return answer.status, answer.read()

    def refuses(self) -> bool:
        """Nobody can connect."""
        with socket.socket() as client:
            client.settimeout(wire.PATIENCE)
            return client.connect_ex(("127.0.0.1", self.port)) == errno.ECONNREFUSED

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit status, and what standard error had."""
        self.send(number)
        self.said += self.process.communicate(timeout=wire.PATIENCE)[0].decode()
        return self.process.returncode, self.errors.read_text()

    def kill(self) -> None:
        """The end when a test has failed: the whole session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.communicate(timeout=wire.PATIENCE)


def is_alive(pid: int) -> bool:
    """Runs, or stops just now; a zombie does not count."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.fixture
def site(tmp_path: Path) -> Path:
    place = tmp_path / "site"
    place.mkdir()
    (place / "index.html").write_bytes(b"<h1>index</h1>")
    (place / "large").write_bytes(wire.content(30_000_000))
    return place


@pytest.fixture
def serve(tmp_path: Path, site: Path) -> Iterator[Callable[..., Server]]:
    """Serve the site, or run a script of this folder; killed at the end if still there."""
    with contextlib.ExitStack() as stack:

        def start(*words: str, script: str | None = None) -> Server:
            if script is None:
                start_words = ["-m", "uwoffload", "serve", str(site), "--port", "0"]
            else:
                start_words = [str(Path(__file__).parent / script)]
            server = Server([sys.executable, *start_words, *words], tmp_path)
            stack.callback(server.kill)
            return server

        yield start
