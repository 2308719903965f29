"""What no policy can beat on one load, once it is known beforehand.

All figures are of the time from 0 to the horizon of the load: a request that
is still in progress there counts up to there.  Worker-seconds unless said.
A worker with threads serves as many requests at once; requests are packed into
workers as if they could move, so that with threads the bounds of zero waiting
and of right-sizing may lie below what can be reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..errors import InvalidArgument
from .bounds_occupancy import Slots, ZeroWait, moves, packed
from .bounds_queue import deadline_peak, least_pool, pieces
from .bounds_sizing import RightSizing, shortfall_costs
from .loads import SECOND, Floats, Load, LoadChunks

WAIT_PRICE = 10.0  # a user's second against a worker's
LATE_SHARE = 0.01


class Limits(Protocol):
    """What is asked of a pool; `Pool` has it."""

    @property
    def workers_max(self) -> int: ...
    @property
    def workers_min(self) -> int: ...
    @property
    def tick_us(self) -> int: ...
    @property
    def startup_us(self) -> int: ...
    @property
    def threads(self) -> int: ...


class StaticPool(NamedTuple):
    """A pool of fixed size; None and nan when even workers_max are too few."""

    workers: int | None
    worker_seconds: float


@dataclass(frozen=True)
class Bounds:
    """Bounds of one load."""

    work: float
    """All requests, each served on arrival: no policy is busy for less."""
    floor: float
    """The greater of work and workers_min all the time."""
    zero_wait: float
    """Integral of max(workers_min, N): nobody waits, switching is free."""
    zero_wait_peak: int
    """Workers: the least fixed pool in which nobody waits."""
    zero_wait_priced: float
    """Nobody waits, each start costs the price, which is included."""
    zero_wait_starts: int
    """Starts in that optimum."""
    right_sizing: float
    """The best path of sizes from tick to tick in workers_min..workers_max, waiting allowed:
    worker-seconds, each start at the price, each second that a request waits at wait_price."""
    static_pool: StaticPool
    """The least fixed pool, in hindsight, with few enough requests late."""
    deadline_peak: int
    """Workers that are there at some moment if no request waits longer than the target."""

    wait_target_us: int
    price_us: int
    wait_price: float
    late_share: float

    def ratios(
        self, worker_seconds: float, *, starts: int = 0, waited: float = 0.0
    ) -> dict[str, float]:
        """A cost beside each bound.

        Where the bound has a price on starts, or on the seconds that all requests
        waited together, the cost gets the same.
        """
        priced = worker_seconds + starts * self.price_us / SECOND
        pairs = {
            "work": (worker_seconds, self.work),
            "floor": (worker_seconds, self.floor),
            "zero_wait": (worker_seconds, self.zero_wait),
            "zero_wait_priced": (priced, self.zero_wait_priced),
            "right_sizing": (priced + waited * self.wait_price, self.right_sizing),
            "static_pool": (worker_seconds, self.static_pool.worker_seconds),
        }
        return {name: cost / least if least else np.nan for name, (cost, least) in pairs.items()}

    def to_dict(self) -> dict[str, Any]:
        found = asdict(self)
        found["static_pool"] = self.static_pool.worker_seconds
        found["static_pool_workers"] = self.static_pool.workers
        return found


def bounds(
    load: Load | LoadChunks,
    pool: Limits,
    *,
    wait_target_us: int,
    price_us: int | None = None,
    wait_price: float = WAIT_PRICE,
    late_share: float = LATE_SHARE,
) -> Bounds:
    """All bounds of a load for such a pool.

    price_us: worker-time that a start costs; None takes the start-up time of the pool.
    wait_price: worker-seconds that a second of waiting is worth.
    late_share: of the requests that may wait longer than the target in the fixed pool.
    """
    price_us = pool.startup_us if price_us is None else price_us
    _check(wait_target_us, price_us, wait_price, late_share)
    zero = ZeroWait(load.horizon_us, pool.workers_min, price_us)
    for piece in moves(pieces(load), load.horizon_us):
        zero.add(packed(piece, pool.threads))
    zero.finish()
    work = _work_us(load) / SECOND / pool.threads
    return Bounds(
        work=work,
        floor=max(work, pool.workers_min * load.horizon_us / SECOND),
        zero_wait=zero.worker_us / SECOND,
        zero_wait_peak=zero.peak,
        zero_wait_priced=zero.priced_us / SECOND,
        zero_wait_starts=zero.starts,
        right_sizing=_right_sizing(load, pool, zero.peak, price_us, wait_price),
        static_pool=static_pool(load, pool, wait_target_us, late_share, zero.peak),
        deadline_peak=-(-deadline_peak(load, wait_target_us) // pool.threads),
        wait_target_us=wait_target_us,
        price_us=price_us,
        wait_price=wait_price,
        late_share=late_share,
    )


def _check(wait_target_us: int, price_us: int, wait_price: float, late_share: float) -> None:
    if wait_target_us < 0:
        raise InvalidArgument(f"wait_target_us {wait_target_us!r}: µs, from 0 up")
    if price_us < 0:
        raise InvalidArgument(f"price_us {price_us!r}: µs of a worker, from 0 up")
    if not wait_price >= 0:
        raise InvalidArgument(f"wait_price {wait_price!r}: from 0 up")
    if not 0 <= late_share < 1:
        raise InvalidArgument(f"late_share {late_share!r}: from 0, below 1")


def _work_us(load: Load | LoadChunks) -> int:
    return sum(
        int(np.minimum(services, load.horizon_us - arrivals).sum())
        for arrivals, services in pieces(load)
    )


def _right_sizing(
    load: Load | LoadChunks, pool: Limits, peak: int, price_us: int, wait_price: float
) -> float:
    low, threads = pool.workers_min, pool.threads
    high = max(min(pool.workers_max, peak), low)  # more than the peak never pays
    slots = Slots(load.horizon_us, pool.tick_us, high * threads)
    sizing = RightSizing(low, high, price_us, low)

    def blocks() -> Iterator[tuple[Floats, Floats]]:
        for piece in moves(pieces(load), load.horizon_us):
            yield from slots.add(piece)
        yield from slots.finish()

    for rows, over in blocks():
        sizing.add(shortfall_costs(rows, over, low, high, wait_price, threads))
    return sizing.cost / SECOND


def static_pool(
    load: Load | LoadChunks,
    pool: Limits,
    wait_target_us: int,
    late_share: float,
    enough: int,
) -> StaticPool:
    """The best fixed pool in hindsight; with `enough` workers nobody waits."""
    low = max(pool.workers_min, 1)
    high = max(low, min(pool.workers_max, enough))
    workers = least_pool(load, wait_target_us, late_share, low, high, pool.threads)
    seconds = load.horizon_us / SECOND
    return StaticPool(workers, np.nan if workers is None else workers * seconds)
