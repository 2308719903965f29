"""The statistics block: published by engines, read by any process."""

import json
import os
import subprocess
import sys

import pytest
import wire

from uwoffload import Engine, InvalidArgument, Outcome, Send, SendFile, Statistics


def test_engine_publishes_what_it_does(engine, connect, make_file):
    pairs = [connect() for _ in range(4)]
    engine.submit(pairs[0].server, [Send(b"x" * 1000)]).wait(wire.PATIENCE)
    with make_file(b"short").open("rb") as file:
        engine.submit(pairs[1].server, [SendFile(file, 0, 100)]).wait(wire.PATIENCE)
    parked = engine.submit(pairs[2].server, [], growing=True)

    with engine.statistics as statistics:
        wire.until(lambda: statistics.total()["active"] == 1)
        total = statistics.total()
        assert (3, 1, 1) == (total["handed_over"], total["finished"], total["source_short"])
        assert (1005, 1005) == (total["bytes_queued"], total["bytes_acked"])
        assert total["wake_ups"] >= 1
        parked.cancel()
        parked.wait(wire.PATIENCE)
        wire.until(lambda: statistics.total()["active"] == 0)
        assert statistics.total()["cancelled"] == 1


def test_first_try_is_counted(engine, tcp):
    engine.submit(tcp.server, [Send(b"x")], try_first=True, after="give back").wait(
        wire.PATIENCE
    ).socket.close()

    with engine.statistics as statistics:
        assert statistics.total()["first_try"] == 1


def test_there_is_a_slot_per_thread_and_one_for_the_callers():
    with Engine(threads=3) as engine, engine.statistics as statistics:
        assert [(0, 0), (0, 1), (0, 2), (0, None)] == [
            (slot.worker, slot.thread) for slot in statistics.read()
        ]
        assert statistics.gauges == {"active", "connections"}


def test_every_outcome_has_a_figure(engine):
    with engine.statistics as statistics:
        names = {str(outcome).replace(" ", "_") for outcome in Outcome}
        assert names <= set(statistics.fields)


READER = """
import json, sys
from uwoffload import Statistics
with Statistics.open(sys.argv[1]) as statistics:
    print(json.dumps(statistics.total()))
"""


def test_another_process_reads_the_file(tmp_path, tcp):
    path = tmp_path / "figures"
    with Engine(stats=path) as engine:
        engine.submit(tcp.server, [Send(b"x" * 77)]).wait(wire.PATIENCE)

        found = subprocess.run(
            [sys.executable, "-c", READER, path], capture_output=True, check=True, timeout=60
        )
    assert json.loads(found.stdout)["bytes_acked"] == 77


def test_another_process_reads_an_inherited_descriptor(tcp):
    with Statistics.create() as statistics, Engine(stats=statistics) as engine:
        engine.submit(tcp.server, [Send(b"x" * 78)]).wait(wire.PATIENCE)
        fd = statistics.fileno()

        found = subprocess.run(
            [sys.executable, "-c", READER.replace("sys.argv[1]", "int(sys.argv[1])"), str(fd)],
            capture_output=True,
            check=True,
            timeout=60,
            pass_fds=[fd],
        )
    assert json.loads(found.stdout)["bytes_acked"] == 78


def test_counters_go_on_when_a_worker_starts_again_in_its_slot(connect):
    with Statistics.create(workers=2) as statistics:
        for _ in range(3):
            with Engine(stats=statistics, stats_worker=1) as engine:
                engine.submit(connect().server, [Send(b"x")]).wait(wire.PATIENCE)

        assert statistics.total()["finished"] == 3
        assert {slot.worker for slot in statistics.read() if slot.values["finished"]} == {1}


def test_file_of_an_earlier_run_goes_on(tmp_path, connect):
    for _ in range(2):
        with Engine(stats=tmp_path / "figures") as engine:
            engine.submit(connect().server, [Send(b"x")]).wait(wire.PATIENCE)

    with Statistics.open(tmp_path / "figures") as statistics:
        assert statistics.total()["finished"] == 2


def test_block_closed_by_its_maker_serves_the_engine_on(tcp):
    statistics = Statistics.create()
    with Engine(stats=statistics) as engine:
        statistics.close()
        statistics.close()

        assert engine.submit(tcp.server, [Send(b"x")]).wait(wire.PATIENCE).ok
        with engine.statistics as reader:
            assert reader.total()["finished"] == 1


def test_reader_outlives_the_engine(tcp):
    with Engine() as engine:
        statistics = engine.statistics
        engine.submit(tcp.server, [Send(b"x")]).wait(wire.PATIENCE)

    with statistics:
        assert statistics.total()["finished"] == 1


@pytest.mark.parametrize(
    "content", [b"", b"x" * 20, b"x" * 5000, b"UWOSTATS" + b"\xff" * 4000, b"UWOSTATS\1\0\0\0"]
)
def test_what_is_no_block_is_refused(make_file, content):
    with pytest.raises(InvalidArgument, match="allowed: a statistics block"):
        Statistics.open(make_file(content))


def test_cut_block_is_refused(tmp_path):
    with Statistics.create(tmp_path / "figures", workers=3) as statistics:
        size = os.fstat(statistics.fileno()).st_size
    os.truncate(tmp_path / "figures", size - 1)

    with pytest.raises(InvalidArgument, match="cut"):
        Statistics.open(tmp_path / "figures")


def test_block_opened_for_reading_cannot_be_published_in(tmp_path):
    Statistics.create(tmp_path / "figures").close()
    with Statistics.open(tmp_path / "figures") as reader:
        with pytest.raises(InvalidArgument, match=r"Statistics\.create"):
            Engine(stats=reader)


def test_block_that_is_too_small_is_refused(tmp_path):
    with Statistics.create(threads=1) as statistics:
        with pytest.raises(InvalidArgument, match="threads is 2"):
            Engine(threads=2, stats=statistics)
        with pytest.raises(InvalidArgument, match="stats_worker is 1"):
            Engine(threads=1, stats=statistics, stats_worker=1)


def test_path_that_cannot_be_made_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no-folder"):
        Statistics.create(tmp_path / "no-folder" / "figures")
