"""Where C hosts find the header, the library and the source of the installed package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def get_include() -> str:
    """Directory of uwoffload.h, for the -I of a C compiler."""
    return str(_PACKAGE / "include")


def get_library_dir() -> str:
    """Directory of libuwoffload.a, for the -L of a linker; also give it -pthread."""
    return str(_PACKAGE / "lib")


def get_source() -> str:
    """The whole core as one C file, to be compiled with get_include() and -pthread."""
    return str(_PACKAGE / "src" / "uwoffload_amalgamation.c")


def get_cflags() -> str:
    """Flags for compiling a C host."""
    return f"-I{get_include()}"


def get_libs() -> str:
    """Flags for linking a C host."""
    return f"-L{get_library_dir()} -luwoffload -pthread"
