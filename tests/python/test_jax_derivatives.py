# SPDX-License-Identifier: Apache-2.0
"""Forward mode of lior.jax, gradients through states, and what is refused."""

import numpy
import pytest

jax = pytest.importorskip("jax", reason="jax is missing; scripts/setup.sh tests installs it")

import jax.numpy as jnp  # noqa: E402
import lior.jax as lj  # noqa: E402
from jax_rows import (  # noqa: E402
    CONSTANT,
    LAYER,
    ROWS,
    layer_arrays,
    learned,
    memory_arrays,
    near,
    precise,  # noqa: F401
    same_bits,
)
from lior import memory  # noqa: E402

#: A row of each formula, with all that it has.
FORWARD = [
    "scan complex",
    "scan without gates",
    "readout",
    "readout invariants",
    "bilinears complex",
    "kernel",
    "metric",
    "christoffel",
    "geodesic",
]


def drawn_like(rng, values):
    def draw(array):
        drawn = rng.standard_normal(array.shape)
        if numpy.iscomplexobj(array):
            drawn = drawn + 1j * rng.standard_normal(array.shape)
        return jnp.asarray(drawn, array.dtype)

    return jax.tree.map(draw, values)


def pairing(gradients, moves):
    """What JAX's gradients and tangents are dual in: Re sum g t."""
    parts = zip(jax.tree.leaves(gradients), jax.tree.leaves(moves), strict=True)
    return sum((g * t).sum().real for g, t in parts)


@pytest.mark.parametrize("name", FORWARD)
def test_tangents_are_dual_to_the_kernels_gradients(name, rng):
    """Gradients are the kernels', whose derivation was by hand."""
    call, arrays = (
        ROWS[name].call,
        [jnp.asarray(a) if hasattr(a, "dtype") else a for a in ROWS[name].arrays(rng)],
    )
    moves = drawn_like(rng, arrays)
    for i in CONSTANT.get(name, ()):
        moves[i] = jnp.zeros_like(moves[i])
    results, tangents = jax.jit(lambda a, t: jax.jvp(call, a, t))(arrays, moves)
    same_bits(results, call(*arrays))
    free = [i for i in range(len(arrays)) if i not in CONSTANT.get(name, ())]

    def of_free(*some):
        given = list(arrays)
        for i, array in zip(free, some):
            given[i] = array
        return call(*given)

    for seed in range(3):
        weights = drawn_like(numpy.random.default_rng(seed), results)
        _, pull = jax.vjp(of_free, *(arrays[i] for i in free))
        near(pairing(weights, tangents), pairing(pull(weights), [moves[i] for i in free]))


@pytest.mark.parametrize(
    "name", ["kernel", "scan complex"]
)  # lags have no gradient to compare with
def test_tangents_are_differences(name, rng):
    call, arrays = ROWS[name].call, ROWS[name].arrays(rng)
    moves = drawn_like(rng, arrays)
    # Fourth-order differences: their error is h^4 of a fifth derivative, 1e-12, and rounding over h, 1e-12.
    h = 1e-3
    at = [call(*jax.tree.map(lambda a, t: a + k * h * t, arrays, moves)) for k in (-2, -1, 1, 2)]
    want = jax.tree.map(lambda a, b, c, d: (a - 8 * b + 8 * c - d) / (12 * h), *at)
    near(jax.jvp(call, arrays, moves)[1], want, rtol=1e-8)


def test_jacfwd_is_jacrev(rng):
    psi, gamma = ROWS["bilinears"].arrays(rng)
    call = lambda gamma: lj.bilinears(psi, gamma)
    near(jax.jacfwd(call)(gamma), jax.jacrev(call)(gamma))


def test_tangents_under_vmap_are_a_loop(rng):
    p, h = ROWS["scan complex"].arrays(rng)[:2]
    angles = ROWS["scan complex"].arrays(rng)[2]
    many = numpy.stack([p, 0.5 * p, -p])
    moves = rng.standard_normal(many.shape)

    def along(p, t):
        return jax.jvp(lambda p: ROWS["scan complex"].call(p, h, angles), (p,), (t,))

    each = [along(*one) for one in zip(many, moves)]
    near(jax.vmap(along)(many, moves), jax.tree.map(lambda *parts: numpy.stack(parts), *each))


