"""Algorithms in Python by their names: `module:function`, `file.py:function`."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import InvalidArgument, UwoffloadError


class RuleFailed(UwoffloadError):
    """A function that is a rule has raised.  One line: what, and where."""


def found_function(where: str) -> Callable[..., Any]:
    """Import "module:function" or "file.py:function"; the current directory counts."""
    place, _, name = where.rpartition(":")
    module = load_file(place) if place.endswith(".py") else load_module(place)
    function = getattr(module, name, None)
    if not callable(function):
        raise InvalidArgument(f"{place} has no function {name!r}")
    return function  # type: ignore[no-any-return]


def located(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same; what it raises is told with file and line."""
    home = getattr(getattr(function, "__code__", None), "co_filename", "")

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except Exception as error:
            said = str(error).partition("\n")[0]
            if not isinstance(error, UwoffloadError):
                said = f"{type(error).__name__}: {said}".removesuffix(": ")
            raise RuleFailed(said + place_of(error, home)) from error

    return call


def place_of(error: Exception, home: str) -> str:
    """Where it was raised, as the end of a message: in that file, else wherever it was."""
    known = traceback.extract_tb(error.__traceback__)[1:]  # the first is the caller of all
    frames = [one for one in known if not one.filename.startswith("<frozen ")]
    frames = [one for one in frames if one.filename == home] or frames
    if not frames:
        return ""
    path = Path(frames[-1].filename)
    if path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return f" ({path}:{frames[-1].lineno})"


def load_module(name: str) -> ModuleType:
    """By its name."""
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise InvalidArgument(
            f"module {name!r} cannot be imported: {type(error).__name__}: {error}"
        ) from None


def load_file(path: str) -> ModuleType:
    """By its path."""
    if not Path(path).is_file():
        raise InvalidArgument(f"file {path!r}: there is none such")
    name = f"uwoffload_rule_{Path(path).stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InvalidArgument(f"file {path!r} is not Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InvalidArgument(
            f"file {path!r} cannot be read: {type(error).__name__}: {error}"
            f"{place_of(error, spec.origin or path)}"
        ) from None
    return module
