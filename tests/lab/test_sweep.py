"""Sweeps: grids, streams, whoever computes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from uwoffload.errors import InvalidArgument
from uwoffload.lab.cases import PointFailed, blocks, seeded
from uwoffload.lab.crew import Crew
from uwoffload.lab.pool import Pool
from uwoffload.lab.rules import parse
from uwoffload.lab.sweep import axis, grid, records_in, stream, sweep

POOL = Pool(workers_max=8, workers_min=2)
DEADLY = """
import os

def die(state, readings):
    os._exit(9)

def wrong(state, readings):
    raise RuntimeError("out of ideas")

def still(state, readings):
    return 0, state
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(DEADLY, encoding="utf-8")
    return path


def flat(batches):
    return [record for records in batches for record in records]


# ---- grids ----


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("busy_max=50,60", [50, 60]),
        ("busy_max=50..90/20", [50, 70, 90]),
        ("busy_max=1..4", [1, 2, 3, 4]),
        ("busy_max=5,1..3,5", [5, 1, 2, 3]),
    ],
)
def test_an_axis_lists_numbers_and_ranges(text, values):
    """
    Each value once, in the order given.
    """
    assert axis(text) == ("busy_max", values)


@pytest.mark.parametrize(
    "text",
    ["", "busy_max", "busy_max=", "=3", "busy_max=a", "busy_max=9..1", "busy_max=1..9/0",
     "busy_max=1..99999999999"],
)  # fmt: skip
def test_a_wrong_axis_is_named(text):
    """
    The message has the text and how it is written.
    """
    with pytest.raises(InvalidArgument) as caught:
        axis(text)
    assert repr(text) in str(caught.value)


def test_a_grid_has_every_sound_combination():
    """
    Those with the minimum above the maximum are left out.
    """
    axes = {"busy_max": [40, 60], "busy_min": [30, 50]}

    found = grid("busyness", axes, POOL)

    assert [one.values for one in found] == [
        {"busy_max": 40, "busy_min": 30},
        {"busy_max": 60, "busy_min": 30},
        {"busy_max": 60, "busy_min": 50},
    ]


def test_a_grid_without_a_sound_combination_says_why():
    """
    The error of the first one.
    """
    with pytest.raises(InvalidArgument, match="busy_max"):
        grid("busyness", {"busy_max": [200, 300]}, POOL)
    with pytest.raises(InvalidArgument, match='did you mean "busy_max"'):
        grid("busyness", {"busy_maxx": [50]}, POOL)
    with pytest.raises(InvalidArgument, match="settings"):
        grid("busyness", {"busy_max": range(2000), "busy_min": range(2000)}, POOL)


# ---- streams ----


def test_results_are_streamed_in_order_and_can_be_read_back(tmp_path):
    """
    One JSON line per point, in the order of loads and settings.
    """
    rules = grid("spare", {"check_interval_overload": range(1, 12)}, POOL)
    cases = seeded("steady", range(2), horizon=60)
    out, counts = io.StringIO(), []

    kept = stream(sweep(rules, cases, POOL), out, counts.append)

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [(line["seed"], line["rule"]) for line in lines] == [
        (case.seed, str(rule)) for case in cases for rule in rules
    ]
    assert sum(counts) == len(kept) == 22
    path = tmp_path / "lines.json"
    path.write_text(out.getvalue(), encoding="utf-8")
    assert records_in(path) == lines


