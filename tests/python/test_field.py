# SPDX-License-Identifier: Apache-2.0
"""The field beside finite differences and Fourier transforms in NumPy."""

import signal
import sys
import threading
import types

import lior
import numpy as np
import pytest
from formulas import layouts
from lior import field

HBAR, MASS, DX, GXX, GYY = 0.3, 0.7, 0.5, 1.2, 0.8


@pytest.fixture(params=["complex64", "complex128"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def draw(rng):
    def numbers(dtype, *shape):
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)

    return numbers


def hamiltonian(v, t):
    second = lambda axis: (np.roll(t, 1, axis) - 2 * t + np.roll(t, -1, axis)) / DX**2
    return -(HBAR**2) / (2 * MASS) * (GXX * second(0) + GYY * second(1)) + v[:, :, None, None] * t


def strang(v, t, dt, steps):
    """exp(-iV dt/2) FFT^-1 exp(-iK dt) FFT exp(-iV dt/2) with the differences' own symbol."""
    kx, ky = (2 * np.pi * np.fft.fftfreq(n) for n in v.shape)
    symbol = 2 / DX**2 * (GXX * (1 - np.cos(kx))[:, None] + GYY * (1 - np.cos(ky))[None, :])
    drift = np.exp(-1j * dt / HBAR * HBAR**2 / (2 * MASS) * symbol)[:, :, None, None]
    kick = np.exp(-0.5j * dt / HBAR * v)[:, :, None, None]
    for _ in range(steps):
        t = kick * np.fft.ifft2(drift * np.fft.fft2(kick * t, axes=(0, 1)), axes=(0, 1))
    return t


def make(v, d, dtype, **options):
    return field.Hamiltonian(
        v, d=d, dx=DX, hbar=HBAR, mass=MASS, gxx=GXX, gyy=GYY, dtype=dtype.name, **options
    )


def atol(dtype):
    return {"complex64": 2e-5, "complex128": 1e-12}[dtype.name]


@pytest.mark.parametrize("nx, ny, d", [(6, 5, 2), (4, 8, 1), (1, 1, 3)])
def test_hamiltonian(rng, draw, dtype, nx, ny, d):
    v, t = rng.standard_normal((nx, ny)), draw(dtype, nx, ny, d, d)
    h = make(v, d, dtype)
    expected = hamiltonian(v, t)
    for given in layouts(t):
        image = h.apply(given)
        assert image.dtype == dtype
        np.testing.assert_allclose(image, expected, atol=atol(dtype))
    np.testing.assert_allclose(h.norm(t), (np.abs(t) ** 2).sum(), rtol=1e-6)
    cell = DX**2 if nx > 1 else 1  # an axis of one cell is none
    energy = cell * (t.conj() * expected).sum().real
    np.testing.assert_allclose(h.energy(t), energy, rtol=1e-5)
    lowest, highest = h.bounds
    # On one cell all three are v, but for rounding.
    assert lowest - 1e-6 <= energy / cell / h.norm(t) <= highest + 1e-6


def test_varying_metric_is_self_adjoint(rng, draw):
    gxx, gyy = 1 + rng.random((2, 6, 5))
    h = field.Hamiltonian(np.zeros((6, 5)), d=1, gxx_field=gxx, gyy_field=gyy)
    a, b = draw("complex128", 2, 6, 5, 1, 1)
    weight = h.weight[:, :, None, None]
    np.testing.assert_allclose(h.weight, (gxx * gyy) ** -0.5, rtol=1e-14)
    left, right = (weight * a.conj() * h.apply(b)).sum(), (weight * h.apply(a).conj() * b).sum()
    np.testing.assert_allclose(left, right, rtol=1e-12)


@pytest.mark.parametrize("scheme", ["strang", "yoshida4", "crank_nicolson", "rk4", "chebyshev"])
def test_schemes(rng, draw, dtype, scheme):
    v, t = rng.standard_normal((6, 8)), draw(dtype, 6, 8, 2, 2)
    evolution = field.Evolution(make(v, 2, dtype), t, scheme=scheme, dt=1e-3)
    evolution.run(20)
    assert evolution.step == 20 and np.isclose(evolution.time, 0.02)
    np.testing.assert_allclose(evolution.field(), strang(v, t, 1e-5, 2000), atol=2e-4)
    if scheme == "strang":
        np.testing.assert_allclose(evolution.field(), strang(v, t, 1e-3, 20), atol=50 * atol(dtype))


def test_posterior(draw, dtype):
    t, evidence = draw(dtype, 2, 4, 3, 2, 2)
    w = np.exp(-(np.abs(t - evidence) ** 2) / 0.5)
    square = np.abs(t) ** 2
    expected = np.sqrt(w) * t * np.sqrt(square.sum() / (w * square).sum())
    np.testing.assert_allclose(field.posterior(t, evidence, 0.5), expected, atol=atol(dtype))
    again = t.copy()
    assert field.posterior(again, evidence, 0.5, out=again) is again
    np.testing.assert_allclose(again, expected, atol=atol(dtype))


def test_entropy(draw, dtype):
    t = draw(dtype, 4, 3, 3, 3)
    total = 0
    for site in t.reshape(-1, 3, 3):
        p = np.linalg.svd(site, compute_uv=False) ** 2
        p /= p.sum()
        total -= (p * np.log(p)).sum()
    np.testing.assert_allclose(field.entropy(t), total / 12, rtol=1e-5)


def test_collapse(draw, dtype):
    t = draw(dtype, 5, 4, 3, 3)
    t[0, 0] = 0
    before = t.copy()
    after, chosen = field.collapse(t, outcome="largest")
    assert (t == before).all() and chosen.dtype == np.int64
    rows = (np.abs(t) ** 2).sum(3)
    assert chosen[0, 0] == -1 and (after[0, 0] == 0).all()
    occupied = np.ones((5, 4), bool)
    occupied[0, 0] = False
    assert (chosen == rows.argmax(2))[occupied].all()
    sizes = np.linalg.norm(after, axis=(2, 3)), np.linalg.norm(t, axis=(2, 3))
    np.testing.assert_allclose(*sizes, rtol=1e-5)
    for x, y in np.argwhere(occupied):
        k = chosen[x, y]
        row = t[x, y, k] * np.linalg.norm(t[x, y]) / np.linalg.norm(t[x, y, k])
        np.testing.assert_allclose(after[x, y, k], row, rtol=2e-5)
        assert (np.delete(after[x, y], k, 0) == 0).all()
    again = [field.collapse(t, seed=3, step=1)[1] for _ in range(2)]
    assert (again[0] == again[1]).all() and (again[0] != field.collapse(t, seed=4)[1]).any()


def test_potentials():
    r2 = 0.25 * ((np.arange(6) - 3)[:, None] ** 2 + (np.arange(4) - 2)[None, :] ** 2)
    np.testing.assert_allclose(field.potential("harmonic", 2.0, 6, 4, 0.5), r2, rtol=1e-14)
    assert (field.potential("zero", 1.0, 6, 4) == 0).all()
    with pytest.raises(lior.Error, match="harmonic"):
        field.potential("harmonc", 1.0, 6, 4)


@pytest.mark.parametrize("nx, ny", [(1, 16), (16, 1)])
def test_a_bell_on_one_row_is_a_quarter_of_its_length_wide(nx, ny):
    v = field.potential("gaussian_barrier", 2.0, nx, ny).ravel()
    away = np.arange(16) - 8
    np.testing.assert_allclose(v, 2 * np.exp(-(away**2) / (2 * 4**2)), rtol=1e-14)


def test_evolve_returns_arrays(rng):
    start = field.packet(16, 12, d=2, width=2.0, norm=1)
    np.testing.assert_allclose(np.linalg.norm(start), 1)
    v = field.potential("harmonic", 0.01, 16, 12)
    result = field.evolve(start, v, steps=20, every=5, dt=0.1, hbar=HBAR)
    assert result.frames.shape == (5, 16, 12, 2, 2) and (result.frames[0] == start).all()
    np.testing.assert_allclose(result.time, [0, 0.5, 1, 1.5, 2])
    np.testing.assert_allclose(result.diagnostics["norm"], 1, rtol=1e-12)
    np.testing.assert_allclose(
        result.diagnostics["energy"], result.diagnostics["energy"][0], rtol=1e-3
    )
    means = {"x", "y", "width_x", "width_y", "p_x", "p_y", "l_z"}
    assert set(result.diagnostics) == {"norm", "energy", "entropy"} | means
    assert all(numbers.shape == (5,) for numbers in result.diagnostics.values())


def test_evolve_with_memory_belief_and_a_varying_metric(draw):
    start, evidence = draw("complex64", 2, 8, 8, 2, 2)
    moving = field.evolve(
        start,
        steps=4,
        every=2,
        dt=0.05,
        evidence=evidence,
        lambda_qr=0.2,
        mode="relax",
        update_every=1,
        lambda_f=0.05,
        progress=False,
    )
    assert moving.frames.dtype == np.complex64 and np.isfinite(moving.frames).all()
    curved = field.evolve(start, steps=2, dt=0.05, gxx=1 + 0.1 * np.eye(8), scheme="crank_nicolson")
    np.testing.assert_allclose(curved.diagnostics["norm"], curved.diagnostics["norm"][0], rtol=1e-4)


def test_errors_name_what_is_wrong(draw):
    start = draw("complex128", 4, 4, 1, 1)
    with pytest.raises(lior.Error, match="steps is -1"):
        field.evolve(field.packet(4, 4), steps=-1)
    with pytest.raises(lior.Error, match="strang"):
        field.evolve(start, steps=1, scheme="euler")
    with pytest.raises(
        lior.Error, match=r"evidence has shape \(3, 4, 1, 1\); expected \(4, 4, 1, 1\)"
    ):
        field.evolve(start, steps=1, evidence=start[:3])
    with pytest.raises(lior.Error, match="tau"):
        field.posterior(start, start, -1.0)
    with pytest.raises(lior.Error, match="dtype is 'float64'; expected 'complex64'"):
        field.Hamiltonian(np.zeros((4, 4)), dtype="float64")


def test_variable_order_entropy(rng, draw, dtype):
    t, nu = draw(dtype, 3, 4, 2, 2), rng.uniform(0, 2, (3, 4))
    t[0, 0, 0, 0], nu[0, 0] = 0, 0  # counts 0
    powers = np.abs(t.astype("complex128")) ** (2 * nu[:, :, None, None])
    powers[0, 0, 0, 0] = 0
    np.testing.assert_allclose(field.variable_order_entropy(t, nu), powers.sum(), rtol=1e-5)
    with pytest.raises(lior.Error, match=r"nu has shape \(4, 3\); expected \(3, 4\)|nu has shape"):
        field.variable_order_entropy(t, nu.T)


def test_largest_stable_step(rng):
    v = rng.standard_normal((4, 4))
    h = field.Hamiltonian(v, hbar=0.1, mass=2.0, gxx=3.0, dx=0.5)
    want = 2.82 * 0.1 / (np.abs(v).max() + 0.1**2 / 4 * 4 * (3 + 1) / 0.25)
    np.testing.assert_allclose(h.largest_stable_step, want, rtol=2e-3)


@pytest.mark.parametrize("nx, ny, d", [(0, 64, 1), (64, -1, 1), (8, 8, 0)])
def test_a_packet_needs_cells(nx, ny, d):
    with pytest.raises(lior.Error, match="expected (at least 1 x 1|D >= 1)"):
        field.packet(nx, ny, d=d)


@pytest.mark.parametrize("norm", [-1.0, np.nan, np.inf])
def test_a_packet_has_a_norm_that_is_a_size(norm):
    with pytest.raises(lior.Error, match="a packet's norm is .*; expected a finite number >= 0"):
        field.packet(4, 4, norm=norm)


def test_a_bar_shows_where_tqdm_is(monkeypatch):
    seen = []

    def tqdm(items, **options):
        seen.append((len(items), options))
        return items

    start = field.packet(8, 8)
    monkeypatch.setitem(sys.modules, "tqdm.auto", types.SimpleNamespace(tqdm=tqdm))
    with_bar = field.evolve(start, steps=3)
    assert seen == [(4, {"disable": None, "unit": "frame"})]  # None: only where somebody looks
    field.evolve(start, steps=3, progress=False)
    assert len(seen) == 1
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)  # as if it were not installed
    without = field.evolve(start, steps=3)
    assert (without.frames == with_bar.frames).all()


