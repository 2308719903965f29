"""Compile the pure folders of csrc, with a few accessors, into the extension `_whitebox`.

Each `*.cdef` here declares what tests may reach, `<name>_accessors.h` beside it includes it.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import io
import os
import shlex
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from cffi import FFI

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CSRC = ROOT / "csrc"
FOLDERS = ("base", "cheaper", "lab", "proto", "task", "site", "conn")
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")


def flags() -> list[str]:
    """As csrc/ffi_build.py has them, for the same environment variables."""
    common = ["-std=gnu11", "-fPIC", "-pthread", f"-I{CSRC}", f"-I{CSRC / 'include'}"]
    sanitizers = os.environ.get("UWOFFLOAD_SANITIZE")
    if sanitizers:
        return [*common, "-O1", "-g", f"-fsanitize={sanitizers}", "-fno-omit-frame-pointer"]
    if os.environ.get("UWOFFLOAD_COVERAGE"):
        return [*common, "-O0", "-g", "--coverage"]
    return [*common, "-O1"]


def sources() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (CSRC / folder).glob("*.c"))


def parts() -> list[Path]:
    """Everything that the module is made of."""
    headers = sorted(path for folder in FOLDERS for path in (CSRC / folder).glob("*.[hd]*"))
    return [*sources(), *headers, CSRC / "include" / "uwoffload.h", *sorted(HERE.glob("*.[ch]*"))]


def digest() -> str:
    found = hashlib.sha256(" ".join([*flags(), SUFFIX]).encode())
    for path in parts():
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()[:16]


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Several runs may want the same module at once: the first builds, the others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def compile_to(target: Path) -> None:
    ffi = FFI()
    for declarations in sorted(HERE.glob("*.cdef")):
        ffi.cdef(declarations.read_text(encoding="utf-8"))
    accessors = [path.read_text(encoding="utf-8") for path in sorted(HERE.glob("*_accessors.h"))]
    ffi.set_source("_whitebox", "\n".join(accessors))
    binding = target.with_name("_whitebox.c")
    with contextlib.redirect_stdout(io.StringIO()):  # it tells what it does
        ffi.emit_c_code(str(binding))
    compiler = shlex.split(os.environ.get("CC", "cc"))
    include = f"-I{sysconfig.get_path('include')}"
    objects = []
    for source in [binding, *sources()]:
        objects.append(str(target.with_name(f"{source.parent.name}_{source.stem}.o")))
        subprocess.run(
            [*compiler, *flags(), include, "-c", str(source), "-o", objects[-1]], check=True
        )
    unfinished = target.with_suffix(".unfinished")
    subprocess.run([*compiler, *flags(), "-shared", *objects, "-o", str(unfinished)], check=True)
    unfinished.rename(target)


def load() -> ModuleType:
    target = ROOT / "build" / f"whitebox-{digest()}" / f"_whitebox{SUFFIX}"
    if not target.exists():
        with alone(target.parent):
            if not target.exists():
                compile_to(target)
    spec = importlib.util.spec_from_file_location("_whitebox", target)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
