# SPDX-License-Identifier: Apache-2.0
"""The parts that mixers are made of, beside their formulas in NumPy."""

import lior
import numpy as np
import pytest
from formulas import assert_gradients, layouts
from lior import nn


@pytest.fixture
def draw(rng):
    return lambda dtype, *shape: rng.standard_normal(shape).astype(dtype)


def atol(real):
    """For sums of a few dozen products of numbers of size 1."""
    return {"float32": 1e-4, "float64": 1e-12}[real.name]


def attention(q, k, v, heads, slopes, window):
    """Softmax of q k / sqrt E - slope (i - j) over the last `window` positions; out (B, N, H F)."""
    B, N, _ = q.shape
    split = lambda a: a.reshape(B, N, heads, a.shape[2] // heads).swapaxes(1, 2)
    q, k, v = map(split, (q, k, v))
    behind = np.arange(N)[:, None] - np.arange(N)
    scores = q @ k.swapaxes(2, 3) / np.sqrt(q.shape[-1]) - slopes[:, None, None] * behind
    scores = np.where((behind >= 0) & (behind < (window or N)), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True, initial=-np.inf))
    weights /= weights.sum(-1, keepdims=True)
    return (weights @ v).swapaxes(1, 2).reshape(B, N, heads * v.shape[-1])


@pytest.mark.parametrize("B, N, window", [(0, 3, 0), (2, 0, 0), (2, 1, 0), (1, 70, 0), (2, 70, 5)])
def test_dot_attention(draw, real, B, N, window):
    q, k, v = draw(real, B, N, 8), draw(real, B, N, 8), draw(real, B, N, 6)
    slopes = np.array([0.0, 0.5], real)
    want = attention(q, k, v, 2, slopes, window)
    for given in layouts(q):
        out, log_sums = nn.dot_attention_forward(given, k, v, 2, slopes, window)
        assert out.dtype == real and log_sums.shape == (B, 2, N)
        np.testing.assert_allclose(out, want, atol=atol(real))
    plain = nn.dot_attention_forward(q, k, v, 2, window=window)[0]
    np.testing.assert_allclose(plain, attention(q, k, v, 2, 0 * slopes, window), atol=atol(real))


def test_dot_attention_gradient(draw):
    q, k, v = (draw("float64", 2, 9, 4) for _ in range(3))
    slopes, weight = np.array([0.1, 0.3]), draw("float64", 2, 9, 4)
    saved = nn.dot_attention_forward(q, k, v, 2, slopes)
    gradients = nn.dot_attention_backward(q, k, v, 2, slopes, 0, *saved, weight)
    loss = lambda q, k, v: (weight * attention(q, k, v, 2, slopes, 0)).sum()
    assert_gradients(gradients, loss, [q, k, v], draw)


def convolved(x, taps):
    out = x.copy()
    for k, tap in enumerate(taps):
        out[:, k:] += tap * x[:, : x.shape[1] - k]
    return out


@pytest.mark.parametrize("B, N, K", [(0, 4, 3), (2, 0, 3), (1, 1, 4), (3, 9, 1), (2, 30, 16)])
def test_short_convolution(draw, real, B, N, K):
    x, taps = draw(real, B, N, 5), draw(real, K, 5)
    for given in layouts(x):
        got = nn.short_convolution_forward(given, taps)
        assert got.dtype == real
        np.testing.assert_allclose(got, convolved(x, taps), atol=atol(real))


def test_short_convolution_gradient(draw):
    x, taps, weight = draw("float64", 2, 6, 3), draw("float64", 4, 3), draw("float64", 2, 6, 3)
    gradients = nn.short_convolution_backward(x, taps, weight)
    assert_gradients(
        gradients, lambda x, taps: (weight * convolved(x, taps)).sum(), [x, taps], draw
    )


def spinors(octets):
    a, b, theta = np.moveaxis(octets.reshape(len(octets), octets.shape[1] // 24, 3, 8), 2, 0)
    z = a * np.exp(np.clip(theta, -5, 5)) + b * np.cos(theta) + 1j * b * np.sin(theta)
    return np.concatenate([z.real, z.imag], -1).reshape(len(octets), 16 * z.shape[1])


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_spinor_map(draw, real, rows):
    octets = 2 * draw(real, rows, 48)
    for given in layouts(octets):
        got = nn.spinor_map_forward(given)
        assert got.dtype == real and got.shape == (rows, 32)
        np.testing.assert_allclose(got, spinors(octets), rtol=1e-5, atol=atol(real))


def test_spinor_map_gradient(draw):
    octets, weight = draw("float64", 4, 24), draw("float64", 4, 16)
    gradient = nn.spinor_map_backward(octets, weight)
    assert_gradients([gradient], lambda octets: (weight * spinors(octets)).sum(), [octets], draw)
    octets[:, 16:] = 6  # clamped: no gradient through the exponential
    a = octets.copy()
    a[:, :8] = 0
    np.testing.assert_allclose(
        nn.spinor_map_backward(octets, weight)[:, 16:], nn.spinor_map_backward(a, weight)[:, 16:]
    )


def test_associator_current_is_odd_under_exchange(draw, real):
    factors, transport = draw(real, 3, 96), draw(real, 2, 8)
    current = nn.associator_current_forward(factors, transport)
    assert current.shape == (3, 32) and current.dtype == real
    swapped = factors.reshape(3, 2, 3, 16)[:, :, [1, 0, 2]].reshape(3, 96)
    np.testing.assert_allclose(
        nn.associator_current_forward(swapped, transport), -current, atol=10 * atol(real)
    )


def test_what_does_not_fit_is_named(draw):
    q, taps = draw("float64", 2, 5, 4), draw("float64", 3, 4)
    with pytest.raises(lior.Error, match=r"k has shape \(2, 5, 3\); expected \(B, N, K\) with"):
        nn.dot_attention_forward(q, q[:, :, :3], q, 2)
    with pytest.raises(lior.Error, match="expected multiples of the 3 heads"):
        nn.dot_attention_forward(q, q, q, 3)
    with pytest.raises(lior.Error, match=r"slopes has shape \(3,\); expected \(2,\)"):
        nn.dot_attention_forward(q, q, q, 2, np.zeros(3))
    with pytest.raises(TypeError, match="taps has dtype float32; expected float64"):
        nn.short_convolution_forward(q, taps.astype("float32"))
    with pytest.raises(lior.Error, match="17"):
        nn.short_convolution_forward(q, draw("float64", 17, 4))
    with pytest.raises(lior.Error, match="octets has 23 columns; expected 24 a head"):
        nn.spinor_map_forward(np.zeros((2, 23)))
    with pytest.raises(TypeError, match="octets has dtype int64; expected float32 or float64"):
        nn.spinor_map_forward(np.zeros((2, 24), np.int64))
