# SPDX-License-Identifier: Apache-2.0
"""Positive definite matrices beside SciPy's functions of matrices and mpmath, the hyperboloid beside mpmath."""

import lior
import mpmath
import numpy as np
import pytest
from lior import geometry
from scipy.linalg import expm, logm, sqrtm


def packed(matrices):
    """The entries on and above the diagonal of symmetric matrices (N, n, n), as planes (d, N)."""
    rows = np.triu_indices(matrices.shape[-1])
    return np.ascontiguousarray(matrices[:, rows[0], rows[1]].T)


def unpacked(planes, n):
    out = np.zeros((planes.shape[1], n, n))
    i, j = np.triu_indices(n)
    out[:, i, j] = out[:, j, i] = planes.T
    return out


def symmetric(rng, n, count=6):
    a = rng.standard_normal((count, n, n))
    return (a + a.transpose(0, 2, 1)) / 2


def positive(rng, n, count=6):
    return np.array([expm(a) for a in 0.7 * symmetric(rng, n, count)])


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_formulas_of_matrices(rng, n):
    """Exp, Log and transport with P^(1/2), as Pennec and others write them."""
    metric = f"spd:n={n}"
    p, q, v, w = positive(rng, n), positive(rng, n), symmetric(rng, n), symmetric(rng, n)
    end, status = geometry.exp_map(metric, packed(p), packed(v))
    log = geometry.log_map(metric, packed(p), packed(q))
    carried, _ = geometry.transport(metric, packed(p), packed(v), packed(w))
    length = geometry.distance(metric, packed(p), packed(q))
    assert (status == geometry.PathStatus.ok).all()
    assert log.converged.all() and log.shortest.all()
    for k, (a, b, c, d) in enumerate(zip(p, q, v, w)):
        root = sqrtm(a).real
        back = np.linalg.inv(root)
        near = dict(rtol=1e-10, atol=1e-10)
        exact = root @ expm(back @ c @ back) @ root
        np.testing.assert_allclose(unpacked(end, n)[k], exact, **near)
        between = logm(back @ b @ back).real
        np.testing.assert_allclose(unpacked(log.v, n)[k], root @ between @ root, **near)
        assert length[k] == pytest.approx(np.linalg.norm(between), rel=1e-10)
        turn = root @ expm(back @ c @ back / 2) @ back
        np.testing.assert_allclose(unpacked(carried, n)[k], turn @ d @ turn.T, **near)


def test_metric_is_the_trace(rng):
    p, v = positive(rng, 3), symmetric(rng, 3)
    g = geometry.metric_values("spd:n=3", packed(p))
    got = np.einsum("mnN,mN,nN->N", g, packed(v), packed(v))
    want = [np.trace(np.linalg.inv(a) @ b @ np.linalg.inv(a) @ b) for a, b in zip(p, v)]
    np.testing.assert_allclose(got, want, rtol=1e-12)


def exact_distance(p, q):
    """By the eigenvalues of L^-1 Q L^-T in 60 digits, of matrices of doubles."""
    with mpmath.workdps(60):
        root = mpmath.cholesky(mpmath.matrix(p.tolist()))
        back = mpmath.inverse(root)
        values = mpmath.eigsy(back * mpmath.matrix(q.tolist()) * back.T, eigvals_only=True)
        return mpmath.sqrt(sum(mpmath.log(value) ** 2 for value in values))


@pytest.mark.parametrize("power", [0, 3, 6])
@pytest.mark.parametrize("n", [2, 4])
def test_distances_of_matrices_of_any_condition_are_within_their_errors(rng, n, power):
    """Conditions up to 10^(2 power); steps from 1e-10 to those between matrices of their own."""
    p, q = [], []
    for k in range(12):

        def drawn():
            turn, _ = np.linalg.qr(rng.standard_normal((n, n)))
            a = (turn * 10 ** rng.uniform(-power, power, n)) @ turn.T
            return (a + a.T) / 2

        p.append(drawn())
        step = 10.0 ** -rng.uniform(1, 10)
        q.append(drawn() if k % 2 else (1 - step) * p[-1] + step * drawn() * p[-1][0, 0])
    p, q = np.array(p), np.array(q)
    found = geometry.distance(f"spd:n={n}", packed(p), packed(q), details=True)
    for length, error, a, b in zip(found.length, found.error, p, q):
        exact = exact_distance(a, b)
        assert abs(length - exact) <= error
        assert error <= 1e-12 * 10 ** (2 * power) * max(1, exact)


