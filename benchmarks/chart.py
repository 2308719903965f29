"""
The figures as a picture: how much of its bar each one uses.
"""

from collections.abc import Sequence
from pathlib import Path

from method import Failed, Figure

MET, MISSED, INK, PALE = "#2f7d5b", "#c2412d", "#22272e", "#d9dde2"
ROW_INCHES = 0.46
USED_MAX = 1.6  # longer bars are cut


def number(value: float) -> str:
    """Three digits that matter, no exponent."""
    for limit, digits in ((100, 0), (10, 1), (0.1, 2), (0, 3)):
        if value >= limit:
            return f"{value:,.{digits}f}"
    return f"{value:.3f}"


def with_unit(value: float, unit: str) -> str:
    return f"{number(value)}{'x' if unit == 'x' else f' {unit}' if unit else ''}"


def label(figure: Figure) -> str:
    return f"{figure.group}; {figure.text}" if figure.group else figure.text


def part_used(figure: Figure) -> tuple[float, float]:
    """How much of its bar a figure uses, and the spread of that; 1 is the bar, less is better."""
    assert figure.bar is not None
    if figure.at_least:
        used = figure.bar / figure.value
        return used, used * figure.spread / figure.value
    if not figure.bar:
        return (USED_MAX if figure.value else 0.0), 0.0
    return figure.value / figure.bar, figure.spread / figure.bar


def draw(figures: Sequence[Figure], path: Path, caption: str) -> None:
    """Write a PNG.  Figures without a bar are left out."""
    try:
        import matplotlib
    except ImportError:
        raise Failed("a chart needs matplotlib: pip install .[plot]") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [figure for figure in figures if figure.bar is not None][::-1]
    picture, axes = pyplot.subplots(figsize=(10, 1.5 + ROW_INCHES * len(shown)), dpi=140)
    for row, figure in enumerate(shown):
        assert figure.bar is not None
        used, spread = part_used(figure)
        color = MET if figure.met else MISSED
        axes.barh(row, min(used, USED_MAX), height=0.56, color=color, zorder=2)
        axes.plot(
            [max(used - spread, 0), min(used + spread, USED_MAX)],
            [row, row],
            color=INK,
            linewidth=1.4,
            zorder=3,
        )
        axes.text(
            1.03,
            row,
            f"{with_unit(figure.value, figure.unit)}  of  {with_unit(figure.bar, figure.unit)}",
            transform=axes.get_yaxis_transform(),
            va="center",
            color=color if not figure.met else INK,
            fontsize=9,
        )
    axes.axvline(1, color=INK, linewidth=1.4, linestyle="--", zorder=4)
    axes.text(1, len(shown) - 0.35, "bar", ha="center", va="bottom", color=INK, fontsize=9)
    axes.set_yticks(range(len(shown)), [label(figure) for figure in shown], fontsize=9, color=INK)
    widest = max([part_used(figure)[0] for figure in shown], default=1)
    axes.set_xlim(0, min(max(widest * 1.05, 1.15), USED_MAX))
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xlabel("part of the bar that is used: shorter is better", fontsize=9, color=INK)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.tick_params(length=0, labelcolor=INK, labelsize=9)
    axes.grid(axis="x", color=PALE, zorder=0)
    for side in axes.spines.values():
        side.set_visible(False)
    picture.text(0.01, 0.012, caption, fontsize=7.5, color="#6b7480")
    picture.suptitle("uwoffload: measured against its bars", x=0.01, ha="left", color=INK)
    picture.savefig(path, bbox_inches="tight", facecolor="white")
    pyplot.close(picture)
