"""What a rule remembers, as a value."""

from __future__ import annotations

import copy
from typing import Self

from ..errors import InvalidArgument

WORD = 8


class State:
    """What a rule remembers between two checks.

    A value: it never changes, and may be compared, copied, kept in a file and
    replayed.  `bytes(state)` are the words of the core; `own` is the state of an
    algorithm written in Python, whatever that made of it (`bytes` leave it out:
    keep it as you like; pickle and copy carry both).
    """

    __slots__ = ("_own", "_words")

    def __init__(self, words: bytes | bytearray | memoryview = b"", own: object = None) -> None:
        if not isinstance(words, bytes | bytearray | memoryview):
            raise InvalidArgument(f"state: {type(words).__name__}; allowed: bytes")
        self._words = bytes(words)
        self._own = own
        if len(self._words) % WORD:
            raise InvalidArgument(
                f"state: {len(self._words)} bytes; allowed: words of {WORD} bytes each"
            )

    @classmethod
    def from_bytes(cls, words: bytes, own: object = None) -> Self:
        """What `to_bytes` gave."""
        return cls(words, own)

    @classmethod
    def from_hex(cls, digits: str, own: object = None) -> Self:
        """What `hex` gave."""
        try:
            return cls(bytes.fromhex(digits), own)
        except (TypeError, ValueError):
            raise InvalidArgument(f"state: {digits!r:.80}; allowed: hexadecimal digits") from None

    @property
    def own(self) -> object:
        """The state of an algorithm in Python; None of one in the core."""
        return self._own

    @property
    def words(self) -> tuple[int, ...]:
        """As the core has them, for looking at."""
        return tuple(memoryview(self._words).cast("Q"))

    def to_bytes(self) -> bytes:
        """For a file, or another process on a machine of the same byte order."""
        return self._words

    def hex(self) -> str:
        """The same in hexadecimal digits."""
        return self._words.hex()

    def __bytes__(self) -> bytes:
        return self._words

    def __len__(self) -> int:
        return len(self._words)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State):
            return NotImplemented
        return self._words == other._words and bool(self._own == other._own)

    def __hash__(self) -> int:
        return hash(self._words)

    def __copy__(self) -> Self:
        return type(self)(self._words, copy.copy(self._own))

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return type(self)(self._words, copy.deepcopy(self._own, memo))

    def __reduce__(self) -> tuple[type[Self], tuple[bytes, object]]:
        return type(self), (self._words, self._own)

    def __repr__(self) -> str:
        own = f", own={self._own!r}" if self._own is not None else ""
        used = self._words.rstrip(b"\0")
        shown = self.hex() if len(self) <= 4 * WORD else f"{used[:WORD].hex()}..."
        return f"<State: {len(self) // WORD} words {shown}{own}>"


def state_of(words: bytes) -> State:
    """A state of words of the core, as they are."""
    state = State.__new__(State)
    state._words, state._own = words, None
    return state
