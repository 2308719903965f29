"""Lines of an ini: read as uWSGI reads them, but not misread in silence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwoffload import ConfigError, InvalidArgument
from uwoffload.cheaper import (
    PROFILES,
    AlgoBusyness,
    AlgoQueue,
    AlgoSpare,
    AlgoSpare2,
    Cheapening,
    algorithms,
    strategies,
)

SITE = """
[uwsgi]
# an ordinary site
http-socket = :8080
master = true
module = app:application
processes = 16
cheaper = 2
cheaper-initial = 4
cheaper-step = 2
cheaper-algo = busyness
cheaper-overload = 30
cheaper-busyness-max = 70
cheaper-busyness-backlog-alert = 16
cheaper-busyness-verbose = true
cheaper-rss-limit-soft = 134217728
memory-report = true
[other]
cheaper = 99
"""


def test_site_of_uwsgi_is_understood():
    """Other options of uWSGI, other sections and comments are passed over."""
    found = Cheapening.from_ini(SITE)

    assert found.algo == AlgoBusyness(
        check_interval_busy=30, busy_max=70, queue_size=16, verbose=True
    )
    rule = found.rule()
    assert (16, 2, 4) == (rule.workers_max, rule.workers_min, rule.workers_startup)
    assert rule.cdata.rss_soft == 128 << 20
    assert found.to_ini() == [
        "cheaper-algo = busyness",
        "plugin = cheaper_busyness",
        "cheaper-overload = 30",
        "cheaper-busyness-max = 70",
        "cheaper-busyness-verbose = true",
        "cheaper-busyness-backlog-alert = 16",
        "cheaper = 2",
        "cheaper-initial = 4",
        "cheaper-step = 2",
        "cheaper-rss-limit-soft = 134217728",
        "processes = 16",
    ]


def test_lines_are_as_good_as_a_text():
    assert Cheapening.from_ini(SITE) == Cheapening.from_ini(SITE.split("\n"))
    assert Cheapening.from_ini(["cheaper=2"]) == Cheapening.from_ini("\ufeffcheaper = 2\r\n")


def test_without_an_algorithm_overload_is_that_of_spare():
    found = Cheapening.from_ini("cheaper = 1\ncheaper-overload = 7")

    assert found.algo == AlgoSpare(check_interval_overload=7)


def test_last_line_of_an_option_counts():
    found = Cheapening.from_ini(["cheaper-algo = spare", "cheaper = 2"] * 2 + ["cheaper = 3"])

    assert found.to_ini() == ["cheaper-algo = spare", "cheaper = 3"]


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("cheaper-list", ["cheaper-algo-list = true"]),
        ("cheaper-algos-list = true", ["cheaper-algo-list = true"]),
        ("cheaper-algo-list = false", []),
        ("cheap", ["cheap = true"]),
        ("cheap = true", ["cheap = true"]),
        ("cheap = no", []),
        ("workers = 4", ["processes = 4"]),
        ("p = 4", ["processes = 4"]),
        ("check-interval = 5", ["check-interval = 5"]),
        ("cheaper-algo = queue", ["cheaper-algo = backlog"]),
        ("idle = 60", []),
        ("  ; cheaper = 1", []),
    ],
)
def test_line(line, lines):
    assert Cheapening.from_ini(line).to_ini() == lines


def test_spare2_of_uwsgi_2_0_keeps_its_overload():
    """It runs spare there, with it."""
    found = Cheapening.from_ini(
        ["cheaper-algo = spare2", "cheaper-overload = 5"], profile="uwsgi-2.0"
    )

    assert found.algo == AlgoSpare2(check_interval_overload=5, profile="uwsgi-2.0")
    assert found.rule(4).profile == "uwsgi-2.0"


WRONG = {
    "unknown": (
        "cheaper-overlaod = 3",
        'unknown option "cheaper-overlaod": did you mean "cheap',
    ),
    "unknown underscore": (
        "cheaper_step = 3",
        'unknown option "cheaper_step": did you mean "cheap',
    ),
    "unknown far": ("zebra = 3", 'unknown option "zebra"'),
    "algorithm": (
        "cheaper-algo = bussyness",
        "'bussyness': did you mean \"busyness\"?; ",
    ),
    "no algorithm": ("cheaper-algo", "cheaper-algo: ''; allowed: backlog"),
    "algorithm of none": ("cheaper-algo = backlog2", 'did you mean "backlog"?'),
    "size": (
        "cheaper-rss-limit-soft = 128M",
        '"128M" is no number of bytes, uWSGI reads it as 128; write 134217728 (profile fixed)',
    ),
    "size with ending": ("cheaper-rss-limit-hard = 1 GiB", "reads it as 1; write 1073741824"),
    "negative": ("cheaper-rss-limit-soft = -1", '"-1" is no number of bytes, uWSGI reads it as 0'),
    "junk": ("cheaper-overload = many", '"many" is no number of checks, uWSGI reads it as 0'),
    "tail": ("cheaper = 2 # two", '"2 # two" is no number of workers, uWSGI reads it as 2'),
    "placeholder": ("processes = %(n)", "placeholders are not filled in here; write the number of"),
    "letter": ("processes = %k", '"%k": placeholders are not filled in here'),
    "hexadecimal": ("cheaper = 0x10", "uWSGI reads it as 0"),
    "unit": ("cheaper-overload = 5s", '"5s" is no number of checks, uWSGI reads it as 5'),
    "no value": ("cheaper-step", "cheaper-step: has no value; write a number of workers"),
    "empty value": ("cheaper-step =", "cheaper-step: has no value; write a number of workers"),
    "zero": ("cheaper = 0", "cheaper: 0; allowed: 1 to 65535 workers"),
    "too large": ("cheaper-overload = 99999999999", "99999999999; allowed: 1 to 1000000 checks"),
    "not its own": (
        "cheaper-busyness-max = 60",
        "cheaper-busyness-max: spare does not use it, busyness does; leave it out, or set cheaper",
    ),
    "not its own flag": ("cheaper-busyness-verbose = true", "spare does not use it, busyness does"),
    "limits": (
        "cheaper = 9\nprocesses = 4",
        "cheaper: 9; allowed: 1 to processes, 4 (profile fixed)",
    ),
    "memory": (
        "cheaper-rss-limit-soft = 9\ncheaper-rss-limit-hard = 9",
        "cheaper-rss-limit-soft: 9 bytes; allowed: bytes below cheaper-rss-limit-hard, 9 bytes",
    ),
    "hard alone": (
        "cheaper-rss-limit-hard = 9",
        "cheaper-rss-limit-hard: 9 bytes; allowed: with a cheaper-rss-limit-soft below it",
    ),
    "idle of spare": ("cheaper-idle = 5", "cheaper-idle: spare does not use it, spare2 does"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_line_is_named(name):
    """The place, the option, what is wrong, and the remedy, in one line."""
    line, message = WRONG[name]

    with pytest.raises(ConfigError) as caught:
        Cheapening.from_ini(["[uwsgi]", "cheap = true", *line.split("\n")])

    assert str(caught.value).startswith("ini:3: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", ["size", "negative", "junk", "tail", "no value"])
def test_what_uwsgi_misreads_is_an_error_in_every_profile_which_is_named(name, profile):
    with pytest.raises(ConfigError, match=rf"\(profile {profile}\)$"):
        Cheapening.from_ini(WRONG[name][0], profile=profile)


def test_interval_of_half_a_second_is_ours_alone():
    settings = Cheapening(check_interval=0.5)

    assert settings.to_ini() == ["check-interval = 0.5"]
    assert Cheapening.from_ini(settings.to_ini()) == settings
    with pytest.raises(ConfigError, match="^ini:1: check-interval: 0.0001; allowed: seconds from"):
        Cheapening.from_ini("check-interval = 0.0001")
    with pytest.raises(ConfigError, match='"0.5" is no number of s, uWSGI reads it as 0'):
        Cheapening.from_ini(settings.to_ini(), profile="uwsgi-2.1")
    with pytest.raises(InvalidArgument, match="check_interval: 0.5; allowed: whole seconds from"):
        Cheapening(check_interval=0.5, profile="uwsgi-2.1")


@pytest.mark.parametrize("profile", PROFILES)
def test_interval_of_nothing_is_a_second(profile):
    settings = Cheapening.from_ini("check-interval = 0", profile=profile)

    assert settings.rule(4).check_interval_us == 10**6
    assert settings.to_ini() == ["check-interval = 0"]


def test_option_that_uwsgi_2_0_does_not_have_is_an_error_there():
    lines = ["cheaper-algo = spare2", "cheaper-idle = 5"]
    assert Cheapening.from_ini(lines, profile="uwsgi-2.1").algo.given == {"check_interval_idle": 5}

    with pytest.raises(ConfigError, match="uWSGI 2.0 does not know it .profile uwsgi-2.0."):
        Cheapening.from_ini(lines, profile="uwsgi-2.0")


def test_zero_means_the_default_where_uwsgi_says_so():
    lines = ["cheaper-algo = busyness", "cheaper-busyness-max = 0"]
    assert Cheapening.from_ini(lines, profile="uwsgi-2.0").rule(4).cdata.knob[1] == 0

    with pytest.raises(ConfigError, match=r"ini:2: cheaper-busyness-max: 0; allowed: 1 to 100 %"):
        Cheapening.from_ini(lines)


@given(st.text(max_size=200) | st.lists(st.text(max_size=40)))
def test_any_text_is_read_or_refused_in_one_line(text):
    said = ""
    try:
        Cheapening.from_ini(text)
    except ConfigError as error:
        said = str(error)

    assert "\n" not in said


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", algorithms())
def test_what_is_written_is_read_back(name, profile):
    if profile not in algorithms()[name].profiles:
        pytest.skip("it does not exist there")

    @given(strategies.knobs(name, profile=profile))
    def round_trip(knobs):
        if profile == "uwsgi-2.0":
            knobs.pop("check_interval_idle", None)
        algo = algorithms()[name].make(**knobs, profile=None if profile == "fixed" else profile)
        found = Cheapening.from_ini(algo.to_ini(), profile=profile)
        assert found.algo == algo
        assert found.algo.given == knobs

    round_trip()


def test_algorithm_writes_its_own_lines():
    assert AlgoQueue(check_num_overload=5).to_ini() == [
        "cheaper-algo = backlog",
        "cheaper-overload = 5",
    ]
