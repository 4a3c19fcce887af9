# SPDX-License-Identifier: Apache-2.0
"""Geometry beside closed forms and NumPy's formulas."""

import math

import lior
import mpmath
import numpy as np
import pytest
from formulas import layouts
from lior import geometry
from lior.geometry import PathStatus


@pytest.fixture(params=[0, 1, 5])
def points(request, rng, real):
    """Points of the sphere, away from its poles, as planes (2, N)."""
    theta = rng.uniform(0.5, 2.5, request.param)
    return np.stack([theta, rng.uniform(0, 6, request.param)]).astype(real)


def atol(real):
    return {"float32": 1e-4, "float64": 1e-10}[real.name]


def test_sphere(points, real):
    metric, r = geometry.Metric("sphere:n=2,r=2"), 2
    theta = points[0]
    expected = np.zeros((2, 2, len(theta)), real)
    expected[0, 0], expected[1, 1] = r * r, (r * np.sin(theta)) ** 2
    for x in layouts(points):
        np.testing.assert_allclose(geometry.metric_values(metric, x), expected, atol=atol(real))
    gamma = geometry.christoffel(metric, points)
    assert gamma.dtype == real and gamma.shape == (2, 2, 2, len(theta))
    np.testing.assert_allclose(gamma[0, 1, 1], -np.sin(theta) * np.cos(theta), atol=atol(real))
    np.testing.assert_allclose(gamma[1, 0, 1], 1 / np.tan(theta), atol=atol(real))
    packed = geometry.christoffel_packed(metric, points)
    assert (packed == gamma[:, [0, 0, 1], [0, 1, 1]]).all()
    curved = geometry.curvature(metric, points)
    np.testing.assert_allclose(curved.scalar, np.full(len(theta), 2 / r**2), atol=atol(real))
    np.testing.assert_allclose(curved.kretschmann, np.full(len(theta), 4 / r**4), atol=atol(real))
    np.testing.assert_allclose(curved.ricci, expected / r**2, atol=atol(real))
    assert np.allclose(curved.riemann, -curved.riemann.swapaxes(2, 3), atol=atol(real))


def test_great_circles(points, real):
    n = points.shape[1]
    equator = np.stack([np.full(n, np.pi / 2), points[1]]).astype(real)
    along = np.stack([np.zeros(n), np.ones(n)]).astype(real)
    paths = geometry.geodesics("sphere", equator, along, [0, 0.5, 1], rtol=1e-9)
    assert paths.x.shape == (3, 2, n) and paths.status.dtype == np.uint8
    np.testing.assert_allclose(paths.x[1], equator + 0.5 * along, atol=atol(real))
    assert (paths.status == PathStatus.ok).all() and (paths.reached == 1).all()
    end, status = geometry.exp_map("sphere", equator, along)
    np.testing.assert_allclose(end, equator + along, atol=atol(real))
    back = geometry.log_map("sphere", equator, end)
    assert back.converged.dtype == bool and back.converged.all()
    np.testing.assert_allclose(back.v, along, atol=10 * atol(real))
    lengths = geometry.distance("sphere", equator, end)
    np.testing.assert_allclose(lengths, np.ones(n), atol=10 * atol(real))
    carried, status = geometry.transport("sphere", equator, along, along)
    np.testing.assert_allclose(carried, along, atol=atol(real))
    np.testing.assert_allclose(
        geometry.curve_length("sphere", paths.x), np.ones(n), atol=10 * atol(real)
    )


def test_a_path_that_leaves_the_chart_says_so():
    x, v = np.array([[0.5], [0.0]]), np.array([[-1.0], [0.0]])
    paths = geometry.geodesics("sphere", x, v, [0, 0.25, 1])
    assert paths.status[0] == PathStatus.edge and 0.4 < paths.reached[0] <= 0.5


def test_black_hole():
    x = np.array([0.0, 6.0, np.pi / 2, 0.0])[:, None]
    metric = geometry.Metric("schwarzschild:mass=1")
    assert (metric.dimension, metric.negative_directions) == (4, 1)
    curved = geometry.curvature(metric, x)
    assert np.allclose(curved.ricci, 0, atol=1e-12)
    np.testing.assert_allclose(curved.kretschmann, 48 / 6.0**6, rtol=1e-10)


