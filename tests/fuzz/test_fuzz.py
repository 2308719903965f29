"""The fuzz targets: their corpus in every run, a short hunt for more in a full one."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
TARGETS = ["http_body", "http_head", "range", "uwsgi_packet"]
CLANG = next(filter(shutil.which, ["clang", "clang-19", "clang-16", "clang-15", "clang-14"]), None)
BRANCHES = 95  # percent, of each parser by its own corpus


def make(*arguments: str) -> str:
    command = ["make", "-s", "-C", str(HERE), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(autouse=True)
def tools_are_there():
    for tool in ("make", "cc"):
        if not shutil.which(tool):
            pytest.skip(f"{tool}: not found")


def test_every_target_has_a_corpus():
    assert sorted(path.stem for path in HERE.glob("fuzz_*.c")) == [f"fuzz_{n}" for n in TARGETS]
    assert sorted(path.name for path in (HERE / "corpus").iterdir()) == TARGETS
    assert all(any((HERE / "corpus" / name).iterdir()) for name in TARGETS)


def test_the_corpus_does_no_harm():
    """Compiled with sanitizers; the targets say what must hold."""
    said = make("replay", "-j2")

    assert dict(re.findall(r"(\w+)-replay: (\d+) inputs", said)) == {
        name: str(len(list((HERE / "corpus" / name).iterdir()))) for name in TARGETS
    }


@pytest.mark.skipif(not shutil.which("gcov"), reason="gcov: not found")
def test_the_corpus_takes_nearly_every_branch():
    taken = dict(
        re.findall(r"^(\w+): Taken at least once:([\d.]+)%", make("coverage"), re.MULTILINE)
    )

    assert sorted(taken) == TARGETS
    assert {name: share for name, share in taken.items() if float(share) < BRANCHES} == {}


@pytest.mark.skipif(not CLANG, reason="clang: not found, and libFuzzer is a part of it")
@pytest.mark.parametrize("name", TARGETS)
def test_a_short_hunt_finds_nothing(name):
    make(f"run-{name}", "SECONDS=5", f"CLANG={CLANG}")
