"""What may be raised.

A wrong argument or an engine that cannot take more raises; a transfer that was
taken and then failed does not: it has a `Completion` whose outcome says so.
Errors of the operating system are raised as plain `OSError`.
"""


class UwoffloadError(Exception):
    """Everything that only this package raises."""


class InvalidArgument(UwoffloadError, ValueError):
    """An argument is wrong.  The message names it, its value and what is allowed.

    `index` is the instruction (or the element of a batch) at fault, or None.
    Nothing was taken: sockets and descriptors still belong to the caller.
    """

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message)
        self.index = index


class EngineFull(UwoffloadError):
    """A named limit is reached.  The caller keeps everything and may answer by itself."""


class EngineClosed(UwoffloadError):
    """The engine is draining or closed: it takes no more transfers."""


class EngineForked(UwoffloadError):
    """The engine belongs to the process that made it, and this is a fork of that process."""


class TransferGone(UwoffloadError):
    """The transfer has ended."""


class Unsupported(UwoffloadError):
    """This kernel lacks something the engine needs."""


class ConfigError(UwoffloadError):
    """The configuration cannot be used.  One line: where it stands, what is wrong, the remedy."""


class CannotStart(UwoffloadError):
    """A server cannot start.  One line: the thing, the reason and the remedy."""
