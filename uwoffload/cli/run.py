"""`uwoffload run app.ini --option value`: what an ini says, changed by the command line."""

from __future__ import annotations

import argparse
from typing import Any

from ..config.command import without_options
from ..config.docs import help_text
from ..config.text import COMMAND_LINE
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
    inis, found = without_options(options.rest)
    if len(inis) > 1:
        raise COMMAND_LINE.error(f'"{inis[1]}" belongs to no option; write --OPTION VALUE')
    return run_server(inis[0] if inis else None, [f"--{name}={value}" for name, value in found])
