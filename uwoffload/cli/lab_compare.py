"""`uwoffload lab compare`: all rules, many loads and seeds, the same requests for each."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from . import lab_arguments as arguments
from . import lab_options as shared
from .lab_run import show, watched, write_report
from .usage import UsageError, usage

if TYPE_CHECKING:
    from ..lab.compare import Comparison

SEEDS = 10


def add_to(commands: Any) -> argparse.ArgumentParser:
    """Add the command."""
    command: argparse.ArgumentParser = commands.add_parser(
        "compare",
        help="all rules over a catalogue of loads, with intervals",
        epilog=arguments.EPILOG,
        usage="%(prog)s [RULE ...] [OPTIONS]",
    )
    arguments.add_rules(command)
    row = arguments.Row("--against", "RULE", "differences to this one; default: the first")
    arguments.add(command.add_argument_group("differences"), [row])
    arguments.add_load(command, seeds=SEEDS, seeds_are="runs, or parts of a trace", loads="all")
    arguments.add_pool(command)
    arguments.add_crew(command)
    arguments.add_output(command)
    return command


def run(given: argparse.Namespace) -> int:
    """Tables with intervals; JSON lines; a report."""
    from ..lab.rules import parse

    shared.can_report(given)
    pool = shared.pool_of(given)
    rules = shared.contenders(given)
    cases = shared.cases_of(given)
    with usage():
        against = str(parse(given.against)) if given.against else str(rules[0])
    if against not in map(str, rules):
        raise UsageError(f"--against {given.against}: it is not among the rules")
    comparison = shared.compared(given, rules, cases, pool, against=against)
    if given.html:
        runs = watched(given, comparison, cases, rules, pool)
        write_report(given, comparison, runs, pool)
    if given.json != "-":
        show(comparison)
        show_differences(comparison, against)
    return 0


def show_differences(comparison: Comparison, against: str) -> None:
    """Of each rule to one, paired, with 95 % intervals."""
    from ..lab.compare import COST, HARM
    from ..lab.tables import show

    rows = []
    for load in comparison.loads:
        base = comparison.mean(load, against, COST).mean
        for rule in comparison.rules:
            if rule == against:
                continue
            cost = comparison.difference(load, rule, against, COST)
            harm = comparison.difference(load, rule, against, HARM)
            known = len(comparison.values(load, rule, COST)) > 1  # one run has no spread
            rows.append(
                (
                    load,
                    rule,
                    f"{cost.mean / base:+.1%}",
                    f"[{cost.low / base:+.1%}, {cost.high / base:+.1%}]" if known else "-",
                    f"{harm.mean * 100:+.2f}",
                    f"[{harm.low * 100:+.2f}, {harm.high * 100:+.2f}]" if known else "-",
                    verdict(cost, harm) if known else "one run says nothing",
                )
            )
    print()
    head = ("load", "rule", "cost", "95 %", "over target, points", "95 %", "")
    show(head, rows, title=f"Beside {against}, run by run on the same requests:")


def verdict(cost: Any, harm: Any) -> str:
    """What the two intervals say together."""
    better = [one.high < 0 for one in (cost, harm)]
    worse = [one.low > 0 for one in (cost, harm)]
    if any(better) and not any(worse):
        return "better"
    if any(worse) and not any(better):
        return "worse"
    return "a trade" if any(better) else "no difference"
