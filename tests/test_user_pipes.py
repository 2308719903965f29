"""An ordinary user may hold 64 MiB of pipes: when they are spent, the engine copies instead."""

import json
import os
import subprocess
import sys

import pytest
import wire

from uwoffload import Engine, Splice

NOBODY = 65534

AS_USER = """
import fcntl, json, os, resource, socket, sys, threading

user = int(sys.argv[1])
from uwoffload import Engine, Splice
resource.setrlimit(resource.RLIMIT_NOFILE, (16384, 16384))
os.setgroups([])
os.setresgid(user, user, user)
os.setresuid(user, user, user)

soft = int(open("/proc/sys/fs/pipe-user-pages-soft").read())
pipes, pages = [], 0
while pages < soft and len(pipes) < 4000:  # to the limit of unprivileged users
    pipes.append(os.pipe())
    pages += fcntl.fcntl(pipes[-1][0], fcntl.F_GETPIPE_SZ) // 4096

upstream, feeding = socket.socketpair()
server, client = socket.socketpair()
data = os.urandom(2_000_000)
def feed():
    feeding.sendall(data)
    feeding.close()
threading.Thread(target=feed).start()
with Engine() as engine:
    transfer = engine.submit(server, [Splice(upstream)])
    received = b""
    while block := client.recv(1 << 20):
        received += block
    outcome = str(transfer.wait(20).outcome)
    total = engine.statistics.total()
print(json.dumps({
    "held": pages * 4096,
    "right": received == data,
    "outcome": outcome,
    "copied": total["bytes_copied"],
    "refused": total["pipes_refused"],
}))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_user_without_pipes_is_served_by_copying():
    ended = subprocess.run(
        [sys.executable, "-W", "ignore::ResourceWarning", "-c", AS_USER, str(NOBODY)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["held"] >= 60 << 20
    assert found["right"]
    assert found["outcome"] == "finished"
    assert found["copied"] == 2_000_000


def test_engine_told_to_hold_no_pipes_copies(pair, connect):
    data = wire.content(100_000)
    upstream = connect("unix")
    upstream.client.sendall(data)
    upstream.client.close()
    with Engine(pipes_max=0) as engine, engine.statistics as statistics:
        engine.submit(pair.server, [Splice(upstream.server)])

        assert wire.read_to_end(pair.client) == data
        wire.until(lambda: statistics.total()["finished"] == 1)
        assert statistics.total()["bytes_copied"] == len(data)


def test_engine_with_pipes_does_not_copy(engine, pair, connect):
    upstream = connect("unix")
    upstream.client.sendall(b"x" * 100_000)
    upstream.client.close()
    with engine.statistics as statistics:
        engine.submit(pair.server, [Splice(upstream.server)])

        assert wire.read_to_end(pair.client) == b"x" * 100_000
        wire.until(lambda: statistics.total()["finished"] == 1)
        assert statistics.total()["bytes_copied"] == 0
