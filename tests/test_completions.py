"""How one learns of the end: polling, waiting, callback, future; exactly one completion."""

import concurrent.futures
import gc
import logging
import select
import threading

import pytest
import wire

from uwoffload import Engine, EngineFull, Outcome, Send

TINY = [Send(b"tiny")]


def test_poll_finds_nothing_while_nothing_has_ended(engine, connect):
    pair = connect("unix", receive_buffer=4096)
    engine.submit(pair.server, [Send(b"x" * 1_000_000)])

    assert engine.poll() == []
    assert engine.count == 1


def test_wait_returns_an_empty_list_when_time_is_over(engine):
    assert engine.wait(0.01) == []


def test_wait_returns_the_completion(engine, tcp):
    transfer = engine.submit(tcp.server, TINY)

    (completion,) = engine.wait(wire.PATIENCE)

    assert completion.transfer is transfer
    assert transfer.completion is completion
    assert transfer.done()
    assert (Outcome.FINISHED, 0, 4) == (
        completion.outcome,
        completion.error,
        completion.bytes_queued,
    )
    assert 0 <= completion.duration < wire.PATIENCE
    assert engine.count == 0


def test_descriptor_is_readable_while_there_is_something_to_poll(engine, tcp):
    poll = select.poll()
    poll.register(engine.fileno(), select.POLLIN)
    assert poll.poll(0) == []

    transfer = engine.submit(tcp.server, TINY)

    assert poll.poll(wire.PATIENCE * 1000)
    assert [completion.transfer for completion in engine.poll()] == [transfer]
    assert poll.poll(0) == []


def test_poll_collects_at_most_max(engine, connect):
    transfers = [engine.submit(connect().server, TINY) for _ in range(7)]
    found = []

    while len(found) < 7:
        some = engine.wait(wire.PATIENCE, max=3)
        assert 1 <= len(some) <= 3
        found += some

    assert {completion.transfer for completion in found} == set(transfers)
    assert engine.poll() == []


def test_callback_is_called_once_with_the_completion(engine, tcp):
    called = []
    ended = threading.Event()

    def callback(completion):
        called.append(completion)
        ended.set()

    transfer = engine.submit(tcp.server, TINY, callback=callback)

    assert ended.wait(wire.PATIENCE)
    assert called == [transfer.completion]
    assert engine.poll() == []


def test_callback_that_raises_is_logged_and_stops_nobody(engine, connect, caplog):
    ended = threading.Event()

    def fail(completion):
        raise RuntimeError("callback is broken")

    transfer = engine.submit(connect().server, TINY, callback=fail)
    transfer.wait(wire.PATIENCE)
    engine.submit(connect().server, TINY, callback=lambda completion: ended.set())

    assert ended.wait(wire.PATIENCE)
    wire.until(lambda: caplog.records)
    assert caplog.records[0].levelno == logging.ERROR
    assert "callback is broken" in caplog.text


def test_callback_may_wait_for_another_transfer(engine, connect):
    second = connect()
    ended = threading.Event()

    def callback(completion):
        engine.submit(second.server, TINY).wait(wire.PATIENCE)
        ended.set()

    engine.submit(connect().server, TINY, callback=callback)

    assert ended.wait(wire.PATIENCE)
    assert wire.read_to_end(second.client) == b"tiny"


def test_done_callback_of_an_ended_transfer_is_called_at_once(engine, tcp):
    transfer = engine.submit(tcp.server, TINY)
    completion = transfer.wait(wire.PATIENCE)
    called = []

    transfer.add_done_callback(called.append)

    assert called == [completion]


def test_wait_for_one_transfer_raises_when_time_is_over(engine, connect):
    pair = connect("unix", receive_buffer=4096)
    transfer = engine.submit(pair.server, [Send(b"x" * 1_000_000)])

    with pytest.raises(TimeoutError):
        transfer.wait(0.01)
    wire.read_to_end(pair.client)

    assert transfer.wait(wire.PATIENCE).ok