def test_packet_is_centred_where_the_conventions_say():
    for nx, ny in ((9, 12), (8, 7), (1, 5)):
        t = field.packet(nx, ny, d=2, width=0.8, k=(0.3, -0.7))
        x, y = (np.arange(n) - (n / 2 if n > 1 else 0) for n in (nx, ny))
        bell = np.outer(np.exp(-(x**2) / 1.28), np.exp(-(y**2) / 1.28))
        wave = field.plane_wave(nx, ny, (0.3, -0.7))[:, :, 0, 0]
        np.testing.assert_allclose(wave, np.exp(1j * (0.3 * x[:, None] - 0.7 * y)), rtol=1e-13)
        expected = (np.sqrt(bell) * wave)[:, :, None, None] * np.array([[1, 0.5], [0.5, 1]])
        np.testing.assert_allclose(t, expected, rtol=1e-12)
    for width in (0, -1, float("nan"), float("inf")):
        with pytest.raises(lior.Error, match="width is"):
            field.packet(8, 8, width=width)


def test_spots_are_two_bells():
    x, y = 0.5 * (np.arange(24) - 12)[:, None], 0.5 * (np.arange(10) - 5)[None, :]
    bell = lambda x0: np.exp(-((x - x0) ** 2 + y**2) / 2)  # away 24 dx / 4 = 3, width a third of it
    expected = (bell(-3) + bell(3))[:, :, None, None] * np.array([[1, 0.5], [0.5, 1]])
    np.testing.assert_allclose(field.spots(24, 10, d=2, dx=0.5), expected, rtol=1e-12)


