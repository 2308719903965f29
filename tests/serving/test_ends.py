"""The end of a front, with whatever is under way."""

from __future__ import annotations

import threading

import pytest
import wire

from uwoffload import Engine, EngineClosed, Front, Request, front

from .bodies import Reader

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


class Gate:
    """Threads stop here until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def stop(self) -> None:
        self.reached.set()
        assert self.opened.wait(wire.PATIENCE)


def in_thread(call):
    """A call in another thread, and what it gives."""
    found = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    return thread, found


def test_who_closes_second_waits_for_the_first(serve):
    """
    `with Front(...)` ends in one thread because another has closed it: what the block lends to the
    front, the engine above all, must stay until that one is done.
    """
    gate = Gate()
    serving = serve(lambda request: gate.stop() or b"")
    with serving.connect() as client:
        client.sendall(GET)
        assert gate.reached.wait(wire.PATIENCE)
        first, found = in_thread(serving.front.close)
        wire.until(lambda: serving.front._calls.at_it)
        second, found_too = in_thread(serving.front.close)
        second.join(0.05)
        assert second.is_alive()
        gate.opened.set()
        first.join(wire.PATIENCE)
        second.join(wire.PATIENCE)
    assert found == found_too == [True]


def test_generator_is_not_ended_before_it_has_begun(serve, monkeypatch, caplog):
    """
    The front is closed while its first piece is handed over.
    """
    gate, closed = Gate(), threading.Event()
    send = Request._send

    def slowly(self, *arguments):
        gate.stop()
        send(self, *arguments)

    def lines():
        try:
            while True:
                yield b"line\n"
        finally:
            closed.set()

    monkeypatch.setattr(Request, "_send", slowly)
    serving = serve(lambda request: lines())
    with serving.connect() as client:
        client.sendall(GET)
        assert gate.reached.wait(wire.PATIENCE)
        closing, found = in_thread(serving.front.close)
        closing.join(0.05)
        assert closing.is_alive() and not closed.is_set()
        gate.opened.set()
        closing.join(wire.PATIENCE)
    assert found == [True] and closed.is_set()
    assert not caplog.records


def test_front_that_could_not_end_takes_nothing_and_ends_later(serve, caplog):
    gate, runners = Gate(), threading.active_count()
    serving = serve(lambda request: gate.stop() or b"late")
    with serving.connect() as client:
        client.sendall(GET)
        assert gate.reached.wait(wire.PATIENCE)
        assert not serving.front.close(0.05)
        with pytest.raises(EngineClosed):
            serving.front.take(0)
        with serving.connect() as second:  # by the kernel, and by nobody else
            second.sendall(GET)
            second.settimeout(0.05)
            with pytest.raises(TimeoutError):
                second.recv(1)
            gate.opened.set()
            assert wire.read_to_end(client).endswith(b"\r\n\r\nlate")
            wire.until(lambda: threading.active_count() == runners)
            assert serving.front.close()
    assert "a handler does not return; its front cannot end" in caplog.text


def test_client_that_stalls_in_its_body_holds_up_no_end(serve):
    """
    For it may take its time: 30 seconds, unless somebody says otherwise.
    """
    reader = Reader()
    serving = serve(reader, body_streamed=True)
    with serving.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n")
        assert reader.begun.wait(wire.PATIENCE)
        assert serving.front.close(wire.PATIENCE)
    assert reader.met == [ConnectionResetError]


@pytest.mark.parametrize("where", ["uwo_front_hasten", "uwo_front_destroy"])
def test_close_goes_on_where_a_signal_interrupted_it(monkeypatch, where):
    """
    The exception of a signal handler comes up when a call into C returns.
    """

    class Interrupted:
        def __getattr__(self, name):
            return getattr(real, name)

    def interrupted(*arguments):
        getattr(real, where)(*arguments)
        monkeypatch.setattr(front, "lib", real)
        raise KeyboardInterrupt

    real, proxy = front.lib, Interrupted()
    setattr(proxy, where, interrupted)
    with Engine(threads=1) as engine:
        made = Front(engine, [])
        monkeypatch.setattr(front, "lib", proxy)
        with pytest.raises(KeyboardInterrupt):
            made.close()
        assert made.close() and made.close()
        assert engine._hub._made == len(engine._hub.idle), "every call is back once"
