"""A front in a program of one's own, which hands requests over before their bodies are there."""

from __future__ import annotations

import signal
import socket
import sys
import threading

import app

from uwoffload import Engine, Front


def main(host: str, port: int) -> None:
    with socket.create_server((host, port)) as listener, Engine(threads=2) as engine:
        with Front(engine, [listener], body_streamed=True, no_progress=2.0) as front:
            threads = [threading.Thread(target=front.run, args=(app.handler,)) for _ in range(2)]
            for thread in threads:
                thread.start()
            signal.sigwait({signal.SIGTERM})
            front.drain(5.0)
            front.close()
            for thread in threads:
                thread.join()


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    main("127.0.0.1", int(sys.argv[1]))
