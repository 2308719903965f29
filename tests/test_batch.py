"""Many hand-overs in one call: all or nothing."""

import os

import pytest
import wire

from uwoffload import Engine, EngineFull, InvalidArgument, Program, Send, SendFile


def collect(engine, count):
    found = []
    while len(found) < count:
        some = engine.wait(wire.PATIENCE)
        assert some
        found += some
    return found


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_one_program_for_many_sockets(engine, connect, kind):
    pairs = [connect(kind) for _ in range(100)]

    transfers = engine.submit_many([pair.server for pair in pairs], Program([Send(b"same")]))

    assert {wire.read_to_end(pair.client) for pair in pairs} == {b"same"}
    assert {completion.transfer for completion in collect(engine, 100)} == set(transfers)


def test_a_program_for_each_socket(engine, connect, make_file):
    pairs = [connect() for _ in range(10)]
    content = wire.content(100_000)
    with make_file(content).open("rb") as file:
        transfers = engine.submit_many(
            (pair.server, [Send(b"%d " % number), SendFile(file, number, 1000)])
            for number, pair in enumerate(pairs)
        )

        for number, pair in enumerate(pairs):
            expected = b"%d " % number + content[number : number + 1000]
            assert wire.read_to_end(pair.client) == expected
    assert all(transfer.wait(wire.PATIENCE).ok for transfer in transfers)


def test_large_data_of_a_batch_stays_alive(engine, connect):
    pairs = [connect("unix", receive_buffer=4096) for _ in range(10)]

    engine.submit_many([pair.server for pair in pairs], [Send(wire.content(300_000))])

    for pair in pairs:
        assert wire.read_to_end(pair.client) == wire.content(300_000)


def test_sockets_of_a_batch_come_back(engine, connect):
    pairs = [connect() for _ in range(5)]
    for number, pair in enumerate(pairs):
        pair.server.settimeout(number + 1)

    transfers = engine.submit_many([pair.server for pair in pairs], [Send(b"x")], after="give back")

    for number, transfer in enumerate(transfers):
        with transfer.wait(wire.PATIENCE).socket as again:
            assert again.gettimeout() == number + 1


def test_callback_is_called_for_each(engine, connect):
    called = []
    pairs = [connect() for _ in range(5)]

    transfers = engine.submit_many(
        [pair.server for pair in pairs], [Send(b"x")], callback=called.append
    )

    wire.until(lambda: len(called) == 5)
    assert {completion.transfer for completion in called} == set(transfers)


def test_raw_descriptors_of_a_batch_move(engine, connect):
    pairs = [connect() for _ in range(3)]
    fds = [pair.server.detach() for pair in pairs]

    engine.submit_many(fds, [Send(b"x")])

    assert [wire.read_to_end(pair.client) for pair in pairs] == [b"x"] * 3


def test_empty_batch_is_nothing(engine):
    assert engine.submit_many([], [Send(b"x")]) == []
    assert engine.submit_many([]) == []


def test_batch_that_does_not_fit_takes_nothing(connect):
    with Engine(transfers_max=4) as engine:
        pairs = [connect() for _ in range(5)]

        with pytest.raises(EngineFull):
            engine.submit_many([pair.server for pair in pairs], [Send(b"x")])

        assert all(pair.server.fileno() >= 0 for pair in pairs)
        assert engine.count == 0
        engine.submit_many([pair.server for pair in pairs[:4]], [Send(b"x")])
        assert wire.read_to_end(pairs[3].client) == b"x"


def test_one_wrong_socket_refuses_the_batch_and_is_named(engine, connect):
    pairs = [connect() for _ in range(4)]
    reading, writing = os.pipe()
    socks = [pairs[0].server, pairs[1].server, reading, pairs[3].server]
    try:
        with pytest.raises(InvalidArgument) as caught:
            engine.submit_many(socks, [Send(b"x")])
    finally:
        os.close(reading)
        os.close(writing)

    assert caught.value.index == 2
    assert pairs[0].server.fileno() >= 0
    assert engine.count == 0


def test_one_wrong_program_refuses_the_batch(engine, connect):
    pairs = [connect() for _ in range(2)]

    with pytest.raises(InvalidArgument):
        engine.submit_many([(pairs[0].server, [Send(b"x")]), (pairs[1].server, [SendFile(999)])])

    assert pairs[0].server.fileno() >= 0


def test_socket_that_stands_twice_is_refused(engine, pair):
    with pytest.raises(InvalidArgument, match="twice"):
        engine.submit_many([pair.server, pair.server], [Send(b"x")])
    assert pair.server.fileno() >= 0


def test_raw_descriptor_cannot_go_to_many(engine, connect, make_file):
    pairs = [connect() for _ in range(2)]
    fd = os.open(make_file(b"x"), os.O_RDONLY)
    try:
        with pytest.raises(InvalidArgument, match="one transfer only"):
            engine.submit_many([pair.server for pair in pairs], [SendFile(fd)])
    finally:
        os.close(fd)


def test_without_program_pairs_are_needed(engine, pair):
    with pytest.raises(InvalidArgument, match="pairs"):
        engine.submit_many([pair.server])
