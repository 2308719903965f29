"""Paths against a model of segments."""

import os.path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whitebox import ffi, lib

from proto.hands import span


def normalize(path, decoded=False):
    """The result, or the status."""
    out = ffi.new("char[]", b"\xff" * (len(path) + 1))
    size = ffi.new("size_t *")
    status = lib.path_normalize(span(path), decoded, out, size)
    if status:
        assert size[0] == 0
        return status
    assert out[size[0]] == b"\0"
    return ffi.unpack(out, size[0])


@pytest.mark.parametrize(
    ("path", "result"),
    [
        (b"/", b"/"),
        (b"/a", b"/a"),
        (b"/a/", b"/a/"),
        (b"//a///b", b"/a/b"),
        (b"/./a/././b/.", b"/a/b/"),
        (b"/a/..", b"/"),
        (b"/a/../", b"/"),
        (b"/a/b/..", b"/a/"),
        (b"/a/b/../c", b"/a/c"),
        (b"/a//../b", b"/b"),
        (b"/...", b"/..."),
        (b"/.a/..b/c..", b"/.a/..b/c.."),
        (b"/%61%2E%2e/%7e", b"/a../~"),
        (b"/a/%2e%2E/b", b"/b"),
        (b"/a%20b", b"/a b"),
        (b"/%e4\xff", b"/\xe4\xff"),
        (b"/%25%32%65", b"/%2e"),
        (b"/%252e%252e/", b"/%2e%2e/"),
        (b"/a\\..\\b", b"/a\\..\\b"),
        (b"/a%5c..", b"/a\\.."),
        (b"/a?b;c", b"/a?b;c"),
        (b"/%0d%0a", b"/\r\n"),
    ],
)
def test_a_path_becomes_a_name(path, result):
    assert normalize(path) == result


@pytest.mark.parametrize(
    "path",
    [b"", b"a", b"*", b"a/b", b"%2f", b"%2fa", b"/%", b"/%4", b"/%g0", b"/%0g", b"/%%41", b"/a%2fb",
     b"/a%2F..", b"/%00", b"/a\0b", b"/a.txt%00.png", b"/..", b"/../", b"/../a", b"/a/../..",
     b"/a/../../b", b"/%2e%2e", b"/.%2e/", b"/./..", b"//..", b"/a/..%2f..", b"/%u002e", b"/%-1"],
)  # fmt: skip
def test_what_is_no_name_is_refused(path):
    assert normalize(path) == 400


def test_what_is_decoded_is_not_decoded_again():
    assert normalize(b"/%41/%2f/%/%00", decoded=True) == b"/%41/%2f/%/%00"
    assert normalize(b"/a/../b", decoded=True) == b"/b"
    assert normalize(b"/..", decoded=True) == normalize(b"/a\0", decoded=True) == 400


def test_a_path_may_be_as_long_as_the_limit():
    longest = b"/" + b"a" * (lib.PATH_SIZE_MAX - 1)

    assert normalize(longest) == longest
    assert normalize(longest + b"a") == 414


def model(path, decoded):
    """Segments and a stack."""
    if not path.startswith(b"/"):
        return 400
    stack, directory = [], True
    for segment in path[1:].split(b"/"):
        if not decoded:
            escaped = segment.split(b"%")
            for index, piece in enumerate(escaped[1:], 1):
                try:
                    if any(byte not in b"0123456789abcdefABCDEF" for byte in piece[:2]):
                        return 400
                    escaped[index] = bytes.fromhex(piece[:2].decode()) + piece[2:]
                except ValueError:
                    return 400
                if escaped[index][:1] in (b"", b"/"):
                    return 400
            segment = b"".join(escaped)
        if b"\0" in segment or (segment == b".." and not stack):
            return 400
        directory = segment in (b"", b".", b"..")
        if segment == b"..":
            stack.pop()
        elif not directory:
            stack.append(segment)
    return b"/" + b"/".join(stack) + (b"/" if directory and stack else b"")


PIECE = st.sampled_from([b"/", b"/", b"/", b".", b".", b"..", b"a", b"%2e", b"%2E", b"%2f", b"%41",
                         b"%", b"%00", b"%25", b"%e4", b"\xe4"])  # fmt: skip
PATH = st.lists(PIECE | st.binary(max_size=2), max_size=12).map(
    lambda parts: b"/" + b"".join(parts)
)


@given(path=PATH | st.binary(max_size=20), decoded=st.booleans())
def test_every_path_is_what_the_model_says(path, decoded):
    assert normalize(path, decoded) == model(path, decoded)


@given(path=PATH, decoded=st.booleans())
def test_no_path_leads_outside_and_the_second_time_changes_nothing(path, decoded):
    result = normalize(path, decoded)
    if isinstance(result, int):
        return

    assert len(result) <= len(path)
    assert normalize(result, decoded=True) == result
    joined = os.path.normpath(b"/docs" + result)
    assert joined == b"/docs" or joined.startswith(b"/docs/")
