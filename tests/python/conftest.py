# SPDX-License-Identifier: Apache-2.0
"""The Python package as the build made it: LIOR_PYTHON, or build/release/python."""

import os
import pathlib
import subprocess
import sys

import numpy
import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait leave other tests the cores
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, os.environ.get("LIOR_PYTHON", str(ROOT / "build" / "release" / "python")))


@pytest.fixture
def rng():
    return numpy.random.default_rng(20)


@pytest.fixture(params=["float32", "float64"])
def real(request):
    """A real dtype, and a tolerance for sums of a few dozen products of numbers of size 1."""
    return numpy.dtype(request.param)


PROGRAM = pathlib.Path(os.environ.get("LIOR_BIN", str(ROOT / "build" / "release" / "bin" / "lior")))


def output(path, *arguments):
    """The output of a built program, as bytes."""
    command = [str(path), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout


@pytest.fixture(scope="session")
def program():
    """program("eval", "--model", run)"""
    return lambda *arguments: output(PROGRAM, *arguments)


@pytest.fixture(scope="session")
def example():
    """example("step-5_open_a_model", run, text)"""
    return lambda name, *arguments: output(PROGRAM.parent / name, *arguments)
