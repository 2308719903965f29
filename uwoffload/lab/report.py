"""The report: one HTML file with tables, pictures, and what is needed to run it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path

from .. import __version__
from . import page
from .cases import BOUNDS, Record
from .compare import Comparison
from .fronts import Point
from .plots import Run, pareto, search, timeline
from .svg import Look, drawing, looks
from .tables import count, milliseconds, number, percent

SHORT = {
    "work": "work",
    "zero_wait": "0-wait",
    "zero_wait_priced": "priced",
    "right_sizing": "path",
    "static_pool": "static",
}
LINES = {name: text for name, text in BOUNDS.items() if name != "right_sizing"}  # in the plot
HEAD = (
    "rule",
    "worker-s",
    "over target",
    "p50 wait",
    "p99 wait",
    "longest queue",
    "rejected",
    "starts",
    "flaps",
    *(f"/ {short}" for short in SHORT.values()),
    "front",
)


def legend() -> str:
    """What the columns with a slash are."""
    said = "; ".join(f"{SHORT[name]}: {text}" for name, text in BOUNDS.items())
    return f"Cost / bound ({said}).  *: no other rule is better in both cost and harm."


def row(record: Record) -> list[str]:
    """A line of the table, from a record or from means of records."""
    runs = record.get("seeds", 1)
    return [
        str(record["rule"]),
        number(record["worker_seconds"], 4),
        percent(record["over_share"]),
        milliseconds(record["wait_p50_us"]),
        milliseconds(record["wait_p99_us"]),
        count(record["queue_max"], runs),
        count(record["rejected"], runs),
        count(record["spawns"], runs),
        count(record["flaps"], runs),
        *(ratio(record, name) for name in BOUNDS),
        "*" if record.get("front") else "",
    ]


def titled(rule: str, seen: Mapping[str, Look]) -> str:
    """The name of its line, as in the pictures; all of it below, if that is a short one."""
    name = seen[rule].name
    return rule if name == rule else f"{name}\n{rule}"


def plain(value: object) -> str:
    """A text as it is; of a pool and the like only what differs from the defaults."""
    if not is_dataclass(value) or isinstance(value, type):
        return str(value)
    given = {one.name: getattr(value, one.name) for one in fields(value) if one.init}
    usual = {one.name: one.default for one in fields(value)}
    told = (f"{name}={it!r}" for name, it in given.items() if it != usual[name])
    return f"{type(value).__name__}({', '.join(told)})"


def ratio(record: Record, name: str) -> str:
    """Worker-seconds over a bound."""
    value = record.get(f"ratio_{name}")
    return "-" if value is None else f"{number(value)}"


def report(
    path: str | Path,
    comparison: Comparison,
    runs: Mapping[str, Sequence[Run]],
    *,
    title: str = "uwoffload lab",
    wait_target_us: int,
    facts: Mapping[str, object],
    tried: Mapping[str, Sequence[Point]] | None = None,
    chosen: Point | None = None,
    settings: Mapping[str, str] | None = None,
    words: str = "",
) -> None:
    """Write the page.

    runs: for each load the rules that were watched on it.  facts: how to run it again, as texts or
    as a `Pool`.
    tried, chosen, settings, words: of a search for knobs, and what it found.
    """
    watched = (run.rule for several in runs.values() for run in several)
    again = {name: plain(value) for name, value in facts.items()}
    seen = looks([*comparison.rules, *(tried or ()), *watched])
    parts = [page.note(lead(comparison, wait_target_us))]
    if tried and chosen:
        parts += [
            page.heading("The search"),
            page.figure(
                search(tried, chosen, seen, "search"),
                "Every setting that was tried, on the part of the load that was tuned on. The "
                "tables below are of the part that was not.",
            ),
        ]
    if words:
        parts.append(page.note(words))
    for name, text in (settings or {}).items():
        parts += [page.heading(name), page.code(text)]
    for index, load in enumerate(comparison.loads):
        parts.append(
            page.folded(
                f"Load: {load}",
                of_load(comparison, load, runs.get(load, ()), wait_target_us, seen, f"load{index}"),
                is_open=index == 0 or len(comparison.loads) < 4,
            )
        )
    parts += [
        page.heading("To run it again"),
        page.facts({**again, "version": f"uwoffload {__version__}"}),
    ]
    Path(path).write_text(page.page(title, parts), encoding="utf-8")


def check_place(path: str | Path) -> None:
    """Raises what writing a report there would raise, before it has cost anything."""
    with drawing(1, 1):
        Path(path).open("a", encoding="utf-8").close()


def lead(comparison: Comparison, wait_target_us: int) -> str:
    """The words at the top."""
    runs = len({record["seed"] for record in comparison.records})
    rules, loads = len(comparison.rules), len(comparison.loads)
    return (
        f"{counted(rules, 'rule')} on {counted(loads, 'load')}, {counted(runs, 'run')} of each; "
        "all rules on the very same requests. Cost is worker-seconds; harm is the share of "
        f"requests that wait longer than {milliseconds(wait_target_us)} or are rejected. {legend()}"
    )


def counted(count: int, thing: str) -> str:
    """`1 rule`, `2 rules`."""
    return f"{count} {thing}{'s' * (count != 1)}"


def of_load(
    comparison: Comparison,
    load: str,
    runs: Sequence[Run],
    wait_target_us: int,
    seen: Mapping[str, Look],
    name: str,
) -> list[str]:
    """Table and pictures of a load."""
    lines = [line for line in comparison.summary() if line["load"] == load]
    rows = [[titled(line["rule"], seen), *row(line)[1:]] for line in lines]
    known = {name: lines[0].get(f"bound_{name}") for name in LINES}
    floor = {LINES[name]: value for name, value in known.items() if value and value == value}
    parts = [
        page.table(HEAD, rows, [bool(line["front"]) for line in lines]),
        page.figure(
            pareto(comparison, load, floor, seen, f"{name}-front"),
            "Cost against harm: down and to the left is better. Bars: 95 % intervals of the mean. "
            "Upright lines: the exact bounds of the cost.",
        ),
    ]
    if runs:
        parts.append(
            page.figure(
                timeline(runs, wait_target_us, seen, f"{name}-time"),
                "One run of each rule. Area: workers that are ready, darker on top those that "
                "start; line: demand, the workers that would be busy if nobody waited. Requests "
                "waiting: as the checks find them; the longest queue of the table counts the "
                "time between two checks, too.",
            )
        )
    return parts
