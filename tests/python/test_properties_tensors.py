# SPDX-License-Identifier: Apache-2.0
"""What is made of metrics, curvature and geodesics, at drawn points: beside NumPy, SciPy and closed forms."""

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st
from lior import geometry
from properties import REAL, arrays, few
from test_properties_geometry import METRICS, NAME, points

SEED = st.integers(0, 2**32)
TIGHT = {"method": "dop853", "rtol": 1e-11, "atol": 1e-13}
#: Spaces of constant sectional curvature, and bounds of points.
CONSTANT = {
    "sphere:n=3,r=2": (0.25, [(0.5, 2.6), (0.5, 2.6), (-3, 3)]),
    "half_plane:n=3": (-1, [(-3, 3), (-3, 3), (0.3, 3)]),
    "ball:n=4": (-1, [(-0.4, 0.4)] * 4),
    "euclidean:n=3": (0, [(-5, 5)] * 3),
}


def uniform(random, bounds, count):
    low, high = np.transpose(bounds)
    return random.uniform(low[:, None], high[:, None], (len(bounds), count))


def product(metric, x, u, w):
    return np.einsum("mnk,mk,nk->k", geometry.metric_values(metric, x), u, w)


@few
@given(st.data(), REAL, st.integers(1, 4), st.integers(1, 5))
def test_residuals_of_arrays(data, real, d, count):
    a, gamma = (data.draw(arrays((d,) * rank + (count,), real)) for rank in (2, 3))
    r = data.draw(arrays((d,) * 4 + (count,), real))
    relative = lambda residual, array: float(abs(residual).max() / abs(array).max())
    near = lambda want: pytest.approx(want, rel=8 * float(np.finfo(real).eps), abs=1e-30)
    assert geometry.symmetry_residual(a) == near(relative(a - a.swapaxes(0, 1), a))
    assert geometry.antisymmetry_residual(a) == near(relative(a + a.swapaxes(0, 1), a))
    assert geometry.torsion_residual(gamma) == near(relative(gamma - gamma.swapaxes(1, 2), gamma))
    turned = r + r.transpose(0, 2, 3, 1, 4) + r.transpose(0, 3, 1, 2, 4)
    # The sum of three, rounded in another order.
    want = pytest.approx(relative(turned, r), abs=8 * float(np.finfo(real).eps))
    assert geometry.first_bianchi_residual(r) == want


@few
@given(st.data(), st.integers(1, 5), st.integers(1, 4))
def test_residuals_of_matrices(data, d, count):
    a, b = (data.draw(arrays((d, d, count), np.dtype("f8"), spread=0)) for _ in range(2))
    values = np.linalg.eigvals((a + 1j * b).transpose(2, 0, 1))
    want = abs(values.imag).max() / abs(values).max()
    assert geometry.eigenvalue_residual(a, b) == pytest.approx(want, rel=1e-7, abs=1e-12)
    whole = a + a.swapaxes(0, 1) + data.draw(st.floats(-1, 4)) * np.eye(d)[..., None]
    least = np.linalg.eigvalsh(whole.transpose(2, 0, 1)).min()
    if abs(least) > 1e-9:
        assert geometry.positive_definite(whole) == (least > 0)


@few
@given(st.data(), NAME)
def test_differences_and_identities_of_connections(data, name):
    x = data.draw(points(name))
    gamma = geometry.christoffel(name, x)
    if not x.size:
        assert geometry.compatibility_residual(name, x, gamma) == 0
        return
    found = geometry.christoffel_differences(name, x, 1e-4)
    np.testing.assert_allclose(found, gamma, rtol=0, atol=1e-5 * (1 + abs(gamma).max()))
    assert geometry.compatibility_residual(name, x, gamma) < 1e-12
    moved = gamma.copy()
    moved[0, 0, 0] += 1 + abs(gamma).max()
    assert geometry.compatibility_residual(name, x, moved) > 1e-3
    assert geometry.second_bianchi_residual(name, x, 1e-4) < 1e-5


@few
@given(SEED, st.sampled_from(sorted(CONSTANT)))
def test_parts_of_constant_curvature(seed, name):
    curvature, bounds = CONSTANT[name]
    random = np.random.default_rng(seed)
    x = uniform(random, bounds, 3)
    d, g = len(bounds), geometry.metric_values(name, x)
    einstein, schouten, weyl = geometry.curvature_parts(name, x)
    scale = abs(g).max()
    want = curvature * (d - 1) * (1 - d / 2) * g
    np.testing.assert_allclose(einstein, want, rtol=1e-9, atol=1e-9 * scale)
    np.testing.assert_allclose(schouten, curvature / 2 * g, rtol=1e-9, atol=1e-9 * scale)
    np.testing.assert_allclose(weyl, 0, atol=1e-8 * scale**2)
    u, w = random.standard_normal((2, *x.shape))
    found = geometry.sectional_curvature(name, x, u, w)
    np.testing.assert_allclose(found, curvature, rtol=1e-7, atol=1e-8)


