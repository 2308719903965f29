"""A handler behind the front: bytes, a table made while it is sent, a file, an upload.

Run: python examples/handler.py [PORT], then: curl -i http://127.0.0.1:PORT/
"""

import os
import shutil
import sys
from collections.abc import Iterator

import uwoffload
from uwoffload import Request, Response, SendFile
from uwoffload.response import Answer


def squares(count: int) -> Iterator[str]:
    yield "number,square\r\n"
    for start in range(0, count, 1000):
        numbers = range(start, min(start + 1000, count))
        yield "".join(f"{number},{number * number}\r\n" for number in numbers)


def handler(request: Request) -> Answer:
    match request.method, request.path:
        case "GET" | "HEAD", "/":
            return f"<p>Hello, {request.peer}!</p>\n"
        case "GET", "/squares.csv":  # runs as far as the client reads, and waits for nobody
            return Response(squares(1_000_000), headers=[("Content-Type", "text/csv")])
        case "GET", "/source":  # sent by a thread of the engine, which closes it
            body = [SendFile(os.open(__file__, os.O_RDONLY))]
            return Response(body, headers=[("Content-Type", "text/x-python")])
        case "PUT", "/upload":  # it has arrived in full before Python hears of it
            with open("upload", "wb") as file:
                shutil.copyfileobj(request.file, file)
            return Response(f"{request.length} bytes stored\n", status=201)
    return Response("<p>Not here.</p>\n", status=404)


if __name__ == "__main__":
    port = sys.argv[1] if len(sys.argv) > 1 else "0"
    sys.exit(uwoffload.serve(handler, http=f"127.0.0.1:{port}", processes=2, threads=2))
