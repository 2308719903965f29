"""What of the front page is made from the table of options; run this to write it anew."""

from __future__ import annotations

from pathlib import Path

from uwoffload.config import coming_from_uwsgi_markdown

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN = "<!-- coming from uWSGI: begin (made by tests/examples/front_page.py) -->\n"
END = "<!-- coming from uWSGI: end -->\n"


def made_anew(text: str) -> str:
    """The page with what lies between the marks as it should be."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md lacks {BEGIN if not begin else END}")
    return before + begin + coming_from_uwsgi_markdown() + end + after


if __name__ == "__main__":
    README.write_text(made_anew(README.read_text(encoding="utf-8")), encoding="utf-8")
