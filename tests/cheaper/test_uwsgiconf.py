"""The same settings given to uwsgiconf and to us make the same option lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwoffload import InvalidArgument
from uwoffload.cheaper import (
    AlgoBusyness,
    AlgoManual,
    AlgoQueue,
    AlgoSpare,
    AlgoSpare2,
    Cheapening,
)

uwsgiconf = pytest.importorskip("uwsgiconf")
theirs = pytest.importorskip("uwsgiconf.options.workers_cheapening")

OURS = {
    "AlgoBusyness": AlgoBusyness,
    "AlgoManual": AlgoManual,
    "AlgoQueue": AlgoQueue,
    "AlgoSpare": AlgoSpare,
    "AlgoSpare2": AlgoSpare2,
}
HEADER = ("[uwsgi]", "#", "print = ")  # the last has the time in it


def their_lines(configure):
    """What uwsgiconf writes beyond an empty section."""
    from uwsgiconf.config import Section

    def lines(section):
        text = section.as_configuration().format(do_print=False)
        return [line for line in text.split("\n") if line and not line.startswith(HEADER)]

    section, empty = Section(), Section()
    configure(section)
    return [line for line in lines(section) if line not in lines(empty)]


def their_algo(name, basic, emergency):
    algo = getattr(theirs, name)(**basic)
    return algo.set_emergency_params(**emergency) if emergency else algo


def our_algo(name, basic, emergency):
    algo = OURS[name](**basic, profile="uwsgi-2.1")
    return algo.set_emergency_params(**emergency) if emergency else algo


maybe = st.none() | st.integers(1, 10**6)
flag = st.none() | st.booleans()
names = st.sampled_from(sorted(OURS))
BASIC = {
    "AlgoBusyness": {
        "check_interval_busy": st.none() | st.integers(1, 86400),
        "busy_max": st.none() | st.integers(0, 100),
        "busy_min": st.none() | st.integers(0, 99),
        "idle_cycles_max": maybe,
        "idle_cycles_penalty": maybe,
        "verbose": flag,
    },
    "AlgoManual": {},
    "AlgoQueue": {"check_num_overload": maybe},
    "AlgoSpare": {"check_interval_overload": maybe},
    "AlgoSpare2": {"check_interval_idle": maybe},
}
EMERGENCY = {
    "workers_step": st.none() | st.integers(0, 1000),
    "idle_cycles_max": maybe,
    "queue_size": maybe,
    "queue_nonzero_delay": st.none() | st.integers(0, 86400),
}
LIMITS = {
    "spawn_on_request": flag,
    "workers_min": st.none() | st.integers(1, 1000),
    "workers_startup": st.none() | st.integers(0, 1000),
    "workers_step": st.none() | st.integers(0, 1000),
}


@st.composite
def settings(draw):
    name = draw(names)
    basic = draw(st.fixed_dictionaries({}, optional=BASIC[name]))
    busyness = name == "AlgoBusyness"
    emergency = draw(st.fixed_dictionaries({}, optional=EMERGENCY)) if busyness else {}
    soft = draw(st.none() | st.integers(1, 10**12))
    hard = draw(st.integers(soft + 1, 10**13)) if soft and draw(st.booleans()) else None
    return {
        "name": name,
        "algo": draw(st.booleans()),
        "basic": basic,
        "emergency": emergency,
        "limits": draw(st.fixed_dictionaries({}, optional=LIMITS)),
        "memory": {"rss_soft": soft, "rss_hard": hard},
        "listed": draw(st.booleans()),
    }


@given(settings())
def test_same_settings_make_the_same_lines(found):
    """Any parameters, given or None or left out, in uwsgiconf's order of lines."""
    algo = found["name"], found["basic"], found["emergency"]

    def configure(section):
        with_algo = {"cheaper_algo": their_algo(*algo)} if found["algo"] else {}
        section.cheapening.set_basic_params(**with_algo, **found["limits"])
        section.cheapening.set_memory_limits(**found["memory"])
        if found["listed"]:
            section.cheapening.print_algorithms()

    ours = Cheapening(profile="uwsgi-2.1")
    with_algo = {"cheaper_algo": our_algo(*algo)} if found["algo"] else {}
    ours.set_basic_params(**with_algo, **found["limits"]).set_memory_limits(**found["memory"])
    if found["listed"]:
        ours.print_algorithms()

    lines = ours.to_ini()
    assert lines == their_lines(configure)
    assert Cheapening.from_ini(lines, profile="uwsgi-2.1").to_ini() == lines


def test_signatures_take_at_least_what_theirs_take():
    import inspect

    for name, ours in OURS.items():
        for method in ("set_basic_params", "set_emergency_params"):
            if not hasattr(getattr(theirs, name), method) or not hasattr(ours, method):
                continue
            wanted = set(inspect.signature(getattr(getattr(theirs, name), method)).parameters)
            assert wanted - {"args", "kwargs"} <= set(
                inspect.signature(getattr(ours, method)).parameters
            )
    for method in ("set_basic_params", "set_memory_limits", "print_algorithms"):
        wanted = inspect.signature(getattr(theirs.Cheapening, method)).parameters
        assert set(wanted) <= set(inspect.signature(getattr(Cheapening, method)).parameters)


