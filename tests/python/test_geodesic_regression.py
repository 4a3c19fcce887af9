# SPDX-License-Identifier: Apache-2.0
"""Geodesic regression beside SciPy: linear in flat space, minimised in closed form on the sphere."""

import lior
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from lior import geometry


def test_flat_space_is_linear_regression(rng):
    t = rng.uniform(1990, 2020, 12)  # far from the origin, beside their spread
    y = np.array([3 + 0.5 * t, 1 - 0.2 * t]) + rng.standard_normal((2, 12))
    found = geometry.geodesic_regression("euclidean:n=2", t, y)
    assert found.converged
    for m in range(2):
        line = scipy.stats.linregress(t, y[m])
        assert found.x[m] == pytest.approx(line.intercept, rel=1e-8)
        assert found.v[m] == pytest.approx(line.slope, rel=1e-8)
    apart = ((y - y.mean(axis=1, keepdims=True)) ** 2).sum()
    assert found.r_squared == pytest.approx(1 - (found.residuals**2).sum() / apart)


def on_sphere(angles):
    theta, phi = angles
    return np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])


def test_sphere_beside_a_minimised_closed_form(rng):
    """Great circles cos(t |v|) p + sin(t |v|) v / |v| in space."""
    t = np.linspace(-1, 1, 9)
    start, velocity = np.array([1.3, 0.4]), np.array([0.3, 0.7])
    clean, _ = geometry.exp_map("sphere", np.tile(start[:, None], 9), np.outer(velocity, t))
    y = clean + 0.2 * rng.standard_normal((2, 9))
    points = on_sphere(y)

    def squares(unknowns):
        p, (a, b) = on_sphere(unknowns[:2]), unknowns[2:]
        theta, phi = unknowns[:2]
        south = np.array([np.cos(theta) * np.cos(phi), np.cos(theta) * np.sin(phi), -np.sin(theta)])
        east = np.sin(theta) * np.array([-np.sin(phi), np.cos(phi), 0])
        v = a * south + b * east
        size = np.linalg.norm(v)
        path = np.outer(p, np.cos(size * t)) + np.outer(v / size, np.sin(size * t))
        return (np.arccos(np.clip((path * points).sum(0), -1, 1)) ** 2).sum()

    want = scipy.optimize.minimize(
        squares, [*start, *velocity], method="BFGS", options={"gtol": 1e-9}
    )
    found = geometry.geodesic_regression("sphere", t, y, rtol=1e-10)
    assert found.converged
    assert (found.residuals**2).sum() == pytest.approx(want.fun, rel=1e-10)
    np.testing.assert_allclose([*found.x, *found.v], want.x, atol=1e-5)  # a root of the precision


@pytest.mark.parametrize(
    "metric, x, v",
    [
        ("spd:n=2", [2, 0.3, 1], [0.6, 0.2, -0.3]),
        ("ball:n=2", [0.2, -0.1], [0.3, 0.2]),
        ("torus", [0.5, 0.2], [0.5, 0.3]),
    ],
)
def test_no_geodesic_beside_the_found_one_is_nearer(rng, metric, x, v):
    t = np.linspace(-1, 1.5, 8)
    d = len(x)
    clean, _ = geometry.exp_map(metric, np.tile(np.array(x)[:, None], 8), np.outer(v, t))
    y = clean + 0.05 * rng.standard_normal((d, 8))
    weights = rng.uniform(0.5, 2, 8)
    found = geometry.geodesic_regression(metric, t, y, weights, rtol=1e-10)
    assert found.converged and 0.5 < found.r_squared < 1

    def variance(x, v):
        ends, _ = geometry.exp_map(metric, np.tile(x[:, None], 8), np.outer(v, t), rtol=1e-12)
        return (weights * geometry.distance(metric, ends, y, rtol=1e-12) ** 2).sum() / weights.sum()

    best = variance(found.x, found.v)
    assert found.variance == pytest.approx(best, rel=1e-8)
    for _ in range(10):
        beside = 1e-3 * rng.standard_normal((2, d))
        assert variance(found.x + beside[0], found.v + beside[1]) > best


def test_several_variables_have_a_velocity_each(rng):
    t = rng.standard_normal((2, 20))
    y = np.array([[1.0], [2.0], [0.5]]) + rng.standard_normal((3, 2)) @ t
    found = geometry.geodesic_regression("euclidean:n=3", t, y)
    whole, *_ = np.linalg.lstsq(np.vstack([np.ones(20), t]).T, y.T, rcond=None)
    np.testing.assert_allclose(found.x, whole[0], atol=1e-9)
    np.testing.assert_allclose(found.v, whole[1:].T, atol=1e-9)
    with pytest.raises(lior.Error, match="origin has shape"):
        geometry.geodesic_regression("euclidean:n=3", t, y, origin=[0.0, 1.0, 2.0])