@few
@given(SEED)
def test_a_vacuum_is_all_weyl(seed):
    x = uniform(np.random.default_rng(seed), METRICS["schwarzschild:mass=1"][1], 2)
    einstein, schouten, weyl = geometry.curvature_parts("schwarzschild", x)
    g = geometry.metric_values("schwarzschild", x)
    lowered = np.einsum("rqN,qsmnN->rsmnN", g, geometry.curvature("schwarzschild", x).riemann)
    scale = abs(lowered).max()
    np.testing.assert_allclose(einstein, 0, atol=1e-9 * scale)
    np.testing.assert_allclose(schouten, 0, atol=1e-9 * scale)
    np.testing.assert_allclose(weyl, lowered, atol=1e-10 * scale)


@few
@given(SEED)
def test_lengths_of_curves_beside_quadrature(seed):
    """In the half-plane, along x = a sin(b t), y = exp(c t)."""
    a, b, c = np.random.default_rng(seed).uniform(0.2, 2, 3)
    t = np.linspace(0, 1, 2001)
    path = np.stack([a * np.sin(b * t), np.exp(c * t)], 1)[:, :, None]
    speed = lambda s: np.hypot(a * b * np.cos(b * s), c * np.exp(c * s)) / np.exp(c * s)
    want = scipy.integrate.quad(speed, 0, 1)[0]
    assert geometry.curve_length("half_plane", path)[0] == pytest.approx(want, rel=1e-5)


@few
@given(SEED, st.integers(2, 6), st.booleans())
def test_mean_beside_a_minimised_closed_form(seed, count, weighted):
    """On the sphere, where a distance is an angle between unit vectors."""
    random = np.random.default_rng(seed)
    y = uniform(random, [(1.0, 2.0), (-0.6, 0.6)], count)
    weights = random.uniform(0.1, 1, count) if weighted else np.ones(count)
    place = lambda p: np.array(
        [np.sin(p[0]) * np.cos(p[1]), np.sin(p[0]) * np.sin(p[1]), np.cos(p[0])]
    )
    spread = lambda p: (weights * np.arccos(np.clip(place(p) @ place(y), -1, 1)) ** 2).sum()
    want = scipy.optimize.minimize(spread, y.mean(1), tol=1e-12)
    mean = geometry.frechet_mean("sphere", y, weights if weighted else None)
    assert mean.converged
    np.testing.assert_allclose(mean.x, want.x, atol=1e-6)
    assert mean.variance == pytest.approx(want.fun / weights.sum(), rel=1e-8)


