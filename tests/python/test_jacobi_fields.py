# SPDX-License-Identifier: Apache-2.0
"""Jacobi fields: closed forms of constant curvature, tides, and differences of neighbouring geodesics."""

import lior
import numpy as np
import pytest
from lior import geometry

TIGHT = dict(method="dop853", rtol=1e-12, atol=1e-14)


def column(*numbers):
    return np.array(numbers, dtype=float)[:, None]


def lengths(metric, x, w):
    return np.sqrt(np.einsum("mnk,mk,nk->k", geometry.metric_values(metric, x), w, w))


@pytest.mark.parametrize(
    "metric, x, v, across, law",
    [
        # Unit speed, a unit vector across, and |J| of J(0) = 0, |J'(0)| = 1.
        ("sphere", (np.pi / 2, 0), (0, 1), (1, 0), np.sin),
        (
            "sphere:n=3,r=2",
            (1.0, 1.2, 0),
            (0.5, 0, 0),
            (0, 0.5 / np.sin(1), 0),
            lambda t: 2 * np.sin(t / 2),
        ),
        ("half_plane", (0, 2), (2, 0), (0, 2), np.sinh),
        (
            "hyperboloid:a=3",
            (1, 0),
            (1, 0),
            (0, 1 / (3 * np.sinh(1 / 3))),
            lambda t: 3 * np.sinh(t / 3),
        ),
        ("euclidean:n=3", (1, 2, 3), (1, 0, 0), (0, 1, 0), lambda t: t),
    ],
)
def test_sine_and_sinh_of_constant_curvature(metric, x, v, across, law):
    times = [0, 0.3, 0.9, 1.4]
    found = geometry.jacobi_fields(
        metric, column(*x), column(*v), column(*(0 * np.array(x))), column(*across), times, **TIGHT
    )
    assert found.status[0] == geometry.PathStatus.ok
    for k, t in enumerate(times):
        length = lengths(metric, found.x[k], found.field[k])[0]
        assert length == pytest.approx(law(t), abs=1e-10)


def test_first_conjugate_point_of_the_sphere_is_the_opposite_one():
    """Along the equator: J is 0 at pi, and the path goes on to where its neighbours come together."""
    found = geometry.jacobi_fields(
        "sphere",
        column(np.pi / 2, 0),
        column(0, 1),
        column(0, 0),
        column(1, 0),
        [3.0, np.pi, 3.3],
        **TIGHT,
    )
    across = found.field[:, 0, 0]
    assert across[0] > 0 > across[2]
    assert abs(across[1]) < 1e-10


@pytest.mark.parametrize(
    "metric, x, v, rate",
    [
        ("torus", (0.3, 0.1), (0.5, 0.7), (0.3, -0.2)),
        ("kerr:spin=0.9", (0, 8, 1.3, 0), (1.3, -0.1, 0.02, 0.05), (0.1, 0.2, 0.03, -0.02)),
        ("graph:z=x^3-x*y", (0.2, -0.4), (0.5, 0.7), (0.3, 0.4)),
    ],
)
def test_field_from_zero_is_the_difference_of_neighbours(metric, x, v, rate):
    times = [0.5, 2.0]
    start, velocity, w = column(*x), column(*v), column(*rate)
    found = geometry.jacobi_fields(metric, start, velocity, 0 * start, w, times, **TIGHT)
    # Of order 4 in the step: truncation 1e-12, rounding of paths 1e-13 / step.
    step = 1e-3
    at = lambda s: geometry.geodesics(metric, start, velocity + s * step * w, times, **TIGHT).x
    difference = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)
    np.testing.assert_allclose(found.field, difference, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found.x, at(0), rtol=1e-10, atol=1e-11)


def test_field_along_the_geodesic_grows_as_it_was_thrown():
    """J = (a + b t) v is what reparametrising does."""
    x, v = column(0, 8, 1.3, 0), column(1.3, -0.1, 0.02, 0.05)
    found = geometry.jacobi_fields("kerr", x, v, 0.3 * v, 0.2 * v, [3.0], **TIGHT)
    np.testing.assert_allclose(found.field[0], (0.3 + 0.2 * 3) * found.v[0], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found.rate[0], 0.2 * found.v[0], rtol=1e-9, atol=1e-11)


def test_tides_of_schwarzschild():
    """Who falls radially is stretched by 2 M / r^3 and squeezed by M / r^3 across."""
    r = 10.0
    x = column(0, r, np.pi / 2, 0)
    v = geometry.orbit_velocities("schwarzschild", x, 1.0, 0.0)  # from rest at infinity
    radial = np.array([v[1, 0] / (1 - 2 / r), v[0, 0] * (1 - 2 / r), 0, 0])[:, None]
    times = [1e-3, 2e-3]
    for vector, tide in ((radial, 2 / r**3), (column(0, 0, 1 / r, 0), -1 / r**3)):
        found = geometry.jacobi_fields("schwarzschild", x, v, vector, 0 * vector, times, **TIGHT)
        size = [
            np.sign(tide) * lengths("schwarzschild", found.x[k], found.rate[k])[0] for k in (0, 1)
        ]
        # The slope at 0 from both: the next order cancels.
        slope = (4 * size[0] - size[1]) / (2 * times[0])
        assert slope == pytest.approx(tide, rel=1e-5)


@pytest.mark.parametrize(
    "metric, x, v, length, parameters, multiplicity",
    [
        ("sphere", (1.2, 0), (0.6, 0.8 / np.sin(1.2)), 2.8, [], 0),
        ("sphere:n=3,r=2", (np.pi / 2, np.pi / 2, 0), (0, 0, 0.5), 7.0, [2 * np.pi], 2),
        ("half_plane:n=3", (0, 1, 2), (1, 1, 0.5), 5.0, [], 0),
        # A cylinder's neighbours never meet; those along the inner equator of a torus part.
        ("embedding:(u,v)->(cos(u),sin(u),v)", (0, 0), (1, 1), 9.0, [], 0),
        # Along the outer equator the curvature is 1 / (minor (major + minor)) = 1/3.
        ("torus", (0, 0), (0, 1 / 3), 12.0, [np.pi * 3**0.5, 2 * np.pi * 3**0.5], 1),
        ("torus", (np.pi, 0), (0, 1), 12.0, [], 0),
    ],
)
def test_conjugate_points(metric, x, v, length, parameters, multiplicity):
    found = geometry.conjugate_points(metric, column(*x), column(*v), length, samples=40)
    np.testing.assert_allclose(found.parameter, parameters, atol=1e-6)
    assert np.all(found.multiplicity == multiplicity)
    assert np.all(found.path == 0)


def test_shapes_are_checked():
    x = column(1, 0)
    with pytest.raises(lior.Error, match="rate"):
        geometry.jacobi_fields("sphere", x, x, x, np.ones((2, 2)), [1.0])
