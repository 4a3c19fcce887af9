# SPDX-License-Identifier: Apache-2.0
"""Memory beside mpmath and SciPy, for drawn parameters, shapes, layouts and types."""

import lior
import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.signal
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from lior import memory
from properties import REAL, any_array, arrays, few, wide

RULE = memory.PowerLawRule(1e-9, 4096)
ORDER = st.floats(1e-9, 1 - 1e-9) | st.sampled_from([1e-12, 0.5, 1 - 1e-12])


def kernel(raw, t):
    """K(t) of docs/math/conventions.md, section 7.1, and the sum of its terms' sizes."""
    if t <= 0:
        return mpmath.mpf(0), mpmath.mpf(0)
    e, t = mpmath.exp, mpmath.mpf(float(t))
    log_a, log_beta, log_gamma, logit, log_xi, log_eta, omega, phi, log_zeta, *logits = raw
    w = [e(x) for x in logits]
    delta = 1 / (1 + e(-logit))
    sizes = [
        w[0] * e(log_a - e(log_beta) * t),
        w[1] * e(log_gamma - e(log_xi) * t) * t**-delta,
        w[2] * e(log_eta - e(log_zeta) * t),
    ]
    value = sizes[0] + sizes[1] + sizes[2] * mpmath.cos(omega * t + phi)
    return value / sum(w), sum(sizes) / sum(w)


@few
@given(st.data(), REAL, st.integers(0, 5))
def test_kernel_and_its_gradient(data, real, count):
    raw = data.draw(arrays((12,), real))
    t = data.draw(arrays((count,), real))
    weight = data.draw(arrays((count,), real))
    got, gradient = memory.kernel_forward(raw, t), memory.kernel_backward(raw, t, weight)
    exact = [mpmath.mpf(float(x)) for x in raw]
    eps = np.finfo(real).eps
    for value, lag in zip(got, t):
        want, size = kernel(exact, lag)
        # Double arithmetic: an exponent's rounding is its size times 1e-16; then one rounding of T.
        assert abs(value - want) <= eps * abs(want) + 1e-12 * size + np.finfo(real).tiny
    with mpmath.workdps(40):
        for p in range(12):
            moved = lambda x: [x if q == p else exact[q] for q in range(12)]
            slope = lambda lag: mpmath.diff(lambda x: kernel(moved(x), lag)[0], exact[p], h=1e-15)
            terms = [float(w) * slope(lag) for w, lag in zip(weight, t)]
            scale = sum(map(abs, terms), mpmath.mpf(0))
            scale += sum(abs(float(w)) * kernel(exact, lag)[1] for w, lag in zip(weight, t))
            assert abs(gradient[p] - sum(terms)) <= (4 * eps + 1e-11) * scale + 1e-30


@few
@given(st.floats(-9, -0.5), st.floats(0, 6), ORDER, st.integers(0, 2**32))
def test_rules_hold_their_certificate(digits, log_horizon, delta, seed):
    horizon = 10.0**log_horizon
    rule = memory.PowerLawRule(10.0**digits, horizon, delta, delta)
    assert rule.error <= rule.tolerance and rule.horizon == horizon
    rates, weights = rule.sum(delta)
    assert (weights >= 0).all() and (np.diff(rates) >= 0).all()
    t = horizon ** np.random.default_rng(seed).random(300)
    relative = (weights * np.exp(-np.outer(t, rates))).sum(1) * t**delta - 1
    assert abs(relative).max() <= rule.error + 1e-14  # powers and sums round
    slopes = rule.sum_derivative(delta)
    assert all(np.isfinite(slope).all() for slope in slopes)


