# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, as any signal whose handler raises, ends calls that take long within a moment."""

import os
import signal
import time

import lior
import numpy as np
import pytest


class Raised(Exception):
    pass


@pytest.fixture
def interrupted():
    """interrupted(call): raises in a handler .1 s into the call, and asserts that it ends within a second.

    Each test below is such a call.
    """

    def raise_it(*_):
        raise Raised

    before = signal.signal(signal.SIGALRM, raise_it)

    def run(call):
        began = time.process_time()
        with pytest.raises(Raised):
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            try:
                call()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            pytest.fail("the call ended before it was interrupted")
        # Of the processor's time: on a busy machine the clock on the wall also counts others'.
        assert time.process_time() - began < 1.1 * 2

    yield run
    signal.signal(signal.SIGALRM, before)


def batch(rng, count):
    return rng.uniform(0.5, 2, (2, count)), rng.uniform(-1, 1, (2, count))


@pytest.mark.parametrize("method", ["dopri5", "rk4"])
def test_geodesics(interrupted, rng, method):
    x, v = batch(rng, 20000)
    times = np.linspace(0, 1000, 3)
    interrupted(lambda: lior.geometry.geodesics("torus", x, v, times, method=method, step=1e-3))


@pytest.mark.parametrize("name", ["distance", "log_map"])
def test_boundary_values(interrupted, rng, name):
    x, y = batch(rng, 200000)
    interrupted(lambda: getattr(lior.geometry, name)("torus", x, y))


def test_curvature(interrupted, rng):
    x = rng.uniform(1, 2, (6, 200000))
    interrupted(lambda: lior.geometry.curvature("sphere:n=6", x))


def test_bianchi_s_identity(interrupted, rng):
    x = rng.uniform(1, 2, (6, 100000))
    interrupted(lambda: lior.geometry.second_bianchi_residual("sphere:n=6", x, 1e-3))


def test_eigenvalues_and_differences(interrupted, rng):
    a = rng.normal(size=(8, 8, 50000))
    interrupted(lambda: lior.geometry.eigenvalue_residual(a, a))
    x = rng.uniform(1, 2, (6, 1000000))
    interrupted(lambda: lior.geometry.christoffel_differences("sphere:n=6", x, 1e-3))


def test_a_field_s_entropy(interrupted, rng):
    t = rng.normal(size=(300, 300, 12, 12)) + 0j
    interrupted(lambda: lior.field.entropy(t))


def test_events(interrupted, rng):
    x, v = batch(rng, 1000)
    times = np.linspace(0, 30, 30)
    paths = lior.geometry.geodesics("torus", x, v, times)
    formula = "+".join(["sin(40*theta)"] * 200)  # many zeros of a formula that takes its time
    interrupted(lambda: lior.geometry.find_events("torus", formula, paths, times))


def test_pictures(interrupted):
    interrupted(lambda: lior.geometry.image("kerr:spin=.9", 30, 1.4, size=(2000, 2000), samples=4))


def test_rays(interrupted):
    pixels = np.stack(np.meshgrid(np.arange(1000.0), np.arange(1000.0))).reshape(2, -1)
    x, v = lior.geometry.camera_rays("kerr:spin=.9", pixels, 30, 1.4, size=(1000, 1000), view=1)
    interrupted(lambda: lior.geometry.trace_rays("kerr:spin=.9", x, v))


@pytest.mark.parametrize("name", ["grunwald_letnikov_weights", "l1_weights"])
def test_weights(interrupted, name):
    interrupted(lambda: getattr(lior.memory, name)(0.5, 500_000_000))


def test_a_memory_s_state_stays_where_it_was(interrupted, rng):
    memory = lior.memory.CausalConvolution(2, lior.memory.PowerLawRule(1e-4, 1000))
    memory.set(np.stack([lior.memory.default_kernel()] * 2))
    state = rng.normal(size=(64, 2, memory.state_rows, 16))
    before = state.copy()
    x = np.ones((64, 50000, 2, 16))
    interrupted(lambda: memory.advance(x, state))
    assert np.array_equal(state, before)


