"""`uwoffload serve DIR`: the files of a directory, at once."""

from __future__ import annotations

import argparse
from typing import Any

from ..serving import run as run_server


def add_to(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "serve",
        help="serve the files of a directory over HTTP",
        allow_abbrev=False,
        description="Serve the files of a directory over HTTP: no configuration, no Python per "
        "request.  Any option of `uwoffload options` may follow.",
    )
    command.add_argument("directory", metavar="DIR", help="what to serve")
    command.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="to listen on; default: 127.0.0.1"
    )
    command.add_argument(
        "--port", default="8080", metavar="N", help="0: any that is free; default: 8080"
    )
    command.add_argument("--processes", default="1", metavar="N", help="workers; default: 1")
    command.add_argument(
        "--offload-threads", default="2", metavar="N", help="threads per worker; default: 2"
    )
    command.set_defaults(run=run, takes_options=True)


def run(options: argparse.Namespace) -> int:
    """Until it is told to stop."""
    host = f"[{options.host}]" if ":" in options.host else options.host
    words = [
        f"--http-socket={host}:{options.port}",
        f"--check-static={options.directory}",
        "--static-index=index.html",
        f"--processes={options.processes}",
        f"--offload-threads={options.offload_threads}",
    ]
    return run_server(None, [*words, *options.rest])