def test_algorithms_have_the_same_names():
    kinds = {key: kind for key, kind in vars(theirs.Cheapening.algorithms).items() if key[0] != "_"}
    for key, kind in kinds.items():
        ours = getattr(Cheapening.algorithms, key)
        assert (kind.__name__, kind.name) == (ours.__name__, ours.name)


# ---- where uwsgiconf is wrong: what it does, and what we do ----


def chained_basic():
    return theirs.AlgoBusyness().set_basic_params(busy_max=60).set_emergency_params(queue_size=5)


def chained_queue():
    return their_lines(
        lambda section: section.cheapening.set_basic_params(
            cheaper_algo=theirs.AlgoQueue().set_basic_params(check_num_overload=5)
        )
    )


def set_memory(soft, hard):
    return their_lines(
        lambda section: section.cheapening.set_memory_limits(rss_soft=soft, rss_hard=hard)
    )


def set_busy(**parameters):
    return their_lines(
        lambda section: section.cheapening.set_basic_params(
            cheaper_algo=theirs.AlgoBusyness(**parameters)
        )
    )


BUSY = ["cheaper-algo = busyness", "plugin = cheaper_busyness"]
DIFFERENCES = {
    "its setters of busyness do not chain": (
        chained_basic,
        AttributeError,
        lambda: (
            AlgoBusyness().set_basic_params(busy_max=60).set_emergency_params(queue_size=5).to_ini()
        ),
        [*BUSY, "cheaper-busyness-max = 60", "cheaper-busyness-backlog-alert = 5"],
    ),
    "what its setter of queue returns is no algorithm": (
        chained_queue,
        AttributeError,
        lambda: Cheapening(
            cheaper_algo=AlgoQueue().set_basic_params(check_num_overload=5)
        ).to_ini(),
        ["cheaper-algo = backlog", "cheaper-overload = 5"],
    ),
    "a hard limit below the soft one, which uWSGI refuses at start": (
        lambda: set_memory(200, 100),
        ["cheaper-rss-limit-soft = 200", "cheaper-rss-limit-hard = 100"],
        lambda: Cheapening(rss_soft=200, rss_hard=100),
        "rss_soft: 200 bytes; allowed: bytes below rss_hard, 100 bytes",
    ),
    "a size that uWSGI reads as 128 bytes": (
        lambda: set_memory("128M", None),
        ["cheaper-rss-limit-soft = 128M"],
        lambda: Cheapening(rss_soft="128M"),
        "rss_soft: '128M'; allowed: an int from 0 to 18446744073709551615 bytes",
    ),
    "a 0 that uWSGI reads as the default": (
        lambda: set_busy(busy_max=0),
        [*BUSY, "cheaper-busyness-max = 0"],
        lambda: AlgoBusyness(busy_max=0),
        "busy_max: 0; allowed: 1 to 100 %; profile",
    ),
    "an overload of 0, by which uWSGI dies": (
        lambda: set_busy(check_interval_busy=0),
        [*BUSY, "cheaper-overload = 0"],
        lambda: AlgoBusyness(check_interval_busy=0, profile="uwsgi-2.1").rule(2, workers_min=1),
        "check_interval_busy is 0",
    ),
    "a minimum that is not below the maximum, which uWSGI refuses at start": (
        lambda: their_lines(lambda section: section.cheapening.set_basic_params(workers_min=9)),
        ["cheaper = 9"],
        lambda: Cheapening(workers_min=9, profile="uwsgi-2.0").rule(workers_max=9),
        "workers_min is 9: in profile uwsgi-2.0 it must be lower than workers_max, 9",
    ),
    "a percentage above 100, which never starts anybody": (
        lambda: set_busy(busy_max=150),
        [*BUSY, "cheaper-busyness-max = 150"],
        lambda: AlgoBusyness(busy_max=150),
        "busy_max: 150; allowed: 1 to 100 %",
    ),
    "a minimum above the maximum of busyness": (
        lambda: set_busy(busy_min=60, busy_max=40),
        [*BUSY, "cheaper-busyness-max = 40", "cheaper-busyness-min = 60"],
        lambda: AlgoBusyness(busy_min=60, busy_max=40).rule(2),
        "busy_min",
    ),
}


@pytest.mark.parametrize("row", DIFFERENCES)
def test_difference(row):
    """Each row: what uwsgiconf does, and what we do instead."""
    they, their_answer, we, our_answer = DIFFERENCES[row]

    if isinstance(their_answer, list):
        assert they() == their_answer
    else:
        with pytest.raises(their_answer):
            they()
    if isinstance(our_answer, list):
        assert we() == our_answer
    else:
        with pytest.raises(InvalidArgument) as caught:
            we()
        assert str(caught.value).startswith(our_answer)


def test_second_algorithm_replaces_the_first_with_all_its_options():
    """There, options of the first stay behind, read by the second as its own."""

    def configure(section):
        section.cheapening.set_basic_params(cheaper_algo=theirs.AlgoQueue(check_num_overload=1))
        section.cheapening.set_basic_params(cheaper_algo=theirs.AlgoSpare())

    ours = Cheapening(cheaper_algo=AlgoQueue(check_num_overload=1))
    ours.set_basic_params(cheaper_algo=AlgoSpare())

    assert their_lines(configure) == ["cheaper-algo = spare", "cheaper-overload = 1"]
    assert ours.to_ini() == ["cheaper-algo = spare"]
