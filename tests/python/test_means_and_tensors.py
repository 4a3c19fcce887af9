# SPDX-License-Identifier: Apache-2.0
"""Frechet means and the parts of curvature from Python, beside NumPy."""

import lior
import numpy as np
import pytest
from lior import geometry


def test_mean_of_hyperbolic_points_has_no_gradient(rng):
    y = rng.uniform(-0.5, 0.5, (2, 9))
    weights = rng.uniform(0.1, 1, 9)
    mean = geometry.frechet_mean("ball", y, weights, rtol=1e-10)
    assert mean.converged and mean.error < 1e-8
    v = geometry.log_map("ball", np.tile(mean.x[:, None], 9), y).v
    np.testing.assert_allclose((weights * v).sum(axis=1), 0, atol=1e-8)
    distances = geometry.distance("ball", np.tile(mean.x[:, None], 9), y)
    np.testing.assert_allclose(mean.variance, (weights * distances**2).sum() / weights.sum())
    with pytest.raises(lior.Error, match="Riemannian"):
        geometry.frechet_mean("kerr", np.ones((4, 2)))


def test_parts_of_curvature_are_those_of_riemann(rng):
    x = rng.uniform(0.2, 0.9, (3, 5))
    metric = "expr:x, y, z; exp(x*y)*dx^2 + (1 + z^2)*dy^2 + exp(y)*dz^2"
    einstein, schouten, weyl = geometry.curvature_parts(metric, x)
    whole = geometry.curvature(metric, x)
    g = geometry.metric_values(metric, x)
    np.testing.assert_allclose(einstein, whole.ricci - whole.scalar * g / 2, atol=1e-13)
    np.testing.assert_allclose(schouten, whole.ricci - whole.scalar * g / 4, atol=1e-13)
    np.testing.assert_allclose(weyl, 0, atol=1e-12)  # of three dimensions
    u, w = rng.standard_normal((2, 3, 5))
    lowered = np.einsum("rqN,qsmnN->rsmnN", g, whole.riemann)
    product = lambda a, b: np.einsum("rsN,rN,sN->N", g, a, b)  # noqa: E731
    want = np.einsum("rsmnN,rN,sN,mN,nN->N", lowered, u, w, u, w) / (
        product(u, u) * product(w, w) - product(u, w) ** 2
    )
    np.testing.assert_allclose(geometry.sectional_curvature(metric, x, u, w), want, rtol=1e-10)
