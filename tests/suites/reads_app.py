"""An application that reads every request to its end and answers 200, whatever was asked."""

from __future__ import annotations

import json
import sys

import uwoffload


def handler(request: uwoffload.Request) -> bytes:
    request.body()
    return b"read\n"


if __name__ == "__main__":
    sys.exit(uwoffload.serve(handler, **json.loads(sys.argv[1])))
