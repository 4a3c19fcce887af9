# SPDX-License-Identifier: Apache-2.0
"""Metrics by Python functions that are traced."""

import math

import lior
import numpy
import pytest
from lior import geometry


def schwarzschild(x):
    _, r, theta, _ = x
    f = 1 - 2 / r
    return numpy.diag([-f, 1 / f, r**2, (r * numpy.sin(theta)) ** 2])


def test_traced_function_is_the_compiled_metric():
    metric = geometry.traced_metric(
        schwarzschild,
        "t, r, theta, phi",
        signature="- + + +",
        periods={"phi": 2 * numpy.pi},
        horizon="r > 2",
        edge="0 < theta < pi",
    )
    assert metric.periods == [0, 0, 0, 2 * numpy.pi]
    random = numpy.random.default_rng(1)
    x = random.uniform([[-1], [3], [0.5], [0]], [[1], [9], [2.5], [6]], (4, 20))
    want = geometry.christoffel("schwarzschild", x)
    numpy.testing.assert_allclose(geometry.christoffel(metric, x), want, rtol=0, atol=1e-14)
    with pytest.raises(lior.Error, match="horizon"):
        geometry.christoffel(metric, numpy.array([[0.0], [1.5], [1.0], [0.0]]))


def test_numpy_functions_arrays_and_branches():
    def metric(x):
        u, v = x
        embedding = [numpy.cosh(u) * numpy.cos(v), numpy.arctan2(u, 2 + v), numpy.sqrt(1 + u * u)]
        size = numpy.sum(numpy.array(embedding) ** 2) + numpy.where(u < v, u**2, v**2)
        return numpy.array([[1 + size, numpy.minimum(u, v) / 9], [numpy.minimum(u, v) / 9, 3.0]])

    traced = geometry.traced_metric(metric, "u, v")
    x = numpy.array([[0.3, 0.9, -0.4], [0.7, 0.2, 0.1]])
    got = geometry.metric_values(traced, x)
    for n in range(3):
        numpy.testing.assert_allclose(got[:, :, n], metric(x[:, n]), rtol=1e-14)


def test_metric_without_its_function_goes_on():
    """One call traces; later ones need no Python."""
    calls = []

    def flat(x):
        calls.append(1)
        return [[1, 0], [0, x[0] ** 2]]

    metric = geometry.traced_metric(flat, "r, phi", edge="r > 0")
    for _ in range(3):
        geometry.exp_map(metric, numpy.array([[1.0], [0.0]]), numpy.array([[0.0], [1.0]]))
    assert len(calls) == 1


@pytest.mark.parametrize(
    "function, words",
    [
        (lambda x: [[x[0] if x[0] > 0 else 1]], "use numpy.where"),
        (lambda x: [[math.sin(x[0])]], "use NumPy's functions"),
        (lambda x: [[numpy.floor(x[0])]], "floor"),
        (lambda x: [["1"]], "is no number of a formula"),
        (lambda x: [[math.inf]], "is no number of a formula"),
    ],
)
def test_what_cannot_be_traced_is_named(function, words):
    with pytest.raises(TypeError, match=words):
        geometry.traced_metric(function, "x")


def test_wrong_results_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2,\); expected \(2, 2\)"):
        geometry.traced_metric(lambda x: [1, 2], "x, y")
    with pytest.raises(lior.Error, match="a metric is symmetric"):
        geometry.traced_metric(lambda x: [[1, x[0]], [x[1], 1]], "x, y")
