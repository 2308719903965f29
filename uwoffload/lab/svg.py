"""Figures of matplotlib as SVG inside a page, which gives them their colours."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import UwoffloadError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Placeholders that matplotlib draws with; the page gives them their colours, light and dark.
INK, PALE, GROUND = "#22272e", "#d9dde2", "#fefefe"
SERIES = ("#0b6fb8", "#d1560a", "#0a8f6c", "#a03c8f", "#b88a00", "#4a58c9", "#c23350", "#5d6b78")
MARKERS = "osD^vPX*"
STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": PALE,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "lines.linewidth": 1.3,
    "figure.constrained_layout.use": True,
}


@contextlib.contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """A figure in our style, so many inches; one line says how to get matplotlib."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "matplotlib":
            raise
        raise UwoffloadError("a report needs matplotlib: pip install 'uwoffload[lab]'") from None
    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width, height))


def svg(figure: Figure, name: str) -> str:
    """Text that can stand inside HTML: no address in it, its names unlike those of others."""
    import matplotlib

    text = io.StringIO()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return for_page(text.getvalue(), name)


def for_page(text: str, name: str) -> str:
    """Cut what only a file of its own needs; colours become the page's."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r'(id="|url\(#|href="#)', lambda found: f"{found[1]}{name}-", text)
    text = re.sub(r'(<svg)[^>]*?(viewBox="[^"]*")[^>]*>', r'\1 \2 role="img">', text, count=1)
    text = re.sub(r'\bd="[^"]*"', lambda path: re.sub(r"(\.\d)\d+", r"\1", path[0]), text)
    for index, color in enumerate(SERIES):
        text = text.replace(color, f"var(--c{index})")
    for color, variable in ((INK, "ink"), (PALE, "pale"), (GROUND, "ground")):
        text = text.replace(color, f"var(--{variable})")
    return text


def color_of(index: int) -> str:
    """Of the n-th rule, the same in all pictures."""
    return SERIES[index % len(SERIES)]


def dashes_of(index: int) -> str:
    """Rules beyond the number of colours are dashed."""
    return "-" if index < len(SERIES) else "--"