def test_errors_name_what_is_wrong():
    with pytest.raises(lior.Error, match="sphere"):
        geometry.Metric("spere")
    x = np.ones((2, 1))
    for function, arguments in [
        (geometry.christoffel, [x]),
        (geometry.exp_map, [x, x]),
        (geometry.curve_length, [np.ones((3, 2, 1))]),
        (geometry.christoffel_differences, [x, 1e-4]),
    ]:
        with pytest.raises(
            ValueError, match="metric 'spere' is unknown; expected euclidean, sphere"
        ):
            function("spere", *arguments)
        with pytest.raises(ValueError, match="has no key 'k'"):
            function("sphere:k=1", *arguments)
        for neither in (None, 3):
            with pytest.raises(TypeError):
                function(neither, *arguments)
    with pytest.raises(lior.Error, match=r"x has shape \(3, 1\); expected \(2, N\)"):
        geometry.christoffel("sphere", np.ones((3, 1)))
    with pytest.raises(lior.Error, match="domain|chart"):
        geometry.christoffel("sphere", np.array([[4.0], [0.0]]))
    with pytest.raises(lior.Error, match="method 'euler' is unknown; expected one of: dopri5"):
        geometry.exp_map("sphere", np.ones((2, 1)), np.ones((2, 1)), method="euler")
    with pytest.raises(TypeError, match="tolerance"):
        geometry.exp_map("sphere", np.ones((2, 1)), np.ones((2, 1)), tolerance=1)


def erf(x):
    return np.vectorize(math.erf, otypes=[float])(x)


def gelu(x):
    return x * (1 + erf(x / np.sqrt(2))) / 2


def learned(p, x, floor):
    """The formulas of docs/math/conventions.md, section 6: R^2 g and R at x: (d, N)."""
    d = len(x)
    hidden = gelu(p["metric_net.0.weight"] @ x + p["metric_net.0.bias"][:, None])
    h = (p["metric_net.2.weight"] @ hidden + p["metric_net.2.bias"][:, None]).reshape(d, d, -1)
    base = p["L"] @ p["L"].T + (1e-4 + 0.1 * d * floor) * np.eye(d)
    g = base[:, :, None] + 0.1 * np.tanh((h + h.swapaxes(0, 1)) / 2)
    z = gelu(p["resilience_net.0.weight"] @ x + p["resilience_net.0.bias"][:, None])
    z = p["resilience_net.2.weight"] @ z + p["resilience_net.2.bias"][:, None]
    r = np.clip(np.log1p(np.exp(z[0])), 0.1, 10)
    return r**2 * g, r


