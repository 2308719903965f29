"""The C rules as tests drive them, and the reader of the recordings beside this file."""

from __future__ import annotations

import json
import lzma
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from cheaper.model import U64, Moment, Outcome, Rule, Slot
from uwoffload._core import ffi, lib

RECORDED = Path(__file__).with_name("recorded")
PROFILE = {
    "fixed": lib.UWO_PROFILE_FIXED,
    "uwsgi-2.0": lib.UWO_PROFILE_UWSGI_2_0,
    "uwsgi-2.1": lib.UWO_PROFILE_UWSGI_2_1,
}


class Refused(Exception):
    """What the core says to a rule or to readings that are not sound."""


def signed(value: int) -> int:
    """An option of 64 bits without sign, as a knob holds it."""
    return value - (1 << 64) if value > U64 >> 1 else value


def c_rule(rule: Rule) -> Any:
    made = ffi.new("struct uwo_scale_rule *")
    made.size = ffi.sizeof("struct uwo_scale_rule")
    made.profile = PROFILE[rule.profile]
    made.algorithm = lib.uwo_scale_find(rule.algorithm.encode())
    made.workers_max = rule.workers_max
    made.workers_min = rule.workers_min
    made.workers_step = rule.workers_step
    made.check_interval_ms = rule.check_interval * 1000
    made.rss_soft = rule.rss_soft
    made.rss_hard = rule.rss_hard
    algorithm = lib.uwo_scale_algorithm(made.algorithm)
    for number in range(algorithm.knob_count):
        knob = algorithm.knobs[number]
        option = ffi.string(knob.option).decode()
        made.knob[number] = signed(rule.knobs.get(option, knob.value))
    return made