@few
@given(SEED, st.sampled_from(["torus", "half_plane", "kerr:spin=0.7"]))
def test_transport_and_jacobi_fields_beside_scipy(seed, name):
    """By the symbols and the curvature at each place, which other tests judge."""
    random = np.random.default_rng(seed)
    bounds = {"torus": [(-3, 3)] * 2, "half_plane": [(-2, 2), (0.5, 2)]}.get(
        name, [(0, 1), (6, 9), (1, 2), (0, 1)]
    )
    d = len(bounds)
    x, v, w, rate = uniform(random, bounds, 1), *(0.2 * random.standard_normal((3, d, 1)))

    def slope(_, state):
        place, velocity, carried, field, change = state.reshape(5, d)
        gamma = geometry.christoffel(name, place[:, None])[..., 0]
        riemann = geometry.curvature(name, place[:, None]).riemann[..., 0]
        turn = lambda u: -np.einsum("lmn,m,n->l", gamma, velocity, u)
        tide = -np.einsum("rsmn,s,m,n->r", riemann, velocity, field, velocity)
        return np.concatenate(
            [velocity, turn(velocity), turn(carried), change + turn(field), tide + turn(change)]
        )

    start = np.concatenate([x, v, w, 0 * w, rate])[:, 0]
    want = scipy.integrate.solve_ivp(slope, (0, 1), start, "DOP853", rtol=1e-10, atol=1e-12)
    _, _, carried, field, change = want.y[:, -1].reshape(5, d)
    found, status = geometry.transport(name, x, v, w, **TIGHT)
    assert status[0] == geometry.PathStatus.ok
    np.testing.assert_allclose(found[:, 0], carried, rtol=1e-7, atol=1e-8)
    thrown = geometry.jacobi_fields(name, x, v, 0 * w, rate, [1.0], **TIGHT)
    np.testing.assert_allclose(thrown.field[0, :, 0], field, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(thrown.rate[0, :, 0], change, rtol=1e-7, atol=1e-8)


@few
@given(SEED, st.floats(0.5, 3), st.floats(0.5, 3))
def test_neighbours_on_a_sphere_meet_at_the_other_side(seed, radius, speed):
    random = np.random.default_rng(seed)
    name, x = f"sphere:r={radius!r}", uniform(random, [(1.2, 1.9), (-3, 3)], 1)
    v = np.array([[0.1 * random.uniform(-1, 1)], [1.0]])
    v *= speed / np.sqrt(product(name, x, v, v))
    half = np.pi * radius / speed
    found = geometry.conjugate_points(name, x, v, 2.5 * half, samples=60, **TIGHT)
    np.testing.assert_allclose(found.parameter, [half, 2 * half], rtol=1e-6)
    assert (found.multiplicity == 1).all() and (found.path == 0).all()


def kerr(x, spin):
    """g of a black hole of mass 1, (4, 4, N)."""
    _, r, theta, _ = x
    sigma, delta = r**2 + (spin * np.cos(theta)) ** 2, r**2 - 2 * r + spin**2
    sine = np.sin(theta) ** 2
    g = np.zeros((4, 4, len(r)))
    g[0, 0], g[1, 1], g[2, 2] = 2 * r / sigma - 1, sigma / delta, sigma
    g[0, 3] = g[3, 0] = -2 * r * spin * sine / sigma
    g[3, 3] = (r**2 + spin**2 + 2 * r * spin**2 * sine / sigma) * sine
    return g


@few
@given(SEED, st.floats(-0.95, 0.95), st.floats(0.1, 0.9), st.sampled_from(["static", "zamo"]))
def test_velocities_around_a_black_hole(seed, spin, speed, observer):
    random = np.random.default_rng(seed)
    name = f"kerr:spin={spin!r}"
    x = uniform(random, [(-5, 5), (6, 20), (0.8, 2.3), (-3, 3)], 3)
    g = kerr(x, spin)
    dot = lambda u, w: np.einsum("mnk,mk,nk->k", g, u, w)
    angles = uniform(random, [(0.1, 3), (-3, 3)], 3)
    light = geometry.observed_velocities(name, x, angles, observer=observer)
    slow = geometry.observed_velocities(name, x, angles, speed, observer)
    np.testing.assert_allclose(dot(light, light), 0, atol=1e-12)
    np.testing.assert_allclose(dot(slow, slow), -1, rtol=1e-11)
    # Of a circular frame, u is along t and phi; a static one has none along phi.
    turn = -g[0, 3] / g[3, 3] if observer == "zamo" else 0 * g[0, 0]
    u = np.stack([1 + 0 * turn, 0 * turn, 0 * turn, turn])
    u /= np.sqrt(-dot(u, u))
    np.testing.assert_allclose(dot(light, u), -1, rtol=1e-10)
    np.testing.assert_allclose(dot(slow, u), -1 / np.sqrt(1 - speed**2), rtol=1e-10)

    energy, momentum = 1.1, random.uniform(-3, 3)
    cosine, sine = np.cos(x[2]) ** 2, np.sin(x[2]) ** 2
    of_rest = cosine * (spin**2 * (1 - energy**2) + momentum**2 / sine)  # of p_theta = 0
    carter = max(0, of_rest.max()) + random.uniform(0, 4)
    v = geometry.orbit_velocities(name, x, energy, momentum, carter)
    lowered = np.einsum("mnk,nk->mk", g, v)
    np.testing.assert_allclose(lowered[0], -energy, rtol=1e-10)
    np.testing.assert_allclose(lowered[3], momentum, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(dot(v, v), -1, rtol=1e-9)
    np.testing.assert_allclose(lowered[2] ** 2 + of_rest, carter, rtol=1e-8)


@few
@given(SEED, st.floats(-0.9, 0.9))
def test_rays_of_a_camera_are_light_of_its_energy(seed, spin):
    random = np.random.default_rng(seed)
    name, size = f"kerr:spin={spin!r}", (40, 30)
    pixels = uniform(random, [(0, 40), (0, 30)], 4)
    x, v = geometry.camera_rays(name, pixels, 20.0, random.uniform(0.5, 2.5), size=size, view=0.5)
    g = kerr(x, spin)
    np.testing.assert_allclose(np.einsum("mnk,mk,nk->k", g, v, v), 0, atol=1e-12)
    # A static observer's velocity is along t alone; the rays are traced backwards.
    at_rest = np.einsum("nk,nk->k", g[0], v) / np.sqrt(-g[0, 0])
    np.testing.assert_allclose(at_rest, 1, rtol=1e-10)


@few
@given(SEED)
def test_a_traced_function_is_its_metric(seed):
    a, b, c = np.random.default_rng(seed).uniform(0.5, 2, 3)

    def g(x):
        return [
            [a + x[0] ** 2, c * np.sin(x[1])],
            [c * np.sin(x[1]), b * np.exp(x[0]) + 4],
        ]

    x = np.random.default_rng(seed).uniform(-1, 1, (2, 5))
    traced = geometry.traced_metric(g, "x, y")
    np.testing.assert_allclose(geometry.metric_values(traced, x), np.array(g(x)), rtol=1e-14)
