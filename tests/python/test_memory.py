# SPDX-License-Identifier: Apache-2.0
"""Memory beside its formulas in NumPy."""

import math

import lior
import numpy as np
import pytest
from formulas import layouts
from lior import memory


@pytest.fixture(scope="module")
def rule():
    return memory.PowerLawRule(1e-8, 4096)


def values(raw):
    sigmoid = 1 / (1 + np.exp(-raw[3]))
    w = np.exp(raw[9:] - raw[9:].max())
    a, beta, gamma, xi, eta, zeta = np.exp(raw[[0, 1, 2, 4, 5, 8]])
    return a, beta, gamma, sigmoid, xi, eta, raw[6], raw[7], zeta, w / w.sum()


def kernel_terms(raw, t):
    """The three terms of K(t), docs/math/conventions.md, section 7, and their condition: how many
    times its own relative error an argument puts into the terms, in all, absolute."""
    a, beta, gamma, delta, xi, eta, omega, phi, zeta, w = values(np.asarray(raw, float))
    t = np.where(np.asarray(t, float) > 0, t, np.inf)  # K is 0 there
    envelopes = np.stack(
        [
            w[0] * a * np.exp(-beta * t),
            w[1] * gamma * t**-delta * np.exp(-xi * t),
            w[2] * eta * np.exp(-zeta * t),
        ]
    )
    t = np.where(t < np.inf, t, 0)
    angle = omega * t + phi
    terms = envelopes * np.stack([np.ones_like(t), np.ones_like(t), np.cos(angle)])
    growth = np.stack([beta * t, xi * t, zeta * t + abs(angle)])
    return terms, (envelopes * (1 + growth)).sum(0)


def kernel(raw, t):
    return kernel_terms(raw, t)[0].sum(0)


@pytest.fixture
def raw(rng):
    return memory.default_kernel() + 0.3 * rng.standard_normal(12)


def test_kernel(raw, real):
    assert len(memory.KERNEL_PARAMETERS) == 12
    t = np.array([-1, 0, 0.01, 0.5, 1, 3, 40]).astype(real)
    raw = raw.astype(real)
    for lags in layouts(t):
        error = abs(memory.kernel_forward(raw, lags) - kernel(raw, t))
        assert (error <= 4 * np.finfo(real).eps * kernel_terms(raw, t)[1]).all()
    assert memory.kernel_forward(raw, t[:0]).shape == (0,)


def test_kernel_gradient(raw, rng):
    t, weight = np.linspace(0.1, 5, 30), rng.standard_normal(30)
    gradient = memory.kernel_backward(raw, t, weight)
    step = 1e-6
    slopes = [
        (weight * (kernel(raw + step * e, t) - kernel(raw - step * e, t))).sum() / (2 * step)
        for e in np.eye(12)
    ]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("delta", [0.1, 0.5, 0.9])
def test_power_law_rule(rule, delta):
    rates, weights = rule.sum(delta)
    assert rates.shape == (rule.poles,) and (weights > 0).all() and (np.diff(rates) >= 0).all()
    t = np.geomspace(1, rule.horizon, 1000)
    relative = (weights * np.exp(-np.outer(t, rates))).sum(1) * t**delta - 1
    assert np.abs(relative).max() <= 1.01 * rule.error <= 1.01 * rule.tolerance
    step = 1e-6
    for ends, slope in zip(
        zip(rule.sum(delta + step), rule.sum(delta - step)), rule.sum_derivative(delta)
    ):
        np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-8)


def convolve(raw, x):
    """y_n = w0 x_n + sum_k kappa_k x_(n-k) in float64; the sum of K over all lags by its tail."""
    B, N, H, C = x.shape
    y = np.zeros(x.shape)
    for h in range(H):
        w0 = values(raw[h])[-1][0]
        k = kernel(raw[h], np.arange(1, 20001))  # all rates are near 1: the rest is below 1e-300
        kappa = (1 - w0) * k[:N] / max(abs(k.sum()), 1e-8)
        for n in range(N):
            y[:, n, h] = w0 * x[:, n, h] + np.einsum("k,bkc->bc", kappa[: n + 1], x[:, n::-1, h])
    return y


