# SPDX-License-Identifier: Apache-2.0
"""The CI8 scan and what heads show of their states: section 4."""

import functools
from typing import Optional

import torch
from torch import Tensor
from torch.nn import functional as F

from lior.torch.formulas.octonions import (
    as_complex,
    as_numbers,
    left_matrices,
    right_matrices,
    unit,
)
from lior.torch.formulas.recurrences import affine_states

_TURNS = {
    "right": right_matrices,
    "left": left_matrices,
    "two_sided": lambda u: right_matrices(u) @ left_matrices(u),
}


def ci8_scan(
    projection: Tensor,
    initial: Tensor,
    angles: Optional[Tensor] = None,
    factors: int = 1,
    transition: str = "right",
    complex_state: bool = False,
    gates: bool = True,
    phase: bool = False,
    rotation: bool = False,
) -> Tensor:
    """Each step as h -> M h + b, M = a e^{i phi} F_k ... F_1 D a matrix of 8 x 8, and all steps by affine_states: 64
    numbers (128 of complex states) a token and head, twice, and 512 multiply-adds in place of 64."""
    size, heads = initial.shape[1:]
    planes = projection.unflatten(2, (-1, heads)).transpose(2, 3)  # [B, N, H, planes]
    w, z, phi, c = planes[..., : 8 * factors + phase + (1 + size if gates else 0)].split(
        [8 * factors, int(gates), int(phase), size if gates else 0], -1
    )
    octonions = unit(w.unflatten(-1, (factors, 8))).unbind(-2)
    turn = functools.reduce(lambda before, f: f @ before, map(_TURNS[transition], octonions))
    a = z.sigmoid() if gates else torch.ones_like(w[..., :1])
    if phase:
        a = torch.polar(a, phi)
    start = initial.transpose(1, 2)
    offset = torch.zeros_like(w[..., :1]).expand(*w.shape[:3], size)
    if gates:  # sqrt(1 - a^2), whose slope stays finite where a is 1
        offset = torch.exp(F.logsigmoid(-z) / 2) * torch.sqrt(1 + z.sigmoid()) * c
    if complex_state:
        start, offset = as_complex(start), as_complex(offset)
    turn = a[..., None] * turn.to(start.dtype)
    if angles is not None:
        turn = turn * torch.polar(torch.ones_like(angles), angles).T[:, None]  # of its columns
    states = affine_states(turn, offset, start)
    return (as_numbers(states) if complex_state else states).transpose(2, 3)


def readout(states: Tensor, kind: str = "linear_quadratic") -> Tensor:
    h = states.transpose(2, 3)  # [B, N, H, S]
    complex_state = h.shape[-1] == 16
    parts = [h] if kind in ("linear", "linear_quadratic") else []
    if kind != "linear":
        squares = h.square()
        parts.append(squares[..., :8] + squares[..., 8:] if complex_state else squares)
        first, second = torch.triu_indices(8, 8, 1, device=h.device)
        if kind == "invariants":
            first = torch.arange(1, 8, device=h.device)
            second = torch.zeros_like(first)
        if complex_state:
            h = as_complex(h)
            product = h[..., first] * h[..., second].conj()
            parts.append(torch.view_as_real(product).flatten(-2))
        else:
            parts.append(h[..., first] * h[..., second])
    return torch.cat(parts, -1).transpose(2, 3)
