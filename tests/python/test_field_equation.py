# SPDX-License-Identifier: Apache-2.0
"""The whole equation of the field beside SciPy's integrator and mpmath's series."""

import mpmath
import numpy as np
import pytest
import scipy.integrate
from hypothesis import given
from hypothesis import strategies as st
from lior import field
from properties import few

HBAR, TIME = 0.7, 0.25


def fields_of(seed):
    random = np.random.default_rng(seed)
    start = random.standard_normal((4, 3, 2, 2)) + 1j * random.standard_normal((4, 3, 2, 2))
    current = random.standard_normal((4, 3, 2, 2)) + 0j
    v, absorption = random.standard_normal((4, 3)), random.uniform(0, 2, (4, 3))
    return field.Hamiltonian(v, d=2, hbar=HBAR), start, current, absorption


def exact(h, start, slope_of):
    """i hbar dT/dt = slope_of(T) until TIME."""

    def slope(_, numbers):
        return (slope_of(numbers.reshape(start.shape)) / (1j * HBAR)).ravel()

    until = (0, TIME)
    ends = scipy.integrate.solve_ivp(slope, until, start.ravel(), "DOP853", rtol=1e-11, atol=1e-12)
    return ends.y[:, -1].reshape(start.shape)


def errors(h, start, want, steps, **settings):
    """The largest deviation after each number of steps to TIME."""
    worst = []
    for count in steps:
        evolution = field.Evolution(h, start, dt=TIME / count, **settings)
        evolution.run(count)
        worst.append(abs(evolution.field() - want).max())
    return worst


#: Terms that a case has, and the scheme's order with them (conventions.md 8.2).
CASES = [
    ("strang", "absorption nonlinearity current", 2),
    ("strang", "absorption nonlinearity", 2),
    ("yoshida4", "absorption nonlinearity", 4),
    ("crank_nicolson", "current", 2),
    ("rk4", "current", 4),
    ("chebyshev", "current", 2),
]


@few
@given(st.integers(0, 2**32), st.sampled_from(CASES))
def test_schemes_have_their_order(seed, case):
    scheme, terms, order = case
    h, start, current, absorption = fields_of(seed)
    g = 0.4 if "nonlinearity" in terms else 0.0
    settings = {"scheme": scheme, "nonlinearity": g}
    settings |= {"current": current} if "current" in terms else {}
    settings |= {"absorption": absorption} if "absorption" in terms else {}
    j, w = settings.get("current", 0), settings.get("absorption", np.zeros((4, 3)))
    want = exact(
        h, start, lambda t: h.apply(t) - 1j * w[..., None, None] * t + g * abs(t) ** 2 * t + j
    )
    coarse, fine = errors(h, start, want, (16, 32), **settings)
    # At the next order an error of the leading one is off by a part; below 1e-10 SciPy's is seen.
    assert coarse < 1e-1 and fine <= max(coarse / 2 ** (order - 0.6), 1e-10)


def test_memory_is_mittag_lefflers_function():
    """i hbar dT/dt = -lambda_f I^alpha T of a field that H leaves alone: T_0 E_(1+alpha)(i lambda_f t^(1+alpha) / hbar)."""
    alpha, strength, until = 0.6, 0.8, 2.0
    z = mpmath.mpc(0, strength * until ** (1 + alpha) / HBAR)
    series = mpmath.nsum(lambda k: z**k / mpmath.gamma((1 + alpha) * k + 1), [0, mpmath.inf])
    h = field.Hamiltonian(np.zeros((3, 4)), hbar=HBAR)
    start = np.full((3, 4, 1, 1), 1 + 0.5j)
    worst = []
    for count in (100, 200):
        evolution = field.Evolution(
            h, start, dt=until / count, lambda_f=strength, alpha=alpha, tolerance=1e-9
        )
        assert 0 < evolution.pole_error <= 1e-9 and evolution.poles > 0
        evolution.run(count)
        worst.append(abs(evolution.field() - complex(series) * start).max())
    assert worst[0] < 2e-3
    assert np.log2(worst[0] / worst[1]) == pytest.approx(1 + alpha, abs=0.1)


def test_a_field_that_overflows_says_where():
    h = field.Hamiltonian(np.zeros((3, 4)), hbar=HBAR)
    current = np.zeros((3, 4, 1, 1), complex)
    current[1, 2] = 1e308
    evolution = field.Evolution(h, np.ones((3, 4, 1, 1), complex), current=current, dt=1.0)
    assert evolution.broken_cell is None and evolution.pole_error == 0
    evolution.run(500)
    assert evolution.broken_cell == (0, 0)  # transforms spread it: the first of all
