"""Heads of answers, and the checks of names and values."""

import http

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whitebox import ffi, lib

from proto import hands


class Response:
    def __init__(self, room=1000):
        self.spans = hands.Spans()
        self.memory = self.spans.memory(bytes(room))
        self.cdata = ffi.new("struct response *", {"data": self.memory, "size": room})

    def field(self, name, value):
        lib.response_field(self.cdata, self.spans(name), self.spans(value))

    @property
    def text(self):
        return ffi.unpack(self.cdata.data, self.cdata.used) if self.cdata.used else b""


def status_text(status):
    return hands.text(lib.response_status_text(status))


def test_a_head_is_its_lines():
    response = Response()

    lib.response_begin(response.cdata, 206)
    response.field(b"A", b"b c")
    lib.response_number(response.cdata, response.spans(b"N"), 2**64 - 1)
    lib.response_number(response.cdata, response.spans(b"M"), 0)
    lib.response_bytes(response.cdata, response.spans(b"X: y\r\n"))
    lib.response_end(response.cdata)

    assert response.text == (
        b"HTTP/1.1 206 Partial Content\r\nA: b c\r\nN: 18446744073709551615\r\nM: 0\r\nX: y\r\n\r\n"
    )
    assert not response.cdata.failed


WHOLE = b"HTTP/1.1 200 OK\r\nA: b\r\nN: 12\r\n\r\n"


@pytest.mark.parametrize("room", range(len(WHOLE) + 2))
def test_what_does_not_fit_fails_and_writes_nothing_more(room):
    response = Response(room)
    pieces = [b"HTTP/1.1 ", b"200 OK", b"\r\n", b"A", b": ", b"b", b"\r\n", b"N", b": ", b"12",
              b"\r\n", b"\r\n"]  # fmt: skip
    fitting = b""
    for piece in pieces:
        if len(fitting + piece) > room:
            break
        fitting += piece

    lib.response_begin(response.cdata, 200)
    response.field(b"A", b"b")
    lib.response_number(response.cdata, response.spans(b"N"), 12)
    lib.response_end(response.cdata)
    response.field(b"", b"")

    assert response.cdata.failed
    assert response.text in (fitting, WHOLE + b": "[: max(0, room - len(WHOLE))])


@pytest.mark.parametrize("status", sorted(http.HTTPStatus))
def test_statuses_have_the_names_that_the_standard_library_has(status):
    text = status_text(status).decode()
    newer = {
        "Request Entity Too Large": "Content Too Large",
        "Request-URI Too Long": "URI Too Long",
        "Requested Range Not Satisfiable": "Range Not Satisfiable",
        "Unprocessable Entity": "Unprocessable Content",
    }

    assert text in (f"{status:d} {newer.get(status.phrase, status.phrase)}", f"{status:d} Unknown")


def test_every_status_has_a_text():
    for status in range(100, 600):
        text = status_text(status).decode()

        assert text.startswith(f"{status} ")
        assert text[4:].replace(" ", "").replace("-", "").isalpha()


@pytest.mark.parametrize("status", [200, 206, 301, 304, 400, 404, 405, 412, 413, 414, 416, 417, 431,
                                    500, 501, 503, 505])  # fmt: skip
def test_statuses_of_ours_are_known(status):
    assert b"Unknown" not in status_text(status)


@pytest.mark.parametrize("status", [-(2**31), -1, 0, 99, 600, 2**31 - 1])
def test_a_number_that_is_no_status_is_an_error_of_ours(status):
    assert status_text(status) == b"500 Internal Server Error"


TOKEN = b"!#$%&'*+-.^_`|~0123456789" + bytes(range(65, 91)) + bytes(range(97, 123))


@given(st.binary(max_size=20) | st.text("ab-\t\r\n\0 :", max_size=20).map(str.encode))
def test_names_and_values_are_checked(data):
    spans = hands.Spans()

    assert lib.response_token_ok(spans(data)) == (
        bool(data) and all(byte in TOKEN for byte in data)
    )
    assert lib.response_value_ok(spans(data)) == all(
        byte == 9 or (byte >= 32 and byte != 127) for byte in data
    )


def test_every_byte_of_a_value_wherever_it_stands():
    for byte in range(256):
        good = byte == 9 or (byte >= 32 and byte != 127)
        for size in (1, 7, 8, 9, 17, 24):
            for at in range(size):
                value = bytearray(b"\t" * size if at % 2 else b"\xff" * size)
                value[at] = byte
                assert lib.response_value_ok(hands.span(bytes(value))) == good
