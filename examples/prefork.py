"""A pre-fork server: every worker makes an engine of its own, after the fork.

Run: python examples/prefork.py [PORT], then: curl -i http://127.0.0.1:PORT/
"""

import multiprocessing
import os
import signal
import socket
import sys
from contextlib import ExitStack, suppress

from uwoffload import Engine, Send, SendFile, Statistics

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nWorker: %d\r\nContent-Length: %d\r\n\r\n"


def work(number: int, listener: socket.socket, figures: Statistics) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with Engine(threads=1, stats=figures, stats_worker=number) as engine, ExitStack() as ending:
        ending.callback(engine.drain, 5)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        while True:
            client, _ = listener.accept()
            with client, suppress(OSError), open(__file__, "rb") as file:
                client.settimeout(10)
                client.recv(65536)
                size = os.fstat(file.fileno()).st_size
                engine.submit(client, [Send(HEAD % (number, size)), SendFile(file, 0, size)])


if __name__ == "__main__":
    address = "127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0
    fork = multiprocessing.get_context("fork").Process
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    with socket.create_server(address) as listener, Statistics.create(workers=2) as figures:
        workers = [fork(target=work, args=(number, listener, figures)) for number in (0, 1)]
        for worker in workers:
            worker.start()
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
        signal.sigwait([signal.SIGINT, signal.SIGTERM])
        for worker in workers:
            worker.terminate()
            worker.join()
        print(f"{figures.total()['finished']} transfers")