def test_matrices_that_are_not_positive_definite_are_refused():
    with pytest.raises(lior.Error, match="outside the metric's domain"):
        geometry.distance("spd:n=2", [[1.0], [2.0], [1.0]], [[1.0], [0.0], [1.0]])
    with pytest.raises(lior.Error, match="n is 6; expected an integer from 1 to 5"):
        geometry.Metric("spd:n=6")


def test_an_end_that_numbers_do_not_hold_is_an_edge():
    x, v = np.array([[1.0], [0.0], [1.0]]), np.array([[2000.0], [0.0], [0.0]])
    end, status = geometry.exp_map("spd", x, v)
    assert status[0] == geometry.PathStatus.edge and (end == x).all()


def minkowski(x, y):
    """<X, Y> on the hyperboloid, from doubles."""
    first = [mpmath.sqrt(1 + sum(mpmath.mpf(float(c)) ** 2 for c in point)) for point in (x, y)]
    return first[0] * first[1] - sum(mpmath.mpf(float(a)) * float(b) for a, b in zip(x, y))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_hyperboloid_beside_mpmath(rng, n):
    """Points from the origin to 1e60, steps from 1e-12 of their size to opposite ends."""
    count = 60
    x = rng.standard_normal((n, count)) * 10.0 ** rng.uniform(-3, 60, count)
    step = 10.0 ** rng.uniform(-12, 0.5, count)
    y = x + step * rng.standard_normal((n, count)) * np.where(np.arange(count) % 3, abs(x), 1)
    metric = f"hyperbolic:n={n}"
    found = geometry.distance(metric, x, y, details=True)
    log = geometry.log_map(metric, x, y)
    assert found.shortest.all() and log.converged.all()
    with mpmath.workdps(300):
        for k in range(count):
            if (x[:, k] == y[:, k]).all():  # steps of 1 are lost where coordinates are large
                assert found.length[k] == 0
                continue
            cosine = minkowski(x[:, k], y[:, k])
            exact = mpmath.acosh(cosine)
            assert abs(found.length[k] - exact) <= found.error[k]
            assert found.error[k] <= 1e-13 * exact
            share = exact / mpmath.sinh(exact)
            wrong = max(
                abs(share * (mpmath.mpf(y[m, k]) - cosine * mpmath.mpf(x[m, k])) - log.v[m, k])
                for m in range(n)
            )
            assert wrong <= log.error[k]


@pytest.mark.parametrize("n", [2, 3])
def test_far_ends_of_the_hyperboloid_from_either_end(rng, n):
    """Near points and far ones: y - x forgets the near one, and squares of the far one are no numbers."""
    count = 80
    near = rng.standard_normal((n, count)) * 10.0 ** rng.uniform(-3, 3, count)
    far = rng.standard_normal((n, count)) * 10.0 ** rng.uniform(10, 300, count)
    metric = f"hyperbolic:n={n}"
    found = geometry.distance(metric, near, far, details=True)
    assert (found.length == geometry.distance(metric, far, near)).all()
    logs = [(far, near, geometry.log_map(metric, far, near))]
    logs += [(near, far, geometry.log_map(metric, near, far))]
    with mpmath.workdps(700):
        for k in range(count):
            cosine = minkowski(near[:, k], far[:, k])
            exact = mpmath.acosh(cosine)
            assert abs(found.length[k] - exact) <= found.error[k] <= 1e-13 * exact
            share = exact / mpmath.sinh(exact)
            for x, y, log in logs:
                for m in range(n):
                    want = share * (mpmath.mpf(y[m, k]) - cosine * mpmath.mpf(x[m, k]))
                    assert abs(want - log.v[m, k]) <= log.error[k]


def to_ball(p):
    """The point of Poincare's ball of a point of the hyperboloid."""
    return p / (1 + np.sqrt(1 + (p**2).sum(0)))