def test_future_has_the_completion_as_result(engine, connect):
    transfers = [engine.submit(connect().server, TINY) for _ in range(5)]

    futures = {transfer.future(): transfer for transfer in transfers}
    done, _ = concurrent.futures.wait(futures, wire.PATIENCE)

    assert len(done) == 5
    assert all(future.result().transfer is futures[future] for future in done)


def test_cancelling_a_future_cancels_the_transfer(engine, connect):
    pair = connect("unix", receive_buffer=4096)
    transfer = engine.submit(pair.server, [Send(b"x" * 1_000_000)])
    future = transfer.future()

    assert future.cancel()

    assert transfer.wait(wire.PATIENCE).outcome is Outcome.CANCELLED


def test_polling_and_waiting_for_one_go_together(engine, connect):
    claimed = engine.submit(connect().server, TINY)
    claimed.wait(wire.PATIENCE)  # from now on the dispatcher reaps
    polled = {engine.submit(connect().server, TINY) for _ in range(5)}
    found = set()

    while found != polled:
        found |= {completion.transfer for completion in engine.wait(wire.PATIENCE)}

    assert engine.count == 0


def test_poll_leaves_claimed_completions_to_their_claimant(engine, connect):
    """Also where poll itself reaps them: no dispatcher is at work here."""
    claimed = engine.submit(connect().server, TINY)
    called = []
    engine._hub.claim(claimed, called.append, dispatch=False)  # as aio.wait does it
    other = engine.submit(connect().server, TINY)
    found = []

    wire.until(lambda: found.extend(engine.poll()) or (found and called))

    assert [completion.transfer for completion in found] == [other]
    assert called == [claimed.completion]


def test_many_threads_wait_each_for_its_own(engine, connect):
    pairs = [connect("unix", receive_buffer=4096) for _ in range(20)]
    transfers = [engine.submit(pair.server, [Send(b"x" * 100_000)]) for pair in pairs]
    with concurrent.futures.ThreadPoolExecutor(20) as threads:
        waiting = [threads.submit(transfer.wait, wire.PATIENCE) for transfer in transfers]
        for pair in reversed(pairs):
            wire.read_to_end(pair.client)

        assert [future.result().transfer for future in waiting] == transfers


def test_two_threads_in_wait_share_the_completions(engine, connect):
    found = []

    def collect():
        while len(found) < 50:
            found.extend(engine.wait(0.05))

    threads = [threading.Thread(target=collect) for _ in range(2)]
    for thread in threads:
        thread.start()
    transfers = [engine.submit(connect().server, TINY) for _ in range(50)]
    for thread in threads:
        thread.join(wire.PATIENCE)

    assert sorted(completion.transfer.id for completion in found) == sorted(
        transfer.id for transfer in transfers
    )


def test_completions_that_nobody_polls_fill_the_engine():
    with Engine(threads=1, transfers_max=4) as engine:
        engine.poll()
        pairs = []
        with pytest.raises(EngineFull, match="4"):
            for _ in range(5):
                with wire.connect("unix") as pair:
                    pairs.append(engine.submit(pair.server, TINY))
                    wire.read_to_end(pair.client)

        assert len(pairs) == 4
        wire.until(lambda: engine.wait(wire.PATIENCE))


def test_completions_that_nobody_ever_asks_for_are_forgotten():
    with Engine(threads=1, transfers_max=4) as engine:
        for _ in range(50):
            with wire.connect("unix") as pair:
                engine.submit(pair.server, TINY)
                assert wire.read_to_end(pair.client) == b"tiny"


def test_completion_reads_as_one_line(engine, tcp):
    transfer = engine.submit(tcp.server, TINY)

    line = str(transfer.wait(wire.PATIENCE))

    assert line.startswith(f"transfer {transfer.id}: finished, 4 of 4 bytes acknowledged")
    assert "\n" not in line


def test_engine_that_was_not_closed_is_closed_with_a_warning():
    engine = Engine()

    with pytest.warns(ResourceWarning, match="not closed"):
        del engine
        gc.collect()