@pytest.mark.parametrize("name", ["grunwald_letnikov", "caputo_l1", "product_trapezoid"])
def test_fractional_series(interrupted, rng, name):
    f = rng.normal(size=400000)
    interrupted(lambda: getattr(lior.memory, name)(0.5, 0.1, f))


def test_mittag_leffler(interrupted, rng):
    z = -rng.uniform(1, 10, 3000000)
    interrupted(lambda: lior.memory.mittag_leffler(0.5, z))


def test_causal_convolution(interrupted):
    rule = lior.memory.PowerLawRule(1e-4, 1000)
    memory = lior.memory.CausalConvolution(2, rule)
    memory.set(np.stack([lior.memory.default_kernel()] * 2))
    x = np.ones(
        (256, 8000, 2, 16)
    )  # A second by FFT, so that a faster machine does not end it first.
    for plan in ("direct", "fft"):
        interrupted(lambda: memory.forward(x, plan=plan))
    one_task = np.ones((1, 250000, 2, 1))  # 3e10 products a head
    interrupted(lambda: memory.forward(one_task, plan="direct"))


def test_attention(interrupted, rng):
    q = rng.normal(size=(1, 32768, 8 * 64)).astype(np.float32)
    interrupted(lambda: lior.nn.dot_attention_forward(q, q, q, heads=8))
    sums = np.zeros((1, 8, 32768), np.float32)
    interrupted(lambda: lior.nn.dot_attention_backward(q, q, q, 8, None, 0, q, sums, q))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products(interrupted, dtype):
    x, w = np.ones((8192, 8192), dtype), np.ones((8192, 8192), dtype)
    interrupted(lambda: lior.nn.linear_forward(x, w))


def test_layers(interrupted):
    layer = lior.nn.Layer("gated_linear_attention", 128, heads=1)
    parameters = layer.start(0, dtype="float64")
    x = np.zeros((1, 200000, 128))
    interrupted(lambda: layer.forward(parameters, x))
    state = layer.initial_state(1, parameters, dtype="float64") + 1
    interrupted(lambda: layer.step(parameters, x, state))
    assert (state == 1).all()


@pytest.fixture(scope="module")
def model():
    config = lior.train.Config({"data": "builtin:parity", "preset": "tiny"})
    config.fit(lior.train.Data("builtin:parity"))
    return lior.train.Model(config)


def test_a_training_s_step(interrupted, model):
    tokens = np.zeros((16, 4096), np.int32)
    values = {name: array.copy() for name, array in model.parameters.items()}
    interrupted(lambda: model.loss_and_gradients(tokens, tokens))
    for name, array in model.parameters.items():
        assert np.array_equal(array, values[name])


def test_an_evaluation_leaves_the_state_where_it_was(interrupted, model, rng):
    tokens = np.zeros((16, 8192), np.int32)
    state = model.initial_state(16)
    state += rng.normal(size=state.shape).astype(np.float32)
    before = state.copy()
    interrupted(lambda: model.evaluate(tokens, tokens, state))
    assert np.array_equal(state, before)
    interrupted(lambda: model.logits(tokens, state))
    assert np.array_equal(state, before)


def test_a_step_of_chebyshev_leaves_the_field_where_it_was(interrupted):
    h = lior.field.Hamiltonian(np.zeros((64, 64)), d=2, dx=0.1, hbar=0.1)
    start = lior.field.packet(64, 64, d=2, width=3.0)
    evolution = lior.field.Evolution(h, start, scheme="chebyshev", dt=20000.0)
    interrupted(lambda: evolution.run(1))
    assert evolution.step == 0 and np.array_equal(evolution.field(), start)


def test_counting_a_text(interrupted, rng, tmp_path):
    (tmp_path / "text").write_bytes(rng.integers(97, 123, 10_000_000, np.uint8).tobytes())
    data = lior.train.Data(str(tmp_path / "text"))
    interrupted(lambda: lior.train.Counts(data, 6))


def test_waiting_for_a_pipe(interrupted, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    interrupted(lambda: lior.train.Data(str(fifo)))
