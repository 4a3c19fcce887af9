# SPDX-License-Identifier: Apache-2.0
"""Lengths and logarithms by shooting between far points of hyperbolic space, in six charts, beside mpmath.

A pair lies in the ball at 0 < s < 1 of its distance in one direction from the middle, and the rest in another, so that
one end or both are next to the edge. Expected is the distance of the coordinates as they were rounded.
"""

from typing import NamedTuple

import mpmath
import numpy as np
import pytest
from lior import geometry
from mpmath import mpf

DIGITS = 60
PAIRS = 12
ALLOWED = 1e-8  # relative; 10 rtol is 1e-7


def square(p):
    return mpmath.fsum(c * c for c in p)


def to_half_space(p):
    """The ball's inversion about (0, .., -1)."""
    q = [*p[:-1], p[-1] + 1]
    scale = 2 / square(q)
    return [*(scale * c for c in q[:-1]), scale * q[-1] - 1]


def half_space_distance(a, b):
    apart = mpmath.sqrt(square([p - q for p, q in zip(a, b)]))
    return 2 * mpmath.asinh(apart / (2 * mpmath.sqrt(a[-1] * b[-1])))


def with_height(p):
    return [*p[:-1], mpmath.exp(p[-1])]


def ball_distance(a, b):
    apart = square([p - q for p, q in zip(a, b)])
    return 2 * mpmath.asinh(mpmath.sqrt(apart / ((1 - square(a)) * (1 - square(b)))))


def klein_distance(a, b):
    product = mpmath.fsum(p * q for p, q in zip(a, b))
    wedge = square(a) * square(b) - product**2
    apart = square([p - q for p, q in zip(a, b)])
    return mpmath.asinh(mpmath.sqrt((apart - wedge) / ((1 - square(a)) * (1 - square(b)))))


class Chart(NamedTuple):
    metric: str
    dimension: int
    place: callable  # of a point of the ball
    distance: callable


HALF = ("expr:x, y; (dx^2 + dy^2)/y^2", 2, to_half_space, half_space_distance)
CHARTS = {
    "half plane": Chart(*HALF),
    "half space": Chart("expr:x, y, z; (dx^2 + dy^2 + dz^2)/z^2", 3, *HALF[2:]),
    "logarithm of the height": Chart(
        "expr:x, y, u; (dx^2 + dy^2)*exp(-2*u) + du^2",
        3,
        lambda p: [*to_half_space(p)[:-1], mpmath.log(to_half_space(p)[-1])],
        lambda a, b: half_space_distance(with_height(a), with_height(b)),
    ),
    "ball": Chart("expr:x, y; 4*(dx^2 + dy^2)/(1 - x^2 - y^2)^2", 2, list, ball_distance),
    "ball of three dimensions": Chart(
        "expr:x, y, z; 4*(dx^2 + dy^2 + dz^2)/(1 - x^2 - y^2 - z^2)^2", 3, list, ball_distance
    ),
    "Klein's ball": Chart(
        "expr:x, y; r = 1 - x^2 - y^2; (dx^2 + dy^2)/r + (x*dx + y*dy)^2/r^2",
        2,
        lambda p: [2 * c / (1 + square(p)) for c in p],
        klein_distance,
    ),
}


def pairs(chart, least, most, count, seed=3):
    """x, y and the distances."""
    rng = np.random.default_rng(seed)
    x, y, distances = [], [], []
    while len(x) < count:
        far, share = rng.uniform(least, most), rng.uniform()
        ends = []
        for part in (share, 1 - share):
            direction = rng.standard_normal(chart.dimension)
            direction /= np.linalg.norm(direction)
            ball = [mpmath.tanh(mpf(part * far) / 2) * mpf(c) for c in direction]
            ends.append([float(c) for c in chart.place(ball)])
        exact = chart.distance(*[[mpf(c) for c in end] for end in ends])
        if not isinstance(exact, mpf):  # rounding moved it out of the chart
            continue
        x.append(ends[0])
        y.append(ends[1])
        distances.append(exact)
    return np.array(x).T.copy(), np.array(y).T.copy(), distances


