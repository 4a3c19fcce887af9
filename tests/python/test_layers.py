# SPDX-License-Identifier: Apache-2.0
"""The layers that work row by row, beside their formulas in NumPy."""

import math

import lior
import numpy as np
import pytest
from formulas import assert_gradients, layouts, sigmoid
from lior import nn


@pytest.fixture
def draw(rng):
    return lambda dtype, *shape: rng.standard_normal(shape).astype(dtype)


def atol(real):
    """For sums of a few dozen products of numbers of size 1."""
    return {"float32": 2e-5, "float64": 1e-13}[real.name]


def rms_norm(x, g):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + nn.RMS_NORM_EPSILON) * g


def layer_norm(x, g, b):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + nn.LAYER_NORM_EPSILON) * g + b


def gelu(x):
    return x * (1 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2))) / 2


def mlp(x, gain, w_in, w_out):
    a, b = np.split(rms_norm(x, gain) @ w_in.T, 2, -1)
    return x + (a * sigmoid(a) * b) @ w_out.T


def losses(x, weight, bias, targets):
    """-ln softmax(x W^T + b)[target] of the rows that count."""
    scores = x @ weight.T + bias
    scores = scores - scores.max(-1, keepdims=True, initial=-np.inf)
    probabilities = np.log(np.exp(scores).sum(-1, keepdims=True)) - scores
    rows = np.flatnonzero(targets >= 0)
    return probabilities[rows, targets[rows]]


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_forward(draw, real, rows):
    x, y, g, b = draw(real, rows, 7), draw(real, rows, 7), draw(real, 7), draw(real, 7)
    w, bias = draw(real, 3, 7), draw(real, 3)
    close = lambda got, want: np.testing.assert_allclose(got, want, atol=atol(real))
    for given in layouts(x):
        assert nn.linear_forward(given, w).dtype == real
        close(nn.linear_forward(given, w), x @ w.T)
        close(nn.linear_forward(given, layouts(w)[2], bias), x @ w.T + bias)
        close(nn.rms_norm_forward(given, g)[0], rms_norm(x, g))
        close(nn.gate_forward(given, y), x * y * sigmoid(y))
        close(nn.swiglu_forward(np.concatenate([y, given], 1)), x * y * sigmoid(y))
        close(nn.gelu_forward(given), gelu(x))
        normed, mean, inverse = nn.layer_norm_forward(given, g, b)
        close(normed, layer_norm(x, g, b))
        close(mean, x.mean(-1))
        close(inverse, (x.var(-1) + nn.LAYER_NORM_EPSILON) ** -0.5)


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_mlp(draw, real, rows):
    layer = nn.Layer("swiglu_mlp", 6, hidden=4)
    x = draw(real, 1, rows, 6)
    p = {name: draw(real, *shape) for name, shape in layer.shapes.items()}
    for given in layouts(x[0]):
        out, _ = layer.forward(p, given[None])
        np.testing.assert_allclose(out, mlp(x, *p.values()), atol=20 * atol(real), rtol=1e-5)


@pytest.mark.parametrize("tokens", [[], [3], [4, 0, 4, 4, 1]])
@pytest.mark.parametrize("kind", ["int8", "int32", "int64", "uint16"])
def test_embedding(draw, real, tokens, kind):
    table, tokens = draw(real, 5, 6), np.array(tokens, kind)
    for given in layouts(tokens):
        assert (nn.embedding_forward(table, given) == table[tokens]).all()
        d_out = draw(real, len(tokens), 6)
        expected = np.zeros_like(table)
        np.add.at(expected, tokens, d_out)
        np.testing.assert_allclose(
            nn.embedding_backward(given, d_out, 5), expected, atol=atol(real)
        )


@pytest.mark.parametrize("targets", [[], [2], [-1, 0, 6, -1, 3], [-1, -1]])
def test_cross_entropy(draw, real, targets):
    targets = np.array(targets, np.int64)
    x, w, b = draw(real, len(targets), 4), draw(real, 7, 4), draw(real, 7)
    best = np.where(targets < 0, -1, (x @ w.T + b).argmax(-1))
    for given in layouts(x):
        loss, predicted = nn.cross_entropy_forward(given, w, targets, b)
        np.testing.assert_allclose(loss, losses(x, w, b, targets).sum(), atol=10 * atol(real))
        assert predicted.dtype == np.int32 and (predicted == best).all()
    loss, _ = nn.cross_entropy_forward(x, w, targets)
    np.testing.assert_allclose(loss, losses(x, w, 0, targets).sum(), atol=10 * atol(real))


