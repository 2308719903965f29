"""Figures of matplotlib as SVG inside a page, which gives them their colours."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import UwoffloadError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Placeholders that matplotlib draws with; the page gives them their colours, light and dark.
INK, PALE, GROUND = "#22272e", "#d9dde2", "#fefefe"
# Far apart for people who see no red, no green or no blue, too, so that some are dark, some pale.
SERIES = ("#34468f", "#a82d15", "#00a85e", "#dc639e", "#ba8d02", "#6306bf", "#6a2e4b", "#788cf7")
MARKERS = "osD^vPX*"
DASHES: Any = ("-", (0, (5, 2)), (0, (5, 1.5, 1, 1.5)), (0, (1, 1.3)))
NAME_WIDTH = 34  # of a rule in a picture
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


@dataclass(frozen=True)
class Look:
    """What a rule looks like, the same in all pictures of a report."""

    name: str  # short enough for a picture
    color: str
    marker: str
    filled: bool
    dashes: Any

    @property
    def line(self) -> dict[str, Any]:
        """For `plot`, over time."""
        return {"color": self.color, "linestyle": self.dashes, "label": self.name}

    @property
    def mark(self) -> dict[str, Any]:
        """For `plot`, points alone."""
        face = self.color if self.filled else GROUND
        drawn = {"marker": self.marker, "markerfacecolor": face, "linestyle": "none"}
        return {**drawn, "color": self.color, "label": self.name}


def looks(rules: Iterable[str]) -> dict[str, Look]:
    """Two rules of an algorithm share a colour: one filled and solid, the next open and dashed."""
    found: dict[str, Look] = {}
    colors: dict[tuple[str, int], int] = {}
    seen: dict[str, int] = {}
    for rule in dict.fromkeys(rules):
        family = rule.partition(":")[0]
        nth = seen[family] = seen.get(family, -1) + 1
        color = colors.setdefault((family, nth // 2), len(colors))
        again, color = divmod(color, len(SERIES))  # beyond the colours other marks take turns
        found[rule] = Look(
            short(rule, len(found) + 1),
            SERIES[color],
            MARKERS[(color + 3 * again) % len(MARKERS)],
            filled=nth % 2 == 0,
            dashes=DASHES[(2 * again + nth % 2) % len(DASHES)],
        )
    return found


def short(rule: str, number: int) -> str:
    """A long name becomes that of its algorithm, with its number."""
    if len(rule) <= NAME_WIDTH:
        return rule
    family = rule.partition(":")[0]
    most = NAME_WIDTH - 6
    return f"{family if len(family) <= most else '…' + family[1 - most :]} #{number}"
