"""Wrong arguments raise before anything is taken: argument, value and what is allowed are named."""

import os
import socket

import pytest
import wire

from uwoffload import (
    Engine,
    InvalidArgument,
    Program,
    ReceiveFile,
    Send,
    SendFile,
    Splice,
    Statistics,
)

TINY = [Send(b"tiny")]
HUGE = 2**63

# ---- values that are wrong in themselves: refused where they are made ----

MADE_WRONG = {
    "send str": (lambda: Send("text"), r"data: 'text' is str; allowed: bytes"),
    "send None": (lambda: Send(None), r"data: None .*allowed: bytes"),
    "send gaps": (lambda: Send(memoryview(b"abcd")[::2]), r"data: .*gaps; allowed: a contig"),
    "file negative": (lambda: SendFile(-1), r"file: -1 is no descriptor; allowed: 0 to"),
    "file too large": (lambda: SendFile(2**31), r"file: 2147483648 .*allowed: 0 to 2147483647"),
    "file bool": (lambda: SendFile(True), r"file: True .*allowed: an int, or an open"),
    "file path": (lambda: SendFile("a.txt"), r"file: 'a.txt' .*allowed: an int, or an open"),
    "file offset": (lambda: SendFile(0, -1), r"offset: -1; allowed: an int from 0 to"),
    "file offset huge": (lambda: SendFile(0, HUGE), rf"offset: {HUGE}; allowed: an int from 0"),
    "file offset float": (lambda: SendFile(0, 1.0), r"offset: 1.0; allowed: an int"),
    "file count": (lambda: SendFile(0, 0, -1), r"count: -1; allowed: .*or None"),
    "file count huge": (lambda: SendFile(0, 0, HUGE), rf"count: {HUGE}; allowed: an int"),
    "file sum": (lambda: SendFile(0, HUGE - 1, 1), r"offset \+ count: \d+ \+ 1 .*allowed: at"),
    "splice source": (lambda: Splice(-1), r"source: -1 is no descriptor"),
    "splice count": (lambda: Splice(0, -5), r"count: -5; allowed"),
    "receive count": (lambda: ReceiveFile(0, -1), r"count: -1; allowed: an int from 0 to \d+$"),
    "receive None": (lambda: ReceiveFile(0, None), r"count: None; allowed: an int from 0"),
    "receive offset": (lambda: ReceiveFile(0, 1, -1), r"offset: -1; allowed"),
    "receive sum": (lambda: ReceiveFile(0, HUGE - 1, 1), r"offset \+ count"),
    "program": (lambda: Program([Send(b""), b"x"]), r"program\[1\]: b'x'; allowed: Send"),
    "threads": (lambda: Engine(-1), r"threads: -1; allowed: an int from 0 to 64"),
    "threads many": (lambda: Engine(65), r"threads: 65; allowed: an int from 0 to 64"),
    "threads type": (lambda: Engine("2"), r"threads: '2'; allowed: an int"),
    "disk threads": (lambda: Engine(disk_threads=0), r"disk_threads: 0; allowed"),
    "transfers": (lambda: Engine(transfers_max=0), r"transfers_max: 0; allowed: .*4194304"),
    "pipes": (lambda: Engine(pipes_max=-1), r"pipes_max: -1; allowed: an int from 0"),
    "buffers": (lambda: Engine(buffers_max=0), r"buffers_max: 0; allowed: an int from 1"),
    "linger": (lambda: Engine(linger=-1), r"linger: -1; allowed: seconds from 0.001"),
    "stats": (lambda: Engine(stats=7), r"stats: 7; allowed: a path"),
    "stats worker": (lambda: Engine(stats_worker=-1), r"stats_worker: -1; allowed"),
    "workers": (lambda: Statistics.create(workers=0), r"workers: 0; allowed: an int from 1"),
}


