"""The life of an engine: fork, drain, close, exit of the interpreter, signals."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import wire

from uwoffload import Engine, EngineClosed, Outcome, Send, SendFile

pytestmark = [pytest.mark.slow, pytest.mark.native]

FOREVER = b"x" * 5_000_000  # more than any socket buffer here takes


def run_script(text, **options):
    """A Python process of its own; it must end by itself, soon and without a word."""
    options = {"timeout": 60, "capture_output": True, "text": True} | options
    return subprocess.run([sys.executable, "-W", "error", "-c", text], check=False, **options)


# ---- fork ----


def in_child(action):
    """Run `action` in a fork; gives what it returns, as text."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = str(action())
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        answer = pipe.read().decode()
    assert os.waitpid(child, 0)[1] == 0
    return answer


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_child_gets_a_clear_error_and_disturbs_nothing(engine, connect):
    parked, refused = connect(receive_buffer=4096), connect()
    transfer = engine.submit(parked.server, [Send(wire.content(1_000_000))])
    transfer.future()  # the dispatcher runs, and is not there in the child

    for action in (
        lambda: engine.submit(refused.server, [Send(b"from the child")]),
        lambda: engine.submit_many([refused.server], [Send(b"from the child")]),
        lambda: engine.wait(1),
        lambda: engine.poll(),
        lambda: transfer.wait(1),
        lambda: transfer.progress(),
        lambda: transfer.finish(),
        lambda: engine.drain(1),
    ):
        assert in_child(action).startswith("EngineForked: ")
    assert in_child(transfer.cancel) == "None"
    assert in_child(engine.close) == "None"

    assert refused.server.fileno() >= 0
    assert wire.read_to_end(parked.client) == wire.content(1_000_000)
    assert transfer.wait(wire.PATIENCE).ok


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_child_can_have_an_engine_of_its_own(engine, pair):
    def serve():
        with Engine() as own:
            own.submit(pair.server, [Send(b"from the child")]).wait(wire.PATIENCE)

    child = threading.Thread(target=lambda: answers.append(in_child(serve)))
    answers = []
    child.start()

    assert wire.read_exactly(pair.client, 14) == b"from the child"
    child.join()
    assert answers == ["None"]


def test_forked_copy_of_the_socket_does_not_keep_the_client_waiting(engine, tcp):
    """Closing is unregister, shutdown, close."""
    with tcp.server.dup():
        engine.submit(tcp.server, [Send(b"all")])

        assert wire.read_to_end(tcp.client) == b"all"


# ---- drain and close ----


def test_drain_waits_for_the_live_ones_and_takes_no_more(engine, connect):
    pair, late = connect("unix", receive_buffer=4096), connect()
    transfer = engine.submit(pair.server, [Send(b"x" * 200_000)])
    drained = []
    draining = threading.Thread(target=lambda: drained.append(engine.drain(wire.PATIENCE)))
    draining.start()

    with pytest.raises(EngineClosed):
        while True:  # until the other thread is in drain
            with wire.connect("unix") as other:
                engine.submit(other.server, [Send(b"x")])
                wire.read_to_end(other.client)
    with pytest.raises(EngineClosed):
        engine.submit(late.server, [Send(b"x")])
    assert wire.read_to_end(pair.client) == b"x" * 200_000
    draining.join()

    assert drained == [True]
    assert transfer.completion.ok


def test_drain_cancels_what_is_late(engine, connect):
    pair = connect(receive_buffer=4096)
    transfer = engine.submit(pair.server, [Send(FOREVER)])
    begin = time.monotonic()

    assert engine.drain(0.3) is False

    assert 0.3 <= time.monotonic() - begin < 2
    assert transfer.completion.outcome is Outcome.CANCELLED


def test_drain_of_an_idle_engine_returns_at_once(engine):
    begin = time.monotonic()

    assert engine.drain(wire.PATIENCE) is True
    assert time.monotonic() - begin < 1


def test_close_cancels_and_settles_everything(connect):
    pairs = [connect(receive_buffer=4096) for _ in range(20)]
    called = []
    with Engine() as engine:
        transfers = [engine.submit(pair.server, [Send(FOREVER)]) for pair in pairs]
        claimed = engine.submit(connect("unix").server, [], growing=True, callback=called.append)

    assert {Outcome.CANCELLED} == {transfer.completion.outcome for transfer in transfers}
    assert called == [claimed.completion]
    assert {completion.transfer for completion in engine.poll()} == set(transfers)
    assert engine.poll() == engine.wait(1) == []


