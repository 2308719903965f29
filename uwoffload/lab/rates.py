"""Rates over time that are known beforehand: waves, steps, ramps, crowds.

All are relative; see `arrivals.Rate`.  Times in seconds.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import InvalidArgument
from .arrivals import Rate
from .loads import Floats

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S


def positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise InvalidArgument(f"{name} {value!r}: above 0")


def level(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise InvalidArgument(f"{name} {value!r}: a relative rate, from 0 up")


def _array(*values: float) -> Floats:
    return np.asarray(values, np.float64)


def path(edges: Floats, values: Floats, meta: dict[str, object] | None = None) -> Rate:
    """values[i] from edges[i] on, until the next edge; the first edge is 0."""
    if edges.size != values.size or not edges.size or edges[0] != 0:
        raise InvalidArgument("a path has as many values as edges, and starts at 0 s")

    def at(t: Floats) -> Floats:
        found: Floats = values[np.searchsorted(edges, t, side="right") - 1]
        return found

    return Rate(at, edges, dict(meta or {}))


def constant() -> Rate:
    return Rate(lambda t: np.ones_like(t), np.zeros(0))


def wave(
    *,
    daily: float = 0.7,
    weekly: float = 0.0,
    day_s: float = DAY_S,
    week_s: float | None = None,
    phase: float = -math.pi / 2,
) -> Rate:
    """1 + daily sin(2 pi t / day + phase) + weekly sin(2 pi t / week).

    It starts at the low of the day.  daily + weekly may not be above 1.
    """
    week_s = 7 * day_s if week_s is None else week_s
    positive(day_s=day_s, week_s=week_s)
    level(daily=daily, weekly=weekly)
    if daily + weekly > 1:
        raise InvalidArgument(f"daily {daily:g} + weekly {weekly:g}: up to 1 together")

    def at(t: Floats) -> Floats:
        sum_ = 1 + daily * np.sin(2 * math.pi / day_s * t + phase)
        return np.maximum(sum_ + weekly * np.sin(2 * math.pi / week_s * t), 0.0)

    return Rate(at, np.zeros(0), {"day_s": day_s, "daily": daily, "weekly": weekly})


def step(at_s: float, *, before: float = 1.0, after: float = 4.0) -> Rate:
    """`before` until at_s, then `after`."""
    positive(at_s=at_s)
    level(before=before, after=after)
    return path(_array(0, at_s), _array(before, after), {"step_s": at_s})


def spike(at_s: float, *, width_s: float = 10.0, low: float = 1.0, high: float = 10.0) -> Rate:
    """`low`, but `high` for width_s from at_s on."""
    positive(at_s=at_s, width_s=width_s)
    level(low=low, high=high)
    return path(_array(0, at_s, at_s + width_s), _array(low, high, low), {"spike_s": at_s})


def silence(at_s: float, *, width_s: float) -> Rate:
    """Constant, but nothing at all for width_s from at_s on."""
    return spike(at_s, width_s=width_s, low=1.0, high=0.0)


def square(
    horizon_s: float,
    *,
    period_s: float,
    low: float = 1.0,
    high: float = 4.0,
    duty: float = 0.5,
) -> Rate:
    """In every period `low` first, then `high` for the share `duty` of it."""
    positive(horizon_s=horizon_s, period_s=period_s)
    level(low=low, high=high)
    if not 0 < duty < 1:
        raise InvalidArgument(f"duty {duty!r}: a share of the period, above 0, below 1")
    starts = np.arange(math.ceil(horizon_s / period_s)) * period_s
    edges = np.stack([starts, starts + (1 - duty) * period_s], axis=1).ravel()
    values = np.tile(_array(low, high), starts.size)
    return path(edges, values, {"period_s": period_s, "duty": duty})


def ramp(begin_s: float, end_s: float, *, before: float = 1.0, after: float = 4.0) -> Rate:
    """`before` until begin_s, a straight line to end_s, `after` from there on."""
    positive(end_s=end_s, width_s=end_s - begin_s)
    level(before=before, after=after)
    edges, values = _array(begin_s, end_s), _array(before, after)
    return Rate(lambda t: np.interp(t, edges, values), edges, {"ramp_s": [begin_s, end_s]})


def flash_crowd(
    at_s: float,
    *,
    rise_s: float = 30.0,
    peak: float = 10.0,
    decay_s: float = 300.0,
) -> Rate:
    """1, then in rise_s up to `peak` in a line, then back: 1 + (peak - 1) exp(-(t - top) / decay).

    Usual: rise_s 10..60, peak 5..50.
    """
    positive(at_s=at_s, rise_s=rise_s, decay_s=decay_s)
    level(peak=peak)
    top_s = at_s + rise_s

    def at(t: Floats) -> Floats:
        rise = np.clip((t - at_s) / rise_s, 0.0, 1.0)
        fall = np.exp(-np.maximum(t - top_s, 0.0) / decay_s)
        return 1 + (peak - 1) * rise * fall

    meta: dict[str, object] = {"crowd_s": at_s, "rise_s": rise_s, "peak": peak, "decay_s": decay_s}
    return Rate(at, _array(at_s, top_s), meta)
