"""The command `uwoffload`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .. import __version__, get_cflags, get_libs
from ..errors import CannotStart, ConfigError, UwoffloadError
from ..serving import said
from . import bench, cheaper, demo, lab, options, run, serve, stats
from .usage import Parser

COMMAND_LINE = "command line:"  # where a wrong option stands: a mistake in the usage


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = Parser(
        prog="uwoffload", description="Hand over a client socket and a program, and be free."
    )
    top.add_argument("--version", action="version", version=f"uwoffload {__version__}")
    top.add_argument("--cflags", action="store_true", help="print flags for compiling a C host")
    top.add_argument("--libs", action="store_true", help="print flags for linking a C host")
    commands = top.add_subparsers(title="commands", metavar="COMMAND")
    for module in (serve, run, options, stats, cheaper, lab, demo, bench):
        module.add_to(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; gives the exit status."""
    top = parser()
    given, rest = top.parse_known_args(arguments)
    given.rest = rest
    if rest and "takes_options" not in given:
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    flags = [get_cflags()] * given.cflags + [get_libs()] * given.libs
    try:
        if "run" in given:
            return int(given.run(given))
        if flags:
            print(" ".join(flags))
            return 0
        top.print_help()
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ConfigError as error:
        print(said(error), file=sys.stderr)
        return 2 if str(error).startswith(COMMAND_LINE) else 1
    except (UwoffloadError, OSError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            error = CannotStart(f"{error.filename}: {error.strerror}")
        print(said(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
