"""Accept-Encoding, by table and against a model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whitebox import ffi, lib

from proto.hands import Spans, new_request


def weights(*lines):
    """Of identity, gzip and br."""
    spans, out = Spans(), ffi.new("uint16_t[]", lib.CODING_COUNT)
    lib.accept_encoding(new_request(spans, [(b"Accept-Encoding", line) for line in lines]), out)
    return tuple(
        out[coding] for coding in (lib.CODING_IDENTITY, lib.CODING_GZIP, lib.CODING_BROTLI)
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], (1000, 0, 0)),
        ([b""], (1, 0, 0)),
        ([b"gzip"], (1, 1000, 0)),
        ([b"gzip, deflate, br"], (1, 1000, 1000)),
        ([b"GZip,BR"], (1, 1000, 1000)),
        ([b"x-gzip"], (1, 1000, 0)),
        ([b"gzip;q=0"], (1, 0, 0)),
        ([b"gzip;q=0.5, br;q=0.25"], (1, 500, 250)),
        ([b"gzip ;\tQ=0.001"], (1, 1, 0)),
        ([b"gzip;q=1.000, br;q=0.999"], (1, 1000, 999)),
        ([b"gzip;q=1., br;q=0."], (1, 1000, 0)),
        ([b"*"], (1000, 1000, 1000)),
        ([b"*;q=0"], (0, 0, 0)),
        ([b"gzip, *;q=0"], (0, 1000, 0)),
        ([b"*;q=0.1, br"], (100, 100, 1000)),
        ([b"identity;q=0"], (0, 0, 0)),
        ([b"identity"], (1000, 0, 0)),
        ([b"identity;q=0.5, gzip;q=0.4"], (500, 400, 0)),
        ([b"identity, *;q=0"], (1000, 0, 0)),
        ([b"gzip", b"br;q=0.3"], (1, 1000, 300)),
        ([b"gzip;q=0.2, x-gzip;q=0.7, gzip;q=0.5"], (1, 700, 0)),
        ([b",, gzip ,"], (1, 1000, 0)),
        ([b"compress, deflate"], (1, 0, 0)),
        ([b"gzipped, brr, xgzip"], (1, 0, 0)),
    ],
)
def test_what_a_client_takes(lines, expected):
    assert weights(*lines) == expected


@pytest.mark.parametrize(
    "member",
    [b"gzip;", b"gzip;q", b"gzip;q=", b"gzip;q=2", b"gzip;q=-1", b"gzip;q=1.001", b"gzip;q=0.0001",
     b"gzip;q=.5", b"gzip;q=0,5", b"gzip;q=0x1", b"gzip;q=1x", b"gzip;q= 1", b"gzip;q =1",
     b"gzip;p=1", b"gzip;q=1;x=y", b"gzip q=1", b"gzip/1", b'"gzip"', b"gzip;q=0.a"],
)  # fmt: skip
def test_a_malformed_member_is_as_good_as_absent(member):
    rest = b", 5" if b"," in member else b""

    assert weights(member) == (1, 0, 0) or rest
    assert weights(b"br," + member + b", identity;q=0.5")[::2] == (500, 1000)


NAMES = {b"identity": 0, b"gzip": 1, b"x-gzip": 1, b"br": 2, b"*": 3, b"zstd": 4}


@given(st.lists(st.tuples(st.sampled_from(sorted(NAMES)), st.integers(0, 1000)), max_size=6))
def test_weights_are_what_a_model_says(members):
    found = {}
    for name, weight in members:
        found[NAMES[name]] = max(weight, found.get(NAMES[name], 0))
    expected = tuple(found.get(n, found.get(3, int(n == 0))) for n in range(3))
    texts = [b"%b;q=%d.%03d" % (name, weight // 1000, weight % 1000) for name, weight in members]

    assert weights(b", ".join(texts)) == expected
    if texts:
        assert weights(*texts) == expected


@given(st.binary(max_size=20) | st.text("gzip,;q=01.* ", max_size=20).map(str.encode))
def test_any_line_gives_weights_within_bounds(line):
    assert all(0 <= weight <= 1000 for weight in weights(line))
