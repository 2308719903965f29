"""What becomes of limits when the system allows few descriptors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwoffload.config import Address, Settings
from uwoffload.errors import CannotStart
from uwoffload.harness.descriptors import fit

HTTP = (Address("tcp", "127.0.0.1", 0),)


def test_enough_changes_nothing():
    settings = Settings(http_socket=HTTP)

    assert (settings, "") == fit(settings, 20_000)


def test_kept_files_give_way_before_connections_do():
    settings = Settings(http_socket=HTTP, offload_threads=4)

    fitted, said = fit(settings, 14_000)

    assert (10_000, "") == (fitted.max_connections, said)
    assert 0 < fitted.file_cache < settings.file_cache


def test_default_of_connections_becomes_what_fits_and_is_said():
    fitted, said = fit(Settings(http_socket=HTTP), 1024)

    assert 500 < fitted.max_connections < 1024 - fitted.file_cache
    assert said.startswith("max-connections = 10000 needs 10")
    assert f" descriptors, 1024 are allowed: it is {fitted.max_connections}; " in said
    assert "ulimit -n" in said


def test_connections_that_were_asked_for_must_be_had():
    with pytest.raises(CannotStart) as caught:
        fit(Settings(http_socket=HTTP, max_connections=5000), 1024)

    said = str(caught.value)
    assert said.startswith("max-connections = 5000: needs 5")
    assert (
        "1024 are allowed; raise the limit (ulimit -n, LimitNOFILE=), or ask for at most " in said
    )
    most = int(said.rpartition(" ")[2])
    fit(Settings(http_socket=HTTP, max_connections=most), 1024)


def test_threads_that_leave_nothing_for_connections_are_an_error():
    with pytest.raises(CannotStart) as caught:
        fit(Settings(http_socket=HTTP, offload_threads=64, max_fd=64), 64)

    assert str(caught.value).startswith("offload-threads = 64: needs ")
    assert str(caught.value).endswith(" descriptors, 64 are allowed; allow more by max-fd")


@given(
    st.integers(0, 64), st.integers(0, 1 << 20), st.integers(1, 1 << 20), st.integers(1, 1 << 21)
)
def test_what_comes_out_fits(threads, cache, connections, limit):
    settings = Settings(
        http_socket=HTTP, offload_threads=threads, file_cache=cache, max_connections=connections
    )
    try:
        fitted, said = fit(settings, limit)
    except CannotStart:
        return
    assert fitted.max_connections + max(threads, 1) * fitted.file_cache < limit
    assert fitted.max_connections >= 1
    assert bool(said) == (fitted.max_connections != connections)
