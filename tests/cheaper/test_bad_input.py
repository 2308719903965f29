"""Bad input is refused in one line that names the thing, its value and what is allowed."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uwoffload import InvalidArgument
from uwoffload.cheaper import (
    PROFILES,
    Algo,
    AlgoBusyness,
    AlgoManual,
    AlgoQueue,
    AlgoSpare,
    AlgoSpare2,
    Cheapening,
    Readings,
    Scaler,
    WorkerReading,
    algorithms,
)

WORKERS = "an int from 1 to 65535"

MADE_WRONG = {
    # knobs
    "overload 0": (
        lambda: AlgoSpare(check_interval_overload=0),
        r"check_interval_overload: 0; allowed: 1 to 1000000 checks; profile=\"fixed\"",
    ),
    "overload negative": (
        lambda: AlgoSpare(check_interval_overload=-1),
        r"check_interval_overload: -1; allowed: 1 to 1000000 checks$",
    ),
    "overload text": (lambda: AlgoQueue(check_num_overload="3"), r"check_num_overload: '3'; allow"),
    "overload float": (lambda: AlgoQueue(check_num_overload=3.0), r"check_num_overload: 3.0; allo"),
    "overload bool": (lambda: AlgoQueue(check_num_overload=True), r"check_num_overload: True; al"),
    "idle": (
        lambda: AlgoSpare2(check_interval_idle=0),
        r"check_interval_idle: 0; allowed: .*check",
    ),
    "window": (lambda: AlgoBusyness(check_interval_busy=86401), r"allowed: 1 to 86400 s"),
    "percent": (lambda: AlgoBusyness(busy_max=101), r"busy_max: 101; allowed: 1 to 100 %"),
    "verbose": (lambda: AlgoBusyness(verbose=1), r"verbose: 1; allowed: True or False"),
    "emergency": (
        lambda: AlgoBusyness().set_emergency_params(workers_step=-1),
        r"emergency_workers_step: -1; allowed: 0 to \d+ workers",
    ),
    "nonzero": (
        lambda: AlgoBusyness().set_emergency_params(queue_nonzero_delay=0),
        r"queue_nonzero_delay: 0; allowed: 1 to 86400 s",
    ),
    "order of percents": (
        lambda: AlgoBusyness(busy_min=60, busy_max=50).rule(2),
        r"^busy_min must be below busy_max$",
    ),
    "beyond 64 bits": (
        lambda: AlgoSpare(check_interval_overload=2**64, profile="uwsgi-2.1"),
        r"check_interval_overload: 18446744073709551616; allowed: 0 to 18446744073709551615 checks",
    ),
    # names
    "algorithm": (lambda: Algo.named("bussyness"), r'"busyness".*allowed: backlog, busyness'),
    "algorithm far": (lambda: Algo.named("wolf"), r"algorithm: 'wolf'; allowed: backlog, busyn"),
    "algorithm type": (lambda: Algo.named(5), r"algorithm: 5; allowed: backlog"),
    "no algorithm": (Algo, r"algorithm: ''; allowed: backlog"),
    "knob": (
        lambda: Algo.named("spare", check_interval_overlaod=3),
        r"no knob 'check_interval_overlaod': did you mean \"check_interval_overload\"\?; allowed",
    ),
    "knob of manual": (lambda: Algo.named("manual", x=3), r"manual has no knob 'x'; it has none"),
    "profile": (
        lambda: AlgoSpare(profile="uwsgi-2.2"),
        r"profile: 'uwsgi-2.2': did you mean \"uwsgi-2.[01]\"\?; allowed: fixed, uwsgi-2.0, uwsgi",
    ),
    "profile of a rule": (lambda: AlgoSpare().rule(4, profile="mine"), r"profile: 'mine'; allowed"),
    "profile type": (lambda: AlgoSpare().rule(4, profile=1), r"profile: 1; allowed: fixed"),
    # limits
    "maximum 0": (lambda: AlgoSpare().rule(0), rf"workers_max: 0; allowed: {WORKERS}"),
    "maximum": (lambda: AlgoSpare().rule(65536), rf"workers_max: 65536; allowed: {WORKERS}"),
    "maximum text": (lambda: AlgoSpare().rule("4"), rf"workers_max: '4'; allowed: {WORKERS}"),
    "no maximum": (lambda: Scaler("spare"), r"workers_max: None; allowed: an int from 1"),
    "minimum 0": (lambda: AlgoSpare().rule(4, workers_min=0), r"workers_min: 0; allowed: an int f"),
    "minimum above": (
        lambda: AlgoSpare().rule(4, workers_min=5),
        r"workers_min is 5: 1 to workers_max, 4, is allowed",
    ),
    "minimum equal, uwsgi": (
        lambda: AlgoSpare().rule(4, workers_min=4, profile="uwsgi-2.0"),
        r"workers_min is 4: in profile uwsgi-2.0 it must be lower than workers_max, 4",
    ),
    "startup below": (
        lambda: AlgoSpare().rule(4, workers_min=2, workers_startup=1),
        r"workers_startup is 1: workers_min, 2, to workers_max, 4, is allowed",
    ),
    "startup above": (lambda: AlgoSpare().rule(4, workers_startup=5), r"workers_startup is 5: wor"),
    "step": (lambda: AlgoSpare().rule(4, workers_step=-1), r"workers_step: -1; allowed: an int fr"),
    "interval 0": (
        lambda: AlgoSpare().rule(4, check_interval=0),
        r"check_interval: 0; allowed: seconds from 0.001 to 86400",
    ),
    "interval nan": (lambda: AlgoSpare().rule(4, check_interval=float("nan")), r"check_interval: "),
    "interval, uwsgi": (
        lambda: AlgoSpare().rule(4, check_interval=0.5, profile="uwsgi-2.1"),
        r"check_interval: 0.5; allowed: whole seconds from 1 to 86400 \(profile uwsgi-2.1\)",
    ),
    "soft": (lambda: AlgoSpare().rule(4, rss_soft=-1), r"rss_soft: -1; allowed: an int .* bytes"),
    "hard alone": (
        lambda: AlgoSpare().rule(4, rss_hard=5),
        r"rss_hard is given without rss_soft: give the soft limit too",
    ),
    "hard equal": (
        lambda: AlgoSpare().rule(4, rss_soft=5, rss_hard=5),
        r"rss_hard is 5 bytes: it must be above rss_soft, 5",
    ),
    "readings of none": (lambda: AlgoSpare().decide(None, 5), r"readings: 5; allowed: Readings"),
    "ini of none": (lambda: Cheapening.from_ini(None), r"lines: None; allowed: a str, or lines of"),
    "ini of bytes": (
        lambda: Cheapening.from_ini(b"cheaper = 2"),
        r"lines: b'cheaper = 2'; allowed",
    ),
    "ini line": (lambda: Cheapening.from_ini(["cheap", 5]), r"lines\[1\]: 5; allowed: a str"),
    "limit": (lambda: AlgoSpare().decide(None, Readings(2), workers_mim=1), r"workers_mim"),
    # the same in Cheapening
    "soft and hard": (
        lambda: Cheapening().set_memory_limits(rss_soft=9, rss_hard=9),
        r"rss_soft: 9 bytes; allowed: bytes below rss_hard, 9 bytes",
    ),
    "hard alone there": (
        lambda: Cheapening().set_memory_limits(rss_hard=3),
        r"rss_hard: 3 bytes; allowed: with a rss_soft below it",
    ),
    "soft then hard": (
        lambda: Cheapening(rss_soft=9).set_memory_limits(rss_hard=3),
        r"rss_soft: 9 bytes; allowed: bytes below rss_hard, 3 bytes",
    ),
    "min and max": (
        lambda: Cheapening(workers_min=9, workers_max=8),
        r"workers_min: 9; allowed: 1 to workers_max, 8",
    ),
    "min of uwsgiconf": (
        lambda: Cheapening(workers_min=0),
        r"workers_min: 0; allowed: an int from",
    ),
    "step text": (lambda: Cheapening(workers_step="2"), r"workers_step: '2'; allowed: an int fr"),
    "request": (lambda: Cheapening(spawn_on_request=1), r"spawn_on_request: 1; allowed: a bool"),
    "algo": (lambda: Cheapening(cheaper_algo=5), r"algorithm: 5; allowed: an Algo, a name, or a f"),
    "algo function": (
        lambda: Cheapening(cheaper_algo=lambda *_: (0, None)),
        r"cheaper_algo: .*a function goes into a Scaler",
    ),
    "interval of cheapening": (
        lambda: Cheapening(check_interval=-1),
        r"check_interval: -1; allowe",
    ),
    "no maximum of cheapening": (
        lambda: Cheapening().rule(),
        r"workers_max: None; give it, or set",
    ),
    "profile of cheapening": (lambda: Cheapening(profile="x"), r"profile: 'x'; allowed: fixed"),
    # a scaler
    "rule and limits": (
        lambda: Scaler(AlgoSpare().rule(4), workers_min=2),
        r"workers_min: the rule has its own; allowed: a Rule, or limits",
    ),
    "scaler of nothing": (
        lambda: Scaler(None, workers_max=4),
        r"algorithm: None; allowed: an Algo",
    ),
    "state": (
        lambda: Scaler("spare", workers_max=4, state=b""),
        r"state: b''; allowed: a State, or None for a new one",
    ),
    # readings
    "nothing": (Readings, r"workers_max: None; give it, or workers"),
    "too many": (lambda: Readings(65536), rf"workers_max: 65536; allowed: {WORKERS}"),
    "twice": (
        lambda: Readings(workers=[WorkerReading(1), WorkerReading(2), WorkerReading(2)]),
        r"workers: number 2 is there twice",
    ),
    "missing": (
        lambda: Readings(workers=[WorkerReading(1), WorkerReading(3)]),
        r"workers: number 3 of 2; number 2 is missing",
    ),
    "missing of more": (
        lambda: Readings(3, workers=[WorkerReading(3), WorkerReading(1)]),
        r"workers: number 2 is missing",
    ),
    "too high": (
        lambda: Readings(2, workers=[WorkerReading(1), WorkerReading(2), WorkerReading(7)]),
        r"workers: number 7 of 2",
    ),
    "no worker": (lambda: Readings(workers=[5]), r"workers: 5; allowed: WorkerReading"),
    "no workers": (lambda: Readings(workers=[]), rf"workers_max: 0; allowed: {WORKERS}"),
    "field": (
        lambda: Readings(2, listen_quue=1),
        r"no reading 'listen_quue': did you mean \"listen_queue\"\?; allowed: wall_s, ",
    ),
    "worker's field": (
        lambda: WorkerReading(1, bussy_us=1),
        r"no reading 'bussy_us': did you mean \"busy_us\"\?; allowed: number, ",
    ),
    "state name": (
        lambda: WorkerReading(1, "bussy"),
        r"state: 'bussy': did you mean \"busy\"\?; allowed: cheaped \(C\), idle \(i\), busy",
    ),
    "state number": (lambda: WorkerReading(1, 6), r"state: 6; allowed: cheaped"),
    "letters": (lambda: Readings(3).fill(state="ixC"), r"state\[1\]: 'x'; allowed: cheaped"),
    "few letters": (
        lambda: Readings(3).fill(state="ii"),
        r"state: 2 values; allowed: one for each",
    ),
    "states": (lambda: Readings(1).fill(state=5), r"state: 5; allowed: a string or a sequence"),
    "column": (
        lambda: Readings(2).fill(busy=[1, 2]),
        r"no reading 'busy'.*allowed: state, busy_us",
    ),
    "number column": (lambda: Readings(2).fill(number=[1, 2]), r"no reading 'number'"),
    "long column": (lambda: Readings(2).fill(rss=[1, 2, 3]), r"rss: 3 values; allowed: one for ea"),
    "value of a column": (
        lambda: Readings(2).fill(rss=[1, -2]),
        r"rss\[1\]: -2; allowed: an int from 0 to 18446744073709551615 bytes",
    ),
    "no column": (lambda: Readings(2).fill(rss=7), r"rss: 7; allowed: a sequence"),
    "worker 0": (lambda: Readings(2).worker(0), r"number: 0; allowed: an int from 1 to 2"),
}


@pytest.mark.parametrize("name", MADE_WRONG)
def test_wrong_value_is_refused_where_it_is_made(name):
    make, message = MADE_WRONG[name]

    kinds = (InvalidArgument, TypeError) if name == "limit" else InvalidArgument
    with pytest.raises(kinds, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["workers_max", "self", "cls", "size"])
def test_readings_of_json_name_the_key_that_is_none(key):
    for found in ({"workers": "bb", key: 3}, {"workers": [{key: 3}, {}]}):
        with pytest.raises(InvalidArgument, match=f"no reading '{key}'.*; allowed: "):
            Readings.from_dict(found)


@pytest.mark.parametrize("now", [1.5, "now", None, -1, 2**63])
def test_moment_that_is_none(now):
    with pytest.raises(
        InvalidArgument, match="^now_us: .*; allowed: whole microseconds, time.mono"
    ):
        Readings(2).at(now)


@pytest.mark.parametrize("value", [[1], True, 1.0, "1"])
def test_limit_of_the_pure_call_is_checked_each_time(value):
    algo, found = AlgoSpare(), Readings(2)
    algo.decide(None, found, workers_min=1)

    with pytest.raises(InvalidArgument, match="workers_min: "):
        algo.decide(None, found, workers_min=value)


# ---- readings that are not sound ----


def readings(letters="iiCC", now=10**12, **values):
    return Readings(len(letters), **values).at(now).fill(state=letters)


def renumbered(*numbers):
    found = readings()
    for worker, number in zip(found.workers, numbers, strict=True):
        worker.number = number
    return found


def strange():
    found = readings()
    found.cdata.workers[2].state = 9
    return found


UNSOUND = {
    "fewer": (lambda: readings("iiC"), r"readings of 3 workers: the rule is for 4, every slot onc"),
    "repeated": (lambda: renumbered(1, 2, 2, 4), r"readings of worker 2 where 3 should be"),
    "missing": (lambda: renumbered(1, 2, 4, 5), r"readings of worker 4 where 3 should be"),
    "order": (lambda: renumbered(2, 1, 3, 4), r"readings of worker 2 where 1 should be"),
    "state": (strange, r"state of worker 3 is 9: there is none such"),
    "type": (lambda: {"workers": "iiCC"}, r"readings: .*; allowed: Readings"),
    "none": (lambda: None, r"readings: None; allowed: Readings"),
}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("algorithm", [AlgoSpare(), AlgoManual(), lambda state, _: (0, state)])
@pytest.mark.parametrize("name", UNSOUND)
def test_unsound_readings_are_refused_and_the_state_is_as_it_was(name, algorithm, profile):
    make, message = UNSOUND[name]
    scaler = Scaler(algorithm, workers_max=4, workers_min=1, profile=profile)
    scaler.tick(readings(now=10**12 - 10**7))
    before = scaler.state

    with pytest.raises(InvalidArgument, match=message) as caught:
        scaler.tick(make())

    assert "\n" not in str(caught.value)
    assert scaler.state == before


UINT32 = st.integers(0, 2**32 - 1) | st.sampled_from([5, 6, 7, 8, 2**31, 2**32 - 2, 2**32 - 1])


@given(
    size=st.sampled_from([2, 15, 16, 17, 33]),
    place=st.integers(0, 32),
    state=UINT32,
    number=UINT32 | st.none(),
    profile=st.sampled_from(PROFILES),
    name=st.sampled_from(["manual", "target"]),
)
def test_a_single_row_that_is_wrong_is_found(size, place, state, number, profile, name):
    place, profile = place % size, "fixed" if name == "target" else profile
    found = readings("i" * size)
    row = found.cdata.workers[place]
    row.state, row.number = state, place + 1 if number is None else number
    scaler = Scaler(name, workers_max=size, profile=profile)
    sound = row.number == place + 1 and state <= 5

    with contextlib.nullcontext() if sound else pytest.raises(InvalidArgument, match="worker"):
        scaler.tick(found)


@pytest.mark.parametrize("name", algorithms())
def test_time_that_goes_backwards_is_an_error_in_fixed(name):
    algo = algorithms()[name].make()
    scaler = Scaler(algo, workers_max=4)
    scaler.tick(readings())
    before = scaler.state

    for call in (scaler.tick, lambda found: algo.decide(before, found)):
        with pytest.raises(
            InvalidArgument, match=r"mono_us is 999999999999, earlier than in the r"
        ):
            call(readings(now=10**12 - 1))

    assert scaler.state == before
    assert not scaler.tick(readings()).fired


@pytest.mark.parametrize("profile", PROFILES[1:])
def test_time_that_goes_backwards_is_behaviour_of_uwsgi(profile):
    """There the next check waits until the clock has caught up."""
    scaler = Scaler("spare", workers_max=4, workers_min=1, profile=profile)
    scaler.tick(readings())

    fired = [scaler.tick(readings(now=10**12 + s * 10**6)).fired for s in (1, -5, 0, 1, 2)]

    assert fired == [True, False, False, False, True]


@given(
    st.dictionaries(
        st.sampled_from(["workers", "listen_queue", "mono_us", "manual", "x"]),
        st.none()
        | st.integers()
        | st.text(max_size=5)
        | st.lists(st.integers(), max_size=3)
        | st.lists(
            st.dictionaries(
                st.sampled_from(["number", "state", "rss", "y"]),
                st.integers(-1, 5) | st.text(max_size=3),
            ),
            max_size=3,
        ),
    )
)
def test_any_json_is_readings_or_refused(found):
    try:
        made = Readings.from_dict(found)
    except InvalidArgument:
        return
    assert Readings.from_dict(made.to_dict()) == made
