"""Rates over time that are drawn: Markov-modulated, self-similar, noisy.

The rate itself is random here, the arrivals are drawn from it afterwards (a
Cox process).  Every function takes the generator for the path of the rate.
"""

from __future__ import annotations

import math

import numpy as np

from ..errors import InvalidArgument
from .arrivals import Rate
from .loads import Floats
from .rates import level, path, positive

STEPS = 1 << 22  # of a path: more than a month of seconds


def _steps(horizon_s: float, step_s: float) -> int:
    positive(horizon_s=horizon_s, step_s=step_s)
    count = math.ceil(horizon_s / step_s)
    if count > STEPS:
        raise InvalidArgument(
            f"step_s {step_s:g}: {count} steps, at most {STEPS}; take longer ones"
        )
    return count


def _stepped(values: Floats, step_s: float, meta: dict[str, object]) -> Rate:
    return path(np.arange(values.size, dtype=np.float64) * step_s, values, meta)


def mmpp(
    rng: np.random.Generator,
    horizon_s: float,
    *,
    burst: float = 4.0,
    high_s: float = 30.0,
    low_s: float = 270.0,
) -> Rate:
    """Two rates in turn, with exponential sojourns of mean high_s and low_s (MMPP-2).

    `burst` = high rate over the mean; the low one is (1 - p burst) / (1 - p) with
    p = high_s / (high_s + low_s), so burst is at most 1 / p.  It starts in
    either state with its stationary probability.
    """
    positive(horizon_s=horizon_s, burst=burst, high_s=high_s, low_s=low_s)
    p = high_s / (high_s + low_s)
    if not 1 <= burst <= 1 / p:
        raise InvalidArgument(
            f"burst {burst!r}: from 1 to {1 / p:g} (the low rate would be below 0)"
        )
    levels = np.asarray([(1 - p * burst) / (1 - p), burst])
    state = int(rng.random() < p)
    edges, values, now = [0.0], [float(levels[state])], 0.0
    while True:
        now += rng.exponential((low_s, high_s)[state])
        if now >= horizon_s:
            meta: dict[str, object] = {"burst": burst, "high_s": high_s, "low_s": low_s}
            return path(np.asarray(edges), np.asarray(values), meta)
        state = 1 - state
        edges.append(now)
        values.append(float(levels[state]))


def noise(
    rng: np.random.Generator, horizon_s: float, *, sigma: float = 0.2, step_s: float = 60.0
) -> Rate:
    """A lognormal factor of mean 1 for every step, each by itself."""
    level(sigma=sigma)
    values = np.exp(rng.normal(-(sigma**2) / 2, sigma, _steps(horizon_s, step_s)))
    return _stepped(values, step_s, {"noise": sigma})


def on_off(
    rng: np.random.Generator,
    horizon_s: float,
    *,
    sources: int = 50,
    alpha: float = 1.4,
    least_s: float = 1.0,
    step_s: float = 1.0,
) -> Rate:
    """How many of the sources are on, on and off taking turns for Pareto times.

    P(period > t) = (least_s / t)^alpha; many of them together are self-similar with
    H = (3 - alpha) / 2 above least_s (Willinger, Taqqu, Sherman, Wilson 1997).
    """
    positive(least_s=least_s)
    if not 1 < alpha < 2:
        raise InvalidArgument(f"alpha {alpha!r}: above 1, below 2")
    if sources < 1:
        raise InvalidArgument(f"sources {sources!r}: from 1 up")
    grid = np.arange(_steps(horizon_s, step_s) + 1) * step_s
    total = np.zeros(grid.size - 1)
    periods = math.ceil(grid[-1] / least_s / (alpha / (alpha - 1)) * 1.1) + 100
    for _ in range(sources):
        ends = _renewals(rng, grid[-1], periods, alpha, least_s)
        on = np.arange(ends.size) % 2 == rng.integers(2)
        lengths = np.diff(ends, prepend=0.0)
        spent = np.concatenate([[0.0], np.cumsum(lengths * on)])
        total += np.diff(np.interp(grid, np.concatenate([[0.0], ends]), spent))
    values = total / step_s + 1e-3  # never quite silent
    meta: dict[str, object] = {"alpha": alpha, "hurst": (3 - alpha) / 2, "sources": sources}
    return _stepped(values, step_s, meta)


def _renewals(
    rng: np.random.Generator, until_s: float, about: int, alpha: float, least_s: float
) -> Floats:
    """The ends of Pareto periods, the last one past until_s.

    The first is what is left of a period under way: uniform in one of those that
    a moment falls into, whose lengths have the exponent alpha - 1.
    """
    first = least_s * (1 - rng.random()) ** (-1 / (alpha - 1)) * rng.random()
    ends = np.asarray([first])
    while ends[-1] < until_s:
        more = least_s * (1 - rng.random(about)) ** (-1 / alpha)
        ends = np.concatenate([ends, ends[-1] + np.cumsum(more)])
    return ends[: int(np.searchsorted(ends, until_s)) + 1]


def b_model(
    rng: np.random.Generator, horizon_s: float, *, p: float = 0.7, step_s: float = 1.0
) -> Rate:
    """A cascade: halve again and again, p of the load to one half, 1 - p to the other.

    Which half, is tossed each time (Wang et al. 2002).  p 0.5 is even, 0.8 wild.
    """
    if not 0.5 <= p < 1:
        raise InvalidArgument(f"p {p!r}: from 0.5, below 1")
    steps = _steps(horizon_s, step_s)
    values = np.ones(1)
    for _ in range(max(steps - 1, 0).bit_length()):
        left = np.where(rng.random(values.size) < 0.5, p, 1 - p)
        values = np.stack([2 * left * values, 2 * (1 - left) * values], axis=1).ravel()
    width = horizon_s / values.size
    return _stepped(values, width, {"p": p})


def fractional(
    rng: np.random.Generator,
    horizon_s: float,
    *,
    hurst: float = 0.8,
    sigma: float = 0.5,
    step_s: float = 1.0,
) -> Rate:
    """exp(sigma X - sigma^2 / 2) with X fractional Gaussian noise of that Hurst exponent.

    Exact by circulant embedding (Davies and Harte 1987): covariance of X at lag k
    is (|k+1|^2H - 2 |k|^2H + |k-1|^2H) / 2.
    """
    if not 0.5 <= hurst < 1:
        raise InvalidArgument(f"hurst {hurst!r}: from 0.5, below 1")
    level(sigma=sigma)
    count = _steps(horizon_s, step_s)
    noise_ = _gaussian(rng, count, hurst)
    meta: dict[str, object] = {"hurst": hurst, "sigma": sigma}
    return _stepped(np.exp(sigma * noise_ - sigma**2 / 2), step_s, meta)


def _gaussian(rng: np.random.Generator, count: int, hurst: float) -> Floats:
    size = 1 << max(count - 1, 1).bit_length()
    lags = np.arange(size + 1, dtype=np.float64)
    power = 2 * hurst
    row = (np.abs(lags + 1) ** power - 2 * lags**power + np.abs(lags - 1) ** power) / 2
    circle = np.concatenate([row, row[-2:0:-1]])
    weights = np.maximum(np.fft.rfft(circle).real, 0.0)
    normal = rng.standard_normal((2, weights.size))
    waves = normal[0] + 1j * normal[1]
    waves[[0, -1]] = normal[0, [0, -1]] * math.sqrt(2)
    spectrum = np.sqrt(weights / 2) * waves
    return np.asarray(np.fft.irfft(spectrum, 2 * size)[:count] * math.sqrt(2 * size), np.float64)
