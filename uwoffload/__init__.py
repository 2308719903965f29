"""uwoffload: hand over a client socket and a program, and be free.

    from uwoffload import Engine, Send, SendFile

    with Engine() as engine:
        connection, _ = listener.accept()
        engine.submit(connection, [Send(head), SendFile(file)])

Native threads carry out the program; the worker goes on.  asyncio and uvloop:
`uwoffload.aio`.  C hosts: `get_include()` and its neighbours.  A whole server:
`serve(handler)`, or its parts, `Front` and `Site`.
"""

from ._bridge import lib as _lib
from ._bridge import text as _text
from ._paths import get_cflags, get_include, get_library_dir, get_libs, get_source
from .completion import Completion, Outcome, Progress
from .engine import Engine
from .errors import (
    CannotStart,
    ConfigError,
    EngineClosed,
    EngineForked,
    EngineFull,
    InvalidArgument,
    TransferGone,
    Unsupported,
    UwoffloadError,
)
from .front import Front
from .program import Instruction, Program, ReceiveFile, Send, SendFile, Splice
from .request import Headers, Request
from .response import Response
from .serving import serve
from .site import Mount, Site
from .stats import Slot, Statistics
from .transfer import Transfer

__all__ = [
    "CannotStart",
    "Completion",
    "ConfigError",
    "Engine",
    "EngineClosed",
    "EngineForked",
    "EngineFull",
    "Front",
    "Headers",
    "Instruction",
    "InvalidArgument",
    "Mount",
    "Outcome",
    "Program",
    "Progress",
    "ReceiveFile",
    "Request",
    "Response",
    "Send",
    "SendFile",
    "Site",
    "Slot",
    "Splice",
    "Statistics",
    "Transfer",
    "TransferGone",
    "Unsupported",
    "UwoffloadError",
    "get_cflags",
    "get_include",
    "get_library_dir",
    "get_libs",
    "get_source",
    "serve",
]

__version__ = _text(_lib.uwo_version())
