"""
Two servers, one load: the engine against the bare sendfile loop, CPU per GB.
"""

import time
from collections.abc import Sequence
from typing import Any

from method import FLAWS, Failed, Figure, Server, Settings, interleaved, ratio, run_json

# Each closes when the kernel has all bytes, but the last: that is the engine's default, with the
# first attempt in the engine's thread and the end when the client has acknowledged the last byte.
SERVERS = {
    "bare": ("bare_server",),
    "engine": ("engine_server", "--threads", "1"),
    "engine, settling": ("engine_server", "--threads", "1", "--hop", "--settle"),
}
BAR = 1.15
WARM_UP_MS = 100


def one_cell(
    settings: Settings, server_name: str, directory: str, load: Sequence[str], name: str
) -> dict[str, Any]:
    """A fresh server under the load; CPU counted from after a short warm-up."""
    program, *options = SERVERS[server_name]
    client = settings.program("load")
    server = Server([settings.program(program), *options, directory])
    try:
        warm_up = [client, "bulk", "--connections", "1", "--for-ms", str(WARM_UP_MS)]
        run_json([*warm_up, str(server.port), name], timeout=60)
        before = server.cpu_seconds()
        [result] = run_json([client, *load, str(server.port), name], timeout=300)
        time.sleep(0.05)  # for what the server still does when the client is done
        result["cpu_seconds"] = server.cpu_seconds() - before
    finally:
        report = server.stop()
    result["unfinished"] = sum(report.values()) - report.get("finished", 0)
    result["cpu_per_gb"] = result["cpu_seconds"] / (result["bytes"] / 1e9)
    return result


def compare(
    settings: Settings, name: str, text: str, directory: str, load: Sequence[str], file: str
) -> list[Figure]:
    """All servers in each round; the ratios of their CPU per GB, and what went wrong."""
    cost: dict[str, list[float]] = {server: [] for server in SERVERS}
    flaws = dict.fromkeys(SERVERS, 0)
    for number, server in interleaved(settings, list(SERVERS)):
        result = one_cell(settings, server, directory, load, file)
        settings.record("cell", question=name, round=number, server=server, **result)
        settings.progress(
            f"  {name} round {number}: {server} {result['cpu_per_gb']:.4f} CPU-s/GB, "
            f"{result['bytes'] / 1e9 / result['seconds']:.2f} GB/s"
        )
        cost[server].append(result["cpu_per_gb"])
        flaws[server] += result["unfinished"] + sum(result[flaw] for flaw in FLAWS)
    if flaws["bare"]:
        raise Failed(f"{name}: the bare server itself spoiled {flaws['bare']} answers")
    spoiled = flaws["engine"] + flaws["engine, settling"]
    note = f"{spoiled} answers spoiled" if spoiled else "every answer whole"
    ours, ours_spread = ratio(cost["engine"], cost["bare"])
    settling, settling_spread = ratio(cost["engine, settling"], cost["bare"])
    return [
        Figure(name, text, ours, ours_spread, "x", BAR, note, spoiled),
        Figure(
            f"{name}, settling",
            "    the same, handed over at once and waiting for the last acknowledgement",
            settling,
            settling_spread,
            "x",
        ),
    ]
