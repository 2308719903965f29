"""Servers under test as processes, ours and nginx: what they hold, and how they end."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import wire

from uwoffload import Statistics

from .client import Address, Client, connect

START_SECONDS = 30.0
STOP_SECONDS = 15.0
COMMAND = [sys.executable, "-m", "uwoffload"]

# What no server may ever write, whatever a client does.
ALARMS = re.compile(
    r"Traceback|Sanitizer|runtime error:|\bensure\b|Segmentation|core dumped|Fatal Python|"
    r"ResourceWarning|was never awaited|Exception ignored|\bBUG\b"
)

# For programs that are not ours: a sanitizer is preloaded into our own only.
FOREIGN = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}

Options = Mapping[str, object] | Sequence[tuple[str, object]]


def free_port() -> int:
    """A port that nobody has, below those that outgoing connections are given."""
    while True:
        port = random.randrange(18000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def ini(options: Options) -> str:
    """An ini file; a list as value repeats the key."""
    pairs = options.items() if isinstance(options, Mapping) else options
    lines = ["[uwsgi]"]
    for key, value in pairs:
        for one in value if isinstance(value, list) else [value]:
            lines.append(f"{key} = {str(one).lower() if isinstance(one, bool) else one}")
    return "\n".join(lines) + "\n"


# ---- what a process holds ----


def children(pid: int) -> list[int]:
    """Its children now, of all its threads."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/task/{task}/children").read_text()
                found += [int(number) for number in text.split()]
    return sorted(found)


def tree(pid: int) -> list[int]:
    found = [pid]
    for child in children(pid):
        found += tree(child)
    return found


def alive(pid: int) -> bool:
    """Running, and not only waiting to be buried."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time they have used, user and system."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def holdings(pids: Iterable[int], ignore: Path | None = None) -> Counter[str]:
    """Threads and descriptors by kind; files below `ignore` (a cache of open ones) left out."""
    found: Counter[str] = Counter()
    for pid in pids:
        with contextlib.suppress(OSError):
            found["threads"] += len(os.listdir(f"/proc/{pid}/task"))
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    target = os.readlink(f"/proc/{pid}/fd/{fd}")
                    if ignore is None or not target.startswith(f"{ignore}"):
                        found[re.sub(r":\[\d+\]$", "", target)] += 1
    return found


# ---- ours ----


class Server:
    """The server at work: `options` is its ini, `command` what follows `uwoffload`."""

    def __init__(
        self,
        folder: Path,
        options: Options | None = None,
        *,
        command: Sequence[str] = ("run", "server.ini"),
        program: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        ready: Sequence[Address] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        if options is not None:
            (folder / "server.ini").write_text(ini(options), encoding="utf-8")
        self.output = folder / "output.log"
        self.command = [*(program or COMMAND), *command]
        self.allowed_status = 0
        self.tolerated: re.Pattern[str] | None = None  # complaints that are no alarm here
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | {"PYTHONUNBUFFERED": "1"} | dict(environment or {}),
            )
        try:
            for address in ready:
                self.wait_for(address)
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        return self.process.pid

    def workers(self) -> list[int]:
        return [pid for pid in children(self.pid) if alive(pid)]

    def tree(self) -> list[int]:
        return tree(self.pid)

    def mark(self) -> dict[Path, int]:
        """How much it has written by now."""
        paths = [self.output, *self.folder.glob("*.log")]
        return {path: path.stat().st_size for path in paths}

    def text(self, since: Mapping[Path, int] | None = None) -> str:
        """What it has written, its log files included; all, or since a mark."""
        found = []
        for path in self.mark():
            with path.open("rb") as file:
                file.seek((since or {}).get(path, 0))
                found.append(file.read().decode(errors="replace"))
        return "".join(found)

    def tail(self) -> str:
        """Its last words, without the access log."""
        lines = [line for line in self.text().splitlines() if '] "' not in line]
        return "\n".join(lines[-25:])

    def wait_for(self, address: Address) -> None:
        """Until it takes a connection there."""

        def listens() -> bool:
            assert self.process.poll() is None, f"ended {self.process.returncode}: {self.tail()}"
            try:
                connect(address).socket.close()
            except OSError:
                return False
            return True

        wire.until(listens, START_SECONDS)

    def wait_until_announced(self) -> None:
        """Until it says that all its workers serve."""

        def announced() -> bool:
            assert self.process.poll() is None, f"ended {self.process.returncode}: {self.tail()}"
            return b"listening:" in self.output.read_bytes()

        wire.until(announced, START_SECONDS)

    def wait_for_workers(self, count: int, *, without: Iterable[int] = ()) -> list[int]:
        """Until so many are there, none of them one of `without`."""

        def all_there() -> bool:
            assert self.process.poll() is None, f"ended {self.process.returncode}: {self.tail()}"
            found = self.workers()
            return len(found) == count and not set(found) & set(without)

        wire.until(all_there, START_SECONDS)
        return self.workers()

    def figures(self) -> dict[str, int]:
        """The sums of its statistics, read out of the block that its master holds."""
        for fd in os.listdir(f"/proc/{self.pid}/fd"):
            path = f"/proc/{self.pid}/fd/{fd}"
            with contextlib.suppress(OSError):
                if os.readlink(path).startswith("/memfd:"):
                    with Statistics.open(path) as statistics:
                        return statistics.total()
        raise AssertionError("the master holds no statistics block")

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Its exit status."""
        return self.process.wait(seconds)

    def complaints(self, since: Mapping[Path, int] | None = None) -> list[str]:
        """What no server may write, unless it is tolerated here."""
        text = self.text(since)
        if not ALARMS.search(text):
            return []
        lines = [line for line in text.splitlines() if ALARMS.search(line)]
        return [line for line in lines if not (self.tolerated and self.tolerated.search(line))]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """The orderly end, which must be one: status 0, in time, nobody left."""
        if self.process.returncode is not None:
            assert self.process.returncode == self.allowed_status, self.tail()
            return
        pids = self.tree()
        self.send(number)
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end in {STOP_SECONDS} s:\n{self.tail()}") from None
        wire.until(lambda: not any(alive(pid) for pid in pids))
        assert status == self.allowed_status, f"exit status {status}:\n{self.tail()}"
        assert not self.complaints(), self.tail()

    def kill(self) -> None:
        """The end when a test has failed: the whole session."""
        pids = self.tree() if self.process.poll() is None else []
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)


