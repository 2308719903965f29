"""Files as they stand: whole, of the right type, with what a cache needs to know of them."""

import gzip
import hashlib
import os
import re

import pytest
import wire

from . import docroot
from .client import connect, request
from .servers import free_port


@pytest.mark.parametrize("size", docroot.SIZES)
@pytest.mark.parametrize("address", ["http", "http_unix"])
def test_file_arrives_whole(site, address, size):
    expected = (site.docroot / f"size-{size}.bin").read_bytes()

    answer = site.connect(getattr(site, address)).get(f"/size-{size}.bin")

    assert answer["content-length"] == str(size)
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(expected).digest()


def test_fields_tell_what_a_cache_needs(site):
    answer = site.get("/alphabet.txt")

    assert answer["last-modified"] == docroot.LAST_MODIFIED
    assert answer["accept-ranges"] == "bytes"
    assert re.fullmatch(r'"[^"]+"', answer["etag"]), "a strong tag"
    assert answer["content-length"] == "26"
    assert answer["date"].endswith("GMT")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/hello.txt", r"text/plain; ?charset=utf-8"),
        ("/page.html", r"text/html; ?charset=utf-8"),
        ("/UPPER.HTML", r"text/html; ?charset=utf-8"),
        ("/only.css", r"text/css; ?charset=utf-8"),
        ("/image.png", r"image/png"),
        ("/noextension", r"application/octet-stream"),
        ("/large.bin", r"application/octet-stream"),
    ],
)
def test_type_follows_from_the_name(site, target, expected):
    assert re.fullmatch(expected, site.get(target)["content-type"], re.IGNORECASE)


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/with%20space.txt", b"with space\n"),
        ("/per%2541cent.txt", b"a percent sign in the name\n"),
        ("/hello%2etxt", b"hello\n"),
        ("/%68%65llo.txt", b"hello\n"),
        ("/a+b.txt", b"plus\n"),
        ("/a%2Bb.txt", b"plus\n"),
        ("/semi;colon.txt", b"semicolon\n"),
        ("/%C3%BCmlaut.txt", b"umlaut\n"),
        ("/%FF%FE.txt", b"not utf-8\n"),
        ("/back%5Cslash.txt", b"backslash\n"),
        ("/...", b"three dots\n"),
        ("/hello.txt?", b"hello\n"),
        ("/hello.txt?a=b&c=/../../x", b"hello\n"),
        ("/./hello.txt", b"hello\n"),
        ("//hello.txt", b"hello\n"),
        ("/sub/../hello.txt", b"hello\n"),
        ("/sub/%2e%2e/hello.txt", b"hello\n"),
        ("/sub//deep/./er/file.txt", b"deeper\n"),
        ("/link-inside.txt", b"hello\n"),
        ("/" + "n" * 255, b"long name\n"),
    ],
)
def test_name_is_decoded_once(site, target, body):
    answer = site.get(target)

    assert (200, body) == (answer.status, answer.body)


def test_index_answers_for_its_directory(site):
    assert site.get("/").body == docroot.HOME
    assert site.get("/sub/").body == b"<p>sub</p>\n"
    assert site.get("/sub/?q").body == b"<p>sub</p>\n"
    assert site.get("/sub/deep/..").body == b"<p>sub</p>\n"
    assert site.get("/sub/")["content-type"].startswith("text/html")


@pytest.mark.parametrize("target", ["/noindex/", "/noindex/?x", "/both/"])
def test_directory_without_index_is_not_listed(site, target):
    answer = site.get(target)

    assert answer.status in (403, 404)
    assert b"file.txt" not in answer.body


@pytest.mark.parametrize("target", ["/hello.txt/", "/hello.txt/x", "/sub/inner.txt/"])
def test_file_is_no_directory(site, target):
    assert site.get(target).status == 404


def test_directory_without_slash_is_redirected(site):
    for target, location in [
        ("/sub", "/sub/"),
        ("/sub?a=b&c", "/sub/?a=b&c"),
        ("/sub/deep/../../sub", "/sub/"),
    ]:
        answer = site.get(target)
        assert answer.status in (301, 308), target
        assert answer["location"].removeprefix("http://test") == location


@pytest.mark.parametrize(
    "target",
    [
        "//evil.com/..",
        "//evil.com/../sub",
        "//sub",
        "/\\evil.com/../sub",
        "/%5cevil.com/%2e%2e/sub",
        "//evil.com/%2e%2e/sub",
        "///sub",
        "/.//sub",
        "/%2f/evil.com/..",
        "http://evil.com//sub",
    ],
)
def test_redirect_never_leads_to_another_host(site, target):
    answer = site.get(target)

    if answer.status in (301, 302, 307, 308):
        location = answer["location"]
        assert re.match(r"/(?![/\\])|http://test/", location), location


