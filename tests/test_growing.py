"""Growing programs: append, finish, and a high-water mark that makes the producer wait."""

import threading

import pytest
import wire

from uwoffload import InvalidArgument, Outcome, Send, SendFile, TransferGone


def test_appended_instructions_follow_in_order(engine, pair, make_file):
    with make_file(b"file").open("rb") as file:
        transfer = engine.submit(pair.server, [Send(b"head ")], growing=True)

        assert transfer.append(Send(b"one "), SendFile(file))
        assert transfer.append(Send(b" two"))
        transfer.finish()

        assert wire.read_to_end(pair.client) == b"head one file two"
    assert transfer.wait(wire.PATIENCE).ok


def test_growing_transfer_waits_for_its_producer(engine, pair):
    transfer = engine.submit(pair.server, [], growing=True)
    assert engine.wait(0.1) == []

    for number in range(10):
        transfer.append(Send(b"%d" % number))
        assert wire.read_exactly(pair.client, 1) == b"%d" % number
    transfer.finish()

    assert wire.read_to_end(pair.client) == b""
    assert transfer.wait(wire.PATIENCE).bytes_queued == 10


def test_finish_without_append_ends_it(engine, pair):
    transfer = engine.submit(pair.server, [Send(b"all")], growing=True)

    transfer.finish()

    assert wire.read_to_end(pair.client) == b"all"


def test_high_water_mark_refuses_until_half_has_left(engine, connect):
    pair = connect("unix", receive_buffer=4096)
    transfer = engine.submit(pair.server, [], growing=True, high_water=200_000)
    appended = 0
    while transfer.append(Send(b"x" * 10_000)):
        appended += 10_000
        assert appended < 1_000_000

    assert transfer.progress().bytes_waiting >= 200_000
    assert not transfer.wait_room(0.05)
    wire.read_exactly(pair.client, appended - 50_000)
    assert transfer.wait_room(wire.PATIENCE)
    assert transfer.append(Send(b"end"))
    transfer.finish()

    assert wire.read_to_end(pair.client) == b"x" * 50_000 + b"end"


def test_producer_in_a_thread_is_slowed_to_the_pace_of_the_reader(engine, connect):
    pair = connect(receive_buffer=8192)
    transfer = engine.submit(pair.server, [], growing=True, high_water=65536)
    data = wire.content(3_000_000)
    most = []

    def produce():
        for at in range(0, len(data), 9_999):
            while not transfer.append(Send(data[at : at + 9_999])):
                transfer.wait_room()
            most.append(transfer.progress().bytes_waiting)
        transfer.finish()

    producer = threading.Thread(target=produce)
    producer.start()

    assert wire.read_to_end(pair.client) == data
    producer.join()
    assert transfer.wait(wire.PATIENCE).ok
    assert max(most) < 65536 + 9_999


def test_appended_bytes_may_change_after_append(engine, connect):
    pair = connect("unix", receive_buffer=4096)
    transfer = engine.submit(pair.server, [], growing=True)
    data = bytearray(b"a" * 100_000)

    transfer.append(Send(data))
    data[:] = b"b" * 100_000
    data.clear()
    transfer.finish()

    assert wire.read_to_end(pair.client) == b"a" * 100_000


def test_producer_learns_that_the_client_has_gone(engine, tcp):
    transfer = engine.submit(tcp.server, [Send(b"begin")], growing=True)
    wire.read_exactly(tcp.client, 5)
    wire.reset(tcp.client)

    with pytest.raises(TransferGone):
        while True:
            if not transfer.append(Send(b"x" * 1000)):
                transfer.wait_room(wire.PATIENCE)
    with pytest.raises(TransferGone):
        transfer.finish()
    assert transfer.wait(wire.PATIENCE).outcome is Outcome.CLIENT_GONE


def test_waiting_producer_is_released_by_the_end(engine, connect):
    pair = connect("unix", receive_buffer=4096)
    transfer = engine.submit(pair.server, [], growing=True, high_water=1000)
    while transfer.append(Send(b"x" * 1000)):
        pass
    waiting = threading.Thread(target=transfer.wait_room)
    waiting.start()

    transfer.cancel()

    waiting.join(wire.PATIENCE)
    assert not waiting.is_alive()


def test_transfer_that_does_not_grow_refuses_append(engine, connect):
    pair = connect("unix", receive_buffer=4096)
    transfer = engine.submit(pair.server, [Send(b"x" * 1_000_000)])

    with pytest.raises(InvalidArgument, match="grow"):
        transfer.append(Send(b"more"))


def test_append_after_finish_is_refused(engine, connect):
    pair = connect("unix", receive_buffer=4096)
    transfer = engine.submit(pair.server, [Send(b"x" * 1_000_000)], growing=True)
    transfer.finish()

    with pytest.raises(InvalidArgument, match="finish"):
        transfer.append(Send(b"more"))


def test_wrong_instruction_in_append_takes_nothing(engine, pair):
    transfer = engine.submit(pair.server, [], growing=True)

    with pytest.raises(InvalidArgument, match=r"program\[1\]"):
        transfer.append(Send(b"not sent"), SendFile(999))
    transfer.append(Send(b"sent"))
    transfer.finish()

    assert wire.read_to_end(pair.client) == b"sent"
