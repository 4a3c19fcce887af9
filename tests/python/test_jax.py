# SPDX-License-Identifier: Apache-2.0
"""lior.jax: values with the bits of the NumPy functions, gradients as JAX's own of plain formulas, jit, vmap."""

import lior
import numpy
import pytest

jax = pytest.importorskip("jax", reason="jax is missing; scripts/setup.sh tests installs it")

import jax.numpy as jnp  # noqa: E402
import lior.jax as lj  # noqa: E402
from jax.test_util import check_grads  # noqa: E402
from jax_rows import (  # noqa: E402
    CONSTANT,
    LAYER,
    ROWS,
    in_numpy,
    learned,
    memory_arrays,
    near,
    precise,  # noqa: F401
    same_bits,
)
from lior import geometry, memory, nn  # noqa: E402

rows = pytest.mark.parametrize("name", ROWS)


def loss_of(call, name, arrays):
    """A real number that every result has a part in, with weights that tell components apart; its gradient is with
    respect to all arrays that have one."""
    free = [i for i in range(len(arrays)) if i not in CONSTANT.get(name, ())]

    def loss(*some):
        given = list(arrays)
        for i, array in zip(free, some):
            given[i] = array
        total = 0.0
        for result in jax.tree.leaves(call(*given)):
            weights = jnp.cos(jnp.arange(result.size).reshape(result.shape))
            total += (weights * (result.real + result.real**2 + 2 * result.imag)).sum()
        return total

    gradient = jax.grad(loss, argnums=tuple(range(len(free))))
    return jax.jit(gradient), [arrays[i] for i in free]


@rows
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_have_the_bits_of_numpys_functions(name, dtype, rng):
    row = ROWS[name]

    def narrow(array):
        if dtype == "float64":
            return array
        kind = "complex64" if array.dtype.kind == "c" else "float32"
        return numpy.asarray(array).astype(kind)

    arrays = jax.tree.map(narrow, row.arrays(rng))
    got, want = row.call(*arrays), row.of_numpy(*arrays)
    assert {leaf.dtype for leaf in jax.tree.leaves(got)} == {
        leaf.dtype for leaf in jax.tree.leaves(want)
    }
    same_bits(got, want)
    same_bits(jax.jit(row.call)(*arrays), want)


@rows
def test_values_and_gradients_are_those_of_the_plain_formula(name, rng):
    row = ROWS[name]
    arrays = row.arrays(rng)
    if row.formula is None:
        return check_grads(row.call, arrays, order=1, modes=["rev"])
    near(row.call(*arrays), jax.jit(row.formula)(*arrays))
    gradient, free = loss_of(row.call, name, arrays)
    formula, _ = loss_of(row.formula, name, arrays)
    near(gradient(*free), formula(*free))


def apart(row, arrays):
    """Three of everything that is not shared, along a new first axis, and vmap's in_axes."""
    many = [
        array if axis is None else numpy.stack([array, 0.5 * array, -array])
        for array, axis in zip(arrays, row.axes)
    ]
    return many, tuple(None if axis is None else 0 for axis in row.axes)


def one_of(many, axes, i):
    return [array if axis is None else array[i] for array, axis in zip(many, axes)]


def in_a_loop(call, many, axes):
    results = [call(*one_of(many, axes, i)) for i in range(3)]
    return jax.tree.map(lambda *parts: numpy.stack(parts), *results)


@rows
def test_vmap_is_a_loop_over_calls(name, rng):
    row = ROWS[name]
    many, axes = apart(row, row.arrays(rng))
    got, want = jax.vmap(row.call, axes)(*many), in_a_loop(row.call, many, axes)
    if name == "layer":  # whose products round by their number of rows
        near(got, want, rtol=1e-14)
    else:
        same_bits(got, want)


@pytest.mark.parametrize(
    "name", ["scan complex", "bilinears complex", "memory", "layer", "christoffel", "geodesic"]
)
def test_gradients_of_vmap_and_vmap_of_gradients(name, rng):
    row = ROWS[name]
    many, axes = apart(row, row.arrays(rng))
    gradient, _ = loss_of(row.call, name, many)
    each = in_a_loop(gradient, many, axes)
    near(jax.vmap(gradient, axes)(*many), each)

    def together(*arrays):
        weights = jnp.arange(1, 4)
        total = 0.0
        for result in jax.tree.leaves(jax.vmap(row.call, axes)(*arrays)):
            total += (weights @ result.reshape(3, -1).real).sum()
        return total

    def one_by_one(*arrays):
        total = 0.0
        for i in range(3):
            for result in jax.tree.leaves(row.call(*one_of(arrays, axes, i))):
                total += (i + 1) * result.real.sum()
        return total

    gradients = [jax.jit(jax.grad(f, tuple(range(len(many))))) for f in (together, one_by_one)]
    near(*(gradient(*many) for gradient in gradients))


