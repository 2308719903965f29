"""
Parked transfers: do ten thousand that wait slow down those that move, and what do they weigh?
"""

from collections import defaultdict

from method import Figure, Settings, main, median_and_spread, ratio, run_json

FLAT = 1.05
KIB_EACH = 0.30


def parked(settings: Settings) -> list[Figure]:
    command = [
        settings.program("parked"),
        *("--rounds", str(settings.rounds)),
        *("--seed", str(settings.seed)),
        *("--phase-ms", "100" if settings.quick else "500"),
    ]
    settings.progress("  parked: 0, 1,000 and 10,000 clients that do not read")
    cost: dict[int, list[float]] = defaultdict(list)
    idle: dict[int, list[float]] = defaultdict(list)
    memory: dict[str, float] = {}
    for line in run_json(command, timeout=600):
        part = line.pop("what")
        settings.record("cell", question="parked", part=part, **line)
        if part == "memory":
            memory = line
        else:
            cost[line["parked"]].append(line["cpu_ns_each"])
            idle[line["parked"]].append(line["idle_cpu_us_per_s"])
    few, some, many = sorted(cost)
    per_event = [
        Figure(
            f"parked {count:,}",
            f"CPU per event with {count:,} parked transfers over none",
            *ratio(cost[count], cost[few]),
            "x",
            FLAT,
        )
        for count in (some, many)
    ]
    kernel = memory["kernel_slab_kib_each"] + memory["kernel_tcp_kib_each"]
    weight = Figure(
        "parked memory",
        "PSS per parked transfer",
        memory["pss_kib_each"],
        0.0,
        "KiB",
        KIB_EACH,
        f"the kernel's own beside it: {kernel:.1f} KiB",
    )
    rest = Figure(
        "parked idle",
        f"CPU of the engine while {many:,} wait and nothing moves",
        *median_and_spread([value / 1000 for value in idle[many]]),
        "ms/s",
    )
    return [*per_event, weight, rest]


if __name__ == "__main__":
    main(parked, __doc__)
