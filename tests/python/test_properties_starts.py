# SPDX-License-Identifier: Apache-2.0
"""Fields, potentials and means of drawn grids, beside their formulas in NumPy, and whole evolutions beside SciPy."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from lior import field
from properties import arrays, few

SIDE, ENTRIES, SPACING = st.integers(1, 7), st.integers(1, 3), st.floats(0.1, 3)
NUMBER = st.floats(-2, 2)


def places(nx, ny, dx, dy):
    """x and y, (nx, ny) each; an axis of one cell has its place at 0."""
    axis = lambda n, h: (np.arange(n) - n / 2) * h if n > 1 else np.zeros(1)
    return np.meshgrid(axis(nx, dx), axis(ny, dy), indexing="ij")


def entries(of_cells, d):
    """On the diagonal, and half of it off the diagonal."""
    return of_cells[..., None, None] * (np.eye(d) + 1) / 2


@few
@given(SIDE, SIDE, ENTRIES, SPACING, SPACING, NUMBER, NUMBER, st.floats(0.3, 9))
def test_packets_and_waves(nx, ny, d, dx, dy, kx, ky, width):
    x, y = places(nx, ny, dx, dy)
    cells = {"d": d, "dx": dx, "dy": dy}
    wave = field.plane_wave(nx, ny, (kx, ky), **cells)
    np.testing.assert_allclose(wave, entries(np.exp(1j * (kx * x + ky * y)), d), atol=1e-14)
    a, b = 0.3 * dx, -0.2 * dy
    square = (x - a) ** 2 + (y - b) ** 2
    want = entries(np.exp(-square / (4 * width**2) + 1j * (kx * x + ky * y)), d)
    at = {"width": width, "centre": (a, b), "k": (kx, ky)}
    np.testing.assert_allclose(field.packet(nx, ny, **cells, **at), want, atol=1e-13)
    scaled = field.packet(nx, ny, **cells, **at, norm=3.0)
    assert (abs(scaled) ** 2).sum() == pytest.approx(3, rel=1e-12)


@few
@given(SIDE, SIDE, ENTRIES, SPACING, SPACING, NUMBER)
def test_formulas_and_potentials(nx, ny, d, dx, dy, strength):
    x, y = places(nx, ny, dx, dy)
    near = lambda want: {"desired": want, "rtol": 1e-13, "atol": 1e-13}
    found = field.formula("x^2/3 - sin(y)*Lx", nx, ny, dx=dx, dy=dy)
    np.testing.assert_allclose(found, **near(x**2 / 3 - np.sin(y) * nx * dx))
    found = field.polar("1 + x^2", "y - x", nx=nx, ny=ny, d=d, dx=dx, dy=dy)
    np.testing.assert_allclose(found, **near(entries((1 + x**2) * np.exp(1j * (y - x)), d)))
    found = field.polar("2 + i", "j*x", nx=nx, ny=ny, d=d, dx=dx, dy=dy)
    i, j = np.indices((d, d))
    np.testing.assert_allclose(found, **near((2 + i) * np.exp(1j * j * x[..., None, None])))
    square = x**2 + y**2
    sides = [n * h for n, h in ((nx, dx), (ny, dy)) if n > 1] or [dx]
    bell = np.exp(-square / (2 * (min(sides) / 4) ** 2))
    for kind, want in {
        "zero": 0 * square,
        "constant": strength + 0 * square,
        "harmonic": strength * square / 2,
        "gaussian_well": -strength * bell,
        "gaussian_barrier": strength * bell,
    }.items():
        found = field.potential(kind, strength, nx, ny, dx, dy=dy)
        np.testing.assert_allclose(found, **near(want), err_msg=kind)


@few
@given(
    st.data(), st.integers(3, 7), st.integers(3, 7), ENTRIES, st.sampled_from([1e-180, 1, 1e180])
)
def test_means_of_a_field_of_any_size(data, nx, ny, d, size):
    t = data.draw(arrays((nx, ny, d, d), np.dtype("c16"), spread=0.3))
    h = field.Hamiltonian(np.zeros((nx, ny)), d=d, dx=0.7, dy=1.2, hbar=0.3)
    x, y = places(nx, ny, 0.7, 1.2)
    part = (abs(t) ** 2).sum((2, 3)) / (abs(t) ** 2).sum()
    flow = lambda axis, spacing: (
        (t.conj() * (np.roll(t, -1, axis) - np.roll(t, 1, axis))).imag.sum((2, 3))
        * (0.3 / (2 * spacing) / (abs(t) ** 2).sum())
    )
    p_x, p_y = flow(0, 0.7), flow(1, 1.2)
    width = lambda z: np.sqrt((part * (z - (part * z).sum()) ** 2).sum())
    want = {
        "x": (part * x).sum(), "y": (part * y).sum(), "width_x": width(x), "width_y": width(y),
        "p_x": p_x.sum(), "p_y": p_y.sum(), "l_z": (x * p_y - y * p_x).sum(),
    }  # fmt: skip
    found = h.expectations(t * size)
    assert found.keys() == want.keys()
    for name, mean in want.items():
        assert found[name] == pytest.approx(mean, rel=1e-11, abs=1e-12), name


@few
@given(st.data(), st.integers(1, 4), st.integers(1, 4), st.integers(1, 9), st.integers(1, 4))
def test_evolutions_beside_the_exponential_of_the_matrix(data, nx, ny, steps, every):
    v = data.draw(arrays((nx, ny), np.dtype("f8"), spread=0))
    t = data.draw(arrays((nx, ny, 1, 1), np.dtype("c16"), spread=0))
    h = field.Hamiltonian(v, hbar=0.5)
    matrix = np.stack(
        [h.apply(unit.reshape(t.shape)).ravel() for unit in np.eye(t.size, dtype=complex)], 1
    )
    found = field.evolve(
        t, v, steps=steps, every=every, dt=0.02, hbar=0.5, scheme="chebyshev", progress=False
    )
    counts = [*range(0, steps, every), steps]
    np.testing.assert_allclose(found.time, 0.02 * np.array(counts), rtol=1e-12)
    for count, frame in zip(counts, found.frames):
        want = scipy.linalg.expm(-0.04j * count * matrix) @ t.ravel()
        np.testing.assert_allclose(frame.ravel(), want, rtol=0, atol=1e-10 * abs(t).max())
    energy = (t.ravel().conj() @ matrix @ t.ravel()).real
    np.testing.assert_allclose(found.diagnostics["energy"], energy, rtol=1e-9, atol=1e-9)
