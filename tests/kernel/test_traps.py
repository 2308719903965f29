"""What the engine believes of the kernel and no manual promises; each is told of in csrc/.

When one of these fails on some kernel, the paragraph it belongs to is wrong there.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

SIOCOUTQ = 0x5411
SPLICE_F_NONBLOCK = 2
PATIENCE = 5
libc = ctypes.CDLL(None, use_errno=True)


def unsent(sock: socket.socket) -> int:
    return struct.unpack("i", fcntl.ioctl(sock, SIOCOUTQ, b"\0" * 4))[0]


@contextlib.contextmanager
def tcp_pair(receive_buffer: int | None = None):
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        client = socket.socket(fileno=client.detach())
    with client, server:
        yield server, client


@contextlib.contextmanager
def unix_pair():
    near, far = socket.socketpair()
    with near, far:
        yield near, far


PAIRS = pytest.mark.parametrize("pair", [tcp_pair, unix_pair], ids=["tcp", "unix"])


@contextlib.contextmanager
def edges(sock, events=select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP):
    """An edge-triggered watch whose first, initial event has been taken."""
    with select.epoll() as epoll:
        epoll.register(sock, events | select.EPOLLET)
        epoll.poll(0)
        yield epoll


def fill(sock: socket.socket) -> int:
    sock.setblocking(False)
    total = 0
    while True:
        try:
            total += sock.send(b"x" * 100_000)
        except BlockingIOError:
            return total


def drain(sock: socket.socket, count: int) -> None:
    while count > 0:
        count -= len(sock.recv(min(count, 1 << 20)))


def in_a_process(text: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)


# ---- edges


@PAIRS
def test_room_after_would_block_makes_an_edge(pair):
    with pair() as (near, far), edges(near) as epoll:
        total = fill(near)
        epoll.poll(0)

        drain(far, total)

        (_, events), *_ = epoll.poll(PATIENCE)
        assert events & select.EPOLLOUT


@PAIRS
def test_without_would_block_there_is_no_edge(pair):
    """So a transfer that parks after a short count that was not for want of room must not rely on
    one: engine/park.c looks again."""
    with pair() as (near, far), edges(near, select.EPOLLOUT) as epoll:
        near.send(b"x" * 1000)
        epoll.poll(0)  # a UNIX socket makes one for every read all the same

        if pair is tcp_pair:
            drain(far, 1000)
            assert epoll.poll(0.05) == []


def test_modifying_a_watch_reports_what_is_ready_anew():
    """tests/c/faulty.c answers EAGAIN out of turn, and arms the descriptor again like this."""
    with tcp_pair() as (near, _), edges(near, select.EPOLLOUT) as epoll:
        assert epoll.poll(0) == []

        epoll.modify(near, select.EPOLLOUT | select.EPOLLET)

        assert epoll.poll(PATIENCE) == [(near.fileno(), select.EPOLLOUT)]


def test_an_eventfd_that_is_never_read_makes_an_edge_for_every_write():
    """The wake-up descriptor of a loop (engine/loop.c) is written only."""
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    try:
        with edges(fd, select.EPOLLIN) as epoll:
            for _ in range(3):
                os.eventfd_write(fd, 1)
                assert epoll.poll(PATIENCE) == [(fd, select.EPOLLIN)]
                assert epoll.poll(0) == []
    finally:
        os.close(fd)


def test_the_acknowledgement_of_a_fin_makes_an_edge():
    """engine/client.c waits for the last byte of a TCP client without polling."""
    with tcp_pair(receive_buffer=16384) as (near, far):
        near.sendall(b"x" * 60_000)
        near.shutdown(socket.SHUT_WR)
        with edges(near) as epoll:
            held = unsent(near)
            drain(far, 60_000)

            assert far.recv(1) == b""
            assert (True, [near.fileno()]) == (held > 0, [fd for fd, _ in epoll.poll(PATIENCE)])
            assert unsent(near) == 0


# ---- what is not acknowledged


def test_our_fin_counts_as_an_unsent_byte():
    """transfer_unsent takes it off again."""
    with tcp_pair() as (near, _far):
        fill(near)
        before = unsent(near)

        near.shutdown(socket.SHUT_WR)

        assert unsent(near) == before + 1


def test_one_unread_byte_of_a_unix_socket_is_hundreds_of_unsent_ones():
    """It is memory that is counted.  sock_wfree() lets go of all but one byte of it, wakes whoever
    waits, and only then lets go of the last: so a few bytes held mean that nothing is held."""
    with unix_pair() as (near, far):
        near.send(b"x")
        assert unsent(near) > 256

        far.recv(1)

        assert unsent(near) == 0


def test_a_unix_peer_that_closes_with_bytes_unread_leaves_an_error():
    """And nothing unsent, so the error is asked."""
    with unix_pair() as (near, far):
        near.send(b"x" * 1000)

        far.close()

        assert unsent(near) == 0
        assert near.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET


def test_a_unix_peer_that_has_read_all_leaves_none():
    with unix_pair() as (near, far):
        near.send(b"x" * 1000)
        drain(far, 1000)

        far.close()

        assert unsent(near) == 0
        assert near.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


# ---- splice and sendfile


def test_splice_waits_for_a_blocking_tcp_source_whatever_its_flags_say():
    """engine/relay.c does not ask it before something is there."""
    with tcp_pair() as (near, far):
        read_fd, write_fd = os.pipe()
        moved = []
        thread = threading.Thread(
            target=lambda: moved.append(
                os.splice(near.fileno(), write_fd, 100, flags=SPLICE_F_NONBLOCK)
            )
        )

        thread.start()
        thread.join(0.1)
        waits = thread.is_alive()
        far.send(b"hello")
        thread.join(PATIENCE)

        os.close(read_fd)
        os.close(write_fd)
        assert (True, [5]) == (waits, moved)


def test_splice_takes_what_is_there_and_does_not_wait_for_more():
    with tcp_pair() as (near, far):
        read_fd, write_fd = os.pipe()
        far.send(b"hello")
        select.select([near], [], [], PATIENCE)

        moved = os.splice(near.fileno(), write_fd, 1000, flags=SPLICE_F_NONBLOCK)

        os.close(read_fd)
        os.close(write_fd)
        assert moved == 5


@PAIRS
def test_sendfile_beyond_the_end_of_a_file_gives_nothing(pair, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    with pair() as (near, _), path.open("rb") as file:
        assert os.sendfile(near.fileno(), file.fileno(), 4, 100) == 6
        assert os.sendfile(near.fileno(), file.fileno(), 10, 100) == 0


@pytest.mark.parametrize(
    "call",
    [
        "os.sendfile(near.fileno(), file.fileno(), 0, 10)",
        "os.splice(read_fd, near.fileno(), 10)",
    ],
    ids=["sendfile", "splice"],
)
def test_sendfile_and_splice_raise_sigpipe(call):
    """They know no MSG_NOSIGNAL: engine threads block signals, a first try blocks this one."""
    ended = in_a_process(f"""
