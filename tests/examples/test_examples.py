"""Every example is started as a user would start it, spoken to over real sockets, and ended."""

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wire

import uwoffload

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
ENDINGS = [signal.SIGINT, signal.SIGTERM]
START_SECONDS = 20.0
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-O2"]

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


class Server:
    """An example at work."""

    def __init__(self, command: list[str], directory: Path) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        readable, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        line = self.process.stdout.readline().decode() if readable else ""
        assert line.startswith("http://127.0.0.1:"), self.kill()
        self.port = int(line.rstrip("/\n").rpartition(":")[2])

    def connect(self, **options: int) -> socket.socket:
        client = socket.socket()
        for option, value in options.items():
            level = socket.IPPROTO_TCP if option.startswith("TCP") else socket.SOL_SOCKET
            client.setsockopt(level, getattr(socket, option), value)
        client.settimeout(wire.PATIENCE)
        client.connect(("127.0.0.1", self.port))
        return client

    def ask(self, request: bytes) -> bytes:
        """The whole of an answer that ends with the connection."""
        with self.connect() as client:
            client.sendall(request)
            return wire.read_to_end(client)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, bytes, bytes]:
        """Signal it; gives exit status and what it wrote."""
        self.process.send_signal(number)
        out, complaints = self.process.communicate(timeout=wire.PATIENCE)
        return self.process.returncode, out, complaints

    def kill(self) -> bytes:
        """The end when a test has failed: with its children, which hold the pipes too."""
        if self.process.returncode is not None:
            return b""
        os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.communicate(timeout=wire.PATIENCE)[1]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start a Python example, or a binary; whatever still runs at the end is killed."""
    with contextlib.ExitStack() as stack:

        def started(name: str, *arguments: str) -> Server:
            command = [sys.executable, str(EXAMPLES / name)] if name.endswith(".py") else [name]
            server = Server([*command, *arguments], tmp_path)
            stack.callback(server.kill)
            return server

        yield started


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode()


def read_answer(client: socket.socket) -> tuple[bytes, bytes]:
    """Head and body of an answer on a connection that lives on."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = client.recv(1)
        assert byte, head
        head += byte
    size = int(head.lower().partition(b"content-length: ")[2].split()[0])
    return head, wire.read_exactly(client, size)


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def source(name: str) -> bytes:
    return (EXAMPLES / name).read_bytes()


# ---- threads ----


@pytest.mark.parametrize("ending", ENDINGS)
def test_threads_answers_and_ends(start, ending):
    server = start("threads.py")

    assert body(server.ask(get("/upload.py"))) == source("upload.py")
    assert server.ask(get("/missing")).startswith(b"HTTP/1.0 404 ")
    assert body(server.ask(get("/c_host.c"))) == source("c_host.c")
    assert server.end(ending) == (0, b"", b"")


# ---- asyncio ----


@pytest.mark.parametrize("ending", ENDINGS)
def test_asyncio_keeps_the_connection_alive(start, ending):
    server = start("asyncio_server.py")

    with server.connect() as client:
        for _ in range(3):
            client.sendall(get("/"))
            assert read_answer(client)[1] == source("asyncio_server.py")
            client.sendall(get("/hello"))
            assert read_answer(client)[1] == b"hello\n"
        assert server.end(ending) == (0, b"", b"")


def test_asyncio_answers_requests_that_come_together(start):
    server = start("asyncio_server.py")

    with server.connect() as client:
        client.sendall((get("/") + get("/hello")) * 3)
        for _ in range(3):
            assert read_answer(client)[1] == source("asyncio_server.py")
            assert read_answer(client)[1] == b"hello\n"
    assert server.end() == (0, b"", b"")


# ---- prefork ----


@pytest.mark.parametrize("ending", ENDINGS)
def test_prefork_answers_from_its_workers_and_counts(start, ending):
    server = start("prefork.py")

    for _ in range(10):
        assert body(server.ask(get("/"))) == source("prefork.py")
    assert server.end(ending) == (0, b"10 transfers\n", b"")


def test_prefork_says_which_worker_answered(start):
    server = start("prefork.py")
    seen = set()

    def both_have_answered() -> bool:
        head = server.ask(get("/")).partition(b"\r\n\r\n")[0]
        seen.add(head.partition(b"Worker: ")[2][:1])
        return len(seen) == 2

    wire.until(both_have_answered)
    assert seen == {b"0", b"1"}
    assert server.end()[0] == 0


# ---- upload ----


def put(data: bytes) -> bytes:
    return b"PUT /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(data) + data


@pytest.mark.parametrize("size", [0, 1, 100, 3_000_000])
def test_upload_is_stored_and_its_size_told(start, tmp_path, size):
    server = start("upload.py")
    data = wire.content(size)

    answer = server.ask(put(data))

    assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
    assert body(answer) == b"%d bytes stored\n" % size
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [data]
    assert server.end() == (0, b"", b"")


