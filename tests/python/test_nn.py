# SPDX-License-Identifier: Apache-2.0
"""Layers beside the formulas of docs/math/conventions.md, section 4, in NumPy."""

import math

import lior
import numpy as np
import pytest
from formulas import along, doubled, layouts, sigmoid, slope
from lior import nn

MIXERS = {
    "real": {"heads": 3},
    "left": {"heads": 2, "transition": "left", "factors": 2},
    "two-sided": {"heads": 2, "transition": "two_sided", "readout": "invariants"},
    "ungated": {"heads": 2, "gates": False, "readout": "quadratic"},
    "complex": {"heads": 2, "complex_state": True, "phase": True, "rotation": True},
}


@pytest.fixture(params=MIXERS.values(), ids=MIXERS.keys())
def options(request):
    return {
        "factors": 1,
        "transition": "right",
        "complex_state": False,
        "gates": True,
        "phase": False,
        "rotation": False,
        "readout": "linear_quadratic",
        **request.param,
    }


def scan(o, projection, initial, angles):
    """Every state, one token after another; complex states as numbers of 8 components."""
    H, S = o["heads"], 16 if o["complex_state"] else 8
    B, N, _ = projection.shape
    planes = projection.reshape(B, N, projection.shape[2] // H, H).astype(float)
    w, rest = planes[:, :, : 8 * o["factors"]], planes[:, :, 8 * o["factors"] :]

    def joined(x):  # [..., S, H] -> complex [..., 8, H]
        return x[..., :8, :] + 1j * x[..., 8:, :] if o["complex_state"] else x

    h = joined(initial.astype(float))
    states = np.empty((B, N, S, H))
    for n in range(N):
        if o["rotation"]:
            h = h * np.exp(1j * angles)
        for f in range(o["factors"]):
            u = w[:, n, 8 * f : 8 * f + 8]
            u = u / np.linalg.norm(u, axis=1, keepdims=True)
            u, x = u.swapaxes(0, 1), h.swapaxes(0, 1)
            h = {
                "right": lambda: doubled_planes(x, u),
                "left": lambda: doubled_planes(u, x),
                "two_sided": lambda: doubled_planes(doubled_planes(u, x), u),
            }[o["transition"]]().swapaxes(0, 1)
        if o["gates"]:
            a = sigmoid(rest[:, n, :1])
            c = joined(rest[:, n, -S:])
            turn = np.exp(1j * rest[:, n, 1:2]) if o["phase"] else 1
            h = a * turn * h + np.sqrt(1 - a**2) * c
        states[:, n] = np.concatenate([h.real, h.imag], 1) if o["complex_state"] else h.real
    return states


def doubled_planes(x, y):
    """The octonion product of [8, ...] arrays, complex numbers commuting with e_k."""
    parts = lambda z: (z.real, z.imag) if np.iscomplexobj(z) else (z, 0 * z)
    (a, b), (c, d) = parts(x), parts(y)
    real, imaginary = product(a, c) - product(b, d), product(a, d) + product(b, c)
    return real + 1j * imaginary if np.iscomplexobj(x) or np.iscomplexobj(y) else real


def product(x, y):
    shape = np.broadcast_shapes(x.shape, y.shape)
    x, y = np.broadcast_to(x, shape), np.broadcast_to(y, shape)
    return doubled(x.reshape(8, -1), y.reshape(8, -1)).reshape(shape)


def readout(o, states):
    """(B, N, S, H) -> (B, N, Q, H)."""
    h = states[:, :, :8] + (1j * states[:, :, 8:] if o["complex_state"] else 0)
    squares = np.abs(h) ** 2

    def pairs(products):
        if not o["complex_state"]:
            return [products.real[:, :, None]]
        return [products.real[:, :, None], products.imag[:, :, None]]

    linear = [states]
    quadratic, invariants = [squares], [squares]
    for j in range(8):
        for k in range(j + 1, 8):
            quadratic += pairs(h[:, :, j] * h[:, :, k].conj())
    for k in range(1, 8):
        invariants += pairs(h[:, :, k] * h[:, :, 0].conj())
    shown = {
        "linear": linear,
        "quadratic": quadratic,
        "linear_quadratic": linear + quadratic,
        "invariants": invariants,
    }[o["readout"]]
    return np.concatenate(shown, 2)


@pytest.fixture
def draw(rng):
    return lambda dtype, *shape: rng.standard_normal(shape).astype(dtype)


def scan_inputs(draw, o, mixer, dtype, B, N):
    S, H = mixer.state_width, mixer.heads
    angles = draw(dtype, 8, H) if o["rotation"] else None
    return draw(dtype, B, N, mixer.projection_width), draw(dtype, B, S, H), angles


@pytest.mark.parametrize("B, N", [(2, 9), (1, 1), (0, 3), (3, 0)])
def test_scan_and_readout(options, draw, real, B, N):
    mixer = nn.MixerConfig(**options)
    projection, initial, angles = scan_inputs(draw, options, mixer, real, B, N)
    expected = scan(options, projection, initial, angles)
    atol = {"float32": 5e-5, "float64": 1e-12}[real.name]
    for given in layouts(projection):
        states = nn.ci8_scan_forward(mixer, given, initial, angles)
        assert states.dtype == real
        np.testing.assert_allclose(states, expected, atol=atol)
    q = nn.readout_forward(mixer, states)
    assert q.shape == (B, N, mixer.readout_width, mixer.heads)
    np.testing.assert_allclose(q, readout(options, expected), atol=20 * atol)


def test_scan_gradient(options, draw):
    mixer = nn.MixerConfig(**options)
    arrays = scan_inputs(draw, options, mixer, "float64", 2, 7)
    states = nn.ci8_scan_forward(mixer, *arrays)
    weight = draw("float64", *states.shape)
    d_projection, d_initial, d_angles = nn.ci8_scan_backward(mixer, *arrays, states, weight)
    moves = [None if a is None else draw("float64", *a.shape) for a in arrays]
    expected = slope(lambda *moved: (weight * scan(options, *moved)).sum(), arrays, moves, 1e-6)
    gradients = d_projection, d_initial, d_angles.sum(0)
    np.testing.assert_allclose(along(gradients, moves), expected, rtol=1e-6)


def test_readout_gradient(options, draw):
    mixer = nn.MixerConfig(**options)
    states = draw("float64", 2, 3, mixer.state_width, mixer.heads)
    dq = draw("float64", 2, 3, mixer.readout_width, mixer.heads)
    move = draw("float64", *states.shape)
    expected = slope(lambda h: (dq * readout(options, h)).sum(), [states], [move], 1e-6)
    gradient = nn.readout_backward(mixer, states, dq)
    np.testing.assert_allclose(along([gradient], [move]), expected, rtol=1e-7)


def layer_parameters(draw, layer, dtype):
    """Numbers of size 1, matrices that keep the size of what they map."""
    matrix = lambda name, shape: (
        math.sqrt(shape[1]) if name.endswith("weight") and len(shape) == 2 else 1
    )
    return {
        name: np.asarray(draw(dtype, *shape) / matrix(name, shape), dtype)
        for name, shape in layer.shapes.items()
    }


def formula(o, mixer, p, x, state):
    B, N, D = x.shape
    v = x / np.sqrt((x**2).mean(-1, keepdims=True) + nn.RMS_NORM_EPSILON) * p["norm.weight"]
    projection = v @ p["in.weight"].T + p["in.bias"]
    P = mixer.projection_width
    states = scan(o, projection[..., :P], state, p.get("angles"))
    q = readout(o, states).reshape(B, N, mixer.readout_width * mixer.heads)
    gate = projection[..., P:]
    return x + (q @ p["readout.weight"].T * gate * sigmoid(gate)) @ p["out.weight"].T, states


def start(mixer, p, B):
    if mixer.gates:
        return np.zeros((B, mixer.state_width, mixer.heads))
    unit = p["initial"] / np.linalg.norm(p["initial"], axis=0)
    return np.broadcast_to(unit, (B, *unit.shape)).copy()


@pytest.mark.parametrize("B, N", [(2, 6), (0, 3)])
def test_layer(options, draw, real, B, N):
    mixer, layer = nn.MixerConfig(**options), nn.Layer("geometric_mamba", 12, **options)
    p = layer_parameters(draw, layer, real)
    x = draw(real, B, N, 12)
    state = layer.initial_state(B, p, dtype=real.name)
    want = start(mixer, p, B)
    np.testing.assert_allclose(state.reshape(want.shape), want, atol=1e-6)
    out, _ = layer.forward(p, x)
    expected, states = formula(options, mixer, p, x, want)
    atol = {"float32": 1e-3, "float64": 1e-11}[real.name]
    np.testing.assert_allclose(out, expected, atol=atol)
    np.testing.assert_allclose(layer.step(p, x, state), expected, atol=atol)
    np.testing.assert_allclose(state.reshape(want.shape), states[:, -1], atol=atol)


def test_layer_gradient(options, draw):
    mixer, layer, B, N = nn.MixerConfig(**options), nn.Layer("geometric_mamba", 10, **options), 2, 5
    p = layer_parameters(draw, layer, "float64")
    x, weight = draw("float64", B, N, 10), draw("float64", B, N, 10)
    out, saved = layer.forward(p, x)
    dx, gradients = layer.backward(p, x, saved, weight)
    assert list(gradients) == list(p) == list(layer.shapes)

    def loss(x, *values):
        moved = dict(zip(p, values))
        return (weight * formula(options, mixer, moved, x, start(mixer, moved, B))[0]).sum()

    for name in ["x", *p]:
        arrays = [x, *p.values()]
        moves = [np.zeros_like(a) for a in arrays]
        index = 0 if name == "x" else 1 + list(p).index(name)
        moves[index] = draw("float64", *arrays[index].shape)
        expected = slope(loss, arrays, moves, 1e-6)
        gradient = dx if name == "x" else gradients[name]
        np.testing.assert_allclose(
            (gradient * moves[index]).sum(), expected, rtol=1e-5, atol=1e-8, err_msg=name
        )


def test_what_does_not_fit_is_named(draw):
    x = draw("float64", 1, 2, 6)
    layer = nn.Layer("geometric_mamba", 6, heads=2)
    p = layer_parameters(draw, layer, "float64")
    with pytest.raises(lior.Error, match="parameters lack 'in.bias'"):
        layer.forward({k: v for k, v in p.items() if k != "in.bias"}, x)
    with pytest.raises(lior.Error, match="'angles', which this geometric_mamba layer does not use"):
        layer.forward({**p, "angles": p["in.bias"]}, x)
    with pytest.raises(lior.Error, match=r"in.weight has shape \(1, 6\)"):
        layer.forward({**p, "in.weight": x[0, :1]}, x)
    with pytest.raises(lior.Error, match="phase and rotation need complex_state"):
        nn.MixerConfig(phase=True)
    with pytest.raises(lior.Error, match="readout 'all' is unknown; expected one of: linear"):
        nn.MixerConfig(readout="all")
    rotating = nn.MixerConfig(heads=2, complex_state=True, rotation=True)
    with pytest.raises(lior.Error, match="angles are None; expected an array"):
        nn.ci8_scan_forward(
            rotating, np.zeros((1, 1, rotating.projection_width)), np.zeros((1, 16, 2))
        )


@pytest.mark.parametrize("kind", nn.layer_kinds())
def test_every_kind_starts_streams_and_has_every_gradient(kind, draw):
    layer = nn.Layer(kind, 8)
    p = layer.start(3, dtype="float64")
    assert {name: value.shape for name, value in p.items()} == layer.shapes
    assert all((p[name] == value).all() for name, value in layer.start(3, dtype="float64").items())
    x, weight = draw("float64", 2, 7, 8), draw("float64", 2, 7, 8)
    out, saved = layer.forward(p, x)
    state = layer.initial_state(2, p, dtype="float64")
    steps = [layer.step(p, x[:, n : n + 1], state) for n in range(7)]
    np.testing.assert_allclose(np.concatenate(steps, 1), out, atol=1e-12)
    dx, gradients = layer.backward(p, x, saved, weight)
    for name, value in p.items():
        move = draw("float64", *value.shape)
        loss = lambda array: (weight * layer.forward({**p, name: array}, x)[0]).sum()
        expected = (loss(value + 1e-6 * move) - loss(value - 1e-6 * move)) / 2e-6
        np.testing.assert_allclose((gradients[name] * move).sum(), expected, rtol=1e-5, atol=1e-7)
