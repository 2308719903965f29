"""A page of HTML that needs nothing beside itself, readable in light and in dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from .svg import SERIES
from .tables import is_number

DARK = ("#349ffb", "#d82048", "#56f890", "#e857a6", "#d69636", "#734fff", "#bdeed8", "#ffe337")

NO_BREAK = "\N{NON-BREAKING HYPHEN}"

CSS = """
:root { --ink: #22272e; --soft: #57606a; --pale: #d9dde2; --ground: #fefefe; --panel: #f4f6f8;
 LIGHT_SERIES }
@media (prefers-color-scheme: dark) {
:root { --ink: #e3e8ee; --soft: #a3adb8; --pale: #3b434d; --ground: #14181d; --panel: #1d232a;
 DARK_SERIES } }
:root { color-scheme: light dark; }
* { box-sizing: border-box; }
body { margin: 2rem auto; padding: 0 1.25rem; max-width: 80rem; background: var(--ground);
 color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; }
h1, h2, p, figcaption, summary { overflow-wrap: anywhere; }
p, dl { max-width: 50rem; }
p.note { color: var(--soft); }
svg { width: 100%; min-width: 38rem; height: auto; display: block; }
svg text { font-family: system-ui, sans-serif !important; }
figure { margin: 1rem 0; }
figcaption { color: var(--soft); font-size: .9rem; max-width: 50rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .82rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .45rem; text-align: left; border-bottom: 1px solid var(--pale); }
td { white-space: nowrap; }
td:first-child { white-space: normal; min-width: 9rem; }
td small { display: block; color: var(--soft); font-size: .72rem; font-weight: 400; }
th { font-weight: 600; vertical-align: bottom; }
.n { text-align: right; }
tr.best td:first-child { font-weight: 600; }
pre { background: var(--panel); padding: .8rem 1rem; font-size: .86rem; white-space: pre-wrap;
 overflow-wrap: anywhere; }
dt { font-weight: 600; margin-top: .4rem; }
dd { margin: 0; overflow-wrap: anywhere; }
summary { cursor: pointer; font-size: 1.2rem; font-weight: 600; margin: 1.6rem 0 .4rem; }
"""


def css() -> str:
    """The style, with the colours of both schemes."""
    text = CSS
    for name, colors in (("LIGHT_SERIES", SERIES), ("DARK_SERIES", DARK)):
        variables = " ".join(f"--c{index}: {color};" for index, color in enumerate(colors))
        text = text.replace(name, variables)
    return text


def page(title: str, parts: Iterable[str]) -> str:
    """The whole of it."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{css()}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n" + "\n".join(parts) + "\n</body>\n</html>\n"
    )


def note(text: str) -> str:
    """A paragraph."""
    return f'<p class="note">{breakable(text)}</p>'


def heading(text: str) -> str:
    """Of a section."""
    return f"<h2>{breakable(text)}</h2>"


def breakable(text: str) -> str:
    """A line may end behind each comma, as of a rule with many knobs."""
    return escape(text).replace(",", ",<wbr>")


def figure(svg: str, caption: str) -> str:
    """A picture with its words."""
    drawn = f'<div class="wide">\n{svg}\n</div>'
    return f"<figure>\n{drawn}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"


def table(head: Sequence[str], rows: Sequence[Sequence[object]], best: Sequence[bool]) -> str:
    """Rows; those that are best stand out.  A second line of the name is set small."""
    numeric = [all(is_number(row[i]) for row in rows) for i in range(len(head))]
    kinds = [' class="n"' if right else "" for right in numeric]
    whole = [
        escape(cell.replace("/ ", "/\N{NO-BREAK SPACE}").replace("-", NO_BREAK)) for cell in head
    ]
    top = "".join(f"<th{kind}>{cell}</th>" for cell, kind in zip(whole, kinds, strict=True))
    lines = []
    for row, stands_out in zip(rows, best, strict=True):
        name, newline, whole_name = breakable(str(row[0])).partition("\n")
        small = f"<small>{whole_name}</small>" if newline else ""
        shown = [name + small, *(escape(str(cell)) for cell in row[1:])]
        cells = "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(shown, kinds, strict=True))
        kind = ' class="best"' if stands_out else ""
        lines.append(f"<tr{kind}>{cells}</tr>")
    return (
        f'<div class="wide"><table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody></table></div>"
    )


def facts(pairs: Mapping[str, str]) -> str:
    """Names and values."""
    return (
        "<dl>"
        + "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs.items())
        + "</dl>"
    )


def code(text: str) -> str:
    """As it stands."""
    return f"<pre>{escape(text)}</pre>"


def folded(summary: str, parts: Iterable[str], *, is_open: bool) -> str:
    """A section that can be folded away."""
    inside = "\n".join(parts)
    opened = " open" if is_open else ""
    return f"<details{opened}><summary>{escape(summary)}</summary>\n{inside}\n</details>"
