# SPDX-License-Identifier: Apache-2.0
"""The learned metric, its Christoffel symbols and its geodesics: section 6."""

import math
from typing import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def _net(points: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> tuple[Tensor, Tensor]:
    """w2 gelu(w1 x + b1) + b2 [N, k] and its slopes [N, k, d]."""
    t = F.linear(points, w1, b1)
    density = torch.exp(-t.square() / 2) / math.sqrt(2 * math.pi)
    slope = (1 + torch.erf(t / math.sqrt(2))) / 2 + t * density  # of gelu
    return F.linear(F.gelu(t), w2, b2), torch.einsum("kj,nj,jm->nkm", w2, slope, w1)


def metric_and_slopes(
    x: Tensor, parameters: Sequence[Tensor], resilience: bool, spd_floor: bool
) -> tuple[Tensor, Tensor]:
    """g [N, d, d] and d_m g_nr [N, m, n, r] at planes x [d, N]."""
    matrix, *nets = parameters
    d, points = len(x), x.T
    h, dh = (part.unflatten(1, (d, d)) for part in _net(points, *nets[:4]))
    bend = torch.tanh((h + h.mT) / 2)
    floor = 1e-4 + (0.1 * d if spd_floor else 0.0)
    g = matrix @ matrix.T + 0.1 * bend + floor * torch.eye(d, dtype=x.dtype, device=x.device)
    dh = dh.permute(0, 3, 1, 2)
    dg = 0.05 * (1 - bend.square())[:, None] * (dh + dh.mT)
    if not resilience:
        return g, dg
    value, slope = _net(points, *nets[4:])
    free = F.softplus(value)
    r = free.clamp(0.1, 10)
    dr = (
        torch.where(r == free, value.sigmoid(), torch.zeros_like(r))[..., None] * slope
    )  # [N, 1, m]
    r, dr = r[..., None], dr.transpose(1, 2)[..., None]  # [N, 1, 1] and [N, m, 1, 1]
    return r**2 * g, r[:, None] ** 2 * dg + 2 * r[:, None] * dr * g[:, None]


def learned_metric(
    x: Tensor, parameters: Sequence[Tensor], resilience: bool, spd_floor: bool
) -> Tensor:
    return metric_and_slopes(x, parameters, resilience, spd_floor)[0].permute(1, 2, 0)


def christoffel(
    x: Tensor, parameters: Sequence[Tensor], resilience: bool, spd_floor: bool
) -> Tensor:
    g, dg = metric_and_slopes(x, parameters, resilience, spd_floor)
    lowered = dg + dg.transpose(1, 2) - dg.permute(0, 2, 3, 1)
    return torch.einsum("ils,imns->lmni", torch.linalg.inv(g), lowered) / 2


def geodesic(
    x: Tensor,
    v: Tensor,
    parameters: Sequence[Tensor],
    resilience: bool,
    spd_floor: bool,
    time: float,
    step: float,
    symbols: Callable[..., Tensor] = christoffel,
) -> tuple[Tensor, Tensor]:
    """RK4 in the fewest equal steps of at most `step`."""
    count = max(1, math.ceil(time / step - 1e-9))
    h = time / count

    def slope(x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        gamma = symbols(x, parameters, resilience, spd_floor)
        return v, -torch.einsum("lmni,mi,ni->li", gamma, v, v)

    for _ in range(count):
        a = slope(x, v)
        b = slope(x + h / 2 * a[0], v + h / 2 * a[1])
        c = slope(x + h / 2 * b[0], v + h / 2 * b[1])
        d = slope(x + h * c[0], v + h * c[1])
        x, v = (y + h / 6 * (p + 2 * q + 2 * r + s) for y, p, q, r, s in zip((x, v), a, b, c, d))
    return x, v
