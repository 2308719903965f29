"""A load of the catalogue by its name and the values that people give with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeAlias

from .._bridge import lib
from ..errors import InvalidArgument
from .catalogue import HORIZON_US, MEAN_LOAD, MEAN_SERVICE_US, Shape, shapes
from .loads import SECOND
from .rules import near
from .services import Law, Lognormal, laws

Value: TypeAlias = int | float | str

DIRECT = ("mean_load", "contention")  # values that the catalogue takes as they are
VALUES = (*DIRECT, "horizon", "law", "service_ms")  # beside those of the law


def shape_of(name: str, given: Sequence[tuple[str, Value]]) -> tuple[Shape, dict[str, Any]]:
    """Of the catalogue, with all that it is called with.  Raises InvalidArgument."""
    known = shapes()
    if name not in known:
        raise InvalidArgument(f"load {name!r}{near(name, known)}")
    law = str(dict(given).get("law", "lognormal"))
    values = {key: _number(key, value) for key, value in given if key != "law"}
    options: dict[str, Any] = {"mean_load": MEAN_LOAD, "horizon_us": HORIZON_US}
    options |= {key: values.pop(key) for key in DIRECT if key in values}
    if "horizon" in values:
        options["horizon_us"] = round(_horizon(values.pop("horizon")) * SECOND)
    if not options["mean_load"] > 0:
        raise InvalidArgument(f"mean_load: {options['mean_load']!r}; allowed: above 0")
    of_law = values or "law" in dict(given)
    options["law"] = law_of(law, values) if of_law else Lognormal(MEAN_SERVICE_US)
    return known[name], options


def _number(key: str, value: Value) -> float:
    if isinstance(value, int | float) and math.isfinite(value):
        return value
    raise InvalidArgument(f"{key}: {value!r:.80}; allowed: a number")


def _horizon(seconds: float) -> float:
    most = lib.UWO_LAB_TIME_MAX // SECOND
    if 1 <= seconds <= most:
        return seconds
    raise InvalidArgument(f"horizon: {seconds:g}; allowed: seconds from 1 to {most}")


def law_of(name: str, given: Mapping[str, float]) -> Law:
    """The law, with `service_ms` and what it takes."""
    if name not in laws():
        raise InvalidArgument(f"law {name!r}{near(name, laws())}")
    values = dict(given)
    mean_us = values.pop("service_ms", MEAN_SERVICE_US / 1000) * 1000
    made: Any = laws()[name]
    known = [field.name for field in fields(made) if field.name != "mean_us"]
    for value in values:
        if value not in known:
            raise InvalidArgument(f"no key {value!r} of a load{near(value, [*VALUES, *known])}")
    law: Law = made(mean_us, **values)
    return law
