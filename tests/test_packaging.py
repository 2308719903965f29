"""What is shipped: one abi3 wheel, built by the sdist from itself; a library for C hosts."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

import uwoffload

ROOT = Path(__file__).resolve().parent.parent

HOST = r"""
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "uwoffload.h"

int main(void)
{
    struct uwo_engine *engine = NULL;
    struct uwo_error error = { .size = sizeof error };
    struct uwo_instruction send = {
        .size = sizeof send, .kind = UWO_SEND, .count = 5, .data = "hello"
    };
    struct uwo_program program = { .size = sizeof program, .instructions = &send, .count = 1 };
    struct uwo_transfer wanted = { .size = sizeof wanted };
    struct uwo_event event = { .size = sizeof event };
    char text[6] = "";
    uint64_t id;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || uwo_engine_create(NULL, &engine, &error) ||
        uwo_engine_submit(engine, pair[0], &program, &wanted, &id, &error))
        return 1;
    if (read(pair[1], text, 5) != 5 || uwo_engine_wait(engine, &event, 1, 5000) != 1)
        return 2;
    printf("%s %s %s\n", uwo_version(), text, uwo_outcome_name(event.outcome));
    uwo_engine_destroy(engine);
    close(pair[1]);
    return 0;
}
"""


def run(*command, **options):
    ended = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **options,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def files_below(folder):
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The source tree as it is checked out, without what builds have left in it."""
    copy = tmp_path_factory.mktemp("source") / "uwoffload"
    shutil.copytree(
        ROOT,
        copy,
        ignore=shutil.ignore_patterns(
            ".git", ".venv*", "build", "dist", "*.egg-info", "*.so", "__pycache__", ".*_cache",
            ".hypothesis", ".benchmarks",
        ),
    )  # fmt: skip
    for generated in ("include", "lib", "pkgconfig", "src"):
        shutil.rmtree(copy / "uwoffload" / generated, ignore_errors=True)
    return copy


BUILD = "import setuptools.build_meta as b; print(b.build_{}({!r}))"


@pytest.fixture(scope="module")
def sdist(source, tmp_path_factory):
    target = tmp_path_factory.mktemp("sdist")
    run(sys.executable, "-c", BUILD.format("sdist", str(target)), cwd=source)
    (path,) = target.iterdir()
    return path


