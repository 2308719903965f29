"""Two parsers of other people, asked through what they are seen to do."""

from __future__ import annotations

from dataclasses import dataclass, field

import h11
import httptools

ROOM = 1 << 24


@dataclass
class Seen:
    """What another parser made of a head and some bytes behind it.  The on_… are for httptools."""

    method: bytes = b""
    target: bytes = b""
    version: bytes = b""
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False  # the body
    keep_alive: bool = False
    waits: bool = False  # for 100 Continue
    parser: httptools.HttpRequestParser | None = None

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value.strip(b" \t")))

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.ended = True
        assert self.parser is not None
        self.keep_alive = self.parser.should_keep_alive()


def by_h11(head: bytes, body: bytes = b"") -> Seen | None:
    """None when it refuses; raises when it does not see the end of the head."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=ROOM)
    try:
        connection.receive_data(head)
        request = connection.next_event()
        assert isinstance(request, h11.Request), request
        seen = Seen(request.method, request.target, request.http_version,
                    list(request.headers.raw_items()))  # fmt: skip
        seen.waits = connection.they_are_waiting_for_100_continue
        if body:
            connection.receive_data(body)
        event = connection.next_event()
        while isinstance(event, h11.Data):
            seen.body += event.data
            event = connection.next_event()
        seen.ended = isinstance(event, h11.EndOfMessage)
        if seen.ended:
            connection.send(h11.Response(status_code=405, headers=[("Content-Length", "0")]))
            connection.send(h11.EndOfMessage())
            seen.keep_alive = connection.our_state is h11.DONE
    except h11.RemoteProtocolError:
        return None
    return seen


def by_httptools(head: bytes, body: bytes = b"") -> Seen | None:
    """None when it refuses, or leaves HTTP for a tunnel."""
    seen = Seen()
    seen.parser = parser = httptools.HttpRequestParser(seen)
    try:
        parser.feed_data(head + body)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    seen.method = parser.get_method()
    seen.version = parser.get_http_version().encode()
    return seen
