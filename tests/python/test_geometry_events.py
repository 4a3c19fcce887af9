# SPDX-License-Identifier: Apache-2.0
"""Events along paths, velocities of particles, and the method of order 8, by closed forms."""

import lior
import numpy
import pytest
from lior import geometry


def test_apsides_precess_as_schwarzschilds_do():
    """The angle between two periapses, beside the integral of the orbit's equation."""
    momentum = 4.2
    x = numpy.array([[0.0], [25.0], [numpy.pi / 2], [0.0]])
    v = geometry.complete_velocities(
        "schwarzschild", x, numpy.array([[0.0], [0.0], [0.0], [momentum / 625]]), -1
    )
    times = numpy.linspace(0, 3000, 301)
    options = {"method": "dop853", "rtol": 1e-12, "atol": 1e-13}
    paths = geometry.geodesics("schwarzschild", x, v, times, **options)
    events = geometry.find_events("schwarzschild", "dr", paths, times, **options)
    nearest = events.x[3, events.rising]
    assert len(nearest) >= 3
    # r(phi): (du/dphi)^2 = (u1 - u)(u2 - u)(2 u - ...) with u = 1/r; between its two smaller roots.
    energy2 = (1 - 2 / 25) * (1 + (momentum / 25) ** 2)
    roots = numpy.sort(numpy.roots([2, -1, 2 / momentum**2, (energy2 - 1) / momentum**2]).real)
    u1, u2, u3 = roots
    k2 = (u2 - u1) / (u3 - u1)
    # The complete elliptic integral by the arithmetic-geometric mean.
    a, b = 1.0, numpy.sqrt(1 - k2)
    for _ in range(8):
        a, b = (a + b) / 2, numpy.sqrt(a * b)
    turn = 2 * 2 / numpy.sqrt(2 * (u3 - u1)) * numpy.pi / (2 * a)
    numpy.testing.assert_allclose(numpy.diff(nearest), turn, rtol=1e-9)


def test_velocities_have_their_squares():
    random = numpy.random.default_rng(2)
    x = random.uniform([[0], [4], [1], [0]], [[1], [9], [2], [6]], (4, 30))
    v = random.uniform(-0.1, 0.1, (4, 30))
    for square in (-1, 0):
        done = geometry.complete_velocities("kerr", x, v, square)
        numpy.testing.assert_array_equal(done[1:], v[1:])
        assert (done[0] > 0).all()
        g = geometry.metric_values("kerr", x)
        numpy.testing.assert_allclose(
            numpy.einsum("mnN,mN,nN->N", g, done, done), square, atol=1e-14
        )
    with pytest.raises(lior.Error, match="Riemannian"):
        geometry.complete_velocities("sphere", x[:2], v[:2], -1)


def test_high_order_needs_fewer_steps_for_the_same_error():
    """A great circle, beside its closed form: 13 steps, where dopri5 takes 65."""
    x, v = numpy.array([[1.0], [0.2]]), numpy.array([[0.3], [2.0]])
    want, _ = geometry.exp_map("sphere", x, v)

    def followed(method, most_steps):
        options = {"method": method, "rtol": 1e-11, "atol": 1e-12, "most_steps": most_steps}
        path = geometry.geodesics("sphere", x, v, numpy.array([1.0]), **options)
        return path.x[0], geometry.PathStatus(path.status[0]).name

    end, status = followed("dop853", 20)
    assert status == "ok"
    numpy.testing.assert_allclose(end, want, atol=1e-10)
    assert followed("dop853", 4)[1] == "stalled"
    assert followed("dopri5", 20)[1] == "stalled"
