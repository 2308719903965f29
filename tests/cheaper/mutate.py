"""Mutants of csrc/cheaper, and which of them the tests here notice.  Run by hand, not by CI.

    pip install universalmutator==1.14.1 cffi setuptools pytest hypothesis
    python tests/cheaper/mutate.py --work DIR [--sample 200] [--jobs 2] [file.c ...]

Run it in a copy of the tree.  Of each file it samples so many mutants (the seed is fixed), drops
those that do not compile and those whose object code is that of the original or of another mutant,
links the rest into an extension of its own each, and runs the tests: those that are likely to
notice first.  DIR keeps what was made (a second run goes on with it); DIR/results.jsonl has a line
per mutant.  At the end a table.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TESTS = Path(__file__).resolve().parent
TREE = TESTS.parents[1]
CHEAPER = TREE / "csrc" / "cheaper"
FLAGS = [
    "-std=gnu11", "-O2", "-w", "-fPIC", "-fvisibility=hidden", "-pthread", f"-I{TREE}/csrc",
    f"-I{TREE}/csrc/include", f"-I{sysconfig.get_paths()['include']}",
]  # fmt: skip
CPU_SECONDS = 30  # of a run of the tests; who takes longer does not end
TARGET = ["test_target_model.py", "test_target.py"]
FIXED = ["test_fixed_model.py", "test_fixed_rules.py", "test_scaler.py"]
UWSGI = [
    "test_uwsgi_rules.py", "test_uwsgi_algorithms.py", "test_uwsgi_wrapper.py",
    "test_uwsgi_busyness.py", "test_recorded.py", "test_model.py",
]  # fmt: skip
FIRST = {
    "target.c": TARGET,
    "arith.h": TARGET,
    "busyness_fixed.c": FIXED,
    "clamp_fixed.c": FIXED,
    "clamp_uwsgi.c": UWSGI,
    "busyness.c": UWSGI,
}


def compiled(source: Path, out: Path, *before: str) -> bool:
    out.parent.mkdir(parents=True, exist_ok=True)
    command = ["timeout", "30", "gcc", *before, *FLAGS, "-c", str(source), "-o", str(out)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def users(name: str) -> list[Path]:
    """The C files that a file is compiled into."""
    if name.endswith(".c"):
        return [CHEAPER / name]
    if name == "arith.h":
        return [CHEAPER / "target.c"]
    return sorted(CHEAPER.glob("*.c"))


def mutant_objects(work: Path, name: str, mutant: Path) -> list[Path]:
    """Compiled; [] if it cannot be."""
    place = work / "objects" / name / mutant.stem
    if name.endswith(".c"):
        source = place / name
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(mutant, source)
        out = place / (name + ".o")
        return [out] if out.exists() or compiled(source, out) else []
    include = place / "include"
    (include / "cheaper").mkdir(parents=True, exist_ok=True)
    shutil.copy(mutant, include / "cheaper" / name)
    found = []
    for source in users(name):
        out = place / (source.name + ".o")
        if not out.exists() and not compiled(source, out, f"-iquote{include}"):
            return []
        found.append(out)
    return found


def digest(objects: list[Path]) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in objects)).hexdigest()


def generate(work: Path, name: str) -> list[Path]:
    place = work / "mutants" / name
    if not place.exists():
        place.mkdir(parents=True)
        tool = str(Path(sys.executable).with_name("mutate"))
        command = [tool, str(CHEAPER / name), "c", "--noCheck", "--mutantDir", str(place)]
        subprocess.run(command, cwd=place, check=True, capture_output=True)
    return sorted(place.glob("*.mutant.*"))


def prepare(work: Path, name: str, sample: int, jobs: int) -> tuple[Counter[str], dict[str, list]]:
    """What became of the mutants, and the objects of those worth a run."""
    mutants = generate(work, name)
    random.Random(2026).shuffle(mutants)  # a larger sample holds the smaller one
    chosen = mutants[:sample]
    counts = Counter(mutants=len(mutants), sampled=len(chosen))
    base = [work / "objects" / "base" / f"cheaper_{path.name}.o" for path in users(name)]
    original, live, seen = digest(base), {}, set()
    with ThreadPoolExecutor(jobs) as pool:
        made = pool.map(lambda mutant: mutant_objects(work, name, mutant), chosen)
        for mutant, objects in zip(chosen, made, strict=True):
            found = digest(objects) if objects else ""
            if not objects:
                counts["not compiling"] += 1
            elif found == original:
                counts["same code"] += 1
            elif found in seen:
                counts["duplicates"] += 1
            else:
                live[mutant.name] = objects
            seen.add(found)
    return counts, live


def base_objects(work: Path) -> list[Path]:
    """Of the whole extension, unchanged."""
    sys.path.insert(0, str(TREE / "csrc"))
    os.chdir(TREE)
    import ffi_build

    place = work / "objects" / "base"
    glue = place / "_core.c"
    place.mkdir(parents=True, exist_ok=True)
    ffi_build.ffibuilder.emit_c_code(str(glue))
    found = [(TREE / path, place / f"{'_'.join(Path(path).parts[-2:])}.o")
             for path in ffi_build.sources()]  # fmt: skip
    found.append((glue, place / "_core.o"))
    with ThreadPoolExecutor(2) as pool:
        if not all(pool.map(lambda pair: pair[1].exists() or compiled(*pair), found)):
            sys.exit("mutate: the original does not compile")
    return [out for _, out in found]


def link(base: list[Path], instead: list[Path], package: Path) -> None:
    names = {f"cheaper_{path.name}": path for path in instead}
    objects = [str(names.get(path.name, path)) for path in base]
    out = package / "uwoffload" / "_core.abi3.so"
    subprocess.run(["gcc", "-shared", "-pthread", *objects, "-o", str(out)], check=True)


def tests_of(name: str) -> tuple[list[str], list[str]]:
    """Those that come first, and the rest."""
    there = sorted(path.name for path in TESTS.glob("test_*.py"))
    first = [path for path in FIRST.get(name, [*FIXED, *UWSGI, *TARGET]) if path in there]
    return first, [path for path in there if path not in first]


def run(package: Path, files: list[str], log: Path) -> bool:
    """In a child with everything loaded but the package.  Did the tests pass?"""
    child = os.fork()
    if child == 0:
        with log.open("w") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        os.environ.setdefault("UWOFFLOAD_EXAMPLES", "10")
        os.environ["PYTHONPATH"] = str(package)
        os.chdir(TREE / "tests")
        sys.path[:0] = [str(package), str(TREE / "tests")]
        import pytest
        from hypothesis import HealthCheck, settings

        calm = {"derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}
        settings.register_profile("mutants", **calm)
        options = ["-x", "-q", "-p", "no:cacheprovider", "--tb=line"]
        options += ["--hypothesis-profile=mutants"]
        options += ["-W", "ignore:Module already imported"]
        os._exit(pytest.main([*options, *(f"cheaper/{name}" for name in files)]))
    return os.waitpid(child, 0)[1] == 0


def package_of(work: Path, number: int) -> Path:
    package = work / f"package-{number}"
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(TREE / "uwoffload", package / "uwoffload")
    return package


def try_original(work: Path, base: list[Path]) -> None:
    passed = work / "original-passes"
    if passed.exists():
        return
    package = package_of(work, 0)
    link(base, [], package)
    for files in (TARGET, FIXED, UWSGI):
        if not run(package, files, package / "log"):
            sys.exit(f"mutate: the tests fail without a mutant; see {package}/log")
    passed.touch()


def worker(work: Path, number: int, jobs: int, base: list[Path], todo: list, stages: int) -> None:
    package = package_of(work, number)
    for name, mutant, objects in todo[number::jobs]:
        link(base, objects, package)
        began = time.monotonic()
        stage = next(
            (
                place
                for place, files in enumerate(tests_of(name), 1)
                if place <= stages and files and not run(package, files, package / "log")
            ),
            0,
        )
        lines = [line for line in (package / "log").read_text().splitlines() if "::" in line]
        line = {
            "file": name,
            "mutant": mutant,
            "killed": bool(stage),
            "stage": stage,
            "by": lines[-1].split(" - ")[0] if stage and lines else "",
            "seconds": round(time.monotonic() - began, 1),
        }
        with (work / "results.jsonl").open("a") as out:
            out.write(json.dumps(line) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--all", action="store_true", help="survivors: the other tests, too (slow)")
    options = parser.parse_args()
    work, jobs = options.work.resolve(), options.jobs
    files = options.files or [*sorted(p.name for p in CHEAPER.glob("*.c")), "algo.h", "arith.h"]
    base = base_objects(work)
    results = work / "results.jsonl"
    results.touch()
    done = {(row["file"], row["mutant"]) for row in map(json.loads, results.open())}
    table, todo = {}, []
    for name in files:
        table[name], live = prepare(work, name, options.sample, jobs)
        todo += [(name, *pair) for pair in live.items() if (name, pair[0]) not in done]
    import hypothesis  # noqa: F401
    import pytest  # noqa: F401

    try_original(work, base)
    children = []
    for number in range(jobs):
        child = os.fork()
        if child == 0:
            worker(work, number, jobs, base, todo, 2 if options.all else 1)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    columns = ("mutants", "sampled", "not compiling", "same code", "duplicates")
    for name in files:
        rows = [row for row in map(json.loads, results.open()) if row["file"] == name]
        killed = sum(row["killed"] for row in rows)
        print(name, *(f"{key} {table[name][key]}" for key in columns), sep=", ", end=", ")
        print(f"run {len(rows)}, killed {killed}")
        for row in rows:
            if not row["killed"]:
                print(f"  survives: {row['mutant']}")


if __name__ == "__main__":
    main()
