"""Measurements that come as they like, for testing rules from any state that can be reached."""

from dataclasses import dataclass

from hypothesis import strategies as st

from uwoffload.cheaper import PROFILES, Readings, algorithms, strategies

SECOND = 1_000_000
BEGIN = 1_000_000 * SECOND
LIVE = ("idle", "busy", "starting")

PAIRS = [(name, profile) for name, info in algorithms().items() for profile in info.profiles]


def pairs(*names, profiles=PROFILES):
    """Algorithm and profile, of these algorithms, or of all."""
    return [
        (name, profile)
        for name, profile in PAIRS
        if name in (names or algorithms()) and profile in profiles
    ]


@dataclass
class Tick:
    """Readings, and whether memory allows to start."""

    readings: Readings
    may_spawn: bool


class Counts:
    """What readings come to, counted by hand as each profile counts."""

    def __init__(self, readings, rule):
        fixed = rule.profile == "fixed"
        workers = list(readings.workers)
        live = [worker for worker in workers if worker.state in LIVE]
        states = [worker.state for worker in workers]
        self.active = len(live)
        self.starting = states.count("starting") if fixed else 0
        free = ("idle",) if fixed else ("idle", "starting")
        self.idle = sum(worker.state in free and not worker.in_request for worker in live)
        self.startable = states.count("cheaped") + (states.count("dead") if fixed else 0)
        self.queue = readings.listen_queue + (readings.waiting if fixed else 0)


@st.composite
def rules(draw, name, profile, *, workers_max=None, step=None, **limits):
    """A rule with sensible knobs, whatever the profile takes: 1 <= minimum < maximum."""
    most = workers_max or draw(st.integers(2, 8))
    knobs = draw(strategies.knobs(name))
    small = {key: value for key, value in knobs.items() if value <= 1000}
    return (
        algorithms()[name]
        .make(profile=profile, **small)
        .rule(
            most,
            workers_min=draw(st.integers(1, most - 1)),
            workers_step=draw(st.integers(0, 4)) if step is None else step,
            **limits,
        )
    )


STATES = "iibbbCCsDz"
QUEUES = (0, 0, 1, 2, 3, 4, 5, 40)
ROW = 5  # bytes drawn for a worker
TICK = 4  # and for all


@st.composite
def streams(draw, workers, *, always=False, ticks=30, manual=False, uneven=False, memory=0):
    """Ticks of a pool of which nothing else is known; clocks go on, counters grow.

    All of it out of one string of bytes, which is quick to draw and to make smaller.
    """
    count = draw(st.integers(1, ticks))
    size = workers * ROW + TICK
    drawn = draw(st.binary(min_size=count * size, max_size=count * size))
    now, busy, done = BEGIN, [0] * workers, [0] * workers
    found = []
    for start in range(0, count * size, size):
        late, queue, by_hand, flags = drawn[start : start + TICK]
        columns = [drawn[start + TICK + i : start + size : ROW] for i in range(ROW)]
        now += (late + 1) * SECOND // 90 if uneven else SECOND
        states = [STATES[byte % len(STATES)] for byte in columns[0]]
        busy = [each + byte % 3 * SECOND // 2 for each, byte in zip(busy, columns[1], strict=True)]
        done = busy if flags & 1 else done
        readings = Readings(workers).at(now)
        readings.fill(
            state="".join(states),
            in_request=[byte % 7 // 5 for byte in columns[2]],
            busy_us=busy,
            running_time_us=done,
            started_s=[byte % 6 - 2 for byte in columns[3]],
        )
        if memory:
            readings.fill(rss=[byte * 2 * memory // workers // 255 for byte in columns[4]])
        readings.listen_queue = QUEUES[queue % len(QUEUES)]
        readings.manual = by_hand % 5 - 2 if manual and flags & 2 else 0
        found.append(Tick(readings, always or not flags & 4))
    return found


def decisions(rule, ticks):
    """What the algorithm wants at each tick, one after the other from a new state."""
    state = rule.begin(ticks[0].readings)
    for tick in ticks:
        before = state
        verdict, state = rule.decide(state, tick.readings, may_spawn=tick.may_spawn)
        yield tick, Counts(tick.readings, rule), verdict.delta, before, state
