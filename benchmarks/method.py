"""
How things are measured here: fresh servers, shuffled rounds, CPU from the scheduler.

Every question compares a subject with a baseline in the same run. Each round runs each
of them once, on a fresh server and in an order of its own; the figure is the median of
the ratios within a round, its spread half the inter-quartile range, or, where the bar
is as fine as the noise, the confidence interval of that median.
"""

import argparse
import json
import math
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

HERE = Path(__file__).resolve().parent
ROUNDS = 9
FLAWS = ("truncated", "over", "reset", "stalled", "refused")  # of an answer, see load.c


class Failed(Exception):
    """A measurement that did not take place; the message says why."""


class Missing(Failed):
    """A question that cannot be asked here, for a tool is not installed."""


@dataclass(frozen=True)
class Figure:
    """One answer, and its bar: the most that is allowed, or the least.

    With a confidence interval the bar is met when the interval reaches it.
    """

    name: str
    text: str
    value: float
    spread: float
    unit: str
    bar: float | None = None  # None: for information
    note: str = ""
    spoiled: int = 0  # answers that were not whole: then no bar is met
    interval: tuple[float, float] | None = None  # of the median
    at_least: bool = False  # higher is better
    group: str = ""  # a heading above the first figure of each group

    @property
    def met(self) -> bool | None:
        if self.bar is None:
            return None
        best = self.value
        if self.interval:
            best = self.interval[self.at_least]
        reached = best >= self.bar if self.at_least else best <= self.bar
        return reached and not self.spoiled

    @property
    def verdict(self) -> str:
        """In words: met by the median too, or by the end of its interval only."""
        if self.bar is None:
            return ""
        if not self.met:
            return "NOT MET"
        median_too = self.value >= self.bar if self.at_least else self.value <= self.bar
        return "met" if median_too else "reached"


@dataclass
class Settings:
    """What a run was asked for."""

    build: Path
    rounds: int = ROUNDS
    quick: bool = False
    seed: int = 0
    records: TextIO | None = None
    order: random.Random = field(default_factory=random.Random)

    def record(self, what: str, **values: object) -> None:
        """Write one JSON line, if they are wanted."""
        if self.records:
            print(json.dumps({"what": what, **values}), file=self.records, flush=True)

    def progress(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def program(self, name: str) -> str:
        return str(self.build / name)


def build(directory: Path, target: str = "all") -> None:
    """Compile the C programs; quiet unless it fails."""
    done = subprocess.run(
        ["make", "-j2", "-C", str(HERE / "c"), f"BUILD={directory}", target],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"the C programs do not build:\n{done.stdout}{done.stderr}")


def cpu_seconds(pid: int) -> float:
    """CPU of all threads of a process and its children, from schedstat."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
        children = (task / "children").read_text().split()
        total += round(sum(cpu_seconds(int(child)) for child in children) * 1e9)
    return total / 1e9


class Server:
    """A server under test, listening."""

    def __init__(self, command: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port = int(json.loads(self._line() or "{}").get("port", 0))
        if not self.port:
            raise Failed(f"{command[0]} did not start")

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.process.pid)

    def stop(self) -> dict[str, int]:
        """End it; returns what it says at its end."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        try:
            report: dict[str, int] = json.loads(self._line() or "{}")
            if self.process.wait(30):
                raise Failed(f"{self.process.args!r} ended with {self.process.returncode}")
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
        return report


def run_json(command: Sequence[str], timeout: float) -> list[dict[str, Any]]:
    """Run a program to its end; returns the JSON lines it printed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} did not end within {timeout:.0f} s") from None
    if done.returncode:
        raise Failed(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def files(**sizes: int) -> Iterator[str]:
    """A directory with files of these sizes, and their pages in the cache."""
    with tempfile.TemporaryDirectory(prefix="uwoffload-bench-") as directory:
        for name, size in sizes.items():
            (Path(directory) / name).write_bytes(random.randbytes(size))
        yield directory


def interleaved(settings: Settings, names: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Every name once per round, each round in an order of its own."""
    for number in range(settings.rounds):
        for name in settings.order.sample(list(names), len(names)):
            yield number, name


def median_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """The median and half the inter-quartile range."""
    if len(values) < 2:
        return values[0], 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return statistics.median(values), (high - low) / 2


def ratio(subject: Sequence[float], baseline: Sequence[float]) -> tuple[float, float]:
    """Median and spread of the ratios within a round."""
    return median_and_spread([a / b for a, b in zip(subject, baseline, strict=True)])


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """The narrowest pair of order statistics that holds the median with that confidence.

    Nothing is assumed of the distribution: the median lies outside of the k-th smallest and the
    k-th largest of n values with twice the probability of fewer than k heads in n throws of a
    coin. With fewer than six values the widest pair has to do.
    """
    ordered = sorted(values)
    below, rank = 0.0, 0
    for k in range(len(ordered) // 2):
        below += math.comb(len(ordered), k) / 2 ** len(ordered)
        if 2 * below > 1 - confidence:
            break
        rank = k
    return ordered[rank], ordered[-1 - rank]


Question = Callable[[Settings], list[Figure]]


def arguments(text: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--quick", action="store_true", help="small and short: does it run at all")
    parser.add_argument("--rounds", type=int, help=f"default {ROUNDS}, 3 when quick")
    parser.add_argument("--seed", type=int, help="of the order within the rounds")
    parser.add_argument(
        "--build",
        type=Path,
        default=HERE.parent / "build" / "bench",
        help="directory for the C programs",
    )
    return parser


def settings_from(options: argparse.Namespace, records: TextIO | None) -> Settings:
    """Settings from the command line; prints the seed and lifts the descriptor limit."""
    seed = random.randrange(1 << 31) if options.seed is None else options.seed
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    settings = Settings(
        build=options.build.resolve(),
        rounds=options.rounds or (3 if options.quick else ROUNDS),
        quick=options.quick,
        seed=seed,
        records=records,
        order=random.Random(seed),
    )
    settings.progress(f"seed {seed}, {settings.rounds} rounds")
    return settings


def main(question: Question, text: str | None, target: str = "all") -> None:
    """One question on its own: JSON lines to the standard output."""
    settings = settings_from(arguments(text).parse_args(), sys.stdout)
    try:
        build(settings.build, target)
        for figure in question(settings):
            settings.record("figure", **asdict(figure), met=figure.met)
    except Failed as failed:
        sys.exit(str(failed))
