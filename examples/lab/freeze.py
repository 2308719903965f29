"""`backlog` of uWSGI: a stop that finds no idle worker bars the rule from starting any.

python examples/lab/freeze.py
"""

from __future__ import annotations

from uwoffload.lab.cases import seeded
from uwoffload.lab.charts import chart
from uwoffload.lab.compare import compare
from uwoffload.lab.rules import parse
from uwoffload.lab.simulate import Pool, simulate
from uwoffload.lab.tables import show

LOADS = (1.2, 2.0, 3.0, 4.0, 6.0)  # workers' worth
POOL = Pool(workers_max=10, workers_min=2, startup_us=1_000_000, listen_queue_limit=400)
FROZEN, MENDED = "uwsgi-2.1/backlog", "backlog"


def case(mean_load: float, seeds: int):
    return seeded(
        "steady", range(seeds), mean_load=mean_load, horizon=1200, law="exponential", service_ms=200
    )


def main() -> None:
    rows = []
    for mean_load in LOADS:
        found = compare((FROZEN, MENDED), case(mean_load, 5), POOL)
        for rule in found.rules:
            mean = {
                name: found.mean("steady", rule, name).mean
                for name in ("worker_seconds", "wait_p50_us", "rejected", "over_share")
            }
            rows.append(
                (
                    mean_load,
                    rule,
                    f"{mean['worker_seconds'] / 1200:.1f}",
                    f"{mean['wait_p50_us'] / 1000:,.0f} ms",
                    f"{mean['rejected']:,.0f}",
                    f"{mean['over_share']:.0%}",
                )
            )
    show(
        ("load", "rule", "workers", "p50 wait", "rejected", "over 100 ms"),
        rows,
        title="The same rule, with and without what it carries over; means of 5 runs of 1200 s:",
    )
    load = case(4.0, 1)[0].make()
    for rule in (FROZEN, MENDED):
        result = simulate(load, parse(rule).build(POOL), POOL, series=True)
        print(f"\n{rule}, load of 4 workers\n{chart(result.series)}")


if __name__ == "__main__":
    main()