@pytest.mark.parametrize("plan", ["automatic", "direct", "fft", "recurrence"])
@pytest.mark.parametrize("shape", [(2, 37, 2, 3), (1, 1, 1, 1), (0, 5, 2, 3), (2, 0, 2, 3)])
def test_causal_convolution(rng, rule, real, plan, shape):
    H = shape[2]
    raw = (memory.default_kernel() + 0.2 * rng.standard_normal((H, 12))).astype(real)
    convolution = memory.CausalConvolution(H, rule, dtype=real.name)
    convolution.set(raw)
    x = rng.standard_normal(shape).astype(real)
    tolerance = {"float32": 2e-5, "float64": 1e-7}[real.name]  # the latter is the rule's
    for sequence in layouts(x):
        np.testing.assert_allclose(
            convolution.forward(sequence, plan=plan), convolve(raw, x), atol=tolerance
        )


def test_streaming_equals_one_call(rng, rule):
    convolution = memory.CausalConvolution(2, rule)
    convolution.set(memory.default_kernel() + 0.2 * rng.standard_normal((2, 12)))
    x = rng.standard_normal((3, 29, 2, 4))
    state = np.zeros((3, 2, convolution.state_rows, 4))
    parts = [convolution.advance(x[:, a:b], state) for a, b in ((0, 1), (1, 1), (1, 20), (20, 29))]
    np.testing.assert_allclose(np.concatenate(parts, 1), convolution.forward(x), atol=1e-13)
    assert np.abs(state).max() > 0


def test_state_must_be_writable(rng, rule):
    convolution = memory.CausalConvolution(1, rule)
    convolution.set(memory.default_kernel()[None])
    x = np.zeros((1, 2, 1, 1))
    state = np.zeros((1, 1, convolution.state_rows, 1))
    state.flags.writeable = False
    with pytest.raises(TypeError, match="state is a ndarray; expected a writable array"):
        convolution.advance(x, state)
    with pytest.raises(TypeError, match="state has dtype float32; expected float64"):
        convolution.advance(x, state.astype("f4"))


@pytest.mark.parametrize("plan", ["direct", "fft", "recurrence"])
def test_convolution_gradient(rng, rule, plan):
    raw = memory.default_kernel() + 0.2 * rng.standard_normal((2, 12))
    x, d_y = rng.standard_normal((2, 2, 21, 2, 3))
    convolution = memory.CausalConvolution(2, rule)

    def loss(raw, x):
        convolution.set(raw)
        return (d_y * convolution.forward(x, plan="recurrence")).sum()

    convolution.set(raw)
    d_x, d_raw = convolution.backward(x, d_y, plan=plan)
    step = 1e-6
    move_x, move_raw = rng.standard_normal(x.shape), rng.standard_normal(raw.shape)
    along_x = (loss(raw, x + step * move_x) - loss(raw, x - step * move_x)) / (2 * step)
    along_raw = (loss(raw + step * move_raw, x) - loss(raw - step * move_raw, x)) / (2 * step)
    np.testing.assert_allclose((d_x * move_x).sum(), along_x, rtol=1e-6)
    np.testing.assert_allclose((d_raw * move_raw).sum(), along_raw, rtol=1e-5)


def test_poles_are_the_kernel(rng, rule, raw):
    convolution = memory.CausalConvolution(1, rule)
    with pytest.raises(lior.Error, match=r"no kernel yet; call set\(raw\)"):
        convolution.poles()
    convolution.set(raw[None])
    form = convolution.poles()
    assert np.allclose(form["z"], np.exp(-form["s"]))
    impulse = np.zeros((1, 50, 1, 1))
    impulse[0, 0] = 1
    response = convolution.forward(impulse)[0, :, 0, 0]
    kappa = (form["b"] * form["z"] ** np.arange(50)[:, None]).sum(1).real
    kappa[0] += form["w0"]
    np.testing.assert_allclose(response, kappa, atol=1e-12)


