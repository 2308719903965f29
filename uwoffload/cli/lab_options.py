"""What the commands of the lab have in common: loads, the pool, who computes, where it goes."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from .lab_arguments import RULES
from .usage import UsageError, usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..lab.case_values import Value
    from ..lab.cases import Case, Record
    from ..lab.compare import Comparison
    from ..lab.crew import Crew
    from ..lab.loads import Load
    from ..lab.rules import Contender
    from ..lab.simulate import Pool


MEAN_LOAD = 4.0
SERVICE_MS = 100.0


def pool_of(given: argparse.Namespace) -> Pool:
    """The pool asked for."""
    from ..lab.simulate import Pool

    if given.workers_min > given.workers_max:
        raise UsageError(
            f"--workers-min {given.workers_min}: more than --workers-max {given.workers_max}"
        )
    with usage():
        return Pool(
            workers_max=given.workers_max,
            workers_min=given.workers_min,
            startup_us=round(given.startup * 1e6),
            drain_us=round(given.drain * 1e6),
            listen_queue_limit=given.queue_limit,
            tick_us=round(given.tick * 1e6),
            threads=given.threads,
            queues=given.queues,
        )


def contenders(given: argparse.Namespace, default: tuple[str, ...] = RULES) -> list[Contender]:
    """The rules asked for, each once; sound for this pool."""
    from .. import cheaper
    from ..lab.rules import parse

    pool = pool_of(given)
    texts = given.rules or [name for name in default if name in cheaper.algorithms()]
    with usage():
        found = list(dict.fromkeys(parse(text) for text in texts))
        for contender in found:
            contender.build(pool)
    return found


def cases_of(given: argparse.Namespace, default: tuple[str, ...] = ()) -> list[Case]:
    """The loads asked for."""
    from ..lab.cases import blocks, seeded
    from ..lab.catalogue import shapes

    if given.trace:
        if given.load:
            raise UsageError("--trace and --load: one of them")
        load = read_trace(given)
        with usage():
            return blocks(load, given.seeds, round(given.tick * 1e6))
    seeds = range(given.seed, given.seed + given.seeds)
    found: list[Case] = []
    for text in given.load or default or shapes():
        name, _, values = text.partition(":")
        known: dict[str, Value] = {
            "mean_load": given.mean_load or MEAN_LOAD,
            "horizon": given.horizon,
            "service_ms": given.service or SERVICE_MS,
            **pairs(values, f"--load {text}"),
        }
        found += seeded(name, seeds, **known)
    with usage():
        for case in {case.name: case for case in found}.values():
            case.check()
    return found


def pairs(text: str, where: str) -> dict[str, Value]:
    """`key=value,key=value`."""
    found: dict[str, Value] = {}
    for item in filter(None, text.split(",")):
        key, equals, value = item.partition("=")
        if not equals:
            raise UsageError(f"{where}: {item!r} is not KEY=VALUE")
        try:
            found[key] = float(value)
        except ValueError:
            found[key] = value
    return found


TRACE_KEYS = {  # of --trace-as
    "format", "unit", "stamp", "time_column", "service_column", "time_unit", "durations", "select",
}  # fmt: skip


def read_trace(given: argparse.Namespace) -> Load:
    """The user's own; what was guessed, and lines that do not parse, are told of."""
    from ..lab.loads import replay
    from ..lab.services import Lognormal
    from ..lab.traces import read_trace

    wanted: dict[str, Any] = pairs(given.trace_as or "", "--trace-as")
    for key, value in wanted.items():
        if key not in TRACE_KEYS:
            raise UsageError(f"--trace-as {key}: allowed: {', '.join(sorted(TRACE_KEYS))}")
        if isinstance(value, float):  # a column by its number
            if not value.is_integer():
                raise UsageError(f"--trace-as {key}={value:g}: a whole number is allowed")
            wanted[key] = int(value)
    law = Lognormal(given.service * 1000) if given.service else None
    with usage():
        trace = read_trace(given.trace, law=law, strict=given.strict, seed=given.seed, **wanted)
    for note in trace.notes:
        print(f"uwoffload: {given.trace}: {note}", file=sys.stderr)
    if trace.failed:
        count = f"{trace.failed} lines do" if trace.failed > 1 else "1 line does"
        print(f"uwoffload: {given.trace}: {count} not parse:", file=sys.stderr)
        print("\n".join(f"  {one}" for one in trace.failures), file=sys.stderr)
    return replay(trace.load, mean_load=given.mean_load) if given.mean_load else trace.load


def crew_of(given: argparse.Namespace, stack: contextlib.ExitStack, points: int) -> Crew:
    """Who computes so many points; Dask's client is closed with the stack."""
    from ..lab.crew import Crew

    if given.dask:
        from ..lab.cluster import cluster

        there = stack.enter_context(cluster(given.dask))
        return stack.enter_context(Crew(there.executor, jobs=there.workers))
    jobs = min(given.jobs or os.cpu_count() or 1, points)
    kind = "threads" if given.in_threads else "processes"
    return stack.enter_context(Crew("inline" if jobs <= 1 else kind, jobs=jobs))


def wait_target_us(given: argparse.Namespace) -> int:
    """Of the command line."""
    return int(given.wait_target * 1000)


def can_report(given: argparse.Namespace) -> None:
    """What is missing for the report is told before anything is computed, not afterwards."""
    if given.html:
        from ..lab.report import check_place

        check_place(given.html)


def json_file(
    given: argparse.Namespace, stack: contextlib.ExitStack, *, append: bool = False
) -> TextIO | None:
    """Where JSON lines go."""
    if not given.json:
        return None
    if given.json == "-":
        return sys.stdout
    path = Path(given.json)
    if append:
        return stack.enter_context(path.open("a", encoding="utf-8"))
    return stack.enter_context(path.open("w", encoding="utf-8"))


def facts_of(given: argparse.Namespace, pool: Pool) -> dict[str, object]:
    """How to run it again."""
    return {
        "command": f"uwoffload {shlex.join(sys.argv[1:])}",
        "pool": pool,
        "seeds" if given.seeds > 1 else "seed": ", ".join(
            str(given.seed + index) for index in range(given.seeds)
        ),
    }


def compared(
    given: argparse.Namespace,
    rules: Sequence[Contender],
    cases: Sequence[Case],
    pool: Pool,
    *,
    against: str = "",
) -> Comparison:
    """Every rule on every case, with progress and JSON lines; with `against`, a summary too."""
    from ..lab.compare import compare
    from ..lab.progress import progress
    from ..lab.tables import line

    with contextlib.ExitStack() as stack:
        lines = json_file(given, stack)
        crew = crew_of(given, stack, len(cases))
        advance = stack.enter_context(progress("simulating", len(cases) * len(rules)))

        def each(records: Sequence[Record]) -> None:
            advance(len(records))
            if lines:
                lines.write("".join(map(line, records)))

        comparison = compare(
            rules,
            cases,
            pool,
            wait_target_us=wait_target_us(given),
            with_bounds=not given.no_bounds,
            crew=crew,
            each=each,
        )
        if lines and against:
            for record in comparison.summary(against):
                lines.write(line({"summary": True, **record}))
    return comparison