@few
@given(
    st.data(), REAL, st.integers(0, 2), st.integers(0, 70), st.integers(1, 3), st.integers(0, 19),
    st.sampled_from(["automatic", "direct", "fft", "recurrence"]),
)  # fmt: skip
def test_sequences(data, real, batch, length, heads, channels, plan):
    raw = memory.default_kernel() + 0.3 * data.draw(arrays((heads, 12), np.dtype("f8"), spread=0))
    x = data.draw(arrays((batch, length, heads, channels), real, spread=2))
    convolution = memory.CausalConvolution(heads, RULE, dtype=real.name)
    convolution.set(raw.astype(real))
    want = np.zeros(x.shape)
    for h in range(heads):
        form = convolution.poles(h)
        kappa = (form["b"] * form["z"] ** np.arange(length)[:, None]).sum(1).real
        kappa[:1] += form["w0"]
        if x[:, :, h].size:
            columns = x[:, :, h].astype(float)
            want[:, :, h] = scipy.signal.fftconvolve(columns, kappa[None, :, None], axes=1)[
                :, :length
            ]
    got = convolution.forward(x, plan=plan)
    size = 64 * np.finfo(real).eps + 1e-8  # the rule's, of kappa's sum, which is about 1
    bound = size * abs(x).max(axis=(0, 1, 2), initial=0) + 1e-15 * abs(x).max(initial=0)
    # By the transform two channels are the parts of one number: the larger rounds for both.
    shared = size * abs(x).max(initial=0) if plan == "fft" else 0
    assert (abs(got - want) <= bound + shared).all()

    state = np.zeros((batch, heads, convolution.state_rows, channels))
    cut = data.draw(st.integers(0, length))
    parts = [convolution.advance(part, state) for part in (x[:, :cut], x[:, cut:])]
    assert (abs(np.concatenate(parts, 1) - want) <= bound).all()

    d_y = data.draw(arrays(x.shape, real))
    d_x, d_raw = convolution.backward(x, d_y, plan=plan)
    assert d_raw.shape == raw.shape and np.isfinite(d_raw).all()
    inner = (wide(d_x) * wide(x)).sum() - (wide(d_y) * wide(got)).sum()  # <A^T d_y, x> = <d_y, A x>
    assert abs(inner) <= 20 * size * (abs(wide(d_y)) * abs(wide(x)).max(initial=0)).sum() + 1e-12


@few
@given(st.floats(-3, 3), st.integers(0, 60))
def test_weights_of_grunwald_and_letnikov(order, count):
    k = np.arange(count)
    with mpmath.workdps(30):
        # (-1)^k binomial(order, k) = (-order)_k / k!
        want = [float(mpmath.rf(-mpmath.mpf(order), int(n)) / mpmath.factorial(int(n))) for n in k]
    np.testing.assert_allclose(
        memory.grunwald_letnikov_weights(order, count), want, rtol=1e-13, atol=1e-300
    )


@few
@given(st.floats(-3, 3), st.integers(60, 3_000_000))
def test_weights_of_grunwald_and_letnikov_far_back(order, k):
    with mpmath.workdps(50):
        want = float(mpmath.gammaprod([k - mpmath.mpf(order)], [-mpmath.mpf(order), k + 1]))
    got = memory.grunwald_letnikov_weights(order, k + 1)[k]
    assert got == pytest.approx(want, rel=4e-15, abs=1e-300)


@few
@given(ORDER, st.integers(1, 3_000_000))
def test_weights_of_l1(alpha, k):
    with mpmath.workdps(50):
        power = 1 - mpmath.mpf(alpha)
        want = float((k + mpmath.mpf(1)) ** power - mpmath.mpf(k) ** power)
    assert memory.l1_weights(alpha, k + 1)[k] == pytest.approx(want, rel=4e-15, abs=0)


