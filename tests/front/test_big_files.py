"""Large files and very many slow readers: every byte exact, nobody cut, everybody else answered."""

import hashlib
import os
import random
import resource
import selectors
import time

import pytest
import wire

from . import docroot, servers
from .client import connect, parse_head, request

READERS = 1000


@pytest.fixture
def descriptors():
    """Enough for a thousand clients of our own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < READERS * 2:
        pytest.skip(f"needs {READERS * 2} descriptors; {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, READERS * 8)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Reader:
    """A slow client: takes so many bytes at a time, and hashes them."""

    def __init__(self, address, target: str) -> None:
        self.client = connect(address, receive_buffer=16384)
        self.client.send(request(target, "Connection: close"))
        self.client.socket.setblocking(False)
        self.hash = hashlib.sha256()
        self.head = b""
        self.size = 0
        self.ended = False

    def read(self, count: int) -> None:
        try:
            data = self.client.socket.recv(count)
        except BlockingIOError:
            return
        if not data:
            self.ended = True
        if b"\r\n\r\n" not in self.head:
            head, gap, data = (self.head + data).partition(b"\r\n\r\n")
            self.head = head + gap
            if not gap:
                return
        self.hash.update(data)
        self.size += len(data)


@pytest.mark.slow
def test_thousand_slow_readers_lose_nothing_and_delay_nobody(serve, descriptors):
    """All of them are parked in the one worker at once, while others are answered by it."""
    site = serve(processes=1, offload_threads=1, socket_timeout=30)
    size = 2 << 20
    docroot.write(site.docroot / "for-readers.bin", wire.content(size, seed=5))
    expected = hashlib.sha256(wire.content(size, seed=5)).digest()
    pids = site.server.tree()
    readers = [Reader(site.http, "/for-readers.bin") for _ in range(READERS)]
    prober = connect(site.http)
    answered = 0
    try:
        wire.until(lambda: site.server.figures()["connections"] >= READERS, 30)
        for _ in range(8):  # slowly, in sips, all of them in turn
            for number, reader in enumerate(readers):
                reader.read(2000)
                if number % 50 == 0:
                    assert prober.get("/hello.txt").status == 200
                    answered += 1
        with selectors.DefaultSelector() as selector:  # then as fast as they can
            for reader in readers:
                selector.register(reader.client.socket, selectors.EVENT_READ, reader)
            end = time.monotonic() + 90
            left = len(readers)
            while left:
                assert time.monotonic() < end, f"{left} readers are not done"
                for key, _ in selector.select(wire.PATIENCE):
                    key.data.read(1 << 18)
                    if key.data.ended:
                        selector.unregister(key.fileobj)
                        left -= 1
                answered += prober.get("/hello.txt").status == 200
    finally:
        prober.socket.close()
        for reader in readers:
            reader.client.socket.close()

    for reader in readers:
        assert parse_head(reader.head).status == 200
        assert (reader.size, reader.hash.digest()) == (size, expected)
    assert answered > 160
    assert site.server.tree() == pids
    wire.until(lambda: site.server.figures()["active"] == 0)
    (site.docroot / "for-readers.bin").unlink()


@pytest.mark.parametrize("edge", [16384, 131072, 2 << 20, 4 << 20])
def test_random_sizes_around_the_edges_are_exact(site, edge):
    dice = random.Random(edge)
    connection = site.connect()
    paths = []
    try:
        for _ in range(12):
            size = max(edge + dice.randint(-300, 300), 0)
            data = wire.content(size, seed=size)
            path = docroot.write(site.docroot / f"edge-{os.getpid()}-{size}.bin", data)
            paths.append((path, hashlib.sha256(data).digest()))
        connection.send(*(request(f"/{path.name}") for path, _ in paths))
        for path, expected in paths:
            answer = connection.answer()
            assert hashlib.sha256(answer.body).digest() == expected, path.name
    finally:
        for path, _ in paths:
            path.unlink(missing_ok=True)
    assert connection.idle()


@pytest.mark.parametrize("buffer", [4096, 65536])
def test_slow_pipeline_of_large_files_is_exact(site, buffer):
    expected = (site.docroot / "large.bin").read_bytes()
    connection = site.connect(receive_buffer=buffer)

    connection.send(request("/large.bin"), request("/hello.txt"), request("/large.bin"))

    assert connection.answer().body == expected
    assert connection.answer().body == b"hello\n"
    assert connection.answer().body == expected
    assert connection.idle()


def test_file_beyond_four_gigabytes_has_its_size_and_its_end(site):
    """Sparse, so that it costs nothing: lengths and offsets must not be cut to 32 bits."""
    size = (5 << 30) + 12345
    path = site.docroot / f"huge-{os.getpid()}.bin"
    with path.open("wb") as file:
        try:
            file.truncate(size)
        except OSError:
            pytest.skip("no files of five gigabytes here")
        file.seek(size - 10)
        file.write(b"0123456789")
    try:
        connection = site.connect()
        assert connection.get(f"/{path.name}", method="HEAD")["content-length"] == str(size)
        tail = connection.get(f"/{path.name}", "Range: bytes=-12")
        assert tail.body == b"\0\x000123456789"
        assert tail["content-range"] == f"bytes {size - 12}-{size - 1}/{size}"
        edge = connection.get(f"/{path.name}", f"Range: bytes={(4 << 30) - 1}-{4 << 30}")
        assert edge.body == b"\0\0"
    finally:
        path.unlink()


@pytest.mark.skipif(servers.CURL is None, reason="needs curl")
def test_curl_resumes_a_download(site, tmp_path):
    url = f"http://127.0.0.1:{site.http[1]}/large.bin"
    target = tmp_path / "download"
    expected = (site.docroot / "large.bin").read_bytes()

    target.write_bytes(expected[:3_000_000])
    servers.curl("-C", "-", "-o", str(target), url)
    assert target.read_bytes() == expected

    servers.curl("-z", str(site.docroot / "large.bin"), "-o", str(tmp_path / "none"), url)
    assert not (tmp_path / "none").exists() or (tmp_path / "none").read_bytes() == b""


@pytest.mark.skipif(servers.CURL is None, reason="needs curl")
def test_curl_posts_and_keeps_alive(site):
    url = f"http://127.0.0.1:{site.http[1]}"

    said = servers.curl(
        "-w", "%{http_code} %{num_connects}\n", "-o", "/dev/null", f"{url}/hello.txt",
        "-o", "/dev/null", f"{url}/alphabet.txt",
    )  # fmt: skip
    assert said.decode().split("\n")[:2] == ["200 1", "200 0"]
    code = servers.curl(
        "-w", "%{http_code}", "-o", "/dev/null", "-d", "x" * 5000, f"{url}/hello.txt"
    )
    assert code == b"405"
    assert servers.curl("--compressed", f"{url}/only.css") == b"p { color: red }\n"
    assert servers.curl("-L", f"{url}/sub") == b"<p>sub</p>\n"
