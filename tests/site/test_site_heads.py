"""Heads: what every answer says, and the short answers."""

import pytest
from asking import CHANGED, NOW, File, Site, fields_of, http_date, text_of
from whitebox import ffi, lib

SITE = Site({"a.html": File(b"<p>"), "empty": File(b""), "d/index.html": File()})


def test_a_file_says_all_that_a_cache_wants_to_know():
    answer = SITE.ask("/a.html")
    tag = answer.get("ETag")

    assert answer.status == 200
    assert dict(answer.fields) == {
        "Date": http_date(NOW),
        "ETag": tag,
        "Last-Modified": http_date(CHANGED),
        "Accept-Ranges": "bytes",
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": "3",
    }
    assert tag[0] == tag[-1] == '"' and '"' not in tag[1:-1]
    assert (answer.body, answer.pieces) == (b"<p>", ((0, 3),))


@pytest.mark.parametrize("path", ["/a.html", "/empty", "/none", "/d", "/a%00"])
@pytest.mark.parametrize("minor", [0, 1])
def test_a_head_request_gets_the_very_head_and_no_body(path, minor):
    get = SITE.ask(path, minor=minor)
    head = SITE.ask(path, minor=minor, method="HEAD")

    assert get.head == head.head
    assert (head.body_size, head.pieces, head.file) == (0, (), None)


def test_an_empty_file_has_a_length_and_no_parts():
    answer = SITE.ask("/empty")

    assert (200, "0", (), None) == (
        answer.status,
        answer.get("Content-Length"),
        answer.pieces,
        answer.file,
    )


def test_a_file_of_unknown_type_is_bytes():
    assert SITE.ask("/empty").get("Content-Type") == "application/octet-stream"


@pytest.mark.parametrize(
    ("keep_alive", "minor", "connection"),
    [(True, 1, None), (True, 0, "keep-alive"), (False, 1, "close"), (False, 0, "close")],
)
@pytest.mark.parametrize("path", ["/a.html", "/none", "/d"])
def test_connection_is_said_when_it_must_be(keep_alive, minor, connection, path):
    site = Site(SITE.files, keep_alive=keep_alive)

    assert site.ask(path, minor=minor).get("Connection") == connection


def status(number, head_only=False, minor=1):
    answer = ffi.new("struct answer *")
    lib.wb_answer_status(answer, number, SITE.context(), head_only, minor)
    parts = lib.wb_answer_parts(answer)[0 : answer.part_count]
    body = b"".join(ffi.buffer(part.data, part.count)[:] for part in parts)
    assert (answer.kind, answer.file) == (lib.ANSWER_READY, ffi.NULL)
    assert answer.body_size == len(body)
    return fields_of(text_of(lib.wb_answer_head(answer)), answer.status), body


@pytest.mark.parametrize("number", [400, 403, 404, 405, 408, 411, 413, 414, 417, 431, 500, 503])
def test_a_status_explains_itself(number):
    fields, body = status(number)

    assert body.startswith(f"{number} ".encode()) and body.endswith(b"\n")
    assert dict(fields) == {
        "Date": http_date(NOW),
        "Content-Type": "text/plain",
        "Content-Length": str(len(body)),
    }
    assert status(number, head_only=True) == (fields, b"")


@pytest.mark.parametrize("number", [204, 304])
def test_a_status_without_content_has_no_length(number):
    assert status(number) == ((("Date", http_date(NOW)),), b"")


def test_a_status_nobody_named_can_be_said():
    assert status(599)[1].startswith(b"599 ")
