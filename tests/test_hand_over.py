"""The moment of the hand-over: who owns the socket before and after, and what is refused."""

import os
import socket
import ssl
import threading

import pytest
import wire

from uwoffload import (
    Engine,
    EngineClosed,
    EngineFull,
    InvalidArgument,
    Outcome,
    Program,
    Send,
    SendFile,
)

TINY = [Send(b"tiny")]


def test_socket_object_is_detached_and_the_connection_lives(engine, pair):
    engine.submit(pair.server, TINY)

    assert pair.server.fileno() == -1
    assert wire.read_to_end(pair.client) == b"tiny"


def test_raw_descriptor_moves(engine, pair):
    fd = pair.server.detach()

    transfer = engine.submit(fd, TINY)

    assert wire.read_to_end(pair.client) == b"tiny"
    transfer.wait(wire.PATIENCE)
    assert not wire.is_open(fd)


def test_raw_descriptor_comes_back(engine, pair):
    fd = pair.server.detach()

    completion = engine.submit(fd, TINY, after="give back").wait(wire.PATIENCE)

    assert completion.socket is None
    assert completion.fd is not None
    with socket.socket(fileno=completion.fd) as again:
        again.sendall(b" again")
    assert wire.read_to_end(pair.client) == b"tiny again"


@pytest.mark.parametrize("timeout", [None, 0.0, 3.5])
def test_socket_comes_back_with_its_mode_and_timeout(engine, pair, timeout):
    pair.server.settimeout(timeout)
    family, kind, proto = pair.server.family, pair.server.type, pair.server.proto

    completion = engine.submit(pair.server, TINY, after="give back").wait(wire.PATIENCE)

    assert completion.fd is None
    with completion.socket as again:
        assert again.gettimeout() == timeout
        assert os.get_blocking(again.fileno()) == (timeout is None)
        assert (family, kind, proto) == (again.family, again.type, again.proto)
        again.setblocking(True)
        again.sendall(b" again")
    assert wire.read_to_end(pair.client) == b"tiny again"


def test_leftover_comes_back_with_the_socket(engine, pair):
    completion = engine.submit(pair.server, TINY, after="give back", leftover=b"GET /next").wait(
        wire.PATIENCE
    )

    assert completion.leftover == b"GET /next"
    completion.socket.close()


def test_input_that_came_meanwhile_is_still_in_the_socket_that_comes_back(engine, pair):
    pair.client.sendall(b"GET /next")

    completion = engine.submit(pair.server, TINY, after="give back").wait(wire.PATIENCE)

    with completion.socket as again:
        again.settimeout(wire.PATIENCE)
        assert completion.leftover + again.recv(100) == b"GET /next"


def test_socket_comes_back_after_a_failure_too(engine, pair, make_file):
    with make_file(b"short").open("rb") as file:
        completion = engine.submit(pair.server, [SendFile(file, 0, 100)], after="give back").wait(
            wire.PATIENCE
        )

    assert completion.outcome is Outcome.SOURCE_SHORT
    with completion.socket as again:
        again.sendall(b"!")
    assert wire.read_to_end(pair.client) == b"short!"


def test_unread_input_does_not_turn_the_answer_into_a_reset(engine, tcp):
    tcp.client.sendall(b"x" * 100_000)

    engine.submit(tcp.server, [Send(b"y" * 200_000)])

    assert wire.read_to_end(tcp.client) == b"y" * 200_000


def test_full_engine_takes_nothing(connect):
    with Engine(threads=1, transfers_max=2) as engine:
        waiting = [connect("unix", receive_buffer=4096) for _ in range(2)]
        for pair in waiting:
            engine.submit(pair.server, [Send(b"x" * 1_000_000)])
        third = connect()
        fd = third.server.fileno()

        with pytest.raises(EngineFull):
            engine.submit(third.server, TINY)

        assert third.server.fileno() == fd
        third.server.sendall(b"503")
        third.server.close()
        assert wire.read_to_end(third.client) == b"503"
        assert engine.statistics.total()["full"] >= 1


