# SPDX-License-Identifier: Apache-2.0
"""Velocities by energy, angular momentum and Carter's constant, and by angles in an observer's frame."""

import lior
import numpy as np
import pytest
from lior import geometry

RNG = np.random.default_rng(16)


def momenta(metric, x, v):
    return np.einsum("mnk,nk->mk", geometry.metric_values(metric, x), v)


def carter(spin, x, v, p, square):
    """Q of Kerr's metric (Carter 1968, written with p_theta)."""
    theta = x[2]
    return p[2] ** 2 + np.cos(theta) ** 2 * (
        spin**2 * (-square - p[0] ** 2) + p[3] ** 2 / np.sin(theta) ** 2
    )


@pytest.mark.parametrize("square", [-1.0, 0.0])
@pytest.mark.parametrize("outwards", [False, True])
@pytest.mark.parametrize(
    "metric, spin",
    [
        ("kerr:spin=0.9", 0.9),
        ("kerr_newman:charge=0.3,spin=0.6", 0.6),
        ("reissner_nordstroem:charge=0.5", 0.0),
    ],
)
def test_constants_are_those_that_were_asked_for(metric, spin, square, outwards):
    x = np.array([[0.0] * 5, [4, 6, 9, 30, 200], [1.5, 1.2, 1.9, 1.57, 0.9], [0, 1, 2, 3, 4]])
    v = geometry.orbit_velocities(metric, x, 1.1, 2.0, 6.0, square=square, outwards=outwards)
    p = momenta(metric, x, v)
    np.testing.assert_allclose(p[0], -1.1, rtol=1e-13)
    np.testing.assert_allclose(p[3], 2.0, rtol=1e-12)
    np.testing.assert_allclose((p * v).sum(0), square, atol=2e-13)
    np.testing.assert_allclose(carter(spin, x, v, p, square), 6.0, rtol=1e-12)
    assert np.all((v[1] > 0) == outwards)
    assert np.all(v[0] > 0)


def test_circular_orbit_of_schwarzschild_has_no_radial_velocity():
    r = np.array([8.0, 10.0, 50.0])
    root = np.sqrt(1 - 3 / r)
    for radius, energy, momentum in zip(r, (1 - 2 / r) / root, np.sqrt(r) / root):
        x = np.array([[0.0], [radius], [np.pi / 2], [0.0]])
        v = geometry.orbit_velocities("schwarzschild", x, energy, momentum)[:, 0]
        # v^r is the root of a rounding.
        assert abs(v[1]) < 1e-7
        assert v[3] / v[0] == pytest.approx(radius**-1.5, rel=1e-13)


def test_constants_stay_along_a_path_of_a_metric_by_formulas():
    hole = (
        "expr:t, r, theta, phi; signature = - + + +; f = 1 - 2/r + 0.2/r^2; "
        "-f*dt^2 + dr^2/f + r^2*(dtheta^2 + sin(theta)^2*dphi^2)"
    )
    x = np.array([[0.0], [12.0], [1.3], [0.0]])
    v = geometry.orbit_velocities(hole, x, 0.97, 3.8, 2.0)
    paths = geometry.geodesics(hole, x, v, [0, 300], rtol=1e-11, atol=1e-12)
    p = momenta(hole, paths.x[1], paths.v[1])
    assert p[0, 0] == pytest.approx(-0.97, rel=1e-9)
    assert p[3, 0] == pytest.approx(3.8, rel=1e-9)
    assert carter(0, paths.x[1], paths.v[1], p, -1)[0] == pytest.approx(2.0, rel=1e-8)


def test_places_that_no_orbit_reaches_are_named():
    x = np.array([[0.0, 0.0], [30.0, 4.0], [np.pi / 2] * 2, [0.0, 0.0]])
    with pytest.raises(
        lior.Error, match=r"point 1: no geodesic of energy 0\.98, .* comes to r = 4"
    ):
        geometry.orbit_velocities("schwarzschild", x, 0.98, 5.0)
    x[2] = 0.3
    with pytest.raises(lior.Error, match="Carter's constant 1 .* theta = 0.3; expected at least"):
        geometry.orbit_velocities("schwarzschild", x[:, :1], 1.2, 5.0, 1.0)
    with pytest.raises(lior.Error, match="the metric contains t"):
        geometry.orbit_velocities("flrw", x[:, :1] + 1, 1.0, 1.0)
    with pytest.raises(lior.Error, match="coordinates \\(t, r, theta, phi\\)"):
        geometry.orbit_velocities("sphere", np.ones((2, 1)), 1.0, 1.0)