def test_the_last_state_is_always_a_frame():
    start = field.packet(8, 8)
    result = field.evolve(start, steps=137, every=10, dt=0.1)
    np.testing.assert_allclose(result.time, np.append(np.arange(0, 137, 10), 137) * 0.1)
    whole = field.evolve(start, steps=137, every=137, dt=0.1)
    np.testing.assert_allclose(result.frames[-1], whole.frames[-1], atol=1e-13)
    assert field.evolve(start, steps=0, every=10).time.tolist() == [0]


def test_energy_follows_the_symbol():
    start = field.packet(16, 16, width=1.5, k=(1.0, 0.5))
    k = 2 * np.pi * np.fft.fftfreq(16)
    spectrum = np.abs(np.fft.fft2(start[:, :, 0, 0])) ** 2 / 256
    for symbol, square in (("continuous", k**2), ("discrete", 4 * np.sin(k / 2) ** 2)):
        expected = (spectrum * 0.1**2 / 2 * (square[:, None] + square[None, :])).sum()
        found = field.evolve(start, steps=3, dt=0.1, symbol=symbol).diagnostics["energy"]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    with pytest.raises(lior.Error, match="symbol continuous; expected one of: strang, yoshida4"):
        field.evolve(start, steps=1, scheme="chebyshev", symbol="continuous")


