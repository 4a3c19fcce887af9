# SPDX-License-Identifier: Apache-2.0
"""The algebra beside long double, for drawn shapes, layouts, types and sizes of numbers."""

import lior
import numpy as np
import pytest
from formulas import conjugate, doubled
from hypothesis import given
from hypothesis import strategies as st
from lior import algebra
from properties import REAL, any_array, arrays, few, out_like, wide

COUNT = st.integers(0, 9)


def norm(x):
    return np.sqrt((wide(x) ** 2).sum(0))


def complex_product(x, y):
    (a, b), (c, d) = np.split(x, 2), np.split(y, 2)
    return np.concatenate([doubled(a, c) - doubled(b, d), doubled(a, d) + doubled(b, c)])


def assert_within(got, want, bound):
    """Point by point, in the units of the header: bound is a number for each."""
    assert got.dtype.kind == "f" and got.shape == want.shape
    # A product of the smallest numbers may be subnormal.
    assert (norm(wide(got) - want) <= bound + 64 * np.finfo(got.dtype).tiny).all()


@few
@given(st.data(), REAL, COUNT, st.sampled_from([4, 8, 16]), st.integers(0, 3))
def test_products(data, real, count, rows, layout):
    x, y = (data.draw(arrays((rows, count), real, spread=12)) for _ in range(2))
    product, roundings, formula = {
        4: (algebra.quaternion_multiply, 8, doubled),
        8: (algebra.octonion_multiply, 8, doubled),
        16: (algebra.ci8_multiply, 16, complex_product),
    }[rows]
    out = out_like(layout, x.shape, real)
    assert product(x, y, out=out) is out
    bound = roundings * np.finfo(real).eps * norm(x) * norm(y)
    assert_within(out, formula(wide(x), wide(y)), bound)
    assert (product(x, y) == out).all()
    if rows < 16:  # |x y| = |x| |y|
        assert (abs(norm(out) - norm(x) * norm(y)) <= bound + 64 * np.finfo(real).tiny).all()


@few
@given(st.data(), REAL, COUNT)
def test_rotations(data, real, count):
    q, v = data.draw(arrays((4, count), real)), data.draw(arrays((3, count), real, spread=9))
    q = (wide(q) / norm(q)).astype(real)
    w = wide(q)
    turned = doubled(doubled(w, np.concatenate([0 * wide(v[:1]), wide(v)])), conjugate(w))[1:]
    # q is a unit to 2 eps only, which scales the formula's result by 4 eps.
    assert_within(algebra.quaternion_rotate(q, v), turned, 20 * np.finfo(real).eps * norm(v))


@few
@given(st.data(), REAL, COUNT, st.booleans(), st.booleans())
def test_complex_octonions(data, real, count, conjugate_x, conjugate_y):
    x, y, z = (data.draw(arrays((16, count), real, spread=3)) for _ in range(3))
    eps = np.finfo(real).eps
    flip = lambda a: np.concatenate([conjugate(part) for part in np.split(a, 2)])
    assert (algebra.ci8_conjugate(x) == flip(x)).all()
    a, b = (flip(wide(x)) if conjugate_x else wide(x)), (flip(wide(y)) if conjugate_y else wide(y))
    got = algebra.ci8_multiply(x, y, conjugate_x=conjugate_x, conjugate_y=conjugate_y)
    assert_within(got, complex_product(a, b), 16 * eps * norm(x) * norm(y))
    x, y, z = wide(x), wide(y), wide(z)
    bracket = complex_product(complex_product(x, y), z) - complex_product(x, complex_product(y, z))
    got = algebra.ci8_associator(*(part.astype(real) for part in (x, y, z)))
    assert_within(got, bracket, 64 * eps * norm(x) * norm(y) * norm(z))
    sizes = algebra.ci8_norm(x.astype(real))
    assert (abs(sizes - norm(x)) <= 8 * eps * norm(x)).all()