@pytest.mark.parametrize("observer", ["static", "zamo"])
@pytest.mark.parametrize("speed", [0.0, 0.4, 1.0])
def test_observer_measures_the_speed_and_direction_that_were_given(observer, speed):
    metric = "kerr:spin=0.8"
    n = 20
    x = np.array(
        [np.zeros(n), RNG.uniform(3, 30, n), RNG.uniform(0.3, 2.8, n), RNG.uniform(0, 6, n)]
    )
    angles = np.array([RNG.uniform(0, np.pi, n), RNG.uniform(-np.pi, np.pi, n)])
    v = geometry.observed_velocities(metric, x, angles, speed, observer)
    g = geometry.metric_values(metric, x)
    product = lambda a, b: np.einsum("mnk,mk,nk->k", g, a, b)
    square = 0 if speed == 1 else -1
    np.testing.assert_allclose(product(v, v), square, atol=1e-12)
    # Its own velocity, from the metric alone.
    u = np.zeros_like(x)
    u[0] = 1
    if observer == "zamo":
        u[3] = -g[0, 3] / g[3, 3]
    u /= np.sqrt(-product(u, u))
    gamma = 1 if speed == 1 else 1 / np.sqrt(1 - speed**2)
    np.testing.assert_allclose(-product(v, u), gamma, rtol=1e-12)
    # Outwards is along d_r, which is at right angles to both observers here.
    radial = product(v, np.eye(4)[1][:, None] * np.ones(n)) / np.sqrt(g[1, 1])
    np.testing.assert_allclose(radial, gamma * speed * np.cos(angles[0]), atol=1e-12)


def test_impact_parameter_of_light_that_a_static_observer_sends():
    radius, a = 10.0, 0.7
    x = np.array([[0.0], [radius], [np.pi / 2], [0.0]])
    v = geometry.observed_velocities("schwarzschild", x, np.array([[a], [np.pi / 2]]))
    p = momenta("schwarzschild", x, v)[:, 0]
    assert -p[3] / p[0] == pytest.approx(radius * np.sin(a) / np.sqrt(1 - 2 / radius), rel=1e-14)


@pytest.mark.parametrize(
    "metric, horizon", [("schwarzschild:mass=2", "4"), ("kerr:spin=0.6", "1.8")]
)
def test_observer_inside_the_horizon_is_refused_with_both_radii(metric, horizon):
    words = f"r = 1.5 is on or inside the horizon, .* r = {horizon} "
    with pytest.raises(lior.Error, match=words):
        geometry.camera_rays(metric, np.ones((2, 1)), 1.5, size=(4, 4), view=1.0)


@pytest.mark.parametrize(
    "metric, spin",
    [
        # A tidal field, with the symmetry of an axis and of the equator's plane but no more.
        (
            "expr:t, r, theta, phi; signature = - + + +; u = 1e-3*r^2*(3*cos(theta)^2 - 1); "
            "-exp(2*u)*(1 - 2/r)*dt^2 + dr^2/(1 - 2/r) + r^2*(dtheta^2 + sin(theta)^2*dphi^2)",
            0.0,
        ),
        # Kerr's, whose spin such a text does not tell.
        ("expr:t, r, theta, phi; signature = - + + +; s = r^2 + .81*cos(theta)^2; "
         "-dt^2 + s/(r^2 - 2*r + .81)*dr^2 + s*dtheta^2 + (r^2 + .81)*sin(theta)^2*dphi^2 + "
         "2*r/s*(dt - .9*sin(theta)^2*dphi)^2", 0.0),
    ],
)  # fmt: skip
def test_carters_constant_is_refused_where_it_is_none(metric, spin):
    x = np.array([[0.0], [10.0], [np.pi / 2], [0.0]])
    assert np.isfinite(geometry.orbit_velocities(metric, x, 0.97, 3.5)).all()
    with pytest.raises(lior.Error, match=f"with the spin {spin:.0f}, is not kept in this metric"):
        geometry.orbit_velocities(metric, x, 0.97, 3.5, 2.0)


@pytest.mark.parametrize("metric", ["morris_thorne", "schwarzschild", "kerr_newman", "de_sitter"])
def test_carters_constant_is_taken_where_it_is_one(metric):
    x = np.array([[0.0], [3.0 if metric != "de_sitter" else 0.5], [1.3], [0.0]])
    v = geometry.orbit_velocities(metric, x, 3.0, 0.3, 1.0)
    assert np.isfinite(v).all()