def test_tangents_inside_lax_scan(rng):
    """In pieces, states carried: those of the whole."""
    p, h = (jnp.asarray(a) for a in ROWS["scan"].arrays(rng))
    moves = drawn_like(rng, (p, h))

    def pieces(p, h):
        def one(state, piece):
            states = lj.ci8_scan(piece, state)
            return states[:, -1], states

        states = jax.lax.scan(one, h, jnp.stack(jnp.split(p, 4, axis=1)))[1]
        return jnp.concatenate(list(states), 1)

    near(jax.jvp(pieces, (p, h), moves), jax.jvp(lj.ci8_scan, (p, h), moves))


def test_the_memory_is_linear_in_x_and_its_state(rng):
    x, raw = memory_arrays(rng)
    moved = rng.standard_normal(x.shape)
    y, tangent = jax.jvp(lambda x: lj.memory(x, raw), (x,), (moved,))
    same_bits((y, tangent), (lj.memory(x, raw), lj.memory(moved, raw)))
    state = jnp.asarray(rng.standard_normal(lj.memory_start(2, 2, 3).shape))
    call = lambda x, state: lj.memory_advance(x, raw, state)
    same_bits(jax.jvp(call, (x, state), (moved, 2 * state))[1], call(moved, 2 * state))
    same_bits(
        jax.jvp(lambda x: call(x, state), (x,), (moved,))[1], call(moved, jnp.zeros_like(state))
    )


def test_an_open_gate_has_a_tangent(rng):
    """Where a is 1 to rounding, sqrt(1 - a^2) is 0 and its slope must not be 0/0."""
    p, h = ROWS["scan"].arrays(rng)
    p[:, :, 24:27] = 800.0  # z
    states, tangent = jax.jvp(lambda p: lj.ci8_scan(p, h), (p,), (numpy.ones_like(p),))
    assert numpy.isfinite(tangent).all() and numpy.isfinite(states).all()


#: Kinds whose states have gradients: zeros at first, or learned unit states, complex ones too.
STREAMS = {
    "mamba": ("geometric_mamba", {"heads": 2, "phase": True, "complex_state": True}),
    "mamba without gates": ("geometric_mamba", {"heads": 2, "gates": False}),
    "linear attention": ("gated_linear_attention", {"heads": 2}),
    "mlp": ("swiglu_mlp", {}),
}


def stream_of(name):
    kind, options = STREAMS[name]
    layer = lj.Layer(kind, 8, **options)
    assert layer.has_step_gradients
    return layer, layer.init(3, "float64")


@pytest.mark.parametrize("name", STREAMS)
def test_gradients_through_steps_are_those_of_the_whole_sequence(name, rng):
    layer, parameters = stream_of(name)
    x, weights = rng.standard_normal((2, 2, 7, 8))

    def in_steps(parameters, x):
        state, parts = layer.initial_state(parameters, 2), []
        for piece in jnp.split(x, [3, 4], axis=1):
            out, state = layer.step(parameters, piece, state)
            parts.append(out)
        return (weights * jnp.concatenate(parts, 1)).sum()

    def whole(parameters, x):
        return (weights * layer(parameters, x)).sum()

    near(*(jax.jit(jax.grad(f, (0, 1)))(parameters, x) for f in (in_steps, whole)))


@pytest.mark.parametrize("name", [name for name in STREAMS if name != "mlp"])
def test_a_step_has_the_gradient_of_its_state(name, rng):
    layer, parameters = stream_of(name)
    x = jnp.asarray(rng.standard_normal((2, 3, 8)))
    state = jnp.asarray(rng.standard_normal(layer.initial_state(parameters, 2).shape))
    out, after = layer.step(parameters, x, state)
    d_out, d_after = rng.standard_normal(out.shape), rng.standard_normal(after.shape)
    pull = jax.vjp(layer.step, parameters, x, state)[1]
    gradients = pull((jnp.asarray(d_out), jnp.asarray(d_after)))
    moves = drawn_like(rng, (parameters, x, state))
    # Fourth-order differences: h^4 = 1e-14 of a fifth derivative of some 10^4 (divisions by |w|), and rounding over h.
    h, total = 3e-4, 0.0
    for k, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
        moved = jax.tree.map(lambda a, t: a + k * h * t, (parameters, x, state), moves)
        out, after = layer.step(*moved)
        total += weight * ((d_out * out).sum() + (d_after * after).sum()) / (12 * h)
    near(pairing(gradients, moves), total, rtol=1e-8)


