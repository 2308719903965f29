"""Laws of service times keep their mean, and have the variation they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwoffload.errors import InvalidArgument
from uwoffload.lab.services import (
    BoundedPareto,
    Deterministic,
    Exponential,
    Hyperexponential,
    Lognormal,
    TwoPoint,
    laws,
)

COUNT = 200_000
LAWS = [
    Deterministic(1234.5),
    Exponential(100_000),
    Lognormal(100_000, sigma=0.5),
    Lognormal(100_000, sigma=1.2),
    BoundedPareto(200_000, alpha=1.5),
    BoundedPareto(200_000, alpha=1.1),
    BoundedPareto(200_000, alpha=2.5, cap_us=1e6),
    TwoPoint(50_000),
    TwoPoint(50_000, share=0.3, ratio=3),
    Hyperexponential(80_000, variation=9.0),
]


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_the_mean_of_many_is_the_mean(law):
    """
    Within five standard errors, which follow from the law's own variation.
    """
    sample = law.sample(np.random.default_rng(11), COUNT)

    error = math.sqrt(law.cv2 / COUNT) * law.mean_us
    assert abs(sample.mean() - law.mean_us) <= 5 * error + 1e-6
    assert sample.min() >= 0


@pytest.mark.parametrize("law", [law for law in LAWS if law.cv2 < 10], ids=repr)
def test_the_variation_of_many_is_the_variation(law):
    sample = law.sample(np.random.default_rng(12), COUNT)

    assert sample.var() / law.mean_us**2 == pytest.approx(law.cv2, rel=0.15, abs=1e-9)


@given(
    st.floats(1e3, 1e6),
    st.floats(0.5, 5).filter(lambda alpha: abs(alpha - 1) > 0.01 and abs(alpha - 2) > 0.01),
    st.floats(1.5, 1e4),
)
def test_pareto_has_the_mean_by_its_integral(mean, alpha, times):
    """
    E[S] = low + integral of P(S > s) from low to cap, by the trapezoidal rule on log s.
    """
    law = BoundedPareto(mean, alpha=alpha, cap_us=mean * times)

    low = law.low_us
    grid = np.geomspace(low, law.cap_us, 20_001)
    rest = (low / law.cap_us) ** alpha
    beyond = ((low / grid) ** alpha - rest) / (1 - rest)
    area = float(np.sum((beyond[1:] + beyond[:-1]) / 2 * np.diff(grid)))
    assert low + area == pytest.approx(mean, rel=1e-3)


def test_pareto_stays_between_its_ends():
    law = BoundedPareto(200_000, alpha=1.2, cap_us=2_000_000)
    sample = law.sample(np.random.default_rng(3), COUNT)

    assert law.low_us <= sample.min() <= sample.max() <= 2_000_000 * (1 + 1e-9)
    share = np.mean(sample > 500_000)
    rest = (law.low_us / 2_000_000) ** 1.2
    expected = ((law.low_us / 500_000) ** 1.2 - rest) / (1 - rest)
    assert share == pytest.approx(expected, rel=0.05)


def test_exponential_has_its_tail():
    sample = Exponential(1000).sample(np.random.default_rng(4), COUNT)

    for times in (0.5, 1, 2, 4):
        assert np.mean(sample > 1000 * times) == pytest.approx(math.exp(-times), rel=0.05)


def test_lognormal_has_its_median():
    sample = Lognormal(1000, sigma=1.0).sample(np.random.default_rng(4), COUNT)

    assert np.median(sample) == pytest.approx(1000 * math.exp(-0.5), rel=0.01)
    assert np.log(sample).std() == pytest.approx(1.0, rel=0.01)


def test_two_points_are_two_points():
    law = TwoPoint(100_000, share=0.05, ratio=20)
    sample = law.sample(np.random.default_rng(5), COUNT)

    assert {round(law.fast_us), round(20 * law.fast_us)} == set(np.rint(sample).astype(int))
    assert np.mean(sample > law.fast_us * 2) == pytest.approx(0.05, rel=0.05)


def test_every_law_has_a_name_and_takes_a_mean():
    found = laws()

    assert len(found) == 6
    for name, make in found.items():
        law = make(50_000)
        assert name == law.name
        assert law.mean_us == 50_000


def test_the_same_generator_gives_the_same_times():
    for law in LAWS:
        first, second = (law.sample(np.random.default_rng(9), 100) for _ in range(2))
        assert (first == second).all()


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Exponential(0), "mean_us 0"),
        (lambda: Exponential(math.nan), "mean_us nan"),
        (lambda: Exponential(math.inf), "mean_us inf"),
        (lambda: Lognormal(1000, sigma=0), "sigma 0"),
        (lambda: BoundedPareto(1000, alpha=1), "alpha 1"),
        (lambda: BoundedPareto(1000, alpha=0), "alpha 0"),
        (lambda: BoundedPareto(1000, cap_us=1000), "cap_us 1000"),
        (lambda: TwoPoint(1000, share=0), "share 0"),
        (lambda: TwoPoint(1000, ratio=1), "ratio 1"),
        (lambda: Hyperexponential(1000, variation=1), "variation 1"),
    ],
)
def test_what_a_law_cannot_be_is_named(make, named):
    with pytest.raises(InvalidArgument, match=named):
        make()
