"""The site of the tests: what may be served, and beside it what never may."""

from __future__ import annotations

import gzip
import os
import socket
from pathlib import Path

import wire

SECRET = b"this-must-never-leave"
MTIME = 1_600_000_000  # Sun, 13 Sep 2020 12:26:40 GMT
LAST_MODIFIED = "Sun, 13 Sep 2020 12:26:40 GMT"
LATER = "Sun, 13 Sep 2020 12:26:41 GMT"
EARLIER = "Sun, 13 Sep 2020 12:26:39 GMT"

ALPHABET = b"abcdefghijklmnopqrstuvwxyz"
HOME = b"<!doctype html><title>home</title>\n"
PAGE = b"<!doctype html><title>page</title>" + b"<p>words</p>" * 50 + b"\n"
PAGE_BR = b"this stands for brotli\n"
LARGE = 8 << 20

# Around what a send buffer takes, what a window of the engine is, and the memory of a body.
SIZES = [0, 1, 16383, 16384, 16385, 65536, 131073, (2 << 20) - 1, 2 << 20, (2 << 20) + 1]


def build(parent: Path) -> Path:
    """Make it below `parent`; gives the docroot."""
    root = parent / "www"
    root.mkdir()
    files = {
        "index.html": HOME,
        "hello.txt": b"hello\n",
        "empty.txt": b"",
        "alphabet.txt": ALPHABET,
        "page.html": PAGE,
        "page.html.gz": gzip.compress(PAGE, mtime=0),
        "page.html.br": PAGE_BR,
        "only.css": b"p { color: red }\n",
        "only.css.gz": gzip.compress(b"p { color: red }\n", mtime=0),
        "noextension": b"no extension\n",
        "UPPER.HTML": b"upper\n",
        "image.png": b"\x89PNG\r\n\x1a\n" + b"x" * 100,
        "with space.txt": b"with space\n",
        "per%41cent.txt": b"a percent sign in the name\n",
        "a+b.txt": b"plus\n",
        "semi;colon.txt": b"semicolon\n",
        "ümlaut.txt": b"umlaut\n",
        "back\\slash.txt": b"backslash\n",
        "...": b"three dots\n",
        "large.bin": wire.content(LARGE, seed=7),
        "sub/index.html": b"<p>sub</p>\n",
        "sub/inner.txt": b"inner\n",
        "sub/deep/er/file.txt": b"deeper\n",
        "noindex/file.txt": b"file\n",
        "both/index.html/file.txt": b"an index that is a directory\n",
    }
    for name, data in files.items():
        write(root / name, data)
    for size in SIZES:
        write(root / f"size-{size}.bin", wire.content(size, seed=size))
    raw = os.fsencode(root) + b"/\xff\xfe.txt"
    with open(raw, "wb") as file:
        file.write(b"not utf-8\n")
    write(root / ("n" * 255), b"long name\n")

    write(parent / "secret.txt", SECRET)
    write(parent / "www-private" / "secret.txt", SECRET)
    write(parent / "wwwsecret.txt", SECRET)
    (root / "link-inside.txt").symlink_to("hello.txt")
    (root / "link-out.txt").symlink_to("../secret.txt")
    (root / "link-absolute.txt").symlink_to(parent / "secret.txt")
    (root / "link-directory").symlink_to("../www-private")
    (root / "link-up").symlink_to("..")
    (root / "link-loop").symlink_to("link-loop")
    (root / "link-nowhere").symlink_to("nothing")
    (root / "link-proc").symlink_to("/proc/self/root")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(root, os.O_PATH)
        try:
            listener.bind(f"/proc/self/fd/{here}/socket")
        finally:
            os.close(here)
    if os.geteuid() == 0:
        try:
            os.mknod(root / "zero", 0o020644, os.makedev(1, 5))
        except OSError:
            pass  # a container without the right to make devices
    return root


def write(path: Path, data: bytes) -> Path:
    """A file as old as all others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (MTIME, MTIME))
    return path