@few
@given(st.data(), ORDER, st.floats(1e-3, 10), st.integers(1, 25))
def test_sums_over_samples(data, alpha, dt, count):
    f = data.draw(arrays((count,), np.dtype("f8"), spread=2))
    conv = lambda weights, g: np.convolve(weights, g)[: len(g)] if len(g) else g
    gl = dt**-alpha * conv(memory.grunwald_letnikov_weights(alpha, count), f)
    size = abs(f).max()
    np.testing.assert_allclose(
        memory.grunwald_letnikov(alpha, dt, f), gl, rtol=0, atol=1e-13 * size * dt**-alpha
    )
    l1 = np.zeros(count)
    l1[1:] = conv(memory.l1_weights(alpha, count - 1), np.diff(f))
    l1 *= dt**-alpha / scipy.special.gamma(2 - alpha)
    np.testing.assert_allclose(
        memory.caputo_l1(alpha, dt, f), l1, rtol=0, atol=1e-13 * size * dt**-alpha
    )

    got = memory.product_trapezoid(alpha, dt, f)
    with mpmath.workdps(40):
        # The integral of a line over a cell, by the moments of (t - s)^(alpha - 1).
        a, h, n = mpmath.mpf(alpha), mpmath.mpf(dt), count - 1
        total = mpmath.mpf(0)
        for j in range(n):
            far, near = n - j, n - j - 1
            flat = (mpmath.mpf(far) ** a - mpmath.mpf(near) ** a) / a
            slope = (mpmath.mpf(far) ** (a + 1) - mpmath.mpf(near) ** (a + 1)) / (a + 1)
            rise = far * flat - slope  # int (s - j) (n - s)^(alpha - 1) ds
            total += f[j] * (flat - rise) + f[j + 1] * rise
        want = float(h**a * total / mpmath.gamma(a))
    assert abs(got[-1] - want) <= 1e-14 * count * size * (count * dt) ** alpha


@few
@given(
    st.data(),
    REAL,
    st.floats(0.01, 0.99),
    st.floats(1e-3, 10),
    st.integers(0, 5),
    st.integers(1, 40),
)
def test_integrals_step_by_step(data, real, alpha, dt, size, count):
    f = data.draw(arrays((count, size), real, spread=2))
    integral = memory.FractionalIntegral(alpha, dt, RULE, size, dtype=real.name)
    integral.start(f[0])
    for n in range(1, count):
        got = integral.tail() + integral.weight * f[n]
        scale = (n * dt) ** alpha * abs(f).max(axis=0, initial=0)
        want = [
            memory.product_trapezoid(alpha, dt, f[: n + 1, i].astype(float))[-1]
            for i in range(size)
        ]
        assert (abs(got - want) <= (8 * np.finfo(real).eps + 2e-9) * scale + 1e-300).all()
        integral.accept(f[n])
    assert integral.step == count - 1


@few
@given(st.floats(0, 1), st.floats(-1e9, 1e9))
def test_phase(delta, omega):
    want = np.pi * delta / 2 - delta * np.log(max(abs(omega), 1e-8))
    assert memory.phase(delta, omega) == pytest.approx(want, rel=1e-15, abs=1e-14)


#: Every function of arrays, with arguments that fit.
CALLS = {
    "kernel_forward": [(12,), (3,)],
    "kernel_backward": [(12,), (3,), (3,)],
    "grunwald_letnikov": [0.5, 0.1, (4,)],
    "caputo_l1": [0.5, 0.1, (4,)],
    "product_trapezoid": [0.5, 0.1, (4,)],
    "mittag_leffler": [0.5, (4,)],
}


@few
@given(st.sampled_from(sorted(CALLS)), st.data())
def test_what_does_not_fit_is_an_error(name, data):
    arguments = [np.ones(a) if isinstance(a, tuple) else a for a in CALLS[name]]
    at = data.draw(st.integers(0, len(arguments) - 1))
    number = st.sampled_from([0.0, -1.0, 1.0, 2.0, 1e300, np.nan, np.inf])
    arguments[at] = data.draw(number if isinstance(arguments[at], float) else any_array())
    try:
        result = getattr(memory, name)(*arguments)
    except (TypeError, lior.Error) as error:
        assert "expected" in str(error)
    else:
        assert isinstance(result, np.ndarray)
