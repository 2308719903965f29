"""`uwoffload lab`: replay a load against the scaling rules and see what each costs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from . import lab_compare, lab_loads, lab_run, lab_sweep, lab_tune, usage
from .usage import Parser

EXTRAS = ("numpy", "matplotlib", "rich", "dask", "distributed")


class Help(argparse.HelpFormatter):
    """A line per option, as far as it goes."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=80)

    def format_help(self) -> str:
        """All of it on a screen: no empty lines but the one above what follows the options."""
        text = super().format_help()
        return text.replace("\n\n", "\n")


class Command(Parser):
    """With help that fits a screen."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=Help, **options)


def add_to(commands: Any) -> None:
    """Add the command, and its own."""
    lab = commands.add_parser("lab", help="replay a load against the scaling rules")
    own = lab.add_subparsers(title="commands", metavar="COMMAND", parser_class=Command)
    for module in (lab_run, lab_compare, lab_sweep, lab_tune, lab_loads):
        command = module.add_to(own)
        name = module.__name__.rpartition("_")[2]
        command.set_defaults(run=guarded(module.run, command), lab=name, takes_options=True)
    lab.set_defaults(run=lambda _: lab.print_help() or 2)


def guarded(
    run: Callable[[argparse.Namespace], int], command: argparse.ArgumentParser
) -> Callable[[argparse.Namespace], int]:
    """A missing extra is named in one line; so is whatever cannot be done."""
    checked = usage.guarded(run, command)

    def guard(given: argparse.Namespace) -> int:
        if given.rest:
            command.error(f"unrecognized arguments: {' '.join(given.rest)}")
        try:
            return checked(given)
        except ModuleNotFoundError as error:
            module = (error.name or "").partition(".")[0]
            if module not in EXTRAS:
                raise
            print(f"uwoffload: lab needs {module}: pip install 'uwoffload[lab]'", file=sys.stderr)
            return 1

    return guard
