# SPDX-License-Identifier: Apache-2.0
"""The algebra beside formulas of NumPy's, written here from their definitions."""

import itertools

import lior
import numpy as np
import pytest
from formulas import conjugate, doubled, layouts
from lior import algebra


def complex_product(x, y):
    (a, b), (c, d) = np.split(x, 2), np.split(y, 2)
    return np.concatenate([doubled(a, c) - doubled(b, d), doubled(a, d) + doubled(b, c)])


@pytest.fixture(params=[0, 1, 7, 64])
def points(request, rng, real):
    """points(rows): random planes."""
    return lambda rows: rng.standard_normal((rows, request.param)).astype(real)


def tolerance(real):
    return 200 * np.finfo(real).eps  # 64 products of numbers of size about 3


def test_quaternions(points, real):
    p, q, v = points(4), points(4), points(3)
    np.testing.assert_allclose(
        algebra.quaternion_multiply(p, q), doubled(p, q), atol=tolerance(real)
    )
    q /= np.linalg.norm(q, axis=0)
    pure = np.concatenate([np.zeros_like(v[:1]), v])
    turned = doubled(doubled(q, pure), conjugate(q))
    assert np.allclose(turned[0], 0, atol=tolerance(real))
    np.testing.assert_allclose(algebra.quaternion_rotate(q, v), turned[1:], atol=tolerance(real))
    if q.shape[1]:
        with pytest.raises(lior.Error, match="quaternion 0 has length .*; expected 1"):
            algebra.quaternion_rotate(2 * q, v)


def test_octonions_in_every_layout(points, real):
    x, y = points(8), points(8)
    for a, b in itertools.product(layouts(x), layouts(y)):
        np.testing.assert_allclose(
            algebra.octonion_multiply(a, b), doubled(x, y), atol=tolerance(real)
        )


def test_complex_octonions(points, real):
    x, y, z = points(16), points(16), points(16)
    atol = 10 * tolerance(real)
    np.testing.assert_allclose(algebra.ci8_multiply(x, y), complex_product(x, y), atol=atol)
    flipped = np.concatenate([conjugate(part) for part in np.split(x, 2)])
    assert (algebra.ci8_conjugate(x) == flipped).all()
    np.testing.assert_allclose(
        algebra.ci8_multiply(x, y, conjugate_x=True), complex_product(flipped, y), atol=atol
    )
    bracket = complex_product(complex_product(x, y), z) - complex_product(x, complex_product(y, z))
    np.testing.assert_allclose(algebra.ci8_associator(x, y, z), bracket, atol=30 * atol)
    np.testing.assert_allclose(algebra.ci8_norm(x), np.linalg.norm(x, axis=0), atol=atol)


@pytest.mark.parametrize("transition", ["right", "left", "two_sided"])
@pytest.mark.parametrize("parts", [1, 2])
def test_operators_and_their_adjoint(points, real, transition, parts):
    u, x, g = points(8), points(8 * parts), points(8 * parts)
    u /= np.linalg.norm(u, axis=0)
    product = {
        "right": lambda u, x: doubled(x, u),
        "left": doubled,
        "two_sided": lambda u, x: doubled(doubled(u, x), u),
    }[transition]
    atol = 10 * tolerance(real)
    turned = np.concatenate([product(u, part) for part in np.split(x, parts)])
    np.testing.assert_allclose(algebra.apply(transition, u, x), turned, atol=atol)
    dx, du = algebra.apply_adjoint(transition, u, x, g)
    np.testing.assert_allclose((dx * x).sum(0), (g * turned).sum(0), atol=atol)
    step = 1e-3  # the operators are polynomials of degree 2 in u: differences are exact
    for k in range(8):
        moved = [
            algebra.apply(transition, v, x)
            for v in (u + step * basis(k, u), u - step * basis(k, u))
        ]
        if transition == "two_sided":
            continue  # there only the part along the sphere is a gradient
        slope = (g * (moved[0] - moved[1])).sum(0) / (2 * step)
        np.testing.assert_allclose(du[k], slope, atol=atol / step)
    for n in range(u.shape[1]):
        matrix = algebra.operator_matrix(transition, np.ascontiguousarray(u[:, n]))
        np.testing.assert_allclose(matrix @ x[:8, n], turned[:8, n], atol=atol)


