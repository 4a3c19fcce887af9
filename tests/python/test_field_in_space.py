# SPDX-License-Identifier: Apache-2.0
"""Fields of three dimensions, beside NumPy's and SciPy's split step; and one of each axis."""

import lior
import numpy as np
import pytest
import scipy.fft
from lior import field

SHAPE, STEPS = (8, 6, 10), (0.5, 0.6, 0.4)
CELLS = dict(dx=0.5, dy=0.6, dz=0.4)


def along(axis, numbers):
    """Numbers of one axis of (x, y, z, i, j)."""
    return np.reshape(numbers, [-1 if a == axis else 1 for a in range(5)])


def places(end="periodic"):
    half = 0 if end == "periodic" else 0.5
    return [
        along(a, (np.arange(n) - n / 2 + half) * h) for a, (n, h) in enumerate(zip(SHAPE, STEPS))
    ]


def test_three_dimensions_are_numpys_split_step(rng):
    x, y, z = places()
    start = rng.standard_normal((*SHAPE, 2, 2)) + 1j * rng.standard_normal((*SHAPE, 2, 2))
    dt, g = 0.05, 0.3
    result = field.evolve(
        start,
        "x^2/2 + y*z + cos(2*pi*z/Lz)",
        steps=3,
        dt=dt,
        hbar=1.0,
        symbol="continuous",
        nonlinearity=g,
        progress=False,
        **CELLS,
    )
    v = x**2 / 2 + y * z + np.cos(2 * np.pi * z / 4)
    k2 = sum(
        along(a, 2 * np.pi * np.fft.fftfreq(n, h)) ** 2
        for a, (n, h) in enumerate(zip(SHAPE, STEPS))
    )
    t = start
    for _ in range(3):
        t = np.exp(-0.5j * dt * (v + g * abs(t) ** 2)) * t
        t = np.fft.ifftn(np.exp(-0.5j * dt * k2) * np.fft.fftn(t, axes=(0, 1, 2)), axes=(0, 1, 2))
        t = np.exp(-0.5j * dt * (v + g * abs(t) ** 2)) * t
    np.testing.assert_allclose(result.frames[-1], t, rtol=0, atol=1e-12)
    cell = np.prod(STEPS)
    kinetic = np.fft.ifftn(k2 / 2 * np.fft.fftn(t, axes=(0, 1, 2)), axes=(0, 1, 2))
    energy = cell * (np.vdot(t, kinetic + v * t).real + g / 2 * (abs(t) ** 4).sum())
    numbers = {name: values[-1] for name, values in result.diagnostics.items()}
    assert numbers["energy"] == pytest.approx(energy, rel=1e-12)
    density = (abs(t) ** 2).sum((3, 4), keepdims=True)
    mean = (density * z).sum() / density.sum()
    assert numbers["z"] == pytest.approx(mean, rel=1e-12)
    width = np.sqrt((density * (z - mean) ** 2).sum() / density.sum())
    assert numbers["width_z"] == pytest.approx(width, rel=1e-12)
    slope = (np.roll(t, -1, 2) - np.roll(t, 1, 2)) / (2 * 0.4)
    p_z = np.vdot(t, slope).imag / density.sum()
    assert numbers["p_z"] == pytest.approx(p_z, rel=1e-11)


