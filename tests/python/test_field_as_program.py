# SPDX-License-Identifier: Apache-2.0
"""lior.field.evolve takes what `lior evolve` takes, and gives its numbers."""

import json

import h5py
import lior
import numpy as np
import pytest
from lior import field

CELLS = dict(dx=0.5, dy=0.75, boundary=("dirichlet", "periodic"))

#: For each run: its tables, and the arguments that say the same.
RUNS = {
    "everything a splitting takes": (
        """
        [potential]
        kind = "harmonic"
        strength = 0.04
        expression = "0.1*x*cos(2*t)"
        absorption = "0.01*y^2"
        [physics]
        hbar = 0.5
        m = 2.0
        nonlinearity = 0.3
        lambda_qr = 0.2
        lambda_f = 0.1
        alpha = 0.6
        tau = 0.7
        [bayes]
        expression = "exp(-x^2) + i"
        phase = "y"
        update_every = 2
        [source]
        expression = "0.1*x*j"
        phase = "t"
        [memory]
        horizon = 100
        [integrator]
        dt = 0.05
        symbol = "continuous"
        """,
        dict(
            v="0.02*(x^2 + y^2) + 0.1*x*cos(2*t)",
            absorption="0.01*y^2",
            hbar=0.5,
            mass=2.0,
            nonlinearity=0.3,
            lambda_qr=0.2,
            lambda_f=0.1,
            alpha=0.6,
            tau=0.7,
            evidence=("exp(-x^2) + i", "y"),
            update_every=2,
            current=("0.1*x*j", "t"),
            horizon=100,
            dt=0.05,
            symbol="continuous",
        ),
    ),
    "a metric by formulas": (
        """
        [metric]
        gyy = 2.0
        gxx_expression = "1 + 0.1*cos(x)"
        [potential]
        expression = "0.1*x^2"
        [integrator]
        kind = "crank_nicolson"
        dt = 0.05
        """,
        dict(v="0.1*x^2", gxx="1 + 0.1*cos(x)", gyy=2.0, scheme="crank_nicolson", dt=0.05),
    ),
    "imaginary time": (
        """
        [potential]
        expression = "x^2 + y^2"
        [integrator]
        time = "imaginary"
        dt = 0.02
        """,
        dict(v="x^2 + y^2", time="imaginary", dt=0.02),
    ),
}


@pytest.mark.parametrize("run", RUNS)
def test_the_same_settings_give_the_same_numbers(program, tmp_path, run):
    tables, arguments = RUNS[run]
    config = tmp_path / "run.toml"
    config.write_text(
        '[grid]\nnx = 9\nny = 8\nD = 2\ndx = 0.5\ndy = 0.75\nboundary_x = "dirichlet"\n'
        '[initial]\nkind = "expression"\nexpression = "exp(-(x^2 + y^2)/4) + 0.1*i"\nphase = "x*j"\n'
        "[output]\nevery = 4\nframes = false\n" + tables
    )
    program("evolve", "--config", config, "--out", tmp_path / "out", "--steps", 10)
    start = field.polar("exp(-(x^2 + y^2)/4) + 0.1*i", "x*j", nx=9, ny=8, d=2, **CELLS)
    result = field.evolve(start, steps=10, every=4, progress=False, **CELLS, **arguments)
    with h5py.File(tmp_path / "out" / "field.h5") as file:
        np.testing.assert_allclose(result.time, file["time"][...], rtol=1e-15)
        # The program adds up potentials, and cuts its steps, elsewhere: rounding.
        np.testing.assert_allclose(result.frames, file["T"][...], rtol=0, atol=1e-13)
    lines = (tmp_path / "out" / "diagnostics.jsonl").read_text().splitlines()
    for name, numbers in result.diagnostics.items():
        want = [json.loads(line)[name] for line in lines]
        np.testing.assert_allclose(numbers, want, rtol=1e-11, atol=1e-13, err_msg=name)


def test_formulas_of_fields_are_one_or_two():
    start = field.packet(6, 5)
    for current in (("x", "y", "t"), ("t",)):
        with pytest.raises(ValueError):
            field.evolve(start, current=current, steps=1)
    one = field.evolve(start, current=("x", ""), steps=1, progress=False)
    other = field.evolve(start, current="x", steps=1, progress=False)
    np.testing.assert_array_equal(one.frames, other.frames)
    # A complex potential without an imaginary part absorbs nothing, so that any scheme takes it.
    v = field.formula("x^2", 6, 5)
    for dtype in ("complex64", "complex128"):
        chebyshev = field.evolve(
            start, v.astype(dtype), steps=1, scheme="chebyshev", progress=False
        )
        real = field.evolve(start, v, steps=1, scheme="chebyshev", progress=False)
        np.testing.assert_array_equal(chebyshev.frames, real.frames)
    with pytest.raises(lior.Error, match="evidence"):
        field.evolve(start, evidence=np.zeros((6, 4, 1, 1), complex), lambda_qr=0.1, steps=1)
