"""The rules of the code that a machine can check; the tables are the rules."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"
PACKAGE = ROOT / "uwoffload"

LINE = 100
C_FILE = 600
PYTHON_MODULE = 300
LONGER = {"csrc/include/uwoffload.h": 1000}  # one header, that one file is the whole contract

# Which folder of the C core may include from which.  "public" is uwoffload.h.
INCLUDES = {
    "base": {"base"},
    "cheaper": {"base", "cheaper", "public"},
    "lab": {"base", "cheaper", "lab", "public"},
    "proto": {"base", "proto"},
    "task": {"base", "public", "task"},
    "site": {"base", "proto", "site"},
    "conn": {"base", "conn", "proto", "site", "task"},
    "sys": {"base", "sys"},
    "engine": {"base", "conn", "engine", "proto", "public", "site", "sys", "task"},
    "api": {
        "api",
        "base",
        "cheaper",
        "conn",
        "engine",
        "lab",
        "proto",
        "public",
        "site",
        "sys",
        "task",
    },
}

# Headers of the C language, and the names of errors: allowed everywhere.
LANGUAGE = {
    "errno.h",
    "inttypes.h",
    "limits.h",
    "stdarg.h",
    "stdatomic.h",
    "stdbool.h",
    "stddef.h",
    "stdint.h",
    "stdio.h",
    "stdlib.h",
    "string.h",
    "time.h",
}
THREADS = {"pthread.h"}  # also in engine/
SYSTEM = {"engine", "sys"}  # who may use threads; OS headers only in sys/

# Modules of the package that must stay pure.
PURE = {
    "errors.py",
    "harness/actions.py",
    "harness/events.py",
    "harness/policy.py",
    "mime.py",
    "program.py",
    *(f"config/{path.name}" for path in (PACKAGE / "config").glob("*.py")),
} - {"config/files.py"}  # reads ini files, for the others
EXTRAS = {
    "lab/": {"numpy", "matplotlib", "rich", "dask", "distributed", "backports", "zstandard"},
    "cli/lab": {"numpy", "rich", "distributed"},
    "cheaper/strategies": {"hypothesis"},
}
IMPURE_IMPORTS = {"_bridge", "_core", "os", "select", "signal", "socket", "threading", "time"}


def c_files():
    return sorted(path for path in CSRC.rglob("*") if path.suffix in (".c", ".h"))


def python_files():
    return sorted(PACKAGE.rglob("*.py"))


def our_files():
    """Every text of ours, generated and foreign files left out."""
    folders = ["benchmarks", "csrc", "examples", "tests", "uwoffload"]
    suffixes = {".c", ".h", ".def", ".py", ".pyi"}
    generated = {PACKAGE / name for name in ("include", "lib", "pkgconfig", "src")}
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            inside = any(parent in generated or parent.name == "build" for parent in path.parents)
            if path.suffix in suffixes and not inside:
                yield path
    yield from (ROOT / "setup.py", ROOT / "Makefile")


def name_of(path):
    return str(path.relative_to(ROOT))


def includes_of(path):
    text = path.read_text(encoding="utf-8")
    return re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, re.MULTILINE), re.findall(
        r"^\s*#\s*include\s+<([^>]+)>", text, re.MULTILINE
    )


@pytest.mark.parametrize("path", c_files(), ids=name_of)
def test_includes_point_down_the_list(path):
    folder = path.parent.name
    if folder == "include":
        return
    ours, _ = includes_of(path)
    for include in ours:
        target = "public" if include == "uwoffload.h" else include.partition("/")[0]
        assert target in INCLUDES[folder], include
        assert include == "uwoffload.h" or "/" in include, f"write the folder: {include}"


@pytest.mark.parametrize("path", c_files(), ids=name_of)
def test_headers_of_the_system_stand_in_sys_alone(path):
    folder = path.parent.name
    _, theirs = includes_of(path)
    allowed = LANGUAGE | (THREADS if folder in SYSTEM else set())
    if folder != "sys":
        assert set(theirs) <= allowed


@pytest.mark.parametrize("path", c_files(), ids=name_of)
def test_variation_of_systems_is_another_file(path):
    text = path.read_text(encoding="utf-8")
    conditions = re.findall(r"^\s*#\s*(?:if|ifdef|elif)\b.*", text, re.MULTILINE)
    if path.parent.name == "include":
        conditions = [line for line in conditions if "__cplusplus" not in line]
    assert conditions == []


def test_folders_of_the_core_are_those_of_the_table():
    folders = {path.name for path in CSRC.iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders == {*INCLUDES, "include"}


def imported(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            names.update(alias.name for alias in node.names)
    return names


@pytest.mark.parametrize("path", python_files(), ids=name_of)
def test_only_the_bridge_imports_the_c_module(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [
        [alias.name for alias in node.names]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "_core"
    ]
    if path.name == "_bridge.py":
        assert ["ffi", "lib"] in found
    else:
        assert all(names == ["CData"] for names in found), "only the type, for annotations"


@pytest.mark.parametrize("name", sorted(PURE))
def test_pure_modules_import_nothing_that_acts(name):
    assert not imported(PACKAGE / name) & IMPURE_IMPORTS


def test_package_imports_nothing_but_cffi_and_the_standard_library():
    """Extras only where they belong: numpy and its like in the lab, hypothesis in strategies."""
    base = set(sys.stdlib_module_names) | {"uwoffload", "cffi"}
    for path in python_files():
        name = path.relative_to(PACKAGE).as_posix()
        extras = (more for where, more in EXTRAS.items() if name.startswith(where))
        allowed = base | next(extras, set())
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert {alias.name.partition(".")[0] for alias in node.names} <= allowed, path
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                assert node.module.partition(".")[0] in allowed, path


@pytest.mark.parametrize("path", list(our_files()), ids=name_of)
def test_lines_are_short_and_clean(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        assert len(line) <= LINE, f"line {number} has {len(line)} columns"
        assert line == line.rstrip(), f"line {number} ends with blanks"
        assert "\t" not in line or path.name == "Makefile", f"line {number} has a tab"


@pytest.mark.parametrize("path", [*c_files(), *python_files()], ids=name_of)
def test_files_are_small(path):
    lines = path.read_text(encoding="utf-8").count("\n")
    most = PYTHON_MODULE if path.suffix == ".py" else C_FILE
    assert lines <= LONGER.get(path.relative_to(ROOT).as_posix(), most)


def test_every_python_module_says_what_it_is():
    for path in python_files():
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_public_names_say_what_they_are():
    import uwoffload

    for name in uwoffload.__all__:
        public = getattr(uwoffload, name)
        if isinstance(public, type) or callable(public):
            assert public.__doc__, name
            for attribute, value in vars(public).items() if isinstance(public, type) else ():
                if callable(value) and not attribute.startswith("_"):
                    assert value.__doc__, f"{name}.{attribute}"


REGISTRATIONS = [path for path in CSRC.rglob("*.def") if path.name == "tasks.def"]


@pytest.mark.parametrize("path", REGISTRATIONS, ids=name_of)
def test_registration_lists_are_sorted(path):
    entries = re.findall(r"^[A-Z_]+\((.*)\)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(entries) >= 4
    assert entries == sorted(entries)


def test_public_names_of_the_package_are_sorted():
    import uwoffload

    assert uwoffload.__all__ == sorted(uwoffload.__all__)


def test_no_path_of_a_machine_stands_anywhere():
    pattern = re.compile(r"(^|[^A-Za-z0-9_.])/(home|root|work)/(?!ann/|%)")
    for path in our_files():
        assert not pattern.search(path.read_text(encoding="utf-8")), path


def test_types_of_the_c_module_name_what_the_header_has():
    """`_core.pyi` is written by hand; every name in it must exist."""
    header = (CSRC / "include" / "uwoffload.h").read_text(encoding="utf-8")
    stub = (PACKAGE / "_core.pyi").read_text(encoding="utf-8")
    names = set(re.findall(r"\b(?:uwo|UWO)_\w+", stub))
    assert names <= set(re.findall(r"\b(?:uwo|UWO)_\w+", header))
