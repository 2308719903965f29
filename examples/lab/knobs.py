"""Knobs for a daily wave with a flash crowd: what a worker-second buys, and which to choose.

python examples/lab/knobs.py [REPORT.html]
"""

from __future__ import annotations

import sys

from uwoffload.lab.budget import Budget
from uwoffload.lab.cases import seeded
from uwoffload.lab.crew import Crew
from uwoffload.lab.plots import watch
from uwoffload.lab.report import report
from uwoffload.lab.rules import parse
from uwoffload.lab.simulate import Pool
from uwoffload.lab.tables import show
from uwoffload.lab.tune import tune

# Two "days" of a quarter of an hour each; a crowd comes on top of the second.
CASES = seeded("daily-wave-crowd", range(8), mean_load=4, horizon=1800, service_ms=100)
POOL = Pool(workers_max=24, workers_min=2, startup_us=1_000_000)
RULES = ("spare", "busyness", "target")
BUDGET = Budget(over_share=0.03)  # of the requests may wait longer than 100 ms


def main() -> None:
    rules = [parse(rule) for rule in RULES]
    with Crew("threads") as crew:
        tuned = tune(rules, CASES[::2], CASES[1::2], POOL, BUDGET, candidates=12, crew=crew)

    show(
        ("worker-s", "over 100 ms", "setting"),
        [(f"{cost:,.0f}", f"{harm:.2%}", name) for cost, harm, name in tuned.front],
        title="Searched on four runs; the corners of the front:",
    )
    load = tuned.check.loads[0]
    print()
    show(
        ("worker-s", "over 100 ms", "setting"),
        [
            (f"{point.cost:,.0f}", f"{point.harm:.2%}", point.name)
            for point in sorted(tuned.check.points(load))
        ],
        title="Checked on four runs that the search has not seen, beside the defaults:",
    )
    kept = "it holds there too" if tuned.holds else "it does not hold there"
    print(f"\nBudget: {tuned.budget}; {kept}.\n\n{tuned.chosen.to_ini(POOL)}")

    if len(sys.argv) > 1:
        shown = [tuned.settings[name] for name in tuned.check.rules]
        runs = {load: [watch(CASES[1], rule, POOL, 100_000) for rule in shown]}
        report(
            sys.argv[1],
            tuned.check,
            runs,
            wait_target_us=100_000,
            tried=tuned.tried,
            chosen=tuned.on_search,
            facts={"command": " ".join(sys.argv)},
        )
        print(f"\nreport: {sys.argv[1]}")


if __name__ == "__main__":
    main()
