"""
A Python handler beside static files, for slow.py: handler.py PORT DIRECTORY THREADS BACKLOG
"""

import sys

import uwoffload


def handler(_request: uwoffload.Request) -> bytes:
    return b"ok"


if __name__ == "__main__":
    port, directory, threads, backlog = sys.argv[1:]
    sys.exit(
        uwoffload.serve(
            handler,
            http=f"127.0.0.1:{port}",
            static_map=f"/static={directory}",
            offload_threads=int(threads),
            listen=int(backlog),
            disable_logging=True,
        )
    )
