"""
Does `target` hold its own against the five rules of uWSGI?  All are tuned, it too.

    python benchmarks/rules.py [--shapes NAME,...] [--settings N] [--seeds N] [--json FILE]

Each of the five gets the same number of settings, `target` three times as many (less than the five
together), drawn at random, a third of them near the best of the others; the least number of workers
is a knob of every rule. What lies on the front of worker-seconds against requests over the wait
target on the tuning seeds is run on other seeds. There, at equal cost, the harm of `target` is
compared with that of the best of the five at that cost, seed by seed: at costs from where the best
of the five keep three quarters of the requests in time (or come within 10 points of their best).
"""

import argparse
import itertools
import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from uwoffload.lab import Pool, shapes, simulate_many
from uwoffload.lab.catalogue import Shape
from uwoffload.lab.confidence import Interval, interval
from uwoffload.lab.fronts import Point, harm_at, hull
from uwoffload.lab.rules import Contender, parse

OURS = "target"
FIVE = ("spare", "spare2", "backlog", "busyness", "manual")
POOL = Pool(workers_max=32, workers_min=1, startup_us=1_000_000)
MEAN_LOAD = 4.0
HORIZON_US = 1_800_000_000
TUNING, TEST = 0, 1000  # first seeds
TUNING_SEEDS = 5
LEVELS = 9  # costs at which harm is compared
LATE, NEAR_BEST = 0.25, 0.1  # of requests: where the comparison begins
OURS_SETTINGS = 3  # times those of each of the five
FLOOR = 1e-5  # of a share: below it none counts as better
WITHIN = 1.03  # of the cost of the best, on stationary loads
LEAST = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14)  # workers_min

KNOBS: dict[str, dict[str, Sequence[int]]] = {
    "spare": {"check_interval_overload": (1, 2, 3, 4, 6, 10, 20), "workers_step": (1, 2, 3, 4, 8)},
    "spare2": {"check_interval_idle": (1, 2, 3, 5, 10, 20, 40, 80), "workers_step": (1, 2, 4, 8)},
    "backlog": {"check_num_overload": (1, 2, 3, 4, 6, 10), "workers_step": (1, 2, 4, 8)},
    "busyness": {
        "check_interval_busy": (1, 2, 3, 5, 8),
        "busy_max": (30, 40, 50, 60, 70, 80, 90),
        "busy_min": (10, 15, 20, 25, 30, 40, 50, 60, 70, 80),
        "idle_cycles_max": (1, 2, 3, 5, 10, 20),
        "idle_cycles_penalty": (0, 1, 2),
        "queue_size": (0, 1, 2, 3, 5, 10, 33),
        "emergency_workers_step": (1, 2, 4, 8),
        "emergency_idle_cycles_max": (1, 3, 6),
        "queue_nonzero_delay": (1, 3, 10, 60),
        "workers_step": (1, 2, 4),
    },
    "manual": {},
    "target": {
        "wait_share": (1, 2, 5, 10, 20, 50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 999),
        "shrink_after": (0, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60),
        "drain": (200, 500, 1000, 2000, 5000, 10000),
        "window": (8, 16, 32, 64),
        "workers_step": (1, 2, 4, 32),
    },
}  # fmt: skip

Harms = dict[str, list[Point]]  # rule -> points


@dataclass(frozen=True)
class Answer:
    """Of one shape."""

    shape: str
    stationary: bool
    costs: list[float]
    harm: dict[str, list[float]]  # rule -> at each cost
    less: Interval  # harm: best of the five - ours, mean over the costs
    ratio: Interval  # ours / best of the five, geometric mean over the costs
    cost_ratio: float  # ours / best of the five, at equal harm, geometric mean
    defaults: dict[str, Any]


def drawn(rule: str, rng: random.Random) -> dict[str, int]:
    values = {name: rng.choice(values) for name, values in KNOBS[rule].items()}
    values["workers_min"] = rng.choice(LEAST)
    if values.get("busy_min", 0) >= values.get("busy_max", 100):
        return drawn(rule, rng)
    return values


