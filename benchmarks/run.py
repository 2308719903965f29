"""
Every question about speed, one after the other, with its bar and whether it is met.

    python benchmarks/run.py [--quick] [--only NAME] [--json FILE] [--chart FILE]

See benchmarks/README.md for how to read the answers.
"""

import contextlib
import platform
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path

from bulk import bulk
from chart import draw, with_unit
from front.accepting import accepting
from front.bulk import front_bulk
from front.log import log
from front.memory import memory
from front.servers import PACKAGES, absent
from front.slow import front_slow
from front.small import small
from front.tax import tax
from handoff import handoff
from method import Failed, Figure, Missing, Question, arguments, build, settings_from
from parked import parked
from slow import slow
from submit import submit

QUESTIONS: dict[str, Question] = {
    "handoff": handoff,
    "submit": submit,
    "bulk": bulk,
    "slow": slow,
    "parked": parked,
    "small": small,
    "log": log,
    "tax": tax,
    "front-bulk": front_bulk,
    "front-slow": front_slow,
    "memory": memory,
    "accepting": accepting,
}
FRONT = ("small", "log", "tax", "front-bulk", "front-slow", "memory", "accepting")


def machine() -> str:
    """Kernel and processor in one line."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = " ".join(line.partition(":")[2].split())
            break
    count = Path("/proc/cpuinfo").read_text().count("processor\t:")
    return f"Linux {platform.release().partition('-')[0]}, {count} x {model}"


def _measured(figure: Figure) -> str:
    """The value, and its interval or spread."""
    text = with_unit(figure.value, figure.unit)
    if figure.interval:
        low, high = (with_unit(end, "") for end in figure.interval)
        return f"{text} [{low}, {high}]"
    if figure.spread:
        text += f" ± {with_unit(figure.spread, figure.unit).split()[0].rstrip('x')}"
    return text


def table(figures: Sequence[Figure]) -> str:
    """The answers as text, in columns."""
    rows = [("question", "measured", "bar", "")]
    group = ""
    for figure in figures:
        if figure.group != group:
            group = figure.group
            rows.append((group, "", "", ""))
        sign = "≥ " if figure.at_least else ""
        bar = "" if figure.bar is None else sign + with_unit(figure.bar, figure.unit)
        rows.append((figure.text, _measured(figure), bar, figure.verdict))
        if figure.note:
            rows.append((f"    {figure.note}", "", "", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * (sum(widths) + 6))
    return "\n".join(lines)


def _questions(only: Sequence[str] | None) -> list[str]:
    names = list(only or QUESTIONS)
    return [part for name in names for part in (FRONT if name == "front" else (name,))]


def main() -> int:
    parser = arguments(textwrap.dedent(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument(
        "--only",
        action="append",
        choices=[*QUESTIONS, "front"],
        help="may be given several times; front: everything about the front",
    )
    parser.add_argument("--json", type=Path, help="file for the JSON lines, one per measurement")
    parser.add_argument("--chart", type=Path, help="file for the chart, a PNG")
    options = parser.parse_args()
    figures: list[Figure] = []
    failures: list[str] = []
    left_out: list[str] = []
    with contextlib.ExitStack() as stack:
        records = stack.enter_context(options.json.open("w")) if options.json else None
        settings = settings_from(options, records)
        today = f"{date.today()}, {machine()}"
        settings.record("run", machine=today, seed=settings.seed, rounds=settings.rounds)
        target = "clients" if set(_questions(options.only)) <= set(FRONT) else "all"
        try:
            build(settings.build, target)
        except Failed as failed:
            sys.exit(str(failed))
        if set(_questions(options.only)) & set(FRONT):
            for tool in absent():
                settings.progress(f"not installed: {tool} (apt-get install {PACKAGES[tool]})")
        for name in _questions(options.only):
            settings.progress(name)
            try:
                found = QUESTIONS[name](settings)
            except Missing as missing:
                left_out.append(f"{name}: {missing}")
                continue
            except Failed as failed:
                failures.append(f"{name}: {failed}")
                continue
            for figure in found:
                settings.record("figure", **asdict(figure), met=figure.met)
            figures += found
        print(f"{today}; {settings.rounds} rounds, seed {settings.seed}\n")
        print(table(figures))
        if options.chart and figures:
            caption = (
                f"{today}; median of {settings.rounds} rounds, ± half the inter-quartile range"
            )
            try:
                draw(figures, options.chart, caption)
            except Failed as failed:
                failures.append(f"chart: {failed}")
    for text in left_out:
        print(f"\nleft out {text}", file=sys.stderr)
    for failure in failures:
        print(f"\nFAILED {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
