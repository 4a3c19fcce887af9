# SPDX-License-Identifier: Apache-2.0
"""The original program's layer and its recurrence: section 4.5. A loop over tokens: the layer is run to compare."""

from typing import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lior.torch.formulas.octonions import as_complex, as_numbers


def compat_recurrence(
    u: Tensor, state: Tensor, theta: Tensor, omega: Tensor, sigma: Tensor
) -> tuple[Tensor, Tensor]:
    turn = torch.polar(sigma.clamp(0.5, 2) * (1 + omega / 10), theta)
    states = [state]
    for n in range(u.shape[1]):
        turned = as_numbers(turn * as_complex(states[-1]))
        (a, b, a2, b2), (c, d, c2, d2) = turned.split(4, -1), u[:, n].split(4, -1)
        blocks = [a * c - d * b, a2 * c2 - d2 * b2, d * a + b * c, d2 * a2 + b2 * c2]
        states.append(torch.cat(blocks, -1))
    squares = as_complex(torch.stack(states, 1)[:, 1:]).abs().square()
    return torch.cat([squares[..., :1], -squares[..., 1:]], -1), states[-1].clone()


def compat_mamba(x: Tensor, state: Tensor, parameters: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    in_weight, in_bias, basis, gain, bias, theta, omega, sigma, *rest = parameters
    read_weight, read_bias, gate_weight, gate_bias, out_weight, out_bias, last_gain, last_bias = (
        rest
    )
    x_in = F.linear(x, in_weight, in_bias)
    u = F.layer_norm(x_in @ basis, (16,), gain, bias)
    invariants, last = compat_recurrence(u, state, theta, omega, sigma)
    y = (
        F.linear(invariants, read_weight, read_bias)
        * F.linear(x_in, gate_weight, gate_bias).sigmoid()
    )
    out = x + F.linear(y, out_weight, out_bias)
    return F.layer_norm(out, last_gain.shape, last_gain, last_bias), last
