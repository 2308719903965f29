"""Laws of service times: how long a request keeps a worker busy.

Each is given its mean and keeps it exactly in expectation, so that two laws
compare at the same load.  `cv2`, the squared coefficient of variation, is what
queueing formulas ask for (Pollaczek-Khinchine: wait ~ (1 + cv2) / 2).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import InvalidArgument
from .loads import SECOND, Floats

PARETO_CAP_US = 60 * SECOND


@dataclass(frozen=True)
class Law(ABC):
    """A law of service times with mean mean_us."""

    mean_us: float
    name: ClassVar[str]

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean_us) and self.mean_us >= 1):
            raise InvalidArgument(f"mean_us {self.mean_us!r}: µs, from 1 up")

    @property
    @abstractmethod
    def cv2(self) -> float:
        """Variance over squared mean."""

    @abstractmethod
    def sample(self, rng: np.random.Generator, count: int) -> Floats:
        """Count service times in µs, not yet whole."""


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        raise InvalidArgument(f"{name} {value!r}: above {low:g}, below {high:g}")


@dataclass(frozen=True)
class Deterministic(Law):
    """Every request the same: cv2 = 0."""

    name: ClassVar[str] = "deterministic"

    @property
    def cv2(self) -> float:
        return 0.0

    def sample(self, rng: np.random.Generator, count: int) -> Floats:  # noqa: ARG002 - no chance
        return np.full(count, self.mean_us, np.float64)


@dataclass(frozen=True)
class Exponential(Law):
    """Memoryless: P(S > s) = exp(-s / mean), cv2 = 1."""

    name: ClassVar[str] = "exponential"

    @property
    def cv2(self) -> float:
        return 1.0

    def sample(self, rng: np.random.Generator, count: int) -> Floats:
        return rng.exponential(self.mean_us, count)


@dataclass(frozen=True)
class Lognormal(Law):
    """exp(mu + sigma Z) with mu = ln(mean) - sigma^2 / 2; cv2 = exp(sigma^2) - 1."""

    sigma: float = 1.0
    name: ClassVar[str] = "lognormal"

    def __post_init__(self) -> None:
        super().__post_init__()
        _within("sigma", self.sigma, 0, 5)

    @property
    def cv2(self) -> float:
        return math.expm1(self.sigma**2)

    def sample(self, rng: np.random.Generator, count: int) -> Floats:
        return rng.lognormal(math.log(self.mean_us) - self.sigma**2 / 2, self.sigma, count)


@dataclass(frozen=True)
class BoundedPareto(Law):
    """Heavy tail between low and cap: P(S > s) = ((low/s)^a - r) / (1 - r), r = (low/cap)^a.

    `low` follows from the mean:
    E[S] = low^a / (1 - r) * a / (a - 1) * (low^(1-a) - cap^(1-a)).
    """

    alpha: float = 1.3
    cap_us: float = PARETO_CAP_US
    name: ClassVar[str] = "pareto"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alpha == 1 or self.alpha == 2:
            raise InvalidArgument(f"alpha {self.alpha!r}: not exactly 1 or 2")
        _within("alpha", self.alpha, 0.1, 10)
        _within("cap_us", self.cap_us, self.mean_us, math.inf)

    @property
    def low_us(self) -> float:
        """The shortest service time, found by bisection on its logarithm."""
        low, high = math.log(self.cap_us) - 700 / self.alpha, math.log(self.mean_us)
        for _ in range(200):
            middle = (low + high) / 2
            if self._moment(math.exp(middle), 1) < self.mean_us:
                low = middle
            else:
                high = middle
        return math.exp((low + high) / 2)

    def _moment(self, low: float, k: int) -> float:
        a, ratio = self.alpha, low / self.cap_us
        share = a / (a - k) / (1 - ratio**a)
        return float(share * low**k * (1 - ratio ** (a - k)))

    @property
    def cv2(self) -> float:
        return self._moment(self.low_us, 2) / self.mean_us**2 - 1

    def sample(self, rng: np.random.Generator, count: int) -> Floats:
        low = self.low_us
        rest = (low / self.cap_us) ** self.alpha
        tail = 1 - rng.random(count) * (1 - rest)
        return np.asarray(low * tail ** (-1 / self.alpha), np.float64)


@dataclass(frozen=True)
class TwoPoint(Law):
    """Fast ones and a share of slow ones, `ratio` times as long.

    fast = mean / (1 - share + share * ratio).
    """

    share: float = 0.05
    ratio: float = 20.0
    name: ClassVar[str] = "two-point"

    def __post_init__(self) -> None:
        super().__post_init__()
        _within("share", self.share, 0, 1)
        _within("ratio", self.ratio, 1, math.inf)

    @property
    def fast_us(self) -> float:
        return self.mean_us / (1 - self.share + self.share * self.ratio)

    @property
    def cv2(self) -> float:
        second = self.fast_us**2 * (1 - self.share + self.share * self.ratio**2)
        return second / self.mean_us**2 - 1

    def sample(self, rng: np.random.Generator, count: int) -> Floats:
        slow = rng.random(count) < self.share
        return np.where(slow, self.fast_us * self.ratio, self.fast_us)


@dataclass(frozen=True)
class Hyperexponential(Law):
    """One of two exponentials, with balanced means and a given cv2 > 1.

    p = (1 + sqrt((cv2 - 1) / (cv2 + 1))) / 2; means mean / (2 p) and mean / (2 (1 - p)).
    """

    variation: float = 4.0
    name: ClassVar[str] = "hyperexponential"

    def __post_init__(self) -> None:
        super().__post_init__()
        _within("variation", self.variation, 1, math.inf)

    @property
    def cv2(self) -> float:
        return self.variation

    def sample(self, rng: np.random.Generator, count: int) -> Floats:
        p = (1 + math.sqrt((self.variation - 1) / (self.variation + 1))) / 2
        first = rng.random(count) < p
        means = np.where(first, self.mean_us / (2 * p), self.mean_us / (2 * (1 - p)))
        return np.asarray(rng.standard_exponential(count) * means, np.float64)


def laws() -> dict[str, Callable[[float], Law]]:
    """Every law by its name; call it with the mean in µs."""
    found = (Deterministic, Exponential, Lognormal, BoundedPareto, TwoPoint, Hyperexponential)
    return {law.name: law for law in found}
