"""The command `uwoffload`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .. import __version__, get_cflags, get_libs
from ..errors import UwoffloadError
from . import bench, demo, stats


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="uwoffload", description="Hand over a client socket and a program, and be free."
    )
    top.add_argument("--version", action="version", version=f"uwoffload {__version__}")
    top.add_argument("--cflags", action="store_true", help="print flags for compiling a C host")
    top.add_argument("--libs", action="store_true", help="print flags for linking a C host")
    commands = top.add_subparsers(title="commands", metavar="COMMAND")
    for module in (bench, demo, stats):
        module.add_to(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; gives the exit status."""
    top = parser()
    options = top.parse_args(arguments)
    flags = [get_cflags()] * options.cflags + [get_libs()] * options.libs
    try:
        if "run" in options:
            return int(options.run(options))
        if flags:
            print(" ".join(flags))
            return 0
        top.print_help()
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (UwoffloadError, OSError) as error:
        print(f"uwoffload: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
