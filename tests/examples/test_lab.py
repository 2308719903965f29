"""The worked cases of the lab are run as a newcomer would, and show what their README says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

pytest.importorskip("numpy")

CASES = Path(__file__).resolve().parents[2] / "examples" / "lab"
README = (CASES / "README.md").read_text(encoding="utf-8")


def shown(name: str, *arguments: str) -> str:
    found = subprocess.run(
        [sys.executable, str(CASES / name), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={"PYTHONIOENCODING": "utf-8", "COLUMNS": "80"},
    )
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout


def rows(text: str, first: str) -> list[list[str]]:
    """Lines of a table that begin with this, cut at the gaps."""
    return [
        re.split(r" {2,}", line.strip())
        for line in text.splitlines()
        if re.match(rf"\s*{re.escape(first)}\s", line)
    ]


def table_of(text: str) -> str:
    """Up to the first empty line."""
    return text.partition("\n\n")[0]


def test_spare_flaps_at_constant_load():
    """
    uWSGI's starts and stops some ninety workers in twenty minutes; `target` fewer.
    """
    text = shown("flapping.py")

    _, starts, stops, *_ = rows(text, "uwsgi-2.1/spare")[0]
    assert 60 < int(starts) < 140
    assert 60 < int(stops) < 140
    assert int(rows(text, "target")[0][1]) < int(starts)
    assert rows(text, "static:7")[0][1:4] == ["0", "0", "0"]


def test_backlog_freezes_with_what_it_carries_over():
    """
    At the load of four workers it stays at about three, and requests are rejected; mended it does
    not.
    """
    text = shown("freeze.py")

    (_, frozen, workers, _, rejected, over), (_, mended, more, _, none, _) = rows(text, "4.0")
    assert (frozen, mended) == ("uwsgi-2.1/backlog", "backlog")
    assert float(workers) < 4 < float(more)
    assert int(rejected.replace(",", "")) > 1000
    assert none == "0"
    assert int(over.rstrip("%")) > 90


def test_knobs_are_found_and_a_report_is_written(tmp_path):
    """
    The chosen ones keep the budget on the part that was not searched.
    """
    pytest.importorskip("matplotlib")
    text = shown("knobs.py", str(tmp_path / "report.html"))

    assert "it holds there too" in text
    assert "cheaper-algo = " in text
    assert (tmp_path / "report.html").read_text(encoding="utf-8").endswith("</html>\n")


@pytest.mark.parametrize("name", ["flapping.py", "freeze.py"])
def test_the_readme_shows_what_the_script_prints(name):
    """
    Its table stands there as it is; figures of `target` may be a little older.
    """
    for line in table_of(shown(name)).splitlines():
        assert line in README or line.startswith("target")


def test_the_rule_of_the_page_on_the_lab_can_be_tried(tmp_path):
    """
    As it stands there.
    """
    page = (CASES.parents[1] / "docs" / "lab.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(# rule\.py\n.*?)```", page, re.DOTALL)[1]
    (tmp_path / "rule.py").write_text(code, encoding="utf-8")

    found = subprocess.run(
        [sys.executable, "-m", "uwoffload", "lab", "run", "rule.py:half_idle", "--horizon", "60"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (found.returncode, found.stderr) == (0, "")
    assert "\nrule.py:half_idle" in found.stdout


def test_every_script_has_its_words():
    """
    In the README of the folder.
    """
    for path in CASES.glob("*.py"):
        assert f"({path.name})" in README
