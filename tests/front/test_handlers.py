"""Python behind the front: what a handler sees, what it may answer, and what goes wrong in it."""

import hashlib
import json
import os
import re
import socket
import sys

import pytest
import wire

from . import servers
from .client import Cut, chunked, connect, environ, packet, parse_head, request
from .conftest import APP

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
SIZES = [0, 1, 4095, 4096, 4097, 65536, 131072, 131073, 1_000_000]  # body-memory is 4096 here


def echoed(answer) -> dict:
    assert answer.status == 200, answer
    return json.loads(answer.body)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# ---- what it sees ----


@pytest.mark.parametrize("address", ["http", "http_unix"])
def test_request_is_told_as_it_came(app, address):
    connection = app.connect(getattr(app, address))

    connection.send(request("/echo/%41%20b?x=%31&y", "X-One: 1", "x-one:  2 ", "Cookie: a=b"))
    seen = echoed(connection.answer())

    assert seen["method"] == "GET"
    assert seen["target"] == "/echo/%41%20b?x=%31&y"
    assert seen["path"] == "/echo/A b"
    assert seen["query"] == "x=%31&y"
    assert seen["headers"] == [
        ["Host", "test"], ["X-One", "1"], ["x-one", "2"], ["Cookie", "a=b"],
    ]  # fmt: skip
    assert (seen["protocol"], seen["version"], seen["length"]) == ("http", "HTTP/1.1", 0)
    host, _, port = seen["peer"].rpartition(":")
    if address == "http":
        assert (host, int(port)) == connection.socket.getsockname()
    else:
        assert seen["peer"] == ""


def test_peer_over_ipv6_is_told_in_brackets(serve_app):
    address = ("::1", servers.free_port())
    serve_app(listen_too=[address])

    with connect(address) as connection:
        seen = echoed(connection.get("/echo"))
        assert seen["peer"] == f"[::1]:{connection.socket.getsockname()[1]}"


def test_methods_files_do_not_take_go_to_the_handler(app):
    connection = app.connect()

    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"):
        assert echoed(connection.get("/echo", method=method))["method"] == method
    connection.send(request("/hello.txt", method="POST", body=b"x"))
    assert connection.answer().status == 404, "the application's own 404, not a 405"


def test_file_goes_before_the_handler_and_misses_go_to_it(app):
    connection = app.connect()

    assert connection.get("/hello.txt").body == b"hello\n"
    assert connection.get("/missing").body == b"no such handler\n"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", ["length", "chunked", "expect"])