class Core:
    """A rule at work: the C, with the methods of `model.Model`."""

    def __init__(self, rule: Rule, wall_us: int, *, begin: bool = True) -> None:
        self.rule = c_rule(rule)
        self.error = ffi.new("struct uwo_error *", {"size": ffi.sizeof("struct uwo_error")})
        self.accept(lib.uwo_scale_check(self.rule, self.error))
        self.size = lib.uwo_scale_state_size(self.rule)
        self.state = ffi.new("uint64_t[]", self.size // 8)
        self.verdict = ffi.new("struct uwo_scale_verdict *")
        self.start = ffi.new("uint32_t[]", rule.workers_max)
        self.stop = ffi.new("uint32_t[]", rule.workers_max)
        self.workers = ffi.new("struct uwo_worker_reading[]", rule.workers_max)
        for index in range(rule.workers_max):
            self.workers[index].number = index + 1
        self.readings = ffi.new("struct uwo_readings *")
        self.readings.size = ffi.sizeof("struct uwo_readings")
        self.readings.worker_count = rule.workers_max
        self.readings.workers = self.workers
        self.readings.wall_us = wall_us
        if begin:
            self.accept(lib.uwo_scale_begin(self.rule, self.readings, self.state, self.error))

    def accept(self, status: int) -> None:
        if status != lib.UWO_OK:
            raise Refused(ffi.string(self.error.message).decode())

    def read(self, moment: Moment) -> None:
        for worker, slot in zip(self.workers, moment.slots, strict=True):
            worker.state, worker.in_request = slot.state, slot.in_request
            worker.running_time_us, worker.rss = slot.running_time_us, slot.rss
            worker.started_s = slot.started_s
        readings = self.readings
        readings.wall_s, readings.wall_us = moment.wall_s, moment.wall_us
        readings.listen_queue, readings.manual = moment.listen_queue, moment.manual

    def decide(self, moment: Moment, can_spawn: bool) -> int:
        self.read(moment)
        self.accept(
            lib.uwo_scale_decide(
                self.rule, self.readings, can_spawn, self.state, self.verdict, self.error
            )
        )
        return int(self.verdict.delta)

    def tick(self, moment: Moment) -> Outcome:
        self.read(moment)
        self.accept(
            lib.uwo_scale_tick(
                self.rule,
                self.readings,
                self.state,
                self.verdict,
                self.start,
                self.stop,
                self.error,
            )
        )
        verdict = self.verdict
        return Outcome(
            bool(verdict.fired),
            verdict.delta,
            verdict.pending,
            tuple(self.start[0 : verdict.start_count]),
            tuple(self.stop[0 : verdict.stop_count]),
        )

    def value(self) -> bytes:
        """The state, to be kept."""
        return bytes(ffi.buffer(self.state))


@dataclass(frozen=True)
class Scenario:
    name: str
    rule: Rule
    alone: bool  # the algorithm was called by itself; `permissions` says with what
    begin_us: int
    moments: Sequence[Moment]
    permissions: Sequence[bool]
    outcomes: Sequence[Outcome]


class Recording:
    """One file, read; its format stands in recorded/README.md."""

    def __init__(self, path: Path) -> None:
        self.path = path
        raw = lzma.decompress(path.read_bytes())
        head, _, body = raw.partition(b"\n")
        self.head = json.loads(head)
        self.columns: dict[str, array[int]] = {}
        self.at: dict[str, int] = {}
        offset = 0
        for name, typecode, count in self.head["columns"]:
            column = array(typecode)
            size = column.itemsize * count
            column.frombytes(body[offset : offset + size])
            if sys.byteorder == "big":
                column.byteswap()
            self.columns[name], self.at[name] = column, 0
            offset += size
        assert offset == len(body)

    def take(self, name: str, count: int) -> Sequence[int]:
        start = self.at[name]
        self.at[name] = start + count
        return self.columns[name][start : start + count]

    def sums(self, name: str, count: int) -> Sequence[int]:
        """A column of differences, modulo 2**64."""
        return [value & U64 for value in accumulate(self.take(name, count))]

    def signed_sums(self, name: str, count: int) -> Sequence[int]:
        return [signed(value) for value in self.sums(name, count)]

    def slot(self, calls: int) -> Iterable[Slot]:
        return map(
            Slot,
            self.take("state", calls),
            self.take("in_request", calls),
            self.sums("running_time_us", calls),
            self.signed_sums("started_s", calls),
            self.sums("rss", calls),
        )

    def outcomes(self, calls: int) -> list[Outcome]:
        rows = zip(
            *(
                self.take(name, calls)
                for name in ("fired", "delta", "pending", "start_count", "stop_count")
            ),
            strict=True,
        )
        return [
            Outcome(
                bool(fired),
                delta,
                pending,
                tuple(self.take("start", starts)),
                tuple(self.take("stop", stops)),
            )
            for fired, delta, pending, starts, stops in rows
        ]

    def scenario(self, number: int, head: dict[str, Any]) -> Scenario:
        calls, alone = head["calls"], head["alone"]
        rule = Rule(
            self.head["algorithm"],
            self.head["profile"],
            *(head[name] for name in ("workers_max", "workers_min", "workers_step")),
            *(head[name] for name in ("check_interval", "rss_soft", "rss_hard", "knobs")),
        )
        given = self.take("given", calls)
        manual = [0] * calls if alone else given
        slots = zip(*(self.slot(calls) for _ in range(rule.workers_max)), strict=True)
        moments = map(
            Moment,
            slots,
            self.signed_sums("wall_s", calls),
            self.sums("wall_us", calls),
            self.take("listen_queue", calls),
            manual,
        )
        return Scenario(
            f"{self.path.name} {number} ({head['kind']})",
            rule,
            alone,
            head["begin"][1],
            list(moments),
            [bool(value) for value in given],
            self.outcomes(calls),
        )

    def __iter__(self) -> Iterator[Scenario]:
        for number, head in enumerate(self.head["scenarios"]):
            yield self.scenario(number, head)


def outcomes_of(machine: Any, scenario: Scenario) -> Iterator[Outcome]:
    """Play a scenario to a Core or a Model."""
    for moment, permission in zip(scenario.moments, scenario.permissions, strict=True):
        if scenario.alone:
            yield Outcome(True, machine.decide(moment, permission))
        else:
            yield machine.tick(moment)
