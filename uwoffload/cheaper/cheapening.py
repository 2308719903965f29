"""The adaptive part of a configuration, as people know it from uwsgiconf."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from ..errors import InvalidArgument
from .algorithms import Algo, AlgoManual, AlgoQueue, AlgoSpare, AlgoSpare2, AlgoTarget
from .busyness import AlgoBusyness
from .ini import FLAGS, LIMITS, LIST, Reading, algo_lines, entries, limit_lines
from .readings import WORKERS_MAX
from .rule import Rule, milliseconds, optional
from .scaler import Scaler, algorithm_of
from .table import FIXED, profile_number

_BYTES_MOST = 2**64 - 1


class Cheapening:
    """Minimum, start, step, memory limits and the algorithm.

        cheapening = Cheapening().set_basic_params(
            cheaper_algo=Cheapening.algorithms.spare(check_interval_overload=5), workers_min=2
        )
        cheapening.to_ini()
        cheapening.scaler(workers_max=8)

    None is "not given", and leaves what was given before; every setter returns the
    object.
    """

    class algorithms:  # noqa: N801 -- as uwsgiconf has it
        """By the names of uwsgiconf."""

        busyness = AlgoBusyness
        manual = AlgoManual
        queue = AlgoQueue
        spare = AlgoSpare
        spare2 = AlgoSpare2
        target = AlgoTarget

    def __init__(
        self,
        *,
        spawn_on_request: bool | None = None,
        cheaper_algo: Algo | type[Algo] | str | None = None,
        workers_min: int | None = None,
        workers_startup: int | None = None,
        workers_step: int | None = None,
        rss_soft: int | None = None,
        rss_hard: int | None = None,
        workers_max: int | None = None,
        check_interval: float | None = None,
        profile: str = FIXED,
    ) -> None:
        """Those of the setters; and profile, for which it is."""
        profile_number(profile)
        self.profile = profile
        self.algo: Algo | None = None
        self.values: dict[str, Any] = {}
        self.listed = False
        self.set_basic_params(
            spawn_on_request=spawn_on_request,
            cheaper_algo=cheaper_algo,
            workers_min=workers_min,
            workers_startup=workers_startup,
            workers_step=workers_step,
            workers_max=workers_max,
            check_interval=check_interval,
        )
        self.set_memory_limits(rss_soft=rss_soft, rss_hard=rss_hard)

    def set_basic_params(
        self,
        *,
        spawn_on_request: bool | None = None,
        cheaper_algo: Algo | type[Algo] | str | None = None,
        workers_min: int | None = None,
        workers_startup: int | None = None,
        workers_step: int | None = None,
        workers_max: int | None = None,
        check_interval: float | None = None,
    ) -> Self:
        """spawn_on_request: no worker until the first connection (kept for the ini).

        cheaper_algo: one of `algorithms`.  workers_min, workers_startup: fewest, and at
        the start; workers_step: most started at one check.  Not in uwsgiconf's:
        workers_max, most of them; check_interval, seconds between two checks.
        """
        if spawn_on_request is not None and not isinstance(spawn_on_request, bool):
            raise InvalidArgument(f"spawn_on_request: {spawn_on_request!r:.80}; allowed: a bool")
        if cheaper_algo is not None:
            algo = algorithm_of(cheaper_algo)
            if not isinstance(algo, Algo):
                raise InvalidArgument(
                    f"cheaper_algo: {cheaper_algo!r:.80}; allowed: an Algo or its name "
                    "(a function goes into a Scaler)"
                )
            self.algo = algo
        counts = {
            "workers_min": (workers_min, 1),
            "workers_startup": (workers_startup, 0),
            "workers_step": (workers_step, 0),
            "workers_max": (workers_max, 1),
        }
        found: dict[str, Any] = {
            name: optional(name, value, least, WORKERS_MAX, 0, " workers")
            for name, (value, least) in counts.items()
            if value is not None
        }
        if check_interval is not None:
            milliseconds(check_interval, self.profile)
        found["check_interval"] = check_interval
        found["spawn_on_request"] = spawn_on_request
        return self._update(found)

    def set_memory_limits(
        self, *, rss_soft: int | None = None, rss_hard: int | None = None
    ) -> Self:
        """Bytes of all workers: from soft on none is started, from hard on they are stopped.

        The hard limit goes with a soft one, given before or together with it.
        """
        found = {
            name: optional(name, value, 0, _BYTES_MOST, 0, " bytes")
            for name, value in (("rss_soft", rss_soft), ("rss_hard", rss_hard))
            if value is not None
        }
        return self._update(found)

    def _update(self, found: dict[str, Any]) -> Self:
        """Take what is given, if it goes with the rest."""
        new = {**self.values, **{k: v for k, v in found.items() if v is not None}}
        least, most = new.get("workers_min"), new.get("workers_max")
        soft, hard = new.get("rss_soft"), new.get("rss_hard")
        if least and most and least > most:
            raise InvalidArgument(f"workers_min: {least}; allowed: 1 to workers_max, {most}")
        if hard and not soft:
            raise InvalidArgument(f"rss_hard: {hard} bytes; allowed: with a rss_soft below it")
        if soft and hard and soft >= hard:
            raise InvalidArgument(
                f"rss_soft: {soft} bytes; allowed: bytes below rss_hard, {hard} bytes"
            )
        self.values = new
        return self

    def print_algorithms(self) -> Self:
        """Have the algorithms printed at the start (kept for the ini)."""
        self.listed = True
        return self

    # ---- what it is good for ----

    def rule(self, workers_max: int | None = None) -> Rule:
        """The algorithm with the limits around it.  Raises InvalidArgument."""
        limits: dict[str, Any] = {
            limit.name: self.values.get(limit.name) for limit in LIMITS.values()
        }
        limits["check_interval"] = limits["check_interval"] or None  # 0 of an ini: one second
        if workers_max is not None:
            limits["workers_max"] = workers_max
        if limits["workers_max"] is None:
            raise InvalidArgument("workers_max: None; give it, or set it by set_basic_params")
        algo = self.algo or AlgoSpare()
        return algo.rule(profile=self.profile, **limits)

    def scaler(self, workers_max: int | None = None) -> Scaler:
        """A rule that remembers."""
        return Scaler(self.rule(workers_max))

    def to_ini(self) -> list[str]:
        """The lines of an ini of uWSGI, in the order of uwsgiconf."""
        lines = ["cheap = true"] if self.values.get("spawn_on_request") else []
        if self.algo is not None:
            lines += algo_lines(self.algo)
        lines += limit_lines(self.values)
        return lines + [f"{LIST} = true"] * self.listed

    @classmethod
    def from_ini(cls, lines: str | Iterable[str], *, profile: str = FIXED) -> Self:
        """The settings of an ini: its text, or lines of it.

        Numbers are read as uWSGI reads them, but what it would misread in silence
        ("128M" is 128 bytes there) is an error.  Options of uWSGI that have nothing to
        do with scaling are passed over; unknown ones are errors.  Raises ConfigError,
        which names the line.
        """
        profile_number(profile)
        found = list(entries(lines))
        reading = Reading(found, profile)
        made = cls(profile=profile)
        flags = {name: reading.limits.pop(name, None) for name in FLAGS.values()}
        if any(entry.key == "cheaper-algo" for entry in found) or reading.knobs:
            made.algo = reading.algo.make(
                profile=None if profile == FIXED else profile, **reading.knobs
            )
            made.algo.switched.update(reading.switched)
        try:
            made._update(reading.limits | {"spawn_on_request": flags["spawn_on_request"]})
        except InvalidArgument as error:
            raise reading.blame(error) from None
        made.listed = bool(flags["listed"])
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cheapening):
            return NotImplemented
        return self.to_ini() == other.to_ini() and self.profile == other.profile

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Cheapening: {'; '.join(self.to_ini()) or 'nothing given'}>"