@pytest.fixture(autouse=True)
def exact():
    with mpmath.workdps(DIGITS):
        yield


def judged(chart, least, most, count=PAIRS):
    """Which pairs have an answer; no answer may be further off than it says."""
    x, y, exact = pairs(chart, least, most, count)
    found = geometry.distance(chart.metric, x, y, details=True)
    answered = ~np.isnan(found.length)
    assert (np.isnan(found.error) == ~answered).all()
    for n in np.flatnonzero(answered):
        assert abs(mpf(float(found.length[n])) - exact[n]) <= found.error[n]
    return x, y, exact, found, answered


@pytest.mark.parametrize("name", ["half plane", "half space", "logarithm of the height"])
@pytest.mark.parametrize(("least", "most"), [(10, 20), (20, 30)])
def test_charts_with_digits_at_the_edge_answer_everywhere(name, least, most):
    _, _, exact, found, answered = judged(CHARTS[name], least, most)
    assert answered.all()
    for n in range(PAIRS):
        assert abs(mpf(float(found.length[n])) / exact[n] - 1) < ALLOWED
        assert found.error[n] < ALLOWED * found.length[n]


@pytest.mark.parametrize("name", ["ball", "ball of three dimensions"])
def test_ball_answers_where_its_coordinates_have_the_digits(name):
    chart = CHARTS[name]
    x, y, exact, found, answered = judged(chart, 10, 30)
    rounding = np.array(
        [
            max(1.1e-16 / float(1 - square([mpf(c) for c in end[:, n]])) for end in (x, y))
            for n in range(PAIRS)
        ]
    )
    enough = rounding < 1e-9 * np.array([float(d) for d in exact])
    assert answered[enough].all() and enough.sum() >= PAIRS / 3  # the test is about some
    for n in np.flatnonzero(answered):
        assert abs(mpf(float(found.length[n])) / exact[n] - 1) < 3 * ALLOWED


@pytest.mark.parametrize(("least", "most"), [(10, 18), (18, 30)])
def test_no_length_is_wrong_where_coordinates_lack_the_digits(least, most):
    """Klein's coordinates are 1 - e^-2r: beyond r = 9 or so from the middle they say little."""
    _, _, exact, found, answered = judged(CHARTS["Klein's ball"], least, most, count=5)
    for n in np.flatnonzero(answered):
        assert abs(mpf(float(found.length[n])) / exact[n] - 1) < 1e-6


def test_half_planes_on_both_sides_of_the_line_are_apart():
    """A formula without a domain is as good below y = 0, where no geodesic from above comes."""
    x = np.array([[0.0, 0.3], [1.0, 1e-6]])
    y = np.array([[0.5, 0.2], [-1.0, -2e-6]])
    assert np.isnan(geometry.distance(CHARTS["half plane"].metric, x, y)).all()


def test_logarithm_leads_there():
    """The velocity at the lower end points up, whence no digit of a way of e^25 is lost."""
    chart = CHARTS["half plane"]
    x, y = np.array([[0.25], [1e-11]]), np.array([[-0.5], [1.5]])
    found = geometry.log_map(chart.metric, x, y)
    assert found.converged.all()
    # The semicircle through both: centre c on the line, radius r; its unit tangent is (x2, c - x1) / r.
    x1, x2, y1, y2 = (mpf(float(c)) for c in (*x[:, 0], *y[:, 0]))
    c = ((y1**2 + y2**2) - (x1**2 + x2**2)) / (2 * (y1 - x1))
    length = half_space_distance([x1, x2], [y1, y2])
    r = mpmath.sqrt((x1 - c) ** 2 + x2**2)
    sign = -1 if y1 < x1 else 1
    v = [sign * length * x2 * x2 / r, sign * length * x2 * (c - x1) / r]
    for got, want in zip(found.v[:, 0], v):
        assert abs(got - float(want)) < ALLOWED * float(length * x2)
