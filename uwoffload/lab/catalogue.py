"""Named shapes of load, all at the mean load that is asked for.

A shape fits any horizon: where an hour is asked for, a "day" is half of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidArgument
from . import bursts, rates
from .arrivals import Batches, Jobs, Paced, Poisson, Process, Rate
from .loads import CHUNK_REQUESTS, PATH, SECOND, Load, LoadChunks, Streams, generate
from .services import Law, Lognormal

HORIZON_US = 3_600 * SECOND
MEAN_LOAD = 4.0
MEAN_SERVICE_US = 100_000

Make = Callable[[np.random.Generator, int], Process]


@dataclass(frozen=True)
class Shape:
    """One line of the catalogue; called, it draws the load."""

    name: str
    stationary: bool
    shows: str
    make: Make

    @property
    def kind(self) -> str:
        return "stationary" if self.stationary else "non-stationary"

    def __call__(
        self,
        seed: int = 0,
        mean_load: float = MEAN_LOAD,
        horizon_us: int = HORIZON_US,
        *,
        law: Law | None = None,
        contention: float = 0.0,
    ) -> Load:
        drawn = self.chunks(seed, mean_load, horizon_us, law=law, contention=contention)
        return drawn.load()

    def chunks(
        self,
        seed: int = 0,
        mean_load: float = MEAN_LOAD,
        horizon_us: int = HORIZON_US,
        *,
        law: Law | None = None,
        contention: float = 0.0,
        chunk_requests: int = CHUNK_REQUESTS,
    ) -> LoadChunks:
        """The same in pieces, for horizons too long for two arrays."""
        if not isinstance(horizon_us, int | np.integer) or horizon_us < SECOND:
            raise InvalidArgument(f"horizon_us {horizon_us!r}: whole µs, a second at least")
        process = self.make(Streams(seed, self.name).generator(PATH), int(horizon_us))
        process.meta |= {"shape": self.name, "kind": self.kind}
        return generate(
            self.name,
            process,
            law or Lognormal(MEAN_SERVICE_US),
            mean_load=mean_load,
            seed=seed,
            contention=contention,
            chunk_requests=chunk_requests,
        )


Drawn = Callable[[np.random.Generator, float], Rate]


def _poisson(rate: Drawn) -> Make:
    """Poisson arrivals of a rate that is made for a generator and a horizon in seconds."""
    return lambda rng, horizon_us: Poisson(rate(rng, horizon_us / SECOND), horizon_us)


def _daily(rng: np.random.Generator, h: float) -> Rate:
    day = min(rates.DAY_S, h / 2)
    return rates.wave(daily=0.7, day_s=day) * bursts.noise(rng, h, sigma=0.1, step_s=day / 288)


def _weekly(rng: np.random.Generator, h: float) -> Rate:
    week = min(rates.WEEK_S, h)
    wave = rates.wave(daily=0.6, weekly=0.3, day_s=week / 7)
    return wave * bursts.noise(rng, h, sigma=0.1, step_s=week / 2016)


def _crowd(h: float, *, at: float = 1 / 3, peak: float = 10.0) -> Rate:
    rise, decay = min(30.0, h / 60), min(300.0, h / 12)
    return rates.flash_crowd(h * at, rise_s=rise, peak=peak, decay_s=decay)


def _square(_: np.random.Generator, h: float) -> Rate:
    return rates.square(h, period_s=min(600.0, h / 6))


def _mmpp(rng: np.random.Generator, h: float) -> Rate:
    high = min(30.0, h / 60)
    return bursts.mmpp(rng, h, burst=4.0, high_s=high, low_s=5 * high)


def _jobs(_: np.random.Generator, horizon_us: int) -> Process:
    period = min(60.0, horizon_us / SECOND / 10)
    return Jobs(rates.constant(), horizon_us, period_s=period, share=0.5, jitter_s=period / 30)


def _grid(h: float) -> float:
    return max(h / bursts.STEPS, 1.0)


_SHAPES = (
    Shape(
        "steady",
        True,
        "independent users at a constant rate: whatever moves here is flapping",
        _poisson(lambda *_: rates.constant()),
    ),
    Shape(
        "paced",
        True,
        "one request after the other as from a metronome: the least slack that is enough",
        lambda _, horizon_us: Paced(horizon_us),
    ),
    Shape(
        "batches",
        True,
        "pages that ask for several things at once: bursts shorter than any tick",
        lambda _, horizon_us: Batches(rates.constant(), horizon_us, size=4.0),
    ),
    Shape("daily-wave", False, "day and night: how closely the pool follows", _poisson(_daily)),
    Shape("weekly-wave", False, "seven days of different height", _poisson(_weekly)),
    Shape("mmpp", False, "calm and bursts in turn, without warning", _poisson(_mmpp)),
    Shape(
        "flash-crowd",
        False,
        "ten times as much within half a minute: how fast the pool grows",
        _poisson(lambda _, h: _crowd(h)),
    ),
    Shape(
        "daily-wave-crowd",
        False,
        "a crowd on top of the day's wave: speed without waste",
        _poisson(lambda rng, h: _daily(rng, h) * _crowd(h, at=0.6, peak=6.0)),
    ),
    Shape("periodic-jobs", False, "half of the work comes at each full minute", _jobs),
    Shape(
        "self-similar",
        False,
        "users that are on and off for Pareto times: bursts at every scale",
        _poisson(lambda rng, h: bursts.on_off(rng, h, step_s=_grid(h))),
    ),
    Shape(
        "cascade",
        False,
        "b-model: quiet and wild minutes side by side",
        _poisson(lambda rng, h: bursts.b_model(rng, h, p=0.65, step_s=_grid(h))),
    ),
    Shape(
        "fractional-noise",
        False,
        "long memory: a rate that wanders off and stays there",
        _poisson(lambda rng, h: bursts.fractional(rng, h, hurst=0.85, step_s=_grid(h))),
    ),
    Shape(
        "step",
        False,
        "four times as much from one moment on: the time to scale",
        _poisson(lambda _, h: rates.step(h / 3)),
    ),
    Shape(
        "ramp",
        False,
        "slow growth to four times: is the pool always late?",
        _poisson(lambda _, h: rates.ramp(h / 4, 3 * h / 4)),
    ),
    Shape("square", False, "low and high in turn: is stopping worth it?", _poisson(_square)),
    Shape(
        "spike",
        False,
        "ten times as much for some seconds: over before a worker is ready",
        _poisson(lambda _, h: rates.spike(h / 2, width_s=min(10.0, h / 60))),
    ),
    Shape(
        "silence",
        False,
        "nothing at all for a while, then everything again",
        _poisson(lambda _, h: rates.silence(h / 3, width_s=h / 3)),
    ),
)


def shapes(kind: str | None = None) -> dict[str, Shape]:
    """The catalogue by name; kind "stationary" or "non-stationary" gives that half."""
    if kind not in (None, "stationary", "non-stationary"):
        raise InvalidArgument(f"kind {kind!r}: stationary or non-stationary")
    return {shape.name: shape for shape in _SHAPES if kind in (None, shape.kind)}
