"""
Small files: what does a request cost, against nginx with its open-file cache?

1 KiB and 16 KiB, 64 connections, kept alive and closed after each request; the latter
with TCP_DEFER_ACCEPT on both sides and on neither. No access logs (see log.py). Two offload
threads stand beside one worker of nginx, and beside two, which are as many loops.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from method import Figure, Settings, files, interleaved, main, median_and_spread, median_interval

from front import wrk
from front.servers import (
    NGINX,
    NGINX_2,
    OURS_1,
    OURS_2,
    UWSGI,
    Kind,
    Setup,
    installed,
    needs,
    serving,
)

KIB = 1024
SIZES = {"1k": KIB, "16k": 16 * KIB}
BAR = 1.0


@dataclass(frozen=True)
class Case:
    """One way of asking."""

    file: str
    close: bool
    deferred: bool = True

    @property
    def text(self) -> str:
        if not self.close:
            return f"{self.file[:-1]} KiB, keep-alive"
        return f"{self.file[:-1]} KiB, close, TCP_DEFER_ACCEPT {'on' if self.deferred else 'off'}"

    @property
    def kinds(self) -> list[Kind]:
        """uWSGI's http-socket knows no keep-alive; not deferring is a side issue."""
        if not self.deferred:
            return installed([OURS_1, NGINX])
        return installed([OURS_1, OURS_2, NGINX, NGINX_2, *([UWSGI] if self.close else [])])


PAIRS = ((OURS_1, NGINX), (OURS_2, NGINX), (OURS_2, NGINX_2), (UWSGI, NGINX))
CASES = [
    Case(file, close, deferred)
    for file in SIZES
    for close, deferred in ((False, True), (True, True), (True, False))
]


def small(settings: Settings) -> list[Figure]:
    needs("nginx", "wrk")
    cells: dict[tuple[Case, Kind], list[dict[str, Any]]] = defaultdict(list)
    every = {f"{case} {kind.name}": (case, kind) for case in CASES for kind in case.kinds}
    with files(**SIZES) as directory:
        for number, key in interleaved(settings, list(every)):
            case, kind = every[key]
            setup = Setup(directory, deferred=case.deferred)
            with serving(settings, kind, setup) as running:
                result = wrk.load(settings, running, case.file, SIZES[case.file], case.close)
            settings.record(
                "cell", question="small", round=number, case=case.text, server=kind.name, **result
            )
            settings.progress(
                f"  small round {number}: {case.text}: {kind.name} {result['cpu_us']:.2f} µs, "
                f"{result['per_second']:,.0f}/s"
            )
            cells[case, kind].append(result)
    return [figure for case in CASES for figure in _figures(case, cells)]


def _figures(case: Case, cells: dict[tuple[Case, Kind], list[dict[str, Any]]]) -> Iterator[Figure]:
    for kind, other in PAIRS:
        for measure in ("cpu_us", "per_second"):
            if {kind, other} <= set(case.kinds):
                subject, baseline = cells[case, kind], cells[case, other]
                yield against(subject, baseline, f"small {case.text}", kind, measure, other=other)


def against(
    subject: list[dict[str, Any]],
    baseline: list[dict[str, Any]],
    group: str,
    kind: Kind,
    measure: str,
    bar: float | None = BAR,
    other: Kind = NGINX,
) -> Figure:
    """CPU per request, or requests/s, over nginx in the same round."""
    ratios = [a[measure] / b[measure] for a, b in zip(subject, baseline, strict=True)]
    cpu = measure == "cpu_us"
    ours, theirs = (median([cell[measure] for cell in cells]) for cells in (subject, baseline))
    unit = "µs" if cpu else "requests/s"
    digits = 2 if cpu else 0
    # uWSGI ends the connection without having said so, which wrk counts as an error each time.
    flawed = sum(cell["errors"] + cell["short"] for cell in subject) if kind.ours else 0
    note = f"{ours:,.{digits}f} {unit}; {other.name} {theirs:,.{digits}f}"
    value, spread = median_and_spread(ratios)
    return Figure(
        f"{group}, {kind.name}, {measure}, {other.name}",
        f"{kind.name}: {'CPU per request' if cpu else 'requests/s'} over {other.name}",
        value,
        spread,
        "x",
        bar if kind.ours else None,
        f"{note}; {flawed} answers spoiled" if flawed else note,
        flawed,
        interval=median_interval(ratios),
        at_least=not cpu,
        group=group,
    )


if __name__ == "__main__":
    main(small, __doc__, "clients")
