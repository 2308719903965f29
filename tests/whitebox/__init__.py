"""The pure parts of the C core, csrc/base and csrc/task, reached from Python.

They are compiled on first use into a folder below build/, named after what they are made of, so a
changed source makes a new module and the source tree stays clean.  `machines` gives them hands.
"""

from whitebox.build import load

module = load()
ffi, lib = module.ffi, module.lib
NEVER = 2**64 - 1
TO_THE_END = 2**64 - 1

__all__ = ["NEVER", "TO_THE_END", "ffi", "lib"]
