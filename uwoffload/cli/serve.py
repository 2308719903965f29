"""`uwoffload serve DIR`: the files of a directory, at once."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from ..config.command import without_options
from ..config.docs import EPILOGUE, NAME_WIDTH, help_line
from ..config.settings import BY_NAME
from ..config.text import COMMAND_LINE
from ..config.values import PORT_MAX
from ..errors import CannotStart
from ..serving import run as run_server

OWN = {  # option: default, kind of value, what it is
    "host": ("127.0.0.1", "ADDRESS", "address to listen on"),
    "port": ("8080", "N", "port to listen on; 0: any that is free"),
}
USUAL = {"processes": "1", "offload-threads": "2", "static-index": "index.html"}
"""Options of the table with defaults of this command."""
SHOWN = (
    *USUAL,
    "static-siblings",
    "check-static",
    "static-map",
    "socket-timeout",
    "keepalive-timeout",
    "max-connections",
    "logto",
    "disable-logging",
)


def help_text() -> str:
    """Of `uwoffload serve`."""
    own = [
        f"{f'  --{name} {metavar}':<{NAME_WIDTH}}{what} [{default}]"
        for name, (default, metavar, what) in OWN.items()
    ]
    parts = [
        "usage: uwoffload serve DIR [--OPTION VALUE | --FLAG] ...",
        "Serve the files of a directory over HTTP: no ini, no Python per request.",
        *own,
        *(help_line(BY_NAME[name], USUAL.get(name, "")) for name in SHOWN),
        EPILOGUE,
    ]
    return "\n".join(parts) + "\n"


def add_to(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "serve", help="serve the files of a directory over HTTP", allow_abbrev=False
    )
    command.format_help = help_text
    command.set_defaults(run=run, takes_options=True)


def run(options: argparse.Namespace) -> int:
    """Until it is told to stop."""
    directories, found = without_options(options.rest)
    if len(directories) != 1:
        wrong = f"not {' and '.join(directories)}" if directories else "as in: uwoffload serve DIR"
        raise COMMAND_LINE.error(f"name one directory to serve, {wrong}")
    (directory,) = directories
    if Path(directory).exists() and not Path(directory).is_dir():
        raise CannotStart(f"{directory}: not a directory; name a directory to serve")
    own = {name: default for name, (default, _, _) in OWN.items()}
    own.update((name, value) for name, value in found if name in OWN)
    if not re.fullmatch("[0-9]{1,5}", own["port"]) or int(own["port"]) > PORT_MAX:
        raise COMMAND_LINE.error(f'port: "{own["port"]}" is no port; allowed: 0 to {PORT_MAX}')
    host = f"[{own['host']}]" if ":" in own["host"] else own["host"]
    given = {name for name, _ in found}
    pairs = [
        ("http-socket", f"{host}:{own['port']}"),
        ("check-static", directory),
        *((name, default) for name, default in USUAL.items() if name not in given),
        *((name, value) for name, value in found if name not in OWN),
    ]
    return run_server(None, [f"--{name}={value}" for name, value in pairs])
