"""The analysis of `target`, compiled by itself: as exact as it says."""

import ctypes
import math
import shlex
import subprocess
import sysconfig
from pathlib import Path

import pytest

CSRC = Path(__file__).resolve().parents[2] / "csrc"
SOURCE = """
#include "cheaper/arith.h"
double root(double x) { return arith_root(x); }
double decay(double x) { return arith_decay(x); }
double most(double a, double b) { return arith_max(a, b); }
double least(double a, double b) { return arith_min(a, b); }
"""


@pytest.fixture(scope="module")
def arith(tmp_path_factory):
    place = tmp_path_factory.mktemp("arith")
    (place / "arith.c").write_text(SOURCE, encoding="utf-8")
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")[0]
    made = place / "arith.so"
    command = [compiler, "-std=gnu11", "-O2", "-shared", "-fPIC", f"-I{CSRC}", "-o", made]
    subprocess.run([*command, place / "arith.c"], check=True)
    library = ctypes.CDLL(str(made))
    for name, count in (("root", 1), ("decay", 1), ("most", 2), ("least", 2)):
        function = getattr(library, name)
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double] * count
    return library


def test_roots_are_right_to_a_billionth(arith):
    for exponent in range(-2990, 3080):
        x = 10 ** (exponent / 10)
        assert arith.root(x) == pytest.approx(math.sqrt(x), rel=1e-9, abs=0)


@pytest.mark.parametrize("x", [0.0, -0.0, -1.0, -1e300, 1e-301, 1e-300, math.nan])
def test_what_is_not_above_zero_has_the_root_zero(arith, x):
    assert arith.root(x) == 0


def test_decay_is_right_as_far_as_its_series_goes(arith):
    """To 1e-13, and near to 1 far better: the series at x / 64 ends behind the seventh power."""
    assert arith.decay(0.0) == 1
    for step in range(1, 6400):
        x = step / 100
        rest = 5e-3 * (x / 64) ** 8 + 1e-13
        assert arith.decay(x) == pytest.approx(math.exp(-x), rel=rest, abs=0)


@pytest.mark.parametrize("x", [64.0, 65.0, 1e300, math.inf, math.nan])
def test_what_decays_for_long_is_gone(arith, x):
    assert arith.decay(x) == 0


def test_larger_and_smaller(arith):
    assert [arith.most(1, 2), arith.most(2, 1), arith.most(-1, -1)] == [2, 2, -1]
    assert [arith.least(1, 2), arith.least(2, 1), arith.least(-1, -1)] == [1, 1, -1]
