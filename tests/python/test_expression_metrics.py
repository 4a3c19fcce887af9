# SPDX-License-Identifier: Apache-2.0
"""Metrics by formulas: symbols beside mpmath's differentiation, and what Metric takes."""

import lior
import mpmath
import numpy
import pytest
from lior import geometry

# Entries of g in our words, and the same in mpmath's.
ENTRIES = [
    (
        "2 + sin(x*y)^2 + tanh(x) + erf(y)",
        lambda x, y: 2 + mpmath.sin(x * y) ** 2 + mpmath.tanh(x) + mpmath.erf(y),
    ),
    (
        "0.1*atan2(y, x) + asin(x/3)*acos(y/3) / 9",
        lambda x, y: (
            mpmath.mpf("0.1") * mpmath.atan2(y, x) + mpmath.asin(x / 3) * mpmath.acos(y / 3) / 9
        ),
    ),
    (
        "3 + cosh(x)^1.5*y^x + log(1 + y^2)/sqrt(x) + atan(x)*tan(y/2)*sinh(y) + exp(-x^2)",
        lambda x, y: (
            3
            + mpmath.cosh(x) ** 1.5 * y**x
            + mpmath.log(1 + y**2) / mpmath.sqrt(x)
            + mpmath.atan(x) * mpmath.tan(y / 2) * mpmath.sinh(y)
            + mpmath.exp(-(x**2))
        ),
    ),
]


def symbols_by_mpmath(x, y):
    pairs = {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}
    with mpmath.workdps(40):
        point = (mpmath.mpf(x), mpmath.mpf(y))
        g = mpmath.matrix([[ENTRIES[pairs[m, n]][1](*point) for n in range(2)] for m in range(2)])

        def slope(k, m, n):
            order = (1, 0) if k == 0 else (0, 1)
            return mpmath.diff(ENTRIES[pairs[m, n]][1], point, order)

        inverse = g**-1
        return numpy.array(
            [
                [
                    [
                        float(
                            sum(
                                inverse[a, r] * (slope(m, n, r) + slope(n, m, r) - slope(r, m, n))
                                for r in range(2)
                            )
                            / 2
                        )
                        for n in range(2)
                    ]
                    for m in range(2)
                ]
                for a in range(2)
            ]
        )


def test_symbols_of_every_function_are_mpmaths():
    metric = lior.geometry.Metric(
        "expr:x, y; "
        + "; ".join(
            f"metric.{place} = {formula}"
            for place, (formula, _) in zip(("x.x", "x.y", "y.y"), ENTRIES)
        )
    )
    points = numpy.array([[0.7, 1.1], [0.9, 0.4]])
    got = geometry.christoffel(metric, points)
    single = geometry.christoffel(metric, points.astype(numpy.float32))
    for n in range(2):
        want = symbols_by_mpmath(*points[:, n])
        scale = abs(want).max()
        # Some thirty operations a term, each rounded once.
        assert abs(got[..., n] - want).max() < 100 * 2.3e-16 * scale
        assert abs(single[..., n] - want).max() < 100 * 1.2e-7 * scale


def test_names_periods_and_signature():
    metric = geometry.Metric("kerr_newman:charge=.1")
    assert metric.coordinates == ["t", "r", "theta", "phi"]
    assert metric.periods == [0, 0, 0, 2 * numpy.pi]
    assert metric.negative_directions == 1
    assert repr(metric) == "Metric('kerr_newman:charge=.1')"


def test_exp_log_and_transport_on_a_hyperboloid():
    """Polar coordinates of hyperbolic space: the law of cosines."""
    x, y = numpy.array([[1.0], [0.3]]), numpy.array([[1.6], [1.1]])
    found = geometry.log_map("hyperboloid", x, y, rtol=1e-10, atol=1e-12)
    assert found.converged.all()
    there, status = geometry.exp_map("hyperboloid", x, found.v, rtol=1e-10, atol=1e-12)
    numpy.testing.assert_allclose(there, y, atol=1e-8)
    length = numpy.arccosh(
        numpy.cosh(1.0) * numpy.cosh(1.6) - numpy.sinh(1.0) * numpy.sinh(1.6) * numpy.cos(0.8)
    )
    assert geometry.distance("hyperboloid", x, y)[0] == pytest.approx(length, rel=1e-7)
    w = numpy.array([[0.2], [0.5]])
    carried, status = geometry.transport("hyperboloid", x, found.v, w)

    def norm(point, vector):
        return vector[0] ** 2 + numpy.sinh(point[0]) ** 2 * vector[1] ** 2

    numpy.testing.assert_allclose(norm(there, carried), norm(x, w), rtol=1e-7)


