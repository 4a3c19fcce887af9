# SPDX-License-Identifier: Apache-2.0
"""Octonions, and complex ones (CI8) as complex numbers: sections 3.2 to 4.1."""

import torch
from torch import Tensor
from torch.nn import functional as F

# e_i e_j = SIGN[i][j] e_(i xor j): section 3.2
SIGN = torch.tensor(
    [
        [1, 1, 1, 1, 1, 1, 1, 1],
        [1, -1, 1, -1, 1, -1, -1, 1],
        [1, -1, -1, 1, 1, 1, -1, -1],
        [1, 1, -1, -1, 1, -1, 1, -1],
        [1, -1, -1, -1, -1, 1, 1, 1],
        [1, 1, -1, 1, -1, -1, -1, 1],
        [1, 1, 1, -1, -1, 1, -1, -1],
        [1, -1, 1, 1, -1, -1, 1, -1],
    ],
    dtype=torch.float64,
)
_INDEX = torch.arange(8)
_MEETS = _INDEX[:, None] ^ _INDEX  # the component of u that meets e_j in component i
_RIGHT_SIGN, _LEFT_SIGN = SIGN[_INDEX[None, :], _MEETS], SIGN[_MEETS, _INDEX[None, :]]


def right_matrices(u: Tensor) -> Tensor:
    """[..., 8] -> [..., 8, 8]: x u = M x."""
    return u[..., _MEETS.to(u.device)] * _RIGHT_SIGN.to(u)


def left_matrices(u: Tensor) -> Tensor:
    """[..., 8] -> [..., 8, 8]: u x = M x."""
    return u[..., _MEETS.to(u.device)] * _LEFT_SIGN.to(u)


def octonion_product(x: Tensor, y: Tensor) -> Tensor:
    """x y [..., 8] of real octonions, or of CI8 as complex numbers."""
    return torch.einsum("...ij,...j->...i", right_matrices(y), x)


def unit(w: Tensor) -> Tensor:
    """w/|w| of octonions [..., 8], and e0 where |w| <= 1e-6 (4.1)."""
    long = w.square().sum(-1, keepdim=True) > 1e-12
    safe = torch.where(long, w, torch.ones_like(w))
    one = F.one_hot(torch.zeros((), dtype=torch.long, device=w.device), 8).to(w)
    return torch.where(long, safe / safe.square().sum(-1, keepdim=True).sqrt(), one)


def as_complex(x: Tensor) -> Tensor:
    """[..., 16] -> complex [..., 8]: the real parts, then the imaginary ones."""
    return torch.complex(x[..., :8], x[..., 8:])


def as_numbers(x: Tensor) -> Tensor:
    return torch.cat([x.real, x.imag], -1)