def test_a_sweep_goes_on_where_it_was_cut(tmp_path):
    """
    Half a line at the end is cut off; what is there is not computed again.
    """
    rules = grid("spare", {"check_interval_overload": range(1, 6)}, POOL)
    cases = seeded("steady", [0], horizon=60)
    whole = io.StringIO()
    stream(sweep(rules, cases, POOL), whole, lambda _: None)
    path = tmp_path / "lines.json"
    path.write_text(whole.getvalue()[: len(whole.getvalue()) * 7 // 10], encoding="utf-8")

    old = records_in(path)
    with path.open("a", encoding="utf-8") as file:
        new = stream(sweep(rules, cases, POOL, done=old), file, lambda _: None)

    assert len(old) == 3
    assert len(new) == 2
    assert path.read_text(encoding="utf-8") == whole.getvalue()


def test_results_of_another_pool_are_not_taken_for_ours():
    """
    The conditions of each record are compared.
    """
    cases = seeded("steady", [0], horizon=60)
    old = flat(sweep([parse("spare")], cases, POOL))

    with pytest.raises(InvalidArgument, match="another pool"):
        sweep([parse("spare")], cases, Pool(workers_max=9, workers_min=2), done=old)


def grown(first, then, grid_then=(1, 2)):
    """A sweep with some seeds and, on top of it, one with others: seeds of each setting."""
    rules, more = (
        grid("spare", {"check_interval_overload": values}, POOL) for values in ((1, 2), grid_then)
    )
    old = flat(sweep(rules, seeded("steady", first, horizon=60), POOL))
    new = flat(sweep(more, seeded("steady", then, horizon=60), POOL, done=old))
    return {
        str(rule): {record["seed"] for record in old + new if record["rule"] == str(rule)}
        for rule in (*rules, *more)
    }


def test_more_seeds_are_added_to_every_setting():
    """
    Also to a grid that has grown meanwhile, when the seeds are the same.
    """
    assert set(map(frozenset, grown([0, 1], [0, 1, 2]).values())) == {frozenset({0, 1, 2})}
    assert len(grown([0, 1], [0, 1], (1, 2, 3))) == 3


@pytest.mark.parametrize(
    ("first", "then", "grid_then"),
    [([0, 1, 2], [0, 1], (1, 2)), ([0, 1], [0, 1, 2], (1, 3)), ([5], [6], (1, 2))],
)
def test_means_over_other_seeds_are_not_set_beside_each_other(first, then, grid_then):
    """
    Fewer seeds, or a setting of then that would stay behind: the message names the remedy.
    """
    with pytest.raises(InvalidArgument, match="grid and --seeds of then, or another file"):
        grown(first, then, grid_then)


def test_other_parts_of_a_trace_are_refused():
    """
    With the option that makes them.
    """
    load = seeded("step", [0], horizon=240)[0].make()
    old = flat(sweep([parse("spare")], blocks(load, 2), POOL))

    with pytest.raises(InvalidArgument, match="other parts .--seeds."):
        sweep([parse("spare")], blocks(load, 3), POOL, done=old)


def test_a_file_of_something_else_is_refused(tmp_path):
    """
    The line is named.
    """
    path = tmp_path / "notes.txt"
    path.write_text('{"rule": "spare"}\nhello\n', encoding="utf-8")

    with pytest.raises(InvalidArgument, match="line 1"):
        records_in(path)


# ---- who computes ----


def computed(crew):
    cases = seeded("steady", range(3), horizon=60)
    rules = grid("spare", {"check_interval_overload": [1, 2, 3]}, POOL)
    return flat(sweep(rules, cases, POOL, crew=crew))


def test_an_executor_of_your_own_will_do():
    """
    Any concurrent.futures.Executor; it is not ended with the crew.
    """
    with ThreadPoolExecutor(2) as executor:
        with Crew(executor) as crew:
            assert computed(crew) == computed(None)
        assert computed(executor) == computed(None)
        assert executor.submit(lambda: 5).result() == 5


def test_a_point_that_raises_is_named(own):
    """
    Rule, load and reason stand in one line.
    """
    rule = parse(f"{own}:wrong")
    for kind in ("inline", "threads"):
        with Crew(kind, jobs=2) as crew, pytest.raises(PointFailed) as caught:
            flat(sweep([parse("spare"), rule], seeded("steady", [7], horizon=60), POOL, crew=crew))
        assert str(caught.value).startswith(f"{rule} on steady seed 7: ")
        assert str(caught.value).endswith(f"RuntimeError: out of ideas ({own}:8)")


def test_an_unknown_kind_of_crew_is_refused():
    """
    The kinds stand in the message.
    """
    with pytest.raises(InvalidArgument, match="processes"):
        Crew("people")


def in_a_program(code, *arguments):
    """The server that forks processes lives as long as the program: so one of its own."""
    program = f"""
import sys
from uwoffload.lab.cases import PointFailed, blocks, seeded
from uwoffload.lab.crew import Crew
from uwoffload.lab.pool import Pool
from uwoffload.lab.rules import parse
from uwoffload.lab.sweep import grid, sweep

POOL = Pool(workers_max=8, workers_min=2)

if __name__ == "__main__":
{code}
"""
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_processes_give_what_this_one_gives():
    """
    Of the catalogue and of a recorded load.
    """
    found = in_a_program("""
    cases = seeded("steady", range(3), horizon=60)
    rules = grid("spare", {"check_interval_overload": [1, 2, 3]}, POOL)
    trace = blocks(seeded("step", [0], horizon=240)[0].make(), 4)
    with Crew("processes", jobs=2) as crew:
        for some in (cases, trace):
            there, here = sweep(rules, some, POOL, crew=crew), sweep(rules, some, POOL)
            assert [*map(repr, there)] == [*map(repr, here)]
    print("equal")
""")

    assert (found.stdout, found.stderr) == ("equal\n", "")


@pytest.mark.slow
def test_a_process_that_dies_is_an_error_that_says_which_point(own):
    """
    Among others that are well; nothing hangs, nobody is left.
    """
    found = in_a_program(
        """
    rules = [parse(f"{sys.argv[1]}:{name}") for name in ("still", "die", "still")]
    cases = seeded("steady", [4, 5], horizon=60)
    try:
        with Crew("processes", jobs=2) as crew:
            print([*sweep(rules, cases, POOL, crew=crew)])
    except PointFailed as error:
        print(error)
    import multiprocessing
    print(multiprocessing.active_children())
""",
        own,
    )

    assert found.stdout.startswith(f"{own}:die on steady seed 4: its process dies")
    assert found.stdout.endswith("\n[]\n")


# ---- Dask ----


@pytest.fixture(scope="module")
def dask_cluster():
    """A scheduler and two workers, in a program of their own."""
    pytest.importorskip("distributed")
    program = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        yield process.stdout.readline().strip()
        process.stdin.close()
        process.wait(30)


def lab(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "uwoffload", "lab", *arguments],
        capture_output=True, text=True, timeout=120, check=False, cwd=cwd,
    )  # fmt: skip


@pytest.mark.slow
def test_a_cluster_of_dask_gives_what_this_machine_gives(dask_cluster, tmp_path):
    """
    The same lines in the same order, from a real scheduler with two workers.
    """
    common = ["sweep", "spare", "--grid", "check_interval_overload=1..6", "--horizon", "60"]
    here, there = tmp_path / "here.json", tmp_path / "there.json"

    assert lab(*common, "--jobs", "1", "--json", str(here)).returncode == 0
    found = lab(*common, "--dask", dask_cluster, "--json", str(there))

    assert (found.returncode, found.stderr) == (0, "")
    assert there.read_text() == here.read_text()


@pytest.mark.slow
def test_a_worker_of_dask_that_dies_names_the_point(dask_cluster, own):
    """
    Dask tries a few others; then the point is named.
    """
    found = lab(
        "sweep", f"{own}:die", "--grid", "workers_min=3", "--horizon", "60", "--seeds", "1",
        "--dask", dask_cluster,
    )  # fmt: skip

    assert found.returncode == 1
    assert f"{own}:die:workers_min=3 on steady seed 0" in found.stderr.splitlines()[-1]


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_named():
    """
    The address and the remedy in one line.
    """
    found = lab("run", "spare", "--horizon", "60", "--dask", "tcp://127.0.0.1:9")

    assert found.returncode == 1
    assert found.stderr.startswith("uwoffload: --dask tcp://127.0.0.1:9: ")
    assert found.stderr.count("\n") == 1