def test_upload_waits_for_permission_where_the_client_asks(start, tmp_path):
    server = start("upload.py")
    data = wire.content(200_000)
    head = b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(data)

    with server.connect() as client:
        client.sendall(head)
        assert wire.read_exactly(client, 25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(data)
        assert body(wire.read_to_end(client)) == b"200000 bytes stored\n"
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [data]
    assert server.end() == (0, b"", b"")


@pytest.mark.parametrize("ending", ENDINGS)
def test_upload_that_is_cut_leaves_no_file(start, tmp_path, ending):
    server = start("upload.py")

    with server.connect() as client:
        client.sendall(b"PUT / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\nonly this")
        wire.until(lambda: list(tmp_path.iterdir()))
        client.shutdown(socket.SHUT_WR)
        assert wire.read_to_end(client) == b""
    assert server.end(ending) == (0, b"", b"")
    assert list(tmp_path.iterdir()) == []


# ---- stream ----


def squares(count: int) -> bytes:
    return b"number,square\r\n" + b"".join(b"%d,%d\r\n" % (n, n * n) for n in range(count))


@pytest.mark.parametrize("count", [1, 999, 1001, 300_000])
def test_stream_is_complete(start, count):
    server = start("stream.py")

    assert body(server.ask(get(f"/{count}"))) == squares(count)
    assert server.end() == (0, b"", b"")


@pytest.mark.parametrize("ending", ENDINGS)
def test_stream_ends_with_its_client_and_its_server(start, ending):
    server = start("stream.py")

    with server.connect(TCP_MAXSEG=wire.SEGMENT, SO_RCVBUF=16384) as client:
        client.sendall(get("/1000000000000"))  # for ever
        assert body(wire.read_exactly(client, 100_000)).startswith(b"number,square\r\n0,0\r\n")
    with server.connect(TCP_MAXSEG=wire.SEGMENT, SO_RCVBUF=16384) as client:
        client.sendall(get("/3"))
        assert body(wire.read_to_end(client)) == squares(3)
    assert server.end(ending) == (0, b"", b"")


# ---- a host in C ----


def build(directory: Path, flags: list[str], *more_sources: str) -> str:
    binary = str(directory / "c_host")
    sources = [str(EXAMPLES / "c_host.c"), *more_sources]
    subprocess.run(["cc", *WARNINGS, *sources, *flags, "-o", binary], check=True, cwd=directory)
    return binary


def check_c_host(start: Callable[..., Server], binary: str, directory: Path) -> None:
    file = directory / "file"
    file.write_bytes(wire.content(1_000_000))
    for ending in ENDINGS:
        server = start(binary, str(file))
        with server.connect() as client:
            client.sendall(get("/") * 2 + get("/")[:10])
            for _ in range(2):
                assert read_answer(client)[1] == file.read_bytes()
            client.sendall(get("/")[10:])
            assert read_answer(client)[1] == file.read_bytes()
            assert server.end(ending) == (0, b"", b"")


@pytest.mark.slow
@needs_compiler
def test_c_host_serves_a_file_and_keeps_connections_alive(start, tmp_path):
    flags = [uwoffload.get_cflags(), "-pthread"]

    check_c_host(start, build(tmp_path, flags, uwoffload.get_source()), tmp_path)


BUILT = (".git", ".venv*", "build", "dist", "*.egg-info", "*.so", "__pycache__", ".*_cache")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The python of a fresh venv that has the package from a wheel, and nothing of this tree."""
    place = tmp_path_factory.mktemp("fresh")
    tree = place / "tree"
    python = place / "venv" / "bin" / "python"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*BUILT))
    wheel = f"import setuptools.build_meta as b; b.build_wheel({str(place)!r})"
    subprocess.run([sys.executable, "-c", wheel], check=True, cwd=tree, stdout=subprocess.PIPE)
    shutil.rmtree(tree)
    subprocess.run([sys.executable, "-m", "venv", str(place / "venv")], check=True)
    pip = [str(python), "-m", "pip", "install", "-q", *map(str, place.glob("*.whl"))]
    subprocess.run(pip, check=True, cwd=place)
    return python


def ask_package(python: Path, how: str) -> tuple[list[str], list[str]]:
    """Flags, and further sources, as the installed package tells them."""

    def output(*command: str, **environment: str) -> list[str]:
        variables = {**os.environ, **environment}
        return subprocess.check_output(command, cwd="/", env=variables, text=True).split()

    if how == "flags":
        return output(str(python), "-m", "uwoffload", "--cflags", "--libs"), []
    include, core = output(
        str(python), "-c", "import uwoffload as u; print(u.get_include(), u.get_source())"
    )
    if how == "one file":
        return [f"-I{include}", "-pthread"], [core]
    folder = str(Path(include).parent / "pkgconfig")
    return output("pkg-config", "--cflags", "--libs", "uwoffload", PKG_CONFIG_PATH=folder), []


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("how", ["flags", "one file", "pkg-config"])
def test_c_host_needs_nothing_but_the_installed_package(start, tmp_path, installed, how):
    if how == "pkg-config" and shutil.which("pkg-config") is None:
        pytest.skip("needs pkg-config")

    flags, sources = ask_package(installed, how)

    assert str(installed.parents[1]) in " ".join(flags)
    check_c_host(start, build(tmp_path, flags, *sources), tmp_path)
