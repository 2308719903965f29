"""Fixed pools: all waits by the FIFO recursion, the least pool that is good enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from heapq import heapreplace

import numpy as np

from .._bridge import lib
from .bounds_occupancy import moves
from .loads import Chunk, Ints, Load, LoadChunks
from .pool import Pool
from .simulate import simulate

WORKERS_MAX = 65_536  # of a simulated pool

FINEST_US = 1_000
PLACES = 1 << 18  # of a table of windows
STEPS = 4  # windows begin at every quarter of their length


def pieces(load: Load | LoadChunks) -> LoadChunks:
    return load.chunks() if isinstance(load, Load) else load


def waits(arrivals: Ints, services: Ints, workers: int) -> Ints:
    """Of every request with so many workers, first come, first served; exact.

    The next request begins when it has come and the worker free soonest is free.
    """
    free = [0] * workers
    found = np.empty(arrivals.size, np.int64)
    pairs = zip(arrivals.tolist(), services.tolist(), strict=True)
    for at, (arrival, service) in enumerate(pairs):
        begin = free[0] if free[0] > arrival else arrival
        heapreplace(free, begin + service)
        found[at] = begin - arrival
    return found


def late(chunks: Iterable[Chunk], workers: int, wait_target_us: int, most: float) -> int:
    """How many requests wait longer than the target; counting ends above `most`."""
    free = [0] * workers
    count = 0
    for arrivals, services in chunks:
        for arrival, service in zip(arrivals.tolist(), services.tolist(), strict=True):
            begin = free[0] if free[0] > arrival else arrival
            heapreplace(free, begin + service)
            if begin - arrival > wait_target_us:
                count += 1
                if count > most:
                    return count
    return count


def _late(
    load: LoadChunks, workers: int, threads: int, wait_target_us: int, most: float, end_us: int
) -> int:
    """The same by the simulator, which is much faster, where its clock reaches far enough."""
    if end_us > lib.UWO_LAB_TIME_MAX or workers > WORKERS_MAX:
        return late(load, workers * threads, wait_target_us, most)
    room = lib.UWO_LAB_WAITING_MAX  # whoever is rejected behind so many would wait too long
    tick_us = lib.UWO_LAB_TIME_MAX
    pool = Pool(workers, listen_queue_limit=room, tick_us=tick_us, threads=threads)
    found = simulate(replace(load, horizon_us=end_us), workers, pool, wait_target_us=wait_target_us)
    return found.over_target + found.rejected


def least_pool(
    load: Load | LoadChunks,
    wait_target_us: int,
    share: float,
    low: int,
    high: int,
    threads: int = 1,
) -> int | None:
    """The least pool of low..high in which at most a share of the requests waits too long.

    Waits never grow with the pool, so the border is found by bisection.
    """
    parts = pieces(load)
    totals = [(arrivals.size, int(services.sum())) for arrivals, services in parts]
    most = share * sum(count for count, _ in totals)
    end_us = load.horizon_us + sum(work for _, work in totals) + 1  # one worker is done by then

    def enough(workers: int) -> bool:
        return _late(parts, workers, threads, wait_target_us, most, end_us) <= most

    low = max(low, 1)
    if high < low or not enough(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return high


def deadline_peak(load: Load | LoadChunks, wait_target_us: int) -> int:
    """Workers that any policy has at some moment, if each request begins within the target.

    Two kinds of proof, the stronger one counts:  a request that works longer than
    it may wait is surely in progress from arrival + target to arrival + service,
    and these may overlap;  and of the requests that come in a window of length L
    at least the work that would be done in it without any wait has to be done
    within L + target (demand-bound function), for windows of many lengths.
    """
    long = (
        (arrivals[longer] + wait_target_us, services[longer] - wait_target_us)
        for arrivals, services in pieces(load)
        if (longer := services > wait_target_us).any()
    )
    end_us = load.horizon_us + wait_target_us
    peak = max((int(piece.count.max()) for piece in moves(long, end_us)), default=0)
    for most, length in sorted(_promising(load, wait_target_us), reverse=True):
        if most > peak:
            peak = max(peak, _demand(load, wait_target_us, length))
    return peak


def _promising(load: Load | LoadChunks, wait_target_us: int) -> list[tuple[int, int]]:
    """Lengths of windows, and what each can prove at most: all of the work that comes in one."""
    step = max(FINEST_US // STEPS, load.horizon_us // PLACES) + 1
    work = np.zeros(load.horizon_us // step + 1)
    for arrivals, services in pieces(load):
        if arrivals.size:
            first = int(arrivals[0]) // step
            sums = np.bincount(arrivals // step - first, services.astype(np.float64))
            work[first : first + sums.size] += sums
    found = []
    while work.size > 1:
        length = step * STEPS
        total = np.concatenate([np.zeros(STEPS), np.cumsum(work), np.full(STEPS, work.sum())])
        densest = int((total[STEPS:] - total[:-STEPS]).max())
        found.append((-(-densest // (length + wait_target_us)), length))
        work = np.append(work, 0.0) if work.size % 2 else work
        work = work.reshape(-1, 2).sum(axis=1)
        step *= 2
    return found


def _demand(load: Load | LoadChunks, wait_target_us: int, length: int) -> int:
    """What the windows of one length prove."""
    step = length // STEPS
    work = np.zeros(load.horizon_us // step + 1)
    for arrivals, services in pieces(load):
        if not arrivals.size:
            continue
        latest = arrivals // step  # the last window to begin before the arrival
        for back in range(STEPS):
            window = latest - back
            inside = np.minimum(services, (window * step + length) - arrivals)
            part = window >= 0
            low = int(window[part][0]) if part.any() else 0
            sums = np.bincount(window[part] - low, inside[part].astype(np.float64))
            work[low : low + sums.size] += sums
    return -(-int(work.max()) // (length + wait_target_us))