def test_a_stream_inside_lax_scan_and_vmap(rng):
    layer, parameters = stream_of("mamba")
    x = jnp.asarray(rng.standard_normal((3, 2, 4, 8)))  # three examples

    def loss(parameters, x):
        def one(state, token):
            out, state = layer.step(parameters, token[:, None], state)
            return state, out

        state = layer.initial_state(parameters, 2)
        return (jax.lax.scan(one, state, x.transpose(1, 0, 2))[1] ** 2).sum()

    gradient = jax.jit(jax.grad(loss))
    want = jax.grad(lambda parameters, x: (layer(parameters, x) ** 2).sum())
    near(gradient(parameters, x[0]), want(parameters, x[0]))
    each = [gradient(parameters, one) for one in x]
    each = jax.tree.map(lambda *parts: numpy.stack(parts), *each)
    near(jax.vmap(gradient, (None, 0))(parameters, x), each)


def test_kinds_whose_states_have_no_gradient_say_so(rng):
    layer = lj.Layer("attention", 8, heads=2, window=4)
    parameters, x = layer.init(0, "float64"), rng.standard_normal((1, 2, 8))
    state = layer.initial_state(parameters, 1)
    assert not layer.has_step_gradients
    step = lambda x: layer.step(parameters, x, state)[0].sum()
    for derivative in (lambda: jax.grad(step)(x), lambda: jax.jvp(step, (x,), (x,))):
        with pytest.raises(NotImplementedError, match="its states have none"):
            derivative()


REFUSED = {
    "second": (
        lambda p, h: jax.grad(
            lambda p: jax.grad(lambda p: (lj.ci8_scan(p, h) ** 2).sum())(p).sum()
        )(p),
        "no further derivatives",
    ),
    "hessian": (
        lambda p, h: jax.hessian(lambda p: (lj.ci8_scan(p, h) ** 2).sum())(p),
        "no further derivatives",
    ),
    "twice forward": (
        lambda p, h: jax.jvp(
            lambda p: jax.jvp(lambda p: lj.ci8_scan(p, h), (p,), (p,)), (p,), (p,)
        ),
        "no further derivatives",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_goes_beyond_first_derivatives_raises(name, rng):
    call, words = REFUSED[name]
    with pytest.raises(NotImplementedError, match=words):
        call(*ROWS["scan"].arrays(rng))


@pytest.mark.parametrize("how", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_forward_mode_is_refused_in_words_where_there_is_none(how, rng):
    parameters, x = layer_arrays(rng)
    with pytest.raises(
        NotImplementedError, match="lior.jax.Layer has no derivative in forward mode"
    ):
        how(lambda x: jax.jvp(lambda x: LAYER(parameters, x), (x,), (x,)))(x)
    x, raw = memory_arrays(rng)
    with pytest.raises(NotImplementedError, match="forward mode with respect to raw"):
        how(lambda raw: jax.jvp(lambda raw: lj.memory(x, raw), (raw,), (raw,)))(raw)
    state = lj.memory_start(2, 2, 3)
    with pytest.raises(NotImplementedError, match="memory_advance has no gradient"):
        how(jax.grad(lambda x: lj.memory_advance(x, raw, state)[0].sum()))(x)


def test_metrics_that_a_text_names_have_no_derivatives(rng):
    metric, x = learned(rng), rng.uniform(-0.5, 0.5, (2, 3))
    for call, words in [
        (lambda x: lj.christoffel("sphere", x), "LearnedMetric has"),
        (lambda x: lj.exp_map(metric, x, x)[0], "geodesic of a LearnedMetric has"),
        (lambda x: lj.geodesics(metric, x, x, [1.0]).x, "geodesic of a LearnedMetric has"),
    ]:
        with pytest.raises(NotImplementedError, match=words):
            jax.grad(lambda x: call(x).sum())(x)


def test_lags_have_tangents_and_no_gradient(rng):
    raw, lag = memory.default_kernel(), rng.uniform(1, 2, 3)
    with pytest.raises(NotImplementedError, match="with respect to lags"):
        jax.grad(lambda lag: lj.lior_kernel(raw, lag).sum())(lag)
    many = numpy.stack([raw, 2 * raw])
    gradient = jax.grad(lambda raw: lj.lior_kernel(raw, lag).sum())
    same_bits(jax.vmap(gradient)(many), numpy.stack([gradient(raw) for raw in many]))
