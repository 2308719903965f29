"""Uploads: Python reads the head, the engine takes the body to disk and gives the socket back.

Run: python examples/upload.py [PORT], then: curl -T FILE http://127.0.0.1:PORT/
"""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from tempfile import NamedTemporaryFile

from uwoffload import Completion, Engine, ReceiveFile, Send

ANSWER = b"HTTP/1.1 201 Created\r\nConnection: close\r\n\r\n%d bytes stored\n"


class Upload(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10  # seconds for the head

    def do_PUT(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self.send_error(411)
            return
        size = int(length)
        body = self.rfile.peek() if size else b""  # what came with the head, or comes first
        with NamedTemporaryFile(dir=".", prefix="upload-", delete=False) as file:
            after = {"after": "give back", "callback": lambda done: self.answer(file.name, done)}
            engine.submit(self.connection, ReceiveFile(file, size), leftover=body, **after)
        self.close_connection = True

    def answer(self, path: str, done: Completion) -> None:
        with done.socket:  # closes it, unless the engine takes it again
            if done.ok:
                engine.submit(done.socket, Send(ANSWER % done.bytes_received))
            else:
                os.unlink(path)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    address = "127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with ThreadingHTTPServer(address, Upload) as server, Engine() as engine:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            engine.drain(5)
