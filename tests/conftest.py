"""What every test gets: engines and connections that are closed, and a check that nothing leaks.

UWOFFLOAD_EXAMPLES=10000 has Hypothesis try that many random inputs for each claim.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import wire

from uwoffload import Engine

SETTLE_SECONDS = 5.0

hypothesis.settings.register_profile(
    "uwoffload",
    deadline=None,  # a busy computer is not a bug
    max_examples=int(os.environ.get("UWOFFLOAD_EXAMPLES", "100")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("uwoffload")

# Whoever is started in the background of a shell inherits a SIGINT that is ignored, and would hand
# it on to every server that a test ends by it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def descriptors() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def opened(before: dict[int, str]) -> dict[int, str]:
    """Descriptors that are open now and were not, or not this, before."""
    return {
        fd: target
        for fd, target in descriptors().items()
        if before.get(fd) != target and not target.startswith(f"/proc/{os.getpid()}/fd")
    }


def threads() -> set[str]:
    """Of the kernel, so that those of the engine count too."""
    return set(os.listdir("/proc/self/task"))


def children() -> set[str]:
    found: set[str] = set()
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError):
            found.update(Path(f"/proc/self/task/{task}/children").read_text().split())
    return found


Holdings = tuple[dict[int, str], set[str], set[str]]


def holdings() -> Holdings:
    return descriptors(), threads(), children()


def new_since(before: Holdings) -> Holdings:
    return opened(before[0]), threads() - before[1], children() - before[2]


@pytest.fixture(autouse=True)
def leaves_nothing_behind() -> Iterator[None]:
    """Every test leaves no descriptor, thread or child."""
    before = holdings()
    yield
    if any(new_since(before)):  # collecting thousands of times would take minutes
        gc.collect()
        with contextlib.suppress(TimeoutError):
            wire.until(lambda: not any(new_since(before)[1:]), SETTLE_SECONDS)
    left = new_since(before)
    assert left == ({}, set(), set()), f"descriptors, threads, children; {threading.enumerate()}"


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(threads=2) as engine:
        yield engine


@pytest.fixture(params=["tcp", "unix"])
def pair(request: pytest.FixtureRequest) -> Iterator[wire.Pair]:
    """A connection over each kind of socket."""
    with wire.connect(request.param) as pair:
        yield pair


@pytest.fixture
def tcp() -> Iterator[wire.Pair]:
    with wire.connect("tcp") as pair:
        yield pair


@pytest.fixture
def connect() -> Iterator[Callable[..., wire.Pair]]:
    """Make connections; they are closed at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda kind="tcp", **options: stack.enter_context(wire.connect(kind, **options))


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[[bytes], Path]:
    """A file with this content."""
    count = iter(range(1000))

    def make(content: bytes) -> Path:
        path = tmp_path / f"file-{next(count)}"
        path.write_bytes(content)
        return path

    return make