@few
@given(
    st.data(),
    REAL,
    COUNT,
    st.sampled_from(["right", "left", "two_sided"]),
    st.sampled_from([8, 16]),
)
def test_turns_and_their_adjoints(data, real, count, transition, rows):
    u, x, g = (data.draw(arrays((n, count), real)) for n in (8, rows, rows))
    u = (wide(u) / norm(u)).astype(real)
    turn = {
        "right": lambda u, x: doubled(x, u),
        "left": doubled,
        "two_sided": lambda u, x: doubled(doubled(u, x), u),
    }[transition]
    parts = np.split(wide(x), rows // 8)
    turned = np.concatenate([turn(wide(u), part) for part in parts])
    eps = np.finfo(real).eps
    assert_within(algebra.apply(transition, u, x), turned, 20 * eps * norm(x))
    dx, du = algebra.apply_adjoint(transition, u, x, g)
    inner = (wide(dx) * wide(x)).sum(0) - (wide(g) * turned).sum(0)  # <F^T g, x> = <g, F x>
    assert (abs(inner) <= 40 * eps * norm(x) * norm(g)).all()
    along = (wide(du) * wide(u)).sum(0)  # F is of degree 1 or 2 in u: <du, u> = degree <g, F x>
    if transition != "two_sided":
        assert (abs(along - (wide(g) * turned).sum(0)) <= 40 * eps * norm(x) * norm(g)).all()
    for n in range(count):
        matrix = algebra.operator_matrix(transition, u[:, n])
        assert np.allclose(matrix @ x[:8, n], turned[:8, n], rtol=0, atol=40 * eps * norm(x)[n])


@few
@given(st.integers(-3, 2**40), st.integers(-3, 2**40))
def test_clifford_generators_of_any_size(pluses, minuses):
    pluses, minuses = (n if n < 2**20 else n % 6 for n in (pluses, minuses))
    if pluses < 0 or minuses < 0 or not 1 <= pluses + minuses <= 16:
        with pytest.raises(ValueError, match="sum in 1..16"):
            algebra.clifford_generators(pluses, minuses)
        return
    if pluses + minuses > 10:
        return  # matrices of 64 x 64 and more, in 1,024 products
    gamma = algebra.clifford_generators(pluses, minuses)
    products = np.einsum("mij,njk->mnik", gamma, gamma)
    eta = np.diag([1.0] * pluses + [-1.0] * minuses)
    unit = np.eye(gamma.shape[1])
    assert (products + products.swapaxes(0, 1) == 2 * eta[:, :, None, None] * unit).all()


@few
@given(st.data(), st.sampled_from(["c8", "c16"]), st.integers(1, 5))
def test_vielbeins(data, dtype, d):
    gamma = algebra.clifford_generators(d).astype(dtype)
    e = data.draw(arrays((d, d), gamma.real.dtype, spread=3))
    want = np.einsum("ma,aij->mij", wide(e), wide(gamma))
    eps = np.finfo(dtype).eps
    got = algebra.apply_vielbein(e, gamma)
    assert (abs(got - want) <= 8 * eps * abs(wide(e)).sum(1)[:, None, None]).all()


@few
@given(
    st.data(), st.sampled_from(["f4", "f8", "c8", "c16"]), st.integers(1, 5), st.integers(1, 5),
    st.integers(0, 6), st.sampled_from(["full", "packed"]), st.sampled_from(["hermitian", "dirac"]),
)  # fmt: skip
def test_bilinears(data, dtype, d, s, count, pairs, adjoint):
    gamma, psi = data.draw(arrays((d, s, s), dtype)), data.draw(arrays((count, s), dtype, spread=2))
    g, p = wide(gamma), wide(psi)
    left = p.conj() @ g[0] if adjoint == "dirac" else p.conj()
    k0 = np.einsum("ni,ni->n", left, p)
    pair = np.einsum("ni,mij,kjl,nl->nmk", left, g, g, p, optimize=False)
    k1, k2 = (pair - pair.swapaxes(1, 2)) / 2, (pair + pair.swapaxes(1, 2)) / 2
    if pairs == "packed":
        k1, k2 = k1[(slice(None), *np.triu_indices(d, 1))], k2[(slice(None), *np.triu_indices(d))]
    else:
        k1, k2 = (k.reshape(count, d * d) for k in (k1, k2))
    plan = algebra.Bilinears(gamma, pairs=pairs, adjoint=adjoint)
    size = np.linalg.norm(gamma.reshape(d, -1), axis=1).max() ** (3 if adjoint == "dirac" else 2)
    scale = (1 + size) * (abs(psi) ** 2).sum(1)
    for got, want in zip(plan.forward(psi), (k0, k1, k2)):
        assert got.shape == want.shape
        bound = 32 * s * np.finfo(dtype).eps * scale
        assert (abs(got - want) <= (bound if want.ndim == 1 else bound[:, None])).all()


#: Every function of planes, with arguments that fit.
CALLS = {
    "quaternion_multiply": [(4, 3), (4, 3)],
    "quaternion_rotate": [(4, 3), (3, 3)],
    "octonion_multiply": [(8, 3), (8, 3)],
    "ci8_multiply": [(16, 3), (16, 3)],
    "ci8_associator": [(16, 3), (16, 3), (16, 3)],
    "ci8_conjugate": [(16, 3)],
    "ci8_norm": [(16, 3)],
    "apply_vielbein": [(3, 3), (3, 2, 2)],
}


@few
@given(st.sampled_from(sorted(CALLS)), st.data())
def test_what_does_not_fit_is_an_error(name, data):
    arguments = [np.ones(shape) for shape in CALLS[name]]
    arguments[data.draw(st.integers(0, len(arguments) - 1))] = data.draw(any_array())
    try:
        result = getattr(algebra, name)(*arguments)
    except (TypeError, lior.Error) as error:
        assert "expected" in str(error)
    else:
        assert isinstance(result, np.ndarray)