def test_engine_takes_transfers_again_after_it_was_full(connect):
    with Engine(threads=1, transfers_max=1) as engine:
        first, second = connect("unix", receive_buffer=4096), connect()
        transfer = engine.submit(first.server, [Send(b"x" * 1_000_000)])
        with pytest.raises(EngineFull):
            engine.submit(second.server, TINY)
        transfer.cancel()
        transfer.wait(wire.PATIENCE)

        engine.submit(second.server, TINY)

        assert wire.read_to_end(second.client) == b"tiny"


def test_closed_engine_takes_nothing(pair):
    with Engine() as engine:
        pass

    with pytest.raises(EngineClosed):
        engine.submit(pair.server, TINY)
    assert pair.server.fileno() >= 0


class Stubborn(socket.socket):
    """A socket whose detach fails, after the engine has reserved."""

    def detach(self):
        raise RuntimeError("no")


def test_detach_that_fails_leaves_everything_with_the_caller(engine, pair):
    with Stubborn(fileno=pair.server.detach()) as server:
        with pytest.raises(InvalidArgument, match="cannot be detached: no; allowed"):
            engine.submit(server, TINY)

        assert engine.count == 0
        server.sendall(b"mine")
    assert wire.read_to_end(pair.client) == b"mine"


def test_two_threads_submitting_one_socket_hand_it_over_once(engine, connect):
    refused = []
    for _ in range(100):
        pair = connect("unix")
        barrier = threading.Barrier(2)

        def submit(pair=pair, barrier=barrier):
            barrier.wait()
            try:
                engine.submit(pair.server, TINY)
            except InvalidArgument as error:
                refused.append(error)

        threads = [threading.Thread(target=submit) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wire.read_to_end(pair.client) == b"tiny"
    assert len(refused) == 100


# ---- TLS ----


@pytest.fixture
def tls(pair):
    """An SSLSocket on the server's side, before its handshake, and the raw client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with context.wrap_socket(
        pair.server, server_side=True, do_handshake_on_connect=False
    ) as server:
        yield server, pair.client


def test_ssl_socket_is_refused_and_no_clear_byte_leaves(engine, tls):
    server, client = tls

    with pytest.raises(InvalidArgument, match=r"sock: ssl\.SSLSocket is TLS"):
        engine.submit(server, [Send(b"secret")])
    with pytest.raises(InvalidArgument, match=r"socks\[0\].*TLS"):
        engine.submit_many([server], [Send(b"secret")])

    assert server.fileno() >= 0
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(1)


class LooksLikeTLS:
    """A wrapper of another library: a socket in every way, and encrypted."""

    family, type, proto = socket.AF_INET, socket.SOCK_STREAM, 0

    def __init__(self, sock):
        self.sock = sock

    def do_handshake(self):
        raise AssertionError

    def fileno(self):
        return self.sock.fileno()

    def detach(self):
        raise AssertionError


def test_foreign_tls_socket_is_refused(engine, pair):
    with pytest.raises(InvalidArgument, match="is TLS"):
        engine.submit(LooksLikeTLS(pair.server), TINY)


class Foreign:
    """A plain socket of another library."""

    def __init__(self, sock):
        self.sock = sock

    family = property(lambda self: self.sock.family)
    type = property(lambda self: self.sock.type)
    proto = property(lambda self: self.sock.proto)

    def fileno(self):
        return self.sock.fileno()

    def detach(self):
        return self.sock.detach()


def test_plain_socket_of_another_library_is_taken_and_given_back(engine, pair):
    pair.server.setblocking(False)

    completion = engine.submit(Foreign(pair.server), TINY, after="give back").wait(wire.PATIENCE)

    with completion.socket as again:
        assert again.gettimeout() == 0.0
    assert wire.read_to_end(pair.client) == b"tiny"


def test_program_with_raw_descriptor_is_spent_after_its_submit(engine, connect, make_file):
    path = make_file(b"content")
    program = Program([SendFile(os.open(path, os.O_RDONLY))])
    first, second = connect(), connect()
    engine.submit(first.server, program)

    with pytest.raises(InvalidArgument, match="moved with an earlier submit"):
        engine.submit(second.server, program)

    assert second.server.fileno() >= 0
    assert wire.read_to_end(first.client) == b"content"
