"""A grid over knobs: every combination on every load, streamed as JSON lines."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TextIO

from ..errors import InvalidArgument
from .cases import WAIT_TARGET_US, Case, Record, Task, tasks
from .compare import COST
from .crew import Crew, hired
from .rules import Contender, names, near, parse, whole
from .simulate import Pool
from .tables import line

POINTS_MAX = 1_000_000  # of a grid
RULES_EACH = 8  # settings tried on a load by one task


def axis(text: str) -> tuple[str, list[int]]:
    """`busy_max=50,60,70`, `overload=1..5` or `busy_max=50..90/10`."""
    name, equals, values = text.partition("=")
    if not equals or not name or not values:
        raise InvalidArgument(f"grid {text!r}: write NAME=1,2,3 or NAME=10..90/20")
    found: list[int] = []
    for item in values.split(","):
        first, dots, rest = item.partition("..")
        if not dots:
            found.append(whole(item, f"grid {text!r}: {name}"))
            continue
        last, _, step = rest.partition("/")
        low, high, by = (
            whole(part or "1", f"grid {text!r}: {name}") for part in (first, last, step)
        )
        if by < 1 or high < low or (high - low) // by >= POINTS_MAX:
            raise InvalidArgument(f"grid {text!r}: {item!r} is no range FROM..TO/STEP that grows")
        found += range(low, high + 1, by)
    return name, list(dict.fromkeys(found))


def grid(
    rule: str | Contender,
    axes: Mapping[str, Sequence[int]],
    pool: Pool,
    *,
    refused: list[InvalidArgument] | None = None,
) -> list[Contender]:
    """Every combination that is sound.  Raises InvalidArgument when none is.

    refused: gets why the others are not.
    """
    base = parse(rule) if isinstance(rule, str) else rule
    for name in axes:
        if name not in names(base):
            raise InvalidArgument(f"rule {base}: no knob {name!r}{near(name, names(base))}")
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > POINTS_MAX:
        raise InvalidArgument(f"grid of {count:,} settings: {POINTS_MAX:,} are allowed")
    found: list[Contender] = []
    wrong: list[InvalidArgument] = []
    for values in itertools.product(*axes.values()):
        setting = base.with_values(dict(zip(axes, values, strict=True)))
        try:
            setting.build(pool)
        except InvalidArgument as error:
            wrong.append(error)
            continue
        found.append(setting)
    if not found:
        raise wrong[0] if wrong else InvalidArgument("an empty grid")
    if refused is not None:
        refused += wrong
    return found


def sweep(
    rules: Sequence[Contender],
    cases: Sequence[Case],
    pool: Pool,
    *,
    wait_target_us: int = WAIT_TARGET_US,
    price_us: int | None = None,
    with_bounds: bool = True,
    crew: Crew | Executor | None = None,
    done: Iterable[Record] = (),
) -> Iterator[list[Record]]:
    """Records as they come, in the order of cases and rules.

    done: records of points that need not be computed again.  Raises InvalidArgument for records
    of another pool, load or wait target, and where some settings would have other seeds.
    """
    work = tasks(
        cases,
        rules,
        pool,
        wait_target_us=wait_target_us,
        price_us=price_us,
        with_bounds=with_bounds,
        rules_each=RULES_EACH,
    )
    left = remaining(work, done)
    return (records for _, records in hired(crew).compute(left))


def remaining(work: Iterable[Task], done: Iterable[Record]) -> list[Task]:
    """What is left of the tasks."""
    done = list(done)
    check_seeds(work, done)
    known = {
        (record["load"], record["seed"], record["rule"]): record["conditions"] for record in done
    }
    left = []
    for task in work:
        case = task.case
        found = {rule: known.get((case.name, case.seed, str(rule))) for rule in task.rules}
        if any(conditions not in (None, task.conditions) for conditions in found.values()):
            raise InvalidArgument(
                f"{case}: the results so far are of another pool, load or wait target"
                + ", or of other parts (--seeds)" * bool(case.end_us)
            )
        rules = tuple(rule for rule, conditions in found.items() if conditions is None)
        if rules:
            left.append(task.only(rules))
    return left


def check_seeds(work: Iterable[Task], done: Iterable[Record]) -> None:
    """Means over other seeds cannot stand beside each other: all settings shall have the same."""
    asked: dict[str, set[int]] = {}
    rules: dict[str, set[str]] = {}
    for task in work:
        asked.setdefault(task.case.name, set()).add(task.case.seed)
        rules.setdefault(task.case.name, set()).update(map(str, task.rules))
    found: dict[tuple[str, str], set[int]] = {}
    for record in done:
        found.setdefault((record["load"], record["rule"]), set()).add(record["seed"])
    for (load, rule), seeds in found.items():
        wanted = asked.get(load, seeds)
        if seeds - wanted or (rule not in rules.get(load, ()) and seeds != wanted):
            raise InvalidArgument(
                f"{load}: the results so far have {rule} with {listed(seeds)}, not "
                f"{listed(wanted)}: give the rules, grid and --seeds of then, or another file"
            )


def listed(seeds: Iterable[int]) -> str:
    """`seed 3`, `seeds 0 to 4`, `seeds 0, 2`."""
    known = sorted(seeds)
    if len(known) == 1:
        return f"seed {known[0]}"
    if known == list(range(known[0], known[-1] + 1)):
        return f"seeds {known[0]} to {known[-1]}"
    return f"seeds {', '.join(map(str, known))}"


def records_in(path: Path) -> list[Record]:
    """What a file of JSON lines has already; a last line cut short is cut off."""
    found: list[Record] = []
    with path.open("rb+") as file:
        text = file.read()
        whole_lines = text.rfind(b"\n") + 1
        if text[whole_lines:].strip()[:1] not in (b"", b"{"):
            raise InvalidArgument(f"{path}: is no result of a sweep; give another file")
        for number, one in enumerate(text[:whole_lines].splitlines(), 1):
            try:
                record = json.loads(one)
                record["load"], record["seed"], record["rule"], record[COST], record["conditions"]
            except (ValueError, KeyError, TypeError, RecursionError):
                raise InvalidArgument(
                    f"{path}: line {number} is no result of a sweep; give another file"
                ) from None
            found.append(record)
        file.truncate(whole_lines)
    return found


def stream(
    records: Iterable[Sequence[Record]], file: TextIO | None, each: Callable[[int], None]
) -> list[Record]:
    """Write them as they come, each line at once."""
    kept: list[Record] = []
    for found in records:
        if file:
            file.write("".join(map(line, found)))
            file.flush()
        kept += found
        each(len(found))
    return kept
