"""What `uwoffload lab tune` says of its choice, and what else to try."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..lab.cases import Case
    from ..lab.tune import Tuned

UNEVEN = 1.5  # the busiest part of one half has so many times the requests of that of the other
MORE_PARTS = 30


def verdict(given: argparse.Namespace, tuned: Tuned, name: str) -> str:
    """Does what was found hold, and what else to try?"""
    from ..lab.tables import percent

    seen = f"{percent(tuned.on_check.harm)} over the target, "
    seen += f"{tuned.on_check.cost / tuned.seconds:.2f} workers"
    unseen = f"on the {'parts' if given.trace else 'runs'} that the search has not seen"
    if tuned.attained != tuned.budget:
        return (
            f"No setting that was tried keeps it with the margin; chosen for {tuned.attained}: "
            f"{name}, with {seen} {unseen}.  {out_of_reach(given, tuned)}"
        )
    if tuned.holds:
        return f"Chosen: {name}; it holds {unseen}: {seen}."
    return f"Chosen: {name}; {unseen} it does NOT hold ({seen}).  {not_held(given, tuned)}"


def out_of_reach(given: argparse.Namespace, tuned: Tuned) -> str:
    """What to do when nothing keeps the budget."""
    over = tuned.budget.over_share is not None
    limit = tuned.attained.limit
    allow = f"--over {limit * 100:.3g}%" if over else f"--workers {math.ceil(limit * 10) / 10:g}"
    if any(tuned.budget.holds(point, tuned.seconds) for point in tuned.seen.values()):
        return (
            f"Some do without the margin, and more to go by makes it smaller: "
            f"{more(given, tuned.seconds)}; or allow more: {allow}."
        )
    if not over:
        return f"Allow more: {allow}."
    load, most = tuned.check.loads[0], given.workers_max
    if max(tuned.check.values(load, str(tuned.chosen), "workers_peak")) >= most:
        first = f"--workers-max above {most}, for all of them were needed"
    elif tuned.chosen.workers:
        first = f"static:{most}, or a rule that starts workers"
    else:
        first = f"a larger workers_min (--range workers_min={most // 2}..{most})"
    return f"Try {first}; or allow more: {allow}, or a larger --wait-target."


def not_held(given: argparse.Namespace, tuned: Tuned) -> str:
    """What to do when it holds only where it was searched."""
    asked = tuned.budget.limit
    less = asked * asked / tuned.budget.figure(tuned.on_check, tuned.seconds)
    over = tuned.budget.over_share is not None
    option = f"--over {less * 100:.3g}%" if over else f"--workers {less:.3g}"
    first = f"ask for less than you need, as {option}; or " if less else ""
    return f"Try: {first}{more(given, tuned.seconds)}."


def more(given: argparse.Namespace, seconds: float) -> str:
    """More to go by than loads of so many seconds."""
    from ..lab.cases import BLOCKS_MIN_TICKS

    if not given.trace:
        return f"--seeds {max(MORE_PARTS, 2 * given.seeds)}, or --horizon above {given.horizon:g}"
    most = min(MORE_PARTS, int(seconds * given.seeds / (BLOCKS_MIN_TICKS * given.tick)))
    return f"a longer log{f', or more parts (--seeds {most})' * (most > given.seeds)}"


def uneven(given: argparse.Namespace, search_on: Sequence[Case], check_on: Sequence[Case]) -> str:
    """What the searched half of a log has and the other has not."""
    from ..lab.tune import requests_in

    if not given.trace:
        return ""
    ours, theirs = (max(map(requests_in, half)) for half in (search_on, check_on))
    if ours <= UNEVEN * theirs:
        return ""
    seconds = check_on[0].make().horizon_us / 1e6
    return (
        f"The parts differ: the busiest searched has {ours:,} requests, the busiest checked "
        f"{theirs:,}; the check says little about such times.  Give {more(given, seconds)}."
    )
