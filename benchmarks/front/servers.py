"""
The servers side by side: ours, nginx and uWSGI, started with equal settings.

All of them listen on cubic sockets (c/equal.c), with the same backlog, the same limits of
keep-alive and the same kind of access log, and serve the same directory with one worker.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from method import Failed, Missing, Settings, cpu_seconds

HERE = Path(__file__).resolve().parent
READY_SECONDS = 15
STOP_SECONDS = 10
KEEPALIVE_REQUESTS = 10_000
PACKAGES = {"nginx": "nginx", "wrk": "wrk", "uwsgi": "uwsgi-core", "strace": "strace"}


def needs(*tools: str) -> None:
    """Say which tools are missing, and how to get them."""
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        packages = " ".join(PACKAGES[tool] for tool in missing)
        raise Missing(f"not installed: {', '.join(missing)} (apt-get install {packages})")


def absent() -> list[str]:
    """Tools that some questions need, and that are not here."""
    return [tool for tool in PACKAGES if not shutil.which(tool)]


@dataclass(frozen=True)
class Setup:
    """What every server of a comparison is asked for; deferred: TCP_DEFER_ACCEPT."""

    directory: str
    log: bool = False
    deferred: bool = True
    processes: int = 1
    keepalive_seconds: int = 60
    options: tuple[str, ...] = ()  # for ours


@dataclass(frozen=True)
class Kind:
    """A server, and how many threads it serves with."""

    name: str
    tool: str
    threads: int = 1

    @property
    def ours(self) -> bool:
        return self.tool == "uwoffload"


OURS_0 = Kind("uwoffload, no threads", "uwoffload", 0)
OURS_1 = Kind("uwoffload, 1 thread", "uwoffload", 1)
OURS_2 = Kind("uwoffload, 2 threads", "uwoffload", 2)
NGINX = Kind("nginx", "nginx")
NGINX_2 = Kind("nginx, 2 workers", "nginx", 2)  # as many loops as two of our threads
UWSGI = Kind("uWSGI", "uwsgi", 2)


def installed(kinds: Sequence[Kind]) -> list[Kind]:
    """Those that can be started here; the others are left out of the comparison."""
    return [kind for kind in kinds if kind.ours or shutil.which(kind.tool)]


def backlog() -> int:
    return min(4096, int(Path("/proc/sys/net/core/somaxconn").read_text()))


def _ours(kind: Kind, setup: Setup, port: int, _scratch: Path) -> list[str]:
    log = ("--logto", str(_scratch / "access.log")) if setup.log else ("--disable-logging",)
    return [
        *(sys.executable, "-m", "uwoffload", "run"),
        *("--http-socket", f"127.0.0.1:{port}"),
        *("--check-static", setup.directory),
        *("--offload-threads", str(kind.threads)),
        *("--processes", str(setup.processes)),
        *("--listen", str(backlog())),
        *("--keepalive-timeout", str(setup.keepalive_seconds)),
        *(() if setup.deferred else ("--no-defer-accept",)),
        *log,
        *setup.options,
    ]


def _nginx(kind: Kind, setup: Setup, port: int, scratch: Path) -> list[str]:
    access_log = f"{scratch}/access.log combined buffer=64k flush=1s" if setup.log else "off"
    user = "user root;" if os.geteuid() == 0 else ""
    (scratch / "nginx.conf").write_text(
        f"""
        daemon off; {user}
        worker_processes {setup.processes * kind.threads};
        worker_rlimit_nofile 20000;
        pid {scratch}/pid;
        error_log {scratch}/error.log;
        events {{ worker_connections 16384; }}
        http {{
            sendfile on;
            tcp_nopush on;
            open_file_cache max=1000 inactive=20s;
            open_file_cache_valid 1s;
            access_log {access_log};
            keepalive_requests {KEEPALIVE_REQUESTS};
            keepalive_timeout {setup.keepalive_seconds}s;
            client_body_temp_path {scratch}/body;
            proxy_temp_path {scratch}/proxy;
            fastcgi_temp_path {scratch}/fastcgi;
            uwsgi_temp_path {scratch}/uwsgi;
            scgi_temp_path {scratch}/scgi;
            server {{
                listen 127.0.0.1:{port} backlog={backlog()}{" deferred" if setup.deferred else ""};
                root {setup.directory};
            }}
        }}
        """
    )
    return ["nginx", "-p", str(scratch), "-c", str(scratch / "nginx.conf")]


def _uwsgi(kind: Kind, setup: Setup, port: int, scratch: Path) -> list[str]:
    log = ("--logto", str(scratch / "access.log")) if setup.log else ("--disable-logging",)
    return [
        # The plugin because Debian's uWSGI has none for modifier 0, and then asks for no file.
        *("uwsgi", "--plugins", "notfound", "--master", "--die-on-term"),
        *("--http-socket", f"127.0.0.1:{port}"),
        *("--check-static", setup.directory),
        *("--offload-threads", str(kind.threads)),
        *("--processes", str(setup.processes)),
        *("--listen", str(backlog())),
        *(() if setup.deferred else ("--no-defer-accept",)),
        *log,
    ]


COMMANDS = {"uwoffload": _ours, "nginx": _nginx, "uwsgi": _uwsgi}


class Running:
    """A server that listens."""

    def __init__(self, kind: Kind, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.kind, self.process, self.port = kind, process, port

    @property
    def pid(self) -> int:
        return self.process.pid

    def cpu_seconds(self) -> float:
        """Of the master, its workers and all their threads."""
        return cpu_seconds(self.pid)

    def processes(self) -> list[int]:
        """The first process and all its descendants."""
        return descendants(self.pid)

    def workers(self) -> list[int]:
        """The processes that serve: those without children."""
        return [pid for pid in self.processes() if len(descendants(pid)) == 1]


def descendants(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += descendants(int(child))
    return found


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def environment(settings: Settings) -> dict[str, str]:
    """For a program whose sockets shall be like everybody's."""
    return {
        **os.environ,
        "LD_PRELOAD": settings.program("equal.so"),
        "BENCH_CONGESTION": "cubic",
    }


def _await_answer(process: "subprocess.Popen[bytes]", port: int, messages: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2) as sock:
            sock.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            sock.recv(4096)  # a 404, or from uWSGI nothing but the end
            return
        time.sleep(0.02)
    said = messages.read_text(errors="replace").strip().splitlines()[-5:]
    raise Failed(f"{process.args!r} does not serve: {' | '.join(said) or 'it said nothing'}")


@contextmanager
def launched(
    settings: Settings,
    kind: Kind,
    command: Sequence[str],
    port: int,
    scratch: Path,
) -> Iterator[Running]:
    """Start a server, wait until it answers, and end it."""
    messages = scratch / "messages"
    with messages.open("wb") as said:
        process = subprocess.Popen(
            command,
            env=environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        _await_answer(process, port, messages)
        yield Running(kind, process, port)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            settings.progress(f"  {kind.name} did not end within {STOP_SECONDS} s: killed")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def serving(settings: Settings, kind: Kind, setup: Setup) -> Iterator[Running]:
    """A fresh server of that kind."""
    with tempfile.TemporaryDirectory(prefix="uwoffload-bench-") as name:
        scratch, port = Path(name), free_port()
        command = COMMANDS[kind.tool](kind, setup, port, scratch)
        with launched(settings, kind, command, port, scratch) as running:
            yield running
