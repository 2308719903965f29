"""How many workers should there be: the scaling rules.

    from uwoffload.cheaper import AlgoSpare, Readings, Scaler

    scaler = Scaler(AlgoSpare(check_interval_overload=3), workers_max=8, workers_min=2)
    readings = Readings(8).at(1_000_000).fill(state="bbCCCCCC")
    verdict = scaler.tick(readings)

Everything here is pure: no clock, no process, nothing remembered outside of `State`.
`uwoffload.cheaper.strategies` tests algorithms of your own.
"""

from .algorithms import Algo, AlgoManual, AlgoQueue, AlgoSpare, AlgoSpare2, AlgoTarget
from .busyness import AlgoBusyness
from .cheapening import Cheapening
from .function import decide
from .readings import Readings
from .rule import Rule
from .scaler import Scaler
from .state import State
from .table import PROFILES, Algorithm, Knob, algorithms
from .verdict import Verdict
from .worker import WorkerReading

__all__ = [
    "PROFILES",
    "Algo",
    "AlgoBusyness",
    "AlgoManual",
    "AlgoQueue",
    "AlgoSpare",
    "AlgoSpare2",
    "AlgoTarget",
    "Algorithm",
    "Cheapening",
    "Knob",
    "Readings",
    "Rule",
    "Scaler",
    "State",
    "Verdict",
    "WorkerReading",
    "algorithms",
    "decide",
]
