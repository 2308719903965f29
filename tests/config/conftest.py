"""A configuration without a disk: files are a dictionary."""

import errno
import os
import posixpath

import pytest

from uwoffload.config import read

FACTS = {"k": "8", "u": "1000", "U": "ann", "g": "100", "G": "staff"}


class Memory:
    """What `config.files.Disk` is, of files that are not there."""

    def __init__(self, texts):
        self.texts = {posixpath.join("/srv/app", name): text for name, text in texts.items()}

    def text(self, path):
        if path not in self.texts:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return self.texts[path]

    def kind(self, path):
        if path in self.texts:
            return "file"
        inside = path.rstrip("/") + "/"
        return "directory" if any(name.startswith(inside) for name in self.texts) else ""

    def facts(self):
        return FACTS


@pytest.fixture
def reading():
    """read() of texts; the first one is app.ini unless it says otherwise."""

    def run(text=None, *words, ini="app.ini", environ=None, **others):
        files = Memory({} if text is None else {"app.ini": text, **others.get("files", {})})
        return read(
            None if text is None else ini,
            words,
            cwd="/srv/app",
            environ={"HOME": "/users/ann"} if environ is None else environ,
            host="box",
            files=files,
        )

    return run


@pytest.fixture
def settings_of(reading):
    """The settings alone; there must be no warning.  A socket is added."""

    def run(body="", *words, **others):
        settings, warnings = reading(f"[uwsgi]\nsocket = :3031\n{body}\n", *words, **others)
        assert warnings == []
        return settings

    return run