@pytest.fixture
def parameters(rng):
    d, H, K = 3, 6, 5
    shapes = {
        "L": (d, d),
        "metric_net.0.weight": (H, d),
        "metric_net.0.bias": (H,),
        "metric_net.2.weight": (d * d, H),
        "metric_net.2.bias": (d * d,),
        "resilience_net.0.weight": (K, d),
        "resilience_net.0.bias": (K,),
        "resilience_net.2.weight": (1, K),
        "resilience_net.2.bias": (1,),
    }
    return {name: 0.5 * rng.standard_normal(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("floor", [False, True])
def test_learned_metric(rng, real, parameters, count, floor):
    x = rng.standard_normal((3, count)).astype(real)
    given = {name: value.astype(real) for name, value in parameters.items()}
    metric = geometry.LearnedMetric.from_arrays(given, spd_floor=floor)
    g, r = metric.values(x)
    expected, resilience = learned(parameters, x, floor)
    np.testing.assert_allclose(g, expected, atol=1e2 * atol(real), rtol=1e-5)
    np.testing.assert_allclose(r, resilience, atol=atol(real), rtol=1e-5)
    np.testing.assert_allclose(geometry.metric_values(metric, x), g, atol=1e2 * atol(real))


@pytest.mark.parametrize("count", [0, 1, 37])
def test_learned_christoffel(rng, real, parameters, count):
    x, step = rng.standard_normal((3, count)), 1e-5
    given = {name: value.astype(real) for name, value in parameters.items()}
    metric = geometry.LearnedMetric.from_arrays(given, spd_floor=True)
    g = np.moveaxis(learned(parameters, x, True)[0], -1, 0)
    moves = step * np.eye(3)[:, :, None]
    ends = [[learned(parameters, x + sign * m, True)[0] for m in moves] for sign in (1, -1)]
    dg = np.moveaxis((np.stack(ends[0]) - np.stack(ends[1])) / (2 * step), -1, 0)  # [N, m, n, r]
    lowered = (dg + dg.swapaxes(1, 2) - np.moveaxis(dg, 1, 3)) / 2
    expected = np.einsum("plr,pmnr->lmnp", np.linalg.inv(g), lowered)
    for points in layouts(x.astype(real)):
        gamma = geometry.christoffel(metric, points)
        assert gamma.dtype == real
        np.testing.assert_allclose(gamma, expected, atol=max(atol(real), 1e-8))
    packed = geometry.christoffel_packed(metric, x.astype(real))
    one, two = np.triu_indices(3)
    np.testing.assert_allclose(packed, gamma[:, one, two], atol=atol(real))


@pytest.mark.parametrize("count", [0, 1, 7])
def test_complex_metric(rng, real, parameters, count):
    x, alpha, step = rng.standard_normal((3, count)), 0.7, 1e-6
    given = {name: value.astype(real) for name, value in parameters.items()}
    metric = geometry.LearnedMetric.from_arrays(given)

    def slopes(f):
        moves = step * np.eye(3)[:, :, None]
        return np.stack([(f(x + move) - f(x - move)) / (2 * step) for move in moves])

    d_theta = slopes(lambda y: -alpha * np.log(np.linalg.norm(y, axis=0) + 1e-8))
    d_log_r = slopes(lambda y: np.log(learned(parameters, y, False)[1]))
    both = d_theta[:, None] * d_log_r
    for points in layouts(x.astype(real)):
        a, b = metric.complex(points, alpha)
        assert a.dtype == b.dtype == real
        np.testing.assert_allclose(a, metric.values(points)[0], atol=atol(real))
        np.testing.assert_allclose(b, both - both.swapaxes(0, 1), atol=max(atol(real), 1e-8))
    assert count == 0 or np.abs(b).max() > 1e-3
    assert (metric.complex(x, alpha, form="compat")[1] == 0).all()
    with pytest.raises(lior.Error, match="form 'other' is unknown; expected one of: exact, compat"):
        metric.complex(x, alpha, form="other")
    with pytest.raises(lior.Error, match="expected resilience=True"):
        geometry.LearnedMetric.from_arrays(given, resilience=False).complex(x, alpha)


def test_learned_metric_gradients(rng, parameters):
    x, dg = rng.standard_normal((3, 4)), rng.standard_normal((3, 3, 4))
    metric = geometry.LearnedMetric.from_arrays(parameters)
    dx, gradients = metric.backward(x, dg)
    assert set(gradients) == set(parameters)
    step = 1e-6
    for name, gradient in gradients.items():
        move = rng.standard_normal(gradient.shape)
        ends = [
            learned({**parameters, name: parameters[name] + sign * step * move}, x, False)[0]
            for sign in (1, -1)
        ]
        slope = (dg * (ends[0] - ends[1])).sum() / (2 * step)
        np.testing.assert_allclose((gradient * move).sum(), slope, rtol=1e-5, atol=1e-7)
    move = rng.standard_normal(x.shape)
    ends = [learned(parameters, x + sign * step * move, False)[0] for sign in (1, -1)]
    slope = (dg * (ends[0] - ends[1])).sum() / (2 * step)
    np.testing.assert_allclose((dx * move).sum(), slope, rtol=1e-5)


def test_distance_gradient(rng, parameters):
    x = 0.1 * rng.standard_normal((3, 2))
    y = x + 0.1 * rng.standard_normal((3, 2))
    weight = np.array([1.0, -2.0])
    options = geometry.GeodesicOptions(rtol=1e-11, atol=1e-13)

    def make(moved):
        return geometry.LearnedMetric.from_arrays(moved, spd_floor=True)

    distance, gradients = make(parameters).distance_with_gradient(x, y, weight, options)
    np.testing.assert_allclose(distance, geometry.distance(make(parameters), x, y), rtol=1e-6)
    step = 1e-4
    for name in ("L", "resilience_net.2.weight"):
        move = rng.standard_normal(parameters[name].shape)
        ends = [
            make(
                {**parameters, name: parameters[name] + sign * step * move}
            ).distance_with_gradient(x, y, weight, options)[0]
            for sign in (1, -1)
        ]
        slope = (weight * (ends[0] - ends[1])).sum() / (2 * step)
        np.testing.assert_allclose((gradients[name] * move).sum(), slope, rtol=1e-4)


def test_learned_metric_lacks(parameters):
    del parameters["metric_net.0.bias"]
    with pytest.raises(lior.Error, match="parameters lack 'metric_net.0.bias'"):
        geometry.LearnedMetric.from_arrays(parameters)


@pytest.mark.parametrize("quantity", ["length", "energy"])
def test_curve_gradients(rng, parameters, quantity):
    path, weight = rng.standard_normal((6, 3, 2)), np.array([1.0, -2.0])

    def numbers(moved):
        middle, dx = (path[1:] + path[:-1]) / 2, np.diff(path, axis=0)
        g = np.stack([learned(moved, x, True)[0] for x in middle])
        squares = np.einsum("kmn,kmrn,krn->kn", dx, g, dx)
        return np.sqrt(squares).sum(0) if quantity == "length" else squares.sum(0) * 5 / 2

    metric = geometry.LearnedMetric.from_arrays(parameters, spd_floor=True)
    ours, gradients = getattr(metric, f"curve_{quantity}_with_gradient")(path, weight)
    np.testing.assert_allclose(ours, numbers(parameters), rtol=1e-12)
    step = 1e-6
    for name in ("L", "metric_net.2.weight", "resilience_net.0.bias"):
        move = rng.standard_normal(parameters[name].shape)
        ends = [
            numbers({**parameters, name: parameters[name] + sign * step * move}) for sign in (1, -1)
        ]
        slope = (weight * (ends[0] - ends[1])).sum() / (2 * step)
        np.testing.assert_allclose((gradients[name] * move).sum(), slope, rtol=1e-5)


def test_connections_without_torsion_keep_lengths(points, real):
    if points.shape[1] == 0:
        return
    gamma = geometry.christoffel("sphere", points)
    assert geometry.torsion_residual(gamma) == 0
    assert geometry.compatibility_residual("sphere", points, gamma) < atol(real)
    broken = gamma.copy()
    broken[0, 0, 1] += 1
    assert geometry.torsion_residual(broken) > 0.1
    assert geometry.compatibility_residual("sphere", points, broken) > 0.1
    step = {"float32": 1e-2, "float64": 1e-5}[real.name]
    near = geometry.christoffel_differences("sphere", points, step)
    np.testing.assert_allclose(near, gamma, atol={"float32": 5e-3, "float64": 1e-8}[real.name])
    riemann = geometry.curvature("sphere", points).riemann
    assert geometry.first_bianchi_residual(riemann) < atol(real)
    riemann[0, 1, 0, 1] += 1
    assert geometry.first_bianchi_residual(riemann) > 0.1


def test_second_bianchi_identity(rng):
    x = np.array([0.0, 6.0, np.pi / 2, 0.0])[:, None] + 0.1 * rng.standard_normal((4, 3))
    assert geometry.second_bianchi_residual("schwarzschild:mass=1", x, 1e-4) < 1e-6


def test_the_complex_metric_is_hermitian_and_its_form_closed(rng, real, parameters):
    given = {name: value.astype(real) for name, value in parameters.items()}
    metric = geometry.LearnedMetric.from_arrays(given, spd_floor=True)
    x = rng.standard_normal((3, 7)).astype(real)
    a, b = metric.complex(x, 0.7)
    assert geometry.symmetry_residual(a) == geometry.antisymmetry_residual(b) == 0
    assert geometry.positive_definite(a) and not geometry.positive_definite(-a)
    assert geometry.eigenvalue_residual(a, b) < atol(real)
    assert metric.closedness_residual(x, 0.7) < atol(real)
    b[0, 1] += 1
    assert geometry.antisymmetry_residual(b) > 0.1
    assert geometry.eigenvalue_residual(a, b) > 1e-3
    with pytest.raises(lior.Error, match=r"b has shape \(3, 3, 2\); expected"):
        geometry.eigenvalue_residual(a, b[:, :, :2])
    with pytest.raises(TypeError, match="a has dtype int64; expected float32 or float64"):
        geometry.symmetry_residual(np.zeros((2, 2, 1), np.int64))


def test_the_originals_distance(rng, parameters):
    """Ten samples of the straight line, R sqrt(max(dx^T R^2 g dx, 1e-8)), dx = (y - x)/10, trapezoid of 1/10."""
    x, y = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
    metric = geometry.LearnedMetric.from_arrays(parameters)
    samples = []
    for t in np.arange(10) / 9:
        g, r = learned(parameters, x + t * (y - x), False)
        square = np.einsum("mk,mnk,nk->k", y - x, g, y - x) / 100
        samples.append(r * np.sqrt(np.maximum(square, 1e-8)))
    want = 0.1 * (sum(samples) - (samples[0] + samples[-1]) / 2)  # the trapezoid rule
    np.testing.assert_allclose(metric.distance_compat(x, y), want, rtol=1e-10)


@pytest.mark.parametrize("quantity", ["christoffel", "geodesic"])
def test_gradients_of_symbols_and_geodesics(rng, parameters, quantity):
    x, v, weight = (0.5 * rng.standard_normal(s) for s in [(3, 2), (3, 2), (3, 3, 3, 2)])

    def make(moved):
        return geometry.LearnedMetric.from_arrays(moved, spd_floor=True)

    def loss(moved, at):
        if quantity == "christoffel":
            return (weight * geometry.christoffel(make(moved), at)).sum()
        ends = geometry.geodesics(make(moved), at, v, [0.6], method="rk4", step=0.25)
        return (weight[0, 0] * ends.x[0] + weight[1, 0] * ends.v[0]).sum()

    if quantity == "christoffel":
        dx, gradients = make(parameters).christoffel_backward(x, weight)
    else:
        ends = weight[0, 0], weight[1, 0]
        (dx, _), gradients = make(parameters).geodesic_backward(x, v, 0.6, 0.25, *ends)
    step, move = 1e-6, rng.standard_normal(x.shape)
    change = loss(parameters, x + step * move) - loss(parameters, x - step * move)
    np.testing.assert_allclose((dx * move).sum(), change / (2 * step), rtol=1e-6, atol=1e-8)
    for name, gradient in gradients.items():
        move = rng.standard_normal(gradient.shape)
        ends = [loss({**parameters, name: parameters[name] + s * step * move}, x) for s in (1, -1)]
        change = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose((gradient * move).sum(), change, rtol=1e-6, atol=1e-8)


def test_gradients_name_what_does_not_fit(parameters):
    metric = geometry.LearnedMetric.from_arrays(parameters)
    x = np.zeros((3, 2))
    with pytest.raises(lior.Error, match=r"dgamma has shape \(3, 3, 2\); expected \(3, 3, 3, N\)"):
        metric.christoffel_backward(x, np.zeros((3, 3, 2)))
    with pytest.raises(TypeError, match="dv_end has dtype float32; expected float64"):
        metric.geodesic_backward(x, x, 1.0, 0.1, x, x.astype("float32"))
    with pytest.raises(lior.Error, match="expected a finite time >= 0 and a step > 0"):
        metric.geodesic_backward(x, x, 1.0, 0.0, x, x)
    parameters["L"] *= 0
    flat = geometry.LearnedMetric.from_arrays(parameters)
    with pytest.raises(lior.Error, match="not positive definite at point 0"):
        flat.christoffel_backward(x, np.zeros((3, 3, 3, 2)))
    with pytest.raises(lior.Error, match="not positive definite on geodesic 0 in step 9"):
        flat.geodesic_backward(x, x, 1.0, 0.1, x, x)


# Distances beside mpmath's, from the exact values of the doubles.


def embedded(x):
    out, sines = [], mpmath.mpf(1)
    for angle in map(mpmath.mpf, x):
        out.append(sines * mpmath.cos(angle))
        sines *= mpmath.sin(angle)
    return mpmath.matrix(out + [sines])


def exact_distance(name, x, y):
    x, y = [mpmath.mpf(float(a)) for a in x], [mpmath.mpf(float(b)) for b in y]
    if name == "sphere":
        a, b = embedded(x), embedded(y)
        return 2 * mpmath.atan2(mpmath.norm(a - b), mpmath.norm(a + b))
    square = sum((a - b) ** 2 for a, b in zip(x, y))
    room = (
        4 * x[-1] * y[-1]
        if name == "half_plane"
        else (1 - sum(a * a for a in x)) * (1 - sum(b * b for b in y))
    )
    return 2 * mpmath.asinh(mpmath.sqrt(square / room))


def pairs_of(name, rng, n, count=60):
    """Points all over the chart; steps from 1e-12 to far away, ends next to the edge."""
    x, direction = rng.uniform(-1, 1, (n, count)), rng.uniform(-1, 1, (n, count))
    step = 10.0 ** rng.uniform(-12, 1, count)
    if name == "sphere":
        x = np.concatenate([np.pi / 2 + 1.5 * x[:-1], 4 * x[-1:]])
        y = x + step * direction
        y[:-1] = np.clip(y[:-1], 1e-3, 3.14)
    elif name == "half_plane":
        x[-1] = np.exp(6 * x[-1])
        y = x + x[-1] * step**2 * direction
        y[-1] = x[-1] * np.exp(np.minimum(step, 15) * direction[-1])
    else:
        size = lambda v: np.sqrt((v**2).sum(0))
        room = 10.0 ** rng.uniform(-12, -0.1, count)
        x = x / size(x) * (1 - room)
        near = x + 0.4 * room * np.minimum(step, 1) * direction / size(direction)
        y = np.where(np.arange(count) % 2, near, direction / size(direction) * (1 - room[::-1]))
    return x, y


@pytest.mark.parametrize("n", [2, 4])
@pytest.mark.parametrize("name", ["sphere", "half_plane", "ball"])
def test_distances_beside_mpmath(rng, name, n):
    x, y = pairs_of(name, rng, n)
    with mpmath.workdps(50):
        want = [exact_distance(name, *pair) for pair in zip(x.T, y.T)]
        found = geometry.distance(f"{name}:n={n}", x, y, details=True)
        for length, error, exact in zip(found.length, found.error, want):
            assert abs(length - exact) <= error and error <= 1e-10 * exact  # the claim is 1e-8
    assert found.shortest.all()
    assert (geometry.distance(f"{name}:n={n}", x, y) == found.length).all()
    log = geometry.log_map(f"{name}:n={n}", x, y)
    assert log.converged.all() and log.shortest.all()
    g = geometry.metric_values(f"{name}:n={n}", x)
    sizes = np.sqrt(np.einsum("mnp,mp,np->p", g, log.v, log.v))
    np.testing.assert_allclose(
        sizes, found.length, rtol=1e-3 if name == "ball" else 1e-12
    )  # g rounds at the rim


def test_distances_by_shooting_say_what_they_are_good_for(rng):
    # A quarter of a great circle, as a surface of revolution would have it: by the torus' outer equator.
    found = geometry.distance(
        "torus:minor=1,major=3",
        np.zeros((2, 3)),
        np.array([[0, 0, 0], [0.5, 6.5, -20.0]]),
        details=True,
    )
    turns = np.abs([0.5, 6.5 - 2 * np.pi, 20 - 6 * np.pi])
    assert (
        np.abs(found.length - 4 * turns) <= found.error + 1e-12
    ).all() and not found.shortest.any()
    far = np.array([[80.0], [0.0]])
    lost = geometry.distance("conformal", np.array([[1.0], [0.0]]), far, details=True)
    assert np.isnan(lost.length).all() and np.isnan(lost.error).all()
    log = geometry.log_map("conformal", np.array([[1.0], [0.0]]), far)
    assert not log.converged.any() and np.isfinite(log.v).all()


def test_curvature_beside_a_pole_says_what_rounding_took():
    theta = 10.0 ** -np.arange(1, 11)
    curved = geometry.curvature("sphere", np.stack([theta, np.zeros(10)]))
    assert (np.abs(curved.scalar - 2) <= curved.scalar_error).all()
    assert (np.abs(curved.kretschmann - 4) <= curved.kretschmann_error).all()
    assert (
        curved.scalar_error[0] < 1e-12 and curved.scalar_error[7] > 0.5
    )  # at 1e-8 nothing is left


@pytest.mark.parametrize("name", ["torus", "catenoid", "conformal", "paraboloid", "hyperboloid"])
def test_distances_whose_squares_are_no_numbers(name):
    x = np.array([[0.0], [0.0]]) if name != "hyperboloid" else np.array([[0.5], [0.0]])
    g = geometry.metric_values(name, x)[:, :, 0]
    for size in (1e-310, 1e-300, 1e-200, 1e-160, 1e-100):
        # Only the angle of the hyperboloid is near 0, where numbers are as dense as that.
        step = np.array([[0.0 if name == "hyperboloid" else size], [size]])
        expected = size * np.sqrt((step[:, 0] / size) @ g @ (step[:, 0] / size))
        for a, b in ((x, x + step), (x + step, x)):
            found = geometry.distance(name, a, b)[0]
            assert abs(found / expected - 1) < 1e-12, (size, found)


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("sphere", [1e-320, 0.0], [1.0, 2.0]),
        ("half_plane", [0.0, 1e308], [1.0, 1.0]),
        ("spd", [1e308, 0.0, 1.0], [1.0, 0.0, 1.0]),
    ],
)
def test_a_velocity_that_numbers_do_not_hold_is_none(name, x, y):
    """The length is one, within its error."""
    x, y = np.array(x)[:, None], np.array(y)[:, None]
    found = geometry.log_map(name, x, y)
    assert not found.converged[0] and not found.shortest[0] and np.isnan(found.error[0])
    assert np.isfinite(found.v).all()
    there = geometry.distance(name, x, y, details=True)
    assert there.shortest[0] and there.error[0] < 1e-10 * there.length[0]
    assert geometry.distance(name, y, x) == there.length


