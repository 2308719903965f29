"""Hands for the connection machine, and a driver as small as a driver can be.

conn = Conn()
conn.look(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
assert conn.state == "ASKED"
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from whitebox import NEVER, ffi, lib

STATES = {
    getattr(lib, f"CONN_{name}"): name
    for name in ("IDLE", "HEAD", "ASKED", "BODY", "CALLED", "ANSWERING", "SKIPPING", "CLOSING")
}
VERDICTS = {
    getattr(lib, f"CONN_{name}"): name for name in ("READ", "REQUEST", "REFUSE", "PING", "END")
}
HTTP, UWSGI = lib.CONN_HTTP, lib.CONN_UWSGI
LIMITS = {
    "body_size": 1 << 20,
    "requests": 100,
    "head_ms": 10_000,
    "keepalive_ms": 15_000,
    "no_progress_ms": 30_000,
}
HEADS = {"head_size": 16384, "target_size": 8192, "field_count": 100}


class Conn:
    """One connection; `now` is in microseconds."""

    def __init__(self, protocol: int = HTTP, **limits: int) -> None:
        self.now = 1_000_000
        heads = {name: limits.pop(name, default) for name, default in HEADS.items()}
        self.limits = ffi.new("struct conn_limits *", LIMITS | limits)
        lib.wb_conn_limit_heads(self.limits, *heads.values())
        self.conn = ffi.new("struct conn *")
        self.request = ffi.new("struct request *")
        self.data: Any = None  # what the request points into
        lib.conn_init(self.conn, protocol, self.now)

    @property
    def state(self) -> str:
        return STATES[self.conn.state]

    def look(self, data: bytes) -> tuple[str, int]:
        """(verdict, where the request ends)."""
        end, status = ffi.new("size_t *"), ffi.new("int *")
        self.data = ffi.new("char[]", data)
        verdict = lib.conn_look(self.conn, self.limits, self.data, len(data), self.now, end, status)
        return VERDICTS[verdict], end[0]

    def parse(self, data: bytes) -> int:
        self.data = ffi.new("char[]", data)
        return lib.conn_parse(self.conn, self.limits, self.data, len(data), self.request)

    def ask(self, *, draining: bool = False) -> int:
        return lib.conn_ask(self.conn, self.limits, self.request, draining)

    def asked(self, head: bytes, *, draining: bool = False) -> int:
        """A whole head came; the status to refuse it with, or 0."""
        assert self.look(head) == ("REQUEST", len(head))
        return self.parse(head) or self.ask(draining=draining)

    def body(self, data: bytes) -> tuple[int, bytes, int]:
        """(bytes used, content, status)."""
        content, status = ffi.new("struct span *"), ffi.new("int *")
        bytes_ = ffi.new("char[]", data)
        used = lib.conn_body(self.conn, self.limits, bytes_, len(data), self.now, content, status)
        piece = ffi.buffer(content.data, content.size)[:] if content.size else b""
        return used, piece, status[0]

    def skip(self, data: bytes) -> int:
        return lib.conn_skip(self.conn, ffi.new("char[]", data), len(data), self.now)

    def answer(self) -> None:
        lib.conn_answer(self.conn, self.now)

    def refuse(self) -> None:
        lib.conn_refuse(self.conn, self.now)

    def call(self, *, streamed: bool = False) -> None:
        lib.conn_call(self.conn, streamed, self.now)

    def called(self) -> None:
        lib.conn_called(self.conn, self.now)

    def answer_called(self) -> None:
        """What engine/answer.c does when Python has answered."""
        assert self.state == "CALLED"
        self.conn.keep_alive = lib.conn_keeps(self.conn)
        self.conn.state = lib.CONN_ANSWERING

    def answered(self) -> None:
        lib.conn_answered(self.conn, self.now)

    def due(self) -> int | None:
        """Microseconds from now; None: never."""
        due = lib.conn_due_us(self.conn, self.limits)
        return None if due == NEVER else due - self.now

    def late(self) -> tuple[str, int]:
        status = ffi.new("int *")
        return VERDICTS[lib.conn_late(self.conn, status)], status[0]

    @property
    def keeps(self) -> bool:
        return bool(lib.conn_keeps(self.conn))

    @property
    def body_ended(self) -> bool:
        return bool(lib.conn_body_ended(self.conn))


@dataclass
class Seen:
    """What a driver saw of one request."""

    status: int  # 0, or what it was refused with
    target: bytes = b""
    body: bytes = b""
    wanted: bool = False  # its body was read


@dataclass
class Driver:
    """Reads pieces as they come; requests whose target begins with /py want their bodies."""

    conn: Conn = field(default_factory=Conn)
    seen: list[Seen] = field(default_factory=list)
    window: bytes = b""

    def run(self, pieces: Iterable[bytes]) -> list[Seen]:
        for piece in pieces:
            self.window += piece
            while self.step():
                pass
        return self.seen

    def step(self) -> bool:
        """One step; False when more bytes are needed, or all is over."""
        conn = self.conn
        if conn.state in ("IDLE", "HEAD"):
            return self.head()
        if conn.state == "BODY":
            return self.body()
        if conn.state == "CALLED":
            conn.answer_called()
        elif conn.state == "ANSWERING":
            conn.answered()
        elif conn.state == "SKIPPING":
            used = conn.skip(self.window)
            self.window = self.window[used:]
            return conn.state != "SKIPPING"
        else:
            return False
        return True

    def head(self) -> bool:
        verdict, end = self.conn.look(self.window)
        if verdict == "READ":
            return False
        if verdict != "REQUEST":
            self.seen.append(Seen(-1))
            return False
        status = self.conn.parse(self.window[:end]) or self.conn.ask()
        target = self.conn.request.target
        name = bytes(ffi.buffer(target.data, target.size)) if status == 0 else b""
        self.seen.append(Seen(status, name, wanted=name.startswith(b"/py")))
        self.window = self.window[end:]
        if status:
            self.conn.refuse()
        elif name.startswith(b"/py"):
            self.conn.call()
        else:
            self.conn.answer()
        return True

    def body(self) -> bool:
        if self.conn.body_ended:
            self.conn.called()
            return True
        if not self.window:
            return False
        used, content, status = self.conn.body(self.window)
        self.window = self.window[used:]
        self.seen[-1].body += content
        if status:
            self.seen[-1].status = status
            self.seen[-1].body = b""  # how much came before depends on the pieces
            self.conn.refuse()
        return True
