"""`uwoffload run app.ini --option value`: what an ini says, changed by the command line."""

from __future__ import annotations

import argparse
from typing import Any

from ..config.docs import help_text
from ..serving import run as run_server


def add_to(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "run",
        help="run the server that an ini describes",
        allow_abbrev=False,
    )
    command.format_help = help_text  # of the one table of options
    command.set_defaults(run=run, takes_options=True)


def run(options: argparse.Namespace) -> int:
    """Until it is told to stop."""
    words = list(options.rest)
    ini = words.pop(0) if words and not words[0].startswith("-") else None
    return run_server(ini, words)
