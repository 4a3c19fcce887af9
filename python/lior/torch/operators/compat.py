# SPDX-License-Identifier: Apache-2.0
"""The original program's layer and its recurrence."""

from typing import List, Tuple

import torch
from torch import Tensor

from lior import _lior, nn
from lior.torch import formulas
from lior.torch.operators.define import operator
from lior.torch.operators.tensors import all_dense, dense


@operator(
    shapes=lambda x, state, *rest: (x.new_empty(x.shape), state.new_empty(state.shape)),
    plain=formulas.compat_mamba,
)
def compat_mamba(x: Tensor, state: Tensor, parameters: List[Tensor]) -> Tuple[Tensor, Tensor]:
    """The original's geometric Mamba layer: x [B, N, D], state [B, 16] -> the output and the last state. Has
    no gradient: its state is zero forever, or grows or dies geometrically."""
    x = dense(x)
    state, out = state.detach().clone(memory_format=torch.contiguous_format), torch.empty_like(x)
    _lior.compat.mamba(all_dense(parameters), x, state, out=out)
    return out, state


@operator(
    shapes=lambda u, state, *rest: (
        u.new_empty(*u.shape[:2], 8),
        state.new_empty(state.shape),
    ),
    plain=formulas.compat_recurrence,
)
def compat_recurrence(
    u: Tensor, state: Tensor, theta: Tensor, omega: Tensor, sigma: Tensor
) -> Tuple[Tensor, Tensor]:
    """The recurrence of that layer alone: u [B, N, 16], state [B, 16] -> invariants [B, N, 8] and the last
    state. Has no gradient."""
    ends = nn.compat_recurrence(*all_dense((theta, omega, sigma, u, state)))
    return torch.from_numpy(ends[0]), torch.from_numpy(ends[1])
