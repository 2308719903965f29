"""Loads: the mean that was asked for, the bursts of each shape, the same for the same seed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwoffload.errors import InvalidArgument
from uwoffload.lab import bursts, rates
from uwoffload.lab.arrivals import SLACK, Batches, Jobs, Paced, Poisson, Rate
from uwoffload.lab.loads import SECOND, WINDOW_US, Load, LoadChunks, Streams, generate, replay
from uwoffload.lab.services import Deterministic, Exponential, Lognormal

pytestmark = pytest.mark.slow

HOUR = 3600 * SECOND
LAW = Deterministic(100_000)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def known_rates(h: float) -> dict[str, Rate]:
    return {
        "constant": rates.constant(),
        "wave": rates.wave(daily=0.6, weekly=0.4, day_s=h / 3),
        "step": rates.step(h / 3),
        "spike": rates.spike(h / 2, width_s=h / 100, high=30),
        "silence": rates.silence(h / 3, width_s=h / 3),
        "square": rates.square(h, period_s=h / 7.3),
        "ramp": rates.ramp(h / 4, h / 2, before=0, after=3),
        "flash crowd": rates.flash_crowd(h / 3, rise_s=h / 200, peak=50, decay_s=h / 20),
        "mmpp": bursts.mmpp(rng(), h),
        "noise": bursts.noise(rng(), h, sigma=0.5),
        "on and off": bursts.on_off(rng(), h),
        "cascade": bursts.b_model(rng(), h),
        "fractional": bursts.fractional(rng(), h),
        "product": rates.wave(day_s=h / 2) * rates.flash_crowd(h / 5) * bursts.mmpp(rng(), h),
    }


def drawn(rate: Rate, *, mean_load=5.0, horizon_us=HOUR, seed=1, law=LAW) -> Load:
    process = Poisson(rate, horizon_us)
    return generate("test", process, law, mean_load=mean_load, seed=seed).load()


def counts(load: Load, scale_s: float) -> np.ndarray:
    edges = np.arange(0, load.horizon_us + 1, round(scale_s * SECOND))
    return np.histogram(load.arrivals, edges)[0].astype(float)


def dispersion(load: Load, scale_s: float) -> float:
    """Index of dispersion of counts; 1 for Poisson."""
    found = counts(load, scale_s)
    return float(found.var(ddof=1) / found.mean())


@pytest.mark.parametrize("name", known_rates(3600))
def test_every_shape_has_the_mean_load_that_was_asked_for(name):
    """
    Given its rate the number of arrivals is Poisson: within five standard deviations.
    """
    load = drawn(known_rates(3600.0)[name])

    expected = 5.0 * 10 * 3600
    assert abs(load.requests - expected) <= 5 * math.sqrt(expected)
    assert load.mean_load == pytest.approx(5.0, rel=0.03)


@pytest.mark.parametrize("name", known_rates(3600))
def test_no_rate_is_above_the_bound_it_is_thinned_with(name):
    rate = known_rates(3600.0)[name]
    moments = np.sort(rng(7).random(50_000)) * 3600

    for begin in range(0, 3600, 60):
        left, right = rate.cells(begin, begin + 60)
        assert (begin, begin + 60) == (left[0], right[-1])
        assert (left[1:] == right[:-1]).all()
        bound = np.maximum(rate.at(left), rate.at(np.nextafter(right, left))) * (1 + SLACK)
        inside = moments[(moments >= begin) & (moments < begin + 60)]
        cell = np.searchsorted(left, inside, side="right") - 1
        assert (rate.at(inside) <= bound[cell] + 1e-12).all()


@pytest.mark.parametrize("name", ["wave", "flash crowd", "ramp", "square", "mmpp", "product"])
def test_arrivals_follow_their_rate(name):
    """
    Chi squared over a hundred parts, each expected by its integral: a mean of 1 per part.
    """
    rate = known_rates(3600.0)[name]
    load = drawn(rate, mean_load=50.0)
    edges = np.linspace(0, 3600, 101)

    fine = np.linspace(0, 3600, 720_001)
    area = np.histogram(fine[:-1] + 0.0025, edges, weights=rate.at(fine[:-1] + 0.0025))[0]
    expected = area / area.sum() * load.requests
    found = np.histogram(load.arrivals / SECOND, edges)[0]
    some = expected > 20
    squared = (found[some] - expected[some]) ** 2 / expected[some]
    assert some.sum() > 50
    assert squared.mean() < 1 + 5 * math.sqrt(2 / some.sum())


def test_silence_is_silent():
    load = drawn(rates.silence(1000, width_s=500))

    inside = (load.arrivals >= 1000 * SECOND) & (load.arrivals < 1500 * SECOND)
    assert not inside.any()


def test_a_step_is_a_step():
    found = counts(drawn(rates.step(1800, before=1, after=4)), 1800)

    assert found[1] / found[0] == pytest.approx(4, rel=0.05)


def test_a_crowd_comes_in_a_line_and_goes_by_halves():
    rate = rates.flash_crowd(100, rise_s=20, peak=11, decay_s=50)

    found = rate.at(np.asarray([0.0, 99.9, 110, 120, 120 + 50 * math.log(2)]))
    assert found.tolist() == pytest.approx([1, 1, 6, 11, 6])


def test_poisson_has_dispersion_one_at_every_scale():
    load = drawn(rates.constant(), mean_load=20.0)

    for scale in (0.1, 1, 10):
        samples = 3600 / scale
        assert dispersion(load, scale) == pytest.approx(1, abs=5 * math.sqrt(2 / samples))


def test_gaps_of_poisson_are_exponential():
    gaps = np.diff(drawn(rates.constant(), mean_load=20.0).arrivals) / SECOND

    for times in (0.5, 1, 3):
        assert np.mean(gaps > times / 200) == pytest.approx(math.exp(-times), rel=0.03)


def test_mmpp_is_dispersed_as_its_formula_says():
    """
    Index of dispersion at scale t of a Markov-modulated Poisson process with rates a, b left at
    u, v:  1 + 2 u v (a - b)^2 / ((u + v)^2 (a v + b u)) (1 - (1 - exp(-(u + v) t)) / ((u + v) t)).
    """
    high_s, low_s, burst = 2.0, 8.0, 4.0
    rate = bursts.mmpp(rng(4), 36_000, burst=burst, high_s=high_s, low_s=low_s)
    load = drawn(rate, mean_load=2.0, horizon_us=10 * HOUR)

    u, v = 1 / high_s, 1 / low_s
    a, b = 20 * burst, 20 * (1 - 0.2 * burst) / 0.8
    whole = 2 * u * v * (a - b) ** 2 / ((u + v) ** 2 * (a * v + b * u))
    for scale in (1.0, 5.0, 20.0):
        part = 1 - (1 - math.exp(-(u + v) * scale)) / ((u + v) * scale)
        assert dispersion(load, scale) == pytest.approx(1 + whole * part, rel=0.12)
        assert dispersion(load, scale) > 5


def test_batches_have_the_dispersion_of_their_sizes():
    """
    Geometric sizes of mean m: E[B^2] / E[B] = 2 m - 1.
    """
    process = Batches(rates.constant(), HOUR, size=4.0)
    load = generate("batches", process, LAW, mean_load=20.0, seed=2).load()

    assert load.requests == pytest.approx(20 * 10 * 3600, rel=0.02)
    for scale in (0.5, 5):
        assert dispersion(load, scale) == pytest.approx(7, rel=0.15)


def aggregated_slope(values: np.ndarray, least: int = 2, most: int = 9) -> float:
    """Slope of the logarithm of the variance of means of m, against log m: 2 H - 2."""
    sizes = 2 ** np.arange(least, most)
    variances = [
        values[: values.size // size * size].reshape(-1, size).mean(axis=1).var() for size in sizes
    ]
    return float(np.polyfit(np.log(sizes), np.log(variances), 1)[0])


@pytest.mark.parametrize("hurst", [0.5, 0.7, 0.9])
def test_fractional_noise_has_its_hurst_exponent(hurst):
    """
    Aggregated variance.  Means are taken off a finite piece, which costs some of a high exponent.
    """
    rate = bursts.fractional(rng(8), 1 << 18, hurst=hurst, sigma=0.3)

    values = np.log(rate.at(np.arange(1 << 18) + 0.5))
    assert values.std() == pytest.approx(0.3, rel=0.1)
    assert aggregated_slope(values) == pytest.approx(2 * hurst - 2, abs=0.08)


@pytest.mark.parametrize("alpha", [1.3, 1.5])
def test_sources_on_and_off_are_self_similar(alpha):
    """
    At scales far above the shortest period: nearer to it they are rougher.
    """
    rate = bursts.on_off(rng(6), 1 << 18, alpha=alpha)

    slope = aggregated_slope(rate.at(np.arange(1 << 18) + 0.5), 6, 13)
    assert slope == pytest.approx(2 * (3 - alpha) / 2 - 2, abs=0.1)


def test_bursts_of_a_self_similar_load_do_not_average_out():
    """
    At 64 times the scale the load of independent users is calm, this one is not.
    """
    calm = drawn(rates.constant(), mean_load=10.0)
    wild = drawn(bursts.on_off(rng(3), 3600.0), mean_load=10.0)

    assert dispersion(calm, 64) < 2
    assert dispersion(wild, 64) > 3 * dispersion(wild, 1)


def test_half_of_on_and_off_is_on():
    values = bursts.on_off(rng(2), 200_000, sources=20, alpha=1.6).at(np.arange(200_000.0))

    assert values.mean() == pytest.approx(10, rel=0.15)
    assert values.max() <= 20.001


def test_a_cascade_gives_each_half_its_share():
    rate = bursts.b_model(rng(), 1024, p=0.7)
    values = rate.at(np.arange(1024.0))

    for parts in (2, 8, 64):
        sums = values.reshape(parts, 2, -1).sum(axis=2)
        shares = sums.max(axis=1) / sums.sum(axis=1)
        assert shares == pytest.approx(0.7)
    assert values.mean() == pytest.approx(1)


def test_an_even_cascade_is_flat():
    assert bursts.b_model(rng(), 100, p=0.5).at(np.arange(100.0)).tolist() == [1.0] * 100


def test_jobs_come_at_full_minutes():
    process = Jobs(rates.constant(), HOUR, period_s=60, share=0.5, jitter_s=2)
    load = generate("jobs", process, LAW, mean_load=5.0, seed=1).load()

    within = load.arrivals % (60 * SECOND) < 2 * SECOND
    assert within.mean() == pytest.approx(0.5 + 0.5 * 2 / 60, abs=0.01)
    assert load.requests == pytest.approx(5 * 10 * 3600, rel=0.01)


def test_jobs_alone_are_counted_exactly():
    """
    Nothing by chance but the fraction: 7.5 requests per occurrence are 7 or 8.
    """
    process = Jobs(rates.constant(), 600 * SECOND, period_s=60, share=1.0, jitter_s=60)
    load = generate("jobs", process, LAW, mean_load=0.0125, seed=1).load()

    assert {7, 8} == set(counts(load, 60))


def test_jobs_that_spill_into_the_next_window_are_whole():
    """
    At 59 s of each minute for 2 s: one second of it lies in the next window.
    """
    process = Jobs(rates.constant(), 590 * SECOND, period_s=59, share=1.0, jitter_s=2)
    load = generate("jobs", process, LAW, mean_load=2.0, seed=1).load()

    assert WINDOW_US == 60 * SECOND
    assert load.requests == 2 * 10 * 590
    assert (load.arrivals % (59 * SECOND) < 2 * SECOND).all()


def test_a_metronome_has_no_chance():
    load = generate("paced", Paced(100 * SECOND), LAW, mean_load=0.3, seed=1).load()

    assert load.requests == 300
    assert set(np.diff(load.arrivals)) <= {333_333, 333_334}


@pytest.mark.parametrize("name", known_rates(3600))
def test_the_same_seed_gives_the_same_load(name):
    first, again, other = (
        drawn(known_rates(3600.0)[name], seed=seed, law=Exponential(1e5)) for seed in (1, 1, 2)
    )

    assert (first.arrivals == again.arrivals).all()
    assert (first.services == again.services).all()
    assert first.requests != other.requests or (first.arrivals != other.arrivals).any()


def test_two_laws_are_tried_on_the_same_arrivals():
    first, second = (
        drawn(rates.constant(), law=law) for law in (Exponential(100_000), Lognormal(100_000))
    )

    assert (first.arrivals == second.arrivals).all()
    assert (first.services != second.services).any()


@pytest.mark.parametrize("pieces", [1, 1000, 10**9])
def test_chunks_are_the_load(pieces):
    process = Jobs(rates.wave(day_s=500), 1234 * SECOND, period_s=47, jitter_s=20)
    whole = generate("x", process, Exponential(1e5), mean_load=2, seed=4).load()

    parts = generate("x", process, Exponential(1e5), mean_load=2, seed=4, chunk_requests=pieces)
    again = parts.load()
    assert (whole.arrivals == again.arrivals).all()
    assert (whole.services == again.services).all()
    assert sum(1 for _ in parts) == sum(1 for _ in parts)
    assert pieces != 1 or sum(1 for _ in parts) == 21


def test_work_that_grows_with_the_load_keeps_the_mean():
    rate = rates.square(3600.0, period_s=600, low=1, high=4)
    process = Poisson(rate, HOUR)

    load = generate("x", process, LAW, mean_load=20, seed=1, contention=0.5).load()

    assert load.mean_load == pytest.approx(20, rel=0.01)
    quiet = load.services[load.arrivals % (600 * SECOND) < 300 * SECOND]
    busy = load.services[load.arrivals % (600 * SECOND) >= 300 * SECOND]
    assert busy.mean() / quiet.mean() == pytest.approx(2, rel=1e-3)


@given(
    st.lists(st.tuples(st.integers(0, 999), st.integers(0, 100)), max_size=30),
    st.integers(1, 7),
    st.integers(0, 999),
    st.integers(1, 1000),
)
def test_chunks_and_parts_of_a_load_lose_nothing(requests, size, begin, length):
    requests.sort()
    table = np.asarray(requests, np.int64).reshape(-1, 2)
    load = Load("x", table[:, 0], table[:, 1], 1000)

    again = load.chunks(size).load()
    part = load.cut(begin, begin + length)

    assert again.arrivals.tolist() == load.arrivals.tolist()
    assert again.services.tolist() == load.services.tolist()
    assert all(chunk.size <= size for chunk, _ in load.chunks(size))
    inside = [(at - begin, work) for at, work in requests if begin <= at < begin + length]
    assert inside == list(zip(part.arrivals.tolist(), part.services.tolist(), strict=True))
    assert part.horizon_us == length


@pytest.mark.parametrize("by", ["services", "time"])
def test_a_replayed_load_has_the_new_mean_and_the_old_pattern(by):
    load = drawn(rates.step(1800), law=Exponential(100_000))

    found = replay(load, mean_load=8.0, by=by)

    assert found.mean_load == pytest.approx(8.0, rel=1e-3)
    assert found.requests == load.requests
    first, second = counts(load, load.horizon_us / 2e6), counts(found, found.horizon_us / 2e6)
    assert first == pytest.approx(second, rel=1e-3)


def test_streams_of_different_purpose_are_independent():
    streams = Streams(1, "x")

    firsts = {
        streams.generator(purpose, index).random() for purpose in range(4) for index in range(10)
    }
    assert len(firsts) == 40
    assert streams.generator(0, 0).random() == Streams(1, "x").generator(0, 0).random()
    assert streams.generator(0, 0).random() != Streams(1, "y").generator(0, 0).random()


def load_of(arrivals, services, horizon=10):
    return Load("x", np.asarray(arrivals), np.asarray(services), horizon)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: load_of([1, 2], [1]), "2 arrivals, 1 services"),
        (lambda: load_of([2, 1], [1, 1]), "arrival 1 is not in order"),
        (lambda: load_of([-1], [1]), "before 0"),
        (lambda: load_of([10], [1]), "not before the horizon"),
        (lambda: load_of([1], [-1]), "service time below 0"),
        (lambda: load_of([1.5], [1]), "arrivals of load"),
        (lambda: load_of([[1]], [1]), "arrivals of load"),
        (lambda: load_of([1], [1], 0), "horizon_us 0"),
        (lambda: Streams(-1, "x"), "seed -1"),
        (lambda: Streams(1.5, "x"), "seed 1.5"),
        (lambda: drawn(rates.constant(), mean_load=0), "mean_load 0"),
        (lambda: drawn(rates.constant(), mean_load=math.nan), "mean_load nan"),
        (lambda: Poisson(rates.constant(), 0), "horizon_us 0"),
        (lambda: Poisson(rates.ramp(1, 2, before=0, after=0), HOUR), "no arrivals"),
        (lambda: Jobs(rates.constant(), HOUR, share=0), "share 0"),
        (lambda: Jobs(rates.constant(), HOUR, jitter_s=61), "jitter_s 61"),
        (lambda: Batches(rates.constant(), HOUR, size=0.5), "size 0.5"),
        (lambda: rates.wave(daily=0.8, weekly=0.3), "daily 0.8 . weekly 0.3"),
        (lambda: rates.step(-1), "at_s -1"),
        (lambda: rates.spike(1, high=-1), "high -1"),
        (lambda: rates.square(10, period_s=1, duty=1), "duty 1"),
        (lambda: rates.ramp(5, 5), "width_s 0"),
        (lambda: rates.flash_crowd(1, decay_s=0), "decay_s 0"),
        (lambda: bursts.mmpp(rng(), 10, burst=20), "burst 20"),
        (lambda: bursts.on_off(rng(), 10, alpha=2), "alpha 2"),
        (lambda: bursts.on_off(rng(), 10, sources=0), "sources 0"),
        (lambda: bursts.b_model(rng(), 10, p=1), "p 1"),
        (lambda: bursts.fractional(rng(), 10, hurst=1), "hurst 1"),
        (lambda: bursts.noise(rng(), 1e9, step_s=1), "step_s 1"),
        (lambda: replay(load_of([1], [1]), mean_load=-1), "mean_load -1"),
        (lambda: replay(load_of([1], [0]), mean_load=1), "no work"),
        (lambda: replay(load_of([1], [1]), mean_load=1, by="x"), "by 'x'"),
    ],
)
def test_what_a_load_cannot_be_is_named(make, named):
    with pytest.raises(InvalidArgument, match=named):
        make()


def test_too_much_for_two_arrays_is_said(monkeypatch):
    monkeypatch.setattr("uwoffload.lab.loads.LOAD_REQUESTS", 100)
    parts = generate("x", Poisson(rates.constant(), HOUR), LAW, mean_load=5, seed=1)

    assert isinstance(parts, LoadChunks)
    with pytest.raises(InvalidArgument, match="in chunks"):
        parts.load()


def test_what_cannot_be_drawn_is_refused_before_it_is(monkeypatch):
    """
    By what is to be expected: of the whole, of a window, and of where a load bunches.
    """
    long = Poisson(rates.constant(), 10**6 * SECOND)
    spread = generate("x", long, Deterministic(100), mean_load=1, seed=1)
    with pytest.raises(InvalidArgument, match="over 134217728 requests do not go into one Load"):
        spread.load()
    with pytest.raises(InvalidArgument, match=r"6e\+11 requests within 60 s; allowed: 16777216; "):
        generate("x", long, Deterministic(1), mean_load=10_000, seed=1)
    monkeypatch.setattr("uwoffload.lab.loads.WINDOW_REQUESTS", 1000)
    crowd = rates.spike(1800.0, width_s=10.0, high=100.0)
    jobs = Jobs(rates.constant(), HOUR, period_s=3600.0, share=0.9)
    for process in (Poisson(crowd, HOUR), jobs):
        parts = generate("x", process, Deterministic(SECOND), mean_load=10, seed=1)
        with pytest.raises(
            InvalidArgument, match="requests within 60 s; allowed: 1000; lower mean"
        ):
            list(parts)