def test_304_has_the_fields_that_a_cache_updates(site):
    full = site.get("/page.html", "Accept-Encoding: gzip")

    answer = site.get("/page.html", "Accept-Encoding: gzip", f"If-None-Match: {full['etag']}")

    assert (304, b"") == (answer.status, answer.body)
    for name in ("etag", "vary", "date"):
        assert name in answer.names
    assert answer["etag"] == full["etag"]
    assert "content-type" not in answer.names or answer["content-type"] == full["content-type"]
    assert answer.get("content-length") in (None, full["content-length"])


def test_304_keeps_the_connection_in_order(site):
    connection = site.connect()

    fields = f"If-Modified-Since: {docroot.LAST_MODIFIED}"
    connection.send(request("/alphabet.txt", fields) * 3 + request("/hello.txt"))

    assert [304] * 3 == [connection.answer().status for _ in range(3)]
    assert connection.answer().body == b"hello\n"


# ---- siblings that are packed ----


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (None, None),
        ("identity", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("br", "br"),
        ("gzip, br", "br"),
        ("br;q=0.1, gzip;q=0.9", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=0, br;q=0", None),
        ("br;q=0, *", "gzip"),
        ("*;q=0", None),
        ("gzip;q=0.5, identity;q=0.9", None),
        ("deflate", None),
        ("", None),
        ("notgzip, brx", None),
        ("gzip;q=", None),
        ("gzip;q=2", None),
    ],
)
def test_packed_sibling_is_sent_to_who_takes_it(site, accept, coding):
    fields = [] if accept is None else [f"Accept-Encoding: {accept}"]

    answer = site.get("/page.html", *fields)

    bodies = {
        None: docroot.PAGE,
        "gzip": gzip.compress(docroot.PAGE, mtime=0),
        "br": docroot.PAGE_BR,
    }
    if accept == "x-gzip":
        assert answer.get("content-encoding") in ("gzip", "x-gzip")
    elif accept == "*;q=0":
        assert answer.status in (200, 406)
    else:
        assert answer.get("content-encoding") == coding
        assert answer.body == bodies[coding]
    assert "accept-encoding" in answer["vary"].lower()


def test_codings_have_tags_of_their_own(site):
    tags = {
        site.get("/page.html", f"Accept-Encoding: {coding}")["etag"]
        for coding in ("identity", "gzip", "br")
    }

    assert len(tags) == 3


def test_type_of_a_sibling_is_that_of_the_name_asked(site):
    answer = site.get("/page.html", "Accept-Encoding: br")

    assert answer["content-type"].startswith("text/html")
    assert answer["content-length"] == str(len(docroot.PAGE_BR))


def test_file_without_the_better_sibling_gets_the_other(site):
    answer = site.get("/only.css", "Accept-Encoding: br, gzip")

    assert answer["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body) == b"p { color: red }\n"


def test_sibling_itself_is_a_file_like_others(site):
    answer = site.get("/page.html.gz", "Accept-Encoding: gzip")

    assert gzip.decompress(answer.body) == docroot.PAGE
    assert answer.get("content-encoding") is None


def test_file_without_siblings_needs_no_vary_but_may_have_it(site):
    assert "content-encoding" not in site.get("/hello.txt", "Accept-Encoding: br, gzip").names


def test_many_connections_get_their_own_bytes(site):
    """Answers never cross: each connection asks for another file, all at once, again and again."""
    sizes = [1, 16383, 16385, 65536, 131073]
    connections = [site.connect() for _ in range(40)]
    expected = {size: (site.docroot / f"size-{size}.bin").read_bytes() for size in sizes}

    for turn in range(5):
        wanted = [sizes[(number + turn) % len(sizes)] for number in range(len(connections))]
        for connection, size in zip(connections, wanted, strict=True):
            connection.send(request(f"/size-{size}.bin"))
        for connection, size in zip(connections, wanted, strict=True):
            assert connection.answer().body == expected[size]


def test_small_file_of_which_a_page_is_not_in_memory_is_served(site):
    """It has not changed: a disk helper reads the rest."""
    path = site.docroot / "half-in-memory.bin"
    docroot.write(path, wire.content(6000))
    for page in (4096, 0, 4096):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), page, 4096, os.POSIX_FADV_DONTNEED)

        answer = site.get("/half-in-memory.bin")

        assert (answer.status, answer.body) == (200, wire.content(6000))
    path.unlink()


def test_ipv6_and_abstract_sockets_serve_too(serve, tmp_path):
    addresses = [("::1", free_port()), f"@uwoffload-{tmp_path.name}-{free_port()}"]
    serve(listen_too=addresses)

    for address in addresses:
        with connect(address) as connection:
            assert connection.get("/hello.txt").body == b"hello\n"
