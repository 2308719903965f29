"""The front page is true: its code runs, its C compiles, its names and defaults are real."""

import ast
import asyncio
import inspect
import re
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import front_page
import pytest
import wire
from front import servers

import uwoffload
from uwoffload import Engine, Outcome
from uwoffload._compile import COPY_MAX
from uwoffload.config.settings import BY_NAME
from uwoffload.stats import Statistics

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


HANDLER, THREADS, ASYNCIO, UPLOAD, FRONT, SCALING = blocks("python")
(MAKE_SERVE,) = blocks("console")
(LOG_LINE,) = blocks("text")
(NGINX,) = blocks("nginx")
(FIRST_INI,) = blocks("ini")


# ---- code of the page ----


def test_thread_snippet_sends_head_and_file(pair, make_file):
    listener = type("Listener", (), {"accept": lambda self: (pair.server, None)})()
    with make_file(b"body").open("rb") as file:
        names = {"listener": listener, "head": HEAD, "file": file}
        thread = threading.Thread(target=exec, args=(THREADS, names))  # it drains meanwhile
        thread.start()
        try:
            assert wire.read_to_end(pair.client) == HEAD + b"body"
        finally:
            thread.join(wire.PATIENCE)
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


def fetch(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=wire.PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_front_snippet_answers_files_and_has_python_answer_the_rest(monkeypatch):
    monkeypatch.chdir(ROOT)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        names = {"listener": listener, "handler": lambda request: request.path.encode()}
        thread = threading.Thread(target=exec, args=(FRONT, names))
        thread.start()
        try:
            style = (ROOT / "examples" / "site" / "style.css").read_bytes()
            assert fetch(f"{url}/static/style.css") == (200, style)
            assert fetch(f"{url}/hello") == (200, b"/hello")
        finally:
            names["front"].close()
            thread.join(wire.PATIENCE)
            names["site"].close()


def test_handler_snippet_is_a_whole_server(tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    assert "uwoffload.serve(handler, " in HANDLER
    script = HANDLER.replace("serve(handler, ", 'serve(handler, http="127.0.0.1:0", ')
    (tmp_path / "app.py").write_text(script)
    with servers.running(tmp_path, program=[sys.executable], command=["app.py"]) as server:
        server.wait_until_announced()
        (url,) = re.findall(r"listening: +(http://\S+)/\n", server.text())

        assert fetch(f"{url}/")[1].startswith(b"Hello, 127.0.0.1:")
        squares = b"".join(b"%d,%d\n" % (n, n * n) for n in range(100_000))
        assert fetch(f"{url}/squares.csv") == (200, squares)
        assert fetch(f"{url}/source") == (200, script.encode())
        assert fetch(f"{url}/limits.html")[1].startswith(b"<!doctype html>")
        assert fetch(f"{url}/missing") == (404, b"not here\n")


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


# ---- the server of the page ----


def test_first_ini_is_the_one_among_the_examples():
    assert (ROOT / "examples" / "first.ini").read_text() == FIRST_INI


@pytest.mark.skipif(servers.NGINX is None, reason="needs nginx")
def test_nginx_snippet_passes_requests_on(tmp_path):
    """Only the port, the docroot and the place of nginx's own file are other than on the page."""
    port, listen = servers.free_port(), f"127.0.0.1:{servers.free_port()}"
    ini = FIRST_INI.replace(":3031", f"127.0.0.1:{port}").replace(
        "/var/www", str(ROOT / "examples" / "site")
    )
    (tmp_path / "app.ini").write_text(ini)
    (tmp_path / "uwsgi_params").write_text(servers.UWSGI_PARAMS)
    location = NGINX.replace(":3031", f":{port}").replace(
        "uwsgi_params", str(tmp_path / "uwsgi_params")
    )
    with (
        servers.running(tmp_path, command=["run", "app.ini"]) as server,
        servers.nginx(tmp_path / "nginx", listen, location) as nginx,
    ):
        server.wait_until_announced()
        style = (ROOT / "examples" / "site" / "style.css").read_bytes()
        assert fetch(f"http://{listen}/style.css") == (200, style)
        assert fetch(f"http://{listen}/missing")[0] == 404
        assert not nginx.alarms()


def labels(text: str) -> list[str]:
    """What stands at the beginning of every line, as far as it does not depend on the start."""
    return re.findall(r"^(uwoffload|[a-z]+: +)", text, re.MULTILINE)


def test_announcement_log_line_and_counters_are_as_shown(tmp_path):
    site = ROOT / "examples" / "site"
    with servers.running(tmp_path, command=["serve", str(site), "--port", "0"]) as server:
        server.wait_until_announced()
        shown = MAKE_SERVE.partition("\n")[2]
        assert labels(server.text()) == labels(shown)
        assert f"uwoffload {uwoffload.__version__}: " in shown
        (url,) = re.findall(r"listening: +(http://\S+)/\n", server.text())
        assert fetch(f"{url}/style.css")[0] == 200
        figures = server.figures()
    (line,) = [line for line in server.text().splitlines() if "] " in line]
    assert figures["requests"] == 1
    assert re.sub(r"\d+", "0", line).split()[:3] == re.sub(r"\d+", "0", LOG_LINE).split()[:3]
    form = (
        r'\S+ - - \[.{26}\] "GET /\S+ HTTP/1\.1" 200 \d+ "[^"]*" "[^"]+" \d+\.\d{6} [a-z-]+ engine'
    )
    for each in (line, LOG_LINE.strip()):
        assert re.fullmatch(form, each), each


def test_command_options_of_the_page_exist():
    """Of the server; those of the lab are tried by its own tests."""
    lines = [line for block in blocks("sh") for line in block.split("\n")]
    commands = "\n".join(line for line in lines if not line.startswith("uwoffload lab"))
    for name in set(re.findall(r"--([a-z]+(?:-[a-z]+)*)", commands)):
        assert name in BY_NAME or name in {"path-as-is", "limit-rate"}, name  # the latter: curl's


def test_defaults_of_the_server_are_as_told():
    (section,) = re.findall(r"\*\*Limits\.\*\*.*?\n\n(\|.*?)\n\n", TEXT, re.DOTALL)
    told = {}
    for names, defaults in re.findall(r"^\| (`[^|]*) \| ([^|]+) \|", section, re.MULTILINE):
        options = re.findall(r"`([a-z-]+)`", names)
        told |= dict(zip(options, defaults.split(", "), strict=True))

    assert len(told) >= 8
    assert told == {name: BY_NAME[name].default_text() for name in told}


def test_counters_of_the_page_exist():
    with Statistics.create(None, 1, 1) as statistics:
        fields = set(statistics.fields)
    (paragraph,) = re.findall(r"\*\*Counters\*\*.*?\n\n", TEXT, re.DOTALL)
    names = set(re.findall(r"`([a-z_]+)`", paragraph))
    assert {"requests", "offloaded_requests", "finished_inline"} <= names <= fields


def test_coming_from_uwsgi_is_up_to_date():
    """`python tests/examples/front_page.py` writes it anew."""
    assert front_page.made_anew(TEXT) == TEXT


# ---- names and numbers ----


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
        for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text):
            assert (folder / target).exists(), target


def test_makefile_has_every_target_that_is_told():
    makefile = (ROOT / "Makefile").read_text()
    shown = "\n".join([*blocks("sh"), MAKE_SERVE])
    for target in set(re.findall(r"\bmake ([a-z-]+)", shown)):
        assert re.search(rf"^[a-z -]*\b{target}\b[a-z -]*:", makefile, re.MULTILINE), target


def test_size_above_which_bytes_are_not_copied_is_as_told():
    assert f"above {COPY_MAX // 1024} KiB" in TEXT


def test_front_page_is_no_book():
    assert TEXT.count("\n") <= 370


def test_scaling_example_says_what_its_comment_shows():
    names = {}
    exec(SCALING, names)

    verdict, shown = names["verdict"], SCALING.rpartition("#")[2].strip()
    assert str((verdict.delta, verdict.reason, verdict.start)) == shown
