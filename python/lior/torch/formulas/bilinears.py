# SPDX-License-Identifier: Apache-2.0
"""Spinor bilinears: section 5."""

import torch
from torch import Tensor


def bilinears(
    psi: Tensor, gamma: Tensor, packed: bool = False, dirac: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    bra, d = psi.conj(), len(gamma)
    if dirac:
        bra = bra @ gamma[0]
    left = torch.einsum("ni,mij->nmj", bra, gamma)
    right = torch.einsum("kjl,nl->nkj", gamma, psi)
    p = left @ right.mT
    k0, k1, k2 = (bra * psi).sum(-1), (p - p.mT) / 2, (p + p.mT) / 2
    if not packed:
        return k0, k1.flatten(1), k2.flatten(1)
    apart, upper = (torch.triu_indices(d, d, i, device=psi.device) for i in (1, 0))
    return k0, k1[:, apart[0], apart[1]], k2[:, upper[0], upper[1]]
