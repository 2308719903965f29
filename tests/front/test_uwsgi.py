"""uwsgi packets from a peer that may be hostile: checked, bounded, and never obeyed."""

import os
import struct

import pytest

from . import docroot
from .client import connect, environ, packet, parse_head

HELLO = b"hello\n"
PLAIN = environ("/hello.txt")


@pytest.fixture(params=["tcp", "unix"])
def peer(request, site):
    return site.uwsgi if request.param == "tcp" else site.uwsgi_unix


def test_file_is_answered_and_the_connection_closed(site, peer):
    answer = site.uwsgi_get("/hello.txt", address=peer)

    assert (200, HELLO) == (answer.status, answer.body)
    assert answer["content-type"].startswith("text/plain")


def test_head_has_no_body(site, peer):
    answer = site.uwsgi_get("/large.bin", "HEAD", address=peer)

    assert (answer.status, answer["content-length"]) == (200, str(docroot.LARGE))


def test_large_file_arrives_whole(site, peer):
    assert site.uwsgi_get("/large.bin", address=peer).body == (
        (site.docroot / "large.bin").read_bytes()
    )


def test_miss_without_application_is_404(site, peer):
    assert site.uwsgi_get("/missing", address=peer).status == 404


@pytest.mark.parametrize("body", [b"", b"a=b", b"x" * 100_000])
def test_other_methods_are_405_with_their_body_unread(site, peer, body):
    with connect(peer) as connection:
        pairs = environ("/hello.txt", "POST", CONTENT_LENGTH=str(len(body)))
        connection.send(packet(pairs), body)
        assert connection.answer().status == 405


def test_range_and_conditions_come_as_variables(site):
    part = site.uwsgi_get("/alphabet.txt", HTTP_RANGE="bytes=2-4")
    assert (206, b"cde", "bytes 2-4/26") == (part.status, part.body, part["content-range"])

    same = site.uwsgi_get("/alphabet.txt", HTTP_IF_MODIFIED_SINCE=docroot.LAST_MODIFIED)
    assert (304, b"") == (same.status, same.body)

    tagged = site.uwsgi_get("/alphabet.txt", HTTP_IF_NONE_MATCH=part["etag"])
    assert tagged.status == 304

    packed = site.uwsgi_get("/page.html", HTTP_ACCEPT_ENCODING="gzip")
    assert packed["content-encoding"] == "gzip"


def test_path_was_decoded_by_the_peer_and_is_not_decoded_again(site):
    assert site.uwsgi_get("/per%41cent.txt").body == b"a percent sign in the name\n"
    assert site.uwsgi_get("/hello%2etxt").status == 404
    assert site.uwsgi_get("/with space.txt").status == 200
    assert site.uwsgi_get(b"/\xff\xfe.txt").body == b"not utf-8\n"


@pytest.mark.parametrize("name", ["REQUEST_URI", "SERVER_PROTOCOL", "HTTP_HOST", "QUERY_STRING"])
def test_most_variables_may_be_missing(site, name):
    pairs = [pair for pair in PLAIN if pair[0] != name]

    with connect(site.uwsgi) as connection:
        assert connection.send(packet(pairs)).answer().status == 200


def test_packet_split_at_every_byte_is_understood(site, peer):
    whole = packet(PLAIN)

    for cut in range(1, len(whole)):
        with connect(peer) as connection:
            connection.send(whole[:cut], whole[cut:])
            assert connection.answer().body == HELLO


def test_packet_byte_by_byte_is_understood(site, peer):
    with connect(peer) as connection:
        connection.send(*(bytes([byte]) for byte in packet(PLAIN)))
        assert connection.answer().body == HELLO


def test_client_that_half_closes_behind_its_packet_gets_its_answer(site, peer):
    with connect(peer) as connection:
        connection.send(packet(PLAIN)).end_sending()
        assert connection.answer().body == HELLO


# ---- what a packet must not do ----


def test_ping_is_answered(site, peer):
    with connect(peer) as connection:
        connection.send(packet([], modifier1=100))
        assert connection.rest() == b"\x64\x00\x00\x01"


