"""A stream that Python makes while it is sent, and only as fast as the client reads it.

Run: python examples/stream.py [PORT], then: curl http://127.0.0.1:PORT/1000000
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from uwoffload import Engine, Send, TransferGone

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/csv\r\n\r\n"
BLOCK = 1000  # rows


def rows(count: int) -> Iterator[bytes]:
    yield b"number,square\r\n"
    for first in range(0, count, BLOCK):
        numbers = range(first, min(first + BLOCK, count))
        yield b"".join(b"%d,%d\r\n" % (number, number * number) for number in numbers)


class Table(BaseHTTPRequestHandler):
    timeout = 10  # seconds for the head

    def do_GET(self) -> None:
        name = self.path.strip("/") or "10"
        if not name.isdecimal():
            self.send_error(404)
            return
        count = int(name)
        transfer = engine.submit(self.connection, Send(HEAD), growing=True, high_water=1 << 18)
        with suppress(TransferGone):  # the client has left
            for block in rows(count):
                while not transfer.append(Send(block)):
                    transfer.wait_room()  # the client is slow: so are we
            transfer.finish()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    address = "127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with ThreadingHTTPServer(address, Table) as server, Engine() as engine:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
        engine.drain(5)
