# SPDX-License-Identifier: Apache-2.0
"""A step of the LIoR optimiser: section 9."""

from typing import Sequence

from torch import Tensor
from torch.nn import functional as F


def _resilience(point: Tensor, net: Sequence[Tensor]) -> Tensor:
    """R (6.5) of the first entries of a flat tensor, zeros where it has too few."""
    weight, shift, out, last = net
    x = F.pad(point[: weight.shape[1]], (0, max(0, weight.shape[1] - len(point))))
    return F.softplus(out @ F.gelu(weight @ x + shift) + last[0]).clamp(0.1, 10)


def lior_factor(form: str, power: int, mean_square: Tensor) -> Tensor:
    """R^-q of the exact form and of compat, by the mean of g^2."""
    if form == "exact":
        return (1 + mean_square) ** (-power / 2)
    return (1 + mean_square).rsqrt().clamp(0.1, 10) ** -2


def lior_step(
    values: Sequence[Tensor],
    gradients: Sequence[Tensor],
    memories: Sequence[Tensor],
    net: Sequence[Tensor],
    form: str,
    power: int,
    kappa: float,
    rate: float,
) -> None:
    for i, (p, g) in enumerate(zip(values, gradients)):
        if form == "manifold":
            factor = _resilience(p.flatten(), net) ** -2
        else:
            factor = lior_factor(form, power, g.double().square().mean())
        step = factor.to(p.dtype) * g
        if memories:
            step = memories[i].mul_(0.9).add_(0.1 * step)
        p.sub_(rate * kappa * step)
