"""What a master leaves to itself."""

import os

import pytest

from uwoffload.harness import handover
from uwoffload.harness.handover import VARIABLE, Handover, OldListener, OldWorker


@pytest.fixture
def fds():
    found = list(os.pipe())
    yield found
    for fd in found:
        os.close(fd)


def test_everything_comes_back_and_is_not_inherited_further(monkeypatch, fds):
    one, other = fds
    left = Handover([OldListener(one, "http", "a:1")], [OldWorker(7, 2, other, True)], umask=0o22)
    left.inherit(True)
    assert os.get_inheritable(one)
    monkeypatch.setenv(VARIABLE, left.to_text())

    assert handover.take() == left
    assert VARIABLE not in os.environ
    assert not os.get_inheritable(one)
    assert not os.get_inheritable(other)
    assert handover.take() == Handover()


def test_what_another_process_left_is_not_ours(monkeypatch, fds):
    """A program that a handler starts has the variable too."""
    text = Handover([OldListener(fds[0], "http", "a:1")]).to_text()
    monkeypatch.setenv(VARIABLE, text.replace(str(os.getpid()), "1", 1))

    assert handover.take() == Handover()


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '{"pid": 1}', "null", '{"pid": "x"}'])
def test_nonsense_is_nothing(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)

    assert handover.take() == Handover()


def test_descriptors_of_another_version_are_closed(monkeypatch, fds):
    """What the core writes there may have another form; sockets have not."""
    queue = list(os.pipe())
    left = Handover([OldListener(fds[0], "http", "a:1")], overflow=queue)
    monkeypatch.setenv(VARIABLE, left.to_text().replace(handover.VERSION, "0.0.0"))

    found = handover.take()

    assert found.listeners == left.listeners
    assert found.overflow == []
    for fd in queue:
        with pytest.raises(OSError):
            os.fstat(fd)