@pytest.mark.parametrize("scheme", ["strang", "yoshida4", "crank_nicolson", "rk4", "chebyshev"])
@pytest.mark.parametrize("driven", [False, True])
def test_ctrl_c_ends_a_run_between_steps(scheme, driven):
    if driven and scheme == "yoshida4":
        return
    start = field.packet(64, 64)
    options = dict(scheme=scheme, dt=0.1, lambda_f=0.1 if driven else 0.0)
    h = field.Hamiltonian(np.zeros((64, 64)))
    evolution = field.Evolution(h, start, **options)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        evolution.run(10**6)
    timer.join()
    signal.signal(signal.SIGINT, before)
    assert 0 < evolution.step < 10**6
    again = field.Evolution(h, start, **options)
    again.run(evolution.step)
    np.testing.assert_allclose(evolution.field(), again.field(), atol=1e-12)
    evolution.run(1)  # and it goes on


@pytest.mark.parametrize("shape", [(4, 0, 0, 0), (0, 4, 2, 2), (4, 3, 0, 0), (0, 0, 1, 1)])
def test_entropy_of_no_numbers_is_zero(shape):
    assert field.entropy(np.zeros(shape, complex)) == 0
    assert field.variable_order_entropy(np.zeros(shape, complex), np.ones(shape[:2])) == 0


@pytest.mark.parametrize("scale", [1e-290, 1e-200, 1e-100, 1e140, 1e200, 1e290])
def test_results_do_not_depend_on_the_fields_size(draw, scale):
    t, evidence = draw("complex128", 2, 6, 5, 2, 2)
    # With evidence T itself every weight is 1, and B = T; beside it tau makes the weights differ.
    same = field.posterior(t * scale, t * scale, 0.5)
    np.testing.assert_allclose(same / scale, t, rtol=1e-12)
    if 1e-150 < scale < 1e150:
        found = field.posterior(t * scale, evidence * scale, 0.5 * scale * scale)
        np.testing.assert_allclose(found / scale, field.posterior(t, evidence, 0.5), rtol=1e-12)
    h = field.Hamiltonian(np.ones((6, 5)), d=2)
    for name, mean in h.expectations(t * scale).items():
        assert mean == pytest.approx(h.expectations(t)[name], rel=1e-11), name
    # Beyond numbers it is infinite or 0, and never none.
    assert h.energy(t * scale) == pytest.approx(h.energy(t) * scale * scale, rel=1e-11, abs=0)
    ends = []
    for size in (1.0, scale):
        evolution = field.Evolution(h, t * size, scheme="crank_nicolson", dt=0.5)
        evolution.run(3)
        ends.append(evolution.field() / size)
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-11)
