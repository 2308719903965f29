#!/usr/bin/env python3
"""Public suites against this server and nginx, side by side: a table of scores.

    python tests/suites/run.py [--seconds N] [--h1spec DIR] [--verbose] [NAME ...]

What is used, and where it comes from (none of it is part of this project):

    slow heads, slow bodies, slow reads, many ranges   slowhttptest (Debian)
    mutated requests                                   zzuf (Debian)
    notes on answers                                   httplint (PyPI)
    h1spec                                             a checkout of dropseed/h1spec: --h1spec DIR
    malformed requests                                 the table of tests/front/test_smuggling.py
    requests that parsers are tested with              sdists of gunicorn, h11, httptools (PyPI)

What is missing is named and left out.  The last ones meet a handler that reads every body and
answers 200: a wrong one is taken rightly if no 2xx ends what is answered to it, a good one if each
answer is a 2xx, 3xx, 404 or 405.  Their authors do not agree with each other in everything, and
some take what RFC 9112 tells to refuse, so that not every score can be full; --verbose lists which.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

import vectors  # noqa: E402
from front import client, docroot, servers, test_smuggling  # noqa: E402

Address = tuple[str, int]
Suite = Callable[[Address, int], str]
CONNECTIONS = 300
MUTATIONS = 300
MISSING = "-"


# ---- the two servers ----


@contextlib.contextmanager
def ours(root: Path, folder: Path) -> Iterator[Address]:
    address = ("127.0.0.1", servers.free_port())
    command = ["serve", str(root), "--port", str(address[1]), "--processes", "2", "-L"]
    with servers.running(folder, command=command, ready=[address]):
        yield address


@contextlib.contextmanager
def theirs(root: Path, folder: Path) -> Iterator[Address]:
    address = ("127.0.0.1", servers.free_port())
    http = "types { text/html html; text/plain txt; } client_header_timeout 10s;"
    where = f"root {root}; index index.html;"
    with servers.nginx(folder, f"{address[0]}:{address[1]}", where, http):
        yield address


@contextlib.contextmanager
def ours_reading(_: Path, folder: Path) -> Iterator[Address]:
    address = ("127.0.0.1", servers.free_port())
    options = {"http_socket": f"{address[0]}:{address[1]}", "disable_logging": True}
    program = [sys.executable, str(Path(__file__).with_name("reads_app.py"))]
    command = [json.dumps(options)]
    with servers.running(folder, command=command, program=program, ready=[address]):
        yield address


@contextlib.contextmanager
def theirs_reading(_: Path, folder: Path) -> Iterator[Address]:
    address = ("127.0.0.1", servers.free_port())
    with servers.nginx(folder, f"{address[0]}:{address[1]}", 'return 200 "read\\n";'):
        yield address


# ---- the suites: each gives a score in a few words ----


def alive(address: Address) -> bool:
    try:
        with client.connect(address) as connection:
            return connection.get("/hello.txt").status == 200
    except (OSError, AssertionError):
        return False


def slow(mode: str, target: str, *more: str) -> Suite:
    def run(address: Address, seconds: int) -> str:
        tool = shutil.which("slowhttptest")
        if tool is None:
            return MISSING
        done = subprocess.run(
            [
                tool, mode, "-c", str(CONNECTIONS), "-r", "200", "-i", "2", "-p", "2", "-v", "1",
                "-l", str(seconds), *more, "-u", f"http://{address[0]}:{address[1]}{target}",
            ],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + 60,
            check=False,
        )  # fmt: skip
        text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", done.stdout)
        available = re.findall(r"service available:\s+(YES|NO)", text)
        held = re.findall(r"connected:\s+(\d+)", text)
        ended = re.findall(r"Test ended on (\d+)", text)
        always = "available" if available and set(available) == {"YES"} else "NOT AVAILABLE"
        if "No open connections left" in text:
            return f"{always}; all dropped by {ended[-1] if ended else '?'} s"
        return f"{always}; {held[-1] if held else '?'} held to the end"

    return run


def mutated(address: Address, _: int) -> str:
    tool = shutil.which("zzuf")
    if tool is None:
        return MISSING
    request = client.request("/hello.txt", "Range: bytes=0-3", "Accept-Encoding: gzip;q=0.5")
    answered = 0
    for seed in range(MUTATIONS):
        data = subprocess.run(
            [tool, "-s", str(seed), "-r", "0.004:0.05"],
            input=request,
            capture_output=True,
            check=True,
        ).stdout
        with client.connect(address) as connection:
            with contextlib.suppress(OSError):
                connection.send(data).end_sending()
                answered += connection.rest_to_cut()[0].startswith(b"HTTP/1.1 ")
    return f"{'alive' if alive(address) else 'DEAD'}; {answered} of {MUTATIONS} answered"


def linted(address: Address, _: int) -> str:
    tool = shutil.which("httplint", path=f"{Path(sys.executable).parent}:/usr/bin")
    if tool is None:
        return MISSING
    counts = {"BAD": 0, "WARN": 0}
    for target, fields in [
        ("/hello.txt", []),
        ("/page.html", []),
        ("/page.html", ["Accept-Encoding: gzip"]),
        ("/alphabet.txt", ["Range: bytes=1-3"]),
        ("/alphabet.txt", [f"If-Modified-Since: {docroot.LAST_MODIFIED}"]),
        ("/missing", []),
        ("/sub", []),
    ]:
        with client.connect(address) as connection:
            connection.send(client.request(target, *fields, "Connection: close")).end_sending()
            answer = connection.rest()
        said = subprocess.run([tool, "--now"], input=answer, capture_output=True, check=False)
        for level in counts:
            counts[level] += said.stdout.count(f"[{level}]".encode())
    return f"{counts['BAD']} bad, {counts['WARN']} warnings"


def malformed(address: Address, _: int) -> str:
    """Refused with a status that is allowed, ended, and nothing hidden answered."""
    good = 0
    forms = test_smuggling.FORMS
    for payload, statuses in forms.values():
        with client.connect(address) as connection:
            connection.socket.settimeout(2)
            try:
                connection.send(payload + test_smuggling.HIDDEN)
                data, _ = connection.rest_to_cut()
                head = data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                right = client.parse_head(head).status in statuses
                good += right and test_smuggling.SHOWN not in data
            except (OSError, AssertionError):
                continue
    return f"{good} of {len(forms)}"


def h1spec(folder: Path | None) -> Suite:
    def run(address: Address, _: int) -> str:
        if folder is None:
            return MISSING
        done = subprocess.run(
            [sys.executable, "-c", "import h1spec; h1spec.main()", f"{address[0]}:{address[1]}"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        found = re.search(r"(\d+)/(\d+) passed", done.stdout)
        return f"{found[1]} of {found[2]}" if found else f"failed: {done.stderr[-60:]!r}"

    return run


def statuses(address: Address, data: bytes) -> list[int] | None:
    """Of all that is answered; none if the connection does not end."""
    with client.connect(address) as connection:
        connection.socket.settimeout(5)
        try:
            connection.send(data)
            connection.end_sending()
        except OSError:
            pass  # ended already: what it has said is still there
        try:
            said = connection.rest_to_cut()[0]
        except TimeoutError:
            return None
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ", said)]


def judged(kind: str, found: list[int] | None) -> bool:
    if found is None:
        return False
    if kind == "invalid":
        return not found or found[-1] >= 400
    return bool(found) and all(status < 400 or status in (404, 405) for status in found)


def foreign(name: str, kind: str, folder: Path, verbose: bool) -> Suite:
    """What another project calls valid or invalid; an invalid one is followed by a good one."""

    def run(address: Address, _: int) -> str:
        table = vectors.vectors(name, kind, folder)
        if not table:
            return MISSING
        after = test_smuggling.HIDDEN if kind == "invalid" else b""
        found = {key: statuses(address, data + after) for key, data in table.items()}
        wrong = [key for key, answers in found.items() if not judged(kind, answers)]
        if verbose and wrong:
            for key in wrong:
                print(f"\n    {key}: {found[key]} {table[key][:300]!r}", end="")
            print(f"\n{'':<18}", end="")
        return f"{len(table) - len(wrong)} of {len(table)}"

    return run


def of_others(folder: Path, verbose: bool) -> dict[str, Suite]:
    return {
        f"{name}-{kind}": foreign(name, kind, folder, verbose)
        for name in vectors.SOURCES
        for kind in ("invalid", "valid")
    }


def suites(folder: Path | None) -> dict[str, Suite]:
    return {
        "malformed": malformed,
        "mutated": mutated,
        "httplint": linted,
        "h1spec": h1spec(folder),
        "slow-heads": slow("-H", "/hello.txt"),
        "slow-bodies": slow("-B", "/hello.txt"),
        "slow-reads": slow("-X", "/large.bin", "-n", "1", "-z", "32", "-w", "512", "-y", "1024"),
        "ranges": slow("-R", "/large.bin", "-a", "1", "-b", "3000"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Public suites against uwoffload and nginx.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; default: all")
    parser.add_argument("--seconds", type=int, default=15, help="of a slow test; default: 15")
    parser.add_argument("--h1spec", type=Path, metavar="DIR", help="a checkout of dropseed/h1spec")
    parser.add_argument("--verbose", action="store_true", help="which requests are judged wrong")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="uwoffload-suites-") as name:
        return run(parser, options, Path(name))


def run(parser: argparse.ArgumentParser, options: argparse.Namespace, folder: Path) -> int:
    folder.chmod(0o755)
    reading = of_others(folder / "sdists", options.verbose)
    table = suites(options.h1spec) | reading
    unknown = set(options.names) - set(table)
    if unknown:
        parser.error(f"no suite {', '.join(sorted(unknown))}; there are: {', '.join(table)}")
    chosen = options.names or list(table)
    subjects = {"uwoffload": (ours, ours_reading)}
    if servers.NGINX:
        subjects["nginx"] = (theirs, theirs_reading)
    print(f"{'suite':<18}" + "".join(f"{name:<38}" for name in subjects), flush=True)
    root = docroot.build(folder)
    for suite in chosen:
        print(f"{suite:<18}", end="", flush=True)
        for subject, starts in subjects.items():
            with starts[suite in reading](root, folder / f"{subject}-{suite}") as address:
                score = table[suite](address, options.seconds)
                if not alive(address):
                    score += "; NOT ALIVE AFTERWARDS"
            print(f"{score:<38}", end="", flush=True)
        print()
    print(f'"{MISSING}": its tool is not here')
    return 0


if __name__ == "__main__":
    sys.exit(main())
