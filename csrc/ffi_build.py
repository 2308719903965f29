"""Build script of the extension `uwoffload._core`, run by setup.py through cffi.

The cdef is the text between the two marks of the public header, so C and Python
read the same words.  Sources are globbed: a new C file needs no change here.

Environment, for the developers' builds:
  UWOFFLOAD_SANITIZE=address,undefined (or thread)   sanitizers
  UWOFFLOAD_COVERAGE=1                               gcov counters
  UWOFFLOAD_WERROR=1                                 a warning is an error
"""

import os
from pathlib import Path

from cffi import FFI

BEGIN, END = "/* cdef: begin */", "/* cdef: end */"
FOLDERS = ("base", "cheaper", "lab", "proto", "task", "site", "conn", "sys", "engine", "api")

csrc = Path(os.path.relpath(Path(__file__).resolve().parent))  # from the project root


def cdef() -> str:
    text = (csrc / "include" / "uwoffload.h").read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit("csrc/include/uwoffload.h: the two cdef marks must stand once each")
    return text.partition(BEGIN)[2].partition(END)[0]


def sources() -> list[str]:
    return sorted(str(path) for folder in FOLDERS for path in (csrc / folder).glob("*.c"))


def headers() -> list[str]:
    return sorted(str(path) for path in csrc.glob("*/*") if path.suffix in (".h", ".def"))


def flags() -> tuple[list[str], list[str]]:
    """Flags of the compiler, flags of the linker."""
    compiling = ["-std=gnu11", "-Wall", "-Wextra", "-fvisibility=hidden", "-pthread"]
    linking = ["-pthread"]
    if os.environ.get("UWOFFLOAD_WERROR"):
        compiling += ["-Werror"]
    sanitizers = os.environ.get("UWOFFLOAD_SANITIZE")
    if sanitizers:
        compiling += [f"-fsanitize={sanitizers}", "-fno-omit-frame-pointer", "-g", "-O1"]
        linking += [f"-fsanitize={sanitizers}"]
        if "undefined" in sanitizers:  # Python's own flags hide overflows of signed numbers
            compiling += ["-fno-wrapv", "-fsanitize=float-cast-overflow"]
    elif os.environ.get("UWOFFLOAD_COVERAGE"):
        compiling += ["--coverage", "-g", "-O0"]
        linking += ["--coverage"]
    else:
        compiling += ["-O2", "-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]
    return compiling, linking


compiling, linking = flags()
ffibuilder = FFI()
ffibuilder.cdef(cdef())
ffibuilder.set_source(
    "uwoffload._core",
    '#include "uwoffload.h"',
    sources=sources(),
    depends=headers(),
    include_dirs=[str(csrc / "include"), str(csrc)],
    extra_compile_args=compiling,
    extra_link_args=linking,
)
