"""Media types by the ending of a name."""

import pytest
from asking import Text
from hypothesis import given
from hypothesis import strategies as st
from whitebox import ffi, lib

UNKNOWN = "application/octet-stream"


def type_of(table: dict[str, str], name: bytes) -> str:
    text = Text()
    struct = ffi.new("struct wb_text *")
    text.set(struct, name)
    entries = ffi.new("struct type[]", len(table) or 1)
    kept = []
    for to, ending in zip(entries, sorted(table, key=str.encode), strict=False):
        kept.append((ffi.new("char[]", ending.encode()), ffi.new("char[]", table[ending].encode())))
        to.ending, to.type = kept[-1]
    found = lib.wb_types_of(entries, len(table), struct[0])
    return bytes(ffi.buffer(found.data, found.size)[:]).decode()


TABLE = {
    "7z": "seven",
    "gz": "gzip",
    "htm": "h",
    "html": "page",
    "txt": "text",
    "txt/a": "never",
    "x-y": "odd",
}


@pytest.mark.parametrize(
    ("name", "type"),
    [
        (b"a.html", "page"),
        (b"a.htm", "h"),
        (b"a.ht", UNKNOWN),
        (b"a.htmlx", UNKNOWN),
        (b"A.HTML", "page"),
        (b"d.txt/a.gz", "gzip"),
        (b"d.txt/a", UNKNOWN),
        (b"a.tar.gz", "gzip"),
        (b"a.7Z", "seven"),
        (b"a.X-Y", "odd"),
        (b".txt", "text"),
        (b"txt", UNKNOWN),
        (b"a.", UNKNOWN),
        (b"", UNKNOWN),
        (b".", UNKNOWN),
        (b"a.txt.", UNKNOWN),
        (b"a.\xff", UNKNOWN),
        (b"a.tx\0t", UNKNOWN),
        (b"a.txt\0", UNKNOWN),
    ],
)
def test_the_type_is_that_of_the_last_ending(name, type):
    assert type_of(TABLE, name) == type


def test_an_empty_table_knows_nothing():
    assert type_of({}, b"a.txt") == UNKNOWN


endings = st.text("abcxyz019-+", min_size=1, max_size=5)


@given(st.dictionaries(endings, st.text("abc/", min_size=1), max_size=40), st.data())
def test_every_entry_is_found_and_nothing_else(table, data):
    for ending in table:
        assert type_of(table, b"name." + ending.upper().encode()) == table[ending]
    other = data.draw(endings)
    assert type_of(table, b"name." + other.encode()) == table.get(other, UNKNOWN)
