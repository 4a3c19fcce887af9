"""The Python package as the build made it: LIOR_PYTHON, or build/release/python."""

import os
import pathlib
import sys

import numpy
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, os.environ.get("LIOR_PYTHON", str(ROOT / "build" / "release" / "python")))


@pytest.fixture
def rng():
    return numpy.random.default_rng(20)


@pytest.fixture(params=["float32", "float64"])
def real(request):
    """A real dtype, and a tolerance for sums of a few dozen products of numbers of size 1."""
    return numpy.dtype(request.param)


def layouts(array):
    """The same numbers in memory four ways: packed, every second element, reversed, column-major."""
    spread = numpy.zeros(tuple(2 * n for n in array.shape), array.dtype)
    second = spread[tuple(slice(None, None, 2) for _ in array.shape)]
    second[...] = array
    flip = tuple(slice(None, None, -1) for _ in array.shape)
    return [array, second, array[flip].copy()[flip], numpy.asfortranarray(array)]
