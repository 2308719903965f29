"""Mistakes on the command line: one line, exit status 2."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from typing import NoReturn

from ..errors import InvalidArgument, UwoffloadError


class UsageError(UwoffloadError):
    """The command line is wrong."""


class Parser(argparse.ArgumentParser):
    """What is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Say it, and where help is."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


@contextlib.contextmanager
def usage() -> Iterator[None]:
    """What is not allowed on the command line ends as a mistake in the usage."""
    try:
        yield
    except InvalidArgument as error:
        raise UsageError(str(error)) from None


def guarded(
    run: Callable[[argparse.Namespace], int], command: argparse.ArgumentParser
) -> Callable[[argparse.Namespace], int]:
    """The same command; what is wrong in the usage ends as the mistakes that its parser finds."""

    def guard(given: argparse.Namespace) -> int:
        try:
            return run(given)
        except UsageError as error:
            command.error(str(error))

    return guard