def test_body_arrives_whole_in_memory_or_on_disk(app, size, form):
    body = wire.content(size, seed=size)
    connection = app.connect()

    for target in ("/echo", "/pieces"):
        if form == "length":
            connection.send(request(target, f"Content-Length: {size}", method="POST"), body)
        elif form == "chunked":
            connection.send(request(target, "Transfer-Encoding: chunked", method="POST"))
            thirds = [body[: size // 3], body[size // 3 : size // 2], body[size // 2 :]]
            connection.send(chunked(*(piece for piece in thirds if piece)))
        else:
            fields = ["Expect: 100-continue", f"Content-Length: {size}"]
            connection.send(request(target, *fields, method="POST"))
            if size:
                assert connection.take(len(CONTINUE)) == CONTINUE
            connection.send(body)
        answer = connection.answer()
        if answer.status == 100:  # an empty body needs no permission, but may get it
            answer = connection.answer()
        if target == "/echo":
            seen = echoed(answer)
            assert (seen["size"], seen["sha256"]) == (size, digest(body))
        else:
            assert answer.body == f"{size} {digest(body)}".encode()
    assert connection.idle()


def test_spooled_bodies_leave_no_file(app):
    before = set(os.listdir("/tmp"))
    with connect(app.http) as connection:
        connection.send(request("/echo", "Content-Length: 500000", method="POST"), b"x" * 200_000)
        wire.until(lambda: servers.holdings(app.server.tree()))
        assert not {name for name in set(os.listdir("/tmp")) - before if "uwo" in name}
        connection.reset()


def test_body_byte_by_byte(app):
    connection = app.connect()
    whole = request("/echo", "Transfer-Encoding: chunked", method="POST") + chunked(b"abc", b"de")

    connection.send(*(bytes([byte]) for byte in whole))

    assert echoed(connection.answer())["sha256"] == digest(b"abcde")


def test_requests_in_a_pipeline_are_answered_in_order(app):
    connection = app.connect()

    connection.send(
        *(
            request(f"/echo/{n}", method="POST", body=b"b" * n)
            if n % 3
            else request("/size-16385.bin")
            for n in range(30)
        )
    )

    for number in range(30):
        answer = connection.answer()
        if number % 3:
            seen = echoed(answer)
            assert (seen["path"], seen["size"]) == (f"/echo/{number}", number)
        else:
            assert len(answer.body) == 16385


@pytest.mark.parametrize("address", ["uwsgi", "uwsgi_unix"])
@pytest.mark.parametrize("size", [0, 5, 4097, 300_000])
def test_packet_with_a_body_reaches_the_handler(app, address, size):
    body = wire.content(size, seed=size)

    with connect(getattr(app, address)) as connection:
        pairs = environ("/echo/x", "PUT", CONTENT_LENGTH=str(size), HTTP_X_Y="z")
        connection.send(packet(pairs), body)
        seen = echoed(connection.answer())
        assert connection.ended()

    assert (seen["method"], seen["path"], seen["protocol"]) == ("PUT", "/echo/x", "uwsgi")
    assert (seen["size"], seen["sha256"]) == (size, digest(body))
    assert not any(name.upper().startswith("UWSGI_") for name, _ in seen["headers"])


@pytest.mark.parametrize("text", ["Content-Length: 2000000000", "Content-Length: 99999999999"])
def test_body_beyond_the_limit_is_413_before_it_comes(app, text):
    connection = app.connect()

    connection.send(request("/echo", text, "Expect: 100-continue", method="POST"))
    answer = connection.answer()

    assert (413, True) == (answer.status, answer.closes)


@pytest.mark.slow
def test_chunked_body_beyond_the_limit_is_413(serve_app):
    site = serve_app(limit_post=10_000)

    with connect(site.http) as connection:
        connection.send(request("/echo", "Transfer-Encoding: chunked", method="POST"))
        connection.send(chunked(*[b"x" * 1000] * 11))
        assert connection.answer().status == 413
    with connect(site.http) as connection:
        connection.send(request("/echo", "Transfer-Encoding: chunked", method="POST"))
        connection.send(chunked(*[b"x" * 1000] * 10))
        assert echoed(connection.answer())["size"] == 10_000


def test_malformed_chunks_never_reach_the_handler(app):
    connection = app.connect()

    connection.send(
        request("/echo", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabcX\r\n0\r\n\r\n"
    )

    assert connection.answer().status == 400
    assert connection.ended()


def test_client_that_ends_inside_its_body_gets_no_answer_of_the_handler(app):
    connection = app.connect()

    connection.send(request("/echo", "Content-Length: 10", method="POST"), b"abc").end_sending()
    data, _ = connection.rest_to_cut()

    assert data == b"" or parse_head(data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n").status == 400


# ---- what it may answer ----


def test_answers_of_every_form(app):
    connection = app.connect()
    data = (app.server.folder / "data.bin").read_bytes()

    assert connection.get("/empty").body == b""
    assert connection.get("/text").body == "grün\n".encode()
    assert connection.get("/large?size=3000000").body == b"L" * 3_000_000
    assert connection.get("/program").body == b"before " + data[10:1010] + b" after"
    assert connection.get("/generate").body == b"AAAAABBBBBCCCCC"
    assert connection.get("/generate?count=0").body == b""
    assert connection.get("/nothing").status == 500
    answer = connection.get("/fields")
    assert (answer.status, answer["x-one"], answer["set-cookie"]) == (201, "1", "a=b, c=d")
    assert connection.idle()


@pytest.mark.parametrize("status", [204, 205, 304, 404, 418, 503, 599])
def test_any_final_status_may_be_answered(app, status):
    connection = app.connect()

    answer = connection.get(f"/fields?status={status}")

    assert answer.status == status
    if status in (204, 304):
        assert "transfer-encoding" not in answer.names
        assert status != 204 or "content-length" not in answer.names
    assert connection.get("/hello.txt").body == b"hello\n"


def test_head_of_a_handler_has_no_body(app):
    connection = app.connect()

    for target in ("/large", "/generate", "/program", "/empty", "/fail", "/nonsense"):
        get = connection.get(target)
        head = connection.get(target, method="HEAD")
        assert head.status == get.status, target
        assert connection.idle(), target
        if "content-length" in get.names and "content-length" in head.names:
            assert head["content-length"] == get["content-length"], target


def test_generator_is_chunked_or_as_long_as_it_said(app):
    connection = app.connect()

    assert "transfer-encoding" in connection.get("/generate?count=100&size=1000").names
    known = connection.get("/generate?count=100&size=1000&length=1")
    assert (known["content-length"], len(known.body)) == ("100000", 100_000)
    connection.send(request("/generate?count=9", version="HTTP/1.0"))
    answer = connection.answer()
    assert "transfer-encoding" not in answer.names
    assert len(answer.body) == 45


@pytest.mark.parametrize("target", ["/short", "/lengthy", "/fail_inside", "/fail_inside?size=0"])
def test_generator_that_breaks_cuts_the_answer_visibly(app, target):
    connection = app.connect()

    connection.send(request(target) + request("/hello.txt"))

    with pytest.raises((Cut, ConnectionResetError)):
        answer = connection.answer()
        assert (answer.status, answer.closes) == (500, False) or len(answer.body) <= 10
        if answer.status == 500 or target == "/lengthy":
            raise Cut("told in time, or cut to what was promised")


def test_fields_that_would_split_the_answer_are_refused(app):
    connection = app.connect()

    for field in (
        "X:a%0d%0aX-Evil:yes",
        "X:a%0ab",
        "X:a%00b",
        "X%0d%0aY:b",
        "X%20Y:b",
        ":b",
        "Content-Length:3",
        "Transfer-Encoding:chunked",
        "Connection:upgrade",
        "Date:today",
    ):
        answer = connection.get(f"/forbidden_fields?field={field}")
        assert answer.status == 500, field
        assert "x-evil" not in answer.names
    assert connection.get("/hello.txt").body == b"hello\n"


# ---- what goes wrong ----


@pytest.mark.parametrize("target", ["/fail", "/nonsense", "/gate", "/leave"])
def test_handler_that_fails_is_a_500_and_the_connection_lives(app, target):
    connection = app.connect()

    for _ in range(3):
        assert connection.get(target).status == 500
        assert connection.get("/pid").status == 200


def test_exception_of_a_handler_is_logged_and_not_told(app):
    answer = app.get("/fail")

    assert b"Traceback" not in answer.body and b"in the handler" not in answer.body
    wire.until(lambda: "RuntimeError: in the handler" in app.server.text())


@pytest.mark.parametrize("moment", ["before", "during"])
def test_client_that_goes_takes_nothing_with_it(app, moment):
    for target in ("/large?size=5000000", "/generate?count=100000&size=1000", "/program"):
        for _ in range(5):
            connection = connect(app.http, receive_buffer=4096)
            connection.send(request(target))
            if moment == "during":
                connection.take(1000 if target != "/program" else 1)
            connection.reset()
    assert app.get("/pid").status == 200


@pytest.mark.slow
@pytest.mark.native
def test_slow_clients_of_generators_block_nobody(app):
    """More of them than there are threads; each is given the next piece when it has room."""
    slow = [app.connect(receive_buffer=4096) for _ in range(10)]
    for connection in slow:
        connection.send(request("/generate?count=3000&size=1000"))
        assert connection.head().status == 200

    prober = app.connect()
    for _ in range(50):
        assert prober.get("/pid").status == 200
    for connection in slow:
        body = connection._chunks()
        assert len(body) == 3_000_000
        assert body == b"".join(bytes([65 + number % 26]) * 1000 for number in range(3000))


@pytest.mark.slow
def test_slow_clients_of_large_answers_block_nobody(app):
    slow = [app.connect(receive_buffer=4096) for _ in range(10)]
    for connection in slow:
        connection.send(request("/large?size=8000000"))

    prober = app.connect()
    for _ in range(50):
        assert prober.get("/pid").status == 200
    for connection in slow:
        assert connection.answer().body == b"L" * 8_000_000


# ---- bodies that stream in ----


@pytest.fixture
def streaming(tmp_path):
    port = servers.free_port()
    address = ("127.0.0.1", port)
    (tmp_path / "data.bin").write_bytes(b"d" * 5000)
    with servers.running(
        tmp_path,
        program=[sys.executable, str(APP.with_name("streaming_app.py"))],
        command=[str(port)],
        environment={"FRONT_TEST_FOLDER": str(tmp_path), "PYTHONSAFEPATH": ""},  # it imports app
        ready=[address],
    ) as server:
        server.tolerated = re.compile("Traceback")
        yield address


@pytest.mark.parametrize("size", [0, 1, 65536, 1_000_000])
@pytest.mark.parametrize("form", ["length", "chunked"])
def test_streamed_body_is_read_as_it_comes(streaming, size, form):
    body = wire.content(size, seed=size)

    with connect(streaming) as connection:
        for target in ("/echo", "/pieces"):
            if form == "length":
                connection.send(request(target, f"Content-Length: {size}", method="POST"), body)
            else:
                connection.send(request(target, "Transfer-Encoding: chunked", method="POST"))
                connection.send(chunked(*(b for b in [body[: size // 2], body[size // 2 :]] if b)))
            answer = connection.answer()
            if target == "/echo":
                assert echoed(answer)["sha256"] == digest(body)
            else:
                assert answer.body == f"{size} {digest(body)}".encode()
        assert connection.get("/pid").status == 200


def test_answer_before_the_streamed_body_was_read_keeps_order(streaming):
    with connect(streaming) as connection:
        connection.send(request("/pid", method="POST", body=b"x" * 1000), request("/text"))
        assert connection.answer().status == 200
        assert connection.answer().body == "grün\n".encode()


def test_streamed_body_that_breaks_is_an_error_of_the_handler(streaming):
    for broken in (b"3\r\nabcX\r\n", b"zz\r\n"):
        with connect(streaming) as connection:
            connection.send(request("/echo", "Transfer-Encoding: chunked", method="POST"), broken)
            data, _ = connection.rest_to_cut()
            assert data[:13] in (b"HTTP/1.1 500 ", b"HTTP/1.1 400 ", b"")
    with connect(streaming) as connection:
        connection.send(request("/echo", "Content-Length: 100", method="POST"), b"abc")
        connection.socket.shutdown(socket.SHUT_WR)
        connection.rest_to_cut()
    with connect(streaming) as connection:
        assert connection.get("/pid").status == 200
