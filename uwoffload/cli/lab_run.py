"""`uwoffload lab run`: one load, several rules."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from . import lab_arguments as arguments
from . import lab_options as shared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..lab.cases import Case
    from ..lab.compare import Comparison
    from ..lab.plots import Run
    from ..lab.rules import Contender
    from ..lab.simulate import Pool


def add_to(commands: Any) -> argparse.ArgumentParser:
    """Add the command."""
    command: argparse.ArgumentParser = commands.add_parser(
        "run",
        help="one load, several rules",
        epilog=arguments.EPILOG,
        usage="%(prog)s [RULE ...] [OPTIONS]",
    )
    arguments.add_rules(command)
    arguments.add_load(command, seeds=1, seeds_are="runs, or parts of a trace")
    arguments.add_pool(command)
    arguments.add_crew(command)
    group = arguments.add_output(command)
    group.add_argument("--no-chart", action="store_true", help="tables only")
    return command


def run(given: argparse.Namespace) -> int:
    """Tables, a chart per rule, JSON lines, a report."""
    shared.can_report(given)
    pool = shared.pool_of(given)
    rules = shared.contenders(given)
    cases = shared.cases_of(given, ("steady",))
    comparison = shared.compared(given, rules, cases, pool)
    runs = watched(given, comparison, cases, rules, pool) if given.html or charted(given) else {}
    if given.html:
        write_report(given, comparison, runs, pool)
    if given.json != "-":
        show(comparison)
    if charted(given):
        draw(runs)
    return 0


def charted(given: argparse.Namespace) -> bool:
    """Is a chart in text wanted?"""
    return given.json != "-" and not given.no_chart


def show(comparison: Comparison) -> None:
    """A table per load."""
    from ..lab.report import HEAD, legend, row
    from ..lab.tables import show

    for index, load in enumerate(comparison.loads):
        lines = [line for line in comparison.summary() if line["load"] == load]
        if index:
            print()
        seeds = lines[0]["seeds"]
        title = f"load {load}" + f", means of {seeds} runs" * (seeds > 1)
        show(HEAD, [row(line) for line in lines], title=title)
    print(legend())


def watched(
    given: argparse.Namespace,
    comparison: Comparison,
    cases: Sequence[Case],
    rules: Sequence[Contender],
    pool: Pool,
) -> dict[str, list[Run]]:
    """The first run of each load again, with everything that it shows."""
    from ..lab.plots import watch

    first = {case.name: case for case in reversed(cases)}
    return {
        load: [watch(first[load], rule, pool, shared.wait_target_us(given)) for rule in rules]
        for load in comparison.loads
    }


def draw(runs: dict[str, list[Run]]) -> None:
    """Charts in text."""
    from ..lab.charts import chart

    for load, several in runs.items():
        for one in several:
            print(f"\n{one.rule} on {load}\n{chart(one.result.series)}")


def write_report(
    given: argparse.Namespace,
    comparison: Comparison,
    runs: dict[str, list[Run]],
    pool: Pool,
    **more: Any,
) -> None:
    """To the file asked for."""
    from ..lab.report import report

    report(
        given.html,
        comparison,
        runs,
        title=f"uwoffload lab {given.lab}",
        wait_target_us=shared.wait_target_us(given),
        facts=shared.facts_of(given, pool),
        **more,
    )
