# SPDX-License-Identifier: Apache-2.0
"""Ends of geodesics and transport of metrics with closed forms, beside the same in an ambient space by mpmath,
with 60 digits: points and vectors go there by the chart's map and its derivative, along it, and back."""

import lior
import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lior import geometry
from properties import few

STEP = mp.mpf(10) ** -25


class Sphere:
    """Of radius 1 in space, by angles."""

    sign = 1

    @staticmethod
    def into(x):
        point, sine = [], mp.mpf(1)
        for angle in x:
            point.append(sine * mp.cos(angle))
            sine *= mp.sin(angle)
        return [*point, sine]

    @staticmethod
    def back(point):
        angles = [mp.atan2(mp.norm(point[m + 1 :]), point[m]) for m in range(len(point) - 2)]
        return [*angles, mp.atan2(point[-1], point[-2])]


class Ball:
    """The hyperboloid's point, seen from (-1, 0)."""

    sign = -1

    @staticmethod
    def into(x):
        square = sum(c * c for c in x)
        return [(1 + square) / (1 - square), *(2 * c / (1 - square) for c in x)]

    @staticmethod
    def back(point):
        return [c / (1 + point[0]) for c in point[1:]]


class HalfPlane:
    sign = -1

    @staticmethod
    def into(x):
        square, y = sum(c * c for c in x), x[-1]
        return [(square + 1) / (2 * y), (square - 1) / (2 * y), *(c / y for c in x[:-1])]

    @staticmethod
    def back(point):
        y = 1 / (point[0] - point[1])
        return [*(c * y for c in point[2:]), y]


def carried_over(chart, x, v):
    """The derivative of `chart` at x along v."""
    ahead = chart([a + STEP * b for a, b in zip(x, v)])
    behind = chart([a - STEP * b for a, b in zip(x, v)])
    return [(a - b) / (2 * STEP) for a, b in zip(ahead, behind)]


def judge(space, x, v, w):
    """(exp_x(v), what w is there)."""
    x, v, w = ([mp.mpf(float(c)) for c in of] for of in (x, v, w))
    X, V, W = space.into(x), carried_over(space.into, x, v), carried_over(space.into, x, w)

    def product(a, b):
        return space.sign * a[0] * b[0] + sum(p * q for p, q in zip(a[1:], b[1:]))

    size = mp.sqrt(product(V, V))
    unit = [c / size for c in V]
    cosine, sine = (
        (mp.cos(size), mp.sin(size)) if space.sign > 0 else (mp.cosh(size), mp.sinh(size))
    )
    end = [cosine * a + sine * b for a, b in zip(X, unit)]
    share = product(W, unit)
    there = [c + share * ((cosine - 1) * b - space.sign * sine * a) for a, b, c in zip(X, unit, W)]
    # Back by the derivative of the chart's inverse, whose formula holds beside the surface, too.
    return space.back(end), carried_over(space.back, end, there)


CHARTS = {
    "sphere": (Sphere, lambda random, n: random.uniform(0.2, 2.9, n)),
    "ball": (Ball, lambda random, n: random.uniform(-0.55, 0.55, n)),
    "half_plane": (
        HalfPlane,
        lambda random, n: np.append(random.normal(size=n - 1), random.uniform(0.1, 5)),
    ),
}


@few
@given(st.integers(0, 2**32), st.sampled_from(list(CHARTS)), st.integers(2, 4), st.floats(-20, 0.9))
def test_ends_and_transport_beside_mpmath(seed, name, n, exponent):
    """Errors in the norm of g at the end, over those that roundings of x and v make there."""
    mp.mp.dps = 60
    random = np.random.default_rng(seed)
    space, draw = CHARTS[name]
    metric = f"{name}:n={n}"
    x = draw(random, n)
    g = geometry.metric_values(metric, x[:, None])[:, :, 0]
    v, w = random.normal(size=(2, n))
    length = 10.0**exponent
    v *= length / np.sqrt(v @ g @ v)
    w /= np.sqrt(w @ g @ w)
    end, status = geometry.exp_map(metric, x[:, None], v[:, None])
    there, also = geometry.transport(metric, x[:, None], v[:, None], w[:, None])
    assert status[0] == also[0] == geometry.PathStatus.ok
    want_end, want_there = judge(space, x, v, w)
    g = geometry.metric_values(metric, end)[:, :, 0]
    off = np.array([float(a - b) for a, b in zip(map(mp.mpf, map(float, end[:, 0])), want_end)])
    if name == "sphere":
        off[-1] = np.remainder(off[-1] + np.pi, 2 * np.pi) - np.pi
        grows = 1.0
    else:
        grows = np.cosh(length)
    slack = 400 * np.finfo(float).eps
    assert np.sqrt(off @ g @ off) <= slack * grows + slack * length
    off = there[:, 0] - np.array([float(c) for c in want_there])
    assert np.sqrt(off @ g @ off) <= 4 * slack * grows


