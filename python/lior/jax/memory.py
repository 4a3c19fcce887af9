# SPDX-License-Identifier: Apache-2.0
"""The LIoR kernel and the memory of sequences."""

from typing import Any, Tuple, cast

import jax
import jax.numpy as jnp
from jax import Array

from lior.jax.operations import (
    ArrayLike,
    Operation,
    array_of,
    differentiable,
    extent,
    options_of,
)
from lior.memory import CausalConvolution, PowerLawRule

_KERNEL = Operation("lior_kernel", inputs=(0,), outputs=(0,))
_KERNEL_BACKWARD = Operation("lior_kernel_backward", inputs=(0, 0), outputs=None)
_MEMORY = Operation("memory", inputs=(0,), outputs=(0,))
_MEMORY_BACKWARD = Operation("memory_backward", inputs=(0, 0), outputs=None)
_ADVANCE = Operation(
    "memory_advance",
    inputs=(0, 0),
    outputs=(0, 0),
    refusal="lior.jax.memory_advance has no gradient; lior.jax.memory has",
)


def _kernel_value(options: str, raw: Array, lag: Array) -> Array:
    return _KERNEL(options, lag, raw)[0]


def _kernel_forward(options: str, raw: Any, lag: Any) -> Any:
    if lag.perturbed:
        raise NotImplementedError(
            "lior.jax.lior_kernel has no gradient with respect to lags; stop it by jax.lax.stop_gradient(lag)"
        )
    return _kernel_value(options, raw.value, lag.value), (raw.value, lag.value)


def _kernel_backward(options: str, saved: Tuple[Array, Array], d_value: Array) -> Any:
    raw, lag = saved
    if isinstance(d_value, jax.custom_derivatives.SymbolicZero):
        return jnp.zeros_like(raw), jnp.zeros_like(lag)
    return _KERNEL_BACKWARD(options, lag, d_value, raw)[0], jnp.zeros_like(lag)


_kernel = differentiable(_kernel_value, _kernel_forward, _kernel_backward, symbolic_zeros=True)


def lior_kernel(raw: ArrayLike, lag: ArrayLike) -> Array:
    """K(t) at lags t (M,), from the 12 raw parameters of lior.memory.KERNEL_PARAMETERS; 0 for t <= 0.

    K(t) = w0 a e^(-beta t) + w1 gamma t^-delta e^(-xi t) + w2 eta cos(omega t + phi) e^(-zeta t). The gradient is with
    respect to raw. Source: docs/math/conventions.md, section 7.
    """
    return cast(Array, _kernel(options_of(), array_of(raw), array_of(lag)))


def _memory_value(options: str, x: Array, raw: Array) -> Array:
    return _MEMORY(options, x, raw)[0]


def _memory_forward(options: str, x: Array, raw: Array) -> Any:
    return _memory_value(options, x, raw), (x, raw)


def _memory_backward(options: str, saved: Tuple[Array, Array], dy: Array) -> Any:
    x, raw = saved
    return _MEMORY_BACKWARD(options, x, dy, raw)


_memory = differentiable(_memory_value, _memory_forward, _memory_backward)


def memory(
    x: ArrayLike, raw: ArrayLike, *, tolerance: float = 1e-6, horizon: float = 1048576.0
) -> Array:
    """y_n = w0 x_n + sum_k kappa_k x_{n-k}: x and y (B, N, H, C), raw (H, 12), one kernel a head.

    The power law is a sum of exponentials, good to `tolerance` for lags up to `horizon`; making one takes up
    to 0.4 s, once a process. Source: docs/math/conventions.md, section 7.
    """
    raw = array_of(raw)
    extent("raw", raw, 0, ("H", 12))
    options = options_of(tolerance=float(tolerance), horizon=float(horizon))
    return cast(Array, _memory(options, array_of(x), raw))


def memory_advance(
    x: ArrayLike,
    raw: ArrayLike,
    state: ArrayLike,
    *,
    tolerance: float = 1e-6,
    horizon: float = 1048576.0,
) -> Tuple[Array, Array]:
    """(y, next state): `memory` of x (B, n, H, C) that comes after what `state` (B, H, R, C) float64 holds, which is
    memory_start's at first. Any split of a sequence into calls gives one call's result, to rounding. Has no gradient."""
    raw = array_of(raw)
    extent("raw", raw, 0, ("H", 12))
    options = options_of(tolerance=float(tolerance), horizon=float(horizon))
    y, after = _ADVANCE(options, array_of(x), array_of(state), raw)
    return y, after


def memory_start(
    batch: int,
    heads: int,
    channels: int,
    *,
    tolerance: float = 1e-6,
    horizon: float = 1048576.0,
) -> Array:
    """The state of `memory_advance` before any x: zeros (batch, heads, R, channels) float64. RuntimeError where JAX has
    no float64: see jax_enable_x64."""
    if jnp.result_type(float) != "float64":
        raise RuntimeError(
            "states of the memory are float64, which JAX has after jax.config.update('jax_enable_x64', True)"
        )
    rule = PowerLawRule(tolerance, horizon)
    rows = CausalConvolution(heads, rule).state_rows
    return jnp.zeros((batch, heads, rows, channels), "float64")
