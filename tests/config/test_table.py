"""The option table and what is written from it."""

import dataclasses
import re
from pathlib import Path

import pytest

from uwoffload.config import Settings, coming_from_uwsgi_markdown, help_text, table_markdown
from uwoffload.config.docs import PROMINENT, allowed_text
from uwoffload.config.foreign import ACCEPTED, ACCEPTED_ROWS, KNOWN
from uwoffload.config.foreign_running import ROWS as RUNNING
from uwoffload.config.foreign_serving import ROWS as SERVING
from uwoffload.config.options import Relation
from uwoffload.config.script import DIRECTIVES
from uwoffload.config.settings import BY_NAME, BY_NEGATED, TABLE
from uwoffload.config.values import Bases, check_range

ROOT = Path(__file__).resolve().parents[2]
BASES = Bases("/srv", "/srv")
NUMBERS = ("whole number", "time", "size", "octal number")


def rows():
    return pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


@rows()
def test_every_option_is_described(row):
    assert re.fullmatch(r"[a-z][a-z0-9-]*", row.name)
    assert row.help and not row.help.endswith(".")
    assert row.group and allowed_text(row)
    assert bool(row.note) == (row.relation is Relation.DIFFERS)
    assert bool(row.kind.metavar) == (row.kind.name != "flag")


@rows()
def test_every_number_has_a_range_that_holds_its_default(row):
    if row.kind.name not in NUMBERS:
        return
    assert row.least is not None and row.most is not None
    if row.default is not None:
        check_range(row.default, row.least, row.most, row.kind)


@rows()
def test_a_default_reads_as_it_is_shown(row):
    """`1 GiB` in the docs must be what somebody gets who copies it into an ini."""
    defaults = row.default if row.repeatable else (row.default,)
    for default in defaults:
        if default is not None:
            shown = row.kind.show(default)
            assert default == row.kind.parse(shown, BASES)


@rows()
def test_the_range_ends_where_it_says(reading, row):
    if row.kind.name not in NUMBERS:
        return
    for limit in (row.least, row.most):
        written = f"{limit:o}" if row.kind.name == "octal number" else str(limit)
        settings, _ = reading(f"[uwsgi]\nsocket = :1\n{row.name} = {written}\n")
        assert limit == getattr(settings, row.field)


def test_every_setting_is_an_option_and_every_option_a_setting():
    found = [field.name for field in dataclasses.fields(Settings) if field.metadata]
    assert [row.field for row in TABLE] == found


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().processes = 2


def test_a_name_means_one_thing():
    ours = [name for row in TABLE for name in (row.name, *row.aliases, *row.negated)]
    everything = [*ours, *ACCEPTED, *KNOWN, *DIRECTIVES]
    assert len(everything) == len(set(everything))
    letters = [row.short for row in TABLE if row.short]
    assert len(letters) == len(set(letters))


def test_no_name_stands_twice_in_the_lists_of_uwsgi_s_options():
    for table in (ACCEPTED_ROWS, RUNNING, SERVING):
        names = [name for _, row in table for name in row.split()]
        assert len(names) == len(set(names))
        assert all(re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name) for name in names)


def test_what_an_absence_means_is_one_short_phrase():
    for meaning in KNOWN.values():
        assert len(meaning) <= 90
        assert not meaning.endswith(".")


def test_help_fits_a_screen():
    lines = help_text().splitlines()
    assert 24 <= len(lines) <= 50
    assert max(map(len, lines)) <= 80


def test_help_says_defaults_with_their_units():
    found = {line.split()[0]: line for line in help_text().splitlines() if line.startswith("  --")}
    for row in TABLE:
        assert (f"--{row.name}" in found) == (not row.rare)
        if not row.rare and row.default_text() not in ("", "off"):
            assert found[f"--{row.name}"].endswith(f"[{row.default_text()}]")


def test_the_page_of_options_is_up_to_date():
    """`python -m uwoffload.config > docs/options.md` writes it anew."""
    assert (ROOT / "docs" / "options.md").read_text(encoding="utf-8") == table_markdown()


def test_the_page_names_every_option():
    page = set(re.findall(r"`([^`]+)`", table_markdown()))
    for row in TABLE:
        assert f"{row.name} = {row.kind.metavar}".removesuffix(" = ") in page
    assert page >= {*BY_NAME, *BY_NEGATED, *ACCEPTED, *KNOWN} - {row.name for row in TABLE}


def test_tables_have_as_many_cells_in_every_row():
    for text in (table_markdown(), coming_from_uwsgi_markdown()):
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            counts = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
            assert len(counts) == 1


def test_lines_of_the_front_page_say_what_holds_for_all_their_names():
    for names in PROMINENT:
        assert len({KNOWN[name] for name in names}) == 1
