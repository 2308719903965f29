"""When a transfer that closes is done: with the last acknowledgement, or before it."""

import wire

from uwoffload import Send

SIZE = 30_000  # fits a send buffer, not the window of a client that reads nothing


def test_transfer_that_settles_waits_for_the_last_acknowledgement(engine):
    data = wire.content(SIZE)
    with wire.connect(receive_buffer=4096) as pair:
        transfer = engine.submit(pair.server, [Send(data)])
        wire.until(lambda: transfer.progress().bytes_queued == SIZE)

        assert not transfer.progress().ended

        assert wire.read_to_end(pair.client) == data
        completion = transfer.wait(wire.PATIENCE)
    assert completion.ok
    assert completion.bytes_acked == SIZE


def test_transfer_that_does_not_settle_is_done_when_the_kernel_has_all_bytes(engine):
    data = wire.content(SIZE)
    with wire.connect(receive_buffer=4096) as pair:
        completion = engine.submit(pair.server, [Send(data)], settle=False).wait(wire.PATIENCE)

        assert completion.ok
        assert completion.bytes_queued == SIZE > completion.bytes_acked
        assert wire.read_to_end(pair.client) == data
