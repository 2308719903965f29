"""The front page is true: its code runs, its C compiles, its names and defaults are real."""

import ast
import asyncio
import inspect
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import wire

import uwoffload
from uwoffload import Engine, Outcome
from uwoffload._compile import COPY_MAX

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


THREADS, ASYNCIO, UPLOAD = blocks("python")


def test_thread_snippet_sends_head_and_file(pair, make_file):
    listener = type("Listener", (), {"accept": lambda self: (pair.server, None)})()
    with make_file(b"body").open("rb") as file:
        names = {"listener": listener, "head": HEAD, "file": file}
        try:
            exec(THREADS, names)
            assert wire.read_to_end(pair.client) == HEAD + b"body"
        finally:
            names["engine"].close()


def test_asyncio_snippet_goes_on_with_the_connection(pair, make_file):
    async def serve(engine, file):
        reader, writer = await asyncio.open_connection(sock=pair.server)
        names = {"engine": engine, "reader": reader, "writer": writer, "head": HEAD, "file": file}
        pair.client.sendall(b"next\n")
        code = compile(ASYNCIO, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        await eval(code, names)
        names["writer"].close()
        await names["writer"].wait_closed()
        return names["request"]

    with Engine() as engine, make_file(b"body").open("rb") as file:
        assert asyncio.run(serve(engine, file)) == b"next\n"
    assert wire.read_to_end(pair.client) == HEAD + b"body"


def test_upload_snippet_stores_and_answers(engine, pair, tmp_path):
    pair.client.sendall(b"rest")
    with (tmp_path / "upload").open("wb") as file:
        names = {"engine": engine, "client": pair.server, "file": file, "size": 8, "body": b"body"}
        exec(UPLOAD, names)
    names["done"].socket.close()

    assert wire.read_to_end(pair.client) == b"HTTP/1.1 201 Created\r\n\r\n8 bytes\n"
    assert (tmp_path / "upload").read_bytes() == b"bodyrest"


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_c_snippet_compiles(tmp_path):
    (snippet,) = blocks("c")
    declared = "struct uwo_engine *engine; struct uwo_error error = { .size = sizeof error };"
    event = "struct uwo_event event = { .size = sizeof event }; uint64_t id;"
    source = tmp_path / "host.c"
    source.write_text(
        f"#include <uwoffload.h>\nint main(int fd, char **arguments)\n"
        f"{{\nint client_fd = !arguments; {declared} {event}\n{snippet}return 0;\n}}\n"
    )
    compiler = ["cc", "-Wall", "-Wextra", "-Wno-main", "-Werror", uwoffload.get_cflags()]
    subprocess.run([*compiler, "-c", str(source)], check=True, cwd=tmp_path)


def test_defaults_are_as_told():
    submit = inspect.signature(Engine.submit).parameters
    start = inspect.signature(Engine).parameters

    told = {
        name: parameter.default
        for name, parameter in (submit | start).items()
        if f"`{name}`" in TEXT or f"`{name}:" in TEXT or f"`{name}`:" in TEXT
    }

    assert (
        told.items()
        >= {
            "deadline": None,
            "no_progress": 60.0,
            "rate_min": None,
            "rate_min_grace": 5.0,
            "rate_max": None,
            "high_water": 1 << 20,
            "transfers_max": 65536,
            "pipes_max": None,
            "buffers_max": None,
            "threads": 2,
            "disk_threads": 2,
            "linger": 2.0,
        }.items()
    )


def test_every_outcome_and_error_is_named():
    errors = {name for name in uwoffload.__all__ if name.startswith("Engine") and name != "Engine"}
    for name in {*Outcome.__members__, *errors, "InvalidArgument", "Unsupported"} - {"FINISHED"}:
        assert f"`{name}`" in TEXT, name


def test_every_link_leads_somewhere():
    for text, folder in (
        (TEXT, ROOT),
        ((ROOT / "examples" / "README.md").read_text(), ROOT / "examples"),
        ((ROOT / "csrc" / "README.md").read_text(), ROOT / "csrc"),
    ):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (folder / target).exists(), target


def test_makefile_has_every_target_that_is_told():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"\bmake ([a-z-]+)", "\n".join(blocks("sh")))):
        assert re.search(rf"^[a-z -]*\b{target}\b[a-z -]*:", makefile, re.MULTILINE), target


def test_size_above_which_bytes_are_not_copied_is_as_told():
    assert f"above {COPY_MAX // 1024} KiB" in TEXT
