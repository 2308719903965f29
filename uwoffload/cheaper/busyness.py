"""The algorithm with the most knobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from ..errors import InvalidArgument
from .algorithms import Algo

_EMERGENCY = "emergency_"  # in front of a name that both setters have


class AlgoBusyness(Algo):
    """By the share of time in which workers are busy, over windows of seconds."""

    name = "busyness"
    plugin = "cheaper_busyness"
    flags: ClassVar[Mapping[str, str]] = {"verbose": "cheaper-busyness-verbose"}
    ini_order = (
        "check_interval_busy",
        "busy_max",
        "busy_min",
        "idle_cycles_max",
        "idle_cycles_penalty",
        "verbose",
        "emergency_workers_step",
        "emergency_idle_cycles_max",
        "queue_size",
        "queue_nonzero_delay",
    )

    def __init__(
        self,
        *,
        check_interval_busy: int | None = None,
        busy_max: int | None = None,
        busy_min: int | None = None,
        idle_cycles_max: int | None = None,
        idle_cycles_penalty: int | None = None,
        verbose: bool | None = None,
        emergency_workers_step: int | None = None,
        emergency_idle_cycles_max: int | None = None,
        queue_size: int | None = None,
        queue_nonzero_delay: int | None = None,
        profile: str | None = None,
    ) -> None:
        """Those of `set_basic_params`, and those of `set_emergency_params`.

        Two names are in both; here they begin with "emergency_" for the latter.
        """
        super().__init__(profile=profile)
        self.set_basic_params(
            check_interval_busy=check_interval_busy,
            busy_max=busy_max,
            busy_min=busy_min,
            idle_cycles_max=idle_cycles_max,
            idle_cycles_penalty=idle_cycles_penalty,
            verbose=verbose,
        )
        self.set_emergency_params(
            workers_step=emergency_workers_step,
            idle_cycles_max=emergency_idle_cycles_max,
            queue_size=queue_size,
            queue_nonzero_delay=queue_nonzero_delay,
        )

    def set_basic_params(
        self,
        *,
        check_interval_busy: int | None = None,
        busy_max: int | None = None,
        busy_min: int | None = None,
        idle_cycles_max: int | None = None,
        idle_cycles_penalty: int | None = None,
        verbose: bool | None = None,
    ) -> Self:
        """check_interval_busy: seconds of a window.  busy_max, busy_min: per cent.

        idle_cycles_max: windows to wait before a stop; idle_cycles_penalty: more of
        them when a start follows soon after a stop.  verbose: kept for the ini.
        """
        if verbose is not None and not isinstance(verbose, bool):
            raise InvalidArgument(f"verbose: {verbose!r:.80}; allowed: True or False")
        self._set(
            {
                "check_interval_busy": check_interval_busy,
                "busy_max": busy_max,
                "busy_min": busy_min,
                "idle_cycles_max": idle_cycles_max,
                "idle_cycles_penalty": idle_cycles_penalty,
            }
        )
        if verbose is not None:
            self.switched["verbose"] = verbose
        return self

    def set_emergency_params(
        self,
        *,
        workers_step: int | None = None,
        idle_cycles_max: int | None = None,
        queue_size: int | None = None,
        queue_nonzero_delay: int | None = None,
    ) -> Self:
        """workers_step: started at once in an emergency.

        idle_cycles_max: windows to wait before one of them is stopped.  queue_size:
        more in the listen queue is an emergency; so is a queue that was not empty for
        queue_nonzero_delay seconds.
        """
        return self._set(
            {
                _EMERGENCY + "workers_step": workers_step,
                _EMERGENCY + "idle_cycles_max": idle_cycles_max,
                "queue_size": queue_size,
                "queue_nonzero_delay": queue_nonzero_delay,
            }
        )
