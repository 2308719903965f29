"""The report, tables and charts: everything there, nothing from elsewhere, readable anywhere."""

from __future__ import annotations

import io
import json
import math
import re
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwoffload.lab.cases import BOUNDS, seeded
from uwoffload.lab.charts import bins, chart
from uwoffload.lab.compare import Comparison, compare
from uwoffload.lab.fronts import Point
from uwoffload.lab.page import DARK
from uwoffload.lab.plots import Run, watch
from uwoffload.lab.pool import Pool
from uwoffload.lab.progress import progress
from uwoffload.lab.report import HEAD, report, row
from uwoffload.lab.rules import parse
from uwoffload.lab.simulate import simulate
from uwoffload.lab.svg import GROUND, INK, NAME_WIDTH, SERIES, looks
from uwoffload.lab.tables import count, line, milliseconds, number, percent, show

pytestmark = pytest.mark.slow

pytest.importorskip("matplotlib")

POOL = Pool(workers_max=10, workers_min=2)
RULES = ("spare", "static:8", "busyness:busy_max=70,busy_min=20,idle_cycles_max=5,workers_step=2")
LOADS = ("steady", "step")
VOID = {"meta", "br", "wbr", "link", "img", "input", "path", "use", "rect"}


class Page(HTMLParser):
    """What is in a page; fails where tags do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "action", "data"):
                self.links.append(value)
            if name == "id":
                self.ids.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    cases = [case for load in LOADS for case in seeded(load, range(3), horizon=120)]
    return compare(RULES, cases, POOL)


@pytest.fixture(scope="module")
def runs() -> dict[str, list[Run]]:
    return {
        load: [
            watch(seeded(load, [0], horizon=120)[0], parse(rule), POOL, 100_000) for rule in RULES
        ]
        for load in LOADS
    }


@pytest.fixture(scope="module")
def text(comparison, runs, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    report(
        path,
        comparison,
        runs,
        title="A <test> & more",
        wait_target_us=100_000,
        facts={"command": "uwoffload lab run --seed 3 'a<b'", "seed": "0", "pool": POOL},
        tried={"spare": [Point(100, 0.1, "spare"), Point(200, 0.0, "spare:x")]},
        chosen=Point(200, 0.0, "spare:x"),
        settings={"Chosen": "cheaper-algo = spare"},
        words="Kept.",
    )
    return path.read_text(encoding="utf-8")


# ---- the report ----


def test_the_page_is_whole(text):
    """
    Every tag that opens closes; what users wrote is shown, not obeyed.
    """
    page = Page(text)

    assert page.tags[0] == "html"
    assert "A <test> & more" in page.text
    assert "'a<b'" in page.text
    assert "test" not in page.tags


def test_the_page_needs_no_other_file(text):
    """
    No address in it, no script, no picture from elsewhere: links lead into the page itself.
    """
    page = Page(text)

    assert not re.search(r"https?:|//[a-z]|@import|<script|<link|<img", text)
    assert "url(" not in re.sub(r"url\(#", "", text)
    assert all(link.startswith("#") for link in page.links)


def test_every_picture_is_there(text):
    """
    The search, and for each load the front and what happened over time.
    """
    page = Page(text)

    assert page.tags.count("svg") == 1 + 2 * len(LOADS)
    assert page.tags.count("figcaption") == page.tags.count("svg")
    for words in ("workers", "wait target", "cost: worker-seconds", "p99 wait, ms", "front"):
        assert words in page.text


def test_names_in_pictures_do_not_collide(text):
    """
    Ids are unique in the page, and every reference has its target.
    """
    page = Page(text)

    assert len(page.ids) == len(set(page.ids))
    targets = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text)
    assert {one or other for one, other in targets} <= set(page.ids)
    assert targets


def test_every_rule_has_its_line_with_ratios_to_the_bounds(text, comparison):
    """
    In each table; and what the columns are divided by is explained.
    """
    page = Page(text)

    assert page.tags.count("table") == len(LOADS)
    assert page.tags.count("tr") == len(LOADS) * (1 + len(RULES))
    for words in BOUNDS.values():
        assert words in page.text
    for rule in RULES:
        assert rule in page.text.replace(", ", ",")


def test_it_can_be_run_again(text):
    """
    Command, seed and version stand at the end.
    """
    page = Page(text)

    for words in ("uwoffload lab run --seed 3", "seed", "version", "uwoffload 0."):
        assert words in page.text
    assert "Pool(workers_max=10, workers_min=2)" in page.text  # only what differs


def test_colours_are_those_of_the_page(text):
    """
    Light and dark: pictures name variables, both schemes give all of them a value.
    """
    svgs = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    used = set(re.findall(r"var\((--\w+)\)", svgs))
    light, dark = re.findall(r":root \{(.*?)\}", text, re.DOTALL)[:2]

    assert {"--ink", "--pale", "--c0", "--c1", "--c2"} <= used
    assert all(f"{name}:" in light and f"{name}:" in dark for name in used)
    assert "#22272e" not in svgs


ALGORITHMS = ("spare", "spare2", "backlog", "busyness", "target")
MANY = {
    "tuned": [*(f"{one}:workers_min=3" for one in ALGORITHMS), *ALGORITHMS],
    "one algorithm": [f"static:{size}" for size in range(1, 33)],
    "more than the colours": [f"rule{index // 2}.py:rule{index}" for index in range(32)],
}


@pytest.mark.parametrize("rules", MANY.values(), ids=MANY)
def test_no_two_rules_look_alike(rules):
    """
    Neither as points nor as lines.
    """
    found = looks(rules).values()

    assert len({(one.color, one.marker, one.filled) for one in found}) == len(rules)
    assert len({(one.color, str(one.dashes)) for one in found}) == len(rules)


def test_an_algorithm_keeps_its_colour():
    """
    Tuned and as it comes: filled and open, solid and dashed; no other algorithm has that colour.
    """
    found = looks(MANY["tuned"])
    for one in ALGORITHMS:
        tuned, plain = found[f"{one}:workers_min=3"], found[one]
        assert tuned.color == plain.color
        assert tuned.filled and not plain.filled
        assert tuned.dashes != plain.dashes
    assert len({one.color for one in found.values()}) == len(ALGORITHMS)


def test_a_rule_looks_the_same_in_every_picture(text):
    """
    Named in its colour over time, drawn in it in the search and on the front.
    """
    spare, static, _ = looks(RULES).values()
    search, *others = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    variable = {one: f"var(--c{SERIES.index(one.color)})" for one in (spare, static)}

    assert variable[spare] in search
    assert variable[static] not in search
    assert all(variable[one] in svg for one in (spare, static) for svg in others)


def test_long_names_are_numbered(text):
    """
    In pictures the number of the line stands for the knobs; the table has all of them.
    """
    page = Page(text)
    pictures = Page("".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))).text

    assert "busyness #3" in pictures
    assert "busy_max" not in pictures
    assert RULES[2] in page.text.replace(", ", ",")
    assert all(len(one.name) <= NAME_WIDTH for one in looks([*RULES, "x" * 60 + ".py:f"]).values())


def test_a_long_heading_can_break(comparison, tmp_path):
    """
    Behind each comma.
    """
    path = tmp_path / "report.html"
    settings = {f"Chosen: {RULES[2]}": "cheaper-algo = busyness"}
    report(path, comparison, {}, wait_target_us=100_000, facts={}, settings=settings)

    assert "busy_max=70,<wbr>busy_min=20" in re.findall("<h2>.*</h2>", path.read_text())[0]


# What is left of red, green and blue for eyes without one kind of cones (Machado 2009).
EYES = {
    "all": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "no blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
TO_XYZ = [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0177, 0.1095, 0.8728]]


def linear(colors):
    """Light, out of `#rrggbb`."""
    parts = np.array([[int(one[at : at + 2], 16) / 255 for at in (1, 3, 5)] for one in colors])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def seen(colors, eyes):
    """Where they stand in CIELAB: distances are those that are seen, 2 can just be told apart."""
    xyz = np.clip(linear(colors) @ np.transpose(EYES[eyes]), 0, 1) @ np.transpose(TO_XYZ)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("colors", [SERIES, DARK], ids=["light", "dark"])
def test_colours_can_be_told_apart_by_all_eyes(colors, eyes):
    """
    Ten times as far from each other as has to be.
    """
    places = seen(colors, eyes)
    gaps = np.linalg.norm(places[:, None] - places, axis=2)

    assert len(SERIES) == len(DARK)
    assert gaps[np.triu_indices(len(colors), 1)].min() > 20


@pytest.mark.parametrize(
    ("colors", "ground"), [([*SERIES, INK], GROUND), (DARK, "#14181d")], ids=["light", "dark"]
)
def test_colours_stand_out_from_the_ground(colors, ground):
    """
    3 to 1 is what WCAG asks of graphics.
    """
    light = linear([*colors, ground]) @ TO_XYZ[1] + 0.05

    assert min(np.maximum(light[:-1], light[-1]) / np.minimum(light[:-1], light[-1])) >= 3


def test_a_report_of_one_run_without_pictures_over_time(comparison, tmp_path):
    """
    Loads that were not watched have a table and a front.
    """
    path = tmp_path / "report.html"
    one = Comparison([record for record in comparison.records if record["seed"] == 0])

    report(path, one, {}, wait_target_us=100_000, facts={})

    assert Page(path.read_text(encoding="utf-8")).tags.count("svg") == len(LOADS)


def test_the_same_results_make_the_same_page(comparison, runs, tmp_path):
    """
    Not a date in it, no random name.
    """
    pages = []
    for name in ("one.html", "two.html"):
        report(tmp_path / name, comparison, runs, wait_target_us=100_000, facts={})
        pages.append((tmp_path / name).read_text(encoding="utf-8"))

    assert pages[0] == pages[1]


# ---- charts ----


@pytest.fixture
def series():
    count = 1000
    return SimpleNamespace(
        t=np.arange(count) + 1.0,
        ready=np.full(count, 4),
        demand=np.linspace(0, 8, count),
        queue=np.where(np.arange(count) == 700, 55, 0),
        queue_max=61,  # between two checks
    )


@pytest.mark.parametrize("width", [40, 80, 133])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_chart_is_as_wide_as_the_terminal(series, width, ascii_only):
    """
    No line is longer; with ASCII only ASCII is used.
    """
    drawn = chart(series, width=width, ascii_only=ascii_only)

    assert max(map(len, drawn.splitlines())) <= width
    assert drawn.isascii() == ascii_only
    assert "longest queue 61" in drawn
    assert "1,000 s" in drawn


def test_a_chart_shows_demand_rise_over_the_workers(series):
    """
    At the left below the bar, at the right above it.
    """
    rows = [row for row in chart(series, width=60, ascii_only=True).splitlines() if "|" in row]

    assert "o" in rows[0][-8:]
    assert "o" not in rows[0][:20]
    assert "o" in rows[7][:20]


def test_the_longest_queue_of_the_chart_is_that_of_the_table():
    """
    The series holds the queue of the checks; it was longer between two of them.
    """
    load = seeded("steady", [0], horizon=120)[0].make()
    result = simulate(load, parse("target").build(POOL), POOL, series=True)

    assert result.series.queue.max() < result.queue_max
    assert f"longest queue {result.queue_max}" in chart(result.series, width=80)


def test_a_short_run_is_stretched():
    """
    Fewer ticks than columns.
    """
    assert bins([1, 3], 4) == [1, 1, 3, 3]
    assert bins([], 3) == [0, 0, 0]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.integers(1, 80))
def test_bins_lie_between_the_least_and_the_most(values, count):
    """
    Nothing is made up, and the highest is not lost.
    """
    found = bins(values, count)
    assert min(values) - 1e-9 <= min(found)
    assert max(found) <= max(values) + 1e-9
    assert max(bins(values, count, np.max)) == max(values)


# ---- tables ----


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("file", [io.StringIO(), Terminal()], ids=["pipe", "terminal"])
def test_a_table_has_every_cell(file):
    """
    On a terminal as in a file.
    """
    show(("name", "value"), [("a", 1), ("[b]", 22)], title="Some [text]", file=file)

    for words in ("name", "value", "a", "[b]", "22", "Some [text]"):
        assert words in file.getvalue()


def test_an_empty_table_says_so():
    """
    Nothing is not an error.
    """
    file = io.StringIO()
    show(("name",), [], file=file)

    assert file.getvalue() == "(nothing)\n"


def test_a_long_name_stands_at_the_end():
    """
    So that figures stay on the screen.
    """
    file = io.StringIO()
    show(("rule", "cost"), [("x" * 60, 5)], file=file)

    assert file.getvalue().splitlines()[0].startswith("cost")


@pytest.mark.parametrize("rich", [True, False])
@pytest.mark.parametrize("names", ["short", "x" * 60])
def test_a_table_fits_a_narrow_terminal(rich, names, monkeypatch):
    """
    Columns that do not fit come below, nothing is cut; long names have a number.
    """
    monkeypatch.setenv("COLUMNS", "60")
    if not rich:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    file = Terminal()
    head = ["rule", *(f"column {number}" for number in range(12))]
    rows = [[f"{names}{row}", *range(row * 1000, row * 1000 + 12)] for row in range(1, 4)]

    show(head, rows, file=file)

    lines = file.getvalue().splitlines()
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", text).rstrip() for text in lines]
    assert all(len(text) <= 66 for text in plain)
    for words in (*head, *(str(cell) for cells in rows for cell in cells)):
        assert any(words in text for text in plain), words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (0.123456, "0.123"), (1234.5, "1,234"), (12.345, "12.3"), (math.nan, "-"),
     (math.inf, "inf"), (99.96, "100.0"), (0.00001234, "0.000012")],
)  # fmt: skip
def test_numbers_have_the_digits_that_matter(value, words):
    """
    No exponent, thousands apart.
    """
    assert number(value) == words


@pytest.mark.parametrize(
    ("value", "runs", "words"),
    [(61.0, 1, "61"), (1394, 1, "1,394"), (61.0, 4, "61.0"), (1322.46, 2, "1,322.5"), (0, 5, "0"),
     (0.01, 100, "<0.1"), (math.nan, 1, "-")],
)  # fmt: skip
def test_counts_of_one_run_are_whole(value, runs, words):
    """
    Means of several have a tenth; what is not none is never shown as none.
    """
    assert count(value, runs) == words


def test_a_line_of_one_run_counts_in_whole_numbers(comparison):
    """
    Longest queue, rejected, starts and flaps.
    """
    one = Comparison([record for record in comparison.records if record["seed"] == 0])

    assert not any("." in cell for line in one.summary() for cell in row(line)[5:9])
    assert any("." in cell for line in comparison.summary() for cell in row(line)[5:9])


def test_shares_and_waits_have_their_units():
    """
    A share that is not none is never shown as none.
    """
    assert percent(0.00001) == "<0.01 %"
    assert percent(0.25) == "25.0 %"
    assert percent(0) == "0 %"
    assert milliseconds(1500) == "1.50 ms"
    assert milliseconds(25_000_000) == "25.0 s"


def test_json_lines_know_no_infinity():
    """
    Numbers of numpy are numbers; what JSON has no word for is null.
    """
    record = {"a": np.int64(3), "b": math.nan, "c": np.float64(math.inf), "d": "ü", "e": True}

    assert json.loads(line(record)) == {"a": 3, "b": None, "c": None, "d": "ü", "e": True}


def test_columns_are_those_of_the_bounds():
    """
    One per bound.
    """
    assert sum(name.startswith("/ ") for name in HEAD) == len(BOUNDS)


# ---- progress ----


def test_progress_is_shown_to_people_alone():
    """
    Nothing in a pipe.
    """
    pipe, terminal = io.StringIO(), Terminal()
    for file in (pipe, terminal):
        with progress("working", 3, file) as advance:
            advance(2)

    assert pipe.getvalue() == ""
    assert "working" in terminal.getvalue()


@pytest.mark.parametrize("total", [4, None])
def test_a_plain_bar_will_do_without_rich(total, monkeypatch):
    """
    It counts, and wipes itself away.
    """
    monkeypatch.setitem(sys.modules, "rich.console", None)
    file = Terminal()
    with progress("working", total, file) as advance:
        advance(1)
        advance(2)

    assert ("3/4" in file.getvalue()) == (total == 4)
    assert file.getvalue().endswith("\r\033[K")
