# SPDX-License-Identifier: Apache-2.0
"""Potentials and currents that follow the time, beside SciPy's integrator; fields by formulas of the entry."""

import lior
import numpy as np
import pytest
import scipy.integrate
from lior import field

NX, NY, D, DX, HBAR, TIME = 5, 4, 2, 0.8, 0.7, 0.5
SHAPE = (NX, NY, D, D)
X = ((np.arange(NX) - NX / 2) * DX)[:, None, None, None]
Y = ((np.arange(NY) - NY / 2) * DX)[None, :, None, None]
I, J = np.arange(D)[:, None], np.arange(D)[None, :]


def moving(t):
    return 0.4 * np.cos(3 * t) * X + 0.2 * t * Y**2


def current(t):
    return (0.3 + X * I * t) * np.exp(1j * (2 * t + Y * J)) * np.ones(SHAPE)


def exact(start, potential, source):
    h = field.Hamiltonian(np.full((NX, NY), 0.3), d=D, dx=DX, hbar=HBAR)

    def slope(t, numbers):
        now = numbers.reshape(SHAPE)
        rate = h.apply(now) + (moving(t) * now if potential else 0) + (current(t) if source else 0)
        return (rate / (1j * HBAR)).ravel()

    ends = scipy.integrate.solve_ivp(
        slope, (0, TIME), start.ravel(), "DOP853", rtol=1e-11, atol=1e-12
    )
    return ends.y[:, -1].reshape(SHAPE)


@pytest.mark.parametrize(
    "scheme, potential, source, order",
    [
        ("strang", True, True, 2),
        ("yoshida4", True, False, 4),
        ("crank_nicolson", True, True, 2),
        ("rk4", True, True, 4),
        ("rk4", False, True, 4),
        ("chebyshev", False, True, 2),
    ],
)
def test_schemes_follow_the_time_to_their_order(scheme, potential, source, order):
    random = np.random.default_rng(5)
    start = random.standard_normal(SHAPE) + 1j * random.standard_normal(SHAPE)
    want = exact(start, potential, source)
    h = field.Hamiltonian(np.full((NX, NY), 0.3), d=D, dx=DX, hbar=HBAR)
    terms = {"potential": "0.4*cos(3*t)*x + 0.2*t*y^2"} if potential else {}
    if source:
        terms |= {"current_modulus": "0.3 + x*i*t", "current_phase": "2*t + y*j"}
    worst = []
    for count in (32, 64):
        evolution = field.Evolution(h, start, scheme=scheme, dt=TIME / count, **terms)
        evolution.run(count)
        worst.append(abs(evolution.field() - want).max())
    # The next term is a part of the leading one at these steps.
    assert np.log2(worst[0] / worst[1]) == pytest.approx(order, abs=0.3)
    assert worst[1] < 1e-3


def test_evolve_takes_formulas_for_all_that_a_run_takes():
    start = field.polar("exp(-x^2) + i", "y*j", nx=NX, ny=NY, d=D, dx=DX)
    np.testing.assert_allclose(start, (np.exp(-(X**2)) + I) * np.exp(1j * Y * J), atol=1e-15)
    common = dict(steps=4, dx=DX, hbar=HBAR, dt=0.05, lambda_qr=0.2, scheme="rk4", progress=False)
    texts = field.evolve(
        start,
        "0.1*x^2",
        evidence=("exp(-x^2)", "y"),
        current="0.1 + 0*i",
        gxx="1 + 0.1*cos(2*pi*x/Lx)",
        **common,
    )
    arrays = field.evolve(
        start,
        0.1 * X[:, :, 0, 0] ** 2 * np.ones((NX, NY)),
        evidence=np.exp(-(X**2) + 1j * Y) * np.where(I == J, 1, 0.5),
        current=np.full(SHAPE, 0.1 + 0j),
        gxx=(1 + 0.1 * np.cos(2 * np.pi * X / (NX * DX)))[:, :, 0, 0] * np.ones((NX, NY)),
        **common,
    )
    np.testing.assert_allclose(texts.frames, arrays.frames, rtol=0, atol=1e-14)
    still = field.evolve(start, "0.1*x^2", current="0.1 + 0*i", steps=2, dt=0.05, progress=False)
    moved = field.evolve(
        start, "0.1*x^2 + 0*t", current=("0.1 + 0*i", "0*t"), steps=2, dt=0.05, progress=False
    )
    np.testing.assert_allclose(moved.frames, still.frames, rtol=0, atol=1e-14)
    np.testing.assert_allclose(moved.diagnostics["energy"], still.diagnostics["energy"], rtol=1e-12)


def test_energy_is_that_of_a_time():
    start = np.full((4, 4, 1, 1), 2 + 0j)
    h = field.Hamiltonian(np.zeros((4, 4)), dx=0.5)
    evolution = field.Evolution(h, start, potential="3*t", dt=0.25)
    assert evolution.energy(start) == 0
    assert evolution.energy(start, 0.5) == pytest.approx(0.25 * 1.5 * 4 * 16, rel=1e-14)
    evolution.run(2)
    assert evolution.energy(start) == evolution.energy(start, 0.5)


def test_what_cannot_follow_the_time_is_refused():
    start = np.ones((4, 4, 1, 1), complex)
    with pytest.raises(lior.Error, match="chebyshev cannot run with a potential that follows"):
        field.evolve(start, "x*t", steps=1, scheme="chebyshev")
    with pytest.raises(lior.Error, match="formula: unknown name 't'"):
        field.evolve(start, "x", absorption="t", steps=1)
    with pytest.raises(lior.Error, match="potential: unknown name 'i'"):
        field.evolve(start, "i*t", steps=1)
    with pytest.raises(lior.RunError, match="potential: is inf at .*, t = 0.5"):
        field.evolve(start, "1/(t - 0.5)", steps=4, dt=0.25, progress=False)
