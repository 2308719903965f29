"""`uwoffload lab sweep`: a grid over the knobs of a rule."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidArgument
from . import lab_arguments as arguments
from . import lab_options as shared
from .usage import UsageError, usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..lab.cases import Record
    from ..lab.rules import Contender
    from ..lab.simulate import Pool

SEEDS = 3
SHOWN = 30  # settings in the table, of a front that is longer


def add_to(commands: Any) -> argparse.ArgumentParser:
    """Add the command."""
    command: argparse.ArgumentParser = commands.add_parser(
        "sweep",
        help="a grid over knobs, streamed as JSON lines",
        epilog=arguments.EPILOG,
        usage="%(prog)s RULE ... --grid NAME=VALUES [OPTIONS]",
    )
    arguments.add_rules(command, needed=True)
    group = command.add_argument_group("grid")
    arguments.add(
        group,
        [
            arguments.Row(
                "--grid", "NAME=VALUES", "1,2,5 or 10..90/20; repeatable", more=arguments.REPEATED
            )
        ],
    )
    group.add_argument("--resume", action="store_true", help="go on where the JSON file ends")
    arguments.add_load(command, seeds=SEEDS, seeds_are="runs, or parts of a trace")
    arguments.add_pool(command)
    arguments.add_crew(command)
    arguments.add_output(command, html=False)
    return command


def settings_of(given: argparse.Namespace, pool: Pool) -> list[Contender]:
    """Every combination; a knob that only some of the rules have is swept in those."""
    from ..lab.rules import names, near, parse
    from ..lab.sweep import axis, grid

    if not given.grid:
        raise UsageError("--grid NAME=VALUES is needed, as --grid busy_max=50..90/10")
    with usage():
        axes = dict(axis(text) for text in given.grid)
        rules = [parse(text) for text in given.rules]
        known = dict.fromkeys(name for rule in rules for name in names(rule))
        for name in axes:
            if name not in known:
                raise UsageError(f"--grid {name}: no knob of these rules{near(name, known)}")
        found: list[Contender] = []
        refused: list[InvalidArgument] = []
        for rule in rules:
            own = {name: values for name, values in axes.items() if name in names(rule)}
            found += grid(rule, own, pool, refused=refused)
    if refused:
        print(
            f"uwoffload: {len(refused)} of {len(refused) + len(found)} settings are not sound and "
            f"left out; the first: {refused[0]}",
            file=sys.stderr,
        )
    return list(dict.fromkeys(found))


def run(given: argparse.Namespace) -> int:
    """JSON lines as they come; at the end the front."""
    from ..lab.progress import progress
    from ..lab.sweep import stream, sweep

    pool = shared.pool_of(given)
    settings = settings_of(given, pool)
    cases = shared.cases_of(given, ("steady",))
    with contextlib.ExitStack() as stack:
        old = so_far(given)
        lines = shared.json_file(given, stack, append=given.resume)
        crew = shared.crew_of(given, stack, len(settings) * len(cases))
        advance = stack.enter_context(progress("simulating", len(settings) * len(cases) - len(old)))
        with usage():
            records = sweep(
                settings,
                cases,
                pool,
                wait_target_us=shared.wait_target_us(given),
                with_bounds=not given.no_bounds,
                crew=crew,
                done=old,
            )
        found = old + stream(records, lines, advance)
    if given.json != "-":
        show_front(found)
    return 0


def so_far(given: argparse.Namespace) -> list[Record]:
    """What an earlier run has computed."""
    from ..lab.sweep import records_in

    if not given.resume:
        return []
    if not given.json or given.json == "-":
        raise UsageError("--resume needs --json FILE")
    path = Path(given.json)
    with usage():
        return records_in(path) if path.exists() else []


def show_front(records: Sequence[Record]) -> None:
    """The settings that no other beats."""
    from ..lab.compare import Comparison
    from ..lab.report import HEAD, row
    from ..lab.tables import show

    comparison = Comparison(records)
    for load in comparison.loads:
        lines = [line for line in comparison.summary() if line["load"] == load]
        best = sorted(
            (line for line in lines if line["front"]), key=lambda line: line["worker_seconds"]
        )
        show(
            HEAD,
            [row(line) for line in best[:SHOWN]],
            title=f"load {load}: {len(best)} of {len(lines)} settings that no other beats",
        )
        if len(best) > SHOWN:
            print(f"... and {len(best) - SHOWN} more; --json has all")