@pytest.mark.parametrize("name", MADE_WRONG)
def test_wrong_value_is_refused_where_it_is_made(name):
    make, message = MADE_WRONG[name]

    with pytest.raises(InvalidArgument, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


# ---- limits of a submit ----

WRONG_LIMITS = {
    "after": ({"after": "keep"}, r"after: 'keep'; allowed: 'close' or 'give back'"),
    "after type": ({"after": 1}, r"after: 1; allowed"),
    "after list": ({"after": []}, r"after: \[\]; allowed"),
    "deadline zero": ({"deadline": 0}, r"deadline: 0; allowed: seconds from 0.001"),
    "deadline negative": ({"deadline": -1.0}, r"deadline: -1.0; allowed"),
    "deadline nan": ({"deadline": float("nan")}, r"deadline: nan; allowed"),
    "deadline huge": ({"deadline": 5e6}, r"deadline: 5000000.0; allowed: .* to 4294967"),
    "deadline text": ({"deadline": "1"}, r"deadline: '1'; allowed"),
    "no progress": ({"no_progress": 0}, r"no_progress: 0; allowed"),
    "rate min": ({"rate_min": 0}, r"rate_min: 0; allowed: bytes per second from 1"),
    "rate max": ({"rate_max": -1}, r"rate_max: -1; allowed: bytes per second from 1"),
    "rates": ({"rate_min": 2000, "rate_max": 1000}, r"rate_min.*2000.*1000"),
    "grace": ({"rate_min_grace": 0}, r"rate_min_grace: 0; allowed: seconds"),
    "high water": ({"high_water": 0}, r"high_water: 0; allowed: an int from 1"),
    "leftover": ({"leftover": "text"}, r"leftover: str; allowed: bytes"),
}


@pytest.mark.parametrize("name", WRONG_LIMITS)
def test_wrong_limit_is_refused_and_nothing_is_taken(engine, pair, name):
    limits, message = WRONG_LIMITS[name]
    fd = pair.server.fileno()

    with pytest.raises(InvalidArgument, match=message):
        engine.submit(pair.server, TINY, **limits)

    assert (fd, 0) == (pair.server.fileno(), engine.count)


# ---- sockets ----


def closed_socket():
    sock = socket.socket()
    sock.close()
    return sock


def listening_socket():
    return socket.create_server(("127.0.0.1", 0))


WRONG_SOCKETS = {
    "closed": (closed_socket, r"sock is -1: .*connected stream socket"),
    "datagram": (lambda: socket.socket(type=socket.SOCK_DGRAM), r"sock is \d+: not a stream"),
    "unconnected": (socket.socket, r"sock is \d+: .*not connected"),
    "listening": (listening_socket, r"sock is \d+: .*not connected"),
}


@pytest.mark.parametrize("name", WRONG_SOCKETS)
def test_wrong_socket_is_refused_and_kept(engine, name):
    make, message = WRONG_SOCKETS[name]
    with make() as sock:
        fd = sock.fileno()

        with pytest.raises(InvalidArgument, match=message):
            engine.submit(sock, TINY)

        assert (fd, 0) == (sock.fileno(), engine.count)


@pytest.mark.parametrize(
    ("sock", "message"),
    [
        (10**6, r"sock is 1000000: .*EBADF.*connected stream socket"),
        (-1, r"sock: -1 is no descriptor; allowed: 0 to 2147483647"),
        (2**31, r"sock: 2147483648 is no descriptor; allowed: 0 to 2147483647"),
        (None, r"sock: None is not a socket; allowed: a connected"),
        (True, r"sock: True is not a socket"),
        ("socket", r"sock: 'socket' is not a socket"),
    ],
)
def test_what_is_no_socket_is_refused(engine, sock, message):
    with pytest.raises(InvalidArgument, match=message):
        engine.submit(sock, TINY)


def test_file_object_is_no_socket(engine, make_file):
    with make_file(b"x").open("rb") as file:
        with pytest.raises(InvalidArgument, match="sock: _io.BufferedReader has no family"):
            engine.submit(file, TINY)


# ---- descriptors in a program ----


@pytest.fixture
def opened(make_file, tmp_path):
    """Descriptors of every wrong kind, by name; all must still be open at the end."""
    fds = {
        "append": os.open(make_file(b""), os.O_WRONLY | os.O_APPEND),
        "directory": os.open(tmp_path, os.O_RDONLY),
        "null": os.open("/dev/null", os.O_RDWR),
        "read only": os.open(make_file(b"12345"), os.O_RDONLY),
        "write only": os.open(make_file(b""), os.O_WRONLY),
    }
    fds["pipe out"], fds["pipe in"] = os.pipe()
    datagram = socket.socket(type=socket.SOCK_DGRAM)
    unconnected = socket.socket()
    fds["datagram"], fds["unconnected"] = datagram.detach(), unconnected.detach()
    yield fds
    for fd in fds.values():
        os.close(fd)


WRONG_DESCRIPTORS = [
    ("send file of a directory", SendFile, "directory", r"not a regular file; a regular file"),
    ("send file of a pipe", SendFile, "pipe out", r"not a regular file"),
    ("send file of a device", SendFile, "null", r"not a regular file"),
    ("send file not readable", SendFile, "write only", r"not open for reading"),
    ("splice a file", Splice, "read only", r"neither a pipe nor a socket"),
    ("splice a write end", Splice, "pipe in", r"write end of a pipe"),
    ("splice a datagram socket", Splice, "datagram", r"not a connected stream socket"),
    ("splice an unconnected socket", Splice, "unconnected", r"not a connected stream socket"),
    ("receive into a directory", ReceiveFile, "directory", r"not a regular file"),
    ("receive into a pipe", ReceiveFile, "pipe in", r"not a regular file"),
    ("receive into append", ReceiveFile, "append", r"O_APPEND"),
    ("receive into read only", ReceiveFile, "read only", r"not open for writing"),
]


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [row[1:] for row in WRONG_DESCRIPTORS],
    ids=[row[0] for row in WRONG_DESCRIPTORS],
)
def test_wrong_descriptor_is_refused_and_nothing_is_taken(
    engine, pair, opened, kind, name, message
):
    fd = opened[name]
    instruction = kind(fd, 1) if kind is ReceiveFile else kind(fd)

    with pytest.raises(InvalidArgument, match=rf"program\[1\]: fd is {fd}: .*{message}") as caught:
        engine.submit(pair.server, [Send(b"x"), instruction])

    assert caught.value.index == 1
    assert wire.is_open(fd)
    assert engine.count == 0
    pair.server.sendall(b"mine")
    assert wire.read_exactly(pair.client, 4) == b"mine"


