"""`uwoffload cheaper list` and `explain`: the scaling algorithms, and what they would do."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidArgument
from .demo import within
from .table import table
from .usage import UsageError, guarded, usage

if TYPE_CHECKING:
    from ..cheaper.scaler import HasRule

TICKS_MAX = 100_000

KNOB_HEAD = ("knob", "default", "allowed", "unit", "option of the ini", "what it does")
LIMITS = {  # option: parameter, kind, what it is
    "--workers-min": ("workers_min", int, "fewest workers [1]"),
    "--workers-step": ("workers_step", int, "most started at one check [1]"),
    "--check-interval": ("check_interval", float, "seconds between two checks [1]"),
    "--rss-soft": ("rss_soft", int, "bytes from which none is started [no limit]"),
    "--rss-hard": ("rss_hard", int, "bytes from which one is stopped [no limit]"),
}
VALUES = {
    "--queue": ("listen_queue", "connections in the listen queue"),
    "--waiting": ("waiting", "requests accepted that wait for a worker"),
    "--oldest-wait-us": ("oldest_wait_us", "how long the oldest of `waiting` has waited"),
    "--arrivals": ("arrivals", "requests accepted or queued since the check before"),
    "--completions": ("completions", "requests answered since then"),
    "--memory-total": ("memory_total", "bytes of all workers"),
    "--manual": ("manual", "changes by hand, as in 2 or -1"),
}
EPILOGUE = """
Knobs are given as options: --check-interval-overload 5.  --workers is a word, one letter per
slot: i idle, b busy, s starting, D draining, C cheaped, z dead; repeated, it is the next check.
Who is busy there has been so since the check before, unless a file has busy_us.  4+3 in the
column queue: 4 connections in the listen queue, and 3 requests that wait.
FILE has an object per check, {"workers": "iibC", "listen_queue": 3} or with a list of objects
under "workers"; "-" is the standard input.
"""


def add_to(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser("cheaper", help="scaling algorithms: list, explain")
    command.set_defaults(run=lambda _: command.print_help() or 2)
    parts = command.add_subparsers(title="commands", metavar="COMMAND")

    listing = parts.add_parser("list", help="every algorithm, its knobs, defaults and units")
    listing.add_argument("names", nargs="*", metavar="ALGO", help="only these")
    listing.set_defaults(run=guarded(run_list, listing))

    part = parts.add_parser(
        "explain",
        help="what an algorithm does for a set of readings, and why",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    part.add_argument(
        "algorithm", metavar="ALGO", help="one of the list, or rule.py:function, module:function"
    )
    source = part.add_mutually_exclusive_group(required=True)
    source.add_argument("--workers", action="append", metavar="LETTERS", help='as in "iibbC"')
    source.add_argument("--readings", metavar="FILE", help="JSON, or JSON lines")
    part.add_argument("--profile", default="fixed", help="fixed, uwsgi-2.0 or uwsgi-2.1 [fixed]")
    part.add_argument(
        "--ticks", type=within(1, TICKS_MAX), metavar="N", help="repeat the last readings so often"
    )
    part.add_argument("--json", action="store_true", help="a line of JSON per check")
    for option, (_, kind, what) in LIMITS.items():
        part.add_argument(option, type=kind, metavar="N", help=what)
    for option, (_, what) in VALUES.items():
        part.add_argument(option, type=int, metavar="N", help=what)
    part.set_defaults(run=guarded(run_explain, part), takes_options=True)


def run_list(options: argparse.Namespace) -> int:
    """A table per algorithm."""
    from ..cheaper.ini import option_of
    from ..cheaper.table import FIXED, algorithms, find

    with usage():
        found = [find(name) for name in options.names] or list(algorithms().values())
    for number, info in enumerate(found):
        print(f"{chr(10) if number else ''}{info.name}: {info.summary}")
        print(f"profiles: {', '.join(info.profiles)}")
        rows = [
            (k.name, k.default, f"{k.min} to {k.max}", k.unit, option_of(info, k), k.help)
            for k in info.knobs
        ]
        print(table(KNOB_HEAD, rows) if rows else "no knobs")
    print(f"\nWhat is allowed is so in profile {FIXED}; the others take what uWSGI takes.")
    return 0


def run_explain(options: argparse.Namespace) -> int:
    """A row per check."""
    from ..cheaper.explain import HEAD, explain

    limits = {name: getattr(options, name) for name, _, _ in LIMITS.values()}
    with usage():
        algo, title, knobs = asked_for(options)
    with usage() if options.workers else contextlib.nullcontext():
        ticks = readings_of(options)
    with usage():
        rule = algo.rule(ticks[0].workers_max, profile=options.profile, **limits)
    with usage() if options.workers else of_file(options.readings):
        if options.json:
            for step in explain(rule, ticks):
                print(json.dumps(step.to_dict()))
            return 0
        rows = [step.cells(number) for number, step in enumerate(explain(rule, ticks), 1)]
    print(f"{title[0]}, profile {options.profile}: {title[1]}")
    given = ", ".join(f"{name} {value}" for name, value in knobs.items())
    limits["workers_max"] = ticks[0].workers_max
    around = ", ".join(f"{name} {value}" for name, value in limits.items() if value is not None)
    print(f"knobs: {given or 'none'}; limits: {around}\n")
    print(table(HEAD, rows))
    return 0


def asked_for(options: argparse.Namespace) -> tuple[HasRule, tuple[str, str], dict[str, int]]:
    """The algorithm, its name and what it does, its knobs.  Raises InvalidArgument."""
    from ..cheaper.function import Foreign
    from ..cheaper.named import found_function, located
    from ..cheaper.table import find

    name = options.algorithm
    if ":" not in name:
        info = find(name)
        algo = info.make(profile=options.profile, **knobs_of(options.rest, info))
        absent = (info.name, options.profile) == ("spare2", "uwsgi-2.0")
        summary = "that release does not find it, and runs spare" if absent else info.summary
        return algo, (info.name, summary), algo.knobs
    if options.rest:
        raise InvalidArgument(f"{options.rest[0]}: a function has no knobs")
    return Foreign(located(found_function(name))), (name, "a function of your own"), {}


@contextlib.contextmanager
def of_file(name: str) -> Iterator[None]:
    """What the core refuses, with the name of the file in front."""
    try:
        yield
    except InvalidArgument as error:
        raise InvalidArgument(f"{name}: {error}") from None


def knobs_of(words: list[str], info: Any) -> dict[str, int]:
    """`--knob value` or `--knob=value`, again and again.  Raises InvalidArgument."""
    from ..cheaper.table import near

    found: dict[str, int] = {}
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if not option.startswith("--"):
            raise InvalidArgument(f"{word!r:.80} is no option; write --knob value")
        name = option.removeprefix("--").replace("-", "_")
        known = [each.name for each in info.knobs]
        others = [n for n, _, _ in LIMITS.values()] + [n for n, _ in VALUES.values()]
        hint = near(name, [*known, *others])
        if name not in known and hint:
            raise InvalidArgument(f"{option:.80}{hint.replace('_', '-')}")
        knob = info.knob(name)
        if not equals:
            value = next(rest, "")
        try:
            found[knob.name] = int(value)
        except ValueError:
            raise InvalidArgument(f"{knob.name}: {value!r:.80}; allowed: {knob.allowed}") from None
    return found


def readings_of(options: argparse.Namespace) -> list[Any]:
    """What is to be explained.  Raises InvalidArgument, UsageError, OSError."""
    from ..cheaper.explain import parse
    from ..cheaper.readings import Readings

    values = {
        name: value
        for option, (name, _) in VALUES.items()
        if (value := getattr(options, option.removeprefix("--").replace("-", "_"))) is not None
    }
    if options.workers:
        found = [Readings.from_dict({**values, "workers": word}) for word in options.workers]
    else:
        if values:
            raise UsageError(f"{next(iter(values))}: it stands in the file of --readings")
        if options.readings == "-":
            text = sys.stdin.read()
        else:
            text = Path(options.readings).read_text(encoding="utf-8", errors="replace")
        found = parse(text, options.readings)
    timed = found[-1].copy()
    timed.wall_s = timed.wall_us = timed.mono_us = 0
    timed.manual = 0
    return found + [timed] * ((options.ticks or len(found)) - len(found))
