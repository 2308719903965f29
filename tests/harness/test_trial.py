"""What is said of a reload that would fail."""

from __future__ import annotations

import json
import os

import pytest

from uwoffload.harness import trial

TRACEBACK = """Traceback (most recent call last):
  File "/srv/app.py", line 3, in <module>
    import models
  File "/srv/models.py", line 17, in <module>
    x = 1 / 0
        ~~^~~
ZeroDivisionError: division by zero
"""


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", ""),
        ("\n \n", ""),
        ("uwoffload: app.ini:3: no\n", "app.ini:3: no"),
        ("a warning\nuwoffload: chdir = /x: no\n\n", "chdir = /x: no"),
        (TRACEBACK, "/srv/models.py:17: ZeroDivisionError: division by zero"),
        ("own.package.OwnError: no place\n", "own.package.OwnError: no place"),
        ("Error: sorry\n", "Error: sorry"),
    ],
)
def test_reason_is_one_line_with_the_place(words, reason):
    assert reason == trial.reason_of(words)


@pytest.mark.parametrize("text", ["", "x", "[]", "null", "{}", '{"parent": 1}', '{"parent": "x"}'])
def test_nonsense_makes_no_trial(monkeypatch, text):
    monkeypatch.setenv(trial.VARIABLE, text)

    assert trial.asked() is None
    assert trial.VARIABLE not in os.environ


def test_trial_knows_what_its_parent_listens_on(monkeypatch):
    had = {"parent": os.getppid(), "had": [["http", "127.0.0.1:80"]]}
    monkeypatch.setenv(trial.VARIABLE, json.dumps(had))

    assert trial.asked() == {("http", "127.0.0.1:80")}
    assert trial.asked() is None, "a program that the script starts is none"
