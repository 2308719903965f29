"""Limits of a transfer, judged by what the client acknowledged."""

import threading
import time

import pytest
import wire

from uwoffload import Outcome, ReceiveFile, Send, SendFile

pytestmark = [pytest.mark.slow, pytest.mark.native]

SLACK = 1.0  # seconds after its limit by which a transfer must be over


def ended_after(transfer, begin):
    completion = transfer.wait(wire.PATIENCE)
    return completion.outcome, time.monotonic() - begin


def test_deadline_ends_the_transfer(engine, connect):
    pair = connect(receive_buffer=4096)
    begin = time.monotonic()

    transfer = engine.submit(pair.server, [Send(b"x" * 5_000_000)], deadline=0.3)

    outcome, taken = ended_after(transfer, begin)
    assert outcome is Outcome.DEADLINE
    assert 0.3 <= taken < 0.3 + SLACK


def test_deadline_that_is_not_reached_changes_nothing(engine, pair):
    transfer = engine.submit(pair.server, [Send(b"tiny")], deadline=wire.PATIENCE)

    assert wire.read_to_end(pair.client) == b"tiny"
    assert transfer.wait(wire.PATIENCE).ok


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_client_that_stops_reading_dies_within_the_limit(engine, connect, kind):
    pair = connect(kind, receive_buffer=4096)
    begin = time.monotonic()

    transfer = engine.submit(pair.server, [Send(b"x" * 5_000_000)], no_progress=0.5)

    outcome, taken = ended_after(transfer, begin)
    assert outcome is Outcome.NO_PROGRESS
    assert 0.5 <= taken < 0.5 + SLACK + 0.5


def test_upload_that_stalls_dies_within_the_limit(engine, pair, make_file):
    with make_file(b"").open("r+b") as file:
        begin = time.monotonic()
        transfer = engine.submit(pair.server, [ReceiveFile(file, 1000)], no_progress=0.5)
        pair.client.sendall(b"begin")

        outcome, taken = ended_after(transfer, begin)
    assert outcome is Outcome.NO_PROGRESS
    assert 0.5 <= taken < 0.5 + SLACK + 0.5


def test_no_limit_lets_a_stalled_client_live(engine, connect):
    pair = connect(receive_buffer=4096)
    transfer = engine.submit(pair.server, [Send(b"x" * 5_000_000)], no_progress=None)

    assert engine.wait(1.0) == []

    transfer.cancel()
    assert transfer.wait(wire.PATIENCE).outcome is Outcome.CANCELLED


def test_steady_slow_reader_behind_a_full_send_buffer_lives(engine, connect, make_file):
    pair = connect(receive_buffer=8192)
    with make_file(wire.content(2_000_000)).open("rb") as file:
        transfer = engine.submit(pair.server, [SendFile(file)], no_progress=1.0)

    received = wire.read_at_rate(pair.client, 20_000, 4.0)

    assert not transfer.done()
    assert received == wire.content(2_000_000)[: len(received)]
    transfer.cancel()
    assert transfer.wait(wire.PATIENCE).outcome is Outcome.CANCELLED


def test_reader_below_the_minimum_rate_is_too_slow(engine, connect):
    pair = connect(receive_buffer=4096)
    begin = time.monotonic()
    transfer = engine.submit(
        pair.server, [Send(b"x" * 5_000_000)], rate_min=100_000, rate_min_grace=1.0
    )

    wire.read_at_rate(pair.client, 20_000, 1.5)

    outcome, taken = ended_after(transfer, begin)
    assert outcome is Outcome.TOO_SLOW
    assert 1.0 <= taken < 1.0 + SLACK + 0.5


def test_reader_above_the_minimum_rate_lives(engine, connect):
    pair = connect(receive_buffer=8192)
    transfer = engine.submit(
        pair.server, [Send(b"x" * 5_000_000)], rate_min=10_000, rate_min_grace=1.0
    )

    wire.read_at_rate(pair.client, 40_000, 3.0)

    assert not transfer.done()
    transfer.cancel()
    transfer.wait(wire.PATIENCE)


def arrivals(client, seconds, begin):
    """What a fast reader gets, as (seconds since begin, bytes so far)."""
    counted, found = 0, [(0.0, 0)]
    while found[-1][0] < seconds:
        counted += len(client.recv(1 << 20))
        found.append((time.monotonic() - begin, counted))
    return found


def received_until(found, moment):
    return max(count for at, count in found if at <= moment)


@pytest.mark.parametrize("rate", [50_000, 2_000_000, 20_000_000])
def test_maximum_rate_holds_within_five_percent(engine, connect, rate):
    """Over any five seconds after the first."""
    pair = connect()
    begin = time.monotonic()
    transfer = engine.submit(pair.server, [Send(b"x" * (rate * 9))], rate_max=rate)

    found = arrivals(pair.client, 7.5, begin)

    for first in (1.0, 1.3, 1.7, 2.0, 2.5):
        received = received_until(found, first + 5) - received_until(found, first)
        assert received / 5.0 == pytest.approx(rate, rel=0.05), f"from {first} s"
    transfer.cancel()
    transfer.wait(wire.PATIENCE)


def test_maximum_rate_holds_for_a_thousand_transfers(engine, connect, make_file):
    rate, count = 20_000, 1000
    pairs = [connect() for _ in range(count)]
    with make_file(wire.content(rate * 10)).open("rb") as file:
        begin = time.monotonic()
        transfers = engine.submit_many(
            [pair.server for pair in pairs], [SendFile(file)], rate_max=rate
        )
    for pair in pairs:
        pair.client.setblocking(False)
    counted = [0] * count
    drain(pairs, counted, begin, until=1.0)
    first, before = time.monotonic() - begin, list(counted)
    drain(pairs, counted, begin, until=6.0)
    taken = time.monotonic() - begin - first
    rates = [(now - then) / taken for now, then in zip(counted, before, strict=True)]

    assert sum(rates) / count == pytest.approx(rate, rel=0.05)
    assert min(rates) > rate * 0.9
    assert max(rates) < rate * 1.1
    for transfer in transfers:
        transfer.cancel()
    wire.until(lambda: engine.wait(0.1) == [] and engine.count == 0)


def drain(pairs, counted, begin, until):
    """Read from everybody, again and again; the last pass begins after `until` seconds."""
    late = False
    while not late:
        late = time.monotonic() - begin > until
        for number, pair in enumerate(pairs):
            try:
                counted[number] += len(pair.client.recv(1 << 16))
            except BlockingIOError:
                continue
        wire.pause(0.02)


def test_upload_obeys_the_maximum_rate(engine, tcp, make_file):
    data = wire.content(3_000_000)
    feeder = threading.Thread(target=tcp.client.sendall, args=(data,))
    with make_file(b"").open("r+b") as file:
        begin = time.monotonic()
        transfer = engine.submit(tcp.server, [ReceiveFile(file, len(data))], rate_max=1_000_000)
        feeder.start()

        outcome, taken = ended_after(transfer, begin)
    feeder.join()
    assert outcome is Outcome.FINISHED
    assert 2.5 < taken < 3.5
