# SPDX-License-Identifier: Apache-2.0
"""Grids of one dimension, of cells that are not square and with walls, beside NumPy and SciPy."""

import lior
import numpy as np
import pytest
import scipy.fft
from lior import field


def test_one_dimension_is_numpys_split_step():
    nx, dx, dt = 48, 0.4, 0.05
    x = (np.arange(nx) - nx / 2) * dx
    start = field.packet(nx, 1, dx=dx, width=1.0, k=(1.0, 0.0))
    np.testing.assert_allclose(start[:, 0, 0, 0], np.exp(-(x**2) / 4 + 1j * x), rtol=0, atol=1e-15)
    result = field.evolve(
        start, "x^2/2 + y", steps=3, dx=dx, hbar=1.0, dt=dt, symbol="continuous", progress=False
    )
    k = 2 * np.pi * np.fft.fftfreq(nx, dx)
    t = start[:, 0, 0, 0]
    for _ in range(3):
        t = np.exp(-0.25j * dt * x**2) * t
        t = np.fft.ifft(np.exp(-0.5j * dt * k**2) * np.fft.fft(t))
        t = np.exp(-0.25j * dt * x**2) * t
    np.testing.assert_allclose(result.frames[-1, :, 0, 0, 0], t, rtol=0, atol=1e-14)
    energy = dx * np.vdot(t, np.fft.ifft(k**2 / 2 * np.fft.fft(t)) + x**2 / 2 * t).real
    assert result.diagnostics["energy"][-1] == pytest.approx(energy, rel=1e-13)


def test_spacings_apart_are_numpys_split_step():
    nx, ny, dx, dy, dt = 12, 10, 0.5, 0.8, 0.05
    x = ((np.arange(nx) - nx / 2) * dx)[:, None]
    y = ((np.arange(ny) - ny / 2) * dy)[None, :]
    start = field.packet(nx, ny, dx=dx, dy=dy, width=1.0, k=(1.0, -0.5))
    np.testing.assert_allclose(
        start[:, :, 0, 0], np.exp(-(x**2 + y**2) / 4 + 1j * (x - 0.5 * y)), rtol=0, atol=1e-15
    )
    result = field.evolve(
        start,
        "x^2/8 + y/Ly",
        steps=3,
        dx=dx,
        dy=dy,
        hbar=1.0,
        dt=dt,
        symbol="continuous",
        progress=False,
    )
    k2 = (2 * np.pi * np.fft.fftfreq(nx, dx))[:, None] ** 2 + (
        2 * np.pi * np.fft.fftfreq(ny, dy)
    ) ** 2
    kick = np.exp(-0.5j * dt * (x**2 / 8 + y / (ny * dy)))
    t = start[:, :, 0, 0]
    for _ in range(3):
        t = kick * np.fft.ifft2(np.exp(-0.5j * dt * k2) * np.fft.fft2(kick * t))
    np.testing.assert_allclose(result.frames[-1, :, :, 0, 0], t, rtol=0, atol=1e-14)


def test_everything_that_takes_a_grid_takes_dy():
    x = ((np.arange(6) - 3) * 0.5)[:, None]
    y = ((np.arange(4) - 2) * 2.0)[None, :]
    grid = dict(nx=6, ny=4, dx=0.5, dy=2.0)
    np.testing.assert_allclose(
        field.potential("harmonic", 3.0, **grid), 1.5 * (x**2 + y**2), rtol=1e-15
    )
    np.testing.assert_array_equal(field.formula("Lx + Ly*y", **grid), 3 + 8 * y + 0 * x)
    np.testing.assert_array_equal(field.polar("x*y", **grid)[:, :, 0, 0], x * y)
    wave = field.plane_wave(k=(0.3, 0.7), **grid)[:, :, 0, 0]
    np.testing.assert_allclose(wave, np.exp(1j * (0.3 * x + 0.7 * y)), rtol=1e-15)
    assert field.spots(**grid)[3, 3, 0, 0] != field.spots(6, 4, dx=0.5)[3, 3, 0, 0]
    h = field.Hamiltonian(np.zeros((6, 4)), dx=0.5, dy=2.0, hbar=1.0)
    assert h.bounds == (0, 2 * (1 / 0.25 + 1 / 4))
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(lior.Error, match="spacing dy is"):
            field.formula("x", 6, 4, dy=wrong)


@pytest.mark.parametrize("nx, ny", [(9, 8), (2, 5), (1, 7), (12, 1)])
@pytest.mark.parametrize(
    "boundary", [("dirichlet", "neumann"), "dirichlet", ("neumann", "periodic")]
)
def test_walls_are_scipys_sine_and_cosine_transforms(rng, boundary, nx, ny):
    dx, dy, dt = 0.5, 0.7, 0.05
    start = rng.standard_normal((nx, ny, 2, 2)) + 1j * rng.standard_normal((nx, ny, 2, 2))
    ends = (boundary, boundary) if isinstance(boundary, str) else boundary
    kick, k2 = 1, np.zeros((nx, ny, 1, 1))
    for axis, (count, step, end) in enumerate(zip((nx, ny), (dx, dy), ends)):
        if count == 1:
            continue
        places = np.arange(count) - count / 2 + (0 if end == "periodic" else 0.5)
        shape = [count if a == axis else 1 for a in range(4)]
        kick = kick * np.exp(-0.5j * dt * (places.reshape(shape) * step) ** 2)
        waves = np.arange(count) + (1 if end == "dirichlet" else 0)
        k = np.pi * waves / (count * step)
        if end == "periodic":
            k = 2 * np.pi * np.fft.fftfreq(count, step)
        k2 = k2 + (k**2).reshape(shape)
    to = {"dirichlet": scipy.fft.dst, "neumann": scipy.fft.dct, "periodic": scipy.fft.fft}
    back = {"dirichlet": scipy.fft.idst, "neumann": scipy.fft.idct, "periodic": scipy.fft.ifft}
    axes = [axis for axis in (0, 1) if (nx, ny)[axis] > 1]
    t = start
    for _ in range(3):
        t = kick * t
        for axis in axes:
            t = to[ends[axis]](t, axis=axis)
        t = np.exp(-0.5j * dt * k2) * t
        for axis in axes:
            t = back[ends[axis]](t, axis=axis)
        t = kick * t
    result = field.evolve(
        start,
        "x^2 + y^2",
        steps=3,
        dx=dx,
        dy=dy,
        boundary=boundary,
        hbar=1.0,
        dt=dt,
        symbol="continuous",
        progress=False,
    )
    np.testing.assert_allclose(result.frames[-1], t, rtol=0, atol=1e-13)


def test_a_boundary_that_is_none_is_refused():
    with pytest.raises(
        lior.Error, match="boundary 'open' is unknown; expected one of: periodic, d"
    ):
        field.Hamiltonian(np.zeros((4, 4)), boundary="open")
    with pytest.raises(TypeError):
        field.formula("x", 4, 4, boundary=("periodic",))
