"""The blocking server of the standard library: its threads only run Python, the engine sends.

Run: python examples/threads.py [PORT], then: curl -O http://127.0.0.1:PORT/threads.py
"""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from uwoffload import Engine, EngineFull, Send, SendFile

FILES = {f"/{path.name}": path for path in Path(__file__).parent.glob("*.*")}
HEAD = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n"


class Handler(BaseHTTPRequestHandler):
    timeout = 10  # seconds for the head

    def do_GET(self) -> None:
        if self.path not in FILES:
            self.send_error(404, explain="There are: " + " ".join(FILES))
            return
        with FILES[self.path].open("rb") as file:  # the engine works with a duplicate
            size = os.fstat(file.fileno()).st_size
            try:
                engine.submit(self.connection, [Send(HEAD % size), SendFile(file, 0, size)])
            except EngineFull:  # nothing was taken
                self.send_error(503)

    def log_message(self, *_: object) -> None: ...


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    address = "127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with ThreadingHTTPServer(address, Handler) as server, Engine() as engine:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            engine.drain(5)
