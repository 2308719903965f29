"""
Submit: what does a hand-over cost the Python thread that makes it?
"""

import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from method import HERE, Failed, Figure, Settings, main, median_and_spread

ONE_US = 3.0
BATCH_US = 1.0


def microseconds(settings: Settings) -> dict[str, tuple[float, float]]:
    """
    What a transfer costs and its spread, by the name of the test.

    The median; beside a busy thread the mean and its error, for waiting for the GIL comes
    in lumps of up to a switch interval, which a median sees or does not see by chance.
    """
    for module in ("uwoffload", "pytest", "pytest_benchmark"):
        if importlib.util.find_spec(module) is None:
            raise Failed(f"the Python module {module} is not installed: pip install .[test]")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "result.json"
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [
                *pytest,
                "--benchmark-disable-gc",
                f"--benchmark-json={path}",
                f"{HERE}/submit_bench.py",
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            env=os.environ | {"PYTHONSAFEPATH": "1"},  # the package that is installed
        )
        if done.returncode:
            raise Failed(f"submit_bench.py failed:\n{done.stdout}{done.stderr}")
        found = json.loads(path.read_text())["benchmarks"]
    cost = {}
    for each in found:
        times = [time * 1e6 / each["extra_info"]["transfers"] for time in each["stats"]["data"]]
        if each["name"].endswith("[busy]"):
            error = statistics.stdev(times) / math.sqrt(len(times))
            cost[each["name"]] = (statistics.fmean(times), error)
        else:
            cost[each["name"]] = median_and_spread(times)
        settings.record("cell", question="submit", test=each["name"], us_each=cost[each["name"]])
    return cost


def submit(settings: Settings) -> list[Figure]:
    settings.progress("  submit: from Python, one by one and in batches")
    cost = microseconds(settings)
    one_busy, _ = cost["test_submit[busy]"]
    many_busy, _ = cost["test_submit_many[busy]"]

    def elapsed(test: str) -> str:
        value, spread = cost[f"{test}[elapsed]"]
        return f"{value:.2f} ± {spread:.2f} µs"

    return [
        Figure(
            "submit",
            "Engine.submit of ready-made bytes, CPU of the caller",
            *cost["test_submit[alone]"],
            "µs",
            ONE_US,
            f"elapsed: {elapsed('test_submit')}; "
            f"a head and a file: {cost['test_submit_file[alone]'][0]:.1f} µs",
        ),
        Figure(
            "submit_many",
            "Engine.submit_many, per transfer, CPU of the caller",
            *cost["test_submit_many[alone]"],
            "µs",
            BATCH_US,
            f"elapsed: {elapsed('test_submit_many')}",
        ),
        Figure(
            "submit, busy",
            "Engine.submit beside a thread that computes, mean elapsed",
            *cost["test_submit[busy]"],
            "µs",
        ),
        Figure(
            "submit_many, busy",
            "Engine.submit_many beside a thread that computes, mean elapsed per transfer",
            *cost["test_submit_many[busy]"],
            "µs",
            note=f"batching saves {one_busy - many_busy:.1f} µs of {one_busy:.1f}",
        ),
    ]


if __name__ == "__main__":
    main(submit, __doc__)
