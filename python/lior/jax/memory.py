# SPDX-License-Identifier: Apache-2.0
"""The LIoR kernel and the memory of sequences."""

from typing import Any, Sequence, Tuple, cast

import jax.numpy as jnp
from jax import Array

from lior.jax import formulas
from lior.jax.derivatives import Moves, differentiable, of_formula
from lior.jax.operations import (
    ArrayLike,
    Operation,
    array_of,
    extent,
    options_of,
)
from lior.memory import CausalConvolution, PowerLawRule

_KERNEL = Operation("lior_kernel", inputs=(0,), outputs=(0,))
_KERNEL_BACKWARD = Operation("lior_kernel_backward", inputs=(0, 0), outputs=None)
_MEMORY = Operation("memory", inputs=(0,), outputs=(0,))
_MEMORY_BACKWARD = Operation("memory_backward", inputs=(0, 0), outputs=None)
_ADVANCE = Operation("memory_advance", inputs=(0, 0), outputs=(0, 0))


def _kernel_value(options: str, raw: Array, lag: Array) -> Array:
    return _KERNEL(options, lag, raw)[0]


def _kernel_forward(options: str, raw: Array, lag: Array) -> Any:
    return _kernel_value(options, raw, lag), (raw, lag)


def _kernel_backward(options: str, saved: Tuple[Array, Array], d_value: Array) -> Any:
    raw, lag = saved
    return _KERNEL_BACKWARD(options, lag, d_value, raw)[0], jnp.zeros_like(lag)


def _kernel_formula(options: str, raw: Array, lag: Array) -> Array:
    return formulas.lior_kernel(raw, lag)


_kernel = differentiable(
    _kernel_value,
    _kernel_forward,
    _kernel_backward,
    of_formula(_kernel_formula),
    constant={
        1: "lior.jax.lior_kernel has no gradient with respect to lags; stop it by jax.lax.stop_gradient(lag), or take "
        "jax.jvp"
    },
)


def lior_kernel(raw: ArrayLike, lag: ArrayLike) -> Array:
    """K(t) at lags t (M,), from the 12 raw parameters of lior.memory.KERNEL_PARAMETERS; 0 for t <= 0.

    K(t) = w0 a e^(-beta t) + w1 gamma t^-delta e^(-xi t) + w2 eta cos(omega t + phi) e^(-zeta t). The gradient is with
    respect to raw; forward mode takes lags too. Source: docs/math/conventions.md, section 7.
    """
    return cast(Array, _kernel(options_of(), array_of(raw), array_of(lag)))


_NOT_LINEAR = "lior.jax.{} has no derivative in forward mode with respect to raw; lior.jax.memory has one in reverse mode"


def _memory_value(options: str, x: Array, raw: Array) -> Array:
    return _MEMORY(options, x, raw)[0]


def _memory_forward(options: str, x: Array, raw: Array) -> Any:
    return _memory_value(options, x, raw), (x, raw)


def _memory_backward(options: str, saved: Tuple[Array, Array], dy: Array) -> Any:
    x, raw = saved
    return _MEMORY_BACKWARD(options, x, dy, raw)


def _memory_push(options: str, arguments: Sequence[Array], moves: Moves) -> Array:
    """y is linear in x."""
    if 1 in moves:
        raise NotImplementedError(_NOT_LINEAR.format("memory"))
    return _memory_value(options, moves[0], arguments[1])


_memory = differentiable(_memory_value, _memory_forward, _memory_backward, _memory_push)


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


def _advance_value(options: str, x: Array, state: Array, raw: Array) -> Tuple[Array, Array]:
    y, after = _ADVANCE(options, x, state, raw)
    return y, after


def _advance_forward(options: str, *arguments: Array) -> Any:
    return _advance_value(options, *arguments), arguments


def _advance_backward(options: str, saved: Any, grads: Any) -> Any:
    raise NotImplementedError("lior.jax.memory_advance has no gradient; lior.jax.memory has")


def _advance_push(options: str, arguments: Sequence[Array], moves: Moves) -> Tuple[Array, Array]:
    """Linear in x and the state together."""
    if 2 in moves:
        raise NotImplementedError(_NOT_LINEAR.format("memory_advance"))
    x, state = (moves.get(place, jnp.zeros_like(arguments[place])) for place in (0, 1))
    return _advance_value(options, x, state, arguments[2])


_advance = differentiable(_advance_value, _advance_forward, _advance_backward, _advance_push)


def memory_advance(
    x: ArrayLike,
    raw: ArrayLike,
    state: ArrayLike,
    *,
    tolerance: float = 1e-6,
    horizon: float = 1048576.0,
) -> Tuple[Array, Array]:
    """(y, next state): `memory` of x (B, n, H, C) that comes after what `state` (B, H, R, C) float64 holds, which is
    memory_start's at first. Any split of a sequence into calls gives one call's result, to rounding. Has no gradient, but
    tangents of x and the state."""
    raw = array_of(raw)
    extent("raw", raw, 0, ("H", 12))
    options = options_of(tolerance=float(tolerance), horizon=float(horizon))
    return cast(Tuple[Array, Array], _advance(options, array_of(x), array_of(state), raw))


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
