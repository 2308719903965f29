"""The pictures of a report."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .cases import Case
from .charts import bins
from .fronts import Point
from .loads import SECOND, Load
from .rules import Contender
from .simulate import Pool, simulate
from .svg import INK, Look, drawing, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .compare import Comparison

BINS = 400  # of a curve: more than a screen has columns
WIDTH = 9.6  # inches
LEAST_HARM = 1e-5  # shares below are drawn as none


@dataclass(frozen=True)
class Run:
    """One rule on one load, watched: `result` has its series, and its waits if they were kept."""

    rule: str
    result: Any
    arrivals: Any  # us, where `result.waits` is there
    horizon_s: float


def watch(case: Case, rule: Contender, pool: Pool, wait_target_us: int) -> Run:
    """Run it with everything that there is to see."""
    load = case.make()
    result = simulate(
        load,
        rule.build(pool),
        pool,
        wait_target_us=wait_target_us,
        seed=case.seed,
        waits=isinstance(load, Load),
        series=True,
    )
    arrivals = load.arrivals if isinstance(load, Load) else None
    return Run(str(rule), result, arrivals, load.horizon_us / SECOND)


def timeline(runs: Sequence[Run], wait_target_us: int, looks: Mapping[str, Look], name: str) -> str:
    """Workers against demand, a panel per rule; below, the queues and waits of all."""
    rows = len(runs) + 2
    with drawing(WIDTH, 1.35 * len(runs) + 4.6) as figure:
        heights = [1.0] * len(runs) + [1.3, 1.3]
        panels = figure.subplots(rows, 1, sharex=True, squeeze=False, height_ratios=heights)
        axes = list(panels[:, 0])
        unit, label = time_unit(max(run.horizon_s for run in runs))
        top = max(
            max(float(np.max(bins(run.result.series.ready, BINS))) for run in runs),
            max(float(np.quantile(bins(run.result.series.demand, BINS), 0.995)) for run in runs),
        )
        for axis, run in zip(axes, runs, strict=False):
            look = looks[run.rule]
            draw_workers(axis, run, look, unit, top)
            axis.set_ylabel("workers")
            draw_queue(axes[-2], run, look, unit)
            draw_waits(axes[-1], run, look, unit)
        axes[-2].set_ylabel("requests waiting\nat the checks")
        axes[-2].set_yscale("symlog", linthresh=10)
        axes[-2].set_ylim(bottom=0)
        axes[-2].yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes[-1].set_yscale("log")
        axes[-1].yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value > 1 else "≤ 1")
        axes[-1].set_ylabel("p99 wait, ms")
        axes[-1].axhline(
            max(wait_target_us / 1000, 1),
            color=INK,
            linewidth=1,
            linestyle=":",
            label="wait target",
        )
        axes[-1].set_xlabel(f"time, {label}")
        axes[-1].set_xlim(0, max(run.horizon_s for run in runs) / unit)
        handles, labels = axes[-1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4))
        figure.align_ylabels(axes)
    return svg(figure, name)


def draw_workers(axis: Axes, run: Run, look: Look, unit: float, top: float) -> None:
    """Ready workers as an area, those that start on top of it, demand as a line."""
    series = run.result.series
    ready, demand = bins(series.ready, BINS), bins(series.demand, BINS)
    starting = bins(series.starting, BINS)
    times = middles(run.horizon_s, unit)
    color = look.color
    axis.fill_between(times, ready, color=color, alpha=0.3, linewidth=0, step="mid")
    axis.fill_between(
        times, ready, np.add(ready, starting), color=color, alpha=0.75, linewidth=0, step="mid"
    )
    axis.plot(times, ready, color=color, drawstyle="steps-mid", linewidth=1)
    axis.plot(times, demand, color=INK, linewidth=0.8)
    axis.set_ylim(0, top * 1.08)
    axis.set_title(look.name, loc="left", fontsize=9, fontweight="bold", color=color)


def draw_queue(axis: Axes, run: Run, look: Look, unit: float) -> None:
    """The most of each bin."""
    longest = bins(run.result.series.queue, BINS // 2, np.max)
    axis.plot(middles(run.horizon_s, unit, BINS // 2), longest, linewidth=1, **look.line)


def draw_waits(axis: Axes, run: Run, look: Look, unit: float) -> None:
    """p99 of the requests that arrive in each part of the time; 1 ms stands for all that is less.

    Without the waits of single requests, the age of the oldest that waits.
    """
    if run.result.waits is None:
        values = [max(value / 1000, 1.0) for value in bins(run.result.series.oldest, BINS, np.max)]
        times = middles(run.horizon_s, unit)
    else:
        values, times = [], []
        edges = np.linspace(0, run.horizon_s * 1e6, BINS // 2 + 1)
        at = np.searchsorted(run.arrivals, edges)
        for first, last, left, right in zip(at, at[1:], edges, edges[1:], strict=False):
            waits = run.result.waits[first:last]
            waits = waits[waits >= 0]
            values.append(max(float(np.quantile(waits, 0.99)) / 1000, 1.0) if len(waits) else 1.0)
            times.append((left + right) / 2e6 / unit)
    axis.plot(times, values, linewidth=1, **look.line)


def middles(horizon_s: float, unit: float, count: int = BINS) -> list[float]:
    """Of the bins."""
    return [(index + 0.5) * horizon_s / count / unit for index in range(count)]


def time_unit(seconds: float) -> tuple[float, str]:
    """Seconds per unit of the axis, and its name."""
    for unit, name, most in ((1, "s", 600), (60, "minutes", 10_800), (3600, "hours", 259_200)):
        if seconds <= most:
            return unit, name
    return 86_400, "days"


def pareto(
    comparison: Comparison,
    load: str,
    floor: Mapping[str, float],
    looks: Mapping[str, Look],
    name: str,
) -> str:
    """Cost against harm of each rule, with intervals; the bounds as lines."""
    from .compare import COST, HARM

    with drawing(WIDTH, height(len(comparison.rules) + len(floor) + 1)) as figure:
        axis = figure.subplots()
        best = comparison.front(load)
        axis.plot(
            [point.cost for point in best],
            [shown(point.harm) for point in best],
            color=INK,
            linewidth=1,
            drawstyle="steps-post",
            label="front",
            zorder=2,
        )
        for rule in comparison.rules:
            cost = comparison.mean(load, rule, COST)
            harm = comparison.mean(load, rule, HARM)
            axis.errorbar(
                cost.mean,
                shown(harm.mean),
                xerr=[[cost.mean - cost.low], [cost.high - cost.mean]],
                yerr=[[shown(harm.mean) - shown(harm.low)], [shown(harm.high) - shown(harm.mean)]],
                markersize=7,
                linewidth=1.2,
                zorder=3,
                **looks[rule].mark,
            )
        for (text, value), style in zip(
            floor.items(), (":", "--", "-.", (0, (1, 4)), (0, (6, 2))), strict=False
        ):
            axis.axvline(value, color=INK, linewidth=0.9, linestyle=style, label=text, alpha=0.75)
        harm_axis(axis, (point.harm for point in comparison.points(load)))
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axis.set_xlabel("cost: worker-seconds")
        figure.legend(loc="outside right upper")
    return svg(figure, name)


def height(entries: int) -> float:
    """Of a figure with a legend of so many lines beside it, inches."""
    return max(4.2, 0.4 + 0.2 * entries)


def harm_axis(axis: Axes, harms: Iterable[float]) -> None:
    """A share, logarithmic where it is not none; the decades in which there is something."""
    known = [shown(harm) for harm in harms]
    low = 10.0 ** math.floor(math.log10(min(known)) + 1e-9)
    high = min(10.0 ** math.ceil(math.log10(max(known)) - 1e-9), 1.0)
    low = min(low, high / 10)
    axis.set_yscale("log")
    axis.set_ylim(low / 1.6, high * 1.3)
    ticks = [10.0**power for power in range(round(math.log10(low)), round(math.log10(high)) + 1)]
    names = ["none" if tick < 2 * LEAST_HARM else f"{tick:.2%}" for tick in ticks]
    axis.set_yticks(ticks, [re.sub(r"\.?0*%", " %", name) for name in names])
    axis.minorticks_off()
    axis.set_ylabel("requests over the wait target")


def shown(harm: float) -> float:
    """Where a share stands on the logarithmic axis."""
    return max(harm, LEAST_HARM)


def search(
    tried: Mapping[str, Sequence[Point]], chosen: Point, looks: Mapping[str, Look], name: str
) -> str:
    """Every setting that was tried, by algorithm, and the one that was chosen."""
    with drawing(WIDTH, height(len(tried) + 1)) as figure:
        axis = figure.subplots()
        for rule, points in tried.items():
            axis.plot(
                [point.cost for point in points],
                [shown(point.harm) for point in points],
                markersize=4,
                alpha=0.55,
                **looks[rule].mark,
            )
        axis.plot(
            chosen.cost,
            shown(chosen.harm),
            marker="o",
            markersize=13,
            markerfacecolor="none",
            markeredgecolor=INK,
            markeredgewidth=1.6,
            linestyle="none",
            label="chosen",
        )
        harm_axis(axis, (point.harm for points in tried.values() for point in points))
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axis.set_xlabel("cost on the part that was tuned on: worker-seconds")
        figure.legend(loc="outside right upper")
    return svg(figure, name)
