"""Cancel at any moment; progress while it lives; exactly one completion."""

import random
import threading

import pytest
import wire

from uwoffload import Outcome, Send, SendFile
from uwoffload._bridge import lib


def test_cancel_ends_a_parked_transfer_with_a_visible_cut(engine, connect):
    pair = connect("tcp", receive_buffer=4096)
    transfer = engine.submit(pair.server, [Send(b"x" * 5_000_000)])

    transfer.cancel()

    completion = transfer.wait(wire.PATIENCE)
    assert completion.outcome is Outcome.CANCELLED
    received, _ = wire.read_to_cut(pair.client)
    assert len(received) < 5_000_000


def test_cancel_of_an_ended_transfer_changes_nothing(engine, tcp):
    transfer = engine.submit(tcp.server, [Send(b"tiny")])
    completion = transfer.wait(wire.PATIENCE)

    transfer.cancel()
    transfer.cancel()

    assert transfer.completion is completion
    assert completion.outcome is Outcome.FINISHED
    assert wire.read_to_end(tcp.client) == b"tiny"


def test_cancelled_socket_comes_back(engine, connect):
    pair = connect("tcp", receive_buffer=4096)
    transfer = engine.submit(pair.server, [Send(b"x" * 5_000_000)], after="give back")

    transfer.cancel()

    completion = transfer.wait(wire.PATIENCE)
    assert completion.outcome is Outcome.CANCELLED
    completion.socket.close()


def test_cancel_of_one_never_touches_its_successor(engine, connect):
    """Ids carry a generation: an old handle is dead for ever."""
    old = engine.submit(connect().server, [Send(b"x")])
    old.wait(wire.PATIENCE)
    pairs = [connect("unix", receive_buffer=4096) for _ in range(10)]
    transfers = [engine.submit(pair.server, [Send(b"y" * 100_000)]) for pair in pairs]

    for _ in range(100):
        cancel_below(engine, old)

    for pair, transfer in zip(pairs, transfers, strict=True):
        assert wire.read_to_end(pair.client) == b"y" * 100_000
        assert transfer.wait(wire.PATIENCE).ok


def cancel_below(engine, transfer):
    """The public cancel() stops at the completion."""
    lib.uwo_transfer_cancel(engine._hub.handle, transfer.id)


@pytest.mark.slow
@pytest.mark.native
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_cancel_at_any_moment_gives_exactly_one_completion(engine, make_file, kind):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    content = wire.content(300_000)
    outcomes = set()
    with make_file(content).open("rb") as file:
        for _ in range(300):
            with wire.connect(kind) as pair:
                transfer = engine.submit(pair.server, [Send(b"head"), SendFile(file)])
                canceller = threading.Timer(chance.random() * 0.0005, transfer.cancel)
                canceller.start()
                received, _ = wire.read_to_cut(pair.client)
                canceller.join()
                completions = [completion.transfer for completion in collect(engine)]
                outcomes.add(transfer.completion.outcome)

                assert completions == [transfer]
                assert (b"head" + content).startswith(received)
                if transfer.completion.ok:
                    assert received == b"head" + content
    assert outcomes <= {Outcome.CANCELLED, Outcome.FINISHED}
    assert engine.wait(0.05) == []


def collect(engine):
    found = engine.wait(wire.PATIENCE)
    return found + engine.poll()


def test_progress_is_live_and_counts_what_the_client_read(engine, connect):
    pair = connect("unix", receive_buffer=4096)
    transfer = engine.submit(pair.server, [Send(b"x" * 500_000)])
    wire.until(lambda: transfer.progress().bytes_queued > 0)
    before = transfer.progress()
    assert not before.ended
    assert before.bytes_acked <= before.bytes_queued < 500_000

    wire.read_exactly(pair.client, 250_000)

    wire.until(lambda: transfer.progress().bytes_acked >= 230_000)
    during = transfer.progress()
    assert 230_000 <= during.bytes_acked <= during.bytes_queued < 500_000
    assert during.duration >= before.duration
    wire.read_exactly(pair.client, 250_000)
    transfer.wait(wire.PATIENCE)
    after = transfer.progress()
    assert (True, 500_000, 500_000) == (after.ended, after.bytes_queued, after.bytes_acked)


def test_progress_over_tcp_counts_what_was_acknowledged(engine, connect, make_file):
    pair = connect(receive_buffer=8192)
    with make_file(wire.content(3_000_000)).open("rb") as file:
        transfer = engine.submit(pair.server, [SendFile(file)])

    wire.read_exactly(pair.client, 1_000_000)

    wire.until(lambda: transfer.progress().bytes_acked >= 1_000_000)
    assert transfer.progress().bytes_acked < 1_100_000
    transfer.cancel()
    transfer.wait(wire.PATIENCE)


def test_client_that_resets_has_gone(engine, connect):
    pair = connect(receive_buffer=8192)
    transfer = engine.submit(pair.server, [Send(b"x" * 5_000_000)])
    wire.read_exactly(pair.client, 10_000)

    wire.reset(pair.client)

    completion = transfer.wait(wire.PATIENCE)
    assert completion.outcome is Outcome.CLIENT_GONE
    assert completion.error != 0
    assert completion.bytes_acked < 5_000_000
