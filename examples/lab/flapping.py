"""`spare` at constant load: workers are started and stopped all the time, for nothing.

python examples/lab/flapping.py
"""

from __future__ import annotations

from uwoffload.lab.cases import seeded
from uwoffload.lab.charts import chart
from uwoffload.lab.compare import compare
from uwoffload.lab.rules import parse
from uwoffload.lab.simulate import Pool, simulate
from uwoffload.lab.tables import show

# Requests of 200 ms on average that keep four workers busy, for twenty minutes.
CASES = seeded("steady", range(5), mean_load=4, horizon=1200, law="exponential", service_ms=200)
POOL = Pool(workers_max=10, workers_min=2, startup_us=1_000_000)
RULES = ("uwsgi-2.1/spare", "spare", "spare:check_interval_overload=20", "target", "static:7")


def main() -> None:
    comparison = compare(RULES, CASES, POOL)
    show(
        ("rule", "starts", "stops", "flaps", "workers", "over 100 ms"),
        [
            (
                rule,
                *(
                    round(comparison.mean("steady", rule, name).mean)
                    for name in ("spawns", "stops", "flaps")
                ),
                f"{comparison.mean('steady', rule, 'worker_seconds').mean / 1200:.1f}",
                f"{comparison.mean('steady', rule, 'over_share').mean:.1%}",
            )
            for rule in comparison.rules
        ],
        title="Constant load of 4 workers, 1200 s, means of 5 runs:",
    )
    for rule in ("uwsgi-2.1/spare", "target"):
        load = CASES[0].make().cut(0, 300_000_000)
        result = simulate(load, parse(rule).build(POOL), POOL, series=True)
        print(f"\n{rule}, the first five minutes\n{chart(result.series)}")


if __name__ == "__main__":
    main()