import os, signal, socket, tempfile
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
near, far = socket.socketpair()
far.close()
read_fd, write_fd = os.pipe()
os.write(write_fd, b"x" * 10)
with tempfile.TemporaryFile() as file:
    file.write(b"x" * 10)
    file.flush()
    {call}
""")

    assert ended.returncode == -signal.SIGPIPE


def test_growing_a_memfd_beyond_the_file_size_limit_raises_sigxfsz():
    """So the statistics block is made with that signal blocked."""
    ended = in_a_process("""
import os, resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
os.ftruncate(os.memfd_create("x"), 100000)
""")

    assert ended.returncode == -signal.SIGXFSZ


# ---- ends


def test_connecting_to_nowhere_resets_though_another_holds_a_copy():
    """Closing would leave the connection open: a forked child may have the descriptor."""
    with tcp_pair() as (near, far):
        copy = near.dup()
        nowhere = struct.pack("H14x", socket.AF_UNSPEC)

        status = libc.connect(near.fileno(), nowhere, len(nowhere))
        near.close()

        assert status == 0
        with pytest.raises(ConnectionResetError):
            far.recv(1)
        copy.close()


def test_closing_with_unread_input_resets():
    """And what was sent is lost with it: hence the lingering drain."""
    with tcp_pair() as (near, far):
        far.send(b"x" * 10)
        select.select([near], [], [], PATIENCE)
        near.send(b"answer")
        near.close()
        select.select([far], [], [], PATIENCE)

        with pytest.raises(ConnectionResetError):
            while far.recv(100):
                pass


def test_setting_nodelay_pushes_what_nagle_holds_back():
    """sys->push: a response that ended with MSG_MORE goes out though the socket lives on."""
    with tcp_pair() as (near, far):
        near.send(b"x" * 10, socket.MSG_MORE)
        far.setblocking(False)
        with pytest.raises(BlockingIOError):
            far.recv(100)

        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        assert select.select([far], [], [], 0.15)[0], "within less than Nagle's 200 ms"


def test_a_duplicate_shares_the_blocking_mode():
    """So O_NONBLOCK on a descriptor that its owner keeps is seen by the owner."""
    with unix_pair() as (near, _):
        copy = near.dup()

        os.set_blocking(copy.fileno(), False)

        assert not os.get_blocking(near.fileno())
        copy.close()


def test_a_watch_outlives_its_descriptor_while_a_duplicate_lives():
    """So a socket is taken out of epoll before it is closed or given back."""
    with unix_pair() as (near, far):
        copy = near.dup()
        with select.epoll() as epoll:
            epoll.register(near, select.EPOLLIN)
            near.close()
            far.send(b"x")

            assert epoll.poll(PATIENCE)
            copy.close()
            assert epoll.poll(0) == []


# ---- files


def test_what_is_in_memory_can_be_read_without_waiting(tmp_path: Path):
    """sys->file_cached asks like this; a file system may refuse the question with EOPNOTSUPP."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    with path.open("rb") as file:
        file.read()
        try:
            got = os.preadv(file.fileno(), [bytearray(1)], 99_999, os.RWF_NOWAIT)
        except OSError as error:
            got = error.errno

    assert got in (1, errno.EOPNOTSUPP)


def test_openat2_knows_resolve_cached():
    """The youngest thing the product needs (Linux 5.12): an unknown flag would be EINVAL."""
    how = struct.pack("QQQ", os.O_PATH, 0, 0x20)

    status = libc.syscall(437, -100, b"", how, len(how))

    assert (-1, errno.ENOENT) == (status, ctypes.get_errno())
