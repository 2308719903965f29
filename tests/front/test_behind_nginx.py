"""The first ini of the predecessor's documentation, unchanged, behind a real nginx."""

import hashlib
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import wire

from . import client, docroot, servers

needs_nginx = pytest.mark.skipif(servers.NGINX is None, reason="needs nginx")
needs_curl = pytest.mark.skipif(servers.CURL is None, reason="needs curl")
pytestmark = [needs_nginx]

FIRST_INI = """\
[uwsgi]
socket = :3031
check-static = /var/www
offload-threads = 4
"""

# Into namespaces of its own: port 3031 is free there, and /var/www is the docroot of the test.
INSIDE = Path(__file__).with_name("inside.py")


def location(upstream: str) -> str:
    return f"location / {{ uwsgi_pass {upstream}; {servers.UWSGI_PARAMS} }}"


@pytest.fixture
def namespaces(site_root):
    """A holder of namespaces of its own; gives the command that enters them."""
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        pytest.skip("needs unshare and nsenter (util-linux)")
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    holder = subprocess.Popen(
        ["unshare", *user, "--mount", "--net", sys.executable, str(INSIDE), str(site_root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None and holder.stderr is not None
        if holder.stdout.readline() != b"ready\n":
            pytest.skip(f"no namespaces here: {holder.stderr.read().decode()[:200]}")
        enter = ["nsenter", "--target", str(holder.pid), *(["--user"] if user else [])]
        yield [*enter, "--mount", "--net"]
    finally:
        holder.communicate()


@needs_curl
def test_first_ini_runs_unchanged(namespaces, tmp_path, site_root):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.ini").write_text(FIRST_INI)
    front = tmp_path / "front.sock"

    with (
        servers.running(
            tmp_path / "app",
            program=[*namespaces, f"--wd={tmp_path / 'app'}", *servers.COMMAND],
            command=["run", "app.ini"],
        ) as server,
        servers.nginx(
            tmp_path / "nginx", f"unix:{front}", location("127.0.0.1:3031"), prefix=namespaces
        ) as nginx,
    ):
        server.wait_until_announced()
        assert ask(front, "/hello.txt") == b"hello\n"
        assert ask(front, "/large.bin") == (site_root / "large.bin").read_bytes()
        assert ask(front, "/alphabet.txt", "--range", "3-5") == b"def"
        assert ask(front, "/link-inside.txt") == b"hello\n"
        assert docroot.SECRET not in ask(front, "/%2e%2e/secret.txt", "--path-as-is")
        assert b"404" in ask(front, "/missing")
        head = ask(front, "/hello.txt", "--head").decode()
        assert head.startswith("HTTP/1.1 200") and docroot.LAST_MODIFIED in head
        threads = servers.holdings(server.workers())["threads"]
        assert threads >= 4, "four offload threads"
        assert not nginx.alarms()


def ask(front: Path, target: str, *more: str) -> bytes:
    return servers.curl("--unix-socket", str(front), *more, f"http://test{target}")


@pytest.fixture(params=["tcp", "unix"])
def behind(request, site, tmp_path):
    """A real nginx before the shared site."""
    upstreams = {"tcp": f"127.0.0.1:{site.uwsgi[1]}", "unix": f"unix:{site.uwsgi_unix}"}
    listen = f"127.0.0.1:{servers.free_port()}"
    with servers.nginx(tmp_path / "nginx", listen, location(upstreams[request.param])) as nginx:
        yield nginx


def test_files_come_through_whole(behind, site):
    with behind.connect() as connection:
        for size in docroot.SIZES:
            answer = connection.get(f"/size-{size}.bin")
            assert answer.status == 200
            assert answer.body == (site.docroot / f"size-{size}.bin").read_bytes()
        assert connection.get("/missing").status == 404
        assert connection.get("/sub/").body == b"<p>sub</p>\n"
        assert connection.get("/with%20space.txt").body == b"with space\n"
        assert connection.get("/%FF%FE.txt").body == b"not utf-8\n"
    assert not behind.alarms()


def test_conditions_and_ranges_come_through(behind):
    with behind.connect() as connection:
        tag = connection.get("/alphabet.txt")["etag"]
        assert connection.get("/alphabet.txt", f"If-None-Match: {tag}").status == 304
        part = connection.get("/alphabet.txt", "Range: bytes=-3", f"If-Range: {tag}")
        assert (part.status, part.body) == (206, b"xyz")
        packed = connection.get("/page.html", "Accept-Encoding: gzip")
        assert packed["content-encoding"] == "gzip"
        redirect = connection.get("/sub")
        assert redirect.status in (301, 308)
        assert redirect["location"].endswith("/sub/")
    assert not behind.alarms()


def test_posts_are_refused_with_their_bodies(behind):
    with behind.connect() as connection:
        for size in (0, 1, 100, 5_000, 300_000):
            connection.send(
                client.request("/hello.txt", f"Content-Length: {size}", method="POST"), b"x" * size
            )
            assert connection.answer().status == 405
        assert connection.get("/hello.txt").body == b"hello\n"


def test_handlers_answer_behind_nginx(app, tmp_path):
    listen = f"127.0.0.1:{servers.free_port()}"
    upstream = f"127.0.0.1:{app.uwsgi[1]}"
    body = wire.content(300_000)
    digest = hashlib.sha256(body).hexdigest()

    with servers.nginx(tmp_path / "nginx", listen, location(upstream)) as nginx:
        with nginx.connect() as connection:
            for _ in range(3):
                connection.send(client.request("/echo?a=b", "X-Y: z", method="POST", body=body))
                answer = connection.answer()
                assert digest.encode() in answer.body
                assert b'"X-Y", "z"' in answer.body or b'"HTTP_X_Y", "z"' in answer.body
            made = connection.get("/generate?count=1000&size=100")
            assert len(made.body) == 100_000
        assert not nginx.alarms()


@pytest.mark.slow
def test_many_clients_through_nginx_get_their_own_bytes(behind, site):
    dice = random.Random(5)
    expected = {size: (site.docroot / f"size-{size}.bin").read_bytes() for size in docroot.SIZES}
    connections = [behind.connect() for _ in range(50)]
    try:
        for _ in range(20):
            wanted = [dice.choice(docroot.SIZES[:7]) for _ in connections]
            for connection, size in zip(connections, wanted, strict=True):
                connection.send(client.request(f"/size-{size}.bin"))
            for connection, size in zip(connections, wanted, strict=True):
                assert connection.answer().body == expected[size]
    finally:
        for connection in connections:
            connection.socket.close()
    assert not behind.alarms()
