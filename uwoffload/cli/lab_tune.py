"""`uwoffload lab tune`: find knobs for a load within a budget."""

from __future__ import annotations

import argparse
import contextlib
import re
import textwrap
from typing import TYPE_CHECKING, Any

from . import lab_arguments as arguments
from . import lab_options as shared
from .demo import within
from .lab_run import watched, write_report
from .lab_verdict import uneven, verdict
from .usage import UsageError, usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..lab.budget import Budget
    from ..lab.cases import Case, Record
    from ..lab.simulate import Pool
    from ..lab.tune import Tuned

SEEDS = 8
OVER = 0.01
WIDTH = 100


def add_to(commands: Any) -> argparse.ArgumentParser:
    """Add the command."""
    command: argparse.ArgumentParser = commands.add_parser(
        "tune",
        help="find knobs for your own load within a budget",
        epilog="Searched on half of the seeds (or parts of a log), told on the rest.  "
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
    from ..lab.tune import halves, tune

    shared.can_report(given)
    pool = shared.pool_of(given)
    rules = shared.contenders(given)
    cases = shared.cases_of(given, ("steady",))
    search_on, check_on = halves(cases) if given.trace else (cases[::2], cases[1::2])
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
    differ = uneven(given, search_on, check_on)
    if given.html:
        write(given, tuned, check_on, pool, differ)
    if given.json != "-":
        show(given, tuned, pool, differ)
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
                        "held_as": tuned.held(point.name),
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


def show(given: argparse.Namespace, tuned: Tuned, pool: Pool, differ: str) -> None:
    """In words and tables."""
    from ..lab.report import HEAD, counted, legend, row
    from ..lab.tables import show as show_table

    part = "part" if given.trace else "run"
    corners, chosen = tuned.corners, str(tuned.chosen)
    short = labels([*corners, *tuned.check.rules])
    show_table(
        ("setting", "workers", "over target", "held as", "chosen"),
        [(short[name], *figures(tuned, name), "*" * (name == chosen)) for name in corners],
        title=f"Searched: {len(tuned.seen)} settings; corners of the front, and the chosen:",
    )
    measure = "workers" if tuned.budget.over_share is None else "over target"
    say(
        f"Held as: what is held against the budget, {measure} and three standard errors over the "
        f"{part}s.  Of two that cost about the same, the one with fewer knobs is chosen."
    )
    spell(short, corners)
    lines = tuned.check.summary()
    show_table(
        ("rule", "workers", *HEAD[1:]),
        [(short[str(line["rule"])], workers(line), *row(line)[1:]) for line in lines],
        title=f"\nChecked on {counted(lines[0]['seeds'], part)} that the search has not seen, "
        "beside the defaults;\nworker-s and all that is counted: mean per "
        f"{part} of {tuned.seconds:,.0f} s:",
    )
    say(legend())
    spell(short, [name for name in tuned.check.rules if name not in corners])
    if differ:
        say(f"\n{differ}")
    say(f"\nBudget: {tuned.budget}.  {verdict(given, tuned, short[chosen])}")
    print("\nFor an ini (`uwoffload run` does not scale yet, it starts them all), and in Python:")
    print(f"{tuned.chosen.to_ini(pool)}\n\n{wrapped(tuned.chosen.to_python(pool))}")


def figures(tuned: Tuned, name: str) -> tuple[str, str, str]:
    """Of the part that was searched."""
    from ..lab.tables import number, percent

    point, held = tuned.seen[name], tuned.held(name)
    return (
        number(point.cost / tuned.seconds),
        percent(point.harm),
        number(held) if tuned.budget.over_share is None else percent(held),
    )


def workers(record: Record) -> str:
    """On average."""
    from ..lab.tables import number

    return number(record["worker_seconds"] / record["horizon_seconds"])


def labels(names: Sequence[str]) -> dict[str, str]:
    """What long names are called in tables."""
    from ..lab.tables import LONG

    each = dict.fromkeys(names)
    return {
        name: name if len(name) <= LONG else f"#{number}" for number, name in enumerate(each, 1)
    }


def spell(short: Mapping[str, str], names: Iterable[str]) -> None:
    """What the labels stand for."""
    for name in names:
        if short[name] != name:
            print(wrapped(f"{short[name]} = {name}"))


def wrapped(text: str) -> str:
    """Knobs, broken at commas."""
    lines = [""]
    for piece in re.split(r"(?<=,)(?! )|(?<=, )", text):
        if lines[-1] and len(lines[-1] + piece.rstrip()) > WIDTH:
            lines.append("    ")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def say(text: str) -> None:
    """Sentences, as wide as a terminal."""
    for line in text.splitlines():
        print(textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False))


def write(
    given: argparse.Namespace, tuned: Tuned, check_on: list[Case], pool: Pool, differ: str
) -> None:
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
        words=f"Budget: {tuned.budget}. {verdict(given, tuned, str(tuned.chosen))} {differ}",
    )
