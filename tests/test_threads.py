"""Many threads at one engine: nothing is lost, nothing is reported twice."""

import random
import threading

import pytest
import wire

from uwoffload import Engine, Outcome, Send, TransferGone


@pytest.fixture
def seed():
    chosen = random.randrange(2**32)
    print(f"seed {chosen}")
    return chosen


def run_all(*actions):
    failures = []

    def guarded(action):
        try:
            action()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(wire.PATIENCE * 6)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def test_submits_cancels_and_polls_of_many_threads_account_for_everything(seed):
    each, workers = 200, 4
    taken, ended, over = [], [], threading.Event()

    with Engine(threads=3) as engine:

        def work(number):
            chance = random.Random(seed + number)
            for _ in range(each):
                with wire.connect("unix") as pair:
                    size = chance.choice([1, 1000, 50_000])
                    transfer = engine.submit(pair.server, [Send(b"x" * size)])
                    taken.append(transfer)
                    if chance.random() < 0.3:
                        chance.choice(taken).cancel()
                    if chance.random() < 0.3:
                        chance.choice(taken).progress()
                    received, _ = wire.read_to_cut(pair.client)
                    assert b"x" * size == received or len(received) < size

        def collect():
            while not (over.is_set() and engine.count == 0):
                ended.extend(engine.wait(0.01))

        def work_all():
            run_all(*(lambda number=number: work(number) for number in range(workers)))
            over.set()

        run_all(work_all, collect, collect)

    assert len(taken) == each * workers
    assert sorted(completion.transfer.id for completion in ended) == sorted(
        transfer.id for transfer in taken
    )
    outcomes = {completion.outcome for completion in ended}
    assert outcomes <= {Outcome.FINISHED, Outcome.CANCELLED, Outcome.CLIENT_GONE}


def test_callbacks_of_many_threads_are_called_once_each(seed):
    called = []
    with Engine(threads=2) as engine:

        def work(number):
            for _ in range(100):
                with wire.connect("unix") as pair:
                    engine.submit(pair.server, [Send(b"%d" % number)], callback=called.append)
                    assert wire.read_to_end(pair.client) == b"%d" % number

        run_all(*(lambda number=number: work(number) for number in range(4)))
        wire.until(lambda: len(called) == 400)

    assert len({completion.transfer for completion in called}) == 400
    assert all(completion.ok for completion in called)


def test_cancel_races_with_the_producer(seed):
    chance = random.Random(seed)
    with Engine(threads=1) as engine:
        for _ in range(100):
            with wire.connect("unix") as pair:
                transfer = engine.submit(pair.server, [], growing=True, high_water=10_000)

                def produce(transfer=transfer):
                    try:
                        for _ in range(50):
                            if not transfer.append(Send(b"x" * 500)):
                                transfer.wait_room(wire.PATIENCE)
                        transfer.finish()
                    except TransferGone:
                        pass

                delay = chance.random() * 0.002

                def cancel(transfer=transfer, delay=delay):
                    wire.pause(delay)
                    transfer.cancel()

                run_all(produce, cancel, lambda pair=pair: wire.read_to_cut(pair.client))
                assert transfer.wait(wire.PATIENCE).outcome in (
                    Outcome.CANCELLED,
                    Outcome.FINISHED,
                )
