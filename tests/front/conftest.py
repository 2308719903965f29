"""One site for the tests that only look; own servers for those that need other options."""

from __future__ import annotations

import contextlib
import gc
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import wire

from . import client, docroot, servers
from .client import Address, Answer, Client

WORKERS = 2
OFFLOAD_THREADS = 2
APP = Path(__file__).with_name("app.py")


@dataclass
class Site:
    """A server that serves `docroot` over both protocols, on TCP and UNIX sockets."""

    server: servers.Server
    docroot: Path
    http: Address
    http_unix: Address
    uwsgi: Address
    uwsgi_unix: Address
    opened: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def connect(self, address: Address | None = None, **options: int) -> Client:
        """A connection that is closed when the test ends."""
        made = client.connect(self.http if address is None else address, **options)
        return self.opened.enter_context(made)

    def get(self, target: str, *fields: str, method: str = "GET") -> Answer:
        """One request on a connection of its own."""
        with client.connect(self.http) as connection:
            return connection.get(target, *fields, method=method)

    def say(self, *parts: bytes) -> bytes:
        """Everything that comes back when the client says this and then no more."""
        with client.connect(self.http) as connection:
            return connection.send(*parts).end_sending().rest_to_cut()[0]

    def uwsgi_say(self, *parts: bytes, address: Address | None = None) -> bytes:
        """Everything that comes back for these bytes."""
        with client.connect(self.uwsgi if address is None else address) as connection:
            connection.send(*parts)
            return connection.rest_to_cut()[0]

    def uwsgi_get(
        self,
        path: str | bytes,
        method: str = "GET",
        address: Address | None = None,
        **more: str,
    ) -> Answer:
        """One request by packet, and its answer, which the end of the connection must end too."""
        with client.connect(self.uwsgi if address is None else address) as connection:
            connection.send(client.packet(client.environ(path, method, **more)))
            answer = connection.answer(method)
            assert connection.ended()
            return answer


def options(root: Path, folder: Path, **more: object) -> tuple[dict[str, object], Site]:
    """An ini for a site, and the site it will be (its server is to be put in)."""
    site = Site(
        server=None,  # type: ignore[arg-type]
        docroot=root,
        http=("127.0.0.1", servers.free_port()),
        http_unix=folder / "http.sock",
        uwsgi=("127.0.0.1", servers.free_port()),
        uwsgi_unix=folder / "uwsgi.sock",
    )
    keys: dict[str, object] = {
        "http-socket": [f"127.0.0.1:{site.http[1]}", site.http_unix],
        "socket": [f"127.0.0.1:{site.uwsgi[1]}", site.uwsgi_unix],
        "check-static": root,
        "static-index": "index.html",
        "static-siblings": True,
        "processes": WORKERS,
        "offload-threads": OFFLOAD_THREADS,
        "logto": folder / "access.log",
    }
    keys.update((name.replace("_", "-"), value) for name, value in more.items())
    return {name: value for name, value in keys.items() if value is not None}, site


def launch(
    root: Path, folder: Path, listen_too: Sequence[Address] = (), app: bool = False, **more: object
) -> Site:
    """Start it, and wait until all its workers are there.

    `listen_too`: more addresses for HTTP.  `app`: with the handlers of app.py behind the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keys, site = options(root, folder, **more)
    listeners = keys["http-socket"]
    assert isinstance(listeners, list)
    for address in listen_too:
        host = address[0] if isinstance(address, tuple) else ""
        listeners.append(f"[{host}]:{address[1]}" if isinstance(address, tuple) else address)
    addresses = [site.http, site.http_unix, site.uwsgi, site.uwsgi_unix, *listen_too]
    if app:
        named = {name.replace("-", "_"): value for name, value in keys.items()}
        site.server = servers.Server(
            folder,
            program=[sys.executable, str(APP)],
            command=[json.dumps(named, default=str)],
            environment={"FRONT_TEST_FOLDER": str(folder)},
            ready=addresses,
        )
    else:
        site.server = servers.Server(folder, keys, ready=addresses)
    if app:
        site.server.tolerated = re.compile(r"Traceback")  # handlers that fail on purpose
    site.server.wait_until_announced()
    return site


@contextlib.contextmanager
def cared_for(site: Site) -> Iterator[Site]:
    """End what a test began: its connections, then the server, in order."""
    try:
        with site.opened:
            yield site
        site.server.stop()
    finally:
        if site.server.process.returncode is None:
            site.server.kill()


@pytest.fixture(scope="session")
def site_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = docroot.build(tmp_path_factory.mktemp("site"))
    gc.collect()
    gc.freeze()  # every test collects garbage: spare it the many that pytest itself keeps
    yield root
    gc.unfreeze()


@pytest.fixture(scope="session")
def shared_site(site_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with cared_for(launch(site_root, tmp_path_factory.mktemp("server"))) as site:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    """The shared site; afterwards its processes are the same and hold what they held before."""
    with servers.watched(shared_site.server, shared_site.docroot):
        with contextlib.ExitStack() as opened:
            shared_site.opened = opened
            yield shared_site


@pytest.fixture
def serve(site_root: Path, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Start a site with other options, `head_timeout=1` for head-timeout; ended at the end."""
    with contextlib.ExitStack() as stack:
        numbers = iter(range(100))

        def start(root: Path | None = None, **more: object) -> Site:
            folder = tmp_path / f"server-{next(numbers)}"
            return stack.enter_context(cared_for(launch(root or site_root, folder, **more)))

        yield start


@pytest.fixture
def serve_app(serve: Callable[..., Site]) -> Callable[..., Site]:
    """The same, with the handlers of app.py."""

    def start(**more: object) -> Site:
        return serve(app=True, **more)

    return start


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user can enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="uwoffload-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def shared_app(site_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("app")
    (folder / "data.bin").write_bytes(wire.content(5000, seed=3))
    with cared_for(launch(site_root, folder, app=True, body_memory=4096)) as site:
        yield site


@pytest.fixture
def app(shared_app: Site) -> Iterator[Site]:
    """A shared server with the handlers of app.py, two workers with a thread each."""
    with servers.watched(shared_app.server, shared_app.docroot):
        with contextlib.ExitStack() as opened:
            shared_app.opened = opened
            yield shared_app
