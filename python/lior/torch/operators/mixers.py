# SPDX-License-Identifier: Apache-2.0
"""The parts of the causal field and of geometric attention."""

from typing import Tuple

import torch
from torch import Tensor

from lior._lior import mixers as _mixers
from lior.torch import formulas
from lior.torch.cuda import attention as cuda_attention
from lior.torch.operators.define import Args, Call, operator, pullback
from lior.torch.operators.tensors import all_dense, dense


def _flat(tensor: Tensor) -> Tensor:
    """[B, N, K] as rows [B N, K]."""
    return tensor.view(-1, tensor.shape[-1])


@operator(
    shapes=lambda factors, transport, *rest: (
        factors.new_empty(factors.shape),
        transport.new_empty(transport.shape),
    ),
    formula=lambda factors, transport, current, d_current: pullback(
        formulas.associator_current, (factors, transport), (d_current,)
    ),
)
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


def _current_shape(factors: Tensor, transport: Tensor) -> Tensor:
    return factors.new_empty(*factors.shape[:2], factors.shape[2] // 3)


@operator(
    shapes=_current_shape,
    gradient=lambda call: associator_current_backward(*call.args, *call.outputs, *call.grads),
    formula=formulas.associator_current,
)
def associator_current(factors: Tensor, transport: Tensor) -> Tensor:
    """((a b) c - a (b c)) P/|P| [B, N, 16 H] of factors a, b, c [B, N, 48 H] and transport P [H, 8]."""
    factors, transport = dense(factors), dense(transport)
    current = _current_shape(factors, transport)
    _mixers.associator_current_forward(_flat(factors), transport, out=_flat(current))
    return current


@operator(
    shapes=lambda *args: tuple(tensor.new_empty(tensor.shape) for tensor in args[:3]),
    formula=lambda z, v, mix, window, attended, log_sums, d_attended: pullback(
        lambda *args: formulas.spinor_attention(*args)[0], (z, v, mix, window), (d_attended,)
    ),
    cuda=cuda_attention.backward,
)
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
    gradients = torch.empty_like(z), torch.empty_like(v), torch.empty_like(mix)
    _mixers.spinor_attention_backward(z, v, mix, window, *rest, out=gradients)
    return gradients


def _attention_gradient(call: Call) -> Args:
    z, v, mix, window = call.args
    attended, log_sums = call.outputs
    d_attended = call.grads[0]
    return *spinor_attention_backward(z, v, mix, window, attended, log_sums, d_attended), None


@operator(
    shapes=lambda z, v, mix, window=0: (
        v.new_empty(v.shape),
        z.new_empty(z.shape[0], mix.shape[0], z.shape[1]),
    ),
    gradient=_attention_gradient,
    formula=formulas.spinor_attention,
    cuda=cuda_attention.forward,
    silent=lambda *args: (1,),
)
def spinor_attention(z: Tensor, v: Tensor, mix: Tensor, window: int = 0) -> Tuple[Tensor, Tensor]:
    """Causal attention of values v by spinor scores of z, both [B, N, 16 H], mix [H, 4] = l1..l4, and the
    logarithms of the softmax's sums [B, H, N], which have no gradient. window: positions that are seen, 0: all.
    """
    z, v, mix = all_dense((z, v, mix))
    outputs = torch.empty_like(v), z.new_empty(z.shape[0], mix.shape[0], z.shape[1])
    _mixers.spinor_attention_forward(z, v, mix, window, out=outputs)
    return outputs
