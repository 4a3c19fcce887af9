# SPDX-License-Identifier: Apache-2.0
"""Light rays, redshift, pictures and regression at drawn places, beside closed forms, SciPy and NumPy."""

import math

import numpy as np
from formulas import layouts
from hypothesis import given
from hypothesis import strategies as st
from lior import geometry
from lior.geometry import RayEnd
from properties import few
from scipy.integrate import quad
from scipy.optimize import brentq

SHADOW = 3 * math.sqrt(3)  # the impact parameter, at mass 1, below which light falls in


def turned(impact, radius):
    """The angle that light sweeps from `radius` inwards past a hole of mass 1 and out to it again."""
    nearest = brentq(lambda r: impact**2 * (1 - 2 / r) - r**2, 3, impact, xtol=1e-14)

    def slope(s):  # r = nearest + s^2: no root in the denominator
        r = nearest + s * s
        return 2 * s / r**2 / math.sqrt(1 / impact**2 - (1 - 2 / r) / r**2)

    return 2 * quad(slope, 1e-9, math.sqrt(radius - nearest), epsabs=1e-11, limit=200)[0]


@few
@given(
    st.floats(1.01, 8) | st.floats(0.05, 0.99),
    st.floats(60, 1000),
    st.floats(0.3, 2.8),
    st.integers(0, 3),
)
def test_rays_turn_as_the_integral_says_and_end_where_they_must(share, far, theta, layout):
    """At the impact parameter share * 3 sqrt 3, in the plane through theta and the direction of phi."""
    impact, lapse = share * SHADOW, 1 - 2 / far
    across = impact / far
    x = np.array([[0.0], [far], [theta], [0.5]])
    v = np.array(
        [
            [1 / lapse],
            [-math.sqrt(1 - lapse * across**2)],
            [0],
            [across / far / math.sin(theta)],
        ]
    )
    x, v = layouts(x)[layout], layouts(v)[layout]
    rays = geometry.trace_rays(
        "schwarzschild", x, v, sky_radius=1.0001 * far, rtol=1e-11, atol=1e-14
    )
    if share < 1:
        assert rays.end[0] == RayEnd.horizon
        return
    assert rays.end[0] == RayEnd.sky

    def unit(theta, phi):
        return np.array(
            [math.sin(theta) * math.cos(phi), math.sin(theta) * math.sin(phi), math.cos(theta)]
        )

    # On to the last radius, which is a little further out than the first.
    angle = (turned(impact, far) + turned(impact, rays.x[1, 0])) / 2
    first, east = unit(theta, 0.5), unit(math.pi / 2, 0.5 + math.pi / 2)
    want = math.cos(angle) * first + math.sin(angle) * east
    np.testing.assert_allclose(unit(*rays.x[2:, 0]), want, atol=3e-6)


@few
@given(st.integers(0, 2**32), st.floats(-0.95, 0.95), st.integers(0, 3))
def test_redshift_is_that_of_circular_orbits(seed, spin, layout):
    """u^t = (1 + a r^-3/2) / sqrt(1 - 3/r + 2 a r^-3/2), u^phi / u^t = 1 / (r^3/2 + a): Bardeen, Press and
    Teukolsky, ApJ 178 (1972) 347."""
    random = np.random.default_rng(seed)
    metric = f"kerr:spin={spin!r}"
    r = random.uniform(8, 20, 6)
    x = np.array([np.zeros(6), r, np.full(6, np.pi / 2), random.uniform(0, 6, 6)])
    v = random.uniform(-0.05, 0.05, (4, 6))
    v = -geometry.complete_velocities(metric, x, v, 0.0)  # to the past
    root = r**-1.5
    time = (1 + spin * root) / np.sqrt(1 - 3 / r + 2 * spin * root)
    u = np.array([time, 0 * r, 0 * r, time / (1 / root + spin)])
    want = 1 / np.einsum("mnk,mk,nk->k", geometry.metric_values(metric, x), u, v)
    found = geometry.disk_redshift(metric, layouts(x)[layout], layouts(v)[layout])
    np.testing.assert_allclose(found, want, rtol=1e-12)


@few
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.floats(0.05, 1.5),
    st.floats(0.2, 2.9),
    st.tuples(*[st.integers(0, 255)] * 3),
)
def test_a_picture_is_the_sky_but_for_the_shadow(width, height, view, theta, colour):
    radius = 25.0
    sky = np.full((4, 8, 3), colour, np.uint8)
    size = (width, height)
    picture = geometry.image("schwarzschild", radius, theta, size=size, view=view, sky=sky)
    assert picture.shape == (height, width, 3) and picture.dtype == np.uint8
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    pixels = np.array([columns.ravel(), rows.ravel()])
    x, v = geometry.camera_rays("schwarzschild", pixels, radius, theta, size=size, view=view)
    lapse = 1 - 2 / radius
    across = radius**2 * np.hypot(v[2], np.sin(x[2]) * v[3]) / abs(lapse * v[0])
    clear = abs(across - SHADOW) > 1e-4
    seen = np.where((across < SHADOW)[:, None], 0, colour)[clear]
    assert (picture.reshape(-1, 3)[clear] == seen).all()


@few
@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 4), st.floats(-3, 3))
def test_regression_in_flat_space_is_least_squares(seed, variables, d, exponent):
    random = np.random.default_rng(seed)
    count, size = variables + 4, 10.0**exponent
    t = random.standard_normal((variables, count))
    y = size * random.standard_normal((d, count))
    weights = random.uniform(0.1, 3, count)
    found = geometry.geodesic_regression(f"euclidean:n={d}", t, y, weights=weights)
    design = np.concatenate([np.ones((1, count)), t]).T * np.sqrt(weights)[:, None]
    want = np.linalg.lstsq(design, (y * np.sqrt(weights)).T, rcond=None)[0]
    assert found.converged
    np.testing.assert_allclose(
        np.asarray(found.v).reshape(d, variables), want[1:].T, atol=1e-8 * size
    )
    np.testing.assert_allclose(found.x, want[0], atol=1e-8 * size)
