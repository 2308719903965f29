"""A pool that does what its scaler says: closed loops, for tests of algorithms.

Small and exact rather than fast; `uwoffload.lab` simulates requests one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .explain import Step
from .readings import Readings
from .scaler import Scaler

BEGIN_US = 1_000_000_000
RSS = 50 << 20  # bytes of a worker
LIVE = frozenset(("idle", "busy", "starting"))


@dataclass(frozen=True, slots=True)
class Moment:
    """What happens between two checks."""

    load: int = 0  # requests that want a worker
    interval_us: int = 1_000_000
    first: int = 0  # which worker is busy first, when not all are
    manual: int = 0  # + and - by hand
    deaths: int = 0  # of workers that live
    fork_fails: bool = False  # of those that are to be started here


@dataclass(frozen=True, slots=True)
class History:
    """Moments that a pool lives through.

    startup, drain: moments that a start takes, and that a worker takes to end; 0 is at once.
    queue_limit: of the listen queue; requests above it are lost.
    """

    moments: tuple[Moment, ...]
    startup: int = 1
    drain: int = 1
    queue_limit: int = 100

    def run(self, scaler: Scaler) -> list[Step]:
        """What was measured and answered at each moment, in a pool of the rule's size."""
        return list(self.steps(scaler))

    def steps(self, scaler: Scaler) -> Iterator[Step]:
        """The same, one by one; the pool of the rule begins with its workers_startup."""
        pool = Pool(self, scaler.rule.workers_max, scaler.rule.workers_startup)
        if scaler.state == scaler.rule.new_state():
            scaler.begin(pool.measure(Moment()))
        for moment in self.moments:
            readings = pool.live_through(moment)
            verdict = scaler.tick(readings)
            pool.obey(verdict.start, verdict.stop, moment.fork_fails)
            yield Step(readings, verdict)


@dataclass
class Worker:
    """A slot."""

    state: str = "cheaped"
    left: int = 0  # moments until it is ready, or gone
    started_s: int = 0
    ready_us: int = 0
    busy_us: int = 0
    done_us: int = 0


@dataclass
class Pool:
    """Slots, a clock and a queue."""

    history: History
    size: int
    startup: int
    now_us: int = BEGIN_US
    queue: int = 0
    workers: list[Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.workers = [Worker() for _ in range(self.size)]
        for worker in self.workers[: self.startup]:
            worker.state = "idle"
            worker.started_s, worker.ready_us = self.now_us // 10**6, self.now_us

    def live_through(self, moment: Moment) -> Readings:
        """Time goes by; requests come; then it is measured."""
        self.now_us += moment.interval_us
        for worker in self.workers:
            self._age(worker)
        self._kill(moment.deaths)
        self._serve(moment)
        return self.measure(moment)

    def measure(self, moment: Moment) -> Readings:
        """The readings of now."""
        made = Readings(self.size, manual=moment.manual, listen_queue=self.queue).at(self.now_us)
        made.listen_queue_limit = self.history.queue_limit
        workers = self.workers
        there = [worker.state in LIVE or worker.state == "draining" for worker in workers]
        return made.fill(
            state=[worker.state for worker in workers],
            started_s=[worker.started_s for worker in workers],
            ready_since_us=[worker.ready_us for worker in workers],
            busy_us=[worker.busy_us for worker in workers],
            running_time_us=[worker.done_us for worker in workers],
            in_request=[int(worker.state == "busy") for worker in workers],
            rss=[RSS * lives for lives in there],
            pss=[RSS // 2 * lives for lives in there],
        )

    def obey(self, start: Sequence[int], stop: Sequence[int], fork_fails: bool) -> None:
        """Start and stop."""
        for number in start:
            worker = self.workers[number - 1]
            worker.state = "dead" if fork_fails else "starting"
            worker.left = self.history.startup
            worker.started_s, worker.busy_us = self.now_us // 10**6, 0
            if not fork_fails:
                self._arrive(worker)
        for number in stop:
            worker = self.workers[number - 1]
            worker.state, worker.left = "draining", self.history.drain
            self._arrive(worker)

    def _age(self, worker: Worker) -> None:
        if worker.left:
            worker.left -= 1
            self._arrive(worker)

    def _arrive(self, worker: Worker) -> None:
        if worker.left:
            return
        if worker.state == "starting":
            worker.state, worker.ready_us = "idle", self.now_us
        elif worker.state == "draining":
            worker.state = "cheaped"

    def _kill(self, deaths: int) -> None:
        for worker in self.workers:
            if deaths and worker.state in LIVE:
                worker.state, worker.left, deaths = "dead", 0, deaths - 1

    def _serve(self, moment: Moment) -> None:
        """As many as the load says are busy from here on, those that were included."""
        able = [worker for worker in self.workers if worker.state in ("idle", "busy")]
        turn = moment.first % len(able) if able else 0
        for worker in able:
            if worker.state == "busy":
                worker.busy_us += moment.interval_us
                worker.done_us += moment.interval_us
        for index, worker in enumerate(able[turn:] + able[:turn]):
            worker.state = "busy" if index < moment.load else "idle"
        self.queue = min(max(moment.load - len(able), 0), self.history.queue_limit)


# ---- what every rule must hold to ----


def active(readings: Readings) -> int:
    """Workers that serve, or are about to."""
    return sum(worker.state in LIVE for worker in readings.workers)


def check_step(step: Step, scaler: Scaler) -> None:
    """Raise AssertionError, which names the claim, if a verdict breaks the contract of rules."""
    readings, verdict, rule = step.readings, step.verdict, scaler.rule
    fixed = rule.profile == "fixed"
    state = {worker.number: worker.state for worker in readings.workers}
    startable = [n for n, s in state.items() if s == "cheaped" or (fixed and s == "dead")]
    free = ("idle",) if fixed else ("idle", "starting")
    idle = [w for w in readings.workers if w.state in free and not w.in_request]
    oldest = [w.number for w in sorted(idle, key=lambda w: (w.started_s, w.number))]
    starts, stops = list(verdict.start), list(verdict.stop)
    after = active(readings) + len(starts) - len(stops)

    _claim(verdict.fired or not (starts or stops), "nothing happens between two checks", step)
    _claim(not (starts and stops), "nobody is started and stopped at once", step)
    _claim(starts == startable[: len(starts)], "the lowest free slots are started", step)
    _claim(stops == oldest[: len(stops)], "the idle workers that started first are stopped", step)
    _claim(after <= rule.workers_max, "never above the maximum", step)
    alone = fixed and not active(readings)  # one, or it would not come back
    _claim(not verdict.memory or len(starts) <= alone, "nothing above a memory limit", step)
    if fixed:
        _claim(not stops or after >= rule.workers_min, "never stopped below the minimum", step)
        _claim(verdict.delta == len(starts) - len(stops), "delta says what is done", step)
        _claim(not verdict.fired or verdict.pending == 0, "nothing is carried over", step)
        may = not verdict.memory_spoke
        short = min(rule.workers_min - active(readings), len(startable))
        _claim(
            not (verdict.fired and may) or len(starts) >= short,
            "below the minimum workers are started",
            step,
        )
    elif verdict.fired:
        missed = max(-verdict.delta, 0) - len(stops)
        _claim(verdict.pending == -missed, "what found nobody idle is carried over", step)


def _claim(holds: bool, words: str, step: Step) -> None:
    if not holds:
        raise AssertionError(f"{words}: {step.readings!r} -> {step.verdict!r}")
