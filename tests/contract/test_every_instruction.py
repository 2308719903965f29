"""What holds for every instruction: cancel, give back, clients that vanish, statistics."""

import contextlib
import os
import threading

import pytest
import wire

from uwoffload import Outcome, ReceiveFile, Send, SendFile, Splice

SIZE = 3_000_000  # more than any socket buffer here takes


@contextlib.contextmanager
def long_send(tmp_path):
    yield Send(wire.content(SIZE))


@contextlib.contextmanager
def long_send_file(tmp_path):
    path = tmp_path / "long"
    path.write_bytes(wire.content(SIZE))
    with path.open("rb") as file:
        yield SendFile(file)


@contextlib.contextmanager
def long_splice(tmp_path):
    reading, writing = os.pipe()

    def feed():
        with open(writing, "wb", buffering=0) as pipe, contextlib.suppress(BrokenPipeError):
            data = memoryview(wire.content(SIZE))
            while data:
                data = data[pipe.write(data) :]

    feeder = threading.Thread(target=feed)
    feeder.start()
    with open(reading, "rb") as pipe:
        yield Splice(pipe, SIZE)
    feeder.join()


@contextlib.contextmanager
def long_receive_file(tmp_path):
    with (tmp_path / "upload").open("w+b") as file:
        yield ReceiveFile(file, SIZE)


LONG = {
    "receive file": long_receive_file,
    "send": long_send,
    "send file": long_send_file,
    "splice": long_splice,
}


@pytest.fixture(params=LONG)
def instruction(request, tmp_path):
    """One that cannot end while the client neither reads nor writes."""
    with LONG[request.param](tmp_path) as instruction:
        yield instruction


@pytest.fixture(params=["tcp", "unix"])
def narrow(request):
    with wire.connect(request.param, receive_buffer=8192) as pair:
        yield pair


def test_cancel_ends_it(engine, narrow, instruction):
    transfer = engine.submit(narrow.server, [instruction])

    transfer.cancel()

    assert transfer.wait(wire.PATIENCE).outcome is Outcome.CANCELLED
    assert engine.poll() == []


def test_cancel_amid_it_ends_it(engine, narrow, instruction):
    transfer = engine.submit(narrow.server, [instruction])
    narrow.client.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        narrow.client.send(b"x" * 10_000)

    def moved():
        progress = transfer.progress()
        return progress.bytes_queued or progress.bytes_received

    wire.until(moved)
    transfer.cancel()

    assert transfer.wait(wire.PATIENCE).outcome is Outcome.CANCELLED


def test_deadline_ends_it(engine, narrow, instruction):
    transfer = engine.submit(narrow.server, [instruction], deadline=0.1)

    assert transfer.wait(wire.PATIENCE).outcome is Outcome.DEADLINE


@pytest.mark.slow
@pytest.mark.native
def test_standstill_ends_it(engine, narrow, instruction):
    transfer = engine.submit(narrow.server, [instruction], no_progress=0.3)

    assert transfer.wait(wire.PATIENCE).outcome is Outcome.NO_PROGRESS


def test_socket_comes_back_from_it(engine, narrow, instruction):
    transfer = engine.submit(narrow.server, [instruction], after="give back", deadline=0.1)

    completion = transfer.wait(wire.PATIENCE)

    assert completion.outcome is Outcome.DEADLINE
    with completion.socket as again:
        assert again.fileno() >= 0


def test_client_that_vanishes_ends_it(engine, narrow, instruction):
    transfer = engine.submit(narrow.server, [instruction])

    wire.reset(narrow.client)

    completion = transfer.wait(wire.PATIENCE)
    short = isinstance(instruction, ReceiveFile) and completion.error != 0
    assert completion.outcome is Outcome.CLIENT_GONE or (
        short and completion.outcome is Outcome.UPLOAD_SHORT
    )


def test_nothing_after_it_is_carried_out(engine, narrow, instruction, make_file):
    """A program that ends early never sends what follows."""
    transfer = engine.submit(narrow.server, [instruction, Send(b"NEVER")], deadline=0.1)
    transfer.wait(wire.PATIENCE)

    received, _ = wire.read_to_cut(narrow.client)

    assert not received.endswith(b"NEVER")


def test_close_of_the_engine_ends_it(engine, narrow, instruction):
    transfer = engine.submit(narrow.server, [instruction])

    engine.close()

    assert transfer.completion.outcome is Outcome.CANCELLED
