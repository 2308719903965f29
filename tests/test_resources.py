"""What runs out: descriptors.  A clear error, nothing taken, and the engine goes on."""

import contextlib
import errno
import os
import resource

import pytest
import wire

from uwoffload import Engine, Send, SendFile, Splice


@contextlib.contextmanager
def descriptors_left(count):
    """So many descriptors can still be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.open("/dev/null", os.O_RDONLY)
    os.close(spare)
    taken = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare + count + 64, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        for _ in range(count):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in taken:
            os.close(fd)


def test_engine_that_cannot_be_made_leaves_nothing(make_file):
    refused = []
    for count in range(40):
        with descriptors_left(count):
            try:
                Engine(threads=3, disk_threads=2).close()
                break
            except OSError as error:
                refused.append(error.errno)
    assert set(refused) == {errno.EMFILE}
    assert len(refused) < 40


def test_submit_without_descriptors_takes_nothing(engine, connect, make_file):
    first, second = connect(), connect()
    with make_file(b"content").open("rb") as file:
        with descriptors_left(0):
            with pytest.raises(OSError) as caught:
                engine.submit(first.server, [Send(b"head"), SendFile(file)])
        assert caught.value.errno == errno.EMFILE
        assert first.server.fileno() >= 0
        assert engine.count == 0

        engine.submit(first.server, [SendFile(file)])
        engine.submit(second.server, [Send(b"x")])

    assert wire.read_to_end(first.client) == b"content"
    assert wire.read_to_end(second.client) == b"x"


def test_splice_without_descriptors_for_a_pipe_copies(pair, connect):
    upstream = connect("unix")
    upstream.client.sendall(b"x" * 50_000)
    upstream.client.close()
    with Engine() as engine, engine.statistics as statistics:
        fd = upstream.server.detach()
        with descriptors_left(0):
            engine.submit(pair.server, [Splice(fd)])

            assert wire.read_to_end(pair.client) == b"x" * 50_000
        wire.until(lambda: statistics.total()["finished"] == 1)
        assert statistics.total()["bytes_copied"] == 50_000