def test_files_and_errors(tmp_path):
    file = tmp_path / "flat.toml"
    file.write_text('coordinates = "x"\nparameters.a = 2\nmetric.x.x = "a*b"\n')
    with pytest.raises(lior.Error, match=r"flat.toml:3: metric.x.x: unknown name 'b'; .* column 3"):
        geometry.Metric(str(file))
    file.write_text('coordinates = "x"\nparameters.a = 2\nmetric.x.x = "a^2"\n')
    assert geometry.metric_values(f"{file}:a=3", numpy.ones((1, 1)))[0, 0, 0] == 9


@pytest.mark.parametrize(
    "call",
    [
        geometry.metric_values,
        geometry.christoffel,
        geometry.curvature,
        lambda m, x: geometry.geodesics(m, x, numpy.ones_like(x), [1.0]),
        lambda m, x: geometry.exp_map(m, x, numpy.ones_like(x)),
        lambda m, x: geometry.transport(m, x, numpy.ones_like(x), numpy.ones_like(x)),
        lambda m, x: geometry.log_map(m, x, numpy.ones_like(x)),
        lambda m, x: geometry.log_map(m, numpy.ones_like(x), x),
        lambda m, x: geometry.distance(m, numpy.ones_like(x), x),
        lambda m, x: geometry.frechet_mean(m, x),
        lambda m, x: geometry.jacobi_fields(m, x, *(numpy.ones_like(x),) * 3, [1.0]),
    ],
)
def test_a_singular_point_of_many_is_named(call):
    x = numpy.array([[1.0, 2.0, 0.0, 3.0], [1.0, 1.0, 5.0, 1.0]])
    metric = geometry.Metric("expr:x, y; f = log(x); (1 + f^2)*dx^2 + dy^2")
    with pytest.raises(
        ValueError, match=r"singular at point 2 = \(0, 5\): metric.x.x is inf, by log\(0\) in "
    ):
        call(metric, x)


def test_a_function_that_is_singular_is_named():
    metric = geometry.traced_metric(lambda x: numpy.diag([1 / x[0], 1.0]), "x, y")
    with pytest.raises(
        ValueError, match=r"point 0 = \(0, 1\): metric.x.x is inf, by 1/0 in .* = \(1.0\) / x"
    ):
        geometry.christoffel(metric, numpy.array([[0.0], [1.0]]))


def test_parameters_are_formulas_of_numbers_too(tmp_path):
    """Kasner's universe, flat but for its time: p + q + s = p^2 + q^2 + s^2 = 1."""
    file = tmp_path / "kasner.toml"
    file.write_text(
        'coordinates = "t, x, y, z"\nsignature = "- + + +"\n'
        'line_element = "-dt^2 + t^(2*p)*dx^2 + t^(2*q)*dy^2 + t^(2*s)*dz^2"\n'
        '[parameters]\np = "-1/3"\nq = "2/3"\ns = "2/3"\n'
    )
    x = numpy.array([[1.0, 2.0], [0, 0], [0, 0], [0, 0]])
    found = geometry.curvature(str(file), x)
    numpy.testing.assert_allclose(found.ricci, 0, atol=1e-15)
    # K = -16 p q s / t^4
    numpy.testing.assert_allclose(found.kretschmann, 64 / 27 / x[0] ** 4, rtol=1e-14)
    other = geometry.curvature(f"{file}:p=-2/7,q=3/7,s=6/7", x)
    numpy.testing.assert_allclose(other.ricci, 0, atol=1e-15)
    numpy.testing.assert_allclose(other.kretschmann, 576 / 343 / x[0] ** 4, rtol=1e-14)
