"""asyncio streams: the engine takes a connection over for a file, and gives it back after it.

Run: python examples/asyncio_server.py [PORT], then: curl http://127.0.0.1:PORT/[hello]
"""

import asyncio
import os
import signal
import sys
from asyncio import StreamReader, StreamWriter
from contextlib import suppress

from uwoffload import Engine, Send, SendFile, aio

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


async def serve(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
        while request := await reader.readuntil(b"\r\n\r\n"):
            if request.startswith(b"GET /hello "):
                writer.write(HEAD % 6 + b"hello\n")
                continue
            with open(__file__, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                program = [Send(HEAD % size), SendFile(file, 0, size)]
                sent = await aio.submit(engine, writer, program, reader=reader, after="give back")
            reader, writer = await aio.open_streams(sent)  # the same connection
            if not sent.ok:
                break
    writer.close()


async def main(port: int) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
    await ended.wait()


if __name__ == "__main__":
    with Engine() as engine:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
