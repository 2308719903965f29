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
from handoff import handoff
from method import Failed, Figure, Question, arguments, build, settings_from
from parked import parked
from slow import slow
from submit import submit

QUESTIONS: dict[str, Question] = {
    "handoff": handoff,
    "submit": submit,
    "bulk": bulk,
    "slow": slow,
    "parked": parked,
}


def machine() -> str:
    """Kernel and processor in one line."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = " ".join(line.partition(":")[2].split())
            break
    count = Path("/proc/cpuinfo").read_text().count("processor\t:")
    return f"Linux {platform.release().partition('-')[0]}, {count} x {model}"


def table(figures: Sequence[Figure]) -> str:
    """The answers as text, in columns."""
    rows = [("question", "measured", "bar", "")]
    for figure in figures:
        measured = with_unit(figure.value, figure.unit)
        if figure.spread:
            measured += f" ± {with_unit(figure.spread, figure.unit).split()[0].rstrip('x')}"
        bar = "" if figure.bar is None else with_unit(figure.bar, figure.unit)
        verdict = {None: "", True: "met", False: "NOT MET"}[figure.met]
        rows.append((figure.text, measured, bar, verdict))
        if figure.note:
            rows.append((f"    {figure.note}", "", "", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * (sum(widths) + 6))
    return "\n".join(lines)


def main() -> int:
    parser = arguments(textwrap.dedent(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument(
        "--only", action="append", choices=list(QUESTIONS), help="may be given several times"
    )
    parser.add_argument("--json", type=Path, help="file for the JSON lines, one per measurement")
    parser.add_argument("--chart", type=Path, help="file for the chart, a PNG")
    options = parser.parse_args()
    figures: list[Figure] = []
    failures: list[str] = []
    with contextlib.ExitStack() as stack:
        records = stack.enter_context(options.json.open("w")) if options.json else None
        settings = settings_from(options, records)
        today = f"{date.today()}, {machine()}"
        settings.record("run", machine=today, seed=settings.seed, rounds=settings.rounds)
        try:
            build(settings.build)
        except Failed as failed:
            sys.exit(str(failed))
        for name in options.only or QUESTIONS:
            settings.progress(name)
            try:
                found = QUESTIONS[name](settings)
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
    for failure in failures:
        print(f"\nFAILED {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
