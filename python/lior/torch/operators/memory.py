# SPDX-License-Identifier: Apache-2.0
"""The LIoR kernel and the memory of sequences."""

from functools import lru_cache
from typing import Tuple

import torch
from torch import Tensor

from lior import memory as _memory
from lior.torch.operators.tensors import dense


@torch.library.custom_op("lior::lior_kernel", mutates_args=())
def lior_kernel(raw: Tensor, lag: Tensor) -> Tensor:
    """K(t) at lags t [M], from the 12 raw parameters; 0 for t <= 0."""
    raw, lag = dense(raw), dense(lag)
    value = torch.empty_like(lag)
    _memory.kernel_forward(raw, lag, out=value)
    return value


@lior_kernel.register_fake
def _(raw, lag):
    return lag.new_empty(lag.shape)


@torch.library.custom_op("lior::lior_kernel_backward", mutates_args=())
def lior_kernel_backward(raw: Tensor, lag: Tensor, d_value: Tensor) -> Tensor:
    """Gradient with respect to the raw parameters."""
    raw, lag = dense(raw), dense(lag)
    d_raw = torch.empty_like(raw)
    _memory.kernel_backward(raw, lag, dense(d_value), out=d_raw)
    return d_raw


@lior_kernel_backward.register_fake
def _(raw, lag, d_value):
    return raw.new_empty(raw.shape)


def _lior_kernel_setup(ctx, inputs, output):
    ctx.save_for_backward(*inputs)


def _lior_kernel_gradient(ctx, d_value):
    raw, lag = ctx.saved_tensors
    if ctx.needs_input_grad[1]:
        raise NotImplementedError("lior_kernel has no gradient with respect to the lags")
    return lior_kernel_backward(raw, lag, d_value), None


lior_kernel.register_autograd(_lior_kernel_gradient, setup_context=_lior_kernel_setup)


@lru_cache
def _rule(tolerance: float, horizon: float):
    return _memory.PowerLawRule(tolerance, horizon)


def _convolution_of(raw: Tensor, tolerance: float, horizon: float):
    made = _memory.CausalConvolution(
        raw.shape[0], _rule(tolerance, horizon), dtype=str(raw.dtype)[6:]
    )
    made.set(raw)
    return made


@torch.library.custom_op("lior::memory", mutates_args=())
def memory(x: Tensor, raw: Tensor, tolerance: float = 1e-6, horizon: float = 1048576.0) -> Tensor:
    """y_n = w0 x_n + sum_k kappa_k x_{n-k}: x and y [B, N, H, C], raw [H, 12], one kernel a head.

    The power law is a sum of exponentials, good to `tolerance` for lags up to `horizon`; making one takes up
    to 0.4 s, once a process."""
    x, raw = dense(x), dense(raw)
    y = torch.empty_like(x)
    _convolution_of(raw, tolerance, horizon).forward(x, out=y)
    return y


@memory.register_fake
def _(x, raw, tolerance=1e-6, horizon=1048576.0):
    return x.new_empty(x.shape)


@torch.library.custom_op("lior::memory_backward", mutates_args=())
def memory_backward(
    x: Tensor, raw: Tensor, tolerance: float, horizon: float, dy: Tensor
) -> Tuple[Tensor, Tensor]:
    """Gradients with respect to x and raw."""
    x, raw = dense(x), dense(raw)
    d_x, d_raw = torch.empty_like(x), torch.empty_like(raw)
    _convolution_of(raw, tolerance, horizon).backward(x, dense(dy), out=(d_x, d_raw))
    return d_x, d_raw


@memory_backward.register_fake
def _(x, raw, tolerance, horizon, dy):
    return x.new_empty(x.shape), raw.new_empty(raw.shape)


def _memory_setup(ctx, inputs, output):
    x, raw, ctx.tolerance, ctx.horizon = inputs
    ctx.save_for_backward(x, raw)


def _memory_gradient(ctx, dy):
    x, raw = ctx.saved_tensors
    return *memory_backward(x, raw, ctx.tolerance, ctx.horizon, dy), None, None


memory.register_autograd(_memory_gradient, setup_context=_memory_setup)


@torch.library.custom_op("lior::memory_advance", mutates_args=())
def memory_advance(
    x: Tensor, raw: Tensor, state: Tensor, tolerance: float = 1e-6, horizon: float = 1048576.0
) -> Tuple[Tensor, Tensor]:
    """`memory` of x [B, n, H, C] that comes after what `state` [B, H, R, C] float64 holds, and the next state. Has no
    gradient."""
    x, raw = dense(x), dense(raw)
    y, after = torch.empty_like(x), state.clone(memory_format=torch.contiguous_format)
    _convolution_of(raw, tolerance, horizon).advance(x, after, out=y)
    return y, after


@memory_advance.register_fake
def _(x, raw, state, tolerance=1e-6, horizon=1048576.0):
    return x.new_empty(x.shape), state.new_empty(state.shape)


def memory_start(
    batch: int, channels: int, raw: Tensor, tolerance: float = 1e-6, horizon: float = 1048576.0
) -> Tensor:
    """The state of `memory_advance` before any x: [batch, H, R, channels]."""
    rows = _convolution_of(dense(raw.detach()), tolerance, horizon).state_rows
    return torch.zeros(batch, raw.shape[0], rows, channels, dtype=torch.float64)
