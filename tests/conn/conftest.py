"""UWOFFLOAD_EXAMPLES=10000 has Hypothesis try that many random inputs for each claim."""

import os

import hypothesis
import pytest

hypothesis.settings.register_profile(
    "machines",
    deadline=None,  # a busy computer is not a bug
    max_examples=int(os.environ.get("UWOFFLOAD_EXAMPLES", "100")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("machines")


@pytest.fixture(autouse=True)
def leaves_nothing_behind():
    """A pure machine has nothing to leave."""