def test_gradients(draw):
    x, y, g, b = (draw("float64", *shape) for shape in [(5, 7), (5, 7), (7,), (7,)])
    w, bias, d_row, d_out = (draw("float64", *shape) for shape in [(3, 7), (3,), (5, 7), (5, 3)])

    linear = lambda x, w, b: (d_out * (x @ w.T + b)).sum()
    assert_gradients(nn.linear_backward(x, w, d_out), linear, [x, w, bias], draw)
    _, inverse = nn.rms_norm_forward(x, g)
    gradients = nn.rms_norm_backward(x, g, inverse, d_row)
    assert_gradients(gradients, lambda x, g: (d_row * rms_norm(x, g)).sum(), [x, g], draw)
    saved = nn.layer_norm_forward(x, g, b)[1:]
    gradients = nn.layer_norm_backward(x, g, *saved, d_row)
    loss = lambda x, g, b: (d_row * layer_norm(x, g, b)).sum()
    assert_gradients(gradients, loss, [x, g, b], draw)
    gated = lambda p, g: (d_row * p * g * sigmoid(g)).sum()
    assert_gradients(nn.gate_backward(x, y, d_row), gated, [x, y], draw)
    both = np.concatenate([y, x], 1)
    swiglu = lambda ab: (d_row * ab[:, 7:] * ab[:, :7] * sigmoid(ab[:, :7])).sum()
    assert_gradients([nn.swiglu_backward(both, d_row)], swiglu, [both], draw)
    assert_gradients([nn.gelu_backward(x, d_row)], lambda x: (d_row * gelu(x)).sum(), [x], draw)

    layer = nn.Layer("swiglu_mlp", 7, hidden=4)
    p = {name: draw("float64", *shape) for name, shape in layer.shapes.items()}
    _, saved = layer.forward(p, x[None])
    dx, gradients = layer.backward(p, x[None], saved, d_row[None])
    assert list(gradients) == list(p)
    assert_gradients(
        [dx[0], *gradients.values()],
        lambda x, *values: (d_row * mlp(x, *values)).sum(),
        [x, *p.values()],
        draw,
    )

    targets = np.array([2, -1, 0, 1, 2])
    total, *gradients = nn.cross_entropy_backward(x, w, targets, bias, scale=0.25)
    np.testing.assert_allclose(total, losses(x, w, bias, targets).sum(), rtol=1e-13)
    loss = lambda x, w, b: 0.25 * losses(x, w, b, targets).sum()
    assert_gradients(gradients, loss, [x, w, bias], draw)
    assert (gradients[0][1] == 0).all()


def test_what_does_not_fit_is_named(draw):
    x, w = draw("float64", 2, 4), draw("float64", 3, 4)
    with pytest.raises(
        lior.Error, match=r"weight has shape \(3, 4\); expected \(O, K\) with K = 3"
    ):
        nn.linear_forward(x[:, :3], w)
    with pytest.raises(TypeError, match="bias"):
        nn.linear_forward(x, w, np.zeros(3, np.float32))
    with pytest.raises(lior.Error, match="ab has 5 columns; expected an even number"):
        nn.swiglu_forward(np.zeros((2, 5)))
    with pytest.raises(TypeError, match="tokens"):
        nn.embedding_forward(w, np.zeros(2))
    with pytest.raises(lior.Error, match="3"):
        nn.embedding_forward(w, np.array([0, 3]))
    with pytest.raises(lior.Error, match="3"):
        nn.cross_entropy_forward(x, w, np.array([0, 3]))
    layer = nn.Layer("swiglu_mlp", 4, hidden=2)
    p = {"norm.weight": np.ones(4), "in.weight": np.ones((5, 4)), "out.weight": np.ones((4, 2))}
    with pytest.raises(lior.Error, match=r"in.weight has shape \(5, 4\); expected \(4, "):
        layer.forward(p, x[None])
    with pytest.raises(lior.Error, match="parameters lack 'norm.weight'"):
        layer.forward({"out.weight": np.ones((4, 2))}, x[None])
    with pytest.raises(
        lior.Error, match="layer 'mamba' is unknown; expected one of: geometric_mamba"
    ):
        nn.Layer("mamba", 4)
    with pytest.raises(
        lior.Error, match="layers of kind swiglu_mlp have no option 'heads'; they have: hidden"
    ):
        nn.Layer("swiglu_mlp", 4, heads=2)
    with pytest.raises(lior.Error, match="factors is 9; expected 1 to 8"):
        nn.Layer("geometric_mamba", 4, factors=9)


@pytest.mark.parametrize("kind", sorted(nn.layer_kinds()))
def test_a_state_is_ordinary_numbers(kind, rng):
    """No double lies in two floats bit by bit: such a pair has floats of any size among its halves."""
    layer = nn.Layer(kind, 16)
    parameters = layer.start(3)
    state = layer.initial_state(2, parameters)
    layer.step(parameters, rng.normal(size=(2, 40, 16)).astype(np.float32), state)
    assert np.isfinite(state).all() and np.abs(state).max(initial=0) < 1e4
    small = np.abs(state[state != 0])
    assert small.min(initial=1) > 1e-20


@pytest.mark.parametrize("kind", ["geometric_mamba", "gated_linear_attention"])
def test_two_calls_with_a_state_have_the_gradients_of_one(kind, rng):
    layer = nn.Layer(kind, 8, heads=2)
    parameters = layer.start(3, dtype="float64")
    x, d_out = rng.standard_normal((2, 2, 7, 8))
    out, saved = layer.forward(parameters, x)
    dx, gradients = layer.backward(parameters, x, saved, d_out)

    state, halves = layer.initial_state(2, parameters, dtype="float64"), [slice(0, 4), slice(4, 7)]
    calls = [layer.forward(parameters, x[:, half], state) for half in halves]
    np.testing.assert_allclose(np.concatenate([call[0] for call in calls], 1), out, atol=1e-13)
    d_state = np.zeros_like(state)  # nothing reads the last one
    parts = [
        layer.backward(parameters, x[:, half], saved, d_out[:, half], d_state)
        for half, (_, saved) in zip(halves[::-1], calls[::-1])
    ]
    np.testing.assert_allclose(np.concatenate([parts[1][0], parts[0][0]], 1), dx, atol=1e-13)
    for name, whole in gradients.items():
        both = parts[0][1][name] + parts[1][1][name]
        np.testing.assert_allclose(both, whole, atol=1e-12 * max(1, np.abs(whole).max()))


def test_gradients_of_states_that_have_none_are_refused(rng):
    layer = nn.Layer("attention", 8, heads=2, window=4)
    parameters, x = layer.start(0, dtype="float64"), rng.standard_normal((1, 2, 8))
    _, saved = layer.forward(parameters, x)
    state = layer.initial_state(1, parameters, dtype="float64")
    with pytest.raises(lior.Error, match="the state of a layer of kind attention has no gradient"):
        layer.backward(parameters, x, saved, x, state)
