"""ensure(): a bug says what broke and where, and ends the process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PUT_TWICE = """
from base.test_slots import Slots
slots = Slots(10)
slots.put(slots.take())
slots.put(0)
"""
STEP_AFTER_END = """
from whitebox.machines import Task
task = Task("send", count=0)
task.feed()
"""
MORE_THAN_ASKED = """
from whitebox.machines import Task
task = Task("send", count=10)
task.feed(out=11)
"""


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (PUT_TWICE, "csrc/base/slots.c"),
        (STEP_AFTER_END, "!task->done does not hold"),
        (MORE_THAN_ASKED, "result->bytes_out <= want->length does not hold"),
    ],
    ids=["put-twice", "step-after-end", "more-than-asked"],
)
def test_a_bug_is_named_and_ends_the_process(program, said):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}

    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )

    assert ended.returncode == -signal.SIGABRT
    assert "uwoffload: bug:" in ended.stderr
    assert said in ended.stderr
