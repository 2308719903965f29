"""Conditional requests: each field, and which of two counts (RFC 9110, section 13.2.2)."""

import pytest

from . import docroot

SAME, LATER, EARLIER = docroot.LAST_MODIFIED, docroot.LATER, docroot.EARLIER
OTHER = '"another"'
RFC_850 = "Sunday, 13-Sep-20 12:26:40 GMT"
ASCTIME = "Sun Sep 13 12:26:40 2020"


@pytest.fixture
def tag(site):
    return site.get("/alphabet.txt")["etag"]


CASES = [
    # If-None-Match
    (["If-None-Match: {tag}"], 304),
    (["If-None-Match: W/{tag}"], 304),
    (["If-None-Match: {other}"], 200),
    (["If-None-Match: {other}, {tag}"], 304),
    (["If-None-Match: {other}", "If-None-Match: {tag}"], 304),
    (["If-None-Match: *"], 304),
    (["If-None-Match: alphabet"], 200),
    (['If-None-Match: "'], 200),
    # If-Modified-Since, in all three forms
    (["If-Modified-Since: {same}"], 304),
    (["If-Modified-Since: {later}"], 304),
    (["If-Modified-Since: {earlier}"], 200),
    (["If-Modified-Since: {rfc850}"], 304),
    (["If-Modified-Since: {asctime}"], 304),
    (["If-Modified-Since: foo"], 200),
    (["If-Modified-Since: "], 200),
    (["If-Modified-Since: Sun, 13 Sep 2020 12:26:40"], 200),
    (["If-Modified-Since: 1600000000"], 200),
    # If-None-Match counts alone
    (["If-None-Match: {other}", "If-Modified-Since: {same}"], 200),
    (["If-None-Match: {tag}", "If-Modified-Since: {earlier}"], 304),
    # If-Match
    (["If-Match: {tag}"], 200),
    (["If-Match: *"], 200),
    (["If-Match: {other}"], 412),
    (["If-Match: W/{tag}"], 412),
    (["If-Match: {other}, {tag}"], 200),
    # If-Unmodified-Since
    (["If-Unmodified-Since: {same}"], 200),
    (["If-Unmodified-Since: {later}"], 200),
    (["If-Unmodified-Since: {earlier}"], 412),
    (["If-Unmodified-Since: foo"], 200),
    # If-Match counts alone
    (["If-Match: {tag}", "If-Unmodified-Since: {earlier}"], 200),
    (["If-Match: {other}", "If-Unmodified-Since: {later}"], 412),
    # a failed precondition before a true one
    (["If-Match: {other}", "If-None-Match: {tag}"], 412),
    (["If-Match: {tag}", "If-None-Match: {tag}"], 304),
    (["If-Unmodified-Since: {earlier}", "If-Modified-Since: {same}"], 412),
    (["If-Unmodified-Since: {same}", "If-Modified-Since: {same}"], 304),
    # with a range
    (["Range: bytes=1-2", "If-None-Match: {tag}"], 304),
    (["Range: bytes=1-2", "If-Match: {other}"], 412),
    (["Range: bytes=1-2", "If-Match: {tag}"], 206),
    (["Range: bytes=99-", "If-None-Match: {tag}"], 304),
    (["Range: bytes=99-", "If-Match: {other}"], 412),
    # If-Range
    (["Range: bytes=1-2", "If-Range: {tag}"], 206),
    (["Range: bytes=1-2", "If-Range: {other}"], 200),
    (["Range: bytes=1-2", "If-Range: W/{tag}"], 200),
    (["Range: bytes=1-2", "If-Range: {same}"], 206),
    (["Range: bytes=1-2", "If-Range: {later}"], 200),
    (["Range: bytes=1-2", "If-Range: {earlier}"], 200),
    (["Range: bytes=1-2", "If-Range: foo"], 200),
    (["Range: bytes=99-", "If-Range: {other}"], 200),
    (["Range: bytes=99-", "If-Range: {tag}"], 416),
    (["If-Range: {tag}"], 200),
]


def fields(lines, tag):
    return [
        line.format(
            tag=tag,
            other=OTHER,
            same=SAME,
            later=LATER,
            earlier=EARLIER,
            rfc850=RFC_850,
            asctime=ASCTIME,
        )
        for line in lines
    ]


@pytest.mark.parametrize(("lines", "status"), CASES, ids=[" + ".join(c[0]) for c in CASES])
def test_condition_decides(site, tag, lines, status):
    connection = site.connect()

    answer = connection.get("/alphabet.txt", *fields(lines, tag))

    assert answer.status == status
    if status == 200:
        assert answer.body == docroot.ALPHABET
    if status == 206:
        assert answer.body == b"bc"
    if status == 304:
        assert answer["etag"] == tag
    assert connection.idle()


@pytest.mark.parametrize(
    ("lines", "status"),
    [(lines, status) for lines, status in CASES if not any("Range" in line for line in lines)],
    ids=lambda value: " + ".join(value) if isinstance(value, list) else str(value),
)
def test_condition_decides_for_head_too(site, tag, lines, status):
    answer = site.get("/alphabet.txt", *fields(lines, tag), method="HEAD")

    assert answer.status == status


def test_missing_file_is_404_whatever_the_condition(site):
    for line in ("If-None-Match: *", "If-Match: *", 'If-Match: "x"', f"If-Range: {SAME}"):
        assert site.get("/missing", line).status in (404, 412), line


def test_if_modified_since_of_the_request_before_is_forgotten(site):
    connection = site.connect()

    assert connection.get("/alphabet.txt", f"If-Modified-Since: {SAME}").status == 304
    assert connection.get("/alphabet.txt", "If-Modified-Since: foo").status == 200
    assert connection.get("/alphabet.txt").status == 200
