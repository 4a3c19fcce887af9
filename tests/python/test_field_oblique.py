# SPDX-License-Identifier: Apache-2.0
"""Inverse metrics with components off the diagonal: beside NumPy's differences, and a sheared oscillator."""

import h5py
import lior
import numpy as np
import pytest
from lior import field

SHAPE, STEPS = (6, 5, 4), (0.5, 0.6, 0.4)
CELLS = dict(dx=0.5, dy=0.6, dz=0.4)
PAIRS = {"gxy": (0, 1), "gxz": (0, 2), "gyz": (1, 2)}


def central(t, axis):
    return (np.roll(t, -1, axis) - np.roll(t, 1, axis)) / (2 * STEPS[axis])


def laplacian(t, diagonal, cross):
    """(1/sqrt g) d_i sqrt g g^ij d_j T: fluxes through faces on the diagonal, central differences off it."""
    matrix = np.zeros((3, 3, *SHAPE))
    for axis in range(3):
        matrix[axis, axis] = diagonal[axis]
    for component, (a, b) in zip(cross, PAIRS.values()):
        matrix[a, b] = matrix[b, a] = component
    root = np.linalg.det(np.moveaxis(matrix, (0, 1), (-2, -1))) ** -0.5
    total = np.zeros(t.shape, complex)
    for axis in range(3):
        g = root * matrix[axis, axis]
        for way in (1, -1):
            face = (g + np.roll(g, -way, axis)) / 2 / STEPS[axis] ** 2
            total += face[..., None, None] * (np.roll(t, -way, axis) - t)
    for a, b in PAIRS.values():
        g = (root * matrix[a, b])[..., None, None]
        total += central(g * central(t, b), a) + central(g * central(t, a), b)
    return total / root[..., None, None], root


def test_hamiltonian_is_numpys(rng):
    t = rng.standard_normal((*SHAPE, 2, 2)) + 1j * rng.standard_normal((*SHAPE, 2, 2))
    v = rng.random(SHAPE)
    diagonal, cross = (
        1 + rng.random((3, *SHAPE)),
        0.3 * rng.standard_normal((3, *SHAPE)).clip(-1, 1),
    )
    constant = (np.array([1.5, 1.2, 0.9]), np.array([0.4, -0.3, 0.2]))
    numbers = dict(zip(("gxx", "gyy", "gzz", *PAIRS), np.concatenate(constant)))
    names = ("gxx_field", "gyy_field", "gzz_field", *(f"{name}_field" for name in PAIRS))
    arrays = dict(zip(names, np.concatenate([diagonal, cross])))
    for given, (on, off) in ((numbers, constant), (arrays, (diagonal, cross))):
        h = field.Hamiltonian(v, d=2, hbar=0.7, mass=1.3, **CELLS, **given)
        want, root = laplacian(t, on, off)
        want = -(0.7**2) / (2 * 1.3) * want + v[..., None, None] * t
        np.testing.assert_allclose(h.apply(t), want, rtol=0, atol=1e-13 * abs(want).max())
        if given is arrays:
            np.testing.assert_allclose(h.weight, root, rtol=1e-13)


def test_number_is_the_same_everywhere_beside_a_diagonal_that_varies(rng):
    v, g = np.zeros((6, 5)), 1 + rng.random((2, 6, 5))
    t = rng.standard_normal((6, 5, 1, 1)) + 0j
    one = field.Hamiltonian(v, gxx_field=g[0], gyy_field=g[1], gxy=0.5)
    other = field.Hamiltonian(v, gxx_field=g[0], gyy_field=g[1], gxy_field=np.full((6, 5), 0.5))
    np.testing.assert_array_equal(one.apply(t), other.apply(t))


@pytest.mark.parametrize("shear", [0.0, 0.7])
def test_sheared_oscillator_has_the_levels_of_the_round_one(shear):
    """X = x + s y and Y = y are flat: g^xx = 1 + s^2, g^xy = -s, g^yy = 1."""
    start = field.polar("exp(-(x^2 + y^2)/3)*(1 + 0.1*x)", nx=48, ny=40, dx=0.35)
    result = field.evolve(
        start,
        f"((x + {shear}*y)^2 + y^2)/2",
        steps=1000,
        every=1000,
        dt=0.01,
        dx=0.35,
        hbar=1.0,
        mass=1.0,
        gxx=1 + shear**2,
        gxy=-shear,
        symbol="continuous",
        time="imaginary",
        progress=False,
    )
    energy = result.diagnostics["energy"][-1] / (0.35**2 * result.diagnostics["norm"][-1])
    # Strang's own ground state is off by dt^2 / 32 of each 1/2; the rest has fallen as e^{-10}.
    assert energy == pytest.approx(1.0, abs=1e-5)


def test_program_by_formulas_by_a_file_and_python_are_one(program, tmp_path):
    cells = dict(dx=0.5, dy=0.75)
    formulas = {
        "gxx": "1 + 0.1*cos(2*pi*x/Lx)",
        "gyy": "1.2 + 0.1*sin(2*pi*y/Ly)",
        "gxy": "0.3*cos(2*pi*y/Ly)",
    }
    grid = (
        "[grid]\nnx = 9\nny = 8\nD = 1\ndx = 0.5\ndy = 0.75\n[output]\nevery = 4\nframes = false\n"
        '[initial]\nkind = "expression"\nexpression = "exp(-(x^2 + y^2)/4)"\nphase = "x"\n'
        '[integrator]\nkind = "chebyshev"\ndt = 0.05\n[metric]\n'
    )
    by_formula = "".join(f'{name}_expression = "{text}"\n' for name, text in formulas.items())
    with h5py.File(tmp_path / "metric.h5", "w") as file:
        for name, text in formulas.items():
            file[name] = field.formula(text, 9, 8, **cells)
    by_file = f"file = '{tmp_path}/metric.h5'\n"
    start = field.polar("exp(-(x^2 + y^2)/4)", "x", nx=9, ny=8, **cells)
    want = field.evolve(
        start, steps=8, every=4, dt=0.05, scheme="chebyshev", progress=False, **cells, **formulas
    )
    for name, metric in (("formula", by_formula), ("file", by_file)):
        config = tmp_path / f"{name}.toml"
        config.write_text(grid + metric)
        program("evolve", "--config", config, "--out", tmp_path / name, "--steps", 8)
        with h5py.File(tmp_path / name / "field.h5") as file:
            np.testing.assert_allclose(file["T"][...], want.frames, rtol=0, atol=1e-13)


def test_what_cannot_be_is_named():
    v = np.zeros((4, 4))
    with pytest.raises(lior.Error, match="no axis z"):
        field.Hamiltonian(v, gxz=0.1)
    with pytest.raises(lior.Error, match="for periodic axes; the boundary of y is neumann"):
        field.Hamiltonian(v, gxy=0.1, boundary=("periodic", "neumann"))
    with pytest.raises(lior.Error, match="expected it positive definite"):
        field.Hamiltonian(v, gxy=1.5)
