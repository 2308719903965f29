"""
Hand-off: what does it cost to give a transfer to a sleeping engine thread?
"""

from collections import defaultdict

from method import Figure, Settings, main, median_and_spread, ratio, run_json

BURST_NS = 100
BURST_WAKES = 1 / 16
ALONE = 1.15


def handoff(settings: Settings) -> list[Figure]:
    settings.progress("  hand-off: pipe, eventfd, mailbox, engine")
    command = [settings.program("handoff"), "--rounds", str(settings.rounds)]
    cost: dict[tuple[str, str], list[float]] = defaultdict(list)
    wakes: dict[tuple[str, str], list[float]] = defaultdict(list)
    for line in run_json([*command, "--seed", str(settings.seed)], timeout=600):
        settings.record("cell", question="handoff", **line)
        cost[line["way"], line["shape"]].append(line["both_ns"])
        wakes[line["way"], line["shape"]].append(line["wakes_each"])

    def against_pipe(way: str) -> str:
        value, spread = ratio(cost[way, "alone"], cost["pipe", "alone"])
        return f"{way} {value:.2f} ± {spread:.2f}"

    pipe_burst, _ = median_and_spread(cost["pipe", "burst"])
    pipe_alone, _ = median_and_spread(cost["pipe", "alone"])
    return [
        Figure(
            "hand-off burst",
            "a hand-off in a burst of 1,000, CPU on both sides",
            *median_and_spread(cost["mailbox", "burst"]),
            "ns",
            BURST_NS,
            f"a pipe: {pipe_burst:.0f} ns",
        ),
        Figure(
            "hand-off wakes",
            "wake-ups per hand-off in a burst of 1,000",
            *median_and_spread(wakes["mailbox", "burst"]),
            "",
            BURST_WAKES,
        ),
        Figure(
            "hand-off alone",
            "one hand-off to a sleeping thread over a pipe write, CPU on both sides",
            *ratio(cost["mailbox", "alone"], cost["pipe", "alone"]),
            "x",
            ALONE,
            f"a pipe: {pipe_alone:.0f} ns; {against_pipe('eventfd')}",
        ),
        Figure(
            "transfer burst",
            "a whole 1-byte transfer in a burst of 1,000, submit and engine thread",
            *median_and_spread(cost["engine", "burst"]),
            "ns",
        ),
        Figure(
            "transfer alone",
            "a whole 1-byte transfer alone, submit and engine thread",
            *median_and_spread(cost["engine", "alone"]),
            "ns",
        ),
    ]


if __name__ == "__main__":
    main(handoff, __doc__)