@pytest.mark.parametrize("shared", [0, 1, 2])
def test_vmap_over_what_the_kernel_shares(shared, rng):
    """Angles of every example, or projections or states that all examples have in common."""
    row = ROWS["scan complex"]
    arrays = row.arrays(rng)
    many = [a if i == shared else numpy.stack([a, 0.5 * a, -a]) for i, a in enumerate(arrays)]
    axes = tuple(None if i == shared else 0 for i in range(3))
    same_bits(jax.vmap(row.call, axes)(*many), in_a_loop(row.call, many, axes))


def test_vmap_of_vmap_and_other_axes(rng):
    p, h = ROWS["scan"].arrays(rng)
    many = numpy.stack([numpy.stack([p, 2 * p]), numpy.stack([-p, p]), numpy.stack([p, p + 1])])
    got = jax.vmap(jax.vmap(lj.ci8_scan, (0, None)), (0, None))(many, h)
    same_bits(got, numpy.stack([numpy.stack([lj.ci8_scan(q, h) for q in some]) for some in many]))
    turned = numpy.moveaxis(many[:, 0], 0, 2)
    got = jax.vmap(lj.ci8_scan, (2, None), 3)(turned, h)
    same_bits(numpy.moveaxis(got, 3, 0), numpy.stack([lj.ci8_scan(q, h) for q in many[:, 0]]))


@pytest.mark.parametrize("kind", nn.layer_kinds())
def test_every_kind_of_layer_has_the_bits_and_gradients_of_numpys(kind, rng):
    layer, of_numpy = lj.Layer(kind, 16), nn.Layer(kind, 16)
    parameters = layer.init(3, "float64")
    arrays = {name: numpy.asarray(values) for name, values in parameters.items()}
    x, d_out = rng.standard_normal((2, 2, 7, 16))
    out, pull = jax.vjp(layer, parameters, x)
    want, saved = of_numpy.forward(arrays, x)
    same_bits(out, want)
    dx, gradients = of_numpy.backward(arrays, x, saved, d_out)
    same_bits(pull(jnp.asarray(d_out)), (gradients, dx))


@pytest.mark.parametrize("kind", nn.layer_kinds())
def test_steps_of_a_layer_are_its_whole_sequence(kind, rng):
    layer = lj.Layer(kind, 16)
    parameters = layer.init(3, "float64")
    x = rng.standard_normal((2, 7, 16))
    state, parts = layer.initial_state(parameters, 2), []
    for piece in jnp.split(x, [3, 4], axis=1):
        out, state = jax.jit(layer.step)(parameters, piece, state)
        parts.append(out)
    near(jnp.concatenate(parts, 1), layer(parameters, x), rtol=1e-12)


def test_a_layer_says_what_it_is():
    layer = lj.Layer("geometric_mamba", 8, heads=2, transition="left")
    assert layer.kind == "geometric_mamba" and layer.d_model == 8
    assert layer.options["heads"] == 2 and layer.shapes["norm.weight"] == (8,)
    assert eval(repr(layer), {"lior": lior}).options == layer.options
    same_bits(layer.init(5), nn.Layer("geometric_mamba", 8, heads=2, transition="left").start(5))


def test_a_scan_inside_lax_scan_goes_on_where_the_last_ended(rng):
    p, h = ROWS["scan"].arrays(rng)

    def one(state, piece):
        states = lj.ci8_scan(piece, state)
        return states[:, -1], states

    def whole(p, h):
        last, states = jax.lax.scan(one, h, jnp.stack(jnp.split(p, 4, axis=1)))
        return last, jnp.concatenate(list(states), 1)

    last, states = jax.jit(whole)(p, h)
    near(states, lj.ci8_scan(p, h))
    same_bits(last, states[:, -1])
    near(
        jax.grad(lambda p, h: (whole(p, h)[1] ** 3).sum(), (0, 1))(p, h),
        jax.grad(lambda p, h: (lj.ci8_scan(p, h) ** 3).sum(), (0, 1))(p, h),
    )


def test_memory_goes_on_after_its_state(rng):
    x, raw = memory_arrays(rng)
    state, parts = lj.memory_start(2, 2, 3), []
    for piece in jnp.split(x, [1, 4], axis=1):
        y, state = lj.memory_advance(piece, raw, state)
        parts.append(y)
    near(jnp.concatenate(parts, 1), lj.memory(x, raw), rtol=1e-12)
    many, first = numpy.stack([x, 2 * x]), lj.memory_start(2, 2, 3)
    got = jax.vmap(lambda x: lj.memory_advance(x, raw, first))(many)
    want = [lj.memory_advance(x, raw, first) for x in many]
    same_bits(got, tuple(numpy.stack(parts) for parts in zip(*want)))