def test_residuals_keep_nan():
    a = np.zeros((2, 2, 2))
    a[0, 1, 0], a[0, 1, 1] = 10, np.nan
    for array in (a, a[:, :, ::-1].copy()):
        assert np.isnan(geometry.symmetry_residual(array)) and np.isnan(
            geometry.antisymmetry_residual(array)
        )
    gamma = np.zeros((2, 2, 2, 1))
    gamma[0, 0, 0] = np.nan
    assert np.isnan(geometry.torsion_residual(gamma))


def test_texts_that_name_metrics(parameters):
    texts = geometry.metric_texts()
    assert "sphere:n=2,r=1" in texts and "torus:minor=1,major=2" in texts
    for text in texts:
        metric = geometry.Metric(text)
        assert repr(metric) == f"Metric('{text}')" and text in geometry.Metric.__doc__
        assert len(metric.coordinates) == len(metric.periods) == metric.dimension
    assert geometry.Metric("sphere:n=3").periods == [0, 0, 2 * math.pi]
    learned_metric = geometry.LearnedMetric.from_arrays(parameters)
    assert (
        repr(learned_metric)
        == "LearnedMetric(d=3, widths=(6, 5), resilience=True, spd_floor=False)"
    )
    with pytest.raises(lior.Error, match="LearnedMetric.from_file reads"):
        geometry.christoffel("m.safetensors", np.ones((2, 1)))
    with pytest.raises(lior.Error) as error:
        geometry.Metric("globe")
    assert "safetensors" not in str(error.value)


def test_advice_is_for_the_metric_at_hand():
    with pytest.raises(lior.Error, match="rounding; double precision may do") as error:
        geometry.christoffel("paraboloid", np.full((2, 1), 5e4, np.float32))
    assert "spd_floor" not in str(error.value)


def test_statuses_are_those_of_the_engine():
    assert [status.name for status in PathStatus] == [
        "ok",
        "edge",
        "horizon",
        "singular",
        "stalled",
        "saturated",
    ]
    end, status = geometry.exp_map("ball", np.zeros((2, 2)), np.array([[5.0, 30.0], [0, 0]]))
    assert list(status) == [PathStatus.ok, PathStatus.saturated]