def test_walls_of_three_kinds_are_scipys_transforms(rng):
    ends = ("dirichlet", "periodic", "neumann")
    x, y, z = places("dirichlet")[0], places()[1], places("neumann")[2]
    start = rng.standard_normal((*SHAPE, 1, 1)) + 1j * rng.standard_normal((*SHAPE, 1, 1))
    dt, k2 = 0.05, 0
    for axis, (n, h, end) in enumerate(zip(SHAPE, STEPS, ends)):
        k = np.pi * (np.arange(n) + (end == "dirichlet")) / (n * h)
        k2 = k2 + along(axis, 2 * np.pi * np.fft.fftfreq(n, h) if end == "periodic" else k) ** 2
    kick, t = np.exp(-0.5j * dt * (x + y**2 + z)), start
    for _ in range(2):
        t = scipy.fft.dct(scipy.fft.fft(scipy.fft.dst(kick * t, axis=0), axis=1), axis=2)
        t = np.exp(-0.5j * dt * k2) * t
        t = kick * scipy.fft.idst(scipy.fft.ifft(scipy.fft.idct(t, axis=2), axis=1), axis=0)
    result = field.evolve(
        start,
        "x + y^2 + z",
        steps=2,
        dt=dt,
        hbar=1.0,
        symbol="continuous",
        boundary=ends,
        progress=False,
        **CELLS,
    )
    np.testing.assert_allclose(result.frames[-1], t, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_h_is_seven_points(rng, dtype):
    v = rng.standard_normal(SHAPE)
    gzz = 1 + 0.1 * rng.random(SHAPE)
    h = field.Hamiltonian(
        v,
        d=2,
        hbar=1.0,
        gxx_field=np.full(SHAPE, 1.5),
        gyy_field=np.ones(SHAPE),
        gzz_field=gzz,
        dtype=dtype,
        **CELLS,
    )
    t = (rng.standard_normal((*SHAPE, 2, 2)) + 1j).astype(dtype)
    root = 1 / np.sqrt(1.5 * gzz)
    np.testing.assert_allclose(h.weight, root, rtol=1e-15)
    image = v[..., None, None] * t
    for axis, (g, step) in enumerate(zip((1.5 * np.ones(SHAPE), np.ones(SHAPE), gzz), STEPS)):
        flux = root * g
        for way in (1, -1):
            face = (flux + np.roll(flux, -way, axis)) / 2 / root / (2 * step**2)
            image = image - face[..., None, None] * (np.roll(t, -way, axis) - t)
    np.testing.assert_allclose(
        h.apply(t), image, rtol=0, atol=1e-4 if dtype == "complex64" else 1e-12
    )
    norm = (root[..., None, None] * abs(t) ** 2).sum()
    assert h.norm(t) == pytest.approx(norm, rel=1e-6 if dtype == "complex64" else 1e-12)


def test_everything_that_takes_a_grid_takes_nz_and_dz():
    x, y, z = (a[..., 0, 0] for a in places())
    grid = dict(nx=8, ny=6, nz=10, **CELLS)
    r2 = x**2 + y**2 + z**2
    np.testing.assert_allclose(field.potential("harmonic", 3.0, **grid), 1.5 * r2, rtol=1e-14)
    np.testing.assert_allclose(field.formula("Lz*z + x", **grid), 4 * z + x + 0 * y, atol=1e-14)
    np.testing.assert_allclose(field.polar("x", "y*z", **grid)[..., 0, 0], x * np.exp(1j * y * z))
    k = (0.3, 0.7, -0.2)
    wave = np.exp(1j * (0.3 * x + 0.7 * y - 0.2 * z))
    np.testing.assert_allclose(field.plane_wave(k=k, **grid)[..., 0, 0], wave, atol=1e-14)
    bell = np.exp(-(x**2 + y**2 + (z - 0.4) ** 2) / 4) * wave
    packet = field.packet(width=1.0, centre=(0.0, 0.0, 0.4), k=k, **grid)
    np.testing.assert_allclose(packet[..., 0, 0], bell, atol=1e-14)
    assert field.spots(**grid).shape == (8, 6, 10, 1, 1)


def test_local_terms_do_not_know_of_axes(rng):
    t = rng.standard_normal((4, 3, 5, 2, 2)) + 1j * rng.standard_normal((4, 3, 5, 2, 2))
    e = rng.standard_normal(t.shape) + 0j
    flat = (4, 15, 2, 2)
    np.testing.assert_array_equal(
        field.posterior(t, e, 0.5),
        field.posterior(t.reshape(flat), e.reshape(flat), 0.5).reshape(t.shape),
    )
    after, chosen = field.collapse(t, seed=3)
    same, outcomes = field.collapse(t.reshape(flat), seed=3)
    np.testing.assert_array_equal(after, same.reshape(t.shape))
    np.testing.assert_array_equal(chosen, outcomes.reshape(4, 3, 5))
    assert field.entropy(t) == field.entropy(t.reshape(flat))
    nu = rng.random((4, 3, 5))
    assert field.variable_order_entropy(t, nu) == field.variable_order_entropy(
        t.reshape(flat), nu.reshape(4, 15)
    )


def test_an_axis_z_of_one_cell_is_none():
    flat = field.packet(8, 6, d=2, width=1.0, k=(0.5, 0.2))
    thin = field.packet(8, 6, nz=1, d=2, width=1.0, k=(0.5, 0.2))
    np.testing.assert_array_equal(thin[:, :, 0], flat)
    common = dict(steps=3, dt=0.005, gxx="1 + 0.1*x/Lx", scheme="rk4", progress=False)
    one = field.evolve(flat, "x*y", **common)
    other = field.evolve(thin, "x*y", **common)
    np.testing.assert_array_equal(other.frames[:, :, :, 0], one.frames)
    assert other.diagnostics.keys() == one.diagnostics.keys() and "z" not in one.diagnostics


@pytest.mark.parametrize(
    "more, words",
    [
        (dict(boundary=("periodic", "neumann")), "boundary has 2 words, and the grid 3 axes"),
        (dict(dz=-1.0), "spacing dz is -1"),
        (dict(gzz=-1.0), r"inverse metric is \(1, 1, -1\)"),
    ],
)
def test_wrong_words_of_three_dimensions_are_refused(more, words):
    with pytest.raises(lior.Error, match=words):
        field.Hamiltonian(np.zeros((4, 3, 2)), **more)


def test_words_of_z_without_z_are_refused():
    for more, words in [
        (dict(dz=0.5), "dz is 0.5, and the grid has no axis z"),
        (dict(boundary=("periodic",) * 3), "boundary has 3 words, and the grid 2 axes"),
        (dict(gzz=2.0), "gzz is there, and the grid has no axis z"),
    ]:
        with pytest.raises(lior.Error, match=words):
            field.evolve(field.packet(4, 4), steps=1, progress=False, **more)
    with pytest.raises(lior.Error, match="k has three parts, and the grid has no axis z"):
        field.packet(4, 4, k=(1.0, 0.0, 0.0))
    with pytest.raises(lior.Error, match=r"start has shape \(4, 4\); expected"):
        field.evolve(np.zeros((4, 4), complex), steps=1)


def test_a_cell_that_breaks_is_named_by_three_numbers():
    start = np.ones((2, 3, 4, 1, 1), complex)
    start[1, 2, 3] = np.nan
    with pytest.raises(
        lior.Error, match=r"the field at the start is not finite at cell \(1, 2, 3\)"
    ):
        field.evolve(start, steps=1, progress=False)
