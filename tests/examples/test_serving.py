"""The examples of the front, each run as a user runs it."""

import io
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import wire
from front import client, servers

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def address_of(server: servers.Server) -> tuple[str, int]:
    server.wait_until_announced()
    (port,) = re.findall(r"listening: +http://127\.0\.0\.1:(\d+)/\n", server.text())
    return "127.0.0.1", int(port)


# ---- handler.py ----


@pytest.fixture
def handler(tmp_path):
    """The example at work, in a directory of its own."""
    command = [str(EXAMPLES / "handler.py"), "0"]
    with servers.running(tmp_path, program=[sys.executable], command=command) as server:
        yield address_of(server)


def test_handler_answers_bytes_a_table_a_file_and_404_on_one_connection(handler):
    with client.connect(handler) as connection:
        assert re.fullmatch(rb"<p>Hello, 127\.0\.0\.1:\d+!</p>\n", connection.get("/").body)
        source = connection.get("/source")
        assert (source["content-type"], source.body) == (
            "text/x-python",
            (EXAMPLES / "handler.py").read_bytes(),
        )
        table = io.BytesIO(connection.get("/squares.csv").body)
        assert [next(table) for _ in range(3)] == [b"number,square\r\n", b"0,0\r\n", b"1,1\r\n"]
        assert sum(1 for _ in table) == 999_998
        assert connection.get("/missing").status == 404
        assert connection.get("/", method="HEAD").body == b""


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_handler_stores_an_upload(handler, tmp_path, size):
    data = wire.content(size)
    head = f"PUT /upload HTTP/1.1\r\nHost: test\r\nContent-Length: {size}\r\n\r\n".encode()
    with client.connect(handler) as connection:
        connection.send(head, data)
        answer = connection.answer("PUT")
    assert (answer.status, answer.body) == (201, b"%d bytes stored\n" % size)
    assert (tmp_path / "upload").read_bytes() == data


def test_handler_runs_its_table_only_as_far_as_the_client_reads(handler):
    """A client that reads nothing of it keeps no thread."""
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, wire.SEGMENT)
        slow.settimeout(wire.PATIENCE)
        slow.connect(handler)
        slow.sendall(b"GET /squares.csv HTTP/1.1\r\nHost: test\r\n\r\n")
        assert wire.read_exactly(slow, 12) == b"HTTP/1.1 200"
        for _ in range(8):
            with client.connect(handler) as connection:
                assert connection.get("/").status == 200


# ---- the site ----


def test_site_is_made_once_and_served(tmp_path):
    make = [sys.executable, str(EXAMPLES / "make_site.py"), str(tmp_path / "site")]
    subprocess.run(make, check=True)
    made = (tmp_path / "site" / "large-64m.bin").stat()
    subprocess.run(make, check=True)
    assert (tmp_path / "site" / "large-64m.bin").stat().st_mtime_ns == made.st_mtime_ns

    with servers.running(tmp_path, command=["serve", "site", "--port", "0"]) as server:
        with client.connect(address_of(server)) as connection:
            page = connection.get("/")
            assert b"It serves" in page.body
            links = re.findall(rb'(?:href|src)="([^"]+)"', page.body)
            assert len(links) >= 5
            for link in links:
                answer = connection.get(f"/{link.decode()}")
                assert answer.status == 200
                assert answer.body == (tmp_path / "site" / link.decode()).read_bytes()


def test_what_the_pages_of_the_site_tell_to_try_works(tmp_path):
    """Commands of limits.html, with the address of this server."""
    if servers.CURL is None:
        pytest.skip("needs curl")
    page = (EXAMPLES / "site" / "limits.html").read_text()
    with servers.running(
        tmp_path, command=["serve", str(EXAMPLES / "site"), "--port", "0"]
    ) as server:
        url = "http://{}:{}".format(*address_of(server))
        head = servers.curl("-I", f"{url}/").decode()
        assert head.startswith("HTTP/1.1 200 ")
        ranges = servers.curl("-i", "-r", "0-99,-100", f"{url}/limits.html").decode()
        assert "HTTP/1.1 206 " in ranges and "multipart/byteranges" in ranges
        outside = servers.curl("-i", f"{url}/../etc/passwd", "--path-as-is").decode()
        assert re.match(r"HTTP/1\.1 40[0-9] ", outside) and "root:" not in outside
    for told in ("curl -I", "-r 0-99,-100", "--path-as-is", "--limit-rate 20K"):
        assert told in page
