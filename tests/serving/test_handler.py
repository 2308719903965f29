"""What a handler is given, what it may answer, and what becomes of it."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from collections.abc import Iterator

import pytest
import wire

from uwoffload import (
    Engine,
    EngineClosed,
    Front,
    InvalidArgument,
    Mount,
    Program,
    Response,
    Send,
    SendFile,
    Site,
    Splice,
    TransferGone,
)

from .bodies import Reader

LINE = b"0123456789abcdef" * 64


def pieces(count: int, size: int = 10_000) -> Iterator[bytes]:
    for number in range(count):
        yield b"%d " % number + b"x" * size


# ---- answers ----


@pytest.mark.parametrize(
    ("answer", "body", "kind"),
    [
        (b"bytes", b"bytes", "text/html; charset=utf-8"),
        (b"", b"", "text/html; charset=utf-8"),
        (bytearray(b"array"), b"array", "text/html; charset=utf-8"),
        (memoryview(b"view"), b"view", "text/html; charset=utf-8"),
        ("blåbær", "blåbær".encode(), "text/html; charset=utf-8"),
        (Send(b"one"), b"one", "application/octet-stream"),
        ([Send(b"one"), Send(b"two")], b"onetwo", "application/octet-stream"),
        (Program([Send(b"again")]), b"again", "application/octet-stream"),
        ([], b"", "application/octet-stream"),
        (b"x" * 3_000_000, b"x" * 3_000_000, "text/html; charset=utf-8"),
    ],
    ids=repr,
)
def test_answer_at_hand_has_a_length(serve, answer, body, kind):
    serving = serve(lambda request: answer)

    for _ in range(2):
        status, fields, found = serving.ask("GET", "/")
        assert (200, body) == (status, found)
        assert fields["Content-Length"] == str(len(body))
        assert fields["Content-Type"] == kind


def test_response_has_status_and_fields_of_its_own(serve):
    answer = Response(b"made", 201, [("Location", "/x"), (b"content-type", "text/plain")])
    serving = serve(lambda request: answer)

    status, fields, body = serving.ask("POST", "/", b"data")

    assert (201, b"made") == (status, body)
    assert fields["Location"] == "/x"
    assert fields["content-type"] == "text/plain"
    assert "Content-Type" not in fields


@pytest.mark.parametrize("status", [204, 304])
def test_answer_without_a_body_has_none(serve, status):
    """Whatever the handler gave: the next answer on the connection would be misread."""
    bodies = [b"", b"body", [Send(b"body")], pieces(3)]
    serving = serve(lambda request: Response(bodies.pop(), status))

    with serving.connect() as client:
        for _ in range(4):
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            assert head.startswith(b"HTTP/1.1 %d" % status)
            assert b"Content-Type" not in head


def test_file_is_sent_by_range(serve, make_file):
    path = make_file(wire.content(1_000_000))
    serving = serve(lambda request: [Send(b"<"), SendFile(os.open(path, os.O_RDONLY), 10, 500_000)])

    assert serving.ask("GET", "/")[2] == b"<" + wire.content(1_000_000)[10:500_010]


def test_generator_is_chunked_and_complete(serve):
    serving = serve(lambda request: pieces(500))

    status, fields, body = serving.ask("GET", "/")

    assert (200, "chunked") == (status, fields["Transfer-Encoding"])
    assert body == b"".join(pieces(500))


def test_generator_ends_the_connection_of_an_old_client(serve):
    serving = serve(lambda request: pieces(50))

    answer = serving.exchange(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == b"".join(pieces(50))


@pytest.mark.parametrize(
    ("body", "size"), [(b"abc", 3), ("abc", 3), (bytearray(b"abc"), 3), ([Send(b"ab")], 2)], ids=str
)
def test_length_that_is_not_that_of_the_body_is_a_mistake(serve, caplog, body, size):
    serving = serve(lambda request: Response(body, length=int(request.query)))

    assert serving.ask("GET", f"/?{size}")[0] == 200
    assert caplog.text == ""
    assert serving.ask("GET", "/?10")[0] == 500
    assert f"InvalidArgument: length: 10; allowed: None, or {size}, the body's" in caplog.text


def test_generator_of_a_known_length_is_not_chunked(serve):
    size = len(b"".join(pieces(50)))
    serving = serve(lambda request: Response(pieces(50), length=size))

    with serving.connect() as client:
        for _ in range(2):
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            assert b"Content-Length: %d\r\n" % size in head
            assert wire.read_exactly(client, size) == b"".join(pieces(50))


@pytest.mark.parametrize("wrong", [-1, 1])
def test_generator_that_breaks_its_promise_is_cut(serve, caplog, wrong):
    """The client must not take the next answer for the rest of this one."""
    size = len(b"".join(pieces(50))) + wrong
    serving = serve(lambda request: Response(pieces(50), length=size))

    with serving.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 2)
        found, _ = wire.read_to_cut(client)
    assert found.count(b"HTTP/1.1") <= 1
    assert "is cut" in caplog.text


def test_generator_gives_text_files_and_nothing(serve, make_file):
    path = make_file(b"content of the file")

    def chunks() -> Iterator[object]:
        yield b""
        yield "text, "
        yield memoryview(b"")
        yield bytearray(b"array, ")
        with path.open("rb") as file:
            yield SendFile(file)
            yield SendFile(file, 3, 7)
        yield Send(LINE * 200)

    serving = serve(lambda request: chunks())

    body = b"text, array, content of the file" + b"tent of" + LINE * 200
    assert serving.ask("GET", "/")[2] == body


def test_generator_of_nothing_is_an_empty_answer(serve):
    serving = serve(lambda request: iter([b"", b""]))

    status, fields, body = serving.ask("GET", "/")

    assert (200, "0", b"") == (status, fields["Content-Length"], body)


def test_first_piece_leaves_before_the_second_is_made(serve):
    """Events for a browser must not wait for each other."""
    go_on = threading.Event()

    def events() -> Iterator[bytes]:
        yield b"first\n"
        go_on.wait(wire.PATIENCE)
        yield b"second\n"

    serving = serve(lambda request: events())

    with serving.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        found = b""
        while not found.endswith(b"first\n\r\n"):
            found += client.recv(4096)
        go_on.set()
        while not found.endswith(b"second\n\r\n0\r\n\r\n"):
            found += client.recv(4096)


@pytest.mark.slow
def test_slow_reader_of_a_generator_holds_no_thread(serve):
    """One thread, twenty readers that take nothing, and somebody who wants a word."""
    serving = serve(lambda request: pieces(2_000) if request.path == "/long" else b"quick")
    readers = [serving.connect(TCP_MAXSEG=wire.SEGMENT, SO_RCVBUF=8192) for _ in range(20)]
    try:
        for reader in readers:
            reader.sendall(b"GET /long HTTP/1.0\r\n\r\n")
        wire.until(lambda: len(serving.front._growing) == 20)
        assert serving.ask("GET", "/")[2] == b"quick"
        for reader in readers:
            assert wire.read_to_end(reader).endswith(b"".join(pieces(2_000)))
    finally:
        for reader in readers:
            reader.close()
    wire.until(lambda: not serving.front._growing)


def test_end_of_an_answer_leaves_the_next_one_of_its_connection_alone(serve):
    """
    Its thread is held where it has just told the core that no more comes; meanwhile another
    thread has the next request, and will wait to be told of room.
    """
    begun = threading.Event()

    def hold(frame, event, function):
        if event == "c_return" and function.__name__ == "uwo_transfer_finish":
            sys.setprofile(None)
            assert begun.wait(wire.PATIENCE)

    def second() -> Iterator[bytes]:
        for number, piece in enumerate(pieces(3_000)):
            yield piece
            if number == 3:
                begun.set()

    def handler(request):
        if request.path == "/first":
            sys.setprofile(hold)
            return pieces(3)
        return second()

    serving = serve(handler, threads=2)
    with serving.connect(TCP_MAXSEG=wire.SEGMENT, SO_RCVBUF=8192) as client:
        for line in (b"GET /first HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nConnection: close\r\n"):
            client.sendall(line + b"Host: h\r\n\r\n")
        assert begun.wait(wire.PATIENCE)
        wire.until(lambda: len(serving.front._growing) == 1)
        assert wire.read_to_end(client).count(b"x" * 10_000) == 3_003


def test_generator_is_closed_when_its_client_goes(serve):
    closed = threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield LINE
        finally:
            closed.set()

    serving = serve(lambda request: endless())
    with serving.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        client.recv(100)
    assert closed.wait(wire.PATIENCE)


def test_generator_that_raises_cuts_the_answer_visibly(serve, caplog):
    def broken() -> Iterator[bytes]:
        yield LINE
        raise RuntimeError("half-way")

    serving = serve(lambda request: broken())

    with serving.connect() as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert wire.read_to_cut(client)[1], "an end would look like all of it"
    assert "RuntimeError: half-way" in caplog.text


def test_generator_that_raises_at_once_is_a_500(serve, caplog):
    def broken() -> Iterator[bytes]:
        raise RuntimeError("at once")
        yield b""

    serving = serve(lambda request: broken())

    assert 500 == serving.ask("GET", "/")[0]
    assert "RuntimeError: at once" in caplog.text


@pytest.mark.parametrize("answer", ["generator", "bytes", "file"])
def test_head_has_the_head_alone(serve, make_file, answer):
    path = make_file(b"content")
    closed = []

    def chunks() -> Iterator[bytes]:
        closed.append("never started")
        yield b"content"

    def handler(request):
        with path.open("rb") as file:
            request.answer(
                {"generator": chunks(), "bytes": b"content", "file": [SendFile(file)]}[answer]
            )

    serving = serve(handler)

    for _ in range(2):
        status, fields, body = serving.ask("HEAD", "/")
        assert (200, b"") == (status, body)
        assert fields.get("Content-Length", "7") == "7"
        assert ("Transfer-Encoding" in fields) == (answer == "generator")
    assert closed == []


@pytest.mark.parametrize(
    "answer",
    [
        None,
        17,
        {"a": 1},
        [b"bytes"],
        Response(b"", 199),
        Response(b"", 600),
        Response(b"", 200, [("A", "b\r\nC: d")]),
        Response(b"", 200, [("A b", "c")]),
        Response(b"", 200, [("Content-Length", "3")]),
        Response(b"", 200, [("Transfer-Encoding", "chunked")]),
        Response(b"", 200, [("A", "\u20ac")]),
        Response(b"", 200, [("A",)]),
    ],
    ids=repr,
)
def test_answer_that_cannot_be_is_a_500_and_a_line_in_the_log(serve, caplog, answer):
    serving = serve(lambda request: answer)

    status, _, body = serving.ask("GET", "/")

    assert (500, b"500 Internal Server Error\n") == (status, body)
    assert "InvalidArgument" in caplog.text
    assert serving.ask("GET", "/")[0] == 500, "the thread goes on"


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, KeyboardInterrupt, TimeoutError])
def test_handler_that_raises_is_a_500_and_the_thread_goes_on(serve, caplog, error):
    def handler(request):
        if request.path == "/bad":
            raise error("as asked")
        return b"good"

    serving = serve(handler)

    assert 500 == serving.ask("GET", "/bad")[0]
    assert "as asked" in caplog.text
    assert caplog.records[0].levelno == logging.ERROR
    assert b"good" == serving.ask("GET", "/")[2]


def test_splice_of_unknown_size_ends_the_connection(serve):
    def handler(request):
        reading, writing = os.pipe()
        os.write(writing, b"through a pipe")
        os.close(writing)
        return [Splice(reading)]

    answer = serve(handler).exchange(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")

    assert answer.endswith(b"\r\n\r\nthrough a pipe")
    assert b"Connection: close\r\n" in answer


# ---- requests ----


def test_request_says_all(serve):
    seen = {}

    def handler(request):
        for name in ("method", "target", "path", "query", "peer", "protocol", "version", "length"):
            seen[name] = getattr(request, name)
        seen["headers"] = list(request.headers)
        seen["host"] = request.headers.get("HOST")
        seen["twice"] = request.headers.get("x-twice"), request.headers.get_all("X-Twice")
        seen["none"] = request.headers.get("None"), request.headers.get("None", "otherwise")
        return b""

    serving = serve(handler)
    with serving.connect() as client:
        name = "{}:{}".format(*client.getsockname())
        client.sendall(
            b"DELETE /a%20b/../%C3%A9%FF?x=%20y HTTP/1.1\r\nHost: h\r\nX-Twice: 1\r\nx-twice: 2\r\n"
            b"Connection: close\r\n\r\n"
        )
        wire.read_to_end(client)
    fields = [("Host", "h"), ("X-Twice", "1"), ("x-twice", "2"), ("Connection", "close")]
    assert seen == {
        "method": "DELETE",
        "target": "/a%20b/../%C3%A9%FF?x=%20y",
        "path": "/é\udcff",
        "query": "x=%20y",
        "peer": name,
        "protocol": "http",
        "version": "HTTP/1.1",
        "length": 0,
        "headers": fields,
        "host": "h",
        "twice": ("1, 2", ["1", "2"]),
        "none": ("", "otherwise"),
    }


@pytest.mark.parametrize("size", [0, 1, 1000, 65_536, 65_537, 1_000_000])
@pytest.mark.parametrize("streamed", [False, True])
def test_body_can_be_had_in_every_way(serve, size, streamed):
    data = wire.content(size)

    def handler(request):
        if request.path == "/body":
            return request.body()
        if request.path == "/file":
            with request.file as file:
                assert isinstance(file, io.IOBase)
                return file.read()
        parts = []
        while part := request.read(10_000):
            assert len(part) <= 10_000
            parts.append(part)
        return b"".join(parts)

    serving = serve(handler, body_streamed=streamed)

    for target in ("/body", "/file", "/read"):
        assert serving.ask("POST", target, data)[2] == data
        chunked = serving.ask("POST", target, iter([data[:77], data[77:]] if size else []))
        assert chunked[2] == data


def packet(**variables: str) -> bytes:
    """A request as nginx sends it to a uwsgi socket."""
    found = b""
    for name, value in variables.items():
        for text in (name.encode(), value.encode()):
            found += len(text).to_bytes(2, "little") + text
    return b"\0" + len(found).to_bytes(2, "little") + b"\0" + found


def test_request_of_the_uwsgi_protocol_looks_the_same(serve):
    seen = {}

    def handler(request):
        for name in ("method", "target", "path", "query", "protocol", "version"):
            seen[name] = getattr(request, name)
        seen["headers"] = dict(request.headers)
        return request.body()

    serving = serve(handler, protocol="uwsgi")
    answer = serving.exchange(
        packet(
            REQUEST_METHOD="POST",
            REQUEST_URI="/a%20b?c=d",
            PATH_INFO="/a b",
            QUERY_STRING="c=d",
            SERVER_PROTOCOL="HTTP/1.1",
            CONTENT_LENGTH="4",
            CONTENT_TYPE="text/plain",
            HTTP_HOST="h",
            HTTP_X_OWN="own",
        )
        + b"body"
    )

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nbody")
    headers = seen.pop("headers")
    assert (headers["Host"], headers["X-Own"]) == ("h", "own")
    assert (headers["Content-Type"], headers["Content-Length"]) == ("text/plain", "4")
    assert seen == {
        "method": "POST",
        "target": "/a%20b?c=d",
        "path": "/a b",
        "query": "c=d",
        "protocol": "uwsgi",
        "version": "HTTP/1.1",
    }


def test_body_of_unknown_size_has_no_length(serve):
    serving = serve(lambda request: f"{request.length} {request.streamed}", body_streamed=True)

    assert serving.ask("POST", "/", iter([b"x"] * 10))[2] == b"None True"


def test_client_that_goes_while_its_body_is_read_is_a_connection_error(serve):
    reader = Reader()
    serving = serve(reader, body_streamed=True)
    with serving.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\npart")
    wire.until(lambda: reader.met)
    assert reader.met == [ConnectionResetError]


def test_client_that_stalls_while_its_body_is_read_times_out(serve):
    reader = Reader()
    serving = serve(reader, body_streamed=True, no_progress=0.1)
    with serving.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\npart")
        wire.until(lambda: reader.met)
    assert reader.met == [TimeoutError]


def test_what_was_not_asked_in_time_is_gone(serve):
    kept = []
    serving = serve(lambda request: kept.append(request) or request.method)

    serving.ask("GET", "/x")

    wire.until(lambda: kept[0].answered)
    wire.until(lambda: "answered" in repr(kept[0]))
    assert kept[0].method == "GET"
    for late in ("path", "headers", "peer", "file"):
        with pytest.raises(TransferGone):
            getattr(kept[0], late)
    with pytest.raises(TransferGone):
        kept[0].answer(b"again")
    kept[0].drop()


# ---- the front ----


def test_site_comes_first_and_python_gets_the_rest(serve, tmp_path):
    (tmp_path / "page.html").write_bytes(b"static")
    with Site([Mount("/s", tmp_path)], application=True) as site:
        serving = serve(lambda request: b"python", site=site)

    assert serving.ask("GET", "/s/page.html")[2] == b"static"
    assert serving.ask("GET", "/s/none")[2] == b"python"
    assert serving.ask("GET", "/")[2] == b"python"
    assert serving.ask("POST", "/s/page.html", b"x")[2] == b"python"


def test_another_site_counts_from_the_next_request(serve, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "page").write_text(name)
    with Site([Mount("", tmp_path / "one")]) as one, Site([Mount("", tmp_path / "two")]) as two:
        serving = serve(site=one)
        assert serving.ask("GET", "/page")[2] == b"one"
        serving.front.swap_site(two)
    wire.until(lambda: serving.ask("GET", "/page")[2] == b"two")


def test_requests_can_be_taken_and_answered_by_hand(serve):
    serving = serve(None, application=True)
    assert serving.front.take(0.01) is None
    with serving.connect() as client:
        client.sendall(b"GET /by-hand HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        request = serving.front.take(wire.PATIENCE)
        assert serving.front.waiting == 1
        with pytest.raises(InvalidArgument):
            request.answer(17)
        request.answer(f"{request.path}")
        assert wire.read_to_end(client).endswith(b"\r\n\r\n/by-hand")
    wire.until(lambda: serving.front.waiting == 0 and serving.front.connections == 0)


def test_request_that_nobody_answers_is_a_500(serve):
    serving = serve(None, application=True)
    with serving.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        request = serving.front.take(wire.PATIENCE)
        del request
        assert wire.read_to_end(client).startswith(b"HTTP/1.1 500 ")


def test_drain_answers_what_is_under_way(serve):
    begun, go_on = threading.Event(), threading.Event()

    def handler(request):
        begun.set()
        go_on.wait(wire.PATIENCE)
        return b"finished"

    serving = serve(handler)
    with serving.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert begun.wait(wire.PATIENCE)
        assert not serving.front.drain(0.05)
        go_on.set()
        answer = wire.read_to_end(client)
    assert answer.endswith(b"finished")
    assert b"Connection: close\r\n" in answer
    assert serving.front.drain(wire.PATIENCE)


def test_close_ends_generators_and_waiting_threads(serve):
    closed = threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield LINE
        finally:
            closed.set()

    serving = serve(lambda request: endless(), threads=3)
    with serving.connect(TCP_MAXSEG=wire.SEGMENT, SO_RCVBUF=8192) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        client.recv(100)
        assert serving.front.close()
        assert closed.is_set()
    assert serving.front.close(), "again"
    with pytest.raises(EngineClosed):
        serving.front.take()
    with pytest.raises(EngineClosed):
        _ = serving.front.connections


def test_engine_closes_its_front(tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        engine = Engine(threads=1)
        front = Front(engine, [listener])
        thread = threading.Thread(target=front.run, args=(lambda request: b"",))
        thread.start()
        engine.close()
        thread.join(wire.PATIENCE)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"listeners": [17.5]}, "listeners: 17.5"),
        ({"listeners": [(0, "gopher")]}, "'http' or 'uwsgi'"),
        ({"no_such": 1}, "no_such: there is no such limit; allowed: balance_count, "),
        ({"fields_max": 129}, "fields_max: 129; allowed: an int from 1 to 128"),
        ({"head_timeout": -1}, "head_timeout: -1; allowed: seconds"),
        ({"application": False}, "neither a site nor an application"),
        ({"site": "x"}, "site: 'x'; allowed: a Site, or None"),
        ({"listeners": [os.open("/dev/null", os.O_RDONLY)]}, "no listening socket"),
    ],
    ids=str,
)
def test_wrong_arguments_are_named(options, words):
    options = {"listeners": [], **options}
    with Engine(threads=1) as engine, pytest.raises(InvalidArgument) as caught:
        Front(engine, **options)
    assert words in str(caught.value)


def test_missing_docroot_is_named(tmp_path):
    with pytest.raises((InvalidArgument, OSError)) as caught:
        Site([Mount("", tmp_path), Mount("/x", tmp_path / "none")])
    assert str(tmp_path / "none") in str(caught.value)
