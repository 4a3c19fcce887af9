# SPDX-License-Identifier: Apache-2.0
"""Spinor bilinears."""

from typing import Tuple

import torch
from torch import Tensor

from lior import algebra
from lior.torch import formulas
from lior.torch.cuda import bilinears as cuda_bilinears
from lior.torch.operators.define import operator, pullback
from lior.torch.operators.tensors import all_dense, dense


def _bilinear_outputs(
    psi: Tensor, gamma: Tensor, packed: bool = False, dirac: bool = False
) -> Tuple[Tensor, Tensor, Tensor]:
    count, d = psi.shape[0], gamma.shape[0]
    sizes = (d * (d - 1) // 2, d * (d + 1) // 2) if packed else (d * d, d * d)
    return psi.new_empty(count), psi.new_empty(count, sizes[0]), psi.new_empty(count, sizes[1])


def _bilinears_of(gamma: Tensor, packed: bool, dirac: bool) -> algebra.Bilinears:
    return algebra.Bilinears(
        gamma, pairs="packed" if packed else "full", adjoint="dirac" if dirac else "hermitian"
    )


@operator(
    shapes=lambda psi, gamma, *rest: (psi.new_empty(psi.shape), gamma.new_empty(gamma.shape)),
    formula=lambda *args: pullback(formulas.bilinears, args[:4], args[4:]),
    cuda=cuda_bilinears.backward,
)
def bilinears_backward(
    psi: Tensor, gamma: Tensor, packed: bool, dirac: bool, dk0: Tensor, dk1: Tensor, dk2: Tensor
) -> Tuple[Tensor, Tensor]:
    """Gradients with respect to psi and gamma."""
    psi, gamma = dense(psi), dense(gamma)
    gradients = torch.empty_like(psi), torch.empty_like(gamma)
    _bilinears_of(gamma, packed, dirac).backward(psi, *all_dense((dk0, dk1, dk2)), out=gradients)
    return gradients


@operator(
    shapes=_bilinear_outputs,
    gradient=lambda call: (*bilinears_backward(*call.args, *call.grads), None, None),
    formula=formulas.bilinears,
    cuda=cuda_bilinears.forward,
)
def bilinears(
    psi: Tensor, gamma: Tensor, packed: bool = False, dirac: bool = False
) -> Tuple[Tensor, Tensor, Tensor]:
    """K0 [N], K1 and K2 [N, pairs] of spinors psi [N, s] and matrices gamma [d, s, s], real or complex.

    P[m, n] = psi^+ gamma_m gamma_n psi; K0 = psi^+ psi, K1 = (P - P^T)/2, K2 = (P + P^T)/2. pairs is d d,
    or with `packed` d(d-1)/2 (m < n) and d(d+1)/2 (m <= n). `dirac`: psi^+ becomes psi^+ gamma_0.
    """
    psi, gamma = dense(psi), dense(gamma)
    outputs = _bilinear_outputs(psi, gamma, packed)
    _bilinears_of(gamma, packed, dirac).forward(psi, out=outputs)
    return outputs