def test_closed_engine_answers_clearly(pair):
    engine = Engine()
    transfer = engine.submit(pair.server, [], growing=True)
    engine.close()
    engine.close()

    for action in (engine.fileno, lambda: engine.drain(1), lambda: engine.statistics):
        with pytest.raises(EngineClosed):
            action()
    transfer.cancel()
    assert transfer.wait().outcome is Outcome.CANCELLED
    assert transfer.progress().ended
    assert engine.count == 0
    assert repr(engine) == "<Engine: closed>"


def test_close_wakes_those_who_wait():
    engine = Engine()
    waiting = [threading.Thread(target=engine.wait) for _ in range(3)]
    for thread in waiting:
        thread.start()

    engine.close()

    for thread in waiting:
        thread.join(wire.PATIENCE)
        assert not thread.is_alive()


def test_close_is_allowed_in_a_callback(pair):
    engine = Engine()
    closed = threading.Event()

    def callback(completion):
        completion.socket.close()
        engine.close()
        closed.set()

    engine.submit(pair.server, [Send(b"x")], after="give back", callback=callback)

    assert closed.wait(wire.PATIENCE)
    engine.close()


def test_close_amid_submits_of_other_threads_loses_no_socket():
    for _ in range(20):
        engine = Engine(threads=1)
        wrong = []

        def submit(engine=engine, wrong=wrong):
            while True:
                with wire.connect("unix") as pair:
                    try:
                        engine.submit(pair.server, [Send(b"x")])
                    except EngineClosed:
                        if pair.server.fileno() < 0:
                            wrong.append("taken, and refused")
                        return
                    if wire.read_to_cut(pair.client)[0] not in (b"x", b""):
                        wrong.append("wrong bytes")

        threads = [threading.Thread(target=submit) for _ in range(3)]
        for thread in threads:
            thread.start()
        wire.until(lambda engine=engine: engine.count or True)
        engine.close()
        for thread in threads:
            thread.join(wire.PATIENCE)
        assert wrong == []


# ---- exit of the interpreter ----

PARKED = """
import socket, sys, threading
from uwoffload import Engine, EngineClosed, Send
engine = Engine()
pairs = [socket.socketpair() for _ in range(50)]
def submit(**options):
    return [engine.submit(server, [Send(b"x" * 5_000_000)], **options) for server, _ in pairs]
"""

EXITS = {
    "at the end": "submit()",
    "sys.exit": "submit(); sys.exit(0)",
    "callbacks": "submit(callback=lambda completion: None)",
    "callbacks that submit": (
        "def again(completion):\n"
        "    pairs.append(socket.socketpair())\n"
        "    try: engine.submit(pairs[-1][0], [])\n"
        "    except EngineClosed: pairs[-1][0].close()\n"
        "submit(callback=again)"
    ),
    "thread in wait": "submit(); threading.Thread(target=engine.wait, daemon=True).start()",
    "thread in transfer wait": (
        "transfer = submit()[0]\nthreading.Thread(target=transfer.wait, daemon=True).start()"
    ),
    "engine without transfers": "",
    "engine in a cycle": "holder = [engine]; holder.append(holder); submit()",
}


@pytest.mark.parametrize("name", EXITS)
def test_exit_with_live_transfers_neither_hangs_nor_crashes(name):
    ended = run_script(PARKED + "print('begin')\n" + EXITS[name], timeout=20)

    assert (0, "begin\n") == (ended.returncode, ended.stdout)
    assert "Traceback" not in ended.stderr


def test_exit_by_signal_is_prompt():
    script = PARKED + "submit(); print('ready', flush=True); engine.wait()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        process.wait(wire.PATIENCE)
        assert b"KeyboardInterrupt" in process.stderr.read()


INTERRUPTED = """
import socket, sys
from uwoffload import Engine, Front, Send, _life
from uwoffload._bridge import lib

STEP = sys.argv[1]

class Interrupted:
    def __getattr__(self, name):
        real = getattr(lib, name)
        if name != STEP:
            return real
        def call(*arguments):
            real(*arguments)
            _life.lib = front_module.lib = lib  # once
            raise KeyboardInterrupt
        return call

from uwoffload import front as front_module
_life.lib = front_module.lib = Interrupted()
engine = Engine()
listener = socket.create_server(("127.0.0.1", 0))
front = Front(engine, [listener])
server, client = socket.socketpair()
engine.submit(server, [Send(b"x" * 5_000_000)])
try:
    engine.close()
except KeyboardInterrupt:
    print("interrupted", engine)
if "again" in sys.argv:
    engine.close()
    print(engine)
"""


