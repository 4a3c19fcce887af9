# SPDX-License-Identifier: Apache-2.0
"""The field beside SciPy's transforms and matrix exponentials, for drawn grids and settings."""

import lior
import numpy as np
import pytest
import scipy.fft
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st
from lior import field
from properties import any_array, arrays, few, wide

COMPLEX = st.sampled_from([np.dtype("c8"), np.dtype("c16")])
SIDE, ENTRIES = st.integers(1, 6), st.integers(1, 3)
ANY_METRIC = {"hbar": 0.3, "mass": 0.7, "dx": 0.5, "gxx": 1.2, "gyy": 0.8}


def dense(h, shape):
    """The Hamiltonian's matrix, from its action on each unit field."""
    size = int(np.prod(shape))
    return np.stack(
        [h.apply(unit.reshape(shape)).ravel() for unit in np.eye(size, dtype=complex)], 1
    )


@few
@given(st.data(), COMPLEX, SIDE, SIDE, ENTRIES)
def test_hamiltonian(data, dtype, nx, ny, d):
    v = data.draw(arrays((nx, ny), np.dtype("f8")))
    t = data.draw(arrays((nx, ny, d, d), dtype))
    h = field.Hamiltonian(v, d=d, dtype=dtype.name, **ANY_METRIC)
    kx, ky = (2 - 2 * np.cos(2 * np.pi * scipy.fft.fftfreq(n)) for n in (nx, ny))
    symbol = 0.3**2 / 1.4 / 0.5**2 * (1.2 * kx[:, None] + 0.8 * ky)
    moving = scipy.fft.ifft2(
        symbol[..., None, None] * scipy.fft.fft2(t.astype(complex), axes=(0, 1)), axes=(0, 1)
    )
    want = moving + v[..., None, None] * t
    size = (symbol.max() + abs(v).max()) * abs(t).max()
    assert abs(h.apply(t) - want).max() <= 16 * np.finfo(dtype).eps * size
    norm = (abs(wide(t)) ** 2).sum()
    assert h.norm(t) == pytest.approx(float(norm), rel=1e-5 if dtype == "c8" else 1e-13)
    lowest, highest = h.bounds
    cell = 0.5 ** sum(n > 1 for n in (nx, ny))  # an axis of one cell is none
    energy = h.energy(t) / cell
    slack = 1e-5 * size * abs(t).max() * t.size
    assert lowest * norm - slack <= energy <= highest * norm + slack


@few
@given(st.data(), st.integers(1, 4), st.integers(1, 4), st.floats(1e-3, 20), st.booleans())
def test_chebyshev_is_the_exponential(data, nx, ny, dt, varying):
    v, t = (
        data.draw(arrays((nx, ny), np.dtype("f8"))),
        data.draw(arrays((nx, ny, 1, 1), np.dtype("c16"))),
    )
    metric = {"gxx_field": 1 + abs(v) / 9, "gyy_field": 2 - abs(v) / 99} if varying else {}
    h = field.Hamiltonian(v / 10, hbar=0.5, **metric)
    evolution = field.Evolution(h, t, scheme="chebyshev", dt=dt)
    evolution.run(2)
    want = scipy.linalg.expm(-2j * dt / 0.5 * dense(h, t.shape)) @ t.ravel()
    assert abs(evolution.field().ravel() - want).max() <= 1e-10 * (1 + dt) * abs(want).max()


@few
@given(
    st.data(),
    st.sampled_from(["strang", "yoshida4", "crank_nicolson"]),
    st.integers(2, 6),
    st.integers(0, 20),
)
def test_unitary_schemes_keep_the_norm(data, scheme, side, steps):
    t = data.draw(arrays((side, side + 1, 2, 2), np.dtype("c16"), spread=0.5))
    h = field.Hamiltonian(data.draw(arrays((side, side + 1), np.dtype("f8"))), d=2)
    evolution = field.Evolution(h, t, scheme=scheme, dt=0.01)
    evolution.run(steps)
    # Crank-Nicolson solves to a tolerance of its own.
    assert h.norm(evolution.field()) == pytest.approx(
        h.norm(t), rel=1e-8 if scheme[0] == "c" else 1e-12
    )
    assert evolution.step == steps


@few
@given(st.data(), COMPLEX, SIDE, SIDE, ENTRIES, st.floats(0.05, 50))
def test_posterior_is_bayes_rule(data, dtype, nx, ny, d, tau):
    shape = (nx, ny, d, d)
    t, evidence = (data.draw(arrays(shape, dtype, spread=0.3)) for _ in range(2))
    weight = np.exp(-(abs(wide(t) - wide(evidence)) ** 2) / tau)
    prior = abs(wide(t)) ** 2
    want = weight * prior / (weight * prior).sum() * prior.sum()
    got = field.posterior(t, evidence, tau)
    # An exponent of size e is rounded to eps e of the weight.
    eps = np.finfo(dtype).eps
    slack = eps * (64 + 16 * abs(wide(t) - wide(evidence)).max() ** 2 / tau)
    np.testing.assert_allclose(
        abs(wide(got)) ** 2, want, rtol=float(slack), atol=float(prior.sum() * 1e-30)
    )
    assert abs(np.angle(got * t.conj())).max() <= 8 * eps or (got == 0).any()


@few
@given(st.data(), SIDE, SIDE, ENTRIES)
def test_entropies(data, nx, ny, d):
    t = data.draw(arrays((nx, ny, d, d), np.dtype("c16"), spread=0.5))
    rho = np.einsum("xyji,xyjk->xyik", t.conj(), t)
    p = np.linalg.eigvalsh(rho / np.trace(rho, axis1=2, axis2=3)[..., None, None]).clip(1e-300)
    assert field.entropy(t) == pytest.approx(float(-(p * np.log(p)).sum(-1).mean()), abs=1e-10)
    nu = abs(data.draw(arrays((nx, ny), np.dtype("f8"), spread=0.3)))
    want = ((abs(t) ** 2) ** nu[..., None, None]).sum()
    assert field.variable_order_entropy(t, nu) == pytest.approx(float(want), rel=1e-12)


@few
@given(st.data(), SIDE, SIDE, ENTRIES, st.integers(0, 2**32))
def test_collapse_leaves_one_row(data, nx, ny, d, seed):
    t = data.draw(arrays((nx, ny, d, d), np.dtype("c16"), spread=0.5))
    after, k = field.collapse(t, seed=seed)
    assert ((0 <= k) & (k < d)).all()
    others = np.arange(d) != k[..., None]
    assert (after[others] == 0).all()
    again, same = field.collapse(t, seed=seed)
    assert (after == again).all() and (k == same).all()


#: Every function of fields, with arguments that fit.
CALLS = {
    "posterior": [(3, 2, 2, 2), (3, 2, 2, 2), 0.5],
    "collapse": [(3, 2, 2, 2)],
    "entropy": [(3, 2, 2, 2)],
    "variable_order_entropy": [(3, 2, 2, 2), (3, 2)],
}


@few
@given(st.sampled_from(sorted(CALLS)), st.data())
def test_what_does_not_fit_is_an_error(name, data):
    arguments = [
        np.ones(a, complex if len(a) == 4 else float) if isinstance(a, tuple) else a
        for a in CALLS[name]
    ]
    arguments[data.draw(st.integers(0, len(CALLS[name]) - 1))] = data.draw(any_array())
    try:
        getattr(field, name)(*arguments)
    except (TypeError, lior.Error) as error:
        assert str(error)
