# SPDX-License-Identifier: Apache-2.0
"""Logarithms and distances of lior.jax, and their derivatives."""

import numpy
import pytest

jax = pytest.importorskip("jax", reason="jax is missing; scripts/setup.sh tests installs it")

import jax.numpy as jnp  # noqa: E402
import lior.jax as lj  # noqa: E402
from jax_rows import in_numpy, learned, near, precise, same_bits  # noqa: E402, F401
from lior import geometry  # noqa: E402

TIGHT = {"method": "dop853", "rtol": 1e-11, "atol": 1e-13}


def pairs(rng, d=2, count=3):
    return rng.uniform(-0.4, 0.4, (2, d, count))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["ball:n=2", "torus", "learned"])
def test_values_have_the_bits_of_numpys_functions(name, dtype, rng):
    x, y = pairs(rng).astype(dtype)
    metric = of_numpy = name
    if name == "learned":
        metric = jax.tree.map(lambda p: p.astype(dtype), learned(rng))
        of_numpy = in_numpy(metric)
    options = {"rtol": 1e-5, "atol": 1e-6}
    for how in (lambda f: f, jax.jit):
        got = how(lambda x, y: lj.log_map(metric, x, y, **options))(x, y)
        same_bits(got, lj.Logarithm(*geometry.log_map(of_numpy, x, y, **options)))
        got = how(lambda x, y: lj.distance(metric, x, y, **options))(x, y)
        same_bits(got, geometry.distance(of_numpy, x, y, **options))


def test_distances_of_the_half_plane_change_as_their_formula(rng):
    x, y = rng.uniform(0.5, 2, (2, 2, 4))

    def formula(x, y):
        return jnp.arccosh(1 + ((x - y) ** 2).sum(0) / (2 * x[1] * y[1]))

    def ours(x, y):
        return lj.distance("half_plane", x, y)

    near(ours(x, y), formula(x, y))
    weights = rng.standard_normal(4)
    gradients = (
        jax.jit(jax.grad(lambda x, y, f=f: weights @ f(x, y), (0, 1))) for f in (ours, formula)
    )
    near(*(gradient(x, y) for gradient in gradients))
    moves = tuple(rng.standard_normal((2, 2, 4)))
    near(jax.jvp(ours, (x, y), moves)[1], jax.jvp(formula, (x, y), moves)[1])


CALLS = {
    "distance": lambda metric, x, y: lj.distance(metric, x, y, **TIGHT),
    "log_map": lambda metric, x, y: lj.log_map(metric, x, y, **TIGHT).v,
}


def moved(rng, arguments):
    return jax.tree.map(lambda a: jnp.asarray(rng.standard_normal(a.shape)), arguments)


@pytest.mark.parametrize("name", CALLS)
def test_of_a_learned_metric_both_modes_are_differences(name, rng):
    call, arguments = CALLS[name], (learned(rng), *pairs(rng))
    moves = moved(rng, arguments)
    value, tangent = jax.jvp(call, arguments, moves)
    # Shooting ends 1e-11 off, over h 1e-8; h^4 of a fifth derivative, of which distances of near points have much.
    h = 1e-3
    at = [call(*jax.tree.map(lambda a, t: a + k * h * t, arguments, moves)) for k in (-2, -1, 1, 2)]
    near(tangent, (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * h), rtol=1e-6)
    weights = rng.standard_normal(value.shape)
    gradient = jax.vjp(call, *arguments)[1](jnp.asarray(weights))
    along = sum((g * t).sum() for g, t in zip(jax.tree.leaves(gradient), jax.tree.leaves(moves)))
    near((weights * tangent).sum(), along)


@pytest.mark.parametrize("name", CALLS)
def test_vmap_is_a_loop(name, rng):
    metric, (x, y) = learned(rng), pairs(rng)
    loss = jax.jit(jax.grad(lambda x, y: (CALLS[name](metric, x, y) ** 2).sum()))
    many = numpy.stack([x, 0.5 * x])
    each = numpy.stack([loss(one, y) for one in many])
    near(jax.vmap(loss, (0, None))(many, y), each)


def test_equal_points_and_lost_ones_have_no_gradient(rng):
    metric = learned(rng)
    x = jnp.asarray([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]])
    y = x.at[:, 1].add(30.0).at[:, 2].add(0.01)
    steps = {"most_steps": 2}  # too few for the second pair

    def total(metric, x, y):
        return jnp.nansum(lj.distance(metric, x, y, **steps))

    lengths = lj.distance(metric, x, y, **steps)
    assert lengths[0] == 0 and numpy.isnan(lengths[1]) and lengths[2] > 0
    gradients = jax.grad(total, (0, 1, 2))(metric, x, y)
    of_metric, dx, dy = gradients
    assert all(numpy.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    assert not dx[:, :2].any() and not dy[:, :2].any() and dx[:, 2].all()
    found = lj.log_map(metric, x, y, **steps)
    assert not found.converged[1]
    dv = jax.grad(lambda y: lj.log_map(metric, x, y, **steps).v.sum())(y)
    assert not dv[:, 1].any() and dv[:, 2].all()


def test_what_has_no_derivative_says_so(rng):
    x, y = pairs(rng)
    with pytest.raises(NotImplementedError, match="log_map has no derivative .*LearnedMetric has"):
        jax.grad(lambda x: lj.log_map("ball:n=2", x, y).v.sum())(x)
    with pytest.raises(NotImplementedError, match="no further derivatives"):
        jax.hessian(lambda x: lj.distance("ball:n=2", x, y).sum())(x)
    with pytest.raises(Exception, match="distances are of Riemannian metrics"):
        lj.distance("schwarzschild", *rng.uniform(5, 6, (2, 4, 1)))