@pytest.mark.parametrize("kind", [SendFile, Splice, ReceiveFile])
def test_closed_descriptor_is_refused(engine, pair, kind):
    instruction = kind(10**6, 1) if kind is ReceiveFile else kind(10**6)

    with pytest.raises(InvalidArgument, match=r"program\[0\]: fd is 1000000: .*EBADF"):
        engine.submit(pair.server, [instruction])


@pytest.mark.parametrize("kind", [SendFile, Splice, ReceiveFile])
def test_closed_file_object_is_refused(engine, pair, make_file, kind):
    file = make_file(b"x").open("rb")
    file.close()
    instruction = kind(file, 1) if kind is ReceiveFile else kind(file)

    with pytest.raises(InvalidArgument, match=r"program\[0\]\.(file|source): .*closed.*allowed"):
        engine.submit(pair.server, [instruction])


def test_closed_socket_as_source_is_refused(engine, pair):
    with pytest.raises(InvalidArgument, match=r"program\[0\]\.source: .* is closed; allowed"):
        engine.submit(pair.server, [Splice(closed_socket())])


def test_client_cannot_be_spliced_into_itself(engine, pair):
    twin = pair.server.dup()
    with twin, pytest.raises(InvalidArgument, match="into itself"):
        engine.submit(pair.server, [Splice(twin)])


def test_client_of_a_batch_cannot_be_spliced_into_itself(engine, connect):
    first, second = connect(), connect()
    with second.server.dup() as twin:
        with pytest.raises(InvalidArgument, match="into itself"):
            engine.submit_many([first.server, second.server], [Splice(twin)])
    assert engine.count == 0


def test_offset_past_the_end_is_refused_where_the_end_counts(engine, pair, make_file):
    with make_file(b"12345").open("rb") as file:
        with pytest.raises(InvalidArgument, match=r"offset is 6: the file has 5 bytes"):
            engine.submit(pair.server, [SendFile(file, 6)])


@pytest.mark.parametrize("program", [None, 5, b"bytes", [b"bytes"], [None], "text", object()])
def test_what_is_no_program_is_refused(engine, pair, program):
    with pytest.raises(InvalidArgument, match=r"program.*allowed"):
        engine.submit(pair.server, program)
    assert pair.server.fileno() >= 0


def test_program_that_is_too_long_is_refused(engine, pair):
    with pytest.raises(InvalidArgument, match=r"program.count is 1025: 0 to 1024"):
        engine.submit(pair.server, [Send(b"x")] * 1025)


@pytest.mark.parametrize("value", [0, -1, "1", 1.5])
def test_max_of_poll_and_wait_is_checked(engine, value):
    with pytest.raises(InvalidArgument, match="max: .*allowed: an int from 1"):
        engine.poll(value)
    with pytest.raises(InvalidArgument, match="max: .*allowed: an int from 1"):
        engine.wait(0, value)


def test_descriptor_that_was_handed_over_is_refused_until_its_transfer_has_ended(engine, connect):
    """
    Two transfers with the same number would both close it, and one of them a stranger's.
    """
    fd = connect(receive_buffer=4096).server.detach()
    first = engine.submit(fd, Send(b"x" * 3_000_000), after="give back")

    with pytest.raises(InvalidArgument, match=rf"{fd}: it was handed over already"):
        engine.submit(fd, Send(b"y"))

    first.cancel()
    assert first.wait(wire.PATIENCE).fd == fd
    second = engine.submit(fd, Send(b"y"))  # it is the caller's again, so it can be handed over
    second.cancel()
    second.wait(wire.PATIENCE)


def test_what_cannot_be_called_is_no_callback(engine, tcp):
    with pytest.raises(InvalidArgument, match="callback: 3; allowed: a callable, or None"):
        engine.submit(tcp.server, Send(b"x"), callback=3)

    assert tcp.server.fileno() >= 0


@pytest.mark.parametrize("program", [b"hello", "hello"])
def test_bare_data_is_no_program(engine, tcp, program):
    with pytest.raises(InvalidArgument, match=r"is no instruction; allowed: Send\(data\)"):
        engine.submit(tcp.server, program)


def test_single_socket_is_no_batch(engine, tcp):
    with pytest.raises(InvalidArgument, match="socks: socket; allowed: sockets and one program"):
        engine.submit_many(tcp.server, [Send(b"x")])


@pytest.mark.parametrize("timeout", ["a", -1, True, float("nan")])
def test_time_to_wait_is_a_number_from_zero_or_none(engine, tcp, timeout):
    transfer = engine.submit(tcp.server, Send(b"x"), after="give back")
    for wait in (engine.wait, transfer.wait):
        with pytest.raises(InvalidArgument, match="timeout: .*; allowed: seconds from 0, or None"):
            wait(timeout)
    transfer.wait(wire.PATIENCE).socket.close()
