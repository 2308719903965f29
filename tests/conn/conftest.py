"""Machines without sockets."""

import pytest


@pytest.fixture(autouse=True)
def leaves_nothing_behind():
    """A pure machine has nothing to leave."""
