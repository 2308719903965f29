"""Handlers that read the body of a request."""

from __future__ import annotations

import threading


class Reader:
    """Reads it whole; what it meets on the way is kept by its type, and raised."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.met: list[type[OSError]] = []

    def __call__(self, request):
        self.begun.set()
        try:
            return request.body()
        except OSError as error:
            self.met.append(type(error))
            raise