@pytest.mark.parametrize("modifier", [1, 5, 6, 9, 17, 18, 22, 30, 72, 97, 98, 99, 101, 110, 111])
def test_other_modifiers_are_refused(site, modifier):
    data = site.uwsgi_say(packet(PLAIN, modifier1=modifier))

    assert HELLO not in data
    assert data == b"" or parse_head(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n").status >= 400


def pair(key: bytes, value: bytes, key_size: int | None = None, value_size: int | None = None):
    key_size = len(key) if key_size is None else key_size
    value_size = len(value) if value_size is None else value_size
    return struct.pack("<H", key_size) + key + struct.pack("<H", value_size) + value


def raw(variables: bytes, size: int | None = None) -> bytes:
    return struct.pack("<BHB", 0, len(variables) if size is None else size, 0) + variables


GOOD = packet(PLAIN)[4:]
BAD = {
    "nothing": raw(b""),
    "a key longer than the packet": raw(GOOD + pair(b"K", b"v", key_size=5000)),
    "a key of 65535": raw(GOOD + pair(b"K", b"v", key_size=65535)),
    "a value longer than the packet": raw(GOOD + pair(b"K", b"v", value_size=5000)),
    "a value one byte longer": raw(GOOD + pair(b"K", b"v", value_size=2)),
    "a value of 65535": raw(GOOD + pair(b"K", b"v", value_size=65535)),
    "half a length": raw(GOOD + b"\x01"),
    "a key without value": raw(GOOD + b"\x01\x00K"),
    "a key with half a length": raw(GOOD + b"\x01\x00K\x01"),
    "an empty key": raw(GOOD + pair(b"", b"v")),
    "no method": packet([p for p in PLAIN if p[0] != "REQUEST_METHOD"]),
    "an empty method": packet([("REQUEST_METHOD", ""), *PLAIN[1:]]),
    "a method with CR LF": packet([("REQUEST_METHOD", "GET\r\nX: y"), *PLAIN[1:]]),
    "a bad length": packet([*PLAIN, ("CONTENT_LENGTH", "1x")]),
    "a negative length": packet([*PLAIN, ("CONTENT_LENGTH", "-1")]),
    "a length past 2^64": packet([*PLAIN, ("CONTENT_LENGTH", "18446744073709551617")]),
    "a transfer coding": packet([*PLAIN, ("HTTP_TRANSFER_ENCODING", "gzip")]),
    "too many variables": packet([*PLAIN, *((f"HTTP_X{n}", "y") for n in range(1000))]),
    "a packet that is too large": packet([*PLAIN, ("HTTP_X", "y" * 60_000)]),
    "an HTTP request": b"GET /hello.txt HTTP/1.1\r\nHost: test\r\n\r\n" + b"x" * 30_000,
    "a path with NUL": packet(environ(b"/hello.txt\0.png")),
    "a path without a slash": packet(environ("hello.txt")),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_packet_is_refused_and_nothing_served(site, name):
    data = site.uwsgi_say(BAD[name])

    assert HELLO not in data
    if data:
        assert parse_head(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n").status in (
            400, 403, 404, 411, 413, 414, 431, 501,
        )  # fmt: skip


def test_size_larger_than_what_comes_waits_and_ends_with_the_client(site, peer):
    with connect(peer) as connection:
        connection.send(raw(GOOD, size=len(GOOD) + 1)).end_sending()
        data, _ = connection.rest_to_cut()
        assert HELLO not in data


def test_variables_of_the_server_are_never_obeyed(site, tmp_path):
    """A peer that can name files or code must get neither."""
    touched = tmp_path / "touched"
    code = docroot.write(tmp_path / "code.py", f"open({str(touched)!r}, 'w')\n".encode())
    secret = str(site.docroot.parent / "secret.txt")
    before = os.readlink(f"/proc/{site.server.workers()[0]}/cwd")

    for names in (
        {"UWSGI_FILE": str(code)},
        {"UWSGI_SCRIPT": str(code)},
        {"UWSGI_MODULE": "antigravity"},
        {"UWSGI_POSTFILE": secret},
        {"UWSGI_CHDIR": "/"},
        {"UWSGI_SETENV": "SECRET=1"},
        {"UWSGI_PYHOME": str(tmp_path)},
        {"UWSGI_TOUCH_RELOAD": str(touched)},
        {"UWSGI_APPID": str(code)},
        {"DOCUMENT_ROOT": str(site.docroot.parent)},
        {"DOCUMENT_ROOT": "/", "SCRIPT_NAME": "/etc", "SCRIPT_FILENAME": "/etc/passwd"},
    ):
        for path, status in (("/hello.txt", 200), ("/secret.txt", 404), ("/missing.py", 404)):
            answer = site.uwsgi_get(path, **names)
            assert answer.status == status, names
            assert docroot.SECRET not in answer.body
    assert not touched.exists()
    assert os.readlink(f"/proc/{site.server.workers()[0]}/cwd") == before


@pytest.mark.parametrize(
    "protocol",
    ["HTTP/1.1\r\nX-Evil: yes", "HTTP/9.9\r\n\r\nbody", "\r\n", "", "HTTP/0.9", "x" * 999],
)
def test_protocol_word_of_the_peer_never_comes_back(site, protocol):
    with connect(site.uwsgi) as connection:
        connection.send(packet(environ("/hello.txt", SERVER_PROTOCOL=protocol)))
        answer = connection.answer()

        assert "x-evil" not in answer.names
        assert answer.status in (200, 400, 505)
        assert connection.ended()


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/../www-private/secret.txt",
        "/sub/../../secret.txt",
        "/..",
        "/link-out.txt",
        "/link-directory/secret.txt",
        "/link-up/secret.txt",
        "../secret.txt",
    ],
)
def test_path_of_the_peer_never_leads_outside(site, path):
    answer = site.uwsgi_get(path)

    assert answer.status in (400, 403, 404)
    assert docroot.SECRET not in answer.body


def test_answer_to_a_peer_has_no_line_of_its_making(site):
    """A redirect to a directory is made from the path, which may hold anything."""
    answer = site.uwsgi_get("/sub", HTTP_HOST="a\r\nX-Evil: yes", QUERY_STRING="\r\nX-Evil: yes")

    assert "x-evil" not in answer.names
    assert answer.status in (301, 308, 400)


# ---- many that hang ----


def test_two_hundred_half_sent_packets_do_not_stop_the_service(site, peer):
    whole = packet(PLAIN)
    hanging = []
    for number in range(200):
        connection = site.connect(peer)
        connection.send(whole[: 1 + number % (len(whole) - 1)])
        hanging.append(connection)

    for _ in range(20):
        assert site.uwsgi_get("/hello.txt", address=peer).body == HELLO
    for number, connection in enumerate(hanging):
        connection.send(whole[1 + number % (len(whole) - 1) :])
    for connection in hanging:
        assert connection.answer().body == HELLO


def test_reset_at_any_byte_of_a_packet_harms_nobody(site):
    whole = packet(PLAIN)

    for cut in range(0, len(whole) + 1, 3):
        connection = connect(site.uwsgi)
        connection.send(whole[:cut])
        connection.reset()
    assert site.uwsgi_get("/hello.txt").body == HELLO


def test_peer_that_sends_more_than_its_packet_is_answered_once(site, peer):
    with connect(peer) as connection:
        connection.send(packet(PLAIN) * 3)
        assert connection.answer().body == HELLO
        assert connection.ended()