def test_states_of_the_memory_need_float64():
    jax.config.update("jax_enable_x64", False)
    with pytest.raises(RuntimeError, match="jax_enable_x64"):
        lj.memory_start(1, 1, 1)


@pytest.mark.parametrize("metric", ["sphere:n=2", "expr:r, phi; dr^2 + sinh(r)^2*dphi^2"])
def test_metrics_that_a_text_names(metric, rng):
    x, v = rng.uniform(0.5, 1.2, (2, 2, 4))
    same_bits(lj.metric_values(metric, x), geometry.metric_values(metric, x))
    same_bits(lj.christoffel(geometry.Metric(metric), x), geometry.christoffel(metric, x))
    same_bits(lj.exp_map(metric, x, v), geometry.exp_map(metric, x, v))
    options = dict(method="dop853", rtol=1e-10)
    times = numpy.linspace(0, 1, 3)
    got = jax.jit(lambda x, v: lj.geodesics(metric, x, v, times, **options))(x, v)
    same_bits(got, lj.Paths(*geometry.geodesics(metric, x, v, times, **options)))
    many = numpy.stack([x, x + 0.1, x + 0.2])
    got = jax.vmap(lambda x: lj.geodesics(metric, x, v, times))(many)
    each = [lj.geodesics(metric, x, v, times) for x in many]
    same_bits(got, jax.tree.map(lambda *parts: numpy.stack(parts), *each))


def test_learned_metrics_have_geodesics_of_every_method(rng):
    metric = learned(rng)
    x, v = rng.uniform(-0.5, 0.5, (2, 2, 3))
    same_bits(lj.exp_map(metric, x, v), geometry.exp_map(in_numpy(metric), x, v))
    got = lj.geodesics(metric, x, v, [0.5, 1.0], rtol=1e-6)
    same_bits(got, lj.Paths(*geometry.geodesics(in_numpy(metric), x, v, [0.5, 1.0], rtol=1e-6)))


def test_a_geodesic_that_cannot_go_on_is_nan(rng):
    metric = learned(rng)
    x, v = rng.uniform(-0.5, 0.5, (2, 2, 2))
    v[:, 1] = 1e300
    end, speed = lj.geodesic(metric, x, v)
    assert jnp.isfinite(end[:, 0]).all() and jnp.isnan(end[:, 1]).all()
    assert jnp.isnan(speed[:, 1]).all()


def test_arrays_of_any_layout(rng):
    p, h = ROWS["scan"].arrays(rng)
    want = lj.ci8_scan(p, h)
    wide = jnp.asarray(numpy.repeat(p, 2, axis=1))
    same_bits(lj.ci8_scan(wide[:, ::2], h), want)
    turned = jnp.asarray(p.transpose(1, 2, 0))
    same_bits(jax.jit(lambda t: lj.ci8_scan(t.transpose(2, 0, 1), h))(turned), want)
    same_bits(lj.ci8_scan(numpy.asfortranarray(p), h[:, ::-1][:, ::-1]), want)


def test_empty_arrays(rng):
    width = nn.MixerConfig(heads=3).projection_width
    for batch, length in [(0, 4), (2, 0), (0, 0)]:
        states = lj.ci8_scan(numpy.zeros((batch, length, width)), numpy.zeros((batch, 8, 3)))
        assert states.shape == (batch, length, 8, 3)
    p, h = numpy.zeros((2, 0, width)), rng.standard_normal((2, 8, 3))
    d_p, d_h = jax.grad(lambda p, h: lj.ci8_scan(p, h).sum(), (0, 1))(p, h)
    assert d_p.shape == p.shape and not d_h.any()
    assert lj.christoffel("sphere", numpy.zeros((2, 0))).shape == (2, 2, 2, 0)
    assert jax.vmap(lj.ci8_scan)(
        numpy.zeros((0, 1, 2, width)), numpy.zeros((0, 1, 8, 3))
    ).shape == ((0, 1, 2, 8, 3))


