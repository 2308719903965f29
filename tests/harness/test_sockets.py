"""Listening sockets of every kind, and what is said when one cannot be had."""

from __future__ import annotations

import os
import re
import socket
import stat

import pytest

from uwoffload.config import Address, Settings
from uwoffload.harness import CannotStart
from uwoffload.harness.sockets import forget, listen, listening_text, url_of

SETTINGS = Settings()


@pytest.fixture
def listening():
    """Listen on an address; closed at the end."""
    made = []

    def start(address, protocol="http", settings=SETTINGS):
        made.append(listen(address, protocol, settings))
        return made[-1]

    yield start
    for listener in made:
        listener.sock.close()


def reach(listener):
    with socket.socket(listener.sock.family) as client:
        client.connect(listener.sock.getsockname())


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (Address("tcp", "127.0.0.1", 0), r"http://127\.0\.0\.1:[1-9]\d*/"),
        (Address("tcp", "0.0.0.0", 0), r"http://127\.0\.0\.1:[1-9]\d*/"),
        (Address("tcp", "::1", 0), r"http://\[::1\]:[1-9]\d*/"),
        (Address("tcp", "localhost", 0), r"http://(127\.0\.0\.1|\[::1\]):[1-9]\d*/"),
        (Address("abstract", path=f"uwoffload-test-{os.getpid()}"), r"unix:@uwoffload-test-\d+"),
    ],
    ids=str,
)
def test_every_kind_of_address_can_be_reached(listening, address, url):
    listener = listening(address)

    reach(listener)
    assert re.fullmatch(url, url_of(listener))


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("127.0.0.1", r"http://127\.0\.0\.1:\d+/"),
        ("0.0.0.0", r"http://0\.0\.0\.0:\d+/ \(every address\)"),
        ("::", r"http://\[::\]:\d+/ \(every address\)"),
    ],
)
def test_who_listens_to_everybody_says_so(listening, host, said):
    assert re.fullmatch(said, listening_text(listening(Address("tcp", host, 0))))


def test_path_can_be_reached(listening, tmp_path):
    path = str(tmp_path / "s")

    listener = listening(Address("unix", path=path), "uwsgi")

    reach(listener)
    assert url_of(listener) == f"uwsgi:{path}"


def test_accepted_connections_send_at_once_and_wait_for_a_request(listening):
    """Both are set where connections inherit them, so that they cost no call each."""
    sock = listening(Address("tcp", "127.0.0.1", 0)).sock

    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT) >= 1
    assert not sock.get_inheritable()


def test_deferring_can_be_switched_off(listening):
    settings = Settings(defer_accept=False)

    sock = listening(Address("tcp", "127.0.0.1", 0), settings=settings).sock

    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT) == 0


def test_path_that_nobody_listens_on_is_taken_over(listening, tmp_path):
    address = Address("unix", path=str(tmp_path / "s"))
    listening(address).sock.close()

    reach(listening(address))


def test_path_that_somebody_listens_on_is_left_alone(listening, tmp_path):
    address = Address("unix", path=str(tmp_path / "s"))
    first = listening(address)

    with pytest.raises(CannotStart, match=rf"^http-socket = {address}: the address is in use; "):
        listening(address)
    reach(first)


def test_file_that_is_no_socket_is_left_alone(listening, make_file):
    path = make_file(b"precious")

    with pytest.raises(CannotStart, match="is no socket; remove it"):
        listening(Address("unix", path=str(path)))
    assert path.read_bytes() == b"precious"


def test_port_in_use_is_named(listening):
    port = listening(Address("tcp", "127.0.0.1", 0)).sock.getsockname()[1]

    with pytest.raises(CannotStart, match=rf"^socket = 127\.0\.0\.1:{port}: the address is in use"):
        listening(Address("tcp", "127.0.0.1", port), "uwsgi")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (Address("tcp", "192.0.2.1", 0), "no such address"),
        (Address("tcp", "no-such-host.invalid", 0), "write an address of this machine"),
        (Address("unix", path="/nowhere/at/all"), "directory is not there"),
    ],
    ids=str,
)
def test_address_that_cannot_be_had_is_named(listening, address, reason):
    with pytest.raises(CannotStart, match=reason):
        listening(address)


def test_mode_of_a_path(listening, tmp_path):
    path = tmp_path / "s"

    listening(Address("unix", path=str(path)), settings=Settings(chmod_socket=0o600))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("vacuum", [False, True])
def test_path_is_removed_at_the_end_when_that_is_wanted(listening, tmp_path, vacuum):
    path = tmp_path / "s"

    forget(listening(Address("unix", path=str(path))), vacuum)

    assert path.exists() != vacuum


def test_path_that_others_listen_on_is_not_removed(listening, tmp_path):
    """Old workers may hold the socket still."""
    path = tmp_path / "s"
    listener = listening(Address("unix", path=str(path)))
    with listener.sock.dup():
        forget(listener, vacuum=True)
        assert path.exists()