@pytest.mark.parametrize("square", [0.0, -1.0])
@pytest.mark.parametrize(
    "metric, radii",
    [("minkowski", (2, 9)), ("kerr:spin=0.9", (2.1, 9)), ("kerr:spin=0.9", (1.5, 1.9))],
)
def test_first_components_are_the_two_roots_of_g_of_v(metric, radii, square):
    """numpy.roots as judge; the last radii lie in the ergosphere, where both roots lead to one side."""
    n = 40
    x = np.array(
        [np.zeros(n), RNG.uniform(*radii, n), RNG.uniform(1.5, 1.6, n), RNG.uniform(0, 6, n)]
    )
    v = np.array([np.zeros(n), *RNG.uniform(-0.1, 0.1, (2, n)), RNG.uniform(4, 6, n)])
    future = geometry.complete_velocities(metric, x, v, square)
    past = geometry.complete_velocities(metric, x, v, square, toward="past")
    g = geometry.metric_values(metric, x)
    in_ergosphere = g[0, 0, 0] > 0
    for k in range(n):
        b, c = g[0, 1:, k] @ v[1:, k], v[1:, k] @ g[1:, 1:, k] @ v[1:, k] - square
        roots = np.sort(np.roots([g[0, 0, k], 2 * b, c]))
        low, high = (future, past) if in_ergosphere else (past, future)
        np.testing.assert_allclose([low[0, k], high[0, k]], roots, rtol=1e-11)
    assert (past[1:] == v[1:]).all()
    assert (future[0] > 0).all() and ((past[0] > 0) == in_ergosphere).all()
    opposite = geometry.complete_velocities(metric, x, -v, square)
    np.testing.assert_array_equal(past[0], -opposite[0])


@pytest.mark.parametrize("square", [0.0, -1.0])
def test_what_went_to_the_future_comes_back_from_the_past(square):
    """In Kerr's metric the end of a path, with its velocity's opposite in space, leads to its start."""
    metric, options = "kerr:spin=0.9", {"method": "dop853", "rtol": 1e-12, "atol": 1e-13}
    x = np.array([[0.0], [9.0], [1.2], [0.4]])
    v = geometry.complete_velocities(metric, x, np.array([[0.0], [-0.5], [0.02], [0.04]]), square)
    end = geometry.geodesics(metric, x, v, np.array([0.0, 12.0]), **options)
    back = geometry.complete_velocities(metric, end.x[1], -end.v[1], square, toward="past")
    assert back[0, 0] < 0
    np.testing.assert_allclose(back, -end.v[1], rtol=1e-9)
    start = geometry.geodesics(metric, end.x[1], back, np.array([0.0, 12.0]), **options)
    np.testing.assert_allclose(start.x[1], x, rtol=0, atol=1e-8)


@pytest.mark.parametrize("speed", [1.0, 0.6])
def test_what_an_observer_sees_is_what_is_sent_there_the_other_way(speed):
    """-e_0 + V n, the opposite of what is sent along -n; in flat space light comes from where it is seen."""
    angles = np.array([[0.7, 2.0], [0.3, -1.0]])
    opposite = np.array([np.pi - angles[0], angles[1] + np.pi])
    x = np.array([[0.0, 1.0], [12.0, 7.0], [1.1, 2.0], [0.0, 1.0]])
    seen = geometry.observed_velocities("kerr", x, angles, speed, toward="past")
    sent = geometry.observed_velocities("kerr", x, opposite, speed)
    np.testing.assert_allclose(seen, -sent, atol=1e-14)
    at = np.array([[5.0], [1.0], [2.0], [0.0]])
    east = geometry.observed_velocities(
        "minkowski", at, np.array([[np.pi / 2], [np.pi / 2]]), toward="past"
    )
    along = geometry.observed_velocities("minkowski", at, np.array([[np.pi / 2], [np.pi / 2]]))
    np.testing.assert_allclose(east[:, 0], [-1, *along[1:, 0]], atol=1e-15)


def test_other_sides_than_future_and_past_are_refused():
    x, v = np.array([[0.0], [9.0], [1.2], [0.4]]), np.zeros((4, 1))
    with pytest.raises(
        lior.Error, match="toward 'yesterday' is unknown; expected one of: future, past"
    ):
        geometry.complete_velocities("kerr", x, v, -1.0, toward="yesterday")
    with pytest.raises(lior.Error, match="toward"):
        geometry.observed_velocities("kerr", x, v[:2], toward="")
