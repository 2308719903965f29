"""`uwoffload lab tune`: find knobs for a load within a budget."""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING, Any

from . import lab_arguments as arguments
from . import lab_options as shared
from .demo import within
from .lab_run import watched, write_report
from .usage import UsageError, usage

if TYPE_CHECKING:
    from ..lab.budget import Budget
    from ..lab.cases import Case
    from ..lab.simulate import Pool
    from ..lab.tune import Tuned

SEEDS = 8
OVER = 0.01


def add_to(commands: Any) -> argparse.ArgumentParser:
    """Add the command."""
    command: argparse.ArgumentParser = commands.add_parser(
        "tune",
        help="find knobs for your own load within a budget",
        epilog="Searched on every other part of the load (or seed), told on the rest.  "
        + arguments.EPILOG,
        usage="%(prog)s [RULE ...] [--over SHARE | --workers N] [OPTIONS]",
    )
    arguments.add_rules(command)
    budget = command.add_argument_group("budget, and where to look")
    arguments.add(
        budget.add_mutually_exclusive_group(),
        (
            arguments.Row("--over", "SHARE", "may wait too long, at least cost; default: 1%",
                arguments.share),
            arguments.Row("--workers", "N", "paid for on average, for the shortest waits",
                arguments.number(0.01, 65536)),
        ),
    )  # fmt: skip
    add_search(budget)
    arguments.add_load(command, seeds=SEEDS, seeds_are="runs, or parts; half are for the check")
    arguments.add_pool(command)
    arguments.add_crew(command)
    arguments.add_output(command)
    return command


def add_search(group: Any) -> None:
    """Where it looks."""
    more = arguments.REPEATED
    arguments.add(
        group,
        (
            arguments.Row(
                "--range",
                "NAME=LOW..HIGH",
                "of a knob; repeatable; not for knobs in RULE",
                more=more,
            ),
            arguments.Row(
                "--candidates", "N", "settings per rule to begin with", within(4, 10_000), 48
            ),
        ),
    )


def run(given: argparse.Namespace) -> int:
    """The front, the knobs, and what they do on the part that the search has not seen."""
    from ..lab.progress import progress
    from ..lab.ranges import given_ranges
    from ..lab.tune import tune

    shared.can_report(given)
    pool = shared.pool_of(given)
    rules = shared.contenders(given)
    cases = shared.cases_of(given, ("steady",))
    search_on, check_on = cases[::2], cases[1::2]
    if not check_on:
        raise UsageError(f"--seeds {given.seeds}: 2 or more, for half is kept for the check")
    if len({case.name for case in cases}) > 1:
        raise UsageError("tune takes one --load")
    with usage():
        ranges = given_ranges(given.range or (), rules)
        budget = budget_of(given)
    with contextlib.ExitStack() as stack:
        crew = shared.crew_of(given, stack, given.candidates)
        advance = stack.enter_context(progress("settings tried", None))
        tuned = tune(
            rules, search_on, check_on, pool, budget,
            wait_target_us=shared.wait_target_us(given), ranges=ranges,
            candidates=given.candidates, seed=given.seed, with_bounds=not given.no_bounds,
            crew=crew, each=advance,
        )  # fmt: skip
    if given.json:
        write_json(given, tuned)
    if given.html:
        write(given, tuned, check_on, pool)
    if given.json != "-":
        show(tuned, pool)
    return 0


def budget_of(given: argparse.Namespace) -> Budget:
    """As asked."""
    from ..lab.budget import Budget

    if given.workers is not None:
        return Budget(mean_workers=given.workers)
    return Budget(over_share=OVER if given.over is None else given.over)


def write_json(given: argparse.Namespace, tuned: Tuned) -> None:
    """Every setting that was tried, the check, and the chosen."""
    from ..lab.tables import write_lines

    with contextlib.ExitStack() as stack:
        lines = shared.json_file(given, stack)
        if lines is None:
            return
        for rule, points in tuned.tried.items():
            write_lines(
                (
                    {
                        "tried": rule,
                        "rule": point.name,
                        "worker_seconds": point.cost,
                        "over_share": point.harm,
                    }
                    for point in points
                ),
                lines,
            )
        write_lines(tuned.check.records, lines)
        write_lines(
            [
                {
                    "chosen": str(tuned.chosen),
                    "budget": str(tuned.budget),
                    "attained": str(tuned.attained),
                    "holds": tuned.holds,
                }
            ],
            lines,
        )


def show(tuned: Tuned, pool: Pool) -> None:
    """In words and tables."""
    from ..lab.report import HEAD, legend, row
    from ..lab.tables import number, percent
    from ..lab.tables import show as show_table

    count = sum(map(len, tuned.tried.values()))
    front = [(point.name, number(point.cost, 4), percent(point.harm)) for point in tuned.front]
    show_table(
        ("setting", "worker-s", "over target"),
        front,
        title=f"Searched: {count} settings; corners of the front:",
    )
    print()
    show_table(
        HEAD,
        [row(line) for line in tuned.check.summary()],
        title="Checked on the part that the search has not seen, beside the defaults:",
    )
    print(legend())
    print(f"\nBudget: {tuned.budget}.  {verdict(tuned)}\n")
    print("For an ini (`uwoffload run` does not scale yet, it starts them all), and in Python:")
    print(f"{tuned.chosen.to_ini(pool)}\n\n{tuned.chosen.to_python(pool)}")


def verdict(tuned: Tuned) -> str:
    """Does what was found hold?"""
    from ..lab.tables import percent

    seen = f"{percent(tuned.on_check.harm)} over the target, "
    seen += f"{tuned.on_check.cost / tuned.seconds:.2f} workers"
    if tuned.attained != tuned.budget:
        said = f"No setting that was tried keeps it; chosen for {tuned.attained}"
        return f"{said}: {tuned.chosen}, with {seen} on the part that the search has not seen."
    if tuned.holds:
        return f"Chosen: {tuned.chosen}; it holds on the part that the search has not seen: {seen}."
    return (
        f"Chosen: {tuned.chosen}; on the part that the search has not seen it does NOT hold "
        f"({seen}): ask for less than you need, or give a longer load."
    )


def write(given: argparse.Namespace, tuned: Tuned, check_on: list[Case], pool: Pool) -> None:
    """The report."""
    known = {str(rule): rule for rule in [*tuned.settings.values()]}
    rules = [known[name] for name in tuned.check.rules]
    write_report(
        given,
        tuned.check,
        watched(given, tuned.check, check_on, rules, pool),
        pool,
        tried=tuned.tried,
        chosen=tuned.on_search,
        settings={
            f"Chosen: {tuned.chosen}": f"{tuned.chosen.to_ini(pool)}\n\n"
            f"{tuned.chosen.to_python(pool)}",
        },
        words=f"Budget: {tuned.budget}. {verdict(tuned)}",
    )
