"""Each instruction, and sequences of them: the client gets exactly these bytes."""

import errno
import os
import socket
import threading

import pytest
import wire
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uwoffload import Outcome, Program, ReceiveFile, Send, SendFile, Splice

SIZES = [1, 100, 16 * 1024, 16 * 1024 + 1, 300_000, 3_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_send_delivers_its_bytes(engine, pair, size):
    data = wire.content(size)

    transfer = engine.submit(pair.server, [Send(data)])

    assert wire.read_to_end(pair.client) == data
    assert transfer.wait(wire.PATIENCE).ok


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("size", [1000, 100_000])
def test_send_takes_every_kind_of_buffer(engine, pair, kind, size):
    data = wire.content(size)

    engine.submit(pair.server, [Send(kind(bytearray(data)))])

    assert wire.read_to_end(pair.client) == data


def test_large_data_stays_alive_though_nobody_holds_it(engine, connect):
    pairs = [connect("unix", receive_buffer=4096) for _ in range(20)]
    for seed, pair in enumerate(pairs):
        engine.submit(pair.server, [Send(wire.content(400_000, seed))])
    rubbish = [wire.content(400_000, seed + 100) for seed in range(20)]

    for seed, pair in enumerate(pairs):
        assert wire.read_to_end(pair.client) == wire.content(400_000, seed)
    del rubbish


def test_bytearray_cannot_be_resized_while_it_is_sent(engine, connect):
    pair = connect("unix", receive_buffer=4096)
    data = bytearray(wire.content(400_000))
    transfer = engine.submit(pair.server, [Send(data)])

    with pytest.raises(BufferError):
        data.clear()
    wire.read_to_end(pair.client)
    transfer.wait(wire.PATIENCE)
    data.clear()


def test_nothing_to_send_finishes(engine, pair):
    completion = engine.submit(pair.server, [Send(b"")]).wait(wire.PATIENCE)

    assert (Outcome.FINISHED, 0) == (completion.outcome, completion.bytes_queued)
    assert wire.read_to_end(pair.client) == b""


@pytest.mark.parametrize(
    ("offset", "count"),
    [(0, None), (0, 0), (0, 1), (7, None), (7, 100), (4096, 250_000), (1_000_000, None)],
)
def test_file_range_is_sent_and_never_a_byte_more(engine, pair, make_file, offset, count):
    data = wire.content(1_000_000)
    with make_file(data).open("rb") as file:
        engine.submit(pair.server, [SendFile(file, offset, count)])

        expected = data[offset:] if count is None else data[offset : offset + count]
        assert wire.read_to_end(pair.client) == expected


def test_position_of_a_file_object_is_neither_used_nor_moved(engine, pair, make_file):
    data = wire.content(50_000)
    with make_file(data).open("rb") as file:
        file.seek(1234)
        engine.submit(pair.server, [SendFile(file)])

        assert wire.read_to_end(pair.client) == data
        assert file.tell() == 1234


def test_file_object_stays_open_and_raw_descriptor_is_closed(engine, connect, make_file):
    data = wire.content(1000)
    kept, moved = connect(), connect()
    with make_file(data).open("rb") as file:
        fd = os.dup(file.fileno())
        engine.submit(kept.server, [SendFile(file)]).wait(wire.PATIENCE)
        engine.submit(moved.server, [SendFile(fd)]).wait(wire.PATIENCE)

        assert wire.read_to_end(kept.client) == wire.read_to_end(moved.client) == data
        assert wire.is_open(file.fileno())
        assert not wire.is_open(fd)


def test_file_object_may_be_closed_right_after_submit(engine, pair, make_file):
    data = wire.content(2_000_000)
    with make_file(data).open("rb") as file:
        engine.submit(pair.server, [SendFile(file)])

    assert wire.read_to_end(pair.client) == data


def test_file_that_is_shorter_than_promised_ends_with_source_short(engine, pair, make_file):
    data = wire.content(1000)
    with make_file(data).open("rb") as file:
        transfer = engine.submit(pair.server, [SendFile(file, 0, 2000), Send(b"never")])

        received, _ = wire.read_to_cut(pair.client)
    assert data.startswith(received)
    completion = transfer.wait(wire.PATIENCE)
    assert (Outcome.SOURCE_SHORT, errno.ENODATA) == (completion.outcome, completion.error)


@pytest.mark.parametrize("count", [None, 1, 70_000, 500_000])
def test_splice_from_a_pipe(engine, pair, count):
    data = wire.content(500_000)
    reading, writing = os.pipe()
    feeder = threading.Thread(target=feed, args=(writing, data))
    feeder.start()

    engine.submit(pair.server, [Splice(reading, count)])

    assert wire.read_to_end(pair.client) == data[:count]
    feeder.join()
    assert not wire.is_open(reading)


def feed(fd, data):
    with open(fd, "wb", buffering=0) as pipe:
        try:
            while data:
                data = data[pipe.write(data) :]
        except BrokenPipeError:
            pass


@pytest.mark.parametrize("kind", ["tcp", "unix"])
@pytest.mark.parametrize("count", [None, 300_000])
def test_splice_from_a_socket(engine, pair, connect, kind, count):
    data = wire.content(300_000)
    upstream = connect(kind)
    feeder = threading.Thread(target=upstream.client.sendall, args=(data,))
    feeder.start()

    engine.submit(pair.server, [Splice(upstream.server, count)])
    upstream_end = upstream.client
    feeder.join()
    upstream_end.shutdown(socket.SHUT_WR)

    assert wire.read_to_end(pair.client) == data
    assert wire.is_open(upstream.server.fileno())


def test_source_that_ends_early_ends_with_source_short(engine, pair):
    reading, writing = os.pipe()
    os.write(writing, b"half")
    os.close(writing)

    transfer = engine.submit(pair.server, [Splice(reading, 8)])

    received, _ = wire.read_to_cut(pair.client)
    assert b"half".startswith(received)
    completion = transfer.wait(wire.PATIENCE)
    assert (Outcome.SOURCE_SHORT, errno.ENODATA) == (completion.outcome, completion.error)


@pytest.mark.parametrize("size", [0, 1, 5000, 2_000_000])
@pytest.mark.parametrize("offset", [0, 3])
def test_upload_reaches_the_file(engine, pair, make_file, size, offset):
    data = wire.content(size)
    path = make_file(b"old")
    with path.open("r+b") as file:
        transfer = engine.submit(
            pair.server, [ReceiveFile(file, size, offset), Send(b"stored")], no_progress=5
        )
        pair.client.sendall(data)

        assert wire.read_to_end(pair.client) == b"stored"
        assert transfer.wait(wire.PATIENCE).bytes_received == size
    assert path.read_bytes() == b"old"[:offset] + data + b"old"[offset + size :]


def test_upload_begins_with_what_was_already_read(engine, pair, make_file):
    path = make_file(b"")
    with path.open("r+b") as file:
        transfer = engine.submit(pair.server, [ReceiveFile(file, 10)], leftover=b"12345")
        pair.client.sendall(b"67890")

        assert transfer.wait(wire.PATIENCE).bytes_received == 10
    assert path.read_bytes() == b"1234567890"


def test_upload_that_ends_early_ends_with_upload_short(engine, pair, make_file):
    path = make_file(b"")
    with path.open("r+b") as file:
        transfer = engine.submit(pair.server, [ReceiveFile(file, 100)])
        pair.client.sendall(b"only this")
        pair.client.shutdown(socket.SHUT_WR)

        completion = transfer.wait(wire.PATIENCE)
    assert (Outcome.UPLOAD_SHORT, errno.ENODATA) == (completion.outcome, completion.error)
    assert path.read_bytes() == b"only this"


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["send", "file", "pipe"]), st.integers(0, 200_000)), max_size=8
    ),
    kind=st.sampled_from(["tcp", "unix"]),
)
def test_any_sequence_arrives_in_order(engine, make_file, steps, kind):
    data = wire.content(200_000, len(steps))
    instructions, feeders, expected = [], [], b""
    with wire.connect(kind) as pair, make_file(data).open("rb") as file:
        for number, (step, size) in enumerate(steps):
            if step == "send":
                instructions.append(Send(data[:size]))
            elif step == "file":
                instructions.append(SendFile(file, 0, size))
            else:
                reading, writing = os.pipe()
                feeders.append(threading.Thread(target=feed, args=(writing, data[:size])))
                instructions.append(Splice(reading, size if number % 2 else None))
            expected += data[:size]
        for feeder in feeders:
            feeder.start()

        transfer = engine.submit(pair.server, instructions)

        assert wire.read_to_end(pair.client) == expected
        assert transfer.wait(wire.PATIENCE).ok
        for feeder in feeders:
            feeder.join()


def test_program_of_bytes_can_be_submitted_many_times(engine, connect):
    program = Program([Send(b"head "), Send(b"body")])
    pairs = [connect() for _ in range(5)]

    for pair in pairs:
        engine.submit(pair.server, program)

    assert {wire.read_to_end(pair.client) for pair in pairs} == {b"head body"}


def test_program_with_a_file_object_can_be_submitted_many_times(engine, connect, make_file):
    with make_file(b"content").open("rb") as file:
        program = Program([SendFile(file, 1)])
        pairs = [connect() for _ in range(3)]
        for pair in pairs:
            engine.submit(pair.server, program)

        assert {wire.read_to_end(pair.client) for pair in pairs} == {b"ontent"}
