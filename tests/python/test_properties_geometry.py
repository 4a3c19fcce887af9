# SPDX-License-Identifier: Apache-2.0
"""Geometry beside mpmath's derivatives and SciPy's integrator, at drawn points."""

import lior
import mpmath
import numpy as np
import scipy.integrate
from hypothesis import given
from hypothesis import strategies as st
from lior import geometry
from properties import any_array, few

#: Of each metric: g(x) in mpmath as a diagonal, bounds of points well inside its chart, and scalar
#: curvature where it is constant.
METRICS = {
    "euclidean:n=3": (lambda x: [1, 1, 1], [(-9, 9)] * 3, 0),
    "sphere:n=2,r=2": (lambda x: [4, 4 * mpmath.sin(x[0]) ** 2], [(0.3, 2.8), (-6, 6)], 0.5),
    "half_plane:n=3": (lambda x: [x[2] ** -2] * 3, [(-5, 5), (-5, 5), (0.1, 5)], -6),
    "ball:n=2": (lambda x: [4 / (1 - x[0] ** 2 - x[1] ** 2) ** 2] * 2, [(-0.6, 0.6)] * 2, -2),
    "torus:minor=1,major=3": (lambda x: [1, (3 + mpmath.cos(x[0])) ** 2], [(-3, 3)] * 2, None),
    "schwarzschild:mass=1": (
        lambda x: [2 / x[1] - 1, 1 / (1 - 2 / x[1]), x[1] ** 2, (x[1] * mpmath.sin(x[2])) ** 2],
        [(-5, 5), (3, 20), (0.4, 2.7), (-5, 5)],
        0,
    ),
}
NAME = st.sampled_from(sorted(METRICS))


@st.composite
def points(draw, name):
    bounds = np.array(METRICS[name][1])
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return random.uniform(bounds[:, :1], bounds[:, 1:], (len(bounds), draw(st.integers(0, 3))))


def christoffel(name, x):
    """Gamma^l_mn of a diagonal metric, by derivatives in 30 digits."""
    g = METRICS[name][0]
    d = len(x)
    with mpmath.workdps(30):
        at = [mpmath.mpf(float(c)) for c in x]
        slope = [
            [mpmath.diff(lambda s: mpmath.mpf(1) * g([s if j == k else at[j] for j in range(d)])[i], at[k])
             for k in range(d)]
            for i in range(d)
        ]  # fmt: skip
        inverse = [1 / mpmath.mpf(1) / entry for entry in g(at)]
        gamma = np.zeros((d, d, d))
        for l, m, n in np.ndindex(d, d, d):
            total = (m == l) * slope[l][n] + (n == l) * slope[l][m] - (m == n) * slope[m][l]
            gamma[l, m, n] = inverse[l] * total / 2
    return gamma


@few
@given(st.data(), NAME)
def test_symbols_and_curvature(data, name):
    x = data.draw(points(name))
    d, count = x.shape
    g, gamma = geometry.metric_values(name, x), geometry.christoffel(name, x)
    for n in range(count):
        want = [float(entry) for entry in METRICS[name][0]([mpmath.mpf(float(c)) for c in x[:, n]])]
        np.testing.assert_allclose(g[..., n], np.diag(want), rtol=1e-13, atol=0)
        want = christoffel(name, x[:, n])
        np.testing.assert_allclose(
            gamma[..., n], want, rtol=1e-11, atol=1e-12 * (1 + abs(want).max())
        )
    pairs = np.triu_indices(d)
    assert (geometry.christoffel_packed(name, x) == gamma[:, pairs[0], pairs[1]]).all()
    curved = geometry.curvature(name, x)
    if METRICS[name][2] is not None:
        np.testing.assert_allclose(curved.scalar, METRICS[name][2], rtol=1e-9, atol=1e-9)
    r = curved.riemann
    assert np.allclose(r + r.transpose(0, 2, 3, 1, 4) + r.transpose(0, 3, 1, 2, 4), 0, atol=1e-9)


@few
@given(st.data(), NAME, st.floats(0.05, 0.5))
def test_geodesics_beside_scipy(data, name, size):
    x = data.draw(points(name))
    d, count = x.shape
    v = np.random.default_rng(data.draw(st.integers(0, 99))).standard_normal(x.shape)
    g = geometry.metric_values(name, x) if count else np.zeros((d, d, 0))
    length = np.sqrt(abs(np.einsum("mn,mmn->mn", v**2, g)).sum(0))
    v *= size / np.maximum(length, 1e-9)
    end, status = geometry.exp_map(name, x, v, rtol=1e-10, atol=1e-12)
    for n in range(count):
        assert status[n] == geometry.PathStatus.ok

        def slope(t, state):
            gamma = geometry.christoffel(name, state[:d, None])[..., 0]
            return np.concatenate(
                [state[d:], -np.einsum("lmn,m,n->l", gamma, state[d:], state[d:])]
            )

        start = np.concatenate([x[:, n], v[:, n]])
        want = scipy.integrate.solve_ivp(
            slope, (0, 1), start, method="DOP853", rtol=1e-11, atol=1e-12
        )
        np.testing.assert_allclose(end[:, n], want.y[:d, -1], rtol=1e-8, atol=1e-8)
    back = geometry.log_map(name, x, end, rtol=1e-10, atol=1e-12)
    assert back.converged.all()
    np.testing.assert_allclose(back.v, v, rtol=1e-6, atol=1e-6)


@few
@given(st.integers(0, 2**32), st.floats(-2, 0.5))
def test_distances_in_closed_form(seed, digits):
    """Half-plane: d = arcosh(1 + |x - y|^2 / (2 x_n y_n)), by asinh where that cancels."""
    random = np.random.default_rng(seed)
    x = np.stack([random.uniform(-2, 2, 4), random.uniform(0.5, 2, 4)])
    y = x + 10**digits * random.uniform(-0.4, 0.4, x.shape) * x[1]
    chord = np.sqrt(((x - y) ** 2).sum(0) / (4 * x[1] * y[1]))
    np.testing.assert_allclose(
        geometry.distance("half_plane:n=2", x, y), 2 * np.arcsinh(chord), rtol=1e-6
    )


#: Every function of points, with arguments that fit the sphere.
CALLS = {
    "metric_values": [(2, 3)],
    "christoffel": [(2, 3)],
    "christoffel_packed": [(2, 3)],
    "curvature": [(2, 3)],
    "exp_map": [(2, 3), (2, 3)],
    "log_map": [(2, 3), (2, 3)],
    "distance": [(2, 3), (2, 3)],
    "transport": [(2, 3), (2, 3), (2, 3)],
    "curve_length": [(4, 2, 3)],
}


@few
@given(st.sampled_from(sorted(CALLS)), st.data())
def test_what_does_not_fit_is_an_error(name, data):
    arguments = [np.ones(shape) for shape in CALLS[name]]
    arguments[data.draw(st.integers(0, len(arguments) - 1))] = data.draw(any_array())
    try:
        getattr(geometry, name)("sphere", *arguments)
    except (TypeError, lior.Error) as error:
        assert "expected" in str(error)


@few
@given(st.sampled_from(sorted(METRICS)), st.sampled_from([np.nan, np.inf, -np.inf, 1e300, 0.0]))
def test_extreme_points_are_errors_or_finite(name, number):
    x = np.full((geometry.Metric(name).dimension, 1), number)
    try:
        gamma = geometry.christoffel(name, x)
    except lior.Error as error:
        assert "point 0" in str(error)
    else:
        assert np.isfinite(gamma).all()
