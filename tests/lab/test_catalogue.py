"""The catalogue: every shape with every law, at the same load, the same for a seed."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import uwoffload.lab
from uwoffload.errors import InvalidArgument
from uwoffload.lab.catalogue import shapes
from uwoffload.lab.loads import SECOND
from uwoffload.lab.services import Exponential, laws

pytestmark = pytest.mark.slow

HORIZON = 600 * SECOND


def test_there_are_enough_shapes_of_both_kinds():
    assert len(shapes("stationary")) >= 3
    assert len(shapes("non-stationary")) >= 9
    assert shapes() == shapes("stationary") | shapes("non-stationary")
    assert {
        "daily-wave", "weekly-wave", "mmpp", "flash-crowd", "periodic-jobs", "self-similar",
        "step", "ramp", "square", "daily-wave-crowd",
    } <= set(shapes("non-stationary"))  # fmt: skip


@pytest.mark.parametrize("shape", shapes().values(), ids=shapes())
def test_a_shape_has_the_load_asked_for_in_every_mean(shape):
    """
    Over seeds: each has the same expected work, whatever the path of its rate.
    """
    loads = [
        shape(seed, mean_load=6.0, horizon_us=HORIZON, law=Exponential(20_000)) for seed in range(8)
    ]

    assert np.mean([load.mean_load for load in loads]) == pytest.approx(6.0, rel=0.02)
    for load in loads:
        assert load.mean_load == pytest.approx(6.0, rel=0.05)
        assert (load.name, load.horizon_us) == (shape.name, HORIZON)


@pytest.mark.parametrize("shape", shapes().values(), ids=shapes())
def test_a_shape_is_the_same_for_a_seed_and_in_chunks(shape):
    whole = shape(5, horizon_us=HORIZON)
    again = shape.chunks(5, horizon_us=HORIZON, chunk_requests=1).load()
    other = shape(6, horizon_us=HORIZON)

    assert (whole.arrivals == again.arrivals).all()
    assert (whole.services == again.services).all()
    assert whole.requests != other.requests or (whole.services != other.services).any()


@pytest.mark.parametrize("name", ["mmpp", "self-similar", "cascade", "fractional-noise"])
def test_another_seed_is_another_path(name):
    """
    Not only other arrivals at the same rate: what is busy with one seed is not with the other.
    """
    edges = np.arange(0, HORIZON + 1, 5 * SECOND)
    first, second = (
        np.histogram(shapes()[name](seed, mean_load=20, horizon_us=HORIZON).arrivals, edges)[0]
        for seed in (1, 2)
    )

    assert abs(np.corrcoef(first, second)[0, 1]) < 0.5


@pytest.mark.parametrize("law", laws().values(), ids=laws())
def test_arrivals_do_not_change_with_the_law(law):
    shape = shapes()["mmpp"]

    load = shape(1, horizon_us=HORIZON, law=law(100_000))

    assert (shape(1, horizon_us=HORIZON).arrivals == load.arrivals).all()
    assert load.meta["law"] == law.name


def share_of_peak(load, parts=30):
    edges = np.linspace(0, load.horizon_us, parts + 1)
    found = np.histogram(load.arrivals, edges)[0]
    return found.max() / found.mean()


def test_only_shapes_that_are_not_stationary_move():
    """
    The busiest thirtieth of the time against the mean.
    """
    for shape in shapes("stationary").values():
        assert share_of_peak(shape(1, mean_load=20, horizon_us=3 * HORIZON)) < 1.2, shape.name
    for name in ("daily-wave", "weekly-wave", "mmpp", "flash-crowd", "step", "square", "cascade"):
        assert share_of_peak(shapes()[name](1, mean_load=20, horizon_us=3 * HORIZON)) > 1.3, name


@pytest.mark.parametrize("horizon_s", [1, 7, 100, 86_400])
@pytest.mark.parametrize("shape", shapes().values(), ids=shapes())
def test_a_shape_fits_any_horizon(shape, horizon_s):
    rate = 0.02 if horizon_s > 1000 else 50.0
    load = shape(1, mean_load=rate, horizon_us=horizon_s * SECOND)

    assert load.requests > 0
    assert load.horizon_us == horizon_s * SECOND


def test_a_load_says_what_it_is():
    load = shapes()["flash-crowd"](1, horizon_us=HORIZON)

    assert json.loads(json.dumps(load.meta)) == load.meta
    assert load.meta["kind"] == "non-stationary"
    assert load.meta["mean_load"] == 4.0


def test_every_line_says_what_it_shows():
    for name, shape in shapes().items():
        assert name == shape.name
        assert 20 < len(shape.shows) < 90


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: shapes("still"), "kind 'still'"),
        (lambda: shapes()["steady"](horizon_us=1000), "horizon_us 1000"),
        (lambda: shapes()["steady"](horizon_us=1.5), "horizon_us 1.5"),
        (lambda: shapes()["steady"](seed=-1), "seed -1"),
        (lambda: shapes()["steady"](mean_load=0), "mean_load 0"),
    ],
)
def test_what_the_catalogue_cannot_draw_is_named(call, named):
    with pytest.raises(InvalidArgument, match=named):
        call()


def test_all_names_of_the_lab_are_there():
    for name in uwoffload.lab.__all__:
        assert getattr(uwoffload.lab, name) is not None
    assert sorted(uwoffload.lab.__all__) == uwoffload.lab.__all__


def test_a_missing_numpy_is_named_in_one_line():
    program = "import sys; sys.modules['numpy'] = None; import uwoffload.lab"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert 1 == ended.returncode
    last = ended.stderr.strip().splitlines()[-1]
    assert last.endswith("uwoffload lab needs numpy: pip install 'uwoffload[lab]'")