@pytest.mark.parametrize(
    ("metric", "to_chart", "powers"),
    [("hyperbolic", lambda p: p, (5, 11)), ("ball", to_ball, (8, 14))],
)
def test_ends_that_roundings_move_are_saturated(rng, metric, to_chart, powers):
    """By exp_x(log_x(y)), which is y, or saturated or an edge: v is as exact as numbers are."""
    count = 2000
    x, y = (
        to_chart(rng.standard_normal((2, count)) * 10.0 ** rng.uniform(-2, most, count))
        for most in powers
    )
    v = geometry.log_map(metric, x, y).v
    end, status = geometry.exp_map(metric, x, v)
    _, carried = geometry.transport(metric, x, v, v)
    length, off = geometry.distance(metric, x, y), geometry.distance(metric, end, y)
    ok = status == geometry.PathStatus.ok
    lost = off > 0.05 * np.maximum(length, 1)
    assert lost.sum() > 50
    # Beside an axis of the coordinates a rounding of v's components is less than one of v, and misses some.
    for said in (status, carried):
        assert (lost & (said == geometry.PathStatus.ok)).sum() <= 0.02 * lost.sum()
    assert ok[length < 10].all() and ok.sum() > count / 2


def test_hyperboloid_ends_that_nothing_is_known_of(rng):
    x = np.array([[6e9], [8e9]])
    v = geometry.log_map("hyperbolic:n=2", x, np.array([[8.0], [1.7]])).v
    assert geometry.exp_map("hyperbolic:n=2", x, v)[1] == [geometry.PathStatus.saturated]
    assert geometry.transport("hyperbolic:n=2", x, v, v)[1] == [geometry.PathStatus.saturated]


def test_straight_ways_are_exact_however_long():
    for metric, x, v in [
        ("half_plane", [[5.0], [1.0]], [[0.0], [-600.0]]),
        ("hyperbolic:n=2", [[0.0], [0.0]], [[0.0], [600.0]]),
        ("spd:n=2", [[1.0], [0.0], [1.0]], [[400.0], [0.0], [-300.0]]),
    ]:
        end, status = geometry.exp_map(metric, np.array(x), np.array(v))
        assert status == [geometry.PathStatus.ok], metric
        length = np.hypot(*np.array(v)[[0, -1], 0])
        assert geometry.distance(metric, np.array(x), end) == pytest.approx([length], rel=1e-12)


def test_hyperboloid_exp_and_transport_keep_lengths(rng):
    x, v, w = rng.standard_normal((3, 4, 50))
    metric = "hyperbolic:n=4"
    y, status = geometry.exp_map(metric, x, v)
    carried, _ = geometry.transport(metric, x, v, w)
    onwards, _ = geometry.transport(metric, x, v, v)
    assert (status == geometry.PathStatus.ok).all()
    at_x, at_y = geometry.metric_values(metric, x), geometry.metric_values(metric, y)
    product = lambda g, a, b: np.einsum("mnN,mN,nN->N", g, a, b)  # noqa: E731
    for first, second in [(w, carried), (v, onwards)]:
        want = product(at_x, first, first)
        np.testing.assert_allclose(product(at_y, second, second), want, rtol=1e-10)
    np.testing.assert_allclose(geometry.log_map(metric, y, x).v, -onwards, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        geometry.distance(metric, x, y) ** 2, product(at_x, v, v), rtol=1e-10
    )


@pytest.mark.parametrize("metric, d", [("spd:n=2", 3), ("hyperbolic:n=3", 3)])
def test_float32_is_float64_rounded(rng, metric, d):
    x = np.array([[2.0] * 5, [0.3] * 5, [1.5] * 5]) + rng.uniform(-0.2, 0.2, (3, 5))
    v = rng.uniform(-0.3, 0.3, (3, 5))
    for wide, narrow in zip(
        geometry.exp_map(metric, x, v)[:1],
        geometry.exp_map(metric, x.astype(np.float32), v.astype(np.float32))[:1],
    ):
        assert narrow.dtype == np.float32
        np.testing.assert_allclose(narrow, wide, rtol=1e-5)
