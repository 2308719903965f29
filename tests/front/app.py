"""An application for the tests: `python app.py OPTIONS`, OPTIONS as JSON for uwoffload.serve.

What a request gets is said by the first word of its path.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from urllib.parse import parse_qs

import uwoffload
from uwoffload import Program, Request, Response, Send, SendFile

FOLDER = os.environ.get("FRONT_TEST_FOLDER", ".")


def pid(request: Request) -> bytes:
    """Which process has it."""
    return b"%d" % os.getpid()


def gate(request: Request) -> bytes:
    """Wait until the test opens the gate, a FIFO; it sees when somebody waits there."""
    with open(os.path.join(FOLDER, query(request, "name")), "rb", buffering=0) as fifo:
        word = fifo.read(1)
    return b"%d %b" % (os.getpid(), word)


def echo(request: Request) -> Response:
    """What came, told back."""
    body = request.body()
    seen = {
        "method": request.method,
        "target": request.target,
        "path": request.path,
        "query": request.query,
        "headers": list(request.headers),
        "peer": request.peer,
        "protocol": request.protocol,
        "version": request.version,
        "length": request.length,
        "streamed": request.streamed,
        "sha256": hashlib.sha256(body).hexdigest(),
        "size": len(body),
    }
    return Response(json.dumps(seen), headers=[("Content-Type", "application/json")])


def pieces(request: Request) -> bytes:
    """The body, read in small pieces."""
    digest, size = hashlib.sha256(), 0
    while piece := request.read(1000):
        digest.update(piece)
        size += len(piece)
    return f"{size} {digest.hexdigest()}".encode()


def generate(request: Request) -> Response:
    """`count` pieces of `size` bytes; `length=1` says so beforehand."""
    count, size = int(query(request, "count", "3")), int(query(request, "size", "5"))
    length = count * size if query(request, "length", "") else None

    def chunks() -> Iterator[bytes]:
        for number in range(count):
            yield bytes([65 + number % 26]) * size

    return Response(chunks(), length=length)


def fail_inside(request: Request) -> Iterator[bytes]:
    """A generator that breaks after its first pieces."""
    yield b"x" * int(query(request, "size", "10"))
    yield b"y" * 10
    raise RuntimeError("inside the generator")


def short(request: Request) -> Response:
    """A generator that gives less than it promised."""
    return Response((piece for piece in [b"abc"]), length=10)


def lengthy(request: Request) -> Response:
    """A generator that gives more than it promised."""
    return Response((piece for piece in [b"abc", b"defghijklmnop"]), length=10)


def program(request: Request) -> Response:
    """Bytes and a range of a file."""
    file = os.open(os.path.join(FOLDER, "data.bin"), os.O_RDONLY | os.O_CLOEXEC)
    return Response(Program([Send(b"before "), SendFile(file, 10, 1000), Send(b" after")]))


def fields(request: Request) -> Response:
    """A status and fields of its own."""
    return Response(
        b"made\n",
        status=int(query(request, "status", "201")),
        headers=[("X-One", "1"), ("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")],
    )


def forbidden_fields(request: Request) -> Response:
    """Fields that are the server's, or that would split the answer."""
    name, _, value = query(request, "field").partition(":")
    return Response(b"x", headers=[(name, value)])


def fail(request: Request) -> bytes:
    raise RuntimeError("in the handler")


def leave(request: Request) -> bytes:
    sys.exit(3)


def die(request: Request) -> bytes:
    os.kill(os.getpid(), 9)
    return b""


def nonsense(request: Request) -> object:
    return 42


def nothing(request: Request) -> None:
    return None


def empty(request: Request) -> bytes:
    return b""


def text(request: Request) -> str:
    return "grün\n"


def hoard(request: Request) -> bytes:
    """Take every descriptor that this process may have, until the test opens the gate."""
    taken = []
    with open(os.path.join(FOLDER, query(request, "name")), "rb", buffering=0) as fifo:
        try:
            while True:
                taken.append(os.dup(0))
        except OSError:
            fifo.read(1)
        while taken:
            os.close(taken.pop())
    return b"released"


def large(request: Request) -> bytes:
    return b"L" * int(query(request, "size", "1000000"))


HANDLERS = {
    function.__name__: function
    for function in (
        pid, gate, echo, pieces, generate, fail_inside, short, lengthy, program, fields,
        forbidden_fields, fail, leave, die, nonsense, nothing, empty, text, large,
        hoard,
    )
}  # fmt: skip


def query(request: Request, name: str, default: str | None = None) -> str:
    found = parse_qs(request.query, keep_blank_values=True).get(name)
    if not found and default is None:
        raise KeyError(name)
    return found[0] if found else str(default)


def handler(request: Request) -> object:
    word = (request.path or "/").split("/")[1]
    if word not in HANDLERS:
        return Response(b"no such handler\n", status=404)
    return HANDLERS[word](request)


if __name__ == "__main__":
    sys.exit(uwoffload.serve(handler, **json.loads(sys.argv[1])))  # type: ignore[arg-type]