def test_fractional_calculus():
    alpha, dt, n = 0.4, 0.01, 200
    t = dt * np.arange(n)
    exact = t ** (1 + alpha) / math.gamma(2 + alpha)  # of f = t: the trapezoid is exact
    np.testing.assert_allclose(memory.product_trapezoid(alpha, dt, t), exact, atol=1e-12)
    derivative = t ** (1 - alpha) / math.gamma(2 - alpha)
    np.testing.assert_allclose(memory.caputo_l1(alpha, dt, t), derivative, atol=1e-12)
    weights = np.cumprod([1.0] + [(k - 1 - alpha) / k for k in range(1, n)])
    np.testing.assert_allclose(memory.grunwald_letnikov_weights(alpha, n), weights, rtol=1e-13)
    expected = dt**-alpha * np.array([weights[: k + 1] @ t[k::-1] for k in range(n)])
    np.testing.assert_allclose(
        memory.grunwald_letnikov(alpha, dt, t[::-1][::-1]), expected, atol=1e-11
    )
    k = np.arange(n)
    l1 = (k + 1.0) ** (1 - alpha) - k ** (1 - alpha)
    np.testing.assert_allclose(memory.l1_weights(alpha, n), l1, rtol=1e-11)
    with pytest.raises(TypeError, match="f has dtype float32; expected float64"):
        memory.caputo_l1(alpha, dt, t.astype("f4"))


def test_fractional_integral_by_poles(rng, rule, real):
    alpha, dt, n = 0.6, 0.1, 60
    f = rng.standard_normal((n, 3)).astype(real)
    integral = memory.FractionalIntegral(alpha, dt, rule, 3, dtype=real.name)
    integral.start(f[0])
    for sample in f[1:-1]:
        integral.accept(sample)
    expected = [memory.product_trapezoid(alpha, dt, f[:, i].astype(float))[-1] for i in range(3)]
    np.testing.assert_allclose(integral.tail() + integral.weight * f[-1], expected, atol=1e-6)


def test_past_the_horizon_is_an_error(raw):
    short = memory.PowerLawRule(1e-6, 100)
    integral = memory.FractionalIntegral(0.5, 0.1, short, 2)
    integral.start(np.ones(2))
    for _ in range(100):
        integral.accept(np.ones(2))
    assert integral.step == 100
    with pytest.raises(lior.RunError, match="holds for 100 steps, and step 101 was reached"):
        integral.tail()
    with pytest.raises(lior.RunError, match="a rule with a horizon of 101 or more"):
        integral.accept(np.ones(2))

    convolution = memory.CausalConvolution(1, short)
    raw[4] = np.log(1e-3)  # xi: e^-0.1 at the horizon
    convolution.set(raw[None])
    assert convolution.poles()["beyond_horizon"] > 0.01
    convolution.forward(np.ones((1, 100, 1, 1)))
    long = np.ones((1, 101, 1, 1))
    for plan in "automatic", "recurrence":
        with pytest.raises(lior.Error, match="x has 101 steps; the rule holds for 100"):
            convolution.forward(long, plan=plan)
    with pytest.raises(lior.Error, match="a horizon of 101 or more"):
        convolution.backward(long, long)
    assert np.isfinite(convolution.forward(long, plan="direct")).all()  # by the formula
    raw[4] = 0
    convolution.set(raw[None])
    assert convolution.forward(long).shape == long.shape  # damped by e^-100


def test_phase():
    np.testing.assert_allclose(memory.phase(0.5, 2.0), math.pi / 4 - 0.5 * math.log(2), rtol=1e-15)
    assert memory.phase(0.5, 0.0) == memory.phase(0.5, -1e-9)


def test_errors_name_what_is_wrong(raw, rule):
    with pytest.raises(lior.Error, match=r"raw has shape \(11,\); expected \(12,\)"):
        memory.kernel_forward(raw[:11], np.ones(3))
    with pytest.raises(TypeError, match="t has dtype"):
        memory.kernel_forward(raw, np.ones(3, int))
    with pytest.raises(lior.Error, match="tolerance"):
        memory.PowerLawRule(2.0, 10)
    convolution = memory.CausalConvolution(2, rule, dtype="float64")
    with pytest.raises(lior.Error, match=r"raw has shape \(1, 12\); expected \(2, 12\)"):
        convolution.set(raw[None])
    convolution.set(np.stack([raw, raw]))
    with pytest.raises(lior.Error, match=r"x has shape \(1, 5, 3, 1\); expected \(B, N, 2, C\)"):
        convolution.forward(np.ones((1, 5, 3, 1)))
    with pytest.raises(lior.Error, match="plan is 'fast'"):
        convolution.forward(np.ones((1, 5, 2, 1)), plan="fast")
