"""Media types: the built-in table, and files that add to it."""

import re

import pytest

from uwoffload.mime import TYPES, parse


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ("html", "text/html; charset=utf-8"),
        ("css", "text/css; charset=utf-8"),
        ("js", "text/javascript; charset=utf-8"),
        ("mjs", "text/javascript; charset=utf-8"),
        ("json", "application/json"),
        ("svg", "image/svg+xml"),
        ("png", "image/png"),
        ("woff2", "font/woff2"),
        ("wasm", "application/wasm"),
        ("mp4", "video/mp4"),
        ("atom", "application/atom+xml; charset=utf-8"),
    ],
)
def test_what_the_web_is_made_of_has_its_type(ending, kind):
    assert TYPES[ending] == kind


def test_every_row_is_well_formed():
    for ending, kind in TYPES.items():
        assert re.fullmatch(r"[a-z0-9]+", ending)
        assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+(; charset=utf-8)?", kind)
        assert ("charset" in kind) or not kind.startswith("text/")


def test_file_in_the_usual_form_adds_types():
    text = "# comment\ntext/x-own\town OWNER # more\n\napplication/x-thing thing\nimage/none\n"

    assert parse(text) == {
        "own": "text/x-own; charset=utf-8",
        "owner": "text/x-own; charset=utf-8",
        "thing": "application/x-thing",
    }


def test_file_of_nginx_is_understood():
    assert parse("types {\n    text/html    html htm;\n    image/gif gif;\n}\n") == {
        "html": "text/html; charset=utf-8",
        "htm": "text/html; charset=utf-8",
        "gif": "image/gif",
    }


def test_last_of_equal_endings_counts():
    assert parse("image/gif pic\nimage/png pic")["pic"] == "image/png"