REFUSED = {
    "shape": (lambda a: lj.ci8_scan(a["p"][..., 1:], a["h"]), ValueError, r"projection has shape"),
    "rank": (lambda a: lj.ci8_scan(a["p"], a["h"][0]), ValueError, r"expected \(B, 8, H\)"),
    "batch": (lambda a: lj.ci8_scan(a["p"], a["h"][:1]), ValueError, r"B = 2 as in projection"),
    "angles": (lambda a: lj.ci8_scan(a["p"], a["h"], a["t"]), ValueError, "angles are given"),
    "option": (lambda a: lj.ci8_scan(a["p"], a["h"], factors=9), ValueError, "factors is 9"),
    "word": (lambda a: lj.ci8_scan(a["p"], a["h"], transition="up"), ValueError, "transition"),
    "half": (lambda a: lj.ci8_scan(a["p"].astype("float16"), a["h"]), TypeError, "float16"),
    "bfloat": (lambda a: lj.ci8_scan(a["p"].astype("bfloat16"), a["h"]), TypeError, "bfloat16"),
    "whole": (lambda a: lj.ci8_scan(a["p"].astype("int32"), a["h"]), TypeError, "int32"),
    "mixed": (lambda a: lj.ci8_scan(a["p"], a["h"].astype("float32")), TypeError, "initial has"),
    "kind": (lambda a: lj.readout(a["h"][:, None], "loud"), ValueError, "readout 'loud'"),
    "gamma": (lambda a: lj.bilinears(a["h"][0], a["h"]), ValueError, r"expected \(d, s, s\)"),
    "kernel": (lambda a: lj.memory(a["h"], a["h"]), ValueError, r"raw has shape .* \(H, 12\)"),
    "layer": (lambda a: LAYER({}, a["h"]), ValueError, "parameters lack 'norm.weight'"),
    "more": (lambda a: LAYER({"more": 1}, a["h"]), ValueError, "parameters have 'more'"),
    "metric": (lambda a: lj.christoffel("cube", a["t"][:2]), ValueError, "cube"),
    "points": (lambda a: lj.christoffel("sphere", a["t"]), ValueError, r"expected \(2, N\)"),
    "method": (
        lambda a: lj.exp_map("sphere", a["t"][:2], a["t"][:2], method="x"),
        ValueError,
        "'x'",
    ),
    "unnamed": (lambda a: lj.geodesic("sphere", a["t"], a["t"]), TypeError, "LearnedMetric"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("how", [lambda f: f, jax.jit], ids=["eager", "jit"])
def test_errors_are_said_while_jax_traces(name, how, rng):
    call, kind, words = REFUSED[name]
    p, h = (jnp.asarray(a) for a in ROWS["scan"].arrays(rng))
    with pytest.raises(kind, match=words):
        how(call)({"p": p, "h": h, "t": jnp.ones((8, 3))})


def test_errors_of_numbers_are_said_by_the_call():
    with pytest.raises(Exception, match="point 1 .* is outside the metric's domain") as raised:
        jax.jit(lambda x: lj.christoffel("half_plane", x))(numpy.array([[0.0, 0.0], [1.0, -1.0]]))
    assert "INVALID_ARGUMENT" in str(raised.value)


def test_other_platforms_are_refused_in_words():
    from lior._lior import xla

    jax.ffi.register_ffi_target("lior_elsewhere", xla.refusal(), platform="cpu")
    call = jax.ffi.ffi_call("lior_elsewhere", jax.ShapeDtypeStruct((), "float32"))
    with pytest.raises(Exception, match="lior.jax runs on the CPU"):
        call().block_until_ready()


def test_programs_that_lior_did_not_make_are_refused():
    call = jax.ffi.ffi_call("lior", jax.ShapeDtypeStruct((), "float32"))
    for attributes, words in [
        ({}, "no attribute 'operation'"),
        ({"operation": "nothing", "options": "{}"}, "no operation 'nothing'"),
        ({"operation": "lior_kernel", "options": "{}"}, "the call has 0 arrays; expected "),
        ({"operation": "ci8_scan", "options": "{}"}, "options lack '"),
        ({"operation": "ci8_scan", "options": "8"}, "expected an object of JSON"),
        ({"operation": "memory", "options": '{"tolerance": "8", "horizon": 9}'}, "tolerance is "),
    ]:
        with pytest.raises(Exception, match=words):
            call(**attributes).block_until_ready()
    lag, raw = jnp.ones(3), jnp.asarray(memory.default_kernel())
    for shapes, words in [([4], "out has shape"), ([3, 3], "out has 2 arrays; expected 1")]:
        results = [jax.ShapeDtypeStruct((n,), "float64") for n in shapes]
        with pytest.raises(Exception, match=words.replace("out has shape", r"out\[0\] has shape")):
            jax.ffi.ffi_call("lior", results)(lag, raw, operation="lior_kernel", options="{}")


def test_calls_use_liors_threads_and_give_the_same_bits(rng):
    width = nn.MixerConfig(heads=8).projection_width
    p, h = rng.standard_normal((4, 300, width)), rng.standard_normal((4, 8, 8))
    before, results = lior.threads(), []
    try:
        for count in (1, 2):
            lior.set_threads(count)
            results.append(lj.ci8_scan(p, h))
    finally:
        lior.set_threads(before)
    same_bits(*results)


def test_a_program_is_exported(rng):
    from jax import export

    p, h = ROWS["scan"].arrays(rng)
    made = export.export(
        jax.jit(lj.ci8_scan), disabled_checks=[export.DisabledSafetyCheck.custom_call("lior")]
    )(p, h)
    same_bits(made.call(p, h), lj.ci8_scan(p, h))
