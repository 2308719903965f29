"""The part that touches the system, and uWSGI itself where it is installed."""

import os
import re
import shutil
import subprocess

import pytest

from uwoffload.config import ConfigError, read
from uwoffload.config.files import TEXT_MAX, Disk
from uwoffload.config.foreign import ACCEPTED, KNOWN
from uwoffload.config.script import DIRECTIVES
from uwoffload.config.settings import BY_NAME, BY_NEGATED

UWSGI = shutil.which("uwsgi") or ""
needs_uwsgi = pytest.mark.skipif(not UWSGI, reason="needs uwsgi (apt install uwsgi-core)")


def reading(path, *words):
    return read(path, words, cwd=os.getcwd(), environ=os.environ, host="box")


def test_a_file_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.ini").write_text("[uwsgi]\nsocket = a.sock\nprocesses = %k\nuid = %u\n")
    settings, warnings = reading("app.ini")
    assert warnings == []
    assert str(tmp_path / "a.sock") == settings.socket[0].path
    assert len(os.sched_getaffinity(0)) == settings.processes
    assert str(os.getuid()) == settings.uid


def test_bytes_that_are_not_utf8_survive(tmp_path):
    (tmp_path / "app.ini").write_bytes(b"[uwsgi]\nsocket = :1\ncheck-static = /srv/\xff\n")
    settings, _ = reading(str(tmp_path / "app.ini"))
    assert b"/srv/\xff" == os.fsencode(settings.check_static[0])


def test_what_cannot_be_read_is_told(tmp_path):
    (tmp_path / "large").write_bytes(b"#" * (TEXT_MAX + 1))
    os.mkfifo(tmp_path / "fifo")
    for name, reason in {
        "": "Is a directory",
        "none": "No such file or directory",
        "large": "File too large",
        "a\0b": "embedded null byte",
    }.items():
        with pytest.raises(ConfigError) as caught:
            reading(str(tmp_path / name))
        assert str(caught.value).endswith(f": cannot be read: {reason}")
        assert str(caught.value).isprintable()
    with pytest.raises(ConfigError):
        reading(str(tmp_path / "fifo"))


def test_kinds_of_files(tmp_path):
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    found = [Disk().kind(str(tmp_path / name)) for name in ("file", "", "fifo", "none", "a\0")]
    assert ["file", "directory", "other", "", ""] == found


def test_a_user_without_a_name_is_a_number(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 4294000000)
    assert "4294000000" == Disk().facts()["U"]


def uwsgi(*words, cwd):
    """What uWSGI says before it starts; it is killed then."""
    with subprocess.Popen(
        [UWSGI, *words], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        said = []
        for line in process.stdout:
            if line.startswith("*** Starting"):
                break
            said.append(line.rstrip("\n"))
        process.kill()
    return said


@needs_uwsgi
@pytest.mark.slow
def test_every_option_that_uwsgi_has_is_known_here():
    """All but `offload-thread`, which is taken for a slip."""
    said = subprocess.run([UWSGI, "--help"], capture_output=True, text=True, check=False).stdout
    names = set(re.findall(r"^\s+(?:-\w\|)?--([\w-]+)", said, re.MULTILINE))
    assert len(names) > 500
    assert names - {*ACCEPTED, *KNOWN, *BY_NAME, *BY_NEGATED, *DIRECTIVES} == {"offload-thread"}


SAME = """\
[uwsgi]
; a comment
base = /srv
later = %(last)/x
last = LAST
pidfile = %(base)/%(later)
check-static=%d|%n|%p|%s|%c|%e|%v|%k|%u|%U|%%
check-static = $(HOME) ${HOME} $HOME a = b
  check-static = "q"
for = 1 2
check-static = n%(_)
endfor =
if-env = HOME
check-static = %(_)
endif =
if-not-env = HOME
check-static = never
endif =
set = check-static=%(base)
set-ph = mine = 1
ini = b.ini
ini = b.ini:other
[other]
check-static = never
[uwsgi]
check-static = again
"""
OTHER = "[uwsgi]\ncheck-static = %n %N\n[other]\ncheck-static = other %x\n"


@needs_uwsgi
@pytest.mark.slow
def test_an_ini_means_what_it_means_to_uwsgi(tmp_path):
    (tmp_path / "app.ini").write_text(SAME)
    (tmp_path / "b.ini").write_text(OTHER)
    said = uwsgi("--ini", "app.ini", "--show-config", cwd=tmp_path)
    theirs = [line.partition(" = ")[2] for line in said if line.startswith("check-static = ")]
    settings, _ = read(
        "app.ini", ["--socket", ":1"], cwd=str(tmp_path), environ=os.environ, host="box"
    )
    ours = [path.removeprefix(f"{tmp_path}/") for path in settings.check_static]
    assert len(ours) > 8
    assert [path.removeprefix(f"{tmp_path}/") for path in theirs] == ours
    assert f"pidfile = {settings.pidfile}" in said
