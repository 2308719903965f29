"""The machines as fixtures; see tests/whitebox/machines.py."""

import pytest
from whitebox import machines


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
