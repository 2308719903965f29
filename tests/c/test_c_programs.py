"""The C programs beside this file, built and run in their short forms; see the Makefile.

Under the sanitizers they run by `make asan` and `make tsan`.
"""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAMS = [
    "cases",
    "disk",
    "ends",
    "front",
    "front_answers",
    "front_files",
    "front_log",
    "front_queue",
    "front_stress",
    "hosted",
    "misuse",
    "stress",
    "sweep",
    "table",
]
SECONDS = 300

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("program", PROGRAMS)
def test_c_program(program):
    """What it prints says what it checked, and how to repeat it."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("LD_PRELOAD", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    }

    ended = subprocess.run(
        ["make", "-s", "-C", str(HERE), f"run-{program}"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )

    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