def near(rule: str, values: dict[str, int], rng: random.Random) -> dict[str, int]:
    """One knob moved to a neighbour."""
    grid = {**KNOBS[rule], "workers_min": LEAST}
    name = rng.choice(sorted(grid))
    at = grid[name].index(values[name]) + rng.choice((-1, 1))
    moved = {**values, name: grid[name][min(max(at, 0), len(grid[name]) - 1)]}
    return moved if moved.get("busy_min", 0) < moved.get("busy_max", 100) else values


def points(
    shape: Shape, contenders: Sequence[Contender], seeds: Sequence[int]
) -> Iterator[list[Point]]:
    """A list per seed: cost in workers on average, share of requests that waited too long."""
    for seed in seeds:
        load = shape(seed, MEAN_LOAD, HORIZON_US)
        tasks = [(load, contender.build(POOL), POOL) for contender in contenders]
        yield [
            Point(result.worker_seconds * 1e6 / HORIZON_US, result.over_share, str(contender))
            for contender, result in zip(contenders, simulate_many(tasks), strict=True)
        ]


def mean(runs: Sequence[Sequence[Point]]) -> list[Point]:
    return [
        Point(fmean(p.cost for p in same), fmean(p.harm for p in same), same[0].name)
        for same in zip(*runs, strict=True)
    ]


def tuned(shape: Shape, rule: str, count: int, rng: random.Random) -> list[Contender]:
    """The settings on the front of the tuning seeds."""
    seeds = range(TUNING, TUNING + TUNING_SEEDS)
    base = parse(rule)
    found: dict[Contender, dict[str, int]] = {}
    best: list[Point] = []
    for part in range(3):
        fresh: dict[Contender, dict[str, int]] = {}
        by_name = {str(contender): values for contender, values in found.items()}
        for _ in range(20 * count):
            if len(fresh) >= count // 3:
                break
            # manual and spare2 have fewer settings than may be drawn
            values = (
                near(rule, by_name[rng.choice(best).name], rng)
                if part == 2 and best
                else drawn(rule, rng)
            )
            contender = base.with_values(values)
            if contender not in found:
                fresh[contender] = values
        found |= fresh
        best = hull([*best, *mean(list(points(shape, list(fresh), seeds)))]) if fresh else best
    names = {point.name for point in best}
    return [contender for contender in found if str(contender) in names]


def harms(runs: Sequence[Sequence[Point]], costs: Sequence[float]) -> list[list[float]]:
    """Per seed, the harm at each cost when settings are mixed as their means say."""
    corners = hull(mean(runs))
    found = []
    for run in runs:
        by_name = {point.name: point for point in run}
        found.append([mixed(corners, by_name, cost) for cost in costs])
    return found


def mixed(corners: Sequence[Point], run: dict[str, Point], cost: float) -> float:
    """Of one seed, with the mixture that costs so much on average; NaN: there is none so cheap."""
    if cost < corners[0].cost:
        return math.nan
    for left, right in itertools.pairwise(corners):
        if left.cost <= cost <= right.cost:
            part = (cost - left.cost) / (right.cost - left.cost)
            return (1 - part) * run[left.name].harm + part * run[right.name].harm
    return run[corners[-1].name].harm


def cost_for(corners: Sequence[Point], harm: float) -> float:
    """Least cost of a mixture with no more harm."""
    for left, right in itertools.pairwise(corners):
        if right.harm <= harm <= left.harm:
            return left.cost + (left.harm - harm) / (left.harm - right.harm) * (
                right.cost - left.cost
            )
    return math.nan


def against_defaults(
    shape: Shape, ours: Sequence[Sequence[Point]], seeds: Sequence[int]
) -> dict[str, Any]:
    """What each of the five costs as it comes, and our harm at that cost."""
    rules = [parse(rule) for rule in (*FIVE[:4], OURS)]
    runs = list(points(shape, rules, seeds))
    cheapest = min(point.cost for point in mean(ours))
    found = {}
    for index, point in enumerate(mean(runs)):
        cost = max(point.cost, cheapest)
        mine = [row[0] for row in harms(ours, [cost])]
        gap = interval([run[index].harm - one for run, one in zip(runs, mine, strict=True)])
        found[rules[index].algorithm] = {
            "cost": point.cost,
            "harm": point.harm,
            "our_cost": cost,
            "ours": fmean(mine),
            "less": gap,
        }
    return found


