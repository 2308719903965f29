"""Hypothesis strategies: knobs, readings, rules, and histories of a pool in a closed loop.

Test an algorithm of your own against the contract of rules in a few lines:

    from hypothesis import given
    from uwoffload.cheaper import Scaler, Verdict, strategies

    def ladder(state, readings):
        full = all(worker.state != "idle" for worker in readings.workers)
        ticks = (state or 0) + 1 if full else 0
        return Verdict(1 if ticks >= 3 else 0, "climbs"), ticks

    @given(strategies.histories(workers_max=8))
    def test_ladder(history):
        scaler = Scaler(ladder, workers_max=8, workers_min=2)
        for step in history.steps(scaler):
            strategies.check_step(step, scaler)

`check_step` holds every verdict to what all rules promise: never above the maximum or
below the minimum, only idle workers stopped, the oldest first, and so on.  What your
algorithm promises beyond that, assert beside it: a step has `readings` and `verdict`.

The pure call, for any readings:

    @given(strategies.readings(workers_max=8))
    def test_pure(readings):
        assert ladder(2, readings) == ladder(2, readings)

Needs Hypothesis, which the package itself does not: pip install hypothesis
"""

from __future__ import annotations

from typing import Any

try:
    from hypothesis import strategies as st
except ModuleNotFoundError:
    raise ModuleNotFoundError(
        "uwoffload.cheaper.strategies needs hypothesis: pip install hypothesis"
    ) from None

from ..errors import InvalidArgument
from .closed import History, Moment, active, check_step
from .fields import READINGS, STATES, WORKER
from .readings import Readings
from .rule import Rule
from .table import FIXED, KNOB_MOST, PROFILES, Knob, algorithms, find

__all__ = [
    "History",
    "Moment",
    "active",
    "algos",
    "check_step",
    "histories",
    "knobs",
    "profiles",
    "readings",
    "rules",
]

USUAL = 100  # most knobs are tried up to here; beyond, now and then
MANUAL = 5


def profiles() -> st.SearchStrategy[str]:
    """One of the profiles; "fixed" is the simplest."""
    return st.sampled_from(PROFILES)


def knobs(algorithm: str, *, profile: str = FIXED) -> st.SearchStrategy[dict[str, int]]:
    """Values for knobs of an algorithm, by name, each there or not; together they are allowed.

    In the profiles of uWSGI, what that takes: far beyond the sensible.
    """
    info = find(algorithm)
    if profile not in info.profiles:
        raise InvalidArgument(
            f"profile: {profile!r:.80}; {info.name} exists in: {', '.join(info.profiles)}"
        )
    each = {knob.name: _values(knob, profile) for knob in info.knobs}
    found = st.fixed_dictionaries({}, optional=each)
    return found.filter(lambda given: _is_allowed(algorithm, given, profile))


def algos(algorithm: str | None = None, *, profile: str = FIXED) -> st.SearchStrategy[Any]:
    """An `Algo` with knobs; of any algorithm that the profile has, or of this one."""
    if algorithm is None:
        names = [name for name, info in algorithms().items() if profile in info.profiles]
        return st.sampled_from(names).flatmap(lambda name: algos(name, profile=profile))
    info = find(algorithm)
    return knobs(algorithm, profile=profile).map(lambda given: info.make(profile=profile, **given))


def rules(
    algorithm: str | None = None,
    *,
    profile: str = FIXED,
    workers_max: int = 10,
    memory: bool = False,
) -> st.SearchStrategy[Rule]:
    """A rule for this many workers: algorithm, knobs, minimum, start, step; memory limits too."""
    fixed = profile == FIXED
    least = st.integers(1, workers_max if fixed else max(workers_max - 1, 1))

    @st.composite
    def made(draw: st.DrawFn) -> Rule:
        minimum = draw(least)
        algo = draw(algos(algorithm, profile=profile))
        soft = draw(st.integers(1, 1 << 30)) if memory and draw(st.booleans()) else 0
        hard = soft + draw(st.integers(1, 1 << 29)) if soft and draw(st.booleans()) else 0
        rule: Rule = algo.rule(
            workers_max,
            workers_min=minimum,
            workers_startup=draw(st.integers(minimum, workers_max) | st.none()),
            workers_step=draw(st.integers(0, workers_max)),
            rss_soft=soft,
            rss_hard=hard,
        )
        return rule

    return made()


def readings(
    workers_max: int | None = None, *, any_time: bool = False
) -> st.SearchStrategy[Readings]:
    """Sound readings of so many slots (None: 1 to 12), over the full range of every field.

    All three clocks agree, unless any_time.
    """

    @st.composite
    def made(draw: st.DrawFn) -> Readings:
        count = workers_max or draw(st.integers(1, 12))
        clocks = ("wall_s", "wall_us", "mono_us")
        found = Readings(count).at(draw(st.integers(10**6, 2**62)))
        for name, column in READINGS.items():
            if any_time or name not in clocks:
                small = st.integers(max(column.least, -MANUAL), USUAL)
                setattr(found, name, draw(small | st.integers(column.least, column.most)))
        for name, column in WORKER.items():
            if name in ("number", "state"):
                continue
            if draw(st.booleans()):
                small = st.integers(0, USUAL)
                value = small | st.integers(column.least, column.most)
                found.fill(**{name: draw(st.lists(value, min_size=count, max_size=count))})
        states = st.sampled_from(STATES)
        return found.fill(state=draw(st.lists(states, min_size=count, max_size=count)))

    return made()


def histories(
    workers_max: int = 10,
    *,
    moments: tuple[int, int] = (1, 40),
    manual: bool = False,
    deaths: bool = False,
    even: bool = True,
) -> st.SearchStrategy[History]:
    """What a pool of so many slots lives through; `History.run` closes the loop.

    moments: how many, at least and at most.  manual: + and - by hand too.  deaths: workers
    die and forks fail too.  even: False lets the time between two checks vary.
    """
    nothing = st.just(0)
    moment = st.builds(
        Moment,
        load=st.integers(0, 2 * workers_max),
        interval_us=st.just(10**6) if even else st.integers(1, 4 * 10**6),
        first=st.integers(0, workers_max - 1),
        manual=nothing | st.integers(-MANUAL, MANUAL) if manual else nothing,
        deaths=nothing | st.integers(0, 2) if deaths else nothing,
        fork_fails=st.booleans() if deaths else st.just(False),
    )
    spell = st.builds(  # loads that last are what rules wait for
        lambda each, times: (each,) * times, moment, st.integers(1, 12)
    )
    least, most = moments
    return st.builds(
        lambda spells, startup, drain: History(
            tuple(each for spell in spells for each in spell)[:most], startup, drain
        ),
        st.lists(spell, min_size=least, max_size=max(least, most // 4)),
        startup=st.integers(0, 3),
        drain=st.integers(0, 2),
    )


def _values(knob: Knob, profile: str) -> st.SearchStrategy[int]:
    """Often small, sometimes anything."""
    least, most = (knob.min, knob.max) if profile == FIXED else (0, KNOB_MOST)
    usual = st.integers(knob.min, min(most, max(knob.min, USUAL)))
    return usual | st.integers(least, most)


def _is_allowed(algorithm: str, given: dict[str, int], profile: str) -> bool:
    try:
        find(algorithm).make(profile=profile, **given).rule(2, workers_min=1, profile=profile)
    except ValueError:
        return False
    return True