def basis(k, like):
    e = np.zeros_like(like)
    e[k] = 1
    return e


@pytest.mark.parametrize(
    "pluses, minuses", [(0, 0), (-1, 4), (17, 0), (9, 8), (32768, 2147483647), (2147483647, 1)]
)
def test_counts_of_generators_that_cannot_be_are_refused(pluses, minuses):
    with pytest.raises(lior.Error, match="a sum in 1..16"):
        algebra.clifford_generators(pluses, minuses)


@pytest.mark.parametrize("pluses, minuses", [(1, 0), (3, 1), (0, 5), (4, 4)])
def test_clifford_relation(pluses, minuses):
    gamma = algebra.clifford_generators(pluses, minuses)
    eta = np.diag([1.0] * pluses + [-1.0] * minuses)
    anticommutators = np.einsum("mij,njk->mnik", gamma, gamma)
    anticommutators = anticommutators + anticommutators.swapaxes(0, 1)
    assert (anticommutators == 2 * eta[:, :, None, None] * np.eye(gamma.shape[1])).all()


def test_dirac(rng):
    gamma = algebra.dirac_generators(dtype="complex64")
    assert gamma.dtype == np.complex64
    assert (algebra.dirac_gamma5() == 1j * gamma[0] @ gamma[1] @ gamma[2] @ gamma[3]).all()
    vielbein = rng.standard_normal((4, 4))
    curved = algebra.apply_vielbein(vielbein, gamma.astype(complex))
    np.testing.assert_allclose(curved, np.einsum("ma,aij->mij", vielbein, gamma), atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("pairs", ["full", "packed"])
@pytest.mark.parametrize("adjoint", ["hermitian", "dirac"])
@pytest.mark.parametrize("count", [0, 1, 9])
def test_bilinears(rng, dtype, pairs, adjoint, count):
    def draw(*shape):
        numbers = rng.standard_normal((2, *shape))
        return (numbers[0] + 1j * numbers[1] if dtype[0] == "c" else numbers[0]).astype(dtype)

    d, s = 3, 4
    gamma, psi = draw(d, s, s), draw(count, s)

    def formula(psi, gamma):
        left = psi.conj() @ gamma[0] if adjoint == "dirac" else psi.conj()
        k0 = np.einsum("ni,ni->n", left, psi)
        p = np.einsum("ni,mij,kjl,nl->nmk", left, gamma, gamma, psi)
        k1, k2 = (p - p.swapaxes(1, 2)) / 2, (p + p.swapaxes(1, 2)) / 2
        if pairs == "packed":
            return (
                k0,
                k1[(slice(None), *np.triu_indices(d, 1))],
                k2[(slice(None), *np.triu_indices(d))],
            )
        return k0, k1.reshape(count, d * d), k2.reshape(count, d * d)

    plan = algebra.Bilinears(gamma, pairs=pairs, adjoint=adjoint)
    atol = 2e4 * np.finfo(dtype).eps
    for ours, theirs in zip(plan.forward(psi), formula(psi, gamma)):
        np.testing.assert_allclose(ours, theirs, atol=atol)

    weights = [draw(*k.shape) for k in plan.forward(psi)]
    dpsi, dgamma = plan.backward(psi, *weights)

    def loss(psi, gamma):
        results = formula(psi.astype(complex), gamma.astype(complex))
        return sum((w.conj() * k).sum().real for w, k in zip(weights, results))

    step, d_psi, d_gamma = 1e-5, draw(*psi.shape), draw(*gamma.shape)
    if adjoint == "dirac":
        d_gamma[:] = 0  # dgamma takes the matrix of the adjoint for a constant
    slope = loss(psi + step * d_psi.astype(complex), gamma + step * d_gamma.astype(complex)) - loss(
        psi - step * d_psi.astype(complex), gamma - step * d_gamma.astype(complex)
    )
    along = (dpsi.conj() * d_psi).sum().real + (dgamma.conj() * d_gamma).sum().real
    np.testing.assert_allclose(along, slope / (2 * step), rtol=2e-3, atol=1e3 * atol)
