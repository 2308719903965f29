"""Files that change while they are sent: the whole old one or a visible cut, never a mixture."""

import os

import pytest
import wire

from . import docroot
from .client import Cut, connect, request

SIZE = 6 << 20


@pytest.fixture
def changing(site):
    """A file of our own that is being sent to a client who has read the beginning only."""
    seeds = iter(range(1000))

    class Download:
        def __init__(self) -> None:
            self.data = wire.content(SIZE, seed=next(seeds))
            self.path = site.docroot / f"changing-{os.getpid()}-{id(self)}.bin"
            docroot.write(self.path, self.data)
            self.client = site.connect(receive_buffer=16384)
            self.client.send(request(f"/{self.path.name}"), request("/hello.txt"))
            head = self.client.head()
            assert (head.status, head["content-length"]) == (200, str(SIZE))
            self.begin = self.client.take(100_000)

        def rest(self) -> bytes:
            """All of it; raises Cut."""
            try:
                return self.begin + self.client.take(SIZE - len(self.begin))
            except ConnectionResetError:
                raise Cut("reset") from None

    made = []

    def start() -> Download:
        made.append(Download())
        return made[-1]

    yield start
    for download in made:
        download.path.unlink(missing_ok=True)


def test_file_replaced_by_rename_is_finished_from_the_old_one(changing, tmp_path):
    download = changing()
    new = download.path.with_suffix(".new")

    new.write_bytes(b"n" * SIZE)
    new.rename(download.path)

    assert download.rest() == download.data
    assert download.client.answer().body == b"hello\n", "and the connection lives"


def test_deleted_file_is_finished(changing):
    download = changing()

    download.path.unlink()

    assert download.rest() == download.data
    assert download.client.answer().body == b"hello\n"


@pytest.mark.slow
@pytest.mark.native
@pytest.mark.parametrize("size", [0, 1, 100_001, SIZE - 1])
def test_file_that_shrinks_cuts_the_connection(changing, size):
    download = changing()

    os.truncate(download.path, size)

    with pytest.raises(Cut):
        download.rest()
        download.client.answer()


@pytest.mark.parametrize("size", [0, SIZE // 2])
def test_file_that_shrinks_and_grows_again_cuts_the_connection(changing, size):
    download = changing()

    os.truncate(download.path, size)
    with download.path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(b"?" * (SIZE - size))

    with pytest.raises(Cut):
        download.rest()
        download.client.answer()


def test_file_written_in_place_cuts_the_connection(changing):
    """What was sent is neither the old nor the new file: the client must see that."""
    download = changing()

    with download.path.open("r+b") as file:
        file.seek(SIZE - 1000)
        file.write(b"?" * 1000)

    with pytest.raises((Cut, ConnectionResetError)):
        found = download.rest()
        assert found != download.data
        download.client.answer()


def test_file_that_grows_cuts_the_connection(changing):
    download = changing()

    with download.path.open("ab") as file:
        file.write(b"more")

    with pytest.raises((Cut, ConnectionResetError)):
        download.rest()
        download.client.answer()


def test_range_of_a_file_that_shrinks_is_cut_too(site):
    data = wire.content(SIZE, seed=99)
    path = docroot.write(site.docroot / f"shrinking-range-{os.getpid()}.bin", data)
    try:
        client = site.connect(receive_buffer=16384)
        client.send(request(f"/{path.name}", "Range: bytes=1000-"))
        assert client.head().status == 206
        client.take(10_000)
        os.truncate(path, 5000)
        with pytest.raises((Cut, ConnectionResetError)):
            client.take(SIZE - 11_000)
    finally:
        path.unlink()


@pytest.mark.slow
def test_new_file_is_seen_soon(site):
    """A kept file, or a kept miss, is believed for about a second."""
    path = site.docroot / f"new-{os.getpid()}.txt"
    connection = site.connect()
    assert connection.get(f"/{path.name}").status == 404
    try:
        docroot.write(path, b"one")
        wire.until(lambda: connection.get(f"/{path.name}").status == 200)
        first = connection.get(f"/{path.name}")
        new = path.with_suffix(".new")
        new.write_bytes(b"another")
        new.rename(path)
        wire.until(lambda: connection.get(f"/{path.name}").body == b"another")
        second = connection.get(f"/{path.name}")
        assert first["etag"] != second["etag"]
        assert second["content-length"] == "7"
    finally:
        path.unlink(missing_ok=True)
    wire.until(lambda: connection.get(f"/{path.name}").status == 404)


@pytest.mark.slow
@pytest.mark.native
def test_small_file_rewritten_all_the_time_is_never_mixed(serve, tmp_path):
    """Answers are consistent: a length and a tag, and content that belongs to them."""
    root = tmp_path / "root"
    path = docroot.write(root / "file.txt", b"0")
    site = serve(root, file_cache_valid="0.001")
    connection = site.connect()
    tags: dict[str, bytes] = {}

    for number in range(300):
        new = root / "file.new"
        new.write_bytes(b"%d" % number * (number % 7 + 1) * 1000)
        new.rename(path)
        try:
            answer = connection.get("/file.txt")
        except (Cut, ConnectionResetError):
            connection = site.connect()
            continue
        assert tags.setdefault(answer["etag"], answer.body) == answer.body


def test_directory_that_disappears_is_404(serve, tmp_path):
    root = tmp_path / "root"
    docroot.write(root / "d" / "file.txt", b"x")
    site = serve(root, file_cache_valid="0.001")

    assert site.get("/d/file.txt").status == 200
    (root / "d" / "file.txt").unlink()
    (root / "d").rmdir()

    wire.until(lambda: site.get("/d/file.txt").status == 404)
    with connect(site.http) as connection:
        assert connection.get("/d/").status == 404
