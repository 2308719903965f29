"""Requests that other projects test their parsers with, taken out of their sdists on PyPI.

Nothing of them is kept: an sdist is fetched into a folder of the caller, and read there.  Each
has its own form:

    gunicorn    tests/requests/{valid,invalid}/*.http: text with escapes; the ends of its lines mean
                nothing.  Those whose neighbour in Python changes a setting are left out.
    h11         tests/test_io.py: calls with bytes in them, wrong ones inside pytest.raises.
    httptools   vendor/http-parser/test.c: C strings, of a parser that takes nearly everything.

Host is added where it is missing: else a server that refuses might do so for that alone.
"""

from __future__ import annotations

import ast
import contextlib
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

Vectors = dict[str, bytes]

ESCAPE = re.compile(rb"\\(?:([rn0t])|x([0-9a-fA-F]{2}))")
LETTERS = {b"r": b"\r", b"n": b"\n", b"0": b"\0", b"t": b"\t"}
# The first line of a request, unless one of the lines below it is a Host.
NO_HOST = re.compile(
    rb"(?<![^\n])([!-~]+ [^\r\n]* HTTP/1\.1\r\n)(?!(?:[^\r\n]+\r\n)*?host[ \t]*:)", re.IGNORECASE
)
CHUNKED = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"


def fetch(name: str, folder: Path) -> Path | None:
    """The unpacked sdist of a project, or none if there is no way to it."""
    place = folder / name
    if not place.exists():
        place.mkdir(parents=True)
        command = ["download", "-q", "--no-binary", ":all:", "--no-deps", "-d", str(place), name]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [sys.executable, "-m", "pip", *command],
                capture_output=True,
                timeout=300,
                check=False,
            )
        for archive in place.glob("*.tar.gz"):
            with tarfile.open(archive) as file:
                file.extractall(place, filter="data")
    return next((path for path in place.iterdir() if path.is_dir()), None)


def with_host(data: bytes) -> bytes:
    return NO_HOST.sub(rb"\1Host: test\r\n", data)


# ---- gunicorn ----


def unescape(text: bytes) -> bytes:
    def one(found: re.Match[bytes]) -> bytes:
        return LETTERS[found[1]] if found[1] else bytes([int(found[2], 16)])

    return ESCAPE.sub(one, text.replace(b"\n", b""))


def gunicorn(root: Path, kind: str) -> Vectors:
    found = {}
    for path in sorted((root / "tests" / "requests" / kind).glob("*.http")):
        if ".set(" not in path.with_suffix(".py").read_text(encoding="utf-8"):
            found[path.stem] = unescape(path.read_bytes())
    return found


# ---- h11 ----


def constant(node: ast.expr) -> bytes | int | None:
    """The value of an expression of constants: sums, products."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bytes | int):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mult):
        left, right = constant(node.left), constant(node.right)
        if isinstance(left, bytes) and isinstance(right, bytes):
            return left + right
        if isinstance(left, bytes) and isinstance(right, int):
            return left * right
    return None


def calls(node: ast.AST, wrong: bool = False) -> Iterator[tuple[ast.Call, bool]]:
    """Every call below, and whether it stands inside pytest.raises."""
    if isinstance(node, ast.With):
        wrong = wrong or any("raises" in ast.dump(item.context_expr) for item in node.items)
    if isinstance(node, ast.Call):
        yield node, wrong
    for child in ast.iter_child_nodes(node):
        yield from calls(child, wrong)


def h11(root: Path, kind: str) -> Vectors:
    found = {}
    tree = ast.parse((root / "h11" / "tests" / "test_io.py").read_text(encoding="utf-8"))
    for call, wrong in calls(tree):
        if not isinstance(call.func, ast.Name) or len(call.args) < 3:
            continue
        data, about, expected = constant(call.args[1]), ast.dump(call.args[0]), call.args[2]
        if call.func.id == "t_body_reader" and "ChunkedReader" in about:
            wrong = "LocalProtocolError" in ast.dump(expected)
            head = CHUNKED
        elif call.func.id == "tr" and "CLIENT" in about:
            head = b""
        else:
            continue
        if isinstance(data, bytes) and wrong == (kind == "invalid"):
            found[f"line {call.lineno}"] = head + data
    return found


# ---- httptools ----

C_STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
C_STRINGS = r'((?:\s*"(?:[^"\\\n]|\\.)*")+)'


def c_bytes(literals: str) -> bytes:
    text = "".join(C_STRING.findall(literals))
    # Escapes of C are those of Python's bytes, as far as they stand here.
    raw = text.encode("utf-8").decode("latin-1")
    return raw.encode("latin-1").decode("unicode_escape").encode("latin-1")


def httptools(root: Path, kind: str) -> Vectors:
    text = (root / "vendor" / "http-parser" / "test.c").read_text(encoding="utf-8")
    found = {}
    if kind == "valid":
        form = rf'\.name= "([^"\n]*)"\s*,\.type= HTTP_REQUEST\s*,\.raw= {C_STRINGS}'
        for match in re.finditer(form, text):
            found[match[1]] = c_bytes(match[2])
    else:
        form = rf"test_simple\({C_STRINGS},\s*HPE_(?!OK)(\w+)\)"
        for match in re.finditer(form, text):
            line = text.count("\n", 0, match.start()) + 1
            found[f"line {line} {match[2].lower()}"] = c_bytes(match[1])
    return found


SOURCES = {"gunicorn": gunicorn, "h11": h11, "httptools": httptools}


def vectors(name: str, kind: str, folder: Path) -> Vectors:
    """The requests of a project that are "valid" or "invalid"; none if it cannot be had."""
    root = fetch(name, folder)
    if root is None:
        return {}
    return {key: with_host(data) for key, data in SOURCES[name](root, kind).items()}