def test_the_last_angle_of_a_sphere_goes_on_turning():
    x = np.array([[1.1], [0.3]])
    for angle in (0.5, 3.0, 3.3, 7.0, 100.0):
        v = np.array([[0.4], [0.9]])
        v *= angle / np.sqrt(v[0] ** 2 + (np.sin(1.1) * v[1]) ** 2)
        end, _ = geometry.exp_map("sphere", x, v)
        times = np.array([0.0, 1.0])
        path = geometry.geodesics("sphere", x, v, times, rtol=1e-12, atol=1e-13, method="dop853")
        np.testing.assert_allclose(end, path.x[-1], atol=1e-8)


def test_across_a_pole_and_all_the_way_round():
    x = np.array([[1.0], [0.25]])
    end, status = geometry.exp_map("sphere", x, np.array([[-1.5], [0.0]]))
    assert status[0] == geometry.PathStatus.ok
    np.testing.assert_allclose(end, [[0.5], [0.25 + np.pi]], atol=1e-15)
    end, _ = geometry.exp_map("sphere", x, np.array([[2 * np.pi], [0.0]]))
    np.testing.assert_allclose(end, [[1.0], [0.25 + 2 * np.pi]], atol=1e-15)


@pytest.mark.parametrize("far", [5.0, 20.0, 200.0, 600.0])
def test_straight_down_the_half_plane_is_exact(far):
    """An integrator's absolute tolerance is e^far too large there."""
    end, status = geometry.exp_map("half_plane", np.array([[0.0], [1]]), np.array([[0.0], [-far]]))
    assert status[0] == geometry.PathStatus.ok
    assert end[1, 0] == pytest.approx(np.exp(-far), rel=1e-13) and end[0, 0] == 0


@pytest.mark.parametrize("name", ["half_plane", "ball"])
def test_what_numbers_do_not_hold_at_the_end_is_not_carried_there(name):
    x, v, w = np.array([[0.0], [0.5]]), np.array([[300.0], [-400]]), np.array([[3.0], [-2]])
    there, status = geometry.transport(name, x, v, w)
    assert status[0] == geometry.PathStatus.edge and (there == w).all()
    there, status = geometry.transport(name, x, v, 0 * w)
    assert status[0] == geometry.PathStatus.ok and (there == 0).all()


@pytest.mark.parametrize("n", [2, 3])
def test_from_next_to_the_rim_back_to_the_middle(n):
    x = np.zeros((n, 1))
    x[0] = 1 - 1e-8
    v = np.zeros((n, 1))
    length = 2 * np.arctanh(x[0, 0])
    v[0] = -length * (1 - x[0] ** 2) / 2
    end, _ = geometry.exp_map(f"ball:n={n}", x, v)
    assert np.linalg.norm(end) < 1e-7  # x is known to 1e-8 of its distance from the rim


@pytest.mark.parametrize("name", ["sphere", "ball", "half_plane", "euclidean"])
@pytest.mark.parametrize("length", [1e-16, 1e-40, 1e-310])
def test_short_ways_turn_nothing(name, length):
    x, v, w = np.array([[0.5], [0.25]]), np.array([[0.6], [0.8]]) * length, np.array([[3.0], [-2]])
    end, status = geometry.exp_map(name, x, v)
    there, also = geometry.transport(name, x, v, w)
    assert status[0] == also[0] == geometry.PathStatus.ok
    np.testing.assert_allclose(end, x, rtol=1e-15)
    np.testing.assert_allclose(there, w, rtol=1e-14)


@pytest.mark.parametrize("name", ["sphere", "ball", "half_plane", "euclidean"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_at_rest_all_stays(name, dtype):
    x = np.array([[0.5], [0.25]], dtype)
    w = np.array([[3.0], [-2]], dtype)
    end, _ = geometry.exp_map(name, x, 0 * x)
    there, _ = geometry.transport(name, x, 0 * x, w)
    np.testing.assert_allclose(end, x, rtol=1e-6)
    np.testing.assert_allclose(there, w, rtol=1e-6)
    assert lior.geometry.exp_map(name, x[:, :0], x[:, :0])[0].shape == (2, 0)