def ask(name: str, settings: int, seed_count: int) -> Answer:
    shape = shapes()[name]
    seeds = range(TEST, TEST + seed_count)
    rng = random.Random(name)
    chosen = {rule: tuned(shape, rule, settings, rng) for rule in FIVE}
    chosen[OURS] = tuned(shape, OURS, OURS_SETTINGS * settings, rng)
    runs = {rule: list(points(shape, chosen[rule], seeds)) for rule in chosen}
    corners = {rule: hull(mean(run)) for rule, run in runs.items()}
    all_five = [list(one) for one in zip(*(runs[rule] for rule in FIVE), strict=True)]
    five_runs = [[point for rule in one for point in rule] for one in all_five]
    five = hull(mean(five_runs))
    late = min(max(LATE, five[-1].harm + NEAR_BEST), five[0].harm)
    low = max(cost_for(five, late), corners[OURS][0].cost)
    high = min(five[-1].cost, corners[OURS][-1].cost)
    costs = [low + (high - low) * i / (LEVELS - 1) for i in range(LEVELS)]
    mine, theirs = harms(runs[OURS], costs), harms(five_runs, costs)
    less = [fmean(np.subtract(b, a)) for a, b in zip(mine, theirs, strict=True)]
    mine_mean, theirs_mean = np.mean(mine, 0), np.mean(theirs, 0)
    logs = [
        fmean(np.log((np.array(a) + FLOOR) / (np.array(b) + FLOOR)))
        for a, b in zip(mine, theirs, strict=True)
    ]
    levels = [h for h in theirs_mean if h > FLOOR]
    cost_ratios = [cost_for(corners[OURS], h) / cost_for(five, h) for h in levels]
    cost_ratios = [ratio for ratio in cost_ratios if math.isfinite(ratio)]
    log_ratio = interval(logs)
    return Answer(
        shape=name,
        stationary=shape.stationary,
        costs=costs,
        harm={rule: [harm_at(corners[rule], cost) for cost in costs] for rule in corners}
        | {"five": list(theirs_mean), "ours": list(mine_mean)},
        less=interval(less),
        ratio=Interval(*(math.exp(x) for x in log_ratio)),
        cost_ratio=math.exp(fmean(map(math.log, cost_ratios))) if cost_ratios else math.nan,
        defaults=against_defaults(shape, runs[OURS], seeds),
    )


def verdict(answer: Answer) -> str:
    """Ahead: at most costs, which the ratio tells, and in all, which the difference tells."""
    if answer.stationary:
        return "within 3 %" if answer.cost_ratio <= WITHIN else "further off"
    if answer.less.low > 0 and answer.ratio.high < 1:
        return "ahead"
    if answer.ratio.high < 1:
        return "ahead, not at the cheap end"
    return "behind" if answer.ratio.low > 1 else "even"


def line(answer: Answer) -> str:
    beaten = [
        rule
        for rule, found in answer.defaults.items()
        if rule != OURS and found["our_cost"] == found["cost"] and found["less"].low > 0
    ]
    return (
        f"{answer.shape:17}{'stationary' if answer.stationary else '':11}"
        f"{answer.ratio.mean:6.2f} [{answer.ratio.low:.2f}, {answer.ratio.high:.2f}]"
        f"{100 * answer.less.mean:9.2f} [{100 * answer.less.low:.2f}, {100 * answer.less.high:.2f}]"
        f"{answer.cost_ratio:7.3f}  {verdict(answer):27}  defaults beaten: {len(beaten)} of 4"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0].strip())
    options.add_argument("--shapes", default="", help="default: all of the catalogue")
    options.add_argument("--settings", type=int, default=120, help="per rule and shape")
    options.add_argument("--seeds", type=int, default=30, help="of the comparison")
    options.add_argument("--json", type=Path, help="a line per shape")
    given = options.parse_args(arguments)
    names = given.shapes.split(",") if given.shapes else list(shapes())
    print("harm: share of requests over 100 ms, at equal cost, target against the best of the five")
    print(
        "shape                        ratio [95 %]      % points less [95 %]    cost for equal harm"
    )
    lines = given.json.open("w") if given.json else None
    for name in names:
        answer = ask(name, given.settings, given.seeds)
        print(line(answer), flush=True)
        if lines:
            lines.write(json.dumps(asdict(answer)) + "\n")
            lines.flush()


if __name__ == "__main__":
    main()