@pytest.mark.parametrize("again", [(), ("again",)])
@pytest.mark.parametrize("step", ["uwo_front_destroy", "uwo_engine_stop", "uwo_engine_destroy"])
def test_close_that_was_interrupted_is_done_by_the_next_one_or_at_exit(step, again):
    """A Ctrl-C arrives when a call into C returns."""
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, step, *again],
        timeout=wire.PATIENCE,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (ended.returncode, ended.stderr)
    assert ended.stdout.startswith("interrupted ")
    assert len(again) == ended.stdout.count("\n<Engine: closed>\n")


@pytest.mark.parametrize("count", [2, 3])
def test_many_ctrl_c_end_an_example(count):
    """Whatever they interrupt, the process ends."""
    example = Path(__file__).resolve().parents[1] / "examples" / "threads.py"
    # Whoever is started in the background of a shell inherits a SIGINT that is ignored.
    code = (
        "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"sys.argv = ['threads.py', '0']; runpy.run_path({str(example)!r}, run_name='__main__')"
    )
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            try:
                assert process.stdout.readline().startswith(b"http://")
                for _ in range(count):
                    process.send_signal(signal.SIGINT)
                process.wait(wire.PATIENCE)
            finally:
                process.kill()


# ---- signals ----


def test_engine_threads_block_all_signals():
    before = set(os.listdir("/proc/self/task"))
    with Engine(threads=3, disk_threads=2):
        threads = set(os.listdir("/proc/self/task")) - before

        assert len(threads) >= 3
        for thread in threads:
            status = Path(f"/proc/self/task/{thread}/status").read_text()
            blocked = int(status.partition("SigBlk:")[2].split()[0], 16)
            for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
                assert blocked >> (number - 1) & 1, signal.Signals(number).name


def test_signal_handler_runs_while_the_interpreter_waits_in_c(engine):
    called = []
    before = signal.signal(signal.SIGALRM, lambda *_: called.append(time.monotonic()))
    begin = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        engine.wait(1.0)
    finally:
        signal.signal(signal.SIGALRM, before)

    assert called[0] - begin < 0.5


SIGPIPE = """
import signal, socket
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
from uwoffload import Engine, Send, SendFile, Splice
import os, sys
with Engine() as engine, open(sys.executable, "rb") as file:
    outcomes = set()
    for program in ([Send(b"x" * 100000)], [Send(b"x"), SendFile(file)]):
        for try_first in (False, True):
            server, client = socket.socketpair()
            client.close()
            outcomes.add(str(engine.submit(server, program, try_first=try_first).wait(10).outcome))
    server, client = socket.socketpair()
    reading, writing = os.pipe()
    os.write(writing, b"x" * 1000)
    client.close()
    outcomes.add(str(engine.submit(server, [Splice(reading)]).wait(10).outcome))
print(outcomes)
"""


def test_sigpipe_never_kills_the_host():
    ended = run_script(SIGPIPE)

    assert (0, "{'client gone'}\n") == (ended.returncode, ended.stdout), ended.stderr


SIGXFSZ = """
import resource, signal, socket, sys, tempfile
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
from uwoffload import Engine, ReceiveFile
with Engine() as engine, tempfile.TemporaryFile() as file:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    server, client = socket.socketpair()
    transfer = engine.submit(server, [ReceiveFile(file, 500_000)])
    try:
        client.sendall(b"x" * 500_000)
    except OSError:
        pass
    completion = transfer.wait(10)
    client.close()
    print(completion.outcome, completion.error)
"""


def test_sigxfsz_never_kills_the_host():
    ended = run_script(SIGXFSZ)

    assert (0, "disk failed 27\n") == (ended.returncode, ended.stdout), ended.stderr


def test_descriptors_of_the_engine_are_close_on_exec(connect, make_file):
    pair = connect(receive_buffer=4096)
    before = open_descriptors()
    with Engine() as engine, make_file(FOREVER).open("rb") as file:
        engine.submit(pair.server, [SendFile(file)])
        made = open_descriptors() - before

        assert len(made) >= 4
        assert not any(os.get_inheritable(fd) for fd in made)


def open_descriptors():
    return {fd for fd in map(int, os.listdir("/proc/self/fd")) if wire.is_open(fd)}
