"""Profile `fixed` decides as the model in `fixed_model.py` does, whatever becomes of the pool."""

from random import Random

import pytest

from uwoffload.cheaper import Readings, Scaler

from .fixed_model import ALGORITHMS, Outcome, Pool
from .fixed_streams import Crowd, knobs_of, limits_of, made, readings_of, rule_of

CHECKS = 60


def outcome(verdict):
    return Outcome(
        verdict.fired,
        verdict.delta,
        verdict.pending,
        verdict.limited_by,
        verdict.start,
        verdict.stop,
    )


def run(scaler, pool, crowd, **more):
    """Both at every check; the workers do as they are told."""
    for number, moment in enumerate(crowd.moments(CHECKS, **more)):
        readings = readings_of(moment)
        if number == 0:
            scaler.begin(readings)
            if pool.algorithm:
                pool.algorithm.begin(moment)
        expected = pool.tick(moment)
        assert outcome(scaler.tick(readings)) == expected, (number, moment)
        crowd.told(expected.start, expected.stop)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_fixed_decides_as_its_model(name, seed):
    rng = Random(f"{name} {seed}")
    memory = seed % 3 == 2
    limits = limits_of(rng, rng.randint(1, 7), memory=memory)
    knobs = knobs_of(rng, name)
    scaler = Scaler(rule_of(made(name, knobs), limits))
    pool = Pool(limits, ALGORITHMS[name](limits, knobs))

    run(scaler, pool, Crowd(rng, limits), manual=seed % 2 == 1, memory=memory)


@pytest.mark.parametrize("seed", range(40))
def test_limits_around_a_function_are_those_of_the_model(seed):
    rng = Random(f"function {seed}")
    memory = seed % 3 == 2
    limits = limits_of(rng, rng.randint(1, 9), memory=memory)
    pool = Pool(limits)

    def rule(state, readings: Readings):
        return pool.wants, state

    scaler = Scaler(
        rule,
        workers_max=limits.workers_max,
        workers_min=limits.workers_min,
        workers_step=limits.workers_step,
        check_interval=limits.interval_us / 1_000_000,
        rss_soft=limits.rss_soft,
        rss_hard=limits.rss_hard,
    )
    crowd = Crowd(rng, limits)
    for number, moment in enumerate(crowd.moments(CHECKS, manual=seed % 2 == 1, memory=memory)):
        may = not (limits.rss_soft and pool.memory(moment) >= limits.rss_soft)
        pool.wants = rng.randint(-9, 9 if may else 0)
        expected = pool.tick(moment)
        assert outcome(scaler.tick(readings_of(moment))) == expected, (number, moment)
        crowd.told(expected.start, expected.stop)
