"""Pure functions."""

import pytest


@pytest.fixture(autouse=True)
def leaves_nothing_behind():
    """Pure functions have nothing to leave; there are many tests, and looking takes time."""