@pytest.fixture(scope="module")
def unpacked(sdist, tmp_path_factory):
    target = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(target, filter="data")
    (path,) = target.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(unpacked, tmp_path_factory):
    """Built by the sdist from itself, with warnings as errors."""
    target = tmp_path_factory.mktemp("wheel")
    run(
        sys.executable,
        "-c",
        BUILD.format("wheel", str(target)),
        cwd=unpacked,
        env=os.environ | {"UWOFFLOAD_WERROR": "1"},
    )
    (path,) = target.iterdir()
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The package alone, unpacked as an installer does it."""
    target = tmp_path_factory.mktemp("installed")
    run(
        sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", target, wheel
    )
    return target


@pytest.fixture(scope="module")
def python(installed):
    """Run Python with the installed package in front."""
    environment = os.environ | {"PYTHONPATH": str(installed)}

    def run_python(*arguments):
        return run(sys.executable, *arguments, cwd="/", env=environment)

    return run_python


pytestmark = pytest.mark.slow


def test_wheel_is_one_for_all_versions(wheel):
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("free-threaded builds have no limited API")
    assert re.fullmatch(rf"uwoffload-{uwoffload.__version__}-cp311-abi3-linux_\w+\.whl", wheel.name)


def test_wheel_has_what_is_needed_and_no_more(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    others = {name for name in names if not name.endswith(".py")}
    (core,) = {name for name in others if name.endswith(".so")}
    assert others - {core} == {
        "uwoffload/_core.pyi",
        "uwoffload/include/uwoffload.h",
        "uwoffload/lib/libuwoffload.a",
        "uwoffload/pkgconfig/uwoffload.pc",
        "uwoffload/py.typed",
        "uwoffload/src/uwoffload_amalgamation.c",
    }
    assert names - others == {
        f"uwoffload/{name}" for name in files_below(ROOT / "uwoffload") if name.endswith(".py")
    }


def names_in(sdist):
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}


def test_sdist_has_the_sources_and_the_tests(sdist):
    names = names_in(sdist)
    for name in ("LICENSE", "Makefile", "csrc/include/uwoffload.h", "tests/conftest.py", ".ci/run"):
        assert name in names
    assert not {name for name in names if name.endswith((".so", ".o", ".a", ".pyc"))}


def test_build_leaves_the_source_tree_as_it_was(unpacked, wheel, sdist):
    made = files_below(unpacked) - names_in(sdist)
    assert {n for n in made if not n.startswith("build/") and ".egg-info/" not in n} == set()


def test_installed_package_works_without_the_source_tree(python, installed):
    answer = python(
        "-c",
        "import socket, uwoffload\n"
        "server, client = socket.socketpair()\n"
        "with uwoffload.Engine() as engine:\n"
        "    engine.submit(server, [uwoffload.Send(b'hello')])\n"
        "    print(uwoffload.__file__, client.recv(5))\n",
    )
    assert answer == f"{installed}/uwoffload/__init__.py b'hello'\n"


def test_command_and_pkg_config_are_entry_points(python):
    answer = python(
        "-c",
        "from importlib.metadata import entry_points as e\n"
        "for group in 'console_scripts', 'pkg_config':\n"
        "    print([p.value for p in e(group=group) if p.name == 'uwoffload'])\n",
    )
    assert answer == "['uwoffload.cli:main']\n['uwoffload.pkgconfig']\n"


@pytest.fixture
def host(tmp_path):
    (tmp_path / "host.c").write_text(HOST)

    def build_and_run(*arguments):
        program = tmp_path / "host"
        run("cc", "-Wall", "-Wextra", "-Werror", tmp_path / "host.c", *arguments, "-o", program)
        return run(program)

    return build_and_run


EXPECTED = f"{uwoffload.__version__} hello finished\n"


def test_c_host_builds_with_the_flags_of_the_package(python, host):
    flags = python("-m", "uwoffload", "--cflags", "--libs").split()

    assert host(*flags) == EXPECTED


def test_c_host_builds_with_pkg_config(python, host):
    folder = python("-c", "import importlib.resources as r; print(r.files('uwoffload.pkgconfig'))")
    folder = re.search(r"[^'(]*/uwoffload/pkgconfig", folder).group()
    flags = run(
        "pkg-config",
        "--cflags",
        "--libs",
        "uwoffload",
        env=os.environ | {"PKG_CONFIG_PATH": folder},
    )

    assert host(*flags.split()) == EXPECTED


def test_c_host_builds_with_the_single_file(python, host):
    where = python("-c", "import uwoffload as u; print(u.get_include(), u.get_source())").split()

    assert host(f"-I{where[0]}", "-std=gnu11", "-O2", "-pthread", where[1]) == EXPECTED


def test_header_is_valid_cpp(python, tmp_path):
    (tmp_path / "host.cc").write_text(
        '#include "uwoffload.h"\nint main() { return !uwo_version(); }'
    )
    include = python("-c", "import uwoffload; print(uwoffload.get_include())").strip()

    if shutil.which("c++") is None:
        pytest.skip("no C++ compiler here")
    run("c++", "-Wall", "-Werror", "-fsyntax-only", f"-I{include}", tmp_path / "host.cc")


def test_editable_install_has_the_library_too(unpacked, tmp_path):
    """In the source tree, in folders that git ignores."""
    run(
        sys.executable,
        "-c",
        "import setuptools.build_meta as b; print(b.build_editable('.'))",
        cwd=unpacked,
    )

    made = files_below(unpacked / "uwoffload")
    assert {
        "include/uwoffload.h",
        "lib/libuwoffload.a",
        "pkgconfig/uwoffload.pc",
        "src/uwoffload_amalgamation.c",
    } <= made
    assert {name for name in made if name.startswith("_core") and name.endswith(".so")}
