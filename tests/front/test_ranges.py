"""Ranges, to the byte."""

import random
import re

import pytest

from . import docroot
from .client import request

ALPHABET = docroot.ALPHABET


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-25", 0, 25),
        ("bytes=3-5", 3, 5),
        ("bytes=25-25", 25, 25),
        ("bytes=20-", 20, 25),
        ("bytes=0-", 0, 25),
        ("bytes=-1", 25, 25),
        ("bytes=-26", 0, 25),
        ("bytes=-1000", 0, 25),
        ("bytes=20-1000", 20, 25),
        ("bytes=20-18446744073709551615", 20, 25),
        ("bytes=20-99999999999999999999999999", 20, 25),
        ("bytes=-18446744073709551615", 0, 25),
        ("Bytes=3-5", 3, 5),
        ("bytes= 3-5", 3, 5),
        ("bytes=3-5,", 3, 5),
        ("bytes=3-4,5-6", 3, 6),
        ("bytes=3-5,99-", 3, 5),
    ],
)
def test_single_range_is_exact(site, value, first, last):
    connection = site.connect()

    answer = connection.get("/alphabet.txt", f"Range: {value}")

    assert answer.status in (200, 206)
    if answer.status == 200:  # a form that may be overlooked, not one that may be wrong
        assert value in ("bytes= 3-5", "bytes=3-5,", "Bytes=3-5")
        assert answer.body == ALPHABET
    else:
        assert answer["content-range"] == f"bytes {first}-{last}/26"
        assert answer.body == ALPHABET[first : last + 1]
    assert connection.idle(), "never a byte more"


@pytest.mark.parametrize("value", ["bytes=26-", "bytes=26-30", "bytes=-0", "bytes=99-,1000-"])
def test_range_behind_the_end_is_416(site, value):
    answer = site.get("/alphabet.txt", f"Range: {value}")

    assert (416, "bytes */26") == (answer.status, answer["content-range"])


def test_every_range_of_an_empty_file_is_416(site):
    for value in ("bytes=0-", "bytes=0-0", "bytes=-1"):
        answer = site.get("/empty.txt", f"Range: {value}")
        assert (answer.status, answer.get("content-range")) in ((416, "bytes */0"), (200, None))


@pytest.mark.parametrize(
    "value",
    [
        "bytes=5-3",
        "bytes=a-b",
        "bytes=",
        "bytes",
        "bytes=-",
        "bytes=1",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=1-+2",
        "bytes=0x1-2",
        "bytes=1-2 3-4",
        "bytes 1-2",
        "items=1-2",
        "seconds=1-2",
        "bytes=5-3,1-2",
        "",
    ],
)
def test_malformed_range_is_overlooked(site, value):
    answer = site.get("/alphabet.txt", f"Range: {value}")

    assert (200, ALPHABET) == (answer.status, answer.body)


def test_range_is_for_get_alone(site):
    head = site.get("/alphabet.txt", "Range: bytes=1-2", method="HEAD")

    assert (head.status, head["content-length"]) == (200, "26")
    assert "content-range" not in head.names


def parts(answer) -> list[tuple[str, bytes]]:
    """Content-Range and bytes of every part, framing checked."""
    found = re.fullmatch(r"multipart/byteranges; ?boundary=\"?([^\";]+)\"?", answer["content-type"])
    assert found, answer.fields
    boundary = found[1].encode()
    pieces = (b"\r\n" + answer.body.removeprefix(b"\r\n")).split(b"\r\n--" + boundary)
    assert pieces[0] == b"" and pieces[-1] in (b"--\r\n", b"--")
    result = []
    for piece in pieces[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        content_range = re.search(rb"(?im)^content-range: (bytes \d+-\d+/\d+)\r?$", head)
        assert content_range, head
        assert re.search(rb"(?im)^content-type: text/plain", head)
        result.append((content_range[1].decode(), content))
    return result


def test_multiple_ranges_come_as_parts(site):
    connection = site.connect()

    answer = connection.get("/alphabet.txt", "Range: bytes=0-1,10-11,-1")

    assert answer.status == 206
    assert "content-range" not in answer.names
    assert parts(answer) == [
        ("bytes 0-1/26", b"ab"),
        ("bytes 10-11/26", b"kl"),
        ("bytes 25-25/26", b"z"),
    ]
    assert connection.idle()


def test_parts_of_a_large_file_are_exact(site):
    data = (site.docroot / "large.bin").read_bytes()
    wanted = [(0, 99), (1_000_000, 3_200_000), (8_000_000, 8_388_607)]
    connection = site.connect()

    answer = connection.get(
        "/large.bin", "Range: bytes=" + ",".join(f"{first}-{last}" for first, last in wanted)
    )

    assert answer.status == 206
    for first, last in wanted:
        assert b"bytes %d-%d/%d\r\n" % (first, last, len(data)) in answer.body
        assert data[first : last + 1] in answer.body
    assert connection.get("/hello.txt").body == b"hello\n"


@pytest.mark.parametrize(
    "value",
    [
        "bytes=" + ",".join("0-" for _ in range(1000)),
        "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 2000, 2)),
        "bytes=" + ",".join("0-25" for _ in range(17)),
        "bytes=0-,0-,0-,0-,0-,0-",
    ],
)
def test_ranges_never_amplify(site, value):
    """The attack on Apache of 2011: many overlapping ranges must not cost more than the file."""
    for target, size in (("/alphabet.txt", 26), ("/large.bin", docroot.LARGE)):
        answer = site.get(target, f"Range: {value}")
        assert answer.status in (200, 206, 416)
        assert len(answer.body) <= size + 5000


def test_random_ranges_of_a_large_file_are_exact(site):
    data = (site.docroot / "large.bin").read_bytes()
    dice = random.Random(11)
    connection = site.connect()
    wanted = []
    for _ in range(60):
        edge = dice.choice([0, 16384, 65536, 2 << 20, len(data) - 1, dice.randrange(len(data))])
        first = min(max(edge + dice.randint(-2, 2), 0), len(data) - 1)
        last = min(first + dice.choice([0, 1, 16383, 16384, 70_000, 2 << 20]), len(data) - 1)
        wanted.append((first, last))

    connection.send(*(request("/large.bin", f"Range: bytes={a}-{b}") for a, b in wanted))

    for first, last in wanted:
        answer = connection.answer()
        assert answer["content-range"] == f"bytes {first}-{last}/{len(data)}"
        assert answer.body == data[first : last + 1]
