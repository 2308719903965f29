"""The machines as fixtures; see tests/whitebox/machines.py.

UWOFFLOAD_EXAMPLES=10000 has Hypothesis try that many random runs of each claim.
"""

import os

import hypothesis
import pytest
from whitebox import machines

hypothesis.settings.register_profile(
    "machines",
    deadline=None,  # a busy computer is not a bug
    max_examples=int(os.environ.get("UWOFFLOAD_EXAMPLES", "100")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("machines")


@pytest.fixture
def machine():
    """machine("send file", count=100): one instruction at work."""
    return machines.Task


@pytest.fixture
def program():
    """program([("send", 10)], rate=…): instructions in a row."""
    return machines.Program


@pytest.fixture
def ending():
    """ending(give_back=…, failed=…): what becomes of the socket."""
    return machines.Ending
