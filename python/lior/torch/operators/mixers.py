# SPDX-License-Identifier: Apache-2.0
"""The parts of the causal field and of geometric attention."""

from typing import Tuple

import torch
from torch import Tensor

from lior._lior import mixers as _mixers
from lior.torch.operators.tensors import all_dense, dense


def _flat(tensor: Tensor) -> Tensor:
    """[B, N, K] as rows [B N, K]."""
    return tensor.view(-1, tensor.shape[-1])


@torch.library.custom_op("lior::associator_current", mutates_args=())
def associator_current(factors: Tensor, transport: Tensor) -> Tensor:
    """((a b) c - a (b c)) P/|P| [B, N, 16 H] of factors a, b, c [B, N, 48 H] and transport P [H, 8]."""
    factors, transport = dense(factors), dense(transport)
    current = factors.new_empty(*factors.shape[:2], factors.shape[2] // 3)
    _mixers.associator_current_forward(_flat(factors), transport, out=_flat(current))
    return current


@associator_current.register_fake
def _(factors, transport):
    return factors.new_empty(*factors.shape[:2], factors.shape[2] // 3)


@torch.library.custom_op("lior::associator_current_backward", mutates_args=())
def associator_current_backward(
    factors: Tensor, transport: Tensor, current: Tensor, d_current: Tensor
) -> Tuple[Tensor, Tensor]:
    """Gradients with respect to factors and transport."""
    factors, transport, current, d_current = all_dense((factors, transport, current, d_current))
    d_factors, d_transport = torch.empty_like(factors), torch.empty_like(transport)
    _mixers.associator_current_backward(
        _flat(factors),
        transport,
        _flat(current),
        _flat(d_current),
        out=(_flat(d_factors), d_transport),
    )
    return d_factors, d_transport


@associator_current_backward.register_fake
def _(factors, transport, current, d_current):
    return factors.new_empty(factors.shape), transport.new_empty(transport.shape)


def _associator_current_setup(ctx, inputs, output):
    ctx.save_for_backward(*inputs, output)


def _associator_current_gradient(ctx, d_current):
    return associator_current_backward(*ctx.saved_tensors, d_current)


associator_current.register_autograd(
    _associator_current_gradient, setup_context=_associator_current_setup
)


@torch.library.custom_op("lior::spinor_attention", mutates_args=())
def spinor_attention(z: Tensor, v: Tensor, mix: Tensor, window: int = 0) -> Tuple[Tensor, Tensor]:
    """Causal attention of values v by spinor scores of z, both [B, N, 16 H], mix [H, 4] = l1..l4, and the
    logarithms of the softmax's sums [B, H, N], which have no gradient. window: positions that are seen, 0: all.
    """
    z, v, mix = all_dense((z, v, mix))
    outputs = torch.empty_like(v), z.new_empty(z.shape[0], mix.shape[0], z.shape[1])
    _mixers.spinor_attention_forward(z, v, mix, window, out=outputs)
    return outputs


@spinor_attention.register_fake
def _(z, v, mix, window=0):
    return v.new_empty(v.shape), z.new_empty(z.shape[0], mix.shape[0], z.shape[1])


@torch.library.custom_op("lior::spinor_attention_backward", mutates_args=())
def spinor_attention_backward(
    z: Tensor,
    v: Tensor,
    mix: Tensor,
    window: int,
    attended: Tensor,
    log_sums: Tensor,
    d_attended: Tensor,
) -> Tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to z, v and mix."""
    z, v, mix, *rest = all_dense((z, v, mix, attended, log_sums, d_attended))
    gradients = tuple(torch.empty_like(tensor) for tensor in (z, v, mix))
    _mixers.spinor_attention_backward(z, v, mix, window, *rest, out=gradients)
    return gradients


@spinor_attention_backward.register_fake
def _(z, v, mix, window, attended, log_sums, d_attended):
    return tuple(tensor.new_empty(tensor.shape) for tensor in (z, v, mix))


def _spinor_attention_setup(ctx, inputs, output):
    z, v, mix, ctx.window = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(z, v, mix, *output)


def _spinor_attention_gradient(ctx, d_attended, _):
    z, v, mix, attended, log_sums = ctx.saved_tensors
    return *spinor_attention_backward(z, v, mix, ctx.window, attended, log_sums, d_attended), None


spinor_attention.register_autograd(
    _spinor_attention_gradient, setup_context=_spinor_attention_setup
)
