# SPDX-License-Identifier: Apache-2.0
"""The LIoR kernel and the memory of sequences."""

from typing import Tuple

import torch
from torch import Tensor

from lior import memory as _memory
from lior.torch import formulas
from lior.torch.cuda import memory as cuda_memory
from lior.torch.formulas.memory import rule_of
from lior.torch.operators.define import Args, Call, operator, pullback
from lior.torch.operators.tensors import dense


@operator(
    shapes=lambda raw, lag, d_value: raw.new_empty(raw.shape),
    formula=lambda raw, lag, d_value: pullback(formulas.lior_kernel, (raw, lag), (d_value,))[0],
)
def lior_kernel_backward(raw: Tensor, lag: Tensor, d_value: Tensor) -> Tensor:
    """Gradient with respect to the raw parameters."""
    raw, lag = dense(raw), dense(lag)
    d_raw = torch.empty_like(raw)
    _memory.kernel_backward(raw, lag, dense(d_value), out=d_raw)
    return d_raw


def _lior_kernel_gradient(call: Call) -> Args:
    if call.needs[1]:
        return pullback(formulas.lior_kernel, call.args, call.grads)
    return lior_kernel_backward(*call.args, *call.grads), None


@operator(
    shapes=lambda raw, lag: lag.new_empty(lag.shape),
    gradient=_lior_kernel_gradient,
    formula=formulas.lior_kernel,
)
def lior_kernel(raw: Tensor, lag: Tensor) -> Tensor:
    """K(t) at lags t [M], from the 12 raw parameters; 0 for t <= 0."""
    raw, lag = dense(raw), dense(lag)
    value = torch.empty_like(lag)
    _memory.kernel_forward(raw, lag, out=value)
    return value


def _convolution_of(raw: Tensor, tolerance: float, horizon: float) -> _memory.CausalConvolution:
    made = _memory.CausalConvolution(
        raw.shape[0], rule_of(tolerance, horizon), dtype=str(raw.dtype)[6:]
    )
    made.set(raw)
    return made


@operator(
    shapes=lambda x, raw, *rest: (x.new_empty(x.shape), raw.new_empty(raw.shape)),
    formula=lambda *args: pullback(formulas.memory, args[:4], args[4:]),
    cuda=cuda_memory.backward,
)
def memory_backward(
    x: Tensor, raw: Tensor, tolerance: float, horizon: float, dy: Tensor
) -> Tuple[Tensor, Tensor]:
    """Gradients with respect to x and raw."""
    x, raw = dense(x), dense(raw)
    d_x, d_raw = torch.empty_like(x), torch.empty_like(raw)
    _convolution_of(raw, tolerance, horizon).backward(x, dense(dy), out=(d_x, d_raw))
    return d_x, d_raw


@operator(
    shapes=lambda x, *rest: x.new_empty(x.shape),
    gradient=lambda call: (*memory_backward(*call.args, *call.grads), None, None),
    formula=formulas.memory,
    cuda=cuda_memory.forward,
)
def memory(x: Tensor, raw: Tensor, tolerance: float = 1e-6, horizon: float = 1048576.0) -> Tensor:
    """y_n = w0 x_n + sum_k kappa_k x_{n-k}: x and y [B, N, H, C], raw [H, 12], one kernel a head.

    The power law is a sum of exponentials, good to `tolerance` for lags up to `horizon`; making one takes up
    to 0.4 s, once a process."""
    x, raw = dense(x), dense(raw)
    y = torch.empty_like(x)
    _convolution_of(raw, tolerance, horizon).forward(x, out=y)
    return y


@operator(
    shapes=lambda x, raw, state, *rest: (x.new_empty(x.shape), state.new_empty(state.shape)),
    plain=formulas.memory_advance,
    cuda=cuda_memory.advance,
)
def memory_advance(
    x: Tensor, raw: Tensor, state: Tensor, tolerance: float = 1e-6, horizon: float = 1048576.0
) -> Tuple[Tensor, Tensor]:
    """`memory` of x [B, n, H, C] that comes after what `state` [B, H, R, C] float64 holds, and the next state. Has no
    gradient."""
    x, raw = dense(x), dense(raw)
    y, after = torch.empty_like(x), dense(state).clone()
    _convolution_of(raw, tolerance, horizon).advance(x, after, out=y)
    return y, after


def memory_start(
    batch: int, channels: int, raw: Tensor, tolerance: float = 1e-6, horizon: float = 1048576.0
) -> Tensor:
    """The state of `memory_advance` before any x: [batch, H, R, channels]."""
    rows = rule_of(tolerance, horizon).poles + 3
    return raw.new_zeros(batch, raw.shape[0], rows, channels, dtype=torch.float64)
