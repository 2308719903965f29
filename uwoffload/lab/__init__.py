"""Replay a load against the scaling rules and see what each costs."""

from __future__ import annotations

try:
    import numpy as _numpy  # noqa: F401 - only asked whether it is there
except ModuleNotFoundError as _missing:
    if _missing.name != "numpy":
        raise
    raise ModuleNotFoundError(
        "uwoffload lab needs numpy: pip install 'uwoffload[lab]'", name="numpy"
    ) from None

from .bounds import Bounds, StaticPool, bounds
from .cases import Case, blocks, seeded
from .catalogue import Shape, shapes
from .compare import Comparison, compare
from .crew import Crew
from .loads import Load, LoadChunks, generate, replay
from .pool import Event, Pool
from .report import report
from .result import Result, Series
from .rules import Contender
from .services import Law, laws
from .simulate import simulate, simulate_many
from .sweep import sweep
from .traces import Trace, read_trace
from .traces_files import TraceError
from .tune import Tuned, tune

__all__ = [
    "Bounds",
    "Case",
    "Comparison",
    "Contender",
    "Crew",
    "Event",
    "Law",
    "Load",
    "LoadChunks",
    "Pool",
    "Result",
    "Series",
    "Shape",
    "StaticPool",
    "Trace",
    "TraceError",
    "Tuned",
    "blocks",
    "bounds",
    "compare",
    "generate",
    "laws",
    "read_trace",
    "replay",
    "report",
    "seeded",
    "shapes",
    "simulate",
    "simulate_many",
    "sweep",
    "tune",
]
