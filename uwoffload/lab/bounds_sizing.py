"""Right-sizing: the cheapest path of whole workers through slots of time.

minimise  sum_t f_t(x_t) + price * sum_t max(x_t - x_{t-1}, 0),  x_0 given.

Exact by dynamic programming.  The value of size x after a slot is
V_t(x) = f_t(x) + min( min_{y >= x} V_{t-1}(y), price x + min_{y <= x} (V_{t-1}(y) - price y) ):
two running minima, O(slots x sizes) in all.  f_t need not be convex.
(Problem: Lin, Wierman, Andrew, Thereska 2011; whole workers: Albers, Quedenfeld 2018.)
"""

from __future__ import annotations

import numpy as np

from ..errors import InvalidArgument
from .loads import Floats, Ints


class RightSizing:
    """Slots come in blocks; only the cost is kept."""

    def __init__(self, low: int, high: int, price: float, start: int) -> None:
        if not 0 <= low <= high:
            raise InvalidArgument(f"sizes {low}..{high}: from 0 up, the least one first")
        self.price = price
        self._climb = np.arange(low, high + 1) * float(price)
        self.values = np.maximum(np.arange(low, high + 1) - start, 0) * float(price)
        self._fresh = True

    def add(self, costs: Floats) -> None:
        """One row per slot: what it costs with each size."""
        for row in costs:
            self.values = self.step(row)

    def step(self, row: Floats) -> Floats:
        """Values after one more slot."""
        if self._fresh:  # the way from the start is paid already
            self._fresh = False
            return self.values + row
        falling = np.minimum.accumulate(self.values[::-1])[::-1]
        rising = np.minimum.accumulate(self.values - self._climb) + self._climb
        found: Floats = np.minimum(falling, rising) + row
        return found

    @property
    def cost(self) -> float:
        return float(self.values.min())


def right_sizing(
    costs: Floats, price: float, *, low: int = 0, start: int | None = None
) -> tuple[float, Ints]:
    """The least cost and a path that has it; costs[t, i] is the cost of low + i workers in slot t.

    Keeps all values: slots x sizes floats.
    """
    slots, sizes = costs.shape
    solver = RightSizing(low, low + sizes - 1, price, low if start is None else start)
    values = np.empty_like(costs, np.float64)
    for slot in range(slots):
        solver.add(costs[slot : slot + 1])
        values[slot] = solver.values
    path = np.zeros(slots, np.int64)
    after = int(values[-1].argmin()) if slots else 0
    for slot in range(slots - 1, -1, -1):
        climb = np.maximum(after - np.arange(sizes), 0) * price if slot < slots - 1 else 0.0
        after = int((values[slot] + climb).argmin())
        path[slot] = low + after
    return solver.cost, path


def shortfall_costs(
    rows: Floats, over: Floats, low: int, high: int, price: float, threads: int = 1
) -> Floats:
    """Per slot and size: worker-time, and `price` for each µs a request finds no place.

    That is the area of N above the places, integral of max(0, N - threads x).  Waiting
    only delays, so at least N requests are there at any moment and those above wait:
    no pool of that size makes its requests wait less than this together.
    """
    at_least = np.cumsum(rows[:, ::-1], axis=1)[:, ::-1]  # time with N >= column
    missing = np.cumsum(at_least[:, :0:-1], axis=1)[:, ::-1]  # sum over columns above
    missing = np.concatenate([missing, np.zeros((rows.shape[0], 1))], axis=1) + over[:, None]
    widths = rows.sum(axis=1)
    sizes = np.arange(low, high + 1)
    costs: Floats = widths[:, None] * sizes + price * missing[:, sizes * threads]
    return costs