@contextlib.contextmanager
def running(*arguments: object, **more: object) -> Iterator[Server]:
    """A server for the length of a block, ended in order."""
    server = Server(*arguments, **more)  # type: ignore[arg-type]
    try:
        yield server
        server.stop()
    finally:
        if server.process.returncode is None:
            server.kill()


@contextlib.contextmanager
def watched(server: Server, docroot: Path | None = None) -> Iterator[None]:
    """Whatever happens inside: the same processes are there afterwards, and hold what they held."""
    pids = server.tree()
    before = holdings(pids, docroot)
    mark = server.mark()
    yield
    assert server.process.poll() is None, f"ended {server.process.returncode}: {server.tail()}"
    assert server.tree() == pids, f"a worker was replaced: {server.tail()}"
    with contextlib.suppress(TimeoutError):
        wire.until(lambda: not holdings(pids, docroot) - before, 5.0)
    left = holdings(pids, docroot) - before
    assert not left, f"left behind: {left}"
    assert not server.complaints(mark)


# ---- nginx ----

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

NGINX_CONF = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    sendfile on;
    tcp_nopush on;
    {http}
    server {{
        listen {listen};
        {server}
    }}
}}
"""

# What uwsgi_pass needs to know, as Debian's uwsgi_params has it.
UWSGI_PARAMS = """
    uwsgi_param QUERY_STRING $query_string;
    uwsgi_param REQUEST_METHOD $request_method;
    uwsgi_param CONTENT_TYPE $content_type;
    uwsgi_param CONTENT_LENGTH $content_length;
    uwsgi_param REQUEST_URI $request_uri;
    uwsgi_param PATH_INFO $document_uri;
    uwsgi_param DOCUMENT_ROOT $document_root;
    uwsgi_param SERVER_PROTOCOL $server_protocol;
    uwsgi_param REQUEST_SCHEME $scheme;
    uwsgi_param HTTPS $https if_not_empty;
    uwsgi_param REMOTE_ADDR $remote_addr;
    uwsgi_param REMOTE_PORT $remote_port;
    uwsgi_param SERVER_PORT $server_port;
    uwsgi_param SERVER_NAME $server_name;
"""


class Nginx:
    """A real nginx with a configuration in a folder of its own."""

    def __init__(
        self, folder: Path, listen: str, server: str, http: str = "", prefix: Sequence[str] = ()
    ) -> None:
        assert NGINX
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        (folder / "nginx.conf").write_text(
            NGINX_CONF.format(
                folder=folder,
                listen=listen,
                server=server,
                http=http,
                user="user root;" if os.geteuid() == 0 else "",
            )
        )
        self.address: Address
        if listen.startswith("unix:"):
            self.address = Path(listen.removeprefix("unix:"))
        else:
            host, _, port = listen.rpartition(":")
            self.address = (host, int(port))
        self.output = folder / "nginx.out"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*prefix, NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=FOREIGN,
            )
        try:
            wire.until(self._listens)
        except BaseException:
            self.kill()
            raise

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.text()
        try:
            connect(self.address).socket.close()
        except OSError:
            return False
        return True

    def text(self) -> str:
        found = self.output.read_text(errors="replace")
        log = self.folder / "error.log"
        return found + (log.read_text(errors="replace") if log.exists() else "")

    def alarms(self) -> list[str]:
        return [
            line
            for line in self.text().splitlines()
            if re.search(r"\[(alert|crit|emerg|error)\]", line)
        ]

    def connect(self) -> Client:
        return connect(self.address)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(STOP_SECONDS)


@contextlib.contextmanager
def nginx(*arguments: object, **more: object) -> Iterator[Nginx]:
    server = Nginx(*arguments, **more)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        server.kill()


# ---- curl ----

CURL = shutil.which("curl")


def curl(*arguments: str, seconds: float = 30.0) -> bytes:
    """What curl gives; it must succeed."""
    assert CURL
    done = subprocess.run(
        [CURL, "-sS", "--max-time", str(seconds), *arguments],
        capture_output=True,
        timeout=seconds + 5,
        check=False,
        env=FOREIGN,
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout


def turns(seconds: float) -> Iterator[int]:
    """Numbers, for so long."""
    end = time.monotonic() + seconds
    for number in itertools.count():
        if time.monotonic() > end:
            return
        yield number
