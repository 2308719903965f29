"""The part of the build that needs code: the C core and what C hosts are given.

Everything declarative is in pyproject.toml.  Three things are added here:
the extension `uwoffload._core` (csrc/ffi_build.py), the library for C hosts
(header, static library, single-file source, pkg-config file), and the abi3 tag.
All of it is written below the build directory, or, for an editable install,
into folders of the package that git ignores.
"""

import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent

if not sys.platform.startswith("linux"):
    sys.exit(f"uwoffload: builds on Linux only (epoll, sendfile, splice), not on {sys.platform}")

sys.path.insert(0, str(ROOT / "csrc"))
from amalgamate import amalgamate  # noqa: E402

PKG_CONFIG = """\
prefix=${{pcfiledir}}/..
includedir=${{prefix}}/include
libdir=${{prefix}}/lib

Name: uwoffload
Description: Hand over a client socket and a program, and be free
Version: {version}
Cflags: -I"${{includedir}}"
Libs: -L"${{libdir}}" -luwoffload -pthread
"""


def version() -> str:
    """The one version text: csrc/api/version.h."""
    header = (ROOT / "csrc" / "api" / "version.h").read_text(encoding="utf-8")
    found = re.search(r'^#define\s+UWO_VERSION_TEXT\s+"([^"]+)"', header, re.MULTILINE)
    if found is None:
        sys.exit("uwoffload: csrc/api/version.h does not define UWO_VERSION_TEXT")
    return found.group(1)


class BuildPackage(build_py):
    """The Python files, and beside them the text a C host builds against."""

    def generated(self) -> dict[str, str]:
        package = ROOT / "uwoffload" if self.editable_mode else Path(self.build_lib) / "uwoffload"
        return {
            str(package / "include" / "uwoffload.h"): (
                ROOT / "csrc" / "include" / "uwoffload.h"
            ).read_text(encoding="utf-8"),
            str(package / "src" / "uwoffload_amalgamation.c"): amalgamate(ROOT / "csrc"),
            str(package / "pkgconfig" / "uwoffload.pc"): PKG_CONFIG.format(version=version()),
        }

    def run(self) -> None:
        super().run()
        for name, text in self.generated().items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text, encoding="utf-8")

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        return [*super().get_outputs(include_bytecode), *self.generated()]


class BuildCore(build_ext):
    """The extension, and a static library out of the very same objects."""

    def static_library(self) -> Path:
        in_source = self.inplace or self.editable_mode
        package = ROOT / "uwoffload" if in_source else Path(self.build_lib) / "uwoffload"
        return package / "lib" / "libuwoffload.a"

    def build_extension(self, ext) -> None:
        super().build_extension(ext)
        core = [name for name in ext.sources if Path(name).parts[0] == "csrc"]
        objects = self.compiler.object_filenames(core, output_dir=self.build_temp)
        library = self.static_library()
        library.parent.mkdir(parents=True, exist_ok=True)
        library.unlink(missing_ok=True)
        archiver = os.environ.get("AR", shutil.which("ar") or "ar")
        self.spawn([archiver, "rcsD", str(library), *objects])

    def get_outputs(self) -> list[str]:
        outputs = super().get_outputs()
        in_source = self.inplace or self.editable_mode
        return outputs if in_source else [*outputs, str(self.static_library())]


# The limited API does not exist on free-threaded builds.
limited = not sysconfig.get_config_var("Py_GIL_DISABLED")

setup(
    version=version(),
    cffi_modules=["csrc/ffi_build.py:ffibuilder"],
    cmdclass={"build_py": BuildPackage, "build_ext": BuildCore},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if limited else {},
)
