"""Ranges: one part, several parts, none."""

import email.parser
import email.policy

import pytest
from asking import File, Site, as_bytes
from hypothesis import given
from hypothesis import strategies as st

CONTENT = bytes(range(33, 126)) * 11
SITE = Site({"f.txt": File(CONTENT)})
SIZE = len(CONTENT)


def get(value, **more):
    return SITE.ask("/f.txt", [("Range", value)], **more)


def parts_of(answer):
    """[(first, last, bytes)] as another's parser reads them."""
    head = f"Content-Type: {answer.get('Content-Type')}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + answer.body)
    assert message.is_multipart() and not message.defects
    assert not message.preamble and not (message.epilogue or "").strip()
    found = []
    for part in message.iter_parts():
        assert not part.defects
        assert set(part.keys()) == {"Content-Type", "Content-Range"}
        unit, _, rest = part["Content-Range"].partition(" ")
        span, _, size = rest.partition("/")
        first, last = map(int, span.split("-"))
        assert (unit, int(size)) == ("bytes", SIZE)
        found.append((first, last, as_bytes(part.get_payload(decode=False))))
    return found


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=10-", 10, SIZE - 1),
        ("bytes=-5", SIZE - 5, SIZE - 1),
        ("bytes=0-", 0, SIZE - 1),
        ("bytes=-999999", 0, SIZE - 1),
        ("bytes=1000-99999999999999999999999", 1000, SIZE - 1),
        ("bytes=5-6, 999999-", 5, 6),
        ("bytes=0-4, 5-9", 0, 9),
        ("bytes=0-4, 2-9", 0, 9),
    ],
)
def test_one_range(value, first, last):
    answer = get(value)

    assert (206, CONTENT[first : last + 1]) == (answer.status, answer.body)
    assert answer.pieces == ((first, last + 1 - first),)
    assert answer.get("Content-Range") == f"bytes {first}-{last}/{SIZE}"
    assert answer.get("Content-Length") == str(last + 1 - first)
    assert answer.get("Content-Type") == "text/plain; charset=utf-8"


@pytest.mark.parametrize("value", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0"])
def test_no_range_can_be_had(value):
    answer = get(value)

    assert (416, f"bytes */{SIZE}") == (answer.status, answer.get("Content-Range"))
    assert answer.body == b"416 Range Not Satisfiable\n"


@pytest.mark.parametrize("value", ["bytes=0-0", "bytes=0-", "bytes=-0"])
def test_an_empty_file_has_no_ranges(value):
    answer = Site({"f": File(b"")}).ask("/f", [("Range", value)])

    assert (416, "bytes */0") == (answer.status, answer.get("Content-Range"))


def test_the_last_bytes_of_an_empty_file_are_all_of_it():
    """Which no Content-Range can say, so it is a 200."""
    answer = Site({"f": File(b"")}).ask("/f", [("Range", "bytes=-5")])

    assert (200, "0") == (answer.status, answer.get("Content-Length"))


@pytest.mark.parametrize("value", ["lines=0-1", "bytes=a-b", "bytes=5-4", "bytes", "bytes=", ""])
def test_what_is_no_range_is_overlooked(value):
    assert (200, CONTENT) == (get(value).status, get(value).body)


def test_ranges_given_twice_are_overlooked():
    answer = SITE.ask("/f.txt", [("Range", "bytes=0-1"), ("Range", "bytes=2-3")])

    assert answer.status == 200


def test_too_many_ranges_are_overlooked():
    many = "bytes=" + ",".join(f"{at}-{at}" for at in range(0, 40, 2))

    assert get(many).status == 200


@pytest.mark.parametrize("value", ["bytes=0-9", "bytes=5000-", "bytes=0-1,5-6"])
def test_head_knows_no_ranges(value):
    answer = get(value, method="HEAD")

    assert (200, str(SIZE)) == (answer.status, answer.get("Content-Length"))
    assert answer.get("Content-Range") is None


def test_several_ranges_come_in_the_order_asked():
    answer = get("bytes=50-59, 0-0, -1")

    assert (206, None) == (answer.status, answer.get("Content-Range"))
    assert answer.get("Content-Type") == "multipart/byteranges; boundary=0123456789abcdef"
    assert answer.body.startswith(b"--0123456789abcdef\r\n")
    assert answer.body.endswith(b"\r\n--0123456789abcdef--\r\n")
    assert parts_of(answer) == [
        (50, 59, CONTENT[50:60]),
        (0, 0, CONTENT[:1]),
        (SIZE - 1, SIZE - 1, CONTENT[-1:]),
    ]


def test_as_many_ranges_as_there_may_be():
    answer = get("bytes=" + ",".join(f"{at}-{at}" for at in range(0, 32, 2)))

    assert [first for first, _, _ in parts_of(answer)] == list(range(0, 32, 2))
    assert len(answer.pieces) == 33


def test_many_ranges_of_the_largest_file():
    """The numbers are as long as they get, and still fit."""
    huge = File(b"", size=2**63 - 1)
    at = 2**62
    many = "bytes=" + ",".join(f"{at + i}-{at + i}" for i in range(0, 32, 2))
    answer = Site({"f.txt": huge}).ask("/f.txt", [("Range", many)])
    texts = sum(len(piece) for piece in answer.pieces if isinstance(piece, bytes))

    assert (206, str(texts + 16)) == (answer.status, answer.get("Content-Length"))


def test_parts_whose_type_is_too_long_are_sent_as_a_whole():
    site = Site({"f.txt": File(CONTENT)}, types=[("txt", "text/" + "x" * 300)])
    few = "bytes=0-0,2-2"
    many = "bytes=" + ",".join(f"{at}-{at}" for at in range(0, 32, 2))

    assert site.ask("/f.txt", [("Range", few)]).status == 206
    whole = site.ask("/f.txt", [("Range", many)])
    assert (200, CONTENT) == (whole.status, whole.body)
    assert whole.get("Content-Length") == str(SIZE)


def test_a_type_too_long_for_a_head_is_an_error_of_ours():
    site = Site({"f.txt": File(CONTENT)}, types=[("txt", "text/" + "x" * 3000)])

    assert (500, b"500 Internal Server Error\n") == (
        site.ask("/f.txt").status,
        site.ask("/f.txt").body,
    )


numbers = st.integers(0, SIZE + 20).map(str) | st.just("")
ranges = st.lists(st.tuples(numbers, numbers).map("-".join), min_size=1, max_size=6).map(
    lambda specs: "bytes=" + ",".join(specs)
)


@given(ranges)
def test_every_byte_sent_is_one_asked_for(value):
    """And the length announced is the length sent, whatever the ranges are."""
    answer = get(value)

    if answer.status == 416:
        return
    assert answer.body_size == len(answer.body) == int(answer.get("Content-Length"))
    if answer.status == 200:
        assert answer.body == CONTENT
        return
    parts = (
        parts_of(answer)
        if answer.get("Content-Range") is None
        else [(*map(int, answer.get("Content-Range")[6:].split("/")[0].split("-")), answer.body)]
    )
    for first, last, data in parts:
        assert data == CONTENT[first : last + 1]
    asked = set()
    for spec in value.removeprefix("bytes=").split(","):
        first, last = spec.split("-")
        if first:
            asked |= set(range(int(first), min(int(last or SIZE), SIZE - 1) + 1))
        else:
            asked |= set(range(max(0, SIZE - int(last)), SIZE))
    assert asked == {at for first, last, _ in parts for at in range(first, last + 1)}
